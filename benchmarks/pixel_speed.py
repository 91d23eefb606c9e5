"""CPU time of what is done to the pixels of images and cines, by part; prints rows for docs/performance.md.

python -m benchmarks pixel-speed [--before CHECKOUT] [--rounds N]

With another checkout of SendIt (its former version), both work on the same files in turn, in processes of their own.
Each image is de-identified as a whole, with everything that examines pixels, by the default rules.
"""

from __future__ import annotations

import io
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
FRAMES = 100
_LARGE = (4312, 3256)  # 14 megapixels
_PARTS, _REST = ("decoding", "barcodes", "text", "masking and writing"), "the rest"
Seconds = dict[str, float]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--before", type=Path, help="another checkout, which is measured in turn")
    parser.add_argument("--rounds", type=int, default=3)


def main(options: argparse.Namespace) -> bool:
    """Measure, print a row for each kind of image."""
    versions = {"now": ROOT} | ({"before": options.before} if options.before else {})
    figures: dict[tuple[str, str], list[Seconds]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        for kind, number, file in _inputs():
            path = Path(name) / f"{kind} {number}.dcm"
            path.write_bytes(file)
            rounds = [_measured(path, versions) for _ in range(options.rounds)]
            for version in versions:
                figures[kind, version].append(_least([one[version] for one in rounds]))
                print(f"{kind} {number}, {version}: {figures[kind, version][-1]}", file=sys.stderr, flush=True)
            path.unlink()
    print(f"| CPU seconds | {' | '.join((*versions, *_PARTS, _REST))} |")
    for kind in dict.fromkeys(kind for kind, _ in figures):
        totals = [f"{statistics.median(one['all'] for one in figures[kind, version]):.3f}" for version in versions]
        parts = [
            statistics.median(one.get(part, 0.0) for one in figures[kind, "now"]) for part in (*_PARTS, "the rest")
        ]
        print(f"| {kind} | {' | '.join((*totals, *(f'{one:.3f}' for one in parts)))} |")
    return True


def _least(rounds: list[Seconds]) -> Seconds:
    return min(rounds, key=lambda one: one["all"])


def _measured(path: Path, versions: dict[str, Path]) -> dict[str, Seconds]:
    measured = {}
    for version, checkout in versions.items():
        environment = {**os.environ, "PYTHONPATH": str(checkout / "plugin")}
        command = [sys.executable, __file__, str(path)]
        run = subprocess.run(command, env=environment, capture_output=True, check=True)
        measured[version] = json.loads(run.stdout)
    return measured


# --- the files --------------------------------------------------------------------------------------------------------


def _inputs() -> Iterator[tuple[str, int, bytes]]:
    """Yield the kinds of images, each with its number."""
    import cv2

    from benchmarks.text_backgrounds import BACKGROUNDS
    from benchmarks.text_scoring import scene

    for name in (one for one in BACKGROUNDS if one not in ("soft bodies", "cat.dcm of deid-data, without its marker")):
        yield "image without text", len(name), _file([BACKGROUNDS[name][1](random.Random(5))])
        yield "image with text", len(name), _file([scene(name, "corner_blocks", 5).values])
    soft = BACKGROUNDS["soft bodies"][1](random.Random(5)).astype(np.float32)
    soft = np.asarray(cv2.resize(cv2.GaussianBlur(soft, (0, 0), 2), _LARGE[::-1], interpolation=cv2.INTER_CUBIC))
    noise = np.random.default_rng(5).normal(0, 12, soft.shape)
    yield "14 megapixels, soft", 0, _file([np.clip(soft + noise, 0, 4095).astype(np.uint16)], "DX")
    sharp = next((name for name in BACKGROUNDS if name.startswith("cat.dcm")), None)
    if sharp is not None:
        values = BACKGROUNDS[sharp][1](random.Random(5))
        larger = np.asarray(cv2.resize(values, _LARGE, interpolation=cv2.INTER_CUBIC))
        yield "14 megapixels, sharp edges", 0, _file([larger], "DX")
    yield "cine of 100 frames", 0, _cine()


def _cine() -> bytes:
    """Moving speckle in colour, compressed, with four lines that stay."""
    import cv2

    numbers, frames = np.random.default_rng(5), []
    for _ in range(FRAMES):
        speckle = cv2.GaussianBlur(numbers.rayleigh(1.0, (480, 640)).astype(np.float32), (0, 0), 1.6)
        frame = np.repeat(np.clip((np.asarray(speckle) - 0.6) * 90, 0, 255).astype(np.uint8)[..., np.newaxis], 3, -1)
        frame[:40] = frame[440:] = 0
        for y, words in ((16, "MUSTER^MAX"), (34, "PID 4711-0815"), (456, "12.04.1961"), (474, "ST. ELSEWHERE")):
            cv2.putText(frame, words, (8, y), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (230, 230, 200), 1, cv2.LINE_AA)
        frames.append(frame)
    return _file(frames, "US", compressed=True)


def _file(frames: list[NDArray[Any]], modality: str = "OT", *, compressed: bool = False) -> bytes:
    """Return a secondary capture of these frames."""
    import pydicom
    from PIL import Image
    from pydicom.encaps import encapsulate

    first = frames[0]
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = pydicom.uid.SecondaryCaptureImageStorage, "1.2.3"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.Modality = "1.2.4", "1.2.5", modality
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = "Muster^Max", "4711-0815", "19610412"
    dataset.Rows, dataset.Columns = first.shape[:2]
    dataset.NumberOfFrames, dataset.SamplesPerPixel = len(frames), 1 if first.ndim == 2 else 3
    dataset.PhotometricInterpretation = "MONOCHROME2" if first.ndim == 2 else "RGB"
    if first.ndim == 3:
        dataset.PlanarConfiguration = 0
    bits = first.dtype.itemsize * 8
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = int(first.dtype.kind == "i")
    if compressed:
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.JPEGBaseline8Bit
        dataset.PhotometricInterpretation = "YBR_FULL_422"
        streams = [io.BytesIO() for _ in frames]
        for frame, stream in zip(frames, streams, strict=True):
            Image.fromarray(frame).save(stream, "JPEG", quality=90, subsampling="4:2:2")
        dataset.PixelData = encapsulate([stream.getvalue() for stream in streams])
    else:
        dataset.PixelData = b"".join(frame.tobytes() for frame in frames)
        dataset["PixelData"].VR = "OB" if bits == 8 else "OW"
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


# --- in a process of its own, with either version ---------------------------------------------------------------------


def _work(path: Path) -> Seconds:
    """De-identify a file, with everything that examines pixels; return CPU seconds by part."""
    import cv2

    from sendit.config.schema import Option
    from sendit.deidentify import KeyedIdentities, compile_plan, deidentify
    from sendit.deidentify.pixels import frames as frames_module
    from sendit.deidentify.pixels.codecs import decode
    from sendit.deidentify.plan import Handling
    from sendit.pipeline.pool import pixel_tools as tools_module

    seconds: Seconds = defaultdict(float)
    running: list[str] = []

    def timed(part: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """Time a part without the parts within it."""

        def wrapped(*given: Any, **options: Any) -> Any:
            begun, outer = time.process_time(), running[-1] if running else ""
            running.append(part)
            try:
                return work(*given, **options)
            finally:
                running.pop()
                passed = time.process_time() - begun
                seconds[part] += passed
                seconds[outer] -= passed

        return wrapped

    from sendit.deidentify.pixels.redaction import redact as redact_module

    frames_module.decode = timed("decoding", decode)  # type: ignore[attr-defined]
    redact_module.redact = timed("masking and writing", redact_module.redact)
    for tool, part in (
        (tools_module.BarcodesWhenNeeded, "barcodes"),
        (tools_module.LoadedWhenNeeded, "text"),
        (tools_module.MeasuresWhenNeeded, "text"),
        (tools_module.KeptWhenNeeded, "text"),
    ):
        tool.__call__ = timed(part, tool.__call__)  # type: ignore[method-assign]
    file = path.read_bytes()
    plan = compile_plan([Option.CLEAN_PIXEL_DATA], [], handling=Handling())
    words = np.zeros((64, 200), np.uint8)
    cv2.putText(words, "READ ME", (8, 40), cv2.FONT_HERSHEY_SIMPLEX, 1, 255, 2)
    for warm in (_file([words]), file):  # the first one loads the networks
        seconds.clear()
        begun = time.process_time()
        outcome = deidentify(warm, plan, KeyedIdentities(bytes(32)), tools_module.pixel_tools(path.parent))
        whole = time.process_time() - begun
    if type(outcome).__name__ != "Released":
        print(f"{path.name} is held: masking and writing are not included", file=sys.stderr)
    parts = {part: seconds[part] for part in _PARTS}
    return {"all": whole, **parts, _REST: whole - sum(parts.values())}


if __name__ == "__main__":
    print(json.dumps(_work(Path(sys.argv[1]))))
