"""The commands `sendit batches`, `sendit batch` and `sendit acknowledge`."""

from __future__ import annotations

from itertools import groupby
from typing import Annotated, Any

import typer
from rich.markup import escape

from sendit.cli.common import ConfigOption, JsonOption, client, print_json, say, utc
from sendit.cli.lists.filters import Chosen, filtered, nothing_matches
from sendit.cli.lists.tables import STYLES, print_batches

_ALL = Chosen()


@filtered()
def batches(
    config: ConfigOption = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="Number of batches to show.")] = 20,
    before: Annotated[int | None, typer.Option(min=1, help="Only batches older than this one.")] = None,
    chosen: Chosen = _ALL,
    as_json: JsonOption = False,
) -> None:
    """List the batches that match all given filters, newest first."""
    worker = client(config)
    page = worker.call("GET", f"/api/batches?{chosen.as_query(limit=limit, before=before)}")
    if as_json:
        print_json(page)
        return
    if page["batches"]:
        print_batches(page["batches"])
    elif not page["next"]:
        filtered_by = chosen.as_dict() or before
        say(nothing_matches(chosen, worker) if filtered_by else "No batch yet: send a study to Orthanc.")
    if page["next"]:
        count = f"{page['total']:,}" if page["total_is_exact"] else f"more than {page['total']:,}"
        say(f"{count} batches; older ones: sendit batches --before {page['next']}")


def batch(
    number: Annotated[int, typer.Argument(min=1, help="The batch.", show_default=False)],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show one batch: its counts, its deliveries, why instances were not sent, and its history."""
    detail = client(config).call("GET", f"/api/batches/{number}")
    if as_json:
        print_json(detail)
    else:
        _show(detail)


#: What a person does about a batch that waits for one, by its state.
_NEXT = {
    "REVIEW": "sendit review show {0}; then: sendit review accept {0}, or reject, or hold",
    "QUARANTINED": "Remove the cause; then: sendit retry {0}, or: sendit acknowledge {0}",
    "FAILED": "Remove the cause; then: sendit retry {0}, or: sendit acknowledge {0}",
    "RECALL_FAILED": "Remove the rest at the destination by hand; then: sendit acknowledge {0}",
    "CANCELLED": "sendit retry {0} resumes it",
}


def _show(detail: dict[str, Any]) -> None:
    style = STYLES.get(detail["state"], "default")
    head = f"batch {detail['id']} of project {escape(detail['project'] or '–')}: [{style}]{detail['state']}[/]"
    say(head, markup=True)
    if detail["reason"]:
        say(f"  {detail['reason']}")
    if (then := _NEXT.get(detail["state"])) and not detail["acknowledged"]:
        say(f"  → {then.format(detail['id'])}")
    if seen := detail["acknowledged"]:
        reason = f": {seen['reason']}" if seen["reason"] else ""
        say(f"  acknowledged by {seen['actor']}, {utc(seen['at'])}{reason}")
    if detail["follows"]:
        say(f"  late instances of the study of batch {detail['follows']}")
    say(
        f"  received {detail['received']} = sent {detail['sent']} + rejected {detail['rejected']} + "
        f"quarantined {detail['quarantined']} + under way {detail['under_way']}"
        + (f" + recalled {detail['recalled']}" if detail["recalled"] else "")
    )
    for delivery in detail["deliveries"]:
        _show_delivery(delivery)
    for reason in detail["reasons"]:
        say(f"  {reason['count']} {reason['state']}: {reason['reason']}")
    for lost in detail["lost_meaning"]:
        say(f"  {lost['count']} without {lost['name']}, which a recipient can no longer read")
    for message, events in groupby(detail["events"], _event_text):
        first, *more = events  # a destination that is down for days repeats the same message
        times = f" ({len(more) + 1} times, until {utc(more[-1]['at'], seconds=True)})" if more else ""
        say(f"  [dim]{utc(first['at'], seconds=True)}[/] {escape(message)}{times}", markup=True)


def _event_text(event: dict[str, Any]) -> str:
    """Return what happened, the user who did it if there was one, and the reason."""
    by = f", by {event['actor']}" if event["actor"] != "system" else ""
    return f"{event['message']}{by}" + (f": {event['reason']}" if event["reason"] else "")


def _show_delivery(delivery: dict[str, Any]) -> None:
    state, until = delivery["state"], delivery["next_attempt_at"]
    shown = "paused" + (f" until {utc(until)}" if until else "") if state == "PAUSED" else state
    count = f"{delivery['sent']} acknowledged"
    if state in ("RECALLING", "RECALLED", "RECALL_FAILED"):
        left = f", up to {delivery['sent']} left" if state != "RECALLED" else ""
        count = f"{delivery['removed']} removed{left}"
    say(f"  to {delivery['destination']}: {shown}, {count}")
    if delivery["last_error"]:
        failures = delivery["failures"]
        times = f"failed {failures} time{'s' * (failures != 1)}" if failures else "failed"
        again = f"; next try at {utc(until, seconds=True)}" if until else ""
        say(f"    {times}: {delivery['last_error']}{again}")


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
