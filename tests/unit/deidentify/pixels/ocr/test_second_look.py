"""The second look: what is known is found where the first look saw nothing; what is not known is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from sendit.deidentify.leak_check.identifiers import Identifiers
from sendit.deidentify.leak_check.spellings import Kind, spellings_of
from sendit.deidentify.pixels.ocr import instance as text_search
from sendit.deidentify.pixels.ocr import second_look
from sendit.deidentify.pixels.ocr.instance import RapidTextSearch
from sendit.deidentify.pixels.ocr.models import probabilities
from sendit.deidentify.pixels.ocr.second_look import Places, contrast_view, identifiers_in, places_in
from sendit.deidentify.pixels.regions import Region
from sendit.errors import Quarantine
from tests.unit.deidentify.pixels.ocr.test_instance import frames_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.long

_SHAPE = (300, 400)


@pytest.fixture(scope="module")
def identifiers() -> Identifiers:
    """A patient."""
    found = Identifiers(dates={b"19610307"})
    found.spellings.add(spellings_of(Kind.PATIENT, "Quixworth^Zebulon"))
    found.spellings.add(spellings_of(Kind.IDENTIFIER, "MRN-7741-905"))
    return found


def _ground(noise: float = 8) -> NDArray[np.float32]:
    """Smooth tissue with noise, of 12 bits."""
    y, x = np.mgrid[: _SHAPE[0], : _SHAPE[1]]
    tissue = 600 + 900 * np.exp(-((y - 150) ** 2 + (x - 200) ** 2) / 15000)
    ground: NDArray[np.float32] = (tissue + np.random.default_rng(3).normal(0, noise, _SHAPE)).astype(np.float32)
    return ground


def _ink(text: str, angle: float, size: int = 13) -> NDArray[np.float32]:
    """How much of each pixel a line covers that is turned clockwise about the middle."""
    picture = Image.new("L", _SHAPE[::-1], 0)
    ImageDraw.Draw(picture).text((200, 150), text, fill=255, font=ImageFont.load_default(size), anchor="mm")
    matrix = cv2.getRotationMatrix2D((200, 150), -angle, 1)
    turned = cv2.warpAffine(np.asarray(picture), matrix, _SHAPE[::-1], flags=cv2.INTER_CUBIC)
    covered: NDArray[np.float32] = np.asarray(turned, np.float32) / np.float32(255)
    return covered


def _written(text: str, angle: float, contrast: float = 350.0, size: int = 13) -> NDArray[np.uint16]:
    return (_ground() + contrast * _ink(text, angle, size)).clip(0, 4095).astype(np.uint16)


def _mask(found: list[Region]) -> NDArray[np.bool_]:
    mask = np.zeros(_SHAPE, bool)
    for one in found:
        mask[max(0, one.y0) : one.y1, max(0, one.x0) : one.x1] = True
    return mask


@pytest.mark.parametrize(
    "angle",
    [0, 35, -45, 90, *(pytest.param(one, marks=pytest.mark.slow) for one in (15, -15, 30, -30, 45, 60, -75, 180, 270))],
)
def test_known_lines_at_any_angle(identifiers: Identifiers, angle: int) -> None:
    """The name is covered, and a slanting line by steps along it, not by the square around it."""
    frame = _written("QUIXWORTH, Zebulon", angle)
    mask = _mask(identifiers_in(contrast_view(frame, ()), identifiers, places_in(frame)))
    assert mask[_ink("QUIXWORTH, Zebulon", angle) > 0.5].mean() >= 0.9
    assert mask.mean() < 0.07


@pytest.mark.parametrize("text", ["QUIXWORTH", "ID MRN7741905", "07.03.1961", "DOB 7-Mar-61"])
def test_faint_known_lines(identifiers: Identifiers, text: str) -> None:
    """Seven pixels high, and 5 % of the range from their ground."""
    frame = _written(text, 0, 60, 10)
    mask = _mask(identifiers_in(contrast_view(frame, ()), identifiers, places_in(frame)))
    assert mask[_ink(text, 0, 10) > 0.5].mean() >= 0.9


@pytest.mark.parametrize(("noise", "contrast"), [(12, 55), (16, 75)])
def test_faint_known_lines_in_noise(identifiers: Identifiers, noise: float, contrast: float) -> None:
    """In its own size, the network sees noise there; enlarged, the line. Or the other way round."""
    frame = (_ground(noise) + contrast * _ink("QUIXWORTH", 0, 10)).clip(0, 4095).astype(np.uint16)
    mask = _mask(identifiers_in(contrast_view(frame, ()), identifiers, places_in(frame)))
    assert mask[_ink("QUIXWORTH", 0, 10) > 0.5].mean() >= 0.9


@pytest.mark.parametrize("text", ["THORAX AP", "kVp 120 mAs 4", "2024-11-02", ""])
def test_what_is_not_known_is_left_alone(identifiers: Identifiers, text: str) -> None:
    """The second look masks nothing for looking like text."""
    frame = _written(text, 35)
    assert identifiers_in(contrast_view(frame, ()), identifiers, places_in(frame)) == []


def test_what_is_masked_is_not_seen(identifiers: Identifiers) -> None:
    """Black boxes have edges; what is behind them is gone."""
    frame = _written("QUIXWORTH", 0)
    view = contrast_view(frame, [Region(120, 130, 280, 170)])
    assert identifiers_in(view, identifiers, places_in(frame)) == []


def test_a_quiet_frame_is_hardly_searched() -> None:
    """Tissue without strokes has no place for a line; of a frame with a faint one, less than half has."""
    assert not places_in(_written("", 0)).strokes.any()
    assert 0 < places_in(_written("QUIXWORTH", 0, 60, 10)).strokes.mean() < 0.5


def test_texture_is_searched_for_small_letters_near_masks_only() -> None:
    """There the contrast is hardly enhanced: the first look saw as much of them, but for what masks change."""
    texture = np.where(np.random.default_rng(5).random(_SHAPE) < 0.1, 210, 30).astype(np.uint8)  # grains
    places, near = places_in(texture), places_in(texture, [Region(160, 120, 200, 140)])
    assert places.strokes.all()
    assert not places.fine.any()
    assert near.fine[7:9, 8:14].all()
    assert near.fine.mean() < 0.2


@pytest.mark.parametrize(("angle", "size"), [(-35, 18), (-45, 18), (-60, 14), (45, 18)])
def test_slanting_lines_are_found_in_texture(identifiers: Identifiers, angle: int, size: int) -> None:
    """As in speckle of ultrasound, whichever way they slant."""
    speckle = cv2.GaussianBlur(np.random.default_rng(9).rayleigh(45, _SHAPE), (0, 0), 1.2)
    ground = (speckle - speckle.mean()) * (28 / speckle.std()) + 90
    frame = np.clip(ground + 120 * _ink("QUIXWORTH, ZEBULON", angle, size), 0, 255).astype(np.uint8)
    assert identifiers_in(contrast_view(frame, []), identifiers, places_in(frame))


def test_the_search_takes_the_second_look(identifiers: Identifiers) -> None:
    """An instance with a slanting faint name: not found without what is known, masked with it."""
    frame, ink = _written("QUIXWORTH, Zebulon", 40, 150), _ink("QUIXWORTH, Zebulon", 40)
    search = RapidTextSearch()
    without, found = (
        _mask(list(search(frames_of("MONOCHROME2", frame[np.newaxis], 12), one, "")))
        for one in (Identifiers(), identifiers)
    )
    assert without[ink > 0.5].mean() < 0.5
    assert found[ink > 0.5].mean() >= 0.9


def test_what_stays_readable_is_held(identifiers: Identifiers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was masked: if something known is read again and again, the instance does not leave."""
    monkeypatch.setattr(text_search, "identifiers_in", lambda *_: [Region(0, 0, 9, 9)])
    frame = _written("", 0)
    with pytest.raises(Quarantine, match="can still be read"):
        RapidTextSearch()(frames_of("MONOCHROME2", frame[np.newaxis], 12), identifiers, "")


def test_very_large_frames_are_searched_in_half_of_their_size(
    identifiers: Identifiers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where only wide strokes stand out; the line is found where it stands all the same."""
    looked_at: list[int] = []

    def counted(shown: NDArray[np.uint8]) -> NDArray[np.float32]:
        looked_at.append(shown.shape[0] * shown.shape[1])
        return probabilities(shown)

    monkeypatch.setattr(second_look, "probabilities", counted)
    frame = np.full((2100, 2000), 128, np.uint8)
    picture = Image.new("L", (500, 80), 0)
    ImageDraw.Draw(picture).text((10, 10), "QUIXWORTH, Zebulon", fill=60, font=ImageFont.load_default(40))
    frame[1500:1580, 900:1400] += np.asarray(picture)
    nothing = np.zeros((132, 125), np.uint8)
    wide = nothing.copy()
    wide[80:110, 40:100] = 1
    [found] = identifiers_in(frame, identifiers, Places(wide, nothing))
    assert found.intersection(Region(915, 1522, 1280, 1548)).area > 0.9 * 365 * 26
    assert looked_at[0] < 0.3 * (30 * 16 * 60 * 16)  # the upright frame; it comes before the turned one
