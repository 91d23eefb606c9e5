"""The command `sendit acknowledge`."""

from __future__ import annotations

from typing import Annotated

import typer

from sendit.cli.common import ConfigOption, JsonOption, client, print_json, say


def acknowledge(
    numbers: Annotated[list[int] | None, typer.Argument(min=1, help="Batches.", show_default=False)] = None,
    imports: Annotated[list[int] | None, typer.Option("--import", min=1, help="An import; may be repeated.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything that has not been acknowledged yet.")] = False,
    reason: Annotated[str, typer.Option(help="Recorded in the batch history; do not include identifiers.")] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Acknowledge held or failed batches and imports: `sendit status` is ok again; nothing else changes.

    For batches that are FAILED, QUARANTINED or RECALL_FAILED, and imports with files that failed. A batch that is
    retried and fails again has to be acknowledged again. Exit code 1: a batch or import needs no acknowledgement
    (any more).
    """
    if everything == bool(numbers or imports):
        raise typer.BadParameter("give either batches and imports, or --all")
    worker = client(config)
    named = {"batches": numbers or [], "imports": imports or []}
    if everything:
        health = worker.call("GET", "/api/health")
        named = {"batches": health["unseen_batches"], "imports": health["unseen_imports"]}
    done = worker.call("POST", "/api/acknowledgements", {**named, "reason": reason})
    missing = [n for kind in ("batches", "imports") for n in named[kind] if n not in done[kind]]
    if as_json:
        print_json({**done, "not_needed": missing})
    else:
        say(f"acknowledged: {_listed('batch', done['batches'])}; {_listed('import', done['imports'])}")
        if missing:
            say(f"no acknowledgement needed: {', '.join(map(str, missing))}")
    if missing:
        raise typer.Exit(1)


def _listed(kind: str, numbers: list[int]) -> str:
    plural = {"batch": "batches", "import": "imports"}[kind]
    return f"{kind if len(numbers) == 1 else plural} {', '.join(map(str, numbers)) or 'none'}"
