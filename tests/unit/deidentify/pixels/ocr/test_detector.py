"""Text that is drawn into images is found where it was drawn; the finder is the real one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pydicom
import pydicom.data
import pytest
from PIL import Image, ImageDraw, ImageFont

from sendit.deidentify.pixels.ocr.detector import RapidTextDetector
from sendit.deidentify.pixels.ocr.frames import frames_to_look_at, text_in
from sendit.deidentify.pixels.regions import Region
from sendit.deidentify.pixels.windowing import views

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.long


def _drawn(
    text: str, place: tuple[int, int], size: int = 16, shape: tuple[int, int] = (256, 384)
) -> tuple[NDArray[np.bool_], Region]:
    """Where the ink of a text is, and the rectangle around it."""
    picture = Image.new("1", (shape[1], shape[0]), 0)
    ImageDraw.Draw(picture).text(place, text, fill=1, font=ImageFont.load_default(size))
    ink = np.asarray(picture)
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return ink, Region(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def _covered(found: list[Region], region: Region, shape: tuple[int, ...]) -> tuple[float, float]:
    """Which share of a region is covered, and which share of the rest of the image."""
    mask = np.zeros(shape[:2], bool)
    for one in found:
        mask[one.y0 : one.y1, one.x0 : one.x1] = True
    within = mask[region.y0 : region.y1, region.x0 : region.x1]
    return float(within.mean()), float((mask.sum() - within.sum()) / mask.size)


@pytest.mark.parametrize("size", [9, 12, 20, 40])
@pytest.mark.parametrize(("ground", "letters"), [(0, 255), (220, 20), (90, 170)])
def test_text_is_covered(detector: RapidTextDetector, size: int, ground: int, letters: int) -> None:
    """Light on dark, dark on light, little contrast, small and large: covered, and little else."""
    ink, region = _drawn("SMITH, John", (20, 100), size)
    frame = np.where(ink, letters, ground).astype(np.uint8)
    covered, extra = _covered([one.region for one in detector(frame)], region, frame.shape)
    assert covered >= 0.9
    assert extra <= 0.06


@pytest.mark.parametrize("value", [2000, 4095, 32767, -32768])
def test_text_of_any_stored_value_is_found(detector: RapidTextDetector, value: int) -> None:
    """Text at the value of tissue, at its end, and so far from it that the window would hide one or the other."""
    path = Path(str(pydicom.data.get_testdata_file("CT_small.dcm", download=False)))
    tissue = np.kron(pydicom.dcmread(path).pixel_array.astype(np.int16), np.ones((2, 2), np.int16))
    ink, region = _drawn("MRN 4711-08", (60, 12), 16, tissue.shape)
    tissue[ink] = value
    found = [one.region for one in text_in(tissue, detector)]
    assert _covered(found, region, tissue.shape)[0] >= 0.9


def test_one_extreme_pixel_hides_no_text(detector: RapidTextDetector) -> None:
    """A pixel at the end of the range presses all else together; the second view shows the text."""
    ink, region = _drawn("GARCIA MARIA", (20, 40))
    frame = np.where(ink, 900, 300).astype(np.uint16)
    frame += np.random.default_rng(1).integers(0, 300, frame.shape, dtype=np.uint16)
    frame[200, 200] = 65535
    assert len(list(views(frame))) > 1
    assert _covered([one.region for one in text_in(frame, detector)], region, frame.shape)[0] >= 0.9


def test_padding_hides_no_text(detector: RapidTextDetector) -> None:
    """A quarter of the image at a padding value far below all else; the text stands among the tissue's values."""
    ink, region = _drawn("GARCIA MARIA", (20, 40))
    frame = np.where(ink, 900, 200).astype(np.int16)
    frame += np.random.default_rng(2).integers(0, 200, frame.shape, dtype=np.int16)
    frame[:, 290:] = -32768
    assert _covered([one.region for one in text_in(frame, detector)], region, frame.shape)[0] >= 0.9


def test_text_in_colour_is_found(detector: RapidTextDetector) -> None:
    """Yellow letters on blue."""
    ink, region = _drawn("1961-04-12", (200, 200))
    frame = np.where(ink[..., np.newaxis], (230, 220, 40), (10, 20, 90)).astype(np.uint8)
    assert _covered([one.region for one in detector(frame)], region, frame.shape)[0] >= 0.9


