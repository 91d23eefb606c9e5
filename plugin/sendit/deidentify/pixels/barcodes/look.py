"""One pass over a frame: what zxing-cpp reads in it, in the whole or in places where a code may stand.

zxing-cpp reads matrix codes and bars, in all orientations and inverted. It gets the frame as it is, and with its
contrast equalised, so that faint codes stand out; small ones are searched for in enlarged parts.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import cv2
import numpy as np
import zxingcpp

from sendit.deidentify.pixels.barcodes.bars import Placed, bars_around, slant_of_modules, turned_by, upright_bars
from sendit.deidentify.pixels.barcodes.places import (
    ALL,
    AROUND_PART,
    alternations,
    evened,
    is_balanced,
    island_formats,
    islands,
    parts,
    steep_alone,
)
from sendit.deidentify.pixels.regions import Region

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sendit.deidentify.pixels.windowing import Shown

_LOCAL, _GLOBAL = zxingcpp.Binarizer.LocalAverage, zxingcpp.Binarizer.GlobalHistogram
#: A part as it is, with its contrast stretched, and with its contrast equalised in each place.
_PLAIN, _STRETCHED, _EQUALISED = range(3)
#: How a part is searched: the enlargement, one of the three, the binarizer.
Way = tuple[int, int, zxingcpp.Binarizer]
Formats = list[zxingcpp.BarcodeFormat]

_FORMATS = zxingcpp.BarcodeFormat
#: Linear codes.
_BARS = frozenset(zxingcpp.barcode_formats_list(zxingcpp.BarcodeFormats([_FORMATS.AllLinear])))
#: Codes whose finder patterns are like nothing else: they are recognised even if they cannot be read. A Data Matrix,
#: whose pattern is two lines at right angles, is recognised if it fills an island.
_RECOGNISED, _FRAMED = (_FORMATS.QRCode, _FORMATS.Aztec), _FORMATS.DataMatrix
#: The margins with which islands are read, as they are and straightened.
_QUIET, _STRAIGHT = (8, 26), 12
#: Where dark and light alternate nowhere as in a code, the whole is read in this size: modules of 12 pixels and more
#: may be too wide to be told by that.
_SMALLER = 0.5
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
#: The margin around a code: pixels, and a share of its shorter side (decoders omit the outermost modules).
_MARGIN, _SHARE = 3, 0.06
#: For bars at a slant (degrees), decoders report a strip: this share of its longer side is added on each side.
_SLANT, _SLANTED_SHARE = 3, 0.15
#: The rest of a code is searched as closely, as far around it as half of its longer side.
_CLOSE = 8
#: Two finds with this share of the larger one in common are of one code: noise is taken for a code in one way at most.
#: Where it ends is less sure: its longer side, divided by the second, is added to each side.
_SAME, _UNSURE = 0.5, 8
#: What alternates is new within so many pixels of what is new; an island is new from this share on.
_BESIDE, _NEW_SHARE = 17, 0.05
#: A part is an island if they have this share of the larger one in common.
_COVERED = 0.6


class Look:
    """One pass over a frame in shades of grey: what can be read, in the whole or else in parts that may be a code."""

    def __init__(self, grey: Shown, new: Shown | None, before: Sequence[Region]) -> None:
        """Prepare the pass.

        Args:
            grey: the frame in shades of grey.
            new: 1 where it was not examined before, else 0; None: it never was.
            before: where something was read; its surroundings are searched in all ways.
        """
        self._grey, self._evened, self._new, self._before = grey, evened(grey), new, before
        self._whole = Region(0, 0, grey.shape[1], grey.shape[0])
        self._unread: list[tuple[int, Region]] = []  # with the number of the reading
        self._islands: list[Region] = []
        self._readings = 0

    def read(self) -> list[Region]:
        """Return what can be read in the first way in which anything can."""
        return next(filter(None, self._in_turn()), [])

    def _in_turn(self) -> Iterator[list[Region]]:
        """Yield what can be read around what was read before, in the whole, in islands, and in wider parts."""
        for region in self._before:
            for margin in (max(region.x1 - region.x0, region.y1 - region.y0) // 2, _CLOSE):
                yield self._in_part(self._around(region, margin), _ALL_WAYS)
        steps, noisy = alternations(self._grey, self._evened)
        steep = steep_alone(self._grey, steps)
        self._islands = [island for island in islands(steep) if self._is_new(steep, island)]
        wide = parts(self._new_of(steep))
        if self._islands or wide:
            yield self._reading(self._grey, _LOCAL, Placed(self._whole, 1))
            yield self._reading(self._evened, _GLOBAL, Placed(self._whole, 1), even=True)
            yield from self._in_places(wide)
        elif min(self._grey.shape) > 1:  # no code but one of large modules
            smaller = cv2.resize(self._grey, None, fx=_SMALLER, fy=_SMALLER, interpolation=cv2.INTER_AREA)
            yield self._reading(np.asarray(smaller, np.uint8), _LOCAL, Placed(self._whole, _SMALLER))
        if noisy:
            yield from map(self._averaged, parts(self._new_of(steps)))

    def _new_of(self, steps: Shown) -> Shown:
        """Return the alternations that are where something is new, or beside it."""
        if self._new is None:
            return steps
        return steps & np.asarray(
            cv2.dilate(self._new, np.ones((_BESIDE, _BESIDE), np.uint8)) * np.uint8(255), np.uint8
        )

    def _is_new(self, steps: Shown, part: Region) -> bool:
        """Return whether enough of what alternates in a part is new for a code to have become readable."""
        if self._new is None:
            return True
        here = steps[part.y0 : part.y1, part.x0 : part.x1]
        new = cv2.countNonZero(here & (self._new[part.y0 : part.y1, part.x0 : part.x1] * np.uint8(255)))
        return new > _NEW_SHARE * cv2.countNonZero(here)

    def _in_places(self, wide: Sequence[Region]) -> Iterator[list[Region]]:
        """Yield what can be read in islands, and in wider parts that are no islands without a code."""
        no_codes: list[Region] = []
        for island in self._islands:
            formats = island_formats(self._grey, self._evened, island)
            if formats:
                yield from self._in_island(island, formats)
            else:
                no_codes.append(self._around(island, max(_QUIET)))
        for part in wide:
            if is_balanced(self._grey, part) and not any(_share(part, one) >= _COVERED for one in no_codes):
                yield self._in_part(part, _WIDE_WAYS)
                yield self._in_part(part.with_margin(-_CLOSER), _CLOSE_WAYS)

    def _in_island(self, island: Region, formats: Formats) -> Iterator[list[Region]]:
        """Yield what can be read in an island with each margin, and straightened."""
        for margin in _QUIET:
            yield self._in_part(self._around(island, margin), _ISLAND_WAYS, formats)
        yield self._straightened(self._around(island, _STRAIGHT), formats)

    def _around(self, region: Region, margin: int) -> Region:
        return region.with_margin(margin).clipped(self._whole.x1, self._whole.y1)

    def recognised(self) -> list[Region]:
        """Return what was recognised as a code in two ways, though nothing could be read in it."""
        regions: list[Region] = []
        for number, region in sorted(self._unread, key=lambda one: -one[1].area):
            others = (other for reading, other in self._unread if reading != number)
            twice = any(_share(region, other) >= _SAME for other in others)
            wide = region.with_margin(max(region.x1 - region.x0, region.y1 - region.y0) // _UNSURE)
            if twice and not any(one.intersection(region) == region for one in regions):
                regions.append(Region(max(0, wide.x0), max(0, wide.y0), wide.x1, wide.y1))
        return regions

    def _in_part(self, part: Region, ways: Sequence[Way], formats: Formats = ALL) -> list[Region]:
        """Return what can be read in a part in these ways."""
        if part.empty:
            return []
        plain, equalised = (
            np.ascontiguousarray(shown[part.y0 : part.y1, part.x0 : part.x1]) for shown in (self._grey, self._evened)
        )
        cuts = {_PLAIN: plain, _STRETCHED: _stretched(plain), _EQUALISED: equalised}
        larger: dict[tuple[int, int], Shown] = {}
        for scale, kind, binarizer in ways:
            if part.area > _SCALES[scale]:
                continue
            if (scale, kind) not in larger:
                resized = cv2.resize(cuts[kind], None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
                larger[scale, kind] = np.asarray(resized, np.uint8)
            read = self._reading(larger[scale, kind], binarizer, Placed(part, scale), formats, even=kind == _EQUALISED)
            if read:
                return read
        return []

    def _straightened(self, part: Region, formats: Formats) -> list[Region]:
        """Return what can be read in a part that is turned until its modules are upright, if they are not."""
        slant = slant_of_modules(self._grey, part)
        for scale in (2, 3):
            if part.area > _SCALES[scale] or slant is None or abs(slant) < _SLANT:
                continue
            shown, placed = turned_by(self._grey, Placed(part, scale, slant))
            for picture, binarizer in product((_stretched(shown), shown), (_LOCAL, _GLOBAL)):
                read = self._reading(picture, binarizer, placed, formats)
                if read:
                    return read
        return []

    def _averaged(self, part: Region) -> list[Region]:
        """Return the bars that can be read in a part once noise is averaged along them."""
        turned = upright_bars(self._grey, self._around(part, AROUND_PART))
        if turned is None:
            return []
        shown, back = turned
        return self._reading(shown, _LOCAL, back) or self._reading(shown, _GLOBAL, back)

    def _reading(
        self, shown: Shown, binarizer: zxingcpp.Binarizer, placed: Placed, formats: Formats = ALL, *, even: bool = False
    ) -> list[Region]:
        """Return where something is read, in pixels of the frame; note what is recognised and cannot be read.

        Args:
            shown: a part of the frame, enlarged.
            binarizer: how dark and light are distinguished.
            placed: where `shown` lies in the frame.
            formats: the kinds of codes.
            even: whether its contrast is equalised.
        """
        codes = zxingcpp.read_barcodes(
            np.ascontiguousarray(shown),
            zxingcpp.BarcodeFormats(formats),
            binarizer=binarizer,
            try_downscale=placed.scale <= 1,
            return_errors=True,
        )
        self._readings += 1
        frame = self._evened if even else self._grey
        unread = ((code.symbology, place_of(code, placed, frame)) for code in codes if not code.valid)
        self._unread += [(self._readings, place) for kind, place in unread if self._is_recognised(kind, place)]
        return [place_of(code, placed, frame) for code in codes if code.valid]

    def _is_recognised(self, kind: zxingcpp.BarcodeFormat, place: Region) -> bool:
        framed = kind == _FRAMED and any(_share(place, island) >= _SAME for island in self._islands)
        return kind in _RECOGNISED or framed


def place_of(code: zxingcpp.Barcode, placed: Placed, frame: Shown) -> Region:
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
    if code.format in _BARS:
        for first, last in ((corners[0], corners[1]), (corners[3], corners[2])):
            bars = bars_around(frame, (int(first[0]), int(first[1])), (int(last[0]), int(last[1])))
            if bars is not None:
                region = region.around(bars.with_margin(_MARGIN))
    return Region(max(0, region.x0), max(0, region.y0), region.x1, region.y1)


def _stretched(shown: Shown) -> Shown:
    """Return a part with its darkest number as 0 and its lightest one as 255."""
    return np.asarray(cv2.normalize(shown, None, 0, 255, cv2.NORM_MINMAX), np.uint8)  # type: ignore[call-overload]


def _share(part: Region, other: Region) -> float:
    """Return which share of the larger one two regions have in common."""
    return part.intersection(other).area / max(part.area, other.area, 1)


def _rounded(x0: float, y0: float, x1: float, y1: float) -> Region:
    return Region(max(0, int(x0)), max(0, int(y0)), int(x1) + 2, int(y1) + 2)
