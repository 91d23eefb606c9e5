"""Recipes: what their lines do, and that a wrong one never passes."""

from __future__ import annotations

from datetime import datetime

import pytest
from pydicom.dataset import Dataset

from sendit.deidentify import RecipeText, compile_plan, deidentify
from sendit.errors import Misconfigured
from sendit.model import Rejected
from tests.unit.deidentify.samples import IDENTITIES, dataset, file_of, output, plan, recipe, sample

pytestmark = pytest.mark.long


@pytest.mark.parametrize("field", ["PatientSex", "patientsex", "(0010,0040)", "0010,0040", "00100040"])
def test_keep_in_every_notation(field: str) -> None:
    """A field is a keyword or a tag, as deid writes them."""
    assert output(sample(), plan(f"KEEP {field}")).PatientSex == dataset().PatientSex == "O"


def test_each_action() -> None:
    """ADD, BLANK, JITTER, KEEP, REMOVE, REPLACE."""
    after = output(
        sample(),
        plan(
            "ADD ClinicalTrialProtocolID IRB 12345  # a comment",
            "BLANK Manufacturer",
            "JITTER StudyDate -10",
            "KEEP StationName",
            "REMOVE Modality",
            "REPLACE InstitutionName Somewhere",
        ),
    )
    assert after.ClinicalTrialProtocolID == "IRB 12345"
    assert after.Manufacturer == ""
    assert (dataset().StudyDate, after.StudyDate) == ("20040119", "20040109")
    assert after.StationName == dataset().StationName
    assert "Modality" not in after
    assert after.InstitutionName == "Somewhere"


def test_at_every_depth() -> None:
    """A line means the attribute wherever it stands; ADD makes one at the top only."""
    before = dataset()
    item = Dataset()
    item.PatientSex, item.StudyDescription = "F", "one"
    before.PerformedProtocolCodeSequence = [item]
    after = output(file_of(before), plan("KEEP PatientSex", "REPLACE StudyDescription other", "ADD PatientAge 040Y"))
    inner = after.PerformedProtocolCodeSequence[0]
    assert (inner.PatientSex, inner.StudyDescription) == ("F", "other")
    assert "PatientAge" not in inner


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("KEEP ALL", {"StudyDate", "StudyTime", "PatientBirthDate", "StationName", "PatientName"}),
        ("KEEP startswith:Study", {"StudyDate", "StudyTime"}),
        ("KEEP endswith:Date", {"StudyDate", "PatientBirthDate"}),
        ("KEEP contains:birth|station", {"PatientBirthDate", "StationName"}),
        ("KEEP contains:^Patient.s.Name", {"PatientName"}),
        ("KEEP contains:^0008", {"StudyDate", "StudyTime", "StationName"}),
        ("KEEP except:Date", {"StudyTime", "StationName", "PatientName"}),
    ],
)
def test_patterns(line: str, kept: set[str]) -> None:
    """ALL, startswith:, endswith:, contains: and except: look at keyword, name and tag."""
    before, after = dataset(), output(sample(), plan(line))
    watched = {"StudyDate", "StudyTime", "PatientBirthDate", "StationName", "PatientName"}
    assert {name for name in watched if after.get(name) and after.get(name) == before.get(name)} == kept & {
        name for name in watched if before.get(name)
    }


def test_patterns_do_not_reach_what_holds_a_file_together() -> None:
    """UIDs are coded all the same, and private attributes go."""
    for line in ("KEEP ALL", "REMOVE ALL", "BLANK ALL"):
        after = output(sample(), plan(line))
        assert after.SOPInstanceUID.startswith("2.25.")
        assert after.StudyInstanceUID.startswith("2.25.")
        assert not [element for element in after if element.tag.is_private]