@pytest.mark.parametrize("name", ["CT_small.dcm", "693_J2KI.dcm", "MR_small.dcm", "examples_overlay.dcm"])
def test_images_without_text_have_none(detector: RapidTextDetector, name: str) -> None:
    """Tissue is not taken for text."""
    path = Path(str(pydicom.data.get_testdata_file(name, download=False)))
    frame = pydicom.dcmread(path).pixel_array
    found = text_in(frame, detector)
    assert sum(one.region.area for one in found) <= 0.01 * frame.size


@pytest.mark.parametrize("frame", [np.zeros((1, 1), np.uint8), np.zeros((0, 5), np.uint16), np.full((3, 700), np.nan)])
def test_frames_of_odd_shapes(detector: RapidTextDetector, frame: NDArray[np.generic]) -> None:
    """A single pixel, no pixel, nothing but NaN: no text, and no error."""
    assert text_in(frame, detector) == []


def test_same_annotation_is_looked_at_once() -> None:
    """The same image again costs nothing; the tile that a changed name stands in is looked at again, alone."""
    detector = RapidTextDetector()
    shape = (400, 1000)
    first, _ = _drawn("SMITH, John", (20, 100), 16, shape)
    frame = np.where(first, 255, 0).astype(np.uint8)
    other, _ = _drawn("3.5 MHz", (800, 300), 16, shape)
    frame[other] = 255
    found = detector(frame)
    once = detector.looked_at
    assert detector(frame.copy()) == found
    assert detector.looked_at == once
    changed, region = _drawn("JONES, Mary Ann", (20, 240), 16, shape)
    frame[changed] = 255
    assert _covered([one.region for one in detector(frame)], region, shape)[0] >= 0.9
    assert once < detector.looked_at < 2 * once


def test_shared_annotation_is_looked_at_closely_once(detector: RapidTextDetector) -> None:
    """Smooth tissue moves under the same annotation: the line is not searched again, the tissue hardly."""
    ink, region = _drawn("SMITH, John", (20, 20), 14, (384, 384))
    tissue = np.random.default_rng(3)
    looked, detector = [], RapidTextDetector()
    for _ in range(3):
        frame = np.where(ink, 255, 0).astype(np.uint8)
        frame[200:, 200:] = cv2.GaussianBlur(tissue.integers(0, 255, (184, 184), dtype=np.uint8), (0, 0), 6)
        before = detector.looked_at
        assert _covered([one.region for one in detector(frame)], region, frame.shape)[0] >= 0.9
        looked.append(detector.looked_at - before)
    assert looked[0] > looked[1]
    assert max(looked[1:]) < 0.1 * 384 * 384  # the border of the tissue


