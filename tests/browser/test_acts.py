"""What a person does on the pages, with mouse and keyboard, against real Orthancs."""

from __future__ import annotations

import os
import re
import signal
from typing import TYPE_CHECKING

from tests.browser import world
from tests.browser.pages import confirm, fill, press, ready, text, visit, wait_text
from tests.browser.world import EVIL
from tests.burned import CaptureMaker
from tests.dicom import Person
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    import requests

    from tests.servers.browser import Browser
    from tests.servers.stack import Stack


def _batch(stack: Stack, study: str, project: str | None) -> int:
    def found() -> int:
        mine = [b for b in stack.api(f"batches?study={study}")["batches"] if b["project"] == project]
        return mine[0]["id"] if mine and mine[0]["state"] not in ("RECEIVING", "QUEUED", "PROCESSING") else 0

    return wait_for(found, f"a batch of {project}")


def test_a_failed_batch_is_retried_with_a_reason_and_acknowledged(hospital: Stack, browser: Browser) -> None:
    """The start page names it, its buttons answer it; the reason stands in its history as it was written."""
    number = _batch(hospital, world.send(hospital, "PT", 1), "PET-followup")
    visit(hospital, browser, f"batches/{number}")
    press(browser, "Retry")
    confirm(browser, EVIL)
    wait_text(browser, f"Reason: {EVIL}")
    wait_for(lambda: hospital.api(f"batches/{number}")["state"] == "FAILED", "it to fail again")
    visit(hospital, browser, f"batches/{number}")
    press(browser, "Acknowledge")
    confirm(browser, "the annex is being moved")
    wait_text(browser, "the annex is being moved", "main .banner")
    visit(hospital, browser, "")
    assert f'batches/{number}"' not in browser.run("return document.querySelector('main').innerHTML")
    assert browser.complaints() == []


def test_what_failed_for_a_destination_that_is_down_is_not_offered_first(hospital: Stack, browser: Browser) -> None:
    """The start page says that a retry would fail again, how many wait for each destination, and who held a batch."""
    visit(hospital, browser, "")
    wait_text(browser, "annex still takes nothing: a retry now would fail again.")
    assert "1 batch waits for it, and is tried again by itself." in text(browser, "#down-archive")
    assert "retry them once it answers" in text(browser, "#down-annex")
    assert f"Held by anonymous: {world.REASON}" in text(browser)
    failed = "[...document.querySelectorAll('.need')].filter(e => e.innerText.includes('would fail again'))"
    assert browser.run(f"return {failed}.length > 0 && !{failed}.some(e => e.querySelector('button.main'))")


def test_a_link_to_what_is_gone_leads_on(hospital: Stack, browser: Browser) -> None:
    """A batch, an import, a project and a page that do not exist: a page with the navigation, not a line of text."""
    for path in ("batches/9999", "batches/9999/review", "imports/9999", "projects/none", "nowhere"):
        visit(hospital, browser, path)
        assert browser.run("return location.pathname") == "/sendit/missing"
        wait_text(browser, "Nothing is at this address")
    press(browser, "All batches")
    wait_for(lambda: browser.run("return location.pathname") == "/sendit/batches", "the list of batches")
    assert browser.complaints() == []


