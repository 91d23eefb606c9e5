"""`sendit lookup`, `sendit crosswalk export`, `sendit cut-ties`: from coded to original, for who may read the keys.

On this machine only, and without the worker: journal and keys are opened directly. Every look is written down first.
"""

from __future__ import annotations

import csv
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from sendit import configuration, data_directory, settings
from sendit.crosswalk import Crosswalk, Tie
from sendit.cutting import cut_ties as cut
from sendit.errors import Misconfigured
from sendit.journal import Journal
from sendit.journal.database import JOURNAL_FILE
from sendit.projects import open_crosswalk
from sendit.settings import CsvList, IdentityService, Settings

crosswalk = typer.Typer(help="The protected table from original to coded.", no_args_is_help=True)
console = Console(highlight=False, markup=False, soft_wrap=True)

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="orthanc.json, or its folder. Default: $SENDIT_CONFIG, else /etc/orthanc."),
]
ProjectOption = Annotated[str, typer.Option("--project", "-p", help="Whose crosswalk.")]
ReasonOption = Annotated[
    str, typer.Option("--reason", help="Why you look; kept with your name. Name no patient in it.")
]
_NOBODY_LOGGED_IN = 2**32 - 1  # the kernel's word for it
_FIELDS = ("kind", "original", "issuer", "code", "patient")


@contextmanager
def _opened(config: Path | None) -> Iterator[tuple[Settings, Journal]]:
    loaded, _ = settings.load(configuration.read(config or configuration.find()))
    if not os.access(loaded.data_directory, os.R_OK | os.W_OK | os.X_OK):
        problem = f"you may not open {loaded.data_directory}, or it is not there"
        raise Misconfigured(data_directory.PLACE, problem, "Run this as Orthanc's user or as root.")
    if loaded.database == "sqlite" and not (loaded.data_directory / JOURNAL_FILE).exists():
        raise Misconfigured(
            data_directory.PLACE, "there is no journal in it yet", "The first start of Orthanc makes it."
        )
    journal = Journal.open(loaded.database, loaded.data_directory, upgrade=False)
    try:
        yield loaded, journal
    finally:
        journal.close()


def _of(loaded: Settings, journal: Journal, project: str) -> Crosswalk:
    if cut_ := journal.cutting.of(project):
        raise Misconfigured(f"project {project}", f"its ties were cut on {cut_.at:%Y-%m-%d}", "Nobody can go back.")
    if journal.crosswalk.fingerprint(project) is None:
        known = ", ".join(journal.crosswalk.projects()) or "none"
        raise Misconfigured("--project", f"'{project}' has no crosswalk", f"Known: {known}.")
    return open_crosswalk(loaded, journal, project)


def _who() -> str:
    """The user of the system, and the one who logged in as somebody else first (sudo, su), as the kernel knows it."""
    name = _user(os.getuid())
    try:
        login = int(Path("/proc/self/loginuid").read_text())
    except (OSError, ValueError):
        login = _NOBODY_LOGGED_IN
    if login not in (_NOBODY_LOGGED_IN, os.getuid()):
        return f"{name} (logged in: {_user(login)})"[:128]
    called = os.environ.get("SUDO_USER", "")  # the word of whoever made the environment; better than nothing
    return f"{name} (sudo: {called})"[:128] if called and called != name else name


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _reason(text: str) -> str:
    if not text.strip():
        raise typer.BadParameter("say why", param_hint="--reason")
    return text.strip()


