"""Pictures of before and after: of every kind of pixels, of the right frames, and never in the way of anything."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from sendit.config.schema import DEFAULT_OPTIONS
from sendit.deidentify import KeyedIdentities, compile_plan, deidentify
from sendit.deidentify.dicom.reader import read_file
from sendit.deidentify.pixels import preview as albums
from sendit.deidentify.pixels.frames import Frames
from sendit.deidentify.pixels.ocr.api import PixelTools, TextSearch
from sendit.deidentify.pixels.preview import LONGEST, InstancePreviews, picture
from sendit.deidentify.pixels.regions import Region
from sendit.deidentify.plan import Handling
from sendit.model import Quarantined, Released
from tests.pixels import BASELINE, EXPLICIT, JPEG_2000, RLE, Kind, file_of, image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sendit.deidentify.leak_check.identifiers import Identifiers

PLACE = Region(4, 6, 30, 20)
OUTLINE = (255, 0, 255)


def finding(wanted: Region = PLACE, only_from: int = 0) -> TextSearch:
    """A search that finds text at a place, in the frames that are marked there from a number on."""

    def search(frames: Frames, identifiers: Identifiers, series_instance_uid: str) -> Sequence[Region]:
        return [wanted] if any(frame[0].max() == 77 for frame in frames) or only_from == 0 else []

    return search


def shown(png: bytes) -> NDArray[np.uint8]:
    """A picture's pixels."""
    with Image.open(io.BytesIO(png)) as opened:
        assert opened.format == "PNG"
        return np.asarray(opened.convert("RGB"))


def taken(kind: Kind, on_text: str = "Mask") -> tuple[InstancePreviews, Released]:
    """The pictures of an instance that is cleaned."""
    album = InstancePreviews()
    plan = compile_plan(DEFAULT_OPTIONS, [], handling=Handling(on_text=on_text))
    outcome = deidentify(file_of(image(kind)), plan, KeyedIdentities(bytes(32)), PixelTools(finding(), previews=album))
    assert isinstance(outcome, Released), outcome
    return album, outcome


@pytest.mark.parametrize(
    "kind",
    [
        Kind(EXPLICIT, "MONOCHROME2", 8, 8),
        Kind(EXPLICIT, "MONOCHROME1", 16, 12, signed=True),
        Kind(EXPLICIT, "MONOCHROME2", 1, 1),
        Kind(EXPLICIT, "PALETTE COLOR", 8, 8),
        Kind(EXPLICIT, "RGB", 8, 8, planar=1),
        Kind(EXPLICIT, "RGB", 16, 16),
        Kind(EXPLICIT, "YBR_FULL_422", 8, 8),
        Kind(RLE, "YBR_FULL", 8, 8, vr="OB"),
        Kind(JPEG_2000, "MONOCHROME2", 16, 12, vr="OB"),
        Kind(BASELINE, "YBR_FULL_422", 8, 8, vr="OB"),
    ],
    ids=str,
)
def test_of_every_kind(kind: Kind) -> None:
    """What was made black is black in the picture of after, as a person sees it, and not in that of before."""
    album, _ = taken(kind)
    assert (list(album.before), list(album.after)) == ([0], [0])
    place = PLACE if kind.syntax != BASELINE else Region(0, 0, 32, 24)  # whole blocks
    assert album.regions == (place,)
    before, after = shown(album.before[0]), shown(album.after[0])
    assert before.shape == after.shape == (35, 40, 3)
    assert after[8:18, 6:28].max() <= (0 if kind.photometric != "YBR_FULL_422" else 40)
    assert before[8:18, 6:28].std() > 20
    for pixels in (before, after) if place == PLACE else ():
        assert (pixels[PLACE.y0 - 1, PLACE.x0 : PLACE.x1] == OUTLINE).all()


