"""Passports as they were signed for a destination, and the public keys that projects have signed them with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from sendit.journal import audit
from sendit.journal import tables as t
from sendit.journal.writing import add_event, reading
from sendit.model import WITHDRAWN

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key of a project; each but the first was signed by the one before it."""

    number: int  # from 1
    public: str  # 32 bytes, hexadecimal
    made: str  # UTC, as 2026-11-30T12:00:00Z
    signature: str  # by the key before it, hexadecimal; "" for the first


@dataclass(frozen=True, slots=True)
class StoredPassport:
    """A passport as it was, or is to be, delivered to a destination."""

    destination: str
    issued_at: datetime
    content: str  # the document, to the byte (UTF-8)


class StoredPassports:
    """Passports and their keys."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def keys(self, project: str) -> list[PublicKey]:
        """Return the project's public keys, oldest first; the last one signs."""
        k = t.passport_keys.c
        query = sa.select(k.number, k.public, k.made, k.signature).where(k.project == project).order_by(k.number)
        with reading(self._engine) as c:
            return [PublicKey(**row._mapping) for row in c.execute(query)]

    def add_key(self, project: str, key: PublicKey, actor: str, reason: str) -> bool:
        """Record a new public key; False if another process has recorded one of this number."""
        values = {"project": project, "number": key.number, "public": key.public}
        try:
            with self._engine.begin() as c:
                c.execute(sa.insert(t.passport_keys).values(**values, made=key.made, signature=key.signature))
                act = audit.Act(actor, "passport key", project=project, subject=f"key {key.number}", reason=reason)
                audit.add(c, act)
        except sa.exc.IntegrityError:
            return False
        return True

    def of(self, batch_id: int) -> dict[str, StoredPassport]:
        """Return the passports of a batch, by destination."""
        p = t.passports.c
        query = sa.select(p.destination, p.issued_at, p.content).where(p.batch_id == batch_id).order_by(p.destination)
        with reading(self._engine) as c:
            return {row.destination: StoredPassport(**row._mapping) for row in c.execute(query)}

    def store(self, batch_id: int, passport: StoredPassport) -> None:
        """Record a passport before it is delivered, in place of an earlier one for the same destination."""
        p = t.passports
        values = {"issued_at": passport.issued_at, "content": passport.content}
        where = (p.c.batch_id == batch_id) & (p.c.destination == passport.destination)
        with self._engine.begin() as c:
            if c.execute(sa.update(p).where(where).values(**values)).rowcount == 0:
                c.execute(sa.insert(p).values(batch_id=batch_id, destination=passport.destination, **values))
                add_event(c, batch_id, f"{passport.destination}: the passport of its instances was signed")

    def revoked(self, project: str) -> list[str]:
        """Return the coded StudyInstanceUIDs of what the project has recalled, also where not all could be removed."""
        b = t.batches.c
        where = (b.project == project) & b.state.in_(WITHDRAWN) & b.coded_study.is_not(None)
        with reading(self._engine) as c:
            return list(c.execute(sa.select(b.coded_study).where(where).distinct().order_by(b.coded_study)).scalars())
