"""Check, before anything is changed, that SendIt can de-identify an instance, and whose it is.

Messages contain no value.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from pydicom._uid_dict import UID_dictionary

from sendit.deidentify.dicom.chunks import is_blank
from sendit.deidentify.dicom.dataset import PIXEL_DATA, PIXELS, Dataset, Element, Instance, character_set_of, find
from sendit.deidentify.dicom.reader import read_file
from sendit.deidentify.dicom.text import ascii_text, decoded
from sendit.deidentify.profile.method import RETURNED, is_sendit_output
from sendit.deidentify.profile.private import elements_of
from sendit.deidentify.pseudonyms import CSA_NON_IMAGE, PHILIPS_SPECTRUM, Patient
from sendit.deidentify.replacements import Subject
from sendit.errors import Quarantine, Reject

if TYPE_CHECKING:
    import mmap

    from sendit.deidentify.plan import Handling

_MODALITY = 0x00080060
_SOP_CLASS, _SOP_INSTANCE, _STUDY, _SERIES = 0x00080016, 0x00080018, 0x0020000D, 0x0020000E
_BIRTH_DATE, _STUDY_DATE = 0x00100030, 0x00080020
_ACCESSION, _PATIENT_ID, _ISSUER = 0x00080050, 0x00100020, 0x00100021
_ROWS, _COLUMNS, _BITS, _SAMPLES = 0x00280010, 0x00280011, 0x00280100, 0x00280002
_FRAMES, _PHOTOMETRIC = 0x00280008, 0x00280004
#: Bytes of zeros that pad also an image whose rows have fewer.
_LONGEST_PADDING = 128

_PIXEL_VRS = frozenset({"OB", "OW", "OB or OW", "OF", "OD"})

#: The limit of frames, or one per this many bytes of pixel data if that is more: each costs time.
_ALWAYS_FRAMES, _BYTES_EACH = 10_000, 256

_STANDARD_CLASSES = "1.2.840.10008."
_MAPS = ("Segmentation Storage", "Parametric Map Storage")
#: Where an object of Siemens' class for whatever is no image says that it holds a spectrum.
_CSA_TYPES = ((0x0029, "SIEMENS CSA HEADER", 0x08), (0x0029, "SIEMENS CSA NON-IMAGE", 0x08))
_SPECTRUM = "SPEC NUM"
_DOCUMENTS = "1.2.840.10008.5.1.4.1.1.104."
_VOICES = "1.2.840.10008.5.1.4.1.1.9.4."
_WAVEFORMS, _INTERPRETATION = 0x54000100, 0x54001006
#: The compressions of telephony (mu-law and A-law), which only sound has.
_SOUNDS = (b"MB", b"AB")
_SOUND = "sound: somebody may speak in it, and be known by the voice; SendIt cannot de-identify it"


def subject_of(elements: Dataset) -> Subject:
    """Return whom and what the instance is about.

    Raises:
        Reject: a UID is missing, or SendIt does not de-identify this kind of object.
    """
    sop_class = text_of(elements, _SOP_CLASS)
    _check_class(sop_class, elements)
    _check_sound(elements)
    study = _uid(elements, _STUDY, "StudyInstanceUID")
    accession_number = text_of(elements, _ACCESSION)
    patient = Patient(text_of(elements, _PATIENT_ID), text_of(elements, _ISSUER), study, accession_number)
    return Subject(
        patient=patient,
        accession_number=accession_number,
        study_instance_uid=study,
        series_instance_uid=_uid(elements, _SERIES, "SeriesInstanceUID"),
        sop_instance_uid=_uid(elements, _SOP_INSTANCE, "SOPInstanceUID"),
        sop_class_uid=sop_class,
        birth=_birth(elements),
    )


def _birth(elements: Dataset) -> str:
    """Return the day of birth; "" if it is also the day of the study, as of a newborn."""
    birth, study = (re.sub(r"\D", "", text_of(elements, tag)) for tag in (_BIRTH_DATE, _STUDY_DATE))
    return birth if len(birth) == len("YYYYMMDD") and birth != study else ""


def text_of(elements: Dataset, tag: int) -> str:
    """Return the text of an attribute without surrounding spaces; "" if it is missing."""
    element = find(elements, tag)
    if element is None or element.items is not None:
        return ""
    value = bytes(element.value)
    if value.isascii() and b"\x1b" not in value:  # in every character set the same
        return value.decode("ascii").strip("\0 ")
    return decoded(value, character_set_of(elements)).strip("\0 ")


def check_accepted(elements: Dataset, handling: Handling) -> None:
    """Raise Reject for an instance whose Modality or SOP class the project does not accept."""
    if handling.modalities and text_of(elements, _MODALITY) not in handling.modalities:
        raise Reject("the project does not accept its Modality")
    if handling.sop_classes and text_of(elements, _SOP_CLASS) not in handling.sop_classes:
        raise Reject("the project does not accept its SOP class")
    if not handling.deidentified and is_sendit_output(elements):
        raise Reject(RETURNED)


def _check_class(uid: str, elements: Dataset) -> None:
    if not uid:
        raise Reject("it has no SOPClassUID")
    if uid.startswith(_DOCUMENTS):
        raise Reject("an encapsulated document (PDF, CDA, model), which SendIt cannot de-identify")
    if uid.startswith(_VOICES):
        raise Reject(_SOUND)
    if not re.fullmatch(r"[0-9.]{1,64}", uid):
        raise Reject("damaged: its SOPClassUID is not a UID")
    if not uid.startswith(_STANDARD_CLASSES) and not _is_spectrum(uid, elements):
        raise Reject("its SOP class is not in the DICOM standard, so its contents are unknown")


def _is_spectrum(uid: str, elements: Dataset) -> bool:
    """Return whether an object of a maker's class holds the samples of an MR spectrum."""
    if uid == CSA_NON_IMAGE:
        types = (one for tag in _CSA_TYPES for one in elements_of(elements, tag))
        return any(ascii_text(one.value).startswith(_SPECTRUM) for one in types)
    return uid == PHILIPS_SPECTRUM


