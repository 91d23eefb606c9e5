"""*Cohorts*: lists of studies that are pulled from a PACS, and what became of each line.

What a line asks for is shown to those who may look up originals, and each look is recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Literal

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from sendit.api.csv_text import CSV, CSV_CONTENT, attachment, lines
from sendit.api.filters import Before, one_page
from sendit.api.pages.shell import Sources
from sendit.api.problems import CHANGING, NOT_FOUND, problem
from sendit.api.roles import Administrator, LooksUp, Viewer
from sendit.api.schemas import Number, Reason, Words
from sendit.config.variants import projects_proper
from sendit.importer.cohort.cohort_list import COLUMNS, WrongList, values_of
from sendit.journal.audit import Act
from sendit.journal.lists.imports import SealedName
from sendit.journal.lists.pulls import FINE, Pull, PullRow, PullState, RowState
from sendit.model import BatchState
from sendit.orthanc.remote import Kind
from sendit.pipeline.watching.pulls import Pulling

_PAGE = 50
#: Rows that the page of a pull shows; the file has them all.
_MOST_SHOWN = 500
_LONGEST_LIST = 20_000_000
_RESULT = ("Line", "State", "Studies", "ImagesExpected", "Images", "Batches", "Reason")


class PullRequest(BaseModel):
    """A cohort to pull."""

    model_config = ConfigDict(extra="forbid")

    cohort: str = Field(min_length=1, max_length=_LONGEST_LIST, description="the list: the text of a CSV file")
    source: Words = Field(max_length=64, description="name of a modality or DICOMweb server of Orthanc")
    project: Words = Field(max_length=64)
    only_check: StrictBool = Field(default=False, description="ask what the source has; fetch nothing")


class CancelRequest(BaseModel):
    """Why a pull is to end."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason = ""


