"""The command `sendit status`."""

from __future__ import annotations

from typing import Any

import typer
from rich.markup import escape

from sendit.cli.common import ConfigOption, JsonOption, client, print_json, say, utc
from sendit.cli.lists.tables import STYLES
from sendit.client import Client

#: Batches and imports that are shown in words; of others the number.
_SHOWN = 10
#: In the problems that count batches and imports.
_UNSEEN = "not acknowledged"


def status(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show what needs a person, and the number of batches in each state.

    Exit code 1: something needs a person. 2: SendIt is not running.
    """
    worker = client(config)
    health = worker.call("GET", "/api/health")
    if as_json:
        print_json(health)
    else:
        _show(worker, health)
    if health["status"] != "ok":
        raise typer.Exit(1)


def _show(worker: Client, health: dict[str, Any]) -> None:
    head = f"SendIt {health['version']}, running since {utc(health['started_at'])}: "
    if health["status"] == "ok":
        say(f"{head}[green]ok[/], {_nothing_wrong(health)}", markup=True)
    else:
        say(f"{head}[red]needs a person[/]", markup=True)
        _show_needs(worker, health)
    say("")
    say(f"projects: {', '.join(health['projects']) or 'none'}")
    say(f"destinations: {', '.join(health['destinations']) or 'none'}")
    for pause in health["paused"]:
        say(f"[yellow]{escape(pause)}[/]", markup=True)
    say(f"running, queued or waiting: {health['active']}")
    for state, count in sorted(health["batches"].items()):
        say(f"  {count:7} [{STYLES.get(state, 'default')}]{state}[/]", markup=True)


def _nothing_wrong(health: dict[str, Any]) -> str:
    """Return what is said where nothing is wrong; a review is work for a person, and not a problem."""
    reviews = health["batches"].get("REVIEW", 0)
    if not reviews:
        return "nothing needs a person"
    waiting = "a batch waits" if reviews == 1 else f"{reviews} batches wait"
    return f"but {waiting} for a reviewer: sendit review list"


def _show_needs(worker: Client, health: dict[str, Any]) -> None:
    """Show each batch, import and other problem in words, with the command that answers it."""
    batches, imports = health["unseen_batches"], health["unseen_imports"]
    for number in batches[:_SHOWN]:
        one = worker.call("GET", f"/api/batches/{number}")
        style = STYLES.get(one["state"], "default")
        text = f"  batch {number}, project {escape(one['project'] or '–')}: [{style}]{one['state']}[/]"
        say(text + (f": {escape(one['reason'])}" if one["reason"] else ""), markup=True)
        say(f"    see: sendit batch {number}; then: sendit retry {number}, or sendit acknowledge {number}")
    if len(batches) > _SHOWN:
        say(
            f"  and {len(batches) - _SHOWN} more batches: sendit batches --state FAILED (or QUARANTINED, RECALL_FAILED)"
        )
    for number in imports[:_SHOWN]:
        say(f"  import {number}: not all of its files were imported")
        say(f"    see: sendit imports {number}; then import them again, or: sendit acknowledge --import {number}")
    if len(imports) > _SHOWN:
        say(f"  and {len(imports) - _SHOWN} more imports: sendit acknowledge --all")
    for problem in health["problems"]:
        if _UNSEEN not in problem:  # those are the batches and imports above
            say(f"  [red]{escape(problem)}[/]", markup=True)
