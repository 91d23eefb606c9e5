"""`sendit backup` and `sendit restore` on both databases: of one moment while others write, and put back elsewhere."""

from __future__ import annotations

import shutil
import threading
from dataclasses import astuple, replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from sendit import keyring
from sendit.config.schema import Settings
from sendit.errors import Misconfigured
from sendit.journal import Journal
from sendit.journal import tables as t
from sendit.journal.lists.counts import DESTINATION, PROJECT
from sendit.journal.lists.pages import ALL
from sendit.model import BatchState, CrosswalkEntry
from sendit.pipeline.backups.accept import accept
from sendit.pipeline.backups.backup import ABOUT, backup, check, restore
from sendit.pipeline.backups.high_water import JournalBehind
from sendit.pipeline.passport.keys import PassportKeys
from sendit.pipeline.unlink import unlink
from sendit.pseudonyms.crosswalk import Crosswalk, key_folder
from sendit.scheduler import engine_url
from tests.journal.test_high_water import deliver, note, recall, start
from tests.journal.test_journal import queued, receipt, state

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.postgres import PostgresServer

ENTRY = CrosswalkEntry("MRN-7741-905", "HOSPITAL", "1.2.3", "ACC55", "P", "2.25.1", "CODEDACC")


def settings_of(database: str, folder: Path) -> Settings:
    places = {"x": {"Type": "OrthancPeer", "Peer": "x"}}
    document = {"DataDirectory": str(folder), "Database": database, "Destinations": places}
    return Settings.model_validate({**document, "Projects": {"irb": {"Destinations": ["x"]}}})


@pytest.fixture
def settings(database: str, data_directory: Path) -> Settings:
    return settings_of(database, data_directory)


