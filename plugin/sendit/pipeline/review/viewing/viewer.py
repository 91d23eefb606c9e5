"""Look at instances: frames and headers, before and after. Nothing is kept, and nothing of a batch changes.

Within a batch an instance is called by its number, from 1, in the order in which the instances were listed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from sendit.model import Instance, InstanceState
from sendit.pipeline.review.viewing.processes import (
    File,
    FrameLook,
    HeaderLook,
    PreviewLook,
    SheetLook,
    Unavailable,
    ViewingPool,
    facts,
    frame,
    header,
    preview,
    sheet,
)
from sendit.pipeline.review.viewing.rule_changes import RuleChanges, rule_changes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sendit.deidentify.explain import Row
    from sendit.deidentify.pixels.viewing import FrameFacts, Window
    from sendit.pipeline.context import Services
    from sendit.pipeline.review.viewing.processes import Preview
    from sendit.storage.previews import Shown

Which = Literal["before", "after"]
#: Doubtful: SendIt masked it, and a person has to look.
Kind = Literal["masked", "doubtful", "drawn"]

#: Frames on one sheet.
MOST_ON_SHEET = 64
_DONE = frozenset({InstanceState.SENT, InstanceState.RECALLED})


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the image, x1 and y1 not part of it."""

    x0: int
    y0: int
    x1: int
    y1: int
    kind: Kind
    why: str
    removable: bool  # text detection found it, or a reviewer drew it: a reviewer may take it away


@dataclass(frozen=True, slots=True)
class ViewedInstance:
    """An instance of a batch as a reviewer sees it. All identifiers are coded."""

    number: int
    state: InstanceState
    reason: str = ""
    modality: str = ""
    series: str = ""  # coded SeriesInstanceUID
    sop_class_uid: str = ""
    pixels: str = ""  # of `PixelStatus`, "held", or "" if nothing is known
    how: str = ""
    doubt: str = ""  # why a person has to look
    boxes: tuple[Box, ...] = ()
    has_output: bool = False  # in staging


@dataclass(frozen=True, slots=True)
class HeaderView:
    """A header, row by row, and what the rows are."""

    rows: tuple[Row, ...]
    planned: bool  # there is no output: the rows tell what the plan would do
    same_rules: bool  # the project's rules are still those that the output was made with


