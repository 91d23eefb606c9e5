"""A study uploaded in Explorer waits for a person, who draws a box and releases it: at the target the box is black."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.browser.pages import wait_text
from tests.browser.test_review import on_screen, shown
from tests.burned import CaptureMaker
from tests.dicom import Person
from tests.servers.stack import PROJECT
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeStack
    from tests.servers.browser import Browser
    from tests.servers.stack import Stack


#: Whether a decision may be made now.
MAY = "return [...document.querySelectorAll('[data-decide=ACCEPT]')].every(button => !button.disabled)"


def upload(stack: Stack, browser: Browser, file: Path) -> None:
    """Upload a file as a user of Orthanc Explorer does."""
    browser.open(f"{stack.source.url}/app/explorer.html#upload")
    wait_for(lambda: browser.run("return $('#upload-button').is(':visible')"), "the page for uploads")
    browser.choose("#fileupload", file)
    wait_for(lambda: browser.run("return $('.pending-file').length === 1"), "the file in the list")
    browser.click("#upload-button")
    wait_for(lambda: browser.run("return $('#progress .label').text()") == "Done", "the upload")


def open_review(stack: Stack, browser: Browser, number: int) -> None:
    """Go from what needs a person to the review of a batch, until it may be decided."""
    browser.open(f"{stack.source.url}/sendit/")
    review = f'a[href*="batches/{number}/review"]'
    wait_for(lambda: browser.run("return document.querySelector(arguments[0]) !== null", review), "what needs me")
    browser.click(review)
    wait_for(lambda: shown(browser), "the image", limit=120)
    wait_for(lambda: browser.run(MAY), "what may be decided")


def test_a_box_until_the_target(make_stack: MakeStack, browser: Browser, tmp_path: Path) -> None:
    """Uploaded in Explorer; found among what needs a person; drawn, masked anew, accepted, delivered.

    Another one is rejected, and never arrives.
    """
    stack = make_stack()
    stack.sendit["Projects"][PROJECT] |= {"Pixels": {"OnText": "Review"}}
    stack.start(ready=False)
    wait_for(stack.is_ready, "the worker", limit=240)
    file = tmp_path / "capture.dcm"
    file.write_bytes(CaptureMaker().capture(1))
    upload(stack, browser, file)
    stack.wait_batch(lambda b: b["state"] == "REVIEW", limit=240)
    browser.size(1400, 900)
    open_review(stack, browser, 1)
    browser.keys("m")
    browser.drag(on_screen(browser, 140, 100), on_screen(browser, 180, 140))
    browser.keys("B")
    drawn = "return document.querySelectorAll('.boxes .swatch.drawn').length"
    wait_for(lambda: browser.run(drawn) == 1, "the box to be masked", limit=240)
    wait_for(lambda: browser.run(MAY), "the review again")
    browser.keys("A")
    wait_text(browser, "Batch 1 is accepted, and leaves now.", "#toasts")  # on the page that follows
    stack.wait_batch(lambda b: b["state"] == "DONE", limit=240)
    [delivered] = stack.delivered()
    pixels = delivered.pixel_array
    assert pixels[102:138, 142:178].max() == 0
    assert pixels[102:138, 60:80].max() > 20
    assert browser.complaints() == []

    file.write_bytes(CaptureMaker(Person(patient_id="US-2-4711")).capture(1))
    upload(stack, browser, file)
    stack.wait_batch(lambda b: b["id"] == 2 and b["state"] == "REVIEW", limit=240)
    open_review(stack, browser, 2)
    browser.run("document.querySelector('[data-part=reason]').value = 'a face is in it'")
    browser.click("[data-decide=REJECT]")
    ended = stack.wait_batch(lambda b: b["id"] == 2 and b["state"] == "EMPTY", limit=120)
    assert ended["deliveries"] == []
    assert len(stack.delivered()) == 1