def lookup(
    project: ProjectOption,
    reason: ReasonOption,
    patient: Annotated[str | None, typer.Option("--patient", metavar="CODE", help="A coded identifier.")] = None,
    original: Annotated[
        str | None,
        typer.Option(
            "--original",
            metavar="ID",
            help="PatientID, StudyInstanceUID or accession number; - asks for it, so that no process list shows it.",
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Whose code is this, or what is this one's code? Exit code 1: not known."""
    if (patient is None) == (original is None):
        raise typer.BadParameter("give either --patient or --original")
    if original == "-":
        original = typer.prompt("Original", hide_input=True)
    with _opened(config) as (loaded, journal):
        table = _of(loaded, journal, project)
        if patient is not None:
            found = table.by_code(patient)
            # What is no code may be an original, typed by mistake: it is not written down.
            action, subject = "patient", patient if found else ""
        else:
            wanted = (original or "").strip()
            found, action, subject = table.by_original(wanted), "original", table.mark(wanted)
        journal.crosswalk.record_look(project, _who(), action, subject, _reason(reason), len(found))
    _show(found)
    if not found:
        raise typer.Exit(1)


def _show(found: list[Tie]) -> None:
    if not found:
        console.print("not known")
        return
    shown = Table(*_FIELDS, box=None, pad_edge=False)
    for tie in found:
        shown.add_row(*map(_printable, (tie.kind, tie.original or "(empty)", tie.issuer, tie.code, tie.patient)))
    console.print(shown)


def _printable(text: str) -> str:
    """What comes out of a file may hold orders to the terminal, or what cannot be encoded."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def _cell(text: str) -> str:
    """A spreadsheet program takes these for the beginning of a formula; with an apostrophe before them it does not."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


@crosswalk.callback()
def _group() -> None:
    """The protected table from original to coded."""


@crosswalk.command()
def export(
    file: Annotated[Path, typer.Argument(help="A file that does not exist yet; only you will be able to read it.")],
    project: ProjectOption,
    reason: ReasonOption,
    config: ConfigOption = None,
) -> None:
    """Write the whole crosswalk of a project, in clear, as CSV."""
    with _opened(config) as (loaded, journal):
        found = _of(loaded, journal, project).all()
        journal.crosswalk.record_look(project, _who(), "export", "", _reason(reason), len(found))
    try:
        handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise Misconfigured(str(file), f"cannot be made ({error.strerror})", "Name another one.") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(_FIELDS)
            for tie in found:
                writer.writerow(map(_cell, (tie.kind, tie.original, tie.issuer, tie.code, tie.patient)))
    except OSError as error:
        file.unlink()
        raise Misconfigured(str(file), f"cannot be written ({error.strerror})", "Nothing was exported.") from None
    console.print(f"{len(found)} rows")


@crosswalk.command()
def looks(project: ProjectOption, config: ConfigOption = None) -> None:
    """Who looked, when, and why."""
    with _opened(config) as (_, journal):
        found = journal.crosswalk.looks(project)
    shown = Table("at", "who", "action", "found", "reason", box=None, pad_edge=False)
    for look in found:
        values = (_printable(str(look[name])) for name in ("who", "action", "found", "reason"))
        shown.add_row(str(look["at"])[:19], *values)
    console.print(shown if found else "nobody has looked yet")


def cut_ties(project: ProjectOption, reason: ReasonOption, config: ConfigOption = None) -> None:
    """Destroy a project's crosswalk and its keys: nobody can go back, and the project takes no more studies."""
    with _opened(config) as (loaded, journal):
        if project not in loaded.projects and project not in journal.crosswalk.projects():
            raise Misconfigured(
                "--project", f"there is no project '{project}'", f"Known: {', '.join(loaded.projects)}."
            )
        console.print(
            f"This destroys the keys of {project}. It cannot be undone, and the project takes no further study."
        )
        why = _reason(reason)
        if typer.prompt("Type the project's name to go on") != project:
            raise Misconfigured("cut-ties", "that is not the project's name", "Nothing was done.")
        journal.crosswalk.record_look(project, _who(), "cut-ties", "", why, 0)
        cut(journal, loaded, project)
        console.print(f"The ties of {project} are cut. What is left for you to do:")
        for number, task in enumerate(_left(loaded, project), 1):
            console.print(f"{number}. {task}")


def _left(loaded: Settings, project: str) -> Iterator[str]:
    """What SendIt cannot do, or may not."""
    yield "Restart Orthanc, so that no process has the keys in memory, and remove the project from its configuration."
    if loaded.database != "sqlite":
        yield "Repeat this on every other machine that works with this database: each has the keys in files of its own."
        yield "PostgreSQL: destroy its backups and archived write-ahead logs."
    yield "Destroy the backups of keys and database, exports of the crosswalk, and what was written down by hand."
    identities = loaded.projects[project].identities if project in loaded.projects else None
    if isinstance(identities, CsvList):
        yield f"Destroy the list {identities.path}."
    if isinstance(identities, IdentityService):
        yield "Let the identity service destroy its records of this project."
    yield "The originals in Orthanc, and elsewhere, can still be compared with what was sent, image by image."
