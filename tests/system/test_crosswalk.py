"""The crosswalk on a running stack: looked up on the command line, every look recorded, and cut."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.dicom import PLANTED_NAME, Person, StudyMaker
from tests.servers.stack import PROJECT, Stack
from tests.servers.waiting import wait_for
from tests.unit.pseudonyms.test_csv_list import write

if TYPE_CHECKING:
    from tests.conftest import MakeStack

pytestmark = pytest.mark.slow


WHY = ("--reason", "the ethics committee asks", "--project", PROJECT)
MRN, ACCESSION = Person().patient_id, StudyMaker().accession_number


def database_bytes(stack: Stack) -> bytes:
    """Journal and engine, with their write-ahead logs."""
    return b"".join(path.read_bytes() for path in stack.data_directory.glob("*.sqlite*"))


def _logged(stack: Stack, text: str) -> bool:
    return text in stack.source.log()


def journal_bytes(stack: Stack) -> bytes:
    return b"".join(path.read_bytes() for path in stack.data_directory.glob("journal.sqlite*"))


def cut(stack: Stack, typed: str, project: str = PROJECT) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "sendit"), "cut-ties", "--project", project, "--reason", "the end"]
    environment = {**os.environ, "SENDIT_CONFIG": str(stack.source.folder / "orthanc.json")}
    return subprocess.run(command, input=typed + "\n", capture_output=True, text=True, timeout=120, env=environment)


def test_lookup_both_ways_and_export(stack: Stack, tmp_path: Path) -> None:
    """With and without the worker; no original stands in the database or the log; who looked is kept."""
    maker = StudyMaker(person=Person(issuer="HOSPITAL-7"))
    for data in maker.instances(3):
        stack.source.upload(data)
    stack.wait_batches(1)
    delivered = stack.delivered()[0]
    by_code = stack.cli("lookup", "--patient", delivered.PatientID, *WHY)
    assert by_code.returncode == 0, by_code.stderr
    for text in (MRN, "HOSPITAL-7", maker.study_uid, ACCESSION, delivered.AccessionNumber, delivered.StudyInstanceUID):
        assert text in by_code.stdout
    for original in (MRN, maker.study_uid, ACCESSION):
        assert delivered.PatientID in stack.cli("lookup", "--original", original, *WHY).stdout
    assert stack.cli("lookup", "--original", "MRN-0", *WHY).returncode == 1
    assert stack.cli("lookup", "--patient", MRN, *WHY).returncode == 1  # an original, typed by mistake
    assert stack.cli("lookup", "--patient", delivered.PatientID, "--project", PROJECT).returncode == 2

    content = database_bytes(stack)
    assert delivered.PatientID.encode() in content
    for original in (MRN, PLANTED_NAME, maker.study_uid, ACCESSION, "HOSPITAL-7"):
        assert original.encode() not in content
        assert original not in stack.source.log()
    stack.source.stop()
    target = tmp_path / "export.csv"
    assert stack.cli("crosswalk", "export", str(target), *WHY).returncode == 0
    assert target.stat().st_mode & 0o777 == 0o600
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["kind"], row["original"]) for row in rows} == {
        ("patient", MRN),
        ("study", maker.study_uid),
        ("accession", ACCESSION),
    }
    before = target.read_bytes()
    assert stack.cli("crosswalk", "export", str(target), *WHY).returncode == 2
    assert target.read_bytes() == before
    looks = stack.cli("crosswalk", "looks", "--project", PROJECT).stdout
    assert looks.count("the ethics committee asks") == 8
    assert MRN not in looks


def two_projects(make_stack: MakeStack, **extra: Any) -> Stack:
    common = {"Options": [], "Destinations": ["research"]}
    second = {"Match": {"StudyDescription": "NOTHING*"}, **common}
    return make_stack(Projects={PROJECT: {"Match": {}, **common, **extra}, "second": second})


@pytest.mark.slow
def test_cut_ties(make_stack: MakeStack) -> None:
    """Only with the name typed: then no key or tie is left, the other project's stay, what was sent is known."""
    stack = two_projects(make_stack).start()
    stack.source.upload(StudyMaker().instance())
    stack.wait_batches(1)
    code = stack.delivered()[0].PatientID
    study, instance = stack.source.get("/studies")[0], stack.source.get("/instances")[0]
    keys = stack.data_directory / "keys"
    assert cut(stack, "something").returncode == 2
    assert (keys / f"{PROJECT}.key").exists()
    done = cut(stack, PROJECT)
    assert done.returncode == 0, done.stderr
    assert "Restart Orthanc" in done.stdout
    left = sorted(str(path.relative_to(keys)) for path in keys.rglob("*.key"))
    # Signing keys lead to nobody, and lists of recalled studies need them (docs/passport.md).
    assert left == ["crosswalk/second.key", f"passport/{PROJECT}.key", "passport/second.key", "second.key"]
    assert instance.encode() not in journal_bytes(stack)
    assert stack.batches()[0]["study"].startswith("cut-")
    assert stack.api(f"batches?study={study}")["batches"] == []
    refused = stack.cli("lookup", "--patient", code, *WHY)
    assert refused.returncode == 2
    assert "permanently unlinked on" in refused.stderr
    assert cut(stack, PROJECT).returncode == 0
    verified = stack.cli("verify", "1")
    assert verified.returncode == 0, verified.stdout
    assert "1 receipt, as recorded" in verified.stdout
    doctor = stack.cli("doctor").stdout
    assert f"project {PROJECT}: it was permanently unlinked on" in doctor
    assert "accepts no studies" in doctor


