"""The audit log: who did what, when and why. Rows are only appended, and chained: a changed one breaks the chain.

The hash of a row is over the hash of the row before, its number, time, actor, action and project, and a digest of its
content: batch, subject, reason and details. The digest is salted, so that salt and content can be blanked when the
project is unlinked (`redact`), without a guess at what was there, and the chain still holds. A row of its own says so.

No row holds a value of an original: subjects are codes, numbers, or keyed digests.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sendit.journal import tables as t
from sendit.journal.writing import SYSTEM, now, reading
from sendit.model import VARIANT_MARK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: Any constant will do. On PostgreSQL, who appends holds this lock until the transaction ends: the chain never forks.
_CHAIN_LOCK = 7_365_646_975
#: The hash before the first row.
_BEGINNING = "0" * 64
_BLANK: dict[str, Any] = {"batch_id": None, "subject": "", "reason": "", "details": None, "salt": ""}
LOOK, REDACT, UNLINK = "look", "redact", "unlink"
#: Looks into the crosswalk, of which each project's list (`sendit crosswalk looks`) consists.
LOOKUPS = ("look-up", "export-crosswalk", "show-file-names", "show-pull", UNLINK)
#: Why a project was unlinked is kept when it is.
_NEVER_REDACTED = (REDACT, UNLINK)
_TOGETHER = 2000


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a person did."""

    actor: str  # as `sendit.api.actor` names it
    action: str  # one or two words joined by a dash, at most 32 characters
    batch: int | None = None
    project: str | None = None  # None with a batch: the batch's
    subject: str = ""  # what was acted on, by a code, a number or a keyed digest; never a value of an original
    reason: str = ""  # why, in the person's words
    details: Mapping[str, Any] = field(default_factory=dict)  # JSON


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the audit log."""

    number: int
    at: datetime
    actor: str
    action: str
    project: str | None
    batch: int | None
    subject: str
    reason: str
    details: Mapping[str, Any]
    redacted: bool  # batch, subject, reason and details were removed when the project was unlinked
    hash: str


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are wanted; None: all. `project` includes its variants; `until` is not included itself.

    `actor` may leave out the kind: alice means orthanc:alice and cli:alice.
    """

    batch: int | None = None
    project: str | None = None
    actor: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """Whether the chain holds."""

    entries: int  # that were read
    head: str  # hash of the last of them; 64 zeros if there is none
    broken: int | None  # number of the first entry that is not as it was written
    problem: str  # in words; "" if there is none
    has_head: bool | None  # whether the head that was asked for is in the chain; None if none was

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.broken is None and self.has_head is not False


def add(c: sa.Connection, *acts: Act) -> None:
    """Append acts of persons, in the transaction of the acts themselves; those of SYSTEM are left out.

    To be called last in the transaction (only `count_up` comes after it): the end of the chain is a lock for others.
    """
    if persons := [act for act in acts if act.actor != SYSTEM]:
        _append(c, persons)


def redact(c: sa.Connection, project: str) -> None:
    """Blank the content of all entries of a project that is being unlinked, and append that this was done.

    Why it was unlinked stays. May be repeated. To be called last in the transaction, as `add`.
    """
    _lock(c)
    a = t.audit.c
    mine = (a.project == project) & a.action.not_in(_NEVER_REDACTED) & (a.salt != "")
    until = c.execute(sa.select(sa.func.max(a.number)).where(mine)).scalar()
    if until is not None:
        c.execute(sa.update(t.audit).where(mine).values(**_BLANK))
        _append(c, [Act(SYSTEM, REDACT, project=project, details={"until": until})])


def _append(c: sa.Connection, acts: Sequence[Act]) -> None:
    _lock(c)
    a = t.audit.c
    last = c.execute(sa.select(a.number, a.hash).order_by(a.number.desc()).limit(1)).first()
    before, head = (last.number, last.hash) if last else (0, _BEGINNING)
    rows = []
    for number, act in enumerate(acts, before + 1):
        project = act.project if act.project is not None or act.batch is None else _project_of(c, act.batch)
        row: dict[str, Any] = {"number": number, "at": now(), "actor": act.actor[:128], "action": act.action}
        row |= {"project": project, "batch_id": act.batch, "subject": act.subject[:128], "reason": act.reason}
        row |= {"details": dict(act.details) or None, "salt": secrets.token_hex(16)}
        row["content_sha256"] = _content_digest(row)
        row["hash"] = head = _hash(head, row)
        rows.append(row)
    c.execute(sa.insert(t.audit), rows)


