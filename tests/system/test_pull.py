"""Cohorts that are pulled from a PACS, through Orthanc's own API: a real Orthanc plays the PACS."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.dicom import Person, StudyMaker
from tests.servers.pacs import cohort, make_pacs
from tests.servers.stack import send_study
from tests.servers.waiting import wait_for
from tests.unit.pseudonyms.test_csv_list import write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeStack
    from tests.servers.orthanc import OrthancServer
    from tests.servers.stack import Stack


def store(pacs: OrthancServer, number: int, images: int = 2, **values: Any) -> StudyMaker:
    """Give the PACS a study of patient `MRN-<number>` with the accession number `ACC<number>`."""
    maker = StudyMaker(Person(f"MRN-{number}"), accession_number=f"ACC{number}", rows=16, **values)
    for file in maker.instances(images):
        pacs.upload(file)
    return maker


def ended(stack: Stack, number: int, limit: float = 60) -> dict[str, Any]:
    """The pull, once it has ended."""

    def now() -> dict[str, Any]:
        answer: dict[str, Any] = stack.api(f"pulls/{number}")
        return answer if answer["state"] != "RUNNING" else {}

    return wait_for(now, f"pull {number} to end: {stack.api(f'pulls/{number}')}", limit=limit)


def states(stack: Stack, number: int) -> dict[int, str]:
    return {row["line"]: row["state"] for row in stack.api(f"pulls/{number}/result")["rows"]}


def test_a_cohort_from_a_pacs(make_stack: MakeStack, tmp_path: Path) -> None:
    """Rows of every kind: each study is fetched once, goes to the project, and every row says what became of it."""
    stack = make_stack()
    stack.sendit["Projects"]["cohort"] = {"Destinations": ["research"]}  # no Match: only who is named goes there
    with make_pacs(tmp_path / "pacs", stack) as pacs:
        first = store(pacs, 1)
        store(pacs, 2, study_date="20200101")
        store(pacs, 3, images=3)
        stack.start()
        rows = [
            "ACC1,,,,,",
            "ACC1,,,,,",  # the same again
            f",,{first.study_uid},,,",  # the same study by another key
            ",MRN-2,,2024-01-01,,",  # the patient is there, but not in that time
            ",MRN-2,,,2020-12-31,CT",
            "ACC404,,,,,",
        ]
        (tmp_path / "list.csv").write_text(cohort(rows))
        wrong = stack.cli("pull", str(tmp_path / "list.csv"), "--from", "nowhere", "--project", "cohort")
        assert (wrong.returncode, "pacs, web" in wrong.stderr) == (2, True), wrong.stderr
        result = tmp_path / "result.csv"
        command = ["pull", str(tmp_path / "list.csv"), "--from", "pacs", "--project", "cohort", "--result", str(result)]
        done = stack.cli(*command)
        assert done.returncode == 1, done.stderr + stack.describe()
        assert states(stack, 1) == {
            2: "COMPLETE", 3: "DUPLICATE", 4: "COMPLETE", 5: "NOT_FOUND", 6: "COMPLETE", 7: "NOT_FOUND",
        }  # fmt: skip
        batches = stack.wait_batches(2)
        assert [(b["project"], b["state"], b["sent"]) for b in batches] == [("cohort", "DONE", 2)] * 2
        text = result.read_text()
        assert "ACC" not in text
        assert "MRN" not in text
        assert list((stack.data_directory / "pulls").iterdir()) == []
        named = tmp_path / "named.csv"
        looked = stack.cli("pulls", "1", "--result", str(named), "--identifiers", "--reason", "to complete the cohort")
        assert looked.returncode == 0, looked.stderr
        assert "ACC404" in named.read_text()
        assert stack.api("audit?action=show-pull")["entries"][0]["reason"] == "to complete the cohort"
        web = stack.api("pulls", "POST", json={"cohort": cohort(["ACC3,,,,,"]), "source": "web", "project": "cohort"})
        assert ended(stack, web["id"])["state"] == "DONE"
        assert stack.wait_batches(3)[-1]["sent"] == 3
        for secret in ("ACC404", "MRN-2", first.study_uid):
            assert secret not in stack.source.log()


def test_accession_numbers_and_the_codes_of_their_patients_in_one_list(make_stack: MakeStack, tmp_path: Path) -> None:
    """The cohort list is the list of pseudonyms, too, and has no PatientIDs: each study leaves with its row's code."""
    listed = tmp_path / "cohort.csv"
    columns = {"AccessionNumber": "AccessionNumber", "StudyInstanceUID": "StudyInstanceUID", "Code": "SubjectCode"}
    identities = {"Source": "Csv", "Path": str(listed), "Columns": columns}
    stack = make_stack()
    stack.sendit["Projects"]["cohort"] = {"Destinations": ["research"], "Identities": identities}
    with make_pacs(tmp_path / "pacs", stack) as pacs:
        first, by_uid = store(pacs, 1), store(pacs, 2)
        again = StudyMaker(first.person, accession_number="ACC3", rows=16, study_date="20230102")  # of the same patient
        for file in again.instances(2):
            pacs.upload(file)
        store(pacs, 4)  # nobody asks for it
        rows = ["ACC1,,SUBJECT-0001", f",{by_uid.study_uid},SUBJECT-0002", "ACC3,,SUBJECT-0001", "ACC3,,SUBJECT-0001"]
        write(listed, "AccessionNumber,StudyInstanceUID,SubjectCode", *rows, "ACC404,,SUBJECT-0404")
        stack.start()
        done = stack.cli("pull", str(listed), "--from", "pacs", "--project", "cohort")
        assert done.returncode == 1, done.stderr + stack.describe()
        assert states(stack, 1) == {2: "COMPLETE", 3: "COMPLETE", 4: "COMPLETE", 5: "DUPLICATE", 6: "NOT_FOUND"}
        batches = stack.wait_batches(3)
        assert [(batch["state"], batch["sent"]) for batch in batches] == [("DONE", 2)] * 3, stack.describe()
        delivered = {(file.PatientID, file.StudyInstanceUID) for file in stack.delivered()}
        assert sorted(code for code, _ in delivered) == ["SUBJECT-0001", "SUBJECT-0001", "SUBJECT-0002"]
        assert {file.AccessionNumber for file in stack.delivered()}.isdisjoint({"ACC1", "ACC3"})
        looked = stack.cli("lookup", "--project", "cohort", "--patient", "SUBJECT-0001", "--reason", "asked who it is")
        assert first.person.patient_id in looked.stdout, looked.stdout + looked.stderr


