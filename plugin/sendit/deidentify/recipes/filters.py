"""%filter of a recipe: criteria on the header for images with burned-in text, and their evaluation.

Images on a blacklist are rejected. Images on a graylist and not on the whitelist are cleaned at its coordinates with
the option CleanPixelData, and rejected without it.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Protocol

from pydicom._dicom_dict import RepeatersDictionary

from sendit.deidentify.dicom.dataset import BYTES_VRS, Dataset, Encoding, character_set_of, find
from sendit.deidentify.dicom.text import decoded
from sendit.deidentify.recipes.selectors import UnknownSelector, resolve_one
from sendit.errors import Misconfigured, Reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: The groups, as they may be written.
GROUPS: Mapping[str, str] = {
    "whitelist": "whitelist",
    "graylist": "graylist",
    "greylist": "graylist",
    "blacklist": "blacklist",
}
_WITH_VALUE = ("contains", "notcontains", "equals", "notequals")
_WITHOUT = ("missing", "present", "empty")
_TESTS = _WITH_VALUE + _WITHOUT
_COORDINATES = ("ctpkeepcoordinates", "ctpcoordinates", "keepcoordinates", "coordinates")
_NUMBERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d"}
_ULTRASOUND_REGIONS = 0x00186011


class RecipePlace(Protocol):
    """A line of a recipe."""

    def wrong(self, problem: str, remedy: str) -> Misconfigured:
        """Return the error that names this line."""
        ...


@dataclass(frozen=True, slots=True)
class Criterion:
    """One test of one attribute."""

    joined: str  # to what precedes it: "and", "or"
    kind: str
    tag: int
    value: str = ""


@dataclass(frozen=True, slots=True)
class Coordinates:
    """A line that gives a region: columns x0 to x1, rows y0 to y1, the whole image, or the regions of a sequence."""

    keep: bool  # not masked, whatever the lines before it say
    corners: tuple[int, int, int, int] | None = None
    sequence: int = 0  # its tag; without it and corners, the whole image


@dataclass(slots=True)
class Filter:
    """A named set of criteria. Each is a line; lines are joined by their first test's `joined`, left to right."""

    origin: str
    group: str
    name: str
    criteria: list[tuple[Criterion, ...]]
    coordinates: list[Coordinates] = field(default_factory=list)

    def check_whole(self) -> None:
        """Raise Misconfigured if a label has neither criteria nor coordinates."""
        if not self.criteria and not self.coordinates:
            problem = "a label without criteria and coordinates matches every instance and has no effect"
            raise Misconfigured(self.origin, problem, "Write criteria below it, or remove it.")


def coordinates(here: RecipePlace, text: str) -> Coordinates | None:
    """Return the region that a line gives, or None if it gives none.

    Raises:
        Misconfigured: it is meant to, but is wrong.
    """
    word, *rest = text.partition("#")[0].split(maxsplit=1)
    if word.lower() not in _COORDINATES:
        return None
    keep, region = "keep" in word.lower(), "".join(rest).replace(" ", "")
    if re.fullmatch(r"\d{1,5}(,\d{1,5}){3},?", region):
        x0, y0, x1, y1 = map(int, region.rstrip(",").split(","))
        if word.lower().startswith("ctp"):  # width and height instead of the other corner, as in CTP
            x1, y1 = x0 + x1, y0 + y1
        return Coordinates(keep, (x0, y0, x1, y1))
    if region == "all":
        return Coordinates(keep)
    if re.fullmatch(r"from:\w+", region) and not word.lower().startswith("ctp"):
        sequence = _tag(here, region.removeprefix("from:"))
        if sequence != _ULTRASOUND_REGIONS:
            raise here.wrong(
                "SendIt supports regions of SequenceOfUltrasoundRegions only", "Write that, or four numbers."
            )
        return Coordinates(keep, sequence=sequence)
    raise here.wrong(
        f"'{region}' is not a region", "Write four whole numbers with commas, all, or from: and a sequence."
    )


def parse_criteria(here: RecipePlace, text: str) -> tuple[Criterion, ...]:
    """Return the tests of one line.

    Raises:
        Misconfigured: it is not understood.
    """
    text = text.strip()
    joined = "or" if text.startswith("||") else "and"
    text = text.removeprefix("||").removeprefix("+").strip()
    # A + or || within a value separates only if a test follows, as in deid.
    parts = re.split(rf"\s*(\|\||\+)\s*(?=(?:{'|'.join(_TESTS)})\s)", text, flags=re.IGNORECASE)
    joints = [joined, *("or" if sign == "||" else "and" for sign in parts[1::2])]
    return tuple(_test(here, sign, part) for sign, part in zip(joints, parts[::2], strict=True))


