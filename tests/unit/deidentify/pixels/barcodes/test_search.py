"""Barcodes: whatever they are and however they stand in an image, nothing can be read of them afterwards."""

from __future__ import annotations

import io
from itertools import product
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pydicom
import pytest
import zxingcpp

from sendit.config.schema import Option
from sendit.deidentify import KeyedIdentities, compile_plan, deidentify
from sendit.deidentify.dicom.writer import write_file
from sendit.deidentify.pixels.barcodes import look, places, search
from sendit.deidentify.pixels.barcodes.search import BarcodeSearch, barcodes_in
from sendit.deidentify.pixels.ocr.api import PixelTools
from sendit.deidentify.plan import Handling
from sendit.errors import Quarantine
from sendit.model import Quarantined, Released
from tests.unit.deidentify.pixels.ocr.test_instance import frames_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sendit.deidentify.pixels.frames import Frames
    from sendit.deidentify.pixels.regions import Region

pytestmark = pytest.mark.long

SHAPE = (300, 420)
CONTENTS = {
    "QRCode": "MUSTER^MAX;19610412", "MicroQRCode": "4711001", "RMQRCode": "MUSTER^MAX", "DataMatrix": "MUSTER^MAX",
    "Aztec": "MUSTER^MAX;4711", "PDF417": "MUSTER^MAX", "MicroPDF417": "MUSTER^MAX",
    "Code128": "MRN4711", "Code39": "P4711", "Code93": "MRN4711", "ITF": "47110012", "EAN13": "471100123456",
    "EAN8": "4711001", "UPCA": "47110012345", "Codabar": "A4711001B", "DataBar": "4711001234567",
}  # fmt: skip


def code(symbology: str, module: int = 2) -> NDArray[np.bool_]:
    """The dark modules, with a quiet zone around them."""
    made = zxingcpp.create_barcode(CONTENTS[symbology], getattr(zxingcpp.BarcodeFormat, symbology))
    dark = np.asarray(zxingcpp.write_barcode_to_image(made, 1)) < 128
    return np.kron(np.pad(dark, 3), np.ones((module, module), bool))


