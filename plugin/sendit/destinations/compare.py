"""Do two DICOM files say the same, although their bytes differ? A server may transcode what it is given.

Every element of the data set has to be equal at every depth, and the pixels once decoded. The file meta information
(group 0002) is the writer's own and is not compared. A lossy transcoding changes pixels and is reported as different.
"""

from __future__ import annotations

import io
from contextlib import closing
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np
import pydicom
from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pydicom.pixels.utils import iter_pixels
from pydicom.tag import BaseTag
from pydicom.uid import DeflatedExplicitVRLittleEndian

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from pathlib import Path

    from pydicom.dataset import Dataset, FileDataset

_PIXEL_DATA = 0x7FE00010
_TRAILING_PADDING = 0xFFFCFFFC
_UNDEFINED = 0xFFFFFFFF
#: The item that ends a sequence of fragments, in little endian.
_DELIMITER = b"\xfe\xff\xdd\xe0"
#: Two files of which one is larger (bytes) are not held to be compared.
_AT_ONCE = 32 * 1024 * 1024
#: Values larger than this (bytes) are not held but read in pieces.
_LARGE = 1024 * 1024
#: The largest value, and the largest decoded frame, of a large file that is held (bytes).
_HELD = 64 * 1024 * 1024
_DERIVATION_DESCRIPTION = BaseTag(0x00082111)

#: Attributes that a lossless transcoding may change: the layout and index of pixels (PS3.5 Section 8.2, PS3.3 C.7.6.3),
#: and the padding at the end of the data set (PS3.10 Section 7.2).
_ENCODING = {
    0x00280004,  # PhotometricInterpretation
    0x00280006,  # PlanarConfiguration
    0x7FE00001,  # ExtendedOffsetTable
    0x7FE00002,  # ExtendedOffsetTableLengths
    0xFFFCFFFC,  # DataSetTrailingPadding
}

#: Errors of pydicom and its decoders for pixels that they cannot decode.
UNDECODABLE = (
    AttributeError,
    ImportError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)

#: How many attributes a message names.
_NAMED = 5


class CannotCompare(Exception):
    """The pixels of one of the two cannot be decoded here."""


def difference_between(ours: Path, theirs: Path, *, transcoded: bool = False) -> str | None:
    """Return the `difference` of two files of any size, in bounded memory.

    Raises:
        CannotCompare: see `difference` and `difference_of_files`.
    """
    if max(ours.stat().st_size, theirs.stat().st_size) > _AT_ONCE:
        return difference_of_files(ours, theirs, transcoded=transcoded)
    return difference(ours.read_bytes(), theirs.read_bytes(), transcoded=transcoded)


def difference(ours: bytes, theirs: bytes, *, transcoded: bool = False) -> str | None:
    """Return what differs, naming attributes and never values; None if both say the same.

    Args:
        ours: the dataset that was sent.
        theirs: the dataset that the destination holds.
        transcoded: theirs was transcoded, although its transfer syntax may be ours (it was transcoded twice).

    Raises:
        CannotCompare: the data sets are equal, and the pixels of one cannot be decoded here.
    """
    a = _read(ours)
    try:
        b = _read(theirs)
    except (InvalidDicomError, *UNDECODABLE):
        return "it is not a readable DICOM file"
    differing = sorted(_differing(a, b, transcoded=transcoded or _syntax(a) != _syntax(b)))
    if differing:
        return f"these attributes differ: {_names(differing)}"
    return None if _same_pixels(a, b) else "the pixels differ"


def difference_of_files(ours: Path, theirs: Path, *, transcoded: bool = False) -> str | None:
    """Return the `difference` of files too large for memory.

    Large values are read in pieces, pixels are decoded frame by frame.

    Raises:
        CannotCompare: a frame is too large or cannot be decoded here, or a file is deflated as a whole.
    """
    a = _deferred(ours)
    try:
        b = _deferred(theirs)
    except (InvalidDicomError, *UNDECODABLE):
        return "it is not a readable DICOM file"
    with ours.open("rb") as file, theirs.open("rb") as other:
        differing = [tag for tag in sorted(a.keys() | b.keys()) if not _same_in_files(a, b, tag, file, other)]
    if transcoded or _syntax(a) != _syntax(b):
        differing = [tag for tag in differing if tag not in _ENCODING and not _says_lossless(a, b, tag)]
    if named := [tag for tag in differing if tag != _PIXEL_DATA or (tag in a) != (tag in b)]:
        return f"these attributes differ: {_names(named)}"
    try:
        return None if not differing or _same_frames(a, b, ours, theirs) else "the pixels differ"
    except CannotCompare:
        if _syntax(a) != _syntax(b):
            raise
        return "the encoded pixels differ, and cannot be decoded here"


