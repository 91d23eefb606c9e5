"""*Batch*: one batch with its history, instances, deliveries and receipts; and what a recall of it would take back."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse

from sendit.api.csv_text import attachment
from sendit.api.filters import LARGEST
from sendit.api.pages.sources import Sources
from sendit.api.problems import NOT_FOUND
from sendit.api.roles import Viewer
from sendit.api.schemas import Number
from sendit.errors import Misconfigured
from sendit.journal.lists.counts import NEED_A_LOOK
from sendit.model import RETRYABLE, STOPPABLE, BatchState
from sendit.pipeline.readback.verify import VERIFIABLE

#: Instances on one page.
_INSTANCES = 100
#: A recall of these takes something back, or tries again.
_RECALLABLE = frozenset(
    {BatchState.DELIVERING, BatchState.SENT, BatchState.DONE, BatchState.FAILED, BatchState.RECALL_FAILED}
)
#: These can be cancelled or held: not all of it was sent.


def add(app: FastAPI, sources: Sources) -> None:
    """Add the pages of one batch, and the download of its receipts."""
    _add_batch(app, sources)
    _add_recall(app, sources)
    _add_receipts(app, sources)


def _add_batch(app: FastAPI, sources: Sources) -> None:
    journal = sources.pipeline.services.journal

    @app.get("/batches/{batch_id}", include_in_schema=False)
    def get_batch_page(
        request: Request, _viewer: Viewer, batch_id: Number, first: Annotated[int, Query(ge=1, le=LARGEST)] = 1
    ) -> HTMLResponse:
        batch = sources.views.detail(batch_id)
        return sources.shell.page(
            request,
            "batch.html",
            "batches",
            batch=batch,
            instances=journal.batches.numbered(batch_id, first, _INSTANCES),
            first=first,
            most=_INSTANCES,
            retryable=batch.state in RETRYABLE,
            hasty=batch.next_attempt_at is not None or any(d.next_attempt_at for d in batch.deliveries),
            unseen=batch.state in NEED_A_LOOK and batch.acknowledged is None,
            verifiable=batch.state in VERIFIABLE,
            recallable=batch.state in _RECALLABLE,
            stoppable=batch.state in STOPPABLE,
        )


def _add_recall(app: FastAPI, sources: Sources) -> None:
    @app.get("/batches/{batch_id}/recall", include_in_schema=False)
    def get_recall_page(request: Request, _viewer: Viewer, batch_id: Number) -> HTMLResponse:
        batch, recaller = sources.views.detail(batch_id), sources.pipeline.recaller
        try:
            numbers, refusal = recaller.batches_of(recaller.studies_of_batch(batch_id)), ""
        except Misconfigured as error:
            numbers, refusal = [], f"{error.problem}. {error.remedy}"
        affected = [one for number in numbers if (one := sources.views.batch(number)) is not None]
        return sources.shell.page(
            request, "recall.html", "batches", refresh=0, batch=batch, affected=affected, refusal=refusal
        )


def _add_receipts(app: FastAPI, sources: Sources) -> None:
    journal = sources.pipeline.services.journal

    @app.get("/api/batches/{batch_id}/receipts", tags=["batches"], responses=NOT_FOUND)
    def get_receipts(batch_id: Number, _viewer: Viewer) -> JSONResponse:
        """Return the receipts of the released instances, in the order of the manifest, as a file to keep."""
        batch = sources.views.row(batch_id)
        receipts = [receipt for _, receipt in journal.batches.receipts(batch_id)]
        named = attachment(f"receipts-{batch_id}.json")
        content = {"batch": batch_id, "project": batch.project, "manifest": batch.manifest, "receipts": receipts}
        return JSONResponse(content, headers=named)
