"""Files as they were written before PS3.10: datasets without preamble and "DICM", through a watched folder."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pydicom
import pytest
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from tests.dicom import PLANTED_NAME, StudyMaker
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeStack


def bare(data: bytes, *, implicit: bool, little: bool = True) -> bytes:
    """The dataset of a file, alone."""
    stream = DicomBytesIO()
    stream.is_implicit_VR, stream.is_little_endian = implicit, little
    dataset = pydicom.dcmread(io.BytesIO(data))
    # The pixels are written as they are: in big endian they would be another image, which has no meaning here.
    write_dataset(stream, dataset)
    return stream.getvalue()


@pytest.mark.slow
def test_they_are_sent_or_kept_with_a_reason(make_stack: MakeStack, tmp_path: Path) -> None:
    """What is understood to its last byte is sent; the rest stays in .err, or in Orthanc, rejected with a reason."""
    inbox = tmp_path / "inbox"
    folder = {"Path": str(inbox), "Project": "irb1", "QuietSeconds": 0.5, "PollSeconds": 0.5}
    stack = make_stack(WatchedFolders=[folder])
    one, two, three, four, five = StudyMaker(rows=8).instances(5)
    files = {
        "implicit": bare(one, implicit=True),
        "explicit": bare(two, implicit=False),
        "meta": three[132:],
        "big endian": bare(four, implicit=False, little=False),
        "letters first": five[128:],
    }
    (inbox / "ST-1.tmp1").mkdir(parents=True)
    for name, data in files.items():
        (inbox / "ST-1.tmp1" / name).write_bytes(data)
    (inbox / "ST-1.tmp1").rename(inbox / "ST-1")
    stack.start()
    [batch] = stack.wait_batches(1)
    counts = (batch["received"], batch["sent"], batch["rejected"])
    assert (batch["state"], counts) == ("DONE", (4, 3, 1)), stack.describe()
    [reason] = stack.api(f"batches/{batch['id']}")["reasons"]
    assert "not followed by DICM" in reason["reason"]
    assert len(stack.source.get("/instances")) == 4
    assert all(data[:132] == bytes(128) + b"DICM" for data in stack.delivered_files())
    assert not any(PLANTED_NAME.encode() in data for data in stack.delivered_files())
    wait_for((inbox / ".err" / "ST-1.reasons.txt").is_file, "the file of reasons")
    reasons = (inbox / ".err" / "ST-1.reasons.txt").read_text()
    assert "letters first" in reasons
    assert "implicit" not in reasons
    assert (inbox / ".err" / "ST-1" / "letters first").read_bytes() == five[128:]
