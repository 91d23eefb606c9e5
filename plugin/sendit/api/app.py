"""The REST API under /sendit/api, and the pages under /sendit/. Orthanc authenticates; the plugin passes requests on.

Answers contain batch ids, coded values and Orthanc's identifiers; never a patient's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi_offline import FastAPIOffline

from sendit import __version__
from sendit.api import audit, many, passports, review
from sendit.api.guard import Guard
from sendit.api.pages import audit as audit_page
from sendit.api.pages import (
    batch,
    batches,
    certificate,
    crosswalk,
    destinations,
    imports,
    needs_me,
    previews,
    pulls,
    risk,
    study,
    totals,
)
from sendit.api.pages import projects as projects_page
from sendit.api.pages import review as review_page
from sendit.api.pages.shell import DOCUMENTATION_FILES, Shell, Sources, documentation_page, static_files
from sendit.api.problems import ALWAYS, MISSING, REFUSED, refuse_unknown_parameters, translate_errors
from sendit.api.queries import Views
from sendit.api.roles import Anyone, Role, Viewer, refuse_undeclared
from sendit.api.routes import StartImport, add_routes
from sendit.api.service import alarms, configuration, export, status
from sendit.api.viewer import images, projects
from sendit.orthanc.profiles import Profiles
from sendit.pipeline.actions import Actions
from sendit.pipeline.batch import Pipeline
from sendit.pipeline.readback.destination_status import DestinationState
from sendit.pipeline.reload import Reloader
from sendit.pipeline.review.viewing.viewer import InstanceViewer
from sendit.pipeline.watching.alarms.keeper import Keeper
from sendit.pipeline.watching.metrics import Metrics
from sendit.pipeline.watching.pulls import Pulling

#: The pages, each a module of its own.
_PAGES: Sequence[Callable[[FastAPI, Sources], None]] = (
    needs_me.add,
    batches.add,
    batch.add,
    review_page.add,
    certificate.add,
    study.add,
    imports.add,
    pulls.add,
    destinations.add,
    projects_page.add,
    risk.add,
    crosswalk.add,
    totals.add,
    audit_page.add,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """The parts of the worker that the API answers from and acts on."""

    pipeline: Pipeline
    start_import: StartImport
    pulling: Pulling
    actions: Actions
    reloader: Reloader
    metrics: Metrics
    keeper: Keeper | None  # None: no alarms are configured
    health: Callable[[], Mapping[str, Any]]  # the worker's own part of GET /api/health
    destinations: Callable[[], list[DestinationState]]  # asks every destination
    token: str  # sent by the plugin, which alone may say who makes a request


def make_app(backend: Backend) -> FastAPI:
    """Return the application."""
    app = _new_app(backend)
    pipeline, views = backend.pipeline, Views(backend.pipeline)
    shell = Shell(backend.health, views.counts)
    _add_routes_of_batches(app, backend, views)
    previews.add_routes(app, pipeline, views, shell)
    viewer = InstanceViewer(pipeline.services)
    images.add_routes(app, pipeline, views, viewer)
    projects.add_routes(app, viewer, projects.Projects(pipeline))
    review.add_routes(app, pipeline, views, viewer)
    _add_routes_of_service(app, backend, views)
    alarms.add_page(app, shell, backend.keeper, lambda: pipeline.services.settings.alarms)
    _add_documentation(app)
    _add_pages(
        app, Sources(pipeline, views, shell, backend.destinations, backend.pulling, backend.actions, backend.keeper)
    )
    return app


def _new_app(backend: Backend) -> FastAPI:
    """Return an application without routes, with what guards every one."""
    app = FastAPIOffline(
        docs_url=None,
        redoc_url=None,
        title="SendIt",
        version=__version__,
        summary="Batches of studies: de-identified, delivered, read back.",
        openapi_url="/api/openapi.json",
        static_url=f"/api/{DOCUMENTATION_FILES}",
        redirect_slashes=False,
        dependencies=[Depends(refuse_undeclared), Depends(refuse_unknown_parameters)],
        responses=ALWAYS,
    )
    app.state.token = backend.token
    app.state.roles = lambda: backend.pipeline.services.settings.roles
    source = backend.pipeline.services.source
    app.state.profile = Profiles(source.url, source.certificate).of
    app.add_middleware(Guard)
    translate_errors(app)
    return app


def _add_routes_of_batches(app: FastAPI, backend: Backend, views: Views) -> None:
    journal = backend.pipeline.services.journal
    add_routes(app, backend.pipeline, views, backend.start_import)
    many.add_routes(app, backend.pipeline, backend.actions)
    audit.add_routes(app, journal.audit)
    export.add_routes(app, journal)
    passports.add_routes(app, backend.pipeline, views)


def _add_routes_of_service(app: FastAPI, backend: Backend, views: Views) -> None:
    status.add_routes(app, views, backend.health, backend.destinations, backend.metrics)
    configuration.add_routes(app, backend.reloader)
    alarms.add_routes(app, backend.keeper)


def _add_pages(app: FastAPI, sources: Sources) -> None:
    for add in _PAGES:
        add(app, sources)

    @app.get(f"/{MISSING}", include_in_schema=False)
    def get_missing(request: Request, _viewer: Viewer) -> HTMLResponse:
        return sources.shell.page(request, "missing.html", "", refresh=0)

    @app.get(f"/{REFUSED}", include_in_schema=False)
    def get_refused(request: Request, _anyone: Anyone, roles: str = "") -> HTMLResponse:
        lacking = [role.key for role in Role if role in roles.split(",")]
        return sources.shell.page(request, "refused.html", "", refresh=0, lacking=lacking)


def _add_documentation(app: FastAPI) -> None:
    app.mount("/static", static_files(), name="static")
    assert app.openapi_url is not None
    # FastAPI builds the description where it answers requests. On a busy machine that took so long that the plugin took
    # the worker for one that hangs; in a thread it keeps nobody waiting.
    app.router.routes[:] = [one for one in app.router.routes if getattr(one, "path", "") != app.openapi_url]
    app.add_route(app.openapi_url, partial(_description, app), include_in_schema=False)

    @app.get("/api/docs", include_in_schema=False)
    def get_documentation(_anyone: Anyone) -> HTMLResponse:
        return documentation_page()


def _description(app: FastAPI, request: Request) -> JSONResponse:
    """Return the OpenAPI description of the API."""
    return JSONResponse({**app.openapi(), "servers": [{"url": str(request.scope.get("root_path", ""))}]})
