"""The demonstration's servers have no password: what comes over DICOM from elsewhere is not stored."""

from __future__ import annotations

import socket
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.dicom import StudyMaker
from tests.servers.orthanc import OrthancServer

if TYPE_CHECKING:
    from collections.abc import Iterator

FILTER = Path(__file__).parents[2] / "scripts" / "demo" / "loopback.lua"


@contextmanager
def relay(port: int, source: str) -> Iterator[int]:
    """Passes one connection on to 127.0.0.1:`port`, as if it came from `source`; the port to connect to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def pump(reader: socket.socket, writer: socket.socket) -> None:
            while data := reader.recv(65536):
                writer.sendall(data)
            writer.shutdown(socket.SHUT_WR)

        def serve() -> None:
            here, _ = listener.accept()
            with here, socket.create_connection(("127.0.0.1", port), source_address=(source, 0)) as there:
                back = threading.Thread(target=pump, args=(there, here))
                back.start()
                pump(here, there)
                back.join()

        thread = threading.Thread(target=serve)
        thread.start()
        yield int(listener.getsockname()[1])
        thread.join(20)


@pytest.mark.parametrize(("pattern", "stored"), [("^127%.", 1), ("^127%.0%.0%.1$", 0)], ids=["ours", "elsewhere"])
def test_only_loopback_addresses_store(tmp_path: Path, pattern: str, stored: int) -> None:
    """As shipped, a caller at 127.0.0.2 stores, whatever its title; were that no loopback address, it would not."""
    script = tmp_path / "filter.lua"
    shipped = FILTER.read_text()
    assert '"^127%."' in shipped
    script.write_text(shipped.replace('"^127%."', f'"{pattern}"'))
    file = tmp_path / "a.dcm"
    file.write_bytes(StudyMaker().instance())
    with OrthancServer(tmp_path / "orthanc", {"LuaScripts": [str(script)]}) as server:
        with relay(server.dicom_port, "127.0.0.2") as port:
            subprocess.run(["storescu", "-aet", "ANYBODY", "127.0.0.1", str(port), str(file)], capture_output=True)
        assert len(server.get("/instances")) == stored
