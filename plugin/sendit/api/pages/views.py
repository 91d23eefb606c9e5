"""The addresses of the pages. Each view is a module that reads what it shows; this one registers them all."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from sendit.api.pages import (
    audit,
    batch,
    batches,
    certificate,
    crosswalk,
    destinations,
    imports,
    needs_me,
    projects,
    pulls,
    review,
    risk,
    study,
    totals,
)
from sendit.api.pages.shell import Sources
from sendit.api.problems import MISSING
from sendit.api.roles import Viewer

_VIEWS: Sequence[Callable[[FastAPI, Sources], None]] = (
    needs_me.add,
    batches.add,
    batch.add,
    review.add,
    certificate.add,
    study.add,
    imports.add,
    pulls.add,
    destinations.add,
    projects.add,
    risk.add,
    crosswalk.add,
    totals.add,
    audit.add,
)


def add_pages(app: FastAPI, sources: Sources) -> None:
    """Add all pages."""
    for add in _VIEWS:
        add(app, sources)

    @app.get(f"/{MISSING}", include_in_schema=False)
    def get_missing(request: Request, _viewer: Viewer) -> HTMLResponse:
        return sources.shell.page(request, "missing.html", "", refresh=0)
