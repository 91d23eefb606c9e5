"""A server that speaks BigQuery's REST, as a process of its own, for Google's unmodified client.

    python -m tests.servers.google_bigquery --port 9050 --project sendit-demo --folder var/bigquery

It knows data sets, tables, insertAll, tabledata.list and queries: the statements that SendIt uses, and what SQLite
makes of others. POST /flush empties the streaming buffer. Faults are injected by fault_proxy.py in front of it.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import re
import subprocess
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.servers.google_bigquery_tables import Answer, BigQueryTables, Refusal
from tests.servers.ports import free_port
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

_ROOT = Path(__file__).parents[2]
_BASE = "/bigquery/v2/projects/"
_PAGE = 1000  # rows in one answer
_RESULTS = "_results"  # the data set of temporary tables
_LARGEST = 10 * 1024 * 1024  # bytes of a request


class BigQueryServer:
    """The process, from its start until it is closed."""

    def __init__(self, folder: Path | None = None, project: str = "sendit-demo", buffer: float = 0) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", "tests.servers.google_bigquery", "--port", str(self.port)]
        command += ["--project", project, "--buffer", str(buffer)]
        command += ["--folder", str(folder)] if folder else []
        self.process = subprocess.Popen(command, cwd=_ROOT)
        wait_for(self._answers, "the BigQuery server")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def flush(self) -> None:
        """As if 90 minutes had passed."""
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/flush", method="POST")).close()

    def _answers(self) -> bool:
        assert self.process.poll() is None, f"the server ended with {self.process.returncode}"
        try:
            urllib.request.urlopen(f"{self.url}/").close()
        except OSError:
            return False
        return True

    def close(self) -> None:
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> BigQueryServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, tables: BigQueryTables) -> None:
        self.tables = tables
        self.jobs: dict[str, Answer] = {}  # results of which more pages can be asked for
        self.numbers = itertools.count(1)
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PATCH = do_PUT = do_GET

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        try:
            answer = self._answer(_json(body) if body else {}, len(body))
            status = 200
        except Refusal as refusal:
            status = refusal.status
            told = {"message": refusal.message, "domain": "global", "reason": refusal.reason}
            answer = {"error": {"code": status, "message": refusal.message, "errors": [told]}}
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _answer(self, body: dict[str, Any], size: int) -> dict[str, Any]:
        parts = urlsplit(self.path)
        if parts.path in ("/", "/flush"):
            if parts.path == "/flush":
                self.server.tables.flush()
            return {}
        if size > _LARGEST:
            raise Refusal(413, "uploadTooLarge", "Request payload size exceeds the limit: 10485760 bytes.")
        project, _, rest = parts.path.removeprefix(_BASE).partition("/")
        if not parts.path.startswith(_BASE) or project != self.server.tables.project:
            raise Refusal(404, "notFound", f"Not found: Project {project}")
        self.asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        for method, pattern, serve in _ROUTES:
            if method == self.command and (found := re.fullmatch(pattern, rest)):
                return serve(self, body, *found.groups())
        raise Refusal(404, "notFound", "Not found: this server has no such method")

    def get_dataset(self, _: dict[str, Any], dataset: str) -> dict[str, Any]:
        return self.server.tables.dataset(dataset)

    def make_dataset(self, body: dict[str, Any]) -> dict[str, Any]:
        return self.server.tables.make_dataset(body)

    def get_table(self, _: dict[str, Any], dataset: str, table: str) -> dict[str, Any]:
        return self.server.tables.table(dataset, table)

    def make_table(self, body: dict[str, Any], dataset: str) -> dict[str, Any]:
        return self.server.tables.make_table(dataset, body)

    def change_table(self, body: dict[str, Any], dataset: str, table: str) -> dict[str, Any]:
        wanted = self.headers.get("If-Match")
        if wanted and wanted != self.server.tables.table(dataset, table)["etag"]:
            raise Refusal(412, "conditionNotMet", "Precondition Failed")
        return self.server.tables.change_table(dataset, table, body)

    def insert(self, body: dict[str, Any], dataset: str, table: str) -> dict[str, Any]:
        errors = self.server.tables.insert(dataset, table, body["rows"])
        return {"kind": "bigquery#tableDataInsertAllResponse", **({"insertErrors": errors} if errors else {})}

    def list_rows(self, _: dict[str, Any], dataset: str, table: str) -> dict[str, Any]:
        if dataset == _RESULTS:
            return self.more_results({}, table)
        return self._page(self.server.tables.rows(dataset, table), "list")

    def query(self, body: dict[str, Any]) -> dict[str, Any]:
        values = {one["name"]: _value(one) for one in body.get("queryParameters", [])}
        answer = self.server.tables.query(body["query"], values)
        job = f"job{next(self.server.numbers)}"
        self.server.jobs[job] = answer
        return self._page(answer, job)

    def job(self, _: dict[str, Any], job: str) -> dict[str, Any]:
        """Results of a query lie in a table of their own, of which the client reads the pages after the first."""
        place = {"projectId": self.server.tables.project, "datasetId": _RESULTS, "tableId": job}
        return {
            "id": job,
            "jobReference": {"projectId": self.server.tables.project, "jobId": job, "location": "US"},
            "configuration": {"jobType": "QUERY", "query": {"destinationTable": place}},
            "status": {"state": "DONE"},
            "statistics": {"query": {"statementType": "SELECT"}},
        }

    def more_results(self, _: dict[str, Any], job: str) -> dict[str, Any]:
        if job not in self.server.jobs:
            raise Refusal(404, "notFound", f"Not found: Job {job}")
        return self._page(self.server.jobs[job], job)

    def _page(self, answer: Answer, job: str) -> dict[str, Any]:
        start = int(self.asked.get("pageToken", 0))
        page = answer.rows[start : start + min(_PAGE, int(self.asked.get("maxResults", _PAGE)))]
        end = start + len(page)
        rows = [{"f": [{"v": None if value is None else str(value)} for value in row]} for row in page]
        return {
            "schema": {"fields": answer.schema},
            "jobReference": {"projectId": self.server.tables.project, "jobId": job, "location": "US"},
            "jobComplete": True,
            "totalRows": str(len(answer.rows)),
            "rows": rows,
            **({"pageToken": str(end)} if end < len(answer.rows) else {}),
            **({"numDmlAffectedRows": str(answer.affected)} if answer.affected is not None else {}),
        }


_ID = r"([A-Za-z0-9_]+)"
_ROUTES: list[tuple[str, str, Callable[..., dict[str, Any]]]] = [
    ("GET", rf"datasets/{_ID}", _Handler.get_dataset),
    ("POST", r"datasets", _Handler.make_dataset),
    ("GET", rf"datasets/{_ID}/tables/{_ID}", _Handler.get_table),
    ("POST", rf"datasets/{_ID}/tables", _Handler.make_table),
    ("PATCH", rf"datasets/{_ID}/tables/{_ID}", _Handler.change_table),
    ("POST", rf"datasets/{_ID}/tables/{_ID}/insertAll", _Handler.insert),
    ("GET", rf"datasets/{_ID}/tables/{_ID}/data", _Handler.list_rows),
    ("POST", r"queries", _Handler.query),
    ("GET", rf"queries/{_ID}", _Handler.more_results),
    ("GET", rf"jobs/{_ID}", _Handler.job),
]


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        raise Refusal(400, "parseError", "Parse Error") from None


def _value(parameter: dict[str, Any]) -> Any:
    kind, value = parameter["parameterType"]["type"], parameter["parameterValue"]
    if kind == "ARRAY":
        return json.dumps([one["value"] for one in value.get("arrayValues", [])])
    return int(value["value"]) if kind == "INT64" else value["value"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9050)
    parser.add_argument("--project", default="sendit-demo")
    parser.add_argument("--folder", type=Path, help="where the tables are kept")
    parser.add_argument("--buffer", type=float, default=0.0, help="seconds that rows stay in the streaming buffer")
    chosen = parser.parse_args()
    _Server(chosen.port, BigQueryTables(chosen.project, chosen.folder, chosen.buffer)).serve_forever()


if __name__ == "__main__":
    main()
