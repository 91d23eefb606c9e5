"""A batch's way to each of its destinations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sendit.errors import counted
from sendit.journal import tables as t
from sendit.journal.lists import counts
from sendit.journal.lists.totals import add as add_to_totals
from sendit.journal.receipts import manifest
from sendit.journal.writing import Superseded, add_event, lock, move, now, reading
from sendit.model import BatchState, Delivery, DeliveryState, InstanceState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

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
        """Return the deliveries of batches, by batch and destination."""
        d = t.deliveries.c
        query = sa.select(*_COLUMNS).where(d.batch_id.in_(batch_ids)).order_by(d.batch_id, d.destination)
        by_batch: dict[int, list[Delivery]] = {batch_id: [] for batch_id in batch_ids}
        with reading(self._engine) as c:
            for row in c.execute(query):
                by_batch[row.batch_id].append(_delivery(row))
        return by_batch

    def open(self, home: str | None = None) -> list[Delivery]:
        """Return the deliveries of DELIVERING batches to be tried, or tried again; of one home, or all."""
        d, b = t.deliveries.c, t.batches.c
        query = sa.select(*_COLUMNS).join(t.batches, b.id == d.batch_id)
        query = query.where((b.state == BatchState.DELIVERING) & d.state.in_(_OPEN)).order_by(d.batch_id)
        if home is not None:
            query = query.where(b.home == home)
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
        """→ SENDING; return how often this attempt was begun.

        Raises Superseded if the journal names another attempt.
        """
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
        """Record how many instances are acknowledged. If that is progress, starts count from zero again."""
        with self._engine.begin() as c:
            starts = sa.case((t.deliveries.c.sent < sent, 1), else_=t.deliveries.c.starts)
            self._set(c, delivery, sent=sent, starts=starts)

    def postpone(self, delivery: Delivery, reason: str, until: datetime) -> int:
        """→ RETRYING; return the number of the next attempt."""
        d = t.deliveries.c
        values = {"state": DeliveryState.RETRYING, "last_error": reason, "next_attempt_at": until, "starts": 0}
        with self._engine.begin() as c:
            self._set(c, delivery, **values, attempt=d.attempt + 1, failures=d.failures + 1)
            add_event(c, delivery.batch_id, f"{delivery.destination}: will be retried: {reason}")
        return delivery.attempt + 1

    def pause(self, batch_id: int, destination: str, attempt: int, why: str, until: datetime | None) -> None:
        """→ PAUSED, which is not a failure; `resume` ends it. Fences the attempt that is under way."""
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
        """Return per destination: batches per state, the number of instances it has, the last failure."""
        by_destination: dict[str, tuple[dict[DeliveryState, int], int, str | None]] = {}
        with reading(self._engine) as c:
            for count in counts.read(c, counts.DESTINATION):
                states, before, _ = by_destination.get(count.name, ({}, 0, None))
                states = {**states, DeliveryState(count.state): count.number}
                by_destination[count.name] = (states, before + count.instances, self._last_error(c, count.name))
        return by_destination

    def _last_error(self, c: sa.Connection, destination: str) -> str | None:
        d = t.deliveries.c
        query = sa.select(d.last_error).where((d.destination == destination) & d.last_error.is_not(None))
        error: str | None = c.execute(query.order_by(d.changed_at.desc()).limit(1)).scalar()
        return error

    def open_destinations(self, home: str | None = None) -> set[str]:
        """Return the destinations with deliveries still to be made; of one home, or all."""
        return {delivery.destination for delivery in self.open(home)}

    def renew(self, delivery: Delivery) -> int:
        """Begin a new attempt, which fences the old, for one that is no longer scheduled; return its number."""
        with self._engine.begin() as c:
            self._set(c, delivery, attempt=t.deliveries.c.attempt + 1)
        return delivery.attempt + 1

    def cleared(self, delivery: Delivery) -> None:
        """Note that nothing of the former version is left there."""
        with self._engine.begin() as c:
            self._set(c, delivery, replaces=0)

    def fail(self, delivery: Delivery, reason: str) -> None:
        """→ FAILED; so is the batch once none of its deliveries is still under way."""
        with self._engine.begin() as c:
            lock(c, delivery.batch_id)
            failures = t.deliveries.c.failures + 1
            self._set(c, delivery, state=DeliveryState.FAILED, last_error=reason, failures=failures)
            add_event(c, delivery.batch_id, f"{delivery.destination}: FAILED: {reason}")
            settle(c, delivery.batch_id)

    def verified(self, delivery: Delivery, sent: int) -> BatchState:
        """→ VERIFIED; return the batch's state afterwards: SENT once every destination is."""
        with self._engine.begin() as c:
            lock(c, delivery.batch_id)
            self._set(c, delivery, state=DeliveryState.VERIFIED, sent=sent, last_error=None, replaces=0)
            event = f"{counted(sent, 'instance')} delivered and read back" if sent else _nothing(delivery)
            add_event(c, delivery.batch_id, f"{delivery.destination}: {event}")
            state = settle(c, delivery.batch_id)
            taken = {delivery.destination: delivery.modalities} if sent else {}
            add_to_totals(c, delivery.batch_id, {**taken, **({"": None} if state is BatchState.SENT else {})})
            return state


