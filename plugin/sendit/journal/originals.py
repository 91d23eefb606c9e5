"""Which originals may be deleted from Orthanc (law 6), and which batches wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from sendit.journal import tables as t
from sendit.journal.writing import add_event, reading
from sendit.model import BatchState, DeliveryState, InstanceState

if TYPE_CHECKING:
    from collections.abc import Set

DUE = "DUE"  # to be deleted, once nothing of the study is under way
DELETED = "DELETED"  # those that may be were
KEPT = "KEPT"  # another project of the study keeps its originals

#: As long as a batch of the study is in one of these, nothing of it is deleted.
_BLOCKING = [BatchState.RECEIVING, BatchState.QUEUED, BatchState.PROCESSING, BatchState.REVIEW, BatchState.DELIVERING,
             BatchState.SENT, BatchState.FAILED, BatchState.RECALLING, BatchState.RECALL_FAILED]  # fmt: skip


class Originals:
    """The journal's part in deleting originals."""

    def __init__(self, engine: sa.Engine, home: str = "") -> None:
        self._engine = engine
        self._home = home  # its Orthanc alone is asked to delete anything

    def due(self) -> list[str]:
        """Return the studies whose originals wait to be deleted, and of which no batch is under way."""
        b, other = t.batches.c, t.batches.alias("other")
        blocked = sa.select(other.c.id).where((other.c.study == b.study) & other.c.state.in_(_BLOCKING)).exists()
        with reading(self._engine) as c:
            return list(
                c.execute(
                    sa.select(b.study).where((b.originals == DUE) & b.home.in_(("", self._home)) & ~blocked).distinct()
                ).scalars()
            )

    def again(self, study: str) -> bool:
        """Note that deleted originals may have been sent again; return whether any were ever deleted."""
        b = t.batches.c
        where = (b.study == study) & b.home.in_(("", self._home)) & (b.originals == DELETED)
        with self._engine.begin() as c:
            return c.execute(sa.update(t.batches).where(where).values(originals=DUE)).rowcount > 0

    def projects(self, study: str) -> set[str]:
        """Return all projects that have a batch of the study, or that an import named for it."""
        b, r = t.batches.c, t.routes.c
        batches = sa.select(b.project).where((b.study == study) & b.project.is_not(None))
        with reading(self._engine) as c:
            return {*c.execute(batches).scalars(), *c.execute(sa.select(r.project).where(r.study == study)).scalars()}

    def undelivered(self, study: str, projects: Set[str]) -> bool:
        """Return whether any delivery of the study was not read back, or one of these projects has no batch yet."""
        b, d = t.batches.c, t.deliveries.c
        ended = [DeliveryState.VERIFIED, DeliveryState.RECALLED, DeliveryState.DROPPED]
        waiting = sa.select(d.batch_id).join(t.batches, b.id == d.batch_id)
        waiting = waiting.where((b.study == study) & d.state.not_in(ended)).limit(1)
        with reading(self._engine) as c:
            begun = set(c.execute(sa.select(b.project).where(b.study == study)).scalars())
            return c.execute(waiting).first() is not None or not projects <= begun

    def deletable(self, study: str) -> dict[str, str]:
        """Return Orthanc's identifier → SHA-256 of the content that was sent, for instances that are SENT everywhere.

        An instance that a project rejected, holds or has not processed stays, and so does one that went to no
        destination, because none of them takes its modality.
        """
        b, i = t.batches.c, t.instances.c
        query = sa.select(i.instance, i.batch_id, i.state, i.input_sha256, i.receipt["modality"].as_string())
        query = query.join(t.batches, b.id == i.batch_id).where(b.study == study).order_by(i.generation)
        digests: dict[str, str] = {}
        kept: set[str] = set()
        with reading(self._engine) as c:
            takers = self._takers(c, study)
            for instance, batch_id, state, digest, modality in c.execute(query):
                sent = state == InstanceState.SENT and bool(digest)
                if not sent or not any(m is None or modality in m for m in takers.get(batch_id, [])):
                    kept.add(instance)
                digests[instance] = digest
        return {instance: digest for instance, digest in digests.items() if instance not in kept}

    def _takers(self, c: sa.Connection, study: str) -> dict[int, list[Set[str] | None]]:
        """Return batch → the modalities that each of its destinations accepts; None: all."""
        b, d = t.batches.c, t.deliveries.c
        query = sa.select(d.batch_id, d.modalities).join(t.batches, b.id == d.batch_id)
        by_batch: dict[int, list[Set[str] | None]] = {}
        for batch_id, taken in c.execute(query.where((b.study == study) & (d.state == DeliveryState.VERIFIED))):
            by_batch.setdefault(batch_id, []).append(None if taken is None else frozenset(taken))
        return by_batch

    def end(self, study: str, state: str, note: str) -> None:
        """DUE → DELETED or KEPT; add `note` to each batch's history, unless it is empty."""
        b = t.batches.c
        with self._engine.begin() as c:
            due = list(
                c.execute(
                    sa.select(b.id).where((b.study == study) & b.home.in_(("", self._home)) & (b.originals == DUE))
                ).scalars()
            )
            c.execute(sa.update(t.batches).where(b.id.in_(due)).values(originals=state))
            for batch_id in due if note else []:
                add_event(c, batch_id, note)
