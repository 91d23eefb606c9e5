"""*Needs me*, the start page: everything that waits for a person, with its reason and the button that answers it."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from sendit.api.filters import BatchQuery
from sendit.api.pages.sources import Sources
from sendit.api.pages.totals import summed
from sendit.api.roles import Viewer
from sendit.model import UNFINISHED, BatchState

#: Maximum number of batches in review, and of imports, that are listed by themselves.
_MOST = 20
#: In these SendIt is at work.
_AT_WORK = UNFINISHED | {BatchState.RECEIVING}


def add(app: FastAPI, sources: Sources) -> None:
    """Add the page at /sendit/."""
    journal, views, shell = sources.pipeline.services.journal, sources.views, sources.shell

    @app.get("/", include_in_schema=False)
    def get_needs_me(request: Request, _viewer: Viewer) -> HTMLResponse:
        health, counts, today = shell.health(), views.counts(), datetime.now(UTC).date()
        imports = [summary for n in health["unseen_imports"][-_MOST:] if (summary := journal.imports.summary(n))]
        of_no_project = BatchQuery(limit=1, state=[BatchState.EMPTY], opened_from=today, reason="no project's Match")
        return shell.page(
            request,
            "needs_me.html",
            "needs-me",
            groups=journal.acknowledgements.waiting(),
            review=views.page(BatchQuery(limit=_MOST, state=[BatchState.REVIEW])).batches,
            in_review=counts.get(BatchState.REVIEW, 0),
            imports=imports[::-1],
            today=today,
            delivered=summed(journal.totals.of(today, today, by_day=False)),
            at_work=sum(counts.get(state, 0) for state in _AT_WORK),
            unmatched=views.page(of_no_project).total,
        )
