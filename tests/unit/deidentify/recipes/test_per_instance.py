"""The parts of a recipe that need to see the instance: groups, paths, private attributes, filters."""

from __future__ import annotations

import pickle

import pytest
from pydicom.dataset import Dataset, FileDataset

from sendit.deidentify import RecipeText, compile_plan, deidentify
from sendit.model import Rejected
from tests.unit.deidentify.samples import IDENTITIES, dataset, file_of, output, plan, recipe, sample

pytestmark = pytest.mark.long


def nested() -> FileDataset:
    """A CT image with other PatientIDs in two items, and private attributes at the top and in an item."""
    before = dataset()
    before.StudyDescription = "Study of CompressedSamples"
    before.SeriesDescription = "id 1ct1, part (2)"
    item = Dataset()
    item.PatientSex = "F"
    block = item.private_block(0x0009, "GEMS_IDEN_01", create=True)
    block.add_new(0x01, "LO", "inner")
    before.PerformedProtocolCodeSequence = [item]
    return before


def test_fields_groups() -> None:
    """One line for many attributes; a group may be made of patterns."""
    after = output(
        sample(),
        plan("%fields some", "FIELD StationName", "FIELD startswith:Study # dates", "%header", "KEEP fields:some"),
    )
    before = dataset()
    assert (after.StationName, after.StudyDate) == (before.StationName, before.StudyDate)
    assert "SeriesDate" not in after or after.SeriesDate != before.SeriesDate


def test_values_groups() -> None:
    """What holds a value of the patient goes, whatever attribute it is and however it is written."""
    lines = ["%values own", "FIELD PatientID", 'SPLIT PatientName by="^";minlength=4', "%header"]
    keep = "KEEP contains:Description"
    by = compile_plan([], [recipe(keep, name="first"), recipe(*lines, "REMOVE values:own", name="second")])
    after = output(file_of(nested()), by)
    assert "StudyDescription" not in after
    assert "SeriesDescription" not in after
    assert "PatientID" not in after
    assert after.Rows == 128


def test_short_values_count_as_words() -> None:
    """A PatientID of one character does not empty the file; characters of regular expressions mean themselves."""
    before = nested()
    before.PatientID, before.StudyDescription = "2", "Study of nothing"
    before.StudyID = "a+b"
    before.ImageComments = "see a+b"
    keep = recipe("KEEP contains:Description", "KEEP ImageComments", name="first")
    lines = ["%values own", "FIELD PatientID", "FIELD StudyID", "%header", "BLANK values:own"]
    after = output(file_of(before), compile_plan([], [keep, recipe(*lines, name="second")]))
    assert after.StudyDescription == "Study of nothing"
    assert (after.SeriesDescription, after.ImageComments) == ("", "")
    assert after.StudyInstanceUID.startswith("2.25.")


def test_values_in_other_forms() -> None:
    """REPLACE puts a text where it fits, and removes what it does not fit."""
    before = nested()
    before.PatientID, before.StudyDescription = "20040119", ""
    before.SeriesDescription = "seen 20040119"
    keep = recipe("KEEP contains:Description", "KEEP StudyDate", name="first")
    lines = ["%values own", "FIELD PatientID", "%header", "REPLACE values:own somebody"]
    after = output(file_of(before), compile_plan([], [keep, recipe(*lines, name="second")]))
    assert after.SeriesDescription == "somebody"
    assert "StudyDate" not in after


def test_paths() -> None:
    """An attribute in one sequence, or in one of its items, and nowhere else."""
    keep = "KEEP OtherPatientIDsSequence"
    both = output(sample(), plan(keep, "KEEP OtherPatientIDsSequence__PatientID"))
    assert [item.PatientID for item in both.OtherPatientIDsSequence] == ["ABCD1234", "1234ABCD"]
    assert both.PatientID != dataset().PatientID
    assert both.PatientIdentityRemoved == "NO"
    one = output(sample(), plan(keep, "REPLACE (0010,1002)__1__(0010,0020) P1"))
    assert one.OtherPatientIDsSequence[1].PatientID == "P1"
    assert one.OtherPatientIDsSequence[0].PatientID not in ("P1", "ABCD1234")


def test_select() -> None:
    """By VR and by group; where the dictionary leaves the VR open, the file's counts."""
    before = dataset()
    after = output(sample(), plan("KEEP select:VR:DA", "REMOVE select:group:0018", "REMOVE select:VR:SS"))
    assert after.StudyDate == before.StudyDate
    assert "KVP" not in after
    assert before["SmallestImagePixelValue"].VR == "SS" if "SmallestImagePixelValue" in before else True
    assert "PixelPaddingValue" not in after
    assert after.Rows == before.Rows


