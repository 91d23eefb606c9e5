"""The "SendIt" section of orthanc.json. An unknown key is an error, and every error names its place and its remedy.

`load` takes the whole configuration as Orthanc resolves it (`${VAR}` replaced), because destinations name Orthanc's own
peers. `sendit.config.file.read_configuration` makes that document from files where no Orthanc is there to ask.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from itertools import chain, combinations
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError

from sendit.config.alarms import Alarms
from sendit.config.destination import unknown_name
from sendit.config.destinations import AnyDestination
from sendit.config.errors import translate
from sendit.config.file import DATA_DIRECTORY
from sendit.config.guesses import nearest
from sendit.config.orthanc import OrthancConfig
from sendit.config.project import DEFAULT_OPTIONS as DEFAULT_OPTIONS
from sendit.config.project import Keyed, Project, Variant
from sendit.config.pulls import PullSource
from sendit.config.roles import Roles
from sendit.config.types import (
    AbsolutePath,
    LogSettings,
    Name,
    RetrySettings,
    Section,
    TracingSettings,
)
from sendit.deidentify.options import Option as Option
from sendit.errors import Misconfigured
from sendit.model import VARIANT_MARK

SECTION = "SendIt"
#: Longest name of a project, or of a project and its variant, that the journal holds.
_LONGEST_NAME = 64

#: A place in orthanc.json → the folder that it names.
Places = Mapping[str, Path]


def _database(url: str) -> str:
    if url != "sqlite" and not url.startswith("postgresql://"):
        raise ValueError("give sqlite or postgresql://user:password@host/database")
    # Read wrongly, a part of the password would be taken for the host, and shown in errors.
    if url.partition("://")[2].partition("/")[0].count("@") > 1:
        raise ValueError("write an @ in the password as %40")
    return url


class WatchedFolder(Section):
    """A folder whose studies are imported into Orthanc."""

    path: AbsolutePath
    """Folder to watch; not around or inside a folder of SendIt or of Orthanc."""
    project: Name
    """Project to which its studies belong."""
    polling: bool = False
    """For network mounts, which send no change events: look every PollSeconds instead."""
    poll_seconds: float = Field(default=5.0, gt=0, le=3600)
    """Interval with Polling, in seconds."""
    quiet_seconds: float = Field(default=10.0, gt=0, le=86_400)
    """A folder that is filled in place is complete once nothing in it has changed for this long, in seconds."""
    after_import: Literal["Move", "Delete"] = "Move"
    """Move to `.done/`, or delete, what was imported completely."""


class Retention(Section):
    """How long data are kept that are not needed for ever."""

    staging_days: float = Field(default=30, ge=0, le=36_500)
    """Days for which staged files and previews of failed and quarantined batches are kept."""
    journal_days: float | None = Field(default=None, ge=1, le=36_500)
    """Days for which histories and receipts are kept. Default: for ever."""


class Limits(Section):
    """When imports and pulls wait, so that studies which arrive by DICOM have room. They go on by themselves."""

    free_disk_gigabytes: float = Field(default=1.0, ge=0)
    """They wait while the disk of staged files has less free space, in gigabytes."""
    free_memory_megabytes: float = Field(default=128, ge=0)
    """They wait while less memory is available, in megabytes."""
    batches_under_way: int = Field(default=10_000, ge=1)
    """They wait while so many batches are to be de-identified or delivered."""


class Settings(Section):
    """The section "SendIt" of orthanc.json."""

    data_directory: AbsolutePath = Path(DATA_DIRECTORY)
    """Folder of the journal, the keys, staged files and previews. Other users must have no access (mode 0700)."""
    database: Annotated[str, AfterValidator(_database)] = Field(default="sqlite", repr=False)
    """`sqlite`, or `postgresql://user:password@host/database`."""
    shared_directory: AbsolutePath | None = None
    """Folder of staged files, previews and cohort lists that several workers on one PostgreSQL share: if one of them
    ends, another one delivers what it has staged, and goes on with its pulls. Default: they are in DataDirectory."""
    crosswalk_keys: AbsolutePath | None = None
    """Folder of the crosswalks' keys, for example on another disk. Default: `<DataDirectory>/keys/crosswalk`."""
    python: AbsolutePath | None = None
    """Python interpreter of the worker; only the plugin reads this key. Default: `bin/python` beside the plugin, else
    that of the checkout's `.venv`, else `/opt/sendit/bin/python`."""
    workers: int = Field(default=0, ge=0, le=256)
    """Number of de-identification processes; 0: one per core."""
    batches_at_once: int = Field(default=2, ge=1, le=64)
    """Number of batches that are de-identified at the same time."""
    work_ahead: bool = True
    """De-identify instances while their study still arrives, if no batch needs the processes, and receiving leaves a
    core idle. Nothing of it is delivered before the study is stable; what is not needed is deleted. Never with
    pseudonyms of a service."""
    reconcile_seconds: float = Field(default=60.0, gt=0, le=3600)
    """Interval at which the journal is compared with Orthanc, in seconds."""
    retry: RetrySettings = RetrySettings()
    """Retries of the steps before delivery."""
    limits: Limits = Limits()
    """When imports and pulls wait."""
    retention: Retention = Retention()
    """How long data are kept that are not needed for ever."""
    roles: Roles | None = None
    """Who may do what. Default: every user of Orthanc may do everything."""
    log: LogSettings = LogSettings()
    """Level, file and format of the log."""
    tracing: TracingSettings | None = None
    """A collector of OpenTelemetry; needs `opentelemetry-sdk` and `opentelemetry-exporter-otlp-proto-http`. Default:
    none."""
    alarms: Alarms | None = None
    """To whom a problem that needs a person is reported. Default: nobody."""
    watched_folders: list[WatchedFolder] = []
    """Folders whose studies are imported into Orthanc."""
    pull_sources: dict[Name, PullSource] = {}
    """How cohorts are pulled from servers, by their names in DicomModalities or DicomWeb.Servers. One that is not named
    here is asked with the defaults."""
    destinations: dict[Name, AnyDestination] = {}
    """Destinations by name; Type selects the kind."""
    projects: dict[Name, Project] = {}
    """Projects by name. The first project whose Match applies gets the study."""

    @property
    def staging_directory(self) -> Path:
        """The folder of staged files and previews."""
        return self.shared_directory or self.data_directory


