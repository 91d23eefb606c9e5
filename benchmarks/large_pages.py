"""The pages and lists of the API above a journal, without an Orthanc and without destinations: how long each takes."""

from __future__ import annotations

import http.client
import socket
import tempfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import MagicMock

from sendit.api.app import Backend, make_app
from sendit.api.server import Server
from sendit.config.schema import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sendit.journal import Journal
    from sendit.pipeline.batch import Pipeline

_TOKEN = "0123456789abcdef"


def addresses(batches: int) -> Mapping[str, str]:
    """Return what is asked for, by name; those with as many rows in a small journal as in a large one."""
    middle = max(60, batches // 2)
    return {
        "page Needs me": "/",
        "page Batches": "/batches",
        "page Batches of a project": "/batches?project=irb3&limit=14",
        "page Batches of a destination": "/batches?destination=bucket&limit=25",
        "page Batches of a patient": "/batches?coded=P10",
        "page Batches by states, modality and project": "/batches?state=DONE,EMPTY&modality=CT&project=irb3&limit=5",
        "page of one batch": f"/batches/{middle}",
        "page of a recall": f"/batches/{middle}/recall",
        "page Review": "/review",
        "page Review of what is held": f"/review?state=QUARANTINED&after={max(0, batches - 1000) + 7}",
        "page of a review": f"/batches/{middle}/review",
        "page Imports": "/imports",
        "page Cohorts": "/pulls",
        "page of a project's risk": "/projects/irb3/risk",
        "page Totals": "/totals",
        "page Audit": "/audit",
        "page Audit of a person": "/audit?actor=ada",
        "page Audit of a project": "/audit?project=irb3",
        "page Audit of an act on days without it": "/audit?action=look&since=2100-01-01",
        "page Destinations": "/destinations",
        "page Alarms": "/alarms",
        "page Crosswalk": "/crosswalk",
        "list of batches": "/api/batches?limit=50",
        "list of batches, from the middle": f"/api/batches?limit=50&before={middle}",
        "one batch by the API": f"/api/batches/{middle}",
        "counts": "/api/counts",
        "totals": "/api/totals",
        "list of the audit log": "/api/audit?limit=50",
        "audit log by project, person and act": "/api/audit?project=irb3&actor=bea&action=retry&limit=1",
        "residual risk of a project": "/api/projects/irb3/residual-risk",
        "health": "/api/health",
    }


@contextmanager
def served(journal: Journal) -> Iterator[Callable[[str], None]]:
    """Serve the application above a journal; yield what asks it for an address."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = Server(make_app(_backend(journal, folder)), folder / "socket")
        server.start()
        try:
            yield partial(_ask, folder / "socket")
        finally:
            server.stop()


def _ask(path: Path, address: str) -> None:
    connection = http.client.HTTPConnection("localhost")
    with socket.socket(socket.AF_UNIX) as connection.sock:
        connection.sock.connect(str(path))
        connection.request("GET", address, headers={"X-SendIt-Token": _TOKEN, "X-SendIt-User": "bench"})
        answer = connection.getresponse()
        body = answer.read()
    assert answer.status == http.client.OK, (address, answer.status, body[:500])


def _backend(journal: Journal, folder: Path) -> Backend:
    destinations = {name: {"Type": "Folder", "Path": f"/mnt/{name}"} for name in ("peer", "bucket")}
    projects = {f"irb{number}": {"Destinations": list(destinations)} for number in range(7)}
    section = {"DataDirectory": str(folder), "Destinations": destinations, "Projects": projects}
    pipeline = MagicMock()
    pipeline.services.journal, pipeline.services.settings = journal, load({"SendIt": section})[0]
    pipeline.services.scheduler.active.return_value = []
    pipeline.services.projects = {}

    def health() -> dict[str, Any]:
        unseen = journal.acknowledgements.unseen()
        lists = {name: list(section[name.title()]) for name in ("projects", "destinations")}
        found = {"unseen_batches": [number for number, _ in unseen.batches[:20]], "unseen_imports": unseen.imports[:20]}
        down = ["destination peer is unreachable: connection refused"]
        quiet = {
            "status": "degraded",
            "problems": down,
            "works": True,
            "faults": [],
            "reload_refused": "",
            "paused": [],
        }
        return {**lists, **found, **quiet, "started_at": "2026-01-01T00:00:00Z", "down_since": {}, "active": 0}

    return Backend(
        pipeline=cast("Pipeline", pipeline), start_import=MagicMock(), pulling=MagicMock(), actions=MagicMock(),
        reloader=MagicMock(), metrics=MagicMock(), keeper=None, health=health, destinations=list, token=_TOKEN,
    )  # fmt: skip
