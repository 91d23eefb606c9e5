"""Determine the colours of a JPEG by its stream: PhotometricInterpretation is often that of before the compression.

The rules are those of libjpeg, which most software uses: JFIF, Adobe's transform, the identifiers of components
(ISO/IEC 10918-5 and -6), and subsampling, which RGB never has. If the stream says nothing, the header decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sendit.deidentify.dicom.dataset import PIXEL_DATA, Element, Instance, find
from sendit.deidentify.pixels.encapsulated import EncapsulatedFrames
from sendit.deidentify.pixels.image import PHOTOMETRIC, SAMPLES, extent, text_value
from sendit.errors import Quarantine

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOSSY = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
#: Lossless JPEG and JPEG-LS: their encoders write JFIF for any colours, so only component identifiers count.
_LOSSLESS = ("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")
_LETTERS = (b"RGB", b"rgb")
_STARTS_OF_FRAME = frozenset({0xF7, *range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_LOSSLESS_PROCESSES = frozenset({0xC3, 0xC7, 0xCB, 0xCF, 0xF7})
_SCAN = 0xDA
_JFIF, _ADOBE = b"JFIF\0", b"Adobe"
#: Values of a header for three components, lossy and lossless; anything else cannot be true of such a stream.
_RGB, _YBR = ("RGB",), ("YBR_FULL_422", "YBR_FULL")
_PARTIAL = ("YBR_PARTIAL_422", "YBR_PARTIAL_420")  # JFIF excludes them
#: For one sample: three components contradict it, and SendIt cannot tell which is wrong.
_GREY = ("MONOCHROME", "PALETTE")


@dataclass(slots=True)
class _Stream:
    """Declaration of a codestream about its components."""

    identifiers: bytes = b""
    sampling: bytes = b""  # of each component, horizontal and vertical
    lossless: bool = False
    jfif: bool = False
    transform: int | None = None  # of Adobe's marker


def correct_photometric(instance: Instance) -> str:
    """Write the PhotometricInterpretation of a colour JPEG's stream; return it, or "" if nothing was changed.

    The samples stay as they are. Whether all frames agree is checked as each is decoded.

    Raises:
        Quarantine: the pixel data cannot be split into frames.
    """
    uid, elements = instance.syntax.uid, instance.elements
    pixels, samples = find(elements, PIXEL_DATA), find(elements, SAMPLES)
    if uid not in _LOSSY + _LOSSLESS or pixels is None or not pixels.encapsulated:
        return ""
    if samples is None or bytes(samples.value) != (b"\3\0" if instance.syntax.encoding.little else b"\0\3"):
        return ""
    declared = text_value(elements, PHOTOMETRIC)
    if declared.startswith(_GREY):
        return ""
    frames = EncapsulatedFrames(elements, pixels, extent(elements, instance.syntax.encoding.order).frames)
    true = photometric_of(frames.frame(0), declared)
    if true in ("", declared):
        return ""
    kept = [element for element in elements if element.tag != PHOTOMETRIC]
    made = Element(PHOTOMETRIC, "CS", true.encode("ascii") + b" " * (len(true) % 2))
    instance.elements = sorted([*kept, made], key=lambda element: element.tag)
    return true


def check_photometric(data: bytes, photometric: str) -> None:
    """Raise Quarantine if a frame of three components has other colours than the header says."""
    if photometric_of(data, photometric) not in ("", photometric):
        raise Quarantine("its pixels cannot be examined: its frames are not all in the same colours")


def photometric_of(data: bytes, declared: str) -> str:
    """Return the PhotometricInterpretation of a JPEG with three components; "" if it is none.

    Args:
        data: the codestream.
        declared: the header's; it stays if it can be true.
    """
    stream = _stream(data)
    if stream is None or len(stream.identifiers) != 3:
        return ""
    allowed = _by_stream(stream, declared)
    return declared if declared in allowed else allowed[0]


def _by_stream(stream: _Stream, declared: str) -> tuple[str, ...]:
    """Return the possible interpretations, the most likely first; contradictory signs leave both."""
    either = _RGB + _YBR if declared == "RGB" else _YBR + _RGB
    letters = stream.identifiers in _LETTERS
    if stream.lossless:
        return _RGB if letters else (declared,)
    if stream.jfif:
        return either if letters or stream.transform == 0 else _YBR
    partial = (declared,) if declared in _PARTIAL else ()
    if stream.transform is not None:
        if letters and stream.transform:
            return either
        return _YBR + partial if stream.transform else _RGB
    if letters:
        return _RGB
    return (_YBR if len(set(stream.sampling)) > 1 else either) + partial


def has_transform(data: bytes) -> bool:
    """Return whether Adobe's marker tells how the colours of a JPEG were transformed; Pillow then converts them."""
    stream = _stream(data)
    return stream is not None and stream.transform is not None


def is_jpeg(data: bytes) -> bool:
    """Return whether this is a codestream of JPEG or JPEG-LS."""
    return data.startswith(b"\xff\xd8")


def _stream(data: bytes) -> _Stream | None:
    """Return what precedes the first scan; None if this is no JPEG, or has no frame."""
    stream = _Stream()
    for marker, segment in _segments(data) if is_jpeg(data) else ():
        if marker == 0xE0:
            stream.jfif |= segment.startswith(_JFIF)
        elif marker == 0xEE and segment.startswith(_ADOBE) and len(segment) >= 12:
            stream.transform = segment[11]
        elif marker in _STARTS_OF_FRAME and len(segment) >= 6:
            stream.identifiers, stream.sampling = segment[6::3], segment[7::3]
            stream.lossless = marker in _LOSSLESS_PROCESSES
    return stream if stream.identifiers else None


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield marker and content of every segment before the samples."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF and data[position + 1] != _SCAN:
        if data[position + 1] == 0xFF:  # filling
            position += 1
            continue
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        yield data[position + 1], data[position + 4 : end]
        position = end
