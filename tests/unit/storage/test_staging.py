"""How outputs are written: whole or not at all, one by one and several at once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sendit.errors import Retry
from sendit.storage.staging import WrittenTogether, written

if TYPE_CHECKING:
    from pathlib import Path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def refuse_to_synchronise(monkeypatch: pytest.MonkeyPatch, contents: bytes) -> None:
    """The disk fails for files with these contents."""
    fsync = os.fsync

    def failing(handle: int) -> None:
        with open(f"/proc/self/fd/{handle}", "rb") as file:
            if file.read() == contents:
                raise OSError(5, "Input/output error")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", failing)


def test_outputs_that_are_written_together(tmp_path: Path) -> None:
    """None has its name before all are on the disk; what a kill left beside one is written over."""
    together, killed = WrittenTogether(), WrittenTogether()
    written([b"former"], tmp_path / "a")
    killed.write([b"longer than the next"], tmp_path / "b")
    for name in "abc":
        together.write([name.encode(), memoryview(b"1")], tmp_path / name)
    assert {path for path in names(tmp_path) if not path.endswith(".part")} == {"a"}
    assert (tmp_path / "a").read_bytes() == b"former"
    assert together.finish() == set()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"a1", "b": b"b1", "c": b"c1"}
    assert together.finish() == set()


def test_one_that_cannot_be_synchronised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named and leaves nothing; the others are there."""
    refuse_to_synchronise(monkeypatch, b"b")
    together = WrittenTogether()
    for name in "abc":
        together.write([name.encode()], tmp_path / name)
    assert together.finish() == {tmp_path / "b"}
    assert names(tmp_path) == {"a", "c"}


def test_one_that_cannot_be_written(tmp_path: Path) -> None:
    """As with one alone: the others go on."""
    together = WrittenTogether()
    together.write([b"a"], tmp_path / "a")
    with pytest.raises(Retry):
        together.write([b"b"], tmp_path / "away" / "b")
    assert together.finish() == set()
    assert names(tmp_path) == {"a"}


def test_one_alone_that_cannot_be_synchronised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left of it; what stood in its place stays."""
    written([b"former"], tmp_path / "a")
    refuse_to_synchronise(monkeypatch, b"a")
    with pytest.raises(Retry, match="cannot be written"):
        written([b"a"], tmp_path / "a")
    assert (names(tmp_path), (tmp_path / "a").read_bytes()) == ({"a"}, b"former")
