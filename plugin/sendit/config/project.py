"""Settings of one project: its studies, its de-identification, its pseudonyms and its destinations."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from sendit.config.types import (
    AbsolutePath,
    Credential,
    HeaderName,
    HeaderValue,
    Modalities,
    Name,
    PrivateWay,
    Section,
)
from sendit.deidentify.options import PRESETS, Option, with_presets
from sendit.deidentify.profile.private import ALL_VENDORS, check_entry
from sendit.errors import Misconfigured

#: Those of a project that names none. Text in pixels passes only where a project lists options without it.
DEFAULT_OPTIONS = (Option.CLEAN_PIXEL_DATA,)
#: Said of each project without that option, by the doctor and in the log.
PIXELS_PASS = "its pixels are not looked at: text burned into them leaves (its Options do not have CleanPixelData)"


def _options(given: Any) -> Any:
    """Accept one name without brackets, and replace a preset by its options."""
    names = [given] if isinstance(given, str) else given
    return with_presets(names) if isinstance(names, list) and all(isinstance(name, str) for name in names) else names


def _private_entry(text: str) -> str:
    try:
        check_entry(text)
    except Misconfigured as error:
        raise ValueError(f"{error.problem}. {error.remedy}".removesuffix(".")) from None
    return text


#: For editors: what `_options` accepts.
_OPTIONS_SCHEMA = {
    "anyOf": [
        {"enum": [*PRESETS, *map(str, Option)]},
        {"type": "array", "items": {"enum": [*PRESETS, *map(str, Option)]}},
    ]
}
Options: TypeAlias = Annotated[list[Option], BeforeValidator(_options), WithJsonSchema(_OPTIONS_SCHEMA)]
SafePrivate: TypeAlias = list[Annotated[str, AfterValidator(_private_entry)]]


def _lists_of_vendors(given: Any) -> Any:
    """Add the lists of all vendors where a project retains private attributes and names no list."""
    if isinstance(given, dict) and "SafePrivate" not in given:
        options = _options(given.get("Options"))
        if isinstance(options, list) and Option.RETAIN_SAFE_PRIVATE in options:
            return {**given, "SafePrivate": [ALL_VENDORS]}
    return given


def _patterns(patterns: str | list[str]) -> str | list[str]:
    """Refuse an empty value, for example of an unset variable: it would match everything without that value."""
    if not patterns or (isinstance(patterns, list) and "" in patterns):
        raise ValueError("a pattern is empty; leave the key out if everything fits")
    return patterns


Patterns: TypeAlias = Annotated[str | list[str], AfterValidator(_patterns)]


class Match(Section):
    """Studies that match every key given. Patterns may contain * and ?; {} matches every study."""

    modality: Modalities | None = None
    """Modalities of which the study has at least one series."""
    called_aet: Patterns | None = Field(default=None, alias="CalledAET")
    """AE title that the sender called; a pattern or a list of patterns."""
    calling_aet: Patterns | None = Field(default=None, alias="CallingAET")
    """AE title of the sender; a pattern or a list of patterns."""
    study_description: Patterns | None = None
    """StudyDescription; a pattern or a list of patterns."""


class Keyed(Section):
    """Pseudonyms computed by HMAC-SHA256 under the project's key."""

    source: Literal["Keyed"] = "Keyed"
    """Selects this source."""


#: Treatment of a patient that a list or a service does not know: hold the study, or use the pseudonym of the key.
Unknown: TypeAlias = Literal["Stop", "Keyed"]


class CsvColumns(Section):
    """Names of a list's columns, as its first line has them."""

    patient_id: str = Field(default="PatientID", alias="PatientID", min_length=1)
    """Column of the PatientID."""
    issuer_of_patient_id: str | None = Field(default=None, alias="IssuerOfPatientID", min_length=1)
    """Column of the IssuerOfPatientID, if the list has one."""
    accession_number: str | None = Field(default=None, alias="AccessionNumber", min_length=1)
    """Column of the AccessionNumber, if the list names studies by it."""
    study_instance_uid: str | None = Field(default=None, alias="StudyInstanceUID", min_length=1)
    """Column of the StudyInstanceUID, if the list names studies by it."""
    code: str = Field(default="Code", min_length=1)
    """Column of the pseudonym."""

    @property
    def name_studies(self) -> bool:
        """Return whether rows may name a study in the place of a patient; then PatientID may be left out."""
        return self.accession_number is not None or self.study_instance_uid is not None


