"""The networks that detect and read text: RapidOCR's weights (PP-OCRv6, small) from its package, run by onnxruntime.

RapidOCR's own code is not imported: it downloads missing weights. Here a missing file is an error. Each process uses
one thread, as every core has a process. The runtime keeps the memory that the largest input needed, which makes it a
quarter faster: some 270 MB for a tile of 640 × 640 pixels.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from sendit.errors import Misconfigured

Floats = NDArray[np.float32]

#: Both networks require sides that are multiples of this, and lines of this height.
STEP = 32
LINE_HEIGHT = 48


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
    return onnxruntime.InferenceSession(str(_weights(task)), options, providers=["CPUExecutionProvider"])


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
