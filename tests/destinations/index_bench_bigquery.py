"""The BigQuery index under the contract: a server of our own behind a proxy."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any, ClassVar

from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from sendit.destinations.google.settings import GoogleCredentials
from sendit.destinations.indexes.base import Patience
from sendit.destinations.indexes.bigquery.index import BigQueryIndex
from sendit.destinations.indexes.bigquery.settings import BigQueryIndexSettings
from tests.destinations.index_bench import PLACE, IndexBench
from tests.servers.fault_proxy import DropAfter, DropBefore, Fault, FaultProxy, Silence, Slow, Status, Truncate
from tests.servers.google_bigquery import BigQueryServer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sendit.model import Receipt
    from tests.destinations.bench import Servers

PROJECT = "sendit-demo"
DATASET = "research"
_BASE = f"/bigquery/v2/projects/{PROJECT}"


def _said(status: int, reason: str, message: str) -> Status:
    content = {"error": {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}}
    return Status(status, json.dumps(content).encode(), {"Content-Type": "application/json"})


class _Proxy(FaultProxy):
    """One that can also count: the nth request that changes something, or asks."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.countdown: tuple[int, Fault] | None = None

    def next_fault(self, request: str) -> Fault | None:
        if self.countdown and request.startswith("POST "):
            left, fault = self.countdown
            self.countdown = (left - 1, fault)
            if left == 1:
                return fault
        return super().next_fault(request)


class _Held:
    """That the nth request has come."""

    def __init__(self, proxy: _Proxy) -> None:
        self._proxy = proxy

    def is_set(self) -> bool:
        return self._proxy.countdown is not None and self._proxy.countdown[0] <= 0


def start_bigquery(folder: Path) -> BigQueryServer:
    return BigQueryServer(folder, PROJECT)


class BigQueryBench(IndexBench):
    index: BigQueryIndex
    healing: ClassVar[Mapping[str, Fault]] = {
        "503": Status(503),
        "503-backend-error": _said(503, "backendError", "Error encountered during execution. Retrying may solve it."),
        "500": Status(500),
        "429": Status(429),
        "disk-full": Status(507),
        "quota": _said(403, "rateLimitExceeded", "Exceeded rate limits: too many requests for this table"),
        "dropped-before": DropBefore(),
        "dropped-after": DropAfter(),
        "cut-off": Truncate(),
        "silence": Silence(),
        "slow": Slow(pieces=5),
    }
    lasting: ClassVar[Mapping[str, tuple[Fault, str]]] = {
        "401": (_said(401, "authError", "Invalid Credentials"), "Credentials"),
        "403": (_said(403, "accessDenied", "Access Denied: Permission bigquery.tables.get denied"), "dataEditor"),
        "api-not-enabled": (
            _said(403, "accessNotConfigured", "BigQuery API has not been used in project 1 before or it is disabled."),
            "gcloud services enable",
        ),
        "no-project": (_said(404, "notFound", f"Not found: Project {PROJECT}"), "GoogleProject"),
    }

    def __init__(self, servers: Servers) -> None:
        self.server = servers.get("bigquery", start_bigquery)
        self.proxy = _Proxy(self.server.url)
        self.table = f"dicom_{uuid.uuid4().hex[:8]}"
        self.index = open_bigquery(self.settings())
        self.client = official_client(self.server.url)

    def settings(self) -> dict[str, Any]:
        return {
            "Type": "BigQuery",
            "GoogleProject": PROJECT,
            "Dataset": DATASET,
            "Table": self.table,
            "Endpoint": self.proxy.url,
            "Credentials": {"Source": "Anonymous"},
        }

    @property
    def name(self) -> str:
        return f"{PROJECT}.{DATASET}.{self.table}"

    def harm_writing(self, fault: Fault) -> None:
        self.proxy.inject(fault, f"POST {_BASE}/datasets/{DATASET}/tables/{self.table}/insertAll")

    def harm_reading(self, fault: Fault) -> None:
        self.proxy.inject(fault, f"POST {_BASE}/queries")
        self.proxy.inject(fault, f"GET {_BASE}/datasets")

    def heal(self) -> None:
        self.proxy.heal()
        self.proxy.countdown = None

    def take_down(self) -> None:
        self.proxy.close()

    def held(self, receipt: Receipt) -> list[Mapping[str, Any]]:
        return self.ask("SOPInstanceUID", receipt.sop_instance_uid)

    def counted(self, receipt: Receipt) -> int:
        return len(self.ask("StudyInstanceUID", receipt.study_instance_uid))

    def ask(self, column: str, value: str) -> list[Mapping[str, Any]]:
        if self.index.rows.is_there():
            parameters = [bigquery.ScalarQueryParameter("value", "STRING", value)]
            config = bigquery.QueryJobConfig(query_parameters=parameters)
            text = "SELECT sha256, size, batch, storage_url, storage_member, Modality, SliceThickness, header "
            found = self.client.query_and_wait(f"{text} FROM `{self.name}` WHERE {column} = @value", job_config=config)
            return [dict(row.items()) for row in found]
        return []

    def remove(self, receipt: Receipt) -> None:
        self.client.query_and_wait(f"DELETE FROM `{self.name}` WHERE SOPInstanceUID = '{receipt.sop_instance_uid}'")

    def alter(self, receipt: Receipt) -> None:
        row = {
            "SOPInstanceUID": receipt.sop_instance_uid,
            "StudyInstanceUID": receipt.study_instance_uid,
            "project": "IRB1",
            "sha256": "0" * 64,
        }
        self.remove(receipt)
        assert self.client.insert_rows_json(self.name, [row]) == []

    def hold(self, nth: int, after: bool) -> Any:
        self.proxy.countdown = (nth, DropAfter() if after else Silence())
        return _Held(self.proxy)

    def writes(self) -> int:
        return sum(one.endswith("/insertAll?prettyPrint=false") for one in self.proxy.passed)

    def close(self) -> None:
        self.proxy.close()


def open_bigquery(settings: dict[str, Any]) -> BigQueryIndex:
    """The index for an entry of "Index", less patient than an operator's."""
    parsed = BigQueryIndexSettings.model_validate(settings)
    index = BigQueryIndex(PLACE, parsed, parsed.credentials or GoogleCredentials())
    index.rows.patience = Patience(call=2.0, whole=3.0)
    return index


def official_client(url: str) -> Any:
    """Google's own client, unmodified."""
    credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]
    return bigquery.Client(project=PROJECT, credentials=credentials, client_options={"api_endpoint": url})
