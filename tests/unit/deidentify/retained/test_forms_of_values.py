"""Values of the right VR that are none of their attribute: split numbers, long samples, years, UIDs without a dot."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import pytest
from pydicom.dataset import Dataset

from sendit.config.schema import Option
from sendit.deidentify import compile_plan
from sendit.deidentify.retained.hidden_text import is_hidden_text
from sendit.deidentify.retained.plausible import are_plausible
from sendit.deidentify.retained.vr_rules import are_uids, valid
from tests.unit.deidentify.samples import dataset, file_of, output

_RESEARCH = compile_plan([Option.CLEAN_STRUCTURED_CONTENT, Option.RETAIN_PATIENT_CHARACTERISTICS], [])
_BEAM_DOSE, _CHANNEL_MINIMUM, _FLOATING_POINT_VALUE = 0x300A0084, 0x54000110, 0x0040A161


@pytest.mark.parametrize("value", [rb"3\3\4\7\7\1\9", rb"4711\882", rb"11\3\1962", rb"4711\882 "])
def test_more_numbers_than_an_attribute_has_are_one_that_was_split(value: bytes) -> None:
    assert valid(_BEAM_DOSE, "DS", value) == b""


@pytest.mark.parametrize("value", [rb"80\140", b"4711", rb"1.25\2.5\3.75\5.25"])
def test_a_few_digits_too_many_stay(value: bytes) -> None:
    """Two energies in one KVP are written so."""
    assert valid(_BEAM_DOSE, "DS", value) == value


def test_lists_may_have_many_numbers() -> None:
    """FrameTimeVector has any number of values."""
    assert valid(0x00181065, "DS", rb"0\1\2\3\4\5\6\7") == rb"0\1\2\3\4\5\6\7"


def test_the_smallest_value_of_a_channel_is_one_sample() -> None:
    assert valid(_CHANNEL_MINIMUM, "OB", b"\x09Quimby\0\0\x01\x02\x03") == b""
    assert valid(_CHANNEL_MINIMUM, "OW", b"\x00\x80") == b"\x00\x80"


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
def test_a_compressed_stream_is_no_table(compress: Any) -> None:
    stream = compress(b"Quennesbury^Aldric 4711882")
    assert is_hidden_text(stream + b"\0" * (-len(stream) % 8), "OW")
    assert not is_hidden_text(stream[:3] + bytes(range(64)), "OW")


def test_a_name_in_utf_8_is_no_table() -> None:
    assert is_hidden_text("Hafliðadóttir^Þórdís".encode(), "OB")


@pytest.mark.parametrize(
    ("number", "vr", "plausible"),
    [("66123456789", "DS", False), ("37000000000", "FD", True), ("66123456789", "FD", False), ("9" * 17, "FD", True)],
)
def test_nothing_is_measured_to_eleven_digits(number: str, vr: str, *, plausible: bool) -> None:
    """But round numbers, and floats whose precision ends before the point."""
    assert are_plausible(_FLOATING_POINT_VALUE, vr, [number]) is plausible


@pytest.mark.parametrize(
    ("value", "are"), [(b"1.2.826.0.1\0", True), (b"", True), (b"0", True), (b"471188219620311", False)]
)
def test_a_number_without_a_dot_is_no_uid(value: bytes, *, are: bool) -> None:
    assert are_uids(value) is are


def test_a_number_without_a_dot_is_coded_although_uids_are_retained() -> None:
    before = dataset()
    before.FrameOfReferenceUID, before.SynchronizationFrameOfReferenceUID = "471188219620311", "1.2.826.0.1.5"
    after = output(file_of(before), compile_plan([Option.RETAIN_UIDS], []))
    assert after.FrameOfReferenceUID.startswith("2.25.")
    assert after.SynchronizationFrameOfReferenceUID == "1.2.826.0.1.5"


@pytest.mark.parametrize(("years", "unit", "left"), [("93", "a", "90"), ("57", "a", "57"), ("93", "mm", "93")])
def test_an_age_over_89_years_in_a_report_is_coded(years: str, unit: str, left: str) -> None:
    units = Dataset()
    units.CodeValue, units.CodingSchemeDesignator, units.CodeMeaning = unit, "UCUM", unit
    measured = Dataset()
    measured.NumericValue, measured.FloatingPointValue = years, float(years)
    measured.MeasurementUnitsCodeSequence = [units]
    item = Dataset()
    item.ValueType, item.MeasuredValueSequence = "NUM", [measured]
    before = dataset()
    before.ContentSequence = [item]
    after = output(file_of(before), _RESEARCH).ContentSequence[0].MeasuredValueSequence[0]
    assert (after.NumericValue, after.FloatingPointValue) == (left, float(left))


def test_any_age_over_89_years_is_coded() -> None:
    before = dataset()
    before.SelectorASValue = "097Y"
    after = output(file_of(before), compile_plan([Option.RETAIN_PATIENT_CHARACTERISTICS], []))
    assert after.get("SelectorASValue", "090Y") == "090Y"


@pytest.mark.parametrize(
    "code", ["K1M 7B1", "H R E B I C E K", "O_K_W_U_O_S_A", "PO BOX 1057", "12 DEC _22", "XXXX XXXX 4711", "M_BC 1202"]
)
def test_a_code_string_has_no_form_of_what_identifies(code: str) -> None:
    before = dataset()
    before.ScanOptions = ["HELIX", code]
    assert output(file_of(before)).ScanOptions == ["HELIX", ""]


@pytest.mark.parametrize("unit", ["756.6872.3010.61", "19610221", "14.12.1928", "20/02/2507"])
def test_numbers_alone_are_no_unit(unit: str) -> None:
    units = Dataset()
    units.CodeValue, units.CodingSchemeDesignator, units.CodeMeaning = unit, "UCUM", "millimeter"
    before = dataset()
    before.MeasurementUnitsCodeSequence = [units]
    assert output(file_of(before)).MeasurementUnitsCodeSequence[0].get("CodeValue") != unit