def test_only_what_stands_out_is_searched(detector: RapidTextDetector) -> None:
    """Of a large frame with noise and one line, little more than the surroundings of the line is searched."""
    detector = RapidTextDetector()
    ink, region = _drawn("SMITH, John", (900, 700), 16, (1024, 1280))
    frame = np.random.default_rng(4).normal(100, 3, ink.shape).astype(np.uint8)
    frame[ink] = 180
    assert _covered([one.region for one in detector(frame)], region, frame.shape)[0] >= 0.9
    assert 0 < detector.looked_at < 0.1 * frame.size


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_turned_text_is_covered(detector: RapidTextDetector, quarters: int) -> None:
    """Lines that run up, down, or stand on their head, longer than any line is high."""
    ink, region = _drawn("KOWALSKI, Thomas", (40, 100), 16)
    frame = np.where(np.rot90(ink, quarters), 255, 30).astype(np.uint8)
    mask = np.zeros(ink.shape, np.uint8)
    mask[region.y0 : region.y1, region.x0 : region.x1] = 1
    rows, columns = (np.flatnonzero(np.rot90(mask, quarters).any(axis)) for axis in (1, 0))
    turned = Region(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    covered, extra = _covered([one.region for one in detector(frame)], turned, frame.shape)
    assert covered >= 0.9
    assert extra <= 0.05


@pytest.mark.parametrize("x", [520, 560, 600])
def test_text_across_tiles_is_covered(detector: RapidTextDetector, x: int) -> None:
    """Lines that a tile's end cuts, small ones and high ones."""
    shape = (120, 1180)
    for size in (9, 48):
        ink, region = _drawn("GARCIA 1961-04-12", (x, 30), size, shape)
        frame = np.where(ink, 20, 200).astype(np.uint8)
        assert _covered([one.region for one in detector(frame)], region, shape)[0] >= 0.9


def test_same_regions_in_another_process(detector: RapidTextDetector) -> None:
    """What is found depends on the pixels alone: not on the process, nor on what it has seen before."""
    code = (
        "import sys, numpy\n"
        "from sendit.deidentify.pixels.ocr.detector import RapidTextDetector\n"
        "frame = numpy.frombuffer(sys.stdin.buffer.read(), numpy.uint8).reshape(256, 384)\n"
        "print([(one.region, one.score, one.text) for one in RapidTextDetector()(frame)])\n"
    )
    frame = np.random.default_rng(5).integers(0, 90, (256, 384), dtype=np.uint8)
    for text, place in (("SMITH, John", (4, 4)), ("1961-04-12", (250, 200)), ("ID 30185520", (100, 120))):
        frame[_drawn(text, place)[0]] = 255
    here = f"{[(one.region, one.score, one.text) for one in detector(frame)]}\n"
    done = subprocess.run([sys.executable, "-c", code], input=frame.tobytes(), capture_output=True, check=True)
    assert done.stdout.decode() == here


def test_changed_letter_is_seen_in_an_image_that_is_known() -> None:
    """What is remembered is remembered by every pixel: another name at the same place is read anew."""
    detector = RapidTextDetector()
    frames = [np.where(_drawn(text, (20, 100), 24)[0], 255, 0).astype(np.uint8) for text in ("SMITH", "SMYTH")]
    assert ["".join(one.text for one in detector(frame)) for frame in frames] == ["SMITH", "SMYTH"]


def test_frames_that_are_looked_at(detector: RapidTextDetector) -> None:
    """The first one, the last one, and each with strokes of its own, wherever they stand; what moves softly is none."""
    frames = [np.zeros((80, 80), np.uint8) for _ in range(9)]
    for index, frame in enumerate(frames):
        frame[0, 0] = 255
        frame[:] = np.maximum(frame, cv2.GaussianBlur(_spot(30 + index), (0, 0), 6))
    frames[5][38:44, 30:46] = np.indices((6, 16)).sum(axis=0) % 3 // 2 * 255
    assert list(frames_to_look_at(9, frames.__getitem__, detector)) == [0, 5, 8]
    assert list(frames_to_look_at(1, frames.__getitem__, detector)) == [0]


def test_noise_makes_no_frame_new(detector: RapidTextDetector) -> None:
    """A cine whose speckle boils is looked at in projections."""
    frames = [_noisy(seed) for seed in range(40)]
    assert list(frames_to_look_at(40, frames.__getitem__, detector)) == [0, 39]


def test_faint_text_in_the_middle_of_one_frame_of_noise(detector: RapidTextDetector) -> None:
    """No border shows it, and no cell of it is far sharper than noise: the projection leads to it."""
    frames = [_noisy(seed) for seed in range(40)]
    frames[17][_drawn("GARCIA 4711", (100, 110), 14)[0]] += 75
    assert 17 in list(frames_to_look_at(40, frames.__getitem__, detector))


def _spot(at: int) -> NDArray[np.uint8]:
    frame = np.zeros((80, 80), np.uint8)
    frame[at : at + 14, 30:50] = 200
    return frame


def _noisy(seed: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).normal(90, 14, (256, 384))
    return np.clip(noise, 0, 255).astype(np.uint8)


def test_nothing_is_fetched() -> None:
    """The finder works where there is no network: no socket is made, and the code that fetches weights not loaded."""
    code = (
        "import socket, sys, numpy\n"
        "def none(*_, **__): raise AssertionError('a socket')\n"
        "socket.socket.__init__ = socket.create_connection = socket.getaddrinfo = none\n"
        "from sendit.deidentify.pixels.ocr.detector import RapidTextDetector\n"
        "frame = numpy.zeros((64, 64), numpy.uint8); frame[20:40, 20:24] = 255\n"
        "RapidTextDetector()(frame)\n"
        "assert not any(name.startswith('rapidocr') for name in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def _bodies(seed: int) -> NDArray[np.uint8]:
    """Soft bodies, as of a radiograph: no even ground."""
    numbers = np.random.default_rng(seed)
    y, x = np.mgrid[0:260, 0:320]
    ground = np.full(y.shape, 70.0)
    for _ in range(5):
        middle, radius = numbers.uniform(60, 230, 2), numbers.uniform(20, 100, 2)
        distance = ((x - middle[0]) / radius[0]) ** 2 + ((y - middle[1]) / radius[1]) ** 2
        ground += numbers.uniform(20, 70) / (1 + np.exp(np.minimum(8 * (distance - 1), 60)))
    return np.clip(ground, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("seed", range(3))
def test_large_initials_over_anatomy_are_covered(detector: RapidTextDetector, seed: int) -> None:
    """Three letters, wide apart, are no line by their strokes, and are read without confidence in so loose a box."""
    frame = _bodies(seed)
    ink, region = _drawn("L AB", (100, 110), 52, frame.shape)
    frame[ink] = 5
    assert _covered([one.region for one in detector(frame)], region, frame.shape)[0] >= 0.9


@pytest.mark.parametrize("text", ["MRN6622778", "07/09/2021 15:48"])
def test_mirrored_text_over_anatomy_is_covered(detector: RapidTextDetector, text: str) -> None:
    """As in a film that was digitised from behind, or an image that was flipped: it is read as a mirror shows it."""
    frame = _bodies(1)
    ink, region = _drawn(text, (60, 110), 14, frame.shape)
    frame[ink[:, ::-1]] = 5
    mirrored = Region(320 - region.x1, region.y0, 320 - region.x0, region.y1)
    assert _covered([one.region for one in detector(frame)], mirrored, frame.shape)[0] >= 0.9


def test_what_a_mask_hides_makes_no_frame_new(detector: RapidTextDetector) -> None:
    """A line that every frame has, and a clock beside it that changes; what another frame has beyond the mask does."""
    frames = np.random.default_rng(1).normal(60, 4, (12, 128, 256)).clip(0, 255).astype(np.uint8)
    ink, line = _drawn("SMITH, John", (20, 20), 14, frames.shape[1:])
    frames[:, ink] = 255
    for number, frame in enumerate(frames):
        frame[_drawn(f"12:4{number % 10}:{number + 10}", (20, 60), 14, frame.shape)[0]] = 255
    masked = [line.with_margin(1), Region(18, 60, 100, 78)]
    assert list(frames_to_look_at(12, frames.__getitem__, detector, masked=masked)) == [0, 11]
    frames[6][_drawn("SMITH, John Paul", (20, 20), 14, frames.shape[1:])[0]] = 255
    assert 6 in list(frames_to_look_at(12, frames.__getitem__, detector, masked=masked))


@pytest.mark.parametrize("text", ["1A0301", "3O1U7"])
@pytest.mark.parametrize("down", [False, True], ids=["along", "down"])
def test_letters_that_stand_far_apart_are_covered(detector: RapidTextDetector, text: str, down: bool) -> None:
    """Alone, a 0, a 1 or an L may be a ring, a tick or a corner: in a row they are read together."""
    frame, regions = np.full((320, 320), 20, np.uint8), []
    for number, letter in enumerate(text):
        along = 20 + 48 * number
        ink, region = _drawn(letter, (40, along) if down else (along, 40), 18, frame.shape)
        frame[ink] = 240
        regions.append(region)
    found = [one.region for one in detector(frame)]
    assert all(_covered(found, region, frame.shape)[0] >= 0.9 for region in regions)


def test_initials_that_are_alike_are_covered(detector: RapidTextDetector) -> None:
    frame = _bodies(1)
    ink, region = _drawn("KK", (100, 110), 24, frame.shape)
    frame[ink] = 5
    assert _covered([one.region for one in detector(frame)], region, frame.shape)[0] >= 0.9
