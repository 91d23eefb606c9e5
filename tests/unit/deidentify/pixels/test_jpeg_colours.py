"""JPEG whose header says other colours than its stream: the stream decides, as in other decoders."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gdcm
import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels.utils import pixel_array

from sendit.config.schema import Option
from sendit.deidentify import KeyedIdentities, compile_plan, deidentify
from sendit.deidentify.dicom.reader import read_file
from sendit.deidentify.pixels import codecs
from sendit.deidentify.pixels.display import displayed
from sendit.deidentify.pixels.frames import Frames
from sendit.deidentify.pixels.jpeg_colours import photometric_of
from sendit.deidentify.pixels.ocr.api import PixelTools
from sendit.deidentify.pixels.regions import Region
from sendit.model import Quarantined, Rejected, Released
from tests.pixels import BASELINE, JPEG_2000_LOSSLESS, Kind, file_of, image

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from sendit.deidentify.leak_check.identifiers import Identifiers

pytestmark = pytest.mark.long

JFIF = b"\xff\xe0\x00\x10JFIF\0\1\1\0\0\1\0\1\0\0"
ROWS, COLUMNS = 64, 96


def adobe(transform: int) -> bytes:
    """Adobe's marker."""
    return b"\xff\xee\x00\x0eAdobe\0\x64\0\0\0\0" + bytes([transform])


def picture() -> NDArray[np.uint8]:
    """A ramp in colour with a red patch."""
    y, x = np.mgrid[:ROWS, :COLUMNS]
    made = np.stack([40 + x * 2 % 200, 60 + y * 3 % 180, np.full_like(x, 90)], -1).astype(np.uint8)
    made[20:40, 30:60] = (200, 40, 30)
    return made


@dataclass(frozen=True)
class Stream:
    """How a JPEG is written."""

    converted: bool = True  # to YCbCr
    sampling: str = "4:4:4"
    markers: bytes = b""
    identifiers: bytes = b"\1\2\3"

    def data(self) -> bytes:
        """The codestream."""
        out = io.BytesIO()
        shown = Image.fromarray(picture()) if self.converted else Image.fromarray(picture(), mode="YCbCr")
        shown.save(out, "JPEG", quality=95, subsampling=self.sampling)
        made = out.getvalue()
        (length,) = struct.unpack(">H", made[4:6])  # of its own JFIF
        body = bytearray(made[4 + length :])
        frame, scan = body.index(b"\xff\xc0"), body.index(b"\xff\xda")
        for number in range(3):
            body[frame + 10 + 3 * number] = body[scan + 5 + 2 * number] = self.identifiers[number]
        return b"\xff\xd8" + self.markers + bytes(body)


def instance(said: str, *streams: Stream) -> Dataset:
    """An image in colour; `said` "" leaves PhotometricInterpretation out."""
    ds = image(Kind(BASELINE, "RGB", 8, 8, vr="OB"))
    ds.Rows, ds.Columns, ds.NumberOfFrames = ROWS, COLUMNS, len(streams)
    ds.PhotometricInterpretation = said
    if not said:
        del ds.PhotometricInterpretation
    ds.PixelData = encapsulate([stream.data() for stream in streams])
    return ds


def treated(ds: Dataset, *regions: Region) -> Released | Rejected | Quarantined:
    """What becomes of it; text is found in these regions."""

    def search(frames: Frames, identifiers: Identifiers, series_instance_uid: str) -> Sequence[Region]:
        shown = np.stack([displayed(frame, frames) for frame in frames]).astype(int)
        assert np.abs(shown - picture()).mean() < 4  # it is looked at in its true colours
        return regions

    plan = compile_plan([Option.CLEAN_PIXEL_DATA], [])
    return deidentify(file_of(ds), plan, KeyedIdentities(bytes(32)), PixelTools(search))


def by_pydicom(file: bytes) -> NDArray[Any]:
    """As RGB."""
    return pixel_array(io.BytesIO(file), raw=False)


def by_gdcm(file: bytes, path: Path) -> NDArray[Any]:
    """As RGB, by the library itself."""
    path.write_bytes(file)
    reader, unpacked = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax()
    reader.SetFileName(str(path))
    assert reader.Read()
    unpacked.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.ExplicitVRLittleEndian))
    unpacked.SetInput(reader.GetImage())
    assert unpacked.Change()
    coloured = gdcm.ImageChangePhotometricInterpretation()
    coloured.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.RGB))
    coloured.SetInput(unpacked.GetOutput())
    made = coloured if coloured.Change() else unpacked  # it is RGB already
    buffer = made.GetOutput().GetBuffer().encode("utf-8", "surrogateescape")
    return np.frombuffer(buffer, np.uint8).reshape(ROWS, COLUMNS, 3)


