"""The same scenes through Tesseract, and through deid, which decides by the header alone."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image

from benchmarks.text_scoring import file_of
from sendit.deidentify.pixels.regions import Region
from sendit.deidentify.pixels.windowing import Shown, views

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.text_planting import Scene

#: Around each word that Tesseract finds, pixels of the image: it boxes the ink itself.
_MARGIN = 2
#: Larger images are not enlarged: Tesseract would need a minute.
_ENLARGED_UP_TO = 1_500_000
#: What a device of each modality says of itself, and of its images.
_DEVICES: dict[str, tuple[str, str, str]] = {
    "CT": ("SIEMENS", "Sensation 64", "1.2.840.10008.5.1.4.1.1.2"),
    "MR": ("Philips Medical Systems", "Achieva", "1.2.840.10008.5.1.4.1.1.4"),
    "NM": ("GE MEDICAL SYSTEMS", "INFINIA", "1.2.840.10008.5.1.4.1.1.20"),
    "US": ("GE Healthcare", "LOGIQE9", "1.2.840.10008.5.1.4.1.1.6.1"),
    "XA": ("SIEMENS", "AXIOM-Artis", "1.2.840.10008.5.1.4.1.1.12.1"),
    "CR": ("FUJI PHOTO FILM Co., ltd.", "5000", "1.2.840.10008.5.1.4.1.1.1"),
    "DX": ("Agfa", "DXD Imaging Package", "1.2.840.10008.5.1.4.1.1.1.1"),
    "XC": ("Canon", "EOS", "1.2.840.10008.5.1.4.1.1.77.1.4"),
}
_CAPTURE = ("Vital Images, Inc", "Vitrea 2", "1.2.840.10008.5.1.4.1.1.7")


def tesseract() -> str | None:
    """Its version; None if it is not installed."""
    if shutil.which("tesseract") is None:
        return None
    said = subprocess.run(["tesseract", "--version"], capture_output=True, text=True, check=True).stdout
    return said.split()[1]


def by_tesseract(scene: Scene, mode: str, scale: int) -> tuple[list[Region], float]:
    """Where it finds words in any view of a scene, and the seconds of CPU time that it takes.

    Args:
        mode: of page segmentation (`--psm`).
        scale: the picture is enlarged so many times first.
    """
    found, before = [], os.times()
    scale = scale if scene.values.shape[0] * scene.values.shape[1] <= _ENLARGED_UP_TO else 1
    for shown in views(scene.values):
        found += _words(shown, mode, scale)
    after = os.times()
    return found, after.children_user + after.children_system - before.children_user - before.children_system


def _words(shown: Shown, mode: str, scale: int) -> list[Region]:
    size = (shown.shape[1] * scale, shown.shape[0] * scale)
    picture = cv2.resize(shown, size, interpolation=cv2.INTER_CUBIC) if scale > 1 else shown
    file = io.BytesIO()
    Image.fromarray(np.asarray(picture)).save(file, "PNG", compress_level=1)
    said = subprocess.run(
        ["tesseract", "stdin", "stdout", "--psm", mode, "tsv"],
        input=file.getvalue(),
        capture_output=True,
        check=True,
        env={**os.environ, "OMP_THREAD_LIMIT": "1"},
    ).stdout.decode()
    words = []
    for row in csv.DictReader(io.StringIO(said), delimiter="\t", quoting=csv.QUOTE_NONE):
        if row["level"] == "5" and row["text"].strip() and float(row["conf"]) > 0:
            x, y, wide, high = (int(row[name]) / scale for name in ("left", "top", "width", "height"))
            words.append(Region(int(x), int(y), int(x + wide + 1), int(y + high + 1)).with_margin(_MARGIN))
    return words


def by_deid(scene: Scene) -> tuple[bool, list[Region]]:
    """Whether deid flags the scene, given a header as its device writes it, and the regions that it names.

    What its whitelist names counts as not flagged.
    """
    from deid.dicom import has_burned_pixels

    maker, model, kind = _DEVICES.get(scene.modality, _CAPTURE)
    header: dict[str, Any] = {
        "Manufacturer": maker,
        "ManufacturerModelName": model,
        "SOPClassUID": kind,
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"] if scene.modality in _DEVICES else ["DERIVED", "SECONDARY"],
        "StationName": "ROOM1",
        "PatientName": "SMITH^John",
        "SeriesDescription": scene.modality,
    }
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nowhere:
        path = Path(folder) / "image.dcm"
        path.write_bytes(file_of(scene.values, scene.modality, **header))
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            answer = has_burned_pixels(str(path), deid=_recipe())
    results = [result for result in answer["results"] if result["group"] != "whitelist"]
    return bool(results), _blackened([one for result in results for one in result["coordinates"]], scene.values)


@cache
def _recipe() -> Any:
    from deid.config import DeidRecipe

    return DeidRecipe("dicom")


def _blackened(sets: list[Any], values: NDArray[Any]) -> list[Region]:
    """Of coordinates those that are made black; those that are kept are taken out again."""
    whole = Region(0, 0, values.shape[1], values.shape[0])
    found: list[Region] = []
    for kept, places in sets:
        for place in [places] if isinstance(places, str) else places:
            region = (
                whole if str(place).lower() == "all" else Region(*(int(float(one)) for one in str(place).split(",")))
            )
            found = [part for one in found for part in one.without(region)] if kept else [*found, region]
    return found
