"""The high-water mark on both databases: when a journal is behind it, and that a person can take it all the same."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import subprocess
import threading
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from sendit import keyring
from sendit.config.schema import Settings
from sendit.errors import Misconfigured, Retry
from sendit.journal import Journal
from sendit.journal import database as journal_database
from sendit.journal import tables as t
from sendit.journal.audit import AuditFilter
from sendit.journal.database import JOURNAL_FILE
from sendit.journal.lists.pages import ALL
from sendit.model import BatchState
from sendit.pipeline.backups.accept import accept, look
from sendit.pipeline.backups.high_water import JournalBehind, JournalGuard, MarkFile, _line, open_journal
from sendit.pipeline.unlink import unlink
from tests.journal.test_journal import queued, receipt, state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.servers.postgres import PostgresServer


@pytest.fixture
def settings(database: str, data_directory: Path) -> Settings:
    project = {"Destinations": ["x"]}
    places = {"x": {"Type": "OrthancPeer", "Peer": "x"}}
    document = {"DataDirectory": str(data_directory), "Database": database, "Destinations": places}
    return Settings.model_validate({**document, "Projects": {"irb": project}})


def start(settings: Settings) -> Journal:
    """As the worker does."""
    journal = open_journal(settings.database, settings.data_directory)
    JournalGuard(journal, settings.data_directory).sync(tidy=True)
    return journal


def deliver(journal: Journal, study: str = "study", instance: str = "a", patient: str = "P") -> int:
    """A batch that came to its end."""
    batch_id = queued(journal, instance, study=study)
    journal.batches.begin(batch_id, 1)

    journal.batches.record(batch_id, 1, {instance: replace(receipt(f"2.25.{batch_id}"), patient_id=patient)})
    journal.batches.conclude(batch_id, 1, ["x"])
    journal.deliveries.verified(journal.deliveries.begin(batch_id, "x", 1)[0], 1)
    journal.batches.done(batch_id)
    return batch_id


def recall(journal: Journal, study: str = "study", patients: bool = False) -> None:
    """Begun, and brought to its end at x."""
    journal.recalls.begin([(study, "irb")], "consent withdrawn", patients=patients, actor="cli:ada")
    for delivery in journal.recalls.open():
        journal.recalls.end(journal.recalls.start(delivery.batch_id, "x", delivery.attempt)[0], 1, 0, None)


def note(journal: Journal, settings: Settings) -> None:
    """As the reconciliation does."""
    JournalGuard(journal, settings.data_directory).sync()


def saved(journal: Journal, settings: Settings) -> Callable[[], None]:
    """Take a copy of the journal as it is now; what is returned puts it back by hand, as people do."""
    if settings.database == "sqlite":
        path = settings.data_directory / JOURNAL_FILE
        copy = settings.data_directory.parent / "copy.sqlite"
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)

        def back() -> None:
            for old in settings.data_directory.glob(f"{JOURNAL_FILE}*"):
                old.unlink()
            shutil.copyfile(copy, path)

        return back
    with journal.engine.connect() as c:
        rows = {x.name: [dict(r._mapping) for r in c.execute(sa.select(x))] for x in t.metadata.sorted_tables}

    def put() -> None:
        again = Journal.open(settings.database, settings.data_directory)
        with again.engine.begin() as c:
            c.exec_driver_sql("ALTER TABLE audit DISABLE TRIGGER USER")  # as who owns the database can
            for table in reversed(t.metadata.sorted_tables):
                c.execute(sa.delete(table))
            for table in t.metadata.sorted_tables:
                if rows[table.name]:
                    c.execute(sa.insert(table), rows[table.name])
            highest = (
                "SELECT setval(pg_get_serial_sequence('batches', 'id'), (SELECT coalesce(max(id), 1) FROM batches))"
            )
            c.exec_driver_sql(highest)
            c.exec_driver_sql("ALTER TABLE audit ENABLE TRIGGER USER")
        again.close()

    return put


def test_a_start_after_work_is_taken(settings: Settings) -> None:
    """First start, work, second start: the mark is made, kept up, and nothing is behind."""
    journal = start(settings)
    deliver(journal)
    note(journal, settings)
    recall(journal, patients=True)
    journal.close()  # killed before the recall was noted
    journal = start(settings)
    mark = MarkFile(settings.data_directory).read()
    assert mark.level == journal.high_water.level()
    assert mark.level.studies == {("irb", "study")}
    assert mark.level.patients == {("irb", "P")}
    assert (mark.level.counts["irb"].begun, mark.level.counts["irb"].released) == (1, 1)
    assert MarkFile(settings.data_directory).path.stat().st_mode & 0o777 == 0o600
    journal.close()


def test_a_journal_from_before_a_recall_is_refused_and_then_taken_with_the_recall(settings: Settings) -> None:
    """The refusal says what is missing; after `accept` the study and its patient stay out, and it is removed again."""
    journal = start(settings)
    deliver(journal)
    back = saved(journal, settings)
    recall(journal, patients=True)
    deliver(journal, study="later", instance="b", patient="Q")
    note(journal, settings)
    journal.close()
    back()
    with pytest.raises(JournalBehind) as caught:
        start(settings)
    assert "project irb lacks 1 batch begun, 1 release, 2 recalled studies or patients" in caught.value.problem
    assert "sendit journal accept" in caught.value.remedy
    gap = look(settings)
    assert gap
    done = accept(settings, "cli:ada", "the disk broke")
    assert "1 recalled studies stay recalled" in done
    assert "1 recalled patients stay recalled" in done
    journal = start(settings)
    assert state(journal, 1) is BatchState.RECALLING
    late = journal.intake.queue("study", "irb", ["a", "late"], "x")
    assert late is not None
    assert state(journal, late) is BatchState.QUARANTINED
    further = queued(journal, "c", study="another")
    journal.batches.begin(further, 1)
    journal.batches.record(further, 1, {"c": receipt("2.25.77", "c")})
    assert journal.batches.conclude(further, 1, ["x"]) is BatchState.QUARANTINED
    [act] = journal.audit.page(AuditFilter(action="accept-journal"), 10)
    assert (act.actor, act.reason) == ("cli:ada", "the disk broke")
    assert journal.audit.verify().ok
    assert not look_again(journal, settings)
    journal.close()


def look_again(journal: Journal, settings: Settings) -> bool:
    journal.close()
    return bool(look(settings))


def test_a_recalled_study_that_the_old_journal_never_knew_stays_out(settings: Settings) -> None:
    """It came, left and was recalled after the backup: sent to Orthanc again, it is held, for variants too."""
    journal = start(settings)
    deliver(journal, study="first", instance="z")
    back = saved(journal, settings)
    deliver(journal)
    recall(journal)
    note(journal, settings)
    journal.close()
    back()
    with pytest.raises(JournalBehind):
        start(settings)
    accept(settings, "cli:ada", "x")
    journal = start(settings)
    assert journal.recalls.projects_of("study") == {"irb"}
    for project in ("irb", "irb@second"):
        batch_id = journal.intake.queue("study", project, ["a"], "x")
        assert batch_id is not None
        assert state(journal, batch_id) is BatchState.QUARANTINED
    journal.close()


def test_ties_that_were_cut_stay_cut(settings: Settings) -> None:
    """With a journal from before, keys and the way back are destroyed again, also of batches under way."""
    journal = start(settings)
    keys = settings.data_directory / "keys"
    keyring.load_key(keys, "irb", create=True)
    deliver(journal)
    recall(journal)
    deliver(journal, study="other", instance="o", patient="Q")
    queued(journal, "u", study="under way")
    back = saved(journal, settings)
    key = (keys / "irb.key").read_bytes()
    journal.unlinking.give_up("irb")
    note(journal, settings)
    assert b"study" in MarkFile(settings.data_directory).path.read_bytes()
    unlink(journal, settings, "irb")
    note(journal, settings)
    mark = MarkFile(settings.data_directory).read()
    assert mark.level.studies == set()
    assert mark.level.unlinked == {"irb": {"study", "other", "under way"}}
    journal.close()
    back()
    (keys / "irb.key").write_bytes(key)
    with pytest.raises(JournalBehind, match="its unlinking"):
        start(settings)
    accept(settings, "cli:ada", "x")
    assert not (keys / "irb.key").exists()
    journal = start(settings)
    cut = journal.unlinking.of("irb")
    assert cut is not None
    assert cut.complete
    assert journal.unlinking.studies(["study", "other", "under way"]) == {"study", "other", "under way"}
    assert not [b for b in journal.batches.page(ALL, 10).batches if not b.study.startswith("cut-")]
    journal.close()


def test_a_journal_that_is_gone_is_not_made_anew(settings: Settings, database: str, postgres: PostgresServer) -> None:
    """Missing, empty, or another database: refused, nothing is made; accepted, it begins with the withdrawals."""
    journal = start(settings)
    deliver(journal)
    recall(journal)
    note(journal, settings)
    journal.close()
    if database == "sqlite":
        path = settings.data_directory / JOURNAL_FILE
        path.unlink()
        elsewhere = settings
    else:
        elsewhere = settings.model_copy(update={"database": postgres.database()})
    with pytest.raises(JournalBehind, match="missing or empty: project irb lacks 1 batch begun"):
        start(elsewhere)
    if database == "sqlite":
        assert list(settings.data_directory.glob(f"{JOURNAL_FILE}*")) == []
        path.write_bytes(b"")
        with pytest.raises(JournalBehind, match="missing or empty"):
            start(settings)
    else:
        with pytest.raises(Misconfigured, match="no tables"):
            Journal.open(elsewhere.database, settings.data_directory, upgrade=False)
    Journal.open(elsewhere.database, elsewhere.data_directory).close()  # an older SendIt made an empty one
    with pytest.raises(JournalBehind, match="a different journal"):
        start(elsewhere)
    accept(elsewhere, "cli:ada", "x")
    journal = start(elsewhere)
    batch_id = queued(journal, "a")
    assert state(journal, batch_id) is BatchState.QUARANTINED
    journal.close()


def test_a_line_that_a_kill_tore_off_refuses_nothing(settings: Settings) -> None:
    """Cut at every byte of the last line: the start is taken, and the mark is whole again."""
    journal = start(settings)
    deliver(journal)
    note(journal, settings)
    recall(journal)
    note(journal, settings)
    file = MarkFile(settings.data_directory)
    whole = file.path.read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    for tail in [whole[last:end] for end in range(last, len(whole), 7)] + [b"\0" * 300]:
        file.path.write_bytes(whole[:last] + tail)
        note(journal, settings)
        assert file.read().level == journal.high_water.level(), tail
    journal.close()
    start(settings).close()


def test_a_mark_that_is_gone_or_damaged_needs_a_person(settings: Settings) -> None:
    """Also one that was emptied, and one with a damaged line in its middle; `accept` writes it anew."""
    journal = start(settings)
    deliver(journal)
    recall(journal)
    note(journal, settings)
    journal.close()
    file = MarkFile(settings.data_directory)
    whole = file.path.read_bytes()
    middle = bytearray(whole)
    middle[20] ^= 1

    def gone() -> None:
        file.path.unlink()

    harms: list[tuple[Callable[[], object], str]] = [
        (gone, "missing or empty"),
        (lambda: file.path.write_bytes(b""), "missing or empty"),
        (lambda: file.path.write_bytes(bytes(middle)), "line 1 of the high-water mark is damaged"),
        (lambda: file.path.write_bytes(b"nonsense\n"), "line 1 of the high-water mark is damaged"),
    ]
    for harm, said in harms:
        harm()
        with pytest.raises(JournalBehind, match=said):
            start(settings)
        assert look(settings)
        accept(settings, "cli:ada", "x")
        start(settings).close()


def test_a_mark_of_a_newer_sendit_is_not_touched(settings: Settings) -> None:
    """Refused, and left as it is."""
    start(settings).close()
    file = MarkFile(settings.data_directory)

    file.path.write_bytes(_line({"version": 9, "journal": "x"}))
    before = file.path.read_bytes()
    with pytest.raises(Misconfigured, match="newer version of SendIt"):
        start(settings)
    assert file.path.read_bytes() == before


def test_an_upgraded_journal_begins_its_mark(settings: Settings) -> None:
    """A journal with work and without a mark, as an older SendIt leaves it: taken, and from then on guarded."""
    journal = Journal.open(settings.database, settings.data_directory)
    deliver(journal)
    recall(journal)
    journal.close()
    journal = start(settings)
    assert MarkFile(settings.data_directory).read().level.studies == {("irb", "study")}
    journal.close()


def test_two_nodes_share_one_database(postgres: PostgresServer, tmp_path: Path) -> None:
    """The second needs no mark to start; what the first withdraws is in the second's, too; an old one stops both."""
    database = postgres.database()
    nodes = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir(mode=0o700)
        nodes.append(Settings.model_validate({"DataDirectory": str(folder), "Database": database}))
    first = start(nodes[0])
    deliver(first)
    second = start(nodes[1])
    back = saved(first, nodes[0])
    recall(first)
    note(first, nodes[0])
    note(second, nodes[1])
    first.close()
    second.close()
    back()
    for node in nodes:
        with pytest.raises(JournalBehind, match="older than what was sent"):
            start(node)
    accept(nodes[0], "cli:ada", "x")
    for node in nodes:  # the second lacks nothing any more: the first has applied it all
        journal = start(node)
        assert state(journal, 1) is BatchState.RECALLING
        journal.close()