class InstanceViewer:
    """Shows instances of batches and of the local Orthanc. Safe to use from several threads."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._pool = ViewingPool()

    def close(self) -> None:
        """End the processes at once."""
        self._pool.close()

    def count(self, batch_id: int) -> int:
        """Return the number of instances of a batch."""
        return sum(self._services.journal.batches.tallies([batch_id])[batch_id].values())

    def instances(self, batch_id: int, first: int, limit: int) -> list[ViewedInstance]:
        """Return the instances from number `first` on, in their order."""
        rows = self._services.journal.batches.numbered(batch_id, first, limit)
        held = self._held(batch_id) if any(instance.receipt is None for instance in rows) else {}
        return [self._viewed(first + index, instance, held) for index, instance in enumerate(rows)]

    def instance(self, batch_id: int, number: int) -> ViewedInstance | None:
        """Return one instance; None if the batch does not have so many."""
        return next(iter(self.instances(batch_id, number, 1)), None)

    def facts(self, batch_id: int, number: int, which: Which, index: int = 0) -> FrameFacts | Unavailable:
        """Return size and windows of an instance."""
        file = self._file(batch_id, number, which)
        return file if isinstance(file, Unavailable) else self._pool.run(facts, FrameLook(file, index))

    def frame(self, batch_id: int, number: int, index: int, which: Which, window: Window | None) -> bytes | Unavailable:
        """Return a frame as PNG; `index` from 0."""
        file = self._file(batch_id, number, which)
        return file if isinstance(file, Unavailable) else self._pool.run(frame, FrameLook(file, index, window))

    def sheet(self, batch_id: int, first: int, count: int, which: Which) -> bytes | Unavailable:
        """Return the first frames of instances as tiles of one PNG."""
        rows = self._services.journal.batches.numbered(batch_id, first, min(count, MOST_ON_SHEET))
        files = (self._file_of(instance, which) for instance in rows)
        looks = tuple((None if isinstance(file, Unavailable) else file, 0) for file in files)
        return self._pool.run(sheet, SheetLook(looks)) if looks else Unavailable("the batch has no such instances")

    def sheet_of_frames(self, batch_id: int, number: int, first: int, count: int, which: Which) -> bytes | Unavailable:
        """Return frames of one instance as tiles of one PNG; `first` from 0."""
        file = self._file(batch_id, number, which)
        if isinstance(file, Unavailable):
            return file
        looks = tuple((file, first + index) for index in range(min(count, MOST_ON_SHEET)))
        return self._pool.run(sheet, SheetLook(looks))

    def header(self, batch_id: int, number: int) -> HeaderView | Unavailable:
        """Return the header of the original, compared with that of the output if there is one."""
        rows = self._services.journal.batches.numbered(batch_id, number, 1)
        if not rows:
            return _no_instance(number)
        instance = rows[0]
        after = self._file_of(instance, "after")
        if isinstance(after, Unavailable) and instance.state in _DONE:
            return after
        batch = self._services.journal.batches.get(batch_id)
        project = self._services.deidentification.projects.get(batch.project or "") if batch is not None else None
        if project is None:
            return Unavailable("its project is no longer configured, so that its rules are not known")
        output = None if isinstance(after, Unavailable) else after
        pixels: Mapping[str, Any] = (
            instance.receipt.pixels if instance.receipt is not None and output is not None else {}
        )
        before = self._original(instance.orthanc_id, str(batch_id))
        compared = self._pool.run(header, HeaderLook(project.spec, before, output, pixels))
        if isinstance(compared, Unavailable):
            return compared
        same = instance.receipt is None or instance.receipt.plan_sha256 == project.plan_digest
        return HeaderView(compared, planned=output is None, same_rules=same)

    def rule_changes(self, batch_id: int) -> RuleChanges:
        """Return what the project's present rules would do to the attributes of what was sent of a batch.

        Raises:
            Retry: the local Orthanc does not answer.
        """
        journal = self._services.journal
        batch = journal.batches.get(batch_id)
        sent = [
            instance
            for instance in journal.batches.instances(batch_id)
            if instance.receipt is not None and instance.receipt.released
        ]
        digests = {instance.receipt.plan_sha256 for instance in sent if instance.receipt is not None}
        originals = [self._original(instance.orthanc_id, str(batch_id)) for instance in sent]
        project = (batch.project if batch is not None else None) or ""
        return rule_changes(self._services, self._pool, project, digests, originals)

    def preview(self, project: str, instance: str) -> Preview | Unavailable:
        """Return what a project would do to an instance of the local Orthanc; it leaves nothing behind.

        Args:
            project: a configured project.
            instance: Orthanc's identifier.
        """
        ready = self._services.deidentification.projects.get(project)
        if ready is None:
            return Unavailable("the project is not configured, or was unlinked")
        return self._pool.run(preview, PreviewLook(ready.spec, self._original(instance, "")))

    def _file(self, batch_id: int, number: int, which: Which) -> File | Unavailable:
        rows = self._services.journal.batches.numbered(batch_id, number, 1)
        return self._file_of(rows[0], which) if rows else _no_instance(number)

    def _file_of(self, instance: Instance, which: Which) -> File | Unavailable:
        if which == "before":
            return self._original(instance.orthanc_id, f"{instance.batch_id}")
        path = self._services.staging.name(instance.batch_id, instance.orthanc_id)
        if instance.receipt is None or not self._services.staging.holds(path, instance.receipt):
            return Unavailable(_WHY_NO_OUTPUT.get(instance.state, "its output is not in staging"))
        return File(path, self._near, version=instance.receipt.output_sha256)

    def _original(self, instance: str, version: str) -> File:
        source = self._services.source
        return File(source.file_url(instance), self._near, source.headers, source.certificate, version)

    @property
    def _near(self) -> Path:
        return self._services.settings.data_directory

    def _held(self, batch_id: int) -> dict[str, Shown]:
        """Return a preview of each instance that has some, by the digest in their names."""
        return {preview.name.partition("-")[0]: preview for preview in self._services.previews.of(batch_id)}

    def _viewed(self, number: int, instance: Instance, held: Mapping[str, Shown]) -> ViewedInstance:
        receipt, reason = instance.receipt, instance.reason or ""
        if receipt is None:
            preview = held.get(self._services.previews.place(instance.batch_id, instance.orthanc_id).name)
            pixels = {"status": preview.status, "how": preview.how, "doubt": preview.how} if preview else {}
            boxes = _boxes({**pixels, "regions": preview.regions} if preview else {})
            return replace(_of_pixels(number, instance.state, pixels), reason=reason, boxes=boxes)
        path = self._services.staging.name(instance.batch_id, instance.orthanc_id)
        return replace(
            _of_pixels(number, instance.state, receipt.pixels),
            reason=reason,
            modality=receipt.modality,
            series=receipt.series_instance_uid,
            sop_class_uid=receipt.sop_class_uid,
            boxes=_boxes(receipt.pixels),
            has_output=self._services.staging.holds(path, receipt),
        )


def _of_pixels(number: int, state: InstanceState, pixels: Mapping[str, Any]) -> ViewedInstance:
    status, how, doubt = (str(pixels.get(name, "")) for name in ("status", "how", "doubt"))
    return ViewedInstance(number, state, pixels=status, how=how, doubt=doubt)


def _boxes(pixels: Mapping[str, Any]) -> tuple[Box, ...]:
    """Return what a receipt says of regions: who found them, and whether a reviewer may say that one is false."""
    drawn = {tuple(region) for region in pixels.get("drawn", ())}
    text = {tuple(region) for region in pixels.get("text", ())}
    doubt, how = str(pixels.get("doubt", "")), str(pixels.get("how", ""))
    boxes = []
    for region in dict.fromkeys(map(tuple, (*pixels.get("regions", ()), *pixels.get("text", ())))):
        kind: Kind = "drawn" if region in drawn else "doubtful" if doubt else "masked"
        x0, y0, x1, y1 = (int(number) for number in region)
        why = "drawn by a reviewer" if region in drawn else doubt or how
        boxes.append(Box(x0, y0, x1, y1, kind, why, removable=region in text or region in drawn))
    return tuple(boxes)


def _no_instance(number: int) -> Unavailable:
    return Unavailable(f"the batch has no instance {number}")


#: Why there is no output to look at.
_WHY_NO_OUTPUT: Mapping[InstanceState, str] = {
    InstanceState.PENDING: "it is not de-identified yet",
    InstanceState.RELEASED: "its output is not in staging; a retry makes it again",
    InstanceState.SENT: "it was delivered, and its output is no longer in staging: look at it at the destination",
    InstanceState.REJECTED: "it was rejected: no output was made",
    InstanceState.QUARANTINED: "it is held: no output was made",
    InstanceState.RECALLED: "it was recalled: its output was removed",
}
