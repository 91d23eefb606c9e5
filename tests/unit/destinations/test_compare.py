"""Do two files say the same? What a transcoding may change, and what it may not."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
)

from sendit.destinations import compare as same_dataset
from sendit.destinations.compare import CannotCompare, difference, difference_of_files
from tests.destinations.staged_instances import read_testfile, to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

PAIRS = [
    ("MR_small.dcm", "MR_small_implicit.dcm"),
    ("MR_small.dcm", "MR_small_bigendian.dcm"),
    ("MR_small.dcm", "MR_small_RLE.dcm"),
    ("MR_small_implicit.dcm", "MR_small_bigendian.dcm"),
    ("MR_small_bigendian.dcm", "MR_small_RLE.dcm"),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_encodings_of_one_image(one: str, other: str) -> None:
    """Implicit, explicit, big endian and RLE of one image say the same, in either direction."""
    a, b = to_bytes(_same_uids(one)), to_bytes(_same_uids(other))
    assert difference(a, b) is None
    assert difference(b, a) is None


def _same_uids(name: str) -> FileDataset:
    """pydicom's files of this image differ in what their writers noted; the pixels are one."""
    base = read_testfile("MR_small.dcm")
    dataset = read_testfile(name)
    for keyword in ("SOPInstanceUID", "InstanceCreationDate", "InstanceCreationTime"):
        if keyword in base:
            setattr(dataset, keyword, base[keyword].value)
    return dataset


def test_sequences_keep_their_depth() -> None:
    """A value at the second depth is compared too, and named by its place at the top."""
    first, second = read_testfile("rtplan.dcm"), read_testfile("rtplan.dcm")
    assert difference(to_bytes(first), to_bytes(second)) is None
    second.BeamSequence[0].ControlPointSequence[0].NominalBeamEnergy = "7"
    assert difference(to_bytes(first), to_bytes(second)) == "these attributes differ: BeamSequence"


def _change_text(dataset: FileDataset) -> None:
    dataset.StudyDescription = "secret"


def _remove(dataset: FileDataset) -> None:
    del dataset.Modality


def _add_private(dataset: FileDataset) -> None:
    dataset.private_block(0x0041, "SECRET", create=True).add_new(1, "LO", "secret")


def _empty_sequence(dataset: FileDataset) -> None:
    dataset.ReferencedStudySequence = Sequence([Dataset()])


def _photometric(dataset: FileDataset) -> None:
    dataset.PhotometricInterpretation = "MONOCHROME1"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_change_text, "StudyDescription"),
        (_remove, "Modality"),
        (_add_private, "(0041,0010), (0041,1001)"),
        (_empty_sequence, "ReferencedStudySequence"),
        (_photometric, "PhotometricInterpretation"),
    ],
)
def test_what_differs_is_named_without_its_value(change: Callable[[FileDataset], None], named: str) -> None:
    """Changed, removed, added; and an interpretation of the pixels that no transcoding explains."""
    dataset = read_testfile("CT_small.dcm")
    ours = to_bytes(dataset)
    change(dataset)
    assert difference(ours, to_bytes(dataset)) == f"these attributes differ: {named}"


def test_many_differences_are_counted() -> None:
    """A message stays short."""
    dataset = read_testfile("CT_small.dcm")
    ours = to_bytes(dataset)
    for element in list(dataset)[:40]:
        if element.VR in ("LO", "SH", "DA", "TM"):
            element.value = None
    assert " and " in str(difference(ours, to_bytes(dataset)))


def test_one_bit_of_one_pixel() -> None:
    """Also when the other copy is compressed."""
    dataset = read_testfile("CT_small.dcm")
    ours = to_bytes(dataset)
    pixels = np.array(dataset.pixel_array)
    pixels.flat[1000] ^= 1
    dataset.PixelData = pixels.tobytes()
    assert difference(ours, to_bytes(dataset)) == "the pixels differ"
    dataset.compress(RLELossless, pixels, generate_instance_uid=False)
    assert difference(ours, to_bytes(dataset)) == "the pixels differ"


def test_a_missing_frame() -> None:
    """Fewer frames than were sent."""
    dataset = read_testfile("rtdose.dcm")
    ours = to_bytes(dataset)
    frames = dataset.pixel_array
    dataset.PixelData = frames[:-1].tobytes()
    assert difference(ours, to_bytes(dataset)) == "the pixels differ"


