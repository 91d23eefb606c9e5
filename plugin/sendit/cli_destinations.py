"""The command `sendit destinations`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from sendit import configuration, settings
from sendit.api.server import socket_path
from sendit.client import Client

console = Console()
_STYLES = {"reachable": "green", "refused": "red", "unreachable": "red"}
_COUNTS = ("waiting", "retrying", "failed", "recalling", "delivered")


def destinations(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="orthanc.json, or its folder.")] = None,
) -> None:
    """Each destination: where it is, whether it answers, and how many batches wait for it or are there.

    Exit code 1: one of them cannot be reached, or refuses.
    """
    document = configuration.read(config or configuration.find())
    found = Client(socket_path(settings.load(document)[0].data_directory)).call("GET", "/api/destinations")
    if as_json:
        console.print_json(json.dumps(found))
    else:
        _show(found["destinations"])
    if any(one["state"] in ("refused", "unreachable") for one in found["destinations"]):
        raise typer.Exit(1)


def _show(found: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("destination", "state"):
        table.add_column(name, no_wrap=True)
    counts = [name for name in _COUNTS if name != "recalling" or any(one["recalling"] for one in found)]
    for name in counts:
        table.add_column(name, justify="right")
    for one in found:
        until = f" until {one['until'][:16]} UTC" if one["until"] else ""
        state = f"[{_STYLES.get(one['state'], 'yellow')}]{one['state']}{until}[/]"
        table.add_row(one["name"], state, *(str(one[count]) for count in counts))
    console.print(table if found else "No destination is configured.")
    for one in found:
        for label, text in (
            (f"{one['type']}, ", one["where"]),
            ("", one["reason"]),
            ("→ ", one["cure"]),
            ("last failure: ", one["last_error"]),
        ):
            if text:
                console.print(f"  {one['name']}: {label}{text}", highlight=False, markup=False, soft_wrap=True)
