"""Passports through the whole of SendIt: signed, delivered, verified by a stranger's program, withdrawn by a recall."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pydicom
import pytest
import requests

from sendit.destinations.orthanc_peer.delivery import orthanc_id
from tests.dicom import Person
from tests.passports import kinds, verified
from tests.servers.orthanc import OrthancServer
from tests.servers.stack import PROJECT, Stack, dcmread_bytes, send_study

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import MakeStack

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

PERSON = Person("PLANTED-4711", "Plantedname^Plantedgiven")


class Hospital:
    """A stack with a peer, a folder and a modality as destinations."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.folder = stack.folder / "share"
        self.folder.mkdir(parents=True)
        allowed = {"DicomAlwaysAllowFind": True, "DicomAlwaysAllowGet": True}
        self.archive = OrthancServer(stack.folder / "archive", allowed, name="ARCHIVE")
        modality = {"AET": "ARCHIVE", "Host": "127.0.0.1", "Port": self.archive.dicom_port}
        stack.configure(DicomModalities={"archive": modality}, DicomAet="SENDIT")
        stack.sendit["Destinations"]["share"] = {"Type": "Folder", "Path": str(self.folder)}
        stack.sendit["Destinations"]["archive"] = {"Type": "DicomModality", "Modality": "archive", "Passport": True}
        stack.sendit["Projects"][PROJECT]["Destinations"] = ["research", "share", "archive"]

    def public_key(self) -> Path:
        """project.pub."""
        path = self.stack.folder / "project.pub"
        path.write_text(self.stack.api(f"passport/keys/{PROJECT}")["pem"])
        return path

    def received(self, name: str) -> Path:
        """What a recipient fetches from a destination."""
        place = self.stack.folder / f"received-{name}"
        place.mkdir(exist_ok=True)
        server = self.stack.target if name == "research" else self.archive
        for number, instance in enumerate(server.get("/instances")):
            (place / f"IM{number}").write_bytes(server.instance_file(instance))
        if name == "research":
            for study in server.get("/studies"):
                answer = server.session.get(f"{server.url}/studies/{study}/attachments/5100/data")
                answer.raise_for_status()
                (place / f"{study}.json").write_bytes(answer.content)
        return place


@pytest.fixture
def hospital(make_stack: MakeStack) -> Iterator[Hospital]:
    one = Hospital(make_stack())
    with one.archive:
        yield one


def passports_of(stack: Stack, batch: int) -> dict[str, Any]:
    found = stack.api(f"batches/{batch}/passport")["passports"]
    return {one["destination"]: one["passport"] for one in found}


def test_from_delivery_to_recall(hospital: Hospital) -> None:
    """Every destination's copy passes sendit-verify; no original stands in a passport; a recall is told everywhere."""
    stack = hospital.stack
    stack.start()
    maker = send_study(stack, 3, PERSON)
    send_study(stack, 1, Person("OTHER", "O^O"))
    assert [batch["state"] for batch in stack.wait_batches(2)] == ["DONE", "DONE"], stack.describe()
    key = hospital.public_key()
    for name, place in (
        ("research", hospital.received("research")),
        ("share", hospital.folder),
        ("archive", hospital.received("archive")),
    ):
        report = verified(place, key)
        assert (report.faults, report.verified) == ([], 4), (name, report)
    [number] = {batch["id"] for batch in stack.batches() if batch["received"] == 3}
    passports = passports_of(stack, number)
    assert set(passports) == {"research", "share", "archive"}
    _check_contents(hospital, passports["share"], maker.study_uid)
    assert stack.api(f"batches/{number}/verify", "POST")["ok"]
    _recall(hospital, number, key, passports["share"])


def _check_contents(hospital: Hospital, passport: dict[str, Any], study_uid: str) -> None:
    """It is what lies in the folder; it says what was done, and holds no original value, in no place."""
    manifest = passport["manifest"]
    (file,) = (path for path in hospital.folder.rglob("manifest.json") if manifest["study"] in str(path))
    assert json.loads(file.read_bytes()) == passport
    shown = hospital.stack.cli("passport", "show", str(manifest["batch"]), "--destination", "share")
    assert shown.stdout.encode() == file.read_bytes()
    assert (manifest["project"], manifest["part"], manifest["count"]) == (PROJECT, 1, 3)
    (rules,) = manifest["rules"].values()
    assert rules == {"options": ["CleanPixelData", "RetainLongitudinalModifiedDates"], "recipes": []}
    for one in manifest["instances"]:
        assert one["leak_check"] not in ("", "none")
        assert one["pixels"]["status"]
        assert one["actions"]
    stored = hospital.stack.source.get("/studies")
    originals = [PERSON.patient_id, "Planted", study_uid, *stored]
    for instance in hospital.stack.source.get("/instances"):
        data = hospital.stack.source.instance_file(instance)
        dataset = dcmread_bytes(data)
        originals += [str(dataset.SOPInstanceUID), str(dataset.SeriesInstanceUID), str(dataset.AccessionNumber)]
        originals.append(hashlib.sha256(data).hexdigest())
    text = file.read_text()
    assert [value for value in originals if value and value in text] == []


