"""Routes of counts and totals."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal

from fastapi import FastAPI, Query

from sendit.api.filters import Day, Name
from sendit.api.problems import problem
from sendit.api.roles import Viewer
from sendit.api.schemas import CountAnswer, CountsAnswer, TotalAnswer, TotalsAnswer
from sendit.journal import Journal
from sendit.journal.lists.counts import PROJECT
from sendit.model import BatchState

#: Days that a span holds unless its first day is given, and at most.
_DAYS, _MOST_DAYS = 30, 10_000


def add_routes(app: FastAPI, journal: Journal) -> None:
    """Add the routes."""

    @app.get("/api/counts", tags=["batches"])
    def get_counts(_viewer: Viewer) -> CountsAnswer:
        """Return how many batches each project has in each state."""
        rows = sorted(journal.counts.of(PROJECT), key=lambda row: (row.name, row.state))
        counts = [CountAnswer(project=x.name or None, state=BatchState(x.state), batches=x.number) for x in rows]
        return CountsAnswer(counts=counts)

    @app.get("/api/totals", tags=["batches"])
    def get_totals(
        _viewer: Viewer,
        first: Annotated[Day | None, Query(description="first day (UTC); default: 29 days earlier")] = None,
        last: Annotated[Day | None, Query(description="last day (UTC); default: today")] = None,
        project: Annotated[Name | None, Query()] = None,
        destination: Annotated[Name | None, Query()] = None,
        by: Annotated[
            Literal["project", "destination"],
            Query(description="what all destinations of a project hold, or what each of them holds"),
        ] = "project",
        each: Annotated[Literal["day", "span"], Query(description="a line for each day, or for the span")] = "day",
    ) -> TotalsAnswer:
        """Return what was delivered: studies, instances and bytes."""
        until = last or datetime.now(UTC).date()
        begin = first or date.fromordinal(max(1, until.toordinal() - _DAYS + 1))
        if (until - begin) > timedelta(days=_MOST_DAYS):
            raise problem(422, f"the span is longer than {_MOST_DAYS} days", "Give a later first day.")
        rows = journal.totals.of(
            begin, until, project, destination, by_destination=by == "destination", by_day=each == "day"
        )
        return TotalsAnswer(totals=[TotalAnswer(**asdict(row)) for row in rows])
