"""Images without text that text is planted on: real ones from packages, and some that are made.

Those of deid-data are in the environment of the tools that are compared with (scripts/bench-venv.sh); the detector was
never tuned on them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom
import pydicom.data
from numpy.typing import NDArray
from pydicom.pixels.utils import pixel_array

from sendit.deidentify.pixels.regions import Region

Maker = Callable[[random.Random], NDArray[Any]]
_BENCH = Path(__file__).parents[1] / "var" / "bench-venv" / "lib"


def _of_pydicom(name: str, enlarged: int = 1, part: Region | None = None) -> Maker:
    return _of_file(lambda: Path(str(pydicom.data.get_testdata_file(name, download=False))), enlarged, part)


def _of_deid(name: str, part: Region | None = None, shrunk: int = 1) -> Maker:
    return _of_file(lambda: next(iter(deid_data().rglob(name))), 1, part, shrunk)


def _of_file(file: Callable[[], Path], enlarged: int = 1, part: Region | None = None, shrunk: int = 1) -> Maker:
    def make(_: random.Random) -> NDArray[Any]:
        values = _pixels(file())
        bytes_ = values.dtype == np.uint8
        if part is not None:
            values = values[part.y0 : part.y1, part.x0 : part.x1]
        if enlarged * shrunk > 1:
            size = (values.shape[1] * enlarged // shrunk, values.shape[0] * enlarged // shrunk)
            way = cv2.INTER_CUBIC if enlarged > 1 else cv2.INTER_AREA
            values = np.asarray(cv2.resize(values.astype(np.float32), size, interpolation=way))
            values = np.clip(values, 0, 255).astype(np.uint8) if bytes_ else values.round().astype(np.int16)
        return values.copy()

    return make


@cache
def _pixels(path: Path) -> NDArray[Any]:
    dataset = pydicom.dcmread(path, force=True)
    values: NDArray[Any] = pixel_array(dataset)
    return values[0] if (values.ndim > 2 and values.shape[-1] != 3) or values.ndim == 4 else values


def deid_data() -> Path:
    """The folder of the package deid-data; one that does not exist if it is not installed."""
    spec = find_spec("deid_data")
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).parent
    return next(_BENCH.glob("python3*/site-packages/deid_data"), _BENCH / "deid_data")


def _noise(chance: random.Random) -> NDArray[Any]:
    """A ramp with noise, as of a radiograph's edge: 12 bits."""
    numbers = np.random.default_rng(chance.getrandbits(32))
    ramp = np.add.outer(np.linspace(300, 2200, 512), np.linspace(0, 900, 640))
    return np.clip(ramp + numbers.normal(0, 60, ramp.shape), 0, 4095).astype(np.uint16)


def _speckle(chance: random.Random) -> NDArray[Any]:
    """Speckle as of ultrasound."""
    numbers = np.random.default_rng(chance.getrandbits(32))
    speckle = cv2.GaussianBlur(numbers.rayleigh(1.0, (480, 640)).astype(np.float32), (0, 0), 1.6)
    return np.asarray(np.clip((np.asarray(speckle) - 0.6) * 90, 0, 255), np.uint8)


def _radiograph(chance: random.Random) -> NDArray[Any]:
    """Soft bodies and hard edges, 2048 × 1760 and 12 bits, as of a radiograph."""
    numbers = np.random.default_rng(chance.getrandbits(32))
    y, x = np.mgrid[0:2048, 0:1760].astype(np.float32)
    values = np.full(y.shape, 300, np.float32)
    for _ in range(9):
        centre = chance.uniform(300, 1700), chance.uniform(300, 1500)
        radius = chance.uniform(90, 800), chance.uniform(60, 600)
        distance = ((y - centre[0]) / radius[0]) ** 2 + ((x - centre[1]) / radius[1]) ** 2
        values += chance.uniform(100, 700) / (1 + np.exp(np.minimum(8 * (distance - 1), 60)))
    return np.asarray(np.clip(values + numbers.normal(0, 25, y.shape), 0, 4095), np.uint16)


def _black(_: random.Random) -> NDArray[Any]:
    """A screen save without anything on it."""
    return np.zeros((480, 640), np.uint8)


#: Name → modality, and how it is made. None of them has text of its own.
BACKGROUNDS: dict[str, tuple[str, Maker]] = {
    "693_J2KI.dcm": ("CT", _of_pydicom("693_J2KI.dcm")),
    "J2K_pixelrep_mismatch.dcm": ("CT", _of_pydicom("J2K_pixelrep_mismatch.dcm")),
    "CT_small.dcm, four times its size": ("CT", _of_pydicom("CT_small.dcm", 4)),
    "MR_small.dcm, eight times its size": ("MR", _of_pydicom("MR_small.dcm", 8)),
    "examples_overlay.dcm": ("MR", _of_pydicom("examples_overlay.dcm")),
    "JPEG2000.dcm": ("NM", _of_pydicom("JPEG2000.dcm")),
    "examples_ybr_color.dcm, the fan, three times": (
        "US",
        _of_pydicom("examples_ybr_color.dcm", 3, Region(40, 20, 260, 200)),
    ),
    "examples_rgb_color.dcm, tissue, three times": (
        "US",
        _of_pydicom("examples_rgb_color.dcm", 3, Region(24, 60, 292, 160)),
    ),
    "image_dfl.dcm, a test pattern": ("OT", _of_pydicom("image_dfl.dcm")),
    "ramp with noise": ("XA", _noise),
    "speckle": ("US", _speckle),
    "soft bodies": ("CR", _radiograph),
    "black": ("SC", _black),
}
if deid_data().is_dir():
    BACKGROUNDS |= {
        "cat.dcm of deid-data, without its marker": ("DX", _of_deid("cat.dcm", Region(0, 0, 3072, 2150))),
        "image1.dcm of deid-data, halved": ("XC", _of_deid("image1.dcm", shrunk=2)),
        "ultrasound-multiframe.dcm of deid-data, tissue": (
            "US",
            _of_deid("ultrasound-multiframe.dcm", Region(90, 110, 650, 570)),
        ),
    }
#: Those that the detector was tuned on, with other seeds than those that are reported.
TUNED_ON = tuple(name for name in BACKGROUNDS if "deid-data" not in name)
