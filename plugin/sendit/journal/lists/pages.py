"""Searches of batches, a page at a time: a bounded amount of work each, however many batches there are.

A filter is a conjunction. Where one of its parts alone is rare (at most `_RARE` batches, as an index tells), those are
looked through, all of them. Otherwise every part is frequent: the batches are looked through from the newest down, in
windows of an index; after `_MOST` of them the page ends with what was found, and says where the search goes on.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import sqlalchemy as sa

from sendit.journal import tables as t
from sendit.journal.lists import counts

if TYPE_CHECKING:
    from datetime import datetime

    from sendit.model import BatchState, DeliveryState

#: A part of a filter that so many batches have, or fewer, is rare.
_RARE = 1_000
#: Windows of a search, in batches: the first, and how many all of them together may hold.
_FIRST, _MOST = 400, 30_000
#: So many are looked through for the number of matches, where no count is kept.
_COUNTED = 200
#: No batch has a higher number.
LARGEST = 2**31 - 1
#: Batches are opened in the order of their numbers; two workers that open one at the same time may change places.
_SLACK = 1_000


@dataclass(frozen=True, slots=True)
class Filter:
    """Criteria of a search for batches: all that are given must apply."""

    project: str | None = None
    states: frozenset[BatchState] = frozenset()  # any of these; empty: all
    modality: str | None = None  # of an output
    destination: str | None = None
    deliveries: frozenset[DeliveryState] = frozenset()  # the delivery there, or any one if no destination is named
    opened_from: datetime | None = None
    opened_before: datetime | None = None
    ended_from: datetime | None = None
    ended_before: datetime | None = None
    coded: str | None = None  # the coded PatientID or the coded StudyInstanceUID
    study: str | None = None  # Orthanc's identifier
    reason: str | None = None  # text that the reason contains, in any case

    def given(self) -> set[str]:
        """Return the names of the fields that limit anything."""
        return {part.name for part in fields(self) if getattr(self, part.name) not in (None, frozenset())}


ALL = Filter()


#: A batch, or its number.
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Page(Generic[B]):
    """A page of batches, newest first."""

    batches: list[B]
    next: int | None  # `before` of the next page; None at the end
    previous: int | None  # `after` of the previous page; None at the beginning
    total: int  # how many there are, or at least that many
    exact: bool


@dataclass(slots=True)
class _Source:
    """An index that one part of a filter can be read from, in the order of the batches' numbers."""

    id: sa.ColumnElement[int]
    where: sa.ColumnElement[bool]
    ordered: bool = True  # the index gives the numbers in their order

    def rows(self) -> sa.Select[Any]:
        return sa.select(self.id.label("id")).where(self.where)


@dataclass(slots=True)
class _Search:
    """A filter, as conditions on `batches` and as sources."""

    where: list[sa.ColumnElement[bool]] = field(default_factory=list)
    sources: list[_Source] = field(default_factory=list)
    low: int | None = None  # by the dates, no batch has a lower number,
    high: int | None = None  # or a higher one

    def rows(self) -> tuple[_Source, sa.Select[Any]]:
        """Return the source to look through, and its rows."""
        source = next((source for source in self.sources if source.ordered), _Source(t.batches.c.id, sa.true()))
        rows = source.rows()
        rows = rows if self.low is None else rows.where(source.id >= self.low)
        return source, rows if self.high is None else rows.where(source.id <= self.high)


