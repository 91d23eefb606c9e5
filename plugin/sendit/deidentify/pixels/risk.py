"""Which images may carry burned-in text, by their header. What is not known to be free of it counts as risky."""

from __future__ import annotations

from collections.abc import Mapping

from sendit.deidentify.checks import text_of
from sendit.deidentify.dataset import Dataset

_SOP_CLASS, _IMAGE_TYPE, _MODALITY = 0x00080016, 0x00080008, 0x00080060
_CONVERSION, _BURNED_IN, _SERIES_DESCRIPTION = 0x00080064, 0x00280301, 0x0008103E

_CLASS = "1.2.840.10008.5.1.4.1.1."
#: SOP classes of images that a modality reconstructs or measures, and in which it writes nothing.
_MEASURED: Mapping[str, str] = {
    f"{_CLASS}2": "CT",
    f"{_CLASS}2.1": "enhanced CT",
    f"{_CLASS}4": "MR",
    f"{_CLASS}4.1": "enhanced MR",
    f"{_CLASS}4.3": "enhanced MR in colour",
    f"{_CLASS}20": "NM",
    f"{_CLASS}128": "PET",
    f"{_CLASS}130": "enhanced PET",
    f"{_CLASS}1": "CR",
    f"{_CLASS}1.1": "DX for presentation",
    f"{_CLASS}1.1.1": "DX for processing",
    f"{_CLASS}1.2": "mammography for presentation",
    f"{_CLASS}1.2.1": "mammography for processing",
    f"{_CLASS}13.1.3": "tomosynthesis",
}
#: Objects whose pixels are made by programs, of numbers and not of pictures.
_COMPUTED: Mapping[str, str] = {
    f"{_CLASS}66.4": "segmentation",
    f"{_CLASS}30": "parametric map",
    f"{_CLASS}481.2": "RT dose",
}
_KINDS: Mapping[str, str] = {
    f"{_CLASS}7": "secondary capture",
    f"{_CLASS}6.": "ultrasound",
    f"{_CLASS}3.": "ultrasound",
    f"{_CLASS}12.2": "fluoroscopy",
    f"{_CLASS}12.1": "angiography",
    f"{_CLASS}77.": "visible light",
}
_RISKY_MODALITIES: Mapping[str, str] = {
    "US": "ultrasound",
    "IVUS": "ultrasound",
    "BDUS": "ultrasound",
    "OT": "a modality of another kind",
    "SC": "secondary capture",
    "RF": "fluoroscopy",
    "XA": "angiography",
    "XC": "visible light",
    "ES": "visible light",
    "GM": "visible light",
    "SM": "visible light",
    "HC": "hardcopy",
    "DF": "digitised film",
    "FD": "digitised film",
    "DOC": "a document",
}
_TYPES: Mapping[str, str] = {
    "SCREEN": "a screen save",
    "CAPTURE": "a screen save",
    "SAVE": "a screen save",
    "DOSE": "a dose report",
    "REPORT": "a report",
    "FILM": "film",
    "SECONDARY": "a secondary image",
    "VXTL": "a rendering",
    "VOLREN": "a rendering",
    "OTHER": "an image of another type",
}
_DESCRIPTIONS: Mapping[str, str] = {
    "DOSE": "a dose report",
    "SCREEN": "a screen save",
    "PROTOCOL": "a protocol page",
    "REPORT": "a report",
}


def risk(elements: Dataset) -> str:
    """Why text may be burned in; "" where `rule` says why it is not."""
    if text_of(elements, _BURNED_IN).upper().startswith("Y"):
        return "BurnedInAnnotation says so"
    uid = text_of(elements, _SOP_CLASS)
    if uid in _COMPUTED:
        return ""
    if text_of(elements, _CONVERSION):
        return "digitised or captured (ConversionType)"
    for table, text in ((_TYPES, _IMAGE_TYPE), (_DESCRIPTIONS, _SERIES_DESCRIPTION)):
        said = text_of(elements, text).upper()
        found = next((name for word, name in table.items() if word in said), "")
        if found:
            return found
    by_modality = _RISKY_MODALITIES.get(text_of(elements, _MODALITY).upper(), "")
    if uid in _MEASURED:
        return by_modality
    kind = next((name for start, name in _KINDS.items() if uid.startswith(start)), "")
    return kind or by_modality or "an image of a kind that is not known to be free of text"


def rule(elements: Dataset) -> str:
    """The kind of an image that `risk` finds nothing in."""
    uid = text_of(elements, _SOP_CLASS)
    return _MEASURED.get(uid) or _COMPUTED.get(uid, "")


def is_ultrasound(elements: Dataset) -> bool:
    """Whether its regions of the image are named by SequenceOfUltrasoundRegions, if they are."""
    uid = text_of(elements, _SOP_CLASS)
    return text_of(elements, _MODALITY).upper() in ("US", "IVUS") or uid.startswith((f"{_CLASS}6.", f"{_CLASS}3."))
