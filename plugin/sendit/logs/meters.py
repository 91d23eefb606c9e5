"""Counters and timers of this process, for Prometheus. Numbers of the journal are read from it at each request.

These counts begin at zero with each worker, as Prometheus expects. Labels are names of the configuration, and fixed
words.
"""

from __future__ import annotations

from time import perf_counter, time_ns
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Everything that this process counts.
REGISTRY = CollectorRegistry()
#: Stages, as labels.
DEIDENTIFY, DELIVER, RECALL = "deidentify", "deliver", "recall"

#: Seconds: from an image to a slide of many gigabytes over a slow line.
_SECONDS = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600)

STAGE_SECONDS = Histogram(
    "sendit_stage_seconds",
    "How long a stage of a batch took: deidentify, deliver (with reading back), recall. Outcome: ok or failed.",
    ["stage", "destination", "outcome"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
BATCH_SECONDS = Histogram(
    "sendit_batch_seconds",
    "From the arrival of the first instance of a batch to DONE, waiting included.",
    ["project"],
    buckets=(*_SECONDS, 86_400, 604_800),
    registry=REGISTRY,
)
RETRIES = Counter(
    "sendit_retries",
    "Stages that failed for now and are tried again.",
    ["stage", "destination"],
    registry=REGISTRY,
)
INSTANCES = Counter(
    "sendit_instances_processed",
    "Instances that were de-identified, by outcome. An instance that is processed again counts again.",
    ["project", "outcome"],
    registry=REGISTRY,
)
HELD = Counter(
    "sendit_instances_held",
    "Instances that de-identification quarantined, by kind of reason.",
    ["project", "kind"],
    registry=REGISTRY,
)
TEXT_FOUND = Counter(
    "sendit_instances_with_text",
    "Instances in whose pixels text detection found text.",
    ["project"],
    registry=REGISTRY,
)

#: Kinds of reasons for a quarantine: the first whose words are in the reason counts. The order matters.
_KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("recalled", ("recalled",)),
    ("leak check", ("leak check", "character set that the output declares")),
    ("identity", ("pseudonym", "two patients", "another patient")),
    ("duplicate", ("same SOPInstanceUID",)),
    ("recipe", ("project's function", "a recipe puts")),
    ("reviewer", ("reviewer", "by an operator")),
    ("lost meaning", ("no longer read", "meaning of its pixels")),
    ("text in pixels", ("still be read", "burned in", "text in its pixels", "text detection", "label", "icon?")),
    ("size", ("out of proportion", "too large", "memory")),
    ("pixels", ("its pixels", "its frames")),
    ("fault", ("a fault of SendIt", "a library failed", "a staged file", "whose receipt does not say")),
)
OTHER = "other"


def kind_of(reason: str | None) -> str:
    """Return of which kind a quarantine's reason is, in fixed words: reasons themselves are too many for labels."""
    for kind, words in _KINDS:
        if any(word in (reason or "") for word in words):
            return kind
    return OTHER


def begin_at_zero(projects: Iterable[str], destinations: Iterable[str]) -> None:
    """Count zero of everything that may come to be counted: Prometheus sees no increase in a count's first value."""
    for project in projects:
        count_instances(project, 0, 0, (), 0)
        for kind, _ in (*_KINDS, (OTHER, ())):
            HELD.labels(project, kind)
    RETRIES.labels(DEIDENTIFY, "")
    for destination in destinations:
        RETRIES.labels(DELIVER, destination)
        RETRIES.labels(RECALL, destination)


class Stopwatch:
    """Times one stage of a batch."""

    def __init__(self, stage: str, destination: str = "") -> None:
        self.stage = stage
        self.destination = destination
        self.begun_at = time_ns()
        self._begun = perf_counter()

    def stop(self, *, ok: bool) -> float:
        """Write down how many seconds it took, and return them."""
        seconds = perf_counter() - self._begun
        STAGE_SECONDS.labels(self.stage, self.destination, "ok" if ok else "failed").observe(seconds)
        return seconds


def count_instances(project: str, released: int, rejected: int, held: Iterable[str], with_text: int) -> None:
    """Count instances that have got their outcome.

    Args:
        project: the project or variant.
        released: how many may leave.
        rejected: how many will not be sent.
        held: the reasons of those that were quarantined.
        with_text: in how many of all text was found.
    """
    reasons = list(held)
    for outcome, number in (("released", released), ("rejected", rejected), ("quarantined", len(reasons))):
        INSTANCES.labels(project, outcome).inc(number)
    for reason in reasons:
        HELD.labels(project, kind_of(reason)).inc()
    TEXT_FOUND.labels(project).inc(with_text)
