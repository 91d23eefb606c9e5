"""The commands `sendit destinations` and `sendit verify`: where they stand, and whether they hold what was sent."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape

from sendit.cli.common import ConfigOption, JsonOption, client, destination_names, print_json, print_table, say, utc
from sendit.errors import counted

_STYLES = {"reachable": "green", "refused": "red", "unreachable": "red"}
_COUNTS = ("waiting", "retrying", "failed", "recalling", "delivered")

_TIMEOUT = 3600.0  # seconds: every instance of the batch is requested from every destination


def destinations(
    names: Annotated[
        list[str] | None,
        typer.Argument(autocompletion=destination_names, show_default=False, help="Only these; default: all."),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the destinations: their addresses, whether they respond, and how many batches wait or were delivered.

    Exit code 1: a destination cannot be reached, or refuses access.
    """
    shown = client(config).call("GET", "/api/destinations")["destinations"]
    if unknown := sorted({*(names or [])} - {destination["name"] for destination in shown}):
        raise typer.BadParameter(f"no destination has this name: {', '.join(unknown)}", param_hint="NAMES")
    shown = [destination for destination in shown if not names or destination["name"] in names]
    if as_json:
        print_json({"destinations": shown})
    else:
        _show_destinations(shown)
    if any(destination["state"] in ("refused", "unreachable") for destination in shown):
        raise typer.Exit(1)


def _show_destinations(all_: list[dict[str, Any]]) -> None:
    if not all_:
        say("No destination is configured.")
        return
    _print_states(all_)
    for destination in all_:
        for label, text in (
            (f"{destination['type']}, ", destination["where"]),
            ("", destination["reason"]),
            ("→ ", destination["cure"]),
            ("last failure: ", destination["last_error"]),
        ):
            if text:
                say(f"  {destination['name']}: {label}{text}")


def _print_states(all_: list[dict[str, Any]]) -> None:
    counts = [name for name in _COUNTS if name != "recalling" or any(destination["recalling"] for destination in all_)]
    rows = []
    for destination in all_:
        state = f"[{_STYLES.get(destination['state'], 'yellow')}]{destination['state']}[/]"
        rows.append([escape(destination["name"]), state, *(str(destination[count]) for count in counts)])
    print_table(("destination", "state", *counts), rows, counts)
    for destination in all_:
        if destination["until"]:
            say(f"  {destination['name']}: until {utc(destination['until'])}")


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
    say(f"batch {number}: {counted(answer['instances'], 'receipt')}, {receipts}", markup=True)
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
    for discrepancy in verdict["discrepancies"]:
        say(f"  {name}: {discrepancy['sop_instance_uid']}: {discrepancy['problem']}")
