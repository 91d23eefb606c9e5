"""*Crosswalk*: from a code to its original and back, for those who may; each look is recorded before it is shown."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator

from sendit.api.pages.shell import Sources
from sendit.api.problems import CHANGING, problem
from sendit.api.roles import LooksUp
from sendit.api.schemas import Reason, Words
from sendit.journal.audit import Act
from sendit.pipeline.projects import open_crosswalk
from sendit.pseudonyms.crosswalk import Crosswalk, CrosswalkRow


class LookupRequest(BaseModel):
    """A lookup: of what, in which project, and why."""

    model_config = ConfigDict(extra="forbid")

    project: Words
    code: Words = Field(
        default="", max_length=64, description="a coded PatientID, StudyInstanceUID or accession number"
    )
    original: Words = Field(
        default="", max_length=64, description="a PatientID, StudyInstanceUID or accession number of an original"
    )
    reason: Reason = Field(min_length=1)

    @model_validator(mode="after")
    def _one(self) -> LookupRequest:
        if bool(self.code) == bool(self.original):
            raise ValueError("give either code or original")
        return self


class EntryAnswer(BaseModel):
    """An original and its code."""

    kind: str = Field(description="patient, study or accession")
    original: str
    issuer: str
    code: str
    patient: str = Field(description="the coded PatientID that it belongs to")


class LookupAnswer(BaseModel):
    """Result of a lookup. This is the only answer of the API that holds identifiers of patients in words."""

    entries: list[EntryAnswer]


def add(app: FastAPI, sources: Sources) -> None:
    """Add the page at /sendit/crosswalk and its route."""
    journal, settings = sources.pipeline.services.journal, sources.pipeline.services.settings

    @app.get("/crosswalk", include_in_schema=False)
    def get_crosswalk_page(request: Request, _viewer: LooksUp) -> HTMLResponse:
        projects = journal.crosswalk.projects()
        return sources.shell.page(request, "crosswalk.html", "crosswalk", refresh=0, projects=projects)

    @app.post("/api/crosswalk/lookup", tags=["crosswalk"], responses=CHANGING)
    def post_lookup(request: LookupRequest, actor: LooksUp) -> LookupAnswer:
        """Look up the original of a code, or the code of an original. The look is recorded, found or not."""
        table = _crosswalk(request.project)
        rows = table.by_code(request.code) if request.code else table.by_original(request.original)
        _record(table, request, actor, rows)
        return LookupAnswer(
            entries=[
                EntryAnswer(kind=r.kind, original=r.original, issuer=r.issuer, code=r.code, patient=r.patient)
                for r in rows
            ]
        )

    def _crosswalk(project: str) -> Crosswalk:
        if unlinked := journal.unlinking.of(project):
            error = f"project {project} was permanently unlinked on {unlinked.at:%Y-%m-%d}"
            raise problem(409, error, "Its identifiers cannot be recovered.")
        if journal.crosswalk.fingerprint(project) is None:
            names = ", ".join(journal.crosswalk.projects()) or "none"
            raise problem(409, f"project {project} has no crosswalk", f"Projects with a crosswalk: {names}.")
        return open_crosswalk(settings, journal, project)

    def _record(table: Crosswalk, request: LookupRequest, actor: str, rows: list[CrosswalkRow]) -> None:
        by = "code" if request.code else "original"
        # An unknown code may be an original that was typed by mistake: it is not recorded.
        subject = (request.code if rows else "") if request.code else table.mark(request.original)
        details = {"by": by, "found": len(rows)}
        journal.audit.record(
            Act(actor, "look-up", project=request.project, subject=subject, reason=request.reason, details=details)
        )
