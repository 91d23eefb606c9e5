"""MR spectra in the classes and attributes of makers stay as they were measured; nothing else stays in their place."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pytest
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from sendit.deidentify import compile_plan, deidentify
from sendit.deidentify.options import Option
from sendit.deidentify.retained.private_values import samples
from sendit.model import Quarantined, Rejected, Released
from tests.dicom import Person, StudyMaker, written
from tests.unit.deidentify.private_blocks import makers
from tests.unit.deidentify.samples import IDENTITIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydicom.dataset import Dataset

_PERSON = Person(patient_id="MRN7741905", name="Quixworth^Zebulon", birth_date="19610307")
_RESEARCH = compile_plan([Option.RETAIN_SAFE_PRIVATE, Option.CLEAN_DESCRIPTORS], [], ["vendors"])
_BASIC = compile_plan([], [])
_SIEMENS, _PHILIPS = "1.3.12.2.1107.5.9.1", "1.3.46.670589.11.0.0.12.1"


def _decay(points: int = 512, size: float = 1e-3) -> bytes:
    """A free induction decay with noise."""
    noise = np.random.default_rng(7)
    at = np.arange(points)
    signal = size * np.exp(-at / 90 + 0.2j * at) + size * 1e-4 * noise.normal(size=points)
    return signal.astype("<c8").tobytes()


def _spectrum(sop_class: str) -> Dataset:
    made = pydicom.dcmread(io.BytesIO(StudyMaker(_PERSON, modality="MR").instance()))
    for keyword in ("PixelData", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"):
        delattr(made, keyword)
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = UID(sop_class)
    return made


def _siemens(data: bytes, kind: str = "SPEC NUM 4", header: str = "SIEMENS CSA HEADER") -> Dataset:
    made = _spectrum(_SIEMENS)
    block = made.private_block(0x0029, header, create=True)
    block.add_new(0x08, "CS", kind)
    block.add_new(0x10, "OB", makers.csa({"RealDwellTime": ("IS", ["250000"]), "VoiThickness": ("FD", ["20.0"])}))
    made.private_block(0x7FE1, "SIEMENS CSA NON-IMAGE", create=True).add_new(0x10, "OB", data)
    return made


def _philips(data: bytes) -> Dataset:
    made = _spectrum(_PHILIPS)
    made.private_block(0x2005, "Philips MR Imaging DD 003", create=True).add_new(0x70, "OW", data)
    edited = made.private_block(0x2005, "Philips MR Imaging DD 006", create=True)
    edited.add_new(0x97, "CS", "Y")
    made.private_block(0x2001, "Philips Imaging DD 001", create=True).add_new(0x83, "DS", "127.768")
    return made


def _out(outcome: object) -> Dataset:
    assert isinstance(outcome, Released), outcome
    return pydicom.dcmread(io.BytesIO(b"".join(outcome.chunks)))


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize("header", ["SIEMENS CSA HEADER", "SIEMENS CSA NON-IMAGE"])
def test_a_spectrum_of_siemens_stays(header: str, syntax: str) -> None:
    data = _decay()
    outcome = deidentify(written(_siemens(data, header=header), syntax), _RESEARCH, IDENTITIES)
    out = _out(outcome)
    assert out.SOPClassUID == out.file_meta.MediaStorageSOPClassUID == _SIEMENS
    assert out.private_block(0x7FE1, "SIEMENS CSA NON-IMAGE")[0x10].value == data
    assert b"RealDwellTime" in out.private_block(0x0029, header)[0x10].value
    assert isinstance(outcome, Released)
    assert outcome.receipt.lost_meaning == ()


def test_a_spectrum_of_philips_stays_with_the_vr_of_the_file() -> None:
    data = _decay(size=2e4)
    out = _out(deidentify(written(_philips(data)), _RESEARCH, IDENTITIES))
    kept = out.private_block(0x2005, "Philips MR Imaging DD 003")[0x70]
    assert (kept.VR, kept.value) == ("OW", data)
    assert out.private_block(0x2005, "Philips MR Imaging DD 006")[0x97].value == "Y"
    assert out.private_block(0x2001, "Philips Imaging DD 001")[0x83].value == 127.768


@pytest.mark.parametrize("make", [_siemens, _philips])
def test_without_private_data_the_receipt_says_that_the_spectrum_is_lost(make: Callable[[bytes], Dataset]) -> None:
    outcome = deidentify(written(make(_decay())), _BASIC, IDENTITIES)
    assert isinstance(outcome, Released)
    assert any("samples" in name for name in outcome.receipt.lost_meaning)


@pytest.mark.parametrize("kind", ["REPORT NUM 1", "DTI NUM 4", ""])
def test_what_else_siemens_stores_in_the_class_is_rejected(kind: str) -> None:
    """Reports, protocols, tensors: nobody knows what is in them."""
    outcome = deidentify(written(_siemens(_decay(), kind)), _RESEARCH, IDENTITIES)
    assert isinstance(outcome, Rejected)
    assert "not in the DICOM standard" in outcome.reason


_LOG = b"LogVersion = EJA_1\nScanDate = 20190604\nQuixworth, Zebulon\n" * 8


@pytest.mark.parametrize(
    "data",
    [
        _LOG + bytes(-len(_LOG) % 4),
        b"QUIXWORTH^ZEBULON^M.".ljust(64, b"\0") + _decay(),
        struct.pack("<I", 512) + _decay(),  # a header
        np.arange(4096, dtype="<i2").tobytes(),
        struct.pack("<4f", 1.0, float("nan"), 2.0, 0.5),
        struct.pack("<4f", 1.0, float("inf"), 2.0, 0.5),
        bytes(64),
        b"",
        b"\0\0\x80",
    ],
    ids=["log", "name", "header", "integers", "no number", "infinite", "nothing", "empty", "odd"],
)
def test_what_is_no_spectrum_goes(data: bytes) -> None:
    assert samples(data) == b""
    outcome = deidentify(written(_siemens(data)), _RESEARCH, IDENTITIES)
    assert (0x7FE1, 0x1010) not in _out(outcome)


def test_a_known_name_among_the_samples_holds_the_spectrum() -> None:
    data = bytearray(_decay())
    data[801:810] = b"QUIXWORTH"
    outcome = deidentify(written(_siemens(bytes(data))), _RESEARCH, IDENTITIES)
    assert isinstance(outcome, Quarantined) or (0x7FE1, 0x1010) not in _out(outcome)


def test_samples_of_any_receiver_stay() -> None:
    """Whatever their size, with zeros behind them, and in amounts of whole sessions."""
    noise = np.random.default_rng(11)
    for size in (1e-9, 1e-3, 1.0, 5e3, 2e7):
        for count in (64, 8192, 300_000):
            data = (noise.normal(size=count) * size).astype("<f4").tobytes() + bytes(32)
            assert samples(data) == data, (size, count)
