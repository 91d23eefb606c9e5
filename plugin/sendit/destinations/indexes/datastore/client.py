"""Datastore as the index uses it: Google's own messages, with a time limit and tries for every call.

The client's higher layer has no tries for commits, opens channels that take 4 MiB at most, and looks at
DATASTORE_EMULATOR_HOST; so its lower layer is used, and its helpers.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
from google.api_core.exceptions import (
    Aborted,
    DeadlineExceeded,
    FailedPrecondition,
    GoogleAPICallError,
    InternalServerError,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    RetryError,
    ServiceUnavailable,
    Unknown,
)
from google.api_core.retry import Retry as Tries
from google.api_core.retry import if_exception_type
from google.auth.transport.grpc import secure_authorized_channel
from google.auth.transport.requests import Request
from google.cloud.datastore import Entity, Key, helpers
from google.cloud.datastore_v1.services.datastore import DatastoreClient
from google.cloud.datastore_v1.services.datastore.transports import DatastoreGrpcTransport
from google.cloud.datastore_v1.types import CommitRequest, PropertyFilter, QueryResultBatch

from sendit.destinations.google.credentials import credentials
from sendit.destinations.google.errors import GOOGLE_ERRORS, translate, words
from sendit.destinations.indexes.base import Patience
from sendit.errors import Misconfigured, Retry, SendItError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sendit.destinations.google.settings import GoogleCredentials
    from sendit.destinations.indexes.datastore.settings import DatastoreIndexSettings

T = TypeVar("T")

PATIENCE = Patience(call=20.0, whole=60.0)
_GOOGLE = "datastore.googleapis.com:443"
_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 60_000),
]
#: A commit takes up to 500 entities and 10 MiB; Google's own advice is to stay well below.
MOST_ENTITIES = 500
MOST_BYTES = 3_500_000
#: Entities of one lookup; their answer is held in memory.
_KEYS_AT_ONCE = 100

_HEALING = (Aborted, DeadlineExceeded, InternalServerError, ResourceExhausted, ServiceUnavailable, Unknown)


class Entities:
    """The entities of one database and namespace. Thread-safe; connected at the first call, after any fork."""

    def __init__(self, place: str, settings: DatastoreIndexSettings, accounts: GoogleCredentials) -> None:
        self.place = place
        self.patience = PATIENCE
        self._settings = settings
        self._accounts = accounts
        self._lock = threading.Lock()
        self._connected: DatastoreClient | None = None

    def key(self, *path: str) -> Key:
        """Return a key in the database and namespace of the settings."""
        s = self._settings
        return Key(*path, project=s.google_project, namespace=s.namespace or None, database=s.database or None)

    def get(self, keys: Sequence[Key], transaction: bytes | None = None) -> Iterator[Entity]:
        """Yield those that are there, in any order, a group at a time.

        In a transaction Google's errors come out as they are: `change` begins anew.
        """
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            protobufs = [key.to_protobuf() for key in keys[start : start + _KEYS_AT_ONCE]]
            while protobufs:  # the server may defer some of them
                request = {**self._whole, "keys": protobufs}
                if transaction:
                    request["read_options"] = {"transaction": transaction}
                    answer = self._client.lookup(request=request, retry=None, timeout=self.patience.call)
                else:
                    answer = self._call("asked for entities", "lookup", request)
                yield from (helpers.entity_from_protobuf(result.entity._pb) for result in answer.found)
                protobufs = list(answer.deferred)

    def below(self, ancestor: Key, kind: str, names: Sequence[str]) -> Iterator[Entity]:
        """Yield all entities of a kind under this one, a page at a time, with these properties of theirs alone.

        Datastore would leave the others out only with an index of its own for that; but a transaction waits for this,
        and making values of all that a header holds takes ten times as long.
        """
        for message in self._below(ancestor, {"kind": [{"name": kind}]}):
            yield _with(names, message)

    def keys_below(self, ancestor: Key, kind: str) -> Iterator[Key]:
        """Yield the keys of all entities of a kind under this one, a page at a time."""
        asked = {"kind": [{"name": kind}], "projection": [{"property": {"name": "__key__"}}]}
        for message in self._below(ancestor, asked):
            yield helpers.key_from_protobuf(message.key)

    def _below(self, ancestor: Key, asked: dict[str, Any]) -> Iterator[Any]:
        is_below = {
            "property": {"name": "__key__"},
            "op": PropertyFilter.Operator.HAS_ANCESTOR,
            "value": {"key_value": ancestor.to_protobuf()},
        }
        asked = {**asked, "filter": {"property_filter": is_below}}
        request = {
            **self._whole,
            "partition_id": {**self._whole, "namespace_id": self._settings.namespace},
            "query": asked,
        }
        while True:
            batch = self._call("asked for entities", "run_query", request).batch
            yield from (result.entity._pb for result in batch.entity_results)
            if batch.more_results != QueryResultBatch.MoreResultsType.NOT_FINISHED:
                return
            asked["start_cursor"] = batch.end_cursor

    def put(self, entities: Iterable[Any]) -> None:
        """Store these messages (`message_of`), in as many commits as it needs; each is there at the end, once."""
        group: list[dict[str, Any]] = []
        size = 0
        for entity in entities:
            weight = entity._pb.ByteSize()
            if group and (len(group) >= MOST_ENTITIES or size + weight > MOST_BYTES):
                self._commit(group)
                group, size = [], 0
            group.append({"upsert": entity})
            size += weight
        if group:
            self._commit(group)

    def delete(self, keys: Sequence[Key]) -> None:
        """Remove those that are there."""
        for start in range(0, len(keys), MOST_ENTITIES):
            self._commit([{"delete": key.to_protobuf()} for key in keys[start : start + MOST_ENTITIES]])

    def change(self, work: Callable[[bytes], list[dict[str, Any]]]) -> None:
        """Run `work` with a transaction and commit the mutations that it returns; again if another was faster."""

        def once() -> None:
            begun = self._client.begin_transaction(request=self._whole, retry=None, timeout=self.patience.call)
            committed = False
            try:
                mutations = work(begun.transaction)
                if mutations:
                    request = {**self._whole, "mode": CommitRequest.Mode.TRANSACTIONAL, "mutations": mutations}
                    request["transaction"] = begun.transaction
                    self._client.commit(request=request, retry=None, timeout=self.patience.call)
                    committed = True
            finally:
                if not committed:
                    self._roll_back(begun.transaction)

        self._tried("counted what is there", self._tries()(once))

    def _roll_back(self, transaction: bytes) -> None:
        try:
            request = {**self._whole, "transaction": transaction}
            self._client.rollback(request=request, retry=None, timeout=self.patience.call)
        except GoogleAPICallError:
            return  # it ends by itself, after a minute; what matters was raised already

    def _commit(self, mutations: list[dict[str, Any]]) -> None:
        request = {**self._whole, "mode": CommitRequest.Mode.NON_TRANSACTIONAL, "mutations": mutations}
        self._call("entities were written", "commit", request)

    @property
    def _whole(self) -> dict[str, Any]:
        return {"project_id": self._settings.google_project, "database_id": self._settings.database}

    def _call(self, what: str, method: str, request: dict[str, Any]) -> Any:
        call = lambda: getattr(self._client, method)(request=request, retry=None, timeout=self.patience.call)  # noqa: E731
        return self._tried(what, self._tries()(call))

    def _tries(self) -> Tries:
        return Tries(if_exception_type(*_HEALING), initial=0.2, maximum=5.0, timeout=self.patience.whole)

    def _tried(self, what: str, work: Callable[[], T]) -> T:
        try:
            return work()
        except GOOGLE_ERRORS as error:
            raise datastore_error(error, self.place, what) from None

    @property
    def _client(self) -> DatastoreClient:
        with self._lock:
            if self._connected is None:
                self._connected = self._connect()
            return self._connected

    def _connect(self) -> DatastoreClient:
        if self._settings.endpoint:
            channel = grpc.insecure_channel(self._settings.endpoint, options=_OPTIONS)
        else:
            ours, _ = credentials(self._accounts, f"{self.place}.Credentials")
            channel = secure_authorized_channel(ours, Request(), _GOOGLE, options=_OPTIONS)  # type: ignore[no-untyped-call]
        return DatastoreClient(transport=DatastoreGrpcTransport(channel=channel))


def _with(names: Sequence[str], message: Any) -> Entity:
    some = type(message)()
    some.key.CopyFrom(message.key)
    for name in names:
        if name in message.properties:
            some.properties[name].CopyFrom(message.properties[name])
    return helpers.entity_from_protobuf(some)


def message_of(entity: Entity) -> Any:
    """Return the entity as Google's message."""
    return helpers.entity_to_protobuf(entity)


