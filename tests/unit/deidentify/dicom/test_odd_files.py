"""Small faults of structure that Orthanc, DCMTK and pydicom read: read as they are meant, written rightly, and said."""

from __future__ import annotations

import io
import struct
import warnings

import pydicom
import pytest

from sendit.deidentify import deidentify
from sendit.deidentify.dicom import recovery
from sendit.deidentify.dicom.reader import read_file
from sendit.deidentify.validate import subject_of
from sendit.model import Receipt, Rejected, Released
from tests import odd_files
from tests.odd_files import ODD, PLAIN, body, meta, whole
from tests.unit.deidentify.samples import IDENTITIES, plan, released, sample

#: What is not read. Of these only the one that differs is read by two of the three: they disagree on what it says.
_REFUSED = {
    "an element twice, differing": "occurs twice",
    "VR XX": "truncated",
    "VR sq": "no value representation",
    "explicit, says implicit": "truncated",
    "implicit, says explicit": "truncated",
    "big endian, says explicit": "truncated",
    "explicit, says big endian": "truncated",
    "implicit, says JPEG 2000": "truncated",
    "DICM at the beginning": "not DICOM",
    "deflated with the head of zlib": "deflated",
    "not deflated, says deflated": "deflated",
    "a line's end at the end": "does not end",
    "spaces at the end": "no value representation",
    "0xFF at the end": "no value representation",
    "a sequence without its end": "truncated",
    "pixel data without their last byte": "truncated",
}
#: Read without a word: no fault, or one that changes nothing.
_SILENT = {
    "delimiters with a length", "VR LT for a name", "a native icon", "TransferSyntaxUID padded with a space",
    "TransferSyntaxUID behind a space", "TransferSyntaxUID with two zeros", "a wrong group length", "no group length",
    "meta in another order", "no preamble", "zeros at the end", "one zero at the end", "a number without a filler",
    "elements in another order", "group lengths", "an empty sequence of undefined length",
}  # fmt: skip
_NOTES = {
    "delimiter": recovery.DELIMITERS, "VR lo": recovery.SMALL_VR, "VR Lo": recovery.SMALL_VR,
    "lower case": recovery.SMALL_VR, "VR ow": recovery.SMALL_VR, "VR OX": recovery.PIXELS_VR,
    "VR UN": recovery.PIXELS_VR, "VR US": recovery.PIXELS_VR, "VR ": recovery.NO_VR, "as UN": recovery.EXPLICIT_UN,
    "JPEG icon": recovery.ICON, "implicit meta": recovery.IMPLICIT_META, "TransferSyntaxUID": recovery.NO_SYNTAX,
    "no meta": recovery.NO_SYNTAX, "commands": recovery.COMMANDS, "twice": recovery.TWICE,
}  # fmt: skip


def _note_of(name: str) -> tuple[str, ...]:
    return () if name in _SILENT else (next(note for start, note in _NOTES.items() if start in name),)


@pytest.mark.parametrize("name", [name for name in ODD if name not in _REFUSED])
def test_read_and_written_rightly(name: str) -> None:
    """The receipt says what was recovered; what leaves is read by a strict reader, without a warning."""
    outcome = released(ODD[name]())
    assert outcome.receipt.repairs == _note_of(name)
    content = b"".join(outcome.chunks)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        after = pydicom.dcmread(io.BytesIO(content))
        tags = [element.tag for element in after.iterall()]
    assert after.PatientID == after.PatientName == outcome.receipt.patient_id
    expected = struct.pack("<64H", *range(0, 6400, 100))
    assert after.PixelData == (expected if after.original_encoding[1] else _turned(expected))
    assert (after.Rows, after.Modality, after.KVP) == (8, "CT", 120)
    assert not {0xFFFEE00D, 0xFFFEE0DD, 0x00000100} & set(tags)
    for planted in (odd_files.PATIENT_ID, b"Quixworth"):
        assert planted not in content
    again = released(content)
    assert again.receipt.repairs == ()


def _turned(pixels: bytes) -> bytes:
    return b"".join(pixels[at : at + 2][::-1] for at in range(0, len(pixels), 2))


