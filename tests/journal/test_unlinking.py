"""Unlinking on both databases: what leads back is gone, what was sent can be verified, a kill loses nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from sendit import keyring
from sendit.config.schema import Settings
from sendit.errors import Misconfigured
from sendit.journal import Journal
from sendit.journal import tables as t
from sendit.journal.audit import Act
from sendit.journal.receipts import manifest
from sendit.journal.unlinking import Unlinked
from sendit.model import BatchState, CrosswalkEntry, FileOutcome, Receipt
from sendit.pipeline.file_names import FileNames
from sendit.pipeline.unlink import unlink
from sendit.pseudonyms.crosswalk import Crosswalk, key_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: What only the original side knows: each leads from a batch back to a patient.
STUDY, INSTANCES = "0a" * 20 + "-st", ("1b" * 20, "2c" * 20)
INPUTS = {"1b" * 20: "d1" * 32, "2c" * 20: "d2" * 32}
FOLDER = "Quixworth_Zebulon"
ENTRY = CrosswalkEntry("MRN-7741-905", "HOSPITAL", "1.2.3", "ACC55", "CODE1", "2.25.1", "CODEDACC")


@pytest.fixture
def settings(database: str, data_directory: Path) -> Settings:
    return Settings.model_validate({"DataDirectory": str(data_directory), "Database": database})


def receipt(instance: str, number: int) -> Receipt:
    return Receipt(
        input_sha256=INPUTS.get(instance, "e0" * 32),
        plan_sha256="0" * 64,
        output_sha256=f"{number}" * 64,
        output_md5="0" * 32,
        output_size=10,
        patient_id="CODE1",
        study_instance_uid="2.25.1",
        series_instance_uid="2.25.2",
        sop_instance_uid=f"2.25.10{number}",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        actions={"X": 3},
        released=True,
    )


def sent(journal: Journal, project: str, *instances: str, first: int = 0) -> int:
    """A batch that came to its end."""
    batch_id = journal.intake.queue(STUDY, project, instances, "20260101T000000")
    assert batch_id is not None
    journal.batches.begin(batch_id, 1)
    journal.batches.record(batch_id, 1, {name: receipt(name, n) for n, name in enumerate(instances, first)})
    journal.batches.conclude(batch_id, 1, ["there"])
    delivery, _ = journal.deliveries.begin(batch_id, "there", 1)
    journal.deliveries.verified(delivery, len(instances))
    journal.batches.done(batch_id)
    return batch_id


def use(journal: Journal, settings: Settings) -> tuple[int, int]:
    """Two projects that worked on one study, with all that they leave behind; the batches."""
    for project in ("irb", "other"):
        keyring.load_key(settings.data_directory / "keys", project, create=True)
        table = Crosswalk(journal, key_folder(settings), project)
        table.prepare()
        table.write([ENTRY])
    folder, directory, file = FileNames(settings).seal("irb", [f"/in/{FOLDER}", FOLDER, f"{FOLDER}/1.dcm"])
    imported = journal.imports.begin("irb", folder, directory)
    journal.imports.record_all(imported, {file: (FileOutcome.IMPORTED, None, STUDY)})
    journal.imports.finish(imported, ok=True)
    journal.intake.route(STUDY, "irb")
    journal.audit.record(Act("cli:ada", "look-up", project="irb", subject="CODE1", reason="a question"))
    return sent(journal, "irb", *INSTANCES), sent(journal, "other", "3d" * 20)


def rows(journal: Journal) -> dict[str, list[dict[str, Any]]]:
    with journal.engine.connect() as c:
        return {
            table.name: [dict(row._mapping) for row in c.execute(sa.select(table))]
            for table in t.metadata.sorted_tables
        }


def test_nothing_leads_back(journal: Journal, settings: Settings, database: str) -> None:
    """No identifier, digest, time or name of the original side is left beside what was sent; the receipts are."""
    mine, other = use(journal, settings)
    kept = (str(mine), "ahead-0")  # the second: of a study that still arrives
    folders = [settings.data_directory / name / folder for name in ("staging", "pictures") for folder in kept]
    for folder in folders:
        folder.mkdir(parents=True)
    before = journal.batches.get(mine)
    unlink(journal, settings, "irb")
    assert not any(folder.exists() for folder in folders)
    assert sorted(p.name for p in settings.data_directory.rglob("*.key")) == ["other.key", "other.key"]
    left = rows(journal)
    for word in (*INSTANCES, *INPUTS.values(), FOLDER):
        assert word not in str(left)
    cut = journal.unlinking.of("irb")
    batch = journal.batches.get(mine)
    assert cut is not None
    assert cut.complete
    assert batch is not None
    assert before is not None
    assert (batch.received, batch.state, batch.opened_at) == (2, before.state, cut.at)
    assert batch.manifest not in (None, before.manifest)
    receipts = [values for _, values in journal.batches.receipts(mine)]
    assert batch.manifest == manifest.head(receipts)
    assert [Receipt.from_dict(values).sop_instance_uid for values in receipts] == ["2.25.100", "2.25.101"]
    assert {row["project"] for row in left["crosswalk"]} == {"other"}
    looked, redacted = left["audit"]
    assert (looked["actor"], looked["action"]) == ("cli:ada", "look-up")
    assert [looked[name] for name in ("batch_id", "subject", "reason", "details", "salt")] == [None, "", "", None, ""]
    assert (redacted["actor"], redacted["action"], redacted["project"]) == ("system", "redact", "irb")
    assert journal.audit.verify().ok
    assert left["cut_studies"] == [{"study": STUDY, "project": "irb"}]
    follower = journal.batches.get(other)
    assert follower is not None
    assert (follower.study, follower.follows) == (STUDY, None)
    assert len(Crosswalk(journal, key_folder(settings), "other").all()) == 3
    if database == "sqlite":
        content = b"".join(path.read_bytes() for path in settings.data_directory.glob("journal.sqlite*"))
        for word in (*INSTANCES, *INPUTS.values(), FOLDER, str(before.manifest), "a question"):
            assert word.encode() not in content


def test_a_recall_leaves_no_words_and_no_time(journal: Journal, settings: Settings, database: str) -> None:
    """The operator's reason, which may name the patient, and when the patient withdrew."""
    mine, _ = use(journal, settings)
    with journal.engine.begin() as c:
        words = {"state": BatchState.RECALLED, "reason": "asked for by Quixworth"}
        c.execute(sa.update(t.batches).where(t.batches.c.id == mine).values(**words))
        withdrawn = {"project": "irb", "patient_id": "CODE1", "at": datetime(2026, 1, 1, tzinfo=UTC)}
        c.execute(sa.insert(t.recalled_patients).values(**withdrawn))
    unlink(journal, settings, "irb")
    cut, left = journal.unlinking.of("irb"), rows(journal)
    assert cut is not None
    assert "Quixworth" not in str(left)
    assert [(row["patient_id"], row["at"]) for row in left["recalled_patients"]] == [("CODE1", cut.at)]
    if database == "sqlite":
        content = b"".join(path.read_bytes() for path in settings.data_directory.glob("journal.sqlite*"))
        assert b"asked for by" not in content


