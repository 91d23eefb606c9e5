"""The "SendIt" section of orthanc.json. An unknown key is an error, and every error names its place and its cure.

`load` takes the whole configuration as Orthanc resolves it (`${VAR}` replaced), because destinations name Orthanc's own
peers. `read_configuration` in `configuration.py` makes that document from files where no Orthanc is there to ask.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field, ValidationError, model_validator

from sendit.destination_settings import DestinationSettings, DicomModalitySettings, FolderSettings, OrthancPeerSettings
from sendit.errors import Misconfigured
from sendit.folders import in_the_way, orthancs_own
from sendit.model import VARIANT_MARK
from sendit.orthanc_config import OrthancConfig
from sendit.section import (
    AbsolutePath,
    Credential,
    HeaderName,
    HeaderValue,
    Modalities,
    Name,
    PrivateWay,
    RetrySettings,
    Section,
)
from sendit.settings_errors import translate

SECTION = "SendIt"
#: What the journal holds of the name of a project, or of a project and its variant.
_LONGEST_NAME = 64


class Option(StrEnum):
    """The options of PS3.15 Table E.1-1, by the names of its columns (Annex E.3)."""

    RETAIN_SAFE_PRIVATE = "RetainSafePrivate"
    RETAIN_UIDS = "RetainUIDs"
    RETAIN_DEVICE_IDENTITY = "RetainDeviceIdentity"
    RETAIN_INSTITUTION_IDENTITY = "RetainInstitutionIdentity"
    RETAIN_PATIENT_CHARACTERISTICS = "RetainPatientCharacteristics"
    RETAIN_LONGITUDINAL_FULL_DATES = "RetainLongitudinalFullDates"
    RETAIN_LONGITUDINAL_MODIFIED_DATES = "RetainLongitudinalModifiedDates"
    CLEAN_DESCRIPTORS = "CleanDescriptors"
    CLEAN_STRUCTURED_CONTENT = "CleanStructuredContent"
    CLEAN_GRAPHICS = "CleanGraphics"
    CLEAN_PIXEL_DATA = "CleanPixelData"
    CLEAN_RECOGNIZABLE_VISUAL_FEATURES = "CleanRecognizableVisualFeatures"


#: Those of a project that names none. Text in pixels passes only where a project lists options without it.
DEFAULT_OPTIONS = (Option.CLEAN_PIXEL_DATA,)
#: Said of each project without that option, by the doctor and in the log.
PIXELS_PASS = "its pixels are not looked at: text burned into them leaves (its Options do not have CleanPixelData)"


def _database(url: str) -> str:
    if url != "sqlite" and not url.startswith("postgresql://"):
        raise ValueError("give sqlite or postgresql://user:password@host/database")
    # Read wrongly, a part of the password would be taken for the host, and shown in errors.
    if url.partition("://")[2].partition("/")[0].count("@") > 1:
        raise ValueError("write an @ in the password as %40")
    return url


class WatchedFolder(Section):
    """A folder whose studies are pushed into Orthanc."""

    path: AbsolutePath
    project: Name
    polling: bool = False  # network mounts send no change events: look every PollSeconds instead
    poll_seconds: float = Field(default=5.0, gt=0, le=3600)
    quiet_seconds: float = Field(default=10.0, gt=0, le=86_400)  # what is filled in place and rests so long is complete
    after_import: Literal["Move", "Delete"] = "Move"  # to .done/, or delete what was imported whole


def _patterns(found: str | list[str]) -> str | list[str]:
    """An empty one, for example of a variable that is not set, would fit what has no such value at all."""
    if not found or (isinstance(found, list) and "" in found):
        raise ValueError("a pattern is empty; leave the key out if everything fits")
    return found


Patterns: TypeAlias = Annotated[str | list[str], AfterValidator(_patterns)]


class Match(Section):
    """Which studies belong to a project. Every key given must match; patterns may hold * and ?. {} is every study."""

    modality: Modalities | None = None  # any series of the study has one of these
    called_aet: Patterns | None = Field(default=None, alias="CalledAET")
    calling_aet: Patterns | None = Field(default=None, alias="CallingAET")
    study_description: Patterns | None = None


class Keyed(Section):
    """Pseudonyms are HMAC-SHA256 under the project's key."""

    source: Literal["Keyed"] = "Keyed"


#: What to do with a patient that a list or a service does not know: hold the study, or use the pseudonym of the key.
Unknown: TypeAlias = Literal["Stop", "Keyed"]


