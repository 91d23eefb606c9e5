"""What an instance says of its own de-identification (PS3.15 E.1.1, PS3.3 C.7.1.1, C.7.6.1 and C.12.1)."""

from __future__ import annotations

from sendit.deidentify.dataset import Dataset, Element
from sendit.deidentify.plan import CLEAN_PIXELS, Plan
from sendit.model import SHOWN_CLEAN, Pixels

_IDENTITY_REMOVED, _METHOD, _METHOD_CODES, _DATES_MODIFIED = 0x00120062, 0x00120063, 0x00120064, 0x00280303
_CODE_VALUE, _CODE_SCHEME, _CODE_MEANING = 0x00080100, 0x00080102, 0x00080104
_BURNED_IN = 0x00280301


def marks(plan: Plan, pixels: Pixels) -> Dataset:
    """The elements that say it. That nothing is burned in stands only where that was shown."""
    clean = pixels.status in SHOWN_CLEAN
    codes = [
        [
            Element(_CODE_VALUE, "SH", value.encode("ascii")),
            Element(_CODE_SCHEME, "SH", scheme.encode("ascii")),
            Element(_CODE_MEANING, "LO", meaning.encode("ascii")),
        ]
        for value, scheme, meaning in plan.method_codes
        if clean or value != CLEAN_PIXELS
    ]
    made = [
        Element(_IDENTITY_REMOVED, "CS", b"YES" if plan.identity_removed else b"NO"),
        Element(_METHOD, "LO", "\\".join(plan.method).encode("ascii")),
        Element(_METHOD_CODES, "SQ", items=codes),
        Element(_DATES_MODIFIED, "CS", plan.dates.encode("ascii")),
    ]
    if clean:
        made.append(Element(_BURNED_IN, "CS", b"NO"))
    return made