class CsvList(Section):
    """Pseudonyms from a list, which is read again when it changes."""

    source: Literal["Csv"]
    """Selects this source."""
    path: AbsolutePath
    """CSV file in UTF-8 that only SendIt's user can read."""
    columns: CsvColumns = CsvColumns()
    """Names of the columns."""
    delimiter: Literal[",", ";", "\t"] = ","
    """Character between two values."""
    unknown: Unknown = "Stop"
    """Stop quarantines the study of a patient who is not in the list; Keyed uses the pseudonym of the project's key."""


class IdentityService(Section):
    """Pseudonyms from an HTTP service, which is asked once per batch."""

    source: Literal["Service"]
    """Selects this source."""
    url: PrivateWay
    """Address of the service: https://, or http:// to this machine."""
    username: Credential | None = None
    """User name for HTTP basic authentication; needs Password."""
    password: Credential | None = Field(default=None, repr=False)
    """Password for HTTP basic authentication; needs Username."""
    headers: dict[HeaderName, HeaderValue] = Field(default={}, repr=False)
    """HTTP headers to send with each request."""
    timeout: float = Field(default=30.0, gt=0, le=600)
    """Time for the whole answer, in seconds."""
    certificate_authority: AbsolutePath | None = None
    """PEM file with the authorities to trust. Default: those that the system trusts."""
    unknown: Unknown = "Stop"
    """Stop quarantines the study of a patient whom the service does not know; Keyed uses the pseudonym of the
    project's key."""

    @model_validator(mode="after")
    def _both(self) -> IdentityService:
        if (self.username is None) != (self.password is None):
            raise ValueError("Username and Password go together")
        return self


#: Where pseudonyms come from: one type per value of "Source".
Identities: TypeAlias = Annotated[Keyed | CsvList | IdentityService, Field(discriminator="source")]


class Variant(Section):
    """Another way to de-identify a project's studies, for other destinations."""

    options: Options = [*DEFAULT_OPTIONS]
    """Options of PS3.15 Annex E.3, or `"Research"`, as for the project."""
    safe_private: SafePrivate = []
    """Private attributes to retain, as for the project."""
    recipes: list[str] = []
    """Recipe files, as for the project."""
    functions: str | None = None
    """Python file with the functions of the recipes, as for the project."""
    own_pseudonyms: bool = False
    """Use a key of its own, so that its codes cannot be linked to those of the project."""
    destinations: list[Name] = Field(min_length=1)
    """Names of its destinations; none of them is one of the project's."""

    @model_validator(mode="before")
    @classmethod
    def _private(cls, given: Any) -> Any:
        return _lists_of_vendors(given)


Uid: TypeAlias = Annotated[str, Field(pattern=r"^[0-2](\.(0|[1-9][0-9]*))+$")]


class Accept(Section):
    """Instances that a project accepts; others are rejected, with the reason. A key left out accepts all."""

    modalities: Modalities | None = None
    """Modalities to accept."""
    sop_classes: list[Uid] | None = Field(default=None, alias="SOPClasses", min_length=1)
    """UIDs of the SOP classes to accept."""
    deidentified: bool = False
    """Accept studies that a SendIt has de-identified before; never those that this project itself has sent."""
    copies: bool = False
    """Accept copies that Orthanc made of another study (/anonymize, /modify)."""


class PixelSettings(Section):
    """Handling of burned-in text under the option CleanPixelData."""

    detect_text: Literal["Risky", "All", "Off"] = "Risky"
    """Images in which text and barcodes are searched for."""
    on_text: Literal["Mask", "Review"] = "Mask"
    """Mask makes text black; Review does so, too, and the study waits until a person has accepted it."""
    keep: list[Literal["Markers", "Technique"]] = ["Markers"]
    """Text that stays: Markers (side, view, posture) in radiographs, mammograms, angiography, fluoroscopy, dental
    images and ultrasound; Technique (settings, scales, measurements) in all images. What matches an identifier of the
    original never stays."""
    slide_labels: Literal["Reject", "Mask"] = "Reject"
    """Reject images that show the label of a slide, or make the label black."""


