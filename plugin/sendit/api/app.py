"""The REST API under /sendit/api, and the pages under /sendit/. Orthanc authenticates; the plugin passes requests on.

Answers contain batch ids, coded values and Orthanc's identifiers; never a patient's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi_offline import FastAPIOffline

from sendit import __version__
from sendit.api import audit, lists, many, passports, review
from sendit.api.guard import Guard
from sendit.api.pages import previews
from sendit.api.pages.shell import DOCUMENTATION_FILES, Shell, documentation_page, static_files
from sendit.api.pages.sources import Sources
from sendit.api.pages.views import add_pages
from sendit.api.problems import ALWAYS, refuse_unknown_parameters, translate_errors
from sendit.api.queries import Views, destination_answer
from sendit.api.roles import Anyone, Someone, Viewer, refuse_undeclared
from sendit.api.routes import StartImport, add_routes
from sendit.api.schemas import DestinationsAnswer, Health, Me
from sendit.api.service import alarms, configuration, export, log_level, metrics
from sendit.api.viewer import images, projects
from sendit.pipeline.actions import Actions
from sendit.pipeline.batch import Pipeline
from sendit.pipeline.readback.destination_status import DestinationState
from sendit.pipeline.reload import Reloader
from sendit.pipeline.review.viewing.viewer import InstanceViewer
from sendit.pipeline.watching.alarms.keeper import Keeper
from sendit.pipeline.watching.metrics import Metrics
from sendit.pipeline.watching.pulls import Pulling


def make_app(
    pipeline: Pipeline,
    start_import: StartImport,
    pulling: Pulling,
    health: Callable[[], Mapping[str, Any]],
    destinations: Callable[[], list[DestinationState]],
    token: str,
    reloader: Reloader,
    numbers: Metrics,
    keeper: Keeper | None,
    actions: Actions,
) -> FastAPI:
    """Return the application.

    Args:
        pipeline: the pipeline that the routes act on.
        start_import: starts an import.
        pulling: the pulls of the worker.
        health: returns the worker's own part of GET /api/health.
        destinations: asks every destination, for GET /api/destinations.
        token: sent by the plugin, which alone may say who makes a request.
        reloader: reads the configuration again.
        numbers: reads them for GET /metrics.
        keeper: keeps the alarms; None if none are configured.
        actions: what persons do to many batches.
    """
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
    app.state.token = token
    app.state.roles = lambda: pipeline.services.settings.roles
    app.add_middleware(Guard)
    translate_errors(app)
    views = Views(pipeline)
    add_routes(app, pipeline, views, start_import)
    shell = Shell(health, views.counts)
    previews.add_routes(app, pipeline, views, shell)
    viewer = InstanceViewer(pipeline.services)
    images.add_routes(app, pipeline, views, viewer)
    projects.add_routes(app, pipeline, viewer, projects.Projects(pipeline))
    lists.add_routes(app, pipeline.services.journal)
    many.add_routes(app, pipeline, actions)
    audit.add_routes(app, pipeline.services.journal.audit)
    review.add_routes(app, pipeline, views, viewer)
    configuration.add_routes(app, reloader)
    metrics.add_routes(app, numbers)
    alarms.add_routes(app, keeper)
    alarms.add_page(app, shell, keeper, lambda: pipeline.services.settings.alarms)
    log_level.add_routes(app)
    export.add_routes(app, pipeline.services.journal)
    passports.add_routes(app, pipeline, views)
    _add_service(app, views, health, destinations)
    _add_documentation(app)
    add_pages(app, Sources(pipeline, views, shell, destinations, pulling, actions, keeper))
    return app


def _add_service(
    app: FastAPI,
    views: Views,
    health: Callable[[], Mapping[str, Any]],
    destinations: Callable[[], list[DestinationState]],
) -> None:
    @app.get("/api/health", tags=["service"])
    def get_health(_viewer: Viewer) -> Health:
        """Return whether SendIt works, and the number of batches in each state."""
        return Health(version=__version__, batches=views.counts(), **health())

    @app.get("/api/destinations", tags=["service"])
    def get_destinations(_viewer: Viewer) -> DestinationsAnswer:
        """List the destinations: addresses, whether they respond, and how many batches wait or were delivered."""
        return DestinationsAnswer(destinations=[destination_answer(one) for one in destinations()])

    @app.get("/api/me", tags=["service"])
    def get_me(actor: Anyone, person: Someone) -> Me:
        """Return who you are, as the audit log will call you, and your roles."""
        return Me(actor=actor, roles=sorted(person.roles))


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
