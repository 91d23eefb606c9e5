"""Has instances de-identified while their study still arrives, so that at its end only the verdict is left.

Only what may turn out to be needed, and only while nothing else needs the machine: studies that exactly one project
would take by what is known now, no batch in the pool, room on the disk and in memory, and an idle core as long as
instances arrive. An instance that is left out here, for whatever reason, is done by its batch. Nothing here changes the
journal.
"""

from __future__ import annotations

import logging
import math
import shutil
import threading
import time
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from sendit.errors import SendItError
from sendit.logs import places
from sendit.pipeline.window import Cores, available_memory
from sendit.storage.data_directory import LITTLE_ROOM

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sendit.orthanc.client import StoredInstance
    from sendit.pipeline.batch import Pipeline
    from sendit.pipeline.projects import ReadyProject
    from sendit.pseudonyms import Codes

log = logging.getLogger(__name__)

#: So many instances are looked up at once, and so many wait at most; others are left to their batches.
_TOGETHER, _MOST_WAITING = 50, 20_000
#: Of so many studies and series it is known whose they are.
_MOST_KNOWN = 1_000
#: Bytes that have to be free on the disk and in memory.
_DISK, _MEMORY = 2 * LITTLE_ROOM, 512 << 20
#: Seconds after which it is looked again whether the machine is free, and whether anything is too old.
_LOOK, _TIDY = 0.2, 60.0
#: Seconds after the plugin's last report of instances for which others are expected. It reports four times a second,
#: unless the machine is too busy for that.
_ARRIVING = 1.0


@dataclass(frozen=True, slots=True)
class _Plan:
    """How the instances of a study that arrives are de-identified; without a project, not yet."""

    series: tuple[str, ...]  # those that it had; a further one may change what project takes it
    project: ReadyProject | None
    codes: Codes | None = None


class EarlyWork:
    """Takes identifiers of instances from any thread, and works in one of its own.

    Args:
        pipeline: the stages.
        stable_age: seconds without a further instance after which Orthanc calls a study complete.
    """

    def __init__(self, pipeline: Pipeline, stable_age: int) -> None:
        self._pipeline = pipeline
        # Later, there would be no time left for a look at whole series; earlier, more is likely to arrive.
        self._quiet = max(stable_age / 4, _LOOK)
        self._services = pipeline.services
        self._ahead = pipeline.services.deidentification.ahead
        self._folder = pipeline.services.settings.staging_directory
        self._waiting: dict[str, float] = {}  # when each arrived, on the monotonic clock, in the order of arrival
        self._arrived = -math.inf  # the last one
        self._cores = Cores()
        self._told = threading.Condition()
        self._stopping = threading.Event()
        self._studies: dict[str, str] = {}  # by series
        self._plans: dict[str, _Plan] = {}  # by study
        self._thread = threading.Thread(target=self._work, name="early", daemon=True)

    def start(self) -> None:
        """Delete what a former worker left; start, if the configuration wants it."""
        self._ahead.forget_all()
        if self._services.settings.work_ahead:
            self._thread.start()

    def tell(self, instances: Iterable[str]) -> None:
        """Accept instances that were stored just now."""
        if self._thread.is_alive():
            self._arrived = time.monotonic()
            self._put(dict.fromkeys(instances, self._arrived))

    def _put(self, instances: Mapping[str, float]) -> None:
        with self._told:
            for instance, arrived in instances.items():
                if len(self._waiting) < _MOST_WAITING:
                    self._waiting[instance] = arrived
            self._told.notify()

    def stop(self) -> None:
        """Stop the thread."""
        self._stopping.set()
        with self._told:
            self._told.notify()
        if self._thread.is_alive():
            self._thread.join(timeout=2)

    def _work(self) -> None:
        wait = _TIDY
        while not self._stopping.is_set():
            with self._told:
                self._told.wait_for(lambda: self._waiting or self._stopping.is_set(), timeout=wait)
            try:
                self._ahead.forget_old()
                self._begin_some()
                free = not self._waiting and self._is_free()
                wait = min(_TIDY, self._ahead.look_at_quiet(self._quiet) if free else self._quiet)
            except SendItError as error:
                log.debug("nothing is de-identified ahead for now: %s", error)
            except Exception as error:  # noqa: BLE001  the batches do all that is left
                log.warning("instances could not be de-identified ahead: %s", places(error))

    def _begin_some(self) -> None:
        """Begin those that wait, as many as are looked up at once."""
        if not self._is_free():
            self._stopping.wait(_LOOK)
            return
        with self._told:
            some = dict(islice(self._waiting.items(), _TOGETHER))
            for instance in some:
                del self._waiting[instance]
        as_of = time.monotonic()
        covered = self._services.journal.intake.covered(list(some)) if some else {}
        new = [instance for instance in some if instance not in covered]
        for study, instances in self._by_study(self._services.source.stored(new) if new else []).items():
            plan = self._plan(study, instances[0].id)
            if plan.project is not None:
                self._begin(study, instances, plan.project, plan.codes, as_of, some)

    def _begin(
        self,
        study: str,
        instances: list[StoredInstance],
        project: ReadyProject,
        codes: Codes | None,
        as_of: float,
        arrived: Mapping[str, float],
    ) -> None:
        left = instances
        while left:
            if not self._is_free():
                # And asked about again: its batch may be what keeps the machine busy.
                self._put({instance.id: arrived[instance.id] for instance in left})
                return
            together = self._ahead.together(study)
            some, left = left[:together], left[together:]
            last = max(arrived[instance.id] for instance in some)
            self._services.deidentification.begin_ahead(study, some, project, codes, as_of, last)

    def _is_free(self) -> bool:
        """Return whether the machine is free for one more, now or soon."""
        return (
            not self._stopping.is_set()
            and self._services.deidentification.is_idle()
            and shutil.disk_usage(self._folder).free >= _DISK
            and available_memory() >= _MEMORY
            and (cores := self._cores_left()) >= 1
            and self._ahead.wait_for_room(_LOOK, cores)
        )

    def _cores_left(self) -> float:
        """Return how many cores receiving leaves idle: on one that it needs, it would become slower.

        A lower priority alone is not enough: processes share caches and the disk.
        """
        return self._cores.free() if time.monotonic() - self._arrived < _ARRIVING else math.inf

    def _by_study(self, stored: list[StoredInstance]) -> dict[str, list[StoredInstance]]:
        by_study: dict[str, list[StoredInstance]] = {}
        for instance in stored:
            if instance.series not in self._studies:
                _forget_many(self._studies)
                self._studies[instance.series] = self._services.source.study_of_series(instance.series) or ""
            by_study.setdefault(self._studies[instance.series], []).append(instance)
        by_study.pop("", None)  # deleted meanwhile
        return by_study

    def _plan(self, study_id: str, instance: str) -> _Plan:
        """Return how the study is de-identified, by what is known now."""
        study = self._services.source.study(study_id)
        known = self._plans.get(study_id)
        if study is None or (known is not None and known.series == study.series):
            return known or _Plan((), None)
        name = self._pipeline.only_project_of(study, instance)
        project = self._services.deidentification.projects.get(name or "")
        if project is None or not project.ahead:
            plan = _Plan(study.series, None)
        else:
            plan = _Plan(study.series, project, self._services.deidentification.codes_ahead(project, instance))
        _forget_many(self._plans)
        self._plans[study_id] = plan
        return plan


def _forget_many(known: dict[str, str] | dict[str, _Plan]) -> None:
    if len(known) >= _MOST_KNOWN:
        known.clear()
