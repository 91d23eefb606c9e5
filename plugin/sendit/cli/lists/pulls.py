"""The commands `sendit pull` and `sendit pulls`."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from sendit.cli.common import (
    CANNOT,
    ConfigOption,
    JsonOption,
    client,
    errors,
    print_json,
    print_table,
    project_names,
    required_reason,
    say,
)
from sendit.cli.lists.tables import STYLES
from sendit.client import Client
from sendit.errors import Misconfigured

#: States of rows of which nothing has to be done.
_FINE = {"COMPLETE", "DUPLICATE", "FOUND"}
_ResultOption = Annotated[
    Path | None,
    typer.Option("--result", metavar="FILE", help="Write the outcome of every line of the list to this CSV file."),
]


def pull(
    cohort: Annotated[Path, typer.Argument(help="The list: CSV in UTF-8, with the names of its columns.")],
    source: Annotated[str, typer.Option("--from", metavar="NAME", help="A modality or DICOMweb server of Orthanc.")],
    project: Annotated[str, typer.Option(autocompletion=project_names, help="Project to which the studies go.")],
    check: Annotated[bool, typer.Option("--check", help="Ask what the source has; fetch nothing.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait until it ends. Otherwise it continues by itself.")] = True,
    result: _ResultOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Pull the studies of a cohort list from a PACS, for one project.

    Columns: AccessionNumber, PatientID or StudyInstanceUID; StudyDateFrom, StudyDateTo and Modality narrow them down.
    The pull goes on if this command is interrupted. Exit code 1: a row is not complete.
    """
    text = _read(cohort)
    worker = client(config, timeout=300)
    body = {"cohort": text, "source": source, "project": project, "only_check": check}
    now = worker.call("POST", "/api/pulls", body)
    if wait:
        now = _wait(worker, now)
        if result is not None:
            _write(result, str(worker.call("GET", f"/api/pulls/{now['id']}/result?format=csv")))
    if as_json:
        print_json(now)
    else:
        _show(worker, now)
    if now["state"] not in ("RUNNING", "DONE"):
        raise typer.Exit(1)


def pulls(
    number: Annotated[
        int | None, typer.Argument(min=1, help="Show this pull, with its rows.", show_default=False)
    ] = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="End this pull; what has arrived is de-identified.")] = False,
    result: _ResultOption = None,
    identifiers: Annotated[
        bool, typer.Option("--identifiers", help="With --result: also what each line asked for. Needs --reason.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Recorded with your user name; do not include identifiers.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500, help="Number of pulls to list.")] = 20,
    before: Annotated[int | None, typer.Option(min=1, help="Only pulls older than this one.")] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the pulls, newest first, or show one: the outcome of its rows, and the time left."""
    worker = client(config)
    if number is None:
        if cancel or result is not None:
            raise typer.BadParameter("give the number of a pull")
        older = "" if before is None else f"&before={before}"
        _list(worker.call("GET", f"/api/pulls?limit={limit}{older}"), as_json=as_json)
        return
    if identifiers and result is None:
        raise typer.BadParameter("name the file with --result")
    if cancel:
        worker.call("POST", f"/api/pulls/{number}/cancel", {"reason": reason})
    if result is not None:
        _write(result, _result(worker, number, reason, identifiers=identifiers))
    now = worker.call("GET", f"/api/pulls/{number}")
    if as_json:
        print_json({**now, **worker.call("GET", f"/api/pulls/{number}/result")})
    else:
        _show(worker, now)


def _read(cohort: Path) -> str:
    """Read the list, and end with every line that is wrong."""
    from sendit.importer.cohort.cohort_list import WrongList, read_list

    try:
        text = cohort.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Misconfigured(str(cohort), "it is not UTF-8 text", "Save the list as CSV UTF-8.") from None
    except OSError as error:
        raise Misconfigured(str(cohort), f"it cannot be read ({error.strerror})", "Name another file.") from None
    try:
        read_list(text)
    except WrongList as wrong:
        for fault in wrong.faults:
            errors.print(f"{cohort}, line {fault.line}: {fault.problem}", style="red")
        errors.print(f"sendit: {wrong.remedy}", style="red")
        raise typer.Exit(CANNOT) from None
    return text


def _wait(worker: Client, now: dict[str, Any]) -> dict[str, Any]:
    with errors.status("pulling") as spinner:
        while now["state"] == "RUNNING":
            spinner.update(f"pull {now['id']}: {_progress(now)}")
            time.sleep(0.5)
            now = worker.call("GET", f"/api/pulls/{now['id']}")
    return now


def _progress(now: dict[str, Any]) -> str:
    parts = [
        f"{now['studies_done']} of {now['studies']} studies",
        f"{now['images']} of {now['images_expected']} images",
    ]
    if now["seconds_left"]:
        parts.append(f"about {max(1, round(now['seconds_left'] / 60))} min left")
    if now["why"]:
        parts.append(now["why"])
    return ", ".join(parts)


def _result(worker: Client, number: int, reason: str, *, identifiers: bool) -> str:
    if not identifiers:
        return str(worker.call("GET", f"/api/pulls/{number}/result?format=csv"))
    answer = worker.call("POST", f"/api/pulls/{number}/identified-result", {"reason": required_reason(reason)})
    return str(answer["csv"])


def _write(path: Path, text: str) -> None:
    """Write the result for its owner alone: it may hold identifiers."""
    try:
        path.unlink(missing_ok=True)
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise Misconfigured(str(path), f"it cannot be written ({error.strerror})", "Name another file.") from None


def _show(worker: Client, now: dict[str, Any]) -> None:
    style = STYLES.get(now["state"], "default")
    what = "check" if now["only_check"] else "pull"
    head = f"{what} {now['id']} from {escape(now['source'])} for project {escape(now['project'])}"
    say(f"{head}: [{style}]{now['state']}[/]", markup=True)
    say(f"  {_progress(now)}")
    say(f"  rows: {_counts(now)}")
    if now["state"] == "RUNNING":
        say(f"  see: sendit pulls {now['id']}")
        return
    rows = worker.call("GET", f"/api/pulls/{now['id']}/result")["rows"]
    for row in (one for one in rows if one["state"] not in _FINE):
        say(f"  line {row['line']}: {row['state']}" + (f": {row['reason']}" if row["reason"] else ""))


def _counts(now: dict[str, Any]) -> str:
    return ", ".join(f"{count} {state}" for state, count in now["rows"].items()) or "none"


def _list(page: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(page)
        return
    cells = []
    for one in page["pulls"]:
        state = f"[{STYLES.get(one['state'], 'default')}]{one['state']}[/]"
        done = f"{one['studies_done']} of {one['studies']}"
        began = one["started_at"][5:16].replace("T", " ")
        cells.append([str(one["id"]), began, escape(one["project"]), escape(one["source"]), state, done])
    if cells:
        print_table(("pull", "began (UTC)", "project", "from", "state", "studies"), cells, ("pull", "studies"))
    else:
        say("No cohort was pulled yet.")
    if page["next"]:
        say(f"older ones: sendit pulls --before {page['next']}")
