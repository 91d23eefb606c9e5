"""The crosswalk's rows, sealed; who looked into it, and why. What seals and opens them is `sendit.crosswalk`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from sendit.errors import Misconfigured, Quarantine
from sendit.journal import tables as t
from sendit.journal.writing import now, reading


@dataclass(frozen=True, slots=True)
class SealedTie:
    """One original and its code."""

    kind: str  # "patient", "study" or "accession"
    code: str
    patient: str  # the pseudonym of the patient that it belongs to
    original_mac: str  # keyed, to find the original by
    identity_mac: str  # keyed, of the original together with its issuer
    sealed: bytes


class CrosswalkRows:
    """Tables `crosswalk`, `crosswalk_projects` and `lookups`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def fingerprint(self, project: str) -> str | None:
        """The fingerprint of the key that its rows are sealed with; None if there are none yet."""
        query = sa.select(t.crosswalk_projects.c.key_fingerprint).where(t.crosswalk_projects.c.project == project)
        with reading(self._engine) as c:
            found = c.execute(query).scalar()
        return str(found) if found else None

    def projects(self) -> list[str]:
        """Those that have a crosswalk, or had one."""
        names = t.crosswalk_projects.c.project
        with reading(self._engine) as c:
            return list(c.execute(sa.select(names).order_by(names)).scalars())

    def of_code(self, project: str, code: str) -> list[SealedTie]:
        """All the rows of this code."""
        return self._rows((t.crosswalk.c.project == project) & (t.crosswalk.c.code == code))

    def of_patient(self, project: str, patient: str) -> list[SealedTie]:
        """All that belongs to the patient of this pseudonym."""
        return self._rows((t.crosswalk.c.project == project) & (t.crosswalk.c.patient == patient))

    def of_original(self, project: str, macs: Iterable[str]) -> list[SealedTie]:
        """The rows whose original has one of these."""
        return self._rows((t.crosswalk.c.project == project) & t.crosswalk.c.original_mac.in_(list(macs)))

    def all(self, project: str) -> list[SealedTie]:
        return self._rows(t.crosswalk.c.project == project)

    def _rows(self, where: sa.ColumnElement[bool]) -> list[SealedTie]:
        x = t.crosswalk.c
        query = sa.select(x.kind, x.code, x.patient, x.original_mac, x.identity_mac, x.sealed).where(where)
        with reading(self._engine) as c:
            return [SealedTie(*row[:5], bytes(row.sealed)) for row in c.execute(query.order_by(x.id))]

    def add(self, project: str, fingerprint: str, ties: Sequence[SealedTie], issuer_counts: bool) -> None:
        """Add those that are not there yet.

        Args:
            fingerprint: of the key that they are sealed with.
            issuer_counts: whether the same PatientID of two issuers is two patients.

        Raises:
            Misconfigured: the rows before are sealed with another key, or the project's ties were cut.
            Quarantine: a pseudonym is another patient's already.
        """
        try:
            self._add(project, fingerprint, ties, issuer_counts)
        except sa.exc.IntegrityError:
            # Another worker was the first of this project, at the same moment; from now on its row is a lock.
            self._add(project, fingerprint, ties, issuer_counts)

    def _add(self, project: str, fingerprint: str, ties: Sequence[SealedTie], issuer_counts: bool) -> None:
        x = t.crosswalk.c
        with self._engine.begin() as c:
            self._lock(c, project, fingerprint)
            for tie in ties:
                query = sa.select(x.patient, x.original_mac, x.identity_mac)
                rows = c.execute(query.where((x.project == project) & (x.kind == tie.kind) & (x.code == tie.code)))
                known = {tuple(row) for row in rows}
                if (tie.patient, tie.original_mac, tie.identity_mac) in known:
                    continue
                place, mine = (2, tie.identity_mac) if issuer_counts else (1, tie.original_mac)
                if tie.kind == "patient" and any(row[place] != mine for row in known):
                    raise Quarantine("two patients with one pseudonym: it was given to another patient before")
                values = {"kind": tie.kind, "code": tie.code, "patient": tie.patient, "sealed": tie.sealed}
                values |= {"original_mac": tie.original_mac, "identity_mac": tie.identity_mac}
                c.execute(sa.insert(t.crosswalk).values(project=project, at=now(), **values))

    def _lock(self, c: sa.Connection, project: str, fingerprint: str) -> None:
        """Nobody else writes rows of this project in this transaction (on SQLite, nobody writes anyhow)."""
        p = t.crosswalk_projects.c
        row = c.execute(sa.select(p.key_fingerprint, p.cut_at).where(p.project == project).with_for_update()).first()
        if row is None:
            c.execute(sa.insert(t.crosswalk_projects).values(project=project, key_fingerprint=fingerprint))
        elif row.cut_at is not None:
            raise Misconfigured(f"project {project}", "its ties were cut", "Give its studies to another project.")
        elif row.key_fingerprint != fingerprint:
            problem = "its crosswalk is sealed with another key than the one at hand"
            raise Misconfigured(f"project {project}", problem, "Put the right key back from your backup.")

    def record_look(self, project: str, who: str, action: str, subject: str, reason: str, found: int) -> None:
        """Somebody looks; written down before anything is shown. `subject` is a code, or the MAC of an original."""
        values = {"project": project, "who": who, "action": action, "subject": subject, "reason": reason}
        with self._engine.begin() as c:
            c.execute(sa.insert(t.lookups).values(at=now(), found=found, **values))

    def looks(self, project: str) -> list[dict[str, object]]:
        """Who looked, the first one first."""
        query = sa.select(t.lookups).where(t.lookups.c.project == project).order_by(t.lookups.c.id)
        with reading(self._engine) as c:
            return [dict(row._mapping) for row in c.execute(query)]
