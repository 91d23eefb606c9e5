"""A study of Orthanc: its batches, and *de-identify now*. Orthanc Explorer's button leads here."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Path, Request
from fastapi.responses import HTMLResponse

from sendit.api.filters import STUDY, BatchQuery
from sendit.api.pages.sources import Sources
from sendit.api.problems import CHANGING
from sendit.api.roles import Administrator, Viewer
from sendit.api.schemas import DeidentifyRequest, QueuedAnswer
from sendit.config.variants import projects_proper

Study = Annotated[str, Path(pattern=STUDY, description="Orthanc's identifier of the original study")]


def add(app: FastAPI, sources: Sources) -> None:
    """Add the page of a study and its route."""
    pipeline, views = sources.pipeline, sources.views

    @app.get("/studies/{study}", include_in_schema=False)
    def get_study_page(request: Request, _viewer: Viewer, study: Study) -> HTMLResponse:
        batches = views.page(BatchQuery(study=study)).batches
        projects = projects_proper(pipeline.services.settings)
        return sources.shell.page(request, "study.html", "batches", study=study, batches=batches, projects=projects)

    @app.post("/api/studies/{study}/deidentify", status_code=202, tags=["batches"], responses=CHANGING)
    def post_deidentify(study: Study, request: DeidentifyRequest, actor: Administrator) -> QueuedAnswer:
        """De-identify and deliver a study of Orthanc for a project now, whatever the projects' Match says."""
        numbers = pipeline.deidentify_now(study, request.project, actor, request.reason)
        return QueuedAnswer(batches=[batch for number in numbers if (batch := views.batch(number)) is not None])
