"""Choose the value representation of an element where the file, the dictionary and the encoding differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendit.deidentify.dicom.dataset import BINARY_VRS, BYTES_VRS, DATE_VRS, TEXT_VRS, find

if TYPE_CHECKING:
    from sendit.deidentify.dicom.dataset import Dataset, Encoding

_PIXEL_REPRESENTATION = 0x00280103
#: VRs that hold the same kind of value: those of older editions of the standard are among them.
_KINDS = (TEXT_VRS, BYTES_VRS - {"UN"}, DATE_VRS, BINARY_VRS, frozenset({"DS", "IS"}))


def has_signed_pixels(elements: Dataset, *, inherited: bool = False) -> bool:
    """Return whether PixelRepresentation says that numbers are signed; without it, what holds around the dataset."""
    representation = find(elements, _PIXEL_REPRESENTATION)
    return inherited if representation is None or representation.items is not None else any(representation.value)


def single_vr(vr: str, dictionary: str) -> str:
    """Return the dictionary's VR; where that has a choice ("OB or OW"), the file's if it is part of it."""
    choices = dictionary.split(" or ")
    return vr if vr in choices else choices[-1]


def vr_of_unknown(dictionary: str, encoding: Encoding, *, signed: bool) -> str:
    """Return the VR for an attribute of the standard that came as UN; "" if its value cannot be interpreted.

    UN is always little endian (PS3.5 6.2.2), so binary values cannot stay unchanged in a big endian file.
    """
    choices = dictionary.split(" or ")
    if choices[0] in BINARY_VRS or choices[-1] in BYTES_VRS:
        return chosen_vr(dictionary, signed=signed) if encoding.little else ""
    return dictionary


def chosen_vr(dictionary: str, *, signed: bool) -> str:
    """Return one of the dictionary's choices: words for bulk data; a number has the sign of the pixels (PS3.5 A.1)."""
    choices = dictionary.split(" or ")
    if "OW" in choices:
        return "OW"
    return choices[-1] if signed else choices[0]


def vr_fits(vr: str, dictionary: str) -> bool:
    """Return whether a VR holds the same kind of value as the dictionary's, as in files of older editions."""
    choices = dictionary.split(" or ")
    return vr in choices or any(vr in kind and choices[0] in kind for kind in _KINDS)