class ReviewRule(Section):
    """Studies that wait for a person before they leave: those that one of the keys names. Without any of them, all."""

    share: float | None = Field(default=None, gt=0, le=100)
    """Percentage of the studies, chosen by a digest under the project's key: the same ones each time, and nobody can
    tell beforehand which."""
    modality: Modalities | None = None
    """Studies with an image of one of these modalities."""
    text_found: bool = False
    """Studies with an image in whose pixels text or a barcode was found."""
    first_of_device: int | None = Field(default=None, ge=1, le=10_000)
    """The first studies, so many, of each device (manufacturer, model and station) that the project has not seen."""
    persons: int = Field(default=1, ge=1, le=2)
    """How many different users have to accept a study that waits, for whatever reason it does."""

    @property
    def everything(self) -> bool:
        """Return whether every study waits."""
        return self.share is None and self.modality is None and not self.text_found and self.first_of_device is None


class Release(Section):
    """When the outputs of a project leave: at once (`"Automatic"`), or once a person has accepted them (`"Review"`)."""

    review: ReviewRule | None = None
    """Studies that wait. `"Review"` stands for `{"Review": {}}`: all of them."""


def _release(given: Any) -> Any:
    """Accept the two words that stand for a section."""
    if given == "Automatic":
        return Release()
    if given == "Review":
        return {"Review": {}}
    if isinstance(given, str) or (isinstance(given, dict) and not given):
        raise ValueError("give 'Automatic', 'Review', or {\"Review\": {…}} with the studies that wait")
    return given


class Project(Section):
    """A research study: how its batches are de-identified and where they go."""

    match: Match | None = None
    """Studies that belong to the project. Default: only those of a watched folder or of `sendit import`."""
    options: Options = [*DEFAULT_OPTIONS]
    """Options of PS3.15 Annex E.3, or `"Research"` for those that research needs. A list without CleanPixelData lets
    text in pixels leave."""
    safe_private: SafePrivate = []
    """Private attributes to retain besides those of the standard's list: `vendors` for SendIt's lists of all vendors,
    `vendor:NAME` for one of them, or `(gggg,"CREATOR",ee)`; needs RetainSafePrivate. Default with RetainSafePrivate:
    `vendors`."""
    recipes: list[str] = []
    """Files beside orthanc.json with deid recipes, applied on top of the profile in this order."""
    accept: Accept = Accept()
    """Instances to accept; others are rejected, with the reason."""
    pixels: PixelSettings = PixelSettings()
    """Handling of text and barcodes in pixels."""
    on_lost_meaning: Literal["Warn", "Hold"] = "Warn"
    """What to do if an output lacks something that scales, orders or locates its pixels: Warn names it in the receipt
    and in the batch's history; Hold quarantines the instance."""
    functions: str | None = None
    """Python file beside orthanc.json that defines the recipes' own `func:` and `var:`."""
    identities: Identities = Keyed()
    """Source of the pseudonyms: the project's key (Keyed), a list (Csv) or an HTTP service (Service)."""
    issuers_part_patients: bool = False
    """Take the same PatientID of two issuers (IssuerOfPatientID, absent or not) for two patients. Default: PatientIDs
    alone count, because many files of one patient have the issuer only in part."""
    crosswalk: bool = True
    """Keep, encrypted, which original has which code."""
    destinations: list[Name] = Field(min_length=1)
    """Names of the destinations."""
    release: Annotated[Release, BeforeValidator(_release)] = Field(default="Automatic")  # type: ignore[assignment]  # the word stands for it
    """`"Automatic"`, `"Review"` (every study waits for a person), or `{"Review": {…}}` (some do)."""
    after_delivery: Literal["KeepOriginals", "DeleteOriginals"] = "KeepOriginals"
    """Keep the originals in Orthanc, or delete them once every destination has been read back and matched."""
    variants: dict[Name, Variant] = {}
    """Other ways to de-identify the same studies, by name, for other destinations."""

    @model_validator(mode="after")
    def _two_patients_are_noticed(self) -> Project:
        if isinstance(self.identities, CsvList) and self.identities.columns.name_studies and not self.crosswalk:
            raise ValueError(
                "a list that names studies needs Crosswalk: true, which notices if two patients get the same pseudonym"
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def _private(cls, given: Any) -> Any:
        return _lists_of_vendors(given)
