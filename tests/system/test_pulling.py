"""The stage "pull" with a PACS, an Orthanc and an engine that stand in for the real ones: whatever may go wrong."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
import sqlalchemy as sa

from sendit.config.schema import load
from sendit.errors import Misconfigured, Retry
from sendit.importer.cohort.cohort_list import WrongList
from sendit.journal import Journal, tables
from sendit.journal.audit import AuditFilter
from sendit.journal.lists.pulls import PullState
from sendit.orthanc.remote import FoundStudy, JobState, Kind
from sendit.pipeline.watching.pulls import FOLDER, Pulling, identifier_of
from sendit.pipeline.window import BEHIND, Held, PauseGate, Pressure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from sendit.orthanc.remote import Remotes
    from sendit.pipeline.batch import Pipeline


class Waits(threading.Event):
    """Waiting takes no time, and lets something happen instead."""

    def __init__(self) -> None:
        super().__init__()
        self.then: Callable[[], None] = self.set  # what waits for nothing would wait for ever

    def wait(self, timeout: float | None = None) -> bool:
        self.then()
        return self.is_set()


@dataclass
class Pacs:
    """What a PACS has: studies, and how many images of each it sends."""

    studies: list[FoundStudy] = field(default_factory=list)
    sends: dict[str, int] = field(default_factory=dict)  # StudyInstanceUID → images; all, unless it stands here
    down: bool = False
    fetched: list[str] = field(default_factory=list)
    methods: set[str] = field(default_factory=set)
    orthanc: dict[str, int] = field(default_factory=dict)  # study → images that have arrived
    job_ends: bool = True
    cancelled: list[str] = field(default_factory=list)
    problem: str = ""
    known: dict[str, list[Kind]] = field(default_factory=lambda: {"pacs": [Kind.MODALITY]})

    def add(self, number: int, images: int | None = 2) -> FoundStudy:
        modalities = frozenset({"CT"})
        self.studies.append(FoundStudy(f"1.2.{number}", f"M{number}", f"A{number}", "20240101", modalities, images, ""))
        return self.studies[-1]

    # --- as `Remotes`
    def names(self) -> dict[str, list[Kind]]:
        return self.known

    def can_get(self) -> bool:
        return False

    @contextmanager
    def find(self, _kind: Kind, _name: str, query: Mapping[str, str]) -> Iterator[list[FoundStudy]]:
        if self.down:
            raise Retry("pacs does not answer")
        asked = query.get("AccessionNumber")
        yield [one for one in self.studies if asked in (None, one.accession_number)]  # it knows no other key

    def fetch(self, _kind: Kind, _name: str, study: FoundStudy, method: str) -> str:
        self.fetched.append(study.uid)
        self.methods.add(method)
        images = self.sends.get(study.uid, study.images or 0)
        if images:
            self.orthanc[identifier_of(study)] = images
        return "job"

    def job(self, _job: str) -> JobState:
        return JobState(self.job_ends, self.problem)

    def cancel(self, job: str) -> None:
        self.cancelled.append(job)

    # --- as `Source`
    def count(self, study: str) -> int:
        return self.orthanc.get(study, 0)

    def studies_of_uid(self, uid: str) -> list[str]:
        mine = [identifier_of(one) for one in self.studies if one.uid == uid]
        return [one for one in mine if one in self.orthanc]

    def study(self, study: str) -> Any:
        return SimpleNamespace(id=study) if study in self.orthanc else None

    def instances(self, study: Any) -> list[str]:
        return [f"{study.id[:40]}{number}" for number in range(self.orthanc[study.id])]


class Engine:
    """Remembers what is enqueued."""

    executor = "here-0"

    def __init__(self) -> None:
        self.queued: list[tuple[str, int, int]] = []

    def enqueue(self, queue: str, _stage: str, _key: str, number: int, attempt: int, delay_seconds: float = 0) -> None:
        assert delay_seconds >= 0
        self.queued.append((queue, number, attempt))

    def cancel(self, *_keys: str) -> None:
        return


class House:
    """A `Pulling` with all that it needs."""

    def __init__(
        self, folder: Path, now: str = "2026-03-02T12:00", limits: Mapping[str, Any] | None = None, **source: Any
    ) -> None:
        out = {"Type": "Folder", "Path": str(folder.parent / "out")}
        projects = {"irb": {"Destinations": ["out"]}, "live": {"Destinations": ["out"]}}
        section: dict[str, Any] = {"DataDirectory": str(folder), "Projects": projects, "Destinations": {"out": out}}
        section["PullSources"], section["Limits"] = {"pacs": source}, dict(limits or {})
        self.journal = Journal.open("sqlite", folder)
        self.pacs, self.engine, self.stopping = Pacs(), Engine(), Waits()
        services = SimpleNamespace(
            settings=load({"SendIt": section})[0],
            journal=self.journal,
            source=self.pacs,
            scheduler=self.engine,
            stopping=self.stopping,
        )
        self.imported: list[tuple[str, str]] = []
        self.clock = [0.0]
        self.pauses = PauseGate(self.journal, lambda: self.clock[0])
        self.pressure = Pressure(services.settings, self.journal, lambda: self.clock[0])
        pipeline = SimpleNamespace(
            services=services, pauses=self.pauses, pressure=self.pressure, imported=self._imported
        )
        self.now = datetime.fromisoformat(now).replace(tzinfo=UTC)
        self.pulling = Pulling(cast("Pipeline", pipeline), lambda: self.now)
        self.pulling.remotes = cast("Remotes", self.pacs)
        self.folder = folder / FOLDER

    def _imported(self, studies: Mapping[str, list[str]], project: str) -> None:
        for study, instances in studies.items():
            self.journal.intake.queue(study, project, instances, None)
            self.imported.append((study, project))

    def begin(self, *rows: str, **how: Any) -> int:
        text = "\n".join(("AccessionNumber,PatientID", *rows))
        return self.pulling.begin(text, "pacs", "irb", "cli:test", **how)

    def run(self, number: int) -> None:
        """Run the attempt that was enqueued last."""
        self.pulling.run(number, self.engine.queued[-1][2])

    def state(self, number: int) -> PullState:
        pull = self.journal.pulls.get(number)
        assert pull is not None
        return pull.state

    def why(self, number: int) -> str:
        pull = self.journal.pulls.get(number)
        assert pull is not None
        return pull.why

    def rows(self, number: int) -> list[tuple[int, str, str]]:
        """Line, state and reason of each row; the counts say the same."""
        rows = self.journal.pulls.rows(number)
        pull = self.journal.pulls.get(number)
        assert pull is not None
        counted = self.journal.pulls.progress(pull).rows
        assert counted == {state: n for state in counted if (n := sum(row.state is state for row in rows))}
        assert sum(counted.values()) == len(rows)
        return [(row.line, str(row.state), row.reason) for row in rows]

    def lists(self) -> list[str]:
        return os.listdir(self.folder)


@pytest.fixture
def house(data_directory: Path) -> Iterator[House]:
    made = House(data_directory)
    yield made
    made.journal.close()


def test_what_does_not_arrive_is_named(house: House) -> None:
    """Some images, none, or nobody knows how many there should be: fetched three times, then said with its reason."""
    for number, images in ((1, 2), (2, 3), (3, 2), (4, None)):
        house.pacs.add(number, images)
    house.pacs.sends = {"1.2.2": 1, "1.2.3": 0, "1.2.4": 5}
    house.stopping.then = lambda: None
    number = house.begin("A1,", "A2,", "A3,", "A4,", "A5,", "A1,")
    house.run(number)
    assert house.state(number) is PullState.INCOMPLETE
    assert house.rows(number) == [
        (2, "COMPLETE", ""),
        (3, "PARTIAL", "1 of 3 images arrived"),
        (4, "FAILED", "0 of 2 images arrived; does pacs know the title, host and port of Orthanc?"),
        (5, "COMPLETE", "pacs does not tell how many images there are"),
        (6, "NOT_FOUND", "no such study at pacs"),
        (7, "DUPLICATE", "asks for the same as line 2"),
    ]
    assert {uid: house.pacs.fetched.count(uid) for uid in house.pacs.fetched} == {
        "1.2.1": 1, "1.2.2": 3, "1.2.3": 3, "1.2.4": 1,
    }  # fmt: skip
    assert {project for _, project in house.imported} == {"irb"}
    assert len(house.imported) == 3
    assert house.lists() == []


def test_a_pacs_that_ignores_a_key(house: House) -> None:
    """It answers with every study: only what the row asks for is fetched."""
    for number in (1, 2, 3):
        house.pacs.add(number)
    number = house.begin(",M2", ",M9")
    house.run(number)
    assert house.pacs.fetched == ["1.2.2"]
    reason = "no such study at pacs; it answered with 3 others, which do not match the row"
    assert house.rows(number) == [(2, "COMPLETE", ""), (3, "NOT_FOUND", reason)]


def test_a_pacs_that_is_away(house: House) -> None:
    """The pull waits and says so; once it answers, nothing is done again, and the list is kept until then."""
    house.pacs.add(1)
    house.pacs.add(2)
    house.pacs.down = True
    number = house.begin("A1,", "A2,")
    house.run(number)
    house.run(number)
    assert house.state(number) is PullState.RUNNING
    assert house.pulling.problems() == [f"pull {number} waits: pacs does not answer"]
    assert len(house.lists()) == 1
    assert [oct((house.folder / name).stat().st_mode & 0o777) for name in house.lists()] == ["0o600"]
    house.pacs.down = False
    house.run(number)
    assert (house.state(number), house.pulling.problems()) == (PullState.DONE, [])
    assert house.pacs.fetched == ["1.2.1", "1.2.2"]


def test_after_a_kill_nothing_is_fetched_twice(house: House) -> None:
    """An attempt that died, and one that the engine lost, go on where they were; an old attempt changes nothing."""
    house.pacs.add(1)
    house.pacs.add(2)
    number = house.begin("A1,", "A2,")

    def dies(*_: Any) -> Any:
        raise SystemExit  # as a kill: nothing is written down after it

    house.pacs.job_ends, house.stopping.then = True, dies
    fetch = house.pacs.fetch
    house.pacs.fetch = lambda *a: dies() if house.pacs.fetched else fetch(*a)  # type: ignore[method-assign]
    with pytest.raises(SystemExit):
        house.run(number)
    assert house.pacs.fetched == ["1.2.1"]
    house.pacs.fetch = fetch  # type: ignore[method-assign]
    house.pulling.reschedule(active=[])
    assert [attempt for _, _, attempt in house.engine.queued] == [1, 2]
    house.pulling.run(number, 1)
    assert house.pacs.fetched == ["1.2.1"]
    house.run(number)
    assert (house.state(number), house.pacs.fetched) == (PullState.DONE, ["1.2.1", "1.2.2"])
    again = house.begin("A1,", "A2,")
    house.run(again)
    assert house.pacs.fetched == ["1.2.1", "1.2.2"]
    assert {reason for _, _, reason in house.rows(again)} == {"was in Orthanc already"}
    house.pacs.orthanc.clear()  # the originals were deleted after their delivery
    third = house.begin("A1,")
    house.run(third)
    assert (house.state(third), house.pacs.fetched) == (PullState.DONE, ["1.2.1", "1.2.2"])


def test_outside_its_window_it_waits(data_directory: Path) -> None:
    """It says when the window opens, and goes on then; another pull from there waits for the first one."""
    house = House(data_directory, Window={"From": "20:00", "To": "06:00", "TimeZone": "UTC"})
    house.pacs.add(1)
    first, second = house.begin("A1,"), house.begin("A1,")
    said = []

    def later() -> None:
        said.append(house.why(first))
        house.now = house.now.replace(hour=21)

    house.stopping.then = later
    house.pulling.run(first, 1)
    assert said == ["the window of pacs opens at 2026-03-02 20:00 UTC"]
    assert house.state(first) is PullState.DONE
    third = house.begin("A1,")
    house.stopping.then = house.stopping.set
    house.pulling.run(third, 1)
    assert (house.state(third), house.why(third)) == (PullState.RUNNING, f"pull {second} from pacs goes first")
    house.journal.close()


def test_at_a_limit_it_waits(data_directory: Path) -> None:
    """Another batch is under way, and one may be: nothing is asked for until that one has ended."""
    house = House(data_directory, limits={"BatchesUnderWay": 1})
    house.pacs.add(1)
    other = house.journal.intake.queue("other", "irb", ["x"], None)
    assert other is not None
    number = house.begin("A1,")
    said = []

    def later() -> None:
        said.append((house.why(number), list(house.pacs.fetched)))
        house.clock[0] += 2
        house.journal.batches.begin(other, 1)
        house.journal.batches.fail(other, 1, "no more of it")

    house.stopping.then = later
    house.run(number)
    [(why, fetched)] = said
    assert "SendIt.Limits.BatchesUnderWay" in why
    assert fetched == []
    assert house.state(number) is PullState.DONE
    house.journal.close()


def test_its_pace(data_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many studies in an hour."""
    house = House(data_directory, StudiesPerHour=60)
    clock = [1000.0]
    monkeypatch.setattr("sendit.pipeline.watching.pulls.time.monotonic", lambda: clock[0])
    for number in (1, 2, 3):
        house.pacs.add(number)
    number = house.begin("A1,", "A2,", "A3,")
    waits = []

    def later() -> None:
        waits.append(house.why(number))
        clock[0] += 31

    house.stopping.then = later
    house.run(number)
    assert house.state(number) is PullState.DONE
    assert waits == ["60 studies are fetched in an hour"] * 4
    house.journal.close()