def test_the_order_of_the_studies_is_not_kept(journal: Journal, settings: Settings) -> None:
    """The k-th study is not that of the k-th batch."""
    studies = ["c" * 44, "a" * 44, "b" * 44]
    for number, study in enumerate(studies):
        batch_id = journal.intake.queue(study, "irb", [f"i{number}"], "20260101T000000")
        assert batch_id is not None
        journal.batches.fail(batch_id, 1, "no")
    unlink(journal, settings, "irb")
    assert [row["study"] for row in rows(journal)["cut_studies"]] == sorted(studies)
    assert journal.unlinking.studies(["a" * 44, "d" * 44]) == {"a" * 44}
    assert journal.unlinking.projects_of("a" * 44) == ["irb"]


def test_batches_of_one_study_stay_together(journal: Journal, settings: Settings) -> None:
    """Which part of its study a batch was is asked when its destinations are."""
    batches = [sent(journal, "irb", name, first=n) for n, name in enumerate(INSTANCES)]
    alone = journal.intake.queue("another", "irb", ["4e" * 20], "20260101T000000")
    assert alone is not None
    journal.batches.fail(alone, 1, "no")
    unlink(journal, settings, "irb")
    assert [journal.batches.part(number) for number in (*batches, alone)] == [1, 2, 1]
    found = [journal.batches.get(number) for number in (*batches, alone)]
    studies = [batch.study for batch in found if batch is not None]
    assert studies[0] == studies[1] != studies[2]
    assert not {STUDY, "another"} & set(studies)


