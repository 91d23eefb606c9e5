"""The networks as they are run: the numbers that only cost time count as zero, and nothing else changes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import onnxruntime
import pytest

from sendit.deidentify.pixels.ocr import models
from sendit.deidentify.pixels.ocr.models import LINE_HEIGHT, probabilities

pytestmark = pytest.mark.long


@pytest.mark.parametrize("task", ["det", "rec"])
def test_the_networks_answer_as_their_files_do(task: str) -> None:
    rows = 96 if task == "det" else LINE_HEIGHT
    picture = np.random.default_rng(5).integers(0, 256, (rows, 160, 3)).astype(np.uint8)
    plain = onnxruntime.InferenceSession(str(models._weights(task)), providers=["CPUExecutionProvider"])
    expected = plain.run(None, {"x": models._batch(picture)})[0]
    np.testing.assert_array_equal(models._on_own_thread(lambda: models._run(task, picture)), expected)


#: In a process of its own: what the runtime is told counts for the first network of a process.
_SMALL_NUMBERS = """
import numpy as np
from sendit.deidentify.pixels.ocr.models import _on_own_thread, probabilities
half = lambda: float((np.array([1e-39], np.float32) * np.float32(0.5))[0])
before = half()
probabilities(np.zeros((64, 64, 3), np.uint8))
assert half() == before > 0, "the arithmetic of others has changed"
print(_on_own_thread(half))
"""


def test_small_numbers_are_zero_for_the_networks_alone() -> None:
    ran = subprocess.run([sys.executable, "-c", _SMALL_NUMBERS], capture_output=True, text=True, check=True)
    assert float(ran.stdout) == 0.0


def test_a_blank_frame_has_no_line() -> None:
    assert probabilities(np.zeros((64, 64, 3), np.uint8)).max() < 0.2
