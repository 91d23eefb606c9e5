"""An index in Google's Datastore: entities by deterministic keys, so that nothing can be there twice.

Collection (project) → Entity (coded patient) → Study (coded UID) → Image (coded UID). Images are written first. Then
the Study is summed up from the Images that are there, and the Entity from its Studies, each in a transaction that has
read the old sum before it counts: whoever comes last counts everything, whatever was killed or ran beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sendit.destinations.base import NOT_THERE
from sendit.destinations.indexes.base import NOT_SENT, Index, Place
from sendit.destinations.indexes.datastore.client import Entities, message_of
from sendit.destinations.indexes.datastore.entities import (
    OF_IMAGES,
    OF_STUDIES,
    collection_summary,
    damaged,
    entity_summary,
    image_entity,
    problem_of,
    stored,
    study_summary,
)
from sendit.destinations.indexes.header import read_header
from sendit.errors import Misconfigured
from sendit.model import Discrepancy, Receipt, Shipment, StagedInstance

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from google.cloud.datastore import Entity, Key

    from sendit.destinations.google.settings import GoogleCredentials
    from sendit.destinations.indexes.datastore.settings import DatastoreIndexSettings

#: Instances that are compared at a time.
_GROUP = 100


class DatastoreIndex(Index):
    """See `Index`."""

    def __init__(self, place: str, settings: DatastoreIndexSettings, credentials: GoogleCredentials) -> None:
        self.place = place
        self.entities = Entities(place, settings, credentials)

    def check(self) -> None:
        """Read, and delete an entity that does not exist: tests both permissions and changes nothing."""
        nothing = self.entities.key("SendItCheck", "check")
        list(self.entities.get([nothing]))
        self.entities.delete([nothing])

    def write(self, shipment: Shipment, places: Mapping[str, Place]) -> None:
        """See `Index`."""
        if not shipment.staged_instances:
            return
        study = next(self.entities.get([self._study(shipment)]), None)
        self._must_be_ours(study, places)
        staged_instances: Iterable[StagedInstance] = shipment.staged_instances
        if study is not None and shipment.batch_id in study["batches"]:
            staged_instances = self._lacking(shipment, places)
            self.entities.delete(self._strangers(shipment))
        self.entities.put(
            image_entity(
                self._image(shipment, staged.receipt),
                read_header(staged),
                staged.receipt,
                places[staged.receipt.sop_instance_uid],
                shipment,
            )
            for staged in staged_instances
        )
        self._sum_up(shipment)

    def verify(self, shipment: Shipment, places: Mapping[str, Place]) -> list[Discrepancy]:
        """See `Index`."""
        if not shipment.staged_instances:
            return []
        discrepancies = [
            Discrepancy(staged.receipt.sop_instance_uid, problem)
            for staged, problem in self._problems(shipment, places)
        ]
        study = next(self.entities.get([self._study(shipment)]), None)
        if study is None or study.get("image_count", 0) < len(shipment.staged_instances) - len(discrepancies):
            first = shipment.staged_instances[0].receipt.sop_instance_uid
            discrepancies.append(Discrepancy(first, "its study has no summary in the index"))
        return discrepancies + [Discrepancy(key.name, NOT_SENT) for key in self._strangers(shipment)]

    def remove(self, shipment: Shipment) -> None:
        """See `Index`."""
        if not shipment.staged_instances:
            return
        ours = [self._image(shipment, staged.receipt) for staged in shipment.staged_instances]
        self.entities.delete([*ours, *self._strangers(shipment)])
        self._sum_up(shipment)

    # --- keys ------------------------------------------------------------------------------------------------------

    def _collection(self, shipment: Shipment) -> Key:
        return self.entities.key("Collection", shipment.project)

    def _entity(self, shipment: Shipment) -> Key:
        receipt = shipment.staged_instances[0].receipt
        return self.entities.key("Collection", shipment.project, "Entity", receipt.patient_id)

    def _study(self, shipment: Shipment) -> Key:
        return self._below_entity(shipment, shipment.staged_instances[0].receipt)

    def _below_entity(self, shipment: Shipment, receipt: Receipt, *more: str) -> Key:
        path = ("Collection", shipment.project, "Entity", receipt.patient_id, "Study", receipt.study_instance_uid)
        return self.entities.key(*path, *more)

    def _image(self, shipment: Shipment, receipt: Receipt) -> Key:
        return self._below_entity(shipment, receipt, "Image", receipt.sop_instance_uid)

    # --- images ----------------------------------------------------------------------------------------------------

    def _must_be_ours(self, study: Entity | None, places: Mapping[str, Place]) -> None:
        """Refuse an index of another bucket: they would keep overwriting each other's entries."""
        ours = {place.bucket for place in places.values()}
        if study is not None and study.get("storage_bucket") not in ours:
            problem = "the index already has this study in another bucket"
            raise Misconfigured(f"{self.place}.Namespace", problem, "Give each destination a Namespace of its own.")

    def _problems(self, shipment: Shipment, places: Mapping[str, Place]) -> Iterator[tuple[StagedInstance, str]]:
        """Yield the instances whose entry is missing or wrong, and what is wrong with it."""
        for group in _groups(shipment.staged_instances):
            there = {
                entity.key.name: entity
                for entity in self.entities.get([self._image(shipment, staged.receipt) for staged in group])
            }
            for staged in group:
                uid = staged.receipt.sop_instance_uid
                problem = problem_of(there[uid], staged.receipt, places[uid]) if uid in there else NOT_THERE
                if problem:
                    yield staged, problem

    def _lacking(self, shipment: Shipment, places: Mapping[str, Place]) -> Iterator[StagedInstance]:
        return (staged for staged, _ in self._problems(shipment, places))

    def _strangers(self, shipment: Shipment) -> list[Key]:
        """Return images of this batch that are none of its instances: damaged on their way.

        Images that are as they were sent belong to another destination, which takes other modalities into its bucket.
        """
        ours = {staged.receipt.sop_instance_uid for staged in shipment.staged_instances}
        others = [key for key in self.entities.keys_below(self._study(shipment), "Image") if key.name not in ours]
        mine = (one for one in self.entities.get(others) if one.get("batch") == shipment.batch_id)
        return [one.key for one in mine if damaged(one) or one.get("SOPInstanceUID", one.key.name) != one.key.name]

    # --- sums ------------------------------------------------------------------------------------------------------

    def _sum_up(self, shipment: Shipment) -> None:
        self.entities.change(lambda transaction: self._summed_study(shipment, transaction))
        self.entities.change(lambda transaction: self._summed_entity(shipment, transaction))

    def _summed_study(self, shipment: Shipment, transaction: bytes) -> list[dict[str, Any]]:
        key = self._study(shipment)
        before = next(self.entities.get([key], transaction), None)
        return _changes(key, before, study_summary(self.entities.below(key, "Image", OF_IMAGES)))

    def _summed_entity(self, shipment: Shipment, transaction: bytes) -> list[dict[str, Any]]:
        entity, collection = self._entity(shipment), self._collection(shipment)
        there = {stored.key: stored for stored in self.entities.get([entity, collection], transaction)}
        before, now = there.get(entity), there.get(collection)
        after = entity_summary(self.entities.below(entity, "Study", OF_STUDIES))
        total = collection_summary(shipment.project, now or {}, before or {}, after or {})
        return [*_changes(entity, before, after), *_changes(collection, now, total)]


def _changes(key: Key, before: Entity | None, after: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return the mutations that make it so; none if it is so already."""
    if after is None:
        return [] if before is None else [{"delete": key.to_protobuf()}]
    if before is not None and dict(before) == after:
        return []
    return [{"upsert": message_of(stored(key, after))}]


def _groups(staged_instances: Sequence[StagedInstance]) -> Iterator[Sequence[StagedInstance]]:
    for start in range(0, len(staged_instances), _GROUP):
        yield staged_instances[start : start + _GROUP]
