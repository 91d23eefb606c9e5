"""`sendit journal move`, for real: batches on SQLite, then PostgreSQL, with a recall and an open batch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.dicom import Person
from tests.servers.stack import send_study

if TYPE_CHECKING:
    from tests.conftest import MakeStack
    from tests.servers.postgres import PostgresServer


@pytest.mark.slow
def test_batches_go_on_after_the_move(make_stack: MakeStack, postgres: PostgresServer) -> None:
    """One is DONE and is recalled there; one was being delivered, and is; the audit log holds."""
    stack = make_stack().start()
    send_study(stack, 2, Person("P-1-771", "Doe^One"))
    stack.wait_batches(1)
    stack.target.stop()
    send_study(stack, 3, Person("P-2-772", "Doe^Two"))
    stack.wait_batch(lambda b: b["id"] == 2 and b["state"] == "DELIVERING")
    assert stack.cli("pause", "--all", "--reason", "for the audit log").returncode == 0
    assert stack.cli("resume", "--all", "--reason", "for the audit log").returncode == 0
    running = stack.cli("journal", "move", "--yes")
    assert running.returncode == 2
    stack.source.stop()
    configuration = stack.source.folder / "orthanc.json"
    stack.sendit["Database"] = postgres.database()
    document = json.loads(configuration.read_text())
    configuration.write_text(json.dumps({**document, "SendIt": stack.sendit}))
    moved = stack.cli("journal", "move", "--yes", "--json")
    assert moved.returncode == 0, moved.stderr
    assert json.loads(moved.stdout)["rows"]["batches"] == 2
    again = stack.cli("journal", "move", "--yes")
    assert again.returncode == 2
    assert "no journal to be moved" in again.stderr
    stack.target.start()
    stack.source.start()
    stack.wait_ready()
    batches = stack.wait_batches(2)
    assert [batch["state"] for batch in batches] == ["DONE", "DONE"], stack.describe()
    assert len(stack.target.get("/instances")) == 5
    recalled = stack.cli("recall", "--batch", "1", "--yes", "--reason", "consent withdrawn")
    assert recalled.returncode == 0, recalled.stderr
    assert len(stack.target.get("/instances")) == 3
    verified = stack.cli("audit", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert not (stack.data_directory / "journal.sqlite").exists()
