"""What the stages of a batch's life share: what they work with, the keys of their work, and how their failures end."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sendit.deidentification import Deidentification
from sendit.destinations.base import Destination
from sendit.errors import Retry, SendItError
from sendit.journal import Journal, Superseded
from sendit.logs import places
from sendit.pictures import Pictures
from sendit.scheduler import Scheduler
from sendit.section import RetrySettings
from sendit.settings import Settings
from sendit.source import Source
from sendit.staging import Staging

log = logging.getLogger(__name__)

#: How often a stage may begin without coming to an end: what kills its worker each time is not tried for ever.
MOST_STARTS = 5


def process_key(batch_id: int, attempt: int) -> str:
    return f"process:{batch_id}:{attempt}"


def deliver_key(batch_id: int, destination: str, attempt: int) -> str:
    return f"deliver:{batch_id}:{destination}:{attempt}"


def recall_key(batch_id: int, destination: str, attempt: int) -> str:
    return f"recall:{batch_id}:{destination}:{attempt}"


def deliver_queue(destination: str) -> str:
    """Every destination has a queue of its own, so that one that is down delays no other."""
    return f"deliver.{destination}"


def backoff(failures: int, settings: RetrySettings) -> float:
    """Seconds to wait after so many failures: doubling, with jitter so that batches do not come back all at once."""
    longest = min(settings.max_delay, settings.first_delay * 2.0 ** min(failures, 30))
    return longest * random.uniform(0.5, 1.0)


def after(seconds: float) -> datetime:
    """So many seconds from now."""
    return datetime.now(UTC) + timedelta(seconds=seconds)


def until(moment: datetime | None) -> float:
    """Seconds from now until then; 0 if it is past, or None."""
    return 0.0 if moment is None else max(0.0, (moment - datetime.now(UTC)).total_seconds())


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the stages work with."""

    settings: Settings
    journal: Journal
    source: Source
    staging: Staging
    pictures: Pictures
    scheduler: Scheduler
    deidentification: Deidentification
    destinations: Mapping[str, Destination]
    stopping: threading.Event = field(default_factory=threading.Event)  # from then on nothing that fails is counted


def account(rooms: Rooms, stage: Callable[[], None], failed: Callable[[SendItError], None], batch_id: int) -> None:
    """Run a stage, and write down how it failed. A fault of our own counts as Retry: it may not lose a batch."""
    try:
        try:
            stage()
        except SendItError as error:
            if rooms.stopping.is_set():
                return  # what is being stopped fails in many ways, and none of them counts
            failed(error)
        except Superseded:
            raise
        except Exception as error:
            if rooms.stopping.is_set():
                return
            log.error("batch %d: unexpected", batch_id, exc_info=error)
            failed(Retry(f"unexpected fault of SendIt: {places(error)}"))
    except Superseded:
        log.info("batch %d: another attempt has taken over", batch_id)
