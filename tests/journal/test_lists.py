"""Lists of batches on both databases: each filter finds what a look at each batch finds; counts are right."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from alembic import command

from sendit.journal import Journal
from sendit.journal import tables as t
from sendit.journal.database import alembic_config, open_engine
from sendit.journal.lists import pages
from sendit.journal.lists.counts import DESTINATION, ENDED, INSTANCE, PROJECT, Count
from sendit.journal.lists.pages import ALL, Filter
from sendit.model import BatchState, DeliveryState, Receipt, Rejected
from tests.journal.test_journal import receipt

if TYPE_CHECKING:
    from pathlib import Path

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
PROJECTS, MODALITIES, DESTINATIONS = ["irb", "trial", None], ["CT", "MR", "US"], ["bucket", "peer"]
Row = dict[str, Any]


def fill(journal: Journal, number: int) -> list[Row]:
    """Batches of all kinds, one an hour; what is expected of each."""
    chance = random.Random(1)
    rows: list[Row] = []
    for one in range(1, number + 1):
        state = chance.choice(list(BatchState))
        opened = BEGIN + timedelta(hours=one)
        ended = opened + timedelta(hours=chance.randrange(100)) if state in ENDED else None
        rows.append({
            "id": one, "study": f"study-{one % 97}", "project": chance.choice(PROJECTS), "state": state,
            "reason": chance.choice([None, "the PEER refuses us", "2 of 3 instances are held: 100%_text"]),
            "opened_at": opened, "changed_at": ended or opened, "ended_at": ended, "coded_patient": f"P{one % 50}",
            "coded_study": f"2.25.{one}",
            "modalities": chance.sample(MODALITIES, chance.randrange(3)),
            "deliveries": {name: chance.choice(list(DeliveryState)) for name in DESTINATIONS if chance.random() < 0.6},
        })  # fmt: skip
    beside = ("modalities", "deliveries")
    with journal.engine.begin() as c:
        # A study is received once at a time.
        for row in rows:
            row["study"] += str(row["id"]) if row["state"] is BatchState.RECEIVING else ""
        c.execute(sa.insert(t.batches), [{k: v for k, v in row.items() if k not in beside} for row in rows])
        named = [{"batch_id": row["id"], "modality": name} for row in rows for name in row["modalities"]]
        c.execute(sa.insert(t.batch_modalities), named)
        sent = [
            {"batch_id": row["id"], "destination": name, "state": state, "sent": 2, "changed_at": BEGIN}
            for row in rows
            for name, state in row["deliveries"].items()
        ]
        c.execute(sa.insert(t.deliveries), sent)
    return rows


def fits(row: Row, wanted: Filter) -> bool:
    """The same filter, row by row."""
    to = [state for name, state in row["deliveries"].items() if wanted.destination in (None, name)]
    some = bool(to) if wanted.destination or wanted.deliveries else True
    return (
        wanted.project in (None, row["project"])
        and (not wanted.states or row["state"] in wanted.states)
        and (wanted.modality is None or wanted.modality in row["modalities"])
        and some
        and (not wanted.deliveries or any(state in wanted.deliveries for state in to))
        and (wanted.opened_from is None or row["opened_at"] >= wanted.opened_from)
        and (wanted.opened_before is None or row["opened_at"] < wanted.opened_before)
        and (wanted.ended_from is None or (row["ended_at"] is not None and row["ended_at"] >= wanted.ended_from))
        and (wanted.ended_before is None or (row["ended_at"] is not None and row["ended_at"] < wanted.ended_before))
        and wanted.coded in (None, row["coded_patient"], row["coded_study"])
        and wanted.study in (None, row["study"])
        and (wanted.reason is None or wanted.reason.lower() in (row["reason"] or "").lower())
    )


def day(number: int) -> datetime:
    return BEGIN + timedelta(days=number)


FILTERS = [
    ALL,
    Filter(project="irb"),
    Filter(project="none such"),
    Filter(states=frozenset({BatchState.FAILED})),
    Filter(states=frozenset({BatchState.FAILED, BatchState.DONE, BatchState.SENT})),
    Filter(project="trial", states=frozenset({BatchState.DONE})),
    Filter(project="trial", states=frozenset({BatchState.DONE, BatchState.EMPTY})),
    Filter(modality="MR"),
    Filter(modality="MR", project="irb", states=frozenset({BatchState.QUARANTINED})),
    Filter(destination="peer"),
    Filter(destination="peer", deliveries=frozenset({DeliveryState.VERIFIED})),
    Filter(destination="peer", deliveries=frozenset({DeliveryState.VERIFIED, DeliveryState.FAILED})),
    Filter(deliveries=frozenset({DeliveryState.FAILED})),
    Filter(deliveries=frozenset({DeliveryState.FAILED}), modality="CT"),
    Filter(opened_from=day(3)),
    Filter(opened_before=day(3)),
    Filter(opened_from=day(3), opened_before=day(5), project="irb"),
    Filter(opened_from=day(3000)),
    Filter(opened_before=day(0)),
    Filter(ended_from=day(3)),
    Filter(ended_before=day(9)),
    Filter(ended_from=day(4), ended_before=day(6), states=frozenset({BatchState.DONE})),
    Filter(coded="P7"),
    Filter(coded="2.25.12", project="irb"),
    Filter(study="study-5"),
    Filter(reason="peer REFUSES"),
    Filter(reason="100%_", states=frozenset({BatchState.QUARANTINED, BatchState.FAILED})),
    Filter(reason="100__"),
]


def names(wanted: Filter) -> str:
    return "-".join(sorted(wanted.given())) or "all"


def read_all(journal: Journal, wanted: Filter, limit: int, *, up: bool = False) -> list[int]:
    """Every page, one after the other."""
    ids: list[int] = []
    at: int | None = 0 if up else None
    while True:
        page = journal.batches.page(wanted, limit, **({"after": at} if up else {"before": at}))
        found = [batch.id for batch in page.batches]
        assert len(found) <= limit
        ids += reversed(found) if up else found
        at = page.previous if up else page.next
        if at is None:
            return ids


@pytest.mark.parametrize("rare", [0, 1_000], ids=["frequent", "rare"])
def test_every_filter_finds_what_fits(journal: Journal, monkeypatch: pytest.MonkeyPatch, rare: int) -> None:
    """Newest first, each once, and the same upwards; whether parts of the filter are rare or not."""
    monkeypatch.setattr(pages, "_RARE", rare)
    monkeypatch.setattr(pages, "_FIRST", 7)
    monkeypatch.setattr(pages, "_MOST", 60)  # so that searches are given up, and go on with the next page
    monkeypatch.setattr(pages, "_SLACK", 0)
    rows = fill(journal, 150)
    for wanted in FILTERS:
        expected = [row["id"] for row in reversed(rows) if fits(row, wanted)]
        assert read_all(journal, wanted, 10) == expected, names(wanted)
        assert read_all(journal, wanted, 10, up=True) == expected[::-1], names(wanted)
        first = journal.batches.page(wanted, 10)
        assert first.previous is None
        assert first.total == len(expected) if first.exact else first.total <= len(expected), names(wanted)


def test_more_conditions_are_hardly_more_statements(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """How rare each part is, is asked at once: in a list, the ways to the database cost most."""
    monkeypatch.setattr(pages, "_RARE", 3)
    fill(journal, 60)
    sent: list[str] = []
    sa.event.listen(journal.engine, "before_cursor_execute", lambda *arguments: sent.append(arguments[2]))

    def statements(wanted: Filter) -> int:
        sent.clear()
        with journal.engine.connect() as c:
            assert pages.find(c, wanted, 5).batches
        return len(sent)

    of_one = statements(Filter(modality="CT"))
    of_four = statements(Filter(project="irb", modality="CT", destination="peer", reason="p"))
    assert of_four == of_one


def test_where_counts_are_kept_the_total_is_exact(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """By project, state and destination also of many; otherwise at least so many."""
    monkeypatch.setattr(pages, "_RARE", 3)
    monkeypatch.setattr(pages, "_COUNTED", 20)
    rows = fill(journal, 200)
    for wanted in FILTERS:
        page = journal.batches.page(wanted, 5)
        given = wanted.given()
        if given <= {"project", "states"} or given in ({"destination"}, {"destination", "deliveries"}):
            assert page.exact
        assert page.exact is False or page.total == sum(fits(row, wanted) for row in rows), names(wanted)


def recounted(journal: Journal, kind: str) -> list[Count]:
    """The counts, from the tables themselves."""
    b, d = t.batches.c, t.deliveries.c
    name = sa.func.coalesce(b.project, "")
    batches = sa.select(name, b.state, sa.func.count(), sa.literal(0)).group_by(name, b.state)
    held = sa.func.sum(sa.case((d.state == DeliveryState.VERIFIED, d.sent), else_=0))
    sent = sa.select(d.destination, d.state, sa.func.count(), held).group_by(d.destination, d.state)
    i = t.instances.c
    instances = sa.select(i.project, i.state, sa.func.count(), sa.literal(0)).group_by(i.project, i.state)
    with journal.engine.connect() as c:
        rows = c.execute({PROJECT: batches, DESTINATION: sent, INSTANCE: instances}[kind])
        return sorted((Count(n, s, int(k), int(h)) for n, s, k, h in rows), key=str)


def counted_right(journal: Journal) -> None:
    for kind in (PROJECT, DESTINATION, INSTANCE):
        assert sorted(journal.counts.of(kind), key=str) == recounted(journal, kind)


def work(journal: Journal) -> None:
    """Batches from their first instance to each end."""
    journal.intake.receiving("s0", 2)
    for number in range(6):
        batch_id = journal.intake.queue(f"s{number}", "irb" if number else None, [f"{number}a", f"{number}b"], "x")
        assert batch_id is not None
        if number == 0:
            continue
        journal.batches.begin(batch_id, 1)
        outcomes: dict[str, Any] = {f"{number}a": replace(receipt(f"2.25.{number}"), modality="CT", output_size=100)}
        outcomes[f"{number}b"] = Rejected("no image")
        journal.batches.record(batch_id, 1, outcomes)
        if number == 1:
            journal.batches.fail(batch_id, 1, "trouble")
            continue
        journal.batches.conclude(batch_id, 1, ["bucket", "peer"], {"peer": ["MR"]})
        for destination in ("bucket", "peer")[: number - 1]:
            delivery, _ = journal.deliveries.begin(batch_id, destination, 1)
            journal.deliveries.verified(delivery, 1 if destination == "bucket" else 0)
        if number == 4:
            journal.batches.done(batch_id)
    journal.recalls.begin([("s5", "irb")], "withdrawn", patients=False)


def test_counts_follow_every_change(journal: Journal) -> None:
    """Whoever writes: the counts are those of the tables, before and after they are added up."""
    work(journal)
    counted_right(journal)
    journal.counts.fold()
    with journal.engine.connect() as c:
        assert c.execute(sa.select(sa.func.count()).select_from(t.count_changes)).scalar() == 0
    counted_right(journal)
    journal.intake.receiving("another", 1)
    assert journal.intake.drop_receiving("another") == []
    journal.intake.receiving("third", 1)
    with journal.engine.begin() as c:  # whatever is done by hand
        c.execute(sa.update(t.batches).where(t.batches.c.state == BatchState.DONE).values(project="other"))
        c.execute(sa.update(t.deliveries).where(t.deliveries.c.state == DeliveryState.VERIFIED).values(sent=7))
        c.execute(sa.delete(t.deliveries).where(t.deliveries.c.state == DeliveryState.WAITING))
        c.execute(sa.update(t.instances).where(t.instances.c.instance == "1a").values(state="PENDING", project="other"))
    counted_right(journal)
    journal.counts.fold()
    counted_right(journal)
    assert journal.counts.by_state()[BatchState.RECEIVING] == 1


def test_lost_triggers_are_made_anew(journal: Journal, database: str, data_directory: Path) -> None:
    """A migration may have dropped them: at the next start everything is counted."""
    work(journal)
    name = "sendit_batches_update"
    with journal.engine.begin() as c:
        c.exec_driver_sql(f"DROP TRIGGER {name}" + (" ON batches" if database != "sqlite" else ""))
        c.execute(sa.update(t.batches).where(t.batches.c.state == BatchState.DONE).values(state=BatchState.EMPTY))
    assert journal.counts.by_state() != {BatchState(row.state): row.number for row in recounted(journal, PROJECT)}
    journal.close()
    again = Journal.open(database, data_directory)
    counted_right(again)
    again.close()


def test_what_ended_says_when(journal: Journal) -> None:
    """By every way to an end; and no longer once it is taken up again."""
    work(journal)
    with journal.engine.connect() as c:
        for row in c.execute(sa.select(t.batches)):
            assert (row.ended_at == row.changed_at) == (row.state in ENDED), row.state
    [failed] = journal.batches.page(Filter(states=frozenset({BatchState.FAILED})), 5).batches
    journal.batches.retry(failed.id)
    renewed = journal.batches.get(failed.id)
    assert renewed is not None
    assert renewed.ended_at is None


def test_totals_count_what_was_delivered(journal: Journal) -> None:
    """Each destination what it took, and the project once all have it; a late batch is no further study."""
    work(journal)
    today = datetime.now(UTC).date()
    by_destination = journal.totals.of(today, today, by_destination=True)
    assert [(x.destination, x.studies, x.batches, x.instances, x.size) for x in by_destination] == [
        ("bucket", 4, 4, 4, 400)
    ]
    [whole] = journal.totals.of(today, today)
    assert (whole.project, whole.destination, whole.studies, whole.instances, whole.size) == ("irb", None, 3, 3, 300)
    late = journal.intake.queue("s4", "irb", ["4a", "4b", "4c"], "y")
    assert late is not None
    journal.batches.begin(late, 1)
    journal.batches.record(late, 1, {"4c": replace(receipt("2.25.44"), modality="MR", output_size=7)})
    journal.batches.conclude(late, 1, ["peer"])
    delivery, _ = journal.deliveries.begin(late, "peer", 1)
    journal.deliveries.verified(delivery, 1)
    [whole] = journal.totals.of(today, today, by_day=False)
    assert (whole.day, whole.studies, whole.batches, whole.instances, whole.size) == (None, 3, 4, 4, 307)
    assert journal.totals.of(today - timedelta(days=9), today - timedelta(days=1)) == []
    assert journal.batches.modalities([late, late - 1]) == {late: ["MR"], late - 1: ["CT"]}
    found = journal.batches.get(late)
    assert found is not None
    assert found.size == 7


#: What a journal of the version before has no column or table for.
NEW = {"batches": ("size", "ended_at", "unseen")}


def test_an_older_journal_gets_all_of_it(database: str, data_directory: Path) -> None:
    """Migrated from the version before: modalities, sizes, ends, what nobody has seen, counts and totals."""
    engine = open_engine(database, data_directory, migrated=False)
    with engine.begin() as c:
        command.upgrade(alembic_config(c), "0007")
    changed = datetime(2026, 3, 4, 23, 30, tzinfo=UTC)
    b = sa.table("batches", *(sa.column(x.name, x.type) for x in t.batches.c if x.name not in NEW["batches"]))
    with engine.begin() as c:
        own = {"study": "s", "project": "irb", "received": 2, "opened_at": changed, "changed_at": changed}
        states = [BatchState.DONE, BatchState.FAILED, BatchState.QUARANTINED, BatchState.QUEUED]
        c.execute(sa.insert(b), [{"id": n, "state": state, **own} for n, state in enumerate(states, 1)])
        released = replace(receipt("2.25.1"), modality="CT", output_size=100)
        receipts: list[Receipt] = [released, replace(released, modality="SR", output_size=5)]
        instances = [
            {"batch_id": 1, "project": "irb", "instance": f"i{n}", "state": "SENT", "receipt": one.as_dict()}
            for n, one in enumerate(receipts)
        ]
        c.execute(sa.insert(t.instances), instances)
        for name, taken in (("all", None), ("images", ["CT"])):
            sent = {"sent": 1 if taken else 2, "changed_at": changed, "modalities": taken}
            c.execute(sa.insert(t.deliveries).values(batch_id=1, destination=name, state="VERIFIED", **sent))
        seen = {
            "kind": "batch",
            "number": 2,
            "attempt": 1,
            "state": "FAILED",
            "at": changed,
            "actor": "a",
            "reason": "",
        }
        c.execute(sa.insert(t.acknowledgements).values(**seen))
    engine.dispose()
    journal = Journal.open(database, data_directory)
    counted_right(journal)
    assert journal.batches.modalities([1, 2]) == {1: ["CT", "SR"], 2: []}
    found = journal.batches.get(1)
    assert found is not None
    assert (found.size, found.ended_at) == (105, changed)
    assert [number for number, _ in journal.acknowledgements.unseen().batches] == [3]
    day_of = changed.date()
    totals = journal.totals.of(day_of, day_of, by_destination=True) + journal.totals.of(day_of, day_of)
    assert [(x.destination, x.studies, x.instances, x.size) for x in totals] == [
        ("all", 1, 2, 105), ("images", 1, 1, 100), (None, 1, 2, 105)
    ]  # fmt: skip
    journal.close()
