"""Structured content, graphics and safe private attributes under their options."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pytest
from PIL import Image, ImageDraw
from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import UID, ExplicitVRBigEndian

from sendit.config.schema import Option
from sendit.deidentify import compile_plan, deidentify
from sendit.deidentify.pixels.ocr.api import PixelTools
from sendit.deidentify.pixels.ocr.instance import RapidTextSearch
from sendit.errors import Misconfigured
from sendit.model import Released
from tests.unit.deidentify.samples import IDENTITIES, dataset, file_of, output, released

if TYPE_CHECKING:
    from sendit.deidentify.plan import Plan


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code


def _item(kind: str, concept: Dataset, **values: object) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType, item.ConceptNameCodeSequence = "CONTAINS", kind, [concept]
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def _report() -> FileDataset:
    report = dataset("reportsi.dcm")
    report.PatientName, report.PatientID = "Quimby^Zelda", "MRN55512"
    finding = _code("121071", "DCM", "Finding")
    referenced = Dataset()
    referenced.ReferencedSOPClassUID, referenced.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4"
    measured = Dataset()
    measured.NumericValue, measured.MeasurementUnitsCodeSequence = "12.5", [_code("mm", "UCUM", "mm")]
    report.ContentSequence = [
        _item("TEXT", finding, TextValue="Nodule in the right lung of Zelda Quimby, seen 2024-01-15"),
        _item("TEXT", _code("121030", "DCM", "Subject ID"), TextValue="an identifier"),
        _item("PNAME", _code("121008", "DCM", "Person Observer Name"), PersonName="Okonkwo^Chidi"),
        _item("DATE", finding, Date="20240115"),
        _item("DATETIME", finding, DateTime="20240115101112"),
        _item("TIME", finding, Time="101112"),
        _item("UIDREF", finding, UID="1.2.3.4"),
        _item("IMAGE", finding, ReferencedSOPSequence=[referenced]),
        _item("CODE", finding, ConceptCodeSequence=[_code("39607008", "SCT", "Lung")]),
        _item("NUM", finding, MeasuredValueSequence=[measured]),
        _item("CONTAINER", finding, ContinuityOfContent="SEPARATE"),
    ]
    report.ContentSequence[-1].ContentSequence = [_item("TEXT", finding, TextValue="Quimby: benign")]
    return report


def test_a_structured_report_stays_valid() -> None:
    """Every content item stays what it is; by its value type its value is cleaned, coded, moved or replaced."""
    plan = compile_plan([Option.CLEAN_STRUCTURED_CONTENT, Option.RETAIN_LONGITUDINAL_MODIFIED_DATES], [])
    after = output(file_of(_report()), plan)
    items = after.ContentSequence
    assert [item.ValueType for item in items] == [item.ValueType for item in _report().ContentSequence]
    assert items[0].TextValue == "Nodule in the right lung of , seen"
    assert items[1].TextValue == "Removed"
    assert items[2].PersonName == "Anonymous"
    assert items[3].Date < "20240115"
    assert items[4].DateTime == items[3].Date + "101112"
    assert items[5].Time == "101112"
    assert items[7].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == items[6].UID
    assert items[6].UID.startswith("2.25.")
    assert items[8].ConceptCodeSequence[0].CodeMeaning == "Lung"
    assert items[9].MeasuredValueSequence[0].NumericValue == 12.5
    assert items[10].ContentSequence[0].TextValue == "benign"


def test_without_the_option_text_is_replaced() -> None:
    """The table's D: a valid dummy in every item."""
    items = output(file_of(_report())).ContentSequence
    assert (items[0].TextValue, items[10].ContentSequence[0].TextValue) == ("Removed", "Removed")
    assert (items[3].Date, items[9].MeasuredValueSequence[0].NumericValue) == ("19000101", 12.5)


