"""The command `sendit totals`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

import typer
from rich.markup import escape

from sendit.cli.common import ConfigOption, JsonOption, client, print_json, print_table, say

_DAY = ["%Y-%m-%d"]


def totals(
    first: Annotated[
        datetime | None, typer.Option("--from", formats=_DAY, help="First day. Default: 29 days before the last one.")
    ] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=_DAY, help="Last day. Default: today.")] = None,
    project: Annotated[str | None, typer.Option(help="Only this project.")] = None,
    destination: Annotated[str | None, typer.Option(help="Only this destination.")] = None,
    by_destination: Annotated[bool, typer.Option("--by-destination", help="A line for each destination.")] = False,
    span: Annotated[bool, typer.Option("--span", help="One line for all days together.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show what was delivered per day (UTC) and project: studies, images, bytes."""
    days = {"first": first, "last": last}
    query: dict[str, Any] = {name: day.date().isoformat() for name, day in days.items() if day is not None}
    query |= {name: text for name, text in (("project", project), ("destination", destination)) if text}
    query |= {"by": "destination" if by_destination else "project", "each": "span" if span else "day"}
    answer = client(config).call("GET", f"/api/totals?{urlencode(query)}")
    if as_json:
        print_json(answer)
    elif answer["totals"]:
        _print(answer["totals"])
    else:
        say("Nothing was delivered in these days.")


def _print(rows: list[dict[str, Any]]) -> None:
    named = [name for name in ("day", "project", "destination") if any(row[name] for row in rows)]
    numbers = ("studies", "images", "GB")
    cells = []
    for row in rows:
        amounts = [f"{row['studies']:,}", f"{row['instances']:,}", f"{row['size'] / 1e9:,.2f}"]
        cells.append([*(escape(row[name] or "–") for name in named), *amounts])
    print_table((*named, *numbers), cells, numbers)
