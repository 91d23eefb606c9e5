"""Text where numbers, samples or frames should be does not stay, and numbers that are none of it do."""

from __future__ import annotations

import io
import random
import struct

import pytest
from pydicom import dcmread
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.tag import BaseTag

from sendit.config.schema import Option
from sendit.deidentify import compile_plan, deidentify
from sendit.deidentify.pixels.codestreams.encoder_comments import is_signature
from sendit.deidentify.retained.hidden_text import digits_of_bytes, digits_of_strings, is_hidden_text, joined
from sendit.model import Released
from tests.unit.deidentify.samples import IDENTITIES, dataset, file_of, output, plan

pytestmark = pytest.mark.long


@pytest.mark.parametrize("value", [b"Quxbarry", b"Quxbarry\0\0", "Quxbarry".encode("utf-16-le"), b"Jane Qux, 1941"])
def test_text_is_seen(value: bytes) -> None:
    """In one byte a character or in two, padded or not."""
    assert is_hidden_text(value)


@pytest.mark.parametrize(
    "value",
    [b"", struct.pack("<3H", 256, 0, 16), struct.pack("<d", 2.5), bytes(range(0x30, 0x7A)), b"A" * 64, b"12345678"],
)
def test_numbers_are_none(value: bytes) -> None:
    """Descriptors, measured values, ramps, constants and digits."""
    assert not is_hidden_text(value)


@pytest.mark.parametrize("name", ["Quxbarry", "QUXBARRY^JANE", "Quxbarry, Jane", "Quxbarry 4711882"])
def test_a_name_in_another_code_is_seen(name: str) -> None:
    """In EBCDIC, and in halves of bytes in both orders; tables of small numbers and of large bytes are none."""
    halves = [byte >> 4 * turn & 15 for byte in name.encode() for turn in (1, 0)]
    assert is_hidden_text(name.encode("cp037"), "OW")
    assert is_hidden_text(bytes(halves) + bytes(2), "OW")
    assert is_hidden_text(bytes(half for pair in zip(halves[1::2], halves[::2], strict=True) for half in pair))


def test_tables_are_no_names_in_another_code() -> None:
    chance = random.Random(3)
    small = [bytes(chance.choices(range(top), k=24)) for top in (8, 16) for _ in range(5000)]
    large = [bytes(chance.choices(range(0x81, 0xEA), k=12)) for _ in range(5000)]
    assert not any(map(is_hidden_text, [*small, *large, bytes(range(0x81, 0xEA)), bytes([4, 1] * 16)]))


_FLOATS = {"FD": "d", "FL": "f"}


def _measured() -> list[float]:
    """What is measured: decimals of all sizes, on each side of 0."""
    chance = random.Random(7)
    decimals = [round(chance.uniform(0, 10 ** chance.uniform(-5, 6)), 1 + n % 7) for n in range(20_000)]
    return [0.00616, *decimals, *(10 ** chance.uniform(-9, 11) * chance.choice((1, -1)) for _ in range(20_000))]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("vr", _FLOATS)
def test_no_number_is_taken_for_a_text(vr: str, order: str) -> None:
    """Of 40,001 single ones, and of as many in lists, 0; by their bytes alone some thirty of them were one."""
    numbers = _measured()
    code = _FLOATS[vr]
    assert [one for one in numbers if is_hidden_text(struct.pack(order + code, one), vr, order)] == []
    for count in (2, 3, 6):
        lists = (numbers[at : at + count] for at in range(0, len(numbers) - count, count))
        assert [one for one in lists if is_hidden_text(struct.pack(f"{order}{count}{code}", *one), vr, order)] == []


def test_no_number_of_real_images_is_taken_for_a_text() -> None:
    """Every FD, FL, OF and OD of pydicom's files."""
    found = tried = 0
    for name in ("CT_small.dcm", "rtplan.dcm", "liver_1frame.dcm", "693_J2KI.dcm", "rtdose_1frame.dcm", "MR_small.dcm"):
        for element in dataset(name).iterall():
            if element.VR in ("FD", "FL") and not element.is_empty:
                values = element.value if element.VM > 1 else [element.value]
                raw = struct.pack(f"<{len(values)}{_FLOATS[element.VR]}", *values)
                tried, found = tried + 1, found + is_hidden_text(raw, element.VR, "<")
    assert tried
    assert found == 0


_NAMES = """Quxbarry Quennesbury^Aldric SMITH^JOHN GIULIANA CATERINA Marianna ANNABACH O'BRIEN^PAT smith_john
    mrn4471902a jquxbarry@example.org"""


