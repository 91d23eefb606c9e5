"""Read the text that was detected, and decide which of it may stay: markers, and technique if the project wants it.

What stays has to be read with confidence in every frame. A row of a table is judged as a whole: its labels never stay
without their values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from sendit.deidentify.pixels.display import displayed
from sendit.deidentify.pixels.ocr.markers import has_markers, is_marker, is_of_person, normalized
from sendit.deidentify.pixels.ocr.match_identifiers import may_identify
from sendit.deidentify.pixels.ocr.measures import is_label, is_measure, is_plain_number, is_technique, is_value
from sendit.deidentify.pixels.ocr.models import LINE_HEIGHT, STEP, read_letters, read_line
from sendit.deidentify.pixels.regions import Region
from sendit.deidentify.pixels.windowing import Shown, views

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from sendit.deidentify.leak_check.identifiers import Identifiers
    from sendit.deidentify.pixels.frames import Frames
    from sendit.deidentify.pixels.ocr.api import Keep

#: A less confident reading keeps nothing.
_SURE = 0.8
_WIDEST = 3200  # pixels of a line as the network receives it
#: Text of which more frames than this show something else is not read any further, and goes.
_MOST_READINGS = 16
#: Two frames show the same text at a place if small pictures of it correlate at least this much.
_ALIKE, _SMALL = 0.9, (64, 12)
#: Longer lines are no markers (times their height).
_LONGEST_MARKER = 14
#: The margins around a line that is read, and around a marker, which has to stand alone (shares of its height).
_AROUND, _ALONE = 0.2, 0.8
#: Two lines of which one is lower than this share of the other are no single line: a number below a large marker. What
#: is read beside a marker counts from this confidence of each letter on: the edge of a bone is read as an O.
_AS_HIGH, _SURELY = 0.6, 0.7
#: A ring around a marker: the proportion of its part's sides at most, its share of the shorter one, and of the area of
#: a circle with its outline, at least.
_ROUNDISH, _OF_PART, _ROUND = 1.6, 0.6, 0.7
#: The least share of all within it that is hollow, unless a letter touches it; then so much of its radius is within it.
_HOLLOW, _INNER = 0.55, 0.8
_FAINT_INK = 0.6  # of the difference from which on ink is clear
_RING_SIDE = 96  # pixels to which the side of a smaller one is enlarged: its stroke may be one pixel wide
#: What is cut off at each side of a part that was not read with confidence (share of its shorter side).
_CUT = 0.2
#: The greatest distance of a value from its label, beside it and below it (times the height of a line).
_BESIDE, _BELOW = 12.0, 1.5

Reading = tuple[str, float]


class KeptTextReader:
    """Decide which regions with text may stay (a `KeptText`)."""

    def __call__(self, frames: Frames, identifiers: Identifiers, regions: Sequence[Region], keep: Keep) -> list[Region]:
        """Return the regions that may stay, in every frame.

        Raises:
            Quarantine: a frame cannot be decoded, or its palette cannot be read.
            Misconfigured: the network's weights are missing.
        """
        markers = keep.markers and has_markers(keep.modality)
        wanted = [one for one in regions if keep.technique or (markers and _may_be_marker(one))]
        if not wanted:
            return []
        read = read_in_every_frame(frames, wanted)
        stay: set[Region] = set()
        if keep.technique:
            stay |= _technique(read, identifiers)
        if markers:
            stay |= _markers(frames, read, regions, identifiers, keep.modality)
        return [one for one in regions if one in stay]


def identifying(frames: Frames, identifiers: Identifiers, regions: Sequence[Region]) -> list[Region]:
    """Return the regions in which an identifier of the original may be read, in any frame, however unsure.

    Text that changes too often to be read in every frame counts as such.
    """
    read = read_in_every_frame(frames, regions)
    return [
        one
        for one, readings in read.items()
        if len(readings) > _MOST_READINGS or any(may_identify(text, identifiers) for text, _ in readings)
    ]


class MeasureReader:
    """Decide which regions of an ultrasound image hold measurements and nothing else (a `Measures`)."""

    def __call__(self, frames: Frames, identifiers: Identifiers, regions: Sequence[Region]) -> list[Region]:
        """Return the regions that hold measurements in every frame, and no label without its value.

        Args:
            frames: the frames of the image.
            identifiers: a line that matches one of them is no measurement, even if it is a number.
            regions: where text was found.

        Raises:
            Quarantine: a frame cannot be decoded, or its palette cannot be read.
            Misconfigured: the network's weights are missing.
        """

        def stays(text: str) -> bool:
            return is_measure(text) and not is_of_person(text, identifiers)

        read = read_in_every_frame(frames, regions) if regions else {}
        stay = whole_rows(read, {one for one in read if _all(read[one], stays)})
        return [one for one in regions if one in stay]


def _technique(read: dict[Region, list[Reading]], identifiers: Identifiers) -> set[Region]:
    def stays(text: str) -> bool:
        return is_technique(text) and not is_of_person(text, identifiers)

    def number(text: str) -> bool:
        return is_plain_number(text) and not is_of_person(text, identifiers)

    return whole_rows(read, {one for one in read if _all(read[one], stays)}, number)


def whole_rows(
    read: dict[Region, list[Reading]], stay: set[Region], number: Callable[[str], bool] | None = None
) -> set[Region]:
    """Return what stays if labels and their values stay or go together.

    Args:
        read: the readings of each region, one for each frame.
        stay: the regions whose own text may stay.
        number: tells whether a text is a number that may stay beside a label that stays.
    """
    stay = set(stay)
    for one in read if number is not None else ():
        label = _partner(one, read, to_the_left=True)
        if label in stay and _all(read[one], number) and _all(read[label], is_label):  # type: ignore[arg-type]
            stay.add(one)
    while True:
        gone = {one for one in stay if _parted(one, read, stay)}
        if not gone:
            return stay
        stay -= gone


def _parted(one: Region, read: dict[Region, list[Reading]], stay: set[Region]) -> bool:
    """Return whether a label loses its value, or a value its label."""
    if _all(read[one], is_label):
        value = _partner(one, read, to_the_left=False) or _below(one, read)
        return value is not None and value not in stay and not _all(read[value], _is_word)
    if _all(read[one], is_value):
        label = _partner(one, read, to_the_left=True)
        return label is not None and label not in stay
    return False


def _is_word(text: str) -> bool:
    return not any(character.isdigit() for character in text)


def _partner(one: Region, regions: dict[Region, list[Reading]], *, to_the_left: bool) -> Region | None:
    """Return the next line in the same row."""
    height = one.y1 - one.y0
    row = [other for other in regions if other != one and _in_one_row(one, other)]
    gaps = [(one.x0 - other.x1 if to_the_left else other.x0 - one.x1, other) for other in row]
    near = [(gap, other) for gap, other in gaps if -0.5 * height <= gap <= _BESIDE * height]
    return min(near)[1] if near else None


def _below(one: Region, regions: dict[Region, list[Reading]]) -> Region | None:
    height = one.y1 - one.y0
    under = [
        (other.y0 - one.y1, other)
        for other in regions
        if min(one.x1, other.x1) > max(one.x0, other.x0) and -0.3 * height <= other.y0 - one.y1 <= _BELOW * height
    ]
    return min(under)[1] if under else None


def _in_one_row(one: Region, other: Region) -> bool:
    together = min(one.y1, other.y1) - max(one.y0, other.y0)
    return together >= 0.5 * min(one.y1 - one.y0, other.y1 - other.y0)


# --- markers --------------------------------------------------------------------------------------------------------


def _may_be_marker(region: Region) -> bool:
    sides = sorted((region.x1 - region.x0, region.y1 - region.y0))
    return sides[1] <= _LONGEST_MARKER * sides[0]


def _markers(
    frames: Frames,
    read: dict[Region, list[Reading]],
    regions: Sequence[Region],
    identifiers: Identifiers,
    modality: str,
) -> set[Region]:
    """Return the lines that are markers, stand alone, and are no part of anything known of the patient."""

    def stays(text: str) -> bool:
        return is_marker(text, modality) and not is_of_person(text, identifiers)

    found = {one for one in read if _all(read[one], stays)}
    alone = {one for one in found if not any(_beside(one, other) for other in regions if other not in found)}
    return {one for one in alone if _says_no_more(frames, one, read[one][0][0], regions)}


def _beside(one: Region, other: Region) -> bool:
    """Return whether another line stands so near in the same row that the two may be one, or reaches into it."""
    low, high = sorted((one.y1 - one.y0, other.y1 - other.y0))
    near = round(_ALONE * low)
    wide = Region(one.x0 - near, one.y0, one.x1 + near, one.y1)
    one_line = low >= _AS_HIGH * high and wide.touches(other) and _in_one_row(one, other)
    return other != one and (one.touches(other) or one_line)


def _says_no_more(frames: Frames, one: Region, text: str, regions: Sequence[Region]) -> bool:
    """Return whether reading more of its row gives no more characters."""
    more_of_it = round(_ALONE * (one.y1 - one.y0))
    wide = _with_margin(frames[0], Region(one.x0 - more_of_it, one.y0, one.x1 + more_of_it, one.y1))
    row = [other for other in regions if other != one and _in_one_row(one, other)]  # lines of their own
    left = max([wide.x0, *(other.x1 for other in row if other.x1 <= one.x0)])
    right = min([wide.x1, *(other.x0 for other in row if other.x0 >= one.x1)])
    part = frames[0][wide.y0 : wide.y1, left:right]
    shown = next(views(displayed(part, frames)))
    more = "".join(letter for letter, sureness in read_letters(_as_line(shown)) if sureness >= _SURELY)
    letters, known = ([one for one in normalized(read) if one.isalnum()] for read in (more, text))
    return len(letters) <= len(known)


# --- reading --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Readings:
    """The readings at one place, each with the picture that it was read in."""

    readings: list[Reading] = field(default_factory=list)
    pictures: list[NDArray[np.float32]] = field(default_factory=list)


def read_in_every_frame(frames: Frames, regions: Sequence[Region]) -> dict[Region, list[Reading]]:
    """Return what is read in regions, in each frame that shows something else there than the frames before."""
    return _read_in(frames, frames, regions)


def _read_in(
    frames: Frames, some: Iterable[NDArray[np.generic]], regions: Sequence[Region]
) -> dict[Region, list[Reading]]:
    found = {region: _Readings() for region in regions}
    for frame in some:
        for region, one in found.items():
            if len(one.readings) > _MOST_READINGS:
                continue
            part = displayed(_part(frame, region), frames)
            picture = _small(part)
            if not any(float((picture * other).mean()) >= _ALIKE for other in one.pictures):
                one.pictures.append(picture)
                one.readings.append(_reading(part) if len(one.readings) < _MOST_READINGS else ("", 0.0))
    return {region: one.readings for region, one in found.items()}


def _part(frame: NDArray[np.generic], region: Region) -> NDArray[np.generic]:
    wide = _with_margin(frame, region)
    return frame[wide.y0 : wide.y1, wide.x0 : wide.x1]


def _with_margin(frame: NDArray[np.generic], region: Region) -> Region:
    margin = max(1, round(_AROUND * min(region.x1 - region.x0, region.y1 - region.y0)))
    return region.with_margin(margin).clipped(frame.shape[1], frame.shape[0])


def _small(part: Shown) -> NDArray[np.float32]:
    grey = part.astype(np.float32) if part.ndim == 2 else part.astype(np.float32).mean(axis=2)
    small = np.asarray(cv2.resize(np.ascontiguousarray(grey), _SMALL, interpolation=cv2.INTER_AREA), np.float32)
    small -= small.mean()
    deviation = float(small.std())
    normal: NDArray[np.float32] = small / deviation if deviation > 0 else small + 1
    return normal


def _all(readings: Sequence[Reading], wanted: Callable[[str], bool]) -> bool:
    return bool(readings) and all(sureness >= _SURE and wanted(text) for text, sureness in readings)


def _reading(part: Shown) -> Reading:
    """Return the text in a part of a frame and its confidence; for a tall part, the better of both rotations.

    A letter in a ring is read without the ring: with it, an L reads as ①.
    """
    shown = list(views(part))
    if not shown:
        return "", 0.0
    within = _within_ring(shown[0])
    if within is not None and (reading := _read(within))[1] >= _SURE:
        return reading
    tall = part.shape[0] > 2 * part.shape[1]
    reading = max((_read(np.rot90(shown[0], turn)) for turn in ((1, 3) if tall else (0,))), key=lambda one: one[1])
    return _read_closer(shown[0], reading) if not tall and reading[1] < _SURE else reading


def _read_closer(shown: Shown, reading: Reading) -> Reading:
    """Return what is read without the outermost part, unless it has fewer characters: there may be more text."""
    cut = round(_CUT * min(shown.shape[:2]))
    closer = _read(shown[cut : shown.shape[0] - cut, cut : shown.shape[1] - cut])
    return closer if closer[1] > reading[1] and len(closer[0]) >= len(reading[0]) else reading


def _within_ring(shown: Shown) -> Shown | None:
    """Return the content of a ring that fills a part of a frame, on an even ground; None if there is no ring."""
    height, width = shown.shape[:2]
    if max(height, width) > _ROUNDISH * min(height, width):
        return None
    grey = np.asarray(shown if shown.ndim == 2 else cv2.cvtColor(shown, cv2.COLOR_RGB2GRAY), np.uint8)
    larger = max(1.0, _RING_SIDE / min(height, width))
    grey = np.asarray(cv2.resize(grey, None, fx=larger, fy=larger, interpolation=cv2.INTER_CUBIC), np.uint8)
    for ink in _inks(grey):
        outlines, tree = cv2.findContours(ink.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        for number, outline in enumerate(outlines):
            hole = int(tree[0][number][2])
            if hole >= 0 and _is_round(outline, grey.shape):
                return _content(grey, _inside(outline, outlines[hole]))
    return None


def _inks(grey: NDArray[np.uint8]) -> Iterator[NDArray[np.bool_]]:
    """Yield what is lighter or darker than its ground: clearly so, and less clearly, as thin strokes may have gaps."""
    ground = cv2.medianBlur(grey, 2 * (min(grey.shape) // 4) + 1)
    for stands_out in (cv2.subtract(grey, ground), cv2.subtract(ground, grey)):
        at, _ = cv2.threshold(stands_out, 0, 255, cv2.THRESH_OTSU)
        yield from (np.asarray(stands_out) > share * at for share in (1.0, _FAINT_INK))


def _is_round(outer: NDArray[Any], shape: tuple[int, ...]) -> bool:
    """Return whether an outline is about a circle that fills most of a part of a frame."""
    _, _, wide, high = cv2.boundingRect(outer)
    area, length = cv2.contourArea(outer), cv2.arcLength(outer, closed=True)
    return min(wide, high) >= _OF_PART * min(shape) and 4 * math.pi * area >= _ROUND * length**2


def _inside(outer: NDArray[Any], hole: NDArray[Any]) -> NDArray[Any]:
    """Return the inner outline of a ring: that of its hole, or a circle within it if a letter touches the ring."""
    if cv2.contourArea(hole) >= _HOLLOW * cv2.contourArea(outer):
        return hole
    (x, y), radius = cv2.minEnclosingCircle(outer)
    circle = cv2.ellipse2Poly((round(x), round(y)), (round(_INNER * radius),) * 2, 0, 0, 360, 10)
    return np.asarray(circle)[:, np.newaxis]


def _content(grey: NDArray[np.uint8], inner: NDArray[Any]) -> Shown:
    """Return what is within an outline, with the ground there in the place of all else."""
    mask = cv2.drawContours(np.zeros_like(grey), [inner], -1, 255, cv2.FILLED)
    mask = cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=2)  # without the ring's own soft edge
    x, y, wide, high = cv2.boundingRect(inner)
    content = np.where(mask > 0, grey, np.median(grey[mask > 0]) if mask.any() else 0).astype(np.uint8)
    return content[y : y + high, x : x + wide]


def _read(shown: Shown) -> Reading:
    return read_line(_as_line(shown))


def _as_line(shown: Shown) -> NDArray[np.uint8]:
    """Return a picture as the network receives a line."""
    width = min(max(STEP, round(LINE_HEIGHT * shown.shape[1] / shown.shape[0])), _WIDEST)
    line = cv2.resize(np.ascontiguousarray(shown), (width, LINE_HEIGHT), interpolation=cv2.INTER_CUBIC)
    coloured = line if line.ndim == 3 else cv2.cvtColor(line, cv2.COLOR_GRAY2RGB)
    return np.asarray(coloured, np.uint8)
