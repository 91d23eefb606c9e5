"""The certificate of a recall: what was removed where, by whom and why, and what is left. As a page and as JSON."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from sendit.api.pages.shell import Sources
from sendit.api.problems import NOT_FOUND, problem
from sendit.api.roles import Viewer
from sendit.api.schemas import Number
from sendit.journal.audit import AuditFilter
from sendit.model import WITHDRAWN, BatchState, DeliveryState


class RemovalAnswer(BaseModel):
    """Removals from one destination."""

    destination: str
    state: DeliveryState
    removed: int
    left: int = Field(description="instances that may be left there")
    problem: str | None = Field(description="why not all could be removed")


class CertificateAnswer(BaseModel):
    """The certificate of a recall. Identified only by codes."""

    batch: int
    project: str | None
    study: str = Field(description="Orthanc's identifier of the original study")
    state: BatchState
    complete: bool = Field(description="nothing of it is left at any destination")
    actor: str = Field(description="who recalled it")
    recalled_at: datetime
    reason: str
    entry: int = Field(description="number of the audit log's entry")
    entry_hash: str
    manifest: str | None = Field(description="digest of the receipts of what had been released")
    destinations: list[RemovalAnswer]
    issued_at: datetime


def add(app: FastAPI, sources: Sources) -> None:
    """Add the certificate's page and route."""

    @app.get("/batches/{batch_id}/certificate", include_in_schema=False)
    def get_certificate_page(request: Request, _viewer: Viewer, batch_id: Number) -> HTMLResponse:
        return sources.shell.page(
            request, "certificate.html", "batches", refresh=0, one=_certificate(sources, batch_id)
        )

    @app.get("/api/batches/{batch_id}/certificate", tags=["recalls"], responses=NOT_FOUND)
    def get_certificate(batch_id: Number, _viewer: Viewer) -> CertificateAnswer:
        """Return the certificate of a recall: what was removed where, by whom and why, and what is left."""
        return _certificate(sources, batch_id)


def _certificate(sources: Sources, batch_id: int) -> CertificateAnswer:
    batch = sources.views.existing(batch_id)
    acts = sources.pipeline.services.journal.audit.page(AuditFilter(batch=batch_id, action="recall"), 1)
    if batch.state not in WITHDRAWN or not acts:
        raise problem(404, f"batch {batch_id} was not recalled", "Only a recall has a certificate.")
    return CertificateAnswer(
        batch=batch_id,
        project=batch.project,
        study=batch.study,
        state=batch.state,
        complete=batch.state is BatchState.RECALLED,
        actor=acts[0].actor,
        recalled_at=acts[0].at,
        reason=acts[0].reason,
        entry=acts[0].number,
        entry_hash=acts[0].hash,
        manifest=batch.manifest,
        destinations=[
            RemovalAnswer(
                destination=d.destination, state=d.state, removed=d.removed, left=d.sent, problem=d.last_error
            )
            for d in batch.deliveries
        ],
        issued_at=datetime.now(UTC),
    )
