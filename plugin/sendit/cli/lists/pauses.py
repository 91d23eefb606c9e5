"""The commands `sendit pause` and `sendit resume`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sendit.cli.common import ConfigOption, JsonOption, client, print_json, required_reason, say, utc

_ProjectOption = Annotated[str | None, typer.Option("--project", help="This project, with its variants.")]
_DestinationOption = Annotated[str | None, typer.Option("--destination", help="This destination.")]
_AllOption = Annotated[bool, typer.Option("--all", help="Everything.")]
_ReasonOption = Annotated[str, typer.Option(help="Recorded with your user name; do not include identifiers.")]


def pause(
    project: _ProjectOption = None,
    destination: _DestinationOption = None,
    everything: _AllOption = False,
    reason: _ReasonOption = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Pause a project, a destination, or everything; without any of these, list what is paused.

    Studies are still received, and wait. It stays paused, also after a restart, until `sendit resume`.
    """
    if not (project or destination or everything):
        _show(client(config).call("GET", "/api/pauses"), as_json=as_json)
        return
    what = _named(project, destination, everything=everything)
    _show(client(config).call("POST", "/api/pauses", {**what, "reason": required_reason(reason)}), as_json=as_json)


def resume(
    project: _ProjectOption = None,
    destination: _DestinationOption = None,
    everything: _AllOption = False,
    reason: _ReasonOption = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Resume a project, a destination, or everything, as it was paused."""
    what = _named(project, destination, everything=everything)
    _show(client(config).call("POST", "/api/pauses/end", {**what, "reason": reason}), as_json=as_json)


def _named(project: str | None, destination: str | None, *, everything: bool) -> dict[str, str]:
    given = {"project": project, "destination": destination}
    named = [{"kind": kind, "name": name} for kind, name in given.items() if name]
    named += [{"kind": "everything"}] if everything else []
    if len(named) != 1:
        raise typer.BadParameter("give one of --project, --destination and --all")
    return named[0]


def _show(answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    for one in answer["pauses"]:
        named = f"{one['kind']} {one['name']}".strip()
        reason = f": {one['reason']}" if one["reason"] else ""
        say(f"paused: {named}, by {one['actor']}, {utc(one['at'])}{reason}")
    if not answer["pauses"]:
        say("Nothing is paused.")