def ground(shape: tuple[int, int] = SHAPE) -> NDArray[np.uint8]:
    """Soft tissue with a little noise, dark at its border."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    soft = 40 + 90 * np.exp(-((y - shape[0] / 2) ** 2 + (x - shape[1] / 2) ** 2) / 20000)
    made: NDArray[np.uint8] = np.clip(soft + np.random.default_rng(3).normal(0, 3, shape), 0, 255).astype(np.uint8)
    return made


def planted(
    symbology: str, module: int = 2, turns: int = 0, light: int = 220, dark: int = 30, place: tuple[int, int] = (9, 13)
) -> NDArray[np.uint8]:
    """The ground with a code on a label, at a column and row."""
    values = ground()
    modules = np.rot90(code(symbology, module), turns)
    x, y = place
    values[y : y + modules.shape[0], x : x + modules.shape[1]] = np.where(modules, dark, light)
    assert readable(values)
    return values


def readable(values: NDArray[Any]) -> bool:
    """Whether anything can be read."""
    shown = np.ascontiguousarray(values)
    both = (zxingcpp.Binarizer.LocalAverage, zxingcpp.Binarizer.GlobalHistogram)
    return any(zxingcpp.read_barcodes(shown, binarizer=binarizer) for binarizer in both)


def masked(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """With what is found black."""
    after = values.copy()
    for region in barcodes_in(values):
        after[region.y0 : region.y1, region.x0 : region.x1] = 0
    return after


@pytest.mark.parametrize("turns", [1, *(pytest.param(turns, marks=pytest.mark.slow) for turns in (0, 2, 3))])
@pytest.mark.parametrize("symbology", CONTENTS)
def test_symbologies(symbology: str, turns: int) -> None:
    """Each in all four orientations; no module of it is left."""
    values = planted(symbology, turns=turns)
    after = masked(values)
    modules = np.rot90(code(symbology), turns)
    height, width = modules.shape
    assert not readable(after)
    assert not (after[13 : 13 + height, 9 : 9 + width][modules] == 30).mean() > 0.05
    assert (after != values).mean() < 0.7


READABLE = [
    *((symbology, *levels) for symbology in ("QRCode", "DataMatrix") for levels in ((30, 220), (120, 90), (90, 120))),
    *((symbology, *levels) for symbology in ("PDF417", "Code128") for levels in ((120, 90), (220, 120))),
    ("QRCode", 250, 225),
]


@pytest.mark.parametrize(("symbology", "light", "dark"), READABLE)
def test_contrasts(symbology: str, light: int, dark: int) -> None:
    """Light on dark, and faint ones."""
    assert not readable(masked(planted(symbology, 3, light=light, dark=dark)))


@pytest.mark.parametrize("degrees", [30, *(pytest.param(one, marks=pytest.mark.slow) for one in (5, 15, 45, 70))])
@pytest.mark.parametrize("symbology", ["EAN8", "DataBar", "Code128", "ITF"])
def test_slanting_bars(symbology: str, degrees: int) -> None:
    """Bars that are read along some lines go whole: the rest cannot be read by one who is shown the place."""
    modules = np.pad(np.repeat(code(symbology, 2), 2, axis=0).astype(np.float32), 130)
    matrix = cv2.getRotationMatrix2D((modules.shape[1] / 2, modules.shape[0] / 2), degrees, 1)
    dark = np.asarray(cv2.warpAffine(modules, matrix, modules.shape[::-1]))
    noise = np.random.default_rng(2).normal(0, 4, dark.shape)
    values = np.clip(190 - 110 * dark + noise, 0, 255).astype(np.uint8)
    assert readable(values)
    after = masked(values)
    rows, columns = np.flatnonzero((dark > 0.5).any(1)), np.flatnonzero((dark > 0.5).any(0))
    place = after[rows[0] - 8 : rows[-1] + 9, columns[0] - 8 : columns[-1] + 9]
    enlarged = (place if scale == 1 else cv2.resize(place, None, fx=scale, fy=scale) for scale in (1, 2, 3))
    assert not any(readable(np.asarray(one)) for one in enlarged)
    assert (after == 0)[dark > 0.5].mean() > 0.9


@pytest.mark.parametrize(("symbology", "degrees"), [("DataMatrix", 5), ("MicroQRCode", -15), ("Aztec", 30)])
def test_faint_slanting_matrices_in_noise(symbology: str, degrees: int) -> None:
    """An eighth of the range, modules of two and a half pixels, in noise that alternates everywhere."""
    shape, numbers = (512, 640), np.random.default_rng(1)
    values = np.add.outer(np.linspace(30, 150, 512), np.linspace(0, 60, 640)) + numbers.normal(0, 4, shape)
    modules = cv2.resize(code(symbology, 4).astype(np.float32), None, fx=0.625, fy=0.625, interpolation=cv2.INTER_AREA)
    high, wide = modules.shape
    matrix = cv2.getRotationMatrix2D((wide / 2, high / 2), degrees, 1)
    matrix[:, 2] += 540 - wide / 2, 430 - high / 2
    ink = np.asarray(cv2.warpAffine(np.asarray(modules), matrix, shape[::-1], flags=cv2.INTER_LINEAR))
    label = np.asarray(cv2.warpAffine(np.ones((high, wide)), matrix, shape[::-1], flags=cv2.INTER_LINEAR))
    values = values * (1 - label) + label * 180 - 32 * ink
    grey = np.clip(values, 0, 255).astype(np.uint8)
    (island,) = places.islands(places.alternations(grey, places.evened(grey))[0])
    assert (ink[island.y0 : island.y1, island.x0 : island.x1] > 0.5).sum() > 0.8 * (ink > 0.5).sum()
    assert island.area < 1.5 * (label > 0.5).sum()
    assert (masked(grey)[ink > 0.5] == 0).mean() > 0.9


def test_several_in_one_image() -> None:
    """All of them go, and nothing else."""
    values = planted("QRCode", place=(5, 5))
    for symbology, x, y in (("DataMatrix", 300, 20), ("Code128", 60, 170), ("Aztec", 330, 220)):
        modules = code(symbology)
        values[y : y + modules.shape[0], x : x + modules.shape[1]] = np.where(modules, 10, 240)
    after = masked(values)
    assert not readable(after)
    assert (after == values)[110:150, 20:280].all()


def test_damaged() -> None:
    """What error correction mends for a reader is read here, too."""
    values = planted("QRCode", 4)
    values[60:72, 60:72] = 128
    values[100:103] = 200
    assert readable(values)
    assert not readable(masked(values))


@pytest.mark.parametrize("symbology", ["QRCode", "RMQRCode"])
def test_what_is_recognised_goes_even_if_it_cannot_be_read(symbology: str) -> None:
    """Today's reader fails where data are damaged; a better one, or a person with patience, may not."""
    values = planted(symbology, module=3)
    modules = code(symbology, 3).shape
    damaged = values[9 + modules[0] // 2 : 9 + modules[0] - 12, 13 + modules[1] // 3 : 13 + modules[1] - 12]
    damaged[...] = np.where(np.random.default_rng(1).random(damaged.shape) < 0.5, 30, 220)
    assert not readable(values)
    assert not barcodes_in(values, readable=True)
    after = masked(values)
    left = after[9 : 9 + modules[0], 13 : 13 + modules[1]][code(symbology, 3)]
    assert (left == 0).mean() > 0.9
    assert not barcodes_in(after)


def test_a_data_matrix_that_fills_its_place_goes_even_if_it_cannot_be_read() -> None:
    """Its frame of two lines is recognised; the same frame within something larger is none."""
    values = planted("DataMatrix", module=4)
    modules = code("DataMatrix", 4)
    inside = values[9 + 24 : 9 + modules.shape[0] - 24, 13 + 24 : 13 + modules.shape[1] - 24]
    cells = np.random.default_rng(5).random((inside.shape[0] // 4, inside.shape[1] // 4)) < 0.5
    inside[: cells.shape[0] * 4, : cells.shape[1] * 4] = np.where(np.kron(cells, np.ones((4, 4), bool)), 30, 220)
    assert not readable(values)
    assert not barcodes_in(values, readable=True)
    after = masked(values)
    assert (after[9 : 9 + modules.shape[0], 13 : 13 + modules.shape[1]][modules] == 0).mean() > 0.9


def test_a_faint_code_among_places_of_coarse_texture() -> None:
    """However many places alternate more than it does, by their noise alone."""
    numbers = np.random.default_rng(6)
    values = 110 + numbers.normal(0, 4, (700, 900))
    for row, column in product(range(20, 700, 140), range(20, 900, 140)):
        values[row : row + 90, column : column + 90] += numbers.normal(
            0, 45, values[row : row + 90, column : column + 90].shape
        )
    modules = cv2.resize(code("DataMatrix", 3).astype(np.float32), None, fx=1.0, fy=1.0)
    high, wide = modules.shape
    matrix = cv2.getRotationMatrix2D((wide / 2, high / 2), 45, 1)
    matrix[:, 2] += 555 - wide / 2, 350 - high / 2
    ink = np.asarray(cv2.warpAffine(np.asarray(modules), matrix, (900, 700), flags=cv2.INTER_LINEAR))
    near = np.asarray(cv2.dilate((ink > 0.1).astype(np.uint8), np.ones((15, 15), np.uint8))) > 0
    values[near] = 110 + numbers.normal(0, 4, int(near.sum()))
    grey = np.clip(values - 38 * ink, 0, 255).astype(np.uint8)
    assert (masked(grey)[ink > 0.5] == 0).mean() > 0.9


@pytest.mark.parametrize("degrees", [0, 14, -33, 90])
def test_bars_in_noise(degrees: int) -> None:
    """Noise in which no single line across the bars can be read is averaged along them."""
    label = np.where(np.repeat(code("Code39"), 3, axis=0), 0.0, 1.0)[20:-20]
    shape, numbers = (420, 520), np.random.default_rng(4)
    middle = (shape[1] - label.shape[1]) / 2, (shape[0] - label.shape[0]) / 2
    matrix = cv2.getRotationMatrix2D((label.shape[1] / 2, label.shape[0] / 2), degrees, 1)
    matrix[:, 2] += middle
    bars = cv2.warpAffine(label, matrix, shape[::-1], flags=cv2.INTER_LINEAR, borderValue=1.0)
    values = np.clip(90 + 60 * np.asarray(bars) + numbers.normal(0, 20, shape), 0, 255).astype(np.uint8)
    assert not readable(values)
    after = masked(values)
    ink = np.asarray(bars) < 0.5
    assert (after[ink] == 0).mean() > 0.9


@pytest.mark.parametrize("seed", range(4))
def test_noise_is_no_code(seed: int) -> None:
    numbers = np.random.default_rng(seed)
    values = np.clip(np.linspace(40, 200, 640) + numbers.normal(0, 12, (512, 640)), 0, 255).astype(np.uint8)
    assert not barcodes_in(values)


def test_nothing_there() -> None:
    """No box where no code is: tissue, noise, stripes, flat, a single pixel, nothing."""
    noise = np.random.default_rng(1).integers(0, 256, SHAPE).astype(np.uint8)
    stripes = np.tile((np.arange(420) // 5 % 2 * 200).astype(np.uint8), (300, 1))
    for values in (ground(), noise, stripes, np.zeros(SHAPE, np.uint8), ground((1, 1)), np.zeros((0, 9), np.uint8)):
        assert barcodes_in(values) == ()


@pytest.mark.parametrize(("odd", "looks"), [(None, 1), (5, 3)])
def test_frames_that_differ_by_noise_are_looked_at_once(
    odd: int | None, looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many frames one is looked at, and each in which a faint code comes or goes."""

    seen: list[bool] = []

    def look(frame: np.ndarray, black: object, **_: object) -> tuple[()]:
        seen.append(readable(frame))
        return ()

    monkeypatch.setattr(search, "barcodes_in", look)
    modules, frames = code("QRCode", 3), []
    for number in range(12):
        frame = ground().astype(np.int16) + np.random.default_rng(number).integers(-1, 2, SHAPE)
        if number == odd:
            frame[150 : 150 + len(modules), 250 : 250 + len(modules)] -= 15 * modules
        frames.append(np.clip(frame, 0, 255).astype(np.uint8))
    BarcodeSearch()(frames_of("MONOCHROME2", np.stack(frames), 8, **_header()))
    assert len(seen) == looks


def test_only_what_changed_is_searched_in_later_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """A code that comes in a later frame is found at its place; what stays as it was is searched once."""
    sizes: list[int] = []
    original = search.barcodes_in

    def look(frame: np.ndarray, black: int, **options: Any) -> tuple[Region, ...]:
        sizes.append(frame.size)
        return original(frame, black, **options)

    monkeypatch.setattr(search, "barcodes_in", look)
    first = planted("DataMatrix", place=(9, 13))
    later = planted("DataMatrix", place=(9, 13))
    modules = code("MicroQRCode", 3)
    high, wide = modules.shape
    later[200 : 200 + high, 300 : 300 + wide] = np.where(modules, 30, 220)
    found = BarcodeSearch()(frames_of("MONOCHROME2", np.stack([first, later, later]), 8, **_header()))
    assert len(sizes) == 2
    assert sizes[1] < 0.6 * sizes[0]
    after = later.copy()
    for region in found:
        after[region.y0 : region.y1, region.x0 : region.x1] = 0
    assert not readable(after)
    assert (after[200 : 200 + high, 300 : 300 + wide][modules] == 0).mean() > 0.95


@pytest.mark.parametrize("symbology", ["DataMatrix", "Code128", "QRCode"])
def test_a_code_in_a_single_frame_of_moving_speckle(symbology: str) -> None:
    """Every frame differs everywhere, and only one of them holds a code."""
    frames = [_speckle(number) for number in range(6)]
    modules = code(symbology, 3)[: SHAPE[0] - 20]
    rows, columns = (slice(12, 12 + side) for side in modules.shape)
    frames[3][rows, columns] = np.where(modules, 40, 200)
    assert readable(frames[3])
    found = BarcodeSearch()(frames_of("MONOCHROME2", np.stack(frames), 8, **_header()))
    after = frames[3].copy()
    for region in found:
        after[region.y0 : region.y1, region.x0 : region.x1] = 0
    assert not readable(after)
    assert (after[rows, columns][modules] == 0).mean() > 0.9


def test_moving_speckle_is_not_searched_closely(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither it nor text that stays as it is beside it: each later frame is read once, in a smaller size."""
    frames = np.stack([np.pad(_speckle(number), ((60, 0), (0, 0))) for number in range(5)])
    for frame in frames:
        cv2.putText(frame, "GAIN 42 DEPTH 11", (10, 36), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 220, 2)
    sizes: list[list[int]] = []
    original, in_frame = look.Look._reading, search.barcodes_in

    def reading(self: look.Look, shown: NDArray[np.uint8], *given: Any, **options: Any) -> list[Region]:
        sizes[-1].append(shown.size)
        return original(self, shown, *given, **options)

    def begun(*given: Any, **options: Any) -> tuple[Region, ...]:
        sizes.append([])
        return in_frame(*given, **options)

    monkeypatch.setattr(look.Look, "_reading", reading)
    monkeypatch.setattr(search, "barcodes_in", begun)
    assert BarcodeSearch()(frames_of("MONOCHROME2", frames, 8, **_header())) == ()
    assert len(sizes) == len(frames)
    assert all(sum(later) < 0.6 * frames[0].size for later in sizes[1:])


def _speckle(seed: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).rayleigh(1.0, SHAPE).astype(np.float32)
    made = np.clip((np.asarray(cv2.GaussianBlur(noise, (0, 0), 1.6)) - 0.6) * 90, 0, 255)
    return np.asarray(made, np.uint8)


KINDS: dict[str, tuple[Any, ...]] = {
    "MONOCHROME1": ("MONOCHROME1", lambda shown: 255 - shown, 8),
    "16 bits": ("MONOCHROME2", lambda shown: shown.astype(np.uint16) * 40 + 900, 16),
    "signed": ("MONOCHROME2", lambda shown: shown.astype(np.int16) * 10 - 1000, 16),
    "12 of 16 bits, inverted": ("MONOCHROME1", lambda shown: 4095 - shown.astype(np.uint16) * 16, 12),
    "RGB": ("RGB", lambda shown: np.stack([shown, shown // 2 + 90, shown], -1), 8),
    "YBR_FULL": ("YBR_FULL", lambda shown: np.stack([shown, shown // 4 + 96, shown * 0 + 128], -1), 8),
}  # fmt: skip


@pytest.mark.parametrize("number", [0, *(pytest.param(number, marks=pytest.mark.slow) for number in (1, 2))])
@pytest.mark.parametrize("kind", KINDS)
def test_instances(kind: str, number: int) -> None:
    """Of every kind, in any frame; what leaves is black there in all frames, and nothing can be read in any."""
    photometric, made, bits = KINDS[kind]
    shown = [planted("QRCode", 3) if index == number else ground() for index in range(3)]
    frames = frames_of(photometric, np.stack([made(one) for one in shown]), bits, **_header())
    after, said = _released(frames)
    assert (said["status"], said["how"]) == ("cleaned", "barcodes")
    left = after.pixel_array
    for frame in left:
        grey = frame[..., 0] if frame.ndim == 3 else frame
        stretched = np.interp(grey, (float(left.min()), float(left.max())), (0, 255)).astype(np.uint8)
        assert not readable(stretched)
    [x0, y0, x1, y1] = said["regions"][0]
    assert len(np.unique(left[:, y0:y1, x0:x1].reshape(-1, *left.shape[3:]), axis=0)) == 1


def _header() -> dict[str, Any]:
    uids = {keyword: f"1.2.3.{number}" for number, keyword in enumerate(("StudyInstanceUID", "SeriesInstanceUID"))}
    return {**uids, "PatientID": "X-4711", "PatientName": "Muster^Max", "Modality": "OT"}


def _outcome(frames: Frames, **handling: Any) -> Any:

    file = b"".join(write_file(frames.instance, "1.2.840.10008.5.1.4.1.1.7", "1.2.3"))
    tools = PixelTools(lambda *_: (), barcodes=BarcodeSearch())
    plan = compile_plan([Option.CLEAN_PIXEL_DATA], [], handling=Handling(**handling))
    return deidentify(file, plan, KeyedIdentities(bytes(32)), tools)


def _released(frames: Frames) -> tuple[pydicom.Dataset, Any]:
    outcome = _outcome(frames)
    assert isinstance(outcome, Released), outcome
    return pydicom.dcmread(io.BytesIO(b"".join(outcome.chunks))), outcome.receipt.pixels


def test_review_holds() -> None:
    """A person wants to look at it."""
    outcome = _outcome(frames_of("MONOCHROME2", planted("QRCode")[np.newaxis], 8, **_header()), on_text="Review")
    assert isinstance(outcome, Quarantined)
    assert "requires a review" in outcome.reason


def test_what_can_be_read_afterwards_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """A finder that names another place than the code stands at lets nothing pass."""

    right = barcodes_in(planted("QRCode"))
    monkeypatch.setattr(search, "barcodes_in", lambda frame, black, **_: right if readable(frame) else ())
    elsewhere = planted("QRCode", place=(220, 150))
    outcome = _outcome(frames_of("MONOCHROME2", elsewhere[np.newaxis], 8, **_header()))
    assert isinstance(outcome, Quarantined)
    assert "can still be read after masking" in outcome.reason


def test_a_reader_without_end_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found again and again is no image that can be answered for."""

    found = barcodes_in(planted("QRCode"))
    monkeypatch.setattr(look.Look, "read", lambda _: list(found))
    with pytest.raises(Quarantine, match="after every pass"):
        barcodes_in(ground())
