"""Permissions of files: no other user may change what SendIt runs, or what decides what is sent.

A file is as safe as the way to it. Whoever may write to a folder above it, or owns a link on the way, can put another
file in its place. So all of them are looked at, as the system walks: folders, links, and what links point to.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections import deque
from collections.abc import Collection, Iterator
from pathlib import Path

from sendit.errors import Misconfigured

_MOST_LINKS = 40  # as Linux


def check(path: Path, place: str, kind: str, owners: Collection[int] = ()) -> None:
    """Refuse a file, or a folder whose files are all read, that another user may change.

    Args:
        path: the file or folder.
        place: where it is named, for the error.
        kind: in words, for example "recipe".
        owners: users who may own it besides root and ourselves.

    Raises:
        Misconfigured: with the command that fixes it. A missing file is reported by whoever reads it.
    """
    trusted = {0, os.geteuid(), *owners}
    for step, state, last in _steps(path):
        fault = _fault(step, state, last=last, trusted=trusted)
        if fault is not None and not _read_only(step):
            problem, remedy = fault
            where = f"the {kind} {path}" if last else f"{step}, on the way to the {kind} {path},"
            raise Misconfigured(place, f"{where} {problem}", remedy)


def _steps(path: Path) -> Iterator[tuple[Path, os.stat_result, bool]]:
    """Yield each folder, link and file that is met on the way, and whether it is what the path means in the end."""
    # Not os.path.abspath, which takes the name before a ".." away even where that is a link to elsewhere.
    left, here, links = deque((Path.cwd() / path).parts[1:]), Path("/"), 0
    yield here, os.lstat(here), not left
    while left:
        name = left.popleft()
        if name == "..":
            here = here.parent
            continue
        step = here / name
        try:
            state = os.lstat(step)
        except OSError:
            return  # not there, or not ours to see: whoever reads it says so
        if not stat.S_ISLNK(state.st_mode):
            here = step
            yield step, state, not left
            continue
        links += 1
        if links > _MOST_LINKS:
            return
        yield step, state, False
        target = Path(os.readlink(step))
        left.extendleft(reversed(target.parts[1:] if target.is_absolute() else target.parts))
        here = Path("/") if target.is_absolute() else here


def _fault(path: Path, state: os.stat_result, *, last: bool, trusted: set[int]) -> tuple[str, str] | None:
    """Return what is wrong with one step, and the command that fixes it; None if nothing is."""
    if state.st_uid not in trusted:
        return f"belongs to {_name(state.st_uid)}, who may change it", f"Run: chown root {path}"
    if stat.S_ISLNK(state.st_mode):
        return None  # its mode says nothing; its folder was looked at
    mode = state.st_mode & 0o777
    is_folder = stat.S_ISDIR(state.st_mode)
    if is_folder and not last and state.st_mode & stat.S_ISVTX:
        return None  # as /tmp: there, nobody but its owner takes a file away, and the next step says who that is
    if mode & stat.S_IWOTH:
        return f"is writable by everybody (mode {mode:o})", f"Run: chmod o-w {path}"
    if mode & stat.S_IWGRP and not (is_folder and not last and _nobody_else_in(state.st_gid, trusted - {0})):
        return f"is writable by its group, {_group(state.st_gid)} (mode {mode:o})", f"Run: chmod g-w {path}"
    return None


def _read_only(path: Path) -> bool:
    """Return whether it is on a read-only file system, like a volume mounted into a container."""
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def _nobody_else_in(group: int, users: set[int]) -> bool:
    """Return whether it is the private group of one of these users (not root): some systems create all folders so."""
    try:
        members = {pwd.getpwnam(name).pw_uid for name in grp.getgrgid(group).gr_mem}
    except KeyError:
        return False
    members |= {user.pw_uid for user in pwd.getpwall() if user.pw_gid == group}
    return bool(members) and members <= users


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"


def _group(group: int) -> str:
    try:
        return grp.getgrgid(group).gr_name
    except KeyError:
        return str(group)
