"""Which instances are begun while their study still arrives, and when none is."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sendit.errors import Retry
from sendit.orthanc.client import StoredInstance, Study
from sendit.pipeline.watching import early
from sendit.pipeline.watching.early import EarlyWork
from sendit.pipeline.window import available_memory


class House:
    """A worker's services: an Orthanc with the study "s", and what was begun of it."""

    def __init__(self) -> None:
        self.series: tuple[str, ...] = ("one",)
        self.covered: set[str] = set()
        self.idle, self.room = True, True
        self.project: str | None = "irb"
        self.asked: list[tuple[str, ...]] = []
        self.groups: list[int] = []
        self.arrived: list[float] = []
        self.cores: list[float] = []
        self.together = 1
        self.begun: list[tuple[str, str, str, str, Any]] = []
        self.projects = {"irb": SimpleNamespace(name="irb", ahead=True), "service": SimpleNamespace(ahead=False)}
        self.no_codes = False

    def stored(self, instances: list[str]) -> list[StoredInstance]:
        return [StoredInstance(one, "one", f"file of {one}") for one in instances if one != "deleted"]

    def only_project_of(self, study: Study, instance: str) -> str | None:
        self.asked.append(study.series)
        return self.project

    def codes_ahead(self, project: Any, instance: str) -> None:
        if self.no_codes:
            raise Retry("Orthanc is not well")

    def begin_ahead(
        self, study: str, some: list[StoredInstance], project: Any, codes: Any, as_of: float, arrived: float
    ) -> None:
        self.arrived.append(arrived)
        self.groups.append(len(some))
        self.begun += [(study, one.id, one.version, project.name, codes) for one in some]

    def wait_for_room(self, seconds: float, cores: float) -> bool:
        self.cores.append(cores)
        return self.room

    def pipeline(self) -> Any:
        source = SimpleNamespace(
            stored=self.stored,
            study_of_series=lambda series: "s",
            study=lambda study: Study(study, False, "", self.series),
        )
        deidentification = SimpleNamespace(
            ahead=SimpleNamespace(wait_for_room=self.wait_for_room, together=lambda study: self.together),
            is_idle=lambda: self.idle,
            projects=self.projects,
            codes_ahead=self.codes_ahead,
            begin_ahead=self.begin_ahead,
        )
        intake = SimpleNamespace(covered=lambda some: {one: None for one in some if one in self.covered})
        services = SimpleNamespace(
            source=source,
            deidentification=deidentification,
            journal=SimpleNamespace(intake=intake),
            settings=SimpleNamespace(staging_directory=Path()),
        )
        return cast("Any", SimpleNamespace(services=services, only_project_of=self.only_project_of))


@pytest.fixture
def house() -> House:
    return House()


def told(house: House, *instances: str) -> EarlyWork:
    """One that has heard of these instances; its thread does not run, so each step is called."""
    work = EarlyWork(house.pipeline(), 60)
    work._stopping.wait = lambda timeout=None: False  # type: ignore[method-assign]
    work._waiting = {one: float(number) for number, one in enumerate(instances)}
    return work


def test_what_no_batch_has_is_begun(house: House) -> None:
    """Once each, with the version of its file; not what Orthanc no longer has."""
    house.covered = {"b"}
    work = told(house, "a", "b", "deleted", "c")
    work._begin_some()
    assert house.begun == [("s", "a", "file of a", "irb", None), ("s", "c", "file of c", "irb", None)]
    work._begin_some()
    assert len(house.begun) == 2


def test_instances_are_handed_over_together(house: House) -> None:
    """As many as a process does in a short time."""
    house.together = 3
    told(house, *"abcdefg")._begin_some()
    assert house.groups == [3, 3, 1]
    assert [one[1] for one in house.begun] == list("abcdefg")
    assert house.arrived == [2, 5, 6]  # the last of each group


@pytest.mark.parametrize("project", [None, "service", "unlinked"])
def test_studies_that_are_left_to_their_batch(house: House, project: str | None) -> None:
    """No project, or several; one whose pseudonyms a service gives; one that is not prepared."""
    house.project = project
    told(house, "a")._begin_some()
    assert house.begun == []


def test_a_further_series_may_change_the_project(house: House) -> None:
    """Otherwise the projects are asked about once for a study."""
    work = told(house, "a")
    work._begin_some()
    work._waiting = {"b": 0}
    work._begin_some()
    house.series, house.project = ("one", "two"), None
    work._waiting = {"c": 0}
    work._begin_some()
    assert house.asked == [("one",), ("one", "two")]
    assert [one[1] for one in house.begun] == ["a", "b"]


def test_nothing_is_begun_while_the_machine_is_needed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a batch; with little memory or disk; with enough under way. Once it is free, what waited is begun."""
    work = told(house, "a")
    house.idle = False
    work._begin_some()
    house.idle, house.room = True, False
    work._begin_some()
    house.room = True
    with monkeypatch.context() as patch:
        patch.setattr(early, "available_memory", lambda: (512 << 20) - 1)
        work._begin_some()
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=(1 << 30) - 1))
        work._begin_some()
    assert house.begun == []
    work._begin_some()
    assert [one[1] for one in house.begun] == ["a"]


def test_receiving_has_the_cores(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """While instances arrive, others are begun only on cores that are idle; then on all."""
    work, free = told(house, "a"), 0.9
    work._thread = cast("Any", SimpleNamespace(is_alive=lambda: True))
    monkeypatch.setattr(work._cores, "free", lambda: free)
    work.tell(["b"])
    work._begin_some()
    assert (house.begun, house.cores) == ([], [])
    free = 1.5
    work._begin_some()
    assert [one[1] for one in house.begun] == ["a", "b"]
    assert set(house.cores) == {1.5}
    work.tell(["c"])
    free, work._arrived = 0.0, work._arrived - 1.0  # nothing came since
    work._begin_some()
    assert [one[1] for one in house.begun] == ["a", "b", "c"]
    assert house.cores[-1] == float("inf")


def test_a_batch_that_comes_in_between(house: House) -> None:
    """What was not begun is asked about again: the batch may have it."""
    work = told(house, "a", "b")

    def begin(*begun: Any) -> None:
        House.begin_ahead(house, *begun)
        house.idle, house.covered = False, {"b"}

    cast("Any", work._services.deidentification).begin_ahead = begin
    work._thread = cast("Any", SimpleNamespace(is_alive=lambda: True))
    work._begin_some()
    assert work._waiting == {"b": 1.0}
    house.idle = True
    work._begin_some()
    assert [one[1] for one in house.begun] == ["a"]


def test_memory_that_can_be_given() -> None:
    """As the system says."""
    assert available_memory() > 1 << 20
