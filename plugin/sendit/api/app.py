"""The REST API under /sendit/api, and the page at /sendit/. Orthanc authenticates; the plugin passes requests on.

Answers hold batch ids, coded values and Orthanc's identifiers; never a patient's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException as StarletteHTTPException

from sendit import __version__
from sendit.api import page, pictures
from sendit.api.answers import (
    LARGEST,
    BatchAnswer,
    BatchDetail,
    BatchPage,
    DestinationsAnswer,
    Health,
    ImportAnswer,
    ImportRequest,
    Number,
    Problem,
    RecallAnswer,
    RecallRequest,
    VerdictAnswer,
)
from sendit.api.views import Views, destination_answer
from sendit.destination_states import DestinationState
from sendit.errors import Misconfigured, Retry
from sendit.model import BatchState
from sendit.pipeline import Pipeline
from sendit.variants import projects_proper
from sendit.verification import VERIFIABLE, verify

#: Starts an import of a folder for a project; the import's number.
StartImport = Callable[[Path, str], int]

_NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": Problem}}


def make_app(
    pipeline: Pipeline,
    start_import: StartImport,
    health: Callable[[], Mapping[str, Any]],
    destinations: Callable[[], list[DestinationState]],
) -> FastAPI:
    """The application.

    Args:
        health: what the worker knows of itself, for GET /api/health.
        destinations: asks every destination, for GET /api/destinations.
    """
    app = FastAPIOffline(
        docs_url="/api/docs",
        redoc_url=None,
        title="SendIt",
        version=__version__,
        summary="Batches of studies: de-identified, delivered, read back.",
        openapi_url="/api/openapi.json",
        static_url="/api/docs-files",
        redirect_slashes=False,
    )
    views = Views(pipeline)
    _translate_errors(app)
    _batches(app, pipeline, views)
    _verification(app, pipeline, views)
    _recalls(app, pipeline, views)
    pictures.add_routes(app, pipeline, views)
    _imports(app, pipeline, start_import)

    @app.get("/api/health", tags=["service"])
    def get_health() -> Health:
        """Whether SendIt works, and how many batches stand where."""
        return Health(version=__version__, batches=views.counts(), **health())

    @app.get("/api/destinations", tags=["service"])
    def get_destinations() -> DestinationsAnswer:
        """Each destination: where it is, whether it answers, and how many batches wait for it or are there."""
        return DestinationsAnswer(destinations=[destination_answer(one) for one in destinations()])

    @app.get("/", include_in_schema=False)
    def get_page(study: str | None = None) -> HTMLResponse:
        return HTMLResponse(page.render(views.page(50, None, None, study).batches, views.counts(), study))

    return app


def _translate_errors(app: FastAPI) -> None:
    """Every error is JSON {"error", "cure"}."""

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        message = str(first["msg"]).removeprefix("Value error, ")
        return JSONResponse({"error": f"{place}: {message}", "cure": "See /sendit/api/docs."}, 422)

    @app.exception_handler(StarletteHTTPException)  # and so FastAPI's own
    async def of_ours(_: Request, error: StarletteHTTPException) -> JSONResponse:
        body = error.detail if isinstance(error.detail, dict) else {"error": str(error.detail), "cure": ""}
        return JSONResponse(body, error.status_code, error.headers)

    @app.exception_handler(Misconfigured)
    async def misconfigured(_: Request, error: Misconfigured) -> JSONResponse:
        return JSONResponse({"error": f"{error.place}: {error.problem}", "cure": error.cure}, 409)

    @app.exception_handler(Retry)
    async def retry(_: Request, error: Retry) -> JSONResponse:
        return JSONResponse({"error": str(error), "cure": "Try again later."}, 503)


def _problem(status: int, error: str, cure: str) -> HTTPException:
    return HTTPException(status, {"error": error, "cure": cure})


def _batches(app: FastAPI, pipeline: Pipeline, views: Views) -> None:
    @app.get("/api/batches", tags=["batches"])
    def get_batches(
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        before: Annotated[int | None, Query(ge=1, le=LARGEST, description="the `next` of the page before")] = None,
        state: BatchState | None = None,
        study: Annotated[str | None, Query(description="Orthanc's identifier of the original study")] = None,
    ) -> BatchPage:
        """The newest batches first, a page at a time."""
        return views.page(limit, before, state, study)

    @app.get("/api/batches/{batch_id}", tags=["batches"], responses=_NOT_FOUND)
    def get_batch(batch_id: Number) -> BatchDetail:
        """One batch: its counts, deliveries, the reasons of what was not sent, and its story."""
        detail = views.detail(batch_id)
        if detail is None:
            raise _no_batch(batch_id)
        return detail

    @app.post("/api/batches/{batch_id}/retry", tags=["batches"], responses={**_NOT_FOUND, 409: {"model": Problem}})
    def post_retry(batch_id: Number) -> BatchAnswer:
        """Take up again a batch that is FAILED, QUARANTINED, EMPTY or CANCELLED."""
        batch = views.batch(batch_id)
        if batch is None:
            raise _no_batch(batch_id)
        if pipeline.retry(batch_id) is None:
            batch = views.batch(batch_id) or batch  # as it is now: somebody else may have been quicker
            raise _problem(
                409, f"batch {batch_id} is {batch.state}", "Only ended batches that were not sent are retried."
            )
        renewed = views.batch(batch_id)
        return renewed if renewed is not None else batch


def _verification(app: FastAPI, pipeline: Pipeline, views: Views) -> None:
    @app.post("/api/batches/{batch_id}/verify", tags=["batches"], responses={**_NOT_FOUND, 409: {"model": Problem}})
    def post_verify(batch_id: Number) -> VerdictAnswer:
        """Compare the batch's receipts with its manifest, and what its destinations hold with the receipts."""
        batch, rooms = views.batch(batch_id), pipeline.rooms
        if batch is None:
            raise _no_batch(batch_id)
        _must_be_verifiable(batch, rooms.journal.retention.pruned_at(batch_id) is not None)
        verdict = verify(rooms.journal, rooms.staging, rooms.destinations, batch_id)
        if verdict is None:
            raise _no_batch(batch_id)
        return VerdictAnswer(ok=verdict.ok, intact=verdict.intact, **asdict(verdict))


