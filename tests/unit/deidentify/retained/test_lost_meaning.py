"""What scales, orders or locates pixels never goes without a word."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pydicom
import pytest
from pydicom.datadict import keyword_for_tag, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import (
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
)

from sendit.deidentify import RecipeText, compile_plan, deidentify
from sendit.deidentify.dicom.reader import read_file
from sendit.deidentify.options import Option
from sendit.deidentify.plan import Handling
from sendit.deidentify.profile.private import read_tag, vendor_attributes
from sendit.deidentify.retained.lost_meaning import are_alike, telling_attributes
from sendit.model import Quarantined, Receipt, Released
from tests.dicom import StudyMaker, written
from tests.unit.deidentify.private_blocks import makers
from tests.unit.deidentify.samples import IDENTITIES, VARIED, sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sendit.deidentify.dicom.dataset import Element

PHILIPS, SIEMENS, GE = "Philips MR Imaging DD 001", "SIEMENS MR HEADER", "GEMS_PARM_01"


def _image(modality: str = "MR", **values: Any) -> Dataset:
    dataset = pydicom.dcmread(io.BytesIO(StudyMaker(modality=modality).instance()))
    dataset.SOPClassUID = {"PT": PositronEmissionTomographyImageStorage}.get(modality, MRImageStorage)
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def _lost(
    dataset: Dataset,
    *options: Option,
    safe: Sequence[str] = (),
    recipe: str = "",
    syntax: str = ExplicitVRLittleEndian,
) -> list[str]:
    recipes = [RecipeText("test.deid", f"FORMAT dicom\n%header\n{recipe}\n")] if recipe else []
    outcome = deidentify(written(dataset, syntax), compile_plan(options, recipes, safe), IDENTITIES)
    assert isinstance(outcome, Released), outcome
    return list(outcome.receipt.lost_meaning)


def _private(dataset: Dataset, group: int, creator: str, element: int, vr: str, value: object) -> Dataset:
    dataset.private_block(group, creator, create=True).add_new(element, vr, value)
    return dataset


# --- private attributes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize(
    ("group", "creator", "element", "vr", "value", "name", "vendor"),
    [
        (0x2005, PHILIPS, 0x0E, "FL", 0.0033, "Philips scale slope", "Philips"),
        (0x2005, PHILIPS, 0x0D, "FL", 7.5, "Philips scale intercept", "Philips"),
        (0x2001, "Philips Imaging DD 001", 0x03, "FL", 800.0, "Philips diffusion b-factor", "Philips"),
        (0x7053, "Philips PET Private Group", 0x00, "DS", "0.00021", "Philips SUV factor", "Philips"),
        (0x7053, "Philips PET Private Group", 0x09, "DS", "1.5", "Philips activity concentration factor", "Philips"),
        (0x0019, SIEMENS, 0x0A, "US", 51, "Siemens NumberOfImagesInMosaic", "Siemens"),
        (0x0019, SIEMENS, 0x0C, "IS", "1000", "Siemens B_value", "Siemens"),
        (0x0019, SIEMENS, 0x0E, "FD", [0.5, 0.5, 0.7], "Siemens DiffusionGradientDirection", "Siemens"),
        (0x0019, SIEMENS, 0x29, "FD", [0.0, 75.0], "Siemens MosaicRefAcqTimes", "Siemens"),
        (0x0043, GE, 0x39, "IS", ["1000001000", "8", "0", "0"], "GE b-value", "GE"),
        (0x0019, "GEMS_ACQU_01", 0xBB, "DS", "0.7", "GE diffusion direction X", "GE"),
        (0x0065, "Image Private Header", 0x09, "FD", 1000.0, "UIH b-value", "UIH"),
        (0x700D, "TOSHIBA_MEC_MR3", 0x00, "DS", "2.5", "Toshiba scale factor", "Toshiba"),
    ],
)
def test_private_attribute_is_named_where_it_goes_and_not_where_it_stays(
    syntax: str, group: int, creator: str, element: int, vr: str, value: object, name: str, vendor: str
) -> None:
    dataset = _private(_image(), group, creator, element, vr, value)
    assert _lost(dataset, syntax=syntax) == [name]
    assert _lost(dataset, Option.RETAIN_SAFE_PRIVATE, safe=[f"vendor:{vendor}"], syntax=syntax) == []


@pytest.mark.parametrize(
    ("group", "creator", "element", "vr", "value"),
    [
        (0x2005, PHILIPS, 0x0E, "FL", 1.0),
        (0x2005, PHILIPS, 0x0D, "FL", 0.0),
        (0x2001, "Philips Imaging DD 001", 0x03, "FL", 0.0),
        (0x0019, SIEMENS, 0x0A, "US", 1),
        (0x0019, SIEMENS, 0x0C, "IS", "0"),
        (0x0019, SIEMENS, 0x0C, "IS", ""),
        (0x0043, GE, 0x39, "IS", ["0", "8", "0", "0"]),
        (0x0019, "GEMS_ACQU_01", 0xBB, "DS", "0"),
        (0x0019, "QUIXWORTH", 0x0A, "US", 51),
    ],
)
def test_value_that_means_nothing_is_not_named(group: int, creator: str, element: int, vr: str, value: object) -> None:
    assert _lost(_private(_image(), group, creator, element, vr, value)) == []


def test_entries_of_the_csa_header_count() -> None:
    dataset = _private(
        _image(ScanningSequence="EP"), 0x29, "SIEMENS CSA HEADER", 0x10, "OB", makers.csa(makers.IMAGE, dirt=b"")
    )
    assert _lost(dataset) == [
        "Siemens CSA NumberOfImagesInMosaic",
        "Siemens CSA MosaicRefAcqTimes",
        "Siemens CSA SliceNormalVector",
        "Siemens CSA B_value",
        "Siemens CSA DiffusionGradientDirection",
        "Siemens CSA BandwidthPerPixelPhaseEncode",
        "Siemens CSA PhaseEncodingDirectionPositive",
    ]
    assert _lost(dataset, Option.RETAIN_SAFE_PRIVATE, safe=["vendors"]) == []


def test_header_that_cannot_be_read_is_named() -> None:
    dataset = _private(_image(), 0x29, "SIEMENS CSA HEADER", 0x10, "OB", makers.csa(makers.IMAGE, dirt=b"")[:400])
    name = "Siemens CSA image header, which cannot be taken apart"
    assert _lost(dataset) == [name]
    assert _lost(dataset, Option.RETAIN_SAFE_PRIVATE, safe=["vendors"]) == [name]


def test_what_another_attribute_says_is_not_lost() -> None:
    dataset = _private(_image(DiffusionBValue=1000.0), 0x19, SIEMENS, 0x0C, "IS", "1000")
    assert _lost(dataset) == []


def test_component_of_a_vector_is_lost_though_the_others_stay() -> None:
    dataset = _image()
    for element, value in ((0xBB, "0.5"), (0xBC, "0.5"), (0xBD, "0.7")):
        _private(dataset, 0x19, "GEMS_ACQU_01", element, "DS", value)
    safe = ['(0019,"GEMS_ACQU_01",bb)', '(0019,"GEMS_ACQU_01",bc)']
    assert _lost(dataset, Option.RETAIN_SAFE_PRIVATE, safe=safe) == ["GE diffusion direction Z"]


def test_frames_of_enhanced_images() -> None:
    dataset = _image()
    dataset.SOPClassUID = EnhancedMRImageStorage
    dataset.NumberOfFrames = 1
    frames = []
    for slope in (0.5, 0.25):
        inner = _private(Dataset(), 0x2005, PHILIPS, 0x0E, "FL", slope)
        inner.RescaleSlope = "3"
        frame = Dataset()
        frame.private_block(0x2005, "Philips MR Imaging DD 005", create=True).add_new(0x0F, "SQ", Items([inner]))
        frame.PixelValueTransformationSequence = Items([Dataset()])
        frame.PixelValueTransformationSequence[0].RescaleSlope = "3"
        frames.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = Items(frames)
    assert _lost(dataset) == ["Philips scale slope"]
    assert _lost(dataset, Option.RETAIN_SAFE_PRIVATE, safe=["vendor:Philips"]) == []
    assert _lost(dataset, recipe="REMOVE RescaleSlope") == ["RescaleSlope", "Philips scale slope"]


# --- attributes of the standard --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("RescaleSlope", "2.5"),
        ("RescaleIntercept", "-1024"),
        ("ImagePositionPatient", ["1", "2", "3"]),
        ("ImageOrientationPatient", ["1", "0", "0", "0", "1", "0"]),
        ("PixelSpacing", ["0.5", "0.5"]),
        ("SpacingBetweenSlices", "3"),
        ("DiffusionBValue", 1000.0),
        ("DiffusionGradientOrientation", [0.1, 0.2, 0.3]),
    ],
)
def test_recipe_that_removes_blanks_or_changes_it_is_named(keyword: str, value: Any) -> None:
    dataset = _image(**{keyword: value})
    assert _lost(dataset) == []
    assert _lost(dataset, recipe=f"REMOVE {keyword}") == [keyword]
    assert _lost(dataset, recipe=f"BLANK {keyword}") == [keyword]


def test_recipe_that_writes_another_number_is_named() -> None:
    assert _lost(_image(RescaleSlope="2.5"), recipe="REPLACE RescaleSlope 1.28") == ["RescaleSlope"]
    assert _lost(_image(RescaleSlope="2.5"), recipe="REPLACE RescaleSlope 2.50") == []
    assert _lost(_image(RescaleSlope="1"), recipe="REMOVE RescaleSlope") == []


def test_value_that_is_written_in_its_right_vr_is_the_same() -> None:
    dataset = _image()
    for keyword, value in (("RescaleSlope", b"2.50"), ("ImagePositionPatient", b"1.0\\2.0\\3.0 ")):
        tag = tag_for_keyword(keyword)
        assert tag is not None
        dataset[tag] = DataElement(tag, "UN", value)
    assert _lost(dataset) == []


def test_suv_needs_weight_and_times() -> None:
    item = Dataset()
    item.RadionuclideTotalDose, item.RadionuclideHalfLife = "370000000", "6586.2"
    item.RadiopharmaceuticalStartTime = "101500"
    pet = _image("PT", Units="BQML", DecayCorrection="START", PatientWeight="71", SeriesTime="111500")
    pet.RadiopharmaceuticalInformationSequence = Items([item])
    lost = _lost(pet)
    assert "PatientWeight" in lost
    assert "RadiopharmaceuticalStartTime" in lost
    assert "SeriesTime" in lost
    assert not {"Units", "DecayCorrection", "RadionuclideTotalDose", "RadionuclideHalfLife"} & set(lost)
    options = (Option.RETAIN_PATIENT_CHARACTERISTICS, Option.RETAIN_LONGITUDINAL_MODIFIED_DATES)
    assert _lost(pet, *options) == []


def test_activity_of_ge_counts_where_the_standard_attribute_is_missing() -> None:
    pet = _image("PT", SeriesTime="")
    for element, value in ((0x38, 370.0), (0x3C, 4.5)):
        _private(pet, 0x09, "GEMS_PETD_01", element, "FL", value)
    assert _lost(pet) == ["GE tracer activity", "GE activity left after the injection"]
    item = Dataset()
    item.RadionuclideTotalDose = "370000000"
    pet.RadiopharmaceuticalInformationSequence = Items([item])
    assert _lost(pet) == ["GE activity left after the injection"]
    assert _lost(pet, Option.RETAIN_SAFE_PRIVATE, safe=["vendor:GE"]) == []


@pytest.mark.parametrize("name", VARIED)
def test_files_without_private_data_lose_nothing(name: str) -> None:
    dataset = pydicom.dcmread(io.BytesIO(sample(name)))
    outcome = deidentify(sample(name), compile_plan([], []), IDENTITIES)
    assert isinstance(outcome, Released), outcome
    if not any(element.tag.is_private for element in dataset):
        assert outcome.receipt.lost_meaning == ()


# --- what is done about it -------------------------------------------------------------------------------------------


def test_project_can_have_such_instances_held() -> None:
    file = written(_private(_image(), 0x2005, PHILIPS, 0x0E, "FL", 0.0033))
    held = deidentify(file, compile_plan([], [], handling=Handling(on_lost_meaning="Hold")), IDENTITIES)
    assert isinstance(held, Quarantined)
    assert held.reason == "a recipient could no longer read Philips scale slope (OnLostMeaning is Hold)"
    plan = compile_plan([Option.RETAIN_SAFE_PRIVATE], [], ["vendors"], Handling(on_lost_meaning="Hold"))
    assert isinstance(deidentify(file, plan, IDENTITIES), Released)


def test_receipts_name_no_values_and_older_ones_stay_readable() -> None:
    file = written(_private(_image(), 0x2005, PHILIPS, 0x0E, "FL", 0.0033))
    outcome = deidentify(file, compile_plan([], []), IDENTITIES)
    assert isinstance(outcome, Released)
    stored = outcome.receipt.as_dict()
    assert stored["lost_meaning"] == ["Philips scale slope"]
    assert Receipt.from_dict(stored) == outcome.receipt
    del stored["lost_meaning"]
    assert Receipt.from_dict(stored).lost_meaning == ()
    assert "lost_meaning" not in Receipt.from_dict(stored).as_dict()


def test_every_private_attribute_of_the_table_is_in_a_list_of_a_vendor() -> None:
    private = [read_tag(one.attribute) for one in telling_attributes() if one.attribute.startswith("(")]
    assert private
    assert set(private) <= set(vendor_attributes())


def test_every_row_says_what_it_means() -> None:
    rows = telling_attributes()
    assert all(row.meaning and row.name for row in rows)
    assert len({row.attribute for row in rows}) == len(rows)
    assert keyword_for_tag(0x00281053) in {row.attribute for row in rows}


def _read(dataset: Dataset) -> list[Element]:
    return read_file(memoryview(written(dataset))).elements


def test_what_is_alike_needs_no_comparison() -> None:
    """Alike: the same numbers of the standard, whatever else changed. Not: others, fewer, vendors' own."""
    image = _image(EchoTime="80", RepetitionTime="2000", SeriesDescription="a")
    before = _read(image)
    image.SeriesDescription = "b"
    assert are_alike(before, _read(image))
    image.EchoTime = "81"
    assert not are_alike(before, _read(image))
    del image.EchoTime
    assert not are_alike(before, _read(image))
    with_vendor = _read(_private(_image(EchoTime="80"), 0x2005, PHILIPS, 0x10, "SH", "x"))
    assert not are_alike(with_vendor, with_vendor)


def test_what_equals_nothing_is_not_alike() -> None:
    """A float may be no number, which the comparison of values finds different from itself."""
    image = _image(DiffusionBValue=float("nan"))
    assert not are_alike(_read(image), _read(image))
