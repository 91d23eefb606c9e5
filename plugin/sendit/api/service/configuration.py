"""Routes of the configuration: what applies, and the reload of what stands in the files."""

from __future__ import annotations

from fastapi import BackgroundTasks, FastAPI

from sendit.api.problems import CHANGING
from sendit.api.roles import Administrator
from sendit.api.schemas import ConfigurationAnswer, ReloadAnswer, ReloadRequest
from sendit.pipeline.reload import Reloader


def add_routes(app: FastAPI, reloader: Reloader) -> None:
    """Add /api/configuration and /api/reload."""

    @app.get("/api/configuration", tags=["service"])
    def get_configuration(_: Administrator) -> ConfigurationAnswer:
        """Return the configuration that applies, without secrets. The files may have been changed since."""
        return ConfigurationAnswer(configuration=reloader.configuration())

    @app.post("/api/reload", tags=["service"], responses=CHANGING)
    def post_reload(request: ReloadRequest, actor: Administrator, after: BackgroundTasks) -> ReloadAnswer:
        """Take over the configuration and the recipes as their files are now, if all of it is valid.

        The worker restarts after this answer: for some seconds other requests get 503. Batches under way are resumed.
        GET /api/health shows a new `started_at` then, and `reload_refused` if it could not start.
        """
        found = reloader.look()
        applied = found.possible and not request.preview
        if applied:
            reloader.begin(found, actor, request.reason, interrupt_imports=request.interrupt_imports)
            after.add_task(reloader.restart, found)
        return ReloadAnswer(
            applied=applied,
            changes=found.changes,
            restart_needed=found.restart_needed,
            blocked_by=found.fixed,
            warnings=found.warnings,
        )