def load(document: Mapping[str, Any]) -> tuple[Settings, OrthancConfig]:
    """Read the whole configuration of Orthanc.

    Raises:
        Misconfigured: naming the first wrong place, for example `SendIt.Projects.IRB1.Optoins`.
    """
    if SECTION not in document:
        remedy = 'Add "SendIt": {…}; README.md shows a small one.'
        if (meant := nearest(SECTION, document)) is not None:
            remedy = f'Did you mean it by "{meant}"? Write "{SECTION}".'
        raise Misconfigured(SECTION, "orthanc.json has no such section", remedy)
    try:
        settings = Settings.model_validate(document[SECTION])
    except ValidationError as error:
        raise translate(error, SECTION, Settings) from None
    orthanc = OrthancConfig.read(document)
    for problem in chain(_dangling(settings, orthanc), _overlapping(settings, document)):
        raise problem
    return _expanded(settings), orthanc


def _expanded(settings: Settings) -> Settings:
    """Return the settings with each project's variants behind it, as projects named "<project>@<variant>"."""
    projects: dict[str, Project] = {}
    for name, project in settings.projects.items():
        projects[name] = project
        for variant, how in project.variants.items():
            projects[f"{name}{VARIANT_MARK}{variant}"] = _as_project(project, how)
    return settings.model_copy(update={"projects": projects})


