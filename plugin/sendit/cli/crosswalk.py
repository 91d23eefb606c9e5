"""`sendit lookup`, `sendit crosswalk …` and `sendit unlink`: from coded to original, for users who may read the keys.

On this machine only, and without the worker: journal and keys are opened directly. Every lookup is recorded first.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from sendit.api.csv_text import cell
from sendit.cli.common import (
    ConfigOption,
    JsonOption,
    errors,
    open_journal,
    print_json,
    print_table,
    printable,
    project_names,
    required_reason,
    say,
)
from sendit.client import describe_user, name_of_user
from sendit.errors import Misconfigured, counted

if TYPE_CHECKING:
    from sendit.config.schema import Settings
    from sendit.journal import Journal
    from sendit.pseudonyms.crosswalk import Crosswalk, CrosswalkRow

_HELP = "The protected table from original to coded."

crosswalk = typer.Typer(help=_HELP, no_args_is_help=True)

ProjectOption = Annotated[
    str, typer.Option("--project", "-p", autocompletion=project_names, help="Project of the crosswalk.")
]
ReasonOption = Annotated[
    str,
    typer.Option("--reason", help="Reason for this lookup; logged with your user name. Do not include identifiers."),
]
_COLUMNS = ("kind", "original", "issuer", "code", "patient")


def _crosswalk_of(settings: Settings, journal: Journal, project: str) -> Crosswalk:
    from sendit.pipeline.projects import open_crosswalk

    if unlinked := journal.unlinking.of(project):
        problem = f"it was permanently unlinked on {unlinked.at:%Y-%m-%d}"
        raise Misconfigured(f"project {project}", problem, "Its identifiers cannot be recovered.")
    if journal.crosswalk.fingerprint(project) is None:
        existing = ", ".join(journal.crosswalk.projects()) or "none"
        raise Misconfigured("--project", f"'{project}' has no crosswalk", f"Projects with a crosswalk: {existing}.")
    return open_crosswalk(settings, journal, project)


def _user() -> str:
    """Return who acts: the system user, and the one who logged in first (sudo, su) as the kernel knows it."""
    name = name_of_user(os.getuid())
    described = describe_user(os.getuid())
    if described != name:
        return f"cli:{described}"[:128]
    claimed = os.environ.get("SUDO_USER", "")  # only a claim of the environment, but better than nothing
    return f"cli:{name} (sudo: {claimed})"[:128] if claimed and claimed != name else f"cli:{name}"[:128]


def _record(journal: Journal, action: str, project: str, reason: str, subject: str = "", **details: Any) -> None:
    """Write to the audit log what is about to be shown or done; `subject` is a code, a keyed digest or an import."""
    from sendit.journal.audit import Act

    why = required_reason(reason)
    journal.audit.record(Act(_user(), action, project=project, subject=subject, reason=why, details=details))


def lookup(
    project: ProjectOption,
    reason: ReasonOption,
    patient: Annotated[str | None, typer.Option("--patient", metavar="CODE", help="A coded identifier.")] = None,
    original: Annotated[
        str | None,
        typer.Option(
            "--original",
            metavar="ID",
            help="PatientID, StudyInstanceUID or accession number; - prompts for it, so that no process list shows it.",
        ),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Look up the original of a code, or the code of an original. Exit code 1: not found."""
    if (patient is None) == (original is None):
        raise typer.BadParameter("give either --patient or --original")
    if original == "-":
        original = typer.prompt("Original", hide_input=True)
    with open_journal(config) as (settings, journal):
        table = _crosswalk_of(settings, journal, project)
        if patient is not None:
            entries = table.by_code(patient)
            # An unknown code may be an original that was typed by mistake: it is not recorded.
            subject = patient if entries else ""
        else:
            identifier = (original or "").strip()
            entries, subject = table.by_original(identifier), table.mark(identifier)
        by = "code" if patient is not None else "original"
        _record(journal, "look-up", project, reason, subject, by=by, found=len(entries))
    if as_json:
        print_json({"entries": [{name: getattr(entry, name) for name in _COLUMNS} for entry in entries]})
    else:
        _show(entries)
    if not entries:
        raise typer.Exit(1)


def _show(entries: list[CrosswalkRow]) -> None:
    if not entries:
        say("not found")
        return
    rows = []
    for entry in entries:
        values = (entry.kind, entry.original or "(empty)", entry.issuer, entry.code, entry.patient)
        rows.append([escape(printable(value)) for value in values])
    print_table(_COLUMNS, rows)


@crosswalk.callback(help=_HELP)
def _group() -> None:
    """Declare the group of commands."""