class CsvColumns(Section):
    """The names of a list's columns, as its first line has them."""

    patient_id: str = Field(default="PatientID", alias="PatientID", min_length=1)
    issuer_of_patient_id: str | None = Field(default=None, alias="IssuerOfPatientID", min_length=1)
    code: str = Field(default="Code", min_length=1)


class CsvList(Section):
    """Pseudonyms stand in a list, which is read again when it changes."""

    source: Literal["Csv"]
    path: AbsolutePath
    columns: CsvColumns = CsvColumns()
    delimiter: Literal[",", ";", "\t"] = ","
    unknown: Unknown = "Stop"


class IdentityService(Section):
    """Pseudonyms are asked for over HTTP, once per batch."""

    source: Literal["Service"]
    url: PrivateWay
    username: Credential | None = None
    password: Credential | None = Field(default=None, repr=False)
    headers: dict[HeaderName, HeaderValue] = Field(default={}, repr=False)
    timeout: float = Field(default=30.0, gt=0, le=600)  # seconds, for the whole answer
    certificate_authority: AbsolutePath | None = None  # PEM file; None: those that the system trusts
    unknown: Unknown = "Stop"

    @model_validator(mode="after")
    def _both(self) -> IdentityService:
        if (self.username is None) != (self.password is None):
            raise ValueError("Username and Password go together")
        return self


#: Where pseudonyms come from: one type per value of "Source".
Identities: TypeAlias = Annotated[Keyed | CsvList | IdentityService, Field(discriminator="source")]


class Variant(Section):
    """Another way to de-identify a project's studies, for other destinations."""

    options: list[Option] = [*DEFAULT_OPTIONS]
    safe_private: list[str] = []
    recipes: list[str] = []
    functions: str | None = None
    own_pseudonyms: bool = False  # true: a key of its own, so that nobody can tie its codes to the project's
    destinations: list[Name] = Field(min_length=1)


Uid: TypeAlias = Annotated[str, Field(pattern=r"^[0-2](\.(0|[1-9][0-9]*))+$")]


class Accept(Section):
    """Which instances are taken at all; what is not is rejected, and says so. None: all."""

    modalities: Modalities | None = None
    sop_classes: list[Uid] | None = Field(default=None, alias="SOPClasses", min_length=1)


class PixelSettings(Section):
    """What is done about burned-in text under the option CleanPixelData."""

    detect_text: Literal["Risky", "All", "Off"] = "Risky"  # in which images text is looked for
    on_text: Literal["Mask", "Review"] = "Mask"  # Review: what text was found in is held


class Project(Section):
    """A research study: how its batches are de-identified and where they go."""

    match: Match | None = None  # None: only what a watched folder or `sendit import` names it for
    options: list[Option] = [*DEFAULT_OPTIONS]
    safe_private: list[str] = []  # (gggg,"CREATOR",ee); needs RetainSafePrivate
    recipes: list[str] = []
    accept: Accept = Accept()
    pixels: PixelSettings = PixelSettings()
    functions: str | None = None  # a Python file: the recipes' own func: and var:
    identities: Identities = Keyed()
    crosswalk: bool = True  # keep, sealed, which original has which code
    destinations: list[Name] = Field(min_length=1)
    release: Literal["Automatic"] = "Automatic"
    after_delivery: Literal["KeepOriginals", "DeleteOriginals"] = "KeepOriginals"
    variants: dict[Name, Variant] = {}


class Retention(Section):
    """How long what is not needed for ever is kept."""

    staging_days: float = Field(default=30, ge=0, le=36_500)  # staged files of batches FAILED or QUARANTINED
    journal_days: float | None = Field(default=None, ge=1, le=36_500)  # stories and receipts; None: for ever


class Settings(Section):
    """The section "SendIt" of orthanc.json."""

    data_directory: AbsolutePath = Path("/var/lib/sendit")
    database: Annotated[str, AfterValidator(_database)] = Field(default="sqlite", repr=False)
    crosswalk_keys: AbsolutePath | None = None  # None: <DataDirectory>/keys/crosswalk
    python: AbsolutePath | None = None  # the worker's interpreter; read by the plugin alone
    workers: int = Field(default=0, ge=0, le=256)  # de-identification processes; 0: one per core
    batches_at_once: int = Field(default=2, ge=1, le=64)
    reconcile_seconds: float = Field(default=60.0, gt=0, le=3600)
    retry: RetrySettings = RetrySettings()  # of the steps before delivery
    retention: Retention = Retention()
    watched_folders: list[WatchedFolder] = []
    destinations: dict[Name, DestinationSettings] = {}
    projects: dict[Name, Project] = {}