@pytest.mark.parametrize("name", _NAMES.split())
@pytest.mark.parametrize(("vr", "size"), [("FD", 8), ("FL", 4), ("OD", 8), ("OF", 4), ("US", 2), ("OB", 1), ("UN", 1)])
@pytest.mark.parametrize("padding", [b"\0", b" "])
def test_a_name_is_seen_in_every_vr(name: str, vr: str, size: int, padding: bytes) -> None:
    """Those among them whose bytes happen to be numbers of a usual size."""
    raw = name.replace("_", " ").encode()
    assert is_hidden_text(raw + padding * (-len(raw) % size), vr, "<")


@pytest.mark.parametrize("text", ["HH-4471902", "M\u00fcller"])
def test_what_is_known_of_a_patient_is_seen_in_numbers(text: str) -> None:
    """A number of theirs with few letters, a name beyond ASCII."""
    whole = dataset()
    whole.SpecificCharacterSet, whole.PatientID, whole.PatientName = "ISO_IR 192", "HH-4471902", "M\u00fcller^Aldric"
    raw = text.encode()
    raw += b" " * (-len(raw) % 8)
    whole[0x00189306] = RawDataElement(BaseTag(0x00189306), "FD", len(raw), raw, 0, False, True, True)
    assert output(file_of(whole))["SingleCollimationWidth"].is_empty


def test_a_measured_number_stays() -> None:
    """PhysicalDeltaX 0.00616, whose bytes are letters and signs."""
    whole, region = dataset(), Dataset()
    region.PhysicalDeltaX, region.PhysicalDeltaY = 0.00616, 0.0061599999666213994
    whole.SequenceOfUltrasoundRegions = [region]
    [made] = output(file_of(whole)).SequenceOfUltrasoundRegions
    assert (made.PhysicalDeltaX, made.PhysicalDeltaY) == (0.00616, 0.0061599999666213994)


def test_numbers_as_digits() -> None:
    """Whole numbers of each VR and decimals, of several values each; broken ones, and long lists, are none."""
    assert digits_of_bytes(struct.pack("<I", 71000123), "UL", "<") == (["71000123"], [])
    assert digits_of_bytes(struct.pack(">2d", 71000123.0, 0.5), "FD", ">") == (["71000123"], ["5"])
    assert digits_of_bytes(struct.pack("<2f", -1962.5, 0.7100123), "FL", "<") == ([], ["19625", "7100123"])
    assert digits_of_bytes(struct.pack("<d", 1962.0311), "FD", "<") == ([], ["19620311"])
    assert digits_of_bytes(struct.pack("<d", float("nan")), "FD", "<") == ([], [])
    assert digits_of_bytes(struct.pack("<d", float("inf")), "FD", "<") == ([], [])
    assert digits_of_bytes(struct.pack("<2H", 1, 2), "US", "<") == (["1", "2"], [])
    assert digits_of_bytes(b"\1\0\0", "US", "<") == ([], [])
    assert digits_of_bytes(b"\1\0" * 65, "US", "<") == ([], [])


@pytest.mark.parametrize(
    ("written", "whole", "others"),
    [
        ("71000123", ["71000123"], []),
        (" +0071000123 ", ["0071000123"], []),
        ("-71000123.00", ["71000123"], []),
        ("71000123.", ["71000123"], []),
        ("7.1000123e7", ["71000123"], []),
        ("7.1000123E+007", ["71000123"], []),
        ("710001230e-1", ["71000123"], []),
        ("71e3", ["71000"], []),
        ("71.000123", [], ["71000123"]),
        ("0.71000123", [], ["71000123"]),
        ("7.1000123e-4", [], ["71000123"]),
        ("12\\7.1e2\\.5", ["12", "710"], ["5"]),
        ("1e300", [], ["1"]),
        ("QUXBARRY", [], []),
        ("", [""], []),
    ],
)
def test_numbers_in_strings_as_digits(written: str, whole: list[str], others: list[str]) -> None:
    """In every notation that a DS may have."""
    assert digits_of_strings(written) == (whole, others)


def test_numbers_beside_each_other() -> None:
    """Those of up to twelve values, and as a day if one has four digits; nothing of a single number or a long list."""
    assert list(joined(["471", "1882"])) == ["4711882"]
    assert list(joined(["11", "3", "1962"])) == ["113", "1131962", "31962", "19620311", "19621103"]
    assert list(joined(["4711882"])) == list(joined(["1"] * 65)) == []


@pytest.mark.parametrize("code", [b"A1B23456", b"4F7A9C21", b"12345X78", b"Q0B89496"])
def test_a_record_number_is_seen_in_numbers(code: bytes) -> None:
    """Its few letters make numbers that nobody measures; digits alone may be a measured number."""
    assert is_hidden_text(code, "FD")
    assert is_hidden_text(code, "AT")
    assert is_hidden_text(code, "UL")
    assert not is_hidden_text(b"12345678", "FD")


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


