"""`sendit deidentify SRC DST`: files in, files out, no Orthanc needed."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sendit import configuration, data_directory, keyring, settings
from sendit.deidentify import compile_plan
from sendit.deidentify.plan import Handling
from sendit.deidentify_folder import FolderRun, Tally, count_inputs
from sendit.deidentify_pool import DeidentifyPool, ProjectSpec
from sendit.errors import Misconfigured, SendItError
from sendit.identities import open_source, unknown_stops
from sendit.identities.asking import Pseudonyms
from sendit.journal import Journal
from sendit.journal.database import JOURNAL_FILE, NotMade
from sendit.model import family
from sendit.projects import KEYS, recipes_of
from sendit.settings import Settings
from sendit.variants import key_owner, projects_proper

_BUILT_IN = "default"
_INTERRUPTED = 128 + signal.SIGINT


def deidentify(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="A folder, with all that is below it, or one file.")],
    target: Annotated[Path, typer.Argument(metavar="DST", help="The folder for the results; made if needed.")],
    project: Annotated[
        str | None, typer.Option("--project", "-p", help="As which project; may be left out if there is one only.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", help="orthanc.json, or its folder. Without it: the Basic profile, and CleanPixelData."
        ),
    ] = None,
    key_directory: Annotated[
        Path | None, typer.Option("--key-directory", help="Where the project's key is, or is made.")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, max=256, help="Processes; 0: one per core.")] = 0,
) -> None:
    """De-identify files. Exit code 1: at least one was not released; DST/receipts.jsonl says why.

    Each file becomes DST/<same relative path>. These paths, and the list of them in receipts.jsonl, are your own: if
    names of files or folders identify patients, so do they.
    """
    errors = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    # multiprocessing would run this script again in every process of the pool, with all that the command line imports.
    vars(sys.modules["__main__"]).pop("__file__", None)
    try:
        spec, pseudonyms, loaded_workers = _project(project, config, key_directory, errors)
        tally = _run(FolderRun(source, target, spec, pseudonyms), workers or loaded_workers, errors)
    except KeyboardInterrupt:
        errors.print("sendit: interrupted; what was released so far is in DST and in its receipts.jsonl")
        raise typer.Exit(_INTERRUPTED) from None
    except SendItError as error:
        errors.print(f"sendit: {error}", style="red")
        raise typer.Exit(2) from None
    print(tally.summary())
    for line in tally.why():
        errors.print(f"  {line}", highlight=False, markup=False)
    if tally.total != tally.released:
        raise typer.Exit(1)


class _Interruption:
    """Ctrl-C is heard between two files: raised wherever it comes, it could leave a lock of the pool held for good.

    The second one is raised at once, for whoever does not want to wait for a large file.
    """

    def __init__(self) -> None:
        self._heard = False

    def __enter__(self) -> _Interruption:
        self._before = signal.signal(signal.SIGINT, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _hear(self, *_: object) -> None:
        if self._heard:
            raise KeyboardInterrupt
        self._heard = True

    def check(self) -> None:
        """Raises KeyboardInterrupt if Ctrl-C was pressed."""
        if self._heard:
            raise KeyboardInterrupt


def _run(run: FolderRun, workers: int, errors: Console) -> Tally:
    columns = (TextColumn("de-identifying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    shown = errors.is_terminal
    total = count_inputs(run.source) if shown else None
    with DeidentifyPool(workers) as pool, Progress(*columns, console=errors, disable=not shown, transient=True) as bar:
        task = bar.add_task("", total=total)

        def advance() -> None:
            interruption.check()
            bar.advance(task)

        with _Interruption() as interruption:
            return run.run(pool, advance)


def _project(
    name: str | None, config: Path | None, key_directory: Path | None, errors: Console
) -> tuple[ProjectSpec, Pseudonyms | None, int]:
    """What to do, where pseudonyms come from, and how many processes the configuration wants."""
    if config is None:
        if name is not None:
            raise Misconfigured("--project", "projects stand in a configuration", "Name it with --config.")
        spec = ProjectSpec(settings.DEFAULT_OPTIONS, (), key_directory or _own_directory(), _BUILT_IN)
        return _with_key(spec, True, errors), None, 0
    loaded, _ = settings.load(configuration.read(config))
    name = name or _only(loaded)
    if name not in loaded.projects:
        raise Misconfigured("--project", f"there is no project '{name}'", f"Known: {', '.join(loaded.projects)}.")
    chosen = loaded.projects[name]
    recipes = recipes_of(chosen, name, config if config.is_dir() else config.parent)
    source = open_source(chosen.identities, f"{settings.place_of(family(name))}.Identities")
    pseudonyms = None if source is None else Pseudonyms(source, unknown_stops(chosen.identities))
    owner = key_owner(loaded.projects, name)
    keys, create = (key_directory, True) if key_directory is not None else _keys_of(loaded, owner)
    private = tuple(chosen.safe_private)
    spec = ProjectSpec(tuple(chosen.options), tuple(recipes), keys, owner, private, Handling.of(chosen))
    return _with_key(spec, create, errors), pseudonyms, loaded.workers


def _keys_of(loaded: Settings, name: str) -> tuple[Path, bool]:
    """The folder of the configuration's keys, and whether a key that is missing may be made."""
    if not loaded.data_directory.exists():
        problem = f"{loaded.data_directory} does not exist yet, and has to belong to Orthanc's user"
        raise Misconfigured(data_directory.PLACE, problem, "Start Orthanc once first, or give --key-directory.")
    data_directory.prepare(loaded.data_directory)
    return loaded.data_directory / KEYS, _never_worked(loaded, name)


def _never_worked(loaded: Settings, name: str) -> bool:
    """Whether a key may be made. Where SendIt has worked already, a missing key is a lost one.

    Raises:
        Misconfigured: the project's ties were cut.
        Retry: the database does not answer.
    """
    if loaded.database == "sqlite" and not (loaded.data_directory / JOURNAL_FILE).exists():
        return True
    try:
        journal = Journal.open(loaded.database, loaded.data_directory, upgrade=False)
    except NotMade:
        return loaded.database != "sqlite"
    try:
        if cut := journal.cutting.of(name):
            raise cut.refusal(f"SendIt.Projects.{name}", name)
    finally:
        journal.close()
    return False


def _with_key(spec: ProjectSpec, create: bool, errors: Console) -> ProjectSpec:
    compile_plan(spec.options, spec.recipes, spec.safe_private, spec.handling)
    path = spec.key_directory / f"{spec.project}.key"
    new = create and not path.exists()
    keyring.load_key(spec.key_directory, spec.project, create=create)
    if new:
        errors.print(f"sendit: made a new key, {path}; keep it safe: it ties the coded identifiers to the patients")
    return spec


def _only(loaded: Settings) -> str:
    proper = projects_proper(loaded)
    if len(proper) != 1:
        names = ", ".join(loaded.projects) or "none is configured"
        raise Misconfigured("--project", "which project is meant is not clear", f"Name one of: {names}.")
    return proper[0]


def _own_directory() -> Path:
    """The XDG base directory specification: $XDG_DATA_HOME, which has to be absolute, else ~/.local/share."""
    named = Path(os.environ.get("XDG_DATA_HOME", ""))
    return (named if named.is_absolute() else Path.home() / ".local" / "share") / "sendit"
