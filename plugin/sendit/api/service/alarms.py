"""*Alarms*, the page and its routes: what is wrong and who was told of it, and a test of the channels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Literal

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from sendit.api.pages.shell import Shell
from sendit.api.problems import CHANGING, problem
from sendit.api.roles import Administrator, Viewer
from sendit.api.schemas import Nothing
from sendit.config.alarms import Alarms, Kind
from sendit.pipeline.watching.alarms.keeper import AlarmsView, Keeper


class AlarmAnswer(BaseModel):
    """A problem that was told and is not over."""

    kind: Kind
    text: str
    since: datetime
    told: datetime


class ToldToAnswer(BaseModel):
    """A channel by which people are told."""

    channel: str = Field(description="its place in the configuration")
    to: str = Field(description="whom it tells")
    waiting: int = Field(description="messages that could not be sent yet")
    problem: str = Field(description="why; empty if none waits")


class SummaryAnswer(BaseModel):
    """A daily summary."""

    at: datetime
    text: str


class AlarmsAnswer(BaseModel):
    """Present alarms, and whom they were told."""

    configured: bool
    alarms: list[AlarmAnswer]
    channels: list[ToldToAnswer]
    summary: SummaryAnswer | None = Field(description="the last one; null if there was none")


class ChannelAnswer(BaseModel):
    """Whether a test message was accepted."""

    channel: str
    state: Literal["sent", "failed"]
    problem: str


class AlarmTestAnswer(BaseModel):
    """The result of a test, channel by channel."""

    channels: list[ChannelAnswer]


def add_routes(app: FastAPI, keeper: Keeper | None) -> None:
    """Add /api/alarms and /api/alarms/test.

    Args:
        app: the application.
        keeper: keeps the alarms; None if none are configured.
    """

    @app.get("/api/alarms", tags=["service"])
    def get_alarms(_viewer: Viewer) -> AlarmsAnswer:
        """List the problems that were told and are not over, and whom SendIt tells."""
        if keeper is None:
            return AlarmsAnswer(configured=False, alarms=[], channels=[], summary=None)
        return _answer(keeper.view())

    @app.post("/api/alarms/test", tags=["service"], responses=CHANGING)
    def post_test(_: Nothing, _actor: Administrator) -> AlarmTestAnswer:
        """Send a test message by each webhook and by mail, at once."""
        if keeper is None:
            raise problem(409, "no alarms are configured", "Add Alarms to the section SendIt of orthanc.json.")
        results = [
            ChannelAnswer(channel=name, state="failed" if why else "sent", problem=why) for name, why in keeper.test()
        ]
        return AlarmTestAnswer(channels=results)


def _answer(view: AlarmsView) -> AlarmsAnswer:
    told = [AlarmAnswer.model_validate(asdict(one)) for one in view.alarms if one.told is not None]
    summary = None if view.summary_at is None else SummaryAnswer(at=view.summary_at, text=view.summary)
    channels = [ToldToAnswer(**asdict(one)) for one in view.channels]
    return AlarmsAnswer(configured=True, alarms=told, channels=channels, summary=summary)


def add_page(app: FastAPI, shell: Shell, keeper: Keeper | None, configured: Callable[[], Alarms | None]) -> None:
    """Add the page at /sendit/alarms.

    Args:
        app: the application.
        shell: renders pages.
        keeper: keeps the alarms; None if none are configured.
        configured: returns the section SendIt.Alarms.
    """

    @app.get("/alarms", include_in_schema=False)
    def get_alarms_page(request: Request, _viewer: Viewer) -> HTMLResponse:
        view = None if keeper is None else keeper.view()
        return shell.page(request, "alarms.html", "alarms", alarms=view, settings=configured())
