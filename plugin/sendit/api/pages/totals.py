"""*Totals*: what was delivered per day, project and destination: studies, images, bytes."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse

from sendit.api.filters import Name
from sendit.api.pages.shell import Sources
from sendit.api.problems import problem
from sendit.api.roles import Viewer
from sendit.journal.lists.totals import Total

_DAYS, _MOST_DAYS = 30, 1_100


def add(app: FastAPI, sources: Sources) -> None:
    """Add the page at /sendit/totals."""
    totals, settings = sources.pipeline.services.journal.totals, sources.pipeline.services.settings

    @app.get("/totals", include_in_schema=False)
    def get_totals_page(
        request: Request,
        _viewer: Viewer,
        first: date | None = None,
        last: date | None = None,
        project: Annotated[Name | None, Query()] = None,
    ) -> HTMLResponse:
        until = last or datetime.now(UTC).date()
        begin = first or until - timedelta(days=_DAYS - 1)
        if not timedelta(0) <= until - begin < timedelta(days=_MOST_DAYS):
            raise problem(422, f"the span must have 1 to {_MOST_DAYS} days", "Change its first or last day.")
        one = project or None
        days = totals.of(begin, until, one)
        return sources.shell.page(
            request,
            "totals.html",
            "totals",
            refresh=15,
            first=begin,
            last=until,
            project=one or "",
            given=bool(first or last or one),
            projects=list(settings.projects),
            whole=summed(days),
            days=_by_day(days),
            by_project=totals.of(begin, until, one, by_day=False),
            by_destination=totals.of(begin, until, one, by_destination=True, by_day=False),
            series=json.dumps(_series(days, begin, until)),
        )


def summed(rows: list[Total]) -> dict[str, int]:
    """Return the sums of some totals."""
    return {name: sum(getattr(row, name) for row in rows) for name in ("studies", "batches", "instances", "size")}


def _by_day(rows: list[Total]) -> dict[date, dict[str, int]]:
    """Return the sums of each day that has any, the newest first."""
    days = dict.fromkeys(row.day for row in rows if row.day is not None)
    return {day: summed([row for row in rows if row.day == day]) for day in days}


def _series(rows: list[Total], first: date, last: date) -> dict[str, list[float]]:
    """Return what the charts draw: days as seconds since 1970, studies, and bytes."""
    sums = _by_day(rows)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return {
        "days": [datetime(d.year, d.month, d.day, tzinfo=UTC).timestamp() for d in days],
        "studies": [sums[d]["studies"] if d in sums else 0 for d in days],
        "size": [sums[d]["size"] if d in sums else 0 for d in days],
    }