def test_without_scripts_the_pages_say_what_does_not_work(hospital: Stack, browser: Browser) -> None:
    """What can be done all the same is named, and the review leads to the previews; times do not push columns out."""
    [waiting] = hospital.api("batches?state=REVIEW")["batches"]
    browser.devtools("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(f"{hospital.source.url}/sendit/batches/{waiting['id']}/review")
        browser.click("main noscript a[href$='/pictures']")
        browser.find("main img")
        browser.size(1280, 900)
        browser.open(f"{hospital.source.url}/sendit/batches")
        browser.find("#banners noscript p")
        width = browser.devtools("Page.getLayoutMetrics")["cssContentSize"]["width"]
        assert width <= 1280
    finally:
        browser.devtools("Emulation.setScriptExecutionDisabled", value=False)


def test_on_a_telephone_values_stand_below_each_other(hospital: Stack, browser: Browser) -> None:
    """Labels of the cards begin at one edge; a reason is not called a UID; what was delivered has no header to show."""
    edges = (
        "return [...new Set([...document.querySelectorAll('table.stack td[data-name]')].filter(e => e.offsetParent)"
        ".map(e => e.getBoundingClientRect().left + parseFloat(getComputedStyle(e).paddingLeft)))].length"
    )
    names = "return [...document.querySelectorAll('td.break')].map(e => e.dataset.name)"
    [held] = hospital.api("batches?state=QUARANTINED")["batches"][:1]
    delivered = hospital.api("batches?state=DONE")["batches"][0]
    browser.size(375, 800)
    try:
        for path in ("batches", f"batches/{delivered['id']}", f"batches/{held['id']}"):
            visit(hospital, browser, path)
            assert browser.run(edges) == 1, path
        assert set(browser.run(names)) == {"Reason"}
        assert "Header" in text(browser)
        visit(hospital, browser, f"batches/{delivered['id']}")
        assert set(browser.run(names)) == {"Coded UID"}
        assert "Header" not in text(browser)
    finally:
        browser.size(1400, 1000)


def test_a_reason_is_required_for_a_recall(hospital: Stack, browser: Browser) -> None:
    """The page shows first what a recall takes back; without a reason nothing happens."""
    number = _batch(hospital, world.send(hospital, "CT", 1), "IRB-2026-014")
    wait_for(lambda: hospital.api(f"batches/{number}")["state"] == "DONE", "it to be delivered")
    visit(hospital, browser, f"batches/{number}")
    press(browser, "Recall…")
    wait_text(browser, "This cannot be undone.")
    ready(browser)
    assert "research (1 instance)" in text(browser)
    press(browser, "Recall")
    confirm(browser)
    assert browser.run("return document.querySelector('#act').open")
    assert hospital.api(f"batches/{number}")["state"] == "DONE"
    confirm(browser, "consent was withdrawn")
    wait_for(lambda: hospital.api(f"batches/{number}")["state"] == "RECALLED", "the recall")
    wait_text(browser, "consent was withdrawn")
    press(browser, "Certificate of the recall")
    wait_text(browser, "Nothing of it is left at any destination")
    certificate = hospital.api(f"batches/{number}/certificate")
    assert (certificate["reason"], certificate["complete"]) == ("consent was withdrawn", True)
    [research] = certificate["destinations"]
    assert (research["destination"], research["removed"], research["left"]) == ("research", 1, 0)


def test_a_study_of_no_project_is_deidentified_now(hospital: Stack, browser: Browser) -> None:
    """For the project that the user chooses."""
    study = world.send(hospital, "DX", 2)
    _batch(hospital, study, None)
    visit(hospital, browser, f"studies/{study}")
    fill(browser, "#now-form", project="IRB-2026-014", reason="asked for by Dr. Y")
    press(browser, "De-identify now")
    number = _batch(hospital, study, "IRB-2026-014")
    assert "asked for by Dr. Y" in str(hospital.api(f"batches/{number}")["events"])
    wait_text(browser, "The study is queued.", "#toasts")
    press(browser, "De-identify now")  # the form is empty again: the browser asks for the reason
    fill(browser, "#now-form", project="IRB-2026-014", reason="again")
    press(browser, "De-identify now")
    wait_text(browser, "has a batch of project IRB-2026-014 already", "#toasts")


def test_several_studies_are_deidentified_now(hospital: Stack, browser: Browser) -> None:
    """As Orthanc Explorer 2 opens the page; each row says what became of its study, one that is refused says why."""
    studies = [world.send(hospital, "DX", 2), world.send(hospital, "DX", 2)]
    for study in studies:
        _batch(hospital, study, None)
    gone = "0" * 8 + "-00000000" * 4
    browser.complaints()  # those of the tests before
    visit(hospital, browser, "studies?study=" + ",".join([*studies, gone]))
    fill(browser, "#studies-form", project="IRB-2026-014", reason="asked for by Dr. Z")
    press(browser, "De-identify all now")
    wait_text(browser, "2 of 3 studies queued.", "#toasts")
    for study in studies:
        number = _batch(hospital, study, "IRB-2026-014")
        assert text(browser, f"[id='o{study}']") == f"Queued: batch {number}"
        assert "asked for by Dr. Z" in str(hospital.api(f"batches/{number}")["events"])
    assert "is not in Orthanc" in text(browser, f"[id='o{gone}']")
    assert ["409 (Conflict)" in complaint for complaint in browser.complaints()] == [True]


def test_filters_stand_in_the_address_and_back_keeps_them(hospital: Stack, browser: Browser) -> None:
    browser.size(1400, 900)
    visit(hospital, browser, "batches")
    fill(browser, "#filters", state="QUARANTINED")
    wait_for(lambda: browser.run("return location.search") == "?state=QUARANTINED", "the filter")
    ready(browser)
    states = "return [...document.querySelectorAll('tbody td[data-name=State]')].map(e => e.innerText.trim())"
    assert set(browser.run(states)) == {"Quarantined"}
    browser.click("tbody tr a")
    wait_for(lambda: "/batches/" in browser.run("return location.pathname"), "the batch")
    browser.back()
    wait_for(lambda: browser.run("return location.search") == "?state=QUARANTINED", "the list")
    ready(browser)
    assert browser.run("return document.querySelector('#filters').elements.state.value") == "QUARANTINED"
    assert set(browser.run(states)) == {"Quarantined"}


def test_a_selection_outlasts_a_refresh(hospital: Stack, browser: Browser) -> None:
    """Also a range, selected with shift."""
    visit(hospital, browser, "batches")
    boxes = "document.querySelectorAll('input[data-row]')"
    browser.run(
        f"{boxes}[0].click(); {boxes}[3].dispatchEvent(new MouseEvent('click', {{shiftKey: true, bubbles: true}}))"
    )
    assert text(browser, "#selected") == "4 selected"
    browser.run("document.addEventListener('htmx:afterSwap', () => { window.swapped = true }); SendIt.refresh()")
    wait_for(lambda: browser.run("return window.swapped"), "a refresh")
    assert browser.run(f"return [...{boxes}].filter(b => b.checked).length") == 4
    assert text(browser, "#selected") == "4 selected"


def test_an_import_from_the_page(hospital: Stack, browser: Browser) -> None:
    """A folder that is not there is refused in words; one that is there is imported."""
    visit(hospital, browser, "imports")
    fill(browser, "#import-form", folder="/nowhere")
    press(browser, "Import")
    wait_text(browser, "There is no such folder on the server. Give its full path", "#toasts")
    fill(browser, "#import-form", folder=str(hospital.folder / "outside"))
    press(browser, "Import")
    wait_text(browser, "The import has begun.", "#toasts")
    wait_text(browser, "1 not DICOM")


def test_the_crosswalk_is_looked_up_and_the_look_recorded(hospital: Stack, browser: Browser) -> None:
    study = world.send(hospital, "CT", 1, patient_id="CROSS-77")
    number = _batch(hospital, study, "IRB-2026-014")
    wait_for(lambda: hospital.api(f"batches/{number}")["state"] == "DONE", "it to be delivered")
    visit(hospital, browser, "crosswalk")
    fill(browser, "#lookup", kind="original", value="CROSS-77", reason=EVIL)
    press(browser, "Look up")
    wait_text(browser, "CROSS-77", "#found")
    links = browser.run("return [...document.querySelectorAll('#found a')].map(a => a.href)")
    visit(hospital, browser, "audit?action=look-up")
    assert EVIL in text(browser)
    assert "CROSS-77" not in text(browser)
    press(browser, "Verify the chain")
    wait_text(browser, "The chain holds", "#chain")
    for link in links:  # each leads to the batches of the patient
        browser.open(link)
        ready(browser)
        assert browser.run("return [...document.querySelectorAll('tr[data-href]')].map(r => r.id)") == [f"b{number}"]


def test_single_images_are_accepted_by_keyboard_and_without_script(hospital: Stack, browser: Browser) -> None:
    """Chosen and accepted with a reason on the batch's page; the batch leaves with the last one."""
    maker = CaptureMaker(Person(patient_id="US-9-77"))
    for image in (1, 2):
        study = hospital.source.upload(world.evil(maker.capture(image), Modality="US"))["ParentStudy"]
    number = _batch(hospital, study, "Thyroid")
    browser.complaints()  # those of the test before
    visit(hospital, browser, f"batches/{number}")
    browser.keys("jx")
    assert browser.run("return [...document.querySelectorAll('[name=instance]')].map(b => b.checked)") == [True, False]
    browser.run("document.querySelector('#decision textarea').focus()")
    browser.keys("looks clean\ue004\ue007")  # Tab, Enter
    wait_text(browser, "1 of 2 images are accepted")
    assert browser.complaints() == []
    _refuse_forms(hospital, number)
    accepted = _send_form(hospital, number)
    assert (accepted.status_code, [one.status_code for one in accepted.history]) == (200, [303])
    wait_for(lambda: hospital.api(f"batches/{number}")["state"] == "DONE", "the delivery")
    events = hospital.api(f"batches/{number}")["events"]
    reviewed = [(one["message"], one["reason"]) for one in events if one["message"].startswith("review:")]
    accept = "review: accepted (1 instance)"
    assert reviewed == [(accept, "looks clean"), (accept, "also clean")]


def test_a_peer_that_comes_back(hospital: Stack, browser: Browser) -> None:
    """It is killed: the banner says so, and `sendit status` by its exit code; once it answers, "try now" delivers."""
    visit(hospital, browser, "batches?state=DELIVERING")
    assert "annex, archive" in text(browser, "#banners")
    browser.click("tbody tr a")
    wait_text(browser, "connection refused")
    ready(browser)
    number = int(browser.run("return location.pathname.split('/').pop()"))
    port = int(hospital.peers["archive"][0].rpartition(":")[2])
    hospital.target.kill()
    wait_text(browser, "research", "#banners")
    assert hospital.cli("status").returncode == 1
    hospital.target.configuration["HttpPort"] = hospital.target.http_port = port
    hospital.target.start()
    press(browser, "Try now")
    wait_for(lambda: hospital.api(f"batches/{number}")["state"] == "DONE", "the delivery")
    wait_text(browser, "Done", "h1")


def test_a_page_that_was_opened_while_sendit_hung_comes_by_itself(hospital: Stack, browser: Browser) -> None:
    """The worker does not answer: the browser is told so, and asks again until it does."""
    os.kill(hospital.worker_pid(), signal.SIGSTOP)
    try:
        browser.open(f"{hospital.source.url}/sendit/batches")
        assert "SendIt's worker hangs" in text(browser, "body")
    finally:
        os.kill(hospital.worker_pid(), signal.SIGCONT)
    wait_text(browser, "Batches", "h1")
    browser.complaints()  # the console has the first answer


def test_many_at_once_and_a_pause(hospital: Stack, browser: Browser) -> None:
    """All that match a filter are retried, and a destination is paused and resumed; the audit log has both."""
    studies = [world.send(hospital, "PT", 1) for _ in range(20)]
    number = [_batch(hospital, study, "PET-followup") for study in studies][-1]
    visit(hospital, browser, "destinations")
    press(browser, "Pause", "#dest-annex")
    confirm(browser, "the annex is being moved")
    wait_text(browser, "Paused", "#dest-annex")
    visit(hospital, browser, "batches?project=PET-followup&state=FAILED")
    failed = browser.run("return Number(document.querySelector('#list').dataset.total)")
    browser.run("document.querySelector('input[data-row]').click()")
    assert failed >= 20
    browser.click("#all-matching")
    assert f"All {failed} that match" in text(browser, "#selected")
    press(browser, "Retry", "#selection")
    confirm(browser, EVIL)
    wait_text(browser, f"done for {failed} of {failed} batches", "#toasts")
    wait_for(lambda: hospital.api(f"batches/{number}")["deliveries"][0]["state"] == "PAUSED", "it to wait")
    visit(hospital, browser, "destinations")
    press(browser, "Resume", "#dest-annex")
    wait_for(lambda: hospital.api(f"batches/{number}")["state"] == "FAILED", "it to be tried")
    visit(hospital, browser, "audit")
    for act in ("paused", "resumed", "retried many batches", EVIL):
        assert act in text(browser)


def _send_form(hospital: Stack, number: int, site: str = "", **values: str) -> requests.Response:
    """Send the form for the second image as a browser without script does."""
    address, session = f"{hospital.source.url}/sendit/batches/{number}", hospital.source.session
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', session.get(address).text))
    fields = {**hidden, "instance": "2", "decision": "ACCEPT", "reason": "also clean", **values}
    return session.post(f"{address}/decision", data=fields, headers={"Origin": site} if site else {}, timeout=60)


def _refuse_forms(hospital: Stack, number: int) -> None:
    """Of other sites, of nobody's page, without a reason, or of a page that shows an older state: nothing happens."""
    assert _send_form(hospital, number, site="http://evil.example").status_code == 403
    assert _send_form(hospital, number, token="0" * 64).status_code == 403
    assert _send_form(hospital, number, reason=" ").status_code == 422
    assert _send_form(hospital, number, attempt="99").status_code == 409
    assert [one["accepted_by"] for one in hospital.api(f"batches/{number}/review")["instances"]] == [["anonymous"], []]