@crosswalk.command()
def export(
    file: Annotated[Path, typer.Argument(help="A file that does not exist yet; only you will be able to read it.")],
    project: ProjectOption,
    reason: ReasonOption,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Write the whole crosswalk of a project as CSV, unencrypted."""
    with open_journal(config) as (settings, journal):
        entries = _crosswalk_of(settings, journal, project).all()
        _record(journal, "export-crosswalk", project, reason, found=len(entries))
    try:
        handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise Misconfigured(str(file), f"cannot be created ({error.strerror})", "Choose another file.") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(_COLUMNS)
            for entry in entries:
                writer.writerow(map(cell, (entry.kind, entry.original, entry.issuer, entry.code, entry.patient)))
    except OSError as error:
        file.unlink()
        raise Misconfigured(str(file), f"cannot be written ({error.strerror})", "Nothing was exported.") from None
    if as_json:
        print_json({"file": str(file), "rows": len(entries)})
    else:
        say(f"{counted(len(entries), 'row')}")


@crosswalk.command()
def files(
    number: Annotated[int, typer.Argument(min=1, help="The import, as numbered by sendit import and the log.")],
    project: ProjectOption,
    reason: ReasonOption,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show the names of an import's folder and files, unencrypted. The journal stores them sealed."""
    from sendit.pipeline.file_names import FileNames

    with open_journal(config) as (settings, journal):
        sealed = journal.imports.names(number)
        if sealed is None or sealed.project != project:
            raise Misconfigured("import", f"project {project} has no import {number}", "See Orthanc's log.")
        names = FileNames(settings)
        outcomes = [(names.open(project, name), outcome) for name, outcome in sealed.files]
        _record(journal, "show-file-names", project, reason, f"import {number}", found=len(outcomes))
        folder, directory = (names.open(project, name) for name in (sealed.folder, sealed.directory))
    if as_json:
        files_ = [{"name": name, "outcome": outcome} for name, outcome in outcomes]
        print_json({"folder": folder, "directory": directory, "files": files_})
    elif folder is None:
        say("The names of this import cannot be read: its project kept no crosswalk, or was unlinked.")
    else:
        say(f"{printable(folder)}: {printable(directory or '')}")
        for name, outcome in outcomes:
            say(f"{outcome}\t{printable(name or '(cannot be read)')}")
    if folder is None:
        raise typer.Exit(1)


@crosswalk.command()
def looks(project: ProjectOption, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """List the lookups: user, time and reason."""
    with open_journal(config) as (_, journal):
        lookups = journal.audit.lookups(project)
    columns = ("at", "who", "action", "found", "reason")
    rows = []
    for one in lookups:
        reason = "(removed: the project was unlinked)" if one.redacted else one.reason
        rows.append([str(one.at)[:19], one.actor, one.action, str(one.details.get("found", "")), reason])
    if as_json:
        print_json({"lookups": [dict(zip(columns, row, strict=True)) for row in rows]})
    elif rows:
        print_table(("at (UTC)", *columns[1:]), [[escape(printable(cell)) for cell in row] for row in rows])
    else:
        say("no lookups yet")


def unlink(
    project: Annotated[str, typer.Option("--project", "-p", help="Project to unlink.")],
    reason: Annotated[str, typer.Option(help="Recorded with your user name; do not include identifiers.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Permanently unlink a project: destroy its crosswalk and keys. It accepts no more studies.

    This cannot be undone: the originals of its codes can no longer be looked up.
    """
    from sendit.pipeline.backups.high_water import JournalGuard
    from sendit.pipeline.unlink import unlink as destroy_keys

    with open_journal(config) as (settings, journal):
        if project not in settings.projects and project not in journal.crosswalk.projects():
            remedy = f"Configured projects: {', '.join(settings.projects)}."
            raise Misconfigured("--project", f"there is no project '{project}'", remedy)
        why = required_reason(reason)
        errors.print(f"This destroys the keys of {project}. It cannot be undone; it will accept no more studies.")
        if typer.prompt("Type the project's name to continue", err=True) != project:
            raise Misconfigured("unlink", "that is not the project's name", "Nothing was done.")
        _record(journal, "unlink", project, why)
        destroy_keys(journal, settings, project)
        JournalGuard(journal, settings.data_directory).sync()  # so that a restored journal stays unlinked, too
        steps = list(_remaining_steps(settings, project))
    if as_json:
        print_json({"project": project, "unlinked": True, "remaining_steps": steps})
        return
    say(f"Project {project} is permanently unlinked. Remaining steps for you:")
    for number, task in enumerate(steps, 1):
        say(f"{number}. {task}")


def _remaining_steps(settings: Settings, project: str) -> Iterator[str]:
    """Yield the steps that SendIt cannot, or may not, do."""
    from sendit.config.project import CsvList, IdentityService

    yield "Restart Orthanc, so that no process has the keys in memory, and remove the project from its configuration."
    if settings.database != "sqlite":
        yield "Repeat this on every other machine that uses this database: each has key files of its own."
        yield "PostgreSQL: destroy its backups and archived write-ahead logs."
    yield "Destroy backups of keys and database, exports of the crosswalk, and handwritten notes."
    identities = settings.projects[project].identities if project in settings.projects else None
    if isinstance(identities, CsvList):
        yield f"Destroy the list {identities.path}."
    if isinstance(identities, IdentityService):
        yield "Have the identity service destroy its records of this project."
    yield "The originals in Orthanc, and elsewhere, can still be compared with what was sent, image by image."