def by_dcmtk(file: bytes, path: Path) -> NDArray[Any]:
    """As RGB, as DCMTK converts it by its header."""
    path.write_bytes(file)
    made = path.with_suffix(".ppm")
    subprocess.run(["dcmj2pnm", "--write-raw-pnm", path, made], check=True, capture_output=True)
    return np.asarray(Image.open(made).convert("RGB"))


UNLIKE: dict[str, tuple[str, Stream, str]] = {
    "JFIF, 4:2:0": ("RGB", Stream(sampling="4:2:0", markers=JFIF), "YBR_FULL_422"),
    "JFIF": ("RGB", Stream(markers=JFIF), "YBR_FULL_422"),
    "JFIF and Adobe": ("RGB", Stream(markers=JFIF + adobe(1)), "YBR_FULL_422"),
    "subsampling alone": ("RGB", Stream(sampling="4:2:0"), "YBR_FULL_422"),
    "Adobe, YCbCr": ("RGB", Stream(markers=adobe(1)), "YBR_FULL_422"),
    "Adobe, YCbCr, 4:2:2": ("RGB", Stream(sampling="4:2:2", markers=adobe(1)), "YBR_FULL_422"),
    "Adobe, RGB": ("YBR_FULL_422", Stream(False, markers=adobe(0)), "RGB"),
    "Adobe, RGB, of YBR_FULL": ("YBR_FULL", Stream(False, markers=adobe(0)), "RGB"),
    "letters": ("YBR_FULL_422", Stream(False, identifiers=b"RGB"), "RGB"),
    "small letters": ("YBR_FULL", Stream(False, identifiers=b"rgb"), "RGB"),
    "letters and Adobe": ("YBR_FULL_422", Stream(False, markers=adobe(0), identifiers=b"RGB"), "RGB"),
    "of JPEG 2000": ("YBR_ICT", Stream(markers=JFIF), "YBR_FULL_422"),
    "of JPEG 2000, lossless": ("YBR_RCT", Stream(), "YBR_FULL_422"),
    "of MPEG": ("YBR_PARTIAL_420", Stream(sampling="4:2:0", markers=JFIF), "YBR_FULL_422"),
    "none": ("", Stream(sampling="4:2:0", markers=JFIF), "YBR_FULL_422"),
    "none, letters": ("", Stream(False, identifiers=b"RGB"), "RGB"),
}
ALIKE: dict[str, tuple[str, Stream]] = {
    "4:2:0": ("YBR_FULL_422", Stream(sampling="4:2:0")),
    "4:2:0, JFIF": ("YBR_FULL", Stream(sampling="4:2:0", markers=JFIF)),
    "4:2:2, Adobe": ("YBR_FULL_422", Stream(sampling="4:2:2", markers=adobe(1))),
    "no sign, YCbCr": ("YBR_FULL_422", Stream()),
    "no sign, RGB": ("RGB", Stream(False)),
    "other identifiers": ("YBR_FULL_422", Stream(identifiers=b"\0\1\2")),
    "Adobe, RGB": ("RGB", Stream(False, markers=adobe(0))),
    "letters": ("RGB", Stream(False, identifiers=b"RGB")),
    "letters and JFIF": ("RGB", Stream(False, markers=JFIF, identifiers=b"RGB")),
}


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize(("said", "stream", "true"), UNLIKE.values(), ids=list(UNLIKE))
def test_the_stream_decides(said: str, stream: Stream, true: str, frames: int) -> None:
    """The header is written as the stream is, the samples stay, and pydicom decodes the picture that was compressed."""
    ds = instance(said, *[stream] * frames)
    outcome = treated(ds)
    assert isinstance(outcome, Released), outcome
    file = b"".join(outcome.chunks)
    after = dcmread(io.BytesIO(file))
    assert (after.PhotometricInterpretation, after.file_meta.TransferSyntaxUID) == (true, BASELINE)
    assert outcome.receipt.pixels == {"status": "checked and clean", "how": "text detection", "photometric": true}
    before = list(generate_frames(ds.PixelData, number_of_frames=frames))
    assert list(generate_frames(after.PixelData, number_of_frames=frames)) == before
    assert np.abs(by_pydicom(file).astype(int) - picture()).mean() < 4


DECODERS = [
    by_gdcm,
    pytest.param(by_dcmtk, marks=pytest.mark.skipif(not shutil.which("dcmj2pnm"), reason="DCMTK is not installed")),
]


