"""The filter of batches: query parameters of lists, and the same as JSON for actions on many batches."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from datetime import date as Date
from typing import Annotated, Any, TypeAlias, TypeVar

from fastapi import Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from sendit.journal.lists.pages import Filter
from sendit.model import BatchState, DeliveryState

#: Orthanc's identifiers.
STUDY = "^[0-9a-f]{8}(-[0-9a-f]{8}){4}$"
#: The greatest number of a batch, or of an import, in the journal.
LARGEST = 2**31 - 1
#: Characters that a terminal, a log and a database can hold.
_TEXT = r"^[^\x00-\x1f\x7f-\x9f]*$"
Name = Annotated[str, Field(max_length=64, pattern=_TEXT)]

#: Parameter of lists that show the newest first, one page at a time.
Before: TypeAlias = Annotated[int | None, Query(ge=1, le=LARGEST, description="`next` of the previous page")]
Row = TypeVar("Row")


def one_page(
    read: Callable[[int], Sequence[Row]], most: int, number: Callable[[Row], int]
) -> tuple[Sequence[Row], int | None]:
    """Return the rows of a page, and where the next page begins.

    Args:
        read: reads so many rows of the journal at most; one more than the page holds tells of a next page.
        most: how many the page holds.
        number: tells by which number a row is found again.

    Returns:
        The rows of the page; the number of the last one, or None if there is no next page.
    """
    rows = read(most + 1)
    return rows[:most], number(rows[most - 1]) if len(rows) > most else None


def _written_out(value: Any) -> Any:
    """Refuse numbers and times for a day: pydantic would take them as seconds since 1970, and cut times off."""
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        raise ValueError("must be a day: YYYY-MM-DD")
    return value


#: A day of UTC.
Day = Annotated[Date, BeforeValidator(_written_out)]


def apart(value: Any) -> Any:
    """Return a list in which each text stands for itself: Orthanc passes on one query parameter of a name."""
    texts = value if isinstance(value, list) else [value]
    return [part for text in texts for part in (str(text).split(",") if isinstance(text, str) else [text]) if part]


class BatchFilter(BaseModel):
    """Filter of batches: all that is given must apply. Days are those of UTC, and belong to the span."""

    model_config = ConfigDict(extra="forbid")

    project: Name | None = None
    state: Annotated[list[BatchState], BeforeValidator(apart)] = Field(
        default=[], description="any of these; in an address, separated by commas"
    )
    modality: Name | None = Field(default=None, description="of an output")
    destination: Name | None = None
    delivery: Annotated[list[DeliveryState], BeforeValidator(apart)] = Field(
        default=[], description="state of the delivery there, or anywhere; as `state`"
    )
    opened_from: Day | None = Field(default=None, description="first day on which it came in")
    opened_to: Day | None = Field(default=None, description="last day on which it came in")
    ended_from: Day | None = Field(default=None, description="first day on which it ended")
    ended_to: Day | None = Field(default=None, description="last day on which it ended")
    coded: Name | None = Field(default=None, description="the coded PatientID, or the coded StudyInstanceUID")
    study: str | None = Field(default=None, pattern=STUDY, description="Orthanc's identifier of the original study")
    reason: str | None = Field(default=None, max_length=100, pattern=_TEXT, description="text that the reason contains")

    def wanted(self) -> Filter:
        """Return it as the journal takes it. An empty text limits nothing: forms send one for each empty field."""
        return Filter(
            project=self.project or None,
            states=frozenset(self.state),
            modality=self.modality or None,
            destination=self.destination or None,
            deliveries=frozenset(self.delivery),
            opened_from=begin_of(self.opened_from),
            opened_before=end_of(self.opened_to),
            ended_from=begin_of(self.ended_from),
            ended_before=end_of(self.ended_to),
            coded=self.coded or None,
            study=self.study,
            reason=self.reason or None,
        )

    def in_words(self) -> str:
        """Return what limits anything, for the record of an action."""
        given = self.model_dump(mode="json", exclude_defaults=True)
        return ", ".join(f"{name} {value}" for name, value in given.items()) or "all batches"


class BatchQuery(BatchFilter):
    """A filter, and which page of it."""

    limit: int = Field(default=50, ge=1, le=500)
    before: int | None = Field(default=None, ge=1, le=LARGEST, description="`next` of a page")
    after: int | None = Field(default=None, ge=0, le=LARGEST, description="`previous` of a page; not with `before`")


def begin_of(day: Date | None) -> datetime | None:
    """Return the first moment of a day."""
    return None if day is None else datetime.combine(day, time.min, UTC)


def end_of(day: Date | None) -> datetime | None:
    """Return the first moment after a day; the last possible day has none, and limits nothing."""
    return None if day is None or day == Date.max else datetime.combine(day, time.min, UTC) + timedelta(days=1)
