"""The commands `sendit export`."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from sendit.cli.common import ConfigOption, JsonOption, client, print_json
from sendit.cli.lists.filters import Chosen, filtered

_HELP = "Write batches or receipts as a table (CSV) or as JSON."
_ALL = Chosen()

export = typer.Typer(help=_HELP, no_args_is_help=True)


@export.command("metrics")
@filtered()
def metrics(chosen: Chosen = _ALL, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Write batch, start, finish, elapsed seconds, bytes, status, project and images of each batch, oldest first."""
    _write(f"/api/export/metrics?{chosen.as_query(format='json' if as_json else 'csv')}", config, as_json=as_json)


@export.command("receipts")
@filtered()
def receipts(
    chosen: Chosen = _ALL,
    batch: Annotated[int | None, typer.Option(min=1, help="Only this batch.")] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Write the outcome of each instance, with its receipt if it was released. It contains coded values only."""
    query = chosen.as_query(format="json" if as_json else "csv", batch=batch)
    _write(f"/api/export/receipts?{query}", config, as_json=as_json)


def _write(path: str, config: Any, *, as_json: bool) -> None:
    answer = client(config, timeout=600).call("GET", path)
    if as_json:
        print_json(answer)
    else:
        sys.stdout.write(answer)
