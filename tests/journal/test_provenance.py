"""Where studies come from, on both databases: outputs are known again, copies lead to their originals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

import sendit.journal
from sendit.journal import Journal
from sendit.journal.database import journal_url
from sendit.model import BatchState, Receipt, Rejected
from tests.journal.test_journal import receipt


def sent(journal: Journal, study: str, project: str = "irb", made: Receipt | None = None) -> int:
    """A batch of one instance that was released."""
    batch_id = journal.intake.queue(study, project, [f"{study}-{project}"], None)
    assert batch_id is not None
    journal.batches.begin(batch_id, 1)
    made = made or replace(receipt(f"2.25.{batch_id}"), study_instance_uid=f"U-{study}", patient_id=f"P-{study}")
    journal.batches.record(batch_id, 1, {f"{study}-{project}": made})
    assert journal.batches.conclude(batch_id, 1, ["out"]) is BatchState.DELIVERING
    return batch_id


def test_outputs_are_known_again(journal: Journal) -> None:
    """By one value that nobody else can have, or by both; never as the original itself."""
    sent(journal, "a")
    sent(journal, "b", "other")
    of = journal.provenance.projects_of_output
    assert of("x", "U-a", "P-a", ()) == {"irb"}
    assert of("x", "U-a", "somebody", {"U-a"}) == {"irb"}
    assert of("x", "U-z", "P-b", {"P-b"}) == {"other"}
    assert of("x", "U-a", "somebody", ()) == set()
    assert of("x", "U-a", "P-b", ()) == set()
    assert of("a", "U-a", "P-a", {"U-a", "P-a"}) == set()


def test_copies_lead_to_their_originals(journal: Journal) -> None:
    """Over copies of copies; a circle has an end."""
    for study in ("a", "b", "c"):
        sent(journal, study)
    journal.provenance.note_copy(2, "a")
    journal.provenance.note_copy(3, "b")
    assert journal.provenance.originals_of("c") == ["b", "a"]
    assert journal.provenance.originals_of("a") == []
    journal.provenance.note_copy(1, "c")
    assert journal.provenance.originals_of("c") == ["b", "a"]
    assert journal.provenance.left("a")
    assert not journal.provenance.left("z")


def test_a_recall_takes_the_copies_of_its_project(journal: Journal) -> None:
    """And of the project's variants; those of other projects stay."""
    for study, project in (("a", "irb"), ("b", "irb@v"), ("c", "irb"), ("b", "other")):
        sent(journal, study, project)
    for batch_id, original in ((2, "a"), (3, "b"), (4, "a")):
        journal.provenance.note_copy(batch_id, original)
    found = journal.provenance.with_copies({("a", "irb")})
    assert found == {("a", "irb"), ("b", "irb@v"), ("c", "irb")}


@pytest.mark.slow
@pytest.mark.parametrize("patients", [False, True])
def test_a_copy_of_what_was_recalled_is_held(journal: Journal, patients: bool) -> None:
    """Also of a study that was held itself, since its patient was recalled."""
    sent(journal, "a")
    if patients:
        held = replace(receipt("2.25.77"), study_instance_uid="U-h", patient_id="P-a")
        journal.recalls.begin({("a", "irb")}, "", patients=True)
        batch_id = journal.intake.queue("h", "irb", ["h"], None)
        assert batch_id is not None
        journal.batches.begin(batch_id, 1)
        journal.batches.record(batch_id, 1, {"h": held})
        assert journal.batches.conclude(batch_id, 1, ["out"]) is BatchState.QUARANTINED
    else:
        journal.recalls.begin({("a", "irb")}, "", patients=False)
    number = journal.intake.queue("copy", "irb", ["copy"], None)
    assert number is not None
    journal.provenance.note_copy(number, "h" if patients else "a")
    journal.batches.begin(number, 1)
    journal.batches.record(number, 1, {"copy": replace(receipt("2.25.99"), patient_id="P-c")})
    assert journal.batches.conclude(number, 1, ["out"]) is BatchState.QUARANTINED
    assert "recalled" in str(journal.batches.get(number))


def test_one_reason_for_all_is_the_batchs_reason(journal: Journal) -> None:
    """Where every instance was rejected for it; two reasons are too many."""
    for study, reasons in (("a", ("one", "one")), ("b", ("one", "two"))):
        number = journal.intake.queue(study, "irb", [f"{study}1", f"{study}2"], None)
        assert number is not None
        journal.batches.begin(number, 1)
        journal.batches.record(number, 1, {f"{study}{n}": Rejected(r) for n, r in enumerate(reasons, 1)})
        assert journal.batches.conclude(number, 1, ["out"]) is BatchState.EMPTY
    first, second = (journal.batches.get(number) for number in (1, 2))
    assert first is not None
    assert second is not None
    assert (first.reason, second.reason) == ("every instance was rejected: one", "every instance was rejected")


def test_what_orthanc_pushed_out(journal: Journal) -> None:
    """A batch that was receiving FAILED; a study of which nothing was known gets one; a known one gets no other."""
    journal.intake.receiving("a", 5)
    assert journal.intake.drop_receiving("a", "no room") == [1]
    assert journal.intake.drop_receiving("b", "no room") == [2]
    assert journal.intake.drop_receiving("b", "no room") == []
    assert journal.intake.drop_receiving("c") == []
    first, second = (journal.batches.get(number) for number in (1, 2))
    assert first is not None
    assert second is not None
    assert (first.state, first.received) == (BatchState.FAILED, 0)
    assert first.reason is not None
    assert "5 instances" in first.reason
    assert "no room" in first.reason
    assert second.state is BatchState.FAILED
    journal.intake.receiving("a", 2)  # sent again
    again = journal.batches.get(3)
    assert again is not None
    assert again.state is BatchState.RECEIVING


def test_older_journals_know_their_outputs_again(data_directory: Path) -> None:
    """The migration takes them out of the receipts."""
    engine = sa.create_engine(journal_url("sqlite", data_directory))
    config = Config()
    config.set_main_option("script_location", str(Path(str(sendit.journal.__file__)).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        columns = "(id, study, project, state, opened_at, changed_at)"
        connection.exec_driver_sql(f"INSERT INTO batches {columns} VALUES (1, 'a', 'irb', 'DONE', 0, 0)")
        made = '{"study_instance_uid": "U", "patient_id": "P"}'
        for number, text in ((1, None), (2, "null"), (3, made)):
            row = (number, 1, "irb", f"i{number}", "SENT", text)
            columns = "(id, batch_id, project, instance, state, receipt)"
            connection.exec_driver_sql(f"INSERT INTO instances {columns} VALUES (?, ?, ?, ?, ?, ?)", row)
    engine.dispose()
    journal = Journal.open("sqlite", data_directory)
    assert journal.provenance.projects_of_output("x", "U", "P", ()) == {"irb"}
    journal.close()