@pytest.fixture
def elsewhere(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """Another machine: an empty data directory, and an empty database."""
    folder = tmp_path / "elsewhere"
    folder.mkdir(mode=0o700)
    if database == "sqlite":
        return settings_of(database, folder)
    server: PostgresServer = request.getfixturevalue("postgres")
    return settings_of(server.database(), folder)


def used(settings: Settings) -> Journal:
    """A journal with work done, a crosswalk, a recall, and a batch on its way."""
    journal = start(settings)
    keyring.load_key(settings.data_directory / "keys", "irb", create=True)
    table = Crosswalk(journal, key_folder(settings), "irb")
    table.prepare()
    table.write([ENTRY])
    if settings.database == "sqlite":
        engine_url(settings.database, settings.data_directory)
    deliver(journal)
    recall(journal, patients=True)
    deliver(journal, study="kept", instance="k", patient="Q")
    on_its_way = queued(journal, "w", study="on its way")
    journal.batches.begin(on_its_way, 1)
    journal.batches.record(on_its_way, 1, {"w": replace(receipt("2.25.99"), patient_id="R")})
    journal.batches.conclude(on_its_way, 1, ["x"])
    return journal


def content(journal: Journal) -> dict[str, list[tuple[object, ...]]]:
    """Every row; of the counts what they say, because changes that were still to be added up may be added up."""
    tables = [x for x in t.metadata.sorted_tables if x not in (t.counts, t.count_changes)]
    with journal.engine.connect() as c:
        rows = {x.name: sorted(map(tuple, c.execute(sa.select(x)).all()), key=str) for x in tables}
    return {**rows, **{kind: sorted(map(astuple, journal.counts.of(kind))) for kind in (PROJECT, DESTINATION)}}


def test_what_is_put_back_is_what_was_there(settings: Settings, elsewhere: Settings, tmp_path: Path) -> None:
    """Every row, the keys, the withdrawals; the start asks for a person first; then work goes on."""
    journal = used(settings)
    PassportKeys(settings, journal).signing("irb")
    note(journal, settings)
    before = content(journal)
    about = backup(settings, tmp_path / "backup")
    assert check(tmp_path / "backup") == about
    for path in (tmp_path / "backup").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    restore(elsewhere, tmp_path / "backup")
    for name in ("keys/irb.key", "keys/crosswalk/irb.key", "keys/passport/irb.key"):
        assert (elsewhere.data_directory / name).read_bytes() == (settings.data_directory / name).read_bytes()
    with pytest.raises(JournalBehind, match="was restored from a backup of 20"):
        start(elsewhere)
    back = Journal.open(elsewhere.database, elsewhere.data_directory)
    assert content(back) == before
    back.close()
    accept(elsewhere, "cli:ada", "a new machine")
    back = start(elsewhere)
    assert Crosswalk(back, key_folder(elsewhere), "irb").by_code("P")[0].original == "MRN-7741-905"
    assert state(back, 1) is BatchState.RECALLED
    assert state(back, 3) is BatchState.QUEUED  # nothing of it is staged here
    assert queued(back, "n", study="new") == 4
    back.close()
    journal.close()


def test_a_backup_is_of_one_moment(settings: Settings, elsewhere: Settings, tmp_path: Path) -> None:
    """Taken while batches are made and recalled: what is put back fits together, and lacks nothing of its mark."""
    journal = used(settings)
    stop, failed = threading.Event(), []

    def work() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            try:
                deliver(journal, study=f"s{number}", instance=f"i{number}", patient=f"P{number}")
                if number % 3 == 0:
                    recall(journal, study=f"s{number}")
                note(journal, settings)
            except Exception as error:  # noqa: BLE001 - shown below
                failed.append(error)
                return

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for number in range(5):
            backup(settings, tmp_path / f"backup{number}")
    finally:
        stop.set()
        thread.join()
    assert failed == []
    restore(elsewhere, tmp_path / "backup4")
    accept(elsewhere, "cli:ada", "x")
    back = start(elsewhere)
    rows = content(back)
    batches = {row[0] for row in rows["batches"]}
    assert len(batches) >= 3
    assert {row[1] for row in rows["instances"]} == batches  # each with its instance
    assert {row[0] for row in rows["deliveries"]} <= batches
    withdrawn = {BatchState.RECALLING, BatchState.RECALLED}  # the moment may lie between the two
    recalled = {b.study for b in back.batches.page(ALL, 1000).batches if b.state in withdrawn}
    assert recalled == {row[1] for row in rows["recalled_studies"]}
    back.close()
    journal.close()


def test_a_mark_that_is_there_stays_and_knows_both(settings: Settings, tmp_path: Path) -> None:
    """Put back on the same machine: what was recalled since stays recalled; the old journal is moved aside."""
    journal = used(settings)
    note(journal, settings)
    backup(settings, tmp_path / "backup")
    recall(journal, study="kept")
    note(journal, settings)
    journal.close()
    if settings.database != "sqlite":
        with pytest.raises(Misconfigured, match="already contains a journal"):
            restore(settings, tmp_path / "backup")
        return
    restore(settings, tmp_path / "backup")
    assert len(list(settings.data_directory.glob("before-restore-*-journal.sqlite"))) == 1
    done = accept(settings, "cli:ada", "the disk broke")
    assert "1 recalled studies stay recalled" in done
    back = start(settings)
    assert state(back, 2) is BatchState.RECALLING
    back.close()


def test_keys_of_a_project_that_was_cut_since_do_not_come_back(settings: Settings, tmp_path: Path) -> None:
    """The mark that is there knows of it."""

    if settings.database != "sqlite":
        pytest.skip("a database that holds a journal is refused before")
    journal = used(settings)
    note(journal, settings)
    backup(settings, tmp_path / "backup")
    journal.unlinking.give_up("irb")
    unlink(journal, settings, "irb")
    note(journal, settings)
    journal.close()
    restore(settings, tmp_path / "backup")
    assert list(settings.data_directory.rglob("*.key")) == []
    accept(settings, "cli:ada", "x")
    back = start(settings)
    cut = back.unlinking.of("irb")
    assert cut is not None
    assert cut.complete
    back.close()


def test_what_is_no_whole_backup_is_refused(settings: Settings, elsewhere: Settings, tmp_path: Path) -> None:
    """A byte that changed, a file that is missing, another key that is there; nothing changes."""
    journal = used(settings)
    made = tmp_path / "backup"
    backup(settings, made)
    with pytest.raises(Misconfigured, match="it already exists"):
        backup(settings, made)
    journal.close()

    def damaged() -> None:
        (copy / "keys" / "irb.key").write_bytes(b"0" * 65)

    def short() -> None:
        (copy / "keys" / "irb.key").unlink()

    def none() -> None:
        (copy / ABOUT).unlink()

    for harm, said in ((damaged, "changed since it was written"), (short, "an incomplete one"), (none, "not a backup")):
        copy = tmp_path / said.replace(" ", "")
        shutil.copytree(made, copy)
        harm()
        with pytest.raises(Misconfigured, match=said):
            restore(elsewhere, copy)
    keyring.load_key(elsewhere.data_directory / "keys", "irb", create=True)
    with pytest.raises(Misconfigured, match="the key there differs"):
        restore(elsewhere, made)
    assert not (elsewhere.data_directory / "journal.sqlite").exists()
    assert not (elsewhere.data_directory / "keys" / "high-water-mark").exists()
