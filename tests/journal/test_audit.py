"""The audit log on both databases: every act of a person, in a chain that breaks wherever a row is changed."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from alembic import command

from sendit.journal import Journal, audit
from sendit.journal import tables as t
from sendit.journal.audit import Act, AuditFilter, Entry
from sendit.journal.database import alembic_config, open_engine
from sendit.journal.lists.imports import SealedName
from sendit.journal.writing import SYSTEM, now
from sendit.model import BatchState
from tests.journal.test_journal import queued

if TYPE_CHECKING:
    from pathlib import Path

NAMELESS = SealedName("", None)
TRIGGERS = {
    "sqlite": ["DROP TRIGGER audit_is_append_only", "DROP TRIGGER audit_is_not_changed"],
    "postgresql": ["DROP TRIGGER audit_is_append_only ON audit", "DROP TRIGGER audit_is_not_truncated ON audit"],
}


def acts_of(journal: Journal) -> list[Entry]:
    """The oldest first."""
    return journal.audit.page(AuditFilter(), 1000)[::-1]


def harm(journal: Journal, *statements: str) -> None:
    """Change the table as somebody does who owns the database, and knows of the triggers."""
    with journal.engine.begin() as c:
        for statement in (*TRIGGERS[journal.engine.dialect.name], *statements):
            c.exec_driver_sql(statement)


def filled(journal: Journal) -> Journal:
    for number in range(1, 6):
        journal.audit.record(Act("orthanc:ada", "recall", batch=number, project="irb", reason=f"reason {number}"))
    return journal


def failed(journal: Journal, study: str, state: BatchState = BatchState.FAILED) -> int:
    batch_id = queued(journal, study, study=study)
    journal.batches.begin(batch_id, 1)
    journal.batches.fail(batch_id, 1, "a reason", state)
    return batch_id


def test_every_act_of_a_person(journal: Journal) -> None:
    """Retries, acknowledgements, imports, recalls: who, which batch of which project, and why; not what SendIt does."""
    first, second = failed(journal, "a"), failed(journal, "b", BatchState.QUARANTINED)
    journal.acknowledgements.acknowledge_batch(second, "orthanc:bob", "known")
    renewed = journal.batches.retry(first, actor="orthanc:ada", reason="mended")
    assert renewed is not None
    journal.batches.retry(second)  # by SendIt itself
    journal.batches.begin(first, renewed.attempt)
    journal.batches.postpone(first, renewed.attempt, "no answer", now() + timedelta(hours=1))
    journal.rescheduling.hasten(first, "tried now", "cli:root", "it answers")
    number = journal.imports.begin("irb", NAMELESS, NAMELESS, "orthanc:ada")
    journal.imports.begin("irb", NAMELESS, NAMELESS)
    journal.imports.finish(number, ok=False)
    journal.acknowledgements.acknowledge_import(number, "orthanc:bob", "seen")
    journal.recalls.begin({("a", "irb"), ("b", "irb")}, "withdrawn", patients=False, actor="orthanc:ada")
    kept = [(one.actor, one.action, one.batch, one.subject, one.reason) for one in acts_of(journal)]
    assert kept == [
        ("orthanc:bob", "acknowledge", second, "", "known"),
        ("orthanc:ada", "retry", first, "", "mended"),
        ("cli:root", "try-now", first, "", "it answers"),
        ("orthanc:ada", "import", None, f"import {number}", ""),
        ("orthanc:bob", "acknowledge", None, f"import {number}", "seen"),
        ("orthanc:ada", "recall", first, "", "withdrawn"),
        ("orthanc:ada", "recall", second, "", "withdrawn"),
    ]
    assert {one.project for one in acts_of(journal)} == {"irb"}
    assert journal.audit.verify().ok


def test_an_act_that_fails_leaves_no_entry(journal: Journal) -> None:
    """Both are one transaction."""
    batch_id = queued(journal, "a", study="a")
    assert journal.batches.retry(batch_id, actor="orthanc:ada") is None
    assert journal.acknowledgements.acknowledge_batch(batch_id, "orthanc:ada") is BatchState.QUEUED
    assert acts_of(journal) == []


def test_what_is_asked_for(journal: Journal) -> None:
    """Each filter, the order, and pages that do not overlap."""
    filled(journal)
    journal.audit.record(Act("cli:bob", "import", project="irb@faces", subject="import 1"))
    journal.audit.record(Act("cli:bob", "look-up", project="other"))
    entries = acts_of(journal)
    assert [one.number for one in journal.audit.page(AuditFilter(), 3)] == [7, 6, 5]
    assert [one.number for one in journal.audit.page(AuditFilter(), 3, before=5)] == [4, 3, 2]
    assert [one.number for one in journal.audit.all(AuditFilter())] == [7, 6, 5, 4, 3, 2, 1]
    wanted: list[tuple[AuditFilter, list[int]]] = [
        (AuditFilter(batch=2), [2]),
        (AuditFilter(project="irb"), [6, 5, 4, 3, 2, 1]),
        (AuditFilter(project="irb@faces"), [6]),
        (AuditFilter(actor="cli:bob"), [7, 6]),
        (AuditFilter(actor="bob"), [7, 6]),
        (AuditFilter(actor="orthanc:bob"), []),
        (AuditFilter(action="look-up"), [7]),
        (AuditFilter(since=entries[5].at), [7, 6]),
        (AuditFilter(until=entries[2].at), [2, 1]),
        (AuditFilter(actor="cli:bob", project="irb"), [6]),
    ]
    for one, numbers in wanted:
        assert [entry.number for entry in journal.audit.page(one, 10)] == numbers, one


def test_pages_while_a_clock_goes_back(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Newest first by their times; each entry stands on one page, also where two have the same time."""
    times = [datetime(2026, 1, 2, hour, tzinfo=UTC) for hour in (1, 5, 5, 2, 3, 5, 6)]
    for at in times:
        monkeypatch.setattr(audit, "now", lambda at=at: at)
        journal.audit.record(Act("orthanc:ada", "look", project="irb"))
    for wanted in (AuditFilter(), AuditFilter(project="irb"), AuditFilter(actor="ada", action="look")):
        shown, before = [], None
        while page := journal.audit.page(wanted, 2, before):
            shown += [one.number for one in page]
            before = page[-1].number
        assert shown == [7, 6, 3, 2, 5, 4, 1]
    since = AuditFilter(action="look", since=times[4], until=times[6])
    assert [one.number for one in journal.audit.page(since, 10)] == [6, 3, 2, 5]
    assert [one.number for one in journal.audit.page(since, 10, before=3)] == [2, 5]
    assert len(journal.audit.page(AuditFilter(), 10, before=99)) == 7
    assert journal.audit.verify().ok


