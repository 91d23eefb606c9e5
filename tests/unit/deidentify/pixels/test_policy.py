"""What is done about the pixels of an instance, and what its receipt and its header say of it then."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from sendit.config.schema import Option
from sendit.deidentify import KeyedIdentities, RecipeText, compile_plan, deidentify
from sendit.deidentify.pixels.ocr.api import Keep, PixelTools
from sendit.deidentify.pixels.redaction.rules import device_filters
from sendit.deidentify.pixels.regions import Corrections, Region
from sendit.deidentify.plan import Handling
from sendit.errors import Misconfigured
from sendit.model import Doubt, Quarantined, Rejected, Released
from tests.pixels import EXPLICIT, Kind, file_of, image, numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sendit.deidentify.leak_check.identifiers import Identifiers
    from sendit.deidentify.pixels.frames import Frames

pytestmark = pytest.mark.long

IDENTITIES = KeyedIdentities(bytes(32))
GREY = Kind(EXPLICIT, "MONOCHROME2", 16, 12)
CT, SECONDARY = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.7"
ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6.1"
CLEAN_PIXELS = "113101"


def sample(**values: Any) -> Dataset:
    """A CT image, or what the values make of it."""
    ds = image(GREY)
    ds.SOPClassUID, ds.Modality, ds.ImageType = CT, "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.ImagePositionPatient = [0, 0, 12.5]
    for name, value in values.items():
        setattr(ds, name, value)
    return ds


def finding(*regions: Region) -> PixelTools:
    """Tools that find text in these regions."""

    def search(frames: Frames, identifiers: Identifiers, series_instance_uid: str) -> Sequence[Region]:
        assert frames[0].shape == (35, 40)
        return regions

    return PixelTools(search)


def treated(
    ds: Dataset, tools: PixelTools | None = None, recipe: str = "", options: Sequence[Option] | None = None, **how: Any
) -> Released | Rejected | Quarantined:
    """What becomes of an instance under CleanPixelData."""
    recipes = [RecipeText("site.deid", f"FORMAT dicom\n{recipe}")] if recipe else []
    wanted = [Option.CLEAN_PIXEL_DATA] if options is None else options
    return deidentify(file_of(ds), compile_plan(wanted, recipes, handling=Handling(**how)), IDENTITIES, tools)


def released(outcome: Released | Rejected | Quarantined) -> tuple[Dataset, Any]:
    """The dataset that leaves, and what its receipt says of its pixels."""
    assert isinstance(outcome, Released), outcome
    return dcmread(io.BytesIO(b"".join(outcome.chunks))), outcome.receipt.pixels


def codes(ds: Dataset) -> list[str]:
    """Of DeidentificationMethodCodeSequence."""
    return [item.CodeValue for item in ds.DeidentificationMethodCodeSequence]


def test_clean_by_rule() -> None:
    """An axial CT passes byte for byte, and says that nothing is burned in."""
    ds, said = released(treated(sample()))
    assert said == {"status": "clean by rule", "how": "CT"}
    assert (ds.BurnedInAnnotation, CLEAN_PIXELS in codes(ds)) == ("NO", True)
    assert ds.PixelData == sample().PixelData


def test_without_the_option() -> None:
    """Nothing is looked at, and nothing is said of it."""
    ds, said = released(treated(sample(SOPClassUID=SECONDARY), options=[]))
    assert said == {"status": "not checked"}
    assert ("BurnedInAnnotation" in ds, CLEAN_PIXELS in codes(ds)) == (False, False)
    assert ds.PixelData == sample().PixelData


def test_without_pixels() -> None:
    """There is nothing to be clean."""
    ds = sample()
    del ds.PixelData
    ds, said = released(treated(ds))
    assert (said, CLEAN_PIXELS in codes(ds)) == ({"status": "no pixels"}, False)


RISKY = [
    {"SOPClassUID": SECONDARY},
    {"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]},
    {"BurnedInAnnotation": "YES"},
    {"ConversionType": "DF"},
    {"SeriesDescription": "Dose Report"},
    {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.12.2", "Modality": "RF"},
    {"SOPClassUID": ULTRASOUND, "Modality": "US"},
    {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.77.1.4", "Modality": "XC"},
]


@pytest.mark.parametrize("values", RISKY, ids=str)
def test_risky_kinds(values: dict[str, Any]) -> None:
    """Held where nobody can look; checked where somebody can; made black where something is found."""
    for tools, wanted in ((None, "Risky"), (finding(), "Off")):
        outcome = treated(sample(**values), tools, detect_text=wanted)
        assert isinstance(outcome, Quarantined)
        assert "may be burned into its pixels" in outcome.reason
    ds, said = released(treated(sample(**values), finding()))
    assert said == {"status": "checked and clean", "how": "text detection"}
    assert (ds.BurnedInAnnotation, ds.PixelData) == ("NO", sample().PixelData)
    ds, said = released(treated(sample(**values), finding(Region(2, 3, 9, 99))))
    box = [[2, 3, 9, 35]]
    assert said == {"status": "cleaned", "how": "text detection", "regions": box, "text": box}
    assert (ds.pixel_array[3:, 2:9] == 0).all()
    assert (ds.BurnedInAnnotation, CLEAN_PIXELS in codes(ds)) == ("NO", True)


def test_detect_text_all_and_review() -> None:
    """All looks at every image; Review holds what text was found in."""
    found = finding(Region(0, 0, 4, 4))
    assert released(treated(sample(), found))[1]["status"] == "clean by rule"
    assert released(treated(sample(), found, detect_text="All"))[1]["status"] == "cleaned"
    assert isinstance(treated(sample(), found, detect_text="All", on_text="Review"), Quarantined)


DEVICE = {"Manufacturer": "GE", "ManufacturerModelName": "LightSpeed VCT", "ImageType": ["ORIGINAL", "SCREEN SAVE"]}


def test_a_device_that_deid_knows() -> None:
    """The regions of deid's own file are made black, and what text detection finds beside them."""
    assert len(device_filters().labels) > 100
    ds, said = released(treated(sample(**DEVICE), finding()))
    assert (said["status"], said["how"]) == ("cleaned", "a device known to deid")
    regions = said["regions"]
    assert regions
    assert not ds.pixel_array[_within(regions)].any()
    found = Region(0, 30, 9, 35)
    ds, said = released(treated(sample(**DEVICE, Rows=35), finding(found)))
    assert said["how"] == "a device known to deid and text detection"
    assert not ds.pixel_array[_within([*regions, [0, 30, 9, 35]])].any()