def _deferred(path: Path) -> FileDataset:
    """Return the data set without its large values, which stay in the file."""
    if read_file_meta_info(path).get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        raise CannotCompare("it is deflated, and too large to be inflated here")
    return pydicom.dcmread(path, defer_size=_LARGE)


def _same_in_files(a: FileDataset, b: FileDataset, tag: BaseTag, file: BinaryIO, other: BinaryIO) -> bool:
    if tag.element == 0 or tag == _TRAILING_PADDING:
        return True
    if tag not in a or tag not in b:
        return False
    one, two = a.get_item(tag, keep_deferred=True), b.get_item(tag, keep_deferred=True)
    if not (isinstance(one, RawDataElement) and isinstance(two, RawDataElement)):
        return _same_element(a, b, tag)
    if one.value is not None and two.value is not None:
        return _same_element(a, b, tag)
    file.seek(one.value_tell)
    other.seek(two.value_tell)
    if one.length != two.length:
        same = False
    elif one.length == _UNDEFINED:
        same = _same_fragments(file, other)
    else:
        same = _same_pieces(file, other, one.length)
    if same or tag == _PIXEL_DATA or _syntax(a) == _syntax(b):
        return same
    if max(one.length, two.length) > _HELD:
        raise CannotCompare(f"{_names([tag])} is encoded differently, and too large for memory")
    return _same_element(a, b, tag)


def _same_frames(a: FileDataset, b: FileDataset, ours: Path, theirs: Path) -> bool:
    """Compare the decoded pixels of two files, one frame of each in memory at a time."""
    if _PIXEL_DATA not in a or _PIXEL_DATA not in b:
        return False
    if max(_frame_size(a), _frame_size(b)) > _HELD:
        raise CannotCompare("its pixels are encoded differently, and one frame is too large to be decoded here")
    if not (_is_compressed(a) or _is_compressed(b)) and abs(_pixel_length(a) - _pixel_length(b)) > 1:
        return False
    with ours.open("rb") as file, theirs.open("rb") as other:
        return _equal_frames(a, b, file, other)


def _frame_size(dataset: FileDataset) -> int:
    """Return the size of a decoded frame in bytes."""
    try:
        rows, columns, samples, bits = (
            int(dataset.get(name, default))
            for name, default in (("Rows", 0), ("Columns", 0), ("SamplesPerPixel", 1), ("BitsAllocated", 8))
        )
    except (TypeError, ValueError):
        raise CannotCompare("the size of its frames is unknown") from None
    return rows * columns * samples * bits // 8


def _pixel_length(dataset: FileDataset) -> int:
    """Return the number of bytes of uncompressed pixels, whether they were read or left in their file."""
    return int(getattr(dataset.get_item(_PIXEL_DATA, keep_deferred=True), "length", 0))


def _same_fragments(file: BinaryIO, other: BinaryIO) -> bool:
    """Compare encapsulated pixel data from its first item to its end (PS3.5 Section A.4)."""
    while True:
        head = file.read(8)
        if head != other.read(8) or len(head) < 8:
            return False
        if head[:4] == _DELIMITER:
            return True
        if not _same_pieces(file, other, int.from_bytes(head[4:], "little")):
            return False


def _same_pieces(file: BinaryIO, other: BinaryIO, length: int) -> bool:
    while length > 0:
        piece = file.read(min(length, _LARGE))
        if not piece or piece != other.read(len(piece)):
            return False
        length -= len(piece)
    return True


def _names(tags: Sequence[BaseTag | int]) -> str:
    names = ", ".join(keyword_for_tag(tag) or f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in tags[:_NAMED])
    return f"{names} and {len(tags) - _NAMED} more" if len(tags) > _NAMED else names


