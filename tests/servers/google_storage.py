"""A server of Google Cloud Storage's JSON API as a process of its own, for tests, benchmarks and the demo.

    python -m tests.servers.google_storage --port 9023 --folder var/storage --bucket sendit-demo

    with GoogleStorage(folder, buckets=["b"]) as server:
        server.limits(room=0)

Objects, buckets, preconditions, digests, generations, resumable uploads and versions are those of Google, as the
official client uses them; rewriting, composing, access lists and notifications are left out. Contents go to the disk as
they come.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import requests

from tests.servers.google_storage_http import StorageServer
from tests.servers.google_storage_objects import ObjectStore
from tests.servers.ports import free_port
from tests.servers.waiting import wait_for

_ROOT = Path(__file__).parents[2]


class GoogleStorage:
    """The server in a process of its own, on loopback."""

    def __init__(self, folder: Path, buckets: list[str] | None = None, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._buckets = buckets or []
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> GoogleStorage:
        """Return when it answers."""
        options = ["--port", str(self.port), "--folder", str(self.folder)]
        for bucket in self._buckets:
            options += ["--bucket", bucket]
        environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
        command = [sys.executable, "-m", "tests.servers.google_storage", *options]
        self.process = subprocess.Popen(command, cwd=_ROOT, env=environment, stdout=subprocess.DEVNULL)
        wait_for(self._answers, "the storage server")
        return self

    def stop(self) -> None:
        """SIGTERM, and wait for its end."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def limits(self, **values: Any) -> None:
        """Set some of `Limits`: room (bytes), token, denied (a list of permissions), rate (bytes per second)."""
        requests.post(f"{self.url}/-/limits", json=values, timeout=30).raise_for_status()

    def state(self) -> dict[str, Any]:
        """created: how many objects were made since the start; room; sessions under way or done."""
        return dict(requests.get(f"{self.url}/-/state", timeout=30).json())

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "the storage server ended"
        try:
            return requests.get(f"{self.url}/-/state", timeout=5).ok
        except requests.ConnectionError:
            return False

    def __enter__(self) -> GoogleStorage:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="google_storage", description="The JSON API of Google Cloud Storage.")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=9023)
    parser.add_argument("--folder", type=Path, required=True, help="where buckets and objects are kept")
    parser.add_argument("--bucket", action="append", default=[], help="a bucket to make, if it is not there yet")
    parser.add_argument("--project", default="sendit-demo", help="the Google project of these buckets")
    given = parser.parse_args()
    store = ObjectStore(given.folder)
    for bucket in given.bucket:
        if bucket not in store.buckets:
            store.make_bucket(given.project, {"name": bucket})
    server = StorageServer((given.host, given.port), store)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.1)
    server.server_close()


if __name__ == "__main__":
    main()