def _recall(hospital: Hospital, number: int, key: Path, passport: dict[str, Any]) -> None:
    """Passports go with their instances; the lists name the study; a copy that was kept is found out."""
    stack, study = hospital.stack, passport["manifest"]["study"]
    kept = stack.folder / "kept"
    kept.mkdir()
    (place,) = (path.parent for path in hospital.folder.rglob("manifest.json") if study in str(path))
    for path in (path for path in place.rglob("*") if path.is_file()):
        (kept / path.name).write_bytes(path.read_bytes())
    assert verified(kept, key).faults == []
    done = stack.cli("recall", "--batch", str(number), "--yes", "--reason", "consent withdrawn")
    assert done.returncode == 1  # the modality cannot delete
    assert not place.exists()
    assert [str(path.relative_to(hospital.folder)) for path in hospital.folder.glob("*.json")] == [
        f"revocations_{PROJECT}.json"
    ]
    assert len(stack.target.get("/studies")) == 1
    report = verified(kept, key, [hospital.folder / f"revocations_{PROJECT}.json"])
    assert [(fault.kind, fault.subject) for fault in report.faults] == [("revoked", study)]
    printed = stack.cli("passport", "revocations", PROJECT)
    assert json.loads(printed.stdout)["revocations"]["studies"] == [study]
    assert verified(hospital.folder, key).faults == []


@pytest.mark.slow
def test_a_key_is_rotated_while_sendit_runs(make_stack: MakeStack) -> None:
    """The command needs a reason; old and new passports verify with the old and with the new public keys."""
    stack = make_stack()
    share = stack.folder / "share"
    share.mkdir(parents=True)
    stack.sendit["Destinations"] = {"share": {"Type": "Folder", "Path": str(share)}}
    stack.sendit["Projects"][PROJECT]["Destinations"] = ["share"]
    stack.start(target=False)
    send_study(stack, 1)
    stack.wait_batches(1)
    old = stack.folder / "old.pub"
    old.write_text(stack.api(f"passport/keys/{PROJECT}")["pem"])
    with pytest.raises(requests.HTTPError, match="422"):
        stack.api(f"passport/keys/{PROJECT}/rotate", "POST", json={"reason": ""})
    rotated = stack.cli("passport", "key", PROJECT, "--rotate", "--reason", "each year")
    assert rotated.returncode == 0, rotated.stderr
    assert [line.split(",")[0] for line in rotated.stdout.splitlines()[:2]] == [
        f"key 1 of {PROJECT}",
        f"key 2 of {PROJECT}",
    ]
    send_study(stack, 1)
    stack.wait_batches(2)
    new = stack.folder / "new.pub"
    new.write_text(stack.cli("passport", "key", PROJECT, "--public").stdout)
    assert new.read_text().startswith(old.read_text())
    for key in (old, new):
        report = verified(share, key)
        assert (report.faults, report.verified) == ([], 2)
    signed = {json.loads(path.read_bytes())["signature"]["key"] for path in share.rglob("manifest.json")}
    assert len(signed) == 2
    (file,) = (stack.data_directory / "keys" / "passport").glob("*.key")
    assert file.stat().st_mode & 0o777 == 0o600
    stack.restart()
    send_study(stack, 1)
    stack.wait_batches(3)
    assert verified(share, old).verified == 3
    with pytest.raises(requests.HTTPError, match="404"):
        stack.api("passport/keys/nobody")


@pytest.mark.slow
def test_the_program_comes_from_the_server(make_stack: MakeStack, tmp_path: Path) -> None:
    """What GET /api/passport/verifier gives is the program, and it runs in a Python without SendIt."""
    stack = make_stack().start()
    send_study(stack, 2)
    stack.wait_batches(1)
    answer = stack.source.session.get(f"{stack.source.url}/sendit/api/passport/verifier", timeout=30)
    answer.raise_for_status()
    program = tmp_path / "sendit_verify.py"
    program.write_bytes(answer.content)
    place, key = tmp_path / "received", tmp_path / "project.pub"
    place.mkdir()
    key.write_text(stack.api(f"passport/keys/{PROJECT}")["pem"])
    for number, content in enumerate(stack.delivered_files()):
        (place / str(number)).write_bytes(content)
    first = pydicom.dcmread(place / "0")
    study = orthanc_id(first.PatientID, first.StudyInstanceUID)
    attached = stack.target.session.get(f"{stack.target.url}/studies/{study}/attachments/5100/data")
    (place / "manifest.json").write_bytes(attached.content)
    command = [sys.executable, "-I", str(program), str(place), "--key", str(key)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "Complete and unchanged: 2 files" in done.stdout) == (0, True), done.stdout + done.stderr
    (place / "0").write_bytes((place / "0").read_bytes() + b"\0\0")
    assert kinds(verified(place, key)) == ["changed"]
