"""The folder of pictures: what is there, and that names lead nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sendit.deidentify.pixels.preview import InstancePreviews
from sendit.deidentify.pixels.regions import Region
from sendit.model import Quarantined
from sendit.storage.previews import HELD, Previews, forget, keep

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def previews(tmp_path: Path) -> Previews:
    """Of batch 3, two frames of one instance, and one of another."""
    made = Previews(tmp_path)
    for instance, number, frames in (("one", 2, (0, 11)), ("two", 1, (0,))):
        album = InstancePreviews(
            dict.fromkeys(frames, b"before"), dict.fromkeys(frames, b"after"), (Region(1, 2, 3, 4),)
        )
        album.instance_number = number
        keep(album, made.place(3, instance), Quarantined("because"), f"2.25.{number}")
    return made


def test_the_list_and_the_previews(previews: Previews) -> None:
    """In the order of the instances and of their frames."""
    found = previews.of(3)
    assert [(shown.sop_instance_uid, shown.frame) for shown in found] == [("2.25.1", 1), ("2.25.2", 1), ("2.25.2", 12)]
    assert (found[0].status, found[0].how, found[0].regions) == (HELD, "because", [[1, 2, 3, 4]])
    assert [previews.read(3, found[0].name, which) for which in ("before", "after")] == [b"before", b"after"]
    assert (previews.count(3), previews.count(4), previews.of(4)) == (3, 0, [])
    assert list(previews.batches()) == [3]


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../3/x", "0" * 32, "0" * 32 + "-1/..", "0" * 32 + "-1\0", "0" * 32 + "-1"]
)
def test_names_that_are_none(previews: Previews, name: str) -> None:
    """They lead to nothing, wherever they point."""
    assert previews.read(3, name, "before") is None


def test_one_instance_is_forgotten(previews: Previews) -> None:
    """The others stay."""
    forget(previews.place(3, "one"))
    assert [shown.instance_number for shown in previews.of(3)] == [1]
    forget(previews.place(99, "one"))


def test_a_note_that_cannot_be_read_is_left_out(previews: Previews, tmp_path: Path) -> None:
    """As one that is removed while the list is made."""
    (tmp_path / "pictures" / "3" / ("0" * 32 + "-1.json")).write_text("{")
    (tmp_path / "pictures" / "lost+found").mkdir()
    assert len(previews.of(3)) == 3
    assert list(previews.batches()) == [3]
    previews.remove(3)
    assert list(previews.batches()) == []


def test_what_has_no_picture_of_after_is_not_shown(tmp_path: Path) -> None:
    """A pair or nothing."""
    made = Previews(tmp_path)
    keep(InstancePreviews({0: b"before"}, {}), made.place(1, "x"), Quarantined("because"), "2.25.1")
    assert made.count(1) == 0
    assert list((tmp_path / "pictures").rglob("*.png")) == []


def test_previews_that_were_made_ahead_move_to_their_batch(previews: Previews, tmp_path: Path) -> None:
    """In place of those that the instance had there; what is left is forgotten."""
    folder = previews.ahead.path("a")
    album = InstancePreviews({0: b"b"}, {0: b"a"}, ())
    album.instance_number = 7
    place = previews.place(3, "one")
    keep(album, folder / place.name, Quarantined("because"), "2.25.7")
    previews.move(folder / place.name, place)
    assert [(shown.instance_number, shown.frame) for shown in previews.of(3)] == [(1, 1), (7, 1)]
    assert [previews.read(3, f"{place.name}-1", which) for which in ("before", "after")] == [b"b", b"a"]
    assert not list(folder.iterdir())
    previews.ahead.forget()
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == ["3"]