def test_a_changed_receipt_stays_one(journal: Journal, settings: Settings) -> None:
    """Cutting does not make a chain right that was not."""
    mine, _ = use(journal, settings)
    with journal.engine.begin() as c:
        c.execute(sa.update(t.batches).where(t.batches.c.id == mine).values(manifest="f" * 64))
    unlink(journal, settings, "irb")
    batch = journal.batches.get(mine)
    assert batch is not None
    assert batch.manifest == "0" * 64


def test_batches_under_way_stop_it(journal: Journal, settings: Settings) -> None:
    """Then nothing was done, and the project goes on."""
    use(journal, settings)
    batch_id = journal.intake.queue("late", "irb", ["4e" * 20], "20260101T000000")
    assert batch_id is not None
    before = {name: sorted(map(str, values)) for name, values in rows(journal).items()}
    with pytest.raises(Misconfigured, match="1 of its batches are under way"):
        unlink(journal, settings, "irb")
    assert {name: sorted(map(str, values)) for name, values in rows(journal).items()} == before
    assert journal.unlinking.of("irb") is None
    assert Crosswalk(journal, key_folder(settings), "irb").by_code("CODE1")


_STEPS: list[tuple[str, str]] = [
    ("sendit.pipeline.unlink.keyring.destroy_key", "before any key"),
    ("sendit.journal.unlinking.Unlinking.batches", "after the keys"),
    ("sendit.journal.unlinking.Unlinking.detach", "before the rows"),
    ("sendit.journal.unlinking.Unlinking._detach_batch", "between the rows and the batches"),
    ("sendit.journal.unlinking.Unlinking.scour", "before the files are scoured"),
    ("sendit.journal.unlinking.Unlinking.finish", "before the end is noted"),
]


@pytest.mark.parametrize("step", [step for step, _ in _STEPS], ids=[name for _, name in _STEPS])
def test_interrupted_and_repeated(
    journal: Journal, settings: Settings, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """It is known that it was begun, no key is made and nothing written meanwhile, and the second run ends it."""
    mine, _ = use(journal, settings)

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as broken:
        broken.setattr(step, die)
        with pytest.raises(Killed):
            unlink(journal, settings, "irb")
    cut = journal.unlinking.of("irb")
    assert cut is not None
    assert not cut.complete
    if (key_folder(settings) / "irb.key").exists():
        with pytest.raises(Misconfigured, match="permanently unlinked"):
            Crosswalk(journal, key_folder(settings), "irb").write([ENTRY])
    for _ in range(2):
        unlink(journal, settings, "irb")
        assert journal.unlinking.of("irb") == Unlinked(cut.at, complete=True)
    left = str(rows(journal))
    assert not any(word in left for word in (*INSTANCES, *INPUTS.values(), FOLDER))
    batch = journal.batches.get(mine)
    assert batch is not None
    assert batch.manifest == manifest.head(values for _, values in journal.batches.receipts(mine))


def test_pictures_that_cannot_be_removed_stop_it(journal: Journal, settings: Settings) -> None:
    """They show the patients: it does not end as if they were gone, and the second run ends it."""
    mine, _ = use(journal, settings)
    stubborn = settings.data_directory / "pictures" / str(mine)
    stubborn.parent.mkdir(parents=True, exist_ok=True)
    stubborn.write_bytes(b"no folder, so that it is not removed as one")
    with pytest.raises(Misconfigured, match="cannot be removed"):
        unlink(journal, settings, "irb")
    cut = journal.unlinking.of("irb")
    assert cut is not None
    assert not cut.complete
    stubborn.unlink()
    unlink(journal, settings, "irb")
    assert journal.unlinking.of("irb") == Unlinked(cut.at, complete=True)


def test_rows_under_two_keys(journal: Journal, settings: Settings, tmp_path: Path) -> None:
    """Two machines that share a database and not the key: the second one writes nothing."""
    use(journal, settings)
    elsewhere = Crosswalk(journal, tmp_path / "elsewhere", "irb")
    keyring.load_key(tmp_path / "elsewhere", "irb", create=True)
    attempts: list[Callable[[], Any]] = [elsewhere.prepare, lambda: elsewhere.write([ENTRY])]
    for attempt in attempts:
        with pytest.raises(Misconfigured, match="key"):
            attempt()
    with pytest.raises(Misconfigured, match="a different key"):
        journal.crosswalk.add("irb", "0" * 16, [], issuer_counts=False)
