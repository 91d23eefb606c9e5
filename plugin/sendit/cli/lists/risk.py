"""The command `sendit risk`."""

from __future__ import annotations

import sys
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.markup import escape

from sendit.cli.common import ConfigOption, JsonOption, client, print_json, print_table, project_names, say

_SHOWN = 20
#: Seconds: a report of 140,000 studies takes five.
_TIMEOUT = 600


def risk(
    project: Annotated[
        str, typer.Argument(help="The project, or a variant as PROJECT@VARIANT.", autocompletion=project_names)
    ],
    k: Annotated[int, typer.Option(min=2, max=1000, help="A patient of a smaller class is singled out.")] = 5,
    diverse: Annotated[
        int, typer.Option("--l", min=2, max=1000, help="Different sensitive values that a class should have.")
    ] = 2,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV, with all combinations and classes.")] = False,
    config: ConfigOption = None,
) -> None:
    """Show which released patients the retained attributes single out, and what an option would change.

    Exit code 1: a patient is singled out.
    """
    if as_json and as_csv:
        raise typer.BadParameter("give either --json or --csv")
    answer = client(config, timeout=_TIMEOUT).call(
        "GET", f"/api/projects/{quote(project, safe='')}/risk?k={k}&l={diverse}&fresh=true"
    )
    if as_json:
        print_json(answer)
    elif as_csv:
        from sendit.api.pages.risk import as_csv as csv_lines
        from sendit.api.schemas import RiskAnswer

        sys.stdout.writelines(csv_lines(RiskAnswer.model_validate(answer)))
    else:
        _show(answer)
    if answer["singled_out"]:
        raise typer.Exit(1)


def _show(answer: dict[str, Any]) -> None:
    if answer["unknown"]:
        say(
            f"Nothing is known of {answer['unknown']} studies, which were released before SendIt noted characteristics."
        )
    if not answer["patients"]:
        say("Nothing of this project was released yet.")
        return
    say(
        f"{answer['singled_out']} of {answer['patients']} patients are singled out: fewer than {answer['k']} are like "
        f"them. {answer['unique']} are unlike everybody else."
    )
    _table(
        ("option", "retains", "still singled out without it"),
        [(one["option"], ", ".join(one["attributes"]), one["without"]) for one in answer["options"]],
    )
    _table(
        ("attribute", "retained by", "values", "alone", "without it"),
        [
            (one["attribute"], one["option"] or "the profile", one["values"], one["alone"], one["without"])
            for one in answer["drivers"]
        ],
    )
    _table(
        ("combination", "patients", "further"),
        [
            (" + ".join(one["attributes"]) or "none: fewer than k patients", one["patients"], one["further"])
            for one in answer["combinations"][:_SHOWN]
        ],
    )
    _table(
        (f"classes with fewer than {answer['diverse']} values of", "classes", "patients"),
        [(one["attribute"], one["classes"], one["patients"]) for one in answer["diversity"]],
    )


def _table(columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    if rows:
        say("")
        cells = [[escape(str(cell)) for cell in row] for row in rows]
        numbers = [name for index, name in enumerate(columns) if all(isinstance(row[index], int) for row in rows)]
        print_table(columns, cells, numbers)
