"""Batches that a person stops before they were sent: CANCELLED, or held. A retry takes them up again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from sendit.journal import audit
from sendit.journal import tables as t
from sendit.journal.release.holds import hold_all
from sendit.journal.writing import Superseded, add_event, lock, move, now
from sendit.model import STOPPABLE, BatchState, DeliveryState

if TYPE_CHECKING:
    from collections.abc import Collection

_WORDS = {BatchState.CANCELLED: "cancelled", BatchState.QUARANTINED: "held"}
_UNDER_WAY = [DeliveryState.SENDING, DeliveryState.RETRYING, DeliveryState.PAUSED, DeliveryState.WAITING]


class Cancellations:
    """The part of the journal that stops batches at a person's wish."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def stop(self, batch_id: int, state: BatchState, actor: str, reason: str) -> bool:
        """→ CANCELLED or QUARANTINED; return whether the batch was in a state that allows it.

        What is under way is fenced: it ends at its next write. What a destination has of it already stays there, and
        the history says where; a recall removes it.

        Args:
            batch_id: the batch.
            state: CANCELLED or QUARANTINED.
            actor: who wishes it.
            reason: why, in their words.
        """
        b, d = t.batches.c, t.deliveries.c
        words = f"{_WORDS[state]} by a person"
        allowed: Collection[BatchState] = STOPPABLE
        if state is BatchState.CANCELLED:
            allowed = STOPPABLE | {BatchState.QUARANTINED}
        with self._engine.begin() as c:
            lock(c, batch_id)
            where = (b.id == batch_id) & b.state.in_(allowed)
            fenced = {"attempt": b.attempt + 1, "next_attempt_at": None, "starts": 0}
            try:
                move(c, where, state=state, reason=words, **fenced)
            except Superseded:
                return False
            hold_all(c, batch_id, words)
            under_way = (d.batch_id == batch_id) & d.state.in_(_UNDER_WAY)
            ended = {"state": DeliveryState.WAITING, "next_attempt_at": None, "starts": 0, "changed_at": now()}
            c.execute(sa.update(t.deliveries).where(under_way).values(**ended, attempt=d.attempt + 1))
            c.execute(sa.delete(t.review_marks).where(t.review_marks.c.batch_id == batch_id))
            add_event(c, batch_id, words + _there(c, batch_id), actor, reason)
            action = "cancel" if state is BatchState.CANCELLED else "hold"
            audit.add(c, audit.Act(actor, action, batch=batch_id, reason=reason))
            return True


def _there(c: sa.Connection, batch_id: int) -> str:
    """Return which destinations may hold something of the batch, in words; "" if none does."""
    d = t.deliveries.c
    some = (d.batch_id == batch_id) & ((d.sent > 0) | (d.state == DeliveryState.VERIFIED))
    names = list(c.execute(sa.select(d.destination).where(some).order_by(d.destination)).scalars())
    return f"; something of it is at {', '.join(names)}: recall it there if it has to go" if names else ""
