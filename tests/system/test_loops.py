"""Own output that comes back, and copies that Orthanc makes: neither leaves as another patient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.uid import generate_uid

from tests.dicom import Person, written
from tests.servers.stack import PROJECT, Stack, dcmread_bytes, send_study
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from tests.conftest import MakeStack

pytestmark = pytest.mark.slow


ENDED = {"DONE", "EMPTY", "QUARANTINED", "FAILED", "RECALLED"}


def routed_back(stack: Stack) -> None:
    """The target sends what it gets to the source, by C-STORE and under a title of its own, as auto-routing does."""
    script = stack.folder / "route.lua"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text("function OnStoredInstance(id, tags, metadata) SendToModality(id, 'back') end\n")
    stack.target.configuration["LuaScripts"] = [str(script)]
    stack.target.configuration["DicomModalities"] = {"back": ["ELSEWHERE", "127.0.0.1", stack.source.dicom_port]}


def coerced(data: bytes, **values: Any) -> bytes:
    """A file as a target changes it; None deletes an attribute."""
    dataset = dcmread(DicomBytesIO(data))
    for keyword, value in values.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    plain = Dataset()
    plain.update(dataset)
    return written(plain)


def test_a_target_that_routes_back_gets_each_instance_once(make_stack: MakeStack) -> None:
    """Four rounds, the last one with a late instance: what came back ends EMPTY and says why."""
    stack = make_stack()
    routed_back(stack)
    stack.start()
    for number in range(3):
        maker = send_study(stack, 2, Person(f"MRN-{number}", "Nobody^Else"))
        stack.wait_batches(2 * number + 2)
    assert len(stack.delivered_files()) == 6
    stack.source.upload(maker.instance(9))
    batches = stack.wait_batches(8)
    assert sorted(b["state"] for b in batches) == ["DONE"] * 4 + ["EMPTY"] * 4, stack.describe()
    assert len(stack.delivered_files()) == 7
    assert len(stack.source.get("/instances")) == 14
    for batch in batches:
        if batch["state"] == "EMPTY":
            assert "an output of SendIt that came back" in batch["reason"]
            assert (batch["sent"], batch["rejected"]) == (0, batch["received"])


UNMARKED = {"PatientIdentityRemoved": None, "DeidentificationMethod": None, "DeidentificationMethodCodeSequence": None}


@pytest.mark.slow
@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"SOPInstanceUID": generate_uid(), "SeriesInstanceUID": generate_uid()},
        {"SOPInstanceUID": generate_uid(), **UNMARKED},
        {"PatientID": "SITE-12", "PatientName": "Coerced^Somehow", **UNMARKED},
        {"StudyInstanceUID": generate_uid(), "SeriesInstanceUID": generate_uid(), **UNMARKED},
        {"StudyInstanceUID": generate_uid(), "PatientID": "SITE-12", "SeriesInstanceUID": generate_uid()},
        {
            "StudyInstanceUID": generate_uid(),
            "PatientID": "SITE-12",
            "DeidentificationMethod": ["Another tool", "SendIt: DICOM PS3.15 2026d, Basic Profile"],
        },
    ],
    ids=["a-part", "new-uids", "unmarked", "new-patient", "new-study", "only-marked", "marked-twice"],
)
def test_what_comes_back_changed_is_known(stack: Stack, changed: dict[str, Any]) -> None:
    """Only a part of it, with other UIDs, under another patient, without its marks, or marked by somebody else, too."""
    send_study(stack, 2)
    stack.wait_batches(1)
    first = stack.delivered_files()[0]
    stack.source.upload(coerced(first, **changed))
    _, back = stack.wait_batches(2)
    assert back["state"] == "EMPTY", stack.describe()
    assert "an output of SendIt that came back" in back["reason"]
    assert len(stack.delivered_files()) == 2


def test_an_output_with_its_uids_retained_does_not_hold_its_original(make_stack: MakeStack) -> None:
    """Orthanc then holds one StudyInstanceUID under two PatientIDs; late instances of the original still leave."""
    stack = make_stack()
    stack.sendit["Projects"][PROJECT]["Options"].append("RetainUIDs")
    stack.start()
    maker = send_study(stack, 1)
    stack.wait_batches(1)
    stack.source.upload(coerced(stack.delivered_files()[0], **UNMARKED))
    _, back = stack.wait_batches(2)
    assert back["state"] == "EMPTY", stack.describe()
    stack.source.upload(maker.instance(9))
    late = stack.wait_batches(3)[-1]
    assert (late["state"], late["sent"]) == ("DONE", 1), stack.describe()


def test_a_project_may_take_what_another_one_has_sent(make_stack: MakeStack) -> None:
    """Once, as another patient; what it has sent itself does not go round again."""
    stack = make_stack()
    projects = stack.sendit["Projects"]
    second = {"Match": {"StudyDescription": "SECOND*"}, "Accept": {"Deidentified": True}, "Destinations": ["research"]}
    second["Options"] = ["CleanPixelData", "CleanDescriptors"]
    stack.sendit["Projects"] = {"second": second, **projects}
    stack.source.configuration["SendIt"]["Projects"] = stack.sendit["Projects"]
    stack.start()
    send_study(stack, 1)
    stack.wait_batches(1)
    [first] = stack.delivered_files()
    stack.source.upload(coerced(first, StudyDescription="SECOND CT"))
    taken = stack.wait_batches(2)[-1]
    assert (taken["project"], taken["state"], taken["sent"]) == ("second", "DONE", 1), stack.describe()
    [again] = [data for data in stack.delivered_files() if data != first]
    stack.source.upload(coerced(again, StudyDescription="SECOND CT"))
    back = stack.wait_batches(3)[-1]
    assert (back["project"], back["state"]) == ("second", "EMPTY")
    assert "of this project" in back["reason"]
    assert len(stack.delivered_files()) == 2


def copy(stack: Stack, study: str, how: str, **asked: Any) -> str:
    """Orthanc's own copy of a study; its identifier."""
    kind, level = "Study", "studies"
    if "PatientID" in asked.get("Replace", {}):  # of a study alone, Orthanc does not change it
        kind, level, study = "Patient", "patients", stack.source.get(f"/studies/{study}/patient")["ID"]
    answer = stack.source.session.post(f"{stack.source.url}/{level}/{study}/{how}", json=asked, timeout=30)
    answer.raise_for_status()
    made = str(answer.json()["ID"])
    return made if kind == "Study" else str(stack.source.get(f"/patients/{made}/studies")[0]["ID"])


