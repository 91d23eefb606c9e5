"""The image and docker/compose.yaml, built and run for real: without passwords nothing starts, with them studies go.

Skipped, with the reason, where there is neither Docker nor Podman, or the base image cannot be had.
"""

from __future__ import annotations

import io
import os
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydicom
import pytest
import requests

from scripts.demo import samples
from scripts.demo.captures import shows_text
from tests.servers.ports import free_port
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydicom.dataset import FileDataset

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "sendit-test"
BASE = "docker.io/library/debian:trixie-slim"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def call(command: Sequence[str], cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Both outputs in `stdout`; never an exception for an exit code."""
    return subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def engine() -> str:
    """docker or podman, whichever works here."""
    for name in ("docker", "podman"):
        if shutil.which(name) and call([name, "info"]).returncode == 0:
            return name
    pytest.skip("neither Docker nor Podman works here")


@pytest.fixture(scope="module")
def image(engine: str) -> Iterator[str]:
    """The image, built from this checkout as README.md says."""
    if call([engine, "image", "inspect", BASE]).returncode and (pull := call([engine, "pull", BASE])).returncode:
        pytest.skip(f"the base image {BASE} cannot be had here: {pull.stdout.strip().splitlines()[-1]}")
    # Podman's own format knows no HEALTHCHECK.
    build = call([engine, "build", "--tag", IMAGE, "."], BUILDAH_FORMAT="docker")
    assert build.returncode == 0, build.stdout[-3000:]
    yield IMAGE
    call([engine, "rmi", "--force", IMAGE])


class Composed:
    """docker/compose.yaml in a folder of its own, with its own .env, ports and project."""

    def __init__(self, engine: str, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        self.name = f"sendit-test-{secrets.token_hex(3)}"
        self.passwords = {"SENDIT_ADMIN_PASSWORD": secrets.token_hex(12), "RESEARCH_PASSWORD": secrets.token_hex(12)}
        self.ports = {
            name: str(free_port()) for name in ("SENDIT_HTTP_PORT", "SENDIT_DICOM_PORT", "SENDIT_TARGET_HTTP_PORT")
        }
        self.source = f"http://127.0.0.1:{self.ports['SENDIT_HTTP_PORT']}"
        self.research = f"http://127.0.0.1:{self.ports['SENDIT_TARGET_HTTP_PORT']}"
        for file in ("compose.yaml", "research.json"):
            shutil.copy(ROOT / "docker" / file, folder)

    def write_env(self, **values: str) -> None:
        lines = {**self.ports, "SENDIT_IMAGE": IMAGE, **values}
        (self.folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in lines.items()))

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        program = ["docker", "compose"] if self.engine == "docker" else ["podman-compose"]
        return call([*program, "-p", self.name, "-f", "compose.yaml", *arguments], self.folder)

    def container(self, service: str) -> str:
        pattern = f"{self.name}[-_]{service}[-_]1"
        return call([self.engine, "ps", "--all", "--quiet", "--filter", f"name={pattern}"]).stdout.strip()

    def get(self, url: str) -> Any:
        """The JSON answer, or None where there is none yet."""
        source = url.startswith(self.source)
        user = ("admin", self.passwords["SENDIT_ADMIN_PASSWORD"])
        try:
            answer = requests.get(
                url, auth=user if source else ("sendit", self.passwords["RESEARCH_PASSWORD"]), timeout=30
            )
        except requests.RequestException:
            return None
        return answer.json() if answer.ok else None

    def image(self, instance: str) -> FileDataset:
        """As the research Orthanc has it."""
        user = ("sendit", self.passwords["RESEARCH_PASSWORD"])
        answer = requests.get(f"{self.research}/instances/{instance}/file", auth=user, timeout=30)
        assert answer.ok
        return pydicom.dcmread(io.BytesIO(answer.content))


@pytest.fixture
def composed(engine: str, image: str, tmp_path: Path) -> Iterator[Composed]:
    if engine == "podman" and not shutil.which("podman-compose"):
        pytest.skip("there is no podman-compose here")
    composed = Composed(engine, tmp_path)
    yield composed
    composed("down", "--volumes")


@pytest.mark.parametrize("given", [[], ["-e", "SENDIT_ADMIN_PASSWORD=", "-e", "RESEARCH_PASSWORD=x"]])
def test_the_image_refuses_to_start_without_a_password(engine: str, image: str, given: list[str]) -> None:
    """Not set, or empty: there is no Orthanc, and the message names the variable."""
    done = call([engine, "run", "--rm", *given, image])
    assert done.returncode != 0
    assert "PASSWORD is empty or not set" in done.stdout


@pytest.mark.parametrize("missing", ["SENDIT_ADMIN_PASSWORD", "RESEARCH_PASSWORD"])
def test_compose_refuses_without_a_password(composed: Composed, missing: str) -> None:
    """The message names the file to put it in, and nothing runs."""
    composed.write_env(**{name: value for name, value in composed.passwords.items() if name != missing})
    done = composed("up", "--detach", "--no-build")
    assert done.returncode != 0
    assert "is missing in docker/.env" in done.stdout
    assert not composed.container("source")


def test_studies_go_from_one_container_to_the_other(composed: Composed, tmp_path: Path) -> None:
    """By C-STORE to the AE title of the project, one with its patient's name burned in.

    The image's own user is not root, and stopping takes its time only.
    """
    composed.write_env(**composed.passwords)
    done = composed("up", "--detach", "--no-build")
    assert done.returncode == 0, done.stdout
    wait_for(lambda: composed.get(f"{composed.source}/sendit/api/health"), "SendIt in its container", limit=120)
    wait_for(lambda: composed.get(f"{composed.research}/system"), "the research Orthanc in its own", limit=120)
    assert requests.get(f"{composed.source}/sendit/api/health", timeout=30).status_code == 401
    assert requests.get(f"{composed.research}/system", timeout=30).status_code == 401
    plain, burned = (sample for sample in samples.make() if sample.way in ("folder", samples.CAPTURES))
    for sample in (plain, burned):
        _send(sample, tmp_path / sample.modality, composed.ports["SENDIT_DICOM_PORT"])
    # The shipped StableAge is a minute.
    wait_for(lambda: _states(composed) == ["DONE", "DONE"], "the batches to be done", limit=300, poll=1)
    images = [composed.image(instance) for instance in composed.get(f"{composed.research}/instances")]
    # Of the captures: all but the text is as it was, and of the text nothing is there.
    assert {samples.pixel_digest(image) for image in images} == plain.pixels | burned.pixels
    assert len(images) == len(plain.files) + len(burned.files)
    assert not any(map(shows_text, images))

    source = composed.container("source")
    inside = [composed.engine, "exec", source]
    kept = call([*inside, "find", "/var/lib/sendit/pictures", "/var/lib/sendit/staging", "-type", "f"])
    assert (kept.returncode, kept.stdout) == (0, ""), "pictures of before, and staged files, go with the batch"
    assert call([*inside, "id", "-un"]).stdout.strip() == "orthanc"
    healthy = call([*inside, "/opt/sendit/bin/python", "/usr/share/sendit/healthcheck.py"])
    assert healthy.returncode == 0, healthy.stdout
    assert call([composed.engine, "stop", "--time", "20", source]).returncode == 0
    assert call([composed.engine, "inspect", "--format", "{{.State.ExitCode}}", source]).stdout.strip() == "0"
    # What it knew is in its volumes.
    assert call([composed.engine, "start", source]).returncode == 0
    wait_for(lambda: _states(composed) == ["DONE", "DONE"], "the same batches after a restart", limit=120)


def _send(sample: samples.Sample, folder: Path, port: str) -> None:
    folder.mkdir()
    for number, data in enumerate(sample.files):
        (folder / f"{number}.dcm").write_bytes(data)
    done = call(["storescu", "-aec", "IRB12345", "+sd", "127.0.0.1", port, str(folder)])
    assert done.returncode == 0, done.stdout


def _states(composed: Composed) -> list[str] | None:
    page = composed.get(f"{composed.source}/sendit/api/batches")
    return page and [batch["state"] for batch in page["batches"]]
