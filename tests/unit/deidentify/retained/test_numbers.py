"""Numbers with small faults are mended, and said; those that nobody can read go, or hold what depends on them."""

from __future__ import annotations

import struct

import pytest
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset

from sendit.config.schema import Option
from sendit.deidentify import compile_plan, deidentify
from sendit.deidentify.dicom.dataset import Element
from sendit.deidentify.retained.numbers import mend_numbers
from sendit.deidentify.retained.units import unit_of
from sendit.errors import Quarantine
from sendit.model import Quarantined
from tests.unit.deidentify.samples import IDENTITIES, dataset, file_of, output, released

pytestmark = pytest.mark.long


def _mended(keyword: str, value: str | bytes, vr: str = "", beside: str = "") -> tuple[str, str, list[str]]:
    """The value of an attribute as it leaves, its VR, and what was done."""
    tag = tag_for_keyword(keyword)
    assert tag is not None
    raw = value if isinstance(value, bytes) else value.encode("utf-8")
    elements = [Element(tag, vr or dictionary_VR(tag), raw)]
    if beside:
        elements.append(Element(0x00180050, "DS", beside.encode()))
    done = mend_numbers(elements, "<")
    return bytes(elements[0].value).decode("latin-1"), elements[0].vr, done


@pytest.mark.parametrize(
    ("keyword", "value", "expected"),
    [
        ("PixelSpacing", "0,143\\0,143", "0.143\\0.143"), ("SliceThickness", "2,5", "2.5"),
        ("SliceThickness", "-2,50", "-2.5"),
        ("SliceThickness", "5,0 MM", "5"), ("SpacingBetweenSlices", "3.3 (mm)", "3.3"),
        ("SliceThickness", "(1.5)", "1.5"), ("SliceThickness", "1.5,", "1.5"),
        ("SliceThickness", "1\N{MIDDLE DOT}5", "1.5"),
        ("SliceThickness", "\N{FULLWIDTH DIGIT ONE}\N{FULLWIDTH FULL STOP}\N{FULLWIDTH DIGIT FIVE}", "1.5"),
        ("SAR", "0.12 W/kg", "0.12"), ("DoseGridScaling", "1.0e-6 Gy", "0.000001"),
        ("BeamMeterset", "123.4 MU", "123.4"),
        ("RadionuclideTotalDose", "370 MBQ", "370000000"), ("NominalBeamEnergy", "6 MV", "6"),
        ("PatientAge", "45\u6b73", "045Y"), ("PatientAge", "3 Monate", "003M"), ("PatientAge", "7\uc138", "007Y"),
        ("KVP", "120 kV", "120"), ("KVP", "120kVp", "120"), ("PixelSpacing", "0.5\\0.5 mm", "0.5\\0.5"),
        ("PixelSpacing", "0.05 cm\\0.05cm", "0.5\\0.5"), ("PatientSize", "172 cm", "1.72"),
        ("EchoTime", "0.1 s", "100"),
        ("MagneticFieldStrength", "3000 mT", "3"), ("FlipAngle", "90\N{DEGREE SIGN}", "90"),
        ("PatientWeight", "75 kg", "75"),
        ("RescaleSlope", "1,5E+3", "1500"), ("RescaleSlope", "1.5D-02", "0.015"),
        ("RescaleSlope", "2.5 x10^-3", "0.0025"),
        ("RescaleIntercept", "\N{MINUS SIGN}1024", "-1024"), ("RescaleIntercept", '"-1024"', "-1024"),
        ("RescaleSlope", "- 1", "-1"), ("RescaleSlope", "1\t", "1"), ("RescaleSlope", "1\0\0\0", "1\0\0\0"),
        ("PixelSpacing", "[0.5, 0.5]", "0.5\\0.5"), ("PixelSpacing", "0.5 0.5", "0.5\\0.5"),
        ("PixelSpacing", "0.5;0.5", "0.5\\0.5"),
        ("RescaleSlope", "1.234,5", "1234.5"), ("RescaleSlope", "1,234.5", "1234.5"),
        ("RescaleSlope", "1,234,567", "1234567"),
        ("SliceThickness", "0.50000000000000000000", "0.5"), ("RescaleSlope", "+1.0", "+1.0"),
        ("RescaleSlope", "1.0", "1.0"),
        ("RescaleSlope", "0.12345678901234567890", "0.12345678901234567890"),
        ("Exposure", "14.5", "15"), ("XRayTubeCurrent", "119.6", "120"), ("ExposureTime", "500.0", "500"),
        ("Exposure", "1e2", "100"),
        ("XRayTubeCurrent", "200 mA", "200"), ("InstanceNumber", "7.", "7"), ("InstanceNumber", " 7 ", " 7 "),
    ],
)  # fmt: skip
def test_small_faults(keyword: str, value: str, expected: str) -> None:
    """What is meant is beyond doubt; what is right stays as it is."""
    made, vr, done = _mended(keyword, value)
    assert (made, vr) == (expected, dictionary_VR(keyword))
    assert bool(done) == (made != value)
    assert all(one.startswith(f"{keyword}: ") for one in done)


