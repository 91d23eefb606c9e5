"""The networks that detect and read text: RapidOCR's weights (PP-OCRv6, small) from its package, run by onnxruntime.

RapidOCR's own code is not imported: it downloads missing weights. Here a missing file is an error. Each process uses
one thread, as every core has a process. The runtime keeps the memory that the largest input needed, which makes it a
quarter faster: some 270 MB for a tile of 640 × 640 pixels.

Many weights of some layers are below what a number can hold in full (1e-38), remains of training that change no result.
Processors calculate with such numbers a hundred times more slowly, so the runtime is told to take them for zero. It
does so for the thread that makes the first network, whatever that thread calculates: so the networks have a thread of
their own, and no other arithmetic changes.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from sendit.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Callable

Floats = NDArray[np.float32]

#: Both networks require sides that are multiples of this, and lines of this height.
STEP = 32
LINE_HEIGHT = 48
T = TypeVar("T")
_thread = ThreadPoolExecutor(1, thread_name_prefix="networks")  # it starts with the first network


def probabilities(shown: NDArray[np.uint8]) -> Floats:
    """Return for every pixel how likely it lies in the core of a line of text.

    Args:
        shown: rows × columns × 3, the sides multiples of STEP.

    Raises:
        Misconfigured: the model cannot be loaded.
    """
    return _on_own_thread(lambda: np.asarray(_run("det", shown)[0, 0], np.float32))


def read_line(line: NDArray[np.uint8]) -> tuple[str, float]:
    """Return the text in an image of one line, and its confidence (0 to 1).

    Args:
        line: LINE_HEIGHT × columns × 3.
    """
    letters = read_letters(line)
    if not letters:
        return "", 0.0
    return "".join(letter for letter, _ in letters), float(np.mean([sureness for _, sureness in letters]))


def read_letters(line: NDArray[np.uint8]) -> list[tuple[str, float]]:
    """Return the letters in an image of one line, and the confidence of each (0 to 1).

    Args:
        line: LINE_HEIGHT × columns × 3.
    """
    scores = _on_own_thread(lambda: _run("rec", line)[0])
    best = scores.argmax(axis=1)
    new = np.concatenate(([True], best[1:] != best[:-1])) & (best > 0)  # CTC: repeated ones are one, 0 is none
    letters = _letters()
    return [(letters[index], float(one)) for index, one in zip(best[new], scores.max(axis=1)[new], strict=True)]


def _on_own_thread(work: Callable[[], T]) -> T:
    """Return what `work` returns on the thread of the networks."""
    return _thread.submit(work).result()


def _run(task: str, shown: NDArray[np.uint8]) -> Floats:
    session = _session(task)
    answer: Floats = session.run(None, {session.get_inputs()[0].name: _batch(shown)})[0]
    return answer


def _batch(shown: NDArray[np.uint8]) -> Floats:
    return np.ascontiguousarray(((shown.astype(np.float32) - 127.5) / 127.5).transpose(2, 0, 1)[np.newaxis])


@cache
def _session(task: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
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