@pytest.mark.parametrize("how", [{"detect_text": "Off"}, {"on_text": "Review"}], ids=str)
def test_a_device_that_deid_knows_is_no_answer(how: dict[str, str]) -> None:
    """Its regions hold a third of the text of images of such devices: what else there is holds the image."""
    assert isinstance(treated(sample(**DEVICE), finding(Region(0, 30, 9, 35)), **how), Quarantined)  # type: ignore[arg-type]
    assert isinstance(treated(sample(**DEVICE)), Quarantined)


def _within(regions: list[list[int]]) -> Any:
    inside = np.zeros((35, 40), bool)
    for x0, y0, x1, y1 in regions:
        inside[y0:y1, x0:x1] = True
    return inside


FILTER = "%filter graylist\nLABEL ours\n  contains Modality CT\n"


def test_text_that_stays() -> None:
    """What the project lets stay is not masked, unless a mask would cut it; the search of it is told what is asked."""
    marker, name, cut = Region(20, 0, 24, 4), Region(0, 0, 9, 4), Region(7, 2, 12, 9)
    asked: list[Keep] = []

    def keep(frames: Frames, identifiers: Identifiers, regions: Sequence[Region], keep: Keep) -> Sequence[Region]:
        asked.append(keep)
        return [marker, cut]

    tools = PixelTools(finding(marker, name, cut).search, keep=keep)
    radiograph = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.1", "Modality": "CR"}
    said = released(treated(sample(**radiograph), tools))[1]
    assert sorted(said["regions"]) == [[0, 0, 9, 4], [7, 2, 12, 9]]
    assert asked == [Keep("CR", markers=True)]
    said = released(treated(sample(**radiograph), tools, keep=()))[1]
    assert len(said["regions"]) == 3
    assert len(asked) == 1
    only = PixelTools(finding(marker).search, keep=keep)
    assert released(treated(sample(**radiograph), only, on_text="Review"))[1]["status"] == "checked and clean"


