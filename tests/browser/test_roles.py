"""What users of a real Orthanc see of the pages: only the buttons of their roles, and words where they may not look."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from sendit.journal.database import JOURNAL_FILE
from tests.browser.pages import confirm, fill, press, text, visit, wait_text
from tests.burned import CaptureMaker
from tests.servers.stack import PROJECT, Stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.browser import Browser

#: The first test of the file waits for the hospital.
pytestmark = pytest.mark.timeout(300)

USERS = {name: f"secret-of-{name}" for name in ("vera", "rita", "lee", "ada", "nobody")}
ROLES = {"View": ["vera"], "Review": ["rita"], "LookUp": ["lee"], "Administer": ["ada"]}
PATHS = (
    "",
    "batches",
    "batches/1",
    "batches/1/recall",
    "batches/1/pictures",
    "imports",
    "destinations",
    "audit",
    "totals",
)
#: What changes something, or shows an original.
BUTTONS = "return document.querySelectorAll('main [data-act], main form[data-post], main [data-differ], img').length"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with users, and a batch that is held for its text."""
    stack = Stack(tmp_path_factory.mktemp("guarded"))
    stack.sendit["Roles"] = ROLES
    stack.sendit["Projects"] = {PROJECT: {"Match": {}, "Destinations": ["research"], "Pixels": {"OnText": "Review"}}}
    stack.configure(AuthenticationEnabled=True, RegisteredUsers=USERS)
    stack.source.session.auth = ("ada", USERS["ada"])
    try:
        stack.start()
        stack.source.upload(CaptureMaker().capture(1))
        stack.wait_batches(1, {"QUARANTINED", "REVIEW"})
        yield stack
    finally:
        stack.stop()


def log_in(stack: Stack, browser: Browser, user: str) -> None:
    """As the browser's own dialog does; it keeps the password for the pages that follow."""
    browser.open(f"http://{user}:{USERS[user]}@{urlsplit(stack.source.url).netloc}/sendit/api/me")


def buttons(stack: Stack, browser: Browser, user: str) -> int:
    log_in(stack, browser, user)
    found = 0
    for path in PATHS:
        visit(stack, browser, path)
        assert user in text(browser, ".me") or not browser.run("return document.querySelector('.me').offsetParent")
        found += browser.run(BUTTONS)
    return found


def test_a_viewer_has_no_buttons(guarded: Stack, browser: Browser) -> None:
    """And what they would post is refused; an administrator has them on the same pages."""
    browser.size(1400, 900)
    assert buttons(guarded, browser, "vera") == 0
    assert "Crosswalk" not in text(browser, "#nav")
    post = (
        "return fetch(SendIt.root + 'api/batches/1/retry', {method: 'POST', body: '{}', "
        "headers: {'Content-Type': 'application/json'}}).then(a => a.status)"
    )
    assert browser.run(post) == 403
    assert buttons(guarded, browser, "ada") >= 6


def test_who_looks_up_sees_the_crosswalk(guarded: Stack, browser: Browser) -> None:
    log_in(guarded, browser, "lee")
    visit(guarded, browser, "crosswalk")
    assert "Crosswalk" in text(browser, "h1")


@pytest.mark.parametrize(("user", "path"), [("nobody", ""), ("vera", "crosswalk")])
def test_who_may_not_look_reads_why(guarded: Stack, browser: Browser, user: str, path: str) -> None:
    log_in(guarded, browser, user)
    browser.open(f"{guarded.source.url}/sendit/{path}")
    assert "You may not see this page" in text(browser, "h1")
    assert user in text(browser, "main")
    assert "SendIt.Roles" in text(browser, "main")


def test_the_audit_log_names_everybody_and_notices_a_change(guarded: Stack, browser: Browser) -> None:
    """Who acted on a page, who looked, and who used the command line; a row that is edited breaks the chain there."""
    log_in(guarded, browser, "ada")
    visit(guarded, browser, "destinations")
    press(browser, "Pause everything")
    confirm(browser, "the network is rebuilt")
    wait_text(browser, "Resume everything")
    log_in(guarded, browser, "lee")
    visit(guarded, browser, "crosswalk")
    fill(browser, "#lookup", kind="original", value="MRN-0", reason="a call from the ward")
    press(browser, "Look up")
    wait_text(browser, "Nothing is known", "#nothing")
    assert guarded.cli("pause", "--project", PROJECT, "--reason", "by the command line").returncode == 0
    log_in(guarded, browser, "ada")
    visit(guarded, browser, "audit")
    names = set(browser.run("return [...document.querySelectorAll('tbody .who')].map(cell => cell.title)"))
    assert {"orthanc:ada", "orthanc:lee"} < names
    assert {name.partition(":")[0] for name in names} == {"orthanc", "cli"}
    with closing(sqlite3.connect(guarded.data_directory / JOURNAL_FILE)) as journal, journal:
        journal.execute("DROP TRIGGER audit_is_not_changed")
        changed = journal.execute("SELECT MIN(number) FROM audit WHERE actor = 'orthanc:lee'").fetchone()[0]
        journal.execute("UPDATE audit SET actor = 'orthanc:ada' WHERE number = ?", (changed,))
    press(browser, "Verify the chain")
    wait_text(browser, f"The chain is broken at entry {changed}", "#chain")
