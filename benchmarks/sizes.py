"""How large compressed images leave if a region of them is made black; writes docs/benchmarks/sizes.md.

python -m benchmarks sizes
"""

from __future__ import annotations

import io
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom.data
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import UID

from sendit.deidentify.dicom.reader import read_file
from sendit.deidentify.pixels.frames import Frames
from sendit.deidentify.pixels.redaction.redact import redact
from sendit.deidentify.pixels.regions import Region
from tests import jpeg
from tests.pixels import EXPLICIT, Kind, file_of, image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "sizes.md"
ROOT = "1.2.840.10008.1.2"
BASELINE, EXTENDED, RLE = f"{ROOT}.4.50", f"{ROOT}.4.51", f"{ROOT}.5"
JPEG_LS, NEARLY, WAVELETS, LOSSY_WAVELETS = f"{ROOT}.4.80", f"{ROOT}.4.81", f"{ROOT}.4.90", f"{ROOT}.4.91"
_NAMES = {
    BASELINE: "JPEG baseline", EXTENDED: "JPEG extended, 12 bits", f"{ROOT}.4.57": "JPEG lossless",
    f"{ROOT}.4.70": "JPEG lossless", RLE: "RLE", JPEG_LS: "JPEG-LS", NEARLY: "JPEG-LS, nearly lossless",
    WAVELETS: "JPEG 2000, lossless", LOSSY_WAVELETS: "JPEG 2000", EXPLICIT: "uncompressed",
}  # fmt: skip
_LOSSY = (NEARLY, LOSSY_WAVELETS)
#: A lossy JPEG, and what is lossless, may become so many times what they were.
_MOST_OF_JPEG, _MOST_OF_LOSSLESS = 1.05, 1.5
_SHIPPED = (
    "SC_rgb_jpeg_gdcm.dcm",
    "JPGExtended.dcm",
    "examples_ybr_color.dcm",
    "examples_jpeg2k.dcm",
    "MR_small_RLE.dcm",
)


@dataclass(frozen=True)
class Row:
    """One image, before and after."""

    syntax: str
    what: str
    before: int
    after: int
    raw: int
    written: str
    seconds: float
    equal: bool

    @property
    def ratio(self) -> float:
        """How many times as large."""
        return self.after / self.before

    @property
    def right(self) -> bool:
        """Nothing else changed, and it is no larger than it may be."""
        if self.syntax in (BASELINE, EXTENDED):
            return self.equal and self.written == self.syntax and self.ratio <= _MOST_OF_JPEG
        return self.equal and (self.syntax in _LOSSY or self.ratio <= _MOST_OF_LOSSLESS)


