"""*Projects*: what each does, in words; its rules, their versions; and what it would do to a study."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse

from sendit.api.filters import STUDY
from sendit.api.pages.shell import Sources
from sendit.api.roles import Viewer
from sendit.api.viewer.projects import Projects

_Study = Annotated[str | None, Query(pattern=STUDY)]
_Digest = Annotated[str | None, Query(pattern="^[0-9a-f]{64}$")]


def add(app: FastAPI, sources: Sources) -> None:
    """Add the pages at /sendit/projects and below."""
    projects, shell = Projects(sources.pipeline), sources.shell

    @app.get("/projects", include_in_schema=False)
    def get_projects_page(request: Request, _viewer: Viewer) -> HTMLResponse:
        answers = [projects.answer(name) for name in projects.names()]
        return shell.page(request, "projects.html", "projects", refresh=0, projects=answers)

    @app.get("/projects/{name}", include_in_schema=False)
    def get_project_page(
        request: Request,
        _viewer: Viewer,
        name: str,
        old: _Digest = None,
        new: _Digest = None,
        study: _Study = None,
    ) -> HTMLResponse:
        difference = projects.difference(name, old, new) if old and new else None
        return shell.page(
            request,
            "project.html",
            "projects",
            refresh=0,
            project=projects.detail(name),
            difference=difference,
            old=old,
            new=new,
            study=study,
        )
