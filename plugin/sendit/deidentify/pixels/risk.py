"""Which images may carry burned-in text, by their header. What is not known to be free of it counts as risky."""

from __future__ import annotations

from collections.abc import Mapping

from sendit.deidentify.checks import text_of
from sendit.deidentify.dataset import Dataset, find

_SOP_CLASS, _IMAGE_TYPE, _MODALITY = 0x00080016, 0x00080008, 0x00080060
_CONVERSION, _BURNED_IN, _SERIES_DESCRIPTION = 0x00080064, 0x00280301, 0x0008103E
_POSITION = 0x00200032
_SAMPLES, _PHOTOMETRIC, _ALLOCATED = 0x00280002, 0x00280004, 0x00280100

_CLASS = "1.2.840.10008.5.1.4.1.1."
#: SOP classes of images that a modality reconstructs or measures, and in which it writes nothing.
_MEASURED: Mapping[str, str] = {
    f"{_CLASS}2": "CT",
    f"{_CLASS}2.1": "enhanced CT",
    f"{_CLASS}4": "MR",
    f"{_CLASS}4.1": "enhanced MR",
    f"{_CLASS}20": "NM",
    f"{_CLASS}128": "PET",
    f"{_CLASS}130": "enhanced PET",
    f"{_CLASS}13.1.3": "tomosynthesis",
}
#: Modality of what belongs to these classes. Another one, or none: somebody made the object of something else.
_EXPECTED: Mapping[str, str] = {
    f"{_CLASS}2": "CT",
    f"{_CLASS}2.1": "CT",
    f"{_CLASS}4": "MR",
    f"{_CLASS}4.1": "MR",
    f"{_CLASS}20": "NM",
    f"{_CLASS}128": "PT",
    f"{_CLASS}130": "PT",
    f"{_CLASS}13.1.3": "MG",
}
#: Those of them that have 16 bits (PS3.3 C.8.2.1, C.8.3.1, C.8.9.4, C.8.15.2): what has 8 was captured from a screen.
_DEEP = frozenset({f"{_CLASS}2", f"{_CLASS}2.1", f"{_CLASS}4", f"{_CLASS}128", f"{_CLASS}130"})
#: Stations and digitisers write names, dates and places beside the anatomy, and name plates are exposed with it.
_PROJECTIONS: Mapping[str, str] = {
    f"{_CLASS}1": "a radiograph (CR)",
    f"{_CLASS}1.1": "a radiograph (DX)",
    f"{_CLASS}1.1.1": "a radiograph (DX)",
    f"{_CLASS}1.2": "a mammogram",
    f"{_CLASS}1.2.1": "a mammogram",
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
    "RENDER": "a rendering",
    "POSDISP": "a page of positions",
    "LOCALIZER": "a localizer",
}
_DESCRIPTIONS: Mapping[str, str] = {
    "DOSE": "a dose report",
    "DOSIS": "a dose report",
    "SCREEN": "a screen save",
    "SNAPSHOT": "a screen save",
    "CAPTURE": "a screen save",
    "PROTOCOL": "a protocol page",
    "PROTOKOLL": "a protocol page",
    "REPORT": "a report",
    "RAPPORT": "a report",
    "BERICHT": "a report",
    "INFORME": "a report",
    "SUMMARY": "a report",
}
#: Those that lie in the patient (PS3.3 C.7.6.2 demands it): what has no place there was taken from a screen.
_PLACED = frozenset({f"{_CLASS}2", f"{_CLASS}4", f"{_CLASS}128"})
#: What captures and digitises, and when it did (PS3.3 C.8.6.1): ID and date of capture, makers, model, hardcopy, video.
_CAPTURED = (0x00181010, 0x00181011, 0x00181012, 0x00181016, 0x00181017, 0x00181018, 0x0018101A, 0x00181022, 0x00181023)


def risk(elements: Dataset) -> str:
    """Why text may be burned in; "" where `rule` says why it is not."""
    if text_of(elements, _BURNED_IN).upper() not in ("", "NO", "N"):
        return "BurnedInAnnotation says so"
    if text_of(elements, _CONVERSION):
        return "digitised or captured (ConversionType)"
    if any(text_of(elements, tag) for tag in _CAPTURED):
        return "captured or digitised, as the device that it names says"
    uid = text_of(elements, _SOP_CLASS)
    if uid in _COMPUTED:
        return ""
    for table, text in ((_TYPES, _IMAGE_TYPE), (_DESCRIPTIONS, _SERIES_DESCRIPTION)):
        said = text_of(elements, text).upper()
        found = next((name for word, name in table.items() if word in said), "")
        if found:
            return found
    modality = text_of(elements, _MODALITY).upper()
    by_modality = _RISKY_MODALITIES.get(modality, "")
    if uid in _MEASURED:
        return by_modality or _unlike_measured(elements, uid, modality)
    kind = next((name for start, name in _KINDS.items() if uid.startswith(start)), "")
    return _PROJECTIONS.get(uid) or kind or by_modality or "an image of a kind that is not known to be free of text"


def _unlike_measured(elements: Dataset, uid: str, modality: str) -> str:
    """What no image of this class is as it comes from the machine: made by somebody, perhaps of a screen."""
    if modality != _EXPECTED[uid]:
        return "Modality does not fit the SOP class"
    colours = text_of(elements, _PHOTOMETRIC).upper()
    if _number(elements, _SAMPLES) not in (None, 1) or not (not colours or colours.startswith("MONOCHROME")):
        return "in colour, and not as it was measured"
    if uid in _DEEP and _number(elements, _ALLOCATED) == 8:
        return "of 8 bits, which no image of its SOP class has"
    if uid in _PLACED and not text_of(elements, _POSITION):
        return "without ImagePositionPatient, which every image of its SOP class has"
    return ""


def _number(elements: Dataset, tag: int) -> int | None:
    """A small number, in whatever byte order."""
    element = find(elements, tag)
    if element is None or element.items is not None:
        return None
    value = bytes(element.value)
    return min(int.from_bytes(value, "little"), int.from_bytes(value, "big"))


def rule(elements: Dataset) -> str:
    """The kind of an image that `risk` finds nothing in."""
    uid = text_of(elements, _SOP_CLASS)
    return _MEASURED.get(uid) or _COMPUTED.get(uid, "")


def is_ultrasound(elements: Dataset) -> bool:
    """Whether its regions of the image are named by SequenceOfUltrasoundRegions, if they are."""
    uid = text_of(elements, _SOP_CLASS)
    return text_of(elements, _MODALITY).upper() in ("US", "IVUS") or uid.startswith((f"{_CLASS}6.", f"{_CLASS}3."))
