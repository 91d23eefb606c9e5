"""Previews of an instance before and after cleaning, for the reviewer.

The "before" images show identifiers of the patient. A preview that cannot be made is omitted: it decides nothing.
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from sendit.deidentify.pixels.display import displayed
from sendit.deidentify.pixels.redaction.fill_value import shown_inverted
from sendit.deidentify.pixels.windowing import views

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sendit.deidentify.pixels.frames import Frames
    from sendit.deidentify.pixels.native import Array
    from sendit.deidentify.pixels.regions import Region

#: Longer side of a preview, and of the reduced frame that it is made from: a frame may have a gigabyte (pixels).
LONGEST = 512
_WORKED_ON = 2048
_OUTLINE = (255, 0, 255)


@dataclass(slots=True)
class InstancePreviews:
    """The previews of one instance, as PNG, by the number of the frame, from 0."""

    before: dict[int, bytes] = field(default_factory=dict)
    after: dict[int, bytes] = field(default_factory=dict)
    regions: tuple[Region, ...] = ()
    sop_instance_uid: str = field(default="", repr=False)  # the original one
    instance_number: int | None = None
    _views: dict[int, int] = field(default_factory=dict)

    def add_before(self, frames: Frames, regions: Sequence[Region], indices: Sequence[int]) -> None:
        """Add the frames as they came, with the regions outlined."""
        self.regions = tuple(regions)
        for index in indices:
            with _left_out():
                self.before[index], self._views[index] = picture(frames, index, regions)

    def add_after(self, frames: Frames, regions: Sequence[Region]) -> None:
        """Add the same frames as they leave, or would leave."""
        self.regions = tuple(regions)
        for index, view in self._views.items():
            with _left_out():
                self.after[index], _ = picture(frames, index, regions, view)


@contextlib.contextmanager
def _left_out() -> Iterator[None]:
    with contextlib.suppress(Exception):  # of any kind: it may neither quarantine nor release an instance
        yield


def picture(frames: Frames, index: int, regions: Sequence[Region], view: int | None = None) -> tuple[bytes, int]:
    """Return a frame as PNG, its longer side at most LONGEST pixels, regions outlined, and which view it shows.

    Args:
        frames: the frames of the instance.
        index: number of the frame, from 0.
        regions: the regions to outline.
        view: the number of the view; None: the one in which the regions have most contrast.
    """
    frame = frames[index]
    rows, columns = frame.shape[:2]
    step = -(-max(rows, columns) // _WORKED_ON)
    shown = list(views(displayed(np.ascontiguousarray(frame[::step, ::step]), frames)))
    del frame
    chosen = _most_contrast(shown, regions, step) if view is None else min(view, len(shown) - 1)
    pixels = shown[chosen]
    if frames.image.samples == 1 and shown_inverted(frames.decoded, frames.instance.elements):
        pixels = 255 - pixels
    image = Image.fromarray(pixels).convert("RGB")
    image.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    _outline(image, regions, image.width / columns, image.height / rows)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue(), chosen


def _most_contrast(shown: Sequence[Array], regions: Sequence[Region], step: int) -> int:
    def contrast(pixels: Array) -> float:
        parts = [
            pixels[r.y0 // step : -(-r.y1 // step), r.x0 // step : -(-r.x1 // step)].reshape(-1)
            for r in regions
            if not r.empty
        ]
        whole = np.concatenate(parts) if parts else pixels.reshape(-1)
        return float(whole.std()) if whole.size else 0.0

    return max(range(len(shown)), key=lambda number: contrast(shown[number]))


def _outline(image: Image.Image, regions: Sequence[Region], across: float, down: float) -> None:
    """Outline each region, on the outside where there is room."""
    draw = ImageDraw.Draw(image)
    for region in regions:
        x0, y0 = round(region.x0 * across) - 1, round(region.y0 * down) - 1
        x1, y1 = round(region.x1 * across), round(region.y1 * down)
        x0, y0 = max(0, x0), max(0, y0)
        draw.rectangle(
            (x0, y0, max(x0, min(x1, image.width - 1)), max(y0, min(y1, image.height - 1))), outline=_OUTLINE
        )