def test_a_journal_put_back_under_a_running_worker_is_noticed(settings: Settings) -> None:
    """Before the next thing leaves; the mark stays as it is, and the journal knows that it may not go on."""
    journal = start(settings)
    deliver(journal)
    back = saved(journal, settings)
    recall(journal)
    guard = JournalGuard(journal, settings.data_directory)
    guard.sync()
    if settings.database == "sqlite":
        copy = settings.data_directory.parent / "copy.sqlite"
        with (
            closing(sqlite3.connect(copy)) as source,
            closing(sqlite3.connect(settings.data_directory / JOURNAL_FILE)) as target,
        ):
            source.backup(target)  # into the same file
    else:
        back()
    before = MarkFile(settings.data_directory).path.read_bytes()
    with pytest.raises(JournalBehind):
        guard.sync()
    assert MarkFile(settings.data_directory).path.read_bytes() == before
    assert isinstance(guard.look(), JournalBehind)
    journal.close()


@pytest.mark.parametrize("harm", ["deleted", "moved", "replaced"])
def test_a_journal_file_that_goes_under_a_running_worker_is_noticed(data_directory: Path, harm: str) -> None:
    """At the next look, and at the next write; no new file is made."""
    settings = Settings.model_validate({"DataDirectory": str(data_directory)})
    journal = start(settings)
    deliver(journal)
    guard = JournalGuard(journal, data_directory)
    assert guard.look() is None
    path = data_directory / JOURNAL_FILE
    if harm == "replaced":
        shutil.copyfile(path, data_directory / "other")
        os.replace(data_directory / "other", path)
    else:
        path.unlink() if harm == "deleted" else path.rename(data_directory / "elsewhere")
    fault = guard.look()
    assert fault is not None
    assert "deleted, moved or replaced while SendIt was running" in fault.problem
    assert str(path) in fault.place
    with pytest.raises(Misconfigured, match="deleted, moved or replaced"):
        deliver(journal, study="next", instance="n")
    assert path.exists() == (harm == "replaced")
    journal.close()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:

    folder = tmp_path / "small"
    folder.mkdir()
    options = ["-o", "size=4m,mode=0700"]
    if subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("a small file system can be mounted by root alone")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_said_with_place_and_remedy(small: Path) -> None:
    """As Retry, of the journal and of the mark; afterwards both go on."""
    settings = Settings.model_validate({"DataDirectory": str(small)})
    journal = start(settings)
    deliver(journal)
    filler = small / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65536, 512, 1):
            while True:
                try:
                    file.write(bytes(size))
                except OSError:
                    break
    with pytest.raises(Retry, match=r"the disk of .*small is full; free some space"):
        queued(journal, *(f"{number}" for number in range(5000)))
    filler.unlink()
    queued(journal, "more", study="more")
    note(journal, settings)
    journal.close()
    start(settings).close()


