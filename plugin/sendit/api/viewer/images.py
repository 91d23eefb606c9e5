"""Routes of a batch's images: full frames before and after, sheets of them, and headers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from fastapi import FastAPI, Query, Response

from sendit.api.problems import NOT_FOUND, Responses, problem
from sendit.api.queries import Views
from sendit.api.schemas import Number, Problem
from sendit.api.viewer.looking import Looker, Looking
from sendit.api.viewer.schemas import (
    MASKED,
    FirstParameter,
    FrameNumber,
    FramesAnswer,
    HeaderAnswer,
    HeaderRow,
    ImageAnswer,
    ImagesAnswer,
    InstanceNumber,
    SheetCount,
    WhichParameter,
    WindowAnswer,
    WindowParameter,
)
from sendit.deidentify.explain import Row
from sendit.deidentify.pixels.viewing import LONGEST, Window
from sendit.model import BatchState
from sendit.pipeline.batch import Pipeline
from sendit.pipeline.review.viewing.processes import Unavailable
from sendit.pipeline.review.viewing.viewer import InstanceViewer

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")

_FORBIDDEN: Responses = {403: {"model": Problem, "description": "you may not look at originals"}}
_PNG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/png": {}}, "description": "PNG"},
    **NOT_FOUND,
    **_FORBIDDEN,
}
#: In other states an output is not shown to be clean: who sees it may see what identifies a patient.
_RELEASED = frozenset({BatchState.DELIVERING, BatchState.SENT, BatchState.DONE})
#: Instances of one page of the list.
_MOST = 500


def add_routes(app: FastAPI, pipeline: Pipeline, views: Views, viewer: InstanceViewer) -> None:
    """Add /api/batches/{id}/images, /sheet, and what is below /instances/{n}."""
    _lists(app, views, viewer)
    pixels = _Pixels(pipeline, views)
    _frames(app, viewer, pixels)
    _sheets(app, viewer, pixels)
    _headers(app, pipeline, views, viewer)


def _lists(app: FastAPI, views: Views, viewer: InstanceViewer) -> None:
    @app.get("/api/batches/{batch_id}/images", tags=["viewer"], responses=NOT_FOUND)
    def get_images(
        batch_id: Number,
        looking: Looker,
        first: FirstParameter = 1,
        limit: Annotated[int, Query(ge=1, le=_MOST)] = 100,
    ) -> ImagesAnswer:
        """List the instances of a batch by number, with the regions that were masked in them."""
        views.row(batch_id)
        images = [ImageAnswer(**asdict(one)) for one in viewer.instances(batch_id, first, limit)]
        return ImagesAnswer(batch=batch_id, count=viewer.count(batch_id), originals=looking.originals, images=images)

    @app.get(
        "/api/batches/{batch_id}/instances/{number}/frames",
        tags=["viewer"],
        responses={**NOT_FOUND, **_FORBIDDEN},
    )
    def get_frames(
        batch_id: Number, number: InstanceNumber, looking: Looker, which: WhichParameter = "after"
    ) -> FramesAnswer:
        """Return size, windows and boxes of an instance: what a viewer needs before it shows a frame."""
        _require(looking, views.row(batch_id).state, which)
        image = viewer.instance(batch_id, number)
        if image is None:
            raise _no_instance(batch_id, number)
        facts = _shown(viewer.facts(batch_id, number, which), batch_id, number)
        return FramesAnswer(
            rows=facts.rows,
            columns=facts.columns,
            frames=facts.frames,
            longest=LONGEST,
            windows=[WindowAnswer(**asdict(window)) for window in facts.windows],
            image=ImageAnswer(**asdict(image)),
        )


@dataclass(frozen=True, slots=True)
class _Pixels:
    """Who may see the pixels of a batch."""

    pipeline: Pipeline
    views: Views

    def admit(self, looking: Looking, batch_id: int, which: str, subject: str, what: str) -> None:
        """Refuse who may not see them; record a look at what may identify a patient."""
        if _require(looking, self.views.row(batch_id).state, which):
            shown = what if which == "before" else f"{what} of the output"
            looking.record(self.pipeline, batch_id, subject, shown)


def _require(looking: Looking, state: BatchState, which: str) -> bool:
    """Refuse who may not see these pixels; return whether they may identify a patient.

    Who may release what waits for a review sees it as it would leave: nobody is to release what they cannot see.
    """
    if which == "after" and state in _RELEASED:
        return False
    if which == "after" and state is BatchState.REVIEW:
        looking.require_unreleased()
    else:
        looking.require_originals()
    return True


def _frames(app: FastAPI, viewer: InstanceViewer, pixels: _Pixels) -> None:
    @app.get(
        "/api/batches/{batch_id}/instances/{number}/frames/{frame}",
        tags=["viewer"],
        response_class=Response,
        responses=_PNG,
    )
    def get_frame(
        batch_id: Number,
        number: InstanceNumber,
        frame: FrameNumber,
        looking: Looker,
        which: WhichParameter = "after",
        window: WindowParameter = None,
    ) -> Response:
        """Return a frame in full size, 8 bits after the window. Each look at an original is recorded."""
        pixels.admit(looking, batch_id, which, f"instance {number}", "frame")
        png = viewer.frame(batch_id, number, frame - 1, which, _window(window))
        return Response(_shown(png, batch_id, number), media_type="image/png")


def _sheets(app: FastAPI, viewer: InstanceViewer, pixels: _Pixels) -> None:
    @app.get(
        "/api/batches/{batch_id}/instances/{number}/sheet", tags=["viewer"], response_class=Response, responses=_PNG
    )
    def get_sheet_of_frames(
        batch_id: Number,
        number: InstanceNumber,
        looking: Looker,
        which: WhichParameter = "after",
        first: FirstParameter = 1,
        count: SheetCount = 64,
    ) -> Response:
        """Return frames of one instance as tiles of 128 × 128, eight in a row."""
        pixels.admit(looking, batch_id, which, f"instance {number}", "frame")
        png = viewer.sheet_of_frames(batch_id, number, first - 1, count, which)
        return Response(_shown(png, batch_id, number), media_type="image/png")

    @app.get("/api/batches/{batch_id}/sheet", tags=["viewer"], response_class=Response, responses=_PNG)
    def get_sheet(
        batch_id: Number,
        looking: Looker,
        which: WhichParameter = "after",
        first: FirstParameter = 1,
        count: SheetCount = 64,
    ) -> Response:
        """Return the first frames of instances as tiles of 128 × 128, eight in a row; without a picture: dark."""
        pixels.admit(looking, batch_id, which, f"instances {first} to {first + count - 1}", "sheet")
        return Response(_shown(viewer.sheet(batch_id, first, count, which), batch_id, first), media_type="image/png")


def _headers(app: FastAPI, pipeline: Pipeline, views: Views, viewer: InstanceViewer) -> None:
    @app.get("/api/batches/{batch_id}/instances/{number}/header", tags=["viewer"], responses=NOT_FOUND)
    def get_header(batch_id: Number, number: InstanceNumber, looking: Looker) -> HeaderAnswer:
        """Compare a header before and after, element by element, with the rule that decided.

        Original values are shown to the roles REVIEW and LOOK_UP, and each look is recorded. Nothing is kept.
        """
        views.row(batch_id)
        view = _shown(viewer.header(batch_id, number), batch_id, number)
        if looking.originals:
            looking.record(pipeline, batch_id, f"instance {number}", "header")
        rows = header_rows(view.rows, originals=looking.originals)
        return HeaderAnswer(originals=looking.originals, planned=view.planned, same_rules=view.same_rules, rows=rows)


def header_rows(rows: Iterable[Row], *, originals: bool) -> list[HeaderRow]:
    """Return rows as they are shown to somebody who may see original values, or may not."""
    return [
        HeaderRow(
            tag=row.tag.removeprefix("> " * row.depth),
            keyword=row.name,
            vr=row.vr,
            depth=row.depth,
            creator=row.creator if originals or row.after_length is not None else "",
            happens=row.happens,
            decided=row.decided,
            before=row.before if originals else MASKED if row.before else "",
            after=row.after,
            before_length=row.before_length if originals else None,
            after_length=row.after_length,
        )
        for row in rows
    ]


def _window(text: str | None) -> Window | None:
    if text is None:
        return None
    center, width = (float(number) for number in text.split(","))
    return Window(center, max(width, 1e-3))


def _no_instance(batch_id: int, number: int) -> Exception:
    remedy = f"GET /sendit/api/batches/{batch_id}/images lists them."
    return problem(404, f"batch {batch_id} has no instance {number}", remedy)


def _shown(result: T | Unavailable, batch_id: int, number: int) -> T:
    if isinstance(result, Unavailable):
        error = f"instance {number} of batch {batch_id} cannot be shown: {result.reason}"
        raise problem(404, error, f"The page of batch {batch_id} says what became of it.")
    return result
