"""The profile and its options, held to Table E.1-1."""

from __future__ import annotations

import csv
import pickle
from dataclasses import dataclass, fields
from importlib.resources import files

import pytest
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataset import Dataset

from sendit.config.schema import Option
from sendit.deidentify import Action, Plan, compile_plan
from sendit.deidentify.profile.table import EDITION
from sendit.errors import Misconfigured
from tests.unit.deidentify.samples import dataset, file_of, output, plan, recipe, sample

_TABLE = files("sendit.deidentify") / "tables" / EDITION / "ps3_15_table_e1_1.csv"
ROWS = list(csv.DictReader(_TABLE.read_text("utf-8").splitlines()))
LISTED = [row for row in ROWS if "x" not in row["tag_pattern"] and row["tag_pattern"] != "odd"]
_PSEUDONYMS = {"PatientName", "PatientID", "AccessionNumber"}


def test_the_table_is_whole() -> None:
    """657 rows; four of them are patterns, and have no rule because what has no rule goes."""
    assert (len(ROWS), len(LISTED)) == (657, 653)


@pytest.mark.parametrize("codes", sorted({row["basic_profile"] for row in LISTED}))
def test_every_row_of_the_basic_profile(codes: str) -> None:
    """X, Z, U as they are; of a compound code the form that is conformant whatever the attribute's type is.

    A sequence that may be absent is: empty, it is conformant for type 2 only, and `required.csv` has those of type 2.
    """
    expected = {
        "X": Action.REMOVE,
        "Z": Action.EMPTY,
        "U": Action.UID,
        "D": Action.DUMMY,
        "X/D": Action.DUMMY,
        "Z/D": Action.DUMMY,
        "X/Z/D": Action.DUMMY,
        "X/Z": Action.EMPTY,
        "X/Z/U*": Action.UID,
    }[codes]
    rules = plan().rules
    for row in LISTED:
        if row["basic_profile"] == codes and row["keyword"] not in _PSEUDONYMS:
            tag = int(row["tag_pattern"], 16)
            uid = dictionary_has_tag(tag) and dictionary_VR(tag) == "UI"
            wanted = Action.UID if uid and expected is Action.DUMMY else expected
            if codes == "X/Z" and rules[tag].vr == "SQ":
                wanted = Action.REMOVE
            assert rules[tag].action is wanted, row["keyword"]


@pytest.mark.parametrize(
    ("option", "column"),
    [
        (Option.RETAIN_UIDS, "retain_uids"),
        (Option.RETAIN_DEVICE_IDENTITY, "retain_device_identity"),
        (Option.RETAIN_INSTITUTION_IDENTITY, "retain_institution_identity"),
        (Option.RETAIN_PATIENT_CHARACTERISTICS, "retain_patient_characteristics"),
        (Option.RETAIN_LONGITUDINAL_FULL_DATES, "retain_longitudinal_full_dates"),
    ],
)
def test_an_option_keeps_its_rows_and_no_others(option: Option, column: str) -> None:
    """K in its column stays, text that RetainPatientCharacteristics marks C is cleaned; the rest is as without it."""
    basic, with_option = plan().rules, compile_plan([option], []).rules
    for row in LISTED:
        tag = int(row["tag_pattern"], 16)
        kept = row[column] == "K" and dictionary_has_tag(tag) and row["keyword"] != "CertifiedTimestamp"
        if kept:
            assert with_option[tag].action in (Action.KEEP, Action.KEEP_DATE), row["keyword"]
        elif row[column] == "C" and option.endswith("Characteristics") and dictionary_has_tag(tag):
            assert with_option[tag].action is Action.CLEAN, row["keyword"]
        else:
            assert with_option[tag] == basic[tag], row["keyword"]


def test_modified_dates_move_all_but_those_of_the_device() -> None:
    """The dates of the device are known from elsewhere: moved, they would disclose the offset."""
    rules = compile_plan([Option.RETAIN_LONGITUDINAL_MODIFIED_DATES], []).rules
    moved = {row["keyword"] for row in LISTED if rules[int(row["tag_pattern"], 16)].action is Action.SHIFT}
    device = {row["keyword"] for row in LISTED if row["retain_device_identity"]}
    assert len(moved) > 140
    assert not moved & device
    assert rules[0x00181200].action is Action.REMOVE  # DateOfLastCalibration


def test_published_dates_do_not_move_with_those_of_the_patient() -> None:
    """Anybody can look up when a context group or a template got its version: moved, it would disclose the offset."""
    before, code = dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "39607008", "SCT", "Lung"
    code.ContextIdentifier, code.MappingResource, code.ContextGroupVersion = "4031", "DCMR", "20020904000000"
    before.AnatomicRegionSequence = [code]
    after = output(file_of(before), compile_plan([Option.RETAIN_LONGITUDINAL_MODIFIED_DATES], []))
    assert after.StudyDate != before.StudyDate
    assert (
        after.AnatomicRegionSequence[0].ContextGroupVersion
        == output(file_of(before)).AnatomicRegionSequence[0].ContextGroupVersion
    )
    rules = compile_plan([Option.RETAIN_LONGITUDINAL_MODIFIED_DATES], []).rules
    published = {"ContextGroupVersion", "TemplateVersion", "ProductExpirationDateTime", "EffectiveDateTime"}
    found = [int(row["tag_pattern"], 16) for row in LISTED if row["keyword"] in published]
    assert len(found) == len(published)
    assert all(rules[tag].action is not Action.SHIFT for tag in found)


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_modified_dates() -> None:
    """Whole weeks back; times, partial dates and time zones stay what they are; what is no date goes or is emptied."""
    before = dataset()
    before.AcquisitionDateTime = "20040119072731.5+0100"
    before.SeriesDate, before.ContentDate, before.InstanceCreationDate = "200401", "2004", "20040119-20040120"
    before.DateOfLastCalibration = "20040101"
    after = output(file_of(before), compile_plan([Option.RETAIN_LONGITUDINAL_MODIFIED_DATES], []))
    assert after.StudyDate < "20040119"
    assert after.AcquisitionDateTime == after.StudyDate + "072731.5+0100"
    assert (len(after.SeriesDate), len(after.ContentDate)) == (6, 4)
    assert after.InstanceCreationDate == "19000101"
    assert after.StudyTime == before.StudyTime
    assert "DateOfLastCalibration" not in after
    assert [code.CodeValue for code in after.DeidentificationMethodCodeSequence] == ["113100", "113107"]


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_full_dates_keep_dates_and_no_text() -> None:
    """A date attribute that holds something else is treated as without the option."""
    before = dataset()
    before.SeriesDate = "last week"
    after = output(file_of(before), compile_plan([Option.RETAIN_LONGITUDINAL_FULL_DATES], []))
    assert (after.StudyDate, after.SeriesDate) == (before.StudyDate, "19000101")
    assert after.LongitudinalTemporalInformationModified == "UNMODIFIED"