def scan(rows: int, columns: int, seed: int) -> NDArray[np.float64]:
    """The sector of an ultrasound machine: speckle on black, between 0 and 1."""
    y, x = np.mgrid[:rows, :columns]
    generator = np.random.default_rng(seed)
    depth = np.hypot(x - columns / 2, y)
    sector = (depth < rows * 0.95) & (np.abs(x - columns / 2) < 0.7 * y)
    coarse = generator.normal(0, 1, (rows // 4 + 1, columns // 4 + 1)).repeat(4, 0).repeat(4, 1)[:rows, :columns]
    tissue = 0.35 + 0.2 * np.sin(depth / 31 + seed / 3) + 0.09 * coarse + generator.normal(0, 0.02, (rows, columns))
    return np.where(sector, tissue, 0).clip(0, 1)


def arrays(kind: Kind, rows: int, columns: int) -> list[NDArray[Any]]:
    """Frames of a kind."""
    made = []
    for frame in range(kind.frames):
        grey = scan(rows, columns, frame)
        whole = np.stack([grey, grey * 0.9, np.sqrt(grey)], axis=-1) if kind.samples == 3 else grey
        made.append((whole * ((1 << kind.stored) - 1)).astype(np.uint8 if kind.allocated == 8 else np.uint16))
    return made


def holding(kind: Kind, frames: list[bytes], rows: int, columns: int) -> Dataset:
    """An image of compressed frames."""
    ds = image(Kind(EXPLICIT, kind.photometric, kind.allocated, kind.stored, frames=kind.frames, vr="OB"))
    ds.Rows, ds.Columns = rows, columns
    ds.file_meta.TransferSyntaxUID = UID(kind.syntax)
    ds.PixelData = encapsulate(frames)
    ds["PixelData"].is_undefined_length = True
    return ds


def encoded(kind: Kind, rows: int, columns: int, plugin: str, **options: Any) -> Dataset:
    """By an encoder of pydicom's."""
    encoder = get_encoder(UID(kind.syntax))
    frames = [
        encoder.encode(
            frame, encoding_plugin=plugin, rows=rows, columns=columns, number_of_frames=1, planar_configuration=0,
            samples_per_pixel=kind.samples, bits_allocated=kind.allocated, bits_stored=kind.stored,
            photometric_interpretation=kind.photometric, pixel_representation=0, **options,
        )
        for frame in arrays(kind, rows, columns)
    ]  # fmt: skip
    return holding(kind, frames, rows, columns)


def by_pillow(kind: Kind, rows: int, columns: int, **options: Any) -> Dataset:
    """JPEG baseline."""
    frames = []
    for array in arrays(kind, rows, columns):
        out = io.BytesIO()
        Image.fromarray(array).save(out, "JPEG", quality=85, **options)
        frames.append(out.getvalue())
    return holding(kind, frames, rows, columns)


def made_here() -> Iterator[tuple[str, Dataset]]:
    """Images of each transfer syntax that something at hand can write."""
    for sampling, photometric in (("4:4:4", "YBR_FULL"), ("4:2:2", "YBR_FULL_422"), ("4:2:0", "YBR_FULL_422")):
        for restart in (0, 8):
            kind = Kind(BASELINE, photometric, 8, 8, frames=20)
            restarts = f", restarts every {restart} units" if restart else ""
            yield (
                f"cine of 20 frames, 640 × 480, {sampling}{restarts}",
                by_pillow(kind, 480, 640, subsampling=sampling, restart_marker_blocks=restart),
            )
    yield "grey, 1024 × 1024", by_pillow(Kind(BASELINE, "MONOCHROME2", 8, 8), 1024, 1024, optimize=True)
    grey = Kind(EXTENDED, "MONOCHROME2", 16, 12)
    plane = arrays(grey, 256, 256)[0].astype(np.int64)
    yield "grey, 256 × 256", holding(grey, [jpeg.written(jpeg.compressed([plane], 12, [(1, 1)], 90))], 256, 256)
    for syntax, plugin in ((RLE, "pylibjpeg"), (JPEG_LS, "pyjpegls"), (WAVELETS, "pylibjpeg")):
        yield "grey of 12 bits, 512 × 512", encoded(Kind(syntax, "MONOCHROME2", 16, 12), 512, 512, plugin)
        colour = Kind(syntax, "YBR_RCT" if syntax == WAVELETS else "RGB", 8, 8, frames=4)
        yield "colour, 4 frames of 640 × 480", encoded(colour, 480, 640, plugin)
    near = Kind(NEARLY, "MONOCHROME2", 8, 8)
    yield "grey, 512 × 512, error of 2 at most", encoded(near, 512, 512, "pyjpegls", jls_error=2)
    for ratio in (5, 20):
        lossy = Kind(LOSSY_WAVELETS, "MONOCHROME2", 16, 12)
        yield f"grey of 12 bits, 512 × 512, 1 : {ratio}", encoded(lossy, 512, 512, "pylibjpeg", j2k_cr=[ratio])


def sources() -> Iterator[tuple[str, bytes]]:
    """What is measured, as files."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for what, ds in made_here():
            yield what, file_of(ds)
        folder = Path(pydicom.data.__file__).parent / "test_files"
        for name in _SHIPPED:
            if (folder / name).exists():
                ds = dcmread(folder / name)
                yield f"pydicom's {name}, {ds.Columns} × {ds.Rows}", (folder / name).read_bytes()


def measured(what: str, file: bytes) -> Row:
    """One image with its upper edge made black, as a machine's header with a name would be."""
    instance = read_file(memoryview(file))
    syntax, frames = instance.syntax.uid, Frames(instance)
    image, before = frames.image, list(frames)
    region = Region(0, 0, image.columns * 2 // 3, max(1, image.rows // 12))
    size, begun = len(frames.pixels.value), time.process_time()
    done = redact(instance, frames, [region])
    seconds = time.process_time() - begun
    left = Frames(instance)
    outside = np.ones((image.rows, image.columns), bool)
    for one in done.regions:
        outside[one.y0 : one.y1 + 4, max(0, one.x0 - 4) : one.x1 + 4] = False
    equal = all(np.array_equal(old[outside], new[outside]) for old, new in zip(before, left, strict=True))
    raw = image.rows * image.columns * image.samples * image.allocated // 8 * image.frames
    return Row(syntax, what, size, len(left.pixels.value), raw, instance.syntax.uid, seconds / image.frames, equal)


def main() -> bool:
    """Whether none became larger than it may, and nothing else changed."""
    rows = [measured(what, file) for what, file in sources()]
    PAGE.write_text(_page(rows), encoding="utf-8")
    print(PAGE.read_text("utf-8"))
    return all(row.right for row in rows)


def _page(rows: list[Row]) -> str:
    page = io.StringIO()
    page.write(
        "# Sizes before and after a mask\n\nWritten by `python -m benchmarks sizes`. The upper edge of an image, two "
        "thirds of its width, is made black in all frames. The sizes are\nthose of the pixel data. The images are made "
        "by the benchmark (an ultrasound sector with speckle), or pydicom's.\n\n"
        "| transfer syntax | image | bytes before | after | ratio | ratio if uncompressed | leaves as | s per frame |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- |\n"
    )
    for row in rows:
        page.write(
            f"| {_NAMES[row.syntax]} ({row.syntax.removeprefix(ROOT)}) | {row.what} | {row.before:,} | {row.after:,} | "
            f"{row.ratio:.2f} | {row.raw / row.before:.1f} | {_NAMES[row.written]} | {row.seconds:.2f} |\n"
        )
    page.write(
        "\n- Lossy JPEG is blanked in its coefficients: at most 1.05 times the size, in its own transfer syntax. All "
        "other blocks keep their\n  coefficients; `tests/unit/deidentify/pixels/redaction/test_jpeg_blocks.py` holds "
        "them against a decoder of its own.\n- What was lossless stays within 1.5 times its size. What was lossy in "
        "another way (nearly lossless JPEG-LS, irreversible JPEG 2000)\n  is decoded, and leaves without further loss: "
        "larger than it came, and smaller than uncompressed.\n- Seconds are CPU time and include two decodings for the "
        "comparison of before and after.\n- The benchmark fails if a limit is missed, or if a pixel outside of the "
        "region's blocks (and 4 beside them) changed.\n"
    )
    return page.getvalue()
