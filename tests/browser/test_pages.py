"""Every page in a real browser: nothing is blocked, nothing foreign runs, it fits a telephone, axe finds nothing.

With SENDIT_PICTURES=docs/images the pictures of docs/operating.md are taken.
"""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from tests.browser.pages import ready
from tests.browser.world import EVIL
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from tests.servers.browser import Browser
    from tests.servers.stack import Stack

#: The first test of the file waits for the hospital.
pytestmark = pytest.mark.timeout(300)

_AXE = Path(__file__).parent / "axe" / "axe-4.14.1.min.js"

DARK = "rgb(16, 20, 22)"  # the ground in the dark scheme

#: Pages by the name of their picture; those of `UNPICTURED` have none.
UNPICTURED = {"batch", "projects", "batch-review", "batches-filtered", "studies"}
PAGES = {
    "needs-me": "",
    "batches": "batches",
    "batches-filtered": "batches?state=QUARANTINED",
    "batch": "batches/1",
    "batch-held": "batches?state=QUARANTINED|first",
    "batch-review": "batches?state=REVIEW|first",
    "batch-retrying": "batches?state=DELIVERING|first",
    "recall": "batches/1/recall",
    "review-queue": "review",
    "previews": "batches?state=REVIEW|previews",
    "study": "batches/1|study",
    "studies": "batches/1|studies",
    "imports": "imports",
    "import": "imports/1",
    "destinations": "destinations",
    "projects": "projects",
    "project": "projects/Knee-MR",
    "risk": "projects/IRB-2026-014/risk",
    "totals": "totals",
    "audit": "audit",
    "alarms": "alarms",
    "crosswalk": "crosswalk",
}


def show(stack: Stack, browser: Browser, name: str, path: str | None = None) -> None:
    """Open a page: `…|first` follows the first row of its table, `…|previews` and `…|study` links of that batch.

    `…|studies` opens the page of several with that study alone.
    """
    place, _, follow = (PAGES[name] if path is None else path).partition("|")
    browser.open(f"{stack.source.url}/sendit/{place}")
    ready(browser)
    if follow in ("first", "previews"):
        go(browser, "tr[data-href] a")
    if follow == "previews":
        go(browser, "a[href$='/pictures']")
    if follow == "study":
        go(browser, "a[href*='studies/']")
    if follow == "studies":
        study = browser.run("return document.querySelector(\"a[href*='studies/']\").href.split('/').pop()")
        browser.open(f"{stack.source.url}/sendit/studies?study={study}")
        ready(browser)
    if name == "destinations":
        wait_for(lambda: browser.run("return !!document.querySelector('.cards')"), "the destinations to answer")


def go(browser: Browser, link: str) -> None:
    browser.open(browser.run("return document.querySelector(arguments[0]).href", link))
    ready(browser)


