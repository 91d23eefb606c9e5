"""*Needs me*, the start page: everything that waits for a person, with its reason and the button that answers it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from sendit.api.filters import BatchQuery
from sendit.api.pages.shell import Sources
from sendit.api.pages.totals import summed
from sendit.api.pages.words import because, is_destination_problem, set_aside, split_destination, why
from sendit.api.queries import Views
from sendit.api.roles import Viewer
from sendit.api.schemas import BatchAnswer
from sendit.journal import Journal
from sendit.journal.lists.acknowledgements import Unacknowledged
from sendit.model import UNFINISHED, BatchState, DeliveryState


@dataclass(frozen=True, slots=True)
class Down:
    """A destination that takes nothing, and the batches that wait for it."""

    name: str
    state: str
    reason: str
    waiting: int
    retrying: int
    failed: int
    batches: list[int]


@dataclass(frozen=True, slots=True)
class Reviews:
    """Batches of a project that wait for a reviewer for the same reason."""

    why: str
    batches: list[BatchAnswer]


#: Maximum number of batches in review, and of imports, that are listed by themselves.
_MOST = 20
#: Maximum number of batches that are named of those that wait for a destination.
_NAMED = 8
#: The part of a reason that says of how many instances of the batch it is true.
_COUNT = re.compile(r" \(\d+ instances?\)")
_WAITING = (DeliveryState.WAITING, DeliveryState.SENDING, DeliveryState.RETRYING)
#: In these SendIt is at work.
_AT_WORK = UNFINISHED | {BatchState.RECEIVING}


def add(app: FastAPI, sources: Sources) -> None:
    """Add the page at /sendit/."""
    journal, views, shell = sources.pipeline.services.journal, sources.views, sources.shell

    @app.get("/", include_in_schema=False)
    def get_needs_me(request: Request, _viewer: Viewer) -> HTMLResponse:
        health, counts, today = shell.health(), views.counts(), datetime.now(UTC).date()
        imports = [summary for n in health["unseen_imports"][-_MOST:] if (summary := journal.imports.summary(n))]
        groups = journal.acknowledgements.waiting()
        in_review = views.page(BatchQuery(limit=_MOST, state=[BatchState.REVIEW])).batches
        of_no_project = BatchQuery(limit=1, state=[BatchState.EMPTY], opened_from=today, reason="no project's Match")
        return shell.page(
            request,
            "needs_me.html",
            "needs-me",
            groups=groups,
            reasons={one.batches[0]: _reason(journal, one) for one in groups},
            down=_down(journal, views, health["problems"]),
            review=reviews_of(in_review),
            listed=len(in_review),
            in_review=counts.get(BatchState.REVIEW, 0),
            imports=imports[::-1],
            today=today,
            delivered=summed(journal.totals.of(today, today, by_day=False)),
            at_work=sum(counts.get(state, 0) for state in _AT_WORK),
            unmatched=views.page(of_no_project).total,
        )


def reviews_of(batches: Iterable[BatchAnswer]) -> list[Reviews]:
    """Return the batches in groups of one project and one reason, the oldest first."""
    groups: dict[tuple[str | None, str], list[BatchAnswer]] = {}
    for batch in sorted(batches, key=lambda one: one.id):
        reason = _COUNT.sub("", because(why(batch)))
        groups.setdefault((batch.project, reason), []).append(batch)
    return [Reviews(reason, group) for (_, reason), group in groups.items()]


def _reason(journal: Journal, group: Unacknowledged) -> str:
    """Return why the batches of a group wait; of a single one that a person has set aside, in the person's words."""
    return set_aside(group.reason, journal.batches.history(group.batches[0]) if len(group.batches) == 1 else [])


def _down(journal: Journal, views: Views, problems: Iterable[str]) -> list[Down]:
    states = journal.deliveries.summary()
    destinations = []
    for name, state, reason in map(split_destination, filter(is_destination_problem, problems)):
        batches = states[name][0] if name in states else {}
        waiting = batches.get(DeliveryState.WAITING, 0) + batches.get(DeliveryState.SENDING, 0)
        retrying, failed = batches.get(DeliveryState.RETRYING, 0), batches.get(DeliveryState.FAILED, 0)
        of_it = BatchQuery(limit=_NAMED, destination=name, delivery=list(_WAITING)) if waiting or retrying else None
        numbers = [batch.id for batch in views.page(of_it).batches] if of_it else []
        destinations.append(Down(name, state, reason, waiting, retrying, failed, numbers))
    return destinations
