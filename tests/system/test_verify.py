"""`sendit verify`: what was sent is still there as it was sent, and the journal says what it said."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pydicom
import pytest
import sqlalchemy as sa

from sendit.journal import tables as t
from sendit.journal.database import journal_url
from tests.dicom import StudyMaker
from tests.servers.stack import Stack, dcmread_bytes

if TYPE_CHECKING:
    from tests.conftest import MakeStack


@pytest.fixture
def sent(make_stack: MakeStack, database: str) -> Stack:
    """A stack that has sent one study of three instances; on each kind of database."""
    stack = make_stack(database).start()
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
    assert (
        sent.source.session.post(f"{sent.source.url}/sendit/api/batches/77/verify", json={}, timeout=30).status_code
        == 404
    )


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
    assert f"{altered.SOPInstanceUID}: its bytes differ from what was sent" in said
    found = sent.api("batches/1/verify", "POST")
    assert (found["ok"], found["intact"]) == (False, True)
    assert len(found["destinations"][0]["discrepancies"]) == 2


@pytest.mark.slow
def test_a_target_that_is_down_is_no_proof(sent: Stack) -> None:
    """What cannot be asked is said, with exit code 1."""
    sent.target.stop()
    code, said = verify(sent)
    assert code == 1
    assert "research: not verified: the peer" in said


@pytest.mark.slow
def test_a_receipt_changed_in_the_journal(sent: Stack) -> None:
    """The chain does not end as it was recorded; nor when a row is gone, or has changed places with another."""
    engine = sa.create_engine(journal_url(sent.sendit["Database"], sent.data_directory))

    def write(row: int, receipt: dict[str, object]) -> None:
        with engine.begin() as journal:
            journal.execute(sa.update(t.instances).where(t.instances.c.id == row).values(receipt=receipt))

    with engine.connect() as journal:
        query = sa.select(t.instances.c.id, t.instances.c.receipt).order_by(t.instances.c.id).limit(2)
        (row, receipt), (other, second) = journal.execute(query).all()
    write(row, {**receipt, "leak_check": "none"})
    code, said = verify(sent)
    assert code == 1
    assert "NOT as recorded" in said
    assert "research: holds all of them" in said
    write(row, second)
    write(other, receipt)
    assert "NOT as recorded" in verify(sent)[1]
    write(row, receipt)
    write(other, second)
    assert verify(sent)[0] == 0
    with engine.begin() as journal:
        journal.execute(sa.delete(t.instances).where(t.instances.c.id == row))
    engine.dispose()
    assert verify(sent)[0] == 1


@pytest.mark.slow
def test_a_destination_that_the_batch_has_not_reached(make_stack: MakeStack) -> None:
    """What the others hold is compared; that this one does not is said, and all of it is not well."""
    stack = make_stack()
    stack.peers["shut"] = ["http://127.0.0.1:9/"]
    stack.sendit["Destinations"]["shut"] = {"Type": "OrthancPeer", "Peer": "shut", "Retry": {"Limit": 0}}
    stack.sendit["Projects"]["irb1"]["Destinations"] = ["research", "shut"]
    stack.start()
    stack.source.upload(StudyMaker().instance())
    stack.wait_batch(lambda batch: bool(batch["state"] == "FAILED"))
    code, said = verify(stack)
    assert code == 1
    assert "research: holds all of them" in said
    assert "shut: not verified: its delivery is FAILED" in said
    assert (
        stack.source.session.post(
            f"{stack.source.url}/sendit/api/batches/{2**70}/verify", json={}, timeout=30
        ).status_code
        == 422
    )
