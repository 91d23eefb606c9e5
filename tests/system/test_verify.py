"""`sendit verify`: what was sent is still there as it was sent, and the journal says what it said."""

from __future__ import annotations

import io
import json
import sqlite3

import pydicom
import pytest

from tests.conftest import MakeStack
from tests.dicom import StudyMaker
from tests.servers.stack import Stack, dcmread_bytes


@pytest.fixture
def sent(make_stack: MakeStack) -> Stack:
    """A stack that has sent one study of three instances."""
    stack = make_stack().start()
    for data in StudyMaker().instances(3):
        stack.source.upload(data)
    [batch] = stack.wait_batches(1)
    assert batch["state"] == "DONE"
    return stack


def verify(stack: Stack) -> tuple[int, str]:
    """Exit code and output of the command."""
    done = stack.cli("verify", "1")
    return done.returncode, done.stdout + done.stderr


def test_all_is_as_it_was(sent: Stack) -> None:
    """The receipts give the recorded manifest, and the target holds every instance."""
    code, said = verify(sent)
    assert code == 0, said
    assert "3 receipts, as recorded" in said
    assert "research: holds all of them" in said
    assert len(sent.api("batches/1")["manifest"]) == 64
    assert sent.cli("verify", "77").returncode == 2
    assert sent.source.session.post(f"{sent.source.url}/sendit/api/batches/77/verify", timeout=30).status_code == 404


def test_what_is_missing_or_changed_at_the_target(sent: Stack) -> None:
    """Each is named by its coded UID."""
    gone, changed, _ = sent.target.get("/instances")
    before = {name: dcmread_bytes(sent.target.instance_file(name)) for name in (gone, changed)}
    for name in (gone, changed):
        sent.target.session.delete(f"{sent.target.url}/instances/{name}", timeout=30).raise_for_status()
    altered = before[changed]
    altered.SeriesNumber = 99
    content = io.BytesIO()
    pydicom.dcmwrite(content, altered)
    sent.target.upload(content.getvalue())
    code, said = verify(sent)
    assert code == 1
    assert f"{before[gone].SOPInstanceUID}: not there" in said
    assert f"{altered.SOPInstanceUID}: other bytes than were sent" in said
    found = sent.api("batches/1/verify", "POST")
    assert (found["ok"], found["intact"]) == (False, True)
    assert len(found["destinations"][0]["discrepancies"]) == 2


def test_a_target_that_is_down_is_no_proof(sent: Stack) -> None:
    """What cannot be asked is said, with exit code 1."""
    sent.target.stop()
    code, said = verify(sent)
    assert code == 1
    assert "research: cannot be asked" in said


def test_a_receipt_changed_in_the_journal(sent: Stack) -> None:
    """The chain does not end as it was recorded; also when a row is gone."""
    with sqlite3.connect(sent.data_directory / "journal.sqlite", timeout=30) as journal:
        row, text = journal.execute("SELECT id, receipt FROM instances ORDER BY id LIMIT 1").fetchone()
        receipt = {**json.loads(text), "proof": "none"}
        journal.execute("UPDATE instances SET receipt = ? WHERE id = ?", (json.dumps(receipt), row))
    code, said = verify(sent)
    assert code == 1
    assert "NOT as recorded" in said
    assert "research: holds all of them" in said
    with sqlite3.connect(sent.data_directory / "journal.sqlite", timeout=30) as journal:
        journal.execute("UPDATE instances SET receipt = ? WHERE id = ?", (text, row))
    assert verify(sent)[0] == 0
    with sqlite3.connect(sent.data_directory / "journal.sqlite", timeout=30) as journal:
        journal.execute("DELETE FROM instances WHERE id = ?", (row,))
    assert verify(sent)[0] == 1
