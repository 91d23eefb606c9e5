"""Where deid's own engine is right, SendIt does the same: both run beside each other, attribute for attribute.

To compare recipes and nothing else, the profile is left out: the plan keeps every attribute of the standard that no
line of the recipe means. What SendIt never leaves to a recipe is not compared (`ASIDE`); where deid is wrong,
docs/deidentification.md lists it, and `test_where_deid_differs.py` shows it.
"""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
import pydicom.data
import pytest
from deid.config import DeidRecipe
from deid.dicom.fields import _get_fields_inner
from deid.dicom.parser import DicomParser
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from sendit.deidentify import Action, Plan, RecipeText, Rule, deidentify
from sendit.deidentify.compile import apply_recipes
from sendit.deidentify.plan import temporal_information
from sendit.deidentify.profile import table as profile
from sendit.deidentify.recipes.selectors import STRUCTURE
from sendit.model import Released
from tests.unit.deidentify.samples import IDENTITIES, path, recipe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydicom.dataelem import DataElement

pytestmark = pytest.mark.long

#: What says what was done, the pixels and tables that deid skips, and what holds the file together.
ASIDE = STRUCTURE | {0x00120062, 0x00120063, 0x00120064, 0x00280303, 0x7FE00010, 0x00281201, 0x00281202, 0x00281203}
ASIDE |= {0x00283010}  # VOILUTSequence

RECIPES = {
    "keep": ["REMOVE ALL", "KEEP PatientSex", "KEEP Modality", "KEEP StudyDate"],
    "keep-pattern": ["REMOVE ALL", "KEEP startswith:Study", "KEEP (0028,0010)"],
    "blank": ["BLANK PatientName", "BLANK 00080080", "BLANK StudyTime", "BLANK Rows"],
    "blank-sequences": ["BLANK ReferencedStudySequence", "BLANK OtherPatientIDsSequence", "BLANK BeamSequence"],
    "remove": ["REMOVE PatientID", "REMOVE (0008,0070)", "REMOVE 00080060", "REMOVE ReferencedImageSequence"],
    "remove-all": ["REMOVE ALL"],
    "startswith": ["REMOVE startswith:Patient"],
    "endswith": ["REMOVE endswith:Date"],
    "contains": ["REMOVE contains:Name", "BLANK contains:Comment"],
    "regex": ["REMOVE contains:^Study.*(Date|Time)$", "REMOVE contains:^0018"],
    "except": ["REMOVE except:Date|Modality"],
    "select-vr": ["REMOVE select:VR:DA", "BLANK select:VR:PN", "REMOVE select:VR:ST"],
    "select-group": ["REMOVE select:GROUP:0010", "BLANK select:group:0040"],
    "replace": ["REPLACE PatientName Somebody^Else", "REPLACE InstitutionName Site 4  # comment", "REPLACE KVP 100"],
    "replace-number": ["REPLACE Rows 17", "REPLACE SeriesNumber 4", "REPLACE PatientAge 040Y"],
    "replace-pattern": ["REPLACE contains:PhysicianName Doctor"],
    "add": ["ADD ClinicalTrialProtocolID IRB 12345", "ADD PatientComments none"],
    "jitter": ["JITTER StudyDate -10", "JITTER endswith:BirthDate 31"],
    "jitter-all-dates": ["JITTER select:VR:DA 5"],
    "priority": ["REMOVE StationName", "BLANK StationName", "REMOVE StudyDate", "REPLACE StudyDate 20200101"],
    "priority-jitter": ["REMOVE ALL", "JITTER StudyDate 3", "REPLACE PatientID P1"],
    "path": ["REMOVE OtherPatientIDsSequence__PatientID", "BLANK ReferencedStudySequence__ReferencedSOPClassUID"],
    "path-item": ["REMOVE (0010,1002)__1__(0010,0020)", "REPLACE (0010,1002)__0__(0010,0020) P1"],
    "nested": ["REMOVE ReferencedSOPClassUID", "REPLACE CodeMeaning meaning", "BLANK CodingSchemeVersion"],
    "fields": ["%fields some", "FIELD StudyDate", "FIELD contains:Physician", "%header", "REMOVE fields:some"],
    "values": ["%values some", "FIELD StudyDate", "FIELD ManufacturerModelName", "%header", "REMOVE values:some"],
    "values-split": [
        "%values some",
        'SPLIT PatientName by="^";minlength=4',
        "SPLIT Manufacturer minlength=4",
        "%header",
        "BLANK values:some",
    ],
    "labels": ["%labels", "ADD this that", "%header", "REMOVE PatientName"],
}
SOME = ("CT_small.dcm", "rtplan.dcm", "rtdose_rle_1frame.dcm", "MR_small_implicit.dcm", "JPEG2000.dcm", "reportsi.dcm")
LARGEST = 160_000
SEARCHED = ("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UI", "UT")
#: A recipe that lets deid fail on a file: nothing to compare with. The fault is deid's (docs/deidentification.md).
FAILURES = (AttributeError, KeyError, TypeError, ValueError, NotImplementedError, UnicodeDecodeError)


