"""What a search covers of the text in a scene, and what else."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from benchmarks.text_backgrounds import BACKGROUNDS
from benchmarks.text_consoles import KINDS, forms
from benchmarks.text_planting import Planted, Scene, background
from sendit.deidentify.dicom.reader import read_file
from sendit.deidentify.leak_check.identifiers import Identifiers
from sendit.deidentify.pixels.frames import Frames

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from sendit.deidentify.pixels.ocr.instance import RapidTextSearch
    from sendit.deidentify.pixels.regions import Region

#: What is masked so near to a line is not counted as extra area (pixels).
NEAR = 4
#: A line is covered if this share of the rectangle around its ink is.
COVERED = 0.9


@dataclass(frozen=True)
class Score:
    """One scene, one tool."""

    scene: Scene
    covered: tuple[float, ...]  # of each line, its share
    extra: float  # share of the image that is masked beyond NEAR of every line
    beside: float  # share of the image that is masked outside of all lines, however near
    masked: float  # share of the image that is masked
    seconds: float

    def lines(self) -> Iterator[tuple[Planted, bool]]:
        """Each line, and whether it is covered."""
        return ((one, share >= COVERED) for one, share in zip(self.scene.planted, self.covered, strict=True))


def scene(name: str, kind: str, seed: int) -> Scene:
    """The one scene of these; of kind "" the background alone."""
    chance = random.Random(f"{name} {kind} {seed}")
    if not kind:
        return Scene(name, BACKGROUNDS[name][0], "", background(name, chance), ())
    return next(one for one in KINDS if one.__name__ == kind)(name, chance)


def names(seeds: Iterable[int], backgrounds: Iterable[str] = BACKGROUNDS) -> list[tuple[str, str, int]]:
    """Every background with text of every kind, for every seed; forms, which need no background, twice for a seed."""
    return [
        (name, kind.__name__, seed + 500 * again)
        for seed in seeds
        for name in backgrounds
        for kind in KINDS
        for again in range(0 if kind is forms and name != "black" else 2 if kind is forms else 1)
    ]


def file_of(values: NDArray[np.generic], modality: str = "OT", **header: object) -> bytes:
    """An image as DICOM file."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = SecondaryCaptureImageStorage, "1.2.840.999999.5.1"
    dataset.Modality = modality
    dataset.Rows, dataset.Columns = values.shape[:2]
    dataset.SamplesPerPixel = 3 if values.ndim == 3 else 1
    dataset.PhotometricInterpretation = "RGB" if values.ndim == 3 else "MONOCHROME2"
    if values.ndim == 3:
        dataset.PlanarConfiguration = 0
    bits = values.dtype.itemsize * 8
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = int(values.dtype.kind == "i")
    for keyword, value in header.items():
        setattr(dataset, keyword, value)
    dataset.PixelData = values.tobytes() + b"\0" * (values.nbytes % 2)
    dataset["PixelData"].VR = "OW" if bits > 8 else "OB"
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def by_sendit(scene: Scene, search: RapidTextSearch) -> list[Region]:
    """What SendIt would make black: from the file, through the same search as in the pipeline."""
    return list(search(Frames(read_file(memoryview(file_of(scene.values)))), Identifiers(), ""))


def score(scene: Scene, found: Iterable[Region], seconds: float) -> Score:
    """Of what a tool found."""
    rows, columns = scene.values.shape[:2]
    mask, lines, near = (np.zeros((rows, columns), bool) for _ in range(3))
    _fill(mask, found)
    _fill(lines, (one.region for one in scene.planted))
    _fill(near, (one.region.with_margin(NEAR) for one in scene.planted))
    covered = []
    for one in scene.planted:
        part = mask[one.region.y0 : one.region.y1, one.region.x0 : one.region.x1]
        covered.append(float(part.mean()))
    shares = (float((mask & ~near).mean()), float((mask & ~lines).mean()), float(mask.mean()))
    return Score(scene, tuple(covered), *shares, seconds)


def _fill(mask: NDArray[np.bool_], regions: Iterable[Region]) -> None:
    for region in regions:
        inside = region.clipped(mask.shape[1], mask.shape[0])
        mask[inside.y0 : inside.y1, inside.x0 : inside.x1] = True
