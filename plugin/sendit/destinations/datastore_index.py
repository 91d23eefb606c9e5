"""An index in Google's Datastore: entities by deterministic keys, so that nothing can be there twice.

Collection (project) → Entity (coded patient) → Study (coded UID) → Image (coded UID). Images are written first. Then
the Study is summed up from the Images that are there, and the Entity from its Studies, each in a transaction that has
read the old sum before it counts: whoever comes last counts everything, whatever was killed or ran beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from google.cloud.datastore import Entity, Key

from sendit.destination_settings import DatastoreIndex as Settings
from sendit.destination_settings import GoogleCredentials
from sendit.destinations.base import NOT_THERE
from sendit.destinations.datastore_index_client import Entities, message_of
from sendit.destinations.datastore_index_entities import (
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
from sendit.destinations.index import NOT_SENT, Index, Place
from sendit.destinations.index_header import read_header
from sendit.errors import Misconfigured
from sendit.model import Consignment, Discrepancy, Parcel, Receipt

#: Instances that are compared at a time.
_GROUP = 100


class DatastoreIndex(Index):
    """See `Index`."""

    def __init__(self, place: str, settings: Settings, credentials: GoogleCredentials) -> None:
        self.place = place
        self.entities = Entities(place, settings, credentials)

    def check(self) -> None:
        """Reads, and deletes what is not there: both permissions are tried, and nothing changes."""
        nothing = self.entities.key("SendItCheck", "check")
        list(self.entities.get([nothing]))
        self.entities.delete([nothing])

    def write(self, consignment: Consignment, places: Mapping[str, Place]) -> None:
        if not consignment.parcels:
            return
        study = next(self.entities.get([self._study(consignment)]), None)
        self._must_be_ours(study, places)
        parcels: Iterable[Parcel] = consignment.parcels
        if study is not None and consignment.batch_id in study["batches"]:
            parcels = self._lacking(consignment, places)
            self.entities.delete(self._strangers(consignment))
        self.entities.put(
            image_entity(
                self._image(consignment, parcel.receipt),
                read_header(parcel),
                parcel.receipt,
                places[parcel.receipt.sop_instance_uid],
                consignment,
            )
            for parcel in parcels
        )
        self._sum_up(consignment)

    def verify(self, consignment: Consignment, places: Mapping[str, Place]) -> list[Discrepancy]:
        if not consignment.parcels:
            return []
        found = [
            Discrepancy(parcel.receipt.sop_instance_uid, problem)
            for parcel, problem in self._problems(consignment, places)
        ]
        study = next(self.entities.get([self._study(consignment)]), None)
        if study is None or study.get("image_count", 0) < len(consignment.parcels) - len(found):
            first = consignment.parcels[0].receipt.sop_instance_uid
            found.append(Discrepancy(first, "its study is not summed up in the index"))
        return found + [Discrepancy(key.name, NOT_SENT) for key in self._strangers(consignment)]

    def remove(self, consignment: Consignment) -> None:
        if not consignment.parcels:
            return
        ours = [self._image(consignment, parcel.receipt) for parcel in consignment.parcels]
        self.entities.delete([*ours, *self._strangers(consignment)])
        self._sum_up(consignment)

    # --- keys ------------------------------------------------------------------------------------------------------

    def _collection(self, consignment: Consignment) -> Key:
        return self.entities.key("Collection", consignment.project)

    def _entity(self, consignment: Consignment) -> Key:
        receipt = consignment.parcels[0].receipt
        return self.entities.key("Collection", consignment.project, "Entity", receipt.patient_id)

    def _study(self, consignment: Consignment) -> Key:
        return self._below_entity(consignment, consignment.parcels[0].receipt)

    def _below_entity(self, consignment: Consignment, receipt: Receipt, *more: str) -> Key:
        path = ("Collection", consignment.project, "Entity", receipt.patient_id, "Study", receipt.study_instance_uid)
        return self.entities.key(*path, *more)

    def _image(self, consignment: Consignment, receipt: Receipt) -> Key:
        return self._below_entity(consignment, receipt, "Image", receipt.sop_instance_uid)

    # --- images ----------------------------------------------------------------------------------------------------

    def _must_be_ours(self, study: Entity | None, places: Mapping[str, Place]) -> None:
        """Two buckets in one index would overwrite each other's entries for ever."""
        ours = {place.bucket for place in places.values()}
        if study is not None and study.get("storage_bucket") not in ours:
            problem = "the index already holds this study as it lies in another bucket"
            raise Misconfigured(f"{self.place}.Namespace", problem, "Give each destination a Namespace of its own.")

    def _problems(self, consignment: Consignment, places: Mapping[str, Place]) -> Iterator[tuple[Parcel, str]]:
        """The instances whose entry is missing or wrong, and what is wrong with it."""
        for group in _groups(consignment.parcels):
            there = {
                entity.key.name: entity
                for entity in self.entities.get([self._image(consignment, parcel.receipt) for parcel in group])
            }
            for parcel in group:
                uid = parcel.receipt.sop_instance_uid
                problem = problem_of(there[uid], parcel.receipt, places[uid]) if uid in there else NOT_THERE
                if problem:
                    yield parcel, problem

    def _lacking(self, consignment: Consignment, places: Mapping[str, Place]) -> Iterator[Parcel]:
        return (parcel for parcel, _ in self._problems(consignment, places))

    def _strangers(self, consignment: Consignment) -> list[Key]:
        """Images of this batch that were damaged on their way, and are none of its instances.

        Images that are as they were sent belong to another destination, which takes other modalities into its bucket.
        """
        ours = {parcel.receipt.sop_instance_uid for parcel in consignment.parcels}
        others = [key for key in self.entities.keys_below(self._study(consignment), "Image") if key.name not in ours]
        mine = (one for one in self.entities.get(others) if one.get("batch") == consignment.batch_id)
        return [one.key for one in mine if damaged(one) or one.get("SOPInstanceUID", one.key.name) != one.key.name]

    # --- sums ------------------------------------------------------------------------------------------------------

    def _sum_up(self, consignment: Consignment) -> None:
        self.entities.change(lambda transaction: self._summed_study(consignment, transaction))
        self.entities.change(lambda transaction: self._summed_entity(consignment, transaction))

    def _summed_study(self, consignment: Consignment, transaction: bytes) -> list[dict[str, Any]]:
        key = self._study(consignment)
        before = next(self.entities.get([key], transaction), None)
        return _changes(key, before, study_summary(self.entities.below(key, "Image", OF_IMAGES)))

    def _summed_entity(self, consignment: Consignment, transaction: bytes) -> list[dict[str, Any]]:
        entity, collection = self._entity(consignment), self._collection(consignment)
        there = {found.key: found for found in self.entities.get([entity, collection], transaction)}
        before, now = there.get(entity), there.get(collection)
        after = entity_summary(self.entities.below(entity, "Study", OF_STUDIES))
        total = collection_summary(consignment.project, now or {}, before or {}, after or {})
        return [*_changes(entity, before, after), *_changes(collection, now, total)]


def _changes(key: Key, before: Entity | None, after: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The mutations that make it so; none if it is so already."""
    if after is None:
        return [] if before is None else [{"delete": key.to_protobuf()}]
    if before is not None and dict(before) == after:
        return []
    return [{"upsert": message_of(stored(key, after))}]


def _groups(parcels: Sequence[Parcel]) -> Iterator[Sequence[Parcel]]:
    for start in range(0, len(parcels), _GROUP):
        yield parcels[start : start + _GROUP]