def _check_sound(elements: Dataset) -> None:
    """Raise Reject for sound in a waveform of whatever class."""
    waveforms = find(elements, _WAVEFORMS)
    for group in (waveforms.items or ()) if waveforms is not None else ():
        interpretation = find(group, _INTERPRETATION)
        if interpretation is not None and bytes(interpretation.value).strip(b"\0 ").upper() in _SOUNDS:
            raise Reject(_SOUND)


def _uid(elements: Dataset, tag: int, name: str) -> str:
    uid = text_of(elements, tag)
    if not uid:
        raise Reject(f"it has no {name}")
    if "\\" in uid:
        raise Reject(f"damaged: its {name} has more than one value")
    return uid


def check_pixels(instance: Instance) -> None:
    """Check that an image has the pixels that its header declares; leave out less than a row and a column behind them.

    Raises:
        Reject: it has no pixels, fewer than the header says (a truncated file), or more by a row, a column or frames.
        Quarantine: it has more frames than its size justifies.
    """
    elements = instance.elements
    pixels = _only_pixels(elements)
    rows, columns, bits = (find(elements, tag) for tag in (_ROWS, _COLUMNS, _BITS))
    if pixels is None:
        # A file may be cut exactly between two elements: then even the attributes that describe the pixels are missing.
        # An image that has them, but no pixels, is a header that was extracted on purpose.
        if not (rows and columns and bits) and text_of(elements, _SOP_CLASS) in _images():
            raise Reject("truncated: an image without pixel data and the attributes that describe them")
        return
    if pixels.items is not None or pixels.vr not in _PIXEL_VRS:
        raise Reject("damaged: its pixel data have the wrong value representation")
    if _frames(elements) > max(_ALWAYS_FRAMES, len(pixels.value) // _BYTES_EACH):
        raise Quarantine("it has too many frames, out of proportion to its size")
    if pixels.encapsulated:
        return
    if instance.syntax.encapsulated and pixels.tag == PIXEL_DATA:
        raise Reject("damaged: its pixel data are not encapsulated as its transfer syntax requires")
    if rows is None or columns is None or bits is None:
        raise Reject("damaged: Rows, Columns or BitsAllocated is missing beside its pixel data")
    _check_length(instance, pixels, rows, columns, bits)


def _check_length(instance: Instance, pixels: Element, rows: Element, columns: Element, bits: Element) -> None:
    order, length = instance.syntax.encoding.order, len(pixels.value)
    samples, allocated = find(instance.elements, _SAMPLES), _number(bits, order)
    sides = _number(rows, order), _number(columns, order)
    per_pixel = allocated * (_number(samples, order) if samples else 1)
    frames, per_frame = _frames(instance.elements), sides[0] * sides[1] * per_pixel
    if text_of(instance.elements, _PHOTOMETRIC) == "YBR_FULL_422":  # two samples of colour for every four of luminance
        if length >= (per_frame * frames + 7) // 8:  # decompressed, with the header of before: perhaps RGB
            raise Reject("damaged: its pixel data are not subsampled, as its PhotometricInterpretation says")
        per_frame = per_frame * 2 // 3
    size = (per_frame * frames + 7) // 8
    if allocated > 1 and allocated % 8 and length > size + 1:  # as if each sample filled whole bytes
        raise Reject("damaged: its pixel data are longer than its BitsAllocated, no whole number of bytes, says")
    if _left_out(pixels, size, min(sides) * per_pixel // 8):
        instance.repairs.append("bytes behind the last frame left out")


def _left_out(pixels: Element, size: int, side: int) -> bool:
    """Leave out what stands behind the last frame, and return whether anything did.

    Raises:
        Reject: the last frame is not complete; or it is a row, a column or more (`side` has the bytes of the shorter
            one): the header may be wrong, and in lines of a wrong length, no text can be found.
    """
    if size > len(pixels.value):
        raise Reject("truncated: its pixel data are shorter than Rows, Columns and NumberOfFrames say")
    behind = pixels.value[size:]
    # One byte pads to an even length; some devices pad to whole blocks with zeros. More zeros may be black lines.
    if len(behind) < 2 or (len(behind) < max(side, _LONGEST_PADDING + 1) and is_blank(behind)):
        return False
    if len(behind) >= side:
        raise Reject("data behind its last frame: its pixel data are longer than its header says")
    pixels.value = pixels.value[:size] if size % 2 == 0 else bytes(pixels.value[:size]) + b"\0"
    return True


def _only_pixels(elements: Dataset) -> Element | None:
    pixels = [element for element in elements if element.tag in PIXELS]
    if len(pixels) > 1:
        raise Reject("it has more than one kind of pixel data, and viewers show only one of them")
    return pixels[0] if pixels else None


@cache
def _images() -> frozenset[str]:
    """Return the SOP classes whose instances always have pixels."""
    return frozenset(
        uid for uid, (name, *_) in UID_dictionary.items() if name.endswith(" Image Storage") or name in _MAPS
    )


def _number(element: Element, order: str) -> int:
    if element.items is not None or element.vr not in ("US", "UN") or len(element.value) < 2:
        raise Reject("damaged: an attribute that describes its pixels is not a number")
    return int.from_bytes(element.value[:2], "little" if order == "<" else "big")


def _frames(elements: Dataset) -> int:
    text = text_of(elements, _FRAMES) or "1"
    if not re.fullmatch(r"\+?\d{1,9}", text):
        raise Reject("damaged: its NumberOfFrames is not a number")
    return int(text)


def patient_of(source: bytes | memoryview | mmap.mmap) -> Patient | None:
    """Return the patient as the engine will see them; None if the engine will not release this file anyway."""
    try:
        return subject_of(read_file(memoryview(source)).elements).patient
    except Reject:
        return None
    except Exception:  # noqa: BLE001  a fault of ours: the engine meets it again, and quarantines
        return None
