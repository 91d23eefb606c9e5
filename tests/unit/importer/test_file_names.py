"""What names say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sendit.importer.file_names import final_name, free_name, is_junk, is_taken, shown

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "final"),
    [
        ("ST-1.tmp2343", "ST-1"),
        ("ST-1.tmp", "ST-1"),
        ("ST-1.TMP9", "ST-1"),
        ("a.tmp1.tmp2", "a.tmp1"),
        ("ST-1", None),
        ("ST-1tmp", None),
        ("tmp", None),
    ],
)
def test_incomplete_names(name: str, final: str | None) -> None:
    """A name with `.tmp` plus anything at its end is incomplete, and says what it will be."""
    assert final_name(name) == final


@pytest.mark.parametrize("name", [".done", ".err", ".incoming", ".x.dcm.Ab12", "ST-1.tmp1", "lost+found", "Thumbs.db"])
def test_what_is_not_taken(name: str) -> None:
    """Hidden, incomplete and junk names are left alone."""
    assert not is_taken(name)


def test_what_is_taken() -> None:
    """Everything else is imported, with or without an extension."""
    assert all(is_taken(name) for name in ("ST-1", "IM0001", "study.zip", "a.dcm", "tmp"))


@pytest.mark.parametrize("name", ["a/.DS_Store", "._IM1", "a/b/THUMBS.DB", "__MACOSX/a/IM1", "Desktop.ini"])
def test_junk(name: str) -> None:
    """What systems leave behind is known at any depth and in any case."""
    assert is_junk(name)


def test_not_junk() -> None:
    """A file that a person put there is no junk."""
    assert not any(is_junk(name) for name in ("README", "a/IM1", "notes.txt", "_IM1"))


def test_free_names(tmp_path: Path) -> None:
    """A name that is taken gets a number, also where a broken link has it."""
    assert free_name(str(tmp_path), "ST-1") == "ST-1"
    (tmp_path / "ST-1").mkdir()
    (tmp_path / "ST-1.2").symlink_to("nowhere")
    assert free_name(str(tmp_path), "ST-1") == "ST-1.3"


def test_shown_is_one_valid_line() -> None:
    """A name is shown on one line, whatever bytes it has."""
    assert shown("plain/näme 1") == "plain/näme 1"
    assert shown("a\nb\tc") == "a\\nb\\tc"
    assert shown(b"caf\xe9".decode("utf-8", "surrogateescape")) == "caf\\xe9"
