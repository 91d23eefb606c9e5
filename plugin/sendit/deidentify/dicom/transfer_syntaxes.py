"""The transfer syntaxes that SendIt reads and writes (PS3.5 section 10 and Annex A, PS3.6 Annex A)."""

from __future__ import annotations

from sendit.deidentify.dicom.dataset import EXPLICIT_BIG, IMPLICIT_LITTLE, TransferSyntax
from sendit.errors import Reject

_PLAIN = (
    TransferSyntax("1.2.840.10008.1.2", IMPLICIT_LITTLE, encapsulated=False),
    TransferSyntax("1.2.840.10008.1.2.1", encapsulated=False),
    TransferSyntax("1.2.840.10008.1.2.1.99", deflated=True, encapsulated=False),
    TransferSyntax("1.2.840.10008.1.2.2", EXPLICIT_BIG, encapsulated=False),
)
_COMPRESSED = (
    "1.2.840.10008.1.2.1.98",  # encapsulated uncompressed
    "1.2.840.10008.1.2.5",  # RLE
    "1.2.840.10008.1.2.8.1",  # deflated image frames
    *(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 57, 70, 80, 81, 90, 91)),  # JPEG, JPEG-LS, JPEG 2000
    *(f"1.2.840.10008.1.2.4.{number}" for number in range(52, 67)),  # JPEG, retired
    *(f"1.2.840.10008.1.2.4.{number}" for number in (92, 93)),  # JPEG 2000 Part 2
    *(f"1.2.840.10008.1.2.4.{number}" for number in (110, 111, 112)),  # JPEG XL
    *(f"1.2.840.10008.1.2.4.{number}" for number in (201, 202, 203)),  # HTJ2K
)
_KNOWN = {syntax.uid: syntax for syntax in (*_PLAIN, *(TransferSyntax(uid) for uid in _COMPRESSED))}

#: MPEG2, MPEG-4, HEVC: video of a patient, sometimes with sound.
_VIDEO = tuple(f"1.2.840.10008.1.2.4.{number}" for number in range(100, 110))
_SMPTE = "1.2.840.10008.1.2.7."
#: The pixels, or the way to decode them, are elsewhere.
_REMOTE = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (94, 95, 204, 205))


def transfer_syntax(uid: str) -> TransferSyntax:
    """Return the transfer syntax with this UID.

    Raises:
        Reject: it is unknown, or its contents cannot be de-identified.
    """
    syntax = _KNOWN.get(uid)
    if syntax is not None:
        return syntax
    if uid.startswith(_SMPTE) or uid.startswith(_VIDEO):
        raise Reject("video: SendIt cannot de-identify its images and sound")
    if uid in _REMOTE:
        raise Reject("its pixels are on another server (JPIP)")
    raise Reject("SendIt does not support its transfer syntax")
