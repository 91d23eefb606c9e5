"""Do throughput and memory stay flat over thousands of studies? 10,000 instances in 2,000 studies, block by block.

`python -m benchmarks many-studies [--studies N]`. Each block is sent by C-STORE and waited for until all of it has been
delivered and read back; then SendIt's processes are weighed: resident memory, CPU time, threads, open files. The raw
numbers go to benchmarks/results/many-studies.json, the table to docs/benchmarks/many-studies.md.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pydicom
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from tests.dicom import written
from tests.servers.processes import cpu_seconds, resident, tree
from tests.servers.stack import Stack
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

RESULTS = Path(__file__).parent / "results" / "many-studies.json"
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "many-studies.md"
STUDIES, INSTANCES, BLOCKS, STABLE_AGE = 2000, 5, 10, 2
#: The last blocks may take so many times the CPU of the first ones, and have so many times the memory.
CPU_LIMIT, MEMORY_LIMIT = 1.1, 1.1

#: One block: seconds and megabytes by name.
Block = dict[str, float]


def _make(folder: Path, first: int, studies: int) -> None:
    """CT images of 128 × 128 and 177 elements, each study of a patient of its own."""
    folder.mkdir()
    content = pydicom.dcmread(Path(str(get_testdata_file("CT_small.dcm", download=False))))
    for study in range(first, first + studies):
        content.PatientName, content.PatientID = f"Quimby^Number{study}", f"MRN-45-{study:05}"
        content.StudyInstanceUID, content.SeriesInstanceUID = generate_uid(), generate_uid()
        chance = np.random.default_rng(study)
        for number in range(INSTANCES):
            content.SOPInstanceUID = content.file_meta.MediaStorageSOPInstanceUID = generate_uid()
            content.InstanceNumber = number + 1
            content.PixelData = chance.integers(0, 2000, (content.Rows, content.Columns), dtype=np.uint16).tobytes()
            (folder / f"{study:05}-{number}.dcm").write_bytes(written(content))


def _memory(pid: int) -> float:
    """Resident megabytes of one process."""
    return resident(pid) / 2**20


def _weighed(stack: Stack) -> Block:
    worker = stack.worker_pid()
    others = tree(worker)[1:]
    return {
        "memory of the worker": _memory(worker),
        "memory of the largest other process": max(map(_memory, others)),
        "threads": float(len(list(Path(f"/proc/{worker}/task").iterdir()))),
        "open files": float(len(list(Path(f"/proc/{worker}/fd").iterdir()))),
        "cpu of worker": cpu_seconds([worker]),
        "cpu of the others": cpu_seconds(others),
        "cpu of source": cpu_seconds([stack.source.pid]),
        "cpu of target": cpu_seconds([stack.target.pid]),
    }


def _block(stack: Stack, folder: Path, number: int, studies: int) -> Block:
    """Send so many studies, and weigh the processes when all of them were read back."""
    _make(folder, number * studies, studies)
    before, begun = _weighed(stack) if number else {}, time.monotonic()
    stack.source.store_scu(folder)
    sent = (number + 1) * studies
    wait_for(
        lambda: stack.target.get("/statistics")["CountInstances"] == sent * INSTANCES,
        "the studies",
        limit=3600,
        poll=0.5,
    )
    wait_for(lambda: _all_done(stack), "the batches to be done", limit=600, poll=0.5)
    seconds, after = time.monotonic() - begun, _weighed(stack)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    spent = {name: after[name] - before.get(name, 0.0) for name in after if name.startswith("cpu")}
    return {**after, **spent, "seconds": seconds}


def _all_done(stack: Stack) -> bool:
    """Whether no batch is under way; a study of which something came late has two."""
    return {one["state"] for one in stack.api("counts")["counts"]} == {"DONE"}


def _measured(folder: Path, studies: int) -> list[Block]:
    stack = Stack(folder / "stack", ReconcileSeconds=60)
    stack.configure(StableAge=STABLE_AGE)
    blocks = []
    with stack.start():
        for number in range(BLOCKS):
            blocks.append(_block(stack, folder / "files", number, studies // BLOCKS))
            print("  " + ", ".join(f"{name} {value:.1f}" for name, value in blocks[-1].items()), flush=True)
    return blocks


_TEXT = """# Many studies