def find(
    c: sa.Connection, wanted: Filter, limit: int, before: int | None = None, after: int | None = None
) -> Page[int]:
    """Return a page of numbers: the newest batches, those older than `before`, or the next newer ones than `after`."""
    search = _conditions(c, wanted)
    kept = _kept_total(c, wanted)
    # Batches that the counts call frequent need not be counted once more, row by row.
    rare = _rare(c, search) if kept is None or kept <= _RARE else None
    up = after is not None and before is None
    bound = after if up else before
    if rare is not None:
        ids = [number for number in rare if bound is None or (number > bound if up else number < bound)]
        found, last = (sorted(ids, reverse=not up))[: limit + 1], None
        total, exact = len(rare), True
    else:
        found, last = _scan(c, search, limit + 1, bound, up=up)
        total, exact = (_least(c, search), False) if kept is None else (kept, True)
    more = found[limit - 1] if len(found) > limit else last
    shown = sorted(found[:limit], reverse=True)
    total = max(total, len(shown))
    if up:
        return Page(shown, shown[-1] if shown else None, more, total, exact)
    first = shown[0] if shown and before is not None else None
    return Page(shown, more, first, total, exact)


def _conditions(c: sa.Connection, wanted: Filter) -> _Search:
    b, search = t.batches.c, _Search()
    own: list[sa.ColumnElement[bool]] = []
    if wanted.project is not None:
        own.append(b.project == wanted.project)
    if wanted.states:
        own.append(b.state == min(wanted.states) if len(wanted.states) == 1 else b.state.in_(sorted(wanted.states)))
    if own:
        search.sources.append(_Source(b.id, sa.and_(*own), ordered=len(wanted.states) < 2))
    if wanted.study is not None:
        own.append(b.study == wanted.study)
        search.sources.append(_Source(b.id, b.study == wanted.study))
    if wanted.coded is not None:
        coded = (b.coded_patient == wanted.coded) | (b.coded_study == wanted.coded)
        own.append(coded)
        search.sources.append(_Source(b.id, coded, ordered=False))
    if wanted.reason is not None:
        own.append(b.reason.icontains(wanted.reason, autoescape=True))
    search.where = own
    _add_sides(search, wanted)
    _add_dates(c, search, wanted)
    return search


def _add_sides(search: _Search, wanted: Filter) -> None:
    """Add the conditions on tables beside `batches`."""
    b, d, m = t.batches.c, t.deliveries.c, t.batch_modalities.c
    if wanted.modality is not None:
        search.sources.append(_Source(m.batch_id, m.modality == wanted.modality))
        search.where.append(sa.exists().where((m.batch_id == b.id) & (m.modality == wanted.modality)))
    parts = []
    if wanted.destination is not None:
        parts.append(d.destination == wanted.destination)
    if wanted.deliveries:
        parts.append(d.state.in_(sorted(wanted.deliveries)))
    if parts:
        ordered = wanted.destination is not None and len(wanted.deliveries) < 2
        search.sources.append(_Source(d.batch_id, sa.and_(*parts), ordered=ordered))
        search.where.append(sa.exists().where(sa.and_(d.batch_id == b.id, *parts)))


def _unindexed(column: sa.Column[datetime]) -> sa.ColumnElement[datetime]:
    """Return a column so that no database takes an index on it: the span of numbers is narrower."""
    return sa.func.coalesce(column, column)


def _add_dates(c: sa.Connection, search: _Search, wanted: Filter) -> None:
    b = t.batches.c
    if wanted.opened_from is not None:
        first = sa.select(b.id).where(b.opened_at >= wanted.opened_from).order_by(b.opened_at, b.id).limit(1)
        low = c.execute(first).scalar()
        search.where.append(_unindexed(b.opened_at) >= wanted.opened_from)
        search.low = LARGEST if low is None else low - _SLACK
    # A batch that ended before then was opened before then.
    for latest, column in ((wanted.opened_before, b.opened_at), (wanted.ended_before, b.ended_at)):
        if latest is not None:
            last = sa.select(b.id).where(b.opened_at < latest).order_by(b.opened_at.desc(), b.id.desc()).limit(1)
            high = c.execute(last).scalar()
            search.where.append(_unindexed(column) < latest)
            high = 0 if high is None else high + _SLACK
            search.high = high if search.high is None else min(high, search.high)
    if wanted.ended_from is not None:
        search.where.append(_unindexed(b.ended_at) >= wanted.ended_from)
    if wanted.ended_from is not None or wanted.ended_before is not None:
        ended = [b.ended_at >= wanted.ended_from] if wanted.ended_from is not None else []
        ended += [b.ended_at < wanted.ended_before] if wanted.ended_before is not None else []
        search.sources.append(_Source(b.id, sa.and_(*ended), ordered=False))


