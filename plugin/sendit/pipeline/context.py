"""Common parts of the stages: the services they use, the keys of their work, and how failures are handled."""

from __future__ import annotations

import logging
import random
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sendit.errors import Retry, SendItError
from sendit.journal import Journal, JournalFault, Superseded
from sendit.logs import places
from sendit.logs.traces import Traces

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sendit.config.schema import Settings
    from sendit.config.types import RetrySettings
    from sendit.destinations.base import Destination
    from sendit.logs.meters import Stopwatch
    from sendit.orthanc.client import Source
    from sendit.pipeline.backups.high_water import JournalGuard
    from sendit.pipeline.deidentify import Deidentification
    from sendit.scheduler import Scheduler
    from sendit.storage.previews import Previews
    from sendit.storage.staging import Staging

log = logging.getLogger(__name__)

#: How often a stage may begin without coming to an end: what kills its worker each time is not tried for ever.
MOST_STARTS = 5


def process_key(batch_id: int, attempt: int) -> str:
    """Return the deduplication key of processing a batch."""
    return f"process:{batch_id}:{attempt}"


def deliver_key(batch_id: int, destination: str, attempt: int) -> str:
    """Return the deduplication key of a delivery."""
    return f"deliver:{batch_id}:{destination}:{attempt}"


def recall_key(batch_id: int, destination: str, attempt: int) -> str:
    """Return the deduplication key of a recall."""
    return f"recall:{batch_id}:{destination}:{attempt}"


def pull_key(pull_id: int, attempt: int) -> str:
    """Return the deduplication key of a pull."""
    return f"pull:{pull_id}:{attempt}"


def process_queue(home: str) -> str:
    """Return the name of the queue of a home's batches: only its workers have its Orthanc."""
    return f"process.{home}"


def pull_queue(executor: str) -> str:
    """Return the name of a worker's queue of pulls: the list of a pull lies beside the worker that was given it."""
    return f"pull.{executor}"


def deliver_queue(destination: str, home: str) -> str:
    """Return the name of a destination's queue: each has its own, so that one that is down delays no other.

    So has each home: only its workers have what it staged.
    """
    return f"deliver.{destination}.{home}"


def backoff(failures: int, settings: RetrySettings) -> float:
    """Return the seconds to wait after so many failures: doubling, with jitter so that batches spread out."""
    longest = min(settings.max_delay, settings.first_delay * 2.0 ** min(failures, 30))
    return longest * random.uniform(0.5, 1.0)


def after(seconds: float) -> datetime:
    """Return the time so many seconds from now."""
    return datetime.now(UTC) + timedelta(seconds=seconds)


def since(moment: datetime) -> float:
    """Return the seconds from then until now; 0 if it is yet to come (another machine's clock)."""
    return max(0.0, (datetime.now(UTC) - moment).total_seconds())


def until(moment: datetime | None) -> float:
    """Return seconds from now until then; 0 if it is past, or None."""
    return 0.0 if moment is None else max(0.0, (moment - datetime.now(UTC)).total_seconds())


@dataclass(frozen=True, slots=True)
class Services:
    """The services that the stages use."""

    settings: Settings
    journal: Journal
    source: Source
    staging: Staging
    previews: Previews
    scheduler: Scheduler
    deidentification: Deidentification
    destinations: Mapping[str, Destination]
    guard: JournalGuard
    traces: Traces = field(default_factory=Traces)
    recycling: str = ""  # the limits by which Orthanc deletes studies to make room for new ones
    stopping: threading.Event = field(default_factory=threading.Event)  # from then on nothing that fails is counted


def account(
    services: Services,
    stage: Callable[[], None],
    failed: Callable[[SendItError], None],
    batch_id: int,
    watch: Stopwatch,
) -> None:
    """Run and time a stage, and write down how it failed.

    A fault of our own counts as Retry: it may not lose a batch.
    """
    try:
        try:
            stage()
            log.debug("batch %d: %s took %.3f s", batch_id, watch.stage, watch.stop(ok=True))
            _trace(services, batch_id, watch, None)
        except JournalFault:
            raise  # nothing can be written down any more; the worker stops
        except SendItError as error:
            if services.stopping.is_set():
                return  # what is being stopped fails in many ways, and none of them counts
            watch.stop(ok=False)
            _trace(services, batch_id, watch, error)
            failed(error)
        except Superseded:
            raise
        except Exception as error:
            if services.stopping.is_set():
                return
            log.error("batch %d: unexpected", batch_id, exc_info=error)
            watch.stop(ok=False)
            _trace(services, batch_id, watch, error)
            failed(Retry(f"unexpected fault of SendIt: {places(error)}"))
    except Superseded:
        log.info("batch %d: another attempt has taken over", batch_id)


def _trace(services: Services, batch_id: int, watch: Stopwatch, error: Exception | None) -> None:
    services.traces.stage(watch.stage, batch_id, watch.destination, watch.begun_at, error)