SIGNATURES = [
    b"Kdu-Layer-Info: log_2{Delta-D(squared-error)/Delta-L(bytes)}, L(bytes)\n-192.0,  4.5e+04\n-201.3,  1.1e+05\n-256.0,  1.4e+06\n",  # noqa: E501
    b"Kdu-Layer-Info: log_2{Delta-D(squared-error)/Delta-L(bytes)}, L(bytes)\r\n -256.0,  1.4e+005\r\n",
    b"Kdu-Layer-Info: log_2{Delta-D(MSE)/[2^16*Delta-L(bytes)]}, L(bytes)\n -192.0,  8.2e+04\n",
    b"Kakadu-v7.10.4",
    b"Kakadu-5.2.1",
    b"Kakadu-3.3.3\0",
    b"Kakadu-v8.0.5",
    b"Kakadu-v6.4.1\n",
    b"Created by OpenJPEG version 2.5.0",
    b"Created by OpenJPEG version 2.1.0\0",
    b"Created by OpenJPEG version 1.3",
    b"Created by OpenJPEG version 2.3.1 with ISO 15444-1",
    b"Creator: JasPer Version 1.900.1",
    b"Created by: JasPer Version 1.701.0",
    b"CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 90\n",
    b"CREATOR: gd-jpeg v1.0 (using IJG JPEG v80), default quality\n",
    b"CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 100\n\0",
    b"LEAD Technologies Inc. V1.01\0",
    b"LEAD Technologies Inc. V1.01",
    b"LEADTOOLS v20.0",
    b"LEADTOOLS v22.0.0.4",
    b"Created by LEADTOOLS",
    b"Lavc58.134.100\0",
    b"Lavc57.107.100",
    b"Lavc60.31.102",
    b"Created by Aware JPEG 2000 SDK 3.19.4",
    b"AwareJPEG2000 v3.18",
    b"Created by Aware, Inc.",
    b"Aware Motion JPEG 2000",
    b"Intel(R) JPEG Library, version 1,5,4,36",
    b"Intel(R) JPEG Library, version [1.51.12.44]",
    b"\0Intel(R) JPEG Library, version [2.0.16.48]",
    b"File written by Adobe Photoshop\xa8 5.0",
    b"File written by Adobe Photoshop 4.0",
    b"Created with GIMP",
    b"Created with The GIMP",
    b"CREATED WITH GIMP on a Mac",
    b"Handmade Software, Inc. Image Alchemy v1.11\n",
    b"AppleMark\n",
    b"Optimized by JPEGmini 3.13.3.15 0x8b1c2d3e",
    b"OpenJPH Ver 0.7.2.",
    b"OpenJPH Ver 0.15.0",
    b"Created by Grok version 9.7.3",
    b"Created by: JJ2000 version 4.1",
    b"Created by: JJ2000 version 5.1",
    b"libjpeg-turbo version 2.1.5 (build 20230203)",
    b"mozjpeg version 4.0.3",
    b"Compressed by jpeg-recompress",
    b"GDCM 2.8.9",
    b"Written by GDCM 3.0.24",
    b"GDCM JPEG-LS codec",
    b"CharLS 2.4.1",
    b"DCMTK 3.6.7",
    b"IJG JPEG 6b",
    b"Independent JPEG Group 9e",
    b"ImageGear v18.4.0",
    b"AccuSoft Corp.",
    b"ACCUSOFT CORP. ImageGear",
    b"Pegasus Imaging Corp. PICTools 3.00",
    b"PICTools J2K v4.0.12",
    b"PEGASUS JPEG2000",
    b"Created by LuraWave",
    b"LuraWave.jp2 2.1.08.00",
    b"ECW JP2 SDK 3.3",
    b"nvJPEG2000 0.7.0",
    b"FFmpeg 4.4",
    b"Morgan JPEG 2000 codec",
    b"Software: Microsoft Office",
    b"Paint.NET v3.36",
    b"XV 3.10a  Quality = 75, Smoothing = 0\n",
    b"JPEG Encoder 2.1",
    b"Comprimato JPEG2000@GPU 1.7.1",
    b"JAI JPEG 2000 Codec 1.1",
    b"Created by: Java Advanced Imaging",
    b"ITK/GDCM 2.6.3",
]

OTHER_COMMENTS = [
    b"Quxbarry^Jane!!!",
    b"Created by Quxbarry",
    b"Kakadu-v7 for Quxbarry",
    b"OpenJPEG version 12.11.1985",
    b"Kakadu-71000123",
    b"Creator: John Quxbarry",
    b"Created by OpenJPEG version 2.5.0 for patient 4711234",
    b"Kdu-Layer-Info: log_2{Delta-D(squared-error)/Delta-L(bytes)}, L(bytes)\n Quxbarry Jane\n",
    b"Kdu-Layer-Info: log_2{Delta-D(squared-error)/Delta-L(bytes)}, L(bytes)\n 71000123, 19410203\n",
    b"MRN 71000123",
    b"quality = 71000123",
    b"Lavc 19410203",
    b"A12B34C567",
    b"Kakadu-A12B34C567",
    b"Lavc58.134.100 A12B34C5",
]


