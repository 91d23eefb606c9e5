"""Cohorts that are pulled from a PACS, through Orthanc's own API: a real Orthanc plays the PACS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.dicom import Person, StudyMaker
from tests.servers.pacs import cohort, make_pacs
from tests.servers.waiting import wait_for

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