def _rare(c: sa.Connection, search: _Search) -> list[int] | None:
    """Return all matches if a part of the filter is rare; None if none is."""
    b = t.batches.c
    some = [source.rows().limit(_RARE + 1).subquery() for source in search.sources]
    if not some:
        return None
    # One statement for all of them: each way to the database costs more than counting so few.
    numbers = c.execute(
        sa.select(*(sa.select(sa.func.count()).select_from(query).scalar_subquery() for query in some))
    ).one()
    for source, number in zip(search.sources, numbers, strict=True):
        if number <= _RARE:
            mine = sa.select(source.rows().limit(_RARE).subquery().c.id)
            return list(c.execute(sa.select(b.id).where(b.id.in_(mine), *search.where)).scalars())
    return None


def _scan(
    c: sa.Connection, search: _Search, limit: int, bound: int | None, *, up: bool
) -> tuple[list[int], int | None]:
    """Return the first matches, and where to go on if the search was given up before it had so many."""
    source, all_rows = search.rows()
    b = t.batches.c
    found: list[int] = []
    if up and search.low is not None:
        bound = max(bound or 0, search.low - 1)
    elif not up and search.high is not None:
        bound = search.high + 1 if bound is None else min(bound, search.high + 1)
    window, looked = _FIRST, 0
    while len(found) < limit and looked < _MOST:
        rows = all_rows
        if bound is not None:
            rows = rows.where(source.id > bound if up else source.id < bound)
        rows = rows.order_by(source.id if up else source.id.desc()).limit(window)
        inner = rows.subquery()
        edge = sa.func.max(inner.c.id) if up else sa.func.min(inner.c.id)
        end, size = c.execute(sa.select(edge, sa.func.count()).select_from(inner)).one()
        if not size:
            return found, None
        matching = sa.select(b.id).where(*search.where)
        matching = matching.where(b.id <= end, b.id > bound if bound is not None else sa.true()) if up else (
            matching.where(b.id >= end, b.id < bound if bound is not None else sa.true()))  # fmt: skip
        order = b.id if up else b.id.desc()
        found += c.execute(matching.order_by(order).limit(limit - len(found))).scalars()
        bound, looked = int(end), looked + int(size)
        if size < window:
            return found, None
        window = min(window * 4, 8_000)
    return found, bound if len(found) < limit else None


def _kept_total(c: sa.Connection, wanted: Filter) -> int | None:
    """Return how many batches match, from the counts; None if they do not tell."""
    given = wanted.given()
    if given <= {"project", "states"}:
        rows = counts.read(c, counts.PROJECT)
        mine = [
            row.number
            for row in rows
            if wanted.project in (None, row.name) and (not wanted.states or row.state in wanted.states)
        ]
        return sum(mine)
    if "destination" in given and given <= {"destination", "deliveries"}:
        rows = [row for row in counts.read(c, counts.DESTINATION) if row.name == wanted.destination]
        return sum(row.number for row in rows if not wanted.deliveries or row.state in wanted.deliveries)
    return None


def _least(c: sa.Connection, search: _Search) -> int:
    """Return how many of the newest batches match: there are at least that many."""
    source, numbers = search.rows()
    inner = numbers.order_by(source.id.desc()).limit(_COUNTED).subquery()
    query = sa.select(sa.func.count(sa.distinct(t.batches.c.id)))
    query = query.select_from(t.batches.join(inner, inner.c.id == t.batches.c.id)).where(*search.where)
    return int(c.execute(query).scalar_one())
