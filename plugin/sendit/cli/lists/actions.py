"""The commands `sendit retry`, `sendit cancel` and `sendit hold`: for batches by number, or all that a filter finds."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from sendit.cli.common import ConfigOption, JsonOption, YesOption, client, confirm, print_json, required_reason, say
from sendit.cli.lists.filters import Chosen, filtered, nothing_matches
from sendit.client import Client
from sendit.errors import counted

_NumbersArgument = Annotated[list[int] | None, typer.Argument(min=1, help="Batches; or give a filter.")]
_ReasonOption = Annotated[str, typer.Option(help="Recorded in the batch history; do not include identifiers.")]
_ALL = Chosen()
#: Seconds between two looks at an action.
_LOOK = 0.5


@filtered(without=["delivery"])
def retry(
    numbers: _NumbersArgument = None,
    reason: _ReasonOption = "",
    chosen: Chosen = _ALL,
    yes: YesOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Retry failed, quarantined, empty or cancelled batches, or retry now what waits for its next try.

    Exit code 1: some of several batches were refused.
    """
    _act("retry", numbers, chosen, reason, client(config), yes=yes, as_json=as_json)


@filtered(without=["delivery"])
def cancel(
    numbers: _NumbersArgument = None,
    reason: _ReasonOption = "",
    chosen: Chosen = _ALL,
    yes: YesOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Cancel batches that are not sent yet: nothing more of them leaves. `sendit retry` resumes them.

    What a destination has already stays there; `sendit recall` removes it. Exit code 1: some of several were
    refused.
    """
    _act("cancel", numbers, chosen, required_reason(reason), client(config), yes=yes, as_json=as_json)


@filtered(without=["delivery"])
def hold(
    numbers: _NumbersArgument = None,
    reason: _ReasonOption = "",
    chosen: Chosen = _ALL,
    yes: YesOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Hold batches that are not sent yet, until they are retried.

    Exit code 1: some of several batches were refused.
    """
    _act("hold", numbers, chosen, required_reason(reason), client(config), yes=yes, as_json=as_json)


def _act(
    action: str, numbers: list[int] | None, chosen: Chosen, reason: str, api: Client, *, yes: bool, as_json: bool
) -> None:
    if bool(numbers) == bool(chosen.as_dict()):
        raise typer.BadParameter("give either numbers of batches or a filter")
    if numbers and len(numbers) == 1:
        _act_on_one(action, numbers[0], reason, api, as_json=as_json)
        return
    request: dict[str, Any] = {"action": action, "reason": reason}
    request |= {"batches": numbers} if numbers else {"filter": chosen.as_dict()}
    preview = api.call("POST", "/api/batches/actions", {**request, "preview": True})
    expected = preview["total"]
    if not expected:
        if as_json:
            print_json(preview)
        else:
            say(nothing_matches(chosen, api))
        return
    if not yes and not numbers:
        confirm(f"{action} {counted(expected, 'batch', 'batches')}?")
    more = {} if numbers else {"expected": expected}
    run = api.call("POST", "/api/batches/actions", {**request, **more})
    while run["finished_at"] is None:
        time.sleep(_LOOK)
        run = api.call("GET", f"/api/actions/{run['id']}")
    _show(run, as_json=as_json)
    if run["refused"] or run["done"] < run["total"]:
        raise typer.Exit(1)


def _act_on_one(action: str, number: int, reason: str, api: Client, *, as_json: bool) -> None:
    answer = api.call("POST", f"/api/batches/{number}/{action}", {"reason": reason})
    if as_json:
        print_json(answer)
    elif action == "retry":
        say(f"batch {number} is {answer['state']}, and is retried now")
    else:
        say(f"batch {number} is {answer['state']}; sendit retry resumes it")


def _show(run: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(run)
        return
    say(f"{run['action']}: {run['done'] - run['refused']} of {run['total']} batches")
    for one in run["outcomes"]:
        if not one["ok"]:
            say(f"  refused: {one['said']}")