def _test(here: RecipePlace, joined: str, text: str) -> Criterion:
    word, *rest = text.split(maxsplit=1)
    kind = word.lower()
    if kind not in _TESTS:
        raise here.wrong(f"'{word}' is not a criterion", f"Known: {', '.join(_TESTS)}, and coordinates.")
    field, *values = "".join(rest).split(maxsplit=1)[:2] or [""]
    if not field:
        raise here.wrong(f"{word} names no field", "Write a keyword or a tag after it.")
    if kind in _WITHOUT:
        if values and not values[0].startswith("#"):
            raise here.wrong(f"{word} takes no value", f"Remove what follows {field}.")
        return Criterion(joined, kind, _tag(here, field))
    if not values:
        raise here.wrong(f"{word} needs a value", f"Write it after {field}.")
    value = values[0].strip()
    if kind.endswith("contains"):
        try:
            re.compile(value)
        except re.error as error:
            raise here.wrong(f"'{value}' is not a regular expression ({error.msg})", "Correct it.") from None
    return Criterion(joined, kind, _tag(here, field), value)


def _tag(here: RecipePlace, field: str) -> int:
    if field in _overlays():
        return _overlays()[field]
    try:
        return resolve_one(field.removeprefix("0x"))
    except UnknownSelector as error:
        raise here.wrong(error.problem, error.remedy) from None


@cache
def _overlays() -> Mapping[str, int]:
    """Return the keywords of repeating groups with the tags of the first group: (6000,eeee), (5000,eeee)."""
    return {
        keyword: int(mask.replace("x", "0"), 16)
        for mask, (_, _, _, _, keyword) in RepeatersDictionary.items()
        if mask[2:4] == "xx" and keyword
    }


def check_filters(labels: tuple[Filter, ...], elements: Dataset, encoding: Encoding, *, cleaning: bool) -> None:
    """Raise Reject for an instance that the filters of a recipe do not pass.

    Args:
        labels: the filters, in their order.
        elements: the dataset of the instance.
        encoding: of the dataset.
        cleaning: whether pixels are cleaned (CleanPixelData).
    """
    if not labels:
        return
    by_group = {label.group: label for label in reversed(matching(labels, elements, encoding))}
    label = by_group.get("blacklist") or (
        by_group.get("graylist") if "whitelist" not in by_group and not cleaning else None
    )
    if label is not None:
        reason = f"the recipe's {label.group} names it ({label.origin})"
        if label.group == "graylist":
            reason += ": text may be burned into its pixels, and the project's options do not have CleanPixelData"
        raise Reject(reason)


def matching(labels: Sequence[Filter], elements: Dataset, encoding: Encoding) -> list[Filter]:
    """Return the labels that match an instance, in their order."""
    return [label for label in labels if not label.criteria or _fits(label, elements, encoding)]


def _fits(label: Filter, elements: Dataset, encoding: Encoding) -> bool:
    """Return whether a filter matches: left to right within a line, then line by line."""
    whole: bool | None = None
    for line in label.criteria:
        answer: bool | None = None
        for test in line:
            answer = _joined(test.joined, before=answer, now=_holds(test, elements, encoding))
        whole = _joined(line[0].joined, before=whole, now=bool(answer))
    return bool(whole)


def _joined(how: str, *, before: bool | None, now: bool) -> bool:
    if before is None:
        return now
    return before or now if how == "or" else before and now


def _holds(test: Criterion, elements: Dataset, encoding: Encoding) -> bool:
    element = find(elements, test.tag)
    if test.kind in ("missing", "present"):
        return (element is None) == (test.kind == "missing")
    values = list(_values(test.tag, elements, encoding))
    if test.kind == "empty":
        empty = not any(values) if element is None or element.items is None else not element.items
        return element is not None and empty
    if test.kind.endswith("contains"):
        pattern = re.compile(test.value, re.IGNORECASE)
        return any(map(pattern.search, values)) is (test.kind == "contains")
    same = any(value.strip().lower() == test.value.lower() for value in values)
    return same is (test.kind == "equals")


def _values(tag: int, elements: Dataset, encoding: Encoding) -> Iterator[str]:
    """Yield every value as text; several also joined."""
    element = find(elements, tag)
    if element is None or element.items is not None or (element.vr in BYTES_VRS and element.vr != "UN"):
        return
    code = _NUMBERS.get(element.vr.split(" or ")[0])
    if code is not None:
        size = struct.calcsize(code)
        if element.value and len(element.value) % size == 0:
            yield from map(str, struct.unpack(f"{encoding.order}{len(element.value) // size}{code}", element.value))
        return
    text = decoded(element.value, character_set_of(elements)).strip("\0 ")
    yield text
    if "\\" in text:
        yield from (single.strip() for single in text.split("\\"))