def test_studies_that_were_sent_go_first(house: House) -> None:
    """While one is to be de-identified nothing is fetched, and what was pulled lets it go first."""
    house.pacs.add(1)
    house.pacs.add(2)
    number = house.begin("A1,", "A2,")
    live = house.journal.intake.queue("f" * 44, "live", ["i" * 44], None)
    assert live is not None
    pulled = identifier_of(house.pacs.studies[0])
    seen = []

    def later() -> None:
        seen.append(house.why(number))
        jobs = house.pauses.watch(iter([1]), "irb", pulled)
        with pytest.raises(Held, match=BEHIND):
            next(jobs)
        assert list(house.pauses.watch(iter([1]), "live", "f" * 44)) == [1]
        house.journal.batches.begin(live, 1)
        house.journal.batches.reject(live, 1, "not wanted")
        house.journal.batches.conclude(live, 1, {}, {}, None)  # type: ignore[arg-type]
        house.clock[0] += 2

    house.stopping.then = later
    house.run(number)
    assert seen == [BEHIND]
    assert house.state(number) is PullState.DONE
    assert house.pauses.behind(pulled) == ""


def test_not_too_far_ahead(data_directory: Path) -> None:
    """As many studies as StudiesAhead are under way in SendIt; a paused project holds its pulls, too."""
    house = House(data_directory, StudiesAhead=1)
    house.pacs.add(1)
    house.pacs.add(2)
    number = house.begin("A1,", "A2,")
    house.run(number)
    assert (house.state(number), house.pacs.fetched) == (PullState.RUNNING, ["1.2.1"])
    assert house.why(number) == "1 study is under way; the next is fetched once one of them is delivered"
    house.journal.close()


