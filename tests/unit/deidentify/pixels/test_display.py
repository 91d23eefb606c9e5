"""Frames as they are shown: the same numbers as the standard's plain words give, in little memory."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from sendit.deidentify.pixels.display import displayed, greyed, in_grey
from sendit.deidentify.pixels.redaction import bands
from sendit.deidentify.pixels.windowing import _present, greatest, views
from tests.unit.deidentify.pixels.ocr.test_instance import frames_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RANDOM = np.random.default_rng(4711)


def _plain(frame: NDArray[Any], stored: int, high_bit: int, signed: bool) -> NDArray[np.int64]:
    """PS3.5 8.1.1, word for word, in numbers wide enough for anything."""
    numbers = (frame.astype(np.int64) >> (high_bit + 1 - stored)) & ((1 << stored) - 1)
    return numbers - ((numbers >> (stored - 1)) << stored) if signed else numbers


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize(
    ("allocated", "stored", "high_bit"),
    [(8, 8, 7), (8, 7, 6), (8, 5, 7), (16, 16, 15), (16, 12, 11), (16, 12, 15), (16, 8, 7), (16, 1, 3), (32, 20, 24)],
)
def test_stored_bits(allocated: int, stored: int, high_bit: int, signed: bool) -> None:
    """Whatever stands above and below them is no part of the number; no number gets wider for that than it has to."""
    kind = np.dtype(f"{'i' if signed else 'u'}{allocated // 8}")
    values = _RANDOM.integers(np.iinfo(kind).min, np.iinfo(kind).max, (1, 40, 30), kind, endpoint=True)
    frames = frames_of("MONOCHROME2", values, stored, HighBit=high_bit)
    shown = displayed(frames[0], frames)
    assert np.array_equal(shown, _plain(values[0], stored, high_bit, signed))
    assert shown.itemsize <= max(2, kind.itemsize)
    assert (shown.dtype == np.uint8) == (stored == 8 and not signed)


@pytest.mark.parametrize(("allocated", "stored"), [(16, 12), (16, 8), (8, 7), (32, 20)])
def test_values_without_unused_bits(allocated: int, stored: int) -> None:
    """They are the same numbers; those of 12 bits are not even copied."""
    values = _RANDOM.integers(0, 1 << stored, (1, 40, 30), f"u{allocated // 8}")
    frames = frames_of("MONOCHROME2", values, stored)
    frame = frames[0]
    shown = displayed(frame, frames)
    assert np.array_equal(shown, values[0])
    assert np.shares_memory(shown, frame) == (stored in (12, 20))
    assert (shown.dtype == np.uint8) == (stored == 8)


def test_a_frame_that_is_narrower_than_its_header_says() -> None:
    """Decoders give the width of what they found: 8 bits, where the header speaks of 12."""
    frames = frames_of("MONOCHROME2", np.zeros((1, 4, 4), np.uint16), 12)
    narrow = _RANDOM.integers(0, 255, (4, 4), np.uint8, endpoint=True)
    assert np.array_equal(displayed(narrow, frames), narrow)


def test_a_few_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same as all rows at once, of every kind that is worked on so."""
    table: dict[str, Any] = {
        f"{colour}PaletteColorLookupTable{what}": value
        for colour in ("Red", "Green", "Blue")
        for what, value in (
            ("Descriptor", [200, 3, 16]),
            ("Data", _RANDOM.integers(0, 2000, 200, np.uint16).tobytes()),
        )
    }
    indices = _RANDOM.integers(0, 255, (1, 33, 21), np.uint8)
    metal = _RANDOM.integers(0, 90, (1, 33, 21), np.uint16)
    metal[0, 3, 3:9] = 4000
    kinds = [
        frames_of("PALETTE COLOR", indices, SmallestImagePixelValue=0, **table),
        frames_of("YBR_FULL", _RANDOM.integers(0, 255, (1, 33, 21, 3), np.uint8)),
        frames_of("MONOCHROME2", metal, 12),
    ]
    whole = [list(views(displayed(frames[0], frames))) for frames in kinds]
    assert [len(shown) for shown in whole][2] > 1
    monkeypatch.setattr(bands, "_TOGETHER", 50)
    for frames, before in zip(kinds, whole, strict=True):
        after = list(views(displayed(frames[0], frames)))
        assert len(after) == len(before)
        assert all(np.array_equal(one, other) for one, other in zip(after, before, strict=True))


def test_colours_of_ybr() -> None:
    """By the formula of PS3.3 C.7.6.3.1.2, and in grey as the luminance is stored."""
    ybr = _RANDOM.integers(0, 255, (1, 30, 40, 3), np.uint8, endpoint=True)
    frames = frames_of("YBR_FULL", ybr)
    y, blue, red = (ybr[0, ..., number].astype(float) for number in range(3))
    wanted = (y + 1.402 * (red - 128), y - 0.344136 * (blue - 128) - 0.714136 * (red - 128), y + 1.772 * (blue - 128))
    shown = displayed(frames[0], frames).astype(float)
    assert np.abs(shown - np.clip(np.stack(wanted, axis=-1), 0, 255)).max() <= 1
    np.testing.assert_array_equal(in_grey(frames[0], frames), ybr[0, ..., 0], strict=True)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16])
def test_grey(kind: type[np.generic]) -> None:
    """Equal colours are that grey, whatever the type; grey stays as it is."""
    grey = _RANDOM.integers(0, 200, (9, 12)).astype(kind)
    np.testing.assert_array_equal(greyed(grey), grey, strict=True)
    np.testing.assert_allclose(greyed(np.stack([grey] * 3, axis=-1)), grey, atol=0.01)


def test_a_picture_for_a_person_loads_no_networks() -> None:
    """Images that a rule masks are shown as well: neither OpenCV nor the runtime is needed for that."""
    program = "import sys, sendit.deidentify.pixels.preview; print({'cv2', 'onnxruntime'} & sys.modules.keys())"
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert said.strip() == "set()"


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16, np.float32])
def test_the_greatest_of_the_colours(kind: type[np.generic]) -> None:
    colours = np.random.default_rng(2).integers(0, 200, (7, 9, 3)).astype(kind)
    np.testing.assert_array_equal(greatest(colours), colours.max(axis=2), strict=True)
    np.testing.assert_array_equal(greatest(colours[..., 0]), colours[..., 0], strict=True)


@pytest.mark.parametrize(
    "values",
    [[3, 3, 250, 7], [-900, 40, -900, 3071], [0.25, 7.5, 0.25, -3.0], [0, 5, 1 << 20, 5], [12, 12, 12, 12]],
    ids=["bytes", "signed", "broken", "far apart", "one"],
)
def test_values_that_occur(values: list[float]) -> None:
    """Counted or sorted, they are the same."""
    frame = np.array([values, values])
    assert _present(frame.astype(float)).tolist() == sorted(set(values))
