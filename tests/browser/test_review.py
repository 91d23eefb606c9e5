"""The review in a real browser: images, boxes by mouse and by keyboard, decisions; headers and projects."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.pages import ready
from tests.browser.test_pages import DARK, axe, keep
from tests.browser.world import EVIL, evil
from tests.burned import CaptureMaker
from tests.dicom import Person
from tests.servers.stack import Stack
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.browser import Browser

RIGHT, DOWN, ENTER, SHIFT, ESCAPE = "\ue014", "\ue015", "\ue007", "\ue008", "\ue00c"
RECIPE = f"FORMAT dicom\n\n%header\n# {EVIL}\nREMOVE Manufacturer\n"


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Batch 1: four captures that a person has to look at. Batch 2: one on its way to a peer that is down."""
    with Stack(tmp_path_factory.mktemp("clinic")) as stack:
        (stack.source.folder).mkdir(exist_ok=True)
        (stack.source.folder / "irb.deid").write_text(RECIPE)
        stack.sendit["Projects"] = {
            "Thyroid": {
                "Match": {"Modality": ["US"]}, "Pixels": {"OnText": "Review"}, "Destinations": ["research"],
                "Recipes": ["irb.deid"],
            },
            "Scans": {"Match": {}, "Destinations": ["research"]},
        }  # fmt: skip
        stack.start(target=False, ready=False)
        wait_for(stack.is_ready, "the worker", limit=240)  # the machine may be busy
        maker = CaptureMaker(Person(patient_id="US-77-884401"))
        files = [maker.capture(number) for number in (1, 2, 3)] + [maker.capture(4, frames=3)]
        upload(stack, [evil(file, Modality="US") for file in files])
        upload(stack, [evil(CaptureMaker(Person(patient_id="OT-1-884402")).capture(1))])
        wait_for(lambda: settled(stack) == [1, 4], "the batches", limit=180)
        yield stack


def settled(stack: Stack) -> list[int]:
    """The numbers of images of the batches that have come to where they stay."""
    where = {"REVIEW", "QUARANTINED", "DELIVERING"}
    return sorted(int(b["received"]) for b in stack.batches() if b["state"] in where)


def upload(stack: Stack, files: list[bytes]) -> None:
    """All at once, so that a busy machine makes one batch of them."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        for number, file in enumerate(files):
            zipped.writestr(f"{number}.dcm", file)
    stack.source.session.post(f"{stack.source.url}/instances", data=archive.getvalue(), timeout=60).raise_for_status()


def number_of(stack: Stack, project: str) -> int:
    return next(int(b["id"]) for b in stack.batches() if b["project"] == project)


def with_frames(stack: Stack) -> int:
    """The number of the image that has several frames."""
    batch = number_of(stack, "Thyroid")
    images = stack.api(f"batches/{batch}/images")["images"]
    path = f"batches/{batch}/instances/{{}}/frames?which=before"
    return next(int(one["number"]) for one in images if stack.api(path.format(one["number"]))["frames"] == 3)


def review(stack: Stack, browser: Browser, project: str = "Thyroid") -> None:
    """Open the review of a project's batch; what is decided is only written down."""
    browser.size(1400, 900)
    added = browser.devtools("Page.addScriptToEvaluateOnNewDocument", source=_WRITES_DOWN)
    browser.open(f"{stack.source.url}/sendit/batches/{number_of(stack, project)}/review")
    wait_for(lambda: shown(browser), "the first image")
    browser.devtools("Page.removeScriptToEvaluateOnNewDocument", identifier=added["identifier"])


#: Everything may be decided; requests that would change something are written down, and refused.
_WRITES_DOWN = """
const real = window.fetch
window.posted = []
const review = {attempt: 7, allowed: ['ACCEPT', 'REJECT', 'HOLD', 'RERUN', 'REGIONS'], decisions: [], persons: 1}
window.fetch = (where, how) => {
  if (String(where).endsWith('/review?limit=1')) return Promise.resolve(new Response(JSON.stringify(review)))
  if (how?.method !== 'POST') return real(where, how)
  window.posted.push([String(where), JSON.parse(how.body)])
  return Promise.resolve(new Response('{"detail": "a test"}', {status: 409}))
}"""


def shown(browser: Browser) -> str:
    """Number, frame and side of what is on the canvas."""
    return str(browser.run("return document.querySelector('#review').dataset.shown || ''"))


