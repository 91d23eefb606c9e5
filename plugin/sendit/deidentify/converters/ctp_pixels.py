"""Convert CTP's pixel scripts (which regions are masked) and filter scripts (which objects are accepted) to %filter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sendit.deidentify.converters.conversion import Conversion, NoEquivalent, Sheet
from sendit.deidentify.converters.expressions import Not, criteria, parse_expression
from sendit.deidentify.options import Option
from sendit.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNATURE = re.compile(r"\{([^}]*)\}")
_REGION = re.compile(r"\(([^)]*)\)")
_TITLE = "Regions of {name}, a script of CTP's DicomPixelAnonymizer. Needs the option CleanPixelData."
_EVERY = (
    "SendIt masks the regions of every signature that matches, CTP those of the first one only; the rest of such an "
    'image is searched for text only if the project has "Pixels": {"DetectText": "All"}'
)
_CASE = "SendIt does not distinguish upper and lower case here: it may match more images than CTP did"


_TEST = re.compile(r"[\w\]]\s*\.\s*\w+\s*\(\s*\"")


def is_pixel_script(text: str) -> bool:
    """Return whether a text has a signature: tests in braces."""
    return not _is_anonymizer(text) and any(map(_TEST.search, _SIGNATURE.findall(text)))


def is_filter_script(text: str) -> bool:
    """Return whether a text has tests, and none in braces."""
    return not _is_anonymizer(text) and not is_pixel_script(text) and _TEST.search(text) is not None


def _is_anonymizer(text: str) -> bool:
    return text.lstrip().startswith("<") or re.search(r"^#?(set|remove|keep)\.", text, re.MULTILINE) is not None


def from_pixel_script(name: str, text: str) -> Conversion:
    """Convert a script of the DicomPixelAnonymizer.

    Raises:
        Misconfigured: it has no signature.
    """
    sheet, number = Sheet(_TITLE.format(name=name)), 0
    sheet.options.add(Option.CLEAN_PIXEL_DATA)
    for number, (line, title, expression, regions) in enumerate(_signatures(text), start=1):
        subject = f"signature {number}" + (f" ({title})" if title else "")
        try:
            terms = criteria(parse_expression(expression))
            corners = [_corners(region) for region in regions]
        except NoEquivalent as error:
            sheet.missing(line, subject, str(error))
            continue
        label = f"CTP_{number}" + (f"_{re.sub(r'[^A-Za-z0-9]+', '_', title).strip('_')}" if title else "")
        added = sheet.add_label(
            line, subject, "graylist", label, [*terms, *(f"ctpcoordinates {one}" for one in corners)]
        )
        if added and not corners:
            sheet.differs(line, subject, "it has no region: CTP masks nothing, SendIt searches the image for text")
        if added and re.search(r"\.\s*(equals|contains|startsWith|endsWith)\s*\(", expression):
            sheet.differs(line, subject, _CASE)
    if not number:
        raise Misconfigured(name, "it has no signature in braces", "Give a script of CTP's DicomPixelAnonymizer.")
    sheet.differs(0, "signatures", _EVERY)
    return sheet.conversion()


def _signatures(text: str) -> Iterator[tuple[int, str, str, list[str]]]:
    """Yield the line, the title above it, the expression and the regions of each signature."""
    matches = list(_SIGNATURE.finditer(text))
    for index, match in enumerate(matches):
        end = matches[index + 1].start() if index + 1 < len(matches) else len(text)
        above = text[matches[index - 1].end() if index else 0 : match.start()].splitlines()
        titles = [line.strip() for line in above if line.strip() and not re.search(r"[(){}]|^\**$", line.strip())]
        line = text.count("\n", 0, match.start()) + 1
        near = titles[-1] if titles and len(titles[-1]) <= 40 and above[-1].strip() in ("", titles[-1]) else ""
        yield line, near, match[1], _REGION.findall(text[match.end() : end])


def _corners(region: str) -> str:
    numbers = [part.strip() for part in region.split(",")]
    if len(numbers) != 4 or not all(re.fullmatch(r"\d{1,5}", number) for number in numbers):
        raise NoEquivalent(f"({region}) is not a region of left, top, width, height; CTP ignores it")
    return ",".join(numbers)


def from_filter_script(name: str, text: str) -> Conversion:
    """Convert a script of the DicomFilter: what it does not accept is rejected."""
    sheet = Sheet(f"What {name}, a script of CTP's DicomFilter, does not accept.")
    try:
        terms = criteria(Not(parse_expression(text)))
    except NoEquivalent as error:
        sheet.missing(1, "expression", str(error))
    else:
        sheet.add_label(1, "expression", "blacklist", "CTP_filter", terms)
    return sheet.conversion()
