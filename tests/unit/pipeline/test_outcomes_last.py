"""An outcome is in the journal only once the name of its output lasts (law 3)."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from sendit.errors import Retry
from sendit.model import Receipt, Rejected
from sendit.pipeline.deidentify import Deidentification
from sendit.storage.staging import Staging
from tests.journal.test_journal import receipt

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BATCH = cast("Any", SimpleNamespace(id=3, attempt=1, project="irb"))


@pytest.fixture
def synchronised(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that were synchronised to the disk, in their order, and "recorded" between them."""
    order: list[str] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        order.append(os.readlink(f"/proc/self/fd/{handle}").rpartition("/")[2])
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    return order


def flushed(folder: Path, outcomes: dict[str, Receipt | Rejected], order: list[str]) -> None:
    def record(batch: int, attempt: int, written: Mapping[str, object]) -> None:
        order.append("recorded")

    stage = cast("Any", SimpleNamespace(_staging=Staging(folder)))
    Deidentification._flush(stage, BATCH, cast("Any", outcomes), record)


def test_the_names_last_before_the_outcome_is_recorded(tmp_path: Path, synchronised: list[str]) -> None:
    """By one synchronisation for all outputs of the group."""
    flushed(tmp_path, {"a": receipt("2.25.1"), "b": receipt("2.25.2")}, synchronised)
    assert synchronised == ["3", "recorded"]


def test_without_an_output_there_is_nothing_to_synchronise(tmp_path: Path, synchronised: list[str]) -> None:
    """Rejected instances have none."""
    flushed(tmp_path, {"a": Rejected("no DICOM")}, synchronised)
    assert synchronised == ["recorded"]


def test_a_disk_that_fails_keeps_the_outcome_out_of_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried again."""

    def fails(handle: int) -> None:
        raise OSError(5, "Input/output error")

    order: list[str] = []
    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(Retry, match="Input/output error"):
        flushed(tmp_path, {"a": receipt("2.25.1")}, order)
    assert order == []
