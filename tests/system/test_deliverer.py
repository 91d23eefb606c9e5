"""The stage "deliver" alone: hours that end under way, and what of a batch goes where."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from sendit.config.schema import Settings
from sendit.destinations.base import Destination, Progress, read_staged
from sendit.journal import Journal
from sendit.model import BatchState, Delivery, DeliveryState, Discrepancy, Receipt, Shipment
from sendit.pipeline.backups.high_water import JournalGuard
from sendit.pipeline.context import Services
from sendit.pipeline.deliver import Deliverer
from sendit.storage.previews import Previews
from sendit.storage.staging import Staging

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sendit.scheduler import Scheduler

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@dataclass
class Clock:
    """The wall clock of the test."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Shelf(Destination):
    """Holds instances in a dictionary; each takes an hour to be put there."""

    name: str
    clock: Clock
    held: dict[str, bytes] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)

    def check(self) -> None:
        return

    def deliver(self, shipment: Shipment, progress: Progress) -> int:
        for count, staged in enumerate(shipment.staged_instances, 1):
            uid = staged.receipt.sop_instance_uid
            if uid not in self.held:
                self.held[uid] = read_staged(staged)
                self.sent.append(uid)
                self.clock.now += timedelta(hours=1)
            progress(count)
        return len(shipment.staged_instances)

    def verify(self, shipment: Shipment) -> list[Discrepancy]:
        uids = [staged.receipt.sop_instance_uid for staged in shipment.staged_instances]
        return [Discrepancy(uid, "not there") for uid in uids if uid not in self.held]

    def recall(self, shipment: Shipment) -> list[Discrepancy]:
        for staged in shipment.staged_instances:
            self.held.pop(staged.receipt.sop_instance_uid, None)
        return []


class Queue:
    """What was scheduled."""

    executor = "here"

    def __init__(self) -> None:
        self.keys: list[str] = []

    def enqueue(self, _queue: str, _stage: str, key: str, *_: Any, **_when: float) -> None:
        self.keys.append(key)


class Desk:
    """A journal with one batch on its way, and a Deliverer."""

    def __init__(self, folder: Path, **destination: Any) -> None:
        self.clock = Clock()
        self.shelf = Shelf("shelf", self.clock)
        self.queue = Queue()
        self.done: list[int] = []
        self.journal = Journal.open("sqlite", folder)
        self.staging = Staging(folder)
        document = {
            "DataDirectory": str(folder),
            "Destinations": {"shelf": {"Type": "OrthancPeer", "Peer": "p", **destination}},
        }
        self.settings = Settings.model_validate(document)
        services = Services(
            settings=self.settings,
            journal=self.journal,
            source=cast("Any", None),
            staging=self.staging,
            previews=Previews(folder),
            scheduler=cast("Scheduler", self.queue),
            deidentification=cast("Any", None),
            destinations={"shelf": self.shelf},
            guard=JournalGuard(self.journal, folder),
        )
        self.deliverer = Deliverer(services, self.done.append, self.clock)

    def batch(self, *modalities: str) -> int:
        """A batch with an instance of each of these modalities, staged."""
        names = [f"i{number}" for number in range(len(modalities))]
        batch_id = self.journal.intake.queue("study", "irb", names, "x")
        assert batch_id is not None
        self.journal.batches.begin(batch_id, 1)
        for number, (name, modality) in enumerate(zip(names, modalities, strict=True)):
            content = name.encode()
            self.staging.output(batch_id, name).write_bytes(content)
            self.journal.batches.record(batch_id, 1, {name: receipt(f"2.25.{number}", content, modality)})
        only = self.settings.destinations["shelf"].modalities
        self.journal.batches.conclude(batch_id, 1, ["shelf"], {"shelf": only} if only else None)
        return batch_id

    def delivery(self, batch_id: int) -> Delivery:
        [delivery] = self.journal.deliveries.of([batch_id])[batch_id]
        return delivery

    def deliver(self, batch_id: int) -> Delivery:
        """One try, with the attempt that the journal names; the delivery afterwards."""
        self.deliverer.deliver(batch_id, "shelf", self.delivery(batch_id).attempt)
        return self.delivery(batch_id)


def receipt(uid: str, content: bytes, modality: str) -> Receipt:
    return Receipt(
        input_sha256=hashlib.sha256(uid.encode()).hexdigest(),
        plan_sha256="0" * 64,
        output_sha256=hashlib.sha256(content).hexdigest(),
        output_md5="0" * 32,
        output_size=len(content),
        patient_id="P",
        study_instance_uid="2.25.100",
        series_instance_uid="2.25.101",
        sop_instance_uid=uid,
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        modality=modality,
        released=True,
    )