@cache
def base() -> dict[int, Rule]:
    """The plan of no profile: every attribute of the standard stays."""
    return {tag: Rule(Action.KEEP, rule.vr, origin="recipe of the test") for tag, rule in profile.rules(()).items()}


@cache
def bare_plan(name: str) -> Plan:
    """The recipe alone."""
    rules = dict(base())
    site = apply_recipes([_recipe(name)], rules)
    added = tuple(sorted(tag for tag, rule in rules.items() if rule.action is Action.ADD))
    return Plan(
        "",
        (),
        rules,
        ("test",),
        (("1", "2", "3"),),
        False,
        temporal_information(rules.values()),
        added,
        per_instance=site,
    )


def _recipe(name: str) -> RecipeText:
    return recipe(*RECIPES[name])


def sources() -> list[Path]:
    """The files of pydicom's package; what is larger differs in its pixels, and deid takes its time."""
    folder = Path(pydicom.data.__file__).parent / "test_files"  # get_testdata_files would download more of them
    return sorted(file for file in folder.rglob("*.dcm") if file.stat().st_size < LARGEST)


@cache
def by_deid(name: str, file: Path, folder: Path) -> Dataset | None:
    """What deid's own engine makes of a file; None if it fails, or pydicom does not read it (no letters DICM)."""

    written = folder / f"{name}.deid"
    written.write_text(_recipe(name).text)
    try:
        parser = DicomParser(pydicom.dcmread(file), recipe=DeidRecipe(str(written)))
        parser.parse()
    except (*FAILURES, InvalidDicomError):
        return None
    finally:
        _get_fields_inner.cache_clear()
    assert isinstance(parser.dicom, Dataset)
    return parser.dicom


def differences(name: str, before: Dataset, deid: Dataset, ours: Dataset, where: str = "") -> Iterator[str]:
    """The places of attributes that the two engines treat differently."""
    tags = {int(element.tag) for dataset in (before, deid, ours) for element in dataset}
    for tag in sorted(tag for tag in tags - ASIDE if 0x0008 <= tag >> 16 < 0xFFFA and dictionary_has_tag(tag)):
        old, theirs, mine = (dataset.get(tag) for dataset in (before, deid, ours))
        if old is not None and _aside(name, old):
            continue
        place = f"{where}{pydicom.datadict.keyword_for_tag(tag)}"
        if theirs is None or mine is None:
            if (theirs is None) != (mine is None):
                yield f"{place}: {'removed by deid only' if theirs is None else 'removed by SendIt only'}"
        elif theirs.VR == "SQ" and theirs.value and mine.value:
            for index, (item, other) in enumerate(zip(theirs.value, mine.value, strict=True)):
                original = (theirs if old is None else old).value[index]
                yield from differences(name, original, item, other, f"{place}[{index}].")
        elif _plain(theirs.value) != _plain(mine.value):
            yield f"{place}: deid {theirs.value!r}, SendIt {mine.value!r}"


def _aside(name: str, old: DataElement) -> bool:
    """Elements that are of the wrong VR, and those with which deid is known to do otherwise."""
    if old.VR not in dictionary_VR(old.tag):
        return True
    if "values" in name and old.VR not in SEARCHED:
        return True  # deid looks into numbers, too, and takes a whole sequence for what stands in it
    return old.VR == "DA" and "." in str(old.value)  # the notation of ACR-NEMA: deid writes such dates anew


def _plain(value: object) -> str:
    if value is None or (isinstance(value, (list, bytes)) and not value):
        return ""
    return "" if value == [] or value is None else str(value).strip()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", RECIPES)
def test_as_deid_does(name: str, tmp_path: Path) -> None:
    """Each recipe has the same effect on every attribute, whoever applies it."""
    compare(name, [path(file) for file in SOME], tmp_path, 4)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", RECIPES)
def test_over_all_of_pydicoms_files(name: str, tmp_path: Path) -> None:
    """The same, over every file that is not mere pixels."""
    compare(name, sources(), tmp_path, 20)


def compare(name: str, files: Sequence[Path], folder: Path, least: int) -> None:
    """Run both engines over the files; at least so many have to be comparable."""
    compared, found = 0, []
    for file in files:
        outcome = deidentify(file.read_bytes(), bare_plan(name), IDENTITIES)
        theirs = by_deid(name, file, folder) if isinstance(outcome, Released) else None
        if theirs is None or not isinstance(outcome, Released):
            continue
        ours = pydicom.dcmread(io.BytesIO(b"".join(outcome.chunks)))
        found += [f"{file.name}: {place}" for place in differences(name, pydicom.dcmread(file), theirs, ours)]
        compared += 1
    assert compared >= least, compared
    assert not found, "\n".join(found[:40])
