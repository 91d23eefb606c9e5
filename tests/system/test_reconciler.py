"""The sweep alone: one study that cannot be taken up keeps no other from it, and is not forgotten."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from sendit.config.schema import Settings
from sendit.errors import Retry
from sendit.journal import Journal
from sendit.orthanc.client import Changes, Study
from sendit.pipeline.backups.high_water import JournalGuard
from sendit.pipeline.watching.reconcile import Reconciler
from sendit.scheduler import Work
from sendit.storage.previews import Previews
from sendit.storage.staging import Staging

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sendit.pipeline.batch import Pipeline

OLD = "20260101T000000"


class Shelves:
    """An Orthanc that holds three stable studies, and had its last change before the first sweep."""

    def __init__(self) -> None:
        self.held = [Study(name, True, OLD, ()) for name in ("a", "b", "c")]
        self.silent = False

    def studies(self) -> Iterator[Study]:
        yield from self.held

    def study(self, study: str) -> Study | None:
        return next((one for one in self.held if one.id == study), None)

    def last_change(self) -> int:
        if self.silent:
            raise Retry("Orthanc does not answer")
        return 9

    def changes(self, since: int) -> Changes:
        return Changes(frozenset(), 9, True)


class Idle:
    """An engine that does nothing."""

    executor = "here"

    def __init__(self, *works: Work) -> None:
        self.works = works
        self.cancelled: list[set[str]] = []

    def active(self) -> list[Work]:
        return list(self.works)

    def runs_here(self, _key: str) -> bool:
        return False

    def cancel(self, *keys: str) -> None:
        self.cancelled.append(set(keys))

    def forget_ended(self, _: Any) -> None:
        return


class Line:
    """The pipeline's entry. Study b raises what nobody expects, as long as `broken` is set."""

    def __init__(self, folder: Path) -> None:
        self.taken: list[str] = []
        self.broken = True
        self.originals = SimpleNamespace(sweep=lambda: None)
        journal = Journal.open("sqlite", folder)
        settings = Settings.model_validate({"DataDirectory": str(folder), "Destinations": {}, "Projects": {}})
        staging, previews = Staging(folder), Previews(folder)
        self.services = SimpleNamespace(
            journal=journal, source=Shelves(), scheduler=Idle(), staging=staging, previews=previews, settings=settings,
            guard=JournalGuard(journal, folder),
        )  # fmt: skip

    def try_again(self) -> None:
        return

    def stable(self, study: str) -> list[int]:
        if self.broken and study == "b":
            raise ZeroDivisionError
        self.taken.append(study)
        self.services.journal.intake.queue(study, None, [], OLD)
        return []

    def vanished(self, study: str) -> None:
        self.services.journal.intake.drop_receiving(study)


def test_one_study_that_raises_keeps_no_other_from_being_taken_up(data_directory: Path) -> None:
    """It is tried again with the next sweep, without a look at all the others."""
    line = Line(data_directory)
    reconciler = Reconciler(cast("Pipeline", line), stable_age=1)
    with pytest.raises(ZeroDivisionError):
        reconciler.run()
    assert line.taken == ["a", "c"]
    with pytest.raises(ZeroDivisionError):
        reconciler.run()
    line.broken = False
    reconciler.run()
    assert line.taken == ["a", "c", "b"]
    reconciler.run()
    assert line.taken == ["a", "c", "b"]


def test_a_troubled_study_is_remembered_while_orthanc_is_away(data_directory: Path) -> None:
    """Nothing else would lead to it again: no change names it. One that was deleted is forgotten."""
    line = Line(data_directory)
    shelves = line.services.source
    reconciler = Reconciler(cast("Pipeline", line), stable_age=1)
    with pytest.raises(ZeroDivisionError):
        reconciler.run()
    shelves.silent = True
    with pytest.raises(Retry):
        reconciler.run()
    shelves.silent = False
    with pytest.raises(ZeroDivisionError):
        reconciler.run()
    shelves.held = [study for study in shelves.held if study.id != "b"]
    reconciler.run()
    assert line.taken == ["a", "c"]


def test_what_a_former_version_scheduled_is_scheduled_anew(data_directory: Path) -> None:
    """At the start alone, so that workers of both versions can run beside each other; what runs elsewhere goes on."""
    line = Line(data_directory)
    line.broken = False
    line.services.journal.facts.beat("there")
    line.services.scheduler = engine = Idle(
        Work("waits", None, "process", current=False),
        Work("ran here", "here", "process", current=False),
        Work("runs there", "there", "process", current=False),
        Work("new", None, "process.home"),
    )
    reconciler = Reconciler(cast("Pipeline", line), stable_age=1)
    reconciler.run()
    assert engine.cancelled == [{"waits", "ran here"}]
    engine.works = (Work("waits", None, "process", current=False),)
    reconciler.run()
    assert engine.cancelled == [{"waits", "ran here"}, set()]


def test_work_of_a_dead_worker_is_cancelled(data_directory: Path) -> None:
    """That of a living one goes on, as does what waits."""
    line = Line(data_directory)
    line.broken = False
    line.services.journal.facts.beat("there")
    line.services.scheduler = engine = Idle(
        Work("a", "dead", "process.a"), Work("b", "there", "process.b"), Work("c", None, "process.b")
    )
    Reconciler(cast("Pipeline", line), stable_age=1).run()
    assert engine.cancelled == [{"a"}]
