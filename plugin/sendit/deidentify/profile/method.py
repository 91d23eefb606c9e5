"""Attributes that declare the de-identification (PS3.15 E.1.1, PS3.3 C.7.1.1, C.7.6.1 and C.12.1)."""

from __future__ import annotations

from functools import lru_cache

from sendit.deidentify.dicom.dataset import Dataset, Element, find
from sendit.deidentify.plan import CLEAN_PIXELS, Plan
from sendit.model import SHOWN_CLEAN, Pixels

_IDENTITY_REMOVED, _METHOD, _METHOD_CODES, _DATES_MODIFIED = 0x00120062, 0x00120063, 0x00120064, 0x00280303
_CODE_VALUE, _CODE_SCHEME, _CODE_MEANING = 0x00080100, 0x00080102, 0x00080104
_BURNED_IN = 0x00280301


#: Part of every DeidentificationMethod that SendIt writes, whatever the edition and the options.
METHOD = "SendIt: DICOM PS3.15"
#: Why an instance with it is rejected.
RETURNED = "it is an output of SendIt that came back; projects with Accept.Deidentified accept such studies"


def is_sendit_output(elements: Dataset) -> bool:
    """Return whether an instance has been de-identified by this SendIt or another one."""
    removed, method = (find(elements, tag) for tag in (_IDENTITY_REMOVED, _METHOD))
    if removed is None or method is None or removed.items is not None or method.items is not None:
        return False
    # Another de-identifier may have added its own method before or behind it.
    return bytes(removed.value).strip(b"\0 ").upper() in (b"YES", b"NO") and METHOD.encode("ascii") in bytes(
        method.value
    )


def deidentification_method(plan: Plan, pixels: Pixels) -> Dataset:
    """Return the elements that declare the de-identification. BurnedInAnnotation NO only where that was shown."""
    clean = pixels.status in SHOWN_CLEAN
    return [*_method(plan.method, plan.method_codes, plan.dates, identity_removed=plan.identity_removed, clean=clean)]


@lru_cache(maxsize=64)  # a plan has one or two
def _method(
    method: tuple[str, ...],
    method_codes: tuple[tuple[str, str, str], ...],
    dates: str,
    *,
    identity_removed: bool,
    clean: bool,
) -> tuple[Element, ...]:
    codes = [
        [
            Element(_CODE_VALUE, "SH", value.encode("ascii")),
            Element(_CODE_SCHEME, "SH", scheme.encode("ascii")),
            Element(_CODE_MEANING, "LO", meaning.encode("ascii")),
        ]
        for value, scheme, meaning in method_codes
        if clean or value != CLEAN_PIXELS
    ]
    made = [
        Element(_IDENTITY_REMOVED, "CS", b"YES" if identity_removed else b"NO"),
        Element(_METHOD, "LO", "\\".join(method).encode("ascii")),
        Element(_METHOD_CODES, "SQ", items=codes),
        Element(_DATES_MODIFIED, "CS", dates.encode("ascii")),
    ]
    if clean:
        made.append(Element(_BURNED_IN, "CS", b"NO"))
    return tuple(made)
