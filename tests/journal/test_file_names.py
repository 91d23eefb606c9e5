"""Names of imported files: sealed, opened with the key alone, and those that an older SendIt left in clear go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from alembic import command

from sendit import keyring
from sendit.config.schema import Settings
from sendit.journal import Journal
from sendit.journal import tables as t
from sendit.journal.database import alembic_config, open_engine
from sendit.model import FileOutcome, InstanceState
from sendit.pipeline.file_names import FileNames
from sendit.pipeline.imports import BufferedLog

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ["Quixworth_Zebulon", "Müller, Jörg 1961-03-07", "山田太郎/IM1", "a/b/Doe^John.dcm", "x" * 900]
NAMES.append("\udcff\udcfe.dcm")  # bytes that are no UTF-8


@pytest.fixture
def settings(database: str, data_directory: Path) -> Settings:
    projects = {"irb": {"Destinations": ["x"]}, "none": {"Destinations": ["x"], "Crosswalk": False}}
    places = {"x": {"Type": "OrthancPeer", "Peer": "x"}}
    document = {"DataDirectory": str(data_directory), "Database": database, "Destinations": places}
    loaded = Settings.model_validate({**document, "Projects": projects})
    for name in projects:
        keyring.load_key(data_directory / "keys", name, create=True)
    keyring.load_key(data_directory / "keys" / "crosswalk", "irb", create=True)
    return loaded


def everything(journal: Journal, settings: Settings) -> bytes:
    """All that the tables hold, and all bytes of the data directory."""
    with journal.engine.connect() as c:
        tables = "".join(str(c.execute(sa.select(table)).all()) for table in t.metadata.sorted_tables)
    files = [path.read_bytes() for path in settings.data_directory.rglob("*") if path.is_file()]
    return tables.encode() + b"".join(files)


def absent(content: bytes, names: list[str]) -> None:
    for name in names:
        for part in name.split("/"):
            if len(part) > 3:
                assert part.encode("utf-8", "surrogateescape") not in content, part


def test_both_ways_and_only_with_the_key(settings: Settings) -> None:
    """Each name opens as it was; the digest is found again; without the crosswalk's key, and without one, never."""
    names = FileNames(settings)
    sealed = names.seal("irb", NAMES)
    assert [names.open("irb", one) for one in sealed] == NAMES
    assert [names.mac("irb", name) for name in NAMES] == [one.mac for one in sealed]
    assert len({one.mac for one in sealed}) == len(NAMES)
    closed = names.seal("none", NAMES)
    assert [one.sealed for one in closed] == [None] * len(NAMES)
    assert not {one.mac for one in closed} & {one.mac for one in sealed}
    keyring.destroy_key(settings.data_directory / "keys" / "crosswalk", "irb")
    assert [names.open("irb", one) for one in sealed] == [None] * len(NAMES)
    assert names.seal("irb", ["a"])[0].sealed is None


def test_an_import_leaves_no_name(settings: Settings) -> None:
    """Neither in a table nor in a file; who may look reads them all."""
    journal = Journal.open(settings.database, settings.data_directory)
    names = FileNames(settings)
    log = BufferedLog(journal.imports, names, "cli:ada")
    number = log.begin("irb", f"/in/{NAMES[0]}", NAMES[1])
    for name in NAMES:
        log.record(number, name, FileOutcome.IMPORTED, None, None)
    log.finish(number, ok=True)
    absent(everything(journal, settings), NAMES)
    found = journal.imports.names(number)
    assert found is not None
    assert names.open("irb", found.folder) == f"/in/{NAMES[0]}"
    assert {names.open("irb", name) for name, _ in found.files} == set(NAMES)
    journal.close()


def test_what_an_older_sendit_left_in_clear_is_sealed_and_leaves_the_file(settings: Settings) -> None:
    """Migrated with the keys at hand; without them the names are gone for good, the outcomes and reasons stay."""
    engine = open_engine(settings.database, settings.data_directory, migrated=False)
    old = [name for name in NAMES if name.isprintable()]
    with engine.begin() as c:
        command.upgrade(alembic_config(c), "0004")
        now = "2026-01-01 00:00:00"
        for number, project in ((1, "irb"), (2, "unknown")):
            values = {"i": number, "p": project, "f": f"/in/{NAMES[0]}", "d": NAMES[1], "at": now}
            insert = "INSERT INTO imports (id, project, folder, directory, state, started_at) VALUES"
            c.execute(sa.text(f"{insert} (:i, :p, :f, :d, 'DONE', :at)"), values)
            for name in old:
                row = {"i": number, "n": name}
                c.execute(sa.text("INSERT INTO import_files (import_id, path, fate) VALUES (:i, :n, 'imported')"), row)
        batch = "INSERT INTO batches (id, study, project, state, opened_at, changed_at) VALUES"
        c.execute(sa.text(f"{batch} (1, 'study', 'irb', 'QUARANTINED', :at, :at)"), {"at": now})
        c.execute(sa.text(f"{batch} (2, 'gone', 'irb', 'RECALLED', :at, :at)"), {"at": now})
        held = "INSERT INTO instances (batch_id, project, instance, state) VALUES (1, 'irb', 'a', 'PENDING')"
        c.execute(sa.text(held))
    engine.dispose()
    names = FileNames(settings)
    journal = Journal.open(settings.database, settings.data_directory, seal=names.seal_old)
    absent(everything(journal, settings), old)
    found = journal.imports.names(1)
    assert found is not None
    assert names.open("irb", found.folder) == f"/in/{NAMES[0]}"
    assert names.open("irb", found.directory) == NAMES[1]
    assert {names.open("irb", name) for name, _ in found.files} == set(old)
    unknown = journal.imports.summary(2)
    assert unknown is not None
    assert unknown["files"] == {"imported": len(old)}
    assert journal.batches.tallies([1]) == {1: {InstanceState.QUARANTINED: 1}}
    level = journal.high_water.level()
    assert (level.counts["irb"].begun, level.counts["irb"].withdrawn, level.studies) == (2, 1, {("irb", "gone")})
    journal.close()
