"""Burned-in text through a real Orthanc: masked in what is delivered, or held; shown until the batch is done."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from tests.burned import TEXT_BOX, CaptureMaker
from tests.dicom import StudyMaker
from tests.servers.stack import PROJECT, Stack
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    import requests

    from tests.conftest import MakeStack


def _configure(stack: Stack, **project: Any) -> Stack:
    stack.sendit["Projects"] = {PROJECT: {"Match": {}, "Destinations": ["research"], **project}}
    return stack


def _get(stack: Stack, path: str) -> requests.Response:
    return stack.source.session.get(f"{stack.source.url}/sendit/{path}", timeout=30)


def _kept(stack: Stack) -> list[str]:
    return [path.name for path in (stack.data_directory / "pictures").rglob("*")]


def test_review_shows_what_is_held_until_it_is_done(make_stack: MakeStack) -> None:
    """It waits under Review, with pictures before and after; accepted, it is delivered, and the pictures are gone."""
    stack = _configure(make_stack(), Pixels={"OnText": "Review"}).start()
    maker = CaptureMaker()
    stack.source.upload(maker.capture(1))
    [batch] = stack.wait_batches(1, {"REVIEW"})
    assert batch["pictures"] == 1, stack.describe()
    assert stack.delivered_files() == []
    answer = _get(stack, f"api/batches/{batch['id']}/pictures")
    assert answer.headers["Cache-Control"] == "no-store"
    [shown] = answer.json()["pictures"]
    assert (shown["status"], shown["instance_number"], shown["frame"]) == ("held", 1, 1)
    assert shown["sop_instance_uid"].startswith("2.25.")
    _check_pictures(stack, batch["id"], shown)
    _check_page(stack, batch["id"], shown)
    for word in (maker.person.patient_id, maker.study_uid, *maker.person.name.split("^")):
        assert word not in answer.text
        assert word not in stack.source.log()

    stack.source.stop()
    _configure(stack, Pixels={"OnText": "Mask"})
    stack.source.configuration["SendIt"] = stack.sendit
    stack.source.start()
    stack.wait_ready()
    assert stack.api(f"batches/{batch['id']}")["pictures"] == 1
    for decision in ("RERUN", "ACCEPT"):
        stack.wait_batches(1, {"REVIEW"})
        seen = stack.api(f"batches/{batch['id']}/review")
        stack.api(f"batches/{batch['id']}/review", "POST", json={"decision": decision, "attempt": seen["attempt"]})
    batch = stack.wait_batch(lambda b: b["state"] == "DONE")
    [delivered] = stack.delivered()
    x0, y0, x1, y1 = TEXT_BOX
    assert delivered.pixel_array[y0:y1, x0:x1].max() < 100
    assert delivered.BurnedInAnnotation == "NO"
    assert (batch["pictures"], _kept(stack)) == (0, [])
    gone = _get(stack, f"api/batches/{batch['id']}/pictures/{shown['name']}/before")
    assert (gone.status_code, "exist until a batch is done" in gone.json()["cure"]) == (404, True)


def _check_pictures(stack: Stack, batch_id: int, shown: dict[str, Any]) -> None:
    """PNG to the last byte; the text is in that of before alone."""
    x0, y0, x1, y1 = TEXT_BOX
    brightest = {}
    for which in ("before", "after"):
        answer = _get(stack, f"api/batches/{batch_id}/pictures/{shown['name']}/{which}")
        assert answer.status_code == 200
        assert (answer.headers["Content-Type"], answer.headers["Cache-Control"]) == ("image/png", "no-store")
        with Image.open(io.BytesIO(answer.content)) as opened:
            pixels = np.asarray(opened.convert("RGB"))
        [on_disk] = (stack.data_directory / "pictures").rglob(f"{shown['name']}.{which}.png")
        assert on_disk.read_bytes() == answer.content
        brightest[which] = pixels[y0:y1, x0:x1, 1].max()  # green: the outline has none
    assert (brightest["before"] > 200, brightest["after"] < 100) == (True, True)


def _check_page(stack: Stack, batch_id: int, shown: dict[str, Any]) -> None:
    """The page of the batch links to one with both pictures; what it links to is there."""
    link = f"batches/{batch_id}/pictures"
    assert f'{link}"' in _get(stack, f"batches/{batch_id}").text
    page = _get(stack, link)
    assert page.headers["Cache-Control"] == "no-store"
    sources = re.findall(r'<img[^>]* src="([^"]+)"', page.text)
    assert [source.rsplit("/", 1)[1] for source in sources] == ["before", "after"]
    for source in sources:
        assert _get(stack, f"batches/{batch_id}/{source}").headers["Content-Type"] == "image/png"


def test_who_does_not_look_at_pixels_is_told(make_stack: MakeStack) -> None:
    """A project whose Options leave CleanPixelData out: in the log, and by the doctor. What is burned in leaves."""
    told = "text burned into them leaves"
    stack = _configure(make_stack(), Options=[])
    stack.sendit["Projects"]["looks"] = {"Destinations": ["research"]}
    stack.start()
    stack.source.upload(CaptureMaker().capture())
    stack.wait_batch(lambda b: b["state"] == "DONE")
    [delivered] = stack.delivered()
    x0, y0, x1, y1 = TEXT_BOX
    assert delivered.pixel_array[y0:y1, x0:x1].max() == 230
    assert "BurnedInAnnotation" not in delivered
    doctor = stack.cli("doctor").stdout
    says = {
        name: next(line for line in doctor.splitlines() if f"project {name}" in line) for name in (PROJECT, "looks")
    }
    assert (told in says[PROJECT], told in says["looks"]) == (True, False), doctor
    assert "text in pixels is searched for where an image may contain it" in says["looks"]
    warned = [line for line in stack.source.log().splitlines() if told in line]
    assert len(warned) == 1
    assert f"SendIt.Projects.{PROJECT}" in warned[0]


def test_what_is_not_there(stack: Stack) -> None:
    """404 with a remedy, for a batch and for a picture."""
    stack.source.upload(StudyMaker().instance())
    stack.wait_batches(1)
    for path in ("99/pictures", "1/pictures/nothing/before", f"1/pictures/{'0' * 32}-1/after"):
        answer = _get(stack, f"api/batches/{path}")
        assert (answer.status_code, bool(answer.json()["detail"]), bool(answer.json()["cure"])) == (404, True, True)


@pytest.mark.slow
def test_recalled_and_forgotten(make_stack: MakeStack) -> None:
    """A recall takes the pictures with it, and so does the retention of what nobody took up."""
    stack = _configure(make_stack(Retention={"StagingDays": 30}), Pixels={"OnText": "Review"}).start()
    maker = CaptureMaker()
    stack.source.upload(maker.capture(1))
    batch = stack.wait_batch(lambda b: b["state"] == "REVIEW")
    assert _kept(stack)
    stack.api("recalls", "POST", json={"batch": batch["id"], "reason": "consent withdrawn"})
    stack.wait_batch(lambda b: b["state"] == "RECALLED")
    wait_for(lambda: not _kept(stack), "the pictures to go")

    stack.source.upload(CaptureMaker().capture(1))
    second = stack.wait_batch(lambda b: b["state"] == "REVIEW")
    stack.api(f"batches/{second['id']}/hold", "POST", json={"reason": "for later"})
    assert _kept(stack)
    stack.source.stop()
    (stack.data_directory / "pictures" / "4711").mkdir()  # of a batch that nobody knows
    stack.sendit["Retention"]["StagingDays"] = 0
    stack.source.configuration["SendIt"] = stack.sendit
    stack.source.start()
    stack.wait_ready()
    wait_for(lambda: not _kept(stack), "the pictures to go")
