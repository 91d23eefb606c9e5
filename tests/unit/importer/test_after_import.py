"""Where things go once they were imported."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sendit.importer.after_import import Changed, Ended, dispose, finish_deletions
from sendit.importer.types import FileResult
from sendit.importer.walk import snapshot
from sendit.model import FileOutcome

if TYPE_CHECKING:
    from pathlib import Path

BAD = FileResult("series/notes.txt", FileOutcome.NOT_DICOM, "it is not a DICOM file")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A directory with one file in a watched folder."""
    path = tmp_path / "ST-1"
    path.mkdir()
    (path / "IM1").write_bytes(b"1")
    return path


def ended(path: Path, *problems: FileResult, more: int = 0) -> Ended:
    return Ended(path.name, snapshot(str(path)), problems, more)


def test_what_is_whole_is_moved_to_done(study: Path) -> None:
    """And a second one of the same name beside it."""
    dispose(str(study.parent), ended(study), delete=False)
    assert (study.parent / ".done" / "ST-1" / "IM1").read_bytes() == b"1"
    study.mkdir()
    (study / "IM1").write_bytes(b"2")
    dispose(str(study.parent), ended(study), delete=False)
    assert (study.parent / ".done" / "ST-1.2" / "IM1").read_bytes() == b"2"
    assert not study.exists()


def test_what_failed_is_moved_to_err_with_its_reasons(study: Path) -> None:
    """One line for each bad file, with its path, outcome and reason; and it is not deleted."""
    dispose(str(study.parent), ended(study, BAD, more=3), delete=True)
    assert (study.parent / ".err" / "ST-1" / "IM1").exists()
    text = (study.parent / ".err" / "ST-1.reasons.txt").read_text()
    assert "series/notes.txt\tnot DICOM\tit is not a DICOM file\n" in text
    assert "and 3 more" in text
    assert sorted(os.listdir(study.parent / ".err")) == ["ST-1", "ST-1.reasons.txt"]


def test_delete_takes_what_is_whole(study: Path) -> None:
    """Nothing of it is left."""
    dispose(str(study.parent), ended(study), delete=True)
    assert [str(p) for p in study.parent.rglob("*")] == [str(study.parent / ".done")]


def test_a_loose_file_is_deleted_too(tmp_path: Path) -> None:
    """Files go as directories do."""
    path = tmp_path / "IM1"
    path.write_bytes(b"1")
    dispose(str(tmp_path), ended(path), delete=True)
    assert os.listdir(tmp_path / ".done") == []
    assert not path.exists()


@pytest.mark.parametrize("delete", [False, True])
def test_what_changed_stays(study: Path, delete: bool) -> None:
    """A file that came after the import keeps the directory where it is."""
    before = ended(study)
    (study / "IM2").write_bytes(b"2")
    with pytest.raises(Changed):
        dispose(str(study.parent), before, delete=delete)
    assert sorted(os.listdir(study)) == ["IM1", "IM2"]


def test_what_cannot_be_moved_stays(study: Path) -> None:
    """Here `.done` is a file and no folder."""
    (study.parent / ".done").touch()
    with pytest.raises(OSError, match="exists"):
        dispose(str(study.parent), ended(study), delete=False)
    assert (study / "IM1").exists()


def test_a_deletion_that_was_killed_is_finished(tmp_path: Path) -> None:
    """Only what was being deleted goes."""
    (tmp_path / ".done" / ".deleting-ST-1" / "series").mkdir(parents=True)
    (tmp_path / ".done" / "ST-2").mkdir()
    finish_deletions(str(tmp_path))
    assert os.listdir(tmp_path / ".done") == ["ST-2"]
