"""Does SendIt slow Orthanc's receiving? 200 instances of 512 KB by C-STORE, with SendIt loaded and without, in turn."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

from tests.dicom import StudyMaker
from tests.servers.processes import cpu_seconds
from tests.servers.stack import Stack

INSTANCES = 200
ROWS = 512  # 512 × 512 × 2 bytes = 512 KB
ROUNDS = 11
LIMIT = 1.05


def _stack(folder: Path, plugins: bool) -> Stack:
    stack = Stack(folder, ReconcileSeconds=60)  # its default; the tests' stack has a shorter one
    # A study of the benchmark must not become stable while the next one is received: that is another cost.
    stack.configure(StableAge=600, **({} if plugins else {"Plugins": []}))
    return stack.start(target=False, ready=plugins)


def _send(stack: Stack, folder: Path, number: int) -> tuple[float, float]:
    """Wall seconds of storescu, CPU seconds of Orthanc, for a new study."""
    maker = StudyMaker(rows=ROWS)
    study = folder / str(number)
    study.mkdir(parents=True)
    for index, data in enumerate(maker.instances(INSTANCES)):
        (study / f"{index:04}.dcm").write_bytes(data)
    os.sync()
    cpu, wall = cpu_seconds([stack.source.pid]), time.perf_counter()
    stack.source.store_scu(study)
    measured = time.perf_counter() - wall, cpu_seconds([stack.source.pid]) - cpu
    for path in study.iterdir():
        path.unlink()
    return measured


def main() -> bool:
    """Print the figures; whether both ratios are within the limit."""
    # DCMTK's: without it every answer of Orthanc waits 40 ms (Nagle), and no difference would be seen beside that.
    os.environ["TCP_NODELAY"] = "1"
    with tempfile.TemporaryDirectory(prefix="sendit-bench-") as name:
        folder = Path(name)
        with _stack(folder / "with", True) as loaded, _stack(folder / "without", False) as plain:
            ratios = []
            for number in range(ROUNDS + 1):
                # Which one is first changes every round: the second finds warmer caches.
                order = [(loaded, "with"), (plain, "without")]
                results = {
                    label: _send(stack, folder / label / "files", number)
                    for stack, label in (order if number % 2 else reversed(order))
                }
                if number:  # the first round warms up
                    ratios.append([a / b for a, b in zip(results["with"], results["without"], strict=True)])
                    print(f"  with {results['with'][0]:.2f} s wall {results['with'][1]:.2f} s CPU, "
                          f"without {results['without'][0]:.2f} s wall {results['without'][1]:.2f} s CPU")  # fmt: skip
    wall, cpu = (statistics.median(column) for column in zip(*ratios, strict=True))
    print(f"receiving: {INSTANCES} instances of 512 KB by C-STORE, with SendIt ÷ without, median of {ROUNDS} rounds:")
    print(f"receiving: wall {wall:.3f}, CPU of Orthanc {cpu:.3f} (limit {LIMIT})")
    return bool(wall <= LIMIT and cpu <= LIMIT)
