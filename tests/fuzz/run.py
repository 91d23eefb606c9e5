"""Mutated files through the real `sendit deidentify`, many thousands of them, and a look at what leaves.

    .venv/bin/python -m tests.fuzz.run 100000 --report docs/benchmarks/robustness.md

The same numbers make the same files (`--first` begins elsewhere). What is wrong is kept in `--keep`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.audit import leaks
from tests.fuzz.corpus import computed, seeds
from tests.fuzz.mutate import mutated

CHUNK = 2000
#: One file in so many keeps the kind of its original, for which text is searched for; the others are of a kind without.
#: The search takes half a second, all else together some milliseconds.
SEARCHED = 25
_SENDIT = Path(sys.executable).with_name("sendit")
#: A file hangs if the run takes so much of the processor's time without a line in the list of receipts. Time on the
#: wall says more of what else the machine does.
HANG_SECONDS = 30.0
LARGEST = 1 << 30
_PAGE = Path(__file__).with_name("page.md")
_ENDED = (0, 3)  # everything was released, or not everything
_LOOK_SECONDS = 0.1


@dataclass
class Figures:
    """What became of the files."""

    files: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    crashes: list[str] = field(default_factory=list)  # runs that ended otherwise, or files without an outcome
    faults: list[str] = field(default_factory=list)  # files held for a fault of SendIt's own
    deaths: list[str] = field(default_factory=list)  # files held since a process ended over them
    leaks: dict[str, list[str]] = field(default_factory=dict)
    longest: float = 0.0  # seconds of the processor without a line
    waited: float = 0.0  # seconds on the wall without a line
    largest: int = 0  # bytes of memory of one process
    seconds: float = 0.0


@dataclass(frozen=True)
class Corpora:
    """What is damaged."""

    searched: list[tuple[str, bytes]] = field(default_factory=seeds)
    computed: list[tuple[str, bytes]] = field(default_factory=computed)

    def mutated(self, number: int) -> bytes:
        """The file of this number."""
        return mutated(number, self.computed if number % SEARCHED else self.searched)


def chunk(first: int, count: int, corpora: Corpora, folder: Path, figures: Figures) -> None:
    """One start of the command, over so many files."""
    source, target = folder / "in", folder / "out"
    source.mkdir()
    for number in range(first, first + count):
        (source / f"{number:08}.dcm").write_bytes(corpora.mutated(number))
    environment = {**os.environ, "XDG_DATA_HOME": str(folder / "home")}
    with (folder / "said").open("wb") as said:
        command = [str(_SENDIT), "deidentify", str(source), str(target), "--workers", "1"]
        process = subprocess.Popen(command, stdout=said, stderr=said, env=environment)
        begin = time.monotonic()
        _watch(process, target / ".receipts.jsonl.part", figures)
        figures.seconds += time.monotonic() - begin
    figures.files += count
    if process.returncode not in _ENDED:
        figures.crashes.append(f"files from {first}: exit code {process.returncode}")
    _count(target / "receipts.jsonl", first, count, figures)
    figures.leaks |= leaks(target)


def _watch(process: subprocess.Popen[bytes], lines: Path, figures: Figures) -> None:
    """Until it ends: how long nothing came, and how much memory a process had at most."""
    size, last, spent = 0, time.monotonic(), 0.0
    while process.poll() is None:
        processes = [process.pid, *_below(process.pid)]
        figures.largest = max(figures.largest, *map(_peak, processes))
        now, grown, taken = time.monotonic(), _size(lines), sum(map(_processor_seconds, processes))
        if grown != size or taken < spent:
            size, last, spent = grown, now, taken
        figures.longest = max(figures.longest, taken - spent)
        figures.waited = max(figures.waited, now - last)
        time.sleep(_LOOK_SECONDS)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _processor_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _below(pid: int) -> list[int]:
    found = []
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in listing.read_text().split()]
        except OSError:
            continue
        found += children + [below for child in children for below in _below(child)]
    return found


def _peak(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/status").read_text("ascii", "replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    except OSError:
        pass
    return 0


def _count(receipts: Path, first: int, count: int, figures: Figures) -> None:
    lines = [json.loads(line) for line in receipts.read_text().splitlines()] if receipts.exists() else []
    if {line["path"] for line in lines} != {f"{number:08}.dcm" for number in range(first, first + count)}:
        figures.crashes.append(f"files from {first}: {len(lines)} outcomes for {count} files")
    for line in lines:
        figures.outcomes[line["status"]] += 1
        if line["status"] != "released":
            figures.reasons[f"{line['status']}: {line['reason']}"] += 1
        if "fault of SendIt" in line["reason"]:
            figures.faults.append(line["path"])
        if "ended the process" in line["reason"]:
            figures.deaths.append(line["path"])


def fuzz(count: int, first: int = 0, keep: Path | None = None, report: Path | None = None) -> Figures:
    """So many files in chunks. The report is written anew after each of them."""
    figures, corpora = Figures(), Corpora()
    for start in range(first, first + count, CHUNK):
        with tempfile.TemporaryDirectory(prefix="sendit-fuzz-") as folder:
            here = Path(folder)
            chunk(start, min(CHUNK, first + count - start), corpora, here, figures)
            if keep is not None:
                _keep(here, keep, figures)
        if report is not None:
            report.write_text(written(figures, first, corpora))
        print(f"{figures.files} files, {dict(figures.outcomes)}, {_wrong(figures)}", flush=True)
    return figures


def _keep(here: Path, keep: Path, figures: Figures) -> None:
    keep.mkdir(parents=True, exist_ok=True)
    for name in (*figures.faults, *figures.deaths, *figures.leaks):
        if (here / "in" / name).exists():
            shutil.copy(here / "in" / name, keep / name)
    if figures.crashes:
        shutil.copy(here / "said", keep / f"said-{figures.files}")


def _wrong(figures: Figures) -> str:
    return (
        f"{len(figures.crashes)} crashes, {len(figures.faults)} faults, {len(figures.deaths)} ended processes, "
        f"{len(figures.leaks)} leaks, longest {figures.longest:.1f} s, "
        f"waited {figures.waited:.1f} s, largest {figures.largest >> 20} MB"
    )


def written(figures: Figures, first: int, corpora: Corpora) -> str:
    """The page of the documentation."""
    outcomes = ", ".join(f"{count:,} {status}" for status, count in sorted(figures.outcomes.items()))
    rows = "\n".join(f"| {reason} | {count:,} |" for reason, count in figures.reasons.most_common(40))
    return _PAGE.read_text("utf-8").format(
        command=f"python -m tests.fuzz.run {figures.files} --first {first} --report docs/benchmarks/robustness.md",
        files=f"{figures.files:,}",
        chunk=f"{CHUNK:,}",
        corpus=len(corpora.searched),
        searched=SEARCHED,
        outcomes=outcomes,
        crashes=len(figures.crashes),
        faults=len(figures.faults),
        deaths=len(figures.deaths),
        leaks=len(figures.leaks),
        longest=f"{figures.longest:.1f} s of the processor, {figures.waited:.1f} s on the wall",
        largest=f"{figures.largest >> 20} MB",
        time=f"{figures.seconds:,.0f} s, {1000 * figures.seconds / max(1, figures.files):.1f} ms a file",
        python=platform.python_version(),
        reasons=rows,
    )


def main() -> int:
    """Exit code 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    figures = fuzz(options.count, options.first, options.keep, options.report)
    late = figures.longest > HANG_SECONDS or figures.largest > LARGEST
    return 1 if late or figures.crashes or figures.faults or figures.leaks else 0


if __name__ == "__main__":
    sys.exit(main())
