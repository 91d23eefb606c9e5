"""Where released files wait for their delivery: `<DataDirectory>/staging/<batch>/`.

Files are written beside (`.part`), synchronised to the disk and renamed by the pool; this module names and removes.
"""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING

from sendit.storage.instance_io import settled, written

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from sendit.model import Receipt

_RULES = "rules"
#: Folders here, and of previews, begin with it that hold what was made before its batch began.
AHEAD = "ahead-"


class AheadFolders:
    """The folders for what was made before its batch began; their names say whose they are.

    Args:
        root: where they are, beside the batches' own.
        home: whose worker this is.
    """

    def __init__(self, root: Path, home: str) -> None:
        self._root = root
        self._home = home

    def path(self, key: str) -> Path:
        """Return the folder for a study that still arrives. Creates nothing."""
        return self._root / f"{AHEAD}{self._home}.{key}"

    def forget(self) -> None:
        """Remove all of this worker's."""
        self._remove(lambda home: home == self._home)

    def forget_of_others(self, living: Collection[str]) -> None:
        """Remove those of workers that do not run."""
        self._remove(lambda home: home not in {*living, self._home})

    def _remove(self, chosen: Callable[[str], bool]) -> None:
        for folder in self._root.glob(f"{AHEAD}*"):
            if chosen(folder.name.removeprefix(AHEAD).rpartition(".")[0]):
                shutil.rmtree(folder, ignore_errors=True)


class Staging:
    """The staging folder.

    Args:
        directory: where it is; several workers may share it.
        own: this worker's data directory, if it is not the same.
        home: whose worker this is, if others share the folder.
    """

    def __init__(self, directory: Path, own: Path | None = None, home: str = "") -> None:
        self._root = directory / "staging"
        self.ahead = AheadFolders(self._root, home)
        self._root.mkdir(mode=0o700, exist_ok=True)
        self._trials = (own or directory) / "staging" / "trials"

    def folder(self, batch_id: int) -> Path:
        """Return the folder of a batch; create it if it is not there."""
        folder = self._root / str(batch_id)
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def output(self, batch_id: int, instance: str) -> Path:
        """Return where the pool writes the output of an instance (Orthanc's identifier).

        The name is a digest of it: the coded UID is known only once the instance was processed.
        """
        self.folder(batch_id)
        return self.name(batch_id, instance)

    def name(self, batch_id: int, instance: str) -> Path:
        """Return the output's path without creating its folder."""
        return self._root / str(batch_id) / (hashlib.sha256(instance.encode()).hexdigest()[:32] + ".dcm")

    def settle(self, batch_id: int) -> None:
        """Make the names of a batch's outputs last over a power cut, before the journal relies on them.

        Raises:
            Retry: the disk fails or is full.
        """
        settled(self.folder(batch_id))

    def look(self, batch_id: int, series: str) -> Path:
        """Return where the check of a series is kept (its coded UID)."""
        return self.folder(batch_id) / (hashlib.sha256(series.encode()).hexdigest()[:32] + ".look")

    def rules(self, batch_id: int) -> str:
        """Return the digest of the rules by which the staged files of a batch were made; "" if it is not known."""
        try:
            return (self._root / str(batch_id) / _RULES).read_text("ascii")
        except (OSError, ValueError):
            return ""

    def set_rules(self, batch_id: int, digest: str) -> None:
        """Record the digest of the rules, before the first file is made by them.

        Raises:
            Retry: it cannot be written.
        """
        written([digest.encode("ascii")], self.folder(batch_id) / _RULES)

    def holds(self, path: Path, receipt: Receipt) -> bool:
        """Return whether the staged file is there in its full size; its digest is compared when it leaves."""
        try:
            return path.stat().st_size == receipt.output_size
        except FileNotFoundError:
            return False

    def trials(self) -> Path:
        """Return where outputs are made that nobody keeps; empty after a call of `forget_trials`."""
        self._trials.parent.mkdir(mode=0o700, exist_ok=True)
        self._trials.mkdir(mode=0o700, exist_ok=True)
        return self._trials

    def forget_trials(self) -> None:
        """Remove what a kill left there."""
        shutil.rmtree(self._trials, ignore_errors=True)

    def has(self, batch_id: int) -> bool:
        """Return whether anything of a batch is staged here."""
        return (self._root / str(batch_id)).is_dir()

    def remove(self, batch_id: int) -> None:
        """Remove all of a batch's files; fine if there are none."""
        shutil.rmtree(self._root / str(batch_id), ignore_errors=True)

    def batches(self) -> Iterator[int]:
        """Yield the batches that have a folder here."""
        yield from (int(path.name) for path in self._root.iterdir() if path.name.isdigit())