def datastore_error(error: Exception, place: str, what: str) -> SendItError:
    """Return the error of ours for one of `GOOGLE_ERRORS`.

    Args:
        error: the error as it was raised.
        place: the index as it stands in orthanc.json.
        what: what was asked for, in words that follow "when".
    """
    if isinstance(error, RetryError) and isinstance(error.cause, GoogleAPICallError):
        error = error.cause
    if isinstance(error, GoogleAPICallError):
        message = words(error)
        if isinstance(error, InvalidArgument) and ("expired" in message or "transaction" in message.lower()):
            return Retry(f"a Datastore transaction took too long, or was damaged in transit, when {what}")
        if isinstance(error, NotFound):
            remedy = (
                "Create a database in Datastore mode there (gcloud firestore databases create --type=datastore-mode), "
                "or check GoogleProject and Database."
            )
            return Misconfigured(place, f"there is no such project or database ({message})", remedy)
        if "native mode" in message.lower():
            remedy = "Name a database in Datastore mode: one in native mode cannot be used through Datastore."
            return Misconfigured(f"{place}.Database", "the database is in Firestore's native mode", remedy)
        if isinstance(error, PermissionDenied):
            return _denied(message, place, what)
        if isinstance(error, FailedPrecondition):
            remedy = "Check the state of the database in the Google Cloud console."
            return Misconfigured(place, f"Datastore refuses when {what} ({message})", remedy)
    return translate(error, place, what)


def _denied(message: str, place: str, what: str) -> SendItError:
    lower = message.lower()
    if "has not been used" in lower or "is disabled" in lower or "service_disabled" in lower:
        remedy = "Enable it: gcloud services enable datastore.googleapis.com --project=<GoogleProject>."
        return Misconfigured(f"{place}.GoogleProject", f"the Datastore API is not enabled there ({message})", remedy)
    remedy = "Give the service account the role Cloud Datastore User (roles/datastore.user) in this project."
    return Misconfigured(place, f"Datastore denied access when {what} ({message})", remedy)
