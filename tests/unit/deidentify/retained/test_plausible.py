"""A number that no measurement has goes, or holds the instance if the meaning of its pixels depends on it."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from sendit.config.schema import Option
from sendit.deidentify import compile_plan, deidentify
from sendit.deidentify.retained import plausible
from sendit.deidentify.retained.plausible import are_plausible
from sendit.model import Quarantined
from tests.unit.deidentify.samples import IDENTITIES, dataset, file_of, output

PLAN = compile_plan([Option.CLEAN_DESCRIPTORS, Option.RETAIN_PATIENT_CHARACTERISTICS], [])
STRUCTURED = compile_plan([Option.CLEAN_STRUCTURED_CONTENT], [])


def _after(keyword: str, value: Any) -> Any:
    before = dataset()
    setattr(before, keyword, value)
    return output(file_of(before), PLAN).get(keyword)


@pytest.mark.parametrize(
    ("keyword", "number"),
    [
        ("KVP", "4711882"),
        ("KVP", "47118"),
        ("KVP", "4.711882e6"),
        ("EchoTime", "47118.82E+2"),
        ("FlipAngle", "88213"),
        ("RepetitionTime", "471188"),
        ("EchoTime", "47118.0"),
        ("SliceThickness", "0047118"),
        ("ImagingFrequency", "-4711882"),
        ("HeartRate", "471188"),
        ("PatientWeight", "4711882"),
        ("NumberOfTomosynthesisSourceImages", "4711882"),
        ("AcquisitionNumber", "20190312"),
        ("SeriesNumber", "20190312"),
        ("SeriesNumber", "12031954"),
        ("SeriesNumber", "03121954"),
        ("SeriesNumber", "1710000000"),
        ("CTDIvol", 4711882.0),
        ("ExposureTimeInms", 4711882.0),
        ("SlabThickness", 4711882.0),
        ("SlabThickness", 471188.0),
        ("ReconstructionAngle", 4711882.0),
        ("LensThickness", 4711882.0),
        ("IntraOcularPressure", 471188.0),
        ("CylinderAxis", 471188.0),
        ("TablePosition", 4711882.0),
        ("FlashMode", 47118),
    ],
)
def test_a_number_that_is_no_measurement_goes(keyword: str, number: Any) -> None:
    assert _after(keyword, number) is None or _after(keyword, number) == ""


@pytest.mark.parametrize(
    ("keyword", "number"),
    [
        ("KVP", "120"),
        ("KVP", "6000"),
        ("KVP", "119.99998"),
        ("RepetitionTime", "12500"),
        ("RadionuclideTotalDose", "371850000"),
        ("RadionuclideHalfLife", "4365792"),
        ("TriggerTime", "1250000"),
        ("ExposureInuAs", "4711882"),
        ("MagneticFieldStrength", "15000"),
        ("PatientWeight", "81000"),
        ("AcquisitionNumber", "20001"),
        ("WindowWidth", "4711882"),
        ("CTDIvol", 12.5),
        ("DiffusionBValue", 3000.0),
        ("SeriesNumber", "73200000"),
        ("SeriesNumber", "7110001"),
        ("InstanceNumber", "10000001"),
    ],
)
def test_a_measurement_stays(keyword: str, number: Any) -> None:
    assert float(_after(keyword, number)) == float(number)


@pytest.mark.parametrize(
    ("number", "field", "stays"),
    [
        ("128175953", "3", True),  # UIH writes hertz
        ("123245611", "3", True),  # 2.89 T, called 3
        ("300334000", "7.05", True),
        ("51721000", "3", True),  # phosphorus
        ("128175953", "1.5", False),
        ("128175953", "", False),
        ("471188231", "3", False),
        ("4711882", "3", False),
    ],
)
def test_a_frequency_in_hertz_stays_if_the_magnet_gives_it(number: str, field: str, stays: bool) -> None:
    before = dataset()
    before.ImagingFrequency, before.MagneticFieldStrength = number, field
    assert output(file_of(before), PLAN).ImagingFrequency == (float(number) if stays else None)


def test_a_frequency_that_is_an_identifier_goes() -> None:
    before = dataset()
    before.PatientID = before.ImagingFrequency = "128175953"
    before.MagneticFieldStrength = "3"
    assert output(file_of(before), PLAN).ImagingFrequency is None


def test_the_number_of_a_series_that_is_part_of_an_identifier_goes() -> None:
    """Seven digits of an accession number, or more."""
    before = dataset()
    before.AccessionNumber, before.SeriesNumber = "24-73200181-9", "73200181"
    assert output(file_of(before), PLAN).SeriesNumber is None


@pytest.mark.parametrize("number", ["4711882", "47118823", "4718200"])
@pytest.mark.parametrize("keyword", ["SeriesNumber", "InstanceNumber", "AcquisitionNumber"])
def test_a_count_of_seven_digits_without_zeros_among_them_goes(keyword: str, number: str) -> None:
    """Devices number so with zeros only; without them, it may be somebody's number in the wrong field."""
    assert _after(keyword, number) is None


@pytest.mark.parametrize(
    ("number", "unit", "stays"),
    [
        ("4711882", "ml", False),
        ("4711882", None, False),
        ("471188", "ml", True),
        ("4711882", "mm3", True),
        ("4711882", "Bq", True),
    ],
)
def test_a_measured_value_is_judged_by_its_unit(number: str, unit: str | None, *, stays: bool) -> None:
    before, value = dataset(), Dataset()
    value.NumericValue = number
    if unit:
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = unit, "UCUM", unit
        value.MeasurementUnitsCodeSequence = [code]
    before.AcquisitionContextSequence = [value]
    item = output(file_of(before), STRUCTURED).AcquisitionContextSequence[0]
    assert item.NumericValue == (float(number) if stays else None)


def test_a_number_that_locates_pixels_holds_the_instance() -> None:
    before = dataset()
    before.ImagePositionPatient = ["0", "4711882", "12.5"]
    outcome = deidentify(file_of(before), PLAN, IDENTITIES)
    assert isinstance(outcome, Quarantined)
    assert "ImagePositionPatient" in outcome.reason
    assert "4711882" not in outcome.reason


def test_what_is_not_known_to_be_measured_in_binary_stays() -> None:
    """A private number may be anything, and so may values, times, counts and points of a curve."""
    assert are_plausible(0x00291010, "DS", ["4711882"])
    for keyword in ("TableOfYBreakPoints", "FrameAcquisitionDuration", "RealWorldValueIntercept", "FloatingPointValue"):
        assert are_plausible(tag_for_keyword(keyword) or 0, "FD", ["4711882"])


def test_no_attribute_has_two_limits() -> None:
    listed = [keyword for keywords in (*plausible._MOST.values(), plausible._ANY) for keyword in keywords.split()]
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("RescaleIntercept", "-8388608"),
        ("RescaleIntercept", "-2147483648"),
        ("HeartRate", "65535"),
        ("EchoTrainLength", "2147483647"),
        ("TableHeight", "131072"),
    ],
)
def test_the_limits_of_what_machines_count_stay(keyword: str, value: str) -> None:
    """Powers of two, and one less: the range of the samples, or the sign for a value that is not known."""
    assert _after(keyword, value) == float(value)


@pytest.mark.parametrize("number", ["65534", "131073", "8388606", "1048577", "100000000"])
def test_other_large_numbers_are_none(number: str) -> None:
    assert not are_plausible(tag_for_keyword("HeartRate") or 0, "IS", [number])