@pytest.mark.parametrize("size", [(1400, 900), (1366, 768), (1280, 720)])
def test_what_decides_is_in_sight(clinic: Stack, browser: Browser, size: tuple[int, int]) -> None:
    """Reason, buttons and the slider of the frames are in the window without scrolling, whatever is said."""
    review(clinic, browser)
    browser.size(*size)
    many = with_frames(clinic)
    go = (
        "const at = document.querySelector('.go input'); at.value = arguments[0]; at.dispatchEvent(new Event('change'))"
    )
    browser.run(go, many)
    wait_for(lambda: shown(browser).startswith(f"{many}/"), "the image of three frames")
    assert browser.run("return document.querySelector('.frames').getBoundingClientRect().bottom <= innerHeight")
    assert browser.run(
        "return ['textarea', ...['ACCEPT', 'HOLD', 'RERUN', 'REJECT'].map(d => `[data-decide=${d}]`)]"
        ".every(s => document.querySelector('.deciding ' + s).getBoundingClientRect().bottom <= innerHeight)"
    )
    assert browser.run("return document.querySelector('.looking').clientHeight >= 100")


def posted(browser: Browser) -> dict[str, Any]:
    """The last decision that was sent."""
    wait_for(lambda: browser.run("return window.posted.length"), "a decision to be sent")
    path, body = browser.run("return window.posted.at(-1)")
    assert path.endswith("/review")
    return dict(body)


def on_screen(browser: Browser, x: float, y: float) -> tuple[int, int]:
    """A point of the window over a point of the image, of 320 × 200 pixels that fit the canvas."""
    frame = browser.run(
        "const r = document.querySelector('canvas').getBoundingClientRect(); return [r.left, r.top, r.width, r.height]"
    )
    left, top, width, height = frame
    scale = min(width / 320, height / 200)
    return round(left + width / 2 + (x - 160) * scale), round(top + height / 2 + (y - 100) * scale)


def test_a_box_by_mouse(clinic: Stack, browser: Browser) -> None:
    """It is drawn where the mouse was, in pixels of the image, and sent for this image."""
    review(clinic, browser)
    browser.keys("m")
    browser.drag(on_screen(browser, 40, 120), on_screen(browser, 100, 160))
    browser.click("[data-decide=REGIONS]")
    body = posted(browser)
    assert (body["decision"], body["scope"], body["attempt"]) == ("REGIONS", "instance", 7)
    assert (body["regions"]["instance"], body["regions"]["remove"]) == (1, [])
    [[x0, y0, x1, y1]] = body["regions"]["add"]
    assert max(abs(x0 - 40), abs(y0 - 120), abs(x1 - 100), abs(y1 - 160)) <= 1
    assert browser.complaints() == []


def test_everything_by_keyboard(clinic: Stack, browser: Browser) -> None:
    """Next image, a box, moved, for the series; taken back; a reason; rejected."""
    review(clinic, browser)
    browser.keys(RIGHT)
    wait_for(lambda: shown(browser).startswith("2/"), "the second image")
    browser.keys("r" + RIGHT + RIGHT + DOWN + ENTER + "c")
    browser.keys("A")
    assert browser.run("return window.posted.length") == 0  # a box is not sent yet
    browser.keys("B")
    body = posted(browser)
    assert (body["decision"], body["scope"], body["regions"]["instance"]) == ("REGIONS", "series", 2)
    [[x0, y0, x1, y1]] = body["regions"]["add"]
    assert (x1 - x0, y1 - y0) == (64, 20)
    assert x0 > 160 - 32
    assert y0 > 100 - 10
    browser.keys("oof")  # the box that text detection found, then the drawn one, which is taken back
    browser.keys("R")
    assert browser.run("return document.activeElement.dataset.part") == "reason"
    browser.keys("wrong body part" + ESCAPE + "R")
    wait_for(lambda: browser.run("return window.posted.length") == 2, "the rejection")
    body = posted(browser)
    assert (body["decision"], body["reason"], body["text"]) == ("REJECT", "wrong body part", False)
    browser.keys("?")
    assert browser.run("return document.querySelector('#help').open")
    browser.keys(ESCAPE)


