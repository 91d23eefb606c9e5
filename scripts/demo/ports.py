"""The six ports, and the process that uses one that is taken."""

from __future__ import annotations

import contextlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.demo.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LISTENING = "0A"


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports of the four servers."""

    http: int = 8042
    dicom: int = 4242
    target_http: int = 8043
    target_dicom: int = 4243
    storage: int = 9023
    datastore: int = 8081


#: The environment variable that changes each port.
VARIABLES = {
    "http": "SENDIT_HTTP_PORT",
    "dicom": "SENDIT_DICOM_PORT",
    "target_http": "SENDIT_TARGET_HTTP_PORT",
    "target_dicom": "SENDIT_TARGET_DICOM_PORT",
    "storage": "SENDIT_STORAGE_PORT",
    "datastore": "SENDIT_DATASTORE_PORT",
}


def from_environment(environment: Mapping[str, str]) -> Ports:
    """Return the ports to use; raise Failure for an invalid port, and for one that is given twice."""
    chosen: dict[str, int] = {}
    for name, variable in VARIABLES.items():
        text = environment.get(variable) or str(getattr(Ports(), name))
        if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
            raise Failure(f"{variable} is {text!r}, which is not a port number (1 to 65535)")
        if int(text) in chosen.values():
            raise Failure(f"{variable} names port {text} a second time; give each of the six ports its own number")
        chosen[name] = int(text)
    return Ports(**chosen)


def refuse_taken(ports: Ports) -> None:
    """Raise Failure naming every port that is taken, its process, and the variable that changes it."""
    taken = [
        f"port {port} is taken by {holder(port)}; choose another with {variable}=…"
        for port, variable in ((getattr(ports, name), variable) for name, variable in VARIABLES.items())
        if not is_free(port)
    ]
    if taken:
        raise Failure("\n".join(taken))


def is_free(port: int) -> bool:
    """Tell whether a server could listen on it now, on every address: Orthanc's DICOM server always uses all."""
    with socket.socket() as probe:
        # As servers do: connections of a server that has just ended don't count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True


def holder(port: int) -> str:
    """Return what listens there, for example `Orthanc (process 123)`."""
    inodes = set(_listening(port))
    for process in Path("/proc").glob("[0-9]*"):
        if inodes.intersection(_open_files(process)):
            return f"{(process / 'comm').read_text().strip()} (process {process.name})"
    return "a process of another user" if inodes else "a process that cannot be seen from here"


def _open_files(process: Path) -> Iterator[str]:
    """Return the targets of its file descriptors; none if it has ended or belongs to another user."""
    with contextlib.suppress(OSError):
        for entry in (process / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed since
                yield os.readlink(entry)


def _listening(port: int) -> Iterator[str]:
    """Return the sockets that listen on a port, as /proc/PID/fd names them."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                yield f"socket:[{fields[9]}]"
