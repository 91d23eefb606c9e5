"""The header as values for the indexes."""

from __future__ import annotations

import io
import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from sendit.destinations.indexes.header import LONGEST, Header, header_of
from sendit.errors import Quarantine
from tests.destinations.staged_instances import read_testfile, to_bytes

if TYPE_CHECKING:
    from pathlib import Path


def _header(**values: Any) -> Header:
    dataset = read_testfile()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return header_of(io.BytesIO(to_bytes(dataset)))


def test_texts_numbers_and_lists() -> None:
    """Numbers are numbers, several values are a list, and what has no value is left out."""
    header = _header(SliceThickness="2.5", ImageType=["DERIVED", "PRIMARY"], SeriesNumber="7", StudyDescription="")
    assert header.values["SliceThickness"] == 2.5
    assert header.values["ImageType"] == ["DERIVED", "PRIMARY"]
    assert header.values["SeriesNumber"] == 7
    assert header.values["Rows"] == 128
    assert "StudyDescription" not in header.values
    assert header.text("ImageType") == "DERIVED\\PRIMARY"
    assert header.text("StudyDescription") is None
    assert header.truncated == []


def test_binary_is_left_out() -> None:
    """Pixels and everything else that is bytes stay where they are."""
    header = _header(RedPaletteColorLookupTableData=b"\1\2\3\4")
    assert "PixelData" not in header.values
    assert "RedPaletteColorLookupTableData" not in header.values
    assert not any(isinstance(value, bytes) for value in header.values.values())


def test_sequences_are_json() -> None:
    """By keyword, nested, without bytes."""
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "T-A0100", "SRT", "Brain"
    outer = Dataset()
    outer.PurposeOfReferenceCodeSequence = Sequence([code])
    outer.EncapsulatedDocument = b"\0" * 10
    header = _header(AnatomicRegionSequence=Sequence([outer]), ReferencedStudySequence=Sequence())
    assert json.loads(str(header.values["AnatomicRegionSequence"])) == [
        {
            "PurposeOfReferenceCodeSequence": [
                {"CodeValue": "T-A0100", "CodingSchemeDesignator": "SRT", "CodeMeaning": "Brain"}
            ]
        }
    ]
    assert "ReferencedStudySequence" not in header.values


def test_private_elements_and_repeating_groups_have_names_of_their_own() -> None:
    """Nothing takes the place of another element."""
    dataset = read_testfile()
    dataset.private_block(0x0071, "ACME", create=True).add_new(0x01, "LO", "kept")
    dataset.add_new(0x60000010, "US", 10)
    dataset.add_new(0x60020010, "US", 20)
    header = header_of(io.BytesIO(to_bytes(dataset)))
    assert header.values["Private_00711001"] == "kept"
    assert header.values["OverlayRows"] == 10
    assert header.values["OverlayRows_60020010"] == 20


def test_what_is_too_long_is_named_and_not_read() -> None:
    """A text of many pages is in no index."""
    header = _header(TextValue="x" * (LONGEST + 10))
    assert "TextValue" not in header.values
    assert header.truncated == ["TextValue"]


def test_what_cannot_be_read_is_named() -> None:
    """A number that is none does not stop the index."""
    data = to_bytes(read_testfile()).replace(b"5.000000", b"5.0zz000")
    header = header_of(io.BytesIO(data))
    assert "SliceThickness" not in header.values
    assert "SliceThickness" in header.truncated


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_no_index_takes_are_texts(value: float) -> None:
    """Not a number, and infinity."""
    found = _header(EventElapsedTimes=value, RecommendedDisplayFrameRateInFloat=value).values
    assert isinstance(found["RecommendedDisplayFrameRateInFloat"], str)
    assert not any(isinstance(one, float) and not math.isfinite(one) for one in found.values())


def test_a_file_that_is_not_dicom(tmp_path: Path) -> None:
    """It is held; its message quotes nothing of it."""
    with pytest.raises(Quarantine, match="cannot be read as DICOM"):
        header_of(io.BytesIO(b"Quixworth^Zebulon" * 30))
