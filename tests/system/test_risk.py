"""`sendit risk` on a running stack: what was noted when studies left, through API, page and command."""

from __future__ import annotations

import csv
import json
from io import BytesIO, StringIO
from typing import TYPE_CHECKING

import pytest
from pydicom import dcmread

from tests.dicom import Person, StudyMaker, written

if TYPE_CHECKING:
    from tests.conftest import MakeStack


@pytest.mark.slow
def test_the_risk_of_what_left(make_stack: MakeStack) -> None:
    """Three patients: two are 40 to 49, one is 90 or more, and alone by that; a recall takes that one out."""
    project = {
        "Match": {},
        "Options": ["RetainPatientCharacteristics", "RetainLongitudinalFullDates"],
        "Destinations": ["research"],
    }
    stack = make_stack(Projects={"irb1": project}).start()
    for number, age in enumerate(("041Y", "049Y", "093Y")):
        person = Person(patient_id=f"MRN77{number}12", name=f"Quux{number}^Ann")
        image = dcmread(BytesIO(StudyMaker(person, accession_number=f"A{number}").instance()))
        image.PatientAge = age
        stack.source.upload(written(image))
        stack.wait_batches(number + 1)
    risk = stack.api("projects/irb1/risk?k=2")
    assert (risk["patients"], risk["studies"], risk["unknown"], risk["singled_out"]) == (3, 3, 0, 1)
    assert risk["combinations"] == [{"attributes": ["age"], "patients": 1, "further": 1}]
    assert risk["classes"] == [{"values": {"age": "90 or more"}, "patients": 1}]
    [effect] = risk["options"]
    assert (effect["option"], effect["without"]) == ("RetainPatientCharacteristics", 0)
    table = stack.source.session.get(f"{stack.source.url}/sendit/api/projects/irb1/risk?k=2&format=csv", timeout=30)
    assert ["class", "age", "90 or more", "1", "", ""] in list(csv.reader(StringIO(table.text)))
    page = stack.source.session.get(f"{stack.source.url}/sendit/projects/irb1/risk?k=2", timeout=30).text
    assert "age: 90 or more" in page
    shown = stack.cli("risk", "irb1", "--k", "2")
    assert (shown.returncode, "1 of 3 patients are singled out" in shown.stdout) == (1, True), shown.stderr
    assert stack.cli("risk", "irb1", "--k", "2", "--csv").stdout == table.text.replace("\r\n", "\n")
    missing = stack.source.session.get(f"{stack.source.url}/sendit/api/projects/none/risk", timeout=30)
    assert (missing.status_code, missing.json()["detail"]) == (404, "there is no project 'none'")
    recalled = stack.cli("recall", "--batch", "3", "--reason", "withdrawn", "--yes")
    assert recalled.returncode == 0, recalled.stderr
    stack.wait_batch(lambda batch: batch["state"] == "RECALLED")
    after = json.loads(stack.cli("risk", "irb1", "--k", "2", "--json").stdout)
    assert (after["patients"], after["singled_out"]) == (2, 0)
