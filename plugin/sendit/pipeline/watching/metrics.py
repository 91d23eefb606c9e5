"""The numbers of SendIt in Prometheus' text format: what the journal knows now, and what this process has counted.

Each number of the journal is a count that is kept, or a look at the end of an index: asking costs the same however many
batches there are. Labels are names of projects and destinations, states, and fixed words; never an identifier.
"""

from __future__ import annotations

import shutil
from collections import Counter
from datetime import UTC, date, datetime
from itertools import product
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from sendit import __version__
from sendit.journal.lists.counts import DESTINATION, INSTANCE, PROJECT
from sendit.logs.meters import REGISTRY, kind_of
from sendit.model import BatchState, DeliveryState, InstanceState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from prometheus_client import Metric

    from sendit.journal.lists.counts import Count
    from sendit.pipeline.context import Services
    from sendit.pipeline.deliver import Deliverer
    from sendit.pipeline.readback.destination_status import DestinationStates

#: `Content-Type` of the text.
TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"

#: In these states a batch waits: for SendIt, or for a person.
WAITING = (
    BatchState.RECEIVING, BatchState.QUEUED, BatchState.PROCESSING, BatchState.REVIEW, BatchState.DELIVERING,
    BatchState.SENT, BatchState.RECALLING,
)  # fmt: skip
#: Values by their labels.
Values = dict[tuple[str, ...], float]
_RETRYING = (DeliveryState.RETRYING, DeliveryState.RECALLING)


