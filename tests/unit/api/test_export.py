"""Exports of batches and receipts: all that a filter finds, oldest first, without originals."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from sendit.api.service import export
from sendit.api.service.export import METRICS, RECEIPTS, metrics_rows, receipt_rows
from sendit.journal import Journal
from sendit.journal import tables as t
from sendit.journal.lists.pages import ALL, Filter
from sendit.model import BatchState, InstanceState
from tests.journal.test_lists import fill, work
from tests.unit.api.test_roles import TOKEN, Ask, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.long


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.open("sqlite", tmp_path)
    yield opened
    opened.close()


def test_every_batch_once(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page by page, oldest first; seconds from the first instance to the end."""
    monkeypatch.setattr(export, "_CHUNK", 7)
    rows = fill(journal, 100)
    found = list(metrics_rows(journal, ALL))
    assert [row["batch"] for row in found] == [row["id"] for row in rows]
    assert [row["status"] for row in found] == [str(row["state"]) for row in rows]
    for row, kept in zip(found, rows, strict=True):
        assert datetime.fromisoformat(row["start"]) == kept["opened_at"]
        if kept["ended_at"] is not None:
            assert datetime.fromisoformat(row["finish"]) == kept["ended_at"]
            assert row["elapsed"] == (kept["ended_at"] - kept["opened_at"]).total_seconds()
        else:
            assert row["finish"] is None
    done = list(metrics_rows(journal, Filter(project="irb", states=frozenset({BatchState.DONE}))))
    assert {(row["project"], row["status"]) for row in done} == {("irb", "DONE")}


def test_every_instance_with_its_receipt(journal: Journal) -> None:
    """Nothing of the original: neither its digest nor Orthanc's identifier."""
    work(journal)
    found = list(receipt_rows(journal, ALL))
    with journal.engine.connect() as c:
        states = [
            str(state) for state in c.execute(sa.select(t.instances.c.state).order_by(t.instances.c.id)).scalars()
        ]
        originals = list(c.execute(sa.select(t.instances.c.instance)).scalars())
    assert sorted(row["state"] for row in found) == sorted(states)
    assert all(set(row) == set(RECEIPTS) for row in found)
    sent = [row for row in found if row["state"] == InstanceState.SENT]
    assert {row["output_size"] for row in sent} == {100}
    assert "no image" in {row["reason"] for row in found if row["state"] == InstanceState.REJECTED}
    text = json.dumps(found)
    assert "input_sha256" not in text
    assert not [name for name in originals if f'"{name}"' in text]
    number = found[0]["batch"]
    assert {row["batch"] for row in receipt_rows(journal, ALL, number)} == {number}
    assert list(receipt_rows(journal, ALL, 999)) == []


@pytest.fixture
def ask(journal: Journal, tmp_path: Path) -> Iterator[Ask]:
    """Asks the routes alone, as a user who may do everything."""
    app = FastAPI()
    app.state.token, app.state.roles = TOKEN, lambda: None
    export.add_routes(app, journal)
    with served(app, tmp_path / "s") as asking:
        yield asking


def test_as_csv_and_as_json(journal: Journal, ask: Ask) -> None:
    """The same rows in both forms; a reason that a spreadsheet would take for a formula is text."""
    work(journal)
    with journal.engine.begin() as c:
        c.execute(sa.update(t.instances).where(t.instances.c.state == "REJECTED").values(reason="=1+1"))
    for address, columns in (("metrics", METRICS), ("receipts", RECEIPTS)):
        table = list(csv.DictReader(ask("GET", f"/api/export/{address}").body.splitlines()))
        objects: list[dict[str, Any]] = ask("GET", f"/api/export/{address}?format=json").body
        assert len(table) == len(objects) > 0
        assert list(table[0]) == list(columns) == list(objects[0])
        assert [row["batch"] for row in table] == [str(row["batch"]) for row in objects]
    assert {row["reason"] for row in table} >= {"'=1+1"}
    assert ask("GET", "/api/export/receipts?format=json&project=nobody").body == []
    assert ask("GET", "/api/export/metrics?state=DONE&format=json").body[0]["status"] == "DONE"