@pytest.mark.parametrize("database", ["sqlite"])
def test_no_filter_reads_more_than_it_shows(journal: Journal) -> None:
    """An index has what is asked for in its order, however many entries there are: nothing is scanned or sorted."""
    filled(journal)
    names: dict[str, Any] = {"project": "irb", "actor": "orthanc:ada", "action": "look"}
    span: dict[str, Any] = {"since": datetime(2026, 1, 1, tzinfo=UTC), "until": datetime(2100, 2, 1, tzinfo=UTC)}
    asked: list[tuple[str, Any]] = []

    @sa.event.listens_for(journal.engine, "before_cursor_execute")
    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    for given in (given for size in range(4) for given in combinations(names, size)):
        for days in ({}, span):
            wanted = AuditFilter(**{name: names[name] for name in given}, **days)
            journal.audit.page(wanted, 50, before=2)
            statement, parameters = asked[-1]
            with journal.engine.connect() as c:
                [plan] = [row[-1] for row in c.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            columns = "".join(rf"{name}=\? AND " for name in given)
            assert re.fullmatch(rf"SEARCH audit USING INDEX ix_audit\w*_at \({columns}at.*\)", plan), plan


@pytest.mark.parametrize("database", ["sqlite"])
def test_names_of_projects_are_found_without_reading_the_log(journal: Journal) -> None:
    """Only names that are there, with variants; no other project that begins in the same way."""
    for project in ("irb", "irb@faces", "irb", "irb2", None, "other", "irb@x"):
        journal.audit.record(Act("orthanc:ada", "look", project=project))
    with journal.engine.connect() as c:
        assert audit._projects(c, "irb") == ["irb", "irb@faces", "irb@x"]
        assert audit._projects(c, "irb@faces") == ["irb@faces"]
        assert audit._projects(c, "none") == []


def test_looks(journal: Journal) -> None:
    """One entry for a person, an instance, a kind of look and a day."""
    batch_id = queued(journal, "a", study="a")
    for actor, subject, what in [("ada", "2.25.1", "frame")] * 3 + [
        ("bob", "2.25.1", "frame"),
        ("ada", "2.25.2", "frame"),
        ("ada", "2.25.1", "header"),
    ]:
        journal.audit.record_look(f"orthanc:{actor}", batch_id, subject, what)
    assert [(one.actor, one.subject, dict(one.details)) for one in acts_of(journal)] == [
        ("orthanc:ada", "2.25.1", {"what": "frame"}),
        ("orthanc:bob", "2.25.1", {"what": "frame"}),
        ("orthanc:ada", "2.25.2", {"what": "frame"}),
        ("orthanc:ada", "2.25.1", {"what": "header"}),
    ]


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit SET actor = 'x'", "UPDATE audit SET reason = 'x'", "UPDATE audit SET reason = ''",
     "UPDATE audit SET subject = '', reason = '', batch_id = NULL, details = NULL, salt = '', hash = 'x'",
     "DELETE FROM audit", "DELETE FROM audit WHERE number = 5"],
)  # fmt: skip
def test_the_database_refuses_changes(journal: Journal, statement: str) -> None:
    """A slip, or a bug, does not change what is written."""
    filled(journal)
    before = acts_of(journal)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), journal.engine.begin() as c:
        c.exec_driver_sql(statement)
    assert acts_of(journal) == before


