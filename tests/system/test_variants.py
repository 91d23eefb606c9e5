"""Two de-identifications of one study, with two real targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.dicom import StudyMaker
from tests.servers.orthanc import OrthancServer
from tests.servers.stack import PROJECT, Stack, dcmread_bytes
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydicom.dataset import Dataset

    from tests.conftest import MakeStack


@pytest.fixture
def second(tmp_path: Path) -> Iterator[OrthancServer]:
    with OrthancServer(tmp_path / "second", name="SECOND") as server:
        yield server


def with_variant(stack: Stack, second: OrthancServer, **keys: Any) -> Stack:
    """A project with a variant "full" that keeps dates, and goes to the second target."""
    stack.peers["second"] = [second.url]
    stack.sendit["Destinations"]["second"] = {"Type": "OrthancPeer", "Peer": "second"}
    variant = {"Options": ["RetainLongitudinalFullDates"], "Destinations": ["second"], **keys}
    stack.sendit["Projects"][PROJECT]["Variants"] = {"full": variant}
    return stack.start()


def held(server: OrthancServer) -> list[Dataset]:
    return [dcmread_bytes(server.instance_file(identifier)) for identifier in server.get("/instances")]


@pytest.mark.slow
def test_a_study_leaves_in_two_ways_under_the_same_codes(make_stack: MakeStack, second: OrthancServer) -> None:
    """Each target has its own; late instances too; each batch has its own receipts, and can be verified."""
    stack = with_variant(make_stack(), second)
    maker = StudyMaker()
    for file in maker.instances(2):
        stack.source.upload(file)
    batches = stack.wait_batches(2)
    assert {(b["project"], b["state"], b["sent"], b["follows"]) for b in batches} == {
        (PROJECT, "DONE", 2, None),
        (f"{PROJECT}@full", "DONE", 2, None),
    }
    stack.source.upload(maker.instance(3))
    batches = stack.wait_batches(4)
    assert [b["received"] for b in batches] == [2, 2, 1, 1]
    assert {b["follows"] for b in batches[2:]} == {b["id"] for b in batches[:2]}
    shifted, full = stack.delivered(), held(second)
    assert len(shifted) == len(full) == 3
    assert {d.StudyDate for d in full} == {maker.study_date}
    assert maker.study_date not in {d.StudyDate for d in shifted}
    for keyword in ("PatientID", "StudyInstanceUID", "SOPInstanceUID"):
        assert {str(d[keyword].value) for d in full} == {str(d[keyword].value) for d in shifted}
    assert all(stack.cli("verify", str(b["id"])).returncode == 0 for b in batches)
    health = stack.api("health")
    assert health["projects"] == [PROJECT]
    looked = stack.cli("doctor")
    assert looked.returncode == 0, looked.stdout
    assert f"project {PROJECT}@full" in looked.stdout


@pytest.mark.slow
def test_a_variant_with_pseudonyms_of_its_own_cannot_be_tied_to_the_other(
    make_stack: MakeStack, second: OrthancServer
) -> None:
    """No code of one stands in the other."""
    stack = with_variant(make_stack(), second, OwnPseudonyms=True)
    for file in StudyMaker().instances(2):
        stack.source.upload(file)
    stack.wait_batches(2)
    shifted, full = stack.delivered(), held(second)
    for keyword in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "AccessionNumber"):
        assert not {str(d[keyword].value) for d in full} & {str(d[keyword].value) for d in shifted}


@pytest.mark.slow
def test_a_recall_takes_the_variants_back_too(make_stack: MakeStack, second: OrthancServer) -> None:
    """By the code of either of them, also where each has its own."""
    stack = with_variant(make_stack(), second, OwnPseudonyms=True)
    for file in StudyMaker().instances(2):
        stack.source.upload(file)
    stack.wait_batches(2)
    code = str(held(second)[0].PatientID)
    done = stack.cli("recall", "--patient", code, "--yes", "--reason", "consent withdrawn")
    assert done.returncode == 0, done.stdout + done.stderr
    assert held(second) == stack.delivered() == []
    assert {b["state"] for b in stack.batches()} == {"RECALLED"}


@pytest.mark.slow
def test_an_import_and_the_originals(make_stack: MakeStack, second: OrthancServer, tmp_path: Path) -> None:
    """What an import names the project for goes to the variant too; originals go when both have left."""
    stack = make_stack()
    stack.sendit["Projects"][PROJECT] |= {"AfterDelivery": "DeleteOriginals", "Match": None}
    with_variant(stack, second)
    folder = tmp_path / "import"
    folder.mkdir()
    for number, file in enumerate(StudyMaker().instances(2)):
        (folder / f"{number}.dcm").write_bytes(file)
    done = stack.cli("import", str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    assert {b["state"] for b in stack.wait_batches(2)} == {"DONE"}
    wait_for(lambda: stack.source.get("/instances") == [], "the originals to go")
    assert len(held(second)) == len(stack.delivered()) == 2
