"""The four servers: their configuration, starting and stopping them, and knowing when all of it answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from scripts.demo.failure import Failure
from scripts.demo.ports import Ports, refuse_taken
from scripts.demo.server import Google, Orthanc, Server

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "sendit-demo"
BUCKET = GOOGLE_PROJECT = "sendit-demo"
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancPython.so")
SENDER_AET = "SENDIT-DEMO"  # what the demonstration's own C-STORE calls itself

_START_SECONDS = 60.0

Say = Callable[[str], None]


class Stack:
    """The source Orthanc with SendIt and its destinations: the target Orthanc, and a bucket with its index.

    All they keep is under `state`.
    """

    def __init__(self, ports: Ports, state: Path) -> None:
        self.ports = ports
        self.state = state
        self.inbox = state / "inbox"
        self.source = Orthanc("source", state, ports.http, _source_configuration(ports, state))
        self.target = Orthanc("target", state, ports.target_http, _target_configuration(ports, state))
        bucket = ["--bucket", BUCKET, "--project", GOOGLE_PROJECT]
        self.storage = Google("storage", state, ports.storage, "tests.servers.google_storage", bucket, "http://")
        project = ["--project", GOOGLE_PROJECT]
        self.datastore = Google("datastore", state, ports.datastore, "tests.servers.google_datastore", project)
        self.servers: tuple[Server, ...] = (self.source, self.target, self.storage, self.datastore)

    @property
    def api(self) -> str:
        return f"{self.source.url}/sendit/api"

    def running(self) -> list[Server]:
        return [server for server in self.servers if server.pid() is not None]

    def up(self, say: Say) -> bool:
        """Start what does not run, and wait until everything answers; return False if everything was already up."""
        running = self.running()
        if len(running) == len(self.servers):
            self._refuse_other_ports()
            self.wait()
            return False
        # Half of a stack is what a crash leaves. Its ports may be others than those asked for now.
        for server in running:
            say(f"The {server.title} runs without the others; starting it again.")
            server.stop()
        refuse_taken(self.ports)
        self.state.mkdir(parents=True, exist_ok=True)
        self.state.chmod(0o700)  # whoever tries it with studies of their own keeps them to themselves
        self.inbox.mkdir(exist_ok=True)
        (self.state / "sendit").mkdir(mode=0o700, exist_ok=True)
        say("Starting two Orthancs, SendIt's worker, a bucket and its index")
        try:
            for server in reversed(self.servers):
                server.start()
            self.wait()
        except BaseException:
            self.down()
            raise
        return True

    def _refuse_other_ports(self) -> None:
        for server in self.servers:
            if other := server.differing_port():
                raise Failure(f"the stack runs on port {other} ({server.title}); run make down first")

    def down(self) -> list[Server]:
        """Stop what runs; the servers that did. The source goes first: it then misses none of the others."""
        return [server for server in self.servers if server.stop()]

    def wait(self) -> None:
        """Until all servers and the worker answer; Failure with the reason otherwise."""
        deadline = time.monotonic() + _START_SECONDS
        while not all(server.answers() for server in self.servers) or (answer := self.health()) != "ok":
            if time.monotonic() > deadline:
                silent = [server.title for server in self.servers if not server.answers()]
                raise Failure(
                    f"the {' and the '.join(silent)} did not answer within {_START_SECONDS:g} s"
                    if silent
                    else f"SendIt is not ready after {_START_SECONDS:g} s: {answer}\n{self.source.last_lines()}"
                )
            time.sleep(0.1)

    def health(self) -> str:
        """Return `ok` if the worker answers, otherwise the answer or the error."""
        try:
            answer = requests.get(f"{self.api}/health", timeout=10, headers={"Accept": "application/json"})
        except requests.RequestException as error:
            return type(error).__name__
        try:
            body: Any = answer.json()
        except ValueError:
            body = answer.text[:500]
        if answer.status_code == 200:
            return "ok"
        return f"HTTP {answer.status_code} {body}"


def _shared_configuration(name: str, http_port: int, dicom_port: int) -> dict[str, Any]:
    """Return the settings of both Orthancs. There is no password, so only this machine may access them.

    Orthanc can bind neither port to an address: `RemoteAccessAllowed: false` listens everywhere, and refuses whoever
    calls from another machine. For DICOM, a filter stores nothing that comes from elsewhere. Any title may store: a
    newcomer sends from what is at hand. Queries are refused, as Orthanc does by default.
    """
    return {
        "Name": name,
        "HttpPort": http_port,
        "DicomPort": dicom_port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "LuaScripts": [str(ROOT / "scripts" / "demo" / "loopback.lua")],
    }


def _source_configuration(ports: Ports, state: Path) -> dict[str, Any]:
    storage = str(state / "source" / "storage")
    return {
        **_shared_configuration("SendIt source", ports.http, ports.dicom),
        "DicomAet": "SOURCE",
        "StorageDirectory": storage,
        "IndexDirectory": storage,
        "StableAge": 2,  # seconds without a further instance; a modality needs more, a newcomer does not wait
        "Plugins": [str(PLUGIN)],
        "PythonScript": str(ROOT / "plugin" / "sendit_plugin.py"),
        "OrthancPeers": {"research": [f"http://127.0.0.1:{ports.target_http}/"]},
        "SendIt": {
            "DataDirectory": str(state / "sendit"),
            "Python": str(ROOT / ".venv" / "bin" / "python"),
            "WatchedFolders": [{"Path": str(state / "inbox"), "Project": PROJECT}],
            "Destinations": {
                "research": {"Type": "OrthancPeer", "Peer": "research"},
                "bucket": {
                    "Type": "GoogleCloudStorage",
                    "Bucket": BUCKET,
                    "GoogleProject": GOOGLE_PROJECT,
                    "Credentials": {"Source": "Anonymous"},
                    "Endpoint": f"http://127.0.0.1:{ports.storage}",
                    "Index": {
                        "Type": "Datastore",
                        "GoogleProject": GOOGLE_PROJECT,
                        "Endpoint": f"127.0.0.1:{ports.datastore}",
                    },
                },
            },
            "Projects": {
                PROJECT: {
                    "Match": {},
                    "Options": ["CleanPixelData", "RetainLongitudinalModifiedDates"],
                    "Destinations": ["research", "bucket"],
                }
            },
        },
    }


def _target_configuration(ports: Ports, state: Path) -> dict[str, Any]:
    storage = str(state / "target" / "storage")
    return {
        **_shared_configuration("Research", ports.target_http, ports.target_dicom),
        "DicomAet": "RESEARCH",
        "StorageDirectory": storage,
        "IndexDirectory": storage,
        "Plugins": [],
    }