Written by `python -m benchmarks many-studies`: {studies} studies of {instances} CT images of 128 × 128 and 177
elements, each of a patient of its own, by C-STORE, StableAge {stable} s, {cores} cores, SQLite; in {blocks} blocks,
each of which is waited for until all of it was delivered and read back. Milliseconds of CPU for each instance;
resident memory at the end of a block.

| instances | seconds | CPU: worker | others | source | target | MB: worker | largest other | threads | files |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
{rows}

- The processes start within the first block. The last three blocks beside the three after the first, by their medians:
  CPU of SendIt {cpu:.2f} ×, memory of the worker {worker:.2f} ×, of the largest other process {other:.2f} ×.
  Limits: {cpu_limit:g} × and {memory_limit:g} ×. {missed}
- Seconds include StableAge, and whatever else the machine did.
"""
_COLUMNS = ("cpu of worker", "cpu of the others", "cpu of source", "cpu of target")
_WEIGHED = ("memory of the worker", "memory of the largest other process", "threads", "open files")


def _growth(blocks: Sequence[Block], *names: str) -> float:
    """How many times more the last three blocks have than the three after the first."""

    def middle(some: Sequence[Block]) -> float:
        return statistics.median(sum(block[name] for name in names) for block in some)

    return middle(blocks[-3:]) / middle(blocks[1:4])


def _growths(blocks: Sequence[Block]) -> dict[str, float]:
    return {
        "cpu": _growth(blocks, *_COLUMNS[:2]),
        "worker": _growth(blocks, _WEIGHED[0]),
        "other": _growth(blocks, _WEIGHED[1]),
    }


def _missed(growths: Mapping[str, float]) -> list[str]:
    limits = {"cpu": CPU_LIMIT, "worker": MEMORY_LIMIT, "other": MEMORY_LIMIT}
    return [name for name, growth in growths.items() if growth > limits[name]]


def _page(blocks: Sequence[Block], studies: int) -> str:
    each = studies // BLOCKS * INSTANCES
    rows = []
    for number, block in enumerate(blocks, 1):
        cells = [f"{number * each:,}", f"{block['seconds']:.0f}"]
        cells += [f"{block[name] / each * 1000:.1f}" for name in _COLUMNS]
        cells += [f"{block[name]:.0f}" for name in _WEIGHED]
        rows.append(f"| {' | '.join(cells)} |")
    growths = _growths(blocks)
    missed = _missed(growths)
    return _TEXT.format(
        studies=f"{studies:,}", instances=INSTANCES, cores=os.cpu_count(), blocks=BLOCKS, stable=STABLE_AGE,
        rows="\n".join(rows),
        cpu_limit=CPU_LIMIT, memory_limit=MEMORY_LIMIT, **growths,
        missed=f"Missed: {', '.join(missed)}." if missed else "Both are kept.",
    )  # fmt: skip


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--studies", type=int, default=STUDIES, help=f"a multiple of {BLOCKS}")


def main(options: argparse.Namespace) -> bool:
    """Print the figures, write them down; whether throughput and memory stayed flat."""
    os.environ["TCP_NODELAY"] = "1"  # DCMTK's: without it every answer of Orthanc waits 40 ms (Nagle)
    with tempfile.TemporaryDirectory(prefix="sendit-bench-") as name:
        blocks = _measured(Path(name), options.studies)
    page = _page(blocks, options.studies)
    print(page)
    if options.studies == STUDIES:
        RESULTS.write_text(json.dumps(blocks, indent=1) + "\n", "utf-8")
        PAGE.write_text(page, "utf-8")
    return not _missed(_growths(blocks))
