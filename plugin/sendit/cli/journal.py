"""`sendit backup`, `sendit restore`, `sendit journal accept`: on this machine, without the worker."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sendit.cli.common import (
    ConfigOption,
    JsonOption,
    YesOption,
    confirm,
    errors,
    load_settings,
    print_json,
    required_reason,
    say,
)
from sendit.errors import Misconfigured, Retry, counted

if TYPE_CHECKING:
    from sendit.config.schema import Settings

_HELP = "The journal: the record of what has left, and of what was recalled."

journal = typer.Typer(help=_HELP, no_args_is_help=True)


def _lock(settings: Settings) -> object:
    """Take the worker's lock, so that SendIt cannot run meanwhile. It is released with the returned object.

    Raises:
        Misconfigured: SendIt is running.
    """
    from sendit.storage import data_directory

    data_directory.prepare(settings.data_directory)
    try:
        return data_directory.lock(settings.data_directory, wait_seconds=5)
    except Retry:
        problem = "SendIt is running with this data directory"
        raise Misconfigured(data_directory.PLACE, problem, "Stop Orthanc first. Nothing was changed.") from None


def backup(
    folder: Annotated[
        Path, typer.Argument(help="A folder that does not exist yet. It will contain the keys: protect it.")
    ],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Write journal, engine, keys and withdrawals to a new folder, consistently, while SendIt runs."""
    from sendit.pipeline.backups.backup import backup as write_backup

    about = write_backup(load_settings(config), folder.absolute())
    if as_json:
        print_json({"folder": str(folder.absolute()), "made": about["made"], "files": len(about["files"])})
        return
    say(f"{counted(len(about['files']), 'file')} of {about['made']} in {folder}")
    say("It contains the projects' keys: keep it encrypted, and apart from what was sent.")


def restore(
    folder: Annotated[Path, typer.Argument(help="A folder that `sendit backup` wrote.")],
    config: ConfigOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Restore a backup, with Orthanc stopped. Before the next start, run `sendit journal accept`."""
    from sendit.pipeline.backups.backup import check
    from sendit.pipeline.backups.backup import restore as put_back

    settings = load_settings(config)
    about = check(folder.absolute())
    lock = _lock(settings)
    if not yes:
        confirm(f"Restore the backup of {about['made']} to {settings.data_directory}?")
    put_back(settings, folder.absolute())
    del lock
    if as_json:
        print_json(
            {"folder": str(folder.absolute()), "made": about["made"], "restored_to": str(settings.data_directory)}
        )
        return
    say(f"The backup of {about['made']} was restored. Next:")
    say("1. List the studies and patients that were recalled after that time: recall them again afterwards.")
    say("2. sendit journal accept --reason …")
    say("3. Start Orthanc. Batches delivered after that time are delivered once more, byte for byte the same.")


@journal.callback(help=_HELP)
def _group() -> None:
    """Declare the group of commands."""


@journal.command()
def accept(
    reason: Annotated[str, typer.Option("--reason", help="Recorded with your user name; do not include identifiers.")],
    config: ConfigOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Accept a journal that is behind its high-water mark, with Orthanc stopped; apply withdrawals to it again."""
    from sendit.client import cli_actor
    from sendit.pipeline.backups import accept as accepting

    reason = required_reason(reason)
    settings = load_settings(config)
    lock = _lock(settings)
    gap = accepting.look(settings)
    tell = errors.print if as_json else say
    if not gap:
        tell("The journal is not behind its high-water mark: there is nothing to accept.")
        if as_json:
            print_json({"accepted": False, "done": []})
        return
    for line in gap.words():
        tell(line)
    if not yes:
        confirm("Accept this journal?")
    done = list(accepting.accept(settings, cli_actor(), reason))
    for line in done:
        tell(line)
    del lock
    if as_json:
        print_json({"accepted": True, "done": done})
    else:
        say("The journal is accepted. Start Orthanc.")


@journal.command()
def move(config: ConfigOption = None, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Move the journal from SQLite to PostgreSQL, with Orthanc stopped: first set SendIt.Database to an empty database.

    Every row is compared; then the SQLite file is renamed. Exit code 2: nothing was moved.
    """
    from sendit.client import cli_actor
    from sendit.pipeline.backups.move import move as move_journal
    from sendit.pipeline.file_names import FileNames

    settings = load_settings(config)
    lock = _lock(settings)
    if not yes:
        confirm(f"Move the journal of {settings.data_directory} to PostgreSQL?")
    tell = errors.print if as_json else say
    moved = move_journal(settings, cli_actor(), FileNames(settings).seal_old, tell)
    del lock
    if as_json:
        print_json({"rows": moved.rows, "audit_entries": moved.audit_entries, "left": str(moved.left)})
        return
    say(f"{sum(moved.rows.values())} rows were moved and compared; the audit log verifies.")
    say(f"{moved.left} is what was moved. Start Orthanc.")