def test_postgresql_refuses_to_truncate(journal: Journal) -> None:
    """SQLite has no such statement."""
    filled(journal)
    if journal.engine.dialect.name == "postgresql":
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), journal.engine.begin() as c:
            c.exec_driver_sql("TRUNCATE audit")
    assert len(acts_of(journal)) == 5


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE audit SET actor = 'orthanc:eve' WHERE number = 3", 3),
        ("UPDATE audit SET action = 'retry' WHERE number = 1", 1),
        ("UPDATE audit SET at = '2020-01-01 00:00:00' WHERE number = 2", 2),
        ("UPDATE audit SET project = 'other' WHERE number = 5", 5),
        ("UPDATE audit SET batch_id = 7 WHERE number = 3", 3),
        ("UPDATE audit SET reason = 'another' WHERE number = 4", 4),
        ("UPDATE audit SET subject = 'another' WHERE number = 4", 4),
        ("UPDATE audit SET details = '{}' WHERE number = 4", 4),
        ("DELETE FROM audit WHERE number = 1", 1),
        ("DELETE FROM audit WHERE number = 3", 3),
        ("UPDATE audit SET subject = '', reason = '', batch_id = NULL, details = NULL, salt = '' WHERE number = 2", 2),
    ],
)
def test_a_change_breaks_the_chain(journal: Journal, statement: str, broken: int) -> None:
    """Whatever is changed, the first row that is wrong is named."""
    filled(journal)
    assert journal.audit.verify().ok
    harm(journal, statement)
    verdict = journal.audit.verify()
    assert (verdict.ok, verdict.broken) == (False, broken)
    assert verdict.problem


def test_two_rows_that_change_places(journal: Journal) -> None:
    """The order is part of the chain."""
    filled(journal)
    harm(
        journal,
        *(f"UPDATE audit SET number = {to} WHERE number = {number}" for number, to in ((2, 9), (3, 2), (9, 3))),
    )
    assert journal.audit.verify().broken == 2


def test_a_head_that_was_noted_elsewhere(journal: Journal) -> None:
    """Shows what the chain alone cannot: that its end was cut off, or that all of it was written anew."""
    filled(journal)
    noted = journal.audit.verify()
    assert (noted.entries, noted.has_head) == (5, None)
    journal.audit.record(Act("cli:bob", "import"))
    assert journal.audit.verify(noted.head).ok
    assert journal.audit.verify("0" * 64).ok
    harm(journal, "DELETE FROM audit WHERE number > 4")
    assert journal.audit.verify().ok
    verdict = journal.audit.verify(noted.head)
    assert (verdict.ok, verdict.broken, verdict.has_head, verdict.entries) == (False, None, False, 4)
    assert "no entry has this head" in verdict.problem


def test_many_at_once_make_one_chain(database: str, data_directory: Path) -> None:
    """Of several workers, too: each has connections of its own."""
    journals = [Journal.open(database, data_directory) for _ in range(3)]

    def work(number: int) -> None:
        journal = journals[number % 3]
        journal.audit.record(*(Act(f"orthanc:{number}", "retry", reason=str(n)) for n in range(3)))

    try:
        with ThreadPoolExecutor(9) as pool:
            list(pool.map(work, range(60)))
        verdict = journals[0].audit.verify()
        assert (verdict.ok, verdict.entries) == (True, 180)
        for number in range(60):  # the three of one transaction stay together
            mine = [one.number for one in journals[0].audit.page(AuditFilter(actor=f"orthanc:{number}"), 10)]
            assert mine == [mine[0], mine[0] - 1, mine[0] - 2]
    finally:
        for journal in journals:
            journal.close()


