"""The command `sendit recall`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sendit import configuration, settings
from sendit.api.server import socket_path
from sendit.client import Client

console = Console()


def recall(
    batch: Annotated[int | None, typer.Option(min=1, help="The study of this batch, with its late instances.")] = None,
    patient: Annotated[str | None, typer.Option(help="All studies of this patient: the coded PatientID.")] = None,
    project: Annotated[str | None, typer.Option(help="Where the code stands in several projects.")] = None,
    reason: Annotated[str, typer.Option(help="Kept in the batches' stories. No identifiers.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    wait: Annotated[float, typer.Option(min=0, help="Watch it for so many seconds; it goes on anyway.")] = 600,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="orthanc.json, or its folder.")] = None,
) -> None:
    """Take back what was sent, from every destination that can, and say where it could not.

    Nothing more of the study (of the patient's studies) leaves for this project. It cannot be undone.
    Exit code 1: something is left somewhere, or is still being removed.
    """
    if (batch is None) == (patient is None):
        raise typer.BadParameter("give --batch or --patient, one of both")
    document = configuration.read(config or configuration.find())
    client = Client(socket_path(settings.load(document)[0].data_directory))
    wanted = {"batch": batch, "patient": patient, "project": project, "reason": reason}
    found = client.call("POST", "/api/recalls", {**wanted, "preview": True})["batches"]
    if not found and patient is None:  # a patient may yet have to be held: only single studies were recalled
        console.print("Recalled already: nothing of it is left at any destination.")
        return
    if not yes:
        for one in found:
            places = ", ".join(d["destination"] for d in one["deliveries"]) or "no destination yet"
            console.print(f"batch {one['id']} of project {one['project']}: {one['state']}, {places}", highlight=False)
        batches = f"{len(found)} batch{'es' * (len(found) != 1)}" if found else "further studies of this patient"
        typer.confirm(f"{'Take back' if found else 'Hold'} {batches}? This cannot be undone", abort=True)
    numbers = [one["id"] for one in client.call("POST", "/api/recalls", wanted)["batches"]]
    if not numbers:
        console.print("Recalled already: nothing of it is left at any destination. Further studies are held.")
        return
    after = _watch(client, numbers, wait)
    _show(after)
    if any(one["state"] != "RECALLED" for one in after):
        console.print("Not complete. What is tried again goes on by itself; for the rest, mend it and recall again.")
        raise typer.Exit(1)


def _watch(client: Client, numbers: list[int], wait: float) -> list[dict[str, Any]]:
    """The batches once every destination has removed them, or has failed to at least once."""
    deadline = time.monotonic() + wait
    with console.status("recalling"):
        while True:
            found = [client.call("GET", f"/api/batches/{number}") for number in numbers]
            open_ = [d for one in found for d in one["deliveries"] if d["state"] == "RECALLING" and not d["failures"]]
            if not open_ or time.monotonic() > deadline:
                return found
            time.sleep(0.3)


def _show(batches: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("batch", "destination"):
        table.add_column(name)
    for name in ("removed", "left"):
        table.add_column(name, justify="right")
    table.add_column("why", overflow="fold")
    for batch in batches:
        for delivery in batch["deliveries"]:
            done = delivery["state"] == "RECALLED"
            left = "0" if done else f"{delivery['sent']}"
            again = ", is tried again" if delivery["state"] == "RECALLING" else ""
            why = "" if done else f"{delivery['last_error'] or 'not tried yet'}{again}"
            table.add_row(str(batch["id"]), delivery["destination"], str(delivery["removed"]), left, escape(why))
        if not batch["deliveries"]:
            table.add_row(str(batch["id"]), "–", "0", "0", "it never left")
    console.print(table)
