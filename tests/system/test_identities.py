"""Pseudonyms from lists and services, and studies of two patients, on a running stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.dicom import Person, StudyMaker
from tests.servers.identity_service import Answer, IdentityService
from tests.servers.ports import free_port
from tests.servers.stack import PROJECT, Stack
from tests.servers.waiting import wait_for
from tests.unit.pseudonyms.test_csv_list import write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeStack

pytestmark = pytest.mark.slow


MRN = "MRN-7741-905"


def with_identities(make_stack: MakeStack, **identities: Any) -> Stack:
    project = {"Match": {}, "Options": [], "Destinations": ["research"], "Identities": identities}
    return make_stack(Projects={PROJECT: project}, Retry={"FirstDelay": 0.2, "MaxDelay": 0.5, "Limit": 100})


def send(stack: Stack, **person: str) -> None:
    for data in StudyMaker(person=Person(**person)).instances(3):
        stack.source.upload(data)


def retry_after(stack: Stack, number: int, state: str) -> None:
    """An operator's retry, and until the batch has ended otherwise than before."""
    assert stack.cli("retry", str(number)).returncode == 0
    stack.wait_batch(lambda batch: batch["id"] == number and batch["state"] == state)


def test_a_list(make_stack: MakeStack, tmp_path: Path) -> None:
    """Known patients get its codes; an unknown one is held until the list knows them; a broken list lets them wait."""
    path = tmp_path / "codes.csv"
    write(path, "PatientID,Code", f"{MRN},SUBJECT-0001")
    stack = with_identities(make_stack, Source="Csv", Path=str(path)).start()
    send(stack)
    assert [batch["state"] for batch in stack.wait_batches(1)] == ["DONE"]
    delivered = stack.delivered()
    assert {(d.PatientID, str(d.PatientName)) for d in delivered} == {("SUBJECT-0001", "SUBJECT-0001")}
    assert all(d.StudyInstanceUID.startswith("2.25.") for d in delivered)

    send(stack, patient_id="MRN-2")
    unknown = stack.wait_batches(2)[1]
    assert unknown["state"] == "QUARANTINED"
    assert "no pseudonym" in unknown["reason"]
    assert unknown["quarantined"] + unknown["under_way"] == 3
    write(path, "PatientID,Code", f"{MRN},SUBJECT-0001", "MRN-2,SUBJECT-0002")
    retry_after(stack, 2, "DONE")

    write(path, "PatientID,Code", f"{MRN},SUBJECT-0001", "MRN-3,")
    send(stack, patient_id="MRN-3")
    waiting = stack.wait_batch(lambda batch: batch["id"] == 3 and "line 3" in (batch["reason"] or ""))
    assert waiting["state"] in ("QUEUED", "PROCESSING")
    write(path, "PatientID,Code", f"{MRN},SUBJECT-0001", "MRN-3,SUBJECT-0003")
    stack.wait_batch(lambda batch: batch["id"] == 3 and batch["state"] == "DONE")
    assert {d.PatientID for d in stack.delivered()} == {f"SUBJECT-000{number}" for number in (1, 2, 3)}
    log = stack.source.log()
    assert "MRN" not in log
    assert "Quixworth" not in log


def test_unknown_patients_may_have_the_pseudonym_of_the_key(make_stack: MakeStack, tmp_path: Path) -> None:
    """Where the project says so; a patient who is known gets the code beside it."""
    path = tmp_path / "codes.csv"
    write(path, "PatientID,Code", f"{MRN},SUBJECT-0001")
    stack = with_identities(make_stack, Source="Csv", Path=str(path), Unknown="Keyed").start()
    send(stack)
    send(stack, patient_id="MRN-2")
    assert [batch["state"] for batch in stack.wait_batches(2)] == ["DONE", "DONE"]
    codes = {d.PatientID for d in stack.delivered()}
    assert "SUBJECT-0001" in codes
    assert len(codes) == 2
    assert "MRN-2" not in codes


def test_a_list_that_is_not_there(make_stack: MakeStack, tmp_path: Path) -> None:
    """SendIt does not start, and says where it looked."""
    stack = with_identities(make_stack, Source="Csv", Path=str(tmp_path / "none.csv"))
    stack.start(target=False, ready=False)
    wait_for(lambda: "none.csv" in stack.source.log(), "the message")
    assert f"SendIt.Projects.{PROJECT}.Identities.Path" in stack.source.log()


