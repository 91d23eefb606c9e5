"""Folders that must lie apart: what is watched is moved away, and what is delivered must not be taken up again."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path

from sendit.errors import Misconfigured

#: A place in orthanc.json → the folder that it names.
Places = Mapping[str, Path]


def in_the_way(own: Places, watched: Places, delivered: Places) -> Iterator[Misconfigured]:
    """Yield one error for each pair of folders that are the same or nested. Symbolic links are not followed.

    Args:
        own: what SendIt and Orthanc keep for themselves.
        watched: whose content is imported.
        delivered: where destinations write.
    """
    for (other, there), (place, here) in combinations(watched.items(), 2):
        if _overlap(here, there):
            problem = f"this folder is the same as {other}, or one contains the other"
            yield Misconfigured(place, problem, "Keep them apart: two importers would take each other's files.")
    for place, here in watched.items():
        for other, there in own.items():
            if _overlap(here, there):
                problem = f"this folder is the same as {other}, or one contains the other"
                yield Misconfigured(place, problem, "Watch another one: what is imported is moved away.")
    for place, here in delivered.items():
        for other, there in {**watched, **own}.items():
            if _overlap(here, there):
                yield Misconfigured(
                    place, f"this folder is the same as {other}, or one contains the other", "Use separate folders."
                )


def orthancs_own(document: Mapping[str, object]) -> dict[str, Path]:
    """Return where Orthanc keeps its files, as far as whole paths are given."""
    given = {key: document.get(key) for key in ("StorageDirectory", "IndexDirectory")}
    return {key: Path(value) for key, value in given.items() if isinstance(value, str) and value.startswith("/")}


def _overlap(one: Path, other: Path) -> bool:
    one, other = Path(os.path.normpath(one)), Path(os.path.normpath(other))
    return one.is_relative_to(other) or other.is_relative_to(one)
