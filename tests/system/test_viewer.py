"""Frames, sheets, headers and projects through a real Orthanc: what a reviewer sees of a batch, and of a study."""

from __future__ import annotations

import io
import sqlite3
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from tests.burned import TEXT_BOX, CaptureMaker
from tests.dicom import PLANTED_NAME, StudyMaker
from tests.servers.stack import PROJECT, Stack
from tests.servers.waiting import wait_for
from tests.system.test_roles_and_audit import ask, started

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests
    from numpy.typing import NDArray

    from tests.conftest import MakeStack

MAKER = CaptureMaker()
#: A project that no study goes to by itself.
ANOTHER = "another"


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A batch whose outputs stay in staging: the peer is down. Two captures with text, one of three frames."""
    with Stack(tmp_path_factory.mktemp("viewer")) as stack:
        stack.sendit["Projects"][ANOTHER] = {"Destinations": ["research"]}
        stack.start(target=False, ready=False)
        wait_for(stack.is_ready, "the worker", limit=240)  # the machine may be busy
        for file in (MAKER.capture(1), MAKER.capture(2, frames=3, text_from=1)):
            stack.source.upload(file)
        stack.wait_batch(lambda b: b["state"] == "DELIVERING", limit=240)
        yield stack


def _get(stack: Stack, path: str, **parameters: Any) -> requests.Response:
    url = f"{stack.source.url}/sendit/api/{path}"
    return stack.source.session.get(url, params=parameters, timeout=60)


def _pixels(answer: requests.Response) -> NDArray[Any]:
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png"), answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    with Image.open(io.BytesIO(answer.content)) as opened:
        return np.asarray(opened)


def _numbers(stack: Stack) -> dict[int, int]:
    """The numbers of the instances by how many frames they have."""
    images = _get(stack, "batches/1/images").json()["images"]
    return {_get(stack, f"batches/1/instances/{n['number']}/frames").json()["frames"]: n["number"] for n in images}


@pytest.mark.slow
def test_frames_before_and_after(held: Stack) -> None:
    """In full size; the text is in that of before alone, and the boxes say where it was."""
    number = _numbers(held)[1]
    told = _get(held, f"batches/1/instances/{number}/frames").json()
    assert (told["rows"], told["columns"], told["frames"]) == (200, 320, 1)
    x0, y0, x1, y1 = TEXT_BOX
    [box] = told["image"]["boxes"]
    assert (box["kind"], box["why"]) == ("masked", "text detection")
    assert box["x0"] < x1
    assert box["y0"] < y1
    brightest = {}
    for which in ("before", "after"):
        pixels = _pixels(_get(held, f"batches/1/instances/{number}/frames/1", which=which))
        assert pixels.shape == (200, 320)
        brightest[which] = int(pixels[y0:y1, x0:x1].max())
    assert (brightest["before"] > 200, brightest["after"] < 100) == (True, True)


def test_every_frame_of_many(held: Stack) -> None:
    """The text begins in the second frame; the fourth is none."""
    number = _numbers(held)[3]
    x0, y0, x1, y1 = TEXT_BOX
    texts = []
    for frame in (1, 2, 3):
        pixels = _pixels(_get(held, f"batches/1/instances/{number}/frames/{frame}", which="before"))
        texts.append(int(pixels[y0:y1, x0:x1].max()) > 200)
    assert texts == [False, True, True]
    answer = _get(held, f"batches/1/instances/{number}/frames/4", which="before")
    assert (answer.status_code, "no such frame" in answer.text) == (404, True)


def test_windows(held: Stack) -> None:
    """A narrow window turns what is darker black, and what is brighter white."""
    number = _numbers(held)[1]
    pixels = _pixels(_get(held, f"batches/1/instances/{number}/frames/1", which="before", window="100,2"))
    assert set(np.unique(pixels)) <= {0, 63, 127, 128, 191, 255}
    assert _get(held, f"batches/1/instances/{number}/frames/1", window="100").status_code == 422


def test_sheets(held: Stack) -> None:
    """Eight tiles in a row, those that are not there dark."""
    pixels = _pixels(_get(held, "batches/1/sheet", count=16))
    assert pixels.shape == (128, 1024, 3)
    assert pixels[:, :256].max() > 80
    assert pixels[:, 256:].max() == 0
    frames = _pixels(_get(held, f"batches/1/instances/{_numbers(held)[3]}/sheet", first=2, count=2))
    assert frames.shape == (128, 1024, 3)
    assert frames[:, 128:256].max() > 80


def test_header_before_and_after(held: Stack) -> None:
    """Each element with its rule, the original value beside that of the output."""
    answer = _get(held, "batches/1/instances/1/header").json()
    assert (answer["planned"], answer["same_rules"], answer["originals"]) == (False, True, True)
    rows = {row["keyword"]: row for row in answer["rows"]}
    name = rows["PatientName"]
    assert (name["before"], name["happens"], name["vr"]) == (PLANTED_NAME, "replaced", "PN")
    assert "PS3.15" in name["decided"]
    assert name["after"] != PLANTED_NAME
    assert rows["PixelData"]["happens"] == "cleaned"
    assert rows["Rows"]["before"] == "200"
    assert PLANTED_NAME not in held.source.log()


def test_what_is_not_there(held: Stack) -> None:
    """404 in words, for a batch, an instance, and an output that is no longer in staging."""
    for path in ("batches/99/images", "batches/1/instances/9/frames/1", "batches/1/instances/9/header"):
        answer = _get(held, path)
        assert (answer.status_code, bool(answer.json()["cure"])) == (404, True)
    assert "has no instance 9" in _get(held, "batches/1/instances/9/frames").text


def test_projects_in_words(held: Stack) -> None:
    """The profile in words, and the version of its rules that the batch was de-identified by."""
    project, another = _get(held, "projects").json()["projects"]
    assert another["name"] == ANOTHER
    lines = {line["subject"]: line["text"] for line in project["profile"]}
    assert project["name"] == PROJECT
    assert "whole weeks" in lines["Dates"]
    assert lines["Destinations"] == "research (OrthancPeer)"
    detail = _get(held, f"projects/{PROJECT}").json()
    [version] = detail["versions"]
    assert (version["current"], version["digest"]) == (True, project["digest"])
    assert version["first_used_at"]
    same = _get(held, f"projects/{PROJECT}/difference", old=version["digest"], new=version["digest"]).json()
    assert (same["changes"], same["texts"]) == ([], "")
    assert ANOTHER in held.cli("projects").stdout
    assert "  Destinations: research (OrthancPeer)" in held.cli("projects", PROJECT).stdout
    assert _get(held, f"projects/{PROJECT}/difference", old="0" * 64, new=version["digest"]).status_code == 404


def test_a_preview_leaves_nothing_behind(held: Stack) -> None:
    """What another project would do to a study in Orthanc: no batch, no entry of the crosswalk, no file, no rules."""
    maker = StudyMaker()
    study = held.source.upload(maker.instance())["ParentStudy"]
    held.wait_batch(lambda b: b["study"] == study and b["state"] == "DELIVERING", limit=240)
    # What was made of the study while it arrived is removed a moment after its batch goes on.
    wait_for(lambda: not list(held.data_directory.rglob("ahead-*")), "the folders made ahead to go")
    before = _left(held)
    answer = held.api(f"projects/{ANOTHER}/preview", "POST", json={"study": study, "instance": 1})
    assert (answer["outcome"], answer["instances"], answer["notes"]) == ("released", 1, [])
    rows = {row["keyword"]: row for row in answer["rows"]}
    assert rows["PatientID"]["before"] == maker.person.patient_id
    assert rows["StudyDate"]["happens"] == "blanked"
    shown = held.cli("preview", ANOTHER, study)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert maker.person.patient_id in shown.stdout
    assert _left(held) == before
    queued = held.cli("process", study, "--project", ANOTHER, "--reason", "asked for")
    assert (queued.returncode, "QUEUED" in queued.stdout) == (0, True), queued.stderr
    for body in ({"study": study, "instance": 2}, {"study": "-".join(["00000000"] * 5)}):
        url = f"{held.source.url}/sendit/api/projects/{ANOTHER}/preview"
        assert held.source.session.post(url, json=body, timeout=60).status_code == 404


def _left(stack: Stack) -> tuple[Any, ...]:
    """All that a preview could have left behind."""
    with sqlite3.connect(f"file:{stack.data_directory / 'journal.sqlite'}?mode=ro", uri=True) as journal:
        counts = [
            journal.execute(f"SELECT count(*) FROM {table}").fetchone() for table in ("batches", "crosswalk", "rules")
        ]
    files = sorted(str(path) for path in stack.data_directory.rglob("*") if path.suffix not in ("", ".sqlite-wal"))
    return counts, files


def test_who_sees_originals(make_stack: MakeStack) -> None:
    """Reviewers and those who look up; each look is in the audit log. Others see codes, and what was released.

    Who may release what waits sees it as it would leave, and nothing of the originals.
    """
    stack = started(make_stack(), Pixels={"OnText": "Review"})
    maker = CaptureMaker()
    stack.source.upload(maker.capture(1))
    stack.wait_batch(lambda b: b["state"] in ("QUARANTINED", "REVIEW"), limit=240)
    frames = [f"api/batches/1/{path}" for path in ("instances/1/frames/1?which=before", "sheet?which=before", "sheet")]
    for path in (*frames, "api/batches/1/instances/1/frames"):
        refused = ask(stack, "vera", path)
        assert (refused.status_code, "does not have the role" in refused.json()["detail"]) == (403, True), path
    header = ask(stack, "vera", "api/batches/1/instances/1/header")
    assert {row["before"] for row in header.json()["rows"]} <= {"", "•••"}
    for word in (maker.person.patient_id, maker.study_uid, *maker.person.name.split("^")):
        assert word not in header.text
    assert ask(stack, "vera", "api/audit?action=look").json()["entries"] == []

    assert ask(stack, "rita", frames[0]).status_code == 200
    assert ask(stack, "rita", frames[0]).status_code == 200  # the same look
    assert maker.person.patient_id in ask(stack, "lee", "api/batches/1/instances/1/header").text
    looks = ask(stack, "vera", "api/audit?action=look").json()["entries"]
    assert [(one["actor"], one["subject"], one["details"]["what"]) for one in looks] == [
        ("orthanc:lee", "instance 1", "header"),
        ("orthanc:rita", "instance 1", "frame"),
    ]
    assert ask(stack, "bea", "api/batches/1/instances/1/frames").status_code == 200
    assert ask(stack, "bea", "api/batches/1/instances/1/frames/1").status_code == 200
    assert ask(stack, "bea", frames[0]).status_code == 403
    [newest, *_] = ask(stack, "vera", "api/audit?action=look").json()["entries"]
    assert (newest["actor"], newest["details"]) == ("orthanc:bea", {"what": "frame of the output"})
    body = {"study": stack.batches()[0]["study"]}
    assert ask(stack, "vera", f"api/projects/{PROJECT}/preview", "POST", body).status_code == 403
    assert maker.person.patient_id in ask(stack, "lee", f"api/projects/{PROJECT}/preview", "POST", body).text
    [newest, *_] = ask(stack, "vera", "api/audit?action=look").json()["entries"]
    assert (newest["details"], newest["project"]) == ({"what": "preview"}, PROJECT)