def test_coordinates_of_a_recipe() -> None:
    """coordinates, ctpcoordinates and keepcoordinates, each over those before it."""
    lines = "  coordinates 0,0,10,12\n  ctpcoordinates 20,0,5,5\n  keepcoordinates 2,2,4,4\n"
    ds, said = released(treated(sample(), recipe=FILTER + lines))
    expected = numbers(GREY)[0]
    kept = expected[2:4, 2:4].copy()
    expected[0:12, 0:10] = expected[0:5, 20:25] = 0
    expected[2:4, 2:4] = kept
    assert np.array_equal(ds.pixel_array, expected)
    assert (said["status"], said["how"]) == ("cleaned", "the recipe's filter")


@pytest.mark.parametrize(
    "line",
    ["coordinates 2000,2000,2100,2100", "keepcoordinates 0,0,40,35", "coordinates from:SequenceOfUltrasoundRegions"],
)
def test_a_filter_that_names_nothing_of_the_image(line: str) -> None:
    """Nobody has looked at it for that: it is treated as if there were no filter with regions."""
    ds = sample(SOPClassUID=SECONDARY)
    assert isinstance(treated(ds, recipe=f"{FILTER}  {line}\n"), Quarantined)
    said = released(treated(ds, finding(Region(0, 0, 4, 4)), recipe=f"{FILTER}  {line}\n"))[1]
    assert (said["status"], said["how"]) == ("cleaned", "text detection")


def test_lists_of_a_recipe() -> None:
    """A graylist without coordinates makes an image risky; a whitelist frees it; a blacklist rejects it."""
    assert isinstance(treated(sample(), recipe=FILTER), Quarantined)
    assert isinstance(treated(sample(), recipe=FILTER.replace("graylist", "blacklist")), Rejected)
    secondary = sample(SOPClassUID=SECONDARY)
    said = released(treated(secondary, recipe=FILTER.replace("graylist", "whitelist")))[1]
    assert said == {"status": "clean by rule", "how": "the recipe's whitelist"}
    assert isinstance(treated(sample(), options=[], recipe=FILTER + "  coordinates 0,0,1,1\n"), Rejected)


def test_what_a_project_takes() -> None:
    """Everything else is rejected, and says why."""
    for how in ({"modalities": ("MR",)}, {"sop_classes": (SECONDARY,)}):
        outcome = treated(sample(), **how)  # type: ignore[arg-type]
        assert isinstance(outcome, Rejected)
        assert "does not accept" in outcome.reason
    assert isinstance(treated(sample(), modalities=("MR", "CT"), sop_classes=(CT,)), Released)


@pytest.mark.parametrize("options", [[Option.CLEAN_PIXEL_DATA], []], ids=str)
def test_pixel_data_of_two_kinds(options: list[Option]) -> None:
    """Whichever of them is looked at, the other one would leave unseen."""
    ds = sample()
    ds.BitsAllocated = ds.BitsStored = 32
    ds.HighBit = 31
    ds.PixelData = np.full((35, 40), 7, "<u4").tobytes()
    ds.add_new(0x7FE00008, "OF", np.zeros((35, 40), "<f4").tobytes())
    assert isinstance(treated(ds, finding(), options=options), Rejected)


def test_what_cannot_be_decoded() -> None:
    """It is held where its pixels have to be looked at."""
    ds = image(Kind("1.2.840.10008.1.2.4.90", "MONOCHROME2", 8, 8, vr="OB"))
    ds.PixelData = ds.PixelData[:60] + b"\0" * (len(ds.PixelData) - 68) + ds.PixelData[-8:]
    assert isinstance(treated(ds, finding(Region(0, 0, 4, 4))), Quarantined)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("SMITH John")])
def test_a_search_that_fails_holds(error: Exception) -> None:
    """What could not be looked at does not leave; the reason says nothing of what was looked at."""

    def search(frames: Frames, identifiers: Identifiers, series_instance_uid: str) -> Sequence[Region]:
        raise error

    outcome = treated(sample(SOPClassUID=SECONDARY), PixelTools(search))
    assert isinstance(outcome, Quarantined)
    assert ("more memory" if isinstance(error, MemoryError) else "a fault of SendIt") in outcome.reason
    assert "SMITH" not in outcome.reason