def test_a_note_of_a_lossless_compression_may_be_added() -> None:
    """dcmtk writes one, with what stood there in brackets; any other change of the description is one."""
    dataset = read_testfile("CT_small.dcm")
    dataset.DerivationDescription = "ours"
    ours = to_bytes(dataset)
    pixels = dataset.pixel_array
    for text, expected in (
        ("Lossless JPEG compression, compression ratio 2.5 [ours]", None),
        ("Lossless JPEG compression, compression ratio 2.5", "DerivationDescription"),
        ("Lossy compression [ours]", "DerivationDescription"),
        ("", "DerivationDescription"),
    ):
        theirs = read_testfile("CT_small.dcm")
        theirs.DerivationDescription = text
        theirs.compress(RLELossless, pixels, generate_instance_uid=False)
        found = difference(ours, to_bytes(theirs))
        assert found == (f"these attributes differ: {expected}" if expected else None)
        uncompressed = read_testfile("CT_small.dcm")
        uncompressed.DerivationDescription = text
        assert difference(ours, to_bytes(uncompressed)) is not None


def test_what_cannot_be_decoded_is_not_equal() -> None:
    """No decoder here: neither same nor different."""
    dataset = read_testfile("CT_small.dcm")
    ours = to_bytes(dataset)
    dataset.compress(RLELossless, generate_instance_uid=False)
    dataset.file_meta.TransferSyntaxUID = JPEGLSLossless
    with pytest.raises(CannotCompare):
        difference(ours, to_bytes(dataset))


def test_what_is_not_dicom() -> None:
    """The destination holds something, and it is not a DICOM file."""
    ours = to_bytes(read_testfile("CT_small.dcm"))
    for theirs in (b"", b"<html>", ours[:100], io.BytesIO(ours).read(140)):
        assert difference(ours, theirs) is not None


def _stored(folder: Path, name: str, dataset: FileDataset) -> Path:
    path = folder / name
    dataset.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize("source", ["CT_small.dcm", "MR_small_RLE.dcm"])
