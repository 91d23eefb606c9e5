"""The networks as they are loaded: the numbers that only cost time are gone, and nothing else changes."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from sendit.deidentify.pixels.ocr.models import LINE_HEIGHT, _weights, probabilities, without_denormals

_FLOATS, _BYTES = 1, 3


def _field(field: int, content: bytes) -> bytes:
    length, head = len(content), bytes([field << 3 | 2])
    while length > 127:
        head, length = head + bytes([length & 127 | 128]), length >> 7
    return head + bytes([length]) + content


def _model(kind: int, raw: bytes) -> bytes:
    """As an ONNX file is built: version, producer, a graph with a number of each width, and one tensor."""
    tensor = b"\x08\x80\x01" + bytes([2 << 3, kind]) + _field(8, b"weights") + _field(9, raw)
    graph = _field(1, b"node") + b"\x0d\0\0\x80\x3f" + b"\x11" + b"\0" * 8 + _field(5, tensor)
    return b"\x08\x07" + _field(2, b"producer") + _field(7, graph)


def test_only_weights_that_are_too_small_become_zero() -> None:
    weights = np.array([1e-40, -1e-45, 1.2e-38, -1e-37, 0.0, 1.5, -np.inf] * 30, "<f4")
    expected = np.array([0, 0, 1.2e-38, -1e-37, 0.0, 1.5, -np.inf] * 30, "<f4")
    assert without_denormals(_model(_FLOATS, weights.tobytes())) == _model(_FLOATS, expected.tobytes())


def test_bytes_of_other_types_stay() -> None:
    model = _model(_BYTES, np.array([1e-40, -1e-45], "<f4").tobytes())
    assert without_denormals(model) == model


@pytest.mark.parametrize("task", ["det", "rec"])
def test_the_networks_answer_as_their_files_do(task: str) -> None:
    shape = (1, 3, 96 if task == "det" else LINE_HEIGHT, 160)
    picture = np.random.default_rng(5).uniform(-1, 1, shape).astype(np.float32)
    file = _weights(task).read_bytes()
    cleaned = without_denormals(file)
    assert cleaned != file, "otherwise it is no longer needed"
    plain, fast = (onnxruntime.InferenceSession(one, providers=["CPUExecutionProvider"]) for one in (file, cleaned))
    np.testing.assert_array_equal(fast.run(None, {"x": picture})[0], plain.run(None, {"x": picture})[0])


def test_a_blank_frame_has_no_line() -> None:
    assert probabilities(np.zeros((64, 64, 3), np.uint8)).max() < 0.2
