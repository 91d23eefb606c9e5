"""What an IOD demands stays in some form, so that the output is a valid instance of its SOP class (PS3.15 E.1.1)."""

from __future__ import annotations

import pytest
from pydicom import uid
from pydicom.dataset import Dataset, FileDataset

from sendit.config.schema import Option
from sendit.deidentify import compile_plan
from sendit.deidentify.plan import Action
from sendit.deidentify.profile.required import required_attributes
from tests.unit.deidentify.samples import dataset, file_of, output, plan


def _presentation_state() -> FileDataset:
    whole = dataset("test-SR.dcm")
    whole.SOPClassUID = whole.file_meta.MediaStorageSOPClassUID = uid.GrayscaleSoftcopyPresentationStateStorage
    whole.PresentationCreationDate, whole.PresentationCreationTime = "20240115", "101112"
    return whole


def test_a_date_that_the_iod_demands_becomes_a_dummy() -> None:
    """PresentationCreationDate is X in the table and type 1 in PS3.3 C.11.10."""
    made = output(file_of(_presentation_state()))
    assert made.PresentationCreationDate == "19000101"
    assert made.PresentationCreationTime == "000000"


def test_of_another_class_it_goes() -> None:
    """What the table removes is removed where nothing demands it."""
    whole = dataset()
    whole.PresentationCreationDate, whole.PresentationCreationTime = "20240115", "101112"
    made = output(file_of(whole))
    assert "PresentationCreationDate" not in made
    assert "PresentationCreationTime" not in made


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
@pytest.mark.parametrize("value", ["somewhen", "20240115"])
def test_a_date_that_cannot_be_moved_becomes_the_dummy(value: str) -> None:
    """The form holds for what an option falls back to, too."""
    whole = _presentation_state()
    whole.PresentationCreationDate = value
    made = output(file_of(whole), compile_plan([Option.RETAIN_LONGITUDINAL_MODIFIED_DATES], []))
    assert made.PresentationCreationDate == "19000101" or value != "somewhen"
    assert made.PresentationCreationDate not in ("", value)


@pytest.mark.parametrize(
    ("sop_class", "left"),
    [
        (uid.ParametricMapStorage, "YES"),
        (uid.DermoscopicPhotographyImageStorage, "YES"),
        (uid.CTImageStorage, None),
        (uid.UID("1.2.840.10008.5.1.4.1.1.14.1"), "NO"),
    ],
)
def test_where_a_word_on_faces_is_required_it_is_that_they_may_be_there(sop_class: str, left: str | None) -> None:
    """SendIt does not look for faces: an original's NO would be read as its own. Inside of a vessel there is none."""
    whole = dataset()
    whole.SOPClassUID = whole.file_meta.MediaStorageSOPClassUID = uid.UID(sop_class)
    whole.RecognizableVisualFeatures = "NO"
    assert output(file_of(whole)).get("RecognizableVisualFeatures") == left


def test_a_text_that_goes_by_default_becomes_a_dummy_in_its_place() -> None:
    """LUTLabel is type 1 in RealWorldValueMappingSequence (PS3.3 C.7.6.16.2.11), and no attribute of the table."""
    whole, mapping = dataset(), Dataset()
    mapping.LUTLabel, mapping.RealWorldValueSlope = "Quimby", 1.0
    whole.RealWorldValueMappingSequence = [mapping]
    whole.LUTLabel = "Quimby"
    made = output(file_of(whole))
    assert made.RealWorldValueMappingSequence[0].LUTLabel == "Removed"
    assert "LUTLabel" not in made


def test_the_word_of_a_recipe_stands() -> None:
    """Who removes an attribute on purpose gets it removed."""
    made = output(file_of(_presentation_state()), plan("REMOVE PresentationCreationDate"))
    assert "PresentationCreationDate" not in made


def test_the_table_holds_dummies_and_empty_values() -> None:
    """Every place of the table can be read, and is one of the two forms."""
    places = required_attributes(uid.GrayscaleSoftcopyPresentationStateStorage)
    assert len(places) > 150
    assert set(places.values()) <= {Action.DUMMY, Action.EMPTY}


