"""Large studies and large instances into a bucket, in a process whose memory is measured."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sendit.model import Consignment, Parcel
from tests.destinations.bench_google_cloud_storage import BUCKET, document
from tests.destinations.parcels import consignment, new_uid
from tests.servers.google_storage import GoogleStorage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

LIMIT = 512 * 1024  # KiB, for the whole process

_DELIVER = """
import json, resource, sys
from pathlib import Path
from sendit.model import Consignment, Parcel, Receipt
from tests.destinations.bench import open_out
document, parcels = json.loads(Path(sys.argv[1]).read_text())
sent = Consignment(1, "IRB1", [Parcel(Receipt.from_dict(receipt), Path(path)) for receipt, path in parcels])
destination = open_out(document)
assert destination.deliver(sent, lambda _: None) == len(parcels)
assert destination.verify(sent) == []
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GoogleStorage]:
    with GoogleStorage(tmp_path / "storage", buckets=[BUCKET]) as server:
        yield server


def delivered(server: GoogleStorage, sent: Consignment, layout: str, folder: Path) -> int:
    """Deliver and verify in a process of its own; its largest memory in KiB."""
    order = folder / "order.json"
    settings = document(server.url, Layout=layout, Timeout=60)
    order.write_text(json.dumps([settings, [(one.receipt.as_dict(), str(one.path)) for one in sent.parcels]]))
    done = subprocess.run(
        [sys.executable, "-c", _DELIVER, str(order)], capture_output=True, text=True, check=False, timeout=800
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.parametrize("layout", ["Archive", "Instances"])
def test_a_study_of_5000_instances(server: GoogleStorage, tmp_path: Path, layout: str) -> None:
    """All there, each once, in bounded memory."""
    one = consignment(tmp_path, 1).parcels[0]
    parcels = [Parcel(replace(one.receipt, sop_instance_uid=new_uid()), one.path) for _ in range(5000)]
    used = delivered(server, Consignment(1, "IRB1", parcels), layout, tmp_path)
    assert used < LIMIT
    assert server.state()["created"] == (1 if layout == "Archive" else 5000)


@pytest.mark.parametrize("layout", ["Archive", "Instances"])
def test_an_instance_of_two_gigabytes(server: GoogleStorage, tmp_path: Path, layout: str) -> None:
    """Streamed both ways, by SendIt and by the server."""
    receipt = consignment(tmp_path, 1).parcels[0].receipt
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
    used = delivered(server, Consignment(1, "IRB1", [Parcel(receipt, path)]), layout, tmp_path)
    assert used < LIMIT
    assert server.process is not None
    peak = next(
        int(line.split()[1])
        for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    assert peak < LIMIT
