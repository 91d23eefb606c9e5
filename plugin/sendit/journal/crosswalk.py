"""The crosswalk's rows, sealed. `sendit.pseudonyms.crosswalk` seals them; `sendit.journal.audit` has who looked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from sendit.errors import Misconfigured, Quarantine
from sendit.journal import tables as t
from sendit.journal.writing import now, reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class SealedRow:
    """One original and its code."""

    kind: str  # "patient", "study" or "accession"
    code: str
    patient: str  # the pseudonym of the patient that it belongs to
    original_mac: str  # keyed, to find the original by
    identity_mac: str  # keyed, of the original together with its issuer
    sealed: bytes


class CrosswalkRows:
    """Tables `crosswalk` and `crosswalk_projects`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def fingerprint(self, project: str) -> str | None:
        """Return the fingerprint of the key that its rows are sealed with; None if there are none yet."""
        query = sa.select(t.crosswalk_projects.c.key_fingerprint).where(t.crosswalk_projects.c.project == project)
        with reading(self._engine) as c:
            stored = c.execute(query).scalar()
        return str(stored) if stored else None

    def projects(self) -> list[str]:
        """Return the projects that have a crosswalk, or had one."""
        names = t.crosswalk_projects.c.project
        with reading(self._engine) as c:
            return list(c.execute(sa.select(names).order_by(names)).scalars())

    def of_code(self, project: str, code: str) -> list[SealedRow]:
        """Return all the rows of this code."""
        return self._rows((t.crosswalk.c.project == project) & (t.crosswalk.c.code == code))

    def of_patient(self, project: str, patient: str) -> list[SealedRow]:
        """Return all that belongs to the patient of this pseudonym."""
        return self._rows((t.crosswalk.c.project == project) & (t.crosswalk.c.patient == patient))

    def of_original(self, project: str, macs: Iterable[str]) -> list[SealedRow]:
        """Return the rows whose original has one of these."""
        return self._rows((t.crosswalk.c.project == project) & t.crosswalk.c.original_mac.in_(list(macs)))

    def all(self, project: str) -> list[SealedRow]:
        """Return all entries of a project, sealed."""
        return self._rows(t.crosswalk.c.project == project)

    def _rows(self, where: sa.ColumnElement[bool]) -> list[SealedRow]:
        x = t.crosswalk.c
        query = sa.select(x.kind, x.code, x.patient, x.original_mac, x.identity_mac, x.sealed).where(where)
        with reading(self._engine) as c:
            return [SealedRow(*row[:5], bytes(row.sealed)) for row in c.execute(query.order_by(x.id))]

    def add(self, project: str, fingerprint: str, rows: Sequence[SealedRow], *, issuer_counts: bool) -> None:
        """Add those that are not there yet.

        Args:
            project: name of the project.
            fingerprint: of the key that they are sealed with.
            rows: the sealed entries.
            issuer_counts: whether the same PatientID of two issuers is two patients.

        Raises:
            Misconfigured: the rows before are sealed with another key, or the project was unlinked.
            Quarantine: a pseudonym is another patient's already.
        """
        try:
            self._add(project, fingerprint, rows, issuer_counts=issuer_counts)
        except sa.exc.IntegrityError:
            # Another worker was the first of this project, at the same moment; from now on its row is a lock.
            self._add(project, fingerprint, rows, issuer_counts=issuer_counts)

    def _add(self, project: str, fingerprint: str, rows: Sequence[SealedRow], *, issuer_counts: bool) -> None:
        x = t.crosswalk.c
        with self._engine.begin() as c:
            self._lock(c, project, fingerprint)
            for row in rows:
                query = sa.select(x.patient, x.original_mac, x.identity_mac)
                query = query.where((x.project == project) & (x.kind == row.kind) & (x.code == row.code))
                stored = {tuple(earlier) for earlier in c.execute(query)}
                if (row.patient, row.original_mac, row.identity_mac) in stored:
                    continue
                place, mine = (2, row.identity_mac) if issuer_counts else (1, row.original_mac)
                if row.kind == "patient" and any(earlier[place] != mine for earlier in stored):
                    raise Quarantine("two patients with one pseudonym: it already belongs to another patient")
                values = {"kind": row.kind, "code": row.code, "patient": row.patient, "sealed": row.sealed}
                values |= {"original_mac": row.original_mac, "identity_mac": row.identity_mac}
                c.execute(sa.insert(t.crosswalk).values(project=project, at=now(), **values))

    def _lock(self, c: sa.Connection, project: str, fingerprint: str) -> None:
        """Lock the project's rows for this transaction (on SQLite, no one else writes anyhow)."""
        p = t.crosswalk_projects.c
        row = c.execute(
            sa.select(p.key_fingerprint, p.unlinked_at).where(p.project == project).with_for_update()
        ).first()
        if row is None:
            c.execute(sa.insert(t.crosswalk_projects).values(project=project, key_fingerprint=fingerprint))
        elif row.unlinked_at is not None:
            raise Misconfigured(
                f"project {project}", "it was permanently unlinked", "Give its studies to another project."
            )
        elif row.key_fingerprint != fingerprint:
            problem = "its crosswalk is sealed with a different key"
            raise Misconfigured(f"project {project}", problem, "Restore the right key from your backup.")
