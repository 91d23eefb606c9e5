"""Delivery to an Orthanc peer against Orthanc's own: how long SendIt takes, and POST /peers/{id}/store, in one run.

Both send the same instances from this machine to a fresh Orthanc: SendIt the staged files of a study, Orthanc the same
study of its own storage. Reading back, which Orthanc's own does not do, is stated beside it.
"""

from __future__ import annotations

import io
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pydicom

from sendit.model import Shipment
from tests.destinations.bench_orthanc_peer import open_peer
from tests.destinations.staged_instances import staged_of
from tests.dicom import StudyMaker
from tests.servers.orthanc import OrthancServer

#: Instances, and rows of 16-bit pixels in each: about 40 KB, 512 KB, 8 MB.
STUDIES = ((500, 140), (200, 512), (20, 2048))
ROUNDS = 5
LIMIT = 1.0

Send = Callable[[OrthancServer], float]


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _staged(folder: Path, count: int, rows: int) -> Shipment:
    folder.mkdir()
    maker = StudyMaker(rows=rows)
    made = (pydicom.dcmread(io.BytesIO(maker.instance(number))) for number in range(1, count + 1))
    return Shipment(1, "IRB1", [staged_of(one, folder) for one in made])


def _store(source: OrthancServer, study: str, target: OrthancServer) -> None:
    """POST /peers/{id}/store, which answers when its job has ended."""
    order = {"Resources": [study], "Synchronous": True}
    source.session.post(f"{source.url}/peers/target/store", json=order, timeout=600).raise_for_status()


def _fresh(folder: Path, count: int, send: Send) -> float:
    """The seconds that `send` takes to a target that holds nothing; all has to be there then."""
    with OrthancServer(folder) as target:
        seconds = send(target)
        assert target.get("/statistics")["CountInstances"] == count
    return seconds


def _compare(folder: Path, count: int, rows: int) -> float:
    """The ratio of the medians."""
    shipment = _staged(folder / "staged", count, rows)
    results: dict[str, list[float]] = {"SendIt": [], "Orthanc": [], "verify": []}

    def ours(target: OrthancServer) -> float:
        peer = open_peer([target.url])
        seconds = _seconds(lambda: peer.deliver(shipment, lambda _: None))
        results["verify"].append(_seconds(lambda: peer.verify(shipment)))
        return seconds

    with OrthancServer(folder / "source") as source:
        for staged in shipment.staged_instances:
            source.upload(staged.path.read_bytes())
        (study,) = source.get("/studies")

        def theirs(target: OrthancServer) -> float:
            source.session.put(f"{source.url}/peers/target", json=[target.url]).raise_for_status()
            return _seconds(lambda: _store(source, study, target))

        ways: list[tuple[str, Send]] = [("SendIt", ours), ("Orthanc", theirs)]
        for number in range(ROUNDS):
            for name, send in ways if number % 2 else reversed(ways):
                results[name].append(_fresh(folder / f"{name}{number}", count, send))
    median = {name: statistics.median(values) for name, values in results.items()}
    ratio = median["SendIt"] / median["Orthanc"]
    size = sum(staged.receipt.output_size for staged in shipment.staged_instances) / 1e6
    print(f"peer: {count} instances, {size:.0f} MB, medians of {ROUNDS} rounds: "
          f"SendIt {median['SendIt']:.2f} s, Orthanc {median['Orthanc']:.2f} s, ratio {ratio:.2f} (limit {LIMIT}); "
          f"reading back {median['verify']:.2f} s")  # fmt: skip
    return ratio


def main() -> bool:
    """Print the figures; whether every ratio is within the limit."""
    ratios = []
    for count, rows in STUDIES:
        with tempfile.TemporaryDirectory(prefix="sendit-bench-") as name:
            ratios.append(_compare(Path(name), count, rows))
    return all(ratio <= LIMIT for ratio in ratios)
