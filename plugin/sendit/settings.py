"""The "SendIt" section of orthanc.json. An unknown key is an error, and every error names its place and its cure.

`load` takes the whole configuration as Orthanc resolves it (`${VAR}` replaced), because destinations name Orthanc's own
peers. `read_configuration` in `configuration.py` makes that document from files where no Orthanc is there to ask.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

from pydantic import AfterValidator, Field, ValidationError, model_validator

from sendit.destination_settings import DestinationSettings, DicomModalitySettings, FolderSettings, OrthancPeerSettings
from sendit.errors import Misconfigured
from sendit.model import VARIANT_MARK
from sendit.orthanc_config import OrthancConfig
from sendit.section import AbsolutePath, HeaderName, HeaderValue, Name, PrivateWay, RetrySettings, Section

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


class Match(Section):
    """Which studies belong to a project. Every key given must match; patterns may hold * and ?. {} is every study."""

    modality: list[str] | None = None  # any series of the study has one of these
    called_aet: str | list[str] | None = Field(default=None, alias="CalledAET")
    calling_aet: str | list[str] | None = Field(default=None, alias="CallingAET")
    study_description: str | list[str] | None = None


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
    username: str | None = None
    password: str | None = Field(default=None, repr=False)
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


class Accept(Section):
    """Which instances are taken at all; what is not is rejected, and says so. None: all."""

    modalities: list[str] | None = Field(default=None, min_length=1)
    sop_classes: list[str] | None = Field(default=None, alias="SOPClasses", min_length=1)  # UIDs


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
        raise _translate(error) from None
    orthanc = OrthancConfig.read(document)
    for problem in _dangling(settings, orthanc):
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
        for variant, how in project.variants.items():
            name = f"{base}{VARIANT_MARK}{variant}"
            if len(name) > _LONGEST_NAME:
                problem = f"'{name}' is longer than {_LONGEST_NAME} characters"
                yield Misconfigured(place_of(name), problem, "Give the variant a shorter name.")
            for index, wanted in enumerate(how.destinations):
                here = f"{place_of(name)}.Destinations[{index}]"
                if wanted not in settings.destinations:
                    yield _unknown(here.removeprefix(f"{SECTION}."), "destination", wanted, settings.destinations)
                if wanted in taken:
                    problem = f"'{wanted}' is a destination of {taken[wanted]} already"
                    yield Misconfigured(here, problem, "What is de-identified in two ways goes to two destinations.")
                taken[wanted] = place_of(name)


def _dangling(settings: Settings, orthanc: OrthancConfig) -> Iterator[Misconfigured]:
    """Names that point nowhere."""
    for name, project in settings.projects.items():
        for index, wanted in enumerate(project.destinations):
            if wanted not in settings.destinations:
                place = f"Projects.{name}.Destinations[{index}]"
                yield _unknown(place, "destination", wanted, settings.destinations)
            if wanted in project.destinations[:index]:
                place = f"{SECTION}.Projects.{name}.Destinations[{index}]"
                yield Misconfigured(place, f"'{wanted}' is named twice", "Name each destination once.")
    for index, folder in enumerate(settings.watched_folders):
        if folder.project not in settings.projects:
            yield _unknown(f"WatchedFolders[{index}].Project", "project", folder.project, settings.projects)
        if any(_overlap(folder.path, other.path) for other in settings.watched_folders[:index]):
            place = f"{SECTION}.WatchedFolders[{index}].Path"
            yield Misconfigured(place, "this folder is watched already, or lies in or around one", "Keep them apart.")
    yield from _misplaced_variants(settings)
    yield from _misplaced_destinations(settings, orthanc)


def _misplaced_destinations(settings: Settings, orthanc: OrthancConfig) -> Iterator[Misconfigured]:
    for name, destination in settings.destinations.items():
        if isinstance(destination, OrthancPeerSettings) and destination.peer not in orthanc.peers:
            yield _unknown(f"Destinations.{name}.Peer", 'peer of "OrthancPeers"', destination.peer, orthanc.peers)
        if isinstance(destination, DicomModalitySettings):
            yield from _no_modality(name, destination, orthanc)
        if isinstance(destination, FolderSettings):
            yield from _in_the_way(name, destination, settings)


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


def _in_the_way(name: str, destination: FolderSettings, settings: Settings) -> Iterator[Misconfigured]:
    """What is delivered must not be taken up again, nor lie among SendIt's own files."""
    for what, path in (
        *((f"WatchedFolders[{index}]", watched.path) for index, watched in enumerate(settings.watched_folders)),
        ("DataDirectory", settings.data_directory),
    ):
        if _overlap(destination.path, path):
            place = f"{SECTION}.Destinations.{name}.Path"
            yield Misconfigured(
                place, f"this folder is that of {SECTION}.{what}, or lies in or around it", "Part them."
            )


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