def _as_project(project: Project, variant: Variant) -> Project:
    """Return a variant as a project. It has no Match of its own: it follows its project."""
    values = {name: getattr(variant, name) for name in Variant.model_fields if name != "own_pseudonyms"}
    if variant.own_pseudonyms:
        values["identities"] = Keyed()
    return project.model_copy(update={**values, "match": None, "variants": {}})


def place_of(project: str) -> str:
    """Return the place of a project or a variant in orthanc.json."""
    base, _, variant = project.partition(VARIANT_MARK)
    return f"{SECTION}.Projects.{base}" + (f".Variants.{variant}" if variant else "")


def code_fault(settings: Settings, project: str, code: str) -> str:
    """Return why a destination of the project cannot hold this pseudonym; "" if all can. Does not repeat the code."""
    for name in settings.projects[project].destinations:
        if fault := settings.destinations[name].code_fault(code):
            return f"the destination '{name}' cannot hold the code: {fault}"
    return ""


def _misplaced_variants(settings: Settings) -> Iterator[Misconfigured]:
    """Find destinations that a project and its variants share, and names that are too long."""
    for base, project in settings.projects.items():
        taken = dict.fromkeys(project.destinations, place_of(base))
        shared = list(project.destinations)  # what goes there has the UIDs of the project
        for variant, how in project.variants.items():
            name = f"{base}{VARIANT_MARK}{variant}"
            if len(name) > _LONGEST_NAME:
                problem = f"'{name}' is longer than {_LONGEST_NAME} characters"
                yield Misconfigured(place_of(name), problem, "Give the variant a shorter name.")
            for index, destination in enumerate(how.destinations):
                here = f"{place_of(name)}.Destinations[{index}]"
                if destination in taken:
                    problem = f"'{destination}' is a destination of {taken[destination]} already"
                    yield Misconfigured(here, problem, "What is de-identified in two ways goes to two destinations.")
                taken[destination] = place_of(name)
            if not how.own_pseudonyms:
                yield from _met(settings, shared, name, how)
                shared += how.destinations


def _met(settings: Settings, shared: list[str], variant: str, how: Variant) -> Iterator[Misconfigured]:
    """Find destinations of a variant that are one of `shared` under another name."""
    for index, destination in enumerate(how.destinations):
        for name in shared:
            one, other = settings.destinations[destination], settings.destinations[name]
            if name != destination and (one.type, one.place()) == (other.type, other.place()):
                problem = f"'{destination}' is the same place as '{name}', and the UIDs are the same, too"
                remedy = "Name another place, or give the variant OwnPseudonyms."
                yield Misconfigured(f"{place_of(variant)}.Destinations[{index}]", problem, remedy)


def _alike(settings: Settings) -> Iterator[Misconfigured]:
    """Find names that differ only by their case: on some disks their keys and files would be one."""
    for kind, names in (("Projects", settings.projects), ("Destinations", settings.destinations)):
        by_folded_name: dict[str, str] = {}
        for name in names:
            other = by_folded_name.setdefault(name.casefold(), name)
            if other != name:
                problem = f"this name differs from '{other}' only by its case"
                yield Misconfigured(f"{SECTION}.{kind}.{name}", problem, "Give it another one.")


def _named(settings: Settings) -> Iterator[tuple[str, list[str]]]:
    """Yield each list of destinations, with the name of its project or variant."""
    for base, project in settings.projects.items():
        yield base, project.destinations
        for variant, how in project.variants.items():
            yield f"{base}{VARIANT_MARK}{variant}", how.destinations