WAYS: list[tuple[str, dict[str, Any]]] = [
    ("anonymize", {}),
    ("modify", {"Replace": {"PatientID": "OTHER", "PatientName": "Other^One"}, "Force": True}),
    ("modify", {"Replace": {"StudyDescription": "CHANGED"}}),
]


@pytest.mark.parametrize(("how", "asked"), WAYS, ids=["anonymize", "another-patient", "another-study"])
def test_a_copy_that_orthanc_made_is_not_forwarded(stack: Stack, how: str, asked: dict[str, Any]) -> None:
    """Nor is a copy of the copy."""
    send_study(stack, 2)
    stack.wait_batches(1)
    [study] = stack.source.get("/studies")
    made = copy(stack, study, how, **asked)
    stack.wait_batches(2)
    copy(stack, made, "anonymize")
    batches = stack.wait_batches(3)
    assert [b["state"] for b in batches] == ["DONE", "EMPTY", "EMPTY"], stack.describe()
    assert all("Orthanc made it of another study" in b["reason"] for b in batches[1:])
    assert len(stack.delivered_files()) == 2


def test_what_was_corrected_in_place_of_its_original_leaves(make_stack: MakeStack) -> None:
    """A wrong PatientID, mended in Orthanc before anything of the study had left: there is one patient only."""
    stack = make_stack()
    stack.configure(StableAge=2)
    stack.start()
    send_study(stack, 2)
    [study] = stack.source.get("/studies")
    copy(stack, study, "modify", Replace={"PatientID": "RIGHT"}, Force=True, KeepSource=False)
    wait_for(lambda: len(stack.delivered_files()) == 2, "the mended study to arrive")
    assert len({d.PatientID for d in stack.delivered()}) == 1


def test_a_recall_covers_copies_where_a_project_takes_them(make_stack: MakeStack) -> None:
    """By the original's patient: what was made of the study is taken back with it, and what is made later is held."""
    stack = make_stack()
    stack.sendit["Projects"][PROJECT]["Accept"] = {"Copies": True}
    stack.start()
    send_study(stack, 1)
    stack.wait_batches(1)
    [code] = {str(d.PatientID) for d in stack.delivered()}
    [study] = stack.source.get("/studies")
    made = copy(stack, study, "anonymize")
    stack.wait_batches(2)
    copy(stack, made, "modify", Replace={"PatientID": "OTHER"}, Force=True)
    batches = stack.wait_batches(3)
    assert [b["state"] for b in batches] == ["DONE"] * 3, stack.describe()
    assert len({dcmread_bytes(data).PatientID for data in stack.delivered_files()}) == 3
    done = stack.cli("recall", "--patient", code, "--yes", "--reason", "consent withdrawn")
    assert done.returncode == 0, done.stdout + done.stderr
    assert stack.delivered_files() == []
    copy(stack, study, "modify", Replace={"PatientID": "LATER"}, Force=True)
    held = stack.wait_batches(4, ENDED)[-1]
    assert held["state"] == "QUARANTINED", stack.describe()
    assert "recalled" in held["reason"]
    assert stack.delivered_files() == []
