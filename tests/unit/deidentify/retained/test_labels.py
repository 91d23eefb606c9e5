"""Two structures never leave under one name that they did not come with."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from sendit.config.schema import Option
from sendit.deidentify import compile_plan
from tests.unit.deidentify.samples import dataset, file_of, output

PLAN = compile_plan([Option.CLEAN_DESCRIPTORS, Option.CLEAN_STRUCTURED_CONTENT], [])


def _items(number: str, name: str, values: list[str]) -> list[Dataset]:
    items = []
    for place, value in enumerate(values, start=3):
        item = Dataset()
        setattr(item, number, place)
        setattr(item, name, value)
        items.append(item)
    return items


@pytest.mark.parametrize(
    ("sequence", "number", "name"),
    [
        ("StructureSetROISequence", "ROINumber", "ROIName"),
        ("SegmentSequence", "SegmentNumber", "SegmentLabel"),
        ("BeamSequence", "BeamNumber", "BeamName"),
        ("RTROIObservationsSequence", "ObservationNumber", "ROIObservationLabel"),
        ("BlockSequence", "BlockNumber", "BlockTrayID"),
        ("RangeShifterSequence", "RangeShifterNumber", "RangeShifterID"),
        ("CompensatorSequence", "CompensatorNumber", "CompensatorID"),
        ("GeneralAccessorySequence", "GeneralAccessoryNumber", "GeneralAccessoryID"),
    ],
)
def test_names_that_cleaning_made_alike_get_their_number(sequence: str, number: str, name: str) -> None:
    """One that came so keeps its name; what differs before differs afterwards."""
    before = dataset()
    values = ["Quxbarry L", "Zanthrop L", "L", "Lung_L", "Quxbarry"]
    setattr(before, sequence, _items(number, name, values))
    after = [item.get(name, "") for item in output(file_of(before), PLAN)[sequence].value]
    assert after[:4] == ["L [3]", "L [4]", "L", "Lung_L"]
    assert not after[4] or after[4] == "Removed"


def test_the_same_name_twice_stays_the_same_name() -> None:
    """Nothing is added where they were alike before."""
    before = dataset()
    before.StructureSetROISequence = _items(
        "ROINumber", "ROIName", ["Quxbarry L", "Quxbarry L", "PTV_High", "PTV_High"]
    )
    after = [item.ROIName for item in output(file_of(before), PLAN).StructureSetROISequence]
    assert after == ["L", "L", "PTV_High", "PTV_High"]


@pytest.mark.parametrize(
    "name", ["BrachialPlex_L", "OpticNrv_L", "Glnd_Submand_L", "Lungs-GTV", "PTV_5040", "zPTV_Opt"]
)
def test_names_of_the_nomenclature_stay(name: str) -> None:
    """AAPM TG-263, and what planning adds to it."""
    before = dataset()
    before.StructureSetROISequence = _items("ROINumber", "ROIName", [name])
    assert output(file_of(before), PLAN).StructureSetROISequence[0].ROIName == name


@pytest.mark.parametrize(
    ("sequence", "keyword", "value"),
    [
        ("SegmentSequence", "SegmentDescription", "Enhancing tumor core"),
        ("SegmentSequence", "TrackingID", "Lesion 1"),
        ("BeamSequence", "BeamName", "LAO 45"),
        ("RealWorldValueMappingSequence", "LUTLabel", "ADC map"),
        ("RangeShifterSettingsSequence", "RangeShifterSetting", "OUT"),
        ("LateralSpreadingDeviceSettingsSequence", "LateralSpreadingDeviceSetting", "IN"),
        ("SnoutSequence", "SnoutID", "Snout 10"),
        ("ApplicatorSequence", "ApplicatorID", "10x10"),
        ("PrimaryFluenceModeSequence", "FluenceModeID", "FFF"),
        ("ChannelSequence", "SourceApplicatorID", "Ring 26 mm"),
        ("EventTimerSequence", "EventTimerNames", "Timer 1"),
        ("IntraocularLensCalculationsRightEyeSequence", "IOLFormulaDetail", "SRK/T"),
        ("StrainStockSequence", "StrainSource", "mouse"),
    ],
)
def test_labels_beyond_the_table_stay_where_descriptors_do(sequence: str, keyword: str, value: str) -> None:
    """Cleaned with the option; a name in them goes; without the option they do not stay."""
    for text, left in ((value, value), (f"{value} Quxbarry", value)):
        before, item = dataset(), Dataset()
        setattr(item, keyword, text)
        setattr(before, sequence, [item])
        assert output(file_of(before), PLAN)[sequence].value[0][keyword].value == left
        basic = output(file_of(before))
        assert str(basic[sequence].value[0].get(keyword, "")) in ("", "Removed")


@pytest.mark.parametrize("options", [[], [Option.CLEAN_DESCRIPTORS]])
@pytest.mark.parametrize(
    ("sequence", "keyword"),
    [
        ("OpticalPathSequence", "OpticalPathIdentifier"),
        ("SourceImageSequence", "ReferencedOpticalPathIdentifier"),
        ("FiducialSequence", "FiducialIdentifier"),
    ],
)
def test_names_that_others_refer_to_stay_distinct_and_the_same(
    sequence: str, keyword: str, options: list[Option]
) -> None:
    """Without the option, too: the channels of a slide, the points of a registration. No two get one dummy."""
    before = dataset()
    items = []
    for text in ("Quxbarry", "Zanthrop", "Quxbarry"):
        item = Dataset()
        setattr(item, keyword, text)
        items.append(item)
    setattr(before, sequence, items)
    first, second, third = (
        item[keyword].value for item in output(file_of(before), compile_plan(options, []))[sequence].value
    )
    assert first == third != second
    assert not {first, second} & {"", "Removed", "Quxbarry", "Zanthrop"}


def test_a_name_of_which_nothing_is_left_gets_its_number() -> None:
    """Else several structures would have no name; where the profile removes all names, it stays so."""
    before = dataset()
    before.StructureSetROISequence = _items("ROINumber", "ROIName", ["Quxbarry", "Zanthrop", "Lung_L"])
    names = [item.ROIName for item in output(file_of(before), PLAN).StructureSetROISequence]
    assert names == ["Removed [3]", "Removed [4]", "Lung_L"]
    assert [item.ROIName for item in output(file_of(before)).StructureSetROISequence] == ["", "", ""]