def test_a_pull_that_is_cancelled(house: House) -> None:
    """Orthanc's job ends, the list goes, and the rows that are left are named as waiting."""
    house.pacs.add(1)
    house.pacs.job_ends = False
    number = house.begin("A1,")
    house.stopping.then = lambda: cast("None", house.pulling.cancel(number, "cli:test", "wrong list"))
    house.run(number)
    assert (house.state(number), house.pacs.cancelled, house.lists()) == (PullState.CANCELLED, ["job"], [])
    assert not house.pulling.cancel(number, "cli:test", "")
    assert house.rows(number)[0][1] == "WAITING"
    entries = [(one.action, one.reason) for one in house.journal.audit.page(AuditFilter(), 10)]
    assert entries == [("cancel-pull", "wrong list"), ("pull", "")]


def test_only_a_check(house: House) -> None:
    """It says what there is, and fetches nothing."""
    house.pacs.add(1)
    number = house.begin("A1,", "A2,", only_check=True)
    house.run(number)
    assert [state for _, state, _ in house.rows(number)] == ["FOUND", "NOT_FOUND"]
    assert (house.pacs.fetched, house.state(number), house.lists()) == ([], PullState.INCOMPLETE, [])
    pull = house.journal.pulls.get(number)
    assert pull is not None
    assert house.journal.pulls.progress(pull).images_expected == 2


