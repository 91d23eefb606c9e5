"""The numbers of SendIt, for Prometheus."""

from __future__ import annotations

from fastapi import FastAPI, Response

from sendit.api.roles import Viewer
from sendit.pipeline.watching.metrics import TEXT_FORMAT, Metrics


def add_routes(app: FastAPI, metrics: Metrics) -> None:
    """Add /metrics."""

    @app.get(
        "/metrics",
        tags=["service"],
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    def get_metrics(_viewer: Viewer) -> Response:
        """Return all numbers of SendIt in Prometheus' text format: batches, instances, seconds, bytes, destinations."""
        return Response(metrics.text(), media_type=TEXT_FORMAT)
