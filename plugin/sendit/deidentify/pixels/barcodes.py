"""Find barcodes in pixels: labels of slides, wristbands, forms and films encode names and numbers in them.

zxing-cpp reads matrix codes and bars, in all orientations and inverted. It gets the stored values as they are, and with
their contrast equalised, so that faint codes stand out; small ones are searched for in enlarged parts in which dark and
light alternate as in a code. Whatever it reads is masked, whatever it says, and the frame is searched again until
nothing can be read.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b
from itertools import product
from typing import TYPE_CHECKING

import cv2
import numpy as np
import zxingcpp

from sendit.deidentify.pixels.bars import Placed, bars_around, slant_of_modules, turned_by, upright_bars
from sendit.deidentify.pixels.display import displayed
from sendit.deidentify.pixels.redaction.bands import bands
from sendit.deidentify.pixels.redaction.fill_value import shown_inverted
from sendit.deidentify.pixels.regions import Region, united
from sendit.deidentify.pixels.windowing import Shown, sampled, views
from sendit.errors import Quarantine

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sendit.deidentify.pixels.frames import Frames
    from sendit.deidentify.pixels.native import Array

_LOCAL, _GLOBAL = zxingcpp.Binarizer.LocalAverage, zxingcpp.Binarizer.GlobalHistogram
#: A part as it is, with its contrast stretched, and with its contrast equalised in each place.
_PLAIN, _STRETCHED, _EQUALISED = range(3)
#: How a part is searched: the enlargement, one of the three, the binarizer.
Way = tuple[int, int, zxingcpp.Binarizer]

_FORMATS = zxingcpp.BarcodeFormat
#: Linear codes, by family.
_BARS = (
    *(_FORMATS.Code128, _FORMATS.Code39, _FORMATS.Code93, _FORMATS.ITF, _FORMATS.Codabar, _FORMATS.EANUPC),
    *(_FORMATS.DataBar, _FORMATS.Telepen, _FORMATS.DXFilmEdge),
)
#: Codes whose finder patterns are like nothing else: they are recognised even if they cannot be read.
_RECOGNISED = (_FORMATS.QRCode, _FORMATS.Aztec)
#: Dark and light are distinguished within this many pixels; differences below the second (of 255) are flat.
_AROUND, _FLAT = 24, 8
#: Least difference between a dark and a light neighbour, as stored and with equalised contrast, and as a multiple of
#: the median difference between neighbours.
_STEP, _STEP_EVENED, _NOISE = 8, 80, 2.5
#: Share of such neighbours in a part that may hold a code; the window and block (pixels) of the means.
_DENSE, _WINDOW, _BLOCK = 0.04, 64, 16
#: It extends to blocks with this share of the densest one, plus a margin (pixels); the most parts that are searched.
_REACH, _AROUND_PART, _PARTS = 0.5, 24, 4
#: An island of a code: the window and the block (pixels) of its means, the least share of such neighbours, the least
#: side (pixels), and the share of its box that it fills at least (half, if it is turned by 45 degrees). How many are
#: read, and with which margins.
_NEAR, _GRAIN, _SOLID, _LEAST_SIDE, _FILLED, _ISLANDS, _QUIET = 16, 4, 0.12, 16, 0.3, 8, (8, 26)
#: The margin of one that is straightened.
_STRAIGHT = 12
#: Whether a faint code is readable depends on the crop: it is also cropped closer by this much.
_CLOSER = 20
#: How parts are searched: the enlargement, and the most pixels for it.
_SCALES = {1: 1_000_000, 2: 250_000, 3: 100_000}
#: Ways that find what the whole frame does not show.
_WIDE_WAYS = (
    *((1, _STRETCHED, _LOCAL), (2, _STRETCHED, _LOCAL), (2, _STRETCHED, _GLOBAL), (3, _STRETCHED, _LOCAL)),
    *((2, _EQUALISED, _LOCAL), (3, _EQUALISED, _LOCAL), (3, _EQUALISED, _GLOBAL)),
)
_ISLAND_WAYS = (
    *product((2, 3), (_STRETCHED, _PLAIN), (_LOCAL, _GLOBAL)),
    *((1, _STRETCHED, _GLOBAL), (2, _EQUALISED, _LOCAL), (3, _EQUALISED, _GLOBAL)),
)
_CLOSE_WAYS = (
    (2, _STRETCHED, _GLOBAL),
    (3, _STRETCHED, _LOCAL),
    (2, _EQUALISED, _LOCAL),
    (3, _EQUALISED, _LOCAL),
    (3, _EQUALISED, _GLOBAL),
)
_ALL_WAYS = tuple(product(_SCALES, (_STRETCHED, _EQUALISED), (_LOCAL, _GLOBAL)))
#: A part that is a larger share of the frame has been searched with the whole.
_LARGEST = 0.8
#: The margin around a code: pixels, and a share of its shorter side (decoders omit the outermost modules).
_MARGIN, _SHARE = 3, 0.06
#: For bars at a slant (degrees), decoders report a strip: this share of its longer side is added on each side.
_SLANT, _SLANTED_SHARE = 3, 0.15
#: Something read again in one place is larger than it seemed: by this many pixels on each side, or an eighth.
_GROWTH = 8
#: The rest of a code is searched as closely, as far around it as half of its longer side.
_CLOSE = 8
#: Passes over one view of a frame. SendIt cannot vouch for an image with more codes than these find.
_LOOKS = 30
#: Passes after which what is recognised as a code, but cannot be read, is masked; two finds with this share of the
#: larger one in common are of one code: noise is taken for a code in one way at most. Where it ends is less sure: its
#: longer side, divided by the last, is added to each side.
_UNREAD_LOOKS, _SAME, _UNSURE = 3, 0.5, 8
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
            shown = displayed(frame, frames)
            part = Region(0, 0, shown.shape[1], shown.shape[0]) if before is None else _changed(before, shown)
            if part.empty:
                continue
            here = np.s_[part.y0 : part.y1, part.x0 : part.x1]
            regions.update(one.moved(part.x0, part.y0) for one in self._in_frame(shown[here], black, readable=readable))
            if before is None:
                before = shown.copy() if shown.size <= _MOST_COMPARED else None  # large ones are not held in memory
            else:
                before[here] = shown[here]
        return united(regions, frames.image.columns, frames.image.rows)

    def _in_frame(self, frame: Array, black: int, *, readable: bool) -> tuple[Region, ...]:
        key = _digest(frame) + bytes([black, readable])
        if key not in self._seen:
            self._seen[key] = barcodes_in(frame, black, readable=readable)
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
        return self._seen[key]


def barcodes_in(frame: Array, black: int = 0, *, readable: bool = False) -> tuple[Region, ...]:
    """Return all barcodes of a frame, whatever its window hides: numbers that are shown, grey or RGB.

    Args:
        frame: the frame.
        black: masked areas get the lowest value of the image (0) or the highest (255).
        readable: only those that can be read; else also what is recognised as a code, as it may be read by other means.

    Raises:
        Quarantine: more can be read after every pass.
    """
    regions: list[Region] = []
    for shown in views(frame):
        grey = np.ascontiguousarray(shown if shown.ndim == 2 else cv2.cvtColor(shown, cv2.COLOR_RGB2GRAY), np.uint8)
        if regions:
            grey = _without(grey, regions, black)
        regions.extend(_until_none(grey, black, readable=readable))
    return tuple(regions)


def _until_none(grey: Shown, black: int, *, readable: bool) -> list[Region]:
    regions: list[Region] = []
    unread = _UNREAD_LOOKS * (not readable)
    for _ in range(_LOOKS):
        look = _Look(grey, regions)
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


class _Look:
    """One pass over a frame in shades of grey: what can be read, in the whole or else in parts that may be a code."""

    def __init__(self, grey: Shown, before: Sequence[Region]) -> None:
        """Prepare the pass.

        Args:
            grey: the frame in shades of grey.
            before: where something was read; its surroundings are searched in all ways.
        """
        self._grey, self._evened, self._before = grey, _evened(grey), before
        self._unread: list[tuple[int, Region]] = []  # with the number of the reading
        self._readings = 0

    def read(self) -> list[Region]:
        """Return what can be read in the first way in which anything can."""
        whole = Region(0, 0, self._grey.shape[1], self._grey.shape[0])
        frame = Placed(whole, 1)
        read = self._reading(self._grey, _LOCAL, frame) or self._reading(self._evened, _GLOBAL, frame, even=True)
        if read:
            return read
        margins = [(max(region.x1 - region.x0, region.y1 - region.y0) // 2, _CLOSE) for region in self._before]
        around = [
            region.with_margin(margin) for region, both in zip(self._before, margins, strict=True) for margin in both
        ]
        for part in around:
            read = self._in_part(part.clipped(whole.x1, whole.y1), _ALL_WAYS)
            if read:
                return read
        steps = _alternations(self._grey, self._evened)
        for island in _islands(steps):
            near, far = (island.with_margin(margin).clipped(whole.x1, whole.y1) for margin in _QUIET)
            read = (
                self._in_part(near, _ISLAND_WAYS)
                or self._in_part(far, _ISLAND_WAYS)
                or self._straightened(island.with_margin(_STRAIGHT).clipped(whole.x1, whole.y1))
            )
            if read:
                return read
        parts = _parts(steps)
        for part in parts:
            read = self._in_part(part, _WIDE_WAYS) or self._in_part(part.with_margin(-_CLOSER), _CLOSE_WAYS)
            if read:
                return read
        return next(filter(None, map(self._averaged, parts)), []) if _is_noisy(self._grey) else []

    def recognised(self) -> list[Region]:
        """Return what was recognised as a code in two ways, though nothing could be read in it."""
        regions: list[Region] = []
        for number, region in sorted(self._unread, key=lambda one: -one[1].area):
            others = (other for reading, other in self._unread if reading != number)
            twice = any(region.intersection(other).area >= _SAME * max(region.area, other.area) for other in others)
            wide = region.with_margin(max(region.x1 - region.x0, region.y1 - region.y0) // _UNSURE)
            if twice and not any(one.intersection(region) == region for one in regions):
                regions.append(Region(max(0, wide.x0), max(0, wide.y0), wide.x1, wide.y1))
        return regions

    def _in_part(self, part: Region, ways: Sequence[Way]) -> list[Region]:
        """Return what can be read in a part in these ways."""
        if part.empty:
            return []
        plain, equalised = (
            np.ascontiguousarray(shown[part.y0 : part.y1, part.x0 : part.x1]) for shown in (self._grey, self._evened)
        )
        stretched = np.asarray(cv2.normalize(plain, None, 0, 255, cv2.NORM_MINMAX), np.uint8)  # type: ignore[call-overload]
        cuts = {_PLAIN: plain, _STRETCHED: stretched, _EQUALISED: equalised}
        larger: dict[tuple[int, int], Shown] = {}
        for scale, kind, binarizer in ways:
            if part.area > _SCALES[scale]:
                continue
            if (scale, kind) not in larger:
                resized = cv2.resize(cuts[kind], None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
                larger[scale, kind] = np.asarray(resized, np.uint8)
            read = self._reading(larger[scale, kind], binarizer, Placed(part, scale), even=kind == _EQUALISED)
            if read:
                return read
        return []

    def _straightened(self, part: Region) -> list[Region]:
        """Return what can be read in a part that is turned until its modules are upright, if they are not."""
        slant = slant_of_modules(self._grey, part)
        for scale in (2, 3):
            if part.area > _SCALES[scale] or slant is None or abs(slant) < _SLANT:
                continue
            shown, placed = turned_by(self._grey, Placed(part, scale, slant))
            stretched = np.asarray(cv2.normalize(shown, None, 0, 255, cv2.NORM_MINMAX), np.uint8)  # type: ignore[call-overload]
            for picture, binarizer in product((stretched, shown), (_LOCAL, _GLOBAL)):
                read = self._reading(picture, binarizer, placed)
                if read:
                    return read
        return []

    def _averaged(self, part: Region) -> list[Region]:
        """Return the bars that can be read in a part once noise is averaged along them."""
        turned = upright_bars(self._grey, part.with_margin(_AROUND_PART).clipped(*self._grey.shape[::-1]))
        if turned is None:
            return []
        shown, back = turned
        return self._reading(shown, _LOCAL, back) or self._reading(shown, _GLOBAL, back)

    def _reading(
        self, shown: Shown, binarizer: zxingcpp.Binarizer, placed: Placed, *, even: bool = False
    ) -> list[Region]:
        """Return where something is read, in pixels of the frame; note what is recognised and cannot be read.

        Args:
            shown: a part of the frame, enlarged.
            binarizer: how dark and light are distinguished.
            placed: where `shown` lies in the frame.
            even: whether its contrast is equalised.
        """
        codes = zxingcpp.read_barcodes(
            np.ascontiguousarray(shown), binarizer=binarizer, try_downscale=placed.scale == 1, return_errors=True
        )
        self._readings += 1
        frame = self._evened if even else self._grey
        unread = (code for code in codes if not code.valid and code.symbology in _RECOGNISED)
        self._unread += [(self._readings, _place(code, placed, frame)) for code in unread]
        return [_place(code, placed, frame) for code in codes if code.valid]


def _place(code: zxingcpp.Barcode, placed: Placed, frame: Shown) -> Region:
    """Return where a code stands, in pixels of the frame, with a margin; bars are followed to their ends."""
    at = code.position
    corners = [
        placed.in_frame(corner.x, corner.y) for corner in (at.top_left, at.top_right, at.bottom_right, at.bottom_left)
    ]
    x, y = sorted(corner[0] for corner in corners), sorted(corner[1] for corner in corners)
    wide, high = x[3] - x[0], y[3] - y[0]
    slanted = _SLANT < (code.orientation + placed.turned) % 90 < 90 - _SLANT
    margin = _MARGIN + max(_SHARE * min(wide, high), _SLANTED_SHARE * max(wide, high) if slanted else 0)
    region = _rounded(x[0] - margin, y[0] - margin, x[3] + margin, y[3] + margin)
    if code.symbology in _BARS:
        for first, last in ((corners[0], corners[1]), (corners[3], corners[2])):
            bars = bars_around(frame, (int(first[0]), int(first[1])), (int(last[0]), int(last[1])))
            if bars is not None:
                region = region.around(bars.with_margin(_MARGIN))
    return Region(max(0, region.x0), max(0, region.y0), region.x1, region.y1)


def _rounded(x0: float, y0: float, x1: float, y1: float) -> Region:
    return Region(max(0, int(x0)), max(0, int(y0)), int(x1) + 2, int(y1) + 2)


def _evened(grey: Shown) -> Shown:
    """Return the contrast stretched around each pixel; flat areas become grey."""
    size = (_AROUND, _AROUND)
    kernel = np.ones(size, np.uint8)
    low, high = (cv2.blur(edge(grey, kernel), size) for edge in (cv2.erode, cv2.dilate))
    spread = cv2.max(cv2.subtract(high, low), _FLAT)  # type: ignore[call-overload]
    return np.asarray(cv2.divide(cv2.subtract(grey, low), spread, scale=255, dtype=cv2.CV_8U), np.uint8)


def _alternations(grey: Shown, evened: Shown) -> Shown:
    """Return where dark and light alternate: 255 for each pixel that differs clearly from the previous one, else 0."""
    differences = _steps(grey)
    least = max(_STEP, _NOISE * float(np.median(differences)))
    return np.asarray((differences > least) & (_steps(evened) > _STEP_EVENED), np.uint8) * np.uint8(255)


def _islands(steps: Shown) -> list[Region]:
    """Return the closed areas in which dark and light alternate as densely as in a code, cut to it; the densest first.

    A reader finds a faint or noisy code in a picture of nothing else, and not in one with more around it.
    """
    size = max(1, steps.shape[1] // _GRAIN), max(1, steps.shape[0] // _GRAIN)
    dense = np.asarray(cv2.resize(cv2.blur(steps, (_NEAR, _NEAR)), size, interpolation=cv2.INTER_AREA))
    closed = cv2.morphologyEx(np.asarray(dense > 255 * _SOLID, np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(np.asarray(closed, np.uint8), connectivity=4)
    islands: list[tuple[float, Region]] = []
    for label, box in enumerate(boxes[1:], 1):
        x, y, width, height, area = (int(number) for number in box)
        if min(width, height) * _GRAIN >= _LEAST_SIDE and area >= _FILLED * width * height:
            part = np.s_[y : y + height, x : x + width]
            region = Region(x * _GRAIN, y * _GRAIN, (x + width) * _GRAIN, (y + height) * _GRAIN)
            islands.append((float(dense[part][labels[part] == label].mean()), region))
    return [region for _, region in sorted(islands, key=lambda one: (-one[0], one[1]))[:_ISLANDS]]


def _parts(alternations: Shown) -> list[Region]:
    """Return the parts in which dark and light alternate as in a code, the densest first."""
    rows, columns = alternations.shape
    steps = alternations.astype(np.float32) / 255
    size = max(1, columns // _BLOCK), max(1, rows // _BLOCK)
    dense = np.asarray(cv2.resize(cv2.blur(steps, (_WINDOW, _WINDOW)), size, interpolation=cv2.INTER_AREA))
    parts: list[Region] = []
    for _ in range(_PARTS):
        densest = float(dense.max())
        if densest < _DENSE:
            break
        y, x = np.unravel_index(int(dense.argmax()), dense.shape)
        _, labels, boxes, _ = cv2.connectedComponentsWithStats(np.asarray(dense > _REACH * densest, np.uint8))
        label = int(labels[y, x])
        dense[labels == label] = 0
        left, top, width, height = (int(number) * _BLOCK for number in boxes[label][:4])
        part = Region(left, top, left + width + _BLOCK, top + height + _BLOCK).with_margin(_AROUND_PART)
        if part.clipped(columns, rows).area <= _LARGEST * rows * columns:
            parts.append(part.clipped(columns, rows))
    return parts


def _is_noisy(grey: Shown) -> bool:
    """Return whether neighbours differ so much everywhere that noise hides bars."""
    return _NOISE * float(np.median(_steps(grey))) > _STEP


def _steps(grey: Shown) -> Shown:
    """Return how much each pixel differs from the previous one, in row and column together."""
    across, down = np.zeros_like(grey), np.zeros_like(grey)
    cv2.absdiff(grey[:, 1:], grey[:, :-1], across[:, 1:])
    cv2.absdiff(grey[1:], grey[:-1], down[1:])
    return np.asarray(cv2.add(across, down), np.uint8)


def _changed(before: Array, frame: Array) -> Region:
    """Return where a frame differs as much as by a code, or more than on average, with room for all of a code."""
    other = before
    if frame.dtype not in (np.uint8, np.uint16, np.int16, np.float32):
        frame, other = frame.astype(np.float32), before.astype(np.float32)
    difference = np.asarray(cv2.absdiff(frame, other)).astype(np.float32)
    difference = difference.max(axis=2) if difference.ndim == 3 else difference
    size = max(1, -(-difference.shape[1] // _CELL)), max(1, -(-difference.shape[0] // _CELL))
    cells = np.asarray(cv2.resize(difference, size, interpolation=cv2.INTER_AREA))
    low, high = (float(value) for value in np.percentile(sampled(before), (1, 99)))
    most = min(_NO_MORE * float(np.median(cells)) + _LITTLE * (high - low), _FAINT * (high - low))
    rows, columns = difference.shape
    ys, xs = np.nonzero(~(cells <= most))  # NaN is not
    if not ys.size:
        return Region(0, 0, 0, 0)
    high_, wide = rows / cells.shape[0], columns / cells.shape[1]
    box = Region(int(xs.min() * wide), int(ys.min() * high_), int((xs.max() + 1) * wide), int((ys.max() + 1) * high_))
    return box.with_margin(_WHOLE_CODE).clipped(columns, rows)


def _digest(frame: Array) -> bytes:
    digest = blake2b(repr((frame.shape, frame.dtype.str)).encode(), digest_size=16)
    for rows in bands(frame):
        digest.update(np.ascontiguousarray(frame[rows]).tobytes())
    return digest.digest()