def test_large_files_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """What is too large to be held: equal, another value, another pixel; padding at the end does not count."""
    monkeypatch.setattr(same_dataset, "_LARGE", 1000)  # so that pixels of small files are read in pieces as well
    ours = _stored(tmp_path, "ours.dcm", read_testfile(source))
    other = read_testfile(source)
    other.pop(0xFFFCFFFC, None)
    assert difference_of_files(ours, _stored(tmp_path, "same.dcm", other)) is None
    other.StudyDescription = "another"
    found = difference_of_files(ours, _stored(tmp_path, "value.dcm", other))
    assert found == "these attributes differ: StudyDescription"
    pixels = read_testfile(source)
    data = bytearray(pixels.PixelData)
    data[2000] ^= 1
    pixels.PixelData = bytes(data)
    assert difference_of_files(ours, _stored(tmp_path, "pixel.dcm", pixels)) == "the pixels differ"


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_large_files_in_other_encodings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one: str, other: str) -> None:
    """Frame by frame: equal, another pixel, another value, in either direction."""
    monkeypatch.setattr(same_dataset, "_LARGE", 1000)
    ours, theirs = (_stored(tmp_path, name, _same_uids(name)) for name in (one, other))
    assert difference_of_files(ours, theirs) is None
    assert difference_of_files(theirs, ours) is None
    changed = _same_uids(one)
    changed.StudyDescription = "another"
    found = difference_of_files(_stored(tmp_path, "value.dcm", changed), theirs)
    assert found == "these attributes differ: StudyDescription"
    del changed.PixelData
    found = difference_of_files(_stored(tmp_path, "none.dcm", changed), theirs)
    assert found == "these attributes differ: StudyDescription, PixelData"


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")  # of pydicom's own files
@pytest.mark.parametrize("name", ["rtdose.dcm", "rtdose_expb.dcm", "rtdose_rle.dcm"])
def test_one_pixel_of_one_frame_of_a_large_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """In the last frame of fifteen, against the image in explicit VR."""
    monkeypatch.setattr(same_dataset, "_LARGE", 1000)
    ours, plain = read_testfile(name), read_testfile(name)
    plain.PixelData, plain["PixelData"].VR = plain.pixel_array.astype("<u4").tobytes(), "OW"
    plain["PixelData"].is_undefined_length = False
    plain.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    theirs = _stored(tmp_path, "theirs.dcm", _little(plain))
    assert difference_of_files(_stored(tmp_path, "ours.dcm", ours), theirs) is None
    data = bytearray(plain.PixelData)
    data[-2] ^= 1
    plain.PixelData = bytes(data)
    theirs = _stored(tmp_path, "other.dcm", _little(plain))
    assert difference_of_files(tmp_path / "ours.dcm", theirs) == "the pixels differ"
    plain.PixelData = bytes(data[: len(data) * 14 // 15])
    plain.NumberOfFrames = 14
    theirs = _stored(tmp_path, "fewer.dcm", _little(plain))
    assert difference_of_files(tmp_path / "ours.dcm", theirs) == "these attributes differ: NumberOfFrames"


def _little(dataset: FileDataset) -> FileDataset:
    """In little endian, whatever it was read in."""
    copy = Dataset(dataset)
    copy.file_meta = dataset.file_meta
    copy.set_original_encoding(False, True)
    return cast("FileDataset", copy)


def test_a_file_that_has_no_name(tmp_path: Path) -> None:
    """What was small and became large: the one lies in memory, under the path of a descriptor."""
    data = to_bytes(_same_uids("MR_small_RLE.dcm"))
    with os.fdopen(os.memfd_create("ours"), "wb") as file:
        file.write(data)
        file.flush()
        ours = Path(f"/proc/self/fd/{file.fileno()}")
        assert difference_of_files(ours, _stored(tmp_path, "theirs.dcm", _same_uids("MR_small.dcm"))) is None


def test_a_large_sequence_in_another_encoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that is large and encoded otherwise is held, up to a size; then it is not called equal."""
    monkeypatch.setattr(same_dataset, "_LARGE", 100)
    ours = _stored(tmp_path, "ours.dcm", read_testfile("rtplan.dcm"))
    other = read_testfile("rtplan.dcm")
    other.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    theirs = tmp_path / "theirs.dcm"
    other.save_as(theirs, implicit_vr=False, little_endian=True)
    assert difference_of_files(ours, theirs) is None
    monkeypatch.setattr(same_dataset, "_HELD", 200)
    with pytest.raises(CannotCompare, match="too large for memory"):
        difference_of_files(ours, theirs)


def test_what_large_files_do_not_allow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame that is too large, a file that is deflated as a whole, one that is no DICOM: never called equal."""
    monkeypatch.setattr(same_dataset, "_LARGE", 1000)
    plain = _stored(tmp_path, "plain.dcm", _same_uids("MR_small_implicit.dcm"))
    deflated = read_testfile("MR_small.dcm")
    deflated.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    with pytest.raises(CannotCompare, match="deflated"):
        difference_of_files(_stored(tmp_path, "a.dcm", deflated), plain)
    monkeypatch.setattr(same_dataset, "_HELD", 64 * 64 * 2 - 1)
    with pytest.raises(CannotCompare, match="one frame is too large"):
        difference_of_files(plain, _stored(tmp_path, "b.dcm", _same_uids("MR_small_RLE.dcm")))
    (tmp_path / "text").write_text("no DICOM")
    assert difference_of_files(plain, tmp_path / "text") == "it is not a readable DICOM file"


def test_pixels_of_one_encoding_that_nobody_decodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other bytes in the same compression that cannot be decoded are a difference, not a question."""
    monkeypatch.setattr(same_dataset, "_LARGE", 1000)
    ours = _stored(tmp_path, "ours.dcm", read_testfile("MR_small_RLE.dcm"))
    broken = read_testfile("MR_small_RLE.dcm")
    broken.PixelData = encapsulate([b"\xff" * 3000])
    found = difference_of_files(ours, _stored(tmp_path, "broken.dcm", broken))
    assert found == "the encoded pixels differ, and cannot be decoded here"


def test_pixels_without_a_size(tmp_path: Path) -> None:
    """Rows without a value, on both sides, and other pixels: an answer, whatever cannot be decoded."""
    ours, theirs = read_testfile("CT_small.dcm"), read_testfile("CT_small.dcm")
    ours.Rows = theirs.Rows = None
    theirs.PixelData = b"\1\1" + theirs.PixelData[2:]
    paths = _stored(tmp_path, "ours.dcm", ours), _stored(tmp_path, "theirs.dcm", theirs)
    assert difference_of_files(*paths) == "the encoded pixels differ, and cannot be decoded here"
    with pytest.raises(CannotCompare):
        difference(paths[0].read_bytes(), paths[1].read_bytes())
