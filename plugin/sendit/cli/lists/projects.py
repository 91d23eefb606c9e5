"""The commands `sendit projects`, `sendit preview` and `sendit process`."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer
from rich.markup import escape

from sendit.cli.common import (
    ConfigOption,
    JsonOption,
    client,
    print_json,
    print_table,
    printable,
    project_names,
    required_reason,
    say,
    utc,
)

_StudyArgument = Annotated[str, typer.Argument(help="The study in Orthanc: Orthanc's identifier, from its Explorer.")]
#: Columns of the terminal that a value of a preview may take.
_VALUE = 24


def projects(
    name: Annotated[str | None, typer.Argument(help="A project, or a variant.", autocompletion=project_names)] = None,
    compare: Annotated[
        tuple[str, str] | None, typer.Option(help="Digests of two versions of the rules: what differs.")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the projects, or describe one: what it does, the versions of its rules, and the measured residual risk."""
    if name is None and compare is not None:
        raise typer.BadParameter("--compare needs a project")
    path = "/api/projects" if name is None else f"/api/projects/{quote(name, safe='')}"
    if compare is not None:
        path += f"/difference?{urlencode({'old': compare[0], 'new': compare[1]})}"
    answer = client(config).call("GET", path)
    if as_json:
        print_json(answer)
    elif name is None:
        _print_list(answer["projects"])
    elif compare is not None:
        _print_difference(answer)
    else:
        _print_project(answer)


def _print_list(all_: list[dict[str, Any]]) -> None:
    rows = [
        [
            escape(one["name"]),
            escape(", ".join(one["destinations"]) or "–"),
            "unlinked" if one["unlinked"] else one["digest"][:12],
        ]
        for one in all_
    ]
    print_table(("project", "destinations", "rules"), rows)


def _print_project(one: dict[str, Any]) -> None:
    say(one["name"])
    for line in one["profile"]:
        say(f"  {line['subject']}: {line['text']}")
    if one["unlinked"]:
        say("  Permanently unlinked: it has no key and accepts no studies.")
    for version in one["versions"]:
        used = f"first used {utc(version['first_used_at'])}" if version["first_used_at"] else "not used yet"
        say(f"  rules {version['digest'][:12]}: {used}{', current' if version['current'] else ''}")
    for sentence in one["residual_risk"] or ["not measured: no study was chosen at random for a review"]:
        say(f"  residual risk: {sentence}")


def _print_difference(answer: dict[str, Any]) -> None:
    rows = [[escape(one["name"]), escape(str(one["old"])), escape(str(one["new"]))] for one in answer["changes"]]
    if rows:
        print_table(("setting", "from", "to"), rows)
    if answer["texts"]:
        say(answer["texts"])
    if not rows and not answer["texts"]:
        say("The two versions are the same.")


def preview(
    project: Annotated[str, typer.Argument(help="The project.", autocompletion=project_names)],
    study: _StudyArgument,
    instance: Annotated[int, typer.Option(min=1, help="Number of the instance in the study.")] = 1,
    everything: Annotated[bool, typer.Option("--all", help="Also the elements that stay as they are.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show what a project would do to a study, element by element, with original values. Nothing of it is kept.

    The look is recorded in the audit log. Exit code 1: the instance would not be released.
    """
    path = f"/api/projects/{quote(project, safe='')}/preview"
    answer = client(config).call("POST", path, {"study": study, "instance": instance})
    if as_json:
        print_json(answer)
    else:
        _print_preview(answer, everything=everything)
    if answer["outcome"] != "released":
        raise typer.Exit(1)


def _print_preview(answer: dict[str, Any], *, everything: bool) -> None:
    reason = f": {answer['reason']}" if answer["reason"] else ""
    say(f"Instance {answer['instance']} of {answer['instances']}: {answer['outcome']}{reason}")
    for note in answer["notes"]:
        say(note)
    rows = [
        ["  " * one["depth"] + escape(one["keyword"] or one["tag"]), _cut(one["before"]), _cut(one["after"])]
        for one in answer["rows"]
        if everything or one["before"] != one["after"]
    ]
    print_table(("element", "before", "after"), rows)


def _cut(value: str) -> str:
    text = printable(value)
    return escape(text if len(text) <= _VALUE else text[: _VALUE - 1] + "…")


def process(
    study: _StudyArgument,
    project: Annotated[str, typer.Option(help="For this project.", autocompletion=project_names)],
    reason: Annotated[
        str,
        typer.Option(help="Recorded in the history with your user name; no identifiers.", show_default=False),
    ] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """De-identify and deliver a study of Orthanc now, for a project, whatever the projects' Match says."""
    required_reason(reason)
    path = f"/api/studies/{quote(study, safe='')}/deidentify"
    answer = client(config).call("POST", path, {"project": project, "reason": reason})
    if as_json:
        print_json(answer)
        return
    for batch in answer["batches"]:
        say(f"Batch {batch['id']}: {batch['state']}. `sendit batch {batch['id']}` follows it.")
