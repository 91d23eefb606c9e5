"""Waiting work, brought forward: by an operator, because a clock was wrong, or after a backup was restored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sendit.journal import audit
from sendit.journal import tables as t
from sendit.journal.recalls import never_began
from sendit.journal.writing import SYSTEM, add_event, move, now, reading
from sendit.model import BatchState, DeliveryState, InstanceState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_WAITS = [DeliveryState.RETRYING, DeliveryState.RECALLING]


_RESTORED = "de-identified again: the journal was restored from a backup, and nothing of the batch was staged"


class Rescheduling:
    """Batches and deliveries whose next attempt is brought forward."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def hasten(self, batch_id: int, why: str, actor: str = SYSTEM, reason: str = "") -> bool:
        """Bring the batch's next attempts forward to now, as new attempts; return whether any waited.

        The reconciliation schedules it. Work that runs at this moment is left alone.

        Args:
            batch_id: the batch.
            why: for the batch's history.
            actor: who wishes it.
            reason: why, in their words.
        """
        b, d = t.batches.c, t.deliveries.c
        waits = (b.id == batch_id) & (b.state == BatchState.QUEUED) & b.next_attempt_at.is_not(None)
        of = (d.batch_id == batch_id) & d.state.in_(_WAITS) & d.next_attempt_at.is_not(None)
        with self._engine.begin() as c:
            due = {"next_attempt_at": None, "changed_at": now()}
            changed = c.execute(sa.update(t.batches).where(waits).values(**due, attempt=b.attempt + 1)).rowcount
            changed += c.execute(sa.update(t.deliveries).where(of).values(**due, attempt=d.attempt + 1)).rowcount
            if changed:
                add_event(c, batch_id, why, actor, reason)
                audit.add(c, audit.Act(actor, "try-now", batch=batch_id, reason=reason))
            return changed > 0

    def held_for(self, reasons: Sequence[str], unless: str, home: str = "") -> list[int]:
        """Return the batches that are QUARANTINED with an instance held for one of these reasons.

        Args:
            reasons: why instances are held.
            unless: those whose history has this line are left out.
            home: whose batches.
        """
        b, i, e = t.batches.c, t.instances.c, t.events.c
        held = sa.exists().where((i.batch_id == b.id) & (i.state == InstanceState.QUARANTINED) & i.reason.in_(reasons))
        told = sa.exists().where((e.batch_id == b.id) & (e.message == unless))
        where = (b.state == BatchState.QUARANTINED) & b.home.in_(("", home)) & held & ~told
        with reading(self._engine) as c:
            return list(c.execute(sa.select(b.id).where(where).order_by(b.id)).scalars())

    def stage_anew(self, is_staged: Callable[[int], bool]) -> list[int]:
        """DELIVERING → QUEUED if the staged files are missing: the journal was restored from a backup.

        The same input gives the same output, so what a destination holds already stays as it is.
        """
        b = t.batches.c
        with reading(self._engine) as c:
            batch_ids = list(c.execute(sa.select(b.id).where(b.state == BatchState.DELIVERING)).scalars())
        lost = [batch_id for batch_id in batch_ids if not is_staged(batch_id)]
        with self._engine.begin() as c:
            for batch_id in lost:
                stage_batch_anew(c, batch_id, _RESTORED)
        return lost


def stage_batch_anew(c: sa.Connection, batch_id: int, why: str) -> None:
    """DELIVERING → QUEUED, as a new attempt. Instances that a destination holds already stay as they are.

    Args:
        c: the transaction.
        batch_id: the batch; nothing of it is staged.
        why: for its history.
    """
    b, d, i = t.batches.c, t.deliveries.c, t.instances.c
    values: dict[str, Any] = {"state": BatchState.QUEUED, "next_attempt_at": None, "starts": 0}
    move(c, b.id == batch_id, **values, attempt=b.attempt + 1)
    left = (i.batch_id == batch_id) & (i.state == InstanceState.RELEASED)
    c.execute(sa.update(t.instances).where(left).values(state=InstanceState.PENDING, receipt=sa.null()))
    waits = (d.batch_id == batch_id) & (d.state != DeliveryState.VERIFIED)
    again = {"state": DeliveryState.WAITING, "next_attempt_at": None, "starts": 0, "changed_at": now()}
    c.execute(sa.update(t.deliveries).where(waits).values(**again, attempt=d.attempt + 1))
    add_event(c, batch_id, why)


def covered_elsewhere(c: sa.Connection, batch_id: int, project: str) -> bool:
    """Return whether another batch of this project covers an instance of the batch."""
    mine, other = t.instances.alias("mine"), t.instances.alias("other")
    same = (mine.c.instance == other.c.instance) & (mine.c.generation == other.c.generation)
    query = sa.select(other.c.id).where((mine.c.batch_id == batch_id) & (other.c.project == project) & same)
    return c.execute(query.where(other.c.batch_id != batch_id).limit(1)).first() is not None


def renew_deliveries(c: sa.Connection, batch_id: int) -> None:
    """Address anew the deliveries that never began: the project may no longer name them."""
    d = t.deliveries.c
    c.execute(sa.delete(t.deliveries).where((d.batch_id == batch_id) & never_began()))
    where = (d.batch_id == batch_id) & (d.state != DeliveryState.VERIFIED)
    values = {"state": DeliveryState.WAITING, "failures": 0, "starts": 0, "next_attempt_at": None}
    c.execute(sa.update(t.deliveries).where(where).values(**values, attempt=d.attempt + 1, changed_at=now()))
