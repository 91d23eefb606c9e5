"""Routes of actions on many batches, of pauses, and of the question whether anything has changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, TypeAlias

from fastapi import Depends, FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator
from starlette.concurrency import run_in_threadpool

from sendit.api.actor import TOKEN_HEADER
from sendit.api.filters import LARGEST, BatchFilter
from sendit.api.problems import CHANGING, NOT_FOUND, problem
from sendit.api.roles import Administrator, Needs, Role, Someone, Viewer
from sendit.api.schemas import Number, Reason, Words
from sendit.config.variants import projects_proper
from sendit.journal.lists.pauses import Paused
from sendit.pipeline.actions import MOST_BATCHES, MOST_OUTCOMES, ActionRun, Actions
from sendit.pipeline.batch import Pipeline

#: Seconds between two looks for changes, and the longest wait.
_LOOK, _LONGEST_WAIT = 0.5, 25.0
#: Requests that may wait: those through Orthanc each occupy one of its few threads.
_THROUGH_ORTHANC, _OTHERS = 2, 8
#: Roles of which one is needed; ADMINISTER for all other actions.
_NEEDS = {"hold": (Role.REVIEW, Role.ADMINISTER), "release": (Role.RELEASE,)}


class ActionRequest(BaseModel):
    """An action on batches, which are given by numbers or by a filter."""

    model_config = ConfigDict(extra="forbid")

    action: Annotated[
        Words, Field(max_length=32, description="retry, try_now, cancel, hold, release, acknowledge, recall")
    ]
    batches: list[Annotated[int, Field(ge=1, le=LARGEST)]] = Field(default=[], max_length=10_000)
    filter: BatchFilter | None = Field(default=None, description="all batches that it finds; needs `expected`")
    expected: int | None = Field(
        default=None, ge=0, le=MOST_BATCHES, description="nothing is done if the filter finds more batches by now"
    )
    reason: Reason = ""
    preview: StrictBool = Field(default=False, description="change nothing, return how many batches are meant")

    @model_validator(mode="after")
    def _one(self) -> ActionRequest:
        if bool(self.batches) == (self.filter is not None):
            raise ValueError("give either batches or filter")
        if self.filter is not None and self.expected is None and not self.preview:
            raise ValueError("give expected with a filter: how many batches you have seen")
        return self


class BatchOutcomeAnswer(BaseModel):
    """Outcome of the action for one batch."""

    batch: int
    ok: bool
    said: str = Field(description="what was done, or why it was not")


class ActionAnswer(BaseModel):
    """An action on many batches. It goes on in the background: GET /api/actions/{id}."""

    id: int | None = Field(description="null: a preview")
    action: str
    actor: str
    reason: str
    total: int = Field(description="batches that are meant")
    done: int = Field(description="batches that had their turn")
    refused: int = Field(description="of these, batches for which nothing was done")
    started_at: datetime | None
    finished_at: datetime | None = Field(description="null as long as it goes on")
    outcomes: list[BatchOutcomeAnswer] = Field(description=f"of the first {MOST_OUTCOMES} batches")


class ActionsAnswer(BaseModel):
    """The actions that go on, or ended lately, the newest first."""

    actions: list[ActionAnswer] = Field(description="without outcomes: GET /api/actions/{id} has them")


class PauseRequest(BaseModel):
    """Subject of a pause."""

    model_config = ConfigDict(extra="forbid")

    kind: Paused
    name: Words = Field(default="", max_length=64, description="of the project or destination")
    reason: Reason = ""

    @model_validator(mode="after")
    def _named(self) -> PauseRequest:
        if (self.kind is Paused.EVERYTHING) == bool(self.name):
            raise ValueError("name a project or a destination; everything has no name")
        return self


class PauseAnswer(BaseModel):
    """A pause."""

    kind: Paused
    name: str
    at: datetime
    actor: str
    reason: str


class PausesAnswer(BaseModel):
    """All pauses, the oldest first."""

    pauses: list[PauseAnswer]


class ChangesAnswer(BaseModel):
    """Where the journal is."""

    cursor: str = Field(description="`since` of the next question")
    changed: bool = Field(description="whether it differs from `since`")


#: Who may do something with many batches: which of the roles is needed depends on the action.
Doer: TypeAlias = Annotated[str, Depends(Needs(Role.ADMINISTER, Role.RELEASE, Role.REVIEW))]


def add_routes(app: FastAPI, pipeline: Pipeline, actions: Actions) -> None:
    """Add the routes."""
    _actions(app, actions)
    _pauses(app, pipeline)
    _changes(app, pipeline.services.journal.changes.cursor)


def _actions(app: FastAPI, actions: Actions) -> None:
    @app.post("/api/batches/actions", status_code=202, tags=["batches"], responses=CHANGING)
    def post_action(request: ActionRequest, actor: Doer, person: Someone) -> ActionAnswer:
        """Do something with many batches, each for itself: what is refused for one keeps no other from its turn."""
        actions.action(request.action)
        person.require(*_NEEDS.get(request.action, (Role.ADMINISTER,)))
        if request.filter is not None:
            most = MOST_BATCHES if request.expected is None else request.expected
            numbers = actions.matching(request.filter.wanted(), most)
        else:
            numbers = sorted(set(request.batches))
        if request.preview:
            return _preview(request, actor, len(numbers))
        what = request.filter.in_words() if request.filter is not None else "by number"
        return _answer(actions.start(request.action, numbers, actor, request.reason, what))

    @app.get("/api/actions", tags=["batches"])
    def get_actions(_viewer: Viewer) -> ActionsAnswer:
        """List the actions on many batches that go on, or ended lately, the newest first."""
        return ActionsAnswer(actions=[_answer(run).model_copy(update={"outcomes": []}) for run in actions.runs()])

    @app.get("/api/actions/{action_id}", tags=["batches"], responses=NOT_FOUND)
    def get_action(action_id: Number, _viewer: Viewer) -> ActionAnswer:
        """Return how far an action is. A restart goes on with it; each batch's history has its own part of it."""
        run = actions.run_of(action_id)
        if run is None:
            raise problem(404, f"there is no action {action_id}", "POST /sendit/api/batches/actions starts one.")
        return _answer(run)


