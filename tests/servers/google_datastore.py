"""A server that speaks Datastore's gRPC, as a process of its own, for Google's unmodified client.

    python -m tests.servers.google_datastore --port 8081 --project sendit-demo --folder var/datastore

Without --folder it forgets everything at its end. It has no credentials and no TLS, as Google's emulators. Faults are
injected by a proxy in front of it (grpc_fault_proxy.py), which stands in front of Google's emulators as well.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import threading
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc

from tests.servers.google_datastore_rules import Refusal
from tests.servers.google_datastore_store import METHODS, REQUESTS, DatastoreStore
from tests.servers.ports import free_port
from tests.servers.waiting import wait_for

SERVICE = "google.datastore.v1.Datastore"
_LARGEST_MESSAGE = 64 * 1024 * 1024
_ROOT = Path(__file__).parents[2]


class DatastoreServer:
    """The process, from its start until it is closed."""

    def __init__(self, folder: Path | None = None, project: str | None = None, databases: tuple[str, ...] = ()) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", "tests.servers.google_datastore", "--port", str(self.port)]
        command += ["--folder", str(folder)] if folder else []
        command += ["--project", project] if project else []
        for database in databases:
            command += ["--database", database]
        self.process = subprocess.Popen(command, cwd=_ROOT)
        wait_for_grpc(self.port, self.process)

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.port}"

    def close(self) -> None:
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> DatastoreServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def wait_for_grpc(port: int, process: subprocess.Popen[Any]) -> None:
    """Until the server on this port answers; AssertionError if its process ends first."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        ready = grpc.channel_ready_future(channel)

        def is_ready() -> bool:
            assert process.poll() is None, f"the server ended with {process.returncode}"
            return bool(ready.done())

        wait_for(is_ready, "the gRPC server")


def serve(port: int, store: DatastoreStore, host: str = "127.0.0.1") -> grpc.Server:
    """Listen; the server is running when this returns."""

    def handler(method: str) -> Any:
        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                return store.serve(method, request)
            except Refusal as refusal:
                context.abort(refusal.code, refusal.words)

        return grpc.unary_unary_rpc_method_handler(answer, REQUESTS[method].FromString, _serialized)

    server = grpc.server(
        futures.ThreadPoolExecutor(16),
        options=[
            ("grpc.max_receive_message_length", _LARGEST_MESSAGE),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),
        ],
    )
    handlers = {method: handler(method) for method in METHODS}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    if server.add_insecure_port(f"{host}:{port}") != port:
        raise OSError(f"port {port} of {host} is taken")
    server.start()
    return server


def _serialized(response: Any) -> bytes:
    return bytes(response.SerializeToString())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument("--project", help="the only project there is; any, if left out")
    parser.add_argument("--database", action="append", default=[], help="a database beside the default one")
    parser.add_argument("--folder", type=Path, help="where the entities are kept")
    chosen = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    server = serve(chosen.port, DatastoreStore(chosen.project, ("", *chosen.database), chosen.folder), chosen.host)
    ended.wait()
    server.stop(grace=None).wait()


if __name__ == "__main__":
    main()