@pytest.mark.parametrize(
    ("keyword", "vr", "value", "expected"),
    [
        ("RescaleSlope", "LO", b"1", b"1"), ("RescaleSlope", "UN", b"1,5 ", b"1.5"),
        ("RescaleSlope", "FD", struct.pack("<d", 0.25), b"0.25"),
        ("RescaleSlope", "FL", struct.pack("<f", 0.1), b"0.10000000149012"),
        ("RescaleIntercept", "SS", b"\0\xfc", b"-1024"),
        ("PixelSpacing", "SH", b"0.5\\0.5 ", b"0.5\\0.5"),
        ("ImagePositionPatient", "FD", struct.pack("<3d", 0, -1.5, 1), b"0\\-1.5\\1"),
        ("Rows", "UL", struct.pack("<I", 128), struct.pack("<H", 128)), ("Rows", "IS", b"128", struct.pack("<H", 128)),
        ("Rows", "SS", struct.pack("<h", 128), struct.pack("<H", 128)),
        ("NumberOfFrames", "US", struct.pack("<H", 3), b"3"),
        ("DiffusionBValue", "DS", b"1000", struct.pack("<d", 1000)),
        ("DiffusionBValue", "FL", struct.pack("<f", 5), struct.pack("<d", 5)),
        ("PixelPaddingValue", "IS", b"-2000", struct.pack("<h", -2000)), ("InstanceNumber", "DS", b"12.0", b"12"),
        ("TriggerTime", "IS", b"12", b"12"), ("PhysicalDeltaX", "DS", b"0,00616", struct.pack("<d", 0.00616)),
    ],
)  # fmt: skip
def test_another_vr(keyword: str, vr: str, value: bytes, expected: bytes) -> None:
    """The value is the same, in the VR that the standard gives the attribute."""
    made, written, done = _mended(keyword, value, vr)
    assert made.encode("latin-1") == expected
    assert written in dictionary_VR(keyword).split(" or ")
    assert any(f"written as {dictionary_VR(keyword)}, not as {vr}" in one for one in done)


@pytest.mark.parametrize(
    "value",
    [
        "1,234",
        "Quixworth",
        "1.5 km",
        "NaN",
        "1.234.567",
        "12-13",
        "0.5 0.5",
        "1 234",
        "--1",
        "1,5,6",
        "0x12",
        "1^2",
        "5 mm",
    ],
)
def test_what_is_in_doubt_holds_what_depends_on_it(value: str) -> None:
    """A slope that could be two would scale pixels otherwise."""
    with pytest.raises(Quarantine, match="RescaleSlope is not a number"):
        _mended("RescaleSlope", value)
    made, _, done = _mended("PatientWeight" if value != "5 mm" else "KVP", value)
    assert made == value
    assert done


def test_a_neighbour_tells_what_a_comma_is() -> None:
    """Where another number has a comma that can be nothing but a decimal one, this one has, too."""
    assert _mended("RescaleSlope", "1,234", beside="2,5")[0] == "1.234"
    with pytest.raises(Quarantine):
        _mended("RescaleSlope", "1,234", beside="2.5")


def test_text_in_the_bytes_of_a_number() -> None:
    """It does not become a number that can be turned back."""
    with pytest.raises(Quarantine):
        _mended("RescaleSlope", b"Quixwort", "FD")
    assert _mended("PatientWeight", b"Quixwort", "FD")[1] == "FD"
    with pytest.raises(Quarantine):
        _mended("RescaleSlope", struct.pack("<d", float("inf")), "FD")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("45Y", "045Y"), ("42", "042Y"), ("045Y", "045Y"), ("6m", "006M"), ("10 D", "010D"), ("3W", "003W"),
        ("45 y", "045Y"),
        ("67J", "067J"), ("45 years", "045Y"), ("93Y", "090Y"), ("95", "090Y"), ("0101Y", "090Y"), ("Quixworth", ""),
        ("45Y3M", ""),
    ],
)  # fmt: skip
def test_ages(value: str, expected: str) -> None:
    """In three digits and a letter; those over 89 years as 090Y, as ever."""
    whole = dataset()
    whole["PatientAge"].value = ""
    source = file_of(whole).replace(b"\x10\0\x10\x10AS\0\0", b"\x10\0\x10\x10AS" + _sized(value.encode()))
    made = output(source, compile_plan([Option.RETAIN_PATIENT_CHARACTERISTICS], []))
    assert made.PatientAge == expected.replace("J", "Y")


def _sized(value: bytes) -> bytes:
    value += b" " * (len(value) % 2)
    return struct.pack("<H", len(value)) + value


def test_an_instance_whose_slope_is_no_number_is_held() -> None:
    """And says which attribute it is, not what stands in it; at every depth."""
    whole, item = dataset(), Dataset()
    item.add_new("RealWorldValueSlope", "LO", "Quixworth")
    whole.RealWorldValueMappingSequence = [item]
    held = deidentify(file_of(whole), compile_plan([], []), IDENTITIES)
    assert isinstance(held, Quarantined)
    assert "(0040,9225) RealWorldValueSlope" in held.reason
    assert "Quixworth" not in held.reason


def test_the_receipt_says_what_was_mended() -> None:
    """In `repairs`; an image without faults has none."""
    whole = dataset()
    del whole.RescaleSlope
    whole.add_new("RescaleSlope", "LO", "1,0")
    receipt = released(file_of(whole)).receipt
    assert receipt.repairs == (
        "RescaleSlope: a decimal comma written as a point",
        "RescaleSlope: written as DS, not as LO",
    )
    assert released(file_of(dataset())).receipt.repairs == ()


def test_units_belong_to_attributes() -> None:
    """A length is none of a voltage."""
    thickness = tag_for_keyword("SliceThickness")
    assert thickness is not None
    assert unit_of(thickness, "cm") is not None
    assert unit_of(thickness, "kV") is None
    assert unit_of(0x00280010, "mm") is None


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "value", ["1" * 60_000 + "x", "1,5e999", "1," * 30_000, "(" * 60_000, " " * 60_000 + "x", "-" * 60_000]
)
def test_numbers_out_of_proportion(value: str) -> None:
    """None is a number, and none keeps the check busy for ever."""
    with pytest.raises(Quarantine):
        _mended("RescaleSlope", value)
    with pytest.raises(Quarantine):
        _mended("PixelSpacing", value)