def _with_overlays() -> FileDataset:
    image = dataset()
    for group, kind in ((0x6000, "R"), (0x6002, "G")):
        block = np.zeros((16, 16), np.uint8)
        image.add_new((group, 0x0010), "US", 16)
        image.add_new((group, 0x0011), "US", 16)
        image.add_new((group, 0x0022), "LO", "ROI of Quimby^Zelda")
        image.add_new((group, 0x0040), "CS", kind)
        image.add_new((group, 0x0050), "SS", [1, 1])
        image.add_new((group, 0x0100), "US", 1)
        image.add_new((group, 0x0102), "US", 0)
        image.add_new((group, 0x3000), "OW", np.packbits(block).tobytes())
    image.add_new((0x5000, 0x3000), "OW", b"curve data")
    return image


def test_overlays() -> None:
    """Regions stay, drawings go, and without the option all go; curves always go."""
    after = output(file_of(_with_overlays()), compile_plan([Option.CLEAN_GRAPHICS], []))
    assert after[0x6000, 0x3000].value == bytes(32)
    assert after[0x6000, 0x0022].value == "ROI of"
    assert [e for e in after if e.tag.group in (0x5000, 0x6002)] == []
    assert [e for e in output(file_of(_with_overlays())) if 0x5000 <= e.tag.group <= 0x60FF] == []


def _drawn(text: str) -> bytes:
    """The plane of an overlay in which a text is drawn, or a disc if there is none."""
    picture = Image.new("1", (128, 128))
    pen = ImageDraw.Draw(picture)
    if text:
        pen.text((8, 50), text, fill=1, font_size=16)
    else:
        pen.ellipse((30, 40, 90, 100), fill=1)
    return np.packbits(np.array(picture), bitorder="little").tobytes()


@pytest.mark.parametrize(
    ("text", "tools", "stays"),
    [
        ("QUIMBY ZELDA", True, False),
        ("12.03.1954", True, False),
        ("", True, True),
        ("", False, False),  # nobody can look
    ],
)
@pytest.mark.parametrize("order", ["little", "big"])
def test_a_region_is_no_drawing_of_text(text: str, tools: bool, stays: bool, order: str) -> None:
    """Where text in pixels is looked for, it is looked for in overlays, too."""
    image = _with_overlays()
    if order == "big":
        image.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        image.PixelData = np.frombuffer(image.PixelData, np.uint16).byteswap().tobytes()
    plane = np.frombuffer(_drawn(text), np.uint16)
    image[0x6000, 0x3000].value = (plane.byteswap() if order == "big" else plane).tobytes()
    image[0x6000, 0x0010].value = image[0x6000, 0x0011].value = 128
    plan = compile_plan([Option.CLEAN_GRAPHICS, Option.CLEAN_PIXEL_DATA], [])
    outcome = deidentify(file_of(image), plan, IDENTITIES, PixelTools(RapidTextSearch()) if tools else None)
    assert isinstance(outcome, Released), outcome
    left = pydicom.dcmread(io.BytesIO(b"".join(outcome.chunks)))
    assert ((0x6000, 0x3000) in left) is stays


def test_an_overlay_in_an_item_goes_where_text_is_looked_for() -> None:
    """It is shown by hardly any viewer, and nobody looks at it."""
    image, item = dataset(), Dataset()
    item.update({element.tag: element for element in _with_overlays() if element.tag.group == 0x6000})
    image.DerivationImageSequence = [item]
    for options, stays in (([Option.CLEAN_GRAPHICS], True), ([Option.CLEAN_GRAPHICS, Option.CLEAN_PIXEL_DATA], False)):
        [left] = output(file_of(image), compile_plan(options, [])).DerivationImageSequence
        assert ((0x6000, 0x3000) in left) is stays


def test_an_overlay_with_more_bytes_than_its_plane_goes() -> None:
    """What stands behind the plane is no region."""
    image = _with_overlays()
    image[0x6000, 0x3000].value += b"QUIMBY ZELDA"
    after = output(file_of(image), compile_plan([Option.CLEAN_GRAPHICS], []))
    assert [e for e in after if e.tag.group == 0x6000] == []


