"""Identifiers as bytes among the samples of uncompressed pixels hold the instance; samples alone never do."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    MRSpectroscopyStorage,
    SurfaceSegmentationStorage,
    TwelveLeadECGWaveformStorage,
)

from sendit.deidentify import deidentify
from sendit.deidentify.leak_check.byte_search import SampleSearch
from sendit.deidentify.leak_check.spellings import Kind
from sendit.model import Quarantined, Released
from tests.dicom import Person, StudyMaker, written
from tests.unit.deidentify.samples import IDENTITIES, VARIED, dataset, file_of, plan, sample

PERSON = Person(patient_id="MRN7741905", name="Quixworth^Zebulon")
_HOLDERS = {
    "WaveformData": TwelveLeadECGWaveformStorage,
    "SpectroscopyData": MRSpectroscopyStorage,
    "PointCoordinatesData": SurfaceSegmentationStorage,
}


def image(planted: bytes, at: int = 3001, bits: int = 16) -> bytes:
    """An image of noise with bytes in its samples."""
    maker = StudyMaker(PERSON)
    made = maker._header(1, "1.2.3.4")
    size = 64 * 64 * bits // 8
    noise = np.random.default_rng(1).integers(0, 2000 if bits == 16 else 200, 64 * 64)
    samples = bytearray(noise.astype(np.uint16 if bits == 16 else np.uint8).tobytes())
    samples[at : at + len(planted)] = planted
    made.Rows = made.Columns = 64
    made.BitsAllocated = made.BitsStored = bits
    made.HighBit, made.PixelRepresentation, made.SamplesPerPixel = bits - 1, 0, 1
    made.PhotometricInterpretation = "MONOCHROME2"
    made.PixelData = bytes(samples[:size])
    return written(made)


def swapped(text: bytes) -> bytes:
    """In samples of the other byte order."""
    return b"".join(text[at + 1 : at + 2] + text[at : at + 1] for at in range(0, len(text) - 1, 2))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("at", [3000, 3001])
@pytest.mark.parametrize(
    "planted",
    [
        b"Quixworth",
        b"ZEBULON",
        b"Quixworth^Zebulon",
        b"zebulon quixworth",
        b"MRN7741905",
        "MRN7741905".encode("utf-16-le"),
        "Quixworth".encode("utf-16-be"),
        swapped(b"Quixworth^Zebulon "),
        swapped(b"xQuixworth^Zebulon"),
        b"Hospital of Nowhere",
    ],
)
def test_identifiers_among_samples(planted: bytes, at: int, bits: int) -> None:
    """In one byte a character or two, in both byte orders, at even and odd places."""
    outcome = deidentify(image(planted, at, bits), plan(), IDENTITIES)
    assert isinstance(outcome, Quarantined)
    assert "(7FE0,0010) PixelData still holds" in outcome.reason
    assert "Quixworth" not in outcome.reason


def numbers(keyword: str, planted: bytes) -> bytes:
    """A waveform, a spectrum or points, with bytes among their numbers."""
    made, item = StudyMaker(PERSON)._header(1, "1.2.3.4"), Dataset()
    made.SOPClassUID = _HOLDERS[keyword]
    noise = np.random.default_rng(1).normal(0, 40, 1000).astype(np.int16 if keyword == "WaveformData" else np.float32)
    value = bytearray(noise.tobytes())
    value[400 : 400 + len(planted)] = planted
    if keyword == "SpectroscopyData":
        made.SpectroscopyData = bytes(value)
    else:
        setattr(item, keyword, bytes(value))
        item[keyword].VR = "OW" if keyword == "WaveformData" else "OF"
        setattr(made, "WaveformSequence" if keyword == "WaveformData" else "SurfacePointsSequence", [item])
    return written(made)


@pytest.mark.parametrize("keyword", ["WaveformData", "SpectroscopyData", "PointCoordinatesData"])
def test_identifiers_among_other_numbers(keyword: str) -> None:
    """Numbers around a name may look like letters of the same word."""
    assert isinstance(deidentify(numbers(keyword, b"kQuinine^Zeppelink"), plan(), IDENTITIES), Released)
    outcome = deidentify(numbers(keyword, b"kQuixworthk"), plan(), IDENTITIES)
    assert isinstance(outcome, Quarantined)
    assert f"{keyword} still holds" in outcome.reason


@pytest.mark.parametrize("planted", [b"", b"Quinine^Zeppelin", b"MRN1234567", b"\0" * 64])
def test_other_bytes_hold_nothing(planted: bytes) -> None:
    """Only what is known of this patient does."""
    assert isinstance(deidentify(image(planted), plan(), IDENTITIES), Released)


def test_a_header_within_the_samples() -> None:
    """A damaged file whose pixel data have swallowed elements of its header."""
    header = b"\x10\0\x10\0PN\x12\0Quixworth^Zebulon \x10\0\x20\0LO\x0a\0MRN7741905\x10\0\x30\0DA\x08\x0019610307"
    assert isinstance(deidentify(image(header, 1000), plan(), IDENTITIES), Quarantined)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_in_every_uncompressed_syntax(syntax: str) -> None:
    """Implicit VR does not say of what kind the samples are; big endian turns them."""
    name = "MR_small_implicit.dcm" if syntax == ImplicitVRLittleEndian else "MR_small_bigendian.dcm"
    made = dataset(name)
    made.PatientName = "Quixworth^Zebulon"
    made.PixelData = made.PixelData[:2000] + b"Quixworth^Zebulon " + made.PixelData[2018:]
    assert isinstance(deidentify(file_of(made), plan(), IDENTITIES), Quarantined)


@pytest.mark.parametrize("name", VARIED)
def test_real_images_hold_nothing(name: str) -> None:
    """As they are."""
    assert isinstance(deidentify(sample(name), plan(), IDENTITIES), Released)


def test_greys_that_spell_a_number_are_no_find() -> None:
    """Ramps, areas of one grey, and noise around the codes of digits."""
    search = SampleSearch(
        [(Kind.IDENTIFIER, number) for number in ("123456", "000000", "506152", "554433", "13579135")]
    )
    noise = np.random.default_rng(2)
    assert search.kinds(np.tile(np.arange(256, dtype=np.uint8), 4096).tobytes()) == set()
    assert search.kinds(b"0" * 1_000_000) == set()
    assert search.kinds(noise.integers(48, 58, 4_000_000, dtype=np.uint8).tobytes()) == set()
    assert search.kinds(noise.normal(53, 4, 4_000_000).clip(0, 255).astype(np.uint8).tobytes()) == set()


def test_a_find_across_two_pieces() -> None:
    """Samples are looked through in pieces, which overlap."""
    search = SampleSearch([(Kind.PATIENT, "Quixworth^Zebulon")])
    for at in ((1 << 20) - 8, (1 << 20) - 17, 1 << 20, (3 << 20) - 18):
        samples = bytearray(3 << 20)
        samples[at : at + 17] = b"Quixworth^Zebulon"
        assert search.kinds(bytes(samples)) == {Kind.PATIENT}


def test_many_names_of_other_scripts_take_little_memory() -> None:
    """Each has hundreds of forms in bytes: automata that are fast for a few would take 60 MB for these."""
    names = (
        "長宗我部^元勝",
        "東海林^美佐緒",
        "欧阳^婧雯",
        "Череповецкая^Владислава",
        "Караваев^Эдуард",
        "วงศ์เจริญ^สมศักดิ์",
    )
    search = SampleSearch([(Kind.PERSON, name) for name in names])
    before = _resident()
    assert search.kinds(bytes(4096) + "東海林".encode("shift_jis") + bytes(4096)) == {Kind.PERSON}
    assert _resident() - before < 24 << 20


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()
