"""Previews of instances before and after they were cleaned: `<DataDirectory>/pictures/<batch>/`, 0700.

They are kept until the batch is done. Those of before are as sensitive as the originals. Three files belong together,
written beside and renamed: `<name>.before.png`, `<name>.after.png`, and, as the last one, `<name>.json`: what they
show. A name is a digest of Orthanc's identifier of the instance, and the number of the frame.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from sendit.errors import Retry
from sendit.model import PixelStatus, Quarantined, Receipt
from sendit.storage.staging import AheadFolders, written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sendit.deidentify.pixels.preview import InstancePreviews

#: So many frames of a batch at most, each before and after; a series of a thousand captures looks alike.
MOST = 100
#: The status of what a person has to look at first; nothing of it leaves.
HELD = "held"
_NAME = re.compile(r"[0-9a-f]{32}-[0-9]{1,7}")

Which = Literal["before", "after"]


@dataclass(frozen=True, slots=True)
class Shown:
    """A pair of previews, and what they show."""

    name: str
    sop_instance_uid: str  # coded
    instance_number: int | None
    frame: int  # counted from 1
    status: str  # of `PixelStatus`, or HELD
    how: str
    regions: list[list[int]]  # x0, y0, x1, y1, the ends not part of it; pixels of the image


class Previews:
    """The folder of previews.

    Args:
        data_directory: where it is; several workers may share it.
        home: whose worker this is, if others do.
    """

    def __init__(self, data_directory: Path, home: str = "") -> None:
        self._root = data_directory / "pictures"
        self.ahead = AheadFolders(self._root, home)
        self._root.mkdir(mode=0o700, exist_ok=True)

    def place(self, batch_id: int, instance: str) -> Path:
        """Return how the paths of an instance's previews begin (Orthanc's identifier). Creates nothing."""
        return self._root / str(batch_id) / hashlib.sha256(instance.encode()).hexdigest()[:32]

    def move(self, made: Path, place: Path) -> None:
        """Move an instance's previews to its batch; there are none of it if they cannot be moved.

        Args:
            made: where they are, as `place` names it.
            place: of `Previews.place`.
        """
        forget(place)
        if not made.parent.is_dir():  # of most studies
            return
        for note in sorted(made.parent.glob(f"{made.name}-*.json")):
            with contextlib.suppress(OSError):
                place.parent.mkdir(mode=0o700, exist_ok=True)
                if sum(1 for _ in place.parent.glob("*.json")) >= MOST:
                    return
                for ending in (".before.png", ".after.png", ".json"):
                    name = f"{note.stem}{ending}"
                    (made.parent / name).replace(place.parent / name)

    def of(self, batch_id: int) -> list[Shown]:
        """Return a batch's previews, ordered by instance."""
        previews = []
        for path in self._notes(batch_id):
            with contextlib.suppress(OSError, ValueError, TypeError):  # removed meanwhile
                previews.append(Shown(**json.loads(path.read_bytes())))
        return sorted(previews, key=lambda one: (one.instance_number or 0, one.name.partition("-")[0], one.frame))

    def count(self, batch_id: int) -> int:
        """Return how many frames have previews."""
        return sum(1 for _ in self._notes(batch_id))

    def read(self, batch_id: int, name: str, which: Which) -> bytes | None:
        """Return a PNG file; None if there is none."""
        if not _NAME.fullmatch(name):
            return None
        try:
            return (self._root / str(batch_id) / f"{name}.{which}.png").read_bytes()
        except FileNotFoundError:
            return None

    def remove(self, batch_id: int) -> None:
        """Remove all of a batch's previews; fine if there are none."""
        shutil.rmtree(self._root / str(batch_id), ignore_errors=True)

    def batches(self) -> Iterator[int]:
        """Yield the batches that have previews."""
        yield from (int(path.name) for path in self._root.iterdir() if path.name.isdigit())

    def _notes(self, batch_id: int) -> Iterator[Path]:
        return (self._root / str(batch_id)).glob("[0-9a-f]*.json")


def forget(place: Path) -> None:
    """Remove an instance's previews: it is worked on anew.

    Args:
        place: of `Previews.place`.
    """
    if not place.parent.is_dir():  # of most batches
        return
    for path in place.parent.glob(f"{place.name}-*"):
        with contextlib.suppress(OSError):
            path.unlink()


def keep(previews: InstancePreviews, place: Path, outcome: Receipt | Quarantined, coded_uid: str) -> None:
    """Write the previews of an instance that was cleaned, or is held for what was found in it.

    There are none of it if they cannot be written: that changes nothing of what becomes of the instance.

    Args:
        previews: the previews of the instance.
        place: of `Previews.place`.
        outcome: the outcome of the instance.
        coded_uid: of an instance that is held.
    """
    if isinstance(outcome, Receipt) and outcome.pixels.get("status") != PixelStatus.CLEANED:
        return
    if isinstance(outcome, Receipt):
        status, how, coded_uid = str(PixelStatus.CLEANED), str(outcome.pixels.get("how", "")), outcome.sop_instance_uid
        if doubt := outcome.pixels.get("doubt"):
            status, how = HELD, str(doubt)
    else:
        status, how = HELD, outcome.reason
    regions = [[region.x0, region.y0, region.x1, region.y1] for region in previews.regions]
    for frame in sorted(previews.before.keys() & previews.after.keys()):
        name = f"{place.name}-{frame + 1}"
        shown = Shown(name, coded_uid, previews.instance_number, frame + 1, status, how, regions)
        with contextlib.suppress(OSError, Retry):
            place.parent.mkdir(mode=0o700, exist_ok=True)
            if sum(1 for _ in place.parent.glob("*.json")) >= MOST:
                return
            written([previews.before[frame]], place.parent / f"{name}.before.png")
            written([previews.after[frame]], place.parent / f"{name}.after.png")
            written([json.dumps(asdict(shown)).encode()], place.parent / f"{name}.json")