STUDIES = 200


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_hundred_studies_with_kills_in_between(make_stack: MakeStack, tmp_path: Path) -> None:
    """Worker, PACS and Orthanc are killed on the way: every row is accounted for, each study is sent once."""
    stack = make_stack(PullSources={"pacs": {"StudiesAhead": 8}})
    stack.sendit["Projects"]["cohort"] = {"Destinations": ["research"]}
    with make_pacs(tmp_path / "pacs", stack) as pacs:
        for number in range(STUDIES):
            store(pacs, number, images=2)
        stack.start()
        rows = [f"ACC{number},,,,," for number in range(STUDIES)]
        rows += [f"ACC{number},,,,," for number in range(0, STUDIES, 20)]  # the same again
        rows += [f",MRN-{number},,,,CT" for number in range(0, STUDIES, 20)]  # the same studies by another key
        rows += [f"NONE{number},,,,," for number in range(10)]
        body = {"cohort": cohort(rows), "source": "pacs", "project": "cohort"}
        pull = stack.api("pulls", "POST", json=body)["id"]

        def reached(studies: int) -> bool:
            try:
                return bool(stack.api(f"pulls/{pull}")["studies_done"] >= studies)
            except requests.RequestException:
                return False

        wait_for(lambda: reached(STUDIES // 10), "some studies", limit=300)
        os.kill(stack.worker_pid(), signal.SIGKILL)
        live = [send_study(stack) for _ in range(3)]
        wait_for(lambda: reached(STUDIES // 4), "more studies", limit=300)
        pacs.kill()
        wait_for(lambda: "waits" in str(problems(stack)), "the pull to wait for the PACS", limit=120)
        pacs.start()
        wait_for(lambda: reached(STUDIES // 2), "half of the studies", limit=300)
        stack.source.kill()
        stack.source.start()
        stack.wait_ready()
        wait_for(lambda: reached(STUDIES * 3 // 4), "most studies", limit=300)
        os.kill(stack.worker_pid(), signal.SIGKILL)
        wait_for(lambda: reached(STUDIES), "all studies", limit=300)
        answer = ended(stack, pull)
        assert answer["rows"] == {"COMPLETE": STUDIES + 10, "NOT_FOUND": 10, "DUPLICATE": 10}
        assert (answer["state"], answer["studies"], answer["images"]) == ("INCOMPLETE", STUDIES, 2 * STUDIES)
        assert len(states(stack, pull)) == len(rows)
        batches = stack.wait_batches(STUDIES + len(live), limit=300)
        assert {batch["state"] for batch in batches} == {"DONE"}
        mine = [batch for batch in batches if batch["project"] == "cohort"]
        assert (len(mine), len({batch["study"] for batch in mine})) == (STUDIES, STUDIES)
        assert {batch["sent"] for batch in mine} == {2}
        assert len(stack.target.get("/studies")) == STUDIES + len(live)
        assert list((stack.data_directory / "pulls").iterdir()) == []
        log = stack.source.log()
        assert not [secret for secret in ("ACC1", "MRN-", "NONE") if secret in log]


def problems(stack: Stack) -> list[str]:
    """What GET /api/health complains about; nothing while it does not answer."""
    try:
        found: list[str] = stack.api("health")["problems"]
    except requests.RequestException:
        found = []
    return found
