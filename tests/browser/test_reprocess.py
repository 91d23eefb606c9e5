"""From the pages: what other rules would change, the study sent again by them, and how two versions of them differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.pages import confirm, press, text, visit, wait_text
from tests.dicom import StudyMaker
from tests.servers.stack import PROJECT

if TYPE_CHECKING:
    from tests.conftest import MakeStack
    from tests.servers.browser import Browser

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_other_rules(make_stack: MakeStack, browser: Browser) -> None:
    """Asked first, nothing is changed; then the target has the new version under the same UIDs."""
    stack = make_stack()
    stack.sendit["Projects"][PROJECT]["Options"] = ["CleanPixelData", "RetainLongitudinalModifiedDates"]
    stack.start()
    stack.source.upload(StudyMaker().instance())
    stack.wait_batches(1)
    [before] = stack.delivered()
    stack.sendit["Projects"][PROJECT]["Options"] = ["CleanPixelData", "RetainPatientCharacteristics"]
    (stack.source.folder / "orthanc.json").write_text(stack.source.configuration_text())
    assert stack.cli("reload").returncode == 0
    stack.wait_ready()

    visit(stack, browser, "batches/1")
    press(browser, "What would differ")
    wait_text(browser, "With the current rules, 1 of 1 compared instances would change.", "#verdict")
    lines = browser.run("return [...document.querySelectorAll('#verdict tbody tr')].map(row => row.innerText)")
    [date] = [line for line in lines if "StudyDate" in line]
    row = "PS3.15 Table E.1-1, "
    assert date.split("\t")[1:5] == [
        "shifted", f"{row}RetainLongitudinalModifiedDates", "blanked", f"{row}Basic Profile",
    ]  # fmt: skip
    assert [one.to_json() for one in stack.delivered()] == [before.to_json()]

    press(browser, "Reprocess")
    confirm(browser, "the sponsor wants no dates")
    stack.wait_batch(lambda b: b["state"] == "DONE" and b["version"] == 2)
    [after] = stack.delivered()
    assert (after.SOPInstanceUID, after.StudyDate, bool(before.StudyDate)) == (before.SOPInstanceUID, "", True)
    wait_text(browser, "Reason: the sponsor wants no dates")

    visit(stack, browser, f"projects/{PROJECT}")
    press(browser, "Compare")
    wait_text(browser, "RetainLongitudinalModifiedDates", "table")
    assert "RetainPatientCharacteristics" in text(browser)
    assert browser.complaints() == []