@pytest.mark.parametrize("decoded", DECODERS)
@pytest.mark.parametrize(("said", "stream", "true"), UNLIKE.values(), ids=list(UNLIKE))
def test_other_decoders(
    said: str, stream: Stream, true: str, decoded: Callable[[bytes, Path], NDArray[Any]], tmp_path: Path
) -> None:
    """Whoever goes by the header sees the picture, too."""
    outcome = treated(instance(said, stream))
    assert isinstance(outcome, Released), outcome
    shown = decoded(b"".join(outcome.chunks), tmp_path / "image.dcm")
    assert np.abs(shown.astype(int) - picture()).mean() < 4


@pytest.mark.parametrize(("said", "stream", "true"), UNLIKE.values(), ids=list(UNLIKE))
def test_text_in_it_is_masked(said: str, stream: Stream, true: str) -> None:
    """It leaves in its own colours, black where text was, and still lossy."""
    outcome = treated(instance(said, stream), Region(0, 50, 20, 64))
    assert isinstance(outcome, Released), outcome
    file = b"".join(outcome.chunks)
    assert dcmread(io.BytesIO(file)).PhotometricInterpretation == true
    shown = by_pydicom(file).astype(int)
    assert shown[50:, :20].max() <= 1
    assert np.abs(shown - picture())[:50].mean() < 4


@pytest.mark.parametrize(("said", "stream"), ALIKE.values(), ids=list(ALIKE))
def test_where_both_agree_or_the_stream_says_nothing(said: str, stream: Stream) -> None:
    """Nothing is written, nothing is said."""
    outcome = treated(instance(said, stream))
    assert isinstance(outcome, Released), outcome
    assert dcmread(io.BytesIO(b"".join(outcome.chunks))).PhotometricInterpretation == said
    assert "photometric" not in outcome.receipt.pixels


def _one_sample(ds: Dataset) -> None:
    ds.SamplesPerPixel = 1


def _monochrome(ds: Dataset) -> None:
    ds.PhotometricInterpretation = "MONOCHROME2"


def _grey(ds: Dataset) -> None:
    out = io.BytesIO()
    Image.fromarray(picture()[..., 0]).save(out, "JPEG")
    ds.PixelData = encapsulate([out.getvalue()])


@pytest.mark.parametrize("breaking", [_one_sample, _monochrome, _grey])
def test_other_samples_are_held(breaking: Callable[[Dataset], None]) -> None:
    """One sample labelled as colours, or colours as one sample: nobody can say which is right."""
    ds = instance("RGB", Stream(markers=JFIF))
    breaking(ds)
    assert isinstance(treated(ds), Quarantined)


def test_frames_in_different_colours_are_held() -> None:
    """One header cannot say it of both."""
    outcome = treated(instance("RGB", Stream(markers=JFIF), Stream(False, identifiers=b"RGB")))
    assert isinstance(outcome, Quarantined)
    assert "not all in the same colours" in outcome.reason


@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("markers", [JFIF, b"", adobe(1)])
def test_the_faster_decoder_returns_the_same_samples(
    markers: bytes, sampling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As gdcm does; where Adobe's marker would have it convert the colours, it is not used."""
    stream = Stream(sampling=sampling, markers=markers)
    said = "YBR_FULL" if sampling == "4:4:4" else "YBR_FULL_422"
    dataset = instance(said, stream)
    first = Frames(read_file(memoryview(file_of(dataset))))[0].copy()
    monkeypatch.setattr(codecs, "_FASTER", "gdcm")
    np.testing.assert_array_equal(first, Frames(read_file(memoryview(file_of(dataset))))[0], strict=True)


def test_lossless_streams() -> None:
    """JFIF is written before RGB, too, where nothing is lost: only letters count there."""
    lossless = Stream(markers=JFIF).data().replace(b"\xff\xc0", b"\xff\xc3")
    assert [photometric_of(lossless, said) for said in ("RGB", "YBR_FULL", "")] == ["RGB", "YBR_FULL", ""]
    letters = Stream(identifiers=b"RGB").data().replace(b"\xff\xc0", b"\xff\xc3")
    assert photometric_of(letters, "YBR_FULL") == "RGB"


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xe0", b"\xff\xd8" + b"\xff" * 99, bytes(99)])
def test_streams_that_say_nothing(data: bytes) -> None:
    """What is no JPEG, or ends before its frame, has no colours of its own."""
    assert photometric_of(data, "RGB") == ""


def test_jpeg_2000_is_not_concerned() -> None:
    """Its decoders convert, and say so."""
    ds = image(Kind(JPEG_2000_LOSSLESS, "YBR_RCT", 8, 8, vr="OB"))
    plan = compile_plan([Option.CLEAN_PIXEL_DATA], [])
    outcome = deidentify(file_of(ds), plan, KeyedIdentities(bytes(32)), PixelTools(lambda *_: ()))
    assert isinstance(outcome, Released), outcome
    assert "photometric" not in outcome.receipt.pixels
