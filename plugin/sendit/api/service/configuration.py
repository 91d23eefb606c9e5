"""Routes of the configuration: what applies, the reload of what stands in the files, and the level of the log."""

from __future__ import annotations

import logging

from fastapi import BackgroundTasks, FastAPI
from pydantic import BaseModel, ConfigDict

from sendit import logs
from sendit.api.problems import CHANGING
from sendit.api.roles import Administrator, Viewer
from sendit.api.schemas import ConfigurationAnswer, ReloadAnswer, ReloadRequest
from sendit.config.types import Level
from sendit.pipeline.reload import Reloader

log = logging.getLogger(__name__)


class LevelRequest(BaseModel):
    """The least level that is to be logged."""

    model_config = ConfigDict(extra="forbid")

    level: Level


class LevelAnswer(BaseModel):
    """The least level that is logged."""

    level: str


def add_routes(app: FastAPI, reloader: Reloader) -> None:
    """Add /api/configuration, /api/reload and /api/log-level."""

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
        reload = reloader.look()
        applied = reload.possible and not request.preview
        if applied:
            reloader.begin(reload, actor, request.reason, interrupt_imports=request.interrupt_imports)
            after.add_task(reloader.restart, reload)
        return ReloadAnswer(
            applied=applied,
            changes=reload.changes,
            restart_needed=reload.restart_needed,
            blocked_by=reload.fixed,
            warnings=reload.warnings,
        )

    @app.get("/api/log-level", tags=["service"])
    def get_level(_viewer: Viewer) -> LevelAnswer:
        """Return the least level that is logged."""
        return LevelAnswer(level=logs.level())

    @app.post("/api/log-level", tags=["service"], responses=CHANGING)
    def post_level(request: LevelRequest, actor: Administrator) -> LevelAnswer:
        """Log from this level on, until the worker restarts: then Log.Level applies again."""
        before, warns = logs.level(), log.isEnabledFor(logging.WARNING)
        if not warns:
            logs.set_level(request.level)
        log.warning("the level of the log is set to %s, and was %s (by %s)", request.level, before, actor)
        logs.set_level(request.level)
        return LevelAnswer(level=logs.level())
