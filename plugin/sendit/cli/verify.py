"""The command `sendit verify`."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape

from sendit.cli.common import ConfigOption, JsonOption, client, print_json, say

_TIMEOUT = 3600.0  # seconds: every instance of the batch is requested from every destination


def verify(
    number: Annotated[int, typer.Argument(help="The batch.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Compare the receipts of a batch with its manifest, and its instances at each destination with the receipts.

    Exit code 1: something differs, or a destination cannot be asked.
    """
    answer = client(config, _TIMEOUT).call("POST", f"/api/batches/{number}/verify")
    if as_json:
        print_json(answer)
    else:
        _show_all(number, answer)
    if not answer["ok"]:
        raise typer.Exit(1)


def _show_all(number: int, answer: dict[str, Any]) -> None:
    receipts = "as recorded"
    if answer["manifest"] is None:
        receipts = "[yellow]and no manifest: an older version of SendIt made this batch[/]"
    elif not answer["intact"]:
        receipts = "[red]NOT as recorded: a receipt was changed, removed or added[/]"
    say(f"batch {number}: {answer['instances']} receipts, {receipts}", markup=True)
    for verdict in answer["destinations"]:
        _show(verdict, answer["instances"])
    if not answer["destinations"]:
        say("  no destination has it yet")


def _show(verdict: dict[str, Any], instances: int) -> None:
    name = verdict["destination"]
    if verdict["error"]:
        say(f"  {escape(name)}: [red]not verified:[/] {escape(verdict['error'])}", markup=True)
    elif not verdict["discrepancies"]:
        text = "holds all of them"
        if verdict["instances"] < instances:  # the destination takes only some modalities
            text = f"holds all {verdict['instances']} that go there" if verdict["instances"] else "none go there"
        say(f"  {name}: {text}")
    for one in verdict["discrepancies"]:
        say(f"  {name}: {one['sop_instance_uid']}: {one['problem']}")
