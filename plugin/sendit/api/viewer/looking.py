"""Who may look at originals, and the record of who did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias

from fastapi import Depends

from sendit.api.roles import ORIGINALS, UNRELEASED, Person, Someone, Viewer
from sendit.pipeline.batch import Pipeline


@dataclass(frozen=True, slots=True)
class Looking:
    """A user who may see codes, and perhaps originals."""

    person: Person

    @property
    def originals(self) -> bool:
        """Return whether they may see originals."""
        return self.person.may(*ORIGINALS)

    def require_originals(self) -> None:
        """Raise the problem 403 unless they may see originals."""
        self.person.require(*ORIGINALS)

    def require_unreleased(self) -> None:
        """Raise the problem 403 unless they may see outputs that wait for a review."""
        self.person.require(*UNRELEASED)

    def record(self, pipeline: Pipeline, batch: int, subject: str, what: str) -> None:
        """Record a look at originals of a batch, before they are shown.

        Args:
            pipeline: has the journal.
            batch: number of the batch.
            subject: the instance, by its number in the batch.
            what: "frame", "sheet" or "header", with " of the output" if it is not the original.
        """
        pipeline.services.journal.audit.record_look(self.person.actor, batch, subject, what)


def _looking(_viewer: Viewer, person: Someone) -> Looking:
    return Looking(person)


#: Parameter of routes that may show originals; it needs the role VIEW.
Looker: TypeAlias = Annotated[Looking, Depends(_looking)]
