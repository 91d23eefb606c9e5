"""Actions of persons on many batches, as files of the data directory: a restart goes on where it was.

`actions/<number>.jsonl`: the first line says who does what to which batches, one line for each batch that had its turn
follows, and the last says when it ended. A line that a kill cut off is dropped. One worker writes in a data directory.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

log = logging.getLogger(__name__)

#: Actions that are kept; of older ones the history of their batches tells.
_KEPT = 50


@dataclass(frozen=True, slots=True)
class StoredAction:
    """An action as it was written down."""

    number: int
    head: Mapping[str, Any]  # as `create` got it
    turns: Sequence[tuple[int, bool, str]]  # batch, whether it was done, what was said
    finished_at: str | None


class ActionFile:
    """The file of an action that runs."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def turn(self, batch: int, outcome: str, *, ok: bool) -> None:
        """Write down what became of a batch."""
        self._append([batch, ok, outcome])

    def end(self, at: str) -> None:
        """Write down that the action is over."""
        self._append({"finished_at": at})

    def _append(self, line: Any) -> None:
        """Add a line; if the disk is full the action goes on, and after a restart repeats what was not written."""
        try:
            with self._path.open("ab") as file:
                file.write(_line(line))
        except OSError as error:
            log.warning("%s cannot be written (%s): after a restart this turn is tried again", self._path.name, error)


class ActionFiles:
    """The files of all actions of a data directory."""

    def __init__(self, data_directory: Path) -> None:
        self._folder = data_directory / "actions"

    def create(self, head: Mapping[str, Any]) -> tuple[int, ActionFile]:
        """Write down an action that begins; return its number and its file.

        Raises:
            OSError: it cannot be written.
        """
        self._folder.mkdir(mode=0o700, exist_ok=True)
        numbers = self._numbers()
        number = max(numbers, default=0) + 1
        path = self._path(number)
        with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            try:
                file.write(_line(head))
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                path.unlink(missing_ok=True)
                raise
        return number, ActionFile(path)

    def all(self) -> list[StoredAction]:
        """Return the actions, oldest first, without those that cannot be read."""
        return [stored for number in self._numbers() if (stored := self._read(number)) is not None]

    def again(self, number: int) -> ActionFile:
        """Return the file of an action that goes on."""
        return ActionFile(self._path(number))

    def tidy(self, running: set[int]) -> None:
        """Delete the files of old actions that do not run."""
        for number in self._numbers()[:-_KEPT]:
            if number not in running:
                with contextlib.suppress(OSError):
                    self._path(number).unlink()

    def _read(self, number: int) -> StoredAction | None:
        path = self._path(number)
        try:
            content = path.read_bytes()
            whole = content[: content.rfind(b"\n") + 1]
            if len(whole) < len(content):
                os.truncate(path, len(whole))
            head, *lines = [json.loads(line) for line in whole.splitlines()]
        except (OSError, ValueError):
            log.error("the action file %s cannot be read; the action does not go on", path.name)
            return None
        turns = [(int(one[0]), bool(one[1]), str(one[2])) for one in lines if isinstance(one, list)]
        ends = [str(one["finished_at"]) for one in lines if isinstance(one, dict)]
        return StoredAction(number, head, turns, ends[-1] if ends else None)

    def _numbers(self) -> list[int]:
        return sorted(int(path.stem) for path in self._folder.glob("*.jsonl") if path.stem.isdecimal())

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.jsonl"


def _line(value: Any) -> bytes:
    return json.dumps(value).encode("ascii") + b"\n"