def _unknown(place: str, kind: str, name: str, known: Mapping[str, Any]) -> Misconfigured:
    names = ", ".join(sorted(known)) or "none"
    return Misconfigured(f"{SECTION}.{place}", f"'{name}' is no {kind}", f"Known: {names}.")


def _translate(error: ValidationError) -> Misconfigured:
    """The first of pydantic's errors as ours. The input is left out: it may hold a password."""
    first = error.errors(include_url=False, include_input=False)[0]
    location, parent, here = _placed(first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"].startswith("union_tag"):
        tag = first["ctx"]["discriminator"].split("'")[-2]  # 'type' | 'Type': the field, and its alias
        location, message = (*location, tag), f"give one of {', '.join(_choices(here))}"
    elif location and location[-1] in ("str", "list[str]"):  # pydantic names the member of the union that it tried
        location, message = location[:-1], "give a string, or a list of strings"
    elif location and location[-1] == "[key]":  # a name that is a key of a dictionary
        location, message = location[:-1], "a name holds up to 64 letters, digits, dots, dashes and underscores"
    place = SECTION + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    if first["type"] == "extra_forbidden":
        return Misconfigured(place, "there is no such key", _suggest(str(location[-1]), parent))
    if first["type"] == "missing":
        return Misconfigured(place, "this key is missing", "Add it.")
    return Misconfigured(place, message[0].lower() + message[1:], "Correct it in orthanc.json.")


def _suggest(key: str, parent: type[Section] | None) -> str:
    """The keys that stand at this place, the nearest one first."""
    if parent is None:
        return "Remove it."
    keys = [field.alias or name for name, field in parent.model_fields.items()]
    near = difflib.get_close_matches(key, keys, n=1)
    return f"Did you mean {near[0]}?" if near else f"Known here: {', '.join(keys)}."


def _placed(location: tuple[int | str, ...]) -> tuple[tuple[int | str, ...], type[Section] | None, Any]:
    """A place as it stands in orthanc.json; the section that its last key stands in, if it is one of ours; its type.

    Where several types of a section are possible, pydantic puts the one that it took into the place; it goes out.
    """
    here: Any = Settings
    parent: type[Section] | None = None
    place: list[int | str] = []
    for part in location:
        options = list(_sections(here))
        chosen = [option for option in options if part in _tags(option)]
        if len(options) > 1 and chosen:
            here = chosen[0]
            continue
        place.append(part)
        parent = options[0] if len(options) == 1 else None
        here = _below(here, parent, part)
    return tuple(place), parent, here


def _choices(annotation: Any) -> list[str]:
    return [str(tag) for section in _sections(annotation) for tag in _tags(section)]


def _sections(annotation: Any) -> Iterator[type[Section]]:
    """The sections that a value of this type can be, through Annotated and unions."""
    if get_origin(annotation) is Annotated:
        yield from _sections(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for member in get_args(annotation):
            yield from _sections(member)
    elif isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation


def _tags(section: type[Section]) -> list[object]:
    """The values of "Type" or "Source" that name this section."""
    fields = (section.model_fields.get(name) for name in ("type", "source"))
    return [value for field in fields if field is not None for value in get_args(field.annotation)]


def _below(here: Any, parent: type[Section] | None, part: int | str) -> Any:
    """The type of what stands under `part`: a field of a section, an item of a list, a value of a dictionary."""
    if parent is not None:
        fields = {field.alias or name: field.annotation for name, field in parent.model_fields.items()}
        return fields.get(str(part))
    while get_origin(here) is Annotated:
        here = get_args(here)[0]
    return get_args(here)[-1] if get_args(here) else None
