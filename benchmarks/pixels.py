"""Regions masked in images of every kind, by SendIt and by deid; writes docs/benchmarks/pixels.md.

python -m benchmarks pixels
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import time
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydicom import dcmread
from pydicom.pixels.utils import pixel_array

from sendit.deidentify.dicom.reader import read_file
from sendit.deidentify.dicom.writer import write_file
from sendit.deidentify.pixels.frames import Frames
from sendit.deidentify.pixels.redaction.redact import redact
from sendit.deidentify.pixels.regions import Region
from tests.pixels import BASELINE, ROWS, Kind, black, decoded, file_of, image, kinds

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "pixels.md"
REGION = Region(4, 2, 12, 9)
#: Its blocks in a JPEG that is blanked without decoding it, and the columns beside them whose colours decoders mix.
BLOCKS = Region(0, 0, 20, 16)
RECIPE = f"""FORMAT dicom
%filter graylist
LABEL region
  equals Modality OT
  coordinates {REGION.x0},{REGION.y0},{REGION.x1},{REGION.y1}
"""
RIGHT, NOT_BLACK, CORRUPTED = "right to the pixel", "region not black as shown", "silently corrupted outside of it"
UNREADABLE, REFUSED = "output cannot be decoded", "nothing given out"
VERDICTS = (RIGHT, NOT_BLACK, CORRUPTED, UNREADABLE, REFUSED)


def by_sendit(source: bytes) -> bytes:
    """The file with the region black."""
    instance = read_file(memoryview(source))
    redact(instance, Frames(instance), [REGION])
    return b"".join(write_file(instance, "1.2.840.10008.5.1.4.1.1.7", "2.25.1"))


def by_deid(source: bytes) -> bytes:
    """The same by deid's cleaner, by its own recipe."""
    from deid.dicom import DicomCleaner

    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nowhere:
        path, recipe = Path(folder) / "image.dcm", Path(folder) / "deid.dicom"
        path.write_bytes(source)
        recipe.write_text(RECIPE)
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            cleaner = DicomCleaner(output_folder=folder, deid=str(recipe))
            cleaner.detect(str(path))
            cleaner.clean()
            return Path(cleaner.save_dicom()).read_bytes()


def verdict(kind: Kind, source: bytes, work: Callable[[bytes], bytes]) -> str:
    """What became of an image, by what pydicom decodes."""
    before = decoded(source)
    try:
        result = work(source)
    except (Exception, SystemExit):  # noqa: BLE001  deid raises anything, and exits
        return REFUSED
    try:
        after = decoded(result)
    except Exception:  # noqa: BLE001  a decoder may raise anything
        return UNREADABLE
    inside = np.zeros((ROWS, kind.columns), bool)
    inside[REGION.y0 : REGION.y1, REGION.x0 : REGION.x1] = True
    if photometric(result) not in (photometric(source), "YBR_FULL", "RGB"):
        return CORRUPTED
    if kind.samples == 3 and photometric(result) == "RGB" != photometric(source) and kind.photometric != "YBR_RCT":
        return _as_shown(source, result, inside)
    outside = ~inside
    if dcmread(io.BytesIO(result), stop_before_pixels=True).file_meta.TransferSyntaxUID == BASELINE:
        outside[BLOCKS.y0 : BLOCKS.y1, BLOCKS.x0 : BLOCKS.x1] = False
    if after.shape != before.shape or not np.array_equal(after[:, outside], before[:, outside]):
        return CORRUPTED
    return RIGHT if (after[:, inside] == black(kind)).all() else NOT_BLACK


def photometric(file: bytes) -> str:
    """PhotometricInterpretation."""
    return str(dcmread(io.BytesIO(file), stop_before_pixels=True).PhotometricInterpretation)


def _as_shown(source: bytes, result: bytes, inside: NDArray[np.bool_]) -> str:
    """The verdict where colours were converted: as RGB, which rounding may change by a little."""
    before, after = (pixel_array(io.BytesIO(file), raw=False).astype(int) for file in (source, result))
    if before.shape != after.shape or np.abs(before - after)[..., ~inside, :].max() > 2:
        return CORRUPTED
    return RIGHT if after[..., inside, :].max() <= 2 else NOT_BLACK


def main() -> bool:
    """Whether SendIt did every image right."""
    counts: dict[str, Counter[str]] = {}
    seconds: dict[str, float] = {}
    images = [(kind, file_of(image(kind))) for kind in kinds() if kind.high_bit < 0]  # pydicom: masked wrongly
    for name, work in (("SendIt", by_sendit), (f"deid {version('deid')}", by_deid)):
        begun = time.perf_counter()
        counts[name] = Counter(verdict(kind, source, work) for kind, source in images)
        seconds[name] = (time.perf_counter() - begun) / len(images)
    PAGE.write_text(_page(counts, seconds, images), encoding="utf-8")
    print(PAGE.read_text("utf-8"))
    return counts["SendIt"][RIGHT] == len(images)


def _page(counts: dict[str, Counter[str]], seconds: dict[str, float], images: list[tuple[Kind, bytes]]) -> str:
    page = io.StringIO()
    lossy = sum(kind.syntax == BASELINE for kind, _ in images)
    page.write(
        f"# The pixel benchmark\n\nWritten by `python -m benchmarks pixels`. {len(images)} images, each of another "
        "combination of transfer syntax, photometric\ninterpretation, bits, sign, planes, frames, byte order and VR, "
        f"{lossy} of them lossy. One region is masked in all frames; pydicom decodes\nthe image before and after, "
        "without conversion of colours (where a tool converted them, as RGB).\n\n"
    )
    page.write(f"| tool | {' | '.join(VERDICTS)} | ms per image |\n| --- |{' --- |' * (len(VERDICTS) + 1)}\n")
    for name, found in counts.items():
        numbers = " | ".join(str(found[verdict]) for verdict in VERDICTS)
        page.write(f"| {name} | {numbers} | {seconds[name] * 1000:.0f} |\n")
    page.write(
        "\n- Black as shown: the value that a viewer shows black: the greatest of MONOCHROME1, the least of signed "
        "numbers, 0/128/128 of YBR,\n  the darkest entry of a palette.\n- Milliseconds include decoding by pydicom "
        "for the comparison.\n- Of lossy JPEG that stays lossy, whole blocks become black, and all others have to be "
        "the same.\n- The benchmark fails if SendIt gets one image wrong.\n"
    )
    return page.getvalue()