def test_retain_uids() -> None:
    """UIDs stay, the file meta information with them."""
    after = output(sample(), compile_plan([Option.RETAIN_UIDS], []))
    assert after.file_meta.MediaStorageSOPInstanceUID == after.SOPInstanceUID == dataset().SOPInstanceUID


def test_the_option_about_faces_is_refused() -> None:
    """Rather than passed over: the place, what is not done, and what to do about it."""
    option = Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES
    said = f"^Options: {option} is not available .* faces .* Remove it, knowing that faces stay"
    with pytest.raises(Misconfigured, match=said):
        compile_plan([Option.CLEAN_PIXEL_DATA, option], [])


@pytest.mark.parametrize(
    "line",
    [
        "KEEP ALL",
        "KEEP startswith:Recognizable",
        "REPLACE startswith:Recognizable NO",
        "REMOVE RecognizableVisualFeatures",
    ],
)
def test_nothing_is_said_about_faces(line: str) -> None:
    """Whatever the original and a recipe say: nobody looked."""
    before = dataset()
    before.RecognizableVisualFeatures = "NO"
    before.DeidentificationMethodCodeSequence = [Dataset()]
    before.DeidentificationMethodCodeSequence[0].CodeValue = "113102"
    before.DerivationImageSequence = [Dataset()]
    before.DerivationImageSequence[0].RecognizableVisualFeatures = "NO"
    for by in (plan(), plan(line)):
        after = output(file_of(before), by)
        assert not [element for element in after.iterall() if element.keyword == "RecognizableVisualFeatures"]
        assert "113102" not in [code.CodeValue for code in after.DeidentificationMethodCodeSequence]


@pytest.mark.parametrize("line", ["ADD {} NO", "REPLACE {} NO", "KEEP {}", "REPLACE (0028,0302) NO"])
def test_a_recipe_cannot_say_that_there_is_no_face(line: str) -> None:
    """The line is refused with its place."""
    with pytest.raises(Misconfigured, match=r"line \d+: .* looked for faces"):
        plan(line.format("RecognizableVisualFeatures"))


@pytest.mark.parametrize("other", [Option.RETAIN_LONGITUDINAL_FULL_DATES, Option.RETAIN_DEVICE_IDENTITY])
def test_options_that_contradict_each_other_are_refused(other: Option) -> None:
    """In either order."""
    pair = [other, Option.RETAIN_LONGITUDINAL_MODIFIED_DATES]
    for options in (pair, pair[::-1]):
        with pytest.raises(Misconfigured, match="contradict"):
            compile_plan(options, [])


@dataclass(frozen=True)
class _PlanOfTomorrow(Plan):
    """A plan with one more field, which nothing else knows."""

    tomorrow: str = ""


def test_a_new_field_of_a_plan_is_neither_lost_between_processes_nor_missing_in_the_digest() -> None:
    """Pickle and digest take the fields from the dataclass, so that adding one cannot be forgotten."""
    today = compile_plan([], [])
    values = {one.name: getattr(today, one.name) for one in fields(Plan)}
    plain, other = _PlanOfTomorrow(**values), _PlanOfTomorrow(**values, tomorrow="yes")
    loaded: _PlanOfTomorrow = pickle.loads(pickle.dumps(other))
    assert loaded.tomorrow == "yes"
    assert loaded.digest == other.digest
    assert len({today.digest, plain.digest, other.digest}) == 3


def test_a_field_without_a_form_in_json_stops_the_digest() -> None:
    """Nothing that decides may be left out silently."""
    values = {one.name: getattr(compile_plan([], []), one.name) for one in fields(Plan)}
    with pytest.raises(AttributeError):
        _ = _PlanOfTomorrow(**values, tomorrow=object()).digest  # type: ignore[arg-type]


def test_the_digest_says_what_the_plan_says() -> None:
    """The same for the same content in any order of options; another one for another content; pickling keeps it."""
    a, b = Option.RETAIN_UIDS, Option.RETAIN_INSTITUTION_IDENTITY
    one = compile_plan([a, b], [])
    assert one.digest == compile_plan([b, a, a], []).digest
    loaded: Plan = pickle.loads(pickle.dumps(one))
    assert (loaded.digest, loaded.rules) == (one.digest, one.rules)
    others = [compile_plan([a], []), compile_plan([], []), compile_plan([], [recipe("KEEP StationName")])]
    assert len({one.digest, *(other.digest for other in others)}) == 4
    with pytest.raises(TypeError):
        one.rules[1] = one.rules[0x00100010]  # type: ignore[index]
