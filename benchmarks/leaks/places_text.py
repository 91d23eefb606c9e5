"""Places at the top of the dataset: attributes that Table E.1-1 lists, and those that it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.leaks.places import item_of, place, put_raw, register_keywords

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset

    from benchmarks.leaks.tokens import Tokens

register_keywords(
    "listed",
    """PatientName PatientID PatientBirthName PatientMotherBirthName PatientAddress AdditionalPatientHistory
    BranchOfService CountryOfResidence RegionOfResidence PatientReligiousPreference
    MedicalRecordLocator MedicalAlerts InsurancePlanIdentification IssuerOfPatientID ResponsiblePerson
    ResponsibleOrganization ReferringPhysicianName ReferringPhysicianTelephoneNumbers ConsultingPhysicianName
    PerformingPhysicianName NameOfPhysiciansReadingStudy PhysiciansOfRecord OperatorsName RequestingPhysician
    RequestingService ScheduledPerformingPhysicianName HumanPerformerName HumanPerformerOrganization
    InstitutionName InstitutionAddress InstitutionalDepartmentName StationName DeviceSerialNumber DeviceUID
    GantryID PlateID DetectorID CassetteID GeneratorID AccessionNumber StudyID StudyDescription
    SeriesDescription ProtocolName DerivationDescription AcquisitionComments
    AcquisitionDeviceProcessingDescription ContrastBolusAgent RequestedProcedureDescription RequestedProcedureID
    RequestedProcedureComments PerformedProcedureStepID ScheduledProcedureStepDescription
    CommentsOnThePerformedProcedureStep ReasonForStudy AdmissionID AdmittingDiagnosesDescription
    CurrentPatientLocation ServiceEpisodeID VisitComments PatientInstitutionResidence SpecialNeeds""",
)
register_keywords(
    "listed dates",
    """PatientBirthDate StudyDate SeriesDate AcquisitionDate ContentDate InstanceCreationDate
    PerformedProcedureStepStartDate DateOfSecondaryCapture LastMenstrualDate AdmittingDate DateOfLastCalibration""",
)
register_keywords(
    "unlisted text",
    """DataSetName StrainDescription StrainAdditionalInformation RetrieveURL BarcodeValue TextString PrinterName
    Originator OwnerID StorageMediaFileSetID TopicTitle TopicSubject TopicAuthor
    PatientBirthDateInAlternativeCalendar MaterialPropertiesDescription IndicationDescription PulserNotes
    DeviceID ImageQualityIndicatorSize FieldOfViewDescription PotentialDiagnosticTasks SystemStatusComment
    RouteOfAdmissions CompletionFlagDescription SubstanceAdministrationNotes HangingProtocolUserGroupName
    SOPAuthorizationComment PrintJobID MeasuredDoseDescription BlockTrayID TrayAccessoryCode""",
)
# Text about the technique, which SendIt's allowlist lets through: a person can type into it all the same.
register_keywords(
    "technical text",
    """ContrastBolusRoute InterventionDrugName LUTExplanation WindowCenterWidthExplanation AlgorithmName
    ApplicableSafetyStandardDescription PixelSpacingCalibrationDescription PositionReferenceIndicator
    ReconstructionMethod DetectorDescription ExposureControlModeDescription""",
)


@place("several values in one attribute")
def _several(dataset: FileDataset, tokens: Tokens) -> None:
    dataset.OtherPatientIDs = [tokens.identifier(), tokens.identifier(), tokens.identifier()]
    dataset.PatientTelephoneNumbers = [tokens.phone(), tokens.phone()]


@place("all component groups of a name")
def _groups(dataset: FileDataset, tokens: Tokens) -> None:
    dataset.OtherPatientNames = f"{tokens.name()}^A={tokens.name()}^B={tokens.name()}^C"


@place("the patient's own name in a description")
def _own_name(dataset: FileDataset, tokens: Tokens) -> None:
    names = [part for part in str(dataset.PatientName).replace("=", "^").split("^") if len(part) >= 2]
    if names:
        tokens.known("name", names[0])
        dataset.AcquisitionProtocolDescription = f"CHEST {names[0].upper()} supine"
        dataset.PatientState = f"CHEST {names[-1]}, {names[0]} supine"


@place("an odd length")
def _odd(dataset: FileDataset, tokens: Tokens) -> None:
    dataset.MilitaryRank = tokens.name() + "s"


@place("a code string that is none")
def _code_string(dataset: FileDataset, tokens: Tokens) -> None:
    put_raw(dataset, 0x00180022, "CS", f"{tokens.name()}^Jane")  # ScanOptions: lower case and ^ stand in no CS
    put_raw(dataset, 0x00280301, "CS", f"{tokens.name()}^Jane")  # BurnedInAnnotation


@place("a decimal string that is none")
def _decimal_string(dataset: FileDataset, tokens: Tokens) -> None:
    put_raw(dataset, 0x00181067, "DS", tokens.name())  # ImageTriggerDelay


@place("an integer string that is none")
def _integer_string(dataset: FileDataset, tokens: Tokens) -> None:
    put_raw(dataset, 0x00200012, "IS", tokens.name())  # AcquisitionNumber


@place("an age that is none")
def _age(dataset: FileDataset, tokens: Tokens) -> None:
    item = item_of(item_of(dataset, "AnatomicRegionSequence"), "AnatomicRegionModifierSequence")
    put_raw(item, 0x00101010, "AS", tokens.name())


@place("a date that is none")
def _date(dataset: FileDataset, tokens: Tokens) -> None:
    if tokens.number % 4:  # some tools stop at it: they shall be measured on the other files
        return
    put_raw(dataset, 0x00080024, "DA", tokens.name())  # OverlayDate
    put_raw(dataset, 0x0008002A, "DT", tokens.name())
    put_raw(dataset, 0x00080032, "TM", tokens.name())


@place("a UID that is none")
def _uid(dataset: FileDataset, tokens: Tokens) -> None:
    put_raw(dataset, 0x00081155, "UI", tokens.name())


@place("a value representation that lies")
def _lying(dataset: FileDataset, tokens: Tokens) -> None:
    put_raw(dataset, 0x00104000, "CS", f"{tokens.name()}^Jane")  # PatientComments
    put_raw(dataset, 0x00080092, "IS", f"{tokens.name()}^Jane")  # ReferringPhysicianAddress
    put_raw(dataset, 0x00380062, "UI", f"{tokens.name()}^Jane")  # ServiceEpisodeDescription
    put_raw(dataset, 0x00400254, "AE", f"{tokens.name()}^Jane")  # PerformedProcedureStepDescription