@pytest.mark.slow
def test_after_the_cut(make_stack: MakeStack) -> None:
    """No new study is coded, no late instance; no other project takes what was the cut one's; no key is made."""
    stack = two_projects(make_stack).start()
    maker = StudyMaker()
    stack.source.upload(maker.instance(1))
    stack.wait_batches(1)
    assert cut(stack, PROJECT).returncode == 0
    keys = stack.data_directory / "keys"
    for _ in range(2):  # in the worker that ran meanwhile, and in one that starts anew
        before = len(stack.batches())
        stack.source.upload(StudyMaker(person=Person(patient_id="MRN-8")).instance())
        last = stack.wait_batches(before + 1)[-1]
        assert (last["state"], last["project"]) == ("FAILED", PROJECT)
        assert "permanently unlinked" in last["reason"]
        stack.source.stop()
        stack.source.start()
        stack.wait_ready()
    assert f"SendIt.Projects.{PROJECT}: project" in stack.source.log()

    stack.source.stop()
    del stack.sendit["Projects"][PROJECT]
    stack.sendit["Projects"]["second"]["Match"] = {}
    stack.source.start()
    stack.wait_ready()
    stack.source.upload(StudyMaker(person=Person(patient_id="MRN-9")).instance())
    stack.wait_batch(lambda batch: batch["project"] == "second" and batch["state"] == "DONE")
    stack.source.upload(maker.instance(2))
    stack.wait_batch(lambda batch: batch["follows"] is None and batch["id"] == 5 and batch["state"] == "FAILED")
    assert [batch["project"] for batch in stack.batches()] == [PROJECT] * 3 + ["second", PROJECT]
    assert len(stack.delivered()) == 2
    assert list(keys.rglob(f"{PROJECT}.key")) == [keys / "passport" / f"{PROJECT}.key"]  # it signs, and codes nothing

    stack.sendit["Projects"][PROJECT] = {"Match": {}, "Options": [], "Destinations": ["research"]}
    stack.source.stop()
    stack.source.start()
    stack.wait_ready()
    refused = stack.cli("deidentify", str(stack.folder), str(stack.folder / "out"), "--project", PROJECT,
                        "--config", str(stack.source.folder / "orthanc.json"))  # fmt: skip
    assert refused.returncode == 2
    assert "permanently unlinked" in refused.stderr
    assert list(keys.rglob(f"{PROJECT}.key")) == [keys / "passport" / f"{PROJECT}.key"]  # it signs, and codes nothing


