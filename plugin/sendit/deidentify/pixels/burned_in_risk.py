"""Decide by the header which images may contain burned-in text. All that are not known to be free of it are risky."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendit.deidentify.dicom.dataset import Dataset, find
from sendit.deidentify.validate import text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_SOP_CLASS, _IMAGE_TYPE, _MODALITY = 0x00080016, 0x00080008, 0x00080060
_CONVERSION, _BURNED_IN, _SERIES_DESCRIPTION = 0x00080064, 0x00280301, 0x0008103E
_POSITION = 0x00200032
_SAMPLES, _PHOTOMETRIC, _ALLOCATED = 0x00280002, 0x00280004, 0x00280100

_CLASS = "1.2.840.10008.5.1.4.1.1."
#: SOP classes of images that a modality reconstructs or measures, and does not write into.
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
#: Modality of these classes. With another one, or none, the object was made of something else.
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
#: Those with 16 bits (PS3.3 C.8.2.1, C.8.3.1, C.8.9.4, C.8.15.2): images of 8 bits were captured from a screen.
_DEEP = frozenset({f"{_CLASS}2", f"{_CLASS}2.1", f"{_CLASS}4", f"{_CLASS}128", f"{_CLASS}130"})
#: Workstations and digitisers write names, dates and places beside the anatomy, and name plates are exposed with it.
_PROJECTIONS: Mapping[str, str] = {
    f"{_CLASS}1": "a radiograph (CR)",
    f"{_CLASS}1.1": "a radiograph (DX)",
    f"{_CLASS}1.1.1": "a radiograph (DX)",
    f"{_CLASS}1.2": "a mammogram",
    f"{_CLASS}1.2.1": "a mammogram",
}
#: Objects whose pixels programs compute from numbers, not from pictures.
_COMPUTED: Mapping[str, str] = {
    f"{_CLASS}66.4": "segmentation",
    f"{_CLASS}66.7": "segmentation",  # as a label map
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
#: Those with a position in the patient (required by PS3.3 C.7.6.2): without one, the image was taken from a screen.
_PLACED = frozenset({f"{_CLASS}2", f"{_CLASS}4", f"{_CLASS}128"})
#: MRVFrameSequence, whatever its block is.
_UIH_SLICES = 0x00650051
#: Attributes of capture and digitisation (PS3.3 C.8.6.1): ID and date of capture, makers, model, hardcopy, video.
_CAPTURED = (0x00181010, 0x00181011, 0x00181012, 0x00181016, 0x00181017, 0x00181018, 0x0018101A, 0x00181022, 0x00181023)


def burned_in_risk(elements: Dataset) -> str:
    """Return why text may be burned in; "" if `clean_by_rule` has a reason why it is not."""
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
        upper = text_of(elements, text).upper()
        reason = next((name for word, name in table.items() if word in upper), "")
        if reason and not (reason == _TYPES["OTHER"] and _is_acquired(elements, uid, upper)):
            return reason
    modality = text_of(elements, _MODALITY).upper()
    by_modality = _RISKY_MODALITIES.get(modality, "")
    if uid in _MEASURED:
        return by_modality or _unlike_measured(elements, uid, modality)
    kind = next((name for start, name in _KINDS.items() if uid.startswith(start)), "")
    return _PROJECTIONS.get(uid) or kind or by_modality or "an image of a kind that is not known to be free of text"


def _unlike_measured(elements: Dataset, uid: str, modality: str) -> str:
    """Return what no acquired image of this class has: somebody made this one, perhaps of a screen."""
    if modality != _EXPECTED[uid]:
        return "Modality does not fit the SOP class"
    colours = text_of(elements, _PHOTOMETRIC).upper()
    if _number(elements, _SAMPLES) not in (None, 1) or not (not colours or colours.startswith("MONOCHROME")):
        return "in colour, and not as it was measured"
    if uid in _DEEP and _number(elements, _ALLOCATED) == 8:
        return "of 8 bits, which no image of its SOP class has"
    if uid in _PLACED and not _is_placed(elements):
        return "without ImagePositionPatient, which every image of its SOP class has"
    return ""


def _is_acquired(elements: Dataset, uid: str, image_type: str) -> bool:
    """Return whether an MR image of type OTHER is one as acquired (PS3.3 C.8.3.1.1.1): GE's diffusion has it."""
    return uid == f"{_CLASS}4" and image_type.split("\\")[:2] == ["ORIGINAL", "PRIMARY"] and _is_placed(elements)


def _is_placed(elements: Dataset) -> bool:
    """Return whether it has a position in the patient. UIH's grids have those of their slices in a private sequence."""
    if text_of(elements, _POSITION):
        return True
    grids = (element.items for element in elements if element.tag & 0xFFFF00FF == _UIH_SLICES and element.items)
    return any(all(text_of(item, _POSITION) for item in items) for items in grids)


def _number(elements: Dataset, tag: int) -> int | None:
    """Return a small number, whatever its byte order."""
    element = find(elements, tag)
    if element is None or element.items is not None:
        return None
    value = bytes(element.value)
    return min(int.from_bytes(value, "little"), int.from_bytes(value, "big"))


def clean_by_rule(elements: Dataset) -> str:
    """Return the kind of an image in which `burned_in_risk` finds nothing."""
    uid = text_of(elements, _SOP_CLASS)
    return _MEASURED.get(uid) or _COMPUTED.get(uid, "")


def in_series(elements: Dataset) -> bool:
    """Return whether it is a 16-bit CT, MR or PET image, which is examined together with its series."""
    return text_of(elements, _SOP_CLASS) in _DEEP | {f"{_CLASS}4.1"} and _number(elements, _ALLOCATED) == 16


def is_ultrasound(elements: Dataset) -> bool:
    """Return whether SequenceOfUltrasoundRegions, if present, names the regions of this image."""
    uid = text_of(elements, _SOP_CLASS)
    return text_of(elements, _MODALITY).upper() in ("US", "IVUS") or uid.startswith((f"{_CLASS}6.", f"{_CLASS}3."))