def test_which_line_decides() -> None:
    """Within a recipe KEEP over ADD over REPLACE over JITTER over REMOVE over BLANK, as in deid; else the last."""
    both = plan("KEEP StationName", "REMOVE ALL", "REPLACE Modality OT", "REPLACE Modality MR")
    after = output(sample(), both)
    assert after.StationName == dataset().StationName
    assert after.Modality == "MR"
    assert "KVP" not in after
    later = compile_plan([], [recipe("KEEP StationName"), recipe("REMOVE StationName")])
    assert "StationName" not in output(sample(), later)


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_values() -> None:
    """var: is a coded value of the instance; func: is made of the attribute's own value."""
    before = dataset()
    before.OtherPatientIDs, before.FillerOrderNumberImagingServiceRequest = before.PatientID, "A1"
    before.AccessionNumber = "A1"
    before.AcquisitionDate = "2004"
    after = output(
        file_of(before),
        plan(
            "REPLACE OtherPatientIDs func:patient_id",
            "REPLACE FillerOrderNumberImagingServiceRequest func:accession_number",
            "REPLACE StudyDescription var:accession_number",
            "REPLACE SeriesDescription var:patient_id",
            "REPLACE AcquisitionDate func:shift_date",
            "ADD PatientComments var:sop_instance_uid",
        ),
    )
    assert after.OtherPatientIDs == after.PatientID
    assert after.FillerOrderNumberImagingServiceRequest == after.AccessionNumber != "A1"
    assert after.PatientComments == after.SOPInstanceUID
    assert len(after.AcquisitionDate) == 4


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
@pytest.mark.parametrize("line", ["JITTER contains:Date", "JITTER contains:Date func:shift_date"])
def test_jitter_by_the_patients_own_offset(line: str) -> None:
    """Without a number of days; what is no date goes."""
    before = dataset()
    before.AcquisitionDate = "yesterday"
    after = output(file_of(before), plan(line))
    assert after.StudyDate not in ("", before.StudyDate)
    assert _days(after.StudyDate, after.SeriesDate) == _days(before.StudyDate, before.SeriesDate)
    assert "AcquisitionDate" not in after
    assert after.LongitudinalTemporalInformationModified == "MODIFIED"


def _days(first: str, second: str) -> int:
    return (datetime.strptime(second, "%Y%m%d") - datetime.strptime(first, "%Y%m%d")).days


def test_keeping_a_uid_keeps_the_file_whole() -> None:
    """The file meta information follows the dataset."""
    after = output(sample(), plan("KEEP SOPInstanceUID"))
    assert after.file_meta.MediaStorageSOPInstanceUID == after.SOPInstanceUID == dataset().SOPInstanceUID


def test_what_is_written_follows_what_was_done() -> None:
    """Who keeps the name does not get a file that says that identity was removed."""
    assert output(sample(), plan("KEEP PatientName")).PatientIdentityRemoved == "NO"
    assert output(sample(), plan("KEEP StudyDate")).LongitudinalTemporalInformationModified == "UNMODIFIED"
    assert output(sample(), plan("ADD PatientIdentityRemoved Yes")).PatientIdentityRemoved == "YES"