@pytest.mark.parametrize("name", list(_REFUSED))
def test_what_would_be_a_guess_is_rejected(name: str) -> None:
    """With a reason."""
    outcome = deidentify(ODD[name](), plan(), IDENTITIES)
    assert isinstance(outcome, Rejected)
    assert _REFUSED[name] in outcome.reason


@pytest.mark.parametrize("name", [name for name in ODD if name not in _REFUSED])
def test_the_patient_is_the_same(name: str) -> None:
    """Whoever asks for the patient before sees the one that the engine sees."""
    assert subject_of(read_file(memoryview(ODD[name]())).elements).patient.patient_id == "MRN7741905"


@pytest.mark.parametrize(
    "name", ["item delimiter at the end", "VR --", "no TransferSyntaxUID, explicit", "no meta, explicit"]
)
def test_cut_anywhere_they_are_rejected(name: str) -> None:
    """Recovering is no way around: a file whose end is missing is never taken for a whole one.

    One that ends exactly before its pixel data is a header, with or without faults.
    """
    content = ODD[name]()
    end = len(content) - 8 if name.startswith("item") else len(content)
    for cut in range(140, end, 7):
        if content[cut : cut + 2] in (b"\x28\0", b"\xe0\x7f") and content[cut + 4 : cut + 6].isalpha():
            continue
        assert isinstance(deidentify(content[:cut], plan(), IDENTITIES), Rejected), cut


def test_what_is_left_out_is_known() -> None:
    """A name among a message's elements is searched for in what stays, though they themselves are left out."""
    mover = PLAIN.element(0x00001030, b"AE", b"QUIXSTATION ")
    content = whole(mover + body(KVP=PLAIN.element(0x00180060, b"DS", b"120 ")))
    instance = read_file(memoryview(content))
    assert instance.meta[0].tag == 0x00001030
    assert b"QUIXSTATION" not in b"".join(released(content).chunks)


def test_receipts_of_before_stay_as_they_were() -> None:
    """One without repairs has no such field: the chain of a manifest that was made before is still right."""
    values = released(whole(body())).receipt.as_dict()
    assert "repairs" not in values
    assert Receipt.from_dict(values).as_dict() == values
    told = released(ODD["VR --"]()).receipt
    assert Receipt.from_dict(told.as_dict()) == told
    assert told.as_dict()["repairs"] == [recovery.NO_VR]


def test_receipts_with_the_old_name_of_the_leak_check_can_be_read() -> None:
    """Journals and folders hold receipts in which it is called `proof`."""
    receipt = released(whole(body())).receipt
    values = receipt.as_dict()
    values["proof"] = values.pop("leak_check")
    assert Receipt.from_dict(values) == receipt


def test_compressed_pixels_without_a_transfer_syntax_are_rejected() -> None:
    """Nobody says how they are compressed."""
    fragments = PLAIN.item(b"") + PLAIN.item(b"\xff\x4f\xff\x51") + odd_files.SEQUENCE_END
    pixels = PLAIN.element(0x7FE00010, b"OB", fragments, odd_files.UNDEFINED)
    assert isinstance(deidentify(whole(body(PixelData=pixels), meta(b"")), plan(), IDENTITIES), Rejected)


def test_the_end_of_compressed_pixels_is_written_anew() -> None:
    """Its length, which is 0, is no place for four bytes of anything."""
    content = sample("SC_rgb_jpeg_gdcm.dcm")
    at = content.rindex(b"\xfe\xff\xdd\xe0") + 4
    outcome = released(content[:at] + b"QUIX" + content[at + 4 :])
    assert b"QUIX" not in b"".join(outcome.chunks)
    assert outcome.receipt.repairs == (recovery.END_LENGTH,)
    assert outcome.receipt.output_sha256 == released(content).receipt.output_sha256


def test_the_collection_is_large() -> None:
    """Forty kinds and more, and what is read is most of it."""
    assert len(ODD) >= 60
    assert all(isinstance(deidentify(make(), plan(), IDENTITIES), Released | Rejected) for make in ODD.values())
