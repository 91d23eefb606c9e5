"""Reports of risk are kept: what is shown while the journal changes, and when a report is made anew."""

from __future__ import annotations

import threading
from concurrent.futures import wait
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
import sqlalchemy as sa
from fastapi import HTTPException

from sendit.api.pages import glance, risk
from sendit.api.pages.risk import RiskReports
from sendit.deidentify.options import Option
from sendit.journal import Journal
from sendit.journal import tables as t
from sendit.journal.writing import now
from sendit.model import BatchState
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sendit.journal.receipts.characteristics import ReleasedStudy
    from sendit.pipeline.batch import Pipeline

pytestmark = pytest.mark.long


class Bench:
    """Reports of project "irb" above a journal that counts how often it is read, and can be made to hesitate."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal.open("sqlite", folder)
        self.options = [Option.RETAIN_PATIENT_CHARACTERISTICS]
        self.project = SimpleNamespace(options=self.options)
        settings = SimpleNamespace(projects={"irb": self.project})
        services = SimpleNamespace(journal=self.journal, settings=settings)
        self.reports = RiskReports(cast("Pipeline", SimpleNamespace(services=services)))
        self.made, self.free = 0, threading.Event()
        self.free.set()
        self._released = self.journal.characteristics.released
        cast("Any", self.journal.characteristics).released = self._read

    def _read(self, project: str) -> tuple[list[ReleasedStudy], int]:
        self.made += 1
        assert self.free.wait(60)
        return self._released(project)

    def release(self, number: int, state: BatchState = BatchState.DONE) -> None:
        with self.journal.engine.begin() as c:
            values = {"id": number, "study": f"o{number}", "project": "irb", "state": state, "opened_at": now()}
            row = sa.insert(t.batches).values(
                **values, changed_at=now(), coded_study=f"s{number}", coded_patient=f"P{number}"
            )
            c.execute(row)
        self.journal.characteristics.note(number, {"sex": ["F" if number % 2 else "M"]})

    def recall(self, number: int) -> None:
        with self.journal.engine.begin() as c:
            gone = sa.update(t.batches).where(t.batches.c.id == number)
            c.execute(gone.values(state=BatchState.RECALLED, changed_at=now()))

    def latest(self, k: int = 2) -> tuple[int, bool]:
        """How many patients the page shows, and whether it says that this is how it is now."""
        answer = self.reports.latest("irb", k, 2)
        return answer.patients, answer.current


@pytest.fixture
def bench(data_directory: Path) -> Iterator[Bench]:
    made = Bench(data_directory)
    yield made
    made.free.set()
    made.journal.close()


def test_a_report_is_kept_until_the_journal_changes(bench: Bench) -> None:
    bench.release(1)
    assert bench.latest() == (1, True)
    as_of = bench.reports.latest("irb", 2, 2).as_of
    assert (bench.made, bench.reports.current("irb", 2, 2).as_of) == (1, as_of)
    assert bench.latest(k=3) == (1, True)
    assert bench.made == 2  # another k is another report
    bench.release(2)
    assert bench.reports.current("irb", 2, 2).patients == 2
    assert bench.reports.latest("irb", 2, 2).as_of > as_of


def test_a_recall_is_never_left_out_without_a_word(bench: Bench) -> None:
    """While a newer report is being made, the old one says that the journal has changed; nobody waits for it."""
    bench.release(1)
    bench.release(2)
    assert bench.latest() == (2, True)
    bench.free.clear()
    bench.recall(2)
    assert [bench.latest(), bench.latest()] == [(2, False), (2, False)]
    assert bench.made == 2  # one newer report at a time
    bench.free.set()
    wait_for(lambda: bench.latest() == (1, True), "the newer report")
    assert bench.made == 2  # it was kept, though nobody waited for it


def test_a_page_does_not_wait_for_the_first_report(bench: Bench) -> None:
    """Others do, and all of them have one and the same."""
    bench.release(1)
    bench.free.clear()
    assert bench.reports.at_once("irb", 2, 2) is None
    bench.free.set()
    report = bench.reports.latest("irb", 2, 2)
    assert (report.patients, bench.made) == (1, 1)
    assert bench.reports.at_once("irb", 2, 2) == report
    assert bench.made == 1


def test_a_change_while_a_report_is_made_counts_as_later(bench: Bench) -> None:
    bench.release(1)
    read = bench.journal.characteristics.released

    def change_meanwhile(project: str) -> tuple[list[ReleasedStudy], int]:
        studies = read(project)
        if bench.made == 1:
            bench.recall(1)
        return studies

    cast("Any", bench.journal.characteristics).released = change_meanwhile
    assert bench.latest() == (1, False)
    assert bench.latest() == (0, True)


def test_an_older_report_never_replaces_a_newer_one(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older one is being made while somebody asks for the journal as it is now."""
    bench.release(1)
    read, waits_for_it = bench.journal.characteristics.released, threading.Event()
    reports = bench.reports._of(("irb", 2, 2))

    def hesitate_at_first(project: str) -> tuple[list[ReleasedStudy], int]:
        studies = read(project)
        if bench.made == 1:
            wait_for(lambda: waits_for_it.is_set() or reports.last is not None, "the other reader")
        return studies

    def wait_and_tell(futures: Any, timeout: float | None = None) -> Any:
        if timeout is None:
            waits_for_it.set()
        return wait(futures, timeout)

    cast("Any", bench.journal.characteristics).released = hesitate_at_first
    monkeypatch.setattr(glance, "wait", wait_and_tell)
    assert bench.reports.at_once("irb", 2, 2) is None
    bench.recall(1)
    assert bench.reports.current("irb", 2, 2).patients == 0
    assert bench.latest() == (0, True)
    assert bench.made == 2


def test_other_options_make_another_report(bench: Bench) -> None:
    """After a reload of the configuration: which options retain something is part of the report."""
    bench.release(1)
    assert [one.option for one in bench.reports.latest("irb", 5, 2).options] == []
    bench.release(2)
    assert [one.option for one in bench.reports.current("irb", 5, 2).options] == [Option.RETAIN_PATIENT_CHARACTERISTICS]
    bench.options.clear()
    assert [one.option for one in bench.reports.current("irb", 5, 2).options] == []


def test_few_reports_are_kept_and_none_of_unknown_projects(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(risk, "_KEPT", 2)
    for k in (2, 3, 4):
        bench.latest(k)
    assert bench.made == 3
    bench.latest(4)
    bench.latest(3)
    assert bench.made == 3
    bench.latest(2)
    assert bench.made == 4
    with pytest.raises(HTTPException) as refused:
        bench.reports.latest("none", 2, 2)
    assert refused.value.status_code == 404
    assert bench.made == 4