def test_images_and_frames(clinic: Stack, browser: Browser) -> None:
    """To the last image and through its frames; before and after, side by side; the overview leads back."""
    review(clinic, browser)
    browser.keys("\ue010")  # End
    wait_for(lambda: shown(browser).startswith("4/1/"), "the last image")
    many = with_frames(clinic)
    browser.keys("p" * (4 - many))
    wait_for(lambda: shown(browser).startswith(f"{many}/1/"), "the image of three frames")
    browser.keys(DOWN + DOWN)
    wait_for(lambda: shown(browser).startswith(f"{many}/3/"), "the last frame")
    label = browser.run("return document.querySelector('canvas').ariaLabel")
    assert label.startswith(f"Image {many} of 4, frame 3 of 3")
    browser.keys("i")
    wait_for(lambda: browser.run("return document.querySelectorAll('.tiles button').length") == 3, "the frames")
    wait_for(lambda: browser.run("return document.querySelector('.contact img').naturalWidth") == 1024, "their sheet")
    assert browser.run("return document.activeElement.ariaLabel") == "Frame 3"  # the one that was shown
    browser.click(".tiles button:nth-child(2)")
    wait_for(lambda: shown(browser).startswith(f"{many}/2/"), "the chosen frame")
    assert browser.complaints() == []


def test_before_and_after(clinic: Stack, browser: Browser) -> None:
    """Of what has an output; the text is in the picture of before alone."""
    review(clinic, browser, "Scans")
    assert shown(browser) == "1/1/after"
    dark = text_of_canvas(browser)
    browser.keys("b")
    wait_for(lambda: shown(browser) == "1/1/before", "the original")
    assert (dark < 120, text_of_canvas(browser) > 200) == (True, True)
    browser.keys("s")
    wait_for(lambda: shown(browser) == "1/1/before+after", "both")


def text_of_canvas(browser: Browser) -> int:
    """The brightest value where the text stands, without the colours of boxes."""
    script = """
    const canvas = document.querySelector('canvas'), frame = canvas.getBoundingClientRect()
    const within = (value, index) => Math.round((value - (index % 2 ? frame.top : frame.left)) * devicePixelRatio)
    const [x0, y0, x1, y1] = arguments[0].map(within)
    return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => {
      const {data} = canvas.getContext('2d').getImageData(x0, y0, x1 - x0, y1 - y0)
      let most = 0
      for (let at = 0; at < data.length; at += 4) most = Math.max(most, Math.min(data[at], data[at + 1], data[at + 2]))
      done(most)
    })))"""
    return int(browser.run(script, [*on_screen(browser, 24, 16), *on_screen(browser, 240, 32)]))


PAGES = {
    "review-queue": "review",
    "review-queue-held": "review?state=QUARANTINED",
    "review": "batches/{}/review",
    "header": "batches/{}/instances/1/header",
    "projects": "projects",
    "project": "projects/Thyroid",
    "risk": "projects/Scans/risk",
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page(clinic: Stack, browser: Browser, name: str) -> None:
    """Light, dark, and on a telephone; nothing is blocked, nothing of a file or of a recipe runs."""
    browser.complaints()  # of tests before
    browser.size(1400, 900)
    browser.scheme("light")
    browser.open(f"{clinic.source.url}/sendit/{PAGES[name].format(number_of(clinic, 'Thyroid'))}")
    ready(browser)
    if name == "review":
        wait_for(lambda: shown(browser), "the image")
    if name == "header":
        wait_for(lambda: browser.run("return document.querySelectorAll('.header tbody tr').length") > 20, "the rows")
        assert browser.run("return document.body.innerText").count(EVIL) > 5  # as text
    if name == "project":
        browser.run("document.querySelector('details').open = true")
        assert EVIL in browser.run("return document.body.innerText")
    assert browser.complaints() == []
    assert browser.run("return document.querySelectorAll('main h1').length") == 1
    assert axe(browser) == []
    if name in ("review", "header"):
        keep(browser, name)
    assert EVIL not in browser.run("return document.documentElement.outerHTML")
    browser.scheme("dark")
    assert browser.run("return getComputedStyle(document.body).backgroundColor") == DARK
    assert axe(browser) == []
    browser.size(375, 800)
    assert browser.run("return document.documentElement.scrollWidth") == 375
    assert axe(browser) == []
    browser.scheme("light")


def test_what_a_project_would_do(clinic: Stack, browser: Browser) -> None:
    """The study's identifier is typed; the table shows its header before and after, as text."""
    browser.size(1400, 900)
    study = next(b["study"] for b in clinic.batches() if b["project"] == "Scans")
    browser.open(f"{clinic.source.url}/sendit/projects/Scans")
    ready(browser)
    browser.run("document.querySelector('[name=study]').value = arguments[0]", study)
    browser.click("#preview button")
    wait_for(lambda: browser.run("return document.querySelectorAll('.header tbody tr').length") > 20, "the rows")
    text = browser.run("return document.querySelector('#previewed').innerText")
    assert text.startswith("Instance 1 of 1 would be released.")
    assert EVIL in text
    assert browser.complaints() == []
    assert json.loads(browser.run("return JSON.stringify(window.ran ?? null)")) is None
