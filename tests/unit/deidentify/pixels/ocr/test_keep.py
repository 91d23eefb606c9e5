"""Markers stay, technique where it is wished, and nothing of the patient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from sendit.deidentify.leak_check.identifiers import Identifiers
from sendit.deidentify.leak_check.spellings import Kind, spellings_of
from sendit.deidentify.pixels.ocr import keep as kept_text
from sendit.deidentify.pixels.ocr.api import Keep
from sendit.deidentify.pixels.ocr.instance import RapidTextSearch
from sendit.deidentify.pixels.ocr.keep import KeptTextReader, read_in_every_frame, whole_rows
from sendit.deidentify.pixels.ocr.markers import is_marker, is_of_person
from sendit.deidentify.pixels.ocr.measures import is_label, is_technique, is_value
from sendit.deidentify.pixels.ocr.readable import is_readable
from sendit.deidentify.pixels.regions import Region
from tests.unit.deidentify.pixels.ocr.test_instance import frames_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.long

_SHAPE = (200, 360)


def _identifiers(name: str = "Smith^John", number: str = "30185520") -> Identifiers:
    found = Identifiers()
    found.spellings.add(spellings_of(Kind.PATIENT, name))
    found.spellings.add(spellings_of(Kind.IDENTIFIER, number))
    found.by_tag[0x00100010] = (Kind.PATIENT, {name.upper().encode()})
    found.by_tag[0x00100020] = (Kind.IDENTIFIER, {number.upper().encode()})
    return found


def _written(*lines: tuple[str, tuple[int, int], int]) -> NDArray[np.uint8]:
    picture = Image.new("L", _SHAPE[::-1], 20)
    for text, place, size in lines:
        ImageDraw.Draw(picture).text(place, text, fill=235, font=ImageFont.load_default(size))
    return np.asarray(picture)


def _masked(image: NDArray[np.uint8], keep: Keep, identifiers: Identifiers | None = None) -> NDArray[np.bool_]:
    """What would be made black."""
    known = identifiers or _identifiers()
    frames = frames_of("MONOCHROME2", image[np.newaxis])
    found = list(RapidTextSearch()(frames, known, ""))
    stay = KeptTextReader()(frames, known, found, keep)
    mask = np.zeros(image.shape, bool)
    for one in found:
        if one not in stay:
            mask[one.y0 : one.y1, one.x0 : one.x1] = True
    return mask


@pytest.mark.parametrize(
    "text",
    [
        "L",
        "R",
        "r",
        "RT",
        "LEFT",
        "AP",
        "(R)",
        "Ⓡ",
        "LPO",
        "LP0",
        "RAP",
        "R AP",
        "AP ERECT",
        "PORTABLE",
        "右",
        "GAUCHE",
    ],
)
def test_markers(text: str) -> None:
    """Whatever is around them, alone or one of each kind."""
    assert is_marker(text, "CR")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "R JMS",
        "L AB",
        "R D",
        "L S",
        "RD",
        "R 10:30",
        "R SMITH",
        "AP PA",
        "R L",
        "LAT 12",
        "MLO",
        "POSTL",
        "LAPP",
        "R LM",
    ],
)
def test_no_markers(text: str) -> None:
    """Initials behind a marker, two of a kind, parts of words, and views of another modality."""
    assert not is_marker(text, "CR")


def test_markers_of_modalities() -> None:
    """Each has its own: views of mammograms are none of a chest, and a CT has none at all."""
    assert is_marker("R MLO", "MG")
    assert is_marker("SAG", "US")
    assert not is_marker("AP", "MG")
    assert not is_marker("L", "CT")


@pytest.mark.parametrize(
    ("name", "number", "text", "whose"),
    [
        ("Post^Anna", "1", "POST", True),
        ("Li^Pa", "1", "PA", True),
        ("R^Anna", "1", "R", True),
        ("Smith^John^R", "1", "R", False),
        ("Smith^John", "LAT", "LAT", True),
        ("Smith^John", "1", "R AP", False),
        ("Portable^John", "1", "AP PORTABLE", True),
        ("Planck^Max", "1", "MAX 3.5 cm", True),
        ("Smith^John", "75", "75 bpm", True),
    ],
)
def test_markers_that_are_somebody(name: str, number: str, text: str, whose: bool) -> None:
    """A marker that is a part of the name, or the number; a middle initial is none."""
    assert is_of_person(text, _identifiers(name, number)) is whose


def test_a_marker_stays_and_the_name_goes() -> None:
    """In a radiograph; where nothing is to be kept, both go."""
    image = _written(("R", (300, 20), 40), ("SMITH, John", (10, 20), 18), ("AP", (300, 150), 24))
    marker, name = np.s_[30:50, 302:325], np.s_[26:36, 12:100]
    mask = _masked(image, Keep("CR", markers=True))
    assert not mask[marker].any()
    assert not mask[150:, 290:].any()
    assert mask[name].mean() > 0.9
    assert _masked(image, Keep("CR"))[marker].mean() > 0.6


def _ringed(height: int, width: int, radius: float) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.fromarray(_written())
    draw, reach = ImageDraw.Draw(picture), round(radius * height)
    draw.ellipse((140 - reach, 100 - reach, 140 + reach, 100 + reach), outline=235, width=width)
    return picture, draw


@pytest.mark.parametrize(("height", "width", "radius"), [(24, 1, 0.95), (32, 2, 0.95), (44, 3, 0.8), (44, 5, 0.95)])
def test_a_letter_in_a_ring_stays(height: int, width: int, radius: float) -> None:
    """As markers of lead have it; an L with serifs in a ring would be read as ①."""
    picture, draw = _ringed(height, width, radius)
    top, bottom, serif = 100 - height // 2, 100 + height // 2, max(2, height // 7) // 3
    stem = 140 - height // 6
    draw.rectangle((stem - height // 14, top, stem + height // 14, bottom), fill=235)
    draw.rectangle((140 - height // 3, top, 140 + height // 20, top + serif), fill=235)
    draw.rectangle((140 - height // 3, bottom - serif, 140 + height // 3, bottom), fill=235)
    draw.rectangle((140 + height // 3 - serif, 100 + height // 4, 140 + height // 3, bottom), fill=235)
    assert not _masked(np.asarray(picture), Keep("CR", markers=True)).any()


@pytest.mark.parametrize(("size", "radius"), [(0.6, 9), (0.7, 10)])
def test_a_letter_that_touches_its_ring_is_read_without_it(size: float, radius: int) -> None:
    """The hole of the ring is then only what is left beside the letter."""
    picture = np.full((30, 30), 60, np.uint8)
    (width, height), _ = cv2.getTextSize("L", cv2.FONT_HERSHEY_COMPLEX, size, 1)
    cv2.circle(picture, (15, 15), radius, 235, 1, cv2.LINE_AA)
    place = 15 - width // 2, 15 + height // 2
    cv2.putText(picture, "L", place, cv2.FONT_HERSHEY_COMPLEX, size, 235, 1, cv2.LINE_AA)
    whole = Region(0, 0, 30, 30)
    [(text, sureness)] = read_in_every_frame(frames_of("MONOCHROME2", picture[np.newaxis]), [whole])[whole]
    assert (text, sureness > 0.9) == ("L", True)


@pytest.mark.parametrize("size", [14, 20])
def test_a_marker_in_a_loose_box_is_read(size: int) -> None:
    """Over anatomy, a box may be three times as high as the letter in it."""
    noise = np.random.default_rng(1).normal(0, 1, (60, 60)).astype(np.float32)
    ground = 100 + 160 * np.asarray(cv2.GaussianBlur(noise, (0, 0), 4))
    picture = Image.fromarray(np.clip(ground, 0, 255).astype(np.uint8))
    ImageDraw.Draw(picture).text((26, 20), "L", fill=20, font=ImageFont.load_default(size))
    box = Region(14, 10, 46, 52)
    [(text, sureness)] = read_in_every_frame(frames_of("MONOCHROME2", np.asarray(picture)[np.newaxis]), [box])[box]
    assert (text, sureness > 0.8) == ("L", True)


@pytest.mark.parametrize("text", ["JS", "47"])
def test_initials_in_a_ring_go(text: str) -> None:
    """And numbers."""
    picture, draw = _ringed(40, 3, 0.95)
    draw.text((140, 100), text, fill=235, font=ImageFont.load_default(40), anchor="mm")
    assert _masked(np.asarray(picture), Keep("CR", markers=True))[90:110, 130:150].mean() > 0.9


def test_initials_go() -> None:
    """Behind the marker, whether they are one line with it or not."""
    mask = _masked(_written(("R JMS", (120, 80), 28)), Keep("CR", markers=True))
    assert mask[90:108, 150:195].mean() > 0.8


def test_a_marker_stays_beside_a_line_that_is_far_lower() -> None:
    """A number in small letters is no part of it; one as high as the marker may be."""
    number = ("30185520", (152, 100), 12)
    marker = np.s_[75:115, 100:135]
    assert not _masked(_written(("R", (100, 70), 48), number), Keep("CR", markers=True))[marker].any()
    beside = ("D 30185520", (124, 80), 28)
    assert _masked(_written(("R", (100, 80), 28), beside), Keep("CR", markers=True))[85:105, 100:115].any()


@pytest.mark.parametrize(("sureness", "stays"), [(0.6, True), (0.8, False)])
def test_what_is_beside_a_marker_counts_if_it_is_a_letter(
    monkeypatch: pytest.MonkeyPatch, sureness: float, stays: bool
) -> None:
    """The edge of a bone is read as an O, unsurely."""
    monkeypatch.setattr(kept_text, "read_letters", lambda _: [("R", 0.99), ("O", sureness)])
    assert _masked(_written(("R", (120, 80), 28)), Keep("CR", markers=True)).any() != stays


def test_a_marker_that_is_the_name_goes() -> None:
    """A patient called Post."""
    image = _written(("POST", (120, 80), 28))
    keep = Keep("CR", markers=True)
    assert not _masked(image, keep).any()
    assert _masked(image, keep, _identifiers("Post^Anna")).any()


TECHNIQUE = [
    "MI 0.8",
    "TIS<0.4 MI=0.8 AO=100%",
    "Gain 60 dB",
    "PSV 83.2 cm/s",
    "75 bpm",
    "C5-1",
    "H4.00 MHz",
    "20dB/DR60 MapE",
][:-1]


@pytest.mark.parametrize(
    "text", [*TECHNIQUE, "kVp 120 mAs 4", "EFW 2345 g", "PRF 3850Hz", "Vmax", "3.5 x 2.1 cm", "19fps"]
)
def test_technique(text: str) -> None:
    """Names of settings and measures, numbers with units."""
    assert is_technique(text)


@pytest.mark.parametrize(
    "text",
    [
        "SMITH",
        "Gain SMITH",
        "12:34:56",
        "MI 0.8 12:34",
        "2024",
        "2024-11-02",
        "12.04.1961",
        "4 12 61",
        "30185520",
        "Liver",
        "",
        "·",
        "MI 0.8 PM",
    ],
)
def test_no_technique(text: str) -> None:
    """Dates, times, names, words that nobody knows, and long numbers."""
    assert not is_technique(text)


def test_labels_and_values() -> None:
    """Which lines are one or the other."""
    assert is_label("Vmax")
    assert not is_label("Vmax 3")
    assert is_value("3.5 cm")
    assert not is_value("Vmax")


def _row(*texts: tuple[str, int, int]) -> dict[Region, list[tuple[str, float]]]:
    return {Region(x, y, x + 40, y + 12): [(text, 0.99)] for text, x, y in texts}


def test_rows_are_judged_as_a_whole() -> None:
    """A label goes with its value, a value with its label; a plain number stays beside a label that does."""
    read = _row(("Vmax", 0, 0), ("SMITH 4711", 60, 0), ("BPD", 0, 30), ("1850", 60, 30), ("PI", 0, 60), ("1.2", 60, 60))
    label, value, bpd, plain, pi, small = read
    stay = whole_rows(read, {label, bpd, pi, small}, lambda text: text == "1850")
    assert stay == {bpd, plain, pi, small}
    assert whole_rows(read, {label, bpd, pi, small}) == {pi, small}
    assert value not in stay


def test_a_table_keeps_labels_and_values() -> None:
    """In the image: a table stays whole, the line with a name goes; without Technique all of it goes."""
    image = _written(("PSV", (20, 60), 18), ("83.2 cm/s", (90, 60), 18), ("SMITH John", (20, 120), 18))
    mask = _masked(image, Keep("US", technique=True))
    assert not mask[55:85].any()
    assert mask[126:136, 22:110].mean() > 0.9
    assert _masked(image, Keep("US"))[66:76, 92:160].mean() > 0.9


@pytest.mark.parametrize("text", ["00000000", "0OO0", "★", "1", "8", "十", "X", "", "··", "日", "人"])
def test_what_shapes_are_read_as(text: str) -> None:
    """Rings, ticks, crosses, frames: however surely they are read."""
    assert not is_readable(text, 0.99, sure=True, plain=True)


@pytest.mark.parametrize(("text", "sureness"), [("030000", 0.75), ("48", 0.9), ("A0", 0.6)])
def test_what_heads_and_edges_are_read_as(text: str, sureness: float) -> None:
    """Mostly one shape, two digits, or two characters: they have to be read with more confidence."""
    assert not is_readable(text, sureness, sure=True, plain=True)
    assert is_readable(text, 0.96, sure=True, plain=True)


@pytest.mark.parametrize(
    ("text", "sureness"),
    [("SMITH", 0.8), ("LEE", 0.7), ("12.04.1961", 0.9), ("山田太郎", 0.9), ("D0B 0 03.1914", 0.55)],
)
def test_what_is_text(text: str, sureness: float) -> None:
    """Names, dates, and lines of which parts are read wrongly."""
    assert is_readable(text, sureness, sure=True, plain=True)


def test_short_names_in_letters_that_touch() -> None:
    """They have no line's strokes; two letters, digits, and one shape repeated are read into graphics, too."""
    assert is_readable("LEE", 0.95, sure=True, plain=False)
    for text, sureness, sure in (("LEE", 0.9, True), ("LEE", 0.95, False), ("LE", 0.95, True), ("177", 0.95, True)):
        assert not is_readable(text, sureness, sure=sure, plain=False)
    assert not is_readable("OOO", 0.99, sure=True, plain=False)


def test_nothing_is_kept_of_another_frame() -> None:
    """Where a second frame has a name in the place of a marker, both go."""
    one, other = _written(("R", (160, 80), 40)), _written(("SMITH", (110, 80), 40))
    frames = frames_of("MONOCHROME2", np.stack([one, other]))
    found = list(RapidTextSearch()(frames, _identifiers(), ""))
    stay: list[Any] = list(KeptTextReader()(frames, _identifiers(), found, Keep("XA", markers=True)))
    assert all(not one.touches(Region(120, 90, 240, 110)) for one in stay)
