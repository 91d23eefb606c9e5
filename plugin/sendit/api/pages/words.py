"""How values are said on the pages: states, sizes, actors, times."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sendit.api.schemas import BatchAnswer, DeliveryAnswer, EventAnswer
from sendit.errors import counted
from sendit.journal.lists.acknowledgements import SEEN
from sendit.journal.writing import SYSTEM, Event
from sendit.model import BatchState, DeliveryState

#: Meaning of each state for the person who reads it.
_STATES: Mapping[BatchState, str] = {
    BatchState.RECEIVING: "instances are still arriving",
    BatchState.QUEUED: "waits for de-identification",
    BatchState.PROCESSING: "is being de-identified and checked",
    BatchState.REVIEW: "waits for a reviewer",
    BatchState.DELIVERING: "is being delivered and read back",
    BatchState.SENT: "delivered and read back; cleaning up",
    BatchState.DONE: "delivered, read back, finished",
    BatchState.QUARANTINED: "held until a person decides",
    BatchState.EMPTY: "no instance is to be sent",
    BatchState.FAILED: "stopped: an operator is needed",
    BatchState.CANCELLED: "cancelled; nothing was sent",
    BatchState.RECALLING: "is being removed from its destinations",
    BatchState.RECALLED: "removed from every destination",
    BatchState.RECALL_FAILED: "something of it is left at a destination",
}

_TONES: Mapping[str, str] = {
    **dict.fromkeys(
        ("DONE", "SENT", "VERIFIED", "RELEASED", "reachable", "IMPORTED", "RECALLED", "COMPLETE", "FOUND"), "good"
    ),
    **dict.fromkeys(
        ("FAILED", "QUARANTINED", "RECALL_FAILED", "unreachable", "refused", "ERRORS", "held", "REJECTED"), "bad"
    ),
    **dict.fromkeys(
        (
            "REVIEW",
            "EMPTY",
            "RETRYING",
            "PAUSED",
            "paused",
            "outside its window",
            "INTERRUPTED",
            "PARTIAL",
            "NOT_FOUND",
            "INCOMPLETE",
        ),
        "warn",
    ),
    **dict.fromkeys(("PROCESSING", "DELIVERING", "SENDING", "RECALLING", "RUNNING"), "busy"),
}


def tone(state: str) -> str:
    """Return the class of a state's badge: good, bad, warn, busy or calm."""
    return _TONES.get(str(state), "calm")


def label(state: str) -> str:
    """Return a state as words: RECALL_FAILED → Recall failed."""
    return str(state).replace("_", " ").capitalize()


def attention(health: Mapping[str, Any]) -> int:
    """Return how many things need an operator."""
    kinds = (is_destination_problem, is_pull_problem, is_room_problem, is_worker_problem, is_certificate_problem)
    outside = sum(any(kind(one) for kind in kinds) for one in health["problems"])
    return len(health["faults"]) + len(health["unseen_batches"]) + len(health["unseen_imports"]) + outside


def is_destination_problem(problem: str) -> bool:
    """Return whether a problem of GET /api/health is that of a destination."""
    return problem.startswith("destination ")


def is_named_in(destination: str, reason: str) -> bool:
    """Return whether the reason of a failed batch names a destination: "archive: it does not answer; bucket: …"."""
    return any(one.startswith(f"{destination}: ") for one in reason.split("; "))


def is_pull_problem(problem: str) -> bool:
    """Return whether a problem of GET /api/health is that of a pull whose source does not answer."""
    return problem.startswith("pull ")


def is_room_problem(problem: str) -> bool:
    """Return whether a problem of GET /api/health is that imports and pulls wait for room."""
    return problem.startswith("imports and pulls wait")


def is_certificate_problem(problem: str) -> bool:
    """Return whether a problem of GET /api/health is that a certificate has expired, or cannot be read."""
    return problem.startswith("the certificate of ")


def is_worker_problem(problem: str) -> bool:
    """Return whether a problem of GET /api/health is that batches wait for another worker, which does not run."""
    return "for a worker that does not run" in problem