def test_a_search_that_cannot_work_is_no_fault_of_the_instance() -> None:
    """A person has to mend it: the batch stops, and no instance of it is given an outcome."""

    def search(frames: Frames, identifiers: Identifiers, series_instance_uid: str) -> Sequence[Region]:
        raise Misconfigured("DetectText", "the weights are not there", "Put them there.")

    with pytest.raises(Misconfigured, match="the weights are not there"):
        treated(sample(SOPClassUID=SECONDARY), PixelTools(search))


_EVERY_DOUBT = frozenset(Doubt)


def _asked(*found: Region, **how: Any) -> PixelTools:
    """Tools of an instance that a person may accept."""
    return replace(finding(*found), staged_doubts=_EVERY_DOUBT, **how)


@pytest.mark.parametrize(
    ("values", "how", "doubt", "status"),
    [
        ({}, {"on_text": "Review"}, "requires a review", "cleaned"),
        ({}, {"detect_text": "Off"}, "no rule says where", "not checked"),
    ],
)
def test_a_doubt_is_staged_for_a_person(values: dict[str, Any], how: dict[str, Any], doubt: str, status: str) -> None:
    """The output is made, its receipt lets nothing leave; nothing is said to be clean that nobody looked at."""
    tools = _asked(Region(4, 5, 20, 9))
    outcome = treated(sample(SOPClassUID=SECONDARY, Modality="OT", **values), tools, **how)
    assert isinstance(outcome, Released), outcome
    ds, said = released(outcome)
    assert doubt in said["doubt"]
    assert (outcome.receipt.released, said["status"]) == (False, status)
    assert ("BurnedInAnnotation" in ds) == (status == "cleaned")
    assert isinstance(
        treated(sample(SOPClassUID=SECONDARY, Modality="OT"), finding(Region(4, 5, 20, 9)), **how), Quarantined
    )


def test_a_reviewers_boxes() -> None:
    """They are masked beside what was found; those for images of another size are not."""
    boxes = (Corrections(35, 40, drawn=(Region(30, 20, 36, 30),)), Corrections(40, 35, drawn=(Region(0, 0, 3, 3),)))
    ds, said = released(treated(sample(SOPClassUID=SECONDARY, Modality="OT"), _asked(corrections=boxes)))
    assert said["drawn"] == [[30, 20, 36, 30]]
    assert (said["status"], said["how"]) == ("cleaned", "a reviewer")
    pixels, before = ds.pixel_array, sample().pixel_array
    assert len({int(one) for one in pixels[20:30, 30:36].ravel()}) == 1
    assert (pixels[:3, :3] == before[:3, :3]).all()


def test_a_reviewers_box_where_the_project_looks_at_no_pixels() -> None:
    """It is masked, and nothing is said of the rest."""
    corrections = (Corrections(35, 40, drawn=(Region(30, 20, 36, 30),)),)
    ds, said = released(treated(sample(), _asked(corrections=corrections), options=[]))
    assert (said["status"], said["regions"]) == ("not checked", [[30, 20, 36, 30]])
    assert "BurnedInAnnotation" not in ds


@pytest.mark.parametrize(("identifies", "masked"), [(False, []), (True, [[4, 5, 20, 9]]), (None, [[4, 5, 20, 9]])])
def test_what_a_reviewer_calls_false(identifies: bool | None, masked: list[list[int]]) -> None:
    """It is masked no longer, unless an identifier may be read there, or nothing can tell."""

    def identifying(frames: Frames, identifiers: Identifiers, regions: Sequence[Region]) -> Sequence[Region]:
        assert frames[0].shape == (35, 40)
        return regions if identifies else []

    found = Region(4, 5, 20, 9)
    corrections = (Corrections(35, 40, false=(Region(5, 5, 21, 9),)),)  # as another image of the series has it
    tools = _asked(found, corrections=corrections, identifying=None if identifies is None else identifying)
    _, said = released(treated(sample(SOPClassUID=SECONDARY, Modality="OT"), tools))
    assert said.get("regions", []) == masked
