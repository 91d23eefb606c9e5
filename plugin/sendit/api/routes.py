"""Routes of batches, recalls and imports, and of how many there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

from fastapi import FastAPI, Query

from sendit.api.filters import BatchQuery, Before, Day, Name, one_page
from sendit.api.problems import CHANGING, NOT_FOUND, no_batch, problem
from sendit.api.queries import Views
from sendit.api.roles import Administrator, Verifier, Viewer
from sendit.api.schemas import (
    AcknowledgeAnswer,
    AcknowledgeRequest,
    BatchAnswer,
    BatchDetail,
    BatchPage,
    CountAnswer,
    CountsAnswer,
    ImportAnswer,
    ImportDetail,
    ImportRequest,
    ImportsAnswer,
    Nothing,
    Number,
    OutcomeAnswer,
    RecallAnswer,
    RecallRequest,
    RetryRequest,
    TotalAnswer,
    TotalsAnswer,
    VerdictAnswer,
)
from sendit.config.variants import projects_proper
from sendit.journal import Journal
from sendit.journal.lists.counts import NEED_A_LOOK, PROJECT
from sendit.model import BatchState
from sendit.pipeline.batch import Pipeline
from sendit.pipeline.readback.verify import VERIFIABLE, verify

#: Starts an import of a folder for a project, on behalf of a user; returns the number of the import.
StartImport = Callable[[Path, str, str], int]

#: Days that a span holds unless its first day is given, and at most.
_DAYS, _MOST_DAYS = 30, 10_000


def add_routes(app: FastAPI, pipeline: Pipeline, views: Views, start_import: StartImport) -> None:
    """Add the routes of batches, recalls and imports, and of how many there are."""
    _batches(app, pipeline, views)
    _verification(app, pipeline, views)
    _acknowledgements(app, pipeline)
    _recalls(app, pipeline, views)
    _imports(app, pipeline, start_import)
    _counts(app, pipeline.services.journal)


def _batches(app: FastAPI, pipeline: Pipeline, views: Views) -> None:
    @app.get("/api/batches", tags=["batches"])
    def get_batches(
        _viewer: Viewer,
        query: Annotated[BatchQuery, Query()],
    ) -> BatchPage:
        """List the batches that match all that is given, newest first, one page at a time.

        The search is bounded: a page may hold fewer batches than its limit, or none, and yet have a next one.
        """
        return views.page(query)

    @app.get("/api/batches/{batch_id}", tags=["batches"], responses=NOT_FOUND)
    def get_batch(batch_id: Number, _viewer: Viewer) -> BatchDetail:
        """Return one batch: its counts, its deliveries, why instances were not sent, and its history."""
        return views.detail(batch_id)

    @app.post("/api/batches/{batch_id}/retry", tags=["batches"], responses={**NOT_FOUND, **CHANGING})
    def post_retry(batch_id: Number, request: RetryRequest, actor: Administrator) -> BatchAnswer:
        """Retry a failed, quarantined, empty or cancelled batch."""
        views.existing(batch_id)
        renewed = pipeline.retry(batch_id, actor=actor, reason=request.reason)
        batch = views.existing(batch_id)  # as it is now: another request may have been faster
        if renewed is None:
            raise problem(
                409, f"batch {batch_id} is {batch.state}", "Only batches that ended without being sent can be retried."
            )
        return batch


def _verification(app: FastAPI, pipeline: Pipeline, views: Views) -> None:
    @app.post("/api/batches/{batch_id}/verify", tags=["batches"], responses={**NOT_FOUND, **CHANGING})
    def post_verify(batch_id: Number, _: Nothing, _verifier: Verifier) -> VerdictAnswer:
        """Compare the receipts of a batch with its manifest, and each destination with the receipts."""
        batch, services = views.existing(batch_id), pipeline.services
        _require_verifiable(batch, pruned=services.journal.retention.pruned_at(batch_id) is not None)
        verdict = verify(services.journal, services.staging, services.destinations, batch_id)
        if verdict is None:
            raise no_batch(batch_id)
        return VerdictAnswer(ok=verdict.ok, intact=verdict.intact, **asdict(verdict))


def _require_verifiable(batch: BatchAnswer, *, pruned: bool) -> None:
    if batch.state not in VERIFIABLE:
        raise problem(409, f"batch {batch.id} is {batch.state}", "Only batches that were sent can be verified.")
    if pruned:
        error = f"the receipts of batch {batch.id} were deleted"
        raise problem(409, error, "SendIt.Retention.JournalDays limits how long they are kept.")


def _acknowledgements(app: FastAPI, pipeline: Pipeline) -> None:
    @app.post("/api/acknowledgements", tags=["batches"], responses=CHANGING)
    def post_acknowledgement(request: AcknowledgeRequest, actor: Administrator) -> AcknowledgeAnswer:
        """Acknowledge what is held or failed: GET /api/health no longer counts it as a problem.

        For batches that are FAILED, QUARANTINED or RECALL_FAILED, and imports with files that failed. Nothing else
        changes; a batch that is retried and fails again has to be acknowledged again.
        """
        journal = pipeline.services.journal.acknowledgements
        batches = [
            n
            for n in dict.fromkeys(request.batches)
            if journal.acknowledge_batch(n, actor, request.reason) in NEED_A_LOOK
        ]
        imports = [
            n
            for n in dict.fromkeys(request.imports)
            if journal.acknowledge_import(n, actor, request.reason) == "ERRORS"
        ]
        return AcknowledgeAnswer(batches=batches, imports=imports)


def _recalls(app: FastAPI, pipeline: Pipeline, views: Views) -> None:
    @app.post("/api/recalls", status_code=202, tags=["recalls"], responses=CHANGING)
    def post_recall(request: RecallRequest, actor: Administrator) -> RecallAnswer:
        """Recall the study of a batch, or all studies of a patient, in a project and its variants.

        They are removed from every destination that allows it; the batch lists the others. No more instances of them
        leave for this project. This cannot be undone.
        """
        recaller = pipeline.recaller
        if request.batch is not None:
            studies = recaller.studies_of_batch(request.batch, request.project)
        else:
            studies = recaller.studies_of_patient(request.patient or "", request.project)
        numbers = recaller.batches_of(studies)
        if not request.preview:
            recaller.begin(studies, request.reason, patients=request.patient is not None, actor=actor)
            if (
                request.patient is not None
            ):  # nothing of the patient is released from now on; until now something may be
                late = recaller.studies_of_patient(request.patient, request.project) - studies
                numbers += recaller.batches_of(late)
                recaller.begin(late, request.reason, actor=actor)
        return RecallAnswer(batches=[batch for number in numbers if (batch := views.batch(number)) is not None])


def _imports(app: FastAPI, pipeline: Pipeline, start_import: StartImport) -> None:
    imports = pipeline.services.journal.imports

    @app.post("/api/imports", status_code=202, tags=["imports"], responses=CHANGING)
    def post_import(request: ImportRequest, actor: Administrator) -> ImportAnswer:
        """Import a folder of this machine. No file is moved or deleted."""
        projects = projects_proper(pipeline.services.settings)
        if request.project not in projects:
            names = ", ".join(projects) or "none"
            raise problem(409, f"there is no project '{request.project}'", f"Configured projects: {names}.")
        if not _is_folder(request.folder):
            raise problem(409, "there is no such folder on the server", "Give its full path, beginning with /.")
        return _import(start_import(request.folder, request.project, actor))

    @app.get("/api/imports", tags=["imports"])
    def get_imports(
        _viewer: Viewer,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        before: Before = None,
    ) -> ImportsAnswer:
        """List the imports of folders, the newest first."""
        numbers, after = one_page(lambda most: imports.page(most, before), limit, int)
        return ImportsAnswer(imports=[_import(number) for number in numbers], next=after)

    @app.get("/api/imports/{import_id}", tags=["imports"], responses=NOT_FOUND)
    def get_import(import_id: Number, _viewer: Viewer) -> ImportDetail:
        """Return the progress of an import: the number of files with each outcome, and the reasons."""
        outcomes = [OutcomeAnswer(outcome=o, reason=r, files=n) for o, r, n in imports.outcomes(import_id)]
        return ImportDetail(**_import(import_id).model_dump(), actor=imports.actor(import_id) or "", outcomes=outcomes)

    def _import(import_id: int) -> ImportAnswer:
        summary = imports.summary(import_id)
        if summary is None:
            raise problem(404, f"there is no import {import_id}", "GET /sendit/api/imports lists them.")
        return ImportAnswer(**summary)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_absolute() and path.is_dir()
    except (OSError, ValueError):  # not accessible, too long, or with a NUL
        return False


def _counts(app: FastAPI, journal: Journal) -> None:
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