def test_a_damaged_page_is_said_once_at_the_start(data_directory: Path) -> None:
    """With the place and what to do; also a file that is no database at all."""
    settings = Settings.model_validate({"DataDirectory": str(data_directory)})
    journal = start(settings)
    for number in range(100):
        queued(journal, *(f"{number}-{i}" for i in range(20)), study=f"study{number}")
    note(journal, settings)
    journal.close()
    path = data_directory / JOURNAL_FILE
    content = bytearray(path.read_bytes())
    for page in range(10, len(content) // 4096, 7):
        content[page * 4096 : page * 4096 + 200] = b"\xa5" * 200
    path.write_bytes(content)
    with pytest.raises(Misconfigured) as caught:
        start(settings)
    assert caught.value.place == str(path)
    assert "the journal is damaged" in caught.value.problem
    assert "sendit restore" in caught.value.remedy
    for old in data_directory.glob(f"{JOURNAL_FILE}-*"):
        old.unlink()
    path.write_bytes(b"this is a shopping list, not a database\n" * 200)
    with pytest.raises(Misconfigured, match="the journal is damaged"):
        start(settings)


class Impatient(threading.Thread):
    """Interrupts at once, and again and again, until it is cancelled."""

    def __init__(self, _seconds: float, interrupt: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._interrupt, self._ended = interrupt, threading.Event()

    def run(self) -> None:
        while not self._ended.wait(0.001):
            self._interrupt()

    def cancel(self) -> None:
        self._ended.set()
        self.join()


def test_a_large_journal_is_not_read_whole_at_the_start(
    data_directory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What cannot be checked in a few seconds is left to the doctor and to backups; SendIt starts, and says so."""
    caplog.set_level(logging.INFO, "sendit.journal.database")
    journal = start(Settings.model_validate({"DataDirectory": str(data_directory)}))
    with journal.engine.begin() as c:
        numbers = "WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r LIMIT 10000)"
        c.exec_driver_sql(f"CREATE TABLE ballast AS {numbers} SELECT randomblob(4000) FROM r")
    path = data_directory / JOURNAL_FILE
    journal_database.check_pages(journal.engine, path)
    assert caplog.messages == []
    monkeypatch.setattr(threading, "Timer", Impatient)
    journal_database.check_pages(journal.engine, path, 10)
    assert ["not all of it was checked" in message for message in caplog.messages] == [True]
    journal.close()
