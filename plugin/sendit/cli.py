"""The command `sendit`."""

from __future__ import annotations

import logging
import sys
import time
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sendit import __version__, configuration, settings
from sendit.api.server import socket_path
from sendit.cli_crosswalk import crosswalk, cut_ties, lookup
from sendit.cli_deidentify import deidentify
from sendit.cli_destinations import destinations
from sendit.cli_recall import recall
from sendit.cli_recipe import recipe_app
from sendit.cli_verify import verify
from sendit.client import Client
from sendit.doctor import Finding, examine
from sendit.errors import SendItError
from sendit.model import BatchState

app = typer.Typer(
    help="De-identifies the studies of an Orthanc server, proves them clean and delivers them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("deidentify")(deidentify)
app.command("verify")(verify)
app.command("recall")(recall)
app.command("destinations")(destinations)
app.add_typer(recipe_app, name="recipe")
app.command("lookup")(lookup)
app.add_typer(crosswalk, name="crosswalk")
app.command("cut-ties")(cut_ties)
console = Console()

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="orthanc.json, or its folder. Default: $SENDIT_CONFIG, else /etc/orthanc, else the demonstration's.",
    ),
]
_STYLES = {
    "DONE": "green",
    "SENT": "green",
    "FAILED": "red",
    "QUARANTINED": "red",
    "RECALL_FAILED": "red",
    "EMPTY": "yellow",
}


def _client(config: Path | None) -> Client:
    document = configuration.read(config or configuration.find())
    return Client(socket_path(settings.load(document)[0].data_directory))


def _version(wanted: bool) -> None:
    if wanted:
        console.print(f"sendit {__version__}")
        raise typer.Exit


@app.callback()
def common(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")] = False,
) -> None:
    """De-identifies the studies of an Orthanc server, proves them clean and delivers them."""


@app.command()
def status(config: ConfigOption = None) -> None:
    """Is SendIt well, and how many batches stand where? Exit code 1 if it is not well."""
    health = _client(config).call("GET", "/api/health")
    style = "green" if health["status"] == "ok" else "red"
    console.print(f"SendIt {health['version']}: [{style}]{health['status']}[/], since {health['started_at'][:19]} UTC")
    for problem in health["problems"]:
        console.print(f"  [red]problem:[/] {escape(problem)}", highlight=False)
    console.print(f"projects: {', '.join(health['projects']) or 'none'}")
    console.print(f"destinations: {', '.join(health['destinations']) or 'none'}")
    console.print(f"running, queued or waiting: {health['active']}")
    for state, count in sorted(health["batches"].items()):
        console.print(f"  {count:7} [{_STYLES.get(state, 'default')}]{state}[/]", highlight=False)
    if health["status"] != "ok":
        raise typer.Exit(1)


@app.command()
def batches(
    config: ConfigOption = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many, the newest first.")] = 20,
    before: Annotated[int | None, typer.Option(min=1, help="Those older than this batch.")] = None,
    state: Annotated[BatchState | None, typer.Option(case_sensitive=False, help="Only those in this state.")] = None,
) -> None:
    """The batches, the newest first."""
    query = f"?limit={limit}" + (f"&before={before}" if before else "") + (f"&state={state}" if state else "")
    page = _client(config).call("GET", f"/api/batches{query}")
    seldom = [name for name in ("rejected", "quarantined", "recalled") if any(b[name] for b in page["batches"])]
    counts = ["received", "sent", *seldom, "under_way"]
    table = Table(box=None, pad_edge=False)
    table.add_column("batch", no_wrap=True)
    table.add_column("project", overflow="fold")
    table.add_column("state", no_wrap=True, min_width=max((len(b["state"]) for b in page["batches"]), default=0))
    for name in counts:
        table.add_column(name.replace("_", " "), justify="right", overflow="fold")
    table.add_column("why", overflow="fold")
    for batch in page["batches"]:
        numbers = [str(batch[k]) for k in counts]
        shown = f"[{_STYLES.get(batch['state'], 'default')}]{batch['state']}[/]"
        table.add_row(str(batch["id"]), batch["project"] or "–", shown, *numbers, escape(_why(batch)))
    console.print(table if page["batches"] else "No batch yet: send a study to Orthanc.")
    if page["next"]:
        console.print(f"Older ones: sendit batches --before {page['next']}")


def _why(batch: dict[str, Any]) -> str:
    """Its reason, or what keeps the deliveries that are tried again."""
    again = [one for one in batch["deliveries"] if one["next_attempt_at"] and one["last_error"]]
    return batch["reason"] or "; ".join(f"{one['destination']}: {one['last_error']}" for one in again)


