"""The command `sendit verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from sendit import configuration, settings
from sendit.api.server import socket_path
from sendit.client import Client

console = Console()
_PATIENCE = 3600.0  # seconds: every instance of the batch is asked for


def verify(
    number: Annotated[int, typer.Argument(help="The batch.")],
    config: Annotated[Path | None, typer.Option("--config", "-c", help="orthanc.json, or its folder.")] = None,
) -> None:
    """Compare a batch's receipts with its manifest, and what its destinations hold with the receipts.

    Exit code 1: something is not as it was, or a destination cannot be asked.
    """
    document = configuration.read(config or configuration.find())
    client = Client(socket_path(settings.load(document)[0].data_directory), _PATIENCE)
    found = client.call("POST", f"/api/batches/{number}/verify")
    kept = "as recorded"
    if found["manifest"] is None:
        kept = "[yellow]and no manifest: an older SendIt made this batch[/]"
    elif not found["intact"]:
        kept = "[red]NOT as recorded: a receipt was changed, taken out or put in[/]"
    console.print(f"batch {number}: {found['instances']} receipts, {kept}", highlight=False)
    for verdict in found["destinations"]:
        name, wrong = verdict["destination"], verdict["discrepancies"]
        if verdict["error"]:
            console.print(
                f"  {name}: [red]not verified:[/] {escape(verdict['error'])}", highlight=False, soft_wrap=True
            )
        elif not wrong:
            holds = "holds all of them"
            if verdict["instances"] < found["instances"]:  # it takes some modalities alone
                holds = f"holds all {verdict['instances']} that go there" if verdict["instances"] else "none go there"
            console.print(f"  {name}: {holds}", highlight=False)
        for one in wrong:
            console.print(f"  {name}: {one['sop_instance_uid']}: {one['problem']}", highlight=False, soft_wrap=True)
    if not found["destinations"]:
        console.print("  no destination has it yet")
    if not found["ok"]:
        raise typer.Exit(1)