def load(document: Mapping[str, Any]) -> tuple[Settings, OrthancConfig]:
    """Read the whole configuration of Orthanc.

    Raises:
        Misconfigured: naming the first wrong place, for example `SendIt.Projects.IRB1.Optoins`.
    """
    if SECTION not in document:
        raise Misconfigured(
            SECTION, "orthanc.json has no such section", 'Add "SendIt": {…}; README.md shows a small one.'
        )
    try:
        settings = Settings.model_validate(document[SECTION])
    except ValidationError as error:
        raise translate(error, SECTION, Settings) from None
    orthanc = OrthancConfig.read(document)
    for problem in chain(_dangling(settings, orthanc), _overlapping(settings, document)):
        raise problem
    return _expanded(settings), orthanc


def _expanded(settings: Settings) -> Settings:
    """Each project's variants behind it, as projects of their own named "<project>@<variant>"."""
    projects: dict[str, Project] = {}
    for name, project in settings.projects.items():
        projects[name] = project
        for variant, how in project.variants.items():
            projects[f"{name}{VARIANT_MARK}{variant}"] = _as_project(project, how)
    return settings.model_copy(update={"projects": projects})


def _as_project(project: Project, variant: Variant) -> Project:
    """It has no Match of its own: it follows its project."""
    values = {name: getattr(variant, name) for name in Variant.model_fields if name != "own_pseudonyms"}
    if variant.own_pseudonyms:
        values["identities"] = Keyed()
    return project.model_copy(update={**values, "match": None, "variants": {}})


def place_of(project: str) -> str:
    """Where a project or a variant stands in orthanc.json."""
    base, _, variant = project.partition(VARIANT_MARK)
    return f"{SECTION}.Projects.{base}" + (f".Variants.{variant}" if variant else "")


def _misplaced_variants(settings: Settings) -> Iterator[Misconfigured]:
    """Destinations that a project and its variants share, and names that are too long."""
    for base, project in settings.projects.items():
        taken = dict.fromkeys(project.destinations, place_of(base))
        shared = list(project.destinations)  # what goes there has the UIDs of the project
        for variant, how in project.variants.items():
            name = f"{base}{VARIANT_MARK}{variant}"
            if len(name) > _LONGEST_NAME:
                problem = f"'{name}' is longer than {_LONGEST_NAME} characters"
                yield Misconfigured(place_of(name), problem, "Give the variant a shorter name.")
            for index, wanted in enumerate(how.destinations):
                here = f"{place_of(name)}.Destinations[{index}]"
                if wanted in taken:
                    problem = f"'{wanted}' is a destination of {taken[wanted]} already"
                    yield Misconfigured(here, problem, "What is de-identified in two ways goes to two destinations.")
                taken[wanted] = place_of(name)
            if not how.own_pseudonyms:
                yield from _met(settings, shared, name, how)
                shared += how.destinations


def _met(settings: Settings, shared: list[str], variant: str, how: Variant) -> Iterator[Misconfigured]:
    """Destinations of a variant that are one of `shared` under another name."""
    for index, wanted in enumerate(how.destinations):
        for name in shared:
            if name != wanted and _spot(settings.destinations[wanted]) == _spot(settings.destinations[name]):
                problem = f"'{wanted}' is the same place as '{name}', and the UIDs are the same, too"
                cure = "Name another place, or give the variant OwnPseudonyms."
                yield Misconfigured(f"{place_of(variant)}.Destinations[{index}]", problem, cure)


def _spot(destination: DestinationSettings) -> tuple[object, ...]:
    """Two destinations with the same one are one place."""
    keys = ("type", "peer", "modality", "path", "url", "bucket", "endpoint", "object_name", "file_name")
    return tuple(getattr(destination, key, None) for key in keys)


def _alike(settings: Settings) -> Iterator[Misconfigured]:
    """Names that differ only by their case: on some disks their keys and files would be one."""
    for kind, names in (("Projects", settings.projects), ("Destinations", settings.destinations)):
        known: dict[str, str] = {}
        for name in names:
            other = known.setdefault(name.casefold(), name)
            if other != name:
                problem = f"this name differs from '{other}' only by its case"
                yield Misconfigured(f"{SECTION}.{kind}.{name}", problem, "Give it another one.")