def send_off(
    c: sa.Connection, where: sa.ColumnElement[bool], batch_id: int, destinations: Mapping[str, Sequence[str] | None]
) -> BatchState:
    """→ DELIVERING, or what follows if all destinations hold it already (after a retry); return the state afterwards.

    Args:
        c: a transaction, which is to raise the project's count of releases, too.
        where: finds the batch.
        batch_id: the batch; every receipt of its instances has to say that it is released.
        destinations: those of the project, each with the modalities that alone it takes; None: all.

    Raises:
        Superseded: the batch has changed.
    """
    _address(c, batch_id, destinations)
    end = manifest.head(receipt for _, receipt in manifest.receipts_of(c, batch_id))
    move(c, where, state=BatchState.DELIVERING, reason=None, starts=0, failures=0, manifest=end)
    after = settle(c, batch_id)
    if after is BatchState.SENT:
        add_to_totals(c, batch_id, {"": None})
    return after


def _address(c: sa.Connection, batch_id: int, destinations: Mapping[str, Sequence[str] | None]) -> None:
    """Add a delivery per destination; drop those that the project no longer names (a recall still asks there).

    What of the batch goes to a destination is fixed with this: a later change of its Modalities changes nothing.
    A destination that holds a former version of it gets this one.
    """
    d = t.deliveries.c
    mine = d.batch_id == batch_id
    stale = mine & (d.state != DeliveryState.VERIFIED) & d.destination.not_in(destinations)
    c.execute(sa.update(t.deliveries).where(stale).values(state=DeliveryState.DROPPED, changed_at=now()))
    former = mine & (d.state == DeliveryState.VERIFIED) & (d.replaces > 0) & d.destination.in_(destinations)
    anew = {"state": DeliveryState.WAITING, "failures": 0, "starts": 0, "sent": 0, "next_attempt_at": None}
    c.execute(sa.update(t.deliveries).where(former).values(**anew, attempt=d.attempt + 1, changed_at=now()))
    addressed = set(c.execute(sa.select(d.destination).where(mine)).scalars())
    for name, taken in destinations.items():
        if name not in addressed:
            values = {"batch_id": batch_id, "destination": name, "state": DeliveryState.WAITING}
            c.execute(sa.insert(t.deliveries).values(**values, modalities=taken, changed_at=now()))


def settle(c: sa.Connection, batch_id: int) -> BatchState:
    """DELIVERING → SENT or FAILED once none of the batch's deliveries is under way; return its state afterwards."""
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
