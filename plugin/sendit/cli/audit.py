"""`sendit audit list` and `sendit audit verify`: who did what, on this machine, also without the worker."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from sendit.cli.common import ConfigOption, JsonOption, open_journal, print_json, print_table, printable, say
from sendit.errors import counted

if TYPE_CHECKING:
    from sendit.journal.audit import AuditVerdict, Entry

_HELP = "The audit log: who did what, when and why."
_SHOWN = 50

audit = typer.Typer(help=_HELP, no_args_is_help=True)

TimeOption = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], metavar="TIME", help="UTC, as 2026-01-31 or 2026-01-31T12:00:00."
    ),
]


@audit.callback(help=_HELP)
def _group() -> None:
    """Declare the group of commands."""


@audit.command("list")
def list_(
    config: ConfigOption = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Only this batch.")] = None,
    project: Annotated[str | None, typer.Option("--project", "-p", help="Only this project.")] = None,
    actor: Annotated[str | None, typer.Option(help="Only this user: alice, orthanc:alice or cli:root.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this action, for example recall or look.")] = None,
    since: TimeOption = None,
    until: TimeOption = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help=f"Number of entries. Default: {_SHOWN}; all as JSON or CSV.")
    ] = None,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV.")] = False,
) -> None:
    """List what users did, newest first."""
    from sendit.api.audit import as_csv as csv_lines
    from sendit.journal.audit import AuditFilter

    if as_json and as_csv:
        raise typer.BadParameter("give either --json or --csv")
    wanted = AuditFilter(batch, project, actor, action, _utc(since), _utc(until))
    with open_journal(config) as (_, journal):
        most = limit or (None if as_json or as_csv else _SHOWN + 1)
        entries = list(islice(journal.audit.all(wanted), most))
    if as_json:
        print(json.dumps([asdict(one) for one in entries], default=datetime.isoformat, indent=1))
    elif as_csv:
        sys.stdout.writelines(csv_lines(entries))
    else:
        _show(entries[: limit or _SHOWN], more=limit is None and len(entries) > _SHOWN)


def _utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.replace(tzinfo=UTC)


def _show(entries: list[Entry], *, more: bool) -> None:
    if not entries:
        say("no entries")
        return
    rows = []
    for one in entries:
        about = [f"batch {one.batch}" if one.batch else "", one.project or "", one.subject]
        why = "(removed: unlinked)" if one.redacted else one.reason
        values = (one.actor, one.action, " ".join(filter(None, about)), why)
        rows.append([str(one.number), f"{one.at:%Y-%m-%d %H:%M}", *map(_text, values)])
    print_table(("no.", "at (UTC)", "who", "what", "of", "why"), rows)
    if more:
        say(f"Older ones: sendit audit list --limit {10 * _SHOWN}, --until …, or --csv")


def _text(value: str) -> str:
    from rich.markup import escape

    return escape(printable(value))


@audit.command()
def verify(
    head: Annotated[
        str | None, typer.Option(metavar="HEX", help="A head noted earlier; it must still be in the chain.")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Read the whole chain of the audit log, and print its head.

    Keep the head outside this machine: given as --head later, it shows that nothing before it was changed or removed.
    Exit code 1: an entry is not as it was written, or the head is not in the chain.
    """
    if head is not None and (len(head) != 64 or set(head.lower()) - set("0123456789abcdef")):
        raise typer.BadParameter("give the 64 hexadecimal digits that this command printed", param_hint="--head")
    with open_journal(config) as (_, journal):
        verdict = journal.audit.verify(head and head.lower())
    if as_json:
        print_json({**asdict(verdict), "ok": verdict.ok})
    else:
        _show_verdict(verdict, asked=head is not None)
    if not verdict.ok:
        raise typer.Exit(1)


def _show_verdict(verdict: AuditVerdict, *, asked: bool) -> None:
    if verdict.broken is not None:
        say(f"NOT as written: entry {verdict.broken}: {verdict.problem}")
    elif not verdict.ok:
        say(f"NOT as written: {verdict.problem}")
    else:
        say(
            f"{counted(verdict.entries, 'entry', 'entries')}, each as it was written"
            + ("; the head is among them" if asked else "")
        )
    say(f"head: {verdict.head}")