def _named(settings: Settings) -> Iterator[tuple[str, list[str]]]:
    """Each list of destinations, behind the project or the variant that it stands in."""
    for base, project in settings.projects.items():
        yield base, project.destinations
        for variant, how in project.variants.items():
            yield f"{base}{VARIANT_MARK}{variant}", how.destinations


def _dangling(settings: Settings, orthanc: OrthancConfig) -> Iterator[Misconfigured]:
    """Names that point nowhere."""
    yield from _alike(settings)
    for name, destinations in _named(settings):
        for index, wanted in enumerate(destinations):
            if wanted not in settings.destinations:
                place = f"{place_of(name)}.Destinations[{index}]".removeprefix(f"{SECTION}.")
                yield _unknown(place, "destination", wanted, settings.destinations)
    for name, project in settings.projects.items():
        for index, wanted in enumerate(project.destinations):
            if wanted in project.destinations[:index]:
                place = f"{SECTION}.Projects.{name}.Destinations[{index}]"
                yield Misconfigured(place, f"'{wanted}' is named twice", "Name each destination once.")
    for index, folder in enumerate(settings.watched_folders):
        if folder.project not in settings.projects:
            yield _unknown(f"WatchedFolders[{index}].Project", "project", folder.project, settings.projects)
    yield from _misplaced_variants(settings)
    yield from _misplaced_destinations(settings, orthanc)


def _misplaced_destinations(settings: Settings, orthanc: OrthancConfig) -> Iterator[Misconfigured]:
    for name, destination in settings.destinations.items():
        if isinstance(destination, OrthancPeerSettings) and destination.peer not in orthanc.peers:
            yield _unknown(f"Destinations.{name}.Peer", 'peer of "OrthancPeers"', destination.peer, orthanc.peers)
        if isinstance(destination, DicomModalitySettings):
            yield from _no_modality(name, destination, orthanc)
    yield from _taken_ports(settings, orthanc)


def _taken_ports(settings: Settings, orthanc: OrthancConfig) -> Iterator[Misconfigured]:
    """Two cannot listen at one port."""
    taken = {orthanc.dicom.port: "DicomPort"}
    if orthanc.http_server_enabled:
        taken[orthanc.http_port] = "HttpPort"
    for name, destination in settings.destinations.items():
        port = getattr(destination, "commitment_port", None)
        place = f"{SECTION}.Destinations.{name}.CommitmentPort"
        if port is not None and taken.setdefault(port, place) != place:
            yield Misconfigured(place, f"{port} is {taken[port]} already", "Name a port that nobody else listens at.")


def _no_modality(name: str, destination: DicomModalitySettings, orthanc: OrthancConfig) -> Iterator[Misconfigured]:
    if destination.modality in orthanc.dicom.names:
        orthanc.dicom.modality(destination.modality)
    elif orthanc.dicom.document.get("DicomModalitiesInDatabase"):
        problem = "SendIt reads modalities from orthanc.json, not from Orthanc's database"
        yield Misconfigured("DicomModalitiesInDatabase", problem, 'Set it to false and use "DicomModalities".')
    else:
        known = dict.fromkeys(orthanc.dicom.names)
        place = f"Destinations.{name}.Modality"
        yield _unknown(place, 'modality of "DicomModalities"', destination.modality, known)


def _overlapping(settings: Settings, document: Mapping[str, Any]) -> Iterator[Misconfigured]:
    own = {f"{SECTION}.DataDirectory": settings.data_directory, **orthancs_own(document)}
    if settings.crosswalk_keys is not None:
        own[f"{SECTION}.CrosswalkKeys"] = settings.crosswalk_keys
    watched = {f"{SECTION}.WatchedFolders[{i}].Path": one.path for i, one in enumerate(settings.watched_folders)}
    folders = {name: one.path for name, one in settings.destinations.items() if isinstance(one, FolderSettings)}
    yield from in_the_way(own, watched, {f"{SECTION}.Destinations.{name}.Path": path for name, path in folders.items()})


def _unknown(place: str, kind: str, name: str, known: Mapping[str, Any]) -> Misconfigured:
    names = ", ".join(sorted(known)) or "none"
    return Misconfigured(f"{SECTION}.{place}", f"'{name}' is no {kind}", f"Known: {names}.")
