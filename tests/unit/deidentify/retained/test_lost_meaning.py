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
from sendit.deidentify.retained.lost_meaning import are_alike
from sendit.deidentify.retained.telling import telling_attributes
from sendit.model import Quarantined, Receipt, Released
from tests.dicom import StudyMaker, written
from tests.unit.deidentify.private_blocks import makers
from tests.unit.deidentify.samples import IDENTITIES, VARIED, sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sendit.deidentify.dicom.dataset import Element

pytestmark = pytest.mark.long

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
    ("group", "creator", "element", "vr", "value", "name", "vendor"),
    [
        (0x0057, "SIEMENS MED NM", 0x07, "FL", 0.25, "SIEMENS MED NM Rescale Slope", "Siemens"),
        (0x0057, "SIEMENS MED NM", 0x06, "FL", -3.0, "SIEMENS MED NM Rescale intercept", "Siemens"),
        (
            0x0039,
            "SIEMENS MED OCS I0 MU SCALE FACTOR",
            0x97,
            "IS",
            "80",
            "SIEMENS MED OCS I0 MU SCALE FACTOR I0-MU Scale Factor",
            "Siemens",
        ),
        (0x0019, "GE_GENESIS_REV3.0", 0xCC, "SS", 150, "GE_GENESIS_REV3.0 Phase Contrast Velocity Encoding", "GE"),
        (0x0045, "GEMS_SENO_02", 0x09, "DS", "1.8", "GEMS_SENO_02 Real Magnification Factor", "GE"),
        (0x0029, "MMCPrivate", 0x30, "FD", 1000.0, "MMCPrivate DiffusionBValue", "Hitachi"),
        (0x0019, "MMCPrivate", 0x08, "DS", "5", "MMCPrivate ImageSliceThickness", "Hitachi"),
        (0x0029, "MMCPrivate", 0xCF, "FD", [1.0, 2.0, 3.0], "MMCPrivate MidSlabPosition", "Hitachi"),
        (0x0055, "PMOD_1", 0x05, "FD", [1.5, 2.5], "PMOD_1 Frame Rescale Slope Vector", "PMOD"),
        (0x3273, "BrainLAB_PatientSetup", 0x00, "DS", ["1", "2", "3"], None, "Brainlab"),
        (0x300D, "TOMO_HA_01", 0x60, "DS", "0.287", "TOMO_HA_01 Tomo Pitch of the helix", "Accuray"),
        (0x300D, "TOMO_DD_01", 0x22, "DS", "0.004", "TOMO_DD_01 Detector data scaling factor", "Accuray"),
        (0x300B, "IMPAC", 0x96, "FL", [0.5, 0.25], "IMPAC Line Scan Metersets of the spots", "Elekta"),
        (0x4001, "RAYSEARCHLABS 2.0", 0x07, "FL", 2.5e9, "RAYSEARCHLABS 2.0 Particles Per Spill", "RaySearch"),
        (0x200D, "Philips US Imaging DD 036", 0x03, "LO", ["0.3", "0.4", "0.5"], None, "Philips"),
        (0x7FDF, "ACUSON:1.2.840.113680.1.0:7f10", 0x64, "UN", b"64", None, ""),
        (0x0023, "HOLOGIC", 0x02, "OB", b"\1\2\3\4", "HOLOGIC P File Data", ""),
        (0x07A1, "ELSCINT1", 0x0A, "OB", b"\1\2\3\4", "ELSCINT1 Tamar Compressed Pixel Data", ""),
        (0x7E01, "HOLOGIC, Inc.", 0x12, "OB", b"\1" * 8192, None, ""),
        (0x7FE1, "KRETZ_US", 0x01, "OB", b"\1" * 8192, None, ""),
    ],
)
def test_private_attribute_of_any_vendor_is_named_by_what_a_dictionary_calls_it(
    group: int, creator: str, element: int, vr: str, value: object, name: str | None, vendor: str
) -> None:
    dataset = _private(_without_geometry(), group, creator, element, vr, value)
    (lost,) = _lost(dataset)
    assert lost.startswith(creator)
    assert name is None or lost == name
    if vendor:
        assert _lost(dataset, Option.RETAIN_SAFE_PRIVATE, safe=[f"vendor:{vendor}"]) == []


@pytest.mark.parametrize(
    ("group", "creator", "element", "vr", "value"),
    [
        (0x0057, "SIEMENS MED NM", 0x07, "FL", 1.0),
        (0x0029, "SIEMENS CM VA0  CMS", 0x13, "CS", "LIN"),  # a scale of the window
        (0x0019, "MMCPrivate", 0x08, "UN", b""),
        (0x0011, "IDEXX", 0x00, "LO", "BEAGLE"),
        (0x7E01, "HOLOGIC, Inc.", 0x12, "OB", b"\1\2"),
    ],
)
def test_private_attribute_that_says_nothing_about_pixels_is_not_named(
    group: int, creator: str, element: int, vr: str, value: object
) -> None:
    assert _lost(_private(_without_geometry(), group, creator, element, vr, value)) == []