def test_what_cannot_begin(data_directory: Path) -> None:
    """A list, a source or a project that is wrong: nothing is kept, and no pull is there."""
    house = House(data_directory, Retrieve="C-GET")
    with pytest.raises(Misconfigured, match="cannot C-GET"):
        house.begin("A1,")
    house.pacs.known = {"pacs": [Kind.MODALITY, Kind.DICOMWEB]}
    with pytest.raises(Misconfigured, match="both a modality and a DICOMweb server"):
        house.begin("A1,")
    house.pacs.known = {"other": [Kind.MODALITY]}
    with pytest.raises(Misconfigured, match="It knows: other"):
        house.begin("A1,")
    house.pacs.known = {"pacs": [Kind.DICOMWEB]}
    with pytest.raises(WrongList, match="line 3"):
        house.begin("A1,", "A*,")
    with pytest.raises(Misconfigured, match="there is no project 'none'"):
        house.pulling.begin("PatientID\nM1\n", "pacs", "none", "cli:test")
    assert house.journal.pulls.page(10) == []
    assert not house.folder.exists()
    house.journal.close()


def test_a_list_that_is_gone(house: House) -> None:
    """After a backup was restored, say: the pull ends, and says what to do."""
    house.pacs.add(1)
    number = house.begin("A1,")
    for name in house.lists():
        (house.folder / name).unlink()
    house.run(number)
    assert house.state(number) is PullState.FAILED
    assert "Begin it again" in house.why(number)