@pytest.mark.slow
def test_a_lost_key(make_stack: MakeStack) -> None:
    """Of the project or of its crosswalk: SendIt does not start, the doctor says which, and none is made anew."""
    stack = two_projects(make_stack).start()
    stack.source.upload(StudyMaker().instance())
    stack.wait_batches(1)
    keys = stack.data_directory / "keys"
    for path in (keys / f"{PROJECT}.key", keys / "crosswalk" / f"{PROJECT}.key"):
        stack.source.stop()
        aside = path.rename(path.with_suffix(".aside"))
        stack.source.start()
        says = f"{path}: the key is missing"
        wait_for(partial(_logged, stack, says), "the message")
        assert f"project {PROJECT}: {path}: the key is missing" in stack.cli("doctor").stdout
        assert not path.exists()
        aside.rename(path)


def test_without_a_crosswalk(make_stack: MakeStack) -> None:
    """Nothing is kept, and a look says so."""
    stack = two_projects(make_stack, Crosswalk=False).start()
    stack.source.upload(StudyMaker().instance())
    assert stack.wait_batches(1)[0]["state"] == "DONE"
    refused = stack.cli("lookup", "--original", MRN, *WHY)
    assert refused.returncode == 2
    assert "has no crosswalk" in refused.stderr
    assert not (stack.data_directory / "keys" / "crosswalk" / f"{PROJECT}.key").exists()


def test_a_list_that_gives_a_code_to_another_patient_later(make_stack: MakeStack, tmp_path: Path) -> None:
    """The second patient is held."""
    path = tmp_path / "codes.csv"
    write(path, "PatientID,Code", f"{MRN},SUBJECT-1")
    stack = two_projects(make_stack, Identities={"Source": "Csv", "Path": str(path)}).start()
    stack.source.upload(StudyMaker().instance())
    stack.wait_batches(1)
    write(path, "PatientID,Code", "MRN-8,SUBJECT-1")
    stack.source.upload(StudyMaker(person=Person(patient_id="MRN-8")).instance())
    held = stack.wait_batches(2)[1]
    assert held["state"] == "QUARANTINED"
    assert "two patients with one pseudonym" in held["reason"]


@pytest.mark.slow
def test_late_instances_and_another_issuer(make_stack: MakeStack, tmp_path: Path) -> None:
    """Late instances add no rows; the same PatientID of another issuer, in a later study, has rows of its own."""
    stack = two_projects(make_stack).start()
    maker = StudyMaker(person=Person(issuer="A"))
    stack.source.upload(maker.instance(1))
    stack.wait_batches(1)
    stack.source.upload(maker.instance(2))
    stack.wait_batches(2)
    stack.source.upload(StudyMaker(person=Person(issuer="B"), accession_number="=ACC-2").instance())
    stack.wait_batches(3)
    target = tmp_path / "export.csv"
    assert stack.cli("crosswalk", "export", str(target), *WHY).returncode == 0
    with target.open(newline="") as file:
        found = list(csv.DictReader(file))
    assert sorted((row["kind"], row["issuer"]) for row in found) == [
        ("accession", ""), ("accession", ""), ("patient", "A"), ("patient", "B"), ("study", ""), ("study", ""),
    ]  # fmt: skip
    assert "'=ACC-2" in {row["original"] for row in found}
    assert {row["code"] for row in found if row["kind"] == "patient"} == {d.PatientID for d in stack.delivered()}


@pytest.mark.slow
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_on_postgresql(make_stack: MakeStack, database: str) -> None:
    """The same, with the worker running: looked up, exported to nobody, cut, verified."""
    stack = make_stack(database).start()
    stack.source.upload(StudyMaker().instance())
    stack.wait_batches(1)
    code = stack.delivered()[0].PatientID
    assert code in stack.cli("lookup", "--original", MRN, *WHY).stdout
    done = cut(stack, PROJECT)
    assert done.returncode == 0, done.stderr
    assert "every other machine" in done.stdout
    assert stack.cli("lookup", "--original", MRN, *WHY).returncode == 2
    assert stack.cli("verify", "1").returncode == 0