def test_a_service_that_is_down_and_comes_back(make_stack: MakeStack) -> None:
    """The batch waits; one request for the study."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/codes"
    stack = with_identities(make_stack, Source="Service", Url=url, Timeout=5).start()
    send(stack)
    stack.wait_batch(lambda batch: "does not answer" in (batch["reason"] or ""))
    with IdentityService({MRN: "SUBJECT-1"}, port=port) as service:
        [batch] = stack.wait_batches(1)
        assert batch["state"] == "DONE"
        assert len(service.asked) == 1
        assert service.asked[0]["project"] == PROJECT
    assert {d.PatientID for d in stack.delivered()} == {"SUBJECT-1"}
    assert MRN not in stack.source.log()


def test_a_service_that_answers_garbage(make_stack: MakeStack) -> None:
    """Nothing of it becomes a pseudonym; null holds the study; a right answer, after retry, sends it."""
    with IdentityService({MRN: "SUBJECT-1"}) as service:
        service.answer = Answer(200, b"<html>Sign in</html>", "text/html")
        stack = with_identities(make_stack, Source="Service", Url=service.url).start()
        send(stack)
        stack.wait_batch(lambda batch: "unusable" in (batch["reason"] or ""))
        service.answer = Answer(200, f'{{"codes": ["{MRN}"]}}'.encode())
        stack.wait_batch(lambda batch: "PatientID itself" in (batch["reason"] or ""))
        service.answer = Answer(200, b'{"codes": [null]}')
        [batch] = stack.wait_batches(1)
        assert (batch["state"], "no pseudonym" in batch["reason"]) == ("QUARANTINED", True)
        assert stack.delivered() == []
        service.answer = None
        retry_after(stack, 1, "DONE")
    assert {d.PatientID for d in stack.delivered()} == {"SUBJECT-1"}


def test_one_study_uid_under_two_patient_ids(make_stack: MakeStack) -> None:
    """Both are held, and nothing leaves: nobody can say whose it is."""
    stack = make_stack()
    stack.configure(StableAge=3)
    stack.start()
    maker = StudyMaker()
    for person in (Person(), Person(patient_id="MRN-2", name="Other^One")):
        maker.person = person
        for data in maker.instances(2):
            stack.source.upload(data)
    for batch in stack.wait_batches(2):
        assert batch["state"] == "QUARANTINED"
        assert "two patients in one study" in batch["reason"]
    assert stack.delivered() == []


def test_two_issuers_in_one_study(make_stack: MakeStack) -> None:
    """Where issuers part patients, the same PatientID of two is two; at once, and when the second comes later."""
    project = {"Match": {}, "Options": [], "Destinations": ["research"], "IssuersPartPatients": True}
    stack = make_stack(Projects={PROJECT: project}).start()
    mixed = StudyMaker(person=Person(issuer="A"))
    instances = mixed.instances(2)
    mixed.person = Person(issuer="B")
    for data in (*instances, mixed.instance(3)):
        stack.source.upload(data)
    [batch] = stack.wait_batches(1)
    assert batch["state"] == "QUARANTINED"

    later = StudyMaker(person=Person(patient_id="MRN-3", issuer="A"))
    stack.source.upload(later.instance(1))
    assert stack.wait_batches(2)[1]["state"] == "DONE"
    later.person.issuer = "B"
    stack.source.upload(later.instance(2))
    assert stack.wait_batches(3)[2]["state"] == "QUARANTINED"
    reasons = stack.api("batches/3")["reasons"]
    assert "two patients in one study" in reasons[0]["reason"]
    assert len(stack.delivered()) == 1


def test_two_issuers_in_one_study_with_a_list(make_stack: MakeStack, tmp_path: Path) -> None:
    """The engine holds an instance of another patient than the one whose code was looked up."""
    path = tmp_path / "codes.csv"
    write(path, "PatientID,Issuer,Code", f"{MRN},A,S1", f"{MRN},B,S2")
    columns = {"IssuerOfPatientID": "Issuer"}
    stack = with_identities(make_stack, Source="Csv", Path=str(path), Columns=columns).start()
    mixed = StudyMaker(person=Person(issuer="A"))
    first = mixed.instance(1)
    mixed.person = Person(issuer="B")
    for data in (first, mixed.instance(2)):
        stack.source.upload(data)
    [batch] = stack.wait_batches(1)
    assert batch["state"] == "QUARANTINED"
    assert any("another patient" in reason["reason"] for reason in stack.api("batches/1")["reasons"])
    assert stack.delivered() == []