@pytest.mark.parametrize("said", [b"", b"\x93\x1f\0\xfe", *OTHER_COMMENTS])
def test_a_comment_in_a_frame_is_taken_out(said: bytes) -> None:
    """By its length, whatever it says, and the samples stay bit for bit."""
    made = deidentify(_commented(said), plan(), IDENTITIES)
    assert isinstance(made, Released)
    assert made.receipt.repairs == ("taken out of the compressed frames: comments (COM)",)
    left = dcmread(io.BytesIO(b"".join(made.chunks)))
    plain = next(generate_frames(dataset("SC_rgb_jpeg_gdcm.dcm").PixelData, number_of_frames=1))
    assert next(generate_frames(left.PixelData, number_of_frames=1)).rstrip(b"\0") == plain.rstrip(b"\0")


def test_encoders_signatures_stay() -> None:
    """Those of the encoders in the field: products, versions, settings, tables of layers."""
    assert [text for text in SIGNATURES if not is_signature(text)] == []
    made = deidentify(_commented(SIGNATURES[0]), plan(), IDENTITIES)
    assert isinstance(made, Released)
    assert made.receipt.repairs == ()


@pytest.mark.parametrize("name", ["James^Mary", "Weeks^Mary", "Muster^James"])
def test_a_signature_that_has_the_patients_name_goes(name: str) -> None:
    """The file is not held because the encoder's author is called as the patient is."""
    signature = b"JPEG Encoder Copyright 1998, James R. Weeks and BioElectroMech."
    whole = dcmread(io.BytesIO(_commented(signature)))
    whole.PatientName = name
    made = deidentify(file_of(whole), plan(), IDENTITIES)
    assert isinstance(made, Released)
    assert made.receipt.repairs == ("taken out of the compressed frames: comments (COM)",)
    assert b"Weeks" not in b"".join(made.chunks)


def test_a_signature_with_a_name() -> None:
    """An author's, and nobody else's."""
    assert is_signature(b"JPEG Encoder Copyright 1998, James R. Weeks and BioElectroMech.\0")
    assert not is_signature(b"JPEG Encoder Copyright 1998, James R. Weeks and Quxbarry")


@pytest.mark.parametrize("tail", [b"Quxbarry^Jane!!!", b"patient Quxbarry"])
def test_text_behind_a_frame_is_cut_off(tail: bytes) -> None:
    """Of RLE and JPEG, and as a fragment of its own."""
    for name, several in (("MR_small_RLE.dcm", False), ("SC_rgb_jpeg_gdcm.dcm", False), ("JPEG2000.dcm", True)):
        whole = dataset(name)
        frame = next(generate_frames(whole.PixelData, number_of_frames=1))
        whole.PixelData = encapsulate([frame, tail] if several else [frame + tail], has_bot=False)
        whole["PixelData"].is_undefined_length = True
        made = deidentify(file_of(whole), plan(), IDENTITIES)
        assert isinstance(made, Released), name
        assert "taken out of the compressed frames: bytes behind the image" in made.receipt.repairs
        assert b"Quxbarry" not in b"".join(made.chunks)


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


@pytest.mark.parametrize("number", ["7.1000123e7", "71.000123", "0.71000123", "71000123.0", "1.9410519e7", "1941.0519"])
def test_an_identifier_goes_in_every_notation_of_a_number(number: str) -> None:
    """The patient's number and day of birth, with an exponent or a point within; a similar number stays."""
    whole = dataset()
    whole.OtherPatientIDs, whole.PatientBirthDate = "71000123", "19410519"
    whole.TriggerTime, whole.WindowCenter, whole.FrameAcquisitionDuration = number, "1941.0520", float(number)
    made = output(file_of(whole))
    assert made["TriggerTime"].is_empty
    assert made["FrameAcquisitionDuration"].is_empty
    assert made.WindowCenter == 1941.0520


@pytest.mark.parametrize(
    "numbers", ["710\\00123", "1\\7\\1\\0\\0\\0\\1\\2\\3", "19\\5\\1941", "05\\19\\1941", "3\\1941\\5\\19"]
)
def test_an_identifier_goes_that_is_split_over_values(numbers: str) -> None:
    """The patient's number and day of birth; a list of other numbers stays."""
    whole = dataset()
    whole.OtherPatientIDs, whole.PatientBirthDate = "71000123", "19410519"
    whole.TriggerTime, whole.WindowCenter = numbers.split("\\"), [710, 123, 1941, 5]
    made = output(file_of(whole))
    assert made["TriggerTime"].is_empty
    assert made.WindowCenter == [710, 123, 1941, 5]