def test_private_attributes_by_creator() -> None:
    """They stay in every block that their creator reserved, at every depth, and no others do."""
    after = output(file_of(nested()), plan('KEEP (0009,"GEMS_IDEN_01",01)', 'REPLACE (0009,"GEMS_IDEN_01",04) ours'))
    assert [(element.tag, element.value) for element in after if element.tag.is_private] == [
        (0x00090010, "GEMS_IDEN_01"),
        (0x00091001, "GE_GENESIS_FF"),
        (0x00091004, "ours"),
    ]
    assert after.PerformedProtocolCodeSequence[0][0x00091001].value == "inner"


def test_a_private_creator_with_spaces_and_another_block() -> None:
    """The number of the block is the file's affair."""
    before = dataset()
    before.add_new(0x00330010, "LO", "SOMEBODY ELSE")
    before.add_new(0x00331001, "LO", "theirs")
    before.add_new(0x00330042, "LO", "MITRA OBJECT UTF8 ATTRIBUTES 1.0")
    before.add_new(0x00334201, "LO", "wanted")
    after = output(file_of(before), plan('KEEP (0033,"MITRA OBJECT UTF8 ATTRIBUTES 1.0",01)'))
    assert {int(e.tag): e.value for e in after if e.tag.is_private} == {
        0x00330042: "MITRA OBJECT UTF8 ATTRIBUTES 1.0",
        0x00334201: "wanted",
    }


def test_private_sequences_that_cannot_be_told_go() -> None:
    """In implicit VR a private sequence looks like bytes: what stands in it could not be gone through."""
    before = dataset("MR_small_implicit.dcm")
    block = before.private_block(0x0033, "OURS", create=True)
    item = Dataset()
    item.PatientName = "Planted^Name"
    block.add_new(0x01, "SQ", [item])
    block.add_new(0x02, "LO", "text")
    after = output(file_of(before), plan('KEEP (0033,"OURS",01)', 'KEEP (0033,"OURS",02)'))
    assert [int(e.tag) for e in after if e.tag.is_private] == [0x00330010, 0x00331002]


@pytest.mark.parametrize(
    ("criteria", "fits"),
    [
        (["contains Modality C"], True),
        (["contains Modality ^T"], False),
        (["notcontains Modality MR"], True),
        (["equals ImageType axial"], True),
        (["notequals (0008,0060) CT"], False),
        (["missing BurnedInAnnotation"], True),
        (["present 0x00080060"], True),
        (["empty AccessionNumber"], True),
        (["empty BurnedInAnnotation"], False),
        (["equals Rows 128"], True),
        (["missing Modality || contains ImageType AXIAL"], True),
        (["missing Modality + contains ImageType AXIAL"], False),
        (["equals Modality CT", "+ equals Rows 1"], False),
        (["equals Modality MR", "|| equals Rows 128"], True),
        (["equals Modality CT  # a comment stands in the value, as in deid"], False),
        (["contains Manufacturer GE|SIEMENS", "coordinates 0,0,10,10"], True),
        (["present OverlayDescription"], False),
    ],
)
def test_filters(criteria: list[str], fits: bool) -> None:
    """Criteria on the header, joined as they are written."""
    text = "\n".join(["FORMAT dicom", "%filter blacklist", "LABEL Site 4 # (us)", *criteria])
    outcome = deidentify(sample(), compile_plan([], [RecipeText("r", text)]), IDENTITIES)
    assert isinstance(outcome, Rejected) is fits
    if isinstance(outcome, Rejected):
        assert outcome.reason == "the recipe's blacklist names it (recipe r, line 3)"


@pytest.mark.parametrize(
    ("groups", "rejected"),
    [
        (["graylist"], True),
        (["greylist"], True),
        (["whitelist"], False),
        (["whitelist", "graylist"], False),
        (["whitelist", "blacklist"], True),
    ],
)
def test_whitelist_graylist_blacklist(groups: list[str], rejected: bool) -> None:
    """The whitelist excuses from the graylist, and from nothing else."""
    text = "FORMAT dicom\n" + "".join(f"%filter {g}\nLABEL x\ncontains Modality CT\n" for g in groups)
    outcome = deidentify(sample(), compile_plan([], [RecipeText("r", text)]), IDENTITIES)
    assert isinstance(outcome, Rejected) is rejected


def test_labels_do_nothing() -> None:
    """As in deid."""
    assert output(sample(), plan("%labels", "ADD this that")) == output(sample(), plan("# nothing"))


def test_a_plan_with_open_lines_travels() -> None:
    """It can be pickled, has the same digest afterwards, and another one when anything in it changes."""
    lines = ["%values own", "FIELD PatientID", "%header", "REMOVE values:own", 'KEEP (0009,"GEMS_IDEN_01",01)']
    by = plan(*lines)
    assert pickle.loads(pickle.dumps(by)).digest == by.digest
    assert output(sample(), pickle.loads(pickle.dumps(by))) == output(sample(), by)
    others = [plan(*lines[:1], "FIELD PatientName", *lines[2:]), plan(*lines[:3], "BLANK values:own", lines[4])]
    others += [plan(*lines[:4]), plan("%filter blacklist", "LABEL x", "equals Modality CT"), plan()]
    assert len({by.digest, *(other.digest for other in others)}) == 6
