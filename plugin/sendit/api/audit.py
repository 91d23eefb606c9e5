"""Routes of the audit log: who did what, when and why; and whether it is as it was written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from sendit.api.csv_text import CSV, CSV_CONTENT, attachment, lines, wants_csv
from sendit.api.filters import LARGEST, Before, one_page
from sendit.api.problems import problem
from sendit.api.roles import Viewer
from sendit.api.schemas import Words
from sendit.journal.audit import Audit, AuditFilter, Entry

_COLUMNS = ("number", "at", "actor", "action", "project", "batch", "subject", "reason", "details", "redacted", "hash")
_PAGE = 50


class AuditEntry(BaseModel):
    """An act of a person."""

    number: int
    at: datetime
    actor: str
    action: str = Field(description="for example retry, acknowledge, recall, import, look, look-up, unlink")
    project: str | None
    batch: int | None
    subject: str = Field(description="what was acted on, by a code or a number")
    reason: str
    details: dict[str, Any]
    redacted: bool = Field(description="batch, subject, reason and details were removed: the project was unlinked")
    hash: str = Field(description="over this entry and the hash of the one before")


class AuditPage(BaseModel):
    """A page of the audit log, newest first."""

    entries: list[AuditEntry]
    next: int | None = Field(description="`before` of the next page; null at the end")


class AuditVerdictAnswer(BaseModel):
    """Whether the audit log is as it was written."""

    ok: bool
    entries: int = Field(description="entries that were read; if one is wrong, those before it")
    head: str = Field(description="hash of the last of them")
    broken: int | None = Field(description="number of the first entry that is not as it was written")
    problem: str
    has_head: bool | None = Field(description="whether the head that was asked for is in the chain")


def _in_utc(time: datetime) -> datetime:
    """Return a time in UTC; one without a time zone is of UTC.

    Raises:
        ValueError: in UTC it would be outside the years 1 to 9999.
    """
    try:
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise ValueError("this is not a time of the years 1 to 9999") from None


def _written_out(time: Any) -> Any:
    """Refuse a bare number, which pydantic would take for seconds since 1970."""
    if not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", str(time)):
        raise ValueError("write it as 2026-01-31T12:00:00Z")
    return time


Time: TypeAlias = Annotated[datetime, BeforeValidator(_written_out), AfterValidator(_in_utc)]
_Text: TypeAlias = Annotated[Words | None, Query(max_length=128)]
_Number: TypeAlias = Annotated[int | None, Query(ge=1, le=LARGEST)]


def add_routes(app: FastAPI, audit: Audit) -> None:
    """Add /api/audit and /api/audit/verify."""

    @app.get(
        "/api/audit",
        tags=["audit"],
        response_model=AuditPage,
        responses={200: {"content": CSV_CONTENT}},
    )
    def get_audit(
        request: Request,
        _viewer: Viewer,
        batch: _Number = None,
        project: _Text = None,
        actor: _Text = None,
        action: _Text = None,
        since: Annotated[Time | None, Query(description="UTC if no time zone is given")] = None,
        until: Annotated[Time | None, Query(description="not included")] = None,
        limit: Annotated[int | None, Query(ge=1, le=500, description="of one page; default 50")] = None,
        before: Before = None,
        form: Annotated[Literal["json", "csv"] | None, Query(alias="format")] = None,
    ) -> Response | AuditPage:
        """List who did what, newest first. As CSV (`format=csv`, or `Accept: text/csv`): all of it, in one answer."""
        wanted = AuditFilter(batch, project, actor, action, since, until)
        if wants_csv(request, form):
            if limit is not None or before is not None:
                raise problem(422, "CSV is not paged", "Leave out limit and before; use since and until.")
            text = as_csv(audit.all(wanted))
            return StreamingResponse(text, media_type=CSV, headers=attachment("audit.csv"))
        size = limit or _PAGE
        entries, after = one_page(lambda most: audit.page(wanted, most, before), size, lambda one: one.number)
        return AuditPage(entries=[AuditEntry(**asdict(one)) for one in entries], next=after)

    @app.get("/api/audit/verify", tags=["audit"])
    def get_verdict(
        _viewer: Viewer,
        head: Annotated[
            str | None,
            Query(pattern="^[0-9a-f]{64}$", description="a head noted earlier, which must still be in the chain"),
        ] = None,
    ) -> AuditVerdictAnswer:
        """Read the whole chain. Note the head elsewhere: it shows later whether what is there now was changed."""
        verdict = audit.verify(head)
        return AuditVerdictAnswer(ok=verdict.ok, **asdict(verdict))


def as_csv(entries: Iterable[Entry]) -> Iterator[str]:
    """Yield the lines of entries as CSV."""
    return lines(_COLUMNS, map(_row, entries))


def _row(one: Entry) -> list[str]:
    details = json.dumps(one.details, sort_keys=True) if one.details else ""
    batch = "" if one.batch is None else str(one.batch)
    return [
        str(one.number), one.at.isoformat(), one.actor, one.action, one.project or "", batch, one.subject, one.reason,
        details, "yes" if one.redacted else "", one.hash,
    ]  # fmt: skip
