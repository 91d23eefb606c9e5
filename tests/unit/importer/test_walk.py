"""Going through a directory without leaving it."""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING

import pytest

from sendit.errors import Retry
from sendit.importer.file_names import is_taken
from sendit.importer.types import FileResult
from sendit.importer.walk import Bounds, FoundFile, open_regular, refusal, snapshot, walk
from sendit.model import FileOutcome

if TYPE_CHECKING:
    from pathlib import Path


def outcomes(folder: Path, top: Path) -> dict[str, FileOutcome | None]:
    """By name; None for what is to be opened."""
    found = walk(str(top), Bounds(str(folder), is_taken))
    return {entry.name: entry.outcome if isinstance(entry, FileResult) else None for entry in found}


def test_every_file_at_any_depth(tmp_path: Path) -> None:
    """Names are relative; a file can be the top itself."""
    deep = tmp_path / "ST-1" / "a" / "b" / "c"
    deep.mkdir(parents=True)
    (deep / "IM1").touch()
    (tmp_path / "ST-1" / "IM2").touch()
    assert outcomes(tmp_path, tmp_path / "ST-1") == {"a/b/c/IM1": None, "IM2": None}
    assert outcomes(tmp_path, deep / "IM1") == {"IM1": None}


def test_links(tmp_path: Path) -> None:
    """Inside they lead to what is imported anyway; outside, to hidden places and nowhere they are bad. Loops end."""
    outside = tmp_path / "secret"
    outside.write_bytes(b"x")
    folder = tmp_path / "watched"
    top = folder / "ST-1"
    top.mkdir(parents=True)
    (folder / ".err").mkdir()
    (folder / "ST-2").mkdir()
    (top / "IM1").touch()
    (top / "same").symlink_to("IM1")
    (top / "sibling").symlink_to("../ST-2")
    (top / "loop").symlink_to("..")
    (top / "self").symlink_to("self")
    (top / "out").symlink_to(outside)
    (top / "hidden").symlink_to("../.err")
    (top / "gone").symlink_to("nothing")
    assert outcomes(folder, top) == {
        "IM1": None,
        "same": FileOutcome.IGNORED,
        "sibling": FileOutcome.IGNORED,
        "loop": FileOutcome.IGNORED,
        "self": FileOutcome.UNREADABLE,
        "out": FileOutcome.UNREADABLE,
        "hidden": FileOutcome.UNREADABLE,
        "gone": FileOutcome.UNREADABLE,
    }


def test_a_link_as_the_top(tmp_path: Path) -> None:
    """A directory that is a link out of the folder is not entered."""
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "IM1").touch()
    folder = tmp_path / "watched"
    folder.mkdir()
    (folder / "ST-1").symlink_to(tmp_path / "else")
    assert outcomes(folder, folder / "ST-1") == {"ST-1": FileOutcome.UNREADABLE}


def test_special_files_are_never_opened(tmp_path: Path) -> None:
    """A pipe without a writer would block its reader for good."""
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
    assert outcomes(tmp_path, tmp_path) == {"pipe": FileOutcome.UNREADABLE, "socket": FileOutcome.UNREADABLE}
    with pytest.raises(OSError, match="regular"):
        open_regular(str(tmp_path / "pipe"))
    (tmp_path / "link").symlink_to("pipe")
    with pytest.raises(OSError, match="symbolic"):
        open_regular(str(tmp_path / "link"))


def test_names_that_are_too_long_are_unreadable(tmp_path: Path) -> None:
    """Below the longest path that the system takes, the folder is named, and the walk goes on."""
    top = tmp_path / "ST-1"
    top.mkdir()
    (top / "IM1").touch()
    here = os.open(top, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("n" * 250, dir_fd=here)
        inner = os.open("n" * 250, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    found = outcomes(tmp_path, top)
    assert found.pop("IM1") is None
    assert list(found.values()) == [FileOutcome.UNREADABLE]
    assert snapshot(str(top)).files == 2  # what cannot be listed counts as one


def test_names_that_are_no_unicode(tmp_path: Path) -> None:
    """They are found under the bytes they have."""
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9")
    with open(path, "wb"):
        pass
    (found,) = walk(str(tmp_path), Bounds(str(tmp_path), is_taken))
    assert isinstance(found, FoundFile)
    assert os.fsencode(found.path) == path


def test_whose_fault_it_is() -> None:
    """No permission is the file's fault; a mount that went away is not. No path is told."""
    assert refusal(PermissionError(errno.EACCES, "Permission denied", "/x/DOE^JOHN")) == (
        "it cannot be read (Permission denied)"
    )
    with pytest.raises(Retry) as caught:
        refusal(OSError(errno.ESTALE, "Stale file handle", "/x/DOE^JOHN"))
    assert "DOE" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_that_may_not_be_listed(tmp_path: Path) -> None:
    """It is named as unreadable."""
    (tmp_path / "ST-1").mkdir(mode=0)
    assert outcomes(tmp_path, tmp_path) == {"ST-1": FileOutcome.UNREADABLE}
