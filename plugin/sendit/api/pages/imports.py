"""*Imports and folders*: what came by folder, what was not imported and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from sendit.api.filters import Before, one_page
from sendit.api.pages.shell import Sources
from sendit.api.problems import problem
from sendit.api.roles import Viewer
from sendit.api.schemas import Number
from sendit.config.variants import projects_proper

_PAGE = 50


def add(app: FastAPI, sources: Sources) -> None:
    """Add the pages of imports."""
    services, shell = sources.pipeline.services, sources.shell
    imports = services.journal.imports

    @app.get("/imports", include_in_schema=False)
    def get_imports_page(request: Request, _viewer: Viewer, before: Before = None) -> HTMLResponse:
        numbers, after = one_page(lambda most: imports.page(most, before), _PAGE, int)
        shown = [summary for number in numbers if (summary := imports.summary(number))]
        return shell.page(
            request,
            "imports.html",
            "imports",
            refresh=_refresh(shown),
            imports=shown,
            next=after,
            before=before,
            folders=services.settings.watched_folders,
            projects=projects_proper(services.settings),
        )

    @app.get("/imports/{import_id}", include_in_schema=False)
    def get_import_page(request: Request, _viewer: Viewer, import_id: Number) -> HTMLResponse:
        summary = imports.summary(import_id)
        if summary is None:
            raise problem(404, f"there is no import {import_id}", "The page Imports lists them.")
        return shell.page(
            request,
            "import.html",
            "imports",
            refresh=_refresh([summary]),
            one=summary,
            actor=imports.actor(import_id) or "",
            outcomes=imports.outcomes(import_id),
        )


def _refresh(shown: Sequence[Mapping[str, Any]]) -> int | None:
    """Return how often the page is to look: the files of an import are counted without a sign in the cursor."""
    return 4 if any(one["state"] == "RUNNING" for one in shown) else None
