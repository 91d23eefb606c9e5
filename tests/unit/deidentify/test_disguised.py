"""Text where numbers, samples or frames should be does not stay, and numbers that are none of it do."""

from __future__ import annotations

import struct

import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.tag import BaseTag

from sendit.deidentify import compile_plan, deidentify
from sendit.deidentify.disguised import as_number, is_disguised_text
from sendit.model import Quarantined, Released
from sendit.settings import Option
from tests.unit.deidentify.samples import IDENTITIES, dataset, file_of, output, plan


@pytest.mark.parametrize("value", [b"Quxbarry", b"Quxbarry\0\0", "Quxbarry".encode("utf-16-le"), b"Jane Qux, 1941"])
def test_text_is_seen(value: bytes) -> None:
    """In one byte a character or in two, padded or not."""
    assert is_disguised_text(value)


@pytest.mark.parametrize(
    "value",
    [b"", struct.pack("<3H", 256, 0, 16), struct.pack("<d", 2.5), bytes(range(0x30, 0x7A)), b"A" * 64, b"12345678"],
)
def test_numbers_are_none(value: bytes) -> None:
    """Descriptors, measured values, ramps, constants and digits."""
    assert not is_disguised_text(value)


def test_numbers_as_digits() -> None:
    """Whole numbers of each VR; several values and broken ones are none."""
    assert as_number(struct.pack("<I", 71000123), "UL", "<") == "71000123"
    assert as_number(struct.pack(">d", 71000123.0), "FD", ">") == "71000123"
    assert as_number(struct.pack("<d", float("nan")), "FD", "<") == ""
    assert as_number(struct.pack("<2H", 1, 2), "US", "<") == ""


@pytest.mark.parametrize(
    ("tag", "vr"), [(0x00189306, "FD"), (0x00281201, "OW"), (0x00283006, "OW"), (0x0018605A, "FL"), (0x00189087, "FD")]
)
def test_a_name_in_numbers_goes(tag: int, vr: str) -> None:
    """At the top and in items."""
    whole = dataset()
    for target in (whole, Dataset()):
        target[tag] = RawDataElement(BaseTag(tag), vr, 8, b"Quxbarry", 0, False, True, True)
    item = Dataset()
    item[tag] = RawDataElement(BaseTag(tag), vr, 8, b"Quxbarry", 0, False, True, True)
    whole.DerivationImageSequence = [item]
    made = deidentify(file_of(whole), plan(), IDENTITIES)
    assert isinstance(made, Released)
    assert b"Quxbarry" not in b"".join(made.chunks)


def test_an_identifier_in_a_number_goes() -> None:
    """The patient's number as a speed and as an offset."""
    whole = dataset()
    whole.OtherPatientIDs, whole.TableSpeed, whole.ConcatenationFrameOffsetNumber = "71000123", 71000123.0, 71000123
    made = output(file_of(whole))
    assert made["TableSpeed"].is_empty
    assert made["ConcatenationFrameOffsetNumber"].is_empty


def test_pixels_in_items_go() -> None:
    """Icons are the only ones of the standard, and the profile removes them."""
    whole, item = dataset(), Dataset()
    item.add_new(0x7FE00010, "OW", b"Quxbarry")
    whole.DerivationImageSequence = [item]
    assert "PixelData" not in output(file_of(whole)).DerivationImageSequence[0]


def _commented(text: bytes) -> bytes:
    whole = dataset("SC_rgb_jpeg_gdcm.dcm")
    frame = next(generate_frames(whole.PixelData, number_of_frames=1))
    segment = b"\xff\xfe" + struct.pack(">H", 2 + len(text)) + text
    whole.PixelData = encapsulate([frame[:2] + segment + frame[2:]])
    whole["PixelData"].is_undefined_length = True
    return file_of(whole)


def test_a_comment_in_a_frame_is_held_back() -> None:
    """Nobody can take it out and leave the frame as it was; an encoder's signature passes."""
    assert isinstance(deidentify(_commented(b"Quxbarry^Jane!!!"), plan(), IDENTITIES), Quarantined)
    assert isinstance(deidentify(_commented(b"JPEG Encoder 2.1"), plan(), IDENTITIES), Released)


@pytest.mark.parametrize("tail", [b"Quxbarry^Jane!!!", b"patient Quxbarry"])
def test_text_behind_a_frame_is_held_back(tail: bytes) -> None:
    """Of RLE and JPEG, and as a fragment of its own."""
    for name, several in (("MR_small_RLE.dcm", False), ("SC_rgb_jpeg_gdcm.dcm", False), ("JPEG2000.dcm", True)):
        whole = dataset(name)
        frame = next(generate_frames(whole.PixelData, number_of_frames=1))
        whole.PixelData = encapsulate([frame, tail] if several else [frame + tail])
        whole["PixelData"].is_undefined_length = True
        assert isinstance(deidentify(file_of(whole), plan(), IDENTITIES), Quarantined), name


@pytest.mark.parametrize(("age", "left"), [("094Y", "090Y"), ("089Y", "089Y"), ("090Y", "090Y"), ("013M", "013M")])
def test_ages_over_89_are_one(age: str, left: str) -> None:
    """Where a site asks to keep the patient's characteristics."""
    whole = dataset()
    whole.PatientAge = age
    assert output(file_of(whole), compile_plan([Option.RETAIN_PATIENT_CHARACTERISTICS], [])).PatientAge == left


def test_a_number_behind_a_root_of_the_standard_is_coded() -> None:
    """A UID of the standard has no component as long as a record number."""
    whole = dataset()
    whole.FrameOfReferenceUID = "1.2.840.10008.71000123"
    assert output(file_of(whole)).FrameOfReferenceUID.startswith("2.25.")
