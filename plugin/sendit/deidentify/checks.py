"""Is this an instance that SendIt can answer for? Checks before anything is changed; messages carry no value."""

from __future__ import annotations

import re
from functools import cache

from pydicom._uid_dict import UID_dictionary

from sendit.deidentify.bulk import is_blank
from sendit.deidentify.dataset import PIXEL_DATA, Dataset, Element, Instance, find
from sendit.deidentify.identity import Patient
from sendit.deidentify.text import decoded
from sendit.deidentify.values import Subject
from sendit.errors import Reject

_CHARACTER_SET = 0x00080005
_SOP_CLASS, _SOP_INSTANCE, _STUDY, _SERIES = 0x00080016, 0x00080018, 0x0020000D, 0x0020000E
_ACCESSION, _PATIENT_ID, _ISSUER = 0x00080050, 0x00100020, 0x00100021
_ROWS, _COLUMNS, _BITS, _SAMPLES = 0x00280010, 0x00280011, 0x00280100, 0x00280002
_FRAMES, _PHOTOMETRIC = 0x00280008, 0x00280004
_PIXELS = (PIXEL_DATA, 0x7FE00008, 0x7FE00009)

_PIXEL_VRS = frozenset({"OB", "OW", "OB or OW", "OF", "OD"})

#: The defined terms of SpecificCharacterSet (PS3.3 C.12.1.1.2), and ISO_IR 6, as many write the default repertoire.
_CHARACTER_SETS = frozenset(
    {"", "ISO_IR 6", "ISO_IR 192", "GB18030", "GBK"}
    | {f"ISO_IR {number}" for number in (13, 100, 101, 109, 110, 126, 127, 138, 144, 148, 166, 203)}
    | {f"ISO 2022 IR {number}" for number in (6, 13, 100, 101, 109, 110, 126, 127, 138, 144, 148, 166, 203)}
    | {f"ISO 2022 IR {number}" for number in (58, 87, 149, 159)}
)

_STANDARD_CLASSES = "1.2.840.10008."
_MAPS = ("Segmentation Storage", "Parametric Map Storage")
_DOCUMENTS = "1.2.840.10008.5.1.4.1.1.104."


def check_character_sets(elements: Dataset) -> None:
    """Raises Reject where one is not of the standard: it would stay as it is, whatever somebody wrote there."""
    for element in elements:
        for item in element.items or ():
            check_character_sets(item)
        if element.tag == _CHARACTER_SET and element.items is None:
            terms = bytes(element.value).decode("latin-1").rstrip("\0 ").split("\\")
            if not _CHARACTER_SETS.issuperset(term.strip(" ") for term in terms):
                raise Reject("its SpecificCharacterSet is none that the DICOM standard defines")


def subject_of(elements: Dataset) -> Subject:
    """Whom and what the instance is about.

    Raises:
        Reject: a UID is missing, or the object is of a kind that is not de-identified.
    """
    sop_class = text_of(elements, _SOP_CLASS)
    _check_class(sop_class)
    study = _uid(elements, _STUDY, "StudyInstanceUID")
    patient = Patient(text_of(elements, _PATIENT_ID), text_of(elements, _ISSUER), study)
    return Subject(
        patient=patient,
        accession_number=text_of(elements, _ACCESSION),
        study_instance_uid=study,
        series_instance_uid=_uid(elements, _SERIES, "SeriesInstanceUID"),
        sop_instance_uid=_uid(elements, _SOP_INSTANCE, "SOPInstanceUID"),
        sop_class_uid=sop_class,
    )


def text_of(elements: Dataset, tag: int) -> str:
    """The text of an attribute without the spaces around it; "" if it is not there."""
    element = find(elements, tag)
    if element is None or element.items is not None:
        return ""
    character_set = find(elements, _CHARACTER_SET)
    return decoded(element.value, b"" if character_set is None else character_set.value).strip("\0 ")


def _check_class(uid: str) -> None:
    if not uid:
        raise Reject("it has no SOPClassUID")
    if uid.startswith(_DOCUMENTS):
        raise Reject("an encapsulated document (PDF, CDA, model): SendIt cannot de-identify what stands in it")
    if not re.fullmatch(r"[0-9.]{1,64}", uid):
        raise Reject("damaged: its SOPClassUID is no UID")
    if not uid.startswith(_STANDARD_CLASSES):
        raise Reject("its SOP class is not of the DICOM standard: nobody can say what it holds")


def _uid(elements: Dataset, tag: int, name: str) -> str:
    uid = text_of(elements, tag)
    if not uid:
        raise Reject(f"it has no {name}")
    if "\\" in uid:
        raise Reject(f"damaged: its {name} has more than one value")
    return uid


def check_pixels(instance: Instance) -> None:
    """Raises Reject where an image has no pixels, or fewer than it says (the end of the file is missing), or more."""
    elements = instance.elements
    pixels = _only_pixels(elements)
    rows, columns, bits = (find(elements, tag) for tag in (_ROWS, _COLUMNS, _BITS))
    if pixels is None:
        # A file may be cut exactly between two elements; an image that does not even describe its pixels shows it.
        # One that does, and has none, is a header that somebody took out on purpose.
        if not (rows and columns and bits) and text_of(elements, _SOP_CLASS) in _images():
            raise Reject("an image without pixels and their description: truncated")
        return
    if pixels.items is not None or pixels.vr not in _PIXEL_VRS:
        raise Reject("damaged: its pixel data are of another kind of value")
    if pixels.encapsulated:
        return
    if instance.syntax.encapsulated and pixels.tag == PIXEL_DATA:
        raise Reject("damaged: its pixel data are not encapsulated as its transfer syntax says")
    if rows is None or columns is None or bits is None:
        raise Reject("damaged: Rows, Columns or BitsAllocated is missing beside its pixel data")
    order = instance.syntax.encoding.order
    samples = find(elements, _SAMPLES)
    per_frame = _number(rows, order) * _number(columns, order) * _number(bits, order)
    per_frame *= _number(samples, order) if samples else 1
    if text_of(elements, _PHOTOMETRIC) == "YBR_FULL_422":  # two samples of colour for every four of luminance
        per_frame = per_frame * 2 // 3
    size = (per_frame * _frames(elements) + 7) // 8
    if size > len(pixels.value):
        raise Reject("truncated: its pixel data are shorter than Rows, Columns and NumberOfFrames say")
    behind = pixels.value[size:]
    # One byte pads to an even length; some machines pad to whole blocks, with zeros.
    if len(behind) > 1 and not is_blank(behind):
        raise Reject(
            "something stands behind its last frame: its pixel data are longer than Rows, Columns and so on say"
        )


def _only_pixels(elements: Dataset) -> Element | None:
    found = [element for element in elements if element.tag in _PIXELS]
    if len(found) > 1:
        raise Reject("it has pixel data of more than one kind: whoever looks at one of them does not see the other")
    return found[0] if found else None


@cache
def _images() -> frozenset[str]:
    """The SOP classes whose objects always have pixels."""
    return frozenset(
        uid for uid, (name, *_) in UID_dictionary.items() if name.endswith(" Image Storage") or name in _MAPS
    )


def _number(element: Element, order: str) -> int:
    if element.items is not None or element.vr not in ("US", "UN") or len(element.value) < 2:
        raise Reject("damaged: the description of its pixels has no numbers")
    return int.from_bytes(element.value[:2], "little" if order == "<" else "big")


def _frames(elements: Dataset) -> int:
    text = text_of(elements, _FRAMES) or "1"
    if not re.fullmatch(r"\+?\d{1,9}", text):
        raise Reject("damaged: its NumberOfFrames is no number")
    return int(text)
