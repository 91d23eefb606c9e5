"""Studies of Orthanc: their batches, and *de-identify now*. The buttons of Orthanc Explorer (and 2) lead here."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Path, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, BeforeValidator, Field

from sendit.api.filters import STUDY, BatchQuery, apart
from sendit.api.pages.shell import Sources
from sendit.api.problems import CHANGING
from sendit.api.roles import Administrator, Viewer
from sendit.api.schemas import DeidentifyRequest, QueuedAnswer
from sendit.config.variants import projects_proper

Study = Annotated[str, Path(pattern=STUDY, description="Orthanc's identifier of the original study")]
#: Studies of one page: their identifiers stand in its address, and Orthanc takes 16 KB of request line and headers.
MOST_STUDIES = 200
#: Batches that the page of several studies shows of each; the study's own page has all.
_MOST_SHOWN = 5


class Selection(BaseModel):
    """Studies that were selected in Orthanc Explorer 2."""

    study: Annotated[list[Annotated[str, Field(pattern=STUDY)]], BeforeValidator(apart)] = Field(
        default=[],
        max_length=MOST_STUDIES,
        description="Orthanc's identifiers of original studies, separated by commas",
    )


def add(app: FastAPI, sources: Sources) -> None:
    """Add the pages of a study and of several, and the route."""
    pipeline, views = sources.pipeline, sources.views

    @app.get("/studies", include_in_schema=False)
    def get_studies_page(request: Request, _viewer: Viewer, selection: Annotated[Selection, Query()]) -> HTMLResponse:
        studies = {
            study: views.page(BatchQuery(study=study, limit=_MOST_SHOWN)).batches
            for study in dict.fromkeys(selection.study)
        }
        projects = projects_proper(pipeline.services.settings)
        return sources.shell.page(request, "studies.html", "batches", studies=studies, projects=projects)

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
