"""Originals planted everywhere, and every page and answer read by users without a role that sees originals."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import pytest
from pydicom import dcmread
from pydicom.filebase import DicomBytesIO

from tests.burned import CaptureMaker
from tests.dicom import Person, StudyMaker
from tests.servers.stack import PROJECT
from tests.system.test_roles_and_audit import ask, started

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeStack
    from tests.servers.stack import Stack

PERSON = Person("PLANT77231", "Plantagenet^Quimbyzelda")
#: No page or answer may hold one of them; names also in parts and in small letters.
WORDS = ("plant77231", "plantagenet", "quimbyzelda", "plantedward", "plant9931", "19310203")
#: What the addresses of the API stand for here.
VALUES = {"batch_id": "1", "number": "1", "frame": "1", "name": PROJECT, "project": PROJECT, "import_id": "1",
          "action_id": "1", "destination": "research", "pull_id": "1"}  # fmt: skip


def _planted(data: bytes) -> bytes:
    """An instance with the person and other identifiers in attributes of many kinds."""
    instance = dcmread(DicomBytesIO(data))
    instance.PatientBirthDate = "19310203"
    instance.AccessionNumber = "PLANT9931"
    for keyword in ("StudyDescription", "SeriesDescription", "ImageComments", "PatientComments", "StationName",
                    "InstitutionName", "ProtocolName", "OperatorsName", "PatientAddress"):  # fmt: skip
        setattr(instance, keyword, "Plantedward")
    file = DicomBytesIO()
    instance.save_as(file)
    return bytes(file.getvalue())


def _populated(stack: Stack, folder: Path) -> None:
    """One batch that is done, one under review, one that is recalled, and an import with a file that is no DICOM."""
    stack.source.upload(_planted(StudyMaker(PERSON).instance()))
    stack.wait_batches(1, {"DONE"})
    stack.source.upload(_planted(CaptureMaker().capture(1)))
    stack.wait_batch(lambda b: b["state"] == "REVIEW", limit=240)
    stack.source.upload(_planted(StudyMaker(Person("PLANT77231X", "Plantagenet^Other")).instance()))
    [third] = [b["id"] for b in stack.wait_batches(3, {"DONE", "REVIEW"}) if b["id"] == 3]
    assert stack.cli("recall", "--batch", str(third), "--yes", "--reason", "withdrawn").returncode == 0
    folder.mkdir()
    (folder / "Plantagenet_PLANT77231.dcm").write_bytes(b"no DICOM at all")
    stack.cli("import", str(folder), "--project", PROJECT)
    one = stack.api("imports/1")
    assert sum(one["files"].values()) == 1


def _pages(stack: Stack, user: str) -> dict[str, str]:
    """Every page that links lead to from the start page, by its address."""
    base = f"{stack.source.url}/sendit/"
    seen: dict[str, str] = {}
    waiting = [base]
    while waiting:
        address = waiting.pop()
        path = address.removeprefix(base)
        if path in seen or len(seen) > 300:
            continue
        answer = ask(stack, user, path)
        seen[path] = (
            answer.text if answer.headers["Content-Type"].startswith("text/") else answer.content.decode("latin-1")
        )
        links = (unescape(link) for link in re.findall(r'href="([^"#]+)', seen[path]))
        found = [urljoin(address, link) for link in links]
        waiting += [one for one in found if one.startswith(base) and not urlsplit(one).path.endswith((".js", ".css"))]
    return seen


def _answers(stack: Stack, user: str) -> dict[str, str]:
    """Every address of the API's description that takes a GET."""
    document = ask(stack, user, "api/openapi.json").json()
    study = stack.api("batches/1")["study"]
    found = {}
    for path, operations in document["paths"].items():
        if "get" in operations:
            for batch in ("1", "2", "3"):
                values = {**VALUES, "study": study, "batch_id": batch}
                address = path.lstrip("/")
                for parameter, value in values.items():
                    address = address.replace(f"{{{parameter}}}", value)
                found[address] = ask(stack, user, address).content.decode("latin-1")
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_page_or_answer_without_the_role_holds_an_original(make_stack: MakeStack, tmp_path: Path) -> None:
    """Neither for who views nor for who releases; one who may look finds them, so the search is able to."""
    stack = started(make_stack(), Pixels={"OnText": "Review"})
    _populated(stack, tmp_path / "planted")
    for user in ("vera", "bea"):
        pages, answers = _pages(stack, user), _answers(stack, user)
        assert len(pages) > 20
        assert len(answers) > 40
        for address, text in (pages | answers).items():
            held = [word for word in WORDS if word in text.lower()]
            assert held == [], f"{user}: /sendit/{address}"
    header = ask(stack, "rita", "api/batches/2/instances/1/header").text.lower()
    assert "plant9931" in header
    looks = ask(stack, "ada", "api/audit?action=look").json()["entries"]
    originals = {one["actor"] for one in looks if not one["details"]["what"].endswith(" of the output")}
    assert originals == {"orthanc:rita"}
    assert {one["actor"] for one in looks} == {"orthanc:rita", "orthanc:bea"}  # who releases sees what would leave
    assert not any(word in stack.source.log().lower() for word in WORDS)