def _read(data: bytes) -> FileDataset:
    return pydicom.dcmread(io.BytesIO(data))


def _differing(ours: FileDataset, theirs: FileDataset, *, transcoded: bool) -> Iterator[int]:
    for tag in ours.keys() | theirs.keys():
        if tag.element == 0 or tag == _PIXEL_DATA or _same_element(ours, theirs, tag):
            continue
        if not transcoded or not (tag in _ENCODING or _says_lossless(ours, theirs, tag)):
            yield int(tag)


def _says_lossless(ours: FileDataset, theirs: FileDataset, tag: BaseTag) -> bool:
    """Return whether it is dcmtk's "Lossless JPEG compression, …", followed by the former text in brackets."""
    if tag != _DERIVATION_DESCRIPTION or tag not in theirs:
        return False
    before = str(ours[tag].value or "") if tag in ours else ""
    after = str(theirs[tag].value or "")
    kept = f" [{before}]" if before else ""
    return after.endswith(kept) and after.removesuffix(kept).startswith("Lossless")


def _syntax(dataset: FileDataset) -> str:
    return str(dataset.file_meta.get("TransferSyntaxUID", ""))


def _is_compressed(dataset: FileDataset) -> bool:
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    return syntax is None or bool(syntax.is_compressed)


def _same_element(a: Dataset, b: Dataset, tag: BaseTag) -> bool:
    if tag not in a or tag not in b:
        return False
    raw_a, raw_b = a.get_item(tag), b.get_item(tag)
    if isinstance(raw_a, RawDataElement) and isinstance(raw_b, RawDataElement) and _same_bytes(raw_a, raw_b):
        return True
    return _same_value(a[tag], b[tag])


def _same_bytes(a: RawDataElement, b: RawDataElement) -> bool:
    return a.is_little_endian == b.is_little_endian and (a.value or b"") == (b.value or b"")


def _same_value(a: DataElement, b: DataElement) -> bool:
    if a.VR == "SQ" or b.VR == "SQ":
        return a.VR == b.VR and len(a.value) == len(b.value) and all(map(_same_item, a.value, b.value))
    return bool(_plain(a.value) == _plain(b.value))


def _same_item(a: Dataset, b: Dataset) -> bool:
    return all(_same_element(a, b, tag) for tag in a.keys() | b.keys() if tag.element != 0)


def _plain(value: Any) -> Any:
    """Return a value without the padding that a writer adds to an odd length (PS3.5 Section 6.2)."""
    if isinstance(value, bytes):
        return value[:-1] if value and len(value) % 2 == 0 and value[-1] == 0 else value
    if isinstance(value, str):
        return value.rstrip(" \0")
    if value is None:
        return ""
    return value


def _same_pixels(a: FileDataset, b: FileDataset) -> bool:
    if ("PixelData" in a) != ("PixelData" in b):
        return False
    if "PixelData" not in a or (_syntax(a) == _syntax(b) and a.PixelData == b.PixelData):
        return True
    native = not (_is_compressed(a) or _is_compressed(b))
    if native and abs(len(a.PixelData) - len(b.PixelData)) > 1:  # one byte may be padding
        return False
    return _equal_frames(a, b, a, b)


def _frames(source: FileDataset | BinaryIO, *, raw: bool) -> closing[Any]:
    """Decode frame by frame. Close it before the file: pydicom seeks back to where it began."""
    return closing(cast("Generator[Any, None, None]", iter_pixels(source, raw=raw)))


def _equal_frames(a: FileDataset, b: FileDataset, ours: FileDataset | BinaryIO, theirs: FileDataset | BinaryIO) -> bool:
    """Compare frame by frame.

    Colours are compared as stored if both store the same kind, otherwise as RGB.
    """
    raw = a.get("PhotometricInterpretation") == b.get("PhotometricInterpretation")
    try:
        with _frames(ours, raw=raw) as one, _frames(theirs, raw=raw) as other:
            return all(x is not None and y is not None and np.array_equal(x, y) for x, y in zip_longest(one, other))
    except UNDECODABLE as error:
        raise CannotCompare(f"the pixels cannot be decoded here ({type(error).__name__})") from None