@app.command()
def batch(number: int, config: ConfigOption = None) -> None:
    """One batch: its counts, its deliveries, the reasons of what was not sent, and its story."""
    found = _client(config).call("GET", f"/api/batches/{number}")
    style = _STYLES.get(found["state"], "default")
    console.print(f"batch {found['id']} of project {found['project'] or '–'}: [{style}]{found['state']}[/]")
    if found["reason"]:
        console.print(f"  {found['reason']}", highlight=False, markup=False)
    if found["follows"]:
        console.print(f"  late instances of the study of batch {found['follows']}")
    console.print(
        f"  received {found['received']} = sent {found['sent']} + rejected {found['rejected']} + "
        f"quarantined {found['quarantined']} + under way {found['under_way']}"
        + (f" + recalled {found['recalled']}" if found["recalled"] else "")
    )
    for delivery in found["deliveries"]:
        _show_delivery(delivery)
    for reason in found["reasons"]:
        console.print(f"  {reason['count']} {reason['state']}: {reason['reason']}", highlight=False, markup=False)
    for message, events in groupby(found["events"], lambda event: event["message"]):
        first, *more = events  # a destination that is away for days says the same each time
        often = f" ({len(more) + 1} times, until {more[-1]['at'][:19]})" if more else ""
        console.print(f"  [dim]{first['at'][:19]}[/] {escape(message)}{often}", highlight=False)


def _show_delivery(delivery: dict[str, Any]) -> None:
    state, until = delivery["state"], delivery["next_attempt_at"]
    shown = "paused" + (f" until {until[:16]} UTC" if until else "") if state == "PAUSED" else state
    count = f"{delivery['sent']} acknowledged"
    if state in ("RECALLING", "RECALLED", "RECALL_FAILED"):
        left = f", up to {delivery['sent']} left" if state != "RECALLED" else ""
        count = f"{delivery['removed']} removed{left}"
    console.print(f"  to {delivery['destination']}: {shown}, {count}", highlight=False)
    if delivery["last_error"]:
        failures = delivery["failures"]
        often = f"failed {failures} time{'s' * (failures != 1)}" if failures else "failed"
        again = f"; again at {until[:19]} UTC" if until else ""
        console.print(f"    {often}: {delivery['last_error']}{again}", highlight=False, markup=False)


@app.command()
def retry(number: int, config: ConfigOption = None) -> None:
    """Take up again a batch that is FAILED, QUARANTINED, EMPTY or CANCELLED."""
    found = _client(config).call("POST", f"/api/batches/{number}/retry")
    console.print(f"batch {found['id']} is {found['state']} again")


@app.command("import")
def import_(
    folder: Annotated[Path, typer.Argument(help="A folder of this machine.")],
    project: Annotated[
        str | None, typer.Option(help="For which project; may be left out if there is one only.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Push a folder's DICOM files into Orthanc, for a project; nothing is moved or deleted. Exit code 1: any failed."""
    client = _client(config)
    body = {"folder": str(folder.resolve()), "project": project or _only_project(client)}
    started = client.call("POST", "/api/imports", body)
    with console.status("importing") as spinner:
        while (now := client.call("GET", f"/api/imports/{started['id']}"))["state"] == "RUNNING":
            spinner.update(f"importing: {_fates(now) or 'no files yet'}")
            time.sleep(0.3)
    console.print(f"import {now['id']}: {_fates(now) or 'nothing to import, the folder holds no files'}")
    if now["state"] != "DONE":
        raise typer.Exit(1)


def _only_project(client: Client) -> str:
    names: list[str] = client.call("GET", "/api/health")["projects"]
    if len(names) != 1:
        raise typer.BadParameter(f"name one with --project: {', '.join(names) or 'none is configured'}")
    return names[0]


def _fates(answer: dict[str, Any]) -> str:
    return ", ".join(f"{count} {fate}" for fate, count in sorted(answer["files"].items()))


@app.command()
def doctor(config: ConfigOption = None) -> None:
    """Check configuration, keys, database, peers and disk, and say what to mend. Exit code 1: something is wrong."""
    logging.basicConfig(level=logging.WARNING, format="note  %(message)s", stream=sys.stdout)  # what a check remarks
    wrong = 0
    for finding in examine(config or configuration.find()):
        _show(finding)
        wrong += not finding.ok
    if wrong:
        raise typer.Exit(1)


def _show(finding: Finding) -> None:
    mark = "[green]ok[/]   " if finding.ok else "[red]wrong[/]"
    console.print(f"{mark} {escape(f'{finding.what}: {finding.says}')}", highlight=False, soft_wrap=True)
    if finding.cure:
        console.print(f"      → {finding.cure}", highlight=False, markup=False, soft_wrap=True)


def main() -> None:
    """The entry point: errors of ours become one line, and exit code 2."""
    try:
        app()
    except SendItError as error:
        Console(stderr=True).print(f"sendit: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
        sys.exit(2)
