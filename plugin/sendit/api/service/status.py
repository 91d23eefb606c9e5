"""Routes of how SendIt does: its health, its destinations, its metrics, and who asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI, Response

from sendit import __version__
from sendit.api.queries import Views, destination_answer
from sendit.api.roles import Anyone, Someone, Viewer
from sendit.api.schemas import DestinationsAnswer, Health, Me
from sendit.pipeline.readback.destination_status import DestinationState
from sendit.pipeline.watching.metrics import TEXT_FORMAT, Metrics


def add_routes(
    app: FastAPI,
    views: Views,
    health: Callable[[], Mapping[str, Any]],
    destinations: Callable[[], list[DestinationState]],
    metrics: Metrics,
) -> None:
    """Add /api/health, /api/destinations, /api/me and /metrics.

    Args:
        app: the application.
        views: the journal's part of the answers.
        health: returns the worker's own part of GET /api/health.
        destinations: asks every destination.
        metrics: the numbers for Prometheus.
    """

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

    @app.get(
        "/metrics",
        tags=["service"],
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    def get_metrics(_viewer: Viewer) -> Response:
        """Return all numbers of SendIt in Prometheus' text format: batches, instances, seconds, bytes, destinations."""
        return Response(metrics.text(), media_type=TEXT_FORMAT)
