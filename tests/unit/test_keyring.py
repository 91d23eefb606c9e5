"""The keys of the projects."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from sendit.errors import Misconfigured
from sendit.keyring import fingerprint, load_key

if TYPE_CHECKING:
    from pathlib import Path


def test_made_once(tmp_path: Path) -> None:
    """32 bytes, for us alone, and the same ever after; nothing else stays in the folder."""
    folder = tmp_path / "keys"
    key = load_key(folder, "irb", create=True)
    assert len(key) == 32
    assert load_key(folder, "irb", create=True) == load_key(folder, "irb", create=False) == key
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "irb.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.iterdir()] == ["irb.key"]
    assert load_key(folder, "other", create=True) != key


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_makes_belongs_to_the_owner_of_the_data_directory(tmp_path: Path) -> None:
    """Orthanc's user has to read the key afterwards."""
    os.chown(tmp_path, 65534, 65534)
    load_key(tmp_path / "keys", "irb", create=True)
    for path in (tmp_path / "keys", tmp_path / "keys" / "irb.key"):
        assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65534)


def test_two_at_once_agree(tmp_path: Path) -> None:
    """Whoever comes second takes the key of the first."""
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: load_key(tmp_path, "irb", create=True), range(32)))
    assert len(keys) == 1


def test_a_missing_key_is_not_made_anew(tmp_path: Path) -> None:
    """Unless the caller knows that nothing was coded with it."""
    with pytest.raises(Misconfigured, match=r"missing.*backup"):
        load_key(tmp_path, "irb", create=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    """With the command that fixes it."""
    load_key(tmp_path, "irb", create=True)
    (tmp_path / "irb.key").chmod(mode)
    with pytest.raises(Misconfigured, match="chmod 600"):
        load_key(tmp_path, "irb", create=True)


@pytest.mark.parametrize("content", [b"", b"00" * 31, b"00" * 33, b"zz" * 32, b"\xff" * 64])
def test_a_damaged_key_is_refused(tmp_path: Path, content: bytes) -> None:
    """And never replaced."""
    path = tmp_path / "irb.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(Misconfigured, match="not a key"):
        load_key(tmp_path, "irb", create=True)
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """Is said, with its path."""
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match="cannot be"):
        load_key(tmp_path / "file" / "keys", "irb", create=True)


def test_fingerprints() -> None:
    """16 hexadecimal digits, the same for the same key."""
    one = fingerprint(bytes(32))
    assert re.fullmatch("[0-9a-f]{16}", one)
    assert one == fingerprint(bytes(32)) != fingerprint(bytes(31) + b"\1")
