"""*Imports and folders*: what came by folder, what was not imported and why."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse

from sendit.api.filters import LARGEST
from sendit.api.pages.sources import Sources
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
    def get_imports_page(
        request: Request, _viewer: Viewer, before: Annotated[int | None, Query(ge=1, le=LARGEST)] = None
    ) -> HTMLResponse:
        numbers = imports.page(_PAGE + 1, before)
        return shell.page(
            request,
            "imports.html",
            "imports",
            imports=[summary for number in numbers[:_PAGE] if (summary := imports.summary(number))],
            next=numbers[_PAGE - 1] if len(numbers) > _PAGE else None,
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
            one=summary,
            actor=imports.actor(import_id) or "",
            outcomes=imports.outcomes(import_id),
        )
