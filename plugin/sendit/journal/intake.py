"""How batches come to be: opened by a first instance, queued when their study is stable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from sendit.errors import counted
from sendit.journal import audit
from sendit.journal import tables as t
from sendit.journal.recalls import RECALLED_STUDY, is_recalled
from sendit.journal.writing import add_event, count_up, note_state, now, reading
from sendit.model import DELETED, BatchState, InstanceState

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

#: SQLite takes at most 32,766 bound values a statement.
_CHUNK = 5_000


class Intake:
    """The part of the journal that the arrival of instances writes."""

    def __init__(self, engine: sa.Engine, home: str = "") -> None:
        self._engine = engine
        self._home = home  # what arrives here is done by its workers; other homes' studies are not looked at

    def receiving(self, study: str, count: int) -> None:
        """Note that a study is arriving, of which Orthanc holds `count` instances now.

        Opens its batch if none is open, and counts what no batch covers yet; does nothing if all is covered (an event
        may come after the import or the sweep that queued what it tells of).
        """
        with self._engine.begin() as c:
            new = count - self._count_covered(c, study)
            where = self._arriving(study)
            row = c.execute(sa.select(t.batches.c.id).where(where)).first()
            if row is not None:
                c.execute(sa.update(t.batches).where(where).values(received=max(new, 0), changed_at=now()))
            elif new > 0:
                self._open(c, study, BatchState.RECEIVING, new)

    def _arriving(self, study: str) -> sa.ColumnElement[bool]:
        return self._is_here() & (t.batches.c.study == study) & (t.batches.c.state == BatchState.RECEIVING)

    def _is_here(self) -> sa.ColumnElement[bool]:
        return t.batches.c.home == self._home

    def _count_covered(self, c: sa.Connection, study: str) -> int:
        query = sa.select(sa.func.count(sa.distinct(t.instances.c.instance)))
        query = query.join(t.batches, t.batches.c.id == t.instances.c.batch_id).where(t.batches.c.study == study)
        return int(c.execute(query).scalar_one())

    def _open(self, c: sa.Connection, study: str, state: BatchState, count: int) -> int:
        before = c.execute(sa.select(sa.func.max(t.batches.c.id)).where(t.batches.c.study == study)).scalar()
        values = {"study": study, "state": state, "received": count, "follows": before, "home": self._home}
        done = c.execute(sa.insert(t.batches).values(**values, opened_at=now(), changed_at=now()))
        batch_id = int(done.inserted_primary_key[0])  # type: ignore[index]
        note_state(c, batch_id, state, None)
        add_event(c, batch_id, "opened" if before is None else f"opened for late instances; it follows batch {before}")
        return batch_id

    def queue(self, study: str, project: str | None, listed: Sequence[str], last_update: str | None) -> int | None:
        """List the instances of a stable study that no batch of this project covers yet, and queue them as a batch.

        Args:
            study: Orthanc's identifier of the study.
            project: None if no project matches; the batch then ends EMPTY and says so.
            listed: Orthanc's identifiers of all its instances now.
            last_update: the study's LastUpdate in Orthanc.

        Returns:
            The batch's id, or None if every instance is covered already.
        """
        try:
            return self._queue(study, project, listed, last_update)
        except sa.exc.IntegrityError:
            # Another worker listed them between our look and our write; what it left is ours.
            return self._queue(study, project, listed, last_update)

    def _queue(self, study: str, project: str | None, listed: Sequence[str], last_update: str | None) -> int | None:
        with self._engine.begin() as c:
            new = self._uncovered(c, project or "", listed)
            where = self._arriving(study)
            opened = c.execute(sa.select(t.batches.c.id).where(where)).scalar()
            if not new:
                self._forget(c, study, opened, last_update)
                return None
            batch_id = self._open(c, study, BatchState.RECEIVING, len(new)) if opened is None else int(opened)
            self._list(c, batch_id, project or "", new)
            state = BatchState.QUEUED if project else BatchState.EMPTY
            values = {"project": project, "received": len(new), "last_update": last_update, "changed_at": now()}
            if project:
                values["follows"] = self._before(c, batch_id, study, project)
            reason = None if project else "no project's Match applies to this study"
            c.execute(
                sa.update(t.batches).where(t.batches.c.id == batch_id).values(state=state, reason=reason, **values)
            )
            note_state(c, batch_id, state, project)
            if not project:
                self._reject_all(c, batch_id, str(reason))
            add_event(c, batch_id, f"{len(new)} instance{'s' * (len(new) != 1)} queued" if project else str(reason))
            self._hold_recalled(c, batch_id, study, project)
            if project:
                count_up(c, project, begun=1)
            return batch_id

    def _before(self, c: sa.Connection, batch_id: int, study: str, project: str) -> int | None:
        """Return the newest batch of the study in this project before that one."""
        b = t.batches.c
        where = (b.study == study) & (b.project == project) & (b.id < batch_id)
        return c.execute(sa.select(sa.func.max(b.id)).where(where)).scalar()

    def _hold_recalled(self, c: sa.Connection, batch_id: int, study: str, project: str | None) -> None:
        """Hold late instances of a recalled study before they are even processed."""
        if project is None or not is_recalled(c, study, project):
            return
        where = t.instances.c.batch_id == batch_id
        held = {"state": InstanceState.QUARANTINED, "reason": RECALLED_STUDY}
        c.execute(sa.update(t.instances).where(where).values(**held))
        values = {"state": BatchState.QUARANTINED, "reason": RECALLED_STUDY, "changed_at": now()}
        c.execute(sa.update(t.batches).where(t.batches.c.id == batch_id).values(**values))
        note_state(c, batch_id, BatchState.QUARANTINED, project)
        add_event(c, batch_id, f"{BatchState.QUARANTINED}: {RECALLED_STUDY}")

    def queue_overwritten(self, study: str, project: str, instance: str) -> int:
        """Create a batch for one instance whose content in Orthanc was replaced after it was processed."""
        with self._engine.begin() as c:
            same = (t.instances.c.instance == instance) & (t.instances.c.project == project)
            last = c.execute(sa.select(sa.func.max(t.instances.c.generation)).where(same)).scalar() or 0
            batch_id = self._open(c, study, BatchState.QUEUED, 1)
            c.execute(sa.update(t.batches).where(t.batches.c.id == batch_id).values(project=project))
            self._list(c, batch_id, project, {instance: last + 1})
            note_state(c, batch_id, BatchState.QUEUED, project)
            self._hold_recalled(c, batch_id, study, project)
            count_up(c, project, begun=1)
            return batch_id

    def _list(self, c: sa.Connection, batch_id: int, project: str, new: Mapping[str, int]) -> None:
        """List instances. `new`: Orthanc's identifier → generation."""
        rows = [
            {
                "batch_id": batch_id,
                "project": project,
                "instance": identifier,
                "generation": generation,
                "state": InstanceState.PENDING,
            }
            for identifier, generation in new.items()
        ]
        c.execute(sa.insert(t.instances), rows)

    def _reject_all(self, c: sa.Connection, batch_id: int, reason: str) -> None:
        where = t.instances.c.batch_id == batch_id
        c.execute(sa.update(t.instances).where(where).values(state=InstanceState.REJECTED, reason=reason))

    def _uncovered(self, c: sa.Connection, project: str, listed: Sequence[str]) -> dict[str, int]:
        """Return instances that no batch covers → their generation.

        What was deleted before it was processed, and is there again, is not covered.
        """
        i = t.instances.c
        covering: dict[str, tuple[int, str | None]] = {}
        for start in range(0, len(listed), _CHUNK):
            where = i.instance.in_(listed[start : start + _CHUNK]) & (i.project == project)
            rows = c.execute(sa.select(i.instance, i.generation, i.reason).where(where).order_by(i.generation))
            covering |= {instance: (generation, reason) for instance, generation, reason in rows}
        new = {}
        for instance in listed:
            generation, reason = covering.get(instance, (-1, DELETED))
            if reason == DELETED:
                new[instance] = generation + 1
        return new

    def _forget(self, c: sa.Connection, study: str, opened: int | None, last_update: str | None) -> None:
        """Delete the open batch of a study that is fully covered, and note this LastUpdate with its newest batch."""
        if opened is not None:
            c.execute(sa.delete(t.events).where(t.events.c.batch_id == opened))
            c.execute(sa.delete(t.batches).where(t.batches.c.id == opened))
        here = self._is_here() & (t.batches.c.study == study)  # each Orthanc has a LastUpdate of its own
        newest = sa.select(sa.func.max(t.batches.c.id)).where(here).scalar_subquery()
        c.execute(sa.update(t.batches).where(t.batches.c.id == newest).values(last_update=last_update))

    def drop_receiving(self, study: str, failed: str = "") -> list[int]:
        """RECEIVING → EMPTY: the study was deleted from Orthanc before it was stable.

        Args:
            study: the study in Orthanc.
            failed: why nobody wanted that, and what to do. The batch then ends FAILED; if the study has had none, it
                gets one.

        Returns:
            The batches that ended FAILED.
        """
        where = self._arriving(study)
        with self._engine.begin() as c:
            rows = c.execute(sa.select(t.batches.c.id, t.batches.c.received).where(where)).all()
            received = {int(row.id): int(row.received) for row in rows}
            if failed and not received and not self._is_known(c, study):
                received = {self._open(c, study, BatchState.RECEIVING, 0): 0}
            for batch_id, count in received.items():
                self._end_receiving(c, batch_id, count, failed)
        return list(received) if failed else []

    def _end_receiving(self, c: sa.Connection, batch_id: int, count: int, failed: str) -> None:
        reason = "the study was deleted from Orthanc before it was complete"
        if failed:
            reason += (
                f", with {counted(count, 'instance that was', 'instances that were')} counted: {failed}"
                if count
                else f": {failed}"
            )
        state = BatchState.FAILED if failed else BatchState.EMPTY
        values = {"state": state, "reason": reason, "received": 0, "changed_at": now()}
        c.execute(sa.update(t.batches).where(t.batches.c.id == batch_id).values(**values))
        note_state(c, batch_id, state, None)
        add_event(c, batch_id, reason)

    def _is_known(self, c: sa.Connection, study: str) -> bool:
        """Return whether it has, or had, a batch: those of unlinked projects no longer name their studies."""
        batch = sa.select(t.batches.c.id).where(t.batches.c.study == study).limit(1)
        unlinked = sa.select(t.unlinked_studies.c.study).where(t.unlinked_studies.c.study == study).limit(1)
        return c.execute(batch).first() is not None or c.execute(unlinked).first() is not None

    def covered(self, identifiers: Collection[str]) -> dict[str, tuple[int, InstanceState, str | None]]:
        """Return the newest batch, state and input digest of those instances that some batch covers."""
        c_ = t.instances.c
        query = sa.select(c_.instance, c_.batch_id, c_.state, c_.input_sha256).where(c_.instance.in_(identifiers))
        with reading(self._engine) as c:
            rows = c.execute(query.order_by(c_.batch_id)).all()
        return {row.instance: (row.batch_id, InstanceState(row.state), row.input_sha256) for row in rows}

    def last_updates(self, studies: Collection[str]) -> dict[str, tuple[str | None, bool]]:
        """Return, for studies that have a batch, the newest LastUpdate listed and whether one is RECEIVING."""
        c_ = t.batches.c
        query = sa.select(c_.study, c_.last_update, c_.state)
        query = query.where(self._is_here() & c_.study.in_(studies)).order_by(c_.id)
        by_study: dict[str, tuple[str | None, bool]] = {}
        with reading(self._engine) as c:
            for study, last_update, state in c.execute(query):
                previous, open_ = by_study.get(study, (None, False))
                by_study[study] = (last_update or previous, open_ or state == BatchState.RECEIVING)
        return by_study

    def receiving_studies(self) -> list[str]:
        """Return the studies whose batch is RECEIVING."""
        query = sa.select(t.batches.c.study).where(self._is_here() & (t.batches.c.state == BatchState.RECEIVING))
        with reading(self._engine) as c:
            return list(c.execute(query).scalars())

    def route(self, study: str, project: str, act: audit.Act | None = None, *, backfill: bool = False) -> None:
        """Remember that an import named `project` for this study, or a person: then `act` goes to the audit log.

        Args:
            study: Orthanc's identifier of the study.
            project: the project.
            act: what a person did.
            backfill: whether what arrives by DICOM goes before it.
        """
        with self._engine.begin() as c:
            if act is not None:
                audit.add(c, act)
            where = (t.routes.c.study == study) & (t.routes.c.project == project)
            if c.execute(sa.select(t.routes.c.study).where(where)).first() is None:
                c.execute(sa.insert(t.routes).values(study=study, project=project, at=now(), backfill=backfill))

    def routes(self, study: str) -> list[str]:
        """Return the projects that imports named for this study, the first named first."""
        query = sa.select(t.routes.c.project).where(t.routes.c.study == study).order_by(t.routes.c.at)
        with reading(self._engine) as c:
            return list(c.execute(query).scalars())
