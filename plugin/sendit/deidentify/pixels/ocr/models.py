"""The networks that detect and read text: RapidOCR's weights (PP-OCRv6, small) from its package, run by onnxruntime.

RapidOCR's own code is not imported: it downloads missing weights. Here a missing file is an error. Each process uses
one thread, as every core has a process. The runtime keeps the memory that the largest input needed, which makes it a
quarter faster: some 270 MB for a tile of 640 × 640 pixels.

Many weights of some layers are below what a number can hold in full (1e-38), remains of training that change no result.
Processors calculate with such numbers a hundred times more slowly, so they become zero when a network is loaded.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from sendit.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterator

Floats = NDArray[np.float32]

#: Both networks require sides that are multiples of this, and lines of this height.
STEP = 32
LINE_HEIGHT = 48
#: Where ONNX keeps weights: the fields of its messages (Protocol Buffers), and the number of the type float.
_GRAPH, _INITIALIZER, _TYPE, _RAW, _FLOAT = 7, 5, 2, 9, 1
#: Kinds of fields: numbers and bytes, both of variable length; the lengths of the others.
_VARINT, _BYTES, _FIXED = 0, 2, {1: 8, 5: 4}


def probabilities(shown: NDArray[np.uint8]) -> Floats:
    """Return for every pixel how likely it lies in the core of a line of text.

    Args:
        shown: rows × columns × 3, the sides multiples of STEP.

    Raises:
        Misconfigured: the model cannot be loaded.
    """
    session = _session("det")
    return np.asarray(session.run(None, {session.get_inputs()[0].name: _batch(shown)})[0][0, 0], np.float32)


def read_line(line: NDArray[np.uint8]) -> tuple[str, float]:
    """Return the text in an image of one line, and its confidence (0 to 1).

    Args:
        line: LINE_HEIGHT × columns × 3.
    """
    session = _session("rec")
    scores = session.run(None, {session.get_inputs()[0].name: _batch(line)})[0][0]
    best = scores.argmax(axis=1)
    new = np.concatenate(([True], best[1:] != best[:-1])) & (best > 0)  # CTC: repeated ones are one, 0 is none
    if not new.any():
        return "", 0.0
    letters = _letters()
    return "".join(letters[index] for index in best[new]), float(scores.max(axis=1)[new].mean())


def _batch(shown: NDArray[np.uint8]) -> Floats:
    return np.ascontiguousarray(((shown.astype(np.float32) - 127.5) / 127.5).transpose(2, 0, 1)[np.newaxis])


@cache
def _session(task: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    weights = without_denormals(_weights(task).read_bytes())
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])


@cache
def _letters() -> tuple[str, ...]:
    letters = _session("rec").get_modelmeta().custom_metadata_map["character"].splitlines()
    return ("", *letters, " ")


def _weights(task: str) -> Path:
    spec = find_spec("rapidocr")
    folder = Path(spec.origin).parent / "models" if spec is not None and spec.origin else None
    files = sorted(folder.glob(f"PP-OCRv6_{task}_*.onnx")) if folder is not None else []
    if not files:
        raise Misconfigured(
            "DetectText", "the text-detection model cannot be loaded", "Install SendIt's packages again."
        )
    return files[0]


def without_denormals(model: bytes) -> bytes:
    """Return an ONNX model whose weights are zero where they are too small to be calculated with at full speed."""
    changed = bytearray(model)
    for graph in _parts(model, slice(0, len(model)), _GRAPH):
        for tensor in _parts(model, graph, _INITIALIZER):
            if not any(field == _TYPE and number == _FLOAT for field, number, _ in _fields(model, tensor)):
                continue
            for raw in _parts(model, tensor, _RAW):
                weights = np.frombuffer(memoryview(changed)[raw], "<f4")
                weights[np.abs(weights) < np.finfo(np.float32).tiny] = 0
    return bytes(changed)


def _parts(message: bytes, within: slice, wanted: int) -> Iterator[slice]:
    """Yield where the values of one field lie in a message."""
    return (part for field, _, part in _fields(message, within) if field == wanted)


def _fields(message: bytes, within: slice) -> Iterator[tuple[int, int, slice]]:
    """Yield each field of a message of Protocol Buffers, its number or length, and where its value lies."""
    at = within.start
    while at < within.stop:
        key, at = _number(message, at)
        field, kind = key >> 3, key & 7
        number, at = _number(message, at) if kind in (_VARINT, _BYTES) else (0, at)
        end = at + (number if kind == _BYTES else _FIXED.get(kind, 0))
        yield field, number, slice(at, end)
        at = end


def _number(message: bytes, at: int) -> tuple[int, int]:
    """Return the number of variable length that begins there, and where it ends."""
    number = shift = 0
    while message[at] & 128:
        number |= (message[at] & 127) << shift
        at, shift = at + 1, shift + 7
    return number | message[at] << shift, at + 1