def test_a_value_that_the_character_set_lacks() -> None:
    """Such a file is rejected; in one that can hold it, the value is written in its character set."""
    greek, utf8 = dataset(), dataset()
    greek.SpecificCharacterSet, utf8.SpecificCharacterSet = "ISO_IR 126", "ISO_IR 192"
    by = plan("REPLACE InstitutionName Zürich")
    outcome = deidentify(file_of(greek), by, IDENTITIES)
    assert isinstance(outcome, Rejected)
    assert "character set" in outcome.reason
    assert output(file_of(utf8), by).InstitutionName == "Zürich"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("REPLAC PatientID x", "is not an action"),
        ("remove PatientID", "is not an action"),
        ("REMOVEPatientID", "is not an action"),
        ("LABEL x", "is not an action"),
        ("REMOVE", "names no field"),
        ("KEEP # nothing", "names no field"),
        ("REMOVE PatientIDD", "is not a DICOM attribute"),
        ("REMOVE (0010,9999)", "is not an attribute of a DICOM dataset"),
        ("REMOVE (0002,0016)", "always writes"),
        ("KEEP (0009,1001)", "named by its creator"),
        ('KEEP (0008,"GEMS_IDEN_01",01)', "is not private"),
        ('KEEP contains:(0009,"GEMS_IDEN_01",01)', "cannot select private"),
        ('ADD (0009,"GEMS_IDEN_01",01) x', "ADD needs one attribute"),
        ("ADD PersonIdentificationCodeSequence__CodeValue x", "ADD needs one attribute"),
        ("REMOVE PatientID__CodeValue", "is not a path through sequences"),
        ("REMOVE contains:__", "fits|lead|attribute"),
        ("KEEP contains:(", "not a regular expression"),
        ("KEEP contains:Zebra", "matches"),
        ("KEEP contains:", "needs a text"),
        ("KEEP beginswith:Patient", "there is no 'beginswith:'"),
        ("REMOVE fields:group", "has no group %fields group"),
        ("REMOVE values:group", "has no group %values group"),
        ("KEEP select:VR:XX", "not a value representation"),
        ("KEEP select:VM:1", "there is no 'select:VM:'"),
        ("KEEP select:GROUP:patient", "is not a group"),
        ("KEEP select:GROUP:7001", "no DICOM attribute"),
        ("KEEP PatientSex F", "takes no value"),
        ("REPLACE PatientID", "needs a value"),
        ("REPLACE PatientID # later", "needs a value"),
        ("REPLACE PatientID var:id", "there is no var:id"),
        ("REPLACE PatientID func:generate_uid", "there is no func:generate_uid"),
        ("REPLACE PatientBirthDate var:patient_id", "does not fit"),
        ("REPLACE PatientBirthDate yesterday", "does not fit"),
        ("REPLACE Rows many", "does not fit"),
        ("REPLACE Rows 70000", "does not fit"),
        ("REPLACE Modality ct", "does not fit"),
        ("REPLACE StudyInstanceUID 1.2.3", "unique"),
        ("REPLACE PixelData x", "cannot write"),
        ("REPLACE IconImageSequence x", "cannot write"),
        ("REPLACE contains:Birth x", "does not fit one of the attributes"),
        ("ADD PatientID func:patient_id", "ADD does not have"),
        ("ADD contains:Name x", "not a pattern"),
        ("JITTER PatientID 5", "not a date"),
        ("JITTER StudyDate five", "not a number of days"),
        ("JITTER StudyDate var:jitter", "not a number of days"),
        ("REMOVE StudyDate func:is_old", "the project has no function is_old"),
        ("REMOVE StudyDate re:2004", "not a condition"),
        ("REMOVE StudyDate 2004", "not a condition"),
        ("REPLACE StudyInstanceUID deid_func:pydicom_uid", "no deid_func:pydicom_uid"),
        ("REPLACE StudyInstanceUID deid_func:pydicom_uuid prefix=1.2.3.", "no effect"),
        ("REPLACE StudyInstanceUID deid_func:pydicom_uuid stable_remapping=false", "no effect"),
        ("REPLACE PatientID deid_func:basic_uuid", "does not fit"),
        ("REPLACE StudyDate deid_func:jitter hours=3", "not an option"),
        ("REPLACE PatientID deid_func:jitter", "not a date"),
        ("ADD StudyInstanceUID deid_func:dicom_uuid", "for REPLACE"),
        ("REPLACE PatientID values:ids", "is no value"),
        ("REMOVE SOPInstanceUID", "must stay as it is"),
        ("BLANK SOPClassUID", "must stay as it is"),
        ("REPLACE SpecificCharacterSet ISO_IR 192", "must stay as it is"),
        ("REMOVE PatientIdentityRemoved", "writes"),
        ("BLANK PixelData", "cannot be blanked"),
        ("FIELD PatientID", "is not an action"),
        ("REPLACE InstitutionName O'Brien", "quotation mark"),
        ('KEEP (0009,"x y",01) z', "takes no value"),
    ],
)
def test_a_wrong_line_stops_the_recipe(line: str, problem: str) -> None:
    """With its name and number: nothing is skipped."""
    with pytest.raises(Misconfigured, match=problem) as caught:
        plan("# first", "KEEP Modality", line)
    assert caught.value.place == "recipe site.deid, line 5"


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("", 1, "empty"),
        ("%header\nKEEP Modality\n", 1, "begins with its format"),
        ("FORMAT nifti\n%header\n", 1, "begins with its format"),
        ("FORMAT dicom\nKEEP Modality\n", 2, "before its section"),
        ("FORMAT dicom\n%headers\nKEEP Modality\n", 2, "no section"),
        ("FORMAT dicom\n%header patient\nKEEP Modality\n", 2, "takes no name"),
        ("FORMAT dicom\n%values\nFIELD PatientName\n", 2, "needs a name"),
        ("FORMAT dicom\n%values a\nKEEP PatientName\n", 3, "is not an action of %values"),
        ("FORMAT dicom\n%values a\nFIELD PatientNam\n", 3, "is not a DICOM attribute"),
        ("FORMAT dicom\n%values a\nFIELD PatientName by=x\n", 3, "takes no options"),
        ("FORMAT dicom\n%values a\nSPLIT PatientName bye=x\n", 3, "not an option of SPLIT"),
        ("FORMAT dicom\n%values a\nSPLIT PatientName minlength=none\n", 3, "not an option of SPLIT"),
        ("FORMAT dicom\n%values a\nFIELD values:a\n", 3, "has no group"),
        ("FORMAT dicom\n%fields a\nSPLIT PatientName\n", 3, "is not an action of %fields"),
        ("FORMAT dicom\n%fields a\nFIELD\n", 3, "names no field"),
        ("FORMAT dicom\n%labels\nADDD name value\n", 3, "is not an action"),
        ("FORMAT dicom\n\n%filter gray\nLABEL x\n", 3, "no %filter gray"),
        ("FORMAT dicom\n%filter graylist\nLABEL\n", 3, "LABEL has no name"),
        ("FORMAT dicom\n%filter graylist\nLABEL x\n", 3, "without criteria"),
        ("FORMAT dicom\n%filter graylist\ncontains Modality CT\n", 3, "before its label"),
        ("FORMAT dicom\n%filter graylist\nLABEL x\ncontain Modality CT\n", 4, "is not a criterion"),
        ("FORMAT dicom\n%filter graylist\nLABEL x\ncontains Modality\n", 4, "needs a value"),
        ("FORMAT dicom\n%filter graylist\nLABEL x\ncontains Modalitie CT\n", 4, "is not a DICOM attribute"),
        ("FORMAT dicom\n%filter graylist\nLABEL x\ncontains Modality (\n", 4, "not a regular expression"),
        ("FORMAT dicom\n%filter graylist\nLABEL x\nmissing Modality CT\n", 4, "takes no value"),
        ("FORMAT dicom\n%filter graylist\nLABEL x\nempty\n", 4, "names no field"),
        ("FORMAT dicom\n%filter graylist\nLABEL x\nempty Modality\ncoordinates 0,0,x,9\n", 5, "is not a region"),
        ("FORMAT dicom\n%header\nKEEP Modality\nFORMAT dicom\n", 4, "is not an action"),
    ],
)
def test_a_wrong_frame_stops_the_recipe(text: str, line: int, problem: str) -> None:
    """Format, sections and groups are checked, too; nothing is passed over."""
    with pytest.raises(Misconfigured, match=problem) as caught:
        compile_plan([], [RecipeText("r", text)])
    assert caught.value.place == f"recipe r, line {line}"


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("REMOV PatientID", "Did you mean REMOVE?"),
        ("keep PatientID", "Did you mean KEEP?"),
        ("REMOVE PatientNmae", "Did you mean PatientName?"),
        ("REMOVE startwith:Patient", "Did you mean startswith:?"),
        ("REPLACE PatientID func:pateint_id", "Did you mean func:patient_id?"),
        ("REPLACE PatientID var:patientid", "Did you mean var:patient_id?"),
        ("REMOVE values:pateint", "Did you mean patient?"),
        ("REMOVE fields:date", "Did you mean dates?"),
        ("%hedaer", "Did you mean %header?"),
    ],
)
def test_did_you_mean(line: str, remedy: str) -> None:
    """The remedy names what is nearest."""
    with pytest.raises(Misconfigured) as caught:
        plan("%values patient", "FIELD PatientID", "%fields dates", "FIELD endswith:Date", "%header", line)
    assert (caught.value.remedy, caught.value.place) == (remedy, "recipe site.deid, line 8")


def test_an_empty_header_is_fine() -> None:
    """A recipe may do nothing."""
    assert compile_plan([], [RecipeText("r", "FORMAT dicom\n# soon\n%header\n")]).rules == plan().rules
