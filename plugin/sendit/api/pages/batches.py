"""*Batches*: all of them, filtered by the address; actions on a selection, or on all that match."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse

from sendit.api.filters import BatchFilter, BatchQuery
from sendit.api.pages.shell import Sources
from sendit.api.roles import Viewer
from sendit.model import BatchState, DeliveryState
from sendit.pipeline.actions import ActionRun

#: An action that has ended is shown for so long.
_RECENT = timedelta(minutes=10)


def add(app: FastAPI, sources: Sources) -> None:
    """Add the page at /sendit/batches."""
    views, settings = sources.views, sources.pipeline.services.settings

    @app.get("/batches", include_in_schema=False)
    def get_batches_page(request: Request, _viewer: Viewer, query: Annotated[BatchQuery, Query()]) -> HTMLResponse:
        chosen = _chosen(query)
        page = views.page(query)
        return sources.shell.page(
            request,
            "batches.html",
            "batches",
            page=page,
            chosen=chosen,
            more=bool(chosen.keys() - {"project", "state", "modality", "destination"}),
            counts=views.counts(),
            states=list(BatchState),
            deliveries=list(DeliveryState),
            projects=list(settings.projects),
            runs=_recent(sources.actions.runs()),
            destinations=list(settings.destinations),
            link=_link(chosen),
            older=_link({**chosen, "before": page.next}) if page.next is not None else "",
            newer=_link({**chosen, "after": page.previous}) if page.previous is not None else "",
            without_state=_link({name: value for name, value in chosen.items() if name != "state"}),
        )


def _recent(runs: list[ActionRun]) -> list[ActionRun]:
    """Return the actions that go on, or ended a moment ago."""
    since = datetime.now(UTC) - _RECENT
    return [run for run in runs if run.finished_at is None or run.finished_at > since]


def _chosen(query: BatchQuery) -> dict[str, Any]:
    """Return what the filter gives, as JSON has it."""
    values = query.model_dump(mode="json", include=set(BatchFilter.model_fields))
    return {name: value for name, value in values.items() if value not in (None, "", [])}


def _link(values: dict[str, Any]) -> str:
    """Return a query; several states are separated by commas, because Orthanc passes on one value of a name."""
    return "?" + urlencode({k: ",".join(v) if isinstance(v, list) else v for k, v in values.items()}, safe=",")
