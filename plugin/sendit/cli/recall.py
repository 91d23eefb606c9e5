"""The commands `sendit recall` and `sendit certificate`."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer
from rich.markup import escape

from sendit.cli.common import (
    ConfigOption,
    JsonOption,
    YesOption,
    client,
    confirm,
    errors,
    print_json,
    print_table,
    project_names,
    required_reason,
    say,
    utc,
)
from sendit.client import Client

_NOTHING_LEFT = "Recalled already: no destination has any of it."


def recall(
    batch: Annotated[int | None, typer.Option(min=1, help="The study of this batch, with its late instances.")] = None,
    patient: Annotated[str | None, typer.Option(help="All studies of this patient: the coded PatientID.")] = None,
    project: Annotated[
        str | None, typer.Option(autocompletion=project_names, help="Needed if several projects use the code.")
    ] = None,
    reason: Annotated[
        str,
        typer.Option(
            help="Recorded in the batch history with your user name; do not include identifiers.", show_default=False
        ),
    ] = "",
    yes: YesOption = False,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait; the recall continues anyway.")] = 600,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Remove what was sent from every destination that allows it, and list where it could not be removed.

    No more instances of the study (of the patient) leave for this project. This cannot be undone.
    Exit code 1: a destination still has instances.
    """
    if (batch is None) == (patient is None):
        raise typer.BadParameter("give either --batch or --patient")
    required_reason(reason)
    worker = client(config)
    request = {"batch": batch, "patient": patient, "project": project, "reason": reason}
    affected = worker.call("POST", "/api/recalls", {**request, "preview": True})["batches"]
    if not affected and patient is None:  # a patient may still have to be held: only single studies were recalled
        _end(_NOTHING_LEFT, as_json=as_json)
        return
    if not yes:
        _confirm(affected)
    numbers = [recalled["id"] for recalled in worker.call("POST", "/api/recalls", request)["batches"]]
    if not numbers:
        _end(f"{_NOTHING_LEFT} Further studies are held.", as_json=as_json)
        return
    after = _watch(worker, numbers, wait)
    complete = all(recalled["state"] == "RECALLED" for recalled in after)
    if as_json:
        print_json({"complete": complete, "batches": after})
    else:
        _print_recalled(after)
        if not complete:
            say("Not complete. SendIt retries what failed temporarily; fix the rest, and recall again.")
    if not complete:
        raise typer.Exit(1)


def _end(message: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"complete": True, "batches": []})
    else:
        say(message)


def _confirm(affected: list[dict[str, Any]]) -> None:
    for batch in affected:
        places = ", ".join(d["destination"] for d in batch["deliveries"]) or "no destination yet"
        errors.print(f"batch {batch['id']} of project {batch['project']}: {batch['state']}, {places}")
    count = len(affected)
    batches = f"{count} batch{'es' * (count != 1)}" if affected else "further studies of this patient"
    confirm(f"{'Recall' if affected else 'Hold'} {batches}? This cannot be undone")


def _watch(worker: Client, numbers: list[int], wait: float) -> list[dict[str, Any]]:
    """Return the batches once every destination has removed them, or has failed to at least once."""
    deadline = time.monotonic() + wait
    with errors.status("recalling"):
        while True:
            batches = [worker.call("GET", f"/api/batches/{number}") for number in numbers]
            if not any(_pending(batch) for batch in batches) or time.monotonic() > deadline:
                return batches
            time.sleep(0.3)


def _pending(batch: dict[str, Any]) -> bool:
    """Return whether a destination has yet to answer, or all have removed it and the batch does not say so yet.

    The batch and its deliveries are read one after the other: the last one may have ended between.
    """
    if batch["state"] != "RECALLING":
        return False
    failed = [delivery for delivery in batch["deliveries"] if delivery["failures"]]
    waiting = [
        delivery for delivery in batch["deliveries"] if delivery["state"] == "RECALLING" and not delivery["failures"]
    ]
    return bool(waiting) or not failed


def _print_recalled(batches: list[dict[str, Any]]) -> None:
    rows, why = [], []
    for batch in batches:
        for delivery in batch["deliveries"]:
            left = "0" if delivery["state"] == "RECALLED" else str(delivery["sent"])
            rows.append([str(batch["id"]), escape(delivery["destination"]), str(delivery["removed"]), left])
            if delivery["state"] != "RECALLED":
                again = ", will be retried" if delivery["state"] == "RECALLING" else ""
                why.append(
                    f"  {batch['id']}, {delivery['destination']}: {delivery['last_error'] or 'not tried yet'}{again}"
                )
        if not batch["deliveries"]:
            rows.append([str(batch["id"]), "–", "0", "0"])
            why.append(f"  {batch['id']}: it never left")
    print_table(("batch", "destination", "removed", "left"), rows, ("removed", "left"))
    for line in why:
        say(line)


def certificate(
    batch: Annotated[int, typer.Argument(min=1, help="The number of the batch that was recalled.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Print the certificate of a recall: what was removed where, by whom and why, and what is left.

    Exit code 1: something is left at a destination.
    """
    recall = client(config).call("GET", f"/api/batches/{batch}/certificate")
    if as_json:
        print_json(recall)
    else:
        say(f"Recall of batch {recall['batch']} of {recall['project']}, study {recall['study']} of Orthanc")
        say(f"By {recall['actor']} at {utc(recall['recalled_at'])}: {recall['reason']}")
        say(f"Audit log: entry {recall['entry']}, {recall['entry_hash']}. Manifest: {recall['manifest'] or 'none'}")
        rows = [
            [
                escape(destination["destination"]),
                destination["state"],
                str(destination["removed"]),
                str(destination["left"]),
                escape(destination["problem"] or ""),
            ]
            for destination in recall["destinations"]
        ]
        print_table(("destination", "state", "removed", "left", "problem"), rows, ("removed", "left"))
        say("Complete: nothing of it is left." if recall["complete"] else "Not complete.")
    if not recall["complete"]:
        raise typer.Exit(1)
