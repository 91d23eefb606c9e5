"""The commands `sendit import` and `sendit imports`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from sendit.cli.common import ConfigOption, JsonOption, client, errors, print_json, print_table, project_names, say
from sendit.client import Client


def import_(
    folder: Annotated[Path, typer.Argument(help="A folder of this machine.")],
    project: Annotated[
        str | None,
        typer.Option(autocompletion=project_names, help="Project of the files; optional if only one exists."),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Upload the DICOM files of a folder to Orthanc, for one project. No file is moved or deleted.

    Exit code 1: at least one file failed.
    """
    worker = client(config)
    body = {"folder": str(folder.resolve()), "project": project or _only_project(worker)}
    started = worker.call("POST", "/api/imports", body)
    with errors.status("importing") as spinner:
        while (now := worker.call("GET", f"/api/imports/{started['id']}"))["state"] == "RUNNING":
            spinner.update(f"importing: {_outcomes(now) or 'no files yet'}")
            time.sleep(0.3)
    if as_json:
        print_json(now)
    else:
        say(f"import {now['id']}: {_outcomes(now) or 'nothing to import, the folder contains no files'}")
    if now["state"] != "DONE":
        raise typer.Exit(1)


def _only_project(worker: Client) -> str:
    names: list[str] = worker.call("GET", "/api/health")["projects"]
    if len(names) != 1:
        raise typer.BadParameter(f"choose one with --project: {', '.join(names) or 'none is configured'}")
    return names[0]


def _outcomes(answer: dict[str, Any]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in sorted(answer["files"].items()))


def imports(
    number: Annotated[int | None, typer.Argument(min=1, help="One import: what became of its files, and why.")] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the newest imports of folders, or show one: the outcome of its files, with reasons."""
    answer = client(config).call("GET", "/api/imports" if number is None else f"/api/imports/{number}")
    if as_json:
        print_json(answer)
    elif number is None:
        _print_imports(answer["imports"])
    else:
        say(f"import {answer['id']} of project {answer['project']}: {answer['state']}, by {answer['actor']}")
        rows = [[str(one["files"]), one["outcome"], escape(one["reason"] or "")] for one in answer["outcomes"]]
        print_table(("files", "outcome", "reason"), rows, ("files",))


def _print_imports(all_: list[dict[str, Any]]) -> None:
    if not all_:
        say("No folder was imported.")
        return
    rows = [
        [
            str(one["id"]),
            one["started_at"][:16].replace("T", " "),
            escape(one["project"]),
            one["state"],
            escape(_outcomes(one)),
        ]
        for one in all_
    ]
    print_table(("import", "began (UTC)", "project", "state", "files"), rows, ("import",))