def test_a_large_image_becomes_a_small_picture() -> None:
    """In the same shape, the outline where the region is."""
    ds = image(Kind(EXPLICIT, "MONOCHROME2", 8, 8))
    ds.Rows, ds.Columns = 3000, 6000
    pixels = np.zeros((3000, 6000), np.uint8)
    pixels[1500:1800, 3000:4200] = np.indices((300, 1200)).sum(axis=0) % 251
    ds.PixelData = pixels.tobytes()
    frames = Frames(read_file(memoryview(file_of(ds))))
    png, _ = picture(frames, 0, [Region(3000, 1500, 4200, 1800)])
    made = shown(png)
    assert made.shape == (LONGEST // 2, LONGEST, 3)
    outlined = np.argwhere((made == OUTLINE).all(axis=2))
    scale = LONGEST / 6000
    assert np.abs(outlined.min(axis=0) - np.array([1500, 3000]) * scale).max() <= 2
    assert np.abs(outlined.max(axis=0) - np.array([1800, 4200]) * scale).max() <= 2


def marked(frames: int, at: int) -> Any:
    """Frames of which one has the value 77 in its first row, and differs there from those before it."""
    ds = image(Kind(EXPLICIT, "MONOCHROME2", 8, 8, frames=frames))
    pixels = np.full((frames, 35, 40), 10, np.uint8)
    pixels[:, 20:, :] = 60
    pixels[at, 0, :] = 77
    ds.PixelData = pixels.tobytes()
    return ds


@pytest.mark.parametrize(("at", "expected"), [(0, [0]), (3, [0, 3])])
def test_the_first_frame_and_the_one_with_text(at: int, expected: list[int]) -> None:
    """Where a person would look."""
    album = InstancePreviews()
    plan = compile_plan(DEFAULT_OPTIONS, [])
    tools = PixelTools(finding(only_from=at), previews=album, first_with_text=lambda: at)
    assert isinstance(deidentify(file_of(marked(6, at)), plan, KeyedIdentities(bytes(32)), tools), Released)
    assert (sorted(album.before), sorted(album.after)) == (expected, expected)


def test_what_is_held_is_shown_too() -> None:
    """As it came, and as it would leave; the instance does not."""
    album = InstancePreviews()
    plan = compile_plan(DEFAULT_OPTIONS, [], handling=Handling(on_text="Review"))
    file = file_of(image(Kind(EXPLICIT, "MONOCHROME2", 8, 8)))
    outcome = deidentify(file, plan, KeyedIdentities(bytes(32)), PixelTools(finding(), previews=album))
    assert isinstance(outcome, Quarantined)
    assert "requires a review" in outcome.reason
    assert shown(album.after[0])[8:18, 6:28].max() == 0
    assert shown(album.before[0])[8:18, 6:28].std() > 20


@pytest.mark.parametrize("on_text", ["Mask", "Review"])
def test_a_picture_that_cannot_be_made_changes_nothing(monkeypatch: pytest.MonkeyPatch, on_text: str) -> None:
    """The same bytes leave, or the same reason holds them."""
    file = file_of(image(Kind(EXPLICIT, "MONOCHROME2", 8, 8, frames=3)))
    plan = compile_plan(DEFAULT_OPTIONS, [], handling=Handling(on_text=on_text))
    expected = deidentify(file, plan, KeyedIdentities(bytes(32)), PixelTools(finding()))

    def fails(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(albums, "picture", fails)
    album = InstancePreviews()
    found = deidentify(file, plan, KeyedIdentities(bytes(32)), PixelTools(finding(), previews=album))
    assert not album.before
    if isinstance(expected, Released):
        assert isinstance(found, Released)
        assert (found.receipt, b"".join(found.chunks)) == (expected.receipt, b"".join(expected.chunks))
    else:
        assert found == expected


def test_nothing_is_taken_of_what_is_not_cleaned() -> None:
    """Of an image in which nothing was found."""
    album = InstancePreviews()
    tools = PixelTools(lambda *_: [], previews=album)
    file = file_of(image(Kind(EXPLICIT, "MONOCHROME2", 8, 8)))
    assert isinstance(deidentify(file, compile_plan(DEFAULT_OPTIONS, []), KeyedIdentities(bytes(32)), tools), Released)
    assert not album.before