def test_an_unlinked_project(house: House) -> None:
    """Its pulls end, nothing of their rows and studies is kept, and the list is deleted."""
    house.pacs.add(1)
    number = house.begin("A1,")
    house.pacs.down = True
    house.run(number)
    house.journal.unlinking.begin("irb")
    house.journal.unlinking.detach("irb")
    assert (house.state(number), house.rows(number)) == (PullState.FAILED, [])
    with pytest.raises(Misconfigured, match="unlinked"):
        house.begin("A1,")
    house.pulling.tidy()
    assert len(house.lists()) == 1  # it may be about to get its pull
    for name in house.lists():
        os.utime(house.folder / name, (0, 0))
    house.pulling.tidy()
    assert house.lists() == []


def test_a_pull_of_a_worker_that_does_not_live_is_taken_over(data_directory: Path) -> None:
    """If its list is here, and what it names: then it goes on as a new attempt. Else it waits, and that is told."""
    house = House(data_directory)
    house.pacs.add(1)
    number = house.begin("A1,")
    house.engine.executor = "there-0"
    house.journal.facts.beat("here-0")
    house.pulling.adopt()
    assert house.pulling.problems() == []
    with house.journal.engine.begin() as c:
        c.execute(sa.delete(tables.nodes))
    house.pacs.known = {}
    house.pulling.adopt()
    assert "waits for a worker that does not run" in house.pulling.problems()[0]
    house.pacs.known = {"pacs": [Kind.MODALITY]}
    house.pulling.adopt()
    assert house.pulling.problems() == []
    house.run(number)  # by the former attempt
    assert house.pacs.fetched == []
    house.pulling.reschedule(())
    house.run(number)
    assert (house.state(number), house.pacs.fetched) == (PullState.DONE, ["1.2.1"])
