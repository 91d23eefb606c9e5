"""Coded concepts (PS3.3 8): whether a code, its scheme and its meaning are what the scheme gives out.

A code of a scheme that is known has a form that the scheme fixes, often with a check digit. What has not this form is
no code, but a text that somebody put there; and where the standard itself says what a code means, that is written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache

from pydicom.sr._concepts_dict import concepts
from pydicom.sr._snomed_dict import mapping

#: Table 8-1 of PS3.16, as far as its codes have a form. Codes of the others are cleaned as words.
_FORMS: Mapping[str, re.Pattern[str]] = {
    name: re.compile(form)
    for names, form in (
        ("DCM", r"1[0-3]\d{4}"),
        ("SCT SNOMED-CT 2.16.840.1.113883.6.96", r"[1-9]\d{2,14}[01]0\d"),
        ("SRT SNM3 99SDM", r"[A-Z]{1,2}-[0-9A-F]{4,5}"),
        ("LN LOINC", r"(?:L[AP])?\d{1,6}-\d"),
        ("UMLS", r"C\d{7}"),
        ("NCIt NCI", r"C\d{3,6}"),
        ("RADLEX RadLex", r"R(?:ID|PID)\d{1,6}"),
        ("FMA", r"\d{3,6}"),
        ("NEU", r"\d{1,5}"),
        ("BI BARI ACR MAMMO", r"[A-Z0-9.]{1,6}"),
        ("I10 I10C I10P I9 I9C ICDO3", r"[A-Z]?\d{1,4}(?:[./]\w{1,4})?|\w{7}"),
        ("C4 CPT4 C5", r"\d{4}[0-9A-Z]"),
        ("MDC", r"\d{1,6}|MDC_\w{1,56}"),
        ("RXNORM", r"\d{1,7}"),
        ("MSH", r"[DC]\d{6,9}"),
        ("ITIS_TSN", r"\d{4,6}"),
        ("NDC", r"\d{4,5}-\d{3,4}-\d{2}"),
        ("IBSI", r"[A-Z0-9]{3,4}"),
        ("UCUM", r"[^\s^]{1,16}"),
    )
    for name in names.split()
}
#: Schemes of Table 8-1 without a form here.
_SCHEMES_TEXT = """
    99SDM 99PMP ACR ASTM-sigpurpose CD CDT2 CORINE DC EUCOM GMDN HCPCS HI HPC IEEE1036 ISO3166_1 ISO639_1 ISO639_2
    ISO_IR JC10 JJ1017 JJ1017-16P JJ1017-32 JSTK LBS MA MAYOASRG MGI MGI2 NDI NICIP PATHLEX POS PUBCHEM_CID RFC3066
    RFC5646 SDM SPM TNM UBERON UDUNITS UNS UPC WUCPT 99IMMER 99UMLS 99QIICR 99DCMJS 99IDC
"""
_SCHEMES = frozenset(_SCHEMES_TEXT.split())

# Verhoeff's check digit, which ends the identifiers of SNOMED CT.
_TIMES = ["0123456789", "1234067895", "2340178956", "3401289567", "4012395678"]
_TIMES += ["5987604321", "6598710432", "7659821043", "8765932104", "9876543210"]
_MOVED = [
    "0123456789",
    "1576283094",
    "5803796142",
    "8916043527",
    "9453126870",
    "4286573901",
    "2793806415",
    "7046913258",
]


@lru_cache(maxsize=4096)
def is_code(scheme: str, value: str) -> bool | None:
    """Whether a value is a code of the scheme; None where its form says nothing."""
    form = _FORMS.get(scheme)
    if form is None:
        return None
    if meaning_of(scheme, value):
        return True
    if form.fullmatch(value) is None:
        return False
    if scheme in ("SCT", "SNOMED-CT"):
        return _checked(value)
    if scheme == "UCUM":
        return None
    return _mod10(value) if scheme in ("LN", "LOINC") else True


def is_scheme(name: str) -> bool:
    """Whether a designator is one of the standard's (PS3.16 Table 8-1)."""
    return name in _FORMS or name in _SCHEMES or name in concepts


def meaning_of(scheme: str, value: str) -> str:
    """What the standard says that a code means; "" where it does not say."""
    return _meanings().get((scheme, value), "")


@cache
def _meanings() -> Mapping[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for scheme, named in concepts.items():
        for codes in named.values():
            for code, (meaning, _) in dict(codes).items():  # type: ignore[call-overload]
                found.setdefault((scheme, code), meaning)
    for old, new in mapping["SRT"].items():
        if ("SCT", new) in found:
            found.setdefault(("SRT", old), found["SCT", new])
            found.setdefault(("99SDM", old), found["SCT", new])
    return found


def _checked(number: str) -> bool:
    sum_ = 0
    for place, digit in enumerate(reversed(number)):
        sum_ = int(_TIMES[sum_][int(_MOVED[place % 8][int(digit)])])
    return sum_ == 0


def _mod10(code: str) -> bool:
    """The check digit of LOINC: Luhn's, over the digits before the dash."""
    number, _, check = re.sub(r"^L[AP]", "", code).partition("-")
    doubled = (int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(number)))
    return (sum(value // 10 + value % 10 for value in doubled) + int(check)) % 10 == 0
