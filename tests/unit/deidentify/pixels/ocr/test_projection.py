"""What stands out in frames is the same in every type of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from sendit.deidentify.pixels.ocr.projection import Projection, sharpness

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _noise(kind: str, low: int, high: int) -> NDArray[Any]:
    return np.random.default_rng(7).integers(low, high, (40, 60), np.dtype(kind), endpoint=True)


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        ("u1", 0, 255),
        ("i1", -128, 127),
        ("u2", 0, 65535),
        ("i2", -32768, 32767),
        ("i2", -1024, 3071),
        ("i4", -99, 9999),
    ],
)
def test_whole_numbers(kind: str, low: int, high: int) -> None:
    """The distance from the median of 5 × 5, as broken numbers give it; also at the ends of what a type holds."""
    frame = _noise(kind, low, high)
    frame[10, 10], frame[20, 20] = low, high
    broken = frame.astype(np.float32)
    expected = cv2.absdiff(broken, cv2.medianBlur(broken, 5))
    assert np.array_equal(sharpness(frame), expected)
    assert np.array_equal(sharpness(frame[::-1]), expected[::-1])


def test_what_is_no_number_stands_out_nowhere() -> None:
    """Each counts as 0."""
    frame = np.zeros((9, 9), np.float32)
    frame[2, 2], frame[4, 4], frame[6, 6] = np.nan, np.inf, -np.inf
    assert not sharpness(frame).any()


def test_frames_of_different_types() -> None:
    """They are projected as if all were of the widest."""
    frames = [_noise("u1", 0, 255), _noise("i2", -999, 2999), np.eye(40, 60) * 1e6]
    mixed, wide = Projection(), Projection()
    for frame in frames:
        mixed.add(frame)
        wide.add(frame.astype(np.float64))
    assert np.array_equal(mixed.values, wide.values)
    assert np.array_equal(mixed._made_by, wide._made_by)
    assert set(np.unique(mixed._made_by)) == {0, 1, 2}
