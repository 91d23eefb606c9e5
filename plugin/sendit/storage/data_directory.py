"""The data directory: the journal, the keys and the staged files. Nobody but SendIt's own user may look into it."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import time
import uuid
from typing import IO, TYPE_CHECKING

from sendit.errors import Misconfigured, Retry

if TYPE_CHECKING:
    from pathlib import Path

PLACE = "SendIt.DataDirectory"
PLACE_SHARED = "SendIt.SharedDirectory"
#: Bytes. With less than this a study of some size cannot be staged.
LITTLE_ROOM = 512 << 20
_LOCK = "worker.lock"


def prepare(path: Path, place: str = PLACE) -> None:
    """Make it if it is not there; refuse one that others may read, or that cannot be written.

    Raises:
        Misconfigured: with the command that fixes it.
    """
    user = _user()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = path.stat().st_mode & 0o777
        if mode & 0o077:
            raise Misconfigured(place, f"{path} is open to other users (mode {mode:o})", f"Run: chmod 700 {path}")
        probe = path / ".writable"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        remedy = f"Run: install -d -m 700 -o {user} {path}"
        raise Misconfigured(place, f"{path} cannot be written by {user} ({error.strerror})", remedy) from None


def owners(path: Path) -> set[int]:
    """Return the user whom it belongs to, Orthanc's; nobody if it is not there yet."""
    try:
        return {path.stat().st_uid}
    except OSError:
        return set()


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def problems(path: Path) -> list[str]:
    """Return a warning if there is hardly any space left; nothing otherwise."""
    free = shutil.disk_usage(path).free
    if free >= LITTLE_ROOM:
        return []
    return [f"the disk of {PLACE} has {free / 2**20:.0f} MiB left; batches wait until there is room"]


def node(path: Path) -> str:
    """Return this node's name for the engine: the same after every restart, whatever the host name."""
    file = path / "node"
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        name = uuid.uuid4().hex
        beside = path / f".node.{name}"
        beside.write_text(name)
        try:
            os.link(beside, file)  # whole or not at all, and by one worker alone
        except FileExistsError:
            return file.read_text().strip()
        finally:
            beside.unlink()
        return name


def was_used(path: Path) -> bool:
    """Return whether a worker has ever begun to run here."""
    return (path / _LOCK).exists()


def lock(path: Path, wait_seconds: float = 20.0) -> IO[str]:
    """Hold the only worker's place in this directory, for as long as the file that is returned stays open.

    A worker whose Orthanc was killed may need a moment to end; two at once would run one stage twice.

    Raises:
        Retry: another worker still holds it after `wait_seconds`.
    """
    file = (path / _LOCK).open("a")
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except BlockingIOError:
            if time.monotonic() > deadline:
                file.close()
                raise Retry(f"another worker runs in {path}; give each Orthanc a {PLACE} of its own") from None
            time.sleep(0.1)
