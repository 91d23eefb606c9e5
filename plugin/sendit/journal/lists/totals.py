"""Totals of deliveries by day, project and destination: studies, instances, bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sendit.journal import tables as t
from sendit.journal.writing import insert_into, now, reading
from sendit.model import InstanceState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

#: Modality → instances and bytes.
Sizes = dict[str, tuple[int, int]]
_RECEIPTS = [InstanceState.RELEASED, InstanceState.SENT, InstanceState.QUARANTINED]


@dataclass(frozen=True, slots=True)
class Total:
    """Deliveries of one day (UTC), or of the whole span."""

    day: date | None
    project: str
    destination: str | None  # None: at all destinations of its project
    studies: int
    batches: int
    instances: int
    size: int  # bytes


class Totals:
    """Reads them."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def of(
        self,
        first: date,
        last: date,
        project: str | None = None,
        destination: str | None = None,
        *,
        by_destination: bool = False,
        by_day: bool = True,
    ) -> list[Total]:
        """Return the totals of a span of days, both included; the newest day first.

        Args:
            first: the first day.
            last: the last day.
            project: only this one.
            destination: only this one.
            by_destination: what each destination got; otherwise what all destinations of its project got.
            by_day: a line for each day; otherwise one for the whole span.
        """
        x = t.totals.c
        sums = [sa.func.sum(x[name]).label(name) for name in ("studies", "batches", "instances", "size")]
        keys: list[Any] = [*([x.day] if by_day else []), x.project, x.destination]
        query = sa.select(*keys, *sums).where((x.day >= first) & (x.day <= last)).group_by(*keys)
        if destination is not None:
            query = query.where(x.destination == destination)
        else:
            query = query.where(x.destination != "" if by_destination else x.destination == "")
        if project is not None:
            query = query.where(x.project == project)
        order: list[Any] = [*([x.day.desc()] if by_day else []), x.project, x.destination]
        with reading(self._engine) as c:
            rows = c.execute(query.order_by(*order)).all()
        return [
            Total(row.day if by_day else None, row.project, row.destination or None, int(row.studies),
                  int(row.batches), int(row.instances), int(row.size))
            for row in rows
        ]  # fmt: skip


def sizes_of(c: sa.Connection, batch_id: int, states: Iterable[InstanceState] = _RECEIPTS) -> Sizes:
    """Return modality → instances and bytes of the batch's outputs."""
    i = t.instances.c
    modality, size = i.receipt["modality"].as_string(), i.receipt["output_size"].as_integer()
    query = sa.select(modality, sa.func.count(), sa.func.sum(size)).group_by(modality)
    query = query.where((i.batch_id == batch_id) & i.state.in_(list(states)) & size.is_not(None))
    return {str(name or ""): (int(number), int(total)) for name, number, total in c.execute(query)}


def note_outputs(c: sa.Connection, batch_id: int) -> int | None:
    """Write down the modalities of the batch's outputs; return their size in bytes, None if there are none."""
    sizes, m = sizes_of(c, batch_id), t.batch_modalities
    c.execute(sa.delete(m).where(m.c.batch_id == batch_id))
    names = [name for name in sizes if 0 < len(name) <= 16]
    if names:
        c.execute(sa.insert(m), [{"batch_id": batch_id, "modality": name} for name in names])
    return sum(size for _, size in sizes.values()) if sizes else None


def add(c: sa.Connection, batch_id: int, taken: Mapping[str, Any]) -> None:
    """Add a batch to the totals of today. To be called late in a transaction: the rows are locks for others.

    Args:
        c: the transaction.
        batch_id: the batch.
        taken: destination → the modalities that it took of the batch (None: all); "" is for all destinations together.
    """
    b, x = t.batches.c, t.totals
    project, follows, version = c.execute(sa.select(b.project, b.follows, b.version).where(b.id == batch_id)).one()
    sizes = sizes_of(c, batch_id, [InstanceState.RELEASED, InstanceState.SENT])
    for destination, modalities in sorted(taken.items()):
        mine = [value for name, value in sizes.items() if modalities is None or name in modalities]
        # A batch that is processed again is delivered again, and is the same batch.
        more = {"studies": int(follows is None and version == 1), "batches": int(version == 1)}
        more |= {"instances": sum(n for n, _ in mine), "size": sum(size for _, size in mine)}
        row = insert_into(c, x).values(day=now().date(), project=project or "", destination=destination, **more)
        keys = [x.c.day, x.c.project, x.c.destination]
        grown = {name: x.c[name] + number for name, number in more.items()}
        c.execute(row.on_conflict_do_update(index_elements=keys, set_=grown))
