"""Unlinking a project in the journal: remove what leads from its batches and receipts back to originals.

What stays is what was sent: batches with their numbers and counts, receipts with coded UIDs and the digests of outputs,
so that `sendit verify` still works. What goes, and why:

- Orthanc's identifiers of studies and instances: they are SHA-1 of PatientID and the original UIDs.
- the digests of inputs: who has an original can compute them. So has the old manifest, which is chained over them.
- the times of batches, deliveries and events: other logs say when which study arrived.
- which batches of other projects are of the same study, the names of imported files and folders, and in the audit log
  which batch or code an act was about, and the reason in words. Who acted, when and how stays.
- the rows and studies of pulls.

The studies are remembered without their batches and in no order, so that they are not taken up anew.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sendit.errors import Misconfigured, Retry
from sendit.journal import tables as t
from sendit.journal.audit import redact
from sendit.journal.lists.acknowledgements import blank_acknowledgements
from sendit.journal.lists.pulls import end_pulls
from sendit.journal.receipts import manifest
from sendit.journal.receipts.manifest import receipts_of
from sendit.journal.writing import add_event, count_up, note_state, now, reading
from sendit.model import UNFINISHED, BatchState, DeliveryState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from datetime import datetime

_UNDER_WAY = [*UNFINISHED, BatchState.REVIEW]
_REWRITTEN = ("batches", "instances", "deliveries", "events", "crosswalk", "crosswalk_projects", "cut_studies",
              "audit", "routes", "imports", "import_files", "recalled_studies", "acknowledgements",
              "reviews", "review_marks", "review_regions", "review_devices", "former_receipts",
              "passports", "pull_rows", "pull_studies", "pull_matches")  # fmt: skip
#: Begins what stands in the place of Orthanc's identifiers, which have hexadecimal digits only.
_DETACHED = "cut-"
_NAMELESS = {"folder_mac": "", "directory_mac": "", "folder_sealed": None, "directory_sealed": None}
_RECALLS = (BatchState.RECALLED, BatchState.RECALL_FAILED, BatchState.RECALLING)
_NOT_INTACT = "0" * 64
_AGAIN = "the database is in use, and deleted values may still be in its files; run sendit unlink again"


@dataclass(frozen=True, slots=True)
class Unlinked:
    """When a project was unlinked, and whether that is complete."""

    at: datetime
    complete: bool  # False: it was interrupted, and has to be repeated

    def refusal(self, place: str, project: str) -> Misconfigured:
        """Return the error for any further use of this project."""
        problem = f"project '{project}' was permanently unlinked on {self.at:%Y-%m-%d}: its key was destroyed"
        return Misconfigured(
            place, f"{problem}, and it accepts no studies", "Give new studies to a project of another name."
        )


class Unlinking:
    """The tables as `sendit unlink` changes them. Every step may be repeated."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    # --- reading -------------------------------------------------------------------------------------------------

    def of(self, project: str) -> Unlinked | None:
        """Return when and how far the project was unlinked; None if it was not."""
        p = t.crosswalk_projects.c
        query = sa.select(p.unlinked_at, p.unlinked_done_at).where((p.project == project) & p.unlinked_at.is_not(None))
        with reading(self._engine) as c:
            row = c.execute(query).first()
        return None if row is None else Unlinked(row.unlinked_at, row.unlinked_done_at is not None)

    def projects_of(self, study: str) -> list[str]:
        """Return the unlinked projects that this study belonged to."""
        x = t.unlinked_studies.c
        with reading(self._engine) as c:
            return list(c.execute(sa.select(x.project).where(x.study == study).order_by(x.project)).scalars())

    def studies(self, among: Collection[str]) -> set[str]:
        """Return those of these studies that belonged to an unlinked project."""
        with reading(self._engine) as c:
            return set(
                c.execute(sa.select(t.unlinked_studies.c.study).where(t.unlinked_studies.c.study.in_(among))).scalars()
            )

    def under_way(self, project: str) -> int:
        """Return how many batches of the project have not ended."""
        where = (t.batches.c.project == project) & t.batches.c.state.in_(_UNDER_WAY)
        with reading(self._engine) as c:
            return int(c.execute(sa.select(sa.func.count()).select_from(t.batches).where(where)).scalar_one())

    def batches(self, project: str) -> list[int]:
        """Return the project's batches."""
        query = sa.select(t.batches.c.id).where(t.batches.c.project == project).order_by(t.batches.c.id)
        with reading(self._engine) as c:
            return list(c.execute(query).scalars())

    # --- the steps, in their order -------------------------------------------------------------------------------

    def begin(self, project: str) -> bool:
        """Refuse every batch of the project from now on. False: it was already so.

        Ask for `under_way` afterwards: a worker queues a batch first, and then asks whether the project is unlinked. So
        one of the two sees the other, whatever their order.
        """
        p = t.crosswalk_projects
        with self._engine.begin() as c:
            row = c.execute(sa.select(p.c.unlinked_at).where(p.c.project == project).with_for_update()).first()
            if row is None:
                c.execute(sa.insert(p).values(project=project, key_fingerprint="", unlinked_at=now()))
            elif row.unlinked_at is None:
                c.execute(sa.update(p).where(p.c.project == project).values(unlinked_at=now()))
            return row is None or row.unlinked_at is None

    def give_up(self, project: str) -> None:
        """End what is under way: the project was unlinked before this journal was restored from a backup."""
        b, d = t.batches.c, t.deliveries.c
        reason = "its project was permanently unlinked"
        with self._engine.begin() as c:
            where = (b.project == project) & b.state.in_(_UNDER_WAY)
            mine = list(c.execute(sa.select(b.id).where(where)).scalars())
            failed = {"state": BatchState.FAILED, "reason": reason, "attempt": b.attempt + 1, "next_attempt_at": None}
            c.execute(sa.update(t.batches).where(where).values(**failed, changed_at=now()))
            for batch_id in mine:
                note_state(c, batch_id, BatchState.FAILED, project)
            ended = [DeliveryState.VERIFIED, DeliveryState.RECALLED, DeliveryState.DROPPED]
            still = d.batch_id.in_(mine) & d.state.not_in(ended)
            values = {"state": DeliveryState.FAILED, "last_error": reason, "attempt": d.attempt + 1}
            c.execute(sa.update(t.deliveries).where(still).values(**values, next_attempt_at=None, changed_at=now()))

    def take_back(self, project: str) -> None:
        """Undo `begin`; only as long as nothing else was done."""
        p = t.crosswalk_projects
        with self._engine.begin() as c:
            c.execute(sa.delete(p).where((p.c.project == project) & (p.c.key_fingerprint == "")))
            c.execute(sa.update(p).where(p.c.project == project).values(unlinked_at=None))

    def detach(self, project: str) -> None:
        """Take out what leads back to originals."""
        with self._erasing() as c:
            self._remember_studies(c, project)
            c.execute(sa.delete(t.recalled_studies).where(t.recalled_studies.c.project == project))
            c.execute(sa.delete(t.crosswalk).where(t.crosswalk.c.project == project))
            c.execute(sa.delete(t.review_devices).where(t.review_devices.c.project == project))
            of_project = sa.select(t.imports.c.id).where(t.imports.c.project == project).scalar_subquery()
            c.execute(sa.delete(t.import_files).where(t.import_files.c.import_id.in_(of_project)))
            c.execute(sa.update(t.imports).where(t.imports.c.project == project).values(**_NAMELESS))
            end_pulls(c, project, "its project was permanently unlinked")
        unlinked = self.of(project)
        with self._erasing() as c:  # when a patient withdrew is known to the patient
            withdrawn = sa.update(t.recalled_patients).where(t.recalled_patients.c.project == project)
            c.execute(withdrawn.values(at=now() if unlinked is None else unlinked.at))
            imports = list(c.execute(sa.select(t.imports.c.id).where(t.imports.c.project == project)).scalars())
            blank_acknowledgements(c, "import", imports, now() if unlinked is None else unlinked.at)
            redact(c, project)
        with reading(self._engine) as c:
            studies = self._tied(c, project)
        for study in studies:
            with self._erasing() as c:
                self._detach_study(c, study, project, now() if unlinked is None else unlinked.at)

    def _remember_studies(self, c: sa.Connection, project: str) -> None:
        """Remember the studies sorted by their identifiers, which are digests: the original order is not kept."""
        r, x = t.routes.c, t.unlinked_studies.c
        tied = self._tied(c, project)
        tied |= set(c.execute(sa.select(r.study).where(r.project == project)).scalars())
        w = t.recalled_studies.c  # of a recall that a journal out of a backup knew no batch of
        tied |= set(c.execute(sa.select(w.study).where(w.project == project)).scalars())
        tied -= set(c.execute(sa.select(x.study).where(x.project == project)).scalars())
        if tied:
            rows = [{"study": study, "project": project} for study in sorted(tied)]
            c.execute(sa.insert(t.unlinked_studies), rows)
        c.execute(sa.delete(t.routes).where(r.project == project))

    def _tied(self, c: sa.Connection, project: str) -> set[str]:
        """Return the studies that batches of the project name."""
        b = t.batches.c
        query = sa.select(b.study).where((b.project == project) & b.study.not_like(f"{_DETACHED}%"))
        return set(c.execute(query.distinct()).scalars())

    def _detach_study(self, c: sa.Connection, study: str, project: str, at: datetime) -> None:
        """Replace the study of its batches: they still belong together, but which study it was is gone."""
        b = t.batches.c
        mine = (b.study == study) & (b.project == project)
        batches = list(c.execute(sa.select(b.id).where(mine)).scalars())
        for batch_id in batches:
            self._detach_batch(c, batch_id, project, at)
        c.execute(sa.update(t.batches).where(mine).values(study=_DETACHED + secrets.token_hex(20)))

    def _detach_batch(self, c: sa.Connection, batch_id: int, project: str, at: datetime) -> None:
        b = t.batches.c
        batch = c.execute(sa.select(b.manifest, b.follows).where(b.id == batch_id)).one()
        intact = batch.manifest == manifest.head(receipt for _, receipt in receipts_of(c, batch_id))
        self._detach_instances(c, batch_id, at)
        for table in (t.reviews, t.review_marks, t.review_regions):  # when, and why, somebody looked at it
            c.execute(sa.delete(table).where(table.c.batch_id == batch_id))
        end = batch.manifest and _NOT_INTACT
        if end and intact:
            end = manifest.head(receipt for _, receipt in receipts_of(c, batch_id))
        ours = sa.select(b.id).where((b.id == batch.follows) & (b.project == project))
        follows = batch.follows if c.execute(ours).first() else None
        values: dict[str, Any] = {
            "last_update": None,
            "copied_from": None,
            "opened_at": at,
            "changed_at": at,
            "next_attempt_at": None,
        }
        # Why a batch was recalled is an operator's own text.
        reason = sa.case((b.state.in_(_RECALLS), None), else_=b.reason)
        values["ended_at"] = sa.case((b.ended_at.is_not(None), sa.literal(at, t.UtcDateTime())))
        changed = sa.update(t.batches).where(b.id == batch_id)
        c.execute(changed.values(manifest=end, follows=follows, reason=reason, **values))
        others = (b.follows == batch_id) & (b.project.is_(None) | (b.project != project))
        c.execute(sa.update(t.batches).where(others).values(follows=None))
        times = {"changed_at": at, "next_attempt_at": None}
        c.execute(sa.update(t.deliveries).where(t.deliveries.c.batch_id == batch_id).values(**times))
        blank_acknowledgements(c, "batch", [batch_id], at)
        c.execute(sa.delete(t.events).where(t.events.c.batch_id == batch_id))
        c.execute(sa.delete(t.passports).where(t.passports.c.batch_id == batch_id))  # they tell times
        add_event(c, batch_id, "its project was permanently unlinked: what led back to the originals was removed")

    def _detach_instances(self, c: sa.Connection, batch_id: int, at: datetime) -> None:
        i, f = t.instances.c, t.former_receipts.c
        rows = c.execute(sa.select(i.id, i.receipt).where(i.batch_id == batch_id)).all()
        changed: list[dict[str, Any]] = [
            {"row": row.id, "kept": _detached(row.receipt, at)} for row in rows if row.receipt
        ]
        for former in c.execute(sa.select(t.former_receipts).where(f.batch_id == batch_id)).all():
            where = (f.instance_id == former.instance_id) & (f.version == former.version)
            c.execute(sa.update(t.former_receipts).where(where).values(receipt=_detached(former.receipt, at)))
        mine = i.id == sa.bindparam("row")
        if changed:
            c.execute(sa.update(t.instances).where(mine).values(receipt=sa.bindparam("kept")), changed)
        if rows:
            named = [{"row": row.id, "name": f"{_DETACHED}{row.id}"} for row in rows]
            values: dict[str, Any] = {"instance": sa.bindparam("name"), "input_sha256": None}
            c.execute(sa.update(t.instances).where(mine).values(**values), named)

    def scour(self) -> None:
        """Erase deleted rows from the database's files.

        Raises:
            Retry: others use the database.
        """
        if self._engine.dialect.name == "sqlite":
            self._scour_sqlite()
            return
        try:
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as c:
                c.exec_driver_sql("SET lock_timeout = '60s'")
                for table in _REWRITTEN:
                    c.exec_driver_sql(f"VACUUM (FULL, ANALYZE) {table}")
                c.exec_driver_sql("RESET lock_timeout")
        except sa.exc.OperationalError:
            raise Retry(_AGAIN) from None

    def scour_if_due(self) -> None:
        """Scour once after a migration that removed names from tables; at a later start if others use the database."""
        due = t.marks.c.name == "scour"
        with reading(self._engine) as c:
            if c.execute(sa.select(t.marks.c.value).where(due)).first() is None:
                return
        with contextlib.suppress(Retry):
            self.scour()
            with self._engine.begin() as c:
                c.execute(sa.delete(t.marks).where(due))

    def _scour_sqlite(self) -> None:
        """Checkpoint the write-ahead log, rewrite the file (VACUUM), and checkpoint again."""
        raw = self._engine.raw_connection()  # outside of transactions, which SQLAlchemy would begin
        try:
            cursor = raw.cursor()
            cursor.execute("PRAGMA secure_delete=ON")
            for statement in ("PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                answer = cursor.execute(statement).fetchone()
                if answer and answer[0]:  # "busy"
                    raise Retry(_AGAIN)
        except sqlite3.OperationalError:
            raise Retry(_AGAIN) from None
        finally:
            raw.close()

    def finish(self, project: str) -> None:
        """Note that unlinking is complete."""
        p = t.crosswalk_projects
        with self._engine.begin() as c:
            done = c.execute(sa.select(p.c.unlinked_done_at).where(p.c.project == project)).scalar()
            c.execute(sa.update(p).where(p.c.project == project).values(key_fingerprint="", unlinked_done_at=now()))
            if done is None:
                count_up(c, project, withdrawn=1)

    @contextmanager
    def _erasing(self) -> Iterator[sa.Connection]:
        """Provide a transaction that writes zeros over what it deletes."""
        with self._engine.connect() as c:
            if self._engine.dialect.name == "sqlite":
                c.exec_driver_sql("PRAGMA secure_delete=ON")
                c.commit()
            with c.begin():
                yield c


def _detached(receipt: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """Return a receipt without the digest of its original, and without the time when a reviewer saw it."""
    kept = {**receipt, "input_sha256": ""}
    if review := receipt.get("review"):
        by = [{**one, "at": at.isoformat(timespec="seconds")} for one in review.get("by", ())]
        kept["review"] = {**review, "by": by}
    return kept
