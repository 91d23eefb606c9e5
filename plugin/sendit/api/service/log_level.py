"""Routes of the level of SendIt's log."""

from __future__ import annotations

import logging

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict

from sendit import logs
from sendit.api.problems import CHANGING
from sendit.api.roles import Administrator, Viewer
from sendit.config.types import Level

log = logging.getLogger(__name__)


class LevelRequest(BaseModel):
    """The least level that is to be logged."""

    model_config = ConfigDict(extra="forbid")

    level: Level


class LevelAnswer(BaseModel):
    """The least level that is logged."""

    level: str


def add_routes(app: FastAPI) -> None:
    """Add /api/log-level."""

    @app.get("/api/log-level", tags=["service"])
    def get_level(_viewer: Viewer) -> LevelAnswer:
        """Return the least level that is logged."""
        return LevelAnswer(level=logs.level())

    @app.post("/api/log-level", tags=["service"], responses=CHANGING)
    def post_level(request: LevelRequest, actor: Administrator) -> LevelAnswer:
        """Log from this level on, until the worker restarts: then Log.Level applies again."""
        before, said = logs.level(), log.isEnabledFor(logging.WARNING)
        if not said:
            logs.set_level(request.level)
        log.warning("the level of the log is set to %s, and was %s (by %s)", request.level, before, actor)
        logs.set_level(request.level)
        return LevelAnswer(level=logs.level())
