"""A hospital in which a bit of everything has happened, for tests of the pages: one stack for many tests.

CT is delivered. US shows text: one waits for a reviewer, one is held. MR goes to a peer that is down, PT to one that
is down and not waited for.
DX belongs to no project. An import has a file that is no DICOM. Names, descriptions and reasons hold a script.
"""

from __future__ import annotations

import os
from io import BytesIO
from typing import TYPE_CHECKING, Any

import requests
from pydicom import dcmread

from tests.burned import CaptureMaker
from tests.dicom import Person, StudyMaker, written
from tests.servers.ports import free_port
from tests.servers.stack import Stack
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

EVIL = "<script>alert(1)</script>"
#: Why a batch is held: the script, but in the pictures of the documentation what a person would write.
REASON = "a name in the upper left corner?" if os.environ.get("SENDIT_PICTURES") else EVIL
#: Attributes that hold it in every study.
EVIL_ATTRIBUTES = (
    "PatientName", "StudyDescription", "SeriesDescription", "InstitutionName", "ReferringPhysicianName",
    "ProtocolName", "OperatorsName", "PatientComments", "ManufacturerModelName", "ImageComments",
)  # fmt: skip


def build(folder: Path, **sendit: Any) -> Stack:
    """Start the stack."""
    archive, annex = (f"http://127.0.0.1:{free_port()}" for _ in range(2))  # nobody listens there
    peer, soon = {"Type": "OrthancPeer"}, {"FirstDelay": 3600, "MaxDelay": 3600}
    stack = Stack(folder, **sendit)
    stack.peers |= {"archive": [archive], "annex": [annex]}
    stack.sendit["Destinations"] |= {
        "archive": {**peer, "Peer": "archive", "Retry": {**soon, "Limit": 20}},
        "annex": {**peer, "Peer": "annex", "Retry": {**soon, "Limit": 0}},
    }
    stack.sendit["Projects"] = {
        "IRB-2026-014": {"Match": {"Modality": ["CT"]}, "Destinations": ["research"]},
        "Thyroid": {"Match": {"Modality": ["US"]}, "Pixels": {"OnText": "Review"}, "Destinations": ["research"]},
        "Knee-MR": {"Match": {"Modality": ["MR"]}, "Destinations": ["research", "archive"]},
        "PET-followup": {"Match": {"Modality": ["PT"]}, "Destinations": ["annex"]},
    }
    return stack.start()


def evil(file: bytes, **values: Any) -> bytes:
    """The file with the script in `EVIL_ATTRIBUTES`."""
    dataset = dcmread(BytesIO(file))
    for keyword in EVIL_ATTRIBUTES:
        setattr(dataset, keyword, EVIL)
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return written(dataset)


def populate(stack: Stack, delivered: int = 3) -> None:
    """Send studies of every kind, and wait until each has come to where it stays."""
    for number in range(delivered):
        send(stack, "CT", 2 + number)
    for number in range(2):
        maker = CaptureMaker(Person(patient_id=f"US-{number}-884401"))
        stack.source.upload(evil(maker.capture(1), Modality="US"))
    send(stack, "MR", 3)
    send(stack, "PT", 1)
    send(stack, "PT", 2)
    send(stack, "DX", 1)
    import_something_odd(stack)
    wait_for(lambda: settled(stack, delivered + 7), "the studies to settle", limit=200)
    reviewed = [b["id"] for b in stack.batches() if b["state"] == "REVIEW"]
    stack.api(f"batches/{reviewed[0]}/hold", "POST", json={"reason": REASON})


def send(stack: Stack, modality: str, count: int, **person: str) -> str:
    """Store a study; Orthanc's identifier of it."""
    maker = StudyMaker(Person(**{"patient_id": f"{modality}-{free_port()}-551", **person}), modality=modality)
    answers = [stack.source.upload(evil(file)) for file in maker.instances(count)]
    return str(answers[0]["ParentStudy"])


def settled(stack: Stack, batches: int) -> bool:
    """Return whether there are so many batches, and none moves by itself for now."""
    try:
        found = stack.batches()
    except requests.RequestException:  # too busy just now
        return False
    moving = {"RECEIVING", "QUEUED", "PROCESSING", "SENT"}
    waits = [b for b in found if b["state"] == "DELIVERING"]
    return (
        len(found) >= batches
        and not any(b["state"] in moving for b in found)
        and all(any(d["next_attempt_at"] for d in b["deliveries"]) for b in waits)
    )


def import_something_odd(stack: Stack) -> None:
    """Import a folder with a study, and with a file that is no DICOM and has the script as its name."""
    folder = stack.folder / "outside"
    folder.mkdir(exist_ok=True)
    (folder / "notes <script>alert(1)<.dcm").write_text("no DICOM")
    (folder / "a.dcm").write_bytes(evil(StudyMaker(Person(patient_id="IMP-1-55")).instance()))
    number = stack.api("imports", "POST", json={"folder": str(folder), "project": "IRB-2026-014"})["id"]
    wait_for(lambda: stack.api(f"imports/{number}")["state"] != "RUNNING", "the import to end")
