"""When something is complete."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sendit.importer.completeness import Completeness
from sendit.importer.walk import Snapshot, snapshot

if TYPE_CHECKING:
    from pathlib import Path

QUIET = 10.0


def seen(fingerprint: int, files: int = 1, renamed: bool = False) -> Snapshot:
    return Snapshot(fingerprint, files, renamed)


def test_a_renamed_directory_is_complete_at_the_second_look() -> None:
    """Its own inode changed last: it got its name by a rename, and two equal looks suffice."""
    completeness = Completeness(QUIET)
    assert not completeness.is_complete("ST-1", seen(1, renamed=True), 100.0)
    assert not completeness.is_complete("ST-1", seen(1, renamed=True), 100.4)
    assert completeness.is_complete("ST-1", seen(1, renamed=True), 101.0)


def test_a_promised_directory_is_complete_at_the_second_look() -> None:
    """`ST-1.tmp2343` was seen before, so `ST-1` is its rename, whatever the file system's times say."""
    completeness = Completeness(QUIET)
    completeness.heard_of("ST-1.tmp2343")
    completeness.is_complete("ST-1", seen(1), 100.0)
    assert completeness.is_complete("ST-1", seen(1), 101.0)


def test_a_promise_holds_once() -> None:
    """What was dealt with is something new when it comes again."""
    completeness = Completeness(QUIET)
    completeness.heard_of("ST-1.tmp2343")
    completeness.forget("ST-1")
    completeness.is_complete("ST-1", seen(1), 100.0)
    assert not completeness.is_complete("ST-1", seen(1), 101.0)


def test_a_directory_filled_in_place_must_be_quiet() -> None:
    """Every change begins the waiting anew."""
    completeness = Completeness(QUIET)
    for second in range(30):
        assert not completeness.is_complete("ST-1", seen(second), 100.0 + second)
    assert not completeness.is_complete("ST-1", seen(29), 138.9)
    assert completeness.is_complete("ST-1", seen(29), 139.0)


def test_a_renamed_directory_that_still_changes_is_not_complete() -> None:
    """Two looks must agree, also after a rename."""
    completeness = Completeness(QUIET)
    for second in range(30):
        assert not completeness.is_complete("ST-1", seen(second, renamed=True), 100.0 + second)


def test_an_empty_directory_is_never_complete() -> None:
    """Whoever made it has not begun to fill it."""
    completeness = Completeness(QUIET)
    completeness.is_complete("ST-1", seen(1, files=0, renamed=True), 100.0)
    assert not completeness.is_complete("ST-1", seen(1, files=0, renamed=True), 1000.0)


def test_a_loose_file_must_be_quiet() -> None:
    """A rename says nothing about a loose file."""
    completeness = Completeness(QUIET)
    completeness.is_complete("a.dcm", seen(1, renamed=True), 100.0, loose=True)
    assert not completeness.is_complete("a.dcm", seen(1, renamed=True), 109.0, loose=True)
    assert completeness.is_complete("a.dcm", seen(1), 110.0, loose=True)


def test_loose_files_wait_for_each_other_but_not_for_ever() -> None:
    """They may be one study; one that never stops growing does not hold them up for good."""
    completeness = Completeness(QUIET)
    assert not completeness.group([], ["a"], 100.0)
    assert completeness.group(["a"], ["a"], 100.0)
    completeness.is_complete("a", seen(1), 100.0, loose=True)
    assert not completeness.group(["a"], ["a", "growing"], 120.0)
    assert completeness.group(["a"], ["a", "growing"], 160.0)


def test_what_left_is_forgotten() -> None:
    """Names that are gone take no memory, and no credit when they come again."""
    completeness = Completeness(QUIET)
    completeness.is_complete("a", seen(1), 100.0, loose=True)
    completeness.keep_only([])
    assert not completeness.is_complete("a", seen(1), 200.0, loose=True)


def test_a_rename_shows_in_the_times(tmp_path: Path) -> None:
    """On a real file system a renamed directory is told from one that was filled in place."""
    made = tmp_path / "ST-1.tmp"
    (made / "series").mkdir(parents=True)
    (made / "series" / "IM1").write_bytes(b"1")
    assert not snapshot(str(made)).renamed
    _wait_for_the_clock(made)
    made.rename(tmp_path / "ST-1")
    assert snapshot(str(tmp_path / "ST-1")).renamed
    _wait_for_the_clock(tmp_path / "ST-1")
    (tmp_path / "ST-1" / "series" / "IM2").write_bytes(b"2")
    assert not snapshot(str(tmp_path / "ST-1")).renamed


def _wait_for_the_clock(path: Path) -> None:
    """Until the file system would write another time than that of the last change to `path`."""
    probe = path.parent / "clock"
    while True:
        probe.write_bytes(b"")
        os.utime(probe)
        if probe.stat().st_ctime_ns > max(path.stat().st_ctime_ns, path.stat().st_mtime_ns):
            return


def test_the_fingerprint_sees_every_change(tmp_path: Path) -> None:
    """New, longer, renamed and removed files at any depth; a rename of the whole changes nothing."""
    top = tmp_path / "ST-1"
    (top / "a").mkdir(parents=True)
    marks = [snapshot(str(top)).fingerprint]

    def changed() -> bool:
        marks.append(snapshot(str(top)).fingerprint)
        return marks[-1] not in marks[:-1]

    (top / "a" / "IM1").write_bytes(b"1")
    assert changed()
    (top / "a" / "IM1").write_bytes(b"12")
    assert changed()
    (top / "a" / "IM1").rename(top / "a" / "IM2")
    assert changed()
    top.rename(tmp_path / "ST-2")
    assert snapshot(str(tmp_path / "ST-2")).fingerprint == marks[-1]
