"""The run of `sendit deidentify`: the project, its key and pseudonyms, the pool and the progress bar."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sendit import keyring
from sendit.cli.common import errors
from sendit.cli.files.folder import FolderRun, Tally, count_inputs
from sendit.config.file import check_permissions, read_configuration
from sendit.config.schema import DEFAULT_OPTIONS, Settings, load
from sendit.config.variants import key_owner, projects_proper
from sendit.deidentify.options import Option
from sendit.errors import Misconfigured
from sendit.journal import Journal
from sendit.journal.database import JOURNAL_FILE, NotMade
from sendit.pipeline.pool.processes import DeidentifyPool, ProjectSpec, compiled
from sendit.pipeline.projects import KEYS, handling_of, open_codes, recipes_of
from sendit.pseudonyms import unknown_stops
from sendit.pseudonyms.lookup import Pseudonyms
from sendit.storage import data_directory

_BUILT_IN = "default"


class _Interruption:
    """Ctrl-C, handled between two files: raised anywhere, it could leave a lock of the pool locked for ever.

    A second one is raised at once, for a user who does not want to wait for a large file.
    """

    def __init__(self) -> None:
        self._pressed = False

    def __enter__(self) -> _Interruption:
        self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _note(self, *_: object) -> None:
        if self._pressed:
            raise KeyboardInterrupt
        self._pressed = True

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was pressed."""
        if self._pressed:
            raise KeyboardInterrupt


def run(folder: FolderRun, workers: int) -> Tally:
    """De-identify a folder, with a progress bar on a terminal."""
    columns = (TextColumn("de-identifying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    shown = errors.is_terminal
    total = count_inputs(folder.source) if shown else None
    with DeidentifyPool(workers) as pool, Progress(*columns, console=errors, disable=not shown, transient=True) as bar:
        task = bar.add_task("", total=total)

        def advance() -> None:
            interruption.check()
            bar.advance(task)

        with _Interruption() as interruption:
            return folder.run(pool, advance)


def choose_project(
    name: str | None,
    config: Path | None,
    key_directory: Path | None,
    options: tuple[list[Option], tuple[str, ...]] | None = None,
) -> tuple[ProjectSpec, Pseudonyms | None, int]:
    """Return the project with its key, the source of its pseudonyms, and the configured number of processes.

    Args:
        name: of the project.
        config: the configuration; without one, the built-in project.
        key_directory: of the project's key.
        options: of the built-in project, with its lists of private attributes.

    Raises:
        Misconfigured: there is no such project, or its recipes, key or pseudonyms are unusable.
        Retry: the database does not answer.
    """
    if config is None:
        if name is not None:
            raise Misconfigured("--project", "projects are defined in a configuration", "Name it with --config.")
        chosen_options, lists = options or (DEFAULT_OPTIONS, ())
        spec = ProjectSpec(tuple(chosen_options), (), key_directory or _own_directory(), _BUILT_IN, lists)
        return _with_key(spec, create=True), None, 0
    if options:
        raise Misconfigured("--options", "the configuration has the options of its projects", "Leave one of them out.")
    loaded, _ = load(read_configuration(config))
    name = name or _only(loaded)
    if name not in loaded.projects:
        raise Misconfigured("--project", f"there is no project '{name}'", _configured(loaded))
    chosen = loaded.projects[name]
    owners = data_directory.owners(loaded.data_directory)
    check_permissions(config, owners)
    recipes = recipes_of(chosen, name, config if config.is_dir() else config.parent, owners)
    source = open_codes(loaded, name)
    pseudonyms = None if source is None else Pseudonyms(source, unknown_stops=unknown_stops(chosen.identities))
    owner = key_owner(loaded.projects, name)
    keys, create = (key_directory, True) if key_directory is not None else _keys_of(loaded, owner)
    private = tuple(chosen.safe_private)
    apart = chosen.issuers_part_patients
    spec = ProjectSpec(tuple(chosen.options), tuple(recipes), keys, owner, private, handling_of(chosen), apart)
    return _with_key(spec, create=create), pseudonyms, loaded.workers


def _keys_of(loaded: Settings, name: str) -> tuple[Path, bool]:
    """Return the folder of the configuration's keys, and whether a missing key may be created."""
    if not loaded.data_directory.exists():
        problem = f"{loaded.data_directory} does not exist yet, and must belong to Orthanc's user"
        raise Misconfigured(data_directory.PLACE, problem, "Start Orthanc once first, or give --key-directory.")
    data_directory.prepare(loaded.data_directory)
    return loaded.data_directory / KEYS, _never_worked(loaded, name)


def _never_worked(loaded: Settings, name: str) -> bool:
    """Return whether a key may be created. Where SendIt has already worked, a missing key is a lost one.

    Raises:
        Misconfigured: the project was unlinked.
        Retry: the database does not answer.
    """
    if loaded.database == "sqlite" and not (loaded.data_directory / JOURNAL_FILE).exists():
        return True
    try:
        journal = Journal.open(loaded.database, loaded.data_directory, upgrade=False)
    except NotMade:
        return loaded.database != "sqlite"
    try:
        if unlinked := journal.unlinking.of(name):
            raise unlinked.refusal(f"SendIt.Projects.{name}", name)
    finally:
        journal.close()
    return False


def _with_key(spec: ProjectSpec, *, create: bool) -> ProjectSpec:
    compiled(spec)  # a wrong recipe stops here
    path = spec.key_directory / f"{spec.project}.key"
    new = create and not path.exists()
    keyring.load_key(spec.key_directory, spec.project, create=create)
    if new:
        errors.print(f"sendit: created a new key, {path}; keep it safe: it links the coded identifiers to the patients")
    return spec


def _only(loaded: Settings) -> str:
    proper = projects_proper(loaded)
    if len(proper) != 1:
        raise Misconfigured("--project", "there is more than one project, or none", _configured(loaded))
    return proper[0]


def _configured(loaded: Settings) -> str:
    return f"Configured projects: {', '.join(loaded.projects) or 'none'}."


def _own_directory() -> Path:
    """Return $XDG_DATA_HOME/sendit if that is absolute, else ~/.local/share/sendit (XDG base directories)."""
    data_home = Path(os.environ.get("XDG_DATA_HOME", ""))
    return (data_home if data_home.is_absolute() else Path.home() / ".local" / "share") / "sendit"
