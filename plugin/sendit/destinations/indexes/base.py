"""The contract of an index: what makes the objects of a destination findable. `INDEXES` is the registry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from sendit.config.types import Section
from sendit.destinations.google.settings import GoogleCredentials
from sendit.errors import Misconfigured

if TYPE_CHECKING:
    from sendit.model import Discrepancy, Shipment


@dataclass(frozen=True, slots=True)
class Place:
    """Where an instance lies: in an object of its own, or as a member of an archive that holds its study."""

    bucket: str
    name: str  # of the object
    generation: int
    size: int  # bytes of the object
    crc32c: str  # of the object, as Google writes it: base64 of the four bytes, the highest first
    md5: str | None = None  # of the object, base64
    member: str | None = None  # the path in the archive; None: the object is the instance

    @property
    def url(self) -> str:
        """gs://bucket/name, the same for all members of an archive."""
        return f"gs://{self.bucket}/{self.name}"

    def columns(self) -> dict[str, Any]:
        """Return the place as columns of an index."""
        return {
            "storage_bucket": self.bucket,
            "storage_object": self.name,
            "storage_member": self.member,
            "storage_generation": self.generation,
            "storage_size": self.size,
            "storage_crc32c": self.crc32c,
            "storage_md5": self.md5,
        }


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client waits (seconds) before the pipeline hears of it."""

    call: float  # for one answer
    whole: float  # for all tries of one call


#: A `Discrepancy` of `verify` for an entry of the batch that is of none of its instances.
NOT_SENT = "the index has an entry of this batch under a UID that does not belong to it"


class IndexSettings(Section):
    """Settings of every kind of index."""

    type: Any
    """Selects the kind of index."""
    credentials: GoogleCredentials | None = None
    """Google credentials. Default: those of the bucket."""

    def code_fault(self, code: str) -> str:
        """Return the rule by which the index cannot hold this pseudonym; "" if it can."""
        return ""


class Index(ABC):
    """Entries about the instances of a destination, in a database of their own.

    An index never points at nothing: it is written after the objects were verified, and emptied before they are
    removed. All methods may be called from any thread, and again after a kill at any instant. They raise as those of
    `Destination` do: `Retry` for what may pass by itself, `Misconfigured` for what a person has to change.
    """

    #: Where it stands in orthanc.json, for example `SendIt.Destinations.bucket.Index[0]`.
    place: str

    @abstractmethod
    def check(self) -> None:
        """Check that the database is reachable and lets us in; raise an error with the remedy otherwise."""

    @abstractmethod
    def write(self, shipment: Shipment, places: Mapping[str, Place]) -> None:
        """Enter every instance of the shipment. Idempotent: what is there already is not entered twice.

        The headers are read from the staged files, through `open_staged`.

        Args:
            shipment: the instances that were delivered.
            places: coded SOPInstanceUID → where it lies; every staged instance of the shipment is in it.
        """

    @abstractmethod
    def verify(self, shipment: Shipment, places: Mapping[str, Place]) -> list[Discrepancy]:
        """Read back what was entered and compare it; nothing in the list means that all is there, once.

        The staged files may be gone: then the receipts and `places` are all there is to compare with.
        """

    @abstractmethod
    def remove(self, shipment: Shipment) -> None:
        """Remove what was entered of this shipment, and nothing else. Idempotent; only receipts are read."""


#: The value of "Type" → where the class is. A module is imported when an index of its type is configured.
INDEXES: Mapping[str, str] = {
    "BigQuery": "sendit.destinations.indexes.bigquery.index:BigQueryIndex",
    "Datastore": "sendit.destinations.indexes.datastore.index:DatastoreIndex",
}

_Maker: TypeAlias = Callable[[str, IndexSettings, GoogleCredentials], Index]


def open_index(place: str, settings: IndexSettings, credentials: GoogleCredentials) -> Index:
    """Return the index that these settings describe. Nothing is connected yet.

    Args:
        place: where the settings stand in orthanc.json.
        settings: settings of the index.
        credentials: those of the destination; the index may have its own.

    Raises:
        Misconfigured: this version has no such index.
    """
    entry = INDEXES.get(settings.type)
    if entry is None:
        remedy = f"Known: {', '.join(sorted(INDEXES)) or 'none'}."
        raise Misconfigured(f"{place}.Type", f"this version has no index '{settings.type}'", remedy)
    module, _, maker = entry.partition(":")
    return cast("_Maker", getattr(import_module(module), maker))(place, settings, settings.credentials or credentials)
