"""Routes of exports: what became of batches, and the receipts of their instances, as a table or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import FastAPI, Query
from fastapi.responses import StreamingResponse
from pydantic import Field

from sendit.api.csv_text import CSV, CSV_CONTENT, attachment, lines
from sendit.api.filters import LARGEST, BatchFilter
from sendit.api.problems import Responses
from sendit.api.roles import Viewer
from sendit.journal import Journal
from sendit.journal.lists.pages import Filter
from sendit.model import Batch, Instance

Row: TypeAlias = dict[str, Any]

#: The columns of the program whose place SendIt takes, and then those that it did not have.
METRICS = ("batch", "start", "finish", "elapsed", "size", "status", "project", "images")
RECEIPTS = (
    "batch", "project", "state", "reason", "patient_id", "study_instance_uid", "series_instance_uid",
    "sop_instance_uid", "sop_class_uid", "transfer_syntax_uid", "modality", "study_date", "accession_number",
    "output_size", "output_sha256", "output_md5", "plan_sha256", "leak_check", "pixels", "actions", "repairs",
    "lost_meaning", "review",
)  # fmt: skip
_CHUNK = 500
_CONTENT: Responses = {200: {"content": {**CSV_CONTENT, "application/json": {"schema": {"type": "array"}}}}}


class MetricsQuery(BatchFilter):
    """Which batches, and how."""

    format: Literal["csv", "json"] = "csv"


class ReceiptsQuery(MetricsQuery):
    """Which batches, and how."""

    batch: int | None = Field(default=None, ge=1, le=LARGEST, description="this batch alone")


def add_routes(app: FastAPI, journal: Journal) -> None:
    """Add /api/export/metrics and /api/export/receipts."""

    @app.get("/api/export/metrics", tags=["batches"], response_class=StreamingResponse, responses=_CONTENT)
    def get_metrics(_viewer: Viewer, query: Annotated[MetricsQuery, Query()]) -> StreamingResponse:
        """Return batch, start, finish, elapsed seconds, bytes, status, project, images of each batch, oldest first."""
        rows = metrics_rows(journal, query.wanted())
        return _answer(METRICS, rows, query.format, "sendit-metrics")

    @app.get("/api/export/receipts", tags=["batches"], response_class=StreamingResponse, responses=_CONTENT)
    def get_receipts(_viewer: Viewer, query: Annotated[ReceiptsQuery, Query()]) -> StreamingResponse:
        """Return the outcome of each instance, with its receipt if it was released: coded values only."""
        rows = receipt_rows(journal, query.wanted(), query.batch)
        return _answer(RECEIPTS, rows, query.format, "sendit-receipts")


def metrics_rows(journal: Journal, wanted: Filter) -> Iterator[Row]:
    """Yield a row for each batch that a filter finds, oldest first."""
    for batch in _batches(journal, wanted):
        end = batch.ended_at
        elapsed = round(((end or datetime.now(UTC)) - batch.opened_at).total_seconds(), 3)
        finish = None if end is None else end.isoformat()
        yield dict(zip(METRICS, (batch.id, batch.opened_at.isoformat(), finish, elapsed, batch.size,
                                 str(batch.state), batch.project, batch.received), strict=True))  # fmt: skip


def receipt_rows(journal: Journal, wanted: Filter, number: int | None = None) -> Iterator[Row]:
    """Yield a row for each instance of the batches that a filter finds; of one batch alone if a number is given."""
    one = None if number is None else journal.batches.get(number)
    batches = _batches(journal, wanted) if number is None else iter([one] if one is not None else [])
    for batch in batches:
        for instance in journal.batches.instances(batch.id):
            yield _receipt_row(batch, instance)


def _receipt_row(batch: Batch, instance: Instance) -> Row:
    outward = instance.receipt.outward() if instance.receipt is not None else {}
    row: Row = {"batch": batch.id, "project": batch.project, "state": str(instance.state), "reason": instance.reason}
    return row | {name: outward.get(name) for name in RECEIPTS[len(row) :]}


def _batches(journal: Journal, wanted: Filter) -> Iterator[Batch]:
    after: int | None = 0
    while after is not None:
        page = journal.batches.page(wanted, _CHUNK, after=after)
        yield from reversed(page.batches)
        after = page.previous


def _answer(columns: tuple[str, ...], rows: Iterable[Row], form: str, name: str) -> StreamingResponse:
    headers = attachment(f"{name}.{form}")
    if form == "csv":
        table = ([_cell(row[column]) for column in columns] for row in rows)
        return StreamingResponse(lines(columns, table), media_type=CSV, headers=headers)
    return StreamingResponse(_json(rows), media_type="application/json", headers=headers)


def _json(rows: Iterable[Row]) -> Iterator[str]:
    """Yield an array, an object a line."""
    comma = "[\n"
    for row in rows:
        yield comma + json.dumps(row)
        comma = ",\n"
    yield "[]\n" if comma == "[\n" else "\n]\n"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value, sort_keys=True) if isinstance(value, (dict, list, tuple)) else str(value)
