"""Check coded concepts (PS3.3 8): whether a code, its scheme and its meaning are the scheme's.

A code of a scheme that is known has a form that the scheme fixes, often with a check digit. A value without this form
is no code, but a text that somebody put there; and where the standard itself says what a code means, that is written.
The concept of a content item (PS3.3 C.17.3) tells whether its value is an identifier.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from sendit.deidentify.dicom.dataset import Dataset, find
from sendit.deidentify.dicom.text import ascii_text
from sendit.deidentify.retained.whole_meanings import meaning_of_locale
from sendit.deidentify.tables import tag_of

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Schemes of PS3.16 Table 8-1 whose codes have a form. Codes of the others are cleaned as words.
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
        ("FMA", r"(?:FMA:?)?\d{3,6}"),
        ("UBERON", r"UBERON:\d{7}"),
        ("HPO", r"HP:\d{7}"),
        ("HGNC", r"HGNC:\d{1,5}"),
        ("MIM", r"[1-6]\d{5}"),
        ("DOID", r"DOID:\d{1,7}"),
        ("ICDO ICDO2 ICD-O ICD-O-2", r"M?-?\d{4}/\d|C\d\d\.\d"),
        ("NEU", r"\d{1,5}"),
        ("BI BARI ACR MAMMO", r"[A-Z0-9.]{1,6}"),
        (
            "I10 I10C I10P I9 I9C ICDO3 ICD-10 ICD10 ICD-10-CM ICD10CM ICD-9 ICD9 ICD-9-CM ICD9CM ICD-O-3",
            r"[A-Z]?\d{1,4}(?:[./]\w{1,4})?|\w{7}",
        ),
        ("C4 CPT4 C5 CPT CPT-4 CPT5", r"\d{4}[0-9A-Z]"),
        ("MDC", r"(?:\d{1,3}:)?\d{1,6}|MDC_\w{1,56}"),
        ("SCPECG", r"5\.\d{1,2}\.\d{1,2}(?:\.\d{1,2})?(?:-\d{1,3}){1,4}"),  # EN 1064: the section and what it numbers
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

#: Private schemes (PS3.16 8.2: "99" and a name) of makers and open software; their codes number terms of technique.
_OF_MAKERS = re.compile(
    r"99_?(?:SMS|SIEMENS|SHS|SYNGO|GEMS|GEHC|GE|PMP|PMS|PHILIPS|CANON|CMSC|TOSHIBA|TMSC|VITAL|HITACHI|HMC|UIH|AGFA|FUJI|FUJIFILM|FFMT"
    r"|CARESTREAM|CSH|KODAK|KONICA|KMMG|HOLOGIC|ESAOTE|MINDRAY|MEDISON|SAMSUNG|VARIAN|VMS|ELEKTA|ACCURAY|NEUSOFT|SHIMADZU|BRAINLAB"
    r"|RAYSEARCH|RSL|MIRADA|MIM|TOMTEC|CVI|CIRCLE|PIE|MEDIS|MERGE|MITRA|SECTRA|TERARECON|ZEISS|CZM|HEIDELBERG|TOPCON|NIDEK|LEICA|BRUKER"
    r"|QIICR|IDC|DCMJS|OFFIS|DCMTK|HIGHDICOM|IHE|NCI|TCIA|CDISC|PYDICOM|SLICER|MONAI|OHIF|CORNERSTONEJS)(?:_?[A-Z0-9]{1,8}){0,2}"
)
_CODE_OF_MAKERS = re.compile(r"[A-Za-z]{0,4}[\-_]?(?:\d{1,6}|\d{1,5}-\d{1,2})")

_ATOM = (
    r"(?:(?:da|[YZEPTGMkhdcmunpfa])?(?:mol|cd|rad|sr|Hz|Pa|Ohm|Wb|lm|lx|Bq|Gy|Sv|eV|bar|Ci|cal|m\[Hg\]|[mgsAKNJWCVFSTHlLuRB])"
    r"|%|deg|min|h|d|wk|mo|a|Cel|dB|cc|10[*^]|\d{1,6}"
    r"|\[(?:ppth|ppm|ppb|hnsf'U|IU|iU|arb'U|degF|in_i|ft_i|lb_av|pH|diop|car_Au|CFU|tb'U|USP'U)\])"
)
_POWER = rf"{_ATOM}(?:[-+]?\d{{1,2}})?"
_UNIT = re.compile(rf"/?{_POWER}(?:[./]+{_POWER})*")
#: Factors without a unit: several, or one that is no power of ten and long.
_NUMBERS_ALONE = re.compile(r"(?!10*$)\d{4,}|/?\d+(?:[./+\-]+\d+)+|[A-Za-z]?\d+(?:[./]\d+){2,}")
_ANNOTATION = re.compile(r"\{[^{}]*\}")

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

_PARTS = re.compile(r"[^\W_]+")
_CONCEPT_NAME, _CODE_VALUE, _CODE_SCHEME = 0x0040A043, 0x00080100, 0x00080102

#: Codes of DCM: names, identifiers and places of observers, subjects, orders, devices, specimens.
_IDENTIFYING = frozenset(
    {"121008", "121009", "121012", "121013", "121016", "121017", "121018", "121019", "121020", "121021", "121022"}
    | {"121028", "121029", "121030", "121031", "121040", "121041", "121043", "121081", "121114", "121193", "121196"}
    | {"110119", "111700", "111705", "113870", "113871", "113872", "113873", "113877", "113880", "128774"}
)

#: The day of birth, in other schemes.
_OF_BIRTH = frozenset({("LN", "21112-8"), ("SCT", "184099003")})

#: Codes of DCM: what content items say of a program or device that attributes of images say, too.
_ATTRIBUTES: Mapping[str, str] = {
    "111001": "AlgorithmName",
    "111002": "AlgorithmParameters",
    "111003": "AlgorithmVersion",
    "113878": "Manufacturer",
    "113879": "ManufacturerModelName",
    "121014": "Manufacturer",
    "121015": "ManufacturerModelName",
}


@lru_cache(maxsize=4096)
def is_code(scheme: str, value: str) -> bool | None:
    """Return whether a value is a code of the scheme; None if its form does not tell."""
    form = _FORMS.get(scheme)
    if form is None:
        of_maker = _OF_MAKERS.fullmatch(scheme) and _CODE_OF_MAKERS.fullmatch(value)
        return True if of_maker else None
    if meaning_of(scheme, value):
        return True
    if form.fullmatch(value) is None:
        return False
    if scheme in ("SCT", "SNOMED-CT"):
        return _checked(value)
    if scheme == "UCUM":
        return is_unit(value) or (False if _NUMBERS_ALONE.fullmatch(value) else None)
    return _mod10(value) if scheme in ("LN", "LOINC") else True


@lru_cache(maxsize=1024)
def is_short_for(value: str, meaning: str) -> bool:
    """Return whether a code is made of beginnings of words of its meaning: RVEF, of RV ejection fraction."""
    letters, ends = "".join(_PARTS.findall(value.lower())), {0}
    for word in _PARTS.findall(meaning.lower()):
        ends |= {
            end + size for end in ends for size in range(1, len(word) + 1) if letters[end : end + size] == word[:size]
        }
    return len(letters) > 1 and len(letters) in ends


@lru_cache(maxsize=1024)
def is_unit(text: str) -> bool:
    """Return whether a text is a UCUM expression of units that exist, with the standard's own annotations only."""
    expression, annotations = _ANNOTATION.sub("", text), _ANNOTATION.findall(text)
    if not all(annotation in _annotations() for annotation in annotations):
        return False
    if _NUMBERS_ALONE.fullmatch(expression):
        return False
    return bool(_UNIT.fullmatch(expression)) or (bool(annotations) and expression in ("", "/"))


