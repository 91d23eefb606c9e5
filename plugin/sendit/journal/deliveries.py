"""A batch's way to each of its destinations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sendit.journal import tables as t
from sendit.journal.writing import Superseded, add_event, lock, move, now, reading
from sendit.model import BatchState, Delivery, DeliveryState, InstanceState

_OPEN = [DeliveryState.WAITING, DeliveryState.SENDING, DeliveryState.RETRYING, DeliveryState.PAUSED]
_COLUMNS = [c for c in t.deliveries.c if c.name not in ("changed_at", "starts")]


def _delivery(row: sa.Row[Any]) -> Delivery:
    values = dict(row._mapping)
    return Delivery(**{**values, "state": DeliveryState(values["state"])})


def _nothing(delivery: Delivery) -> str:
    return f"nothing to deliver: it takes {', '.join(delivery.modalities or [])} alone"


class Deliveries:
    """Deliveries, and what they mean for their batch."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def of(self, batch_ids: Sequence[int]) -> dict[int, list[Delivery]]:
        d = t.deliveries.c
        query = sa.select(*_COLUMNS).where(d.batch_id.in_(batch_ids)).order_by(d.batch_id, d.destination)
        found: dict[int, list[Delivery]] = {batch_id: [] for batch_id in batch_ids}
        with reading(self._engine) as c:
            for row in c.execute(query):
                found[row.batch_id].append(_delivery(row))
        return found

    def open(self) -> list[Delivery]:
        """Those that have yet to be tried, or tried again, of batches that are DELIVERING."""
        d, b = t.deliveries.c, t.batches.c
        query = sa.select(*_COLUMNS).join(t.batches, b.id == d.batch_id)
        query = query.where((b.state == BatchState.DELIVERING) & d.state.in_(_OPEN)).order_by(d.batch_id)
        with reading(self._engine) as c:
            return [_delivery(row) for row in c.execute(query)]

    def _where(self, delivery: Delivery) -> sa.ColumnElement[bool]:
        d = t.deliveries.c
        return (
            (d.batch_id == delivery.batch_id)
            & (d.destination == delivery.destination)
            & (d.attempt == delivery.attempt)
            & d.state.in_(_OPEN)
        )

    def _set(self, c: sa.Connection, delivery: Delivery, **values: Any) -> None:
        done = c.execute(sa.update(t.deliveries).where(self._where(delivery)).values(changed_at=now(), **values))
        if done.rowcount != 1:
            raise Superseded

    def begin(self, batch_id: int, destination: str, attempt: int) -> tuple[Delivery, int]:
        """→ SENDING, and how often this attempt was begun. Superseded if the journal names another attempt."""
        d, b = t.deliveries.c, t.batches.c
        key = (d.batch_id == batch_id) & (d.destination == destination)
        with self._engine.begin() as c:
            state = c.execute(sa.select(b.state).where(b.id == batch_id)).scalar()
            row = c.execute(sa.select(*_COLUMNS).where(key & (d.attempt == attempt))).first()
            if row is None or state != BatchState.DELIVERING:
                raise Superseded
            self._set(c, _delivery(row), state=DeliveryState.SENDING, starts=d.starts + 1, next_attempt_at=None)
            row = c.execute(sa.select(*_COLUMNS, d.starts).where(key)).one()
            values = {k: v for k, v in row._mapping.items() if k != "starts"}
            return Delivery(**{**values, "state": DeliveryState.SENDING}), int(row.starts)

    def progress(self, delivery: Delivery, sent: int) -> None:
        """So many instances are acknowledged. Where that is news, the count of starts begins anew."""
        with self._engine.begin() as c:
            starts = sa.case((t.deliveries.c.sent < sent, 1), else_=t.deliveries.c.starts)
            self._set(c, delivery, sent=sent, starts=starts)

    def postpone(self, delivery: Delivery, reason: str, until: datetime) -> int:
        """→ RETRYING; the number of the next attempt."""
        d = t.deliveries.c
        values = {"state": DeliveryState.RETRYING, "last_error": reason, "next_attempt_at": until, "starts": 0}
        with self._engine.begin() as c:
            self._set(c, delivery, **values, attempt=d.attempt + 1, failures=d.failures + 1)
            add_event(c, delivery.batch_id, f"{delivery.destination}: will be tried again: {reason}")
        return delivery.attempt + 1

    def pause(self, batch_id: int, destination: str, attempt: int, why: str, until: datetime | None) -> None:
        """→ PAUSED, which is no failure; `resume` ends it. The attempt that is under way is fenced."""
        d = t.deliveries.c
        where = (d.batch_id == batch_id) & (d.destination == destination) & (d.attempt == attempt)
        with self._engine.begin() as c:
            row = c.execute(sa.select(*_COLUMNS).where(where)).first()
            if row is None:
                raise Superseded
            paused = {"state": DeliveryState.PAUSED, "next_attempt_at": until, "starts": 0}
            self._set(c, _delivery(row), **paused, attempt=d.attempt + 1)
            add_event(c, batch_id, f"{destination}: paused: {why}")

    def resume(self, delivery: Delivery) -> None:
        """PAUSED → WAITING."""
        d = t.deliveries.c
        where = self._where(delivery) & (d.state == DeliveryState.PAUSED)
        values = {"state": DeliveryState.WAITING, "next_attempt_at": None, "changed_at": now()}
        with self._engine.begin() as c:
            if c.execute(sa.update(t.deliveries).where(where).values(**values)).rowcount != 1:
                raise Superseded

    def summary(self) -> dict[str, tuple[dict[DeliveryState, int], int, str | None]]:
        """For each destination: how many batches are in which state, how many instances it holds, the last failure."""
        d = t.deliveries.c
        held = sa.func.sum(sa.case((d.state == DeliveryState.VERIFIED, d.sent), else_=0))
        query = sa.select(d.destination, d.state, sa.func.count().label("count"), held.label("held"))
        failed = sa.select(d.destination, d.last_error).where(d.last_error.is_not(None)).order_by(d.changed_at)
        with reading(self._engine) as c:
            errors = {row.destination: row.last_error for row in c.execute(failed)}
            rows = c.execute(query.group_by(d.destination, d.state)).all()
        found: dict[str, tuple[dict[DeliveryState, int], int, str | None]] = {}
        for name, state, count, instances in rows:
            states, before, _ = found.get(name, ({}, 0, None))
            found[name] = ({**states, DeliveryState(state): count}, before + int(instances), errors.get(name))
        return found

    def open_destinations(self) -> set[str]:
        """The destinations that something is yet to go to."""
        return {delivery.destination for delivery in self.open()}

    def renew(self, delivery: Delivery) -> int:
        """Nothing is scheduled for this attempt any more: a new one, which fences the old; its number."""
        with self._engine.begin() as c:
            self._set(c, delivery, attempt=t.deliveries.c.attempt + 1)
        return delivery.attempt + 1

    def fail(self, delivery: Delivery, reason: str) -> None:
        """→ FAILED; the batch too, once none of its deliveries is still under way."""
        with self._engine.begin() as c:
            lock(c, delivery.batch_id)
            self._set(c, delivery, state=DeliveryState.FAILED, last_error=reason)
            add_event(c, delivery.batch_id, f"{delivery.destination}: FAILED: {reason}")
            settle(c, delivery.batch_id)

    def verified(self, delivery: Delivery, sent: int) -> BatchState:
        """→ VERIFIED; the batch's state afterwards: SENT once every destination is."""
        with self._engine.begin() as c:
            lock(c, delivery.batch_id)
            self._set(c, delivery, state=DeliveryState.VERIFIED, sent=sent, last_error=None)
            said = f"{sent} instances delivered and read back" if sent else _nothing(delivery)
            add_event(c, delivery.batch_id, f"{delivery.destination}: {said}")
            return settle(c, delivery.batch_id)


def settle(c: sa.Connection, batch_id: int) -> BatchState:
    """A DELIVERING batch is SENT, or FAILED, once none of its deliveries is under way; its state afterwards."""
    d, b, i = t.deliveries.c, t.batches.c, t.instances.c
    rows = c.execute(sa.select(d.destination, d.state, d.last_error).where(d.batch_id == batch_id)).all()
    if any(row.state in _OPEN for row in rows):
        return BatchState.DELIVERING
    where = (b.id == batch_id) & (b.state == BatchState.DELIVERING)
    failed = [f"{row.destination}: {row.last_error}" for row in rows if row.state == DeliveryState.FAILED]
    if failed:
        move(c, where, state=BatchState.FAILED, reason="; ".join(failed))
        return BatchState.FAILED
    released = (i.batch_id == batch_id) & (i.state == InstanceState.RELEASED)
    c.execute(sa.update(t.instances).where(released).values(state=InstanceState.SENT))
    move(c, where, state=BatchState.SENT, reason=None)
    return BatchState.SENT
