"""Orthanc Explorer's buttons, and another site's page that tries to change something, in a real browser."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from tests.dicom import StudyMaker
from tests.servers.serving import serving
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.browser import Browser
    from tests.servers.stack import Stack


@pytest.fixture
def another_site() -> Iterator[int]:
    """The port of a server of somebody else, at every name that ends in .example."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>evil</title><body>")

        def log_message(self, *_: object) -> None:
            pass

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        yield server.server_address[1]


def test_the_buttons_of_the_explorer(stack: Stack, browser: Browser) -> None:
    """That of a study says the states of its batches; they lead to the pages, whose own requests are let in."""
    study = stack.source.upload(StudyMaker().instance())["ParentStudy"]
    stack.wait_batches(1)
    browser.open(f"{stack.source.url}/app/explorer.html#study?uuid={study}")
    of_study = "return [...document.querySelectorAll('a')].find(a => a.innerText.trim() === 'SendIt: irb1 DONE')"
    wait_for(lambda: browser.run(f"{of_study} !== undefined"), "the study's button")
    browser.run(f"{of_study}.click()")
    wait_for(lambda: browser.run("return location.pathname") == f"/sendit/studies/{study}", "the study's page")
    browser.open(f"{stack.source.url}/app/explorer.html")
    button = "return [...document.querySelectorAll('a')].find(a => a.innerText.trim() === 'SendIt')"
    wait_for(lambda: browser.run(f"{button} !== undefined"), "Explorer's button")
    browser.run(f"{button}.click()")
    wait_for(lambda: browser.run("return location.pathname") == "/sendit/", "the page")
    assert browser.run(_fetch("POST", "application/json"), "api/acknowledgements", "{}") == 200
    assert browser.run(_fetch("POST", "text/plain"), "api/acknowledgements", "{}") == 415


@pytest.mark.slow
@pytest.mark.parametrize("host", ["127.0.0.1", "pacs.example"])
def test_a_page_of_another_site(stack: Stack, browser: Browser, another_site: int, host: str) -> None:
    """Forms, text, JSON, DELETE, a frame: nothing is changed. On loopback browsers say Sec-Fetch-Site, else Origin."""
    stack.source.upload(StudyMaker().instance())
    stack.wait_batches(1)
    ours = f"http://{host}:{stack.source.http_port}/sendit/"
    recall = '{"batch": 1, "reason": "evil", "project": "irb1"}'
    site = "www.pacs.example" if host == "pacs.example" else "evil.example"
    for name in (site, "evil.example"):
        browser.open(f"http://{name}:{another_site}/")
        for kind in ("text/plain", "application/json", "application/x-www-form-urlencoded"):
            assert browser.run(_fetch("POST", kind), f"{ours}api/recalls", recall) in ("failed", 0), kind
        assert browser.run(_fetch("DELETE", "application/json"), f"{ours}api/recalls", recall) in ("failed", 0)
        browser.run("return navigator.sendBeacon(arguments[0], arguments[1])", f"{ours}api/recalls", recall)
        browser.run(_FORM, f"{ours}api/recalls", recall)
        wait_for(lambda: "/api/recalls" in browser.run("return location.href"), "the form to be sent")
        assert "another site" in browser.run("return document.body.innerText")
    browser.open(f"http://{site}:{another_site}/")
    browser.run("const f = document.createElement('iframe'); f.src = arguments[0]; document.body.append(f)", ours)
    wait_for(lambda: any("frame" in said.lower() for said in browser.complaints()), "the browser to refuse the frame")
    batch = stack.api("batches/1")
    assert (batch["state"], [e for e in batch["events"] if "evil" in str(e)]) == ("DONE", [])


def _fetch(method: str, kind: str) -> str:
    """A script: what it answers, 0 if that may not be seen, "failed" if it was not sent."""
    mode = "'no-cors'" if kind != "application/json" and method == "POST" else "'cors'"
    return (
        f"return fetch(arguments[0], {{method: '{method}', body: arguments[1], credentials: 'include', mode: "
        f"location.pathname.startsWith('/sendit') ? 'same-origin' : {mode}, "
        f"headers: {{'Content-Type': '{kind}'}}}}).then(a => a.status, () => 'failed')"
    )


#: A form whose text is JSON, as a page of another site can send it without asking first.
_FORM = """
const form = document.createElement('form'); form.method = 'POST'; form.action = arguments[0]
form.enctype = 'text/plain'
const input = document.createElement('input'); const at = arguments[1].lastIndexOf('}')
input.name = arguments[1].slice(0, at) + ', "x": "'; input.value = '"}'
form.append(input); document.body.append(form); form.submit()
"""