def test_acts_on_the_same_batches_wait_for_each_other(database: str, data_directory: Path) -> None:
    """Recalls and retries that meet do not lock each other out: the chain is the last lock that each takes."""
    journals = [Journal.open(database, data_directory) for _ in range(2)]
    studies = [f"study{n}" for n in range(6)]
    batches = [failed(journals[0], study) for study in studies]

    def recall(number: int) -> None:
        pair = {(study, "irb") for study in studies[number : number + 2]}
        journals[0].recalls.begin(pair, "all", patients=True, actor="a")

    def acknowledge(batch_id: int) -> None:
        for _ in range(5):
            journals[1].acknowledgements.acknowledge_batch(batch_id, "b", "seen")

    try:
        with ThreadPoolExecutor(6) as pool:
            done = [pool.submit(recall, number) for number in (0, 2, 4)]
            done += [pool.submit(acknowledge, one) for one in batches]
            for one in done:
                one.result()
        assert journals[0].audit.verify().ok
        recalled = {one.batch for one in journals[0].audit.page(AuditFilter(action="recall"), 100)}
        assert recalled == set(batches)
    finally:
        for journal in journals:
            journal.close()


def test_unlinking_removes_the_content_alone(journal: Journal) -> None:
    """Who did what for the project stays, and why it was unlinked; of other projects, all. The chain holds."""
    filled(journal)
    journal.audit.record(Act("cli:bob", "retry", batch=9, project="other", reason="kept"))
    journal.audit.record(Act("cli:bob", "unlink", project="irb", reason="the study has ended"))
    head = journal.audit.verify().head
    journal.unlinking.begin("irb")
    for _ in range(2):  # a step may be repeated
        journal.unlinking.detach("irb")
    *mine, other, unlink, redacted = acts_of(journal)
    assert {(one.actor, one.action, one.project, one.redacted) for one in mine} == {
        ("orthanc:ada", "recall", "irb", True)
    }
    assert {(one.batch, one.subject, one.reason) for one in mine} == {(None, "", "")}
    assert (other.batch, other.reason, other.redacted) == (9, "kept", False)
    assert (unlink.reason, unlink.redacted) == ("the study has ended", False)
    assert (redacted.actor, redacted.action, redacted.details) == (SYSTEM, "redact", {"until": 5})
    assert journal.audit.verify(head).ok
    harm(
        journal,
        "UPDATE audit SET subject = '', reason = '', batch_id = NULL, details = NULL, salt = '' WHERE number = 6",
    )
    assert journal.audit.verify().broken == 6


def test_what_older_tables_hold_is_taken_over(database: str, data_directory: Path) -> None:
    """Acts and lookups of a SendIt before the audit log, in the order of their times."""
    engine = open_engine(database, data_directory, migrated=False)
    with engine.begin() as c:
        command.upgrade(alembic_config(c), "0007")
        start = now()
        looks: list[dict[str, Any]] = [
            {"id": 1, "at": start, "project": "irb", "who": "ada", "action": "patient", "subject": "CODE1",
             "reason": "asked", "found": 2},
            {"id": 2, "at": start + timedelta(days=2), "project": "irb", "who": "ada", "action": "cut-ties",
             "subject": "", "reason": "ended", "found": 0},
        ]  # fmt: skip
        columns = [sa.column("at", t.UtcDateTime()), *map(sa.column, ("id", "project", "who", "action", "subject"))]
        c.execute(sa.insert(sa.table("lookups", *columns, sa.column("reason"), sa.column("found"))), looks)
        act = {"id": 1, "at": start + timedelta(days=1), "actor": "cli:bob", "action": "accept journal", "reason": "x"}
        columns = [sa.column("at", t.UtcDateTime()), *map(sa.column, ("id", "actor", "action", "reason"))]
        c.execute(sa.insert(sa.table("acts", *columns)), [act])
    engine.dispose()
    journal = Journal.open(database, data_directory)
    try:
        assert [(one.actor, one.action, one.project, one.subject, one.reason) for one in acts_of(journal)] == [
            ("cli:ada", "look-up", "irb", "CODE1", "asked"),
            ("cli:bob", "accept-journal", None, "", "x"),
            ("cli:ada", "unlink", "irb", "", "ended"),
        ]
        journal.audit.record(Act("cli:bob", "retry"))
        assert (journal.audit.verify().ok, journal.audit.verify().entries) == (True, 4)
    finally:
        journal.close()