def _graphics() -> FileDataset:
    state = dataset("reportsi.dcm")
    del state.ContentSequence
    state.SOPClassUID = UID("1.2.840.10008.5.1.4.1.1.11.1")
    text, line, annotation = Dataset(), Dataset(), Dataset()
    text.UnformattedTextValue, text.AnchorPoint, text.AnchorPointVisibility = "nodule DOE^JANE", [1.0, 2.0], "Y"
    line.GraphicType, line.GraphicData, line.NumberOfGraphicPoints = "POLYLINE", [1.0, 2.0, 3.0, 4.0], 2
    annotation.TextObjectSequence, annotation.GraphicObjectSequence = [text], [line]
    state.GraphicAnnotationSequence = [annotation]
    return state


@pytest.mark.parametrize(("options", "left"), [([], "Removed"), ([Option.CLEAN_GRAPHICS], "nodule")])
def test_presentation_states(options: list[Option], left: str) -> None:
    """The lines stay; text is replaced, or cleaned under the option."""
    annotation = output(file_of(_graphics()), compile_plan(options, [])).GraphicAnnotationSequence[0]
    assert annotation.TextObjectSequence[0].UnformattedTextValue == left
    assert annotation.GraphicObjectSequence[0].GraphicData == [1.0, 2.0, 3.0, 4.0]


def _with_private(target: Dataset) -> None:
    block = target.private_block(0x7053, "Philips PET Private Group", create=True)
    block.add_new(0x00, "DS", "1.5")
    block.add_new(0x01, "LO", "not in the table")
    other = target.private_block(0x0019, "GEMS_ACQU_01", create=True)
    other.add_new(0x02, "SL", 777)
    stranger = target.private_block(0x0019, "SOMEBODY", create=True)
    stranger.add_new(0x02, "SL", 777)


def _private() -> FileDataset:
    image = dataset()
    for element in [e for e in image if e.tag.is_private]:
        del image[element.tag]
    _with_private(image)
    item = Dataset()
    item.private_block(0x7053, "another one", create=True).add_new(0x00, "DS", "9")
    _with_private(item)
    image.DerivationImageSequence = [item]
    return image


def _kept(image: Dataset) -> list[str]:
    return [f"{e.tag}" for e in image if e.tag.is_private and not e.tag.is_private_creator]


@pytest.mark.filterwarnings("ignore")
def test_safe_private_attributes() -> None:
    """By creator, wherever its block lies, nested too; the creators of what stays stay, others go."""
    plan = compile_plan([Option.RETAIN_SAFE_PRIVATE], [])
    after = output(file_of(_private()), plan)
    assert "(7053,1000)" in _kept(after)
    assert "(7053,1001)" not in _kept(after)
    assert after[0x7053, 0x0010].value == "Philips PET Private Group"
    assert "(7053,1100)" in _kept(after.DerivationImageSequence[0])
    assert "(7053,1000)" not in _kept(after.DerivationImageSequence[0])
    assert b"SOMEBODY" not in b"".join(released(file_of(_private()), plan).chunks)
    assert _kept(output(file_of(_private()))) == []


@pytest.mark.filterwarnings("ignore")
def test_a_projects_own_list() -> None:
    """Over the table; it needs the option, and has to be written rightly."""
    options = [Option.RETAIN_SAFE_PRIVATE]
    own = ['(0019,"SOMEBODY",02)', '(7053,"Philips PET Private Group",01)']
    after = output(file_of(_private()), compile_plan(options, [], own))
    assert {"(0019,1102)", "(7053,1001)"} <= set(_kept(after))
    with pytest.raises(Misconfigured, match="needs the option"):
        compile_plan([], [], own)
    for wrong in ("(0019,SOMEBODY,02)", '(0018,"SOMEBODY",02)', '(0019,"SOMEBODY",1002)', ""):
        with pytest.raises(Misconfigured, match="is not a private attribute"):
            compile_plan(options, [], [wrong])


@pytest.mark.parametrize("creator_first", [True, False])
def test_private_elements_without_creator_go(creator_first: bool) -> None:
    """Nobody can say what they are."""
    image = dataset()
    image.add_new(0x70531000 if creator_first else 0x70539900, "DS", "1.5")
    after = output(file_of(image), compile_plan([Option.RETAIN_SAFE_PRIVATE], []))
    assert [e for e in after if e.tag.group == 0x7053] == []


