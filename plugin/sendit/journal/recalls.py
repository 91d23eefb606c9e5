"""Recalls: batches on their way back. A recalled study, or patient, stays out of its project from then on."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sendit.errors import counted
from sendit.journal import audit
from sendit.journal import tables as t
from sendit.journal.audit import Act
from sendit.journal.lists import counts
from sendit.journal.writing import SYSTEM, Superseded, add_event, count_up, insert_into, lock, move, now, reading
from sendit.model import (
    VARIANT_MARK,
    WITHDRAWN,
    BatchState,
    Delivery,
    DeliveryState,
    InstanceState,
    family,
)

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

RECALLED_STUDY = "this study was recalled in this project; nothing of it may leave any more"
RECALLED_PATIENT = "this patient's studies were recalled in this project; nothing of them may leave any more"

_COLUMNS = [c for c in t.deliveries.c if c.name not in ("changed_at", "starts")]


def of_family(column: sa.Column[Any], project: str) -> sa.ColumnElement[bool]:
    """Return the condition that a column names this project or one of its variants, whichever is given."""
    name = family(project)
    return (column == name) | column.startswith(name + VARIANT_MARK, autoescape=True)


def is_recalled(c: sa.Connection, study: str, project: str) -> bool:
    """Return whether this study was recalled in this project, or in a variant of it."""
    b, w = t.batches.c, t.recalled_studies.c
    noted = (w.study == study) & of_family(w.project, project)
    if c.execute(sa.select(w.study).where(noted).limit(1)).first() is not None:
        return True
    where = (b.study == study) & b.state.in_(WITHDRAWN) & of_family(b.project, project)
    return c.execute(sa.select(b.id).where(where).limit(1)).first() is not None


def never_began() -> sa.ColumnElement[bool]:
    """Return the deliveries that cannot have sent anything."""
    d = t.deliveries.c
    return (d.state == DeliveryState.WAITING) & (d.attempt == 1) & (d.starts == 0)


class Recalls:
    """The journal's records of recalls."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def studies_of(self, patient: str) -> set[tuple[str, str]]:
        """Return the studies, with the project, of which something was released under this coded PatientID."""
        b, i = t.batches.c, t.instances.c
        # Not from the receipts alone: there may be ten millions of them.
        released = sa.exists().where((i.batch_id == b.id) & (i.receipt["patient_id"].as_string() == patient))
        query = sa.select(b.study, b.project).where((b.coded_patient == patient) & released).distinct()
        with reading(self._engine) as c:
            return {(study, project) for study, project in c.execute(query)}

    def batches_of(self, study: str, project: str) -> list[int]:
        """Return the batches, oldest first, of a study in a project and its variants that are not recalled yet."""
        b = t.batches.c
        where = (b.study == study) & of_family(b.project, project) & (b.state != BatchState.RECALLED)
        with reading(self._engine) as c:
            return list(c.execute(sa.select(b.id).where(where).order_by(b.id)).scalars())

    def projects_of(self, study: str) -> set[str]:
        """Return the projects, and variants, in which the study was recalled."""
        b, w = t.batches.c, t.recalled_studies.c
        where = (b.study == study) & b.state.in_(WITHDRAWN) & b.project.is_not(None)
        with reading(self._engine) as c:
            noted = set(c.execute(sa.select(w.project).where(w.study == study)).scalars())
            return noted | set(c.execute(sa.select(b.project).where(where).distinct()).scalars())

    def names_of(self, project: str) -> set[str]:
        """Return the project and its variants that have batches, also those that are no longer configured."""
        with reading(self._engine) as c:
            names = {count.name for count in counts.read(c, counts.PROJECT)}
        return {name for name in names if name and family(name) == family(project)}

    def begin(
        self, studies: Collection[tuple[str, str]], reason: str, *, patients: bool, actor: str = SYSTEM
    ) -> list[int]:
        """→ RECALLING, for every batch of these studies in these projects and their variants.

        Work under way for them is fenced. A batch that never began to be sent has nothing to be removed. Of a batch
        that is being recalled already, what failed or waits for its next try is tried at once.

        Args:
            studies: study and project.
            reason: an operator's words; "" for none.
            patients: hold further studies of these patients, too.
            actor: who recalls.

        Returns:
            The batches that are being recalled now.
        """
        b = t.batches.c
        begun: list[int] = []
        held: list[tuple[str, str]] = []
        new: Counter[str] = Counter()
        with self._engine.begin() as c:
            for study, project in sorted(studies):
                new[project] += self._withdraw(c, t.recalled_studies, project, study=study)
                where = (b.study == study) & of_family(b.project, project)
                batches = c.execute(sa.select(b.id, b.state).where(where).order_by(b.id)).all()
                if patients:
                    held += self._withdraw_patients(c, [row.id for row in batches])
                for row in batches:
                    if row.state == BatchState.RECALLING:
                        again = self._hasten(c, row.id, reason, actor)
                    elif again := row.state != BatchState.RECALLED:
                        self._begin(c, row.id, reason, actor)
                    if again:
                        begun.append(int(row.id))
            acts = [Act(actor, "recall", batch=number, reason=reason) for number in begun]
            acts += [Act(actor, "hold-patient", project=of, subject=code, reason=reason) for of, code in held]
            audit.add(c, *acts)
            new.update(of for of, _ in held)
            for name in sorted(new):
                if new[name]:
                    count_up(c, name, withdrawn=new[name])
        return begun

    def _withdraw(self, c: sa.Connection, table: sa.Table, project: str, **who: str) -> bool:
        """Note a study or a patient that is withdrawn; return whether that is new."""
        row = insert_into(c, table).values(project=project, at=now(), **who)
        # Waits for another recall of the same.
        return c.execute(row.on_conflict_do_nothing().returning(table.c.project)).first() is not None

    def withdraw_again(self, studies: Collection[tuple[str, str]], patients: Collection[tuple[str, str]]) -> None:
        """Note what was withdrawn before this journal was restored from a backup; project and study, or patient."""
        with self._engine.begin() as c:
            for project, study in sorted(studies):
                self._withdraw(c, t.recalled_studies, project, study=study)
            for project, patient in sorted(patients):
                self._withdraw(c, t.recalled_patients, project, patient_id=patient)

    def _withdraw_patients(self, c: sa.Connection, batch_ids: list[int]) -> list[tuple[str, str]]:
        """Return those that are new: project and coded PatientID."""
        i = t.instances.c
        coded = i.receipt["patient_id"].as_string()
        query = sa.select(i.project, coded).where(i.batch_id.in_(batch_ids) & coded.is_not(None)).distinct()
        rows = [(str(project), str(patient)) for project, patient in c.execute(query).all()]
        return [one for one in rows if self._withdraw(c, t.recalled_patients, one[0], patient_id=one[1])]

    def _begin(self, c: sa.Connection, batch_id: int, reason: str, actor: str) -> None:
        b, d = t.batches.c, t.deliveries.c
        event = "recalled by an operator" + (f": {reason}" if reason else "")
        values = {"state": BatchState.RECALLING, "reason": event, "next_attempt_at": None}
        move(c, b.id == batch_id, **values, attempt=b.attempt + 1)
        add_event(c, batch_id, event, actor, reason)
        mine = d.batch_id == batch_id
        never = mine & never_began()
        fenced = {"attempt": d.attempt + 1, "next_attempt_at": None, "changed_at": now()}
        c.execute(sa.update(t.deliveries).where(never).values(state=DeliveryState.RECALLED, **fenced))
        again: dict[str, Any] = {"state": DeliveryState.RECALLING, "failures": 0, "starts": 0, "last_error": None}
        c.execute(sa.update(t.deliveries).where(mine & (d.state != DeliveryState.RECALLED)).values(**again, **fenced))
        self._settle(c, batch_id)

    def _hasten(self, c: sa.Connection, batch_id: int, reason: str, actor: str) -> bool:
        """Retry now removals that failed or wait, while other destinations are still at it; return whether any did.

        A removal that runs at this moment is left alone.
        """
        d = t.deliveries.c
        waits = (d.state == DeliveryState.RECALLING) & d.next_attempt_at.is_not(None)
        where = (d.batch_id == batch_id) & (waits | (d.state == DeliveryState.RECALL_FAILED))
        anew: dict[str, Any] = {"state": DeliveryState.RECALLING, "failures": 0, "starts": 0, "last_error": None}
        anew |= {"attempt": d.attempt + 1, "next_attempt_at": None, "changed_at": now()}
        if c.execute(sa.update(t.deliveries).where(where).values(**anew)).rowcount == 0:
            return False
        add_event(c, batch_id, "recalled once more by an operator", actor, reason)
        return True

    # --- one destination -----------------------------------------------------------------------------------------

    def open(self, home: str | None = None) -> list[Delivery]:
        """Return the removals still to be done; of one home, or all."""
        query = sa.select(*_COLUMNS).where(t.deliveries.c.state == DeliveryState.RECALLING)
        if home is not None:
            b = t.batches.c
            query = query.join(t.batches, b.id == t.deliveries.c.batch_id).where(b.home == home)
        with reading(self._engine) as c:
            return [_delivery(row) for row in c.execute(query.order_by(t.deliveries.c.batch_id))]

    def start(self, batch_id: int, destination: str, attempt: int) -> tuple[Delivery, int]:
        """Return the delivery that is to be removed, and how often this attempt was begun.

        Superseded if it is another's.
        """
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

    def renew(self, delivery: Delivery, *, ended: bool = False) -> int:
        """Return a new attempt, which fences the old; its number.

        Args:
            delivery: the delivery.
            ended: this start came to its end, there was only nothing to be done yet.
        """
        starts = {"starts": 0} if ended else {}
        with self._engine.begin() as c:
            self._set(c, delivery, attempt=t.deliveries.c.attempt + 1, **starts)
        return delivery.attempt + 1

    def postpone(self, delivery: Delivery, left: int, reason: str, until: datetime) -> int:
        """Postpone a removal that failed for now; return the number of the next attempt.

        Args:
            delivery: the delivery.
            left: how many of its instances may still be there.
            reason: what failed.
            until: when to try again.
        """
        d = t.deliveries.c
        values = {"sent": left, "last_error": reason, "next_attempt_at": until, "starts": 0}
        with self._engine.begin() as c:
            self._set(c, delivery, **values, attempt=d.attempt + 1, failures=d.failures + 1)
            add_event(c, delivery.batch_id, f"{delivery.destination}: the recall will be retried: {reason}")
        return delivery.attempt + 1

    def end(self, delivery: Delivery, removed: int, left: int, problem: str | None) -> BatchState:
        """Set RECALLED, or RECALL_FAILED if there is a problem; return the batch's state afterwards.

        Args:
            delivery: the delivery.
            removed: how many instances were removed.
            left: how many of its instances may still be there.
            problem: what could not be removed; None if all is.
        """
        state = DeliveryState.RECALLED if problem is None else DeliveryState.RECALL_FAILED
        values = {"state": state, "sent": left, "removed": removed, "last_error": problem}
        event = f"{counted(removed, 'instance')} removed; nothing is left" if problem is None else f"{state}: {problem}"
        with self._engine.begin() as c:
            lock(c, delivery.batch_id)
            self._set(c, delivery, **values)
            add_event(c, delivery.batch_id, f"{delivery.destination}: {event}")
            return self._settle(c, delivery.batch_id)

    def _settle(self, c: sa.Connection, batch_id: int) -> BatchState:
        """→ RECALLED or RECALL_FAILED once every destination has answered."""
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
