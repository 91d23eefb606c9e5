"""Cohorts in a real browser: a list is chosen, its wrong lines are shown, and its page says what became of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.pages import confirm, press, ready, text, visit, wait_text
from tests.browser.test_pages import DARK, axe, keep
from tests.dicom import Person, StudyMaker
from tests.servers.pacs import cohort, make_pacs
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeStack
    from tests.servers.browser import Browser

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def choose(browser: Browser, content: str) -> None:
    """Choose a file with this content, as the dialog of the browser does."""
    browser.run(
        "const chosen = new DataTransfer();"
        "chosen.items.add(new File([arguments[0]], 'list.csv', {type: 'text/csv'}));"
        "document.querySelector('#pull [name=cohort]').files = chosen.files",
        content,
    )


def looks(browser: Browser, name: str) -> None:
    """In light, in the dark, and on a telephone: nothing is blocked, axe finds nothing, it fits."""
    browser.size(1400, 900)
    browser.scheme("light")
    assert browser.complaints() == []
    assert axe(browser) == []
    keep(browser, name)
    browser.scheme("dark")
    assert browser.run("return getComputedStyle(document.body).backgroundColor") == DARK
    assert axe(browser) == []
    browser.size(375, 800)
    assert browser.run("return document.documentElement.scrollWidth") == 375
    assert axe(browser) == []
    keep(browser, f"{name}-telephone")
    browser.size(1400, 900)
    browser.scheme("light")


def test_a_cohort_from_its_page(make_stack: MakeStack, browser: Browser, tmp_path: Path) -> None:
    """From the list to the result with identifiers, which is saved and not drawn."""
    stack = make_stack()
    with make_pacs(tmp_path / "pacs", stack) as pacs:
        for number in (1, 2):
            maker = StudyMaker(Person(f"MRN-{number}"), accession_number=f"ACC{number}", rows=16)
            for file in maker.instances(number + 1):
                pacs.upload(file)
        stack.start()
        visit(stack, browser, "pulls")
        choose(browser, cohort(["ACC1,,,,,", "ACC*,,,,,", ",MRN-2,,2024-13-01,,"]))
        press(browser, "Begin")
        wait_text(browser, "StudyDateFrom is not a date")
        assert "nothing was fetched" in text(browser)
        assert [one for one in browser.complaints() if "422" not in one] == []  # the list was refused
        assert "4" in text(browser, "#pull-lines tbody tr:last-child")
        looks(browser, "pulls-wrong")
        choose(browser, cohort(["ACC1,,,,,", ",MRN-2,,,,CT", "ACC1,,,,,", "ACC9,,,,,"]))
        press(browser, "Begin")
        wait_for(lambda: browser.run("return location.pathname").endswith("/pulls/1"), "the page of the pull")
        ready(browser)
        wait_text(browser, "Incomplete", "h1")
        assert "5 of 5" in text(browser)
        assert "Asks for the same as line 2" in text(browser)
        assert "ACC" not in browser.run("return document.documentElement.outerHTML")
        looks(browser, "pull")
        browser.run(
            "window.saved = []; const make = URL.createObjectURL;"
            "URL.createObjectURL = blob => { blob.text().then(t => saved.push(t)); return make(blob) }"
        )
        press(browser, "Result with identifiers")
        confirm(browser, "to complete the cohort")
        wait_for(lambda: browser.run("return saved.length"), "the file")
        assert "ACC9" in browser.run("return saved[0]")
        assert "ACC9" not in browser.run("return document.documentElement.outerHTML")
        assert browser.complaints() == []
        visit(stack, browser, "pulls")
        wait_text(browser, "2 of 2")
        looks(browser, "pulls")
        pacs.stop()
        visit(stack, browser, "pulls")
        choose(browser, cohort(["ACC1,,,,,"]))
        press(browser, "Begin")
        wait_text(browser, "Pacs does not answer, or refuses")
        visit(stack, browser, "")
        wait_text(browser, "Pull 2 waits: pacs does not answer")
        looks(browser, "needs-me-pull")
        visit(stack, browser, "pulls/2")
        press(browser, "Cancel")
        confirm(browser)
        wait_text(browser, "Cancelled", "h1")
