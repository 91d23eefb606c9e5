"""Small limits, for real: an import waits for room, says so, and goes on; what arrives by DICOM does not wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.dicom import Person, StudyMaker
from tests.servers.stack import PROJECT
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeStack


def test_an_import_waits_for_room_and_live_studies_go_first(make_stack: MakeStack, tmp_path: Path) -> None:
    """The target is down and one batch may be under way: a part of the folder stays outside of Orthanc."""
    stack = make_stack(
        WatchedFolders=[{"Path": str(tmp_path / "watched"), "Project": PROJECT, "QuietSeconds": 0.1}],
        Limits={"BatchesUnderWay": 1},
    )
    (tmp_path / "watched").mkdir()
    stack.start(target=False)
    stack.source.upload(StudyMaker(Person("P-1-771", "Doe^One")).instance())
    stack.wait_batch(lambda b: b["state"] == "DELIVERING")
    folder = tmp_path / "watched" / "cohort"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.dcm").write_bytes(StudyMaker(Person(f"P-7{number}-772", f"Roe^{number}")).instance())

    def says() -> bool:
        return any("SendIt.Limits.BatchesUnderWay" in problem for problem in stack.api("health")["problems"])

    wait_for(says, "the limit to be told of")
    needs_me = f"{stack.source.url}/sendit/"
    wait_for(lambda: "Imports and pulls wait" in stack.source.session.get(needs_me).text, "the page to say so")
    wait_for(lambda: stack.api("imports")["imports"], "the import to begin")
    assert len(stack.source.get("/studies")) == 1
    # A modality is not held back.
    stack.source.upload(StudyMaker(Person("P-2-771", "Doe^Two")).instance())
    stack.wait_batch(lambda b: b["id"] == 2 and b["state"] == "DELIVERING")
    stack.target.start()
    batches = stack.wait_batches(5, limit=120)
    assert {batch["state"] for batch in batches} == {"DONE"}
    assert len(stack.target.get("/instances")) == 5
    wait_for(lambda: not says(), "the limit to be kept again")
    assert "imports and pulls wait" in stack.source.log()
