"""Where released files wait for their delivery: `<DataDirectory>/staging/<batch>/`.

Files are written beside (`.part`), synchronised to the disk and renamed by the pool; this module names and removes.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from sendit.model import Receipt


class Staging:
    """The staging folder."""

    def __init__(self, data_directory: Path) -> None:
        self._root = data_directory / "staging"
        self._root.mkdir(mode=0o700, exist_ok=True)

    def folder(self, batch_id: int) -> Path:
        """The folder of a batch, made if it is not there."""
        folder = self._root / str(batch_id)
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def output(self, batch_id: int, instance: str) -> Path:
        """Where the pool writes the output of an instance (Orthanc's identifier).

        The name is a digest of it: the coded UID is known only once the instance was processed.
        """
        self.folder(batch_id)
        return self.name(batch_id, instance)

    def name(self, batch_id: int, instance: str) -> Path:
        """The same, for asking whether it is there: nothing is made."""
        return self._root / str(batch_id) / (hashlib.sha256(instance.encode()).hexdigest()[:32] + ".dcm")

    def holds(self, path: Path, receipt: Receipt) -> bool:
        """Whether the staged file is there in its full size; its digest is compared when it leaves."""
        try:
            return path.stat().st_size == receipt.output_size
        except FileNotFoundError:
            return False

    def remove(self, batch_id: int) -> None:
        """Remove all of a batch's files; fine if there are none."""
        shutil.rmtree(self._root / str(batch_id), ignore_errors=True)

    def batches(self) -> Iterator[int]:
        """The batches that have a folder here."""
        yield from (int(path.name) for path in self._root.iterdir() if path.name.isdigit())