def test_creator_that_no_dictionary_has_is_not_named() -> None:
    assert _lost(_private(_image(), 0x7E01, "QUIXWORTH^ALMA", 0x10, "OB", b"\1" * 8192)) == [
        "unknown (7E01,xx10), large data of a private attribute"
    ]


def test_private_position_is_not_lost_where_the_standard_gives_one() -> None:
    dataset = _private(_image(ImagePositionPatient=["1", "2", "3"]), 0x29, "MMCPrivate", 0xCF, "FD", [1.0, 2.0, 3.0])
    assert _lost(dataset) == []


def test_private_sequence_of_another_vendor_is_looked_into() -> None:
    inner = _private(Dataset(), 0x0029, "MMCPrivate", 0x30, "FD", 700.0)
    dataset = _private(_without_geometry(), 0x0029, "MMCPrivate", 0xA4, "SQ", Items([inner]))
    assert _lost(dataset) == ["MMCPrivate DiffusionBValue"]


def _without_geometry() -> Dataset:
    dataset = _image()
    for keyword in (
        *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SliceLocation"),
        *("SpacingBetweenSlices", "TriggerTime", "FrameTime", "DiffusionBValue"),
    ):
        if keyword in dataset:
            delattr(dataset, keyword)
    return dataset


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
        ("RescaleType", "MGML"),
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


def test_activity_over_time_needs_the_times_of_scintigraphy() -> None:
    """Dosimetry of Lu-177 fits a curve through images of several days."""
    item = Dataset()
    item.RadiopharmaceuticalStartTime = "101500"
    scan = _image("NM", AcquisitionTime="091500")
    scan.RadiopharmaceuticalInformationSequence = Items([item])
    assert {"RadiopharmaceuticalStartTime", "AcquisitionTime"} <= set(_lost(scan))
    assert _lost(scan, Option.RETAIN_LONGITUDINAL_MODIFIED_DATES) == []


def test_a_source_of_brachytherapy_needs_the_date_of_its_strength() -> None:
    """Its dose is computed from the strength at the time of treatment."""
    source = Dataset()
    source.SourceNumber, source.SourceIsotopeHalfLife, source.ReferenceAirKermaRate = 1, "73.83", "40820"
    source.SourceStrengthReferenceDate, source.SourceStrengthReferenceTime = "20230601", "120000"
    plan = _image("RTPLAN", SourceSequence=Items([source]))
    assert _lost(plan) == ["SourceStrengthReferenceDate"]
    assert _lost(plan, Option.RETAIN_LONGITUDINAL_MODIFIED_DATES) == []


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


# --- series in time --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("modality", ["CT", "MR"])
@pytest.mark.parametrize(
    "values",
    [
        {"SeriesDescription": "VPCT Perfusion 5.0 Hr36"},
        {"SeriesDescription": "t1_vibe_tra_dyn"},
        {"ProtocolName": "DCE breast"},
        {"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", "DYNAMIC"]},
        {"AcquisitionType": "STATIONARY"},
        {"ContrastBolusStartTime": "101512"},
        {"NumberOfTemporalPositions": "20"},
    ],
)
def test_the_times_of_a_series_in_time_do_not_go_in_silence(modality: str, values: dict[str, Any]) -> None:
    """CT has no attribute for a position in time: without the times, perfusion cannot be computed any more."""
    image = _image(modality, AcquisitionTime="101523.25", **values)
    assert "AcquisitionTime" in _lost(image)
    assert _lost(image, Option.RETAIN_LONGITUDINAL_FULL_DATES) == []
    assert _lost(image, Option.RETAIN_LONGITUDINAL_MODIFIED_DATES) == []


@pytest.mark.parametrize("description", ["Thorax 1.0 Br64", "Medicine", "Hypodynia", "t2_tse_cor"])
def test_the_times_of_other_series_may_go(description: str) -> None:
    assert _lost(_image("CT", AcquisitionTime="101523.25", SeriesDescription=description)) == []


# --- numbers that may be somebody's ----------------------------------------------------------------------------------


def test_a_measurement_that_goes_is_named_in_every_receipt() -> None:
    """Equal to the number of the patient, it goes, and whoever reads the report learns that it is missing."""
    for _ in range(2):  # what is remembered of the first instance says it of the second, too
        image = _image("CT", PatientID="4821377", SamplingFrequency="4821377", KVP="120")
        assert _lost(image) == ["SamplingFrequency"]


def test_a_number_in_an_item_is_named_once() -> None:
    items = [Dataset(), Dataset()]
    for item in items:
        item.NumericValue = "4821377"
    image = _image("CT", PatientID="4821377")
    image.ContentSequence = [Dataset(), Dataset()]
    for content, item in zip(image.ContentSequence, items, strict=True):
        content.MeasuredValueSequence = [item]
    assert _lost(image, Option.CLEAN_STRUCTURED_CONTENT) == ["NumericValue"]


def test_numbers_that_stay_are_not_named() -> None:
    assert _lost(_image("CT", PatientID="4821377", KVP="120", ExposureTime="", XRayTubeCurrent="233")) == []