class LookRequest(BaseModel):
    """Why somebody wants to see what the lines of a list ask for."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason = Field(min_length=1)


class SourceAnswer(BaseModel):
    """A server that cohorts can be pulled from."""

    name: str
    kinds: list[Kind] = Field(description="with both, the name is ambiguous: nothing can be pulled")


class SourcesAnswer(BaseModel):
    """The servers that Orthanc knows."""

    sources: list[SourceAnswer]


class PullAnswer(BaseModel):
    """A pull and its progress."""

    id: int
    project: str
    source: str
    kind: Kind
    only_check: bool
    state: PullState
    why: str = Field(description="what it waits for, or why it ended")
    actor: str
    started_at: datetime
    finished_at: datetime | None
    next_attempt_at: datetime | None
    rows: dict[RowState, int] = Field(description="number of rows of the list by what became of them")
    studies: int = Field(description="that the rows mean; each is fetched once")
    studies_done: int = Field(description="that are complete, partial or failed")
    images: int
    images_expected: int
    seconds_left: float | None = Field(description="at the present pace, while the window is open; null: not known yet")


class PullsAnswer(BaseModel):
    """Pulls, newest first."""

    pulls: list[PullAnswer]
    next: int | None = Field(description="`before` of the next page")


class PullRowAnswer(BaseModel):
    """Outcome of a line of the list."""

    line: int
    state: RowState
    same_as: int | None = Field(description="the line before that asks for the same")
    reason: str
    studies: int = Field(description="that the source has for it")
    images_expected: int
    images: int
    batches: dict[int, BatchState]


class ResultAnswer(BaseModel):
    """The result of a pull: every line of the list."""

    rows: list[PullRowAnswer]


class IdentifiedAnswer(BaseModel):
    """The result of a pull as a CSV file, with what each line asked for: identifiers of patients."""

    name: str
    csv: str


def add(app: FastAPI, sources: Sources) -> None:
    """Add the pages of pulls, and their routes."""
    _add_routes(app, sources)
    _add_results(app, sources)
    _add_pages(app, sources)


def _add_routes(app: FastAPI, sources: Sources) -> None:
    pulling, services = sources.pulling, sources.pipeline.services
    journal = services.journal.pulls

    @app.get("/api/pull-sources", tags=["pulls"])
    def get_sources(_viewer: Viewer) -> SourcesAnswer:
        """List the modalities and DICOMweb servers of Orthanc, from which cohorts can be pulled."""
        return SourcesAnswer(sources=_sources(pulling))

    @app.post("/api/pulls", status_code=202, tags=["pulls"], responses=CHANGING)
    def post_pull(request: PullRequest, actor: Administrator) -> PullAnswer:
        """Pull the studies of a list from a PACS, for a project. A wrong list is refused with all of its faults."""
        try:
            number = pulling.begin(
                request.cohort, request.source, request.project, actor, only_check=request.only_check
            )
        except WrongList as wrong:
            faults = [{"line": one.line, "problem": one.problem} for one in wrong.faults]
            raise problem(422, f"cohort list: {wrong.problem}", wrong.remedy, lines=faults) from None
        return _answer(_existing(sources, number), sources)

    @app.get("/api/pulls", tags=["pulls"])
    def get_pulls(
        _viewer: Viewer,
        limit: Annotated[int, Query(ge=1, le=500)] = 20,
        before: Before = None,
    ) -> PullsAnswer:
        """List the pulls, newest first."""
        page, after = one_page(lambda most: journal.page(most, before), limit, lambda one: one.id)
        return PullsAnswer(pulls=[_answer(one, sources) for one in page], next=after)

    @app.get("/api/pulls/{pull_id}", tags=["pulls"], responses=NOT_FOUND)
    def get_pull(pull_id: Number, _viewer: Viewer) -> PullAnswer:
        """Return a pull and its progress."""
        return _answer(_existing(sources, pull_id), sources)

    @app.post("/api/pulls/{pull_id}/cancel", tags=["pulls"], responses={**NOT_FOUND, **CHANGING})
    def post_cancel(pull_id: Number, request: CancelRequest, actor: Administrator) -> PullAnswer:
        """End a pull. Studies that have arrived stay, and are de-identified; the list is deleted."""
        _existing(sources, pull_id)
        if not pulling.cancel(pull_id, actor, request.reason):
            state = _existing(sources, pull_id).state
            raise problem(409, f"pull {pull_id} is {state}", "Only pulls that are running can be cancelled.")
        return _answer(_existing(sources, pull_id), sources)


def _add_results(app: FastAPI, sources: Sources) -> None:
    pulling, services = sources.pulling, sources.pipeline.services

    @app.get(
        "/api/pulls/{pull_id}/result",
        tags=["pulls"],
        response_model=ResultAnswer,
        responses={**NOT_FOUND, 200: {"content": CSV_CONTENT}},
    )
    def get_result(
        pull_id: Number,
        _viewer: Viewer,
        form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
    ) -> Response | ResultAnswer:
        """Return what became of every line of the list. Lines stand by their numbers: nothing of the list is in it."""
        rows = _rows(_existing(sources, pull_id), sources)
        if form == "json":
            return ResultAnswer(rows=[row for row, _ in rows])
        text = "".join(lines(_RESULT, (_cells(row) for row, _ in rows)))
        return Response(text, media_type=CSV, headers=attachment(f"pull-{pull_id}.csv"))

    @app.post("/api/pulls/{pull_id}/identified-result", tags=["pulls"], responses={**NOT_FOUND, **CHANGING})
    def post_identified_result(pull_id: Number, request: LookRequest, actor: LooksUp) -> IdentifiedAnswer:
        """Return the result with what each line asked for. The look is recorded before it is answered."""
        pull = _existing(sources, pull_id)
        rows = _rows(pull, sources)
        if not any(sealed for _, sealed in rows):
            remedy = "Your own copy of the list has the lines by which the result names its rows."
            raise problem(409, f"project {pull.project} keeps no crosswalk, or the rows were deleted", remedy)
        details = {"rows": len(rows)}
        act = Act(
            actor, "show-pull", project=pull.project, subject=f"pull {pull_id}", reason=request.reason, details=details
        )
        services.journal.audit.record(act)
        table = ((*_cells(row), *_asked(pulling, pull, sealed)) for row, sealed in rows)
        return IdentifiedAnswer(name=f"pull-{pull_id}-identified.csv", csv="".join(lines((*_RESULT, *COLUMNS), table)))


def _add_pages(app: FastAPI, sources: Sources) -> None:
    services, shell, pulling = sources.pipeline.services, sources.shell, sources.pulling
    journal = services.journal.pulls

    @app.get("/pulls", include_in_schema=False)
    def get_pulls_page(request: Request, _viewer: Viewer, before: Before = None) -> HTMLResponse:
        page, after = one_page(lambda most: journal.page(most, before), _PAGE, lambda one: one.id)
        return shell.page(
            request,
            "pulls.html",
            "pulls",
            pulls=[_answer(one, sources) for one in page],
            next=after,
            before=before,
            sources=[one for one in _sources(pulling) if len(one.kinds) == 1],
            projects=projects_proper(services.settings),
        )

    @app.get("/pulls/{pull_id}", include_in_schema=False)
    def get_pull_page(request: Request, _viewer: Viewer, pull_id: Number) -> HTMLResponse:
        pull = _existing(sources, pull_id)
        rows = [row for row, _ in _rows(pull, sources)]
        # Rows that need a look come first.
        rows.sort(key=lambda row: (row.state in FINE, row.line))
        return shell.page(
            request,
            "pull.html",
            "pulls",
            one=_answer(pull, sources),
            rows=rows[:_MOST_SHOWN],
            total=len(rows),
        )


def _sources(pulling: Pulling) -> list[SourceAnswer]:
    return [SourceAnswer(name=name, kinds=kinds) for name, kinds in pulling.remotes.names().items()]


def _existing(sources: Sources, number: int) -> Pull:
    pull = sources.pipeline.services.journal.pulls.get(number)
    if pull is None:
        raise problem(404, f"there is no pull {number}", "GET /sendit/api/pulls lists them.")
    return pull


def _answer(pull: Pull, sources: Sources) -> PullAnswer:
    progress = sources.pipeline.services.journal.pulls.progress(pull)
    return PullAnswer(
        id=pull.id,
        project=pull.project,
        source=pull.source,
        kind=Kind(pull.kind),
        only_check=pull.only_check,
        state=pull.state,
        why=pull.why,
        actor=pull.actor,
        started_at=pull.started_at,
        finished_at=pull.finished_at,
        next_attempt_at=pull.next_attempt_at,
        rows=dict(progress.rows),
        studies=progress.studies,
        studies_done=progress.studies_done,
        images=progress.images,
        images_expected=progress.images_expected,
        seconds_left=progress.seconds_left if pull.state is PullState.RUNNING else None,
    )


def _rows(pull: Pull, sources: Sources) -> list[tuple[PullRowAnswer, bytes | None]]:
    """Return the rows, each with what it asked for, sealed."""
    journal = sources.pipeline.services.journal.pulls
    batches = journal.batches(pull.id, pull.project)
    return [(_row(row, batches), row.sealed) for row in journal.rows(pull.id)]


def _row(row: PullRow, batches: dict[str, list[tuple[int, BatchState]]]) -> PullRowAnswer:
    return PullRowAnswer(
        line=row.line,
        state=row.state,
        same_as=row.same_as,
        reason=row.reason,
        studies=len(row.studies),
        images_expected=sum(study.expected or study.images for study in row.studies),
        images=sum(study.images for study in row.studies),
        batches={number: state for study in row.studies for number, state in batches.get(study.held, ())},
    )


def _cells(row: PullRowAnswer) -> Sequence[str]:
    batches = " ".join(f"{number}:{state}" for number, state in row.batches.items())
    return [str(row.line), row.state, str(row.studies), str(row.images_expected), str(row.images), batches, row.reason]


def _asked(pulling: Pulling, pull: Pull, sealed: bytes | None) -> Iterator[str]:
    text = None if sealed is None else pulling.names.open(pull.project, SealedName("", sealed))
    yield from values_of(text) if text is not None else [""] * len(COLUMNS)
