"""*Review*: the queue of studies that wait for a person, the images of one of them, and headers before and after."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse

from sendit.api.filters import LARGEST, one_page
from sendit.api.pages.shell import Sources
from sendit.api.roles import Viewer
from sendit.api.schemas import Number
from sendit.model import BatchState

#: Batches on one page of the queue.
_MOST = 50

#: States in which a reviewer may decide.
_OPEN = frozenset({BatchState.REVIEW, BatchState.QUARANTINED})

Waiting = Literal["REVIEW", "QUARANTINED"]
StateParameter = Annotated[Waiting, Query(description="wait for a review, or are held")]
ProjectParameter = Annotated[str | None, Query(max_length=64)]


def add(app: FastAPI, sources: Sources) -> None:
    """Add the pages at /sendit/review, /sendit/batches/{id}/review and /sendit/batches/{id}/instances/{n}/header."""
    _add_queue(app, sources)
    _add_review(app, sources)
    _add_header(app, sources)


def _add_queue(app: FastAPI, sources: Sources) -> None:
    batches = sources.pipeline.services.journal.batches

    @app.get("/review", include_in_schema=False)
    def get_queue(
        request: Request,
        _viewer: Viewer,
        state: StateParameter = "REVIEW",
        project: ProjectParameter = None,
        after: Annotated[int, Query(ge=0, le=LARGEST)] = 0,
    ) -> HTMLResponse:
        rows, last = one_page(
            lambda most: batches.in_queue(BatchState(state), project or None, after, most), _MOST, lambda one: one.id
        )
        return sources.shell.page(
            request,
            "review_queue.html",
            "review",
            state=state,
            project=project,
            projects=list(sources.pipeline.services.settings.projects),
            counts=sources.views.counts(),
            batches=rows,
            after=last,
            query=_query(state, project),
        )


def _add_review(app: FastAPI, sources: Sources) -> None:
    views, shell = sources.views, sources.shell
    batches = sources.pipeline.services.journal.batches

    @app.get("/batches/{batch_id}/review", include_in_schema=False)
    def get_review(
        request: Request,
        _viewer: Viewer,
        batch_id: Number,
        state: StateParameter = "REVIEW",
        project: ProjectParameter = None,
    ) -> HTMLResponse:
        batch = views.existing(batch_id)
        kind, me = BatchState(state), shell.me(request)
        later = batches.in_queue(kind, project or None, batch_id, 1)
        earlier = batches.before_in_queue(kind, batch_id, project or None)
        query = _query(state, project)
        return shell.page(
            request,
            "review.html",
            "review",
            refresh=0,
            batch=batch,
            next=f"batches/{later[0].id}/review{query}" if later else "",
            previous="" if earlier is None else f"batches/{earlier}/review{query}",
            queue=f"review{query}",
            may_look=me.may("REVIEW") or me.may("LOOK_UP"),
            may_decide=me.may("REVIEW") and batch.state in _OPEN,
            may_release=me.may("RELEASE") and batch.state in _OPEN,
        )


def _add_header(app: FastAPI, sources: Sources) -> None:
    @app.get("/batches/{batch_id}/instances/{number}/header", include_in_schema=False)
    def get_header(request: Request, _viewer: Viewer, batch_id: Number, number: Number) -> HTMLResponse:
        batch = sources.views.existing(batch_id)
        return sources.shell.page(
            request, "header.html", "batches", refresh=0, batch=batch, number=number, count=batch.received
        )


def _query(state: Waiting, project: str | None) -> str:
    """Return the query that keeps the filter of the queue; "" for all that waits."""
    chosen = {"state": state} if state != "REVIEW" else {}
    query = urlencode({**chosen, **({"project": project} if project else {})})
    return f"?{query}" if query else ""