def axe(browser: Browser) -> list[dict[str, Any]]:
    """What axe calls serious or critical: rule, and where."""
    browser.run(_AXE.read_text("utf-8"))
    found = browser.run("return axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [
        {"rule": one["id"], "where": [node["target"] for node in one["nodes"]][:5]}
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("name", PAGES)
def test_a_page(hospital: Stack, browser: Browser, name: str) -> None:
    """Light, dark, and on a telephone."""
    browser.size(1400, 900)
    browser.scheme("light")
    show(hospital, browser, name)
    assert browser.complaints() == []
    assert browser.run("return document.querySelectorAll('main h1').length") == 1
    assert axe(browser) == []
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    keep(browser, name)
    browser.scheme("dark")
    assert browser.run("return getComputedStyle(document.body).backgroundColor") == DARK
    assert axe(browser) == []
    if name == "batch-held":
        keep(browser, "batch-held-dark")
    browser.size(375, 800)
    assert browser.run("return document.documentElement.scrollWidth") == 375
    assert axe(browser) == []
    if name == "needs-me":
        keep(browser, "needs-me-telephone")


def keep(browser: Browser, name: str) -> None:
    """Write the picture with few colours, if asked to."""
    folder = os.environ.get("SENDIT_PICTURES")
    if folder and name not in UNPICTURED:
        with Image.open(BytesIO(browser.picture())) as shown:
            small = shown.convert("RGB").quantize(96, dither=Image.Dither.NONE)
            small.save(Path(folder) / f"{name}.png", optimize=True)


@pytest.mark.parametrize("name", PAGES)
def test_what_a_file_says_is_text(hospital: Stack, browser: Browser, name: str) -> None:
    """No script of ten attributes, a file's name or a reason runs, whatever shows it."""
    show(hospital, browser, name)
    assert (
        browser.run("return [...document.scripts].filter(s => !s.src && s.textContent.includes('alert(1)')).length")
        == 0
    )
    assert EVIL not in browser.run("return document.documentElement.outerHTML")


def test_the_start_page_without_its_slash(hospital: Stack, browser: Browser) -> None:
    browser.open(f"{hospital.source.url}/sendit")
    wait_for(lambda: browser.run("return location.pathname") == "/sendit/", "the page's script to add the slash")
    ready(browser)
    assert browser.complaints() == []


def test_scripts_of_others_do_not_run(hospital: Stack, browser: Browser) -> None:
    """The policy refuses what a page does not bring as a file of ours."""
    show(hospital, browser, "needs-me")
    browser.run("const s = document.createElement('script'); s.text = 'window.ran = 1'; document.body.append(s)")
    assert browser.run("return window.ran") is None
    assert "Content Security Policy" in " ".join(browser.complaints())


def test_the_documentation_of_the_api(hospital: Stack, browser: Browser) -> None:
    browser.open(f"{hospital.source.url}/sendit/api/docs")
    wait_for(lambda: browser.run("return document.querySelectorAll('.opblock').length") >= 10, "the API's page")
    assert browser.complaints() == []


def test_refreshing_keeps_what_the_user_does(hospital: Stack, browser: Browser) -> None:
    """Focus, scroll, what is typed and what is folded out; the refresh itself is seen."""
    browser.size(900, 400)
    show(hospital, browser, "imports")
    browser.run(
        "document.querySelector('[name=folder]').value = '/data/x'; scrollTo(0, 120);"
        "document.querySelector('#m1').focus({preventScroll: true});"
        "document.addEventListener('htmx:afterSwap', () => { window.swaps = (window.swaps || 0) + 1 });"
        "document.querySelector('main h1').textContent = 'changed by the test'"
    )
    before = browser.run("return scrollY")
    browser.run("SendIt.refresh()")
    wait_for(lambda: browser.run("return window.swaps"), "a refresh")
    assert browser.run("return document.querySelector('main h1').textContent") == "Imports and folders"
    assert browser.run("return document.activeElement.id") == "m1"
    assert browser.run("return document.querySelector('[name=folder]').value") == "/data/x"
    assert (before, browser.run("return scrollY")) == (120, 120)
    browser.run("getSelection().selectAllChildren(document.querySelector('main h1'))")
    assert browser.run("return SendIt.mayRefresh()") is False
    browser.run("getSelection().removeAllRanges()")
    assert browser.run("return SendIt.mayRefresh()") is True


def test_times_are_those_of_the_browser(hospital: Stack, browser: Browser) -> None:
    """And UTC as title."""
    browser.devtools("Emulation.setTimezoneOverride", timezoneId="Asia/Kolkata")
    try:
        show(hospital, browser, "batch")
        said = browser.run(
            "const t = document.querySelector('.timeline time'), how = {timeStyle: 'medium', timeZone: 'Asia/Kolkata'};"
            "return [t.title, t.textContent, new Date(t.dateTime).toLocaleTimeString([], how)]"
        )
    finally:
        browser.devtools("Emulation.setTimezoneOverride", timezoneId="")
    assert said[0].endswith(" UTC")
    assert said[1].endswith(said[2])


def test_keys(hospital: Stack, browser: Browser) -> None:
    """From page to page, down a list, and into a batch, without a mouse."""
    browser.size(1400, 900)
    show(hospital, browser, "needs-me")
    browser.keys("?")
    assert browser.run("return document.querySelector('#help').open")
    browser.keys("\ue00c")  # Escape
    wait_for(lambda: not browser.run("return document.querySelector('#help').open"), "the help to close")
    browser.keys("gb")
    wait_for(lambda: browser.run("return location.pathname").endswith("/batches"), "the list")
    ready(browser)
    browser.keys("jj")
    wait_for(lambda: browser.run("return document.activeElement.id").startswith("b"), "a row to have the focus")
    second = browser.run("return document.querySelectorAll('tr[data-href]')[1].id")
    assert browser.run("return document.activeElement.id") == second
    browser.keys("\ue007")  # Enter
    wait_for(lambda: browser.run("return location.pathname").endswith(f"/batches/{second[1:]}"), "the batch")


def test_the_scheme_is_kept(hospital: Stack, browser: Browser) -> None:
    browser.scheme("light")
    show(hospital, browser, "needs-me")
    browser.keys("d")
    dark = f"return getComputedStyle(document.body).backgroundColor === '{DARK}'"
    assert browser.run(dark)
    show(hospital, browser, "imports")
    assert browser.run(dark)
    browser.keys("d")
    assert not browser.run(dark)
    browser.run("localStorage.clear()")
