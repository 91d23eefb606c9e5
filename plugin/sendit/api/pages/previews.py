"""Routes of previews: frames before and after cleaning, of what was cleaned or is held for its text.

What shows an original, or is held because it may still show one, is for reviewers and those who may look up originals;
each look is recorded before the image is sent.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse

from sendit.api.pages.shell import Shell
from sendit.api.problems import NOT_FOUND, problem
from sendit.api.queries import Views
from sendit.api.roles import ORIGINALS, SeesOriginals, Someone, Viewer
from sendit.api.schemas import BatchAnswer, Number, PictureAnswer, PicturesAnswer
from sendit.pipeline.batch import Pipeline
from sendit.storage.previews import HELD, MOST, Previews, Shown, Which

_PNG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/png": {}}, "description": "PNG, its longer side at most 512 pixels"},
    **NOT_FOUND,
}


def add_routes(app: FastAPI, pipeline: Pipeline, views: Views, shell: Shell) -> None:
    """Add /api/batches/{id}/pictures and below, and the page /batches/{id}/pictures."""
    previews, audit = pipeline.services.previews, pipeline.services.journal.audit
    path = "/api/batches/{batch_id}/pictures"

    @app.get(path, tags=["pictures"], responses=NOT_FOUND)
    def get_pictures(batch_id: Number, _viewer: Viewer) -> PicturesAnswer:
        """List the previews of a batch, which are kept until the batch is done."""
        views.existing(batch_id)
        answers = [PictureAnswer(**asdict(preview)) for preview in previews.of(batch_id)]
        return PicturesAnswer(batch=batch_id, most=MOST, pictures=answers)

    @app.get(f"{path}/{{name}}/before", tags=["pictures"], response_class=Response, responses=_PNG)
    def get_before(batch_id: Number, name: str, actor: SeesOriginals) -> Response:
        """Return a frame before cleaning, with regions outlined. It shows what identifies a patient."""
        batch = views.existing(batch_id)
        shown = _shown(previews, batch, name)
        audit.record_look(actor, batch_id, shown.sop_instance_uid, "preview")
        return _png(previews, batch, name, "before")

    @app.get(f"{path}/{{name}}/after", tags=["pictures"], response_class=Response, responses=_PNG)
    def get_after(batch_id: Number, name: str, viewer: Viewer, person: Someone) -> Response:
        """Return a frame after cleaning, with regions outlined. One of an instance that is held may show a patient."""
        batch = views.existing(batch_id)
        shown = _shown(previews, batch, name)
        if shown.status == HELD:
            person.require(*ORIGINALS)
            audit.record_look(viewer, batch_id, shown.sop_instance_uid, "preview")
        return _png(previews, batch, name, "after")

    @app.get("/batches/{batch_id}/pictures", include_in_schema=False)
    def get_page(request: Request, batch_id: Number, _viewer: Viewer) -> HTMLResponse:
        batch, shown = views.existing(batch_id), previews.of(batch_id)
        return shell.page(request, "previews.html", "batches", refresh=0, batch=batch, previews=shown, most=MOST)


def _shown(previews: Previews, batch: BatchAnswer, name: str) -> Shown:
    for preview in previews.of(batch.id):
        if preview.name == name:
            return preview
    remedy = f"Batch {batch.id} is {batch.state}: previews exist until a batch is done. List those that exist."
    raise problem(404, "there is no such preview (any more)", remedy)


def _png(previews: Previews, batch: BatchAnswer, name: str, which: Which) -> Response:
    png = previews.read(batch.id, name, which)
    if png is None:
        raise problem(404, "this preview was removed just now", f"Batch {batch.id} is {batch.state}.")
    return Response(png, media_type="image/png")
