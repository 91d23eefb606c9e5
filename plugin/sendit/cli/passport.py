"""The commands `sendit passport …`: what was released, signed for its recipients."""

from __future__ import annotations

import json
from typing import Annotated
from urllib.parse import quote

import typer

from sendit.cli.common import ConfigOption, JsonOption, client, print_json, required_reason, say
from sendit.errors import Misconfigured

_HELP = "Passports: what was released, signed for its recipients (docs/passport.md)."

passport = typer.Typer(help=_HELP, no_args_is_help=True)

ProjectArgument = Annotated[str, typer.Argument(help="The project, or a variant as PROJECT@VARIANT.")]


@passport.callback(help=_HELP)
def _group() -> None:
    """Declare the group of commands."""


@passport.command()
def show(
    number: Annotated[int, typer.Argument(min=1, help="The batch.")],
    destination: Annotated[str | None, typer.Option(help="Needed if several destinations got a passport.")] = None,
    config: ConfigOption = None,
) -> None:
    """Print the passport of a batch as JSON, as it was delivered."""
    passports = client(config).call("GET", f"/api/batches/{number}/passport")["passports"]
    matching = [one for one in passports if destination in (None, one["destination"])]
    if len(matching) != 1:
        names = ", ".join(one["destination"] for one in passports) or "none"
        problem = "several destinations got a passport" if matching else "there is no such passport"
        raise Misconfigured(f"batch {number}", problem, f"Destinations with a passport: {names} (--destination).")
    typer.echo(json.dumps(matching[0]["passport"], sort_keys=True, separators=(",", ":"), ensure_ascii=False))


@passport.command()
def key(
    project: ProjectArgument,
    public: Annotated[bool, typer.Option("--public", help="Print the public keys (PEM) for sendit-verify.")] = False,
    rotate: Annotated[bool, typer.Option("--rotate", help="Replace the key; the old one signs the new one.")] = False,
    reason: Annotated[str, typer.Option(help="Of --rotate; recorded with your user name.", show_default=False)] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the keys that have signed the passports of a project, with their fingerprints; the last one signs."""
    route, worker = f"/api/passport/keys/{quote(project, safe='')}", client(config)
    if rotate:
        keys = worker.call("POST", f"{route}/rotate", {"reason": required_reason(reason)})
    else:
        keys = worker.call("GET", route)
    if as_json:
        print_json(keys)
        return
    if public:
        typer.echo(keys["pem"], nl=False)
        return
    for one in keys["keys"]:
        say(f"key {one['number']} of {keys['project']}, made {one['made']}: {one['fingerprint']}")
    if rotate:
        say("Give the recipients the new public keys: sendit passport key PROJECT --public")


@passport.command()
def revocations(project: ProjectArgument, config: ConfigOption = None) -> None:
    """Print the signed list of the studies that a project has recalled, as JSON, for sendit-verify --revocations."""
    listed = client(config).call("GET", f"/api/passport/revocations/{quote(project, safe='')}")
    typer.echo(json.dumps(listed, sort_keys=True, separators=(",", ":"), ensure_ascii=False))
