"""Names of files and directories, and their meanings. Pure functions."""

from __future__ import annotations

import os

DONE = ".done"
ERR = ".err"
REASONS = ".reasons.txt"
_INCOMPLETE = ".tmp"

#: Files that operating systems and storage boxes leave in every folder; in lower case.
_JUNK = frozenset(
    {
        "thumbs.db",
        "ehthumbs.db",
        "desktop.ini",
        "autorun.inf",
        ".ds_store",
        ".localized",
        "__macosx",
        ".spotlight-v100",
        ".trashes",
        ".fseventsd",
        "@eadir",
        "#recycle",
        "$recycle.bin",
        "system volume information",
        "lost+found",
    }
)


def final_name(name: str) -> str | None:
    """Return the name that an incomplete directory will have: `ST-1.tmp2343` → `ST-1`. None if the name is complete."""
    cut = name.lower().rfind(_INCOMPLETE)
    return None if cut < 0 else name[:cut]


def is_taken(name: str) -> bool:
    """Return whether something of this name, directly in a watched folder, is to be imported.

    Names that begin with a dot are not (`.done`, `.err`, and what rsync and other tools have under way), nor are
    incomplete ones (`*.tmp*`), nor what a system leaves behind.
    """
    return not name.startswith(".") and final_name(name) is None and not is_junk(name)


def is_junk(name: str) -> bool:
    """Return whether any part of a relative name is system litter, for example `._IM1` or `Thumbs.db`."""
    return any(part.lower() in _JUNK or part.startswith("._") for part in name.split("/"))


def free_name(folder: str, name: str) -> str:
    """Return `name`, or `name.2`, `name.3` … if it is taken in `folder`."""
    candidate, number = name, 1
    while os.path.lexists(os.path.join(folder, candidate)):
        number += 1
        candidate = f"{name}.{number}"
    return candidate


def shown(name: str) -> str:
    """Return `name` as one line of valid Unicode: a file name can contain line breaks and bytes that are not UTF-8."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
