"""The reviewer's desk: decisions go to the journal, and what follows from them is scheduled.

A kill between the two is no matter: the reconciliation schedules what the journal says.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sendit.deidentify.dicom.reader import read_file
from sendit.errors import Misconfigured, Quarantine, Reject
from sendit.model import BatchState, InstanceState
from sendit.pipeline.projects import taken_of
from sendit.storage.staging import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from sendit.journal.release.reviews import Drawing, Judgement
    from sendit.pipeline.context import Services

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class After:
    """Functions that the desk calls when a decision was written down."""

    process: Callable[[int, int], None]  # batch and attempt: it is to be processed
    deliver: Callable[[int], None]  # to all its destinations
    sent: Callable[[int], None]  # nothing is left to deliver


class ReviewDesk:
    """Decisions of persons about batches under review."""

    def __init__(self, services: Services, after: After) -> None:
        self._services = services
        self._journal = services.journal
        self._after = after

    def accept(self, judgement: Judgement, numbers: Collection[int] | None = None) -> BatchState:
        """Accept all that is staged of a batch, or some instances (by number, from 1).

        Raises:
            Superseded: it is not under review, or has changed since the reviewer saw it.
        """
        project = self._project(judgement.batch_id)
        destinations, persons = taken_of(self._services.settings, project), self._persons(project)
        state = self._journal.reviews.accept(judgement, numbers, destinations, persons)
        return self._follow(judgement, state)

    def reject(self, judgement: Judgement, numbers: Collection[int] | None = None, *, text: bool = False) -> BatchState:
        """Reject a batch, or some of its instances; `text`: they show text that was not masked."""
        project = self._project(judgement.batch_id)
        destinations, persons = taken_of(self._services.settings, project), self._persons(project)
        state = self._journal.reviews.reject(judgement, numbers, destinations, text=text, persons=persons)
        return self._follow(judgement, state)

    def hold(self, judgement: Judgement) -> BatchState:
        """Hold a batch: nothing of it leaves until it is retried."""
        return self._follow(judgement, self._journal.reviews.hold(judgement))

    def rerun(self, judgement: Judgement) -> BatchState:
        """De-identify again all that is staged, by the project's present rules; it comes back to review."""
        self._journal.reviews.rerun(judgement)
        self._services.staging.remove(judgement.batch_id)
        return self._follow(judgement, BatchState.QUEUED)

    def draw(self, judgement: Judgement, drawing: Drawing) -> BatchState:
        """Mask what a reviewer drew, and no longer what they called false; the images come back to review."""
        self._journal.reviews.draw(judgement, drawing)
        return self._follow(judgement, BatchState.QUEUED)

    def size_of(self, batch_id: int, number: int) -> tuple[int, int]:
        """Return Rows and Columns of a staged image.

        Raises:
            Misconfigured: there is no such image in staging.
        """
        for one in self._journal.batches.numbered(batch_id, number, 1):
            path = self._services.staging.name(batch_id, one.orthanc_id)
            if one.state is InstanceState.RELEASED and (size := image_size(path)) is not None:
                return size
        problem = f"its instance {number} is not an image that waits for a review"
        raise Misconfigured(f"batch {batch_id}", problem, "Look at the review again: it lists those that do.")

    def _follow(self, judgement: Judgement, state: BatchState) -> BatchState:
        """Do what the new state asks for."""
        batch_id = judgement.batch_id
        if state is BatchState.DELIVERING:
            self._after.deliver(batch_id)
        elif state is BatchState.SENT:
            self._after.sent(batch_id)
        elif state is BatchState.QUEUED:
            self._after.process(batch_id, judgement.attempt + 1)
        elif state is not BatchState.REVIEW:
            self._services.staging.remove(batch_id)
            if state is BatchState.EMPTY:
                self._services.previews.remove(batch_id)
        return state

    def _project(self, batch_id: int) -> str:
        batch = self._journal.batches.get(batch_id)
        project = batch.project if batch is not None else None
        if project is None or project not in self._services.settings.projects:
            problem = f"project '{project}' is not configured any more"
            raise Misconfigured(f"batch {batch_id}", problem, "Configure it again under this name.")
        return project

    def _persons(self, project: str) -> int:
        rule = self._services.settings.projects[project].release.review
        return rule.persons if rule is not None else 1


def image_size(path: Path) -> tuple[int, int] | None:
    """Return Rows and Columns of a staged image; None if it is not there, or is none."""
    from sendit.deidentify.pixels.image import describe  # noqa: PLC0415 - loads numpy

    try:
        with opened(path) as content:
            image = describe(read_file(memoryview(content)))
    except (Quarantine, Reject):
        return None
    return image.rows, image.columns