def _dangling(settings: Settings, orthanc: OrthancConfig) -> Iterator[Misconfigured]:
    """Find names that point nowhere, and a folder that nobody can share."""
    if settings.shared_directory is not None and settings.database == "sqlite":
        remedy = "Set SendIt.Database to a database of PostgreSQL, or leave SharedDirectory out."
        yield Misconfigured(f"{SECTION}.SharedDirectory", "SQLite serves one worker alone", remedy)
    yield from _alike(settings)
    for name, destinations in _named(settings):
        for index, destination in enumerate(destinations):
            if destination not in settings.destinations:
                place = f"{place_of(name)}.Destinations[{index}]"
                yield unknown_name(place, "destination", destination, settings.destinations)
    for name, project in settings.projects.items():
        for index, destination in enumerate(project.destinations):
            if destination in project.destinations[:index]:
                place = f"{SECTION}.Projects.{name}.Destinations[{index}]"
                yield Misconfigured(place, f"'{destination}' is named twice", "Name each destination once.")
    for index, folder in enumerate(settings.watched_folders):
        if folder.project not in settings.projects:
            yield unknown_name(
                f"{SECTION}.WatchedFolders[{index}].Project", "project", folder.project, settings.projects
            )
    yield from _misplaced_variants(settings)
    yield from _misplaced_destinations(settings, orthanc)


def _misplaced_destinations(settings: Settings, orthanc: OrthancConfig) -> Iterator[Misconfigured]:
    """Yield what each destination finds wrong, and ports that two of them listen at."""
    for name, destination in settings.destinations.items():
        yield from destination.problems(f"{SECTION}.Destinations.{name}", orthanc)
    taken = {orthanc.dicom.port: "DicomPort"}
    if orthanc.http_server_enabled:
        taken[orthanc.http_port] = "HttpPort"
    for name, destination in settings.destinations.items():
        for key, port in destination.ports().items():
            place = f"{SECTION}.Destinations.{name}.{key}"
            if taken.setdefault(port, place) != place:
                yield Misconfigured(place, f"{port} is {taken[port]} already", "Choose an unused port.")


def _overlapping(settings: Settings, document: Mapping[str, Any]) -> Iterator[Misconfigured]:
    own = {f"{SECTION}.DataDirectory": settings.data_directory, **orthancs_own(document)}
    if settings.shared_directory is not None:
        own[f"{SECTION}.SharedDirectory"] = settings.shared_directory
    if settings.crosswalk_keys is not None:
        own[f"{SECTION}.CrosswalkKeys"] = settings.crosswalk_keys
    watched = {f"{SECTION}.WatchedFolders[{i}].Path": one.path for i, one in enumerate(settings.watched_folders)}
    folders = {f"{SECTION}.Destinations.{name}.Path": one.folder() for name, one in settings.destinations.items()}
    yield from in_the_way(own, watched, {place: path for place, path in folders.items() if path is not None})


def in_the_way(own: Places, watched: Places, delivered: Places) -> Iterator[Misconfigured]:
    """Yield one error for each pair of folders that are the same or nested. Symbolic links are not followed.

    Args:
        own: what SendIt and Orthanc keep for themselves.
        watched: whose content is imported.
        delivered: where destinations write.
    """
    for (other, there), (place, here) in combinations(watched.items(), 2):
        if _overlap(here, there):
            problem = f"this folder is the same as {other}, or one contains the other"
            yield Misconfigured(place, problem, "Keep them apart: two importers would take each other's files.")
    for place, here in watched.items():
        for other, there in own.items():
            if _overlap(here, there):
                problem = f"this folder is the same as {other}, or one contains the other"
                yield Misconfigured(place, problem, "Watch another one: what is imported is moved away.")
    for place, here in delivered.items():
        for other, there in {**watched, **own}.items():
            if _overlap(here, there):
                yield Misconfigured(
                    place, f"this folder is the same as {other}, or one contains the other", "Use separate folders."
                )


def orthancs_own(document: Mapping[str, object]) -> dict[str, Path]:
    """Return where Orthanc keeps its files, as far as whole paths are given."""
    given = {key: document.get(key) for key in ("StorageDirectory", "IndexDirectory")}
    return {key: Path(value) for key, value in given.items() if isinstance(value, str) and value.startswith("/")}


def _overlap(one: Path, other: Path) -> bool:
    one, other = Path(os.path.normpath(one)), Path(os.path.normpath(other))
    return one.is_relative_to(other) or other.is_relative_to(one)
