"""Small structural faults that Orthanc, DCMTK and pydicom also accept: how they are recognised, and the limits.

After a correction, every byte of the output is still written anew, and nothing that was skipped is released. A fault
that would require a guess is not corrected.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sendit.deidentify.dicom.dataset import LONG_VRS, SHORT_VRS
from sendit.errors import Quarantine

#: The limit of elements and items in an instance, or one per this many bytes if that is more.
_ALWAYS_ELEMENTS, _BYTES_EACH = 1 << 20, 128

DELIMITERS = "stray delimiters left out"
NO_VR = "an attribute without a value representation read by the dictionary's"
SMALL_VR = "a value representation in lower case read as in upper case"
PIXELS_VR = "pixel data with the wrong value representation read as OW"
EXPLICIT_UN = "a sequence written as UN read in explicit VR"
ICON = "compressed pixel data within a sequence of an uncompressed file read as such"
END_LENGTH = "the end of compressed pixel data with a length read without one"
IMPLICIT_META = "file meta information in implicit VR read as such"
NO_SYNTAX = "no TransferSyntaxUID: the encoding recognised by the dataset"
COMMANDS = "elements of a DICOM message (group 0000) left out"
TWICE = "an attribute that stands twice with the same value read once"

#: VRs of the standard in lower or mixed case, by the two bytes of the file.
_SMALL_VRS = {
    bytes((first, second)): vr
    for vr in SHORT_VRS | LONG_VRS
    for first in (ord(vr[0]), ord(vr[0].lower()))
    for second in (ord(vr[1]), ord(vr[1].lower()))
}


@dataclass(slots=True)
class Recovery:
    """Notes on one file while it is read, by its size in bytes."""

    size: int
    notes: list[str] = field(default_factory=list)
    left: int = field(init=False)  # elements that may still come

    def __post_init__(self) -> None:
        self.left = max(_ALWAYS_ELEMENTS, self.size // _BYTES_EACH)

    def note(self, text: str) -> None:
        """Note one of the texts above, once."""
        if text not in self.notes:
            self.notes.append(text)

    def count(self, elements: int) -> None:
        """Count elements that were read.

        Raises:
            Quarantine: there are more than in any real object; a crafted small file could exhaust the memory.
        """
        self.left -= elements
        if self.left < 0:
            raise Quarantine("it has too many attributes and items, out of proportion to its size")


def letters_meant(letters: bytes) -> str:
    """Return the VR that two bytes spell in another case; "" if they spell none."""
    return _SMALL_VRS.get(letters, "")
