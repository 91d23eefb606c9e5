"""Pictures of what was cleaned, or is held for its text: their list, they themselves, and a page that shows them."""

from __future__ import annotations

from dataclasses import asdict
from html import escape
from typing import Any, Literal

from fastapi import FastAPI, HTTPException, Response
from fastapi.responses import HTMLResponse

from sendit.api.answers import BatchAnswer, Number, PictureAnswer, PicturesAnswer, Problem
from sendit.api.page import STYLE
from sendit.api.views import Views
from sendit.pictures import MOST, Shown
from sendit.pipeline import Pipeline

#: They show patients' identifiers: no browser or proxy may keep them.
_NOT_KEPT = {"Cache-Control": "no-store"}
_PNG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/png": {}}, "description": "PNG, its longer side at most 512 pixels"},
    404: {"model": Problem},
}


def add_routes(app: FastAPI, pipeline: Pipeline, views: Views) -> None:
    """Under /api/batches/{id}/pictures, and the page /batches/{id}/pictures."""
    kept = pipeline.rooms.pictures

    def known(batch_id: int) -> BatchAnswer:
        batch = views.batch(batch_id)
        if batch is None:
            cure = "GET /sendit/api/batches lists them."
            raise HTTPException(404, {"error": f"there is no batch {batch_id}", "cure": cure}, _NOT_KEPT)
        return batch

    @app.get("/api/batches/{batch_id}/pictures", tags=["pictures"], responses={404: {"model": Problem}})
    def get_pictures(batch_id: Number, response: Response) -> PicturesAnswer:
        """What is shown of a batch before and after cleaning, until the batch is done."""
        known(batch_id)
        response.headers.update(_NOT_KEPT)
        found = [PictureAnswer(**asdict(shown)) for shown in kept.of(batch_id)]
        return PicturesAnswer(batch=batch_id, most=MOST, pictures=found)

    @app.get(
        "/api/batches/{batch_id}/pictures/{name}/{which}",
        tags=["pictures"],
        response_class=Response,
        responses=_PNG,
    )
    def get_picture(batch_id: Number, name: str, which: Literal["before", "after"]) -> Response:
        """One picture, regions outlined. That of before shows what identifies the patient."""
        batch = known(batch_id)
        png = kept.read(batch_id, name, which)
        if png is None:
            cure = f"Batch {batch_id} is {batch.state}: pictures are kept until a batch is done. List what there is."
            raise HTTPException(404, {"error": "there is no such picture (any more)", "cure": cure}, _NOT_KEPT)
        return Response(png, media_type="image/png", headers=_NOT_KEPT)

    @app.get("/batches/{batch_id}/pictures", include_in_schema=False)
    def get_page(batch_id: Number) -> HTMLResponse:
        return HTMLResponse(_page(known(batch_id), kept.of(batch_id)), headers=_NOT_KEPT)


_STYLE = """
td:first-child { width: 14rem } figure { margin: 0 } figcaption { font-size: .85rem; opacity: .8 }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); gap: 1rem }
.pair img { max-width: 100%; min-width: 16rem; background: #000 } code { font-size: .85rem; overflow-wrap: anywhere }
"""


def _page(batch: BatchAnswer, shown: list[Shown]) -> str:
    """HTML; everything that comes from outside is escaped. Relative links, as on the first page."""
    rows = "\n".join(_row(batch.id, one) for one in shown)
    rows = rows or f"<tr><td colspan=2>There are none. The batch is {batch.state}; pictures go when it is done."
    more = f" No more than {MOST} frames of a batch are shown." if len(shown) >= MOST else ""
    why = f"<p>{escape(batch.reason)}" if batch.reason else ""
    return f"""<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width">
<title>SendIt: pictures of batch {batch.id}</title><style>{STYLE}{_STYLE}</style>
<h1>Batch {batch.id} <small class="state {batch.state}">{batch.state}</small></h1>{why}
<p>Before and after cleaning; what was made black is outlined.{more}
<b>The pictures of before show patients' identifiers.</b>
<a href=../../>All batches</a>
<table><thead><tr><th>Instance<th>Before, after</thead><tbody>
{rows}
</tbody></table></html>"""


def _row(batch_id: int, one: Shown) -> str:
    source = f"../../api/batches/{batch_id}/pictures/{escape(one.name, quote=True)}"
    number = "" if one.instance_number is None else f"Number {one.instance_number}, "
    images = "".join(
        f'<figure><img loading=lazy alt="{which}" src="{source}/{which}"><figcaption>{which}</figcaption></figure>'
        for which in ("before", "after")
    )
    count = f"{len(one.regions)} region{'' if len(one.regions) == 1 else 's'}"
    return (
        f"<tr><td>{number}frame {one.frame}<br><b class={escape(one.status, quote=True)}>{escape(one.status)}</b>: "
        f"{escape(one.how)}; {count}<br><code>{escape(one.sop_instance_uid)}</code><td><div class=pair>{images}</div>"
    )
