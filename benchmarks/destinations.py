"""How fast does SendIt fill a bucket, beside Google's plain client with the same bytes? In turn, on one server.

The server is that of the tests, on this machine: what is compared is what SendIt costs, and no network hides it.
"""

from __future__ import annotations

import io
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydicom

from sendit.destinations.gcs.archive_layout import archive_bytes
from sendit.model import Shipment, StagedInstance
from tests.destinations.bench import open_out
from tests.destinations.bench_google_cloud_storage import BUCKET, document, plain_bucket
from tests.destinations.staged_instances import new_uid, staged_of
from tests.dicom import StudyMaker
from tests.servers.google_storage import GoogleStorage

if TYPE_CHECKING:
    from collections.abc import Callable

INSTANCES = 200
ROWS = 512  # 512 × 512 × 2 bytes = 512 KB
ROUNDS = 9
CONCURRENCY = 4
LIMIT = 0.9
WIRES = (50e6, 125e6)  # bytes per second: about what one connection to Google gives; a gigabit


def _study(folder: Path) -> Shipment:
    """A study as it lies in the staging folder."""
    maker = StudyMaker(rows=ROWS)
    files = (pydicom.dcmread(io.BytesIO(data)) for data in maker.instances(INSTANCES))
    return Shipment(1, "IRB1", [staged_of(file, folder) for file in files])


def _renewed(study: Shipment) -> Shipment:
    """The same files as another study: nothing of it is there yet."""
    uid = new_uid()
    receipts = (replace(staged.receipt, study_instance_uid=uid) for staged in study.staged_instances)
    return replace(
        study,
        staged_instances=[StagedInstance(r, p.path) for r, p in zip(receipts, study.staged_instances, strict=True)],
    )


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and seconds of CPU (user and system) of this process: the server is another one."""
    started, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started, time.process_time() - used


def _plain_instances(bucket: Any, study: Shipment) -> None:
    """What a script of twenty lines would do, in as many threads."""

    def upload(staged: StagedInstance) -> None:
        name = f"plain/{staged.receipt.study_instance_uid}/{staged.receipt.sop_instance_uid}.dcm"
        bucket.blob(name).upload_from_filename(str(staged.path), content_type="application/dicom")

    with ThreadPoolExecutor(CONCURRENCY) as pool:
        list(pool.map(upload, study.staged_instances))


def _plain_archive(bucket: Any, path: Path) -> None:
    """The archive is there already: the upload alone."""
    bucket.blob(f"plain/{new_uid()}.tar.gz").upload_from_filename(str(path), content_type="application/gzip")


def _packed_archive(bucket: Any, study: Shipment, path: Path) -> None:
    """The archive is written to a file first, and uploaded then: two steps with the same bytes in the end."""
    with path.open("wb") as file:
        file.writelines(archive_bytes(study))
    _plain_archive(bucket, path)


def _compare(label: str, ours: Callable[[], object], theirs: Callable[[], object], size: int) -> float:
    """Throughput of SendIt ÷ that of the other; the median of the rounds' ratios."""
    times: list[tuple[tuple[float, float], tuple[float, float]]] = []
    for number in range(ROUNDS + 1):
        pair = [("ours", ours), ("theirs", theirs)]
        measured = {name: _timed(work) for name, work in (pair if number % 2 else reversed(pair))}
        if number:  # the first round warms up
            times.append((measured["ours"], measured["theirs"]))
    one, other = zip(*times, strict=True)
    seconds = [statistics.median(wall for wall, _ in column) for column in (one, other)]
    used = [statistics.median(cpu for _, cpu in column) for column in (one, other)]
    rates = [size / 1e6 / wall for wall in seconds]
    ratio = float(seconds[1] / seconds[0])
    print(
        f"destinations: {label}: SendIt {rates[0]:.0f} MB/s, the plain client {rates[1]:.0f} MB/s of the study, "
        f"ratio {ratio:.2f}; CPU {used[0]:.2f} s beside {used[1]:.2f} s", flush=True,
    )  # fmt: skip
    return ratio


def main() -> bool:
    """Print the figures; whether the throughputs are at least `LIMIT` of the plain client's.

    An archive beside one that is packed already is shown for the cost of packing; there is no limit for it.
    """
    with tempfile.TemporaryDirectory(prefix="sendit-bench-") as name:
        folder = Path(name)
        (folder / "staging").mkdir()
        with GoogleStorage(folder / "storage", buckets=[BUCKET]) as server:
            return _measure(server, folder)


def _measure(server: GoogleStorage, folder: Path) -> bool:
    study = _study(folder / "staging")
    size = sum(staged.receipt.output_size for staged in study.staged_instances)
    bucket = plain_bucket(server.url)
    packed = folder / "packed.tar.gz"
    packed.write_bytes(b"".join(archive_bytes(study)))
    sizes = f"{size / 1e6:.0f} MB, packed {packed.stat().st_size / 1e6:.0f} MB"
    print(f"destinations: {INSTANCES} instances, {sizes}; {ROUNDS} rounds in turn, {CONCURRENCY} threads", flush=True)
    options = {"Timeout": 60, "Concurrency": CONCURRENCY}
    instances = open_out(document(server.url, Layout="Instances", **options))
    archives = open_out(document(server.url, Layout="Archive", **options))

    def nothing(_: int) -> None:
        pass

    def beside(label: str, theirs: Callable[[], object], layout: Any) -> float:
        return _compare(label, lambda: layout.deliver(_renewed(study), nothing), theirs, size)

    beside("an archive, beside one that is packed already", lambda: _plain_archive(bucket, packed), archives)
    ratios = [
        beside("instances", lambda: _plain_instances(bucket, _renewed(study)), instances),
        beside(
            "an archive, beside packing it to a file first", lambda: _packed_archive(bucket, study, packed), archives
        ),
    ]
    for rate in WIRES:
        server.limits(rate=rate)
        wire = f"over a wire of {rate / 1e6:.0f} MB/s, beside one that is packed already"
        ratios.append(beside(f"an archive {wire}", lambda: _plain_archive(bucket, packed), archives))
    return all(ratio >= LIMIT for ratio in ratios)