def _lock(c: sa.Connection) -> None:
    """Let nobody else append until this transaction ends. SQLite has one writer anyway."""
    if c.dialect.name == "postgresql":
        c.execute(sa.select(sa.func.pg_advisory_xact_lock(_CHAIN_LOCK)))


def _project_of(c: sa.Connection, batch_id: int) -> str | None:
    project: str | None = c.execute(sa.select(t.batches.c.project).where(t.batches.c.id == batch_id)).scalar()
    return project


def _canonical(values: Sequence[Any]) -> bytes:
    """Return JSON in one form only: ASCII, keys sorted, no spaces."""
    return json.dumps(values, sort_keys=True, separators=(",", ":")).encode("ascii")


def _content_digest(row: Mapping[str, Any]) -> str:
    content = _canonical([row["batch_id"], row["subject"], row["reason"], row["details"]])
    return hmac.new(bytes.fromhex(row["salt"]), content, hashlib.sha256).hexdigest()


def _hash(before: str, row: Mapping[str, Any]) -> str:
    at = row["at"].astimezone(UTC).isoformat(timespec="microseconds")
    values = [row["number"], at, row["actor"], row["action"], row["project"], row["content_sha256"]]
    return hashlib.sha256(before.encode("ascii") + _canonical(values)).hexdigest()