def test_an_optional_sequence_is_removed_and_a_required_one_is_empty() -> None:
    """ReferencedStudySequence is X/Z and of type 3; in a request of a report it is of type 2."""
    whole, reference = dataset(), Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = "1.2.840.10008.3.1.2.3.1", "1.2.3"
    whole.ReferencedStudySequence = [reference]
    assert "ReferencedStudySequence" not in output(file_of(whole))
    report, request = dataset("test-SR.dcm"), Dataset()
    request.ReferencedStudySequence = [reference]
    report.ReferencedRequestSequence = [request]
    made = output(file_of(report), compile_plan([Option.CLEAN_STRUCTURED_CONTENT, Option.CLEAN_DESCRIPTORS], []))
    if "ReferencedRequestSequence" in made:
        assert len(made.ReferencedRequestSequence[0].ReferencedStudySequence) == 0
    for sop_class, place in ((uid.EnhancedMRImageStorage, 0), (uid.DigitalXRayImageStorageForPresentation, 0)):
        assert required_attributes(sop_class)[place, 0x00400555] is Action.EMPTY


def _owned(**values: object) -> FileDataset:
    whole = dataset()
    whole.ResponsiblePerson, whole.ResponsiblePersonRole, whole.ResponsibleOrganization = "Quimby^Zelda", "OWNER", "Zoo"
    for keyword, value in values.items():
        setattr(whole, keyword, value)
    return whole


def test_what_says_more_about_a_value_goes_with_it() -> None:
    """Of type 1C, beside the value only (PS3.3 C.7.1.1): a role of nobody is no valid patient."""
    whole = _owned(PatientBirthDateInAlternativeCalendar="5721", PatientAlternativeCalendar="HEBREW")
    made = output(file_of(whole))
    assert not {"ResponsiblePersonRole", "PatientAlternativeCalendar", "ResponsiblePerson"}.intersection(made.dir())


def test_it_stays_where_the_value_stays_or_never_was() -> None:
    """A recipe's value counts; and nothing is lost of a file that was odd before."""
    made = output(file_of(_owned()), plan("REPLACE ResponsiblePerson Keeper"))
    assert (made.ResponsiblePerson, made.ResponsiblePersonRole) == ("Keeper", "OWNER")
    whole = _owned()
    del whole.ResponsiblePerson
    assert output(file_of(whole)).ResponsiblePersonRole == "OWNER"


@pytest.mark.parametrize("species", [{"PatientSpeciesDescription": "Canis lupus"}, {}])
def test_an_animal_belongs_to_somebody(species: dict[str, str]) -> None:
    """Required of animals, if only empty (type 2C); of anybody else, the table removes it."""
    made = output(file_of(_owned(**species)))
    assert [made.get(keyword) for keyword in ("ResponsiblePerson", "ResponsibleOrganization")] == (
        ["", ""] if species else [None, None]
    )
    assert "ResponsiblePersonRole" not in made


def test_animals_and_people_are_not_remembered_as_one() -> None:
    """The same value in the next instance of the process has the form that its own instance demands."""
    for species in ({}, {"PatientSpeciesDescription": "Canis lupus"}, {}):
        assert ("ResponsiblePerson" in output(file_of(_owned(**species)))) == bool(species)


def test_a_long_code_that_goes_is_still_a_long_code() -> None:
    """LongCodeValue has more than 16 characters (PS3.3 8.1)."""
    whole, item = dataset(), Dataset()
    item.LongCodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "QUIMBY ZELDA 4711-0815-AB", "99LOCAL", "Quimby"
    whole.AnatomicRegionSequence = [item]
    [made] = output(file_of(whole)).AnatomicRegionSequence
    assert "QUIMBY" not in made.LongCodeValue
    assert len(made.LongCodeValue) > 16


@pytest.mark.parametrize(("material", "left"), [("BRASS", "BRASS"), ("", ""), ("Quimby^Zelda", "Removed")])
def test_a_material_stays_one_or_none(material: str, left: str) -> None:
    """Whether a compensator's material is named decides which of its attributes are required (PS3.3 C.8.8.14)."""
    whole, beam, compensator = dataset("rtplan.dcm"), Dataset(), Dataset()
    compensator.MaterialID, compensator.SourceToCompensatorDistance = material, [700.0]
    beam.CompensatorSequence = [compensator]
    whole.BeamSequence = [beam]
    [made] = output(file_of(whole)).BeamSequence
    assert made.CompensatorSequence[0].MaterialID == left


def test_the_committee_of_a_trial_has_no_name_without_its_number() -> None:
    """PS3.3 C.7.1.3 allows the name beside the number only, which goes; a name that an option retains stays."""
    before = dataset()
    before.ClinicalTrialProtocolEthicsCommitteeName = "Quixworth Board"
    before.ClinicalTrialProtocolEthicsCommitteeApprovalNumber = "QX-4471"
    source = file_of(before)
    assert "ClinicalTrialProtocolEthicsCommitteeName" not in output(source)
    retained = output(source, compile_plan([Option.RETAIN_INSTITUTION_IDENTITY], []))
    assert retained.ClinicalTrialProtocolEthicsCommitteeName == "Quixworth Board"
