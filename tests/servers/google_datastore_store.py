"""The entities of the Datastore server, its transactions and its queries: one class, one lock.

With a folder, everything is written through to an SQLite file there, and read again at the next start.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
from google.cloud.datastore_v1.types import datastore, entity, query

from tests.servers.google_datastore_rules import (
    Path,
    Refusal,
    check_entity,
    check_key,
    indexed_values,
    invalid,
    is_incomplete,
    matches,
    path_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path as FilePath

METHODS = (
    "Lookup",
    "RunQuery",
    "RunAggregationQuery",
    "BeginTransaction",
    "Commit",
    "Rollback",
    "AllocateIds",
    "ReserveIds",
)
REQUESTS: dict[str, Any] = {name: getattr(datastore, f"{name}Request").pb() for name in METHODS}
RESPONSES: dict[str, Any] = {name: getattr(datastore, f"{name}Response").pb() for name in METHODS}
_EntityPb: Any = entity.Entity.pb()

_PAGE = 300  # entities in one answer to a query
_MOST_KEYS = 1000  # of a lookup
_MOST_MUTATIONS = 500  # of a commit
_LARGEST_REQUEST = 10 * 1024 * 1024  # bytes
_FULL, _PROJECTION, _KEYS_ONLY = 1, 2, 3  # EntityResult.ResultType
_NOT_FINISHED, _AFTER_LIMIT, _NO_MORE = 1, 2, 3  # QueryResultBatch.MoreResultsType


@dataclass
class _Transaction:
    read_only: bool
    reads: dict[Path, int] = field(default_factory=dict)  # key → the version that was read; 0: it was not there


class DatastoreStore:
    """Entities by key. Every method takes a request of google.datastore.v1 and returns its response, or raises."""

    def __init__(self, project: str | None = None, databases: Collection[str] = ("",), folder: FilePath | None = None):
        self._project = project  # None: any
        self._databases = set(databases)
        self._lock = threading.RLock()
        self._entities: dict[Path, tuple[Any, int]] = {}
        self._transactions: dict[bytes, _Transaction] = {}
        self._ids = itertools.count(5_000_000_000_000_001)
        self._version = 1
        self._file = _open(folder) if folder else None
        if self._file:
            self._load(self._file)

    def serve(self, method: str, request: Any) -> Any:
        serving: dict[str, Callable[[Any], Any]] = {
            "Lookup": self._lookup,
            "RunQuery": self._run_query,
            "RunAggregationQuery": self._aggregate,
            "BeginTransaction": self._begin,
            "Commit": self._commit,
            "Rollback": self._rollback,
            "AllocateIds": self._allocate,
            "ReserveIds": lambda _: RESPONSES["ReserveIds"](),
        }
        with self._lock:
            self._known(request.project_id, request.database_id)
            return serving[method](request)

    def _known(self, project: str, database: str) -> None:
        if (self._project and project != self._project) or database not in self._databases:
            name = database or "(default)"
            words = f"The database {name} does not exist for project {project}. Please visit the console to add one."
            raise Refusal(grpc.StatusCode.NOT_FOUND, words)

    # --- keys ------------------------------------------------------------------------------------------------------

    def _lookup(self, request: Any) -> Any:
        if len(request.keys) > _MOST_KEYS:
            raise invalid("cannot get more than 1000 keys in a single call")
        reading = self._transaction(request.read_options)
        response = RESPONSES["Lookup"]()
        for key in request.keys:
            check_key(key)
            found = self._entities.get(path_of(key))
            if reading:
                reading.reads[path_of(key)] = found[1] if found else 0
            result = (response.found if found else response.missing).add()
            if found:
                result.entity.CopyFrom(found[0])
            else:
                result.entity.key.CopyFrom(key)
            result.version = found[1] if found else 1
        return response

    def _allocate(self, request: Any) -> Any:
        response = RESPONSES["AllocateIds"]()
        for key in request.keys:
            complete = response.keys.add()
            complete.CopyFrom(key)
            complete.path[-1].id = next(self._ids)
        return response

    # --- transactions and commits ----------------------------------------------------------------------------------

    def _transaction(self, options: Any) -> _Transaction | None:
        if options.WhichOneof("consistency_type") != "transaction":
            return None
        found = self._transactions.get(options.transaction)
        if found is None:
            raise invalid("The referenced transaction has expired or is no longer valid.")
        return found

    def _begin(self, request: Any) -> Any:
        response = RESPONSES["BeginTransaction"]()
        response.transaction = os.urandom(12)
        mode = request.transaction_options.WhichOneof("mode")
        self._transactions[response.transaction] = _Transaction(read_only=mode == "read_only")
        return response

    def _rollback(self, request: Any) -> Any:
        self._transactions.pop(request.transaction, None)
        return RESPONSES["Rollback"]()

    def _commit(self, request: Any) -> Any:
        if len(request.mutations) > _MOST_MUTATIONS:
            raise invalid("cannot write more than 500 entities in a single call")
        if request.ByteSize() > _LARGEST_REQUEST:
            raise invalid("Request payload size exceeds the limit: 10485760 bytes.")
        if request.mode == datastore.CommitRequest.Mode.TRANSACTIONAL:
            self._end_transaction(request)
        else:
            self._each_once(request)
        planned = [self._planned(mutation) for mutation in request.mutations]  # all of them, or none
        self._version += 1
        response = RESPONSES["Commit"]()
        for path, stored, generated in planned:
            result = response.mutation_results.add(version=self._version)
            if generated:
                result.key.CopyFrom(stored.key)
            if stored is None:
                self._entities.pop(path, None)
            else:
                self._entities[path] = (stored, self._version)
        self._save([path for path, _, _ in planned])
        response.index_updates = len(planned)
        return response

    def _end_transaction(self, request: Any) -> None:
        ending = self._transactions.pop(request.transaction, None)
        if ending is None:
            raise invalid("The referenced transaction has expired or is no longer valid.")
        if ending.read_only and request.mutations:
            raise invalid("Cannot modify entities in a read-only transaction.")
        for path, version in ending.reads.items():
            now = self._entities.get(path)
            if (now[1] if now else 0) != version:
                words = "too much contention on these datastore entities. please try again."
                raise Refusal(grpc.StatusCode.ABORTED, words)

    def _each_once(self, request: Any) -> None:
        keys = [mutation.delete if _kind(mutation) == "delete" else _written(mutation).key
                for mutation in request.mutations]  # fmt: skip
        paths = [path_of(key) for key in keys if not is_incomplete(key)]
        if len(set(paths)) != len(paths):
            raise invalid("A non-transactional commit may not contain multiple mutations affecting the same entity.")

    def _planned(self, mutation: Any) -> tuple[Path, Any, bool]:
        """(key, the entity or None if it is deleted, whether its id is a new one)."""
        if _kind(mutation) == "delete":
            check_key(mutation.delete)
            return path_of(mutation.delete), None, False
        stored = _EntityPb()
        stored.CopyFrom(_written(mutation))
        generated = is_incomplete(stored.key)
        if generated:
            stored.key.path[-1].id = next(self._ids)
        check_entity(stored)
        path = path_of(stored.key)
        self._known(path[0], path[1])
        if _kind(mutation) == "insert" and path in self._entities:
            raise Refusal(grpc.StatusCode.ALREADY_EXISTS, "entity already exists")
        if _kind(mutation) == "update" and path not in self._entities:
            raise Refusal(grpc.StatusCode.NOT_FOUND, "no entity to update")
        return path, stored, generated

    # --- queries ---------------------------------------------------------------------------------------------------

    def _select(self, request: Any, asked: Any) -> list[Any]:
        reading = self._transaction(request.read_options)
        place = (request.project_id, request.database_id, request.partition_id.namespace_id)
        kinds = {kind.name for kind in asked.kind}
        found = []
        for path, (stored, version) in self._entities.items():
            if path[:3] != place or (kinds and path[-1][0] not in kinds) or not matches(stored, asked.filter):
                continue
            if all(indexed_values(stored, order.property.name) for order in asked.order):
                found.append(stored)
                if reading:
                    reading.reads[path] = version
        found.sort(key=lambda one: [(kind, isinstance(end, str), end) for kind, end in path_of(one.key)[3:]])
        for order in reversed(asked.order):
            down = order.direction == query.PropertyOrder.Direction.DESCENDING
            choose: Any = max if down else min
            name = order.property.name
            found.sort(key=lambda one, name=name, choose=choose: choose(indexed_values(one, name)), reverse=down)  # type: ignore[misc]
        return found

    def _run_query(self, request: Any) -> Any:
        if request.WhichOneof("query_type") != "query":
            raise Refusal(grpc.StatusCode.UNIMPLEMENTED, "this server does not read GQL")
        asked = request.query
        names = [one.property.name for one in asked.projection]
        rows = [row for row in self._select(request, asked) if all(indexed_values(row, name) for name in names)]
        start = (int(asked.start_cursor) if asked.start_cursor else 0) + asked.offset
        end = int(asked.end_cursor) if asked.end_cursor else len(rows)
        if asked.HasField("limit"):
            end = min(end, start + asked.limit.value)
        page = rows[start : min(end, start + _PAGE)]
        response = RESPONSES["RunQuery"]()
        batch = response.batch
        batch.skipped_results = min(asked.offset, len(rows))
        batch.entity_result_type = _KEYS_ONLY if names == ["__key__"] else _PROJECTION if names else _FULL
        for at, row in enumerate(page, start + 1):
            result = batch.entity_results.add(cursor=str(at).encode(), version=1)
            _copy(row, names, result.entity)
        stop = start + len(page)
        batch.end_cursor = str(stop).encode()
        batch.more_results = _NOT_FINISHED if stop < end else _AFTER_LIMIT if stop < len(rows) else _NO_MORE
        return response

    def _aggregate(self, request: Any) -> Any:
        asked = request.aggregation_query
        rows = self._select(request, asked.nested_query)
        response = RESPONSES["RunAggregationQuery"]()
        response.batch.more_results = _NO_MORE
        results = response.batch.aggregation_results.add().aggregate_properties
        for one in asked.aggregations:
            if one.WhichOneof("operator") != "count":
                raise Refusal(grpc.StatusCode.UNIMPLEMENTED, "this server counts, and nothing else")
            results[one.alias].integer_value = len(rows)
        return response

    # --- on the disk -----------------------------------------------------------------------------------------------

    def _load(self, file: sqlite3.Connection) -> None:
        for version, content in file.execute("SELECT version, entity FROM entities"):
            stored = _EntityPb.FromString(content)
            self._entities[path_of(stored.key)] = (stored, version)
            self._version = max(self._version, version)

    def _save(self, paths: Collection[Path]) -> None:
        if not self._file:
            return
        with self._file:
            for path in paths:
                self._file.execute("DELETE FROM entities WHERE path = ?", (repr(path),))
                if path in self._entities:
                    stored, version = self._entities[path]
                    row = (repr(path), version, stored.SerializeToString())
                    self._file.execute("INSERT INTO entities VALUES (?, ?, ?)", row)


def _open(folder: FilePath) -> sqlite3.Connection:
    folder.mkdir(parents=True, exist_ok=True)
    file = sqlite3.connect(folder / "datastore.sqlite", check_same_thread=False)
    file.execute("PRAGMA synchronous = OFF")  # outlives SIGKILL; power cuts are not what it is for
    file.execute("CREATE TABLE IF NOT EXISTS entities (path TEXT PRIMARY KEY, version INTEGER, entity BLOB)")
    return file


def _kind(mutation: Any) -> str:
    return str(mutation.WhichOneof("operation"))


def _written(mutation: Any) -> Any:
    return getattr(mutation, _kind(mutation))


def _copy(row: Any, names: list[str], to: Any) -> None:
    if not names:
        to.CopyFrom(row)
        return
    to.key.CopyFrom(row.key)
    for name in names:
        if name != "__key__":
            to.properties[name].CopyFrom(row.properties[name])