def is_scheme(name: str) -> bool:
    """Return whether a designator is one of the standard's (PS3.16 Table 8-1), or a private one of a maker."""
    return _OF_MAKERS.fullmatch(name) is not None or name in _FORMS or name in _SCHEMES or name in _concepts()


def meaning_of(scheme: str, value: str) -> str:
    """Return what the standard says that a code means; "" if it does not say."""
    return _meanings().get((scheme, value), "") or meaning_of_locale(scheme, value)


@cache
def _annotations() -> frozenset[str]:
    """Return the annotations of the standard's own units, and a few that every unit may have."""
    codes = (code for scheme, code in _meanings() if scheme == "UCUM")
    usual = (
        "beats",
        "breaths",
        "counts",
        "pixels",
        "voxels",
        "ratio",
        "score",
        "cells",
        "frames",
        "spots",
        "SUVlbm(Janma)",
    )
    return frozenset(one for code in codes for one in _ANNOTATION.findall(code)) | {f"{{{one}}}" for one in usual}


def is_meaning(text: str) -> bool:
    """Return whether the standard gives this meaning to a code of any scheme."""
    return text in _long_meanings()


def all_meanings() -> frozenset[str]:
    """Return the meanings of all codes that the standard names."""
    return frozenset(_meanings().values())


