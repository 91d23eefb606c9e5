"""Recalls: batches on their way back. A recalled study, or patient, stays out of its project from then on."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sendit.journal import tables as t
from sendit.journal.writing import Superseded, add_event, lock, move, now, reading
from sendit.model import (
    VARIANT_MARK,
    WITHDRAWN,
    BatchState,
    Delivery,
    DeliveryState,
    InstanceState,
    family,
)

RECALLED_STUDY = "this study was recalled in this project; nothing of it may leave any more"
RECALLED_PATIENT = "this patient's studies were recalled in this project; nothing of them may leave any more"

_COLUMNS = [c for c in t.deliveries.c if c.name not in ("changed_at", "starts")]


def of_family(column: sa.Column[Any], project: str) -> sa.ColumnElement[bool]:
    """That a column names this project or one of its variants, whichever of them is given."""
    name = family(project)
    return (column == name) | column.startswith(name + VARIANT_MARK, autoescape=True)


def is_recalled(c: sa.Connection, study: str, project: str) -> bool:
    """Whether a batch of this study was recalled in this project, or in a variant of it."""
    b = t.batches.c
    where = (b.study == study) & b.state.in_(WITHDRAWN) & of_family(b.project, project)
    return c.execute(sa.select(b.id).where(where).limit(1)).first() is not None


def never_began() -> sa.ColumnElement[bool]:
    """The deliveries of which nothing can have left."""
    d = t.deliveries.c
    return (d.state == DeliveryState.WAITING) & (d.attempt == 1) & (d.starts == 0)


class Recalls:
    """What a recall writes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def studies_of(self, patient: str) -> set[tuple[str, str]]:
        """The studies, with the project, of which something was released under this coded PatientID."""
        b, i = t.batches.c, t.instances.c
        query = sa.select(b.study, b.project).join(t.instances, i.batch_id == b.id).distinct()
        with reading(self._engine) as c:
            rows = c.execute(query.where(i.receipt["patient_id"].as_string() == patient))
            return {(study, project) for study, project in rows}

    def batches_of(self, study: str, project: str) -> list[int]:
        """The batches of a study in a project and its variants that are not recalled yet, the first one first."""
        b = t.batches.c
        where = (b.study == study) & of_family(b.project, project) & (b.state != BatchState.RECALLED)
        with reading(self._engine) as c:
            return list(c.execute(sa.select(b.id).where(where).order_by(b.id)).scalars())

    def projects_of(self, study: str) -> set[str]:
        """The projects, and variants, in which batches of the study were recalled."""
        b = t.batches.c
        where = (b.study == study) & b.state.in_(WITHDRAWN) & b.project.is_not(None)
        with reading(self._engine) as c:
            return set(c.execute(sa.select(b.project).where(where).distinct()).scalars())

    def names_of(self, project: str) -> set[str]:
        """The project and its variants, as far as they have batches: also those that are not configured any more."""
        b = t.batches.c
        with reading(self._engine) as c:
            return set(c.execute(sa.select(b.project).where(of_family(b.project, project)).distinct()).scalars())

    def begin(self, studies: Collection[tuple[str, str]], reason: str, patients: bool) -> list[int]:
        """→ RECALLING, for every batch of these studies in these projects and their variants.

        What is under way for them is fenced. What never began to be sent has nothing to be removed. Of a batch that is
        being recalled already, what failed or waits for its next try is tried at once.

        Args:
            studies: study and project.
            reason: an operator's words; "" for none.
            patients: hold further studies of these patients, too.

        Returns:
            The batches that are being recalled now.
        """
        b = t.batches.c
        begun = []
        with self._engine.begin() as c:
            for study, project in sorted(studies):
                where = (b.study == study) & of_family(b.project, project)
                found = c.execute(sa.select(b.id, b.state).where(where).order_by(b.id)).all()
                if patients:
                    self._withdraw_patients(c, [row.id for row in found])
                for row in found:
                    if row.state == BatchState.RECALLING:
                        again = self._hasten(c, row.id)
                    elif again := row.state != BatchState.RECALLED:
                        self._begin(c, row.id, reason)
                    if again:
                        begun.append(int(row.id))
        return begun

    def _withdraw_patients(self, c: sa.Connection, batch_ids: list[int]) -> None:
        i, p = t.instances.c, t.recalled_patients.c
        coded = i.receipt["patient_id"].as_string()
        query = sa.select(i.project, coded).where(i.batch_id.in_(batch_ids) & coded.is_not(None)).distinct()
        for project, patient in c.execute(query).all():
            known = c.execute(sa.select(p.project).where((p.project == project) & (p.patient_id == patient))).first()
            if known is None:
                c.execute(sa.insert(t.recalled_patients).values(project=project, patient_id=patient, at=now()))

    def _begin(self, c: sa.Connection, batch_id: int, reason: str) -> None:
        b, d = t.batches.c, t.deliveries.c
        said = "recalled by an operator" + (f": {reason}" if reason else "")
        values = {"state": BatchState.RECALLING, "reason": said, "next_attempt_at": None}
        move(c, b.id == batch_id, **values, attempt=b.attempt + 1)
        add_event(c, batch_id, said)
        mine = d.batch_id == batch_id
        never = mine & never_began()
        fenced = {"attempt": d.attempt + 1, "next_attempt_at": None, "changed_at": now()}
        c.execute(sa.update(t.deliveries).where(never).values(state=DeliveryState.RECALLED, **fenced))
        again: dict[str, Any] = {"state": DeliveryState.RECALLING, "failures": 0, "starts": 0, "last_error": None}
        c.execute(sa.update(t.deliveries).where(mine & (d.state != DeliveryState.RECALLED)).values(**again, **fenced))
        self._settle(c, batch_id)

    def _hasten(self, c: sa.Connection, batch_id: int) -> bool:
        """What could not be removed at some destinations is tried again while others are still at it; if anything is.

        A removal that runs at this moment is left alone.
        """
        d = t.deliveries.c
        waits = (d.state == DeliveryState.RECALLING) & d.next_attempt_at.is_not(None)
        where = (d.batch_id == batch_id) & (waits | (d.state == DeliveryState.RECALL_FAILED))
        anew: dict[str, Any] = {"state": DeliveryState.RECALLING, "failures": 0, "starts": 0, "last_error": None}
        anew |= {"attempt": d.attempt + 1, "next_attempt_at": None, "changed_at": now()}
        if c.execute(sa.update(t.deliveries).where(where).values(**anew)).rowcount == 0:
            return False
        add_event(c, batch_id, "recalled once more by an operator")
        return True

    # --- one destination -----------------------------------------------------------------------------------------

    def open(self) -> list[Delivery]:
        """What is yet to be removed."""
        query = sa.select(*_COLUMNS).where(t.deliveries.c.state == DeliveryState.RECALLING)
        with reading(self._engine) as c:
            return [_delivery(row) for row in c.execute(query.order_by(t.deliveries.c.batch_id))]

    def start(self, batch_id: int, destination: str, attempt: int) -> tuple[Delivery, int]:
        """The delivery that is to be removed, and how often this attempt was begun. Superseded if it is another's."""
        d = t.deliveries.c
        where = (d.batch_id == batch_id) & (d.destination == destination)
        with self._engine.begin() as c:
            row = c.execute(sa.select(*_COLUMNS).where(where & (d.attempt == attempt))).first()
            if row is None:
                raise Superseded
            self._set(c, _delivery(row), starts=d.starts + 1, next_attempt_at=None)
            return _delivery(row), int(c.execute(sa.select(d.starts).where(where)).scalar_one())

    def _set(self, c: sa.Connection, delivery: Delivery, **values: Any) -> None:
        d = t.deliveries.c
        where = (d.batch_id == delivery.batch_id) & (d.destination == delivery.destination)
        where &= (d.attempt == delivery.attempt) & (d.state == DeliveryState.RECALLING)
        done = c.execute(sa.update(t.deliveries).where(where).values(changed_at=now(), **values))
        if done.rowcount != 1:
            raise Superseded

    def renew(self, delivery: Delivery, ended: bool = False) -> int:
        """A new attempt, which fences the old; its number.

        Args:
            ended: this start came to its end, there was only nothing to be done yet.
        """
        starts = {"starts": 0} if ended else {}
        with self._engine.begin() as c:
            self._set(c, delivery, attempt=t.deliveries.c.attempt + 1, **starts)
        return delivery.attempt + 1

    def postpone(self, delivery: Delivery, left: int, reason: str, until: datetime) -> int:
        """Failed for now, to be tried again; the number of the next attempt.

        Args:
            left: how many of its instances may still be there.
        """
        d = t.deliveries.c
        values = {"sent": left, "last_error": reason, "next_attempt_at": until, "starts": 0}
        with self._engine.begin() as c:
            self._set(c, delivery, **values, attempt=d.attempt + 1, failures=d.failures + 1)
            add_event(c, delivery.batch_id, f"{delivery.destination}: the recall will be tried again: {reason}")
        return delivery.attempt + 1

    def end(self, delivery: Delivery, removed: int, left: int, problem: str | None) -> BatchState:
        """→ RECALLED, or RECALL_FAILED if there is a problem; the batch's state afterwards.

        Args:
            left: how many of its instances may still be there.
        """
        state = DeliveryState.RECALLED if problem is None else DeliveryState.RECALL_FAILED
        values = {"state": state, "sent": left, "removed": removed, "last_error": problem}
        said = f"{removed} instances removed; nothing is left" if problem is None else f"{state}: {problem}"
        with self._engine.begin() as c:
            lock(c, delivery.batch_id)
            self._set(c, delivery, **values)
            add_event(c, delivery.batch_id, f"{delivery.destination}: {said}")
            return self._settle(c, delivery.batch_id)

    def _settle(self, c: sa.Connection, batch_id: int) -> BatchState:
        """Once every destination has answered: RECALLED, or RECALL_FAILED."""
        d, b, i = t.deliveries.c, t.batches.c, t.instances.c
        rows = c.execute(sa.select(d.destination, d.state, d.last_error).where(d.batch_id == batch_id)).all()
        if any(row.state == DeliveryState.RECALLING for row in rows):
            return BatchState.RECALLING
        where = (b.id == batch_id) & (b.state == BatchState.RECALLING)
        failed = [f"{row.destination}: {row.last_error}" for row in rows if row.state == DeliveryState.RECALL_FAILED]
        if failed:
            move(c, where, state=BatchState.RECALL_FAILED, reason="; ".join(failed))
            return BatchState.RECALL_FAILED
        called = (i.batch_id == batch_id) & i.state.in_(
            [InstanceState.PENDING, InstanceState.RELEASED, InstanceState.SENT]
        )
        c.execute(sa.update(t.instances).where(called).values(state=InstanceState.RECALLED))
        move(c, where, state=BatchState.RECALLED)
        add_event(c, batch_id, "recalled: nothing of it is left at any destination")
        return BatchState.RECALLED


def _delivery(row: sa.Row[Any]) -> Delivery:
    values = dict(row._mapping)
    return Delivery(**{**values, "state": DeliveryState(values["state"])})