class Metrics(Collector):
    """Reads them, once for each request."""

    def __init__(self, services: Services, states: DestinationStates, deliverer: Deliverer) -> None:
        self._services = services
        self._journal = services.journal
        self._states = states
        self._deliverer = deliverer

    def text(self) -> bytes:
        """Return all numbers as text."""
        own = CollectorRegistry()
        own.register(self)
        return generate_latest(own) + generate_latest(REGISTRY)

    def main(self) -> dict[str, float]:
        """Return the few numbers that Orthanc shows among its own: without labels, and cheap."""
        states = self._journal.counts.by_state()
        heads = self._journal.counts.queue_heads([BatchState.QUEUED])
        present = datetime.now(UTC)
        waiting = (BatchState.QUEUED, BatchState.PROCESSING, BatchState.DELIVERING)
        return {
            "sendit_batches_waiting": sum(states.get(state, 0) for state in waiting),
            "sendit_batches_done": states.get(BatchState.DONE, 0),
            "sendit_batches_review": states.get(BatchState.REVIEW, 0),
            "sendit_batches_quarantined": states.get(BatchState.QUARANTINED, 0),
            "sendit_batches_failed": states.get(BatchState.FAILED, 0) + states.get(BatchState.RECALL_FAILED, 0),
            "sendit_queue_age_seconds": max(
                (round((present - at).total_seconds()) for at in heads.values()), default=0
            ),
        }

    def describe(self) -> Iterable[Metric]:
        """Return nothing: to register it is not to ask everything."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the numbers of the journal, the destinations and the disk."""
        yield InfoMetricFamily("sendit", "The version of SendIt that runs.", value={"version": __version__})
        yield from self._batches()
        yield from self._deliveries()
        yield from self._delivered()
        yield from self._destinations()
        disk = shutil.disk_usage(self._services.settings.data_directory)
        yield GaugeMetricFamily("sendit_disk_free_bytes", "Free space on the disk of DataDirectory.", value=disk.free)
        yield GaugeMetricFamily("sendit_disk_size_bytes", "Size of the disk of DataDirectory.", value=disk.total)
        paused = len(self._journal.pauses.all())
        yield GaugeMetricFamily("sendit_pauses", "Projects, destinations, or everything, paused by persons.", paused)

    def _batches(self) -> Iterator[Metric]:
        projects = list(self._services.settings.projects)
        batches = _by_state(self._journal.counts.of(PROJECT), projects, BatchState)
        instances = _by_state(self._journal.counts.of(INSTANCE), projects, InstanceState)
        labels = ["project", "state"]
        yield _gauge("sendit_batches", "Batches in each state, now.", labels, batches)
        yield _gauge("sendit_instances", "Instances in each state, now.", labels, instances)
        present, heads = datetime.now(UTC), self._journal.counts.queue_heads(WAITING)
        ages: Values = {(str(state),): max(0.0, (present - at).total_seconds()) for state, at in heads.items()}
        none: Values = {(str(state),): 0.0 for state in WAITING}
        text = "Seconds since the first batch in this state last changed; 0 if there is none."
        yield _gauge("sendit_queue_age_seconds", text, ["state"], {**none, **ages})
        unseen: Counter[tuple[str, ...]] = Counter()
        for group in self._journal.acknowledgements.waiting():
            kind = kind_of(group.reason) if group.state is BatchState.QUARANTINED else ""
            unseen[group.project or "", str(group.state), kind] += len(group.batches)
        text = (
            "Batches that are held or failed and not acknowledged, of the newest 2,000; kind: of a quarantine's reason."
        )
        yield _gauge("sendit_batches_unacknowledged", text, ["project", "state", "kind"], unseen)

    def _deliveries(self) -> Iterator[Metric]:
        counts = self._journal.counts.of(DESTINATION)
        names = dict.fromkeys([*self._services.settings.destinations, *(one.name for one in counts)])
        labels = ["destination", "state"]
        yield _gauge(
            "sendit_deliveries", "Deliveries in each state, now.", labels, _by_state(counts, names, DeliveryState)
        )
        held: Values = {(name,): 0 for name in names}
        retrying = dict(held)
        for one in counts:
            held[one.name,] += one.instances
            retrying[one.name,] += one.number if one.state in _RETRYING else 0
        text = "Instances that a destination holds, read back."
        yield _gauge("sendit_destination_instances", text, ["destination"], held)
        text = "Deliveries and recalls that failed for now, or are under way again."
        yield _gauge("sendit_deliveries_retrying", text, ["destination"], retrying)

    def _delivered(self) -> Iterator[Metric]:
        """Yield what was delivered since the journal began; a recall takes nothing away."""
        labels = ["project", "destination"]
        families = {
            "studies": CounterMetricFamily("sendit_delivered_studies", "Studies delivered.", labels=labels),
            "instances": CounterMetricFamily("sendit_delivered_instances", "Instances delivered.", labels=labels),
            "size": CounterMetricFamily("sendit_delivered_bytes", "Bytes delivered.", labels=labels),
        }
        totals = self._journal.totals.of(date.min, date.max, by_destination=True, by_day=False)
        for total in totals:
            for name, family in families.items():
                family.add_metric([total.project, total.destination or ""], getattr(total, name))
        yield from families.values()

    def _destinations(self) -> Iterator[Metric]:
        down = self._states.down()
        names = list(self._services.settings.destinations)
        up: Values = {(name,): float(name not in down) for name in names}
        text = "1 if a destination accepts deliveries, or is held; 0 if it does not respond, or refuses."
        yield _gauge("sendit_destination_up", text, ["destination"], up)
        held: Values = {(name,): float(self._deliverer.hold(name) is not None) for name in names}
        text = "1 if nothing is delivered there for now: paused, not enabled, or outside its window."
        yield _gauge("sendit_destination_held", text, ["destination"], held)


def _by_state(counts: Iterable[Count], names: Iterable[str], states: Iterable[str]) -> Values:
    """Return the counts; zeros, too, for what is configured: a series that comes and goes hides what happened."""
    zeros: Values = {(name, str(state)): 0.0 for name, state in product(names, states)}
    return zeros | {(one.name, one.state): one.number for one in counts}


def _gauge(name: str, text: str, labels: list[str], values: Mapping[tuple[str, ...], float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(list(key), value)
    return family
