"""scripts/portable.sh: its folder works wherever it is, with its own Python, in an Orthanc as an image starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import orthancteam
from tests.dicom import StudyMaker
from tests.servers.orthanc import PLUGINS, OrthancServer
from tests.servers.stack import worker_of
from tests.servers.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
#: Parts of the C library, which is that of the system.
OF_C = {"ld-linux-x86-64", "libc", "libdl", "libm", "libpthread", "libresolv", "librt", "libutil"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder, moved away from where it was made."""
    place = tmp_path_factory.mktemp("portable")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    command = [ROOT / "scripts/portable.sh", place / "made", next(place.glob("*.whl"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    (place / "elsewhere").mkdir()
    return (place / "made").rename(place / "elsewhere" / "sendit")


def test_nothing_is_the_systems_but_the_c_library(folder: Path) -> None:
    """Neither modules nor libraries; also those that images are decoded and searched with."""
    modules = (
        "cryptography, cv2, numpy, onnxruntime, psycopg, pydantic, sendit.cli.app, sqlalchemy, sqlite3, ssl, zxingcpp"
    )
    script = f"import {modules}, sys, json; "
    script += "maps = {line.split()[-1] for line in open('/proc/self/maps') if '.so' in line}; "
    script += "files = [one.__file__ for one in sys.modules.values() if getattr(one, '__file__', None)]; "
    script += "print(json.dumps([sorted(maps), files]))"
    done = subprocess.run([folder / "bin/python", "-c", script], capture_output=True, text=True, check=True)
    maps, files = json.loads(done.stdout)
    assert [one for one in files if not one.startswith(f"{folder}/")] == []
    outside = {Path(one).name.partition(".so")[0] for one in maps if not one.startswith(f"{folder}/")}
    assert outside <= OF_C
    said = subprocess.run([folder / "bin/sendit", "--version"], capture_output=True, text=True, check=True).stdout
    assert said.startswith("sendit ")


class AsImage(OrthancServer):
    """An Orthanc with what the image makes of variables and a secret; nothing names the Python."""

    def __init__(self, place: Path, sendit: Path) -> None:
        super().__init__(place / "orthanc")
        variables = {
            "ORTHANC__PYTHON_SCRIPT": str(sendit / "sendit_plugin.py"),
            "ORTHANC__STORAGE_DIRECTORY": str(place / "orthanc" / "storage"),
            "ORTHANC__HTTP_PORT": str(self.http_port),
            "ORTHANC__DICOM_PORT": str(self.dicom_port),
            "ORTHANC__STABLE_AGE": "1",
            "ORTHANC__PLUGINS": json.dumps([PLUGINS]),
            "ORTHANC__SEND_IT__DATA_DIRECTORY": str(place / "volume" / "data"),
            "ORTHANC__SEND_IT__DESTINATIONS": json.dumps({"out": {"Type": "Folder", "Path": str(place / "out")}}),
            "ORTHANC__SEND_IT__PROJECTS": json.dumps({"IRB1": {"Match": {}, "Destinations": ["out"]}}),
        }
        self.configuration = orthancteam.document(variables, {"ORTHANC__REGISTERED_USERS": '{"admin": "secret"}'})
        self.session.auth = ("admin", "secret")


def test_a_study_is_delivered_by_its_own_python(folder: Path, tmp_path: Path) -> None:
    """The worker is that of the folder, beside the plugin."""
    for name in ("out", "volume"):
        (tmp_path / name).mkdir()
    with AsImage(tmp_path, folder) as orthanc:
        api = f"{orthanc.url}/sendit/api/batches"
        wait_for(lambda: orthanc.session.get(api, timeout=5).status_code == 200, "the worker", limit=60)
        program = os.readlink(f"/proc/{worker_of(orthanc.pid)}/exe")
        assert Path(program).is_relative_to(folder)
        orthanc.upload(StudyMaker().instance())

        def done() -> bool:
            return [one["state"] for one in orthanc.session.get(api, timeout=5).json()["batches"]] == ["DONE"]

        wait_for(done, f"the study to be delivered; {orthanc.log()[-2000:]}", limit=120)
    assert len([*(tmp_path / "out").rglob("*.dcm")]) == 1
