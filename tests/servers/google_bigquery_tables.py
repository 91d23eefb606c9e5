"""The tables of the BigQuery server: SQLite inside, with what BigQuery does otherwise.

A row's insert id is remembered for a while, and a second one with the same id is dropped without a word. What was
inserted stays in a buffer for a while, and a DELETE that would touch it is refused.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_SQL_TYPES = {"STRING": "TEXT", "INTEGER": "INTEGER", "INT64": "INTEGER", "FLOAT": "REAL", "FLOAT64": "REAL"}
_NAME = re.compile(r"`([^`.]+)\.([^`.]+)\.([^`.]+)`")


class Refusal(Exception):
    """What the server answers in place of a result."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message


@dataclass
class Answer:
    """The result of a statement."""

    schema: list[dict[str, str]]
    rows: list[tuple[Any, ...]]
    affected: int | None = None  # rows, of a DELETE


@dataclass
class _Table:
    resource: dict[str, Any]
    ids: dict[str, float] = field(default_factory=dict)  # insert id → when it came


class BigQueryTables:
    """Data sets and tables of one project, with one lock.

    Args:
        folder: where they are kept; without one they are forgotten.
        buffer: so many seconds rows stay in the streaming buffer.
        window: so many seconds insert ids are remembered.
    """

    def __init__(self, project: str, folder: Path | None = None, buffer: float = 0.0, window: float = 60.0) -> None:
        self.project = project
        self.buffer = buffer
        self.window = window
        self._lock = threading.RLock()
        self._datasets: dict[str, dict[str, Any]] = {}
        self._tables: dict[tuple[str, str], _Table] = {}
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(folder / "bigquery.sqlite" if folder else ":memory:", check_same_thread=False)
        self._file.create_function("SHA256", 1, _sha256, deterministic=True)
        self._file.create_function("TO_HEX", 1, lambda data: data and data.hex(), deterministic=True)
        self._file.execute("PRAGMA synchronous = OFF")  # outlives SIGKILL; power cuts are not what it is for
        self._file.execute("CREATE TABLE IF NOT EXISTS _resources (kind TEXT, dataset TEXT, name TEXT, content TEXT)")
        for kind, dataset, name, content in self._file.execute("SELECT * FROM _resources"):
            if kind == "dataset":
                self._datasets[dataset] = json.loads(content)
            else:
                self._tables[dataset, name] = _Table(json.loads(content))

    # --- data sets and tables --------------------------------------------------------------------------------------

    def dataset(self, name: str) -> dict[str, Any]:
        with self._lock:
            if name not in self._datasets:
                raise Refusal(404, "notFound", f"Not found: Dataset {self.project}:{name}")
            return self._datasets[name]

    def make_dataset(self, resource: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            name = resource["datasetReference"]["datasetId"]
            if name in self._datasets:
                raise Refusal(409, "duplicate", f"Already Exists: Dataset {self.project}:{name}")
            self._datasets[name] = {"location": "US", **resource, "id": f"{self.project}:{name}"}
            self._keep("dataset", name, "", self._datasets[name])
            return self._datasets[name]

    def table(self, dataset: str, name: str) -> dict[str, Any]:
        with self._lock:
            found = self._table(dataset, name).resource
            oldest = self._file.execute(f'SELECT MIN(_at) FROM "{dataset}.{name}" WHERE _at > ?', self._since())
            at = oldest.fetchone()[0]
            buffer = {"streamingBuffer": {"estimatedRows": "1", "oldestEntryTime": str(int(at * 1000))}} if at else {}
            return {**found, **buffer}

    def make_table(self, dataset: str, resource: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            self.dataset(dataset)
            name = resource["tableReference"]["tableId"]
            if (dataset, name) in self._tables:
                raise Refusal(409, "duplicate", f"Already Exists: Table {self.project}:{dataset}.{name}")
            made = {"type": "TABLE", "etag": "1", **resource, "id": f"{self.project}:{dataset}.{name}"}
            self._tables[dataset, name] = _Table(made)
            columns = "".join(f', "{f["name"]}" {_SQL_TYPES[f["type"]]}' for f in resource["schema"]["fields"])
            self._file.execute(f'CREATE TABLE "{dataset}.{name}" (_at REAL{columns})')
            self._keep("table", dataset, name, made)
            return made

    def change_table(self, dataset: str, name: str, patch: dict[str, Any]) -> dict[str, Any]:
        """Columns can be added, and nothing else."""
        with self._lock:
            resource = self._table(dataset, name).resource
            have = [f["name"] for f in resource["schema"]["fields"]]
            wanted = patch.get("schema", resource["schema"])["fields"]
            if [f["name"] for f in wanted][: len(have)] != have:
                words = f"Provided Schema does not match Table {self.project}:{dataset}.{name}."
                raise Refusal(400, "invalid", words)
            for one in wanted[len(have) :]:
                self._file.execute(
                    f'ALTER TABLE "{dataset}.{name}" ADD COLUMN "{one["name"]}" {_SQL_TYPES[one["type"]]}'
                )
            resource |= {**patch, "etag": str(int(resource["etag"]) + 1)}
            self._keep("table", dataset, name, resource)
            return resource

    def _table(self, dataset: str, name: str) -> _Table:
        self.dataset(dataset)
        if (dataset, name) not in self._tables:
            raise Refusal(404, "notFound", f"Not found: Table {self.project}:{dataset}.{name}")
        return self._tables[dataset, name]

    # --- rows ------------------------------------------------------------------------------------------------------

    def insert(self, dataset: str, name: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """tabledata.insertAll: all rows, or none and the errors of those that are wrong."""
        with self._lock:
            table = self._table(dataset, name)
            fields = {f["name"]: f for f in table.resource["schema"]["fields"]}
            errors = [
                {"index": number, "errors": problems}
                for number, row in enumerate(rows)
                if (problems := _problems(fields, row["json"]))
            ]
            if errors:
                wrong = {error["index"] for error in errors}
                stopped = [{"reason": "stopped", "location": "", "debugInfo": "", "message": ""}]
                return errors + [{"index": n, "errors": stopped} for n in range(len(rows)) if n not in wrong]
            try:
                table.ids |= self._inserted(f"{dataset}.{name}", rows, table.ids)
            except sqlite3.OperationalError as error:  # the disk is full
                self._file.rollback()
                raise Refusal(503, "backendError", f"Error encountered during execution: {error}") from None
            return []

    def _inserted(self, table: str, rows: Sequence[Mapping[str, Any]], ids: Mapping[str, float]) -> dict[str, float]:
        """The insert ids of the rows that are new."""
        now = time.time()
        new: dict[str, float] = {}
        for row in rows:
            known = row.get("insertId")
            if known and now - new.get(known, ids.get(known, 0)) < self.window:
                continue
            if known:
                new[known] = now
            columns = "".join(f', "{column}"' for column in row["json"])
            marks = ", ?" * len(row["json"])
            self._file.execute(f'INSERT INTO "{table}" (_at{columns}) VALUES (?{marks})', (now, *row["json"].values()))
        self._file.commit()
        return new

    def rows(self, dataset: str, name: str) -> Answer:
        """tabledata.list: all of it."""
        fields = self._table(dataset, name).resource["schema"]["fields"]
        columns = ", ".join(f'"{f["name"]}"' for f in fields)
        with self._lock:
            return Answer(fields, self._file.execute(f'SELECT {columns} FROM "{dataset}.{name}"').fetchall())

    def query(self, text: str, parameters: Mapping[str, Any]) -> Answer:
        """One SELECT or DELETE on one table, with named parameters."""
        named = _NAME.search(text)
        if named is None:
            raise Refusal(400, "invalidQuery", "Syntax error: a table has to be named as `project.dataset.table`")
        if named[1] != self.project:
            raise Refusal(404, "notFound", f"Not found: Project {named[1]}")
        with self._lock:
            fields = self._table(named[2], named[3]).resource["schema"]["fields"]
            try:
                return self._run(_as_sqlite(text), parameters, f"{named[2]}.{named[3]}", fields)
            except sqlite3.Error as error:
                raise Refusal(400, "invalidQuery", f"Syntax error: {error}") from None

    def _run(self, text: str, parameters: Mapping[str, Any], table: str, fields: list[dict[str, str]]) -> Answer:
        if text.startswith("DELETE"):
            fresh = text.replace("DELETE", "SELECT COUNT(*)", 1) + " AND _at > :_since"
            if self._file.execute(fresh, {**parameters, "_since": self._since()[0]}).fetchone()[0]:
                words = (
                    f"UPDATE or DELETE statement over table {self.project}.{table} would affect rows in the streaming "
                    "buffer, which is not supported"
                )
                raise Refusal(400, "invalidQuery", words)
            deleted = self._file.execute(text, parameters).rowcount
            self._file.commit()
            dataset, _, name = table.partition(".")
            self._table(dataset, name).ids.clear()  # what can be deleted came long before any id that is remembered
            return Answer([], [], deleted)
        result = self._file.execute(text, parameters)
        kinds = {f["name"]: f["type"] for f in fields}
        names = [one[0] for one in result.description]
        shown = [at for at, name in enumerate(names) if name != "_at"]
        rows = [tuple(row[at] for at in shown) for row in result]
        made = dict.fromkeys(names, "STRING" if "TO_HEX" in text else "INTEGER")  # what is no column
        schema = [{"name": names[at], "type": kinds.get(names[at], made[names[at]])} for at in shown]
        return Answer(schema, rows)

    def flush(self) -> None:
        """The streaming buffer of every table is written out, and insert ids are forgotten."""
        with self._lock:
            for (dataset, name), table in self._tables.items():
                table.ids.clear()
                self._file.execute(f'UPDATE "{dataset}.{name}" SET _at = 0')
            self._file.commit()

    def _since(self) -> tuple[float]:
        return (time.time() - self.buffer,)

    def _keep(self, kind: str, dataset: str, name: str, resource: dict[str, Any]) -> None:
        self._file.execute("DELETE FROM _resources WHERE (kind, dataset, name) = (?, ?, ?)", (kind, dataset, name))
        self._file.execute("INSERT INTO _resources VALUES (?, ?, ?, ?)", (kind, dataset, name, json.dumps(resource)))
        self._file.commit()


def _sha256(text: str | None) -> bytes | None:
    return None if text is None else hashlib.sha256(text.encode()).digest()


def _as_sqlite(text: str) -> str:
    text = _NAME.sub(r'"\2.\3"', text)
    text = re.sub(r"IN UNNEST\(@(\w+)\)", r"IN (SELECT value FROM json_each(:\1))", text)
    return re.sub(r"@(\w+)", r":\1", text).strip()


def _problems(fields: Mapping[str, Mapping[str, str]], row: Mapping[str, Any]) -> list[dict[str, str]]:
    found = []
    for name, value in row.items():
        problem = None
        if name not in fields:
            problem = f"no such field: {name}."
        elif value is None:
            continue
        elif fields[name]["type"] in ("INTEGER", "INT64") and not re.fullmatch(r"-?\d+", str(value)):
            problem = f"Cannot convert value to integer (bad value): {value}"
        elif isinstance(value, list | dict):
            problem = "This field is not a record."
        if problem:
            found.append({"reason": "invalid", "location": name, "debugInfo": "", "message": problem})
    for name, one in fields.items():
        if one.get("mode") == "REQUIRED" and row.get(name) is None:
            message = f"Missing required field: {name}."
            found.append({"reason": "invalid", "location": name, "debugInfo": "", "message": message})
    return found