class Audit:
    """The audit log of a journal."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def record(self, *acts: Act) -> None:
        """Append acts that change nothing else in the journal."""
        with self._engine.begin() as c:
            add(c, *acts)

    def record_look(self, actor: str, batch: int, subject: str, what: str) -> None:
        """Record that a person looks at an original, or an output before its release, before it is shown.

        The same person, instance and kind of look make one entry a day (UTC): scrolling through 500 frames of an
        instance is one look.

        Args:
            actor: who looks.
            batch: the batch of the instance.
            subject: the instance, by its coded SOPInstanceUID, or the name of its preview.
            what: "header", "frame", "sheet" or "preview"; with " of the output" if it is not the original.
        """
        a = t.audit.c
        day = now().replace(hour=0, minute=0, second=0, microsecond=0)
        mine = (a.batch_id == batch) & (a.subject == subject[:128]) & (a.action == LOOK) & (a.actor == actor[:128])
        with reading(self._engine) as c:
            if {"what": what} in c.execute(sa.select(a.details).where(mine & (a.at >= day))).scalars():
                return
        self.record(Act(actor, LOOK, batch=batch, subject=subject, details={"what": what}))

    def page(self, wanted: AuditFilter, limit: int, before: int | None = None) -> list[Entry]:
        """Return the newest entries, at most `limit`, of those before the entry with the number `before`.

        In the order of their times, which is that of their numbers as long as no clock goes back: then each filter
        reads from the end of an index no more than it returns.
        """
        a = t.audit.c
        with reading(self._engine) as c:
            where: sa.ColumnElement[bool] = sa.true()
            bound = c.execute(sa.select(a.at).where(a.number == before)).scalar()
            if bound is not None:
                where = (a.at < bound) | (a.number < before)
                # SQLite seeks one end of a span: the nearer one.
                beyond = bound + timedelta(microseconds=1)
                wanted = replace(wanted, until=min(beyond, wanted.until or beyond))
            where &= _where(wanted)
            rows: list[sa.Row[Any]] = []
            for part in _parts(c, wanted):
                newest_first = sa.select(t.audit).where(where & part).order_by(a.at.desc(), a.number.desc())
                rows += c.execute(newest_first.limit(limit))
        rows.sort(key=lambda row: (row.at, row.number), reverse=True)
        return [_entry(row) for row in rows[:limit]]

    def all(self, wanted: AuditFilter) -> Iterator[Entry]:
        """Yield all entries, newest first, without keeping a transaction open meanwhile."""
        before = None
        while entries := self.page(wanted, _TOGETHER, before):
            yield from entries
            before = entries[-1].number

    def lookups(self, project: str) -> list[Entry]:
        """Return who looked into the crosswalk of a project, oldest first."""
        a = t.audit.c
        where = (a.project == project) & a.action.in_(LOOKUPS)
        with reading(self._engine) as c:
            return [_entry(row) for row in c.execute(sa.select(t.audit).where(where).order_by(a.number))]

    def verify(self, head: str | None = None) -> AuditVerdict:
        """Read the whole chain, and find the first entry that is not as it was written.

        Args:
            head: a hash that `verify` returned earlier, noted elsewhere: an entry of the chain must still have it.
        """
        chain = _Chain()
        has_head = None if head is None else head == _BEGINNING
        for row in self._rows():
            if not chain.follow(row):
                break
            has_head = has_head or (None if head is None else chain.head == head)
        broken, problem = chain.verdict()
        if broken is None and has_head is False:
            problem = "no entry has this head: entries were removed, or the whole chain was written anew"
        return AuditVerdict(chain.entries, chain.head, broken, problem, has_head)

    def _rows(self) -> Iterator[Mapping[str, Any]]:
        number = 0
        query = sa.select(t.audit).order_by(t.audit.c.number).limit(_TOGETHER)
        while True:
            with reading(self._engine) as c:
                rows = [dict(row) for row in c.execute(query.where(t.audit.c.number > number)).mappings()]
            if not rows:
                return
            yield from rows
            number = rows[-1]["number"]


class _Chain:
    """The chain as it is read from its beginning."""

    def __init__(self) -> None:
        self.entries, self.head = 0, _BEGINNING
        self._broken: tuple[int, str] | None = None
        self._blank: list[tuple[int, str | None]] = []  # entries without content, with their projects
        self._redacted: dict[str | None, int] = {}  # up to which number a project's entries may be blank

    def follow(self, row: Mapping[str, Any]) -> bool:
        """Take the next entry; False if it does not follow."""
        number = self.entries + 1
        if row["number"] != number:
            self._broken = (number, "it is missing")
        elif _hash(self.head, row) != row["hash"]:
            self._broken = (number, "it was changed, or an entry before it was replaced")
        elif row["salt"] and _content_digest(row) != row["content_sha256"]:
            self._broken = (number, "its batch, subject, reason or details were changed")
        else:
            self.entries, self.head = number, row["hash"]
            self._note(row)
        return self._broken is None

    def _note(self, row: Mapping[str, Any]) -> None:
        if not row["salt"]:
            self._blank.append((row["number"], row["project"]))
        elif row["action"] == REDACT and row["actor"] == SYSTEM:
            self._redacted[row["project"]] = row["details"]["until"]

    def verdict(self) -> tuple[int | None, str]:
        """Return the first entry that is wrong, and why; (None, "") if there is none."""
        for number, project in self._blank:
            if number > self._redacted.get(project, 0) and (self._broken is None or number < self._broken[0]):
                return number, "its content was removed, and no later entry says that its project was unlinked"
        return self._broken or (None, "")


def _where(wanted: AuditFilter) -> sa.ColumnElement[bool]:
    """Return the conditions that hold for all `_parts` of a filter."""
    a = t.audit.c
    where: sa.ColumnElement[bool] = sa.true()
    if wanted.action is not None:
        where &= a.action == wanted.action
    if wanted.since is not None:
        where &= a.at >= wanted.since
    if wanted.until is not None:
        where &= a.at < wanted.until
    return where


def _parts(c: sa.Connection, wanted: AuditFilter) -> Iterator[sa.ColumnElement[bool]]:
    """Yield conditions of which one at most holds for an entry: an index gives one name's entries in their order."""
    a = t.audit.c
    projects = [None] if wanted.project is None else _projects(c, wanted.project)
    actors = [None] if wanted.actor is None else _actors(wanted.actor)
    for project in projects:
        for actor in actors:
            where: sa.ColumnElement[bool] = sa.true() if wanted.batch is None else a.batch_id == wanted.batch
            where &= sa.true() if project is None else a.project == project
            yield where & (sa.true() if actor is None else a.actor == actor)


def _projects(c: sa.Connection, name: str) -> list[str]:
    """Return a project and its variants, of those in the log: each name is found in an index, none is read twice."""
    p = t.audit.c.project
    names = sa.select(sa.func.min(p).label("name")).cte("names", recursive=True)
    following = sa.select(sa.func.min(p)).where(p > names.c.name).scalar_subquery()
    names = names.union_all(sa.select(following).where(names.c.name.is_not(None)))
    there = c.execute(sa.select(names.c.name).where(names.c.name.is_not(None))).scalars()
    return [one for one in there if one == name or one.startswith(name + VARIANT_MARK)]


def _actors(name: str) -> list[str]:
    """Return whom a name means; one without its kind is a user of Orthanc and of the command line, too."""
    return [name] if ":" in name else [name, f"orthanc:{name}", f"cli:{name}"]


def _entry(row: sa.Row[Any]) -> Entry:
    return Entry(
        row.number, row.at, row.actor, row.action, row.project, row.batch_id, row.subject, row.reason,
        row.details or {}, not row.salt, row.hash,
    )  # fmt: skip
