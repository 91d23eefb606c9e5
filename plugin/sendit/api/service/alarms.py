"""Routes of the alarms: what is wrong and was told, and a test of the ways to persons."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from fastapi import FastAPI
from pydantic import BaseModel

from sendit.api.problems import CHANGING, problem
from sendit.api.roles import Administrator, Viewer
from sendit.api.schemas import Nothing
from sendit.config.alarms import Kind
from sendit.pipeline.watching.alarms.keeper import Keeper


class AlarmAnswer(BaseModel):
    """A problem that was told and is not over."""

    kind: Kind
    text: str
    since: datetime
    told: datetime


class AlarmsAnswer(BaseModel):
    """What is wrong and was told."""

    configured: bool
    alarms: list[AlarmAnswer]


class ChannelAnswer(BaseModel):
    """Whether a test message was accepted."""

    channel: str
    state: Literal["sent", "failed"]
    problem: str


class AlarmTestAnswer(BaseModel):
    """The result of a test, for each way to persons."""

    channels: list[ChannelAnswer]


def add_routes(app: FastAPI, keeper: Keeper | None) -> None:
    """Add /api/alarms and /api/alarms/test.

    Args:
        app: the application.
        keeper: keeps the alarms; None if none are configured.
    """

    @app.get("/api/alarms", tags=["service"])
    def get_alarms(_viewer: Viewer) -> AlarmsAnswer:
        """List the problems that were told and are not over."""
        found = [] if keeper is None else [AlarmAnswer.model_validate(one) for one in keeper.open()]
        return AlarmsAnswer(configured=keeper is not None, alarms=found)

    @app.post("/api/alarms/test", tags=["service"], responses=CHANGING)
    def post_test(_: Nothing, _actor: Administrator) -> AlarmTestAnswer:
        """Send a test message by each webhook and by mail, at once."""
        if keeper is None:
            raise problem(409, "no alarms are configured", "Add Alarms to the section SendIt of orthanc.json.")
        results = [
            ChannelAnswer(channel=name, state="failed" if why else "sent", problem=why) for name, why in keeper.test()
        ]
        return AlarmTestAnswer(channels=results)
