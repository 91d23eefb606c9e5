"""Images of every kind that pixel data come in, made of numbers that are known."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.pixels.encoders.base import get_encoder
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID, generate_uid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
DEFLATED, RLE = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5"
BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_2000_LOSSLESS, JPEG_2000 = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"
NATIVE = (IMPLICIT, EXPLICIT, BIG, DEFLATED)

#: Odd on purpose: frames begin within bytes and words.
ROWS, COLUMNS = 35, 40


@dataclass(frozen=True)
class Kind:
    """One combination."""

    syntax: str
    photometric: str
    allocated: int
    stored: int
    signed: bool = False
    planar: int = 0
    frames: int = 1
    vr: str = "OW"
    high_bit: int = -1
    columns: int = COLUMNS

    def __str__(self) -> str:
        parts = [self.syntax.removeprefix("1.2.840.10008.1.2") or "implicit", self.photometric.replace(" ", "-")]
        parts += [f"{self.stored}of{self.allocated}", "signed" if self.signed else "unsigned"]
        return "-".join([*parts, f"planar{self.planar}", f"{self.frames}f", self.vr, f"c{self.columns}"])

    @property
    def samples(self) -> int:
        return 1 if self.photometric in ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR") else 3


def kinds() -> Iterator[Kind]:
    """All combinations of the matrix."""
    for frames in (1, 3):
        for syntax in NATIVE:
            yield from (replace(kind, syntax=syntax, frames=frames) for kind in _uncompressed())
        for syntax in (RLE, JPEG_2000_LOSSLESS, JPEG_2000):
            yield from (replace(kind, syntax=syntax, frames=frames) for kind in _lossless(syntax))
        for photometric in ("MONOCHROME1", "MONOCHROME2", "YBR_FULL_422", "YBR_FULL"):
            yield Kind(BASELINE, photometric, 8, 8, frames=frames, vr="OB")
        yield Kind(BASELINE, "YBR_FULL_422", 8, 8, frames=frames, vr="OB", columns=41)


def _uncompressed() -> Iterator[Kind]:
    for photometric in ("MONOCHROME1", "MONOCHROME2"):
        for allocated, stored in ((8, 8), (16, 12), (16, 16), (32, 32)):
            for signed in (False, True):
                yield Kind("", photometric, allocated, stored, signed)
    yield Kind("", "MONOCHROME2", 16, 12, high_bit=15)
    yield Kind("", "MONOCHROME2", 8, 8, vr="OB", columns=41)
    yield Kind("", "MONOCHROME2", 1, 1, columns=41)
    yield Kind("", "MONOCHROME2", 1, 1, vr="OB", columns=39)
    for planar in (0, 1):
        for photometric in ("RGB", "YBR_FULL"):
            yield Kind("", photometric, 8, 8, planar=planar)
            yield Kind("", photometric, 8, 8, planar=planar, columns=41)
        yield Kind("", "RGB", 16, 16, planar=planar)
    yield Kind("", "YBR_FULL_422", 8, 8)
    yield Kind("", "PALETTE COLOR", 8, 8)
    yield Kind("", "PALETTE COLOR", 16, 16)


def _lossless(syntax: str) -> Iterator[Kind]:
    for photometric in ("MONOCHROME1", "MONOCHROME2"):
        for allocated, stored, signed in ((8, 8, False), (16, 12, False), (16, 12, True), (16, 16, True)):
            yield Kind("", photometric, allocated, stored, signed, vr="OB")
    for photometric in ("RGB", "YBR_FULL" if syntax == RLE else "YBR_RCT", "PALETTE COLOR"):
        yield Kind("", photometric, 8, 8, vr="OB")


def numbers(kind: Kind) -> NDArray[Any]:
    """Frames × rows × columns (× 3), each sample of its own, neither end of the range left out."""
    shape = (kind.frames, ROWS, kind.columns) + ((3,) if kind.samples == 3 else ())
    low = -(1 << (kind.stored - 1)) if kind.signed else 0
    high = low + (1 << kind.stored)
    if kind.photometric == "PALETTE COLOR":
        high = 200
    generator = np.random.default_rng(7)
    made = generator.integers(low, high, shape, dtype=np.int64)
    if kind.syntax == BASELINE:
        made = made // 4 + 96
    kindred = np.dtype(f"{'i' if kind.signed else 'u'}{max(1, kind.allocated // 8)}")
    made = made.astype(kindred)
    if kind.photometric == "YBR_FULL_422" and kind.syntax != BASELINE:
        made[:, :, 1::2, 1:] = made[:, :, 0::2, 1:]
    return made << (0 if kind.high_bit < 0 else kind.high_bit + 1 - kind.stored)


def image(kind: Kind) -> Dataset:
    """An image of a kind, de-identifiable."""
    ds = Dataset()
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    ds.SOPInstanceUID, ds.StudyInstanceUID, ds.SeriesInstanceUID = (generate_uid(entropy_srcs=[c]) for c in "abc")
    ds.PatientID, ds.PatientName, ds.Modality = "X-4711", "Muster^Max", "OT"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = kind.samples, kind.photometric
    ds.Rows, ds.Columns, ds.NumberOfFrames = ROWS, kind.columns, kind.frames
    ds.BitsAllocated, ds.BitsStored = kind.allocated, kind.stored
    ds.HighBit = kind.high_bit if kind.high_bit >= 0 else kind.stored - 1
    ds.PixelRepresentation = int(kind.signed)
    if kind.samples == 3:
        ds.PlanarConfiguration = kind.planar
    if kind.photometric == "PALETTE COLOR":
        _palette(ds, kind.syntax == BIG)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(kind.syntax)
    ds.PixelData = native(kind) if kind.syntax in NATIVE else compressed(kind)
    ds["PixelData"].VR = kind.vr
    ds["PixelData"].is_undefined_length = kind.syntax not in NATIVE
    return ds


def _palette(ds: Dataset, big: bool) -> None:
    """256 entries, of which that at 77 is the darkest."""
    for number, colour in enumerate(("Red", "Green", "Blue")):
        table = (np.arange(256) * 151 + 40 * number) % 60000 + 900
        table[77] = 5
        setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        order = ">" if big else "<"
        setattr(ds, f"{colour}PaletteColorLookupTableData", table.astype(f"{order}u2").tobytes())


def native(kind: Kind) -> bytes:
    """The bytes of pixel data that are not compressed."""
    made = numbers(kind)
    big = kind.syntax == BIG
    if kind.allocated == 1:
        raw = np.packbits(made.reshape(-1), bitorder="little").tobytes()
    elif kind.photometric == "YBR_FULL_422":
        pairs = np.stack([made[:, :, 0::2, 0], made[:, :, 1::2, 0], made[:, :, 0::2, 1], made[:, :, 0::2, 2]], axis=-1)
        raw = pairs.tobytes()
    else:
        ordered = np.moveaxis(made, 3, 1) if kind.planar else made
        raw = ordered.astype(ordered.dtype.newbyteorder(">" if big else "<")).tobytes()
    raw += b"\0" * (len(raw) % 2)
    if big and kind.allocated < 16 and kind.vr == "OW":
        raw = np.frombuffer(raw, np.uint8).reshape(-1, 2)[:, ::-1].tobytes()
    return raw


def compressed(kind: Kind) -> bytes:
    """Encapsulated pixel data, one fragment for each frame."""
    return encapsulate([_frame(kind, frame) for frame in numbers(kind)])


def _frame(kind: Kind, frame: NDArray[Any]) -> bytes:
    if kind.syntax == BASELINE:
        out = io.BytesIO()
        if kind.samples == 1:
            Image.fromarray(frame).save(out, "JPEG", quality=90)
        else:
            sampling = "4:2:2" if kind.photometric == "YBR_FULL_422" else "4:4:4"
            Image.fromarray(frame, mode="YCbCr").save(out, "JPEG", quality=90, subsampling=sampling)
        return out.getvalue()
    syntax = JPEG_2000_LOSSLESS if kind.syntax == JPEG_2000 else kind.syntax
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return get_encoder(UID(syntax)).encode(
            frame, encoding_plugin="pylibjpeg", rows=ROWS, columns=kind.columns, number_of_frames=1,
            samples_per_pixel=kind.samples, bits_allocated=kind.allocated, bits_stored=kind.stored,
            photometric_interpretation=kind.photometric, pixel_representation=int(kind.signed),
            planar_configuration=0,
        )  # fmt: skip


def file_of(ds: Dataset) -> bytes:
    """The PS3.10 file."""
    out = io.BytesIO()
    syntax = ds.file_meta.TransferSyntaxUID
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcmwrite(out, ds, implicit_vr=syntax == IMPLICIT, little_endian=syntax != BIG, enforce_file_format=True)
    return out.getvalue()


def decoded(file: bytes) -> NDArray[Any]:
    """Frames × rows × columns (× 3), by pydicom, colours not converted."""
    ds = dcmread(io.BytesIO(file))
    count = int(ds.get("NumberOfFrames", 1))
    if ds.BitsAllocated == 1:  # pydicom does not know that words of single bits are turned round in big endian
        raw = np.frombuffer(ds.PixelData, np.uint8)
        if ds.file_meta.TransferSyntaxUID == BIG and ds["PixelData"].VR == "OW":
            raw = raw.reshape(-1, 2)[:, ::-1].reshape(-1)
        bits = np.unpackbits(raw, bitorder="little")[: count * ds.Rows * ds.Columns]
        return bits.reshape(count, ds.Rows, ds.Columns)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array = pixel_array(ds, raw=True, correct_unused_bits=False)
    return array if count > 1 else array[np.newaxis]


def black(kind: Kind) -> Any:
    """What is black, worked out anew."""
    middle = 2 ** (kind.stored - 1)
    if kind.photometric == "MONOCHROME1":
        value = middle - 1 if kind.signed else 2 * middle - 1
    elif kind.photometric == "MONOCHROME2":
        value = -middle if kind.signed else 0
    elif kind.photometric == "PALETTE COLOR":
        value = 77
    else:
        return (0, middle, middle) if kind.photometric.startswith("YBR_FULL") else (0, 0, 0)
    return value << (0 if kind.high_bit < 0 else kind.high_bit + 1 - kind.stored)