def test_the_plan_tells_private_rules_apart() -> None:
    """The digest changes with the list."""
    options = [Option.RETAIN_SAFE_PRIVATE]
    plans: list[Plan] = [compile_plan(options, []), compile_plan(options, [], ['(0019,"SOMEBODY",02)'])]
    assert plans[0].digest != plans[1].digest


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("keyword", "vr", "smuggled"),
    [
        ("BodyPartExamined", "CS", b"Quimby, Zelda "),
        ("BodyPartExamined", "CS", b"QUIMBY"),
        ("ScanOptions", "CS", b"zelda@quimby.example"),
        ("SliceThickness", "DS", b"2024-01-15"),
        ("InstanceNumber", "IS", b"15 Jan"),
        ("InstanceNumber", "IS", b"5551234 "),
        ("PixelIntensityRelationshipSign", "SS", b"QUIMBY ZELDA"),
    ],
)
def test_values_that_break_the_rules_of_their_vr_go(keyword: str, vr: str, smuggled: bytes) -> None:
    """A name in a CS, a date in an IS, an identifier in a number: text, and treated as such."""
    image = dataset()
    image.PatientName, image.PatientID = "Quimby^Zelda", "5551234"
    image.BodyPartExamined, image.PixelIntensityRelationshipSign = "CHEST", 1
    data = file_of(image)
    tag = pydicom.datadict.tag_for_keyword(keyword)
    assert tag is not None
    head = tag.to_bytes(4, "big")
    marker = bytes((head[1], head[0], head[3], head[2])) + vr.encode()
    start = data.index(marker, 132)
    length = int.from_bytes(data[start + 6 : start + 8], "little")
    planted = data[:start] + marker + len(smuggled).to_bytes(2, "little") + smuggled + data[start + 8 + length :]
    after = pydicom.dcmread(io.BytesIO(b"".join(released(planted).chunks)))
    assert after[keyword].is_empty or after[keyword].value == "UNKNOWN"


def test_code_strings_in_small_letters_stay_if_they_are_medicine() -> None:
    """Machines write them; a name among several values goes alone."""
    image = dataset()
    with pytest.warns(UserWarning, match="Invalid value"):
        image.ImageType = ["ORIGINAL", "PRIMARY", "Axial", "Zelda"]
    assert list(output(file_of(image)).ImageType) == ["ORIGINAL", "PRIMARY", "Axial", "UNKNOWN"]


@pytest.mark.parametrize("option", [Option.RETAIN_LONGITUDINAL_FULL_DATES, Option.RETAIN_LONGITUDINAL_MODIFIED_DATES])
def test_no_option_for_dates_retains_the_day_of_birth(option: Option) -> None:
    """Neither in a content item nor in another field; a newborn's study is of that day."""
    rules = compile_plan([Option.CLEAN_STRUCTURED_CONTENT, Option.RETAIN_PATIENT_CHARACTERISTICS, option], [])
    before = dataset()
    before.PatientBirthDate, before.StudyDate, before.ContentDate = "19610221", "20240918", "20240918"
    before.LastMenstrualDate, before.AcquisitionDateTime = "19610221", "196102210800"
    concepts = [("121031", "DCM"), ("21112-8", "LN"), ("184099003", "SCT"), ("111526", "DCM")]
    before.AcquisitionContextSequence = [
        _item("DATE", _code(value, scheme, "Date"), Date="19621103") for value, scheme in concepts
    ]
    after = output(file_of(before), rules)
    assert (after.get("LastMenstrualDate"), after.AcquisitionDateTime) == (None, "19000101000000")
    *births, other = [item.Date for item in after.AcquisitionContextSequence]
    assert births == ["19000101"] * 3 != other
    assert after.StudyDate == after.ContentDate != ""
    before.PatientBirthDate = "20240918"
    assert output(file_of(before), rules).StudyDate == after.StudyDate