@cache
def _long_meanings() -> frozenset[str]:
    return frozenset(meaning for meaning in _meanings().values() if " " in meaning)  # a single word may be a name


@cache
def _concepts() -> Mapping[str, Mapping[str, Mapping[str, tuple[str, list[int]]]]]:
    """Return keyword → code → meaning of each scheme (PS3.16), as pydicom has them; imported when first asked for."""
    from pydicom.sr._concepts_dict import concepts  # noqa: PLC0415 - 0.2 s, which a process that reads no code saves

    return concepts  # type: ignore[return-value]


#: Concepts of PS3.16's templates (TID 1500, 1501) that are in no context group, and so not in pydicom.
_OF_TEMPLATES = {
    ("UMLS", "C0034375"): "Qualitative Evaluations",
    ("UMLS", "C2348792"): "Time Point",
    ("NCIt", "C67447"): "Activity Session",
}


@cache
def _meanings() -> Mapping[tuple[str, str], str]:
    from pydicom.sr._snomed_dict import mapping  # noqa: PLC0415 - as above

    meanings: dict[tuple[str, str], str] = dict(_OF_TEMPLATES)
    for scheme, named in _concepts().items():
        for codes in named.values():
            for code, (meaning, _) in codes.items():
                meanings.setdefault((scheme, code), meaning)
    for old, new in mapping["SRT"].items():
        if ("SCT", new) in meanings:
            meanings.setdefault(("SRT", old), meanings["SCT", new])
            meanings.setdefault(("99SDM", old), meanings["SCT", new])
    return meanings


def _checked(number: str) -> bool:
    sum_ = 0
    for place, digit in enumerate(reversed(number)):
        sum_ = int(_TIMES[sum_][int(_MOVED[place % 8][int(digit)])])
    return sum_ == 0


def _mod10(code: str) -> bool:
    """Return whether the check digit of LOINC is right: Luhn's, over the digits before the dash."""
    number, _, check = re.sub(r"^L[AP]", "", code).partition("-")
    doubled = (int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(number)))
    return (sum(value // 10 + value % 10 for value in doubled) + int(check)) % 10 == 0


def identifies(item: Dataset) -> bool:
    """Return whether the value of a content item is an identifier, by the code of its concept name."""
    scheme, code = _concept_of(item)
    return (scheme == "DCM" and code in _IDENTIFYING) or (scheme, code) in _OF_BIRTH


def attribute_of_concept(item: Dataset) -> int:
    """Return the attribute that a content item gives by its concept name; 0 if there is none for it."""
    scheme, code = _concept_of(item)
    keyword = _ATTRIBUTES.get(code) if scheme == "DCM" else None
    return tag_of(keyword, __name__) if keyword else 0


def _concept_of(item: Dataset) -> tuple[str, str]:
    """Return scheme and code of the concept of a content item; twice "" if it has none."""
    name = find(item, _CONCEPT_NAME)
    if name is None or not name.items:
        return "", ""
    value, scheme = (find(name.items[0], tag) for tag in (_CODE_VALUE, _CODE_SCHEME))
    if value is None or scheme is None:
        return "", ""
    return ascii_text(scheme.value), ascii_text(value.value)
