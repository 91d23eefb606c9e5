"""Large studies and large instances into a bucket, in a process whose memory is measured."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sendit.model import Shipment, StagedInstance
from tests.destinations.bench_google_cloud_storage import document
from tests.destinations.staged_instances import new_uid, shipment

if TYPE_CHECKING:
    from tests.servers.google_storage import GoogleStorage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

LIMIT = 512 * 1024  # KiB, for the whole process

_DELIVER = """
import json, resource, sys
from pathlib import Path
from sendit.model import Shipment, StagedInstance, Receipt
from tests.destinations.bench import open_out
document, given = json.loads(Path(sys.argv[1]).read_text())
sent = Shipment(1, "IRB1", [StagedInstance(Receipt.from_dict(receipt), Path(path)) for receipt, path in given])
destination = open_out(document)
assert destination.deliver(sent, lambda _: None) == len(given)
assert destination.verify(sent) == []
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def delivered(own_server: GoogleStorage, sent: Shipment, layout: str, folder: Path) -> int:
    """Deliver and verify in a process of its own; its largest memory in KiB."""
    order = folder / "order.json"
    settings = document(own_server.url, Layout=layout, Timeout=60)
    order.write_text(json.dumps([settings, [(one.receipt.as_dict(), str(one.path)) for one in sent.staged_instances]]))
    done = subprocess.run(
        [sys.executable, "-c", _DELIVER, str(order)], capture_output=True, text=True, check=False, timeout=800
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.parametrize("layout", ["Archive", "Instances"])
def test_a_study_of_5000_instances(own_server: GoogleStorage, tmp_path: Path, layout: str) -> None:
    """All there, each once, in bounded memory."""
    one = shipment(tmp_path, 1).staged_instances[0]
    staged_instances = [StagedInstance(replace(one.receipt, sop_instance_uid=new_uid()), one.path) for _ in range(5000)]
    used = delivered(own_server, Shipment(1, "IRB1", staged_instances), layout, tmp_path)
    assert used < LIMIT
    assert own_server.state()["created"] == (1 if layout == "Archive" else 5000)


@pytest.mark.parametrize("layout", ["Archive", "Instances"])
def test_an_instance_of_two_gigabytes(own_server: GoogleStorage, tmp_path: Path, layout: str) -> None:
    """Streamed both ways, by SendIt and by the own_server."""
    receipt = shipment(tmp_path, 1).staged_instances[0].receipt
    path, piece = tmp_path / "large.dcm", os.urandom(1 << 20)
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with path.open("wb") as file:
        for _ in range(2048):
            file.write(piece)
            sha256.update(piece)
            md5.update(piece)
    receipt = replace(
        receipt, output_size=2 << 30, output_sha256=sha256.hexdigest(), output_md5=md5.hexdigest()
    )  # its content is never read as DICOM
    used = delivered(own_server, Shipment(1, "IRB1", [StagedInstance(receipt, path)]), layout, tmp_path)
    assert used < LIMIT
    assert own_server.process is not None
    peak = next(
        int(line.split()[1])
        for line in Path(f"/proc/{own_server.process.pid}/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    assert peak < LIMIT