def split_destination(problem: str) -> tuple[str, str, str]:
    """Return the name, the state and the reason of a problem of a destination."""
    status, _, reason = problem.removeprefix("destination ").partition(": ")
    name, _, state = status.rpartition(" is ")
    return name, state, reason


def down(problems: Iterable[str]) -> str:
    """Return which destinations take nothing, in one sentence; "" if all do."""
    troubles = [problem for problem in problems if is_destination_problem(problem)]
    if len(troubles) < 2:
        return capital(troubles[0]) if troubles else ""
    names = ", ".join(split_destination(problem)[0] for problem in troubles)
    return f"{len(troubles)} destinations take nothing: {names}"


def meaning(state: str) -> str:
    """Return what a batch's state means; "" for other states."""
    return _STATES.get(BatchState(state), "") if state in list(BatchState) else ""


def size(number: int | None) -> str:
    """Return a number of bytes as a person reads it."""
    if number is None:
        return "–"
    value, unit = float(number), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if value >= 100 or unit == "B" else f"{value:.1f} {unit}"


def count(number: int | None) -> str:
    """Return a number with thin spaces between thousands."""
    return "–" if number is None else f"{number:,}".replace(",", "\u202f")


def plural(number: int, one: str, many: str | None = None) -> str:
    """Return "1 image", "2 images"."""
    return counted(number, one, many, shown=count)


def duration(seconds: float) -> str:
    """Return a span of time as a person reads it: 40 min, 3 h 20 min, 5 days."""
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{max(1, minutes)} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes < 48 * 60 else f"{round(minutes / 60 / 24)} days"


def who(actor: str) -> str:
    """Return an actor as a person reads it."""
    kind, _, name = actor.partition(":")
    if actor == SYSTEM:
        return "SendIt"
    return f"{name} (command line)" if kind == "cli" else name or actor


def utc(at: datetime | None) -> str:
    """Return a time in UTC, to the second."""
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def iso(at: datetime) -> str:
    """Return a time for `<time datetime>`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def why(batch: BatchAnswer) -> str:
    """Return the reason of a batch, or what its deliveries wait for."""
    if batch.reason:
        return batch.reason
    return "; ".join(f"{d.destination}: {waits_for(d)}" for d in batch.deliveries if waits_for(d))


def because(reason: str) -> str:
    """Return why a batch waits for a person, without saying that it does."""
    return reason.removeprefix("waits for a person: ")


def is_set_aside(reason: str | None) -> bool:
    """Return whether a batch is held or cancelled because a person wanted it."""
    return (reason or "").endswith((" by a person", " by a reviewer"))


def set_aside(reason: str | None, events: Sequence[Event | EventAnswer]) -> str:
    """Return the reason of a batch; of one that a person has set aside, with their name and their words."""
    act = next((one for one in reversed(events) if one.actor != SYSTEM and not one.message.endswith(SEEN)), None)
    if reason is None or act is None or not is_set_aside(reason):
        return reason or ""
    return f"{reason.rpartition(' by ')[0]} by {who(act.actor)}" + (f": {act.reason}" if act.reason else "")


def waits_for(delivery: DeliveryAnswer) -> str:
    """Return what a delivery waits for, "" if it does not wait."""
    if delivery.state is DeliveryState.PAUSED:
        return "paused" if delivery.next_attempt_at is None else "paused until its window opens"
    if delivery.state is DeliveryState.FAILED or delivery.next_attempt_at is not None:
        return delivery.last_error or ""
    return ""


def to_json(value: Any) -> str:
    """Return JSON for an attribute, which is escaped like every value."""
    return json.dumps(value, default=str)


def capital(text: str) -> str:
    """Return a sentence with a capital letter; a name before a colon keeps its own."""
    first = text.partition(" ")[0]
    return text if first.endswith(":") else text[:1].upper() + text[1:]


FILTERS: Mapping[str, Callable[..., Any]] = {
    "tone": tone,
    "label": label,
    "meaning": meaning,
    "down": down,
    "size": size,
    "count": count,
    "plural": plural,
    "duration": duration,
    "who": who,
    "utc": utc,
    "iso": iso,
    "why": why,
    "because": because,
    "set_aside": set_aside,
    "waits_for": waits_for,
    "to_json": to_json,
    "capital": capital,
}