def _preview(request: ActionRequest, actor: str, total: int) -> ActionAnswer:
    never: dict[str, Any] = {"id": None, "done": 0, "refused": 0, "started_at": None, "finished_at": None}
    return ActionAnswer(action=request.action, actor=actor, reason=request.reason, total=total, **never, outcomes=[])


def _answer(run: ActionRun) -> ActionAnswer:
    return ActionAnswer.model_validate(asdict(run))


def _pauses(app: FastAPI, pipeline: Pipeline) -> None:
    def answer() -> PausesAnswer:
        pauses = pipeline.services.journal.pauses.all()
        return PausesAnswer(pauses=[PauseAnswer(**asdict(pause)) for pause in pauses])

    @app.get("/api/pauses", tags=["service"])
    def get_pauses(_viewer: Viewer) -> PausesAnswer:
        """List what is paused, and by whom."""
        return answer()

    @app.post("/api/pauses", tags=["service"], responses=CHANGING)
    def post_pause(request: PauseRequest, actor: Administrator) -> PausesAnswer:
        """Pause a project, a destination, or everything. Work under way stops after its present instance.

        Studies are still received, and wait. Recalls go on.
        """
        settings = pipeline.services.settings
        known = {Paused.PROJECT: projects_proper(settings), Paused.DESTINATION: list(settings.destinations)}
        if request.name and request.name not in known[request.kind]:
            names = ", ".join(known[request.kind]) or "none"
            raise problem(409, f"no {request.kind} of this name is configured", f"Configured: {names}.")
        pipeline.pause(request.kind, request.name, actor, request.reason)
        return answer()

    @app.post("/api/pauses/end", tags=["service"], responses={**NOT_FOUND, **CHANGING})
    def post_resume(request: PauseRequest, actor: Administrator) -> PausesAnswer:
        """Resume what was paused."""
        if not pipeline.resume(request.kind, request.name, actor, request.reason):
            raise problem(
                404,
                f"{request.kind} {request.name}".strip() + " is not paused",
                "GET /sendit/api/pauses lists what is.",
            )
        return answer()


class _Waiting:
    """Counts requests that wait."""

    def __init__(self) -> None:
        self._count = {True: 0, False: 0}

    def begin(self, *, through_orthanc: bool) -> bool:
        """Return whether another one may wait."""
        if self._count[through_orthanc] >= (_THROUGH_ORTHANC if through_orthanc else _OTHERS):
            return False
        self._count[through_orthanc] += 1
        return True

    def end(self, *, through_orthanc: bool) -> None:
        self._count[through_orthanc] -= 1


def _changes(app: FastAPI, cursor: Callable[[], str]) -> None:
    waiting = _Waiting()

    @app.get("/api/changes", tags=["service"])
    async def get_changes(
        request: Request,
        _viewer: Viewer,
        since: Annotated[str, Query(max_length=64, description="the cursor of the answer before; empty: none")] = "",
        wait: Annotated[float, Query(ge=0, le=_LONGEST_WAIT, description="seconds to wait for a change")] = 0,
    ) -> ChangesAnswer:
        """Return as soon as anything differs from `since`: a batch, a delivery, an import, a pause; or after `wait`.

        Few requests may wait at a time; others are answered at once, with the same cursor if nothing has changed.
        """
        through_orthanc = TOKEN_HEADER in request.headers
        at = await run_in_threadpool(cursor)
        if wait <= 0 or at != since or not waiting.begin(through_orthanc=through_orthanc):
            return ChangesAnswer(cursor=at, changed=at != since)
        deadline = time.monotonic() + wait
        try:
            while at == since and time.monotonic() < deadline and not await request.is_disconnected():
                await asyncio.sleep(min(_LOOK, max(0.0, deadline - time.monotonic())))
                at = await run_in_threadpool(cursor)
        finally:
            waiting.end(through_orthanc=through_orthanc)
        return ChangesAnswer(cursor=at, changed=at != since)