@pytest.fixture
def desks(data_directory: Path) -> Iterator[list[Desk]]:
    made: list[Desk] = []
    yield made
    for desk in made:
        desk.journal.close()


def test_the_end_of_the_hours_stops_between_two_instances(desks: list[Desk], data_directory: Path) -> None:
    """Paused until they begin again, no failure; then only the rest is sent."""
    desk = Desk(data_directory, Window={"From": "11:00", "To": "14:00", "TimeZone": "UTC"})
    desks.append(desk)
    batch_id = desk.batch("CT", "CT", "CT", "CT")
    delivery = desk.deliver(batch_id)
    assert (delivery.state, delivery.failures) == (DeliveryState.PAUSED, 0)
    assert delivery.next_attempt_at == NOON.replace(day=3, hour=11)
    assert desk.shelf.sent == ["2.25.0", "2.25.1"]
    desk.deliverer.resume(delivery)
    assert desk.delivery(batch_id).state is DeliveryState.PAUSED  # not yet
    desk.clock.now = NOON.replace(day=3, hour=11)
    desk.deliverer.resume(delivery)
    assert desk.queue.keys == [f"deliver:{batch_id}:shelf:{delivery.attempt}"]
    assert desk.deliver(batch_id).state is DeliveryState.VERIFIED
    assert desk.shelf.sent == ["2.25.0", "2.25.1", "2.25.2", "2.25.3"]
    assert desk.done == [batch_id]


def test_outside_of_the_hours_nothing_begins(desks: list[Desk], data_directory: Path) -> None:
    """However often it is tried: paused, nothing counted, nothing sent."""
    desk = Desk(data_directory, Window={"From": "20:00", "To": "06:00", "TimeZone": "UTC"})
    desks.append(desk)
    batch_id = desk.batch("CT")
    for _ in range(10):
        delivery = desk.deliver(batch_id)
        assert (delivery.state, delivery.failures, delivery.last_error) == (DeliveryState.PAUSED, 0, None)
    assert desk.shelf.sent == []


def test_a_destination_that_is_not_enabled(desks: list[Desk], data_directory: Path) -> None:
    """Paused without an end."""
    desk = Desk(data_directory, Enabled=False)
    desks.append(desk)
    delivery = desk.deliver(desk.batch("CT"))
    assert (delivery.state, delivery.next_attempt_at) == (DeliveryState.PAUSED, None)


def test_only_what_a_destination_takes_is_sent(desks: list[Desk], data_directory: Path) -> None:
    """Modalities: the others stay out, and are not missed when it is read back."""
    desk = Desk(data_directory, Modalities=["MR", "CT"])
    desks.append(desk)
    batch_id = desk.batch("CT", "SR", "MR")
    assert desk.deliver(batch_id).sent == 2
    assert set(desk.shelf.held) == {"2.25.0", "2.25.2"}


def test_a_destination_that_takes_nothing_of_a_batch(desks: list[Desk], data_directory: Path) -> None:
    """VERIFIED with nothing sent, and an event that says so."""
    desk = Desk(data_directory, Modalities=["MR"])
    desks.append(desk)
    batch_id = desk.batch("CT", "CT")
    delivery = desk.deliver(batch_id)
    assert (delivery.state, delivery.sent) == (DeliveryState.VERIFIED, 0)
    assert desk.shelf.held == {}
    assert "shelf: nothing to deliver: it takes MR alone" in [text for _, text in desk.journal.batches.events(batch_id)]
    batch = desk.journal.batches.get(batch_id)
    assert batch is not None
    assert batch.state is BatchState.SENT


def test_a_slow_destination_reads_at_its_pace(desks: list[Desk], data_directory: Path) -> None:
    """BytesPerSecond is given to each staged instance that it is handed."""
    desk = Desk(data_directory, BytesPerSecond=1024)
    desks.append(desk)
    seen: list[bool] = []
    inner = desk.shelf.deliver

    def deliver(shipment: Shipment, progress: Progress) -> int:
        seen.extend(staged.pace is not None for staged in shipment.staged_instances)
        return inner(shipment, progress)

    desk.shelf.deliver = deliver  # type: ignore[method-assign]
    assert desk.deliver(desk.batch("CT", "CT")).state is DeliveryState.VERIFIED
    assert seen == [True, True]
