"""orthanc-config/orthanc.json, the one for real use, in a real Orthanc: without a password nothing leaves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sendit.config.file import read_configuration
from sendit.config.schema import load
from tests.servers.orthanc import OrthancServer
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
SHIPPED = REPOSITORY / "orthanc-config" / "orthanc.json"
PEER = {"RESEARCH_URL": "http://127.0.0.1:1/", "RESEARCH_USER": "u", "RESEARCH_PASSWORD": "p"}


class ShippedServer(OrthancServer):
    """Runs the shipped file, in which only folders and ports are others."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        text = SHIPPED.read_text()
        for shipped, here in {
            "/var/lib/orthanc/db": str(folder / "storage"),
            "/var/lib/sendit": str(folder / "data"),
            '"HttpPort": 8042': f'"HttpPort": {self.http_port}',
            '"DicomPort": 4242': f'"DicomPort": {self.dicom_port}',
            "/usr/share/sendit/": f"{REPOSITORY}/plugin/",
            '"SendIt": {': '"SendIt": { "Python": "/nowhere/python",',
        }.items():
            assert shipped in text, shipped
            text = text.replace(shipped, here)
        self.text = text

    def configuration_text(self) -> str:
        return self.text


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ShippedServer]:
    """Not started yet; ended with the test."""
    monkeypatch.delenv("SENDIT_ADMIN_PASSWORD", raising=False)
    made = ShippedServer(tmp_path / "orthanc")
    yield made
    made.__exit__()


def test_without_password(server: ShippedServer) -> None:
    """Without SENDIT_ADMIN_PASSWORD Orthanc does not start, and its log points to the line."""
    server.start(wait=False, environment=PEER)
    assert server.process is not None
    assert server.process.wait(20) != 0
    assert "Bad escape sequence in string" in server.log()


def test_with_empty_password(server: ShippedServer) -> None:
    """With an empty one Orthanc starts, but SendIt does not, and says why."""
    server.session.auth = ("admin", "")
    server.start(environment={**PEER, "SENDIT_ADMIN_PASSWORD": ""})
    answer = server.session.get(server.url + "/sendit/", timeout=30)
    assert answer.status_code == 503
    assert "RegisteredUsers.admin has an empty password" in answer.json()["detail"]


def test_with_password(server: ShippedServer) -> None:
    """With a password Orthanc runs, lets in nobody without it, and SendIt goes on to start its worker."""
    server.start(environment={**PEER, "SENDIT_ADMIN_PASSWORD": "x"})
    assert server.session.get(server.url + "/sendit/", timeout=30).status_code == 401
    server.session.auth = ("admin", "x")
    assert server.get("/peers") == ["research"]
    wait_for(lambda: "interpreter /nowhere/python cannot be started" in server.log(), "SendIt to try its worker")


def test_section(monkeypatch: pytest.MonkeyPatch) -> None:
    """The section "SendIt" of the shipped file is one that SendIt takes."""
    for name, value in {**PEER, "SENDIT_ADMIN_PASSWORD": "x"}.items():
        monkeypatch.setenv(name, value)
    read, orthanc = load(read_configuration(SHIPPED.parent))
    assert orthanc.peers["research"].password == "p"
    assert list(read.projects) == ["IRB12345"]
    assert read.database == "sqlite"