def _must_be_verifiable(batch: BatchAnswer, pruned: bool) -> None:
    if batch.state not in VERIFIABLE:
        raise _problem(409, f"batch {batch.id} is {batch.state}", "Only batches that were sent can be verified.")
    if pruned:
        problem = f"the receipts of batch {batch.id} were deleted"
        raise _problem(409, problem, "SendIt.Retention.JournalDays says so.")


def _recalls(app: FastAPI, pipeline: Pipeline, views: Views) -> None:
    @app.post("/api/recalls", status_code=202, tags=["recalls"], responses={409: {"model": Problem}})
    def post_recall(wanted: RecallRequest) -> RecallAnswer:
        """Take back a batch's study, or all studies of a patient, in a project and its variants.

        Removed from every destination that can; what cannot is said at the batch. Nothing more of them leaves for this
        project. It cannot be undone.
        """
        recaller = pipeline.recaller
        if wanted.batch is not None:
            studies = recaller.studies_of_batch(wanted.batch, wanted.project)
        else:
            studies = recaller.studies_of_patient(wanted.patient or "", wanted.project)
        numbers = recaller.batches_of(studies)
        if not wanted.preview:
            recaller.begin(studies, wanted.reason, patients=wanted.patient is not None)
            if wanted.patient is not None:  # from now on nothing of this patient is released; before, something may
                late = recaller.studies_of_patient(wanted.patient, wanted.project) - studies
                numbers += recaller.batches_of(late)
                recaller.begin(late, wanted.reason)
        return RecallAnswer(batches=[found for number in numbers if (found := views.batch(number)) is not None])


def _no_batch(batch_id: int) -> HTTPException:
    return _problem(404, f"there is no batch {batch_id}", "GET /sendit/api/batches lists them.")


def _is_folder(path: Path) -> bool:
    try:
        return path.is_absolute() and path.is_dir()
    except (OSError, ValueError):  # not ours to enter, too long, or with a NUL
        return False


def _imports(app: FastAPI, pipeline: Pipeline, start_import: StartImport) -> None:
    @app.post("/api/imports", status_code=202, tags=["imports"], responses={409: {"model": Problem}})
    def post_import(wanted: ImportRequest) -> ImportAnswer:
        """Import a folder of this machine; nothing in it is moved or deleted."""
        known = projects_proper(pipeline.rooms.settings)
        if wanted.project not in known:
            names = ", ".join(known) or "none"
            raise _problem(409, f"there is no project '{wanted.project}'", f"Known: {names}.")
        if not _is_folder(wanted.folder):
            raise _problem(409, "there is no such folder on the server", "Give its whole path, beginning with /.")
        return _import(start_import(wanted.folder, wanted.project))

    @app.get("/api/imports/{import_id}", tags=["imports"], responses=_NOT_FOUND)
    def get_import(import_id: Number) -> ImportAnswer:
        """How an import goes: how many files had which fate."""
        return _import(import_id)

    def _import(import_id: int) -> ImportAnswer:
        summary = pipeline.rooms.journal.imports.summary(import_id)
        if summary is None:
            raise _problem(404, f"there is no import {import_id}", "POST /sendit/api/imports starts one.")
        return ImportAnswer(**summary)
