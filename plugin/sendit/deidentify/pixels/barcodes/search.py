"""Search the frames of an instance for barcodes, each until nothing can be read in it.

Whatever is read is masked, whatever it says, and the frame is searched again.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sendit.deidentify.pixels.barcodes.look import Look
from sendit.deidentify.pixels.display import in_grey
from sendit.deidentify.pixels.redaction.bands import bands
from sendit.deidentify.pixels.redaction.fill_value import shown_inverted
from sendit.deidentify.pixels.regions import Region, united
from sendit.deidentify.pixels.windowing import Shown, sampled, views
from sendit.errors import Quarantine

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sendit.deidentify.pixels.frames import Frames
    from sendit.deidentify.pixels.native import Array

#: Something read again in one place is larger than it seemed: by this many pixels on each side, or an eighth.
_GROWTH = 8
#: Passes over one view of a frame. SendIt cannot vouch for an image with more codes than these find.
_LOOKS = 30
#: Passes after which what is recognised as a code, but cannot be read, is masked.
_UNREAD_LOOKS = 3
_REMEMBERED = 512
#: A cell (pixels at a side) has changed if its mean difference exceeds this multiple of that of all cells and a share
#: of the range, or a share that every readable code exceeds. All within so many pixels of them is searched: parts of a
#: new code may look as the ground did. Larger frames are not compared.
_CELL, _NO_MORE, _LITTLE, _FAINT, _WHOLE_CODE = 8, 1.6, 0.01, 0.04, 64
_MOST_COMPARED = 1 << 24


class BarcodeSearch:
    """Finds barcodes in instances. One for each process: it remembers the results by the pixels."""

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, tuple[Region, ...]] = OrderedDict()

    def __call__(self, frames: Frames, *, readable: bool = False) -> tuple[Region, ...]:
        """Return what has to be masked in all frames, with a margin; with `readable` only what can be read.

        Every frame is searched where it differs by more than noise from what was searched there last.

        Raises:
            Quarantine: a frame cannot be decoded, or more can be read in it after every pass.
        """
        black = 255 if shown_inverted(frames.decoded, frames.instance.elements) else 0
        regions: set[Region] = set()
        before: Array | None = None
        for frame in frames:
            shown = in_grey(frame, frames)
            new = None if before is None else _changed(before, shown)
            part = Region(0, 0, shown.shape[1], shown.shape[0]) if new is None else _with_room(new)
            if part.empty:
                continue
            here = np.s_[part.y0 : part.y1, part.x0 : part.x1]
            found = self._in_frame(shown[here], None if new is None else new[here], black, readable=readable)
            regions.update(one.moved(part.x0, part.y0) for one in found)
            if before is None:
                before = shown.copy() if shown.size <= _MOST_COMPARED else None  # large ones are not held in memory
            else:
                before[here] = shown[here]
        return united(regions, frames.image.columns, frames.image.rows)

    def _in_frame(self, frame: Array, new: Shown | None, black: int, *, readable: bool) -> tuple[Region, ...]:
        key = _digest(frame, *([] if new is None else [new])) + bytes([black, readable])
        if key not in self._seen:
            self._seen[key] = barcodes_in(frame, black, readable=readable, new=new)
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
        return self._seen[key]


def barcodes_in(
    frame: Array, black: int = 0, *, readable: bool = False, new: Shown | None = None
) -> tuple[Region, ...]:
    """Return all barcodes of a frame, whatever its window hides.

    Args:
        frame: the frame in shades of grey, of any number type.
        black: masked areas get the lowest value of the image (0) or the highest (255).
        readable: only those that can be read; else also what is recognised as a code, as it may be read by other means.
        new: 1 where it was not examined before, else 0; None: nowhere.

    Raises:
        Quarantine: more can be read after every pass.
    """
    regions: list[Region] = []
    for shown in views(frame):
        grey = _without(shown, regions, black) if regions else np.ascontiguousarray(shown)
        regions.extend(_until_none(grey, new, black, readable=readable))
    return tuple(regions)


def _until_none(grey: Shown, new: Shown | None, black: int, *, readable: bool) -> list[Region]:
    regions: list[Region] = []
    unread = _UNREAD_LOOKS * (not readable)
    for _ in range(_LOOKS):
        look = Look(grey, new, regions)
        read = look.read()
        if not read and unread:
            read, unread = look.recognised(), unread - 1
        if not read:
            return regions
        read = [_grown(region, regions) for region in read]
        regions.extend(read)
        grey = _without(grey, read, black)
    raise Quarantine("its pixels cannot be examined: more barcodes were found after every pass")


def _grown(region: Region, before: Sequence[Region]) -> Region:
    """Return a region, larger each time that something is still read there: a decoder may report less than there is."""
    again = sum(region.touches(other) for other in before)
    longer = max(region.x1 - region.x0, region.y1 - region.y0)
    grown = region.with_margin(again * max(_GROWTH, longer // 8))
    return Region(max(0, grown.x0), max(0, grown.y0), grown.x1, grown.y1)


def _without(grey: Shown, regions: Iterable[Region], black: int) -> Shown:
    """Return a copy with these regions black."""
    grey = grey.copy()
    for region in regions:
        grey[region.y0 : region.y1, region.x0 : region.x1] = black
    return grey


def _changed(before: Array, frame: Array) -> Shown:
    """Return 1 where a frame differs as much as by a code, or more than on average, else 0."""
    other = before
    if frame.dtype not in (np.uint8, np.uint16, np.int16, np.float32):
        frame, other = frame.astype(np.float32), before.astype(np.float32)
    difference = np.asarray(cv2.absdiff(frame, other)).astype(np.float32)
    rows, columns = difference.shape
    size = max(1, -(-columns // _CELL)), max(1, -(-rows // _CELL))
    cells = np.asarray(cv2.resize(difference, size, interpolation=cv2.INTER_AREA))
    low, high = (float(value) for value in np.percentile(sampled(before)[::3, ::3], (1, 99)))
    most = min(_NO_MORE * float(np.median(cells)) + _LITTLE * (high - low), _FAINT * (high - low))
    differ = np.asarray(~(cells <= most), np.uint8)  # NaN is not
    return np.asarray(cv2.resize(differ, (columns, rows), interpolation=cv2.INTER_NEAREST), np.uint8)


def _with_room(new: Shown) -> Region:
    """Return what has to be searched to see all of a code that stands where something is new."""
    x, y, width, height = cv2.boundingRect(new)
    wide = Region(x, y, x + width, y + height).with_margin(_WHOLE_CODE)
    return wide.clipped(*new.shape[::-1]) if width else Region(0, 0, 0, 0)


def _digest(*arrays: Array) -> bytes:
    digest = blake2b(digest_size=16)
    for array in arrays:
        digest.update(repr((array.shape, array.dtype.str)).encode())
        for rows in bands(array):
            digest.update(np.ascontiguousarray(array[rows]).tobytes())
    return digest.digest()
