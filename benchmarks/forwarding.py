"""What a study costs on its way through SendIt, beside Orthanc's plain forwarding and its own anonymization, in turn.

`python -m benchmarks forwarding [--instances N] [--rounds N] [--beside CHECKOUT]`. Each round sends its CT study by
C-STORE to an Orthanc with SendIt and to one without, and has each forward it to the same target. Wall and CPU time (of
all processes: source, worker, pool, target); what receiving costs an Orthanc without SendIt is taken off. SendIt is
measured with and without its search for text in pixels, which neither of Orthanc's ways has.
Raw numbers go to benchmarks/results/forwarding.json, the table to docs/benchmarks/forwarding.md.
"""

from __future__ import annotations

import io
import json
import os
import statistics
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from tests.servers.orthanc import OrthancServer
from tests.servers.processes import cpu_seconds, tree
from tests.servers.stack import PROJECT, Stack
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

RESULTS = Path(__file__).parent / "results" / "forwarding.json"
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "forwarding.md"
INSTANCES, ROUNDS, STABLE_AGE = 100, 5, 2
_SIDE = 512  # pixels: 530 KB
#: Limits: wall and CPU time of SendIt, each to plain forwarding and to Orthanc's own anonymization.
LIMITS = {"wall": {"plain": 1.0, "native": 0.5}, "cpu": {"plain": 2.0, "native": 1.0}}
#: So long (seconds) after StableAge the last instance may be at the target.
LIMIT_AFTER_STABLE = 2.0
PLAIN, NATIVE, SENDIT = "plain peer store", "native anonymize + peer store", "SendIt"
NO_TEXT = f"{SENDIT}, no search for text"
#: SendIt's processes, and the two servers.
PROCESSES = ("source", "worker", "work ahead", "pool", "target")

#: Seconds by name: "wall", "cpu", and of SendIt also "after_last", "receiving" and "cpu of …" each of PROCESSES.
Figures = dict[str, float]


def _cpu_seconds(*roots: OrthancServer) -> float:
    """User and system time of servers and all their processes, those that have ended included."""
    return cpu_seconds(pid for root in roots for pid in tree(root.pid))


def _by_process(stack: Stack, target: OrthancServer) -> dict[str, float]:
    """User and system time of each of PROCESSES; of a source, with receiving."""
    worker = stack.worker_pid()
    pids: dict[str, list[int]] = {name: [] for name in PROCESSES}
    pids |= {"source": [stack.source.pid], "worker": [worker], "target": [target.pid]}
    for pid in tree(worker)[1:]:
        with suppress(ProcessLookupError):
            ahead = os.getpriority(os.PRIO_PROCESS, pid) > os.getpriority(os.PRIO_PROCESS, worker)
            pids["work ahead" if ahead else "pool"].append(pid)
    return {name: cpu_seconds(some) for name, some in pids.items()}


def _make_study(folder: Path, number: int, count: int) -> list[Path]:
    """CT images of 177 elements and 530 KB; no two rounds have the same patient."""
    folder.mkdir(parents=True)
    content = pydicom.dcmread(Path(str(get_testdata_file("CT_small.dcm", download=False))))
    content.PatientName, content.PatientID = f"Quimby^Round{number}", f"MRN-44-{number:05}"
    content.StudyInstanceUID, content.SeriesInstanceUID = generate_uid(), generate_uid()
    content.Rows = content.Columns = _SIDE
    chance = np.random.default_rng(number)
    for index in range(count):
        content.SOPInstanceUID = content.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        content.InstanceNumber = index + 1
        content.PixelData = chance.integers(0, 2000, (_SIDE, _SIDE), dtype=np.uint16).tobytes()
        buffer = io.BytesIO()
        pydicom.dcmwrite(buffer, content)
        (folder / f"{index:05}.dcm").write_bytes(buffer.getvalue())
    os.sync()
    return sorted(folder.iterdir())


def _clear(*servers: OrthancServer) -> None:
    for server in servers:
        for study in server.get("/studies"):
            server.session.delete(f"{server.url}/studies/{study}", timeout=60).raise_for_status()


@dataclass(frozen=True)
class Plain:
    """An Orthanc without plugins, which forwards what it is told to."""

    source: OrthancServer
    target: OrthancServer

    def receive(self, folder: Path) -> Figures:
        """What receiving alone costs."""
        wall, cpu = time.perf_counter(), _cpu_seconds(self.source)
        self.source.store_scu(folder)
        return {"wall": time.perf_counter() - wall, "cpu": _cpu_seconds(self.source) - cpu}

    def _store(self, study: str) -> None:
        order = {"Resources": [study], "Synchronous": True}
        answer = self.source.session.post(f"{self.source.url}/peers/target/store", json=order, timeout=600)
        answer.raise_for_status()

    def _anonymized(self, study: str) -> str:
        answer = self.source.session.post(f"{self.source.url}/studies/{study}/anonymize", json={}, timeout=600)
        answer.raise_for_status()
        return str(answer.json()["ID"])

    def forward(self, *, anonymized: bool) -> Figures:
        """Forward the study that it holds, anonymized by Orthanc or as it is."""
        (study,) = self.source.get("/studies")
        wall, cpu = time.perf_counter(), _cpu_seconds(self.source, self.target)
        sent = self._anonymized(study) if anonymized else study
        self._store(sent)
        done = {"wall": time.perf_counter() - wall, "cpu": _cpu_seconds(self.source, self.target) - cpu}
        _clear(self.target)
        if anonymized:
            self.source.session.delete(f"{self.source.url}/studies/{sent}", timeout=60).raise_for_status()
        return done


def _through(stack: Stack, target: OrthancServer, folder: Path, count: int) -> Figures:
    """Receive a study, and wait until SendIt has delivered and read it back; "cpu" is of both."""
    before = {batch["id"] for batch in stack.batches()}
    before_it = _by_process(stack, target)
    cpu, wall = _cpu_seconds(stack.source, target), time.perf_counter()
    stack.source.store_scu(folder)
    received, last = time.perf_counter() - wall, time.time()
    # Asked at the target, and only then of SendIt: questions would cost the worker time that is measured.
    wait_for(lambda: target.get("/statistics")["CountInstances"] == count, "the study at the target", poll=0.2)
    batch = wait_for(lambda: _done(stack, before), "the batch to be done", poll=0.5)
    spent = _cpu_seconds(stack.source, target) - cpu
    by_process = {f"cpu of {name}": now - before_it[name] for name, now in _by_process(stack, target).items()}
    assert batch["sent"] == count, batch
    detail = stack.api(f"batches/{batch['id']}")
    queued, there = (_at(detail, ending) for ending in ("instances queued", "delivered and read back"))
    figures = {"wall": there - queued, "cpu": spent, "after_last": there - last, "receiving": received}
    return {**figures, **by_process}


def _done(stack: Stack, before: set[int]) -> dict[str, Any]:
    new = [batch for batch in stack.batches() if batch["id"] not in before]
    return new[0] if new and new[0]["state"] == "DONE" else {}


def _at(batch: Mapping[str, Any], ending: str) -> float:
    """When something happened, by the end of its line in the batch's history."""
    at = next(event["at"] for event in batch["events"] if event["message"].endswith(ending))
    return datetime.fromisoformat(at).timestamp()


def _started(folder: Path, target: OrthancServer, checkout: Path | None, *, text: bool = True) -> Stack:
    """An Orthanc with the SendIt of a checkout; its own is None."""
    own = {} if checkout is None else {"Python": str(checkout / ".venv/bin/python")}
    stack = Stack(folder, ReconcileSeconds=60, **own)
    if not text:
        stack.sendit["Projects"][PROJECT]["Options"] = ["RetainLongitudinalModifiedDates"]
    stack.peers["research"] = [target.url]
    script = {} if checkout is None else {"PythonScript": str(checkout / "plugin/sendit_plugin.py")}
    stack.configure(StableAge=STABLE_AGE, **script)
    return stack.start(target=False)


def _measured(folder: Path, count: int, rounds: int, beside: Path | None) -> dict[str, list[Figures]]:
    """The figures of each way, one of each round; the first round warms up and is left out."""
    results: dict[str, list[Figures]] = {}
    sendits: dict[str, Path | None] = {SENDIT: None, NO_TEXT: None} | ({"SendIt before": beside} if beside else {})
    plain_source = OrthancServer(folder / "plain", {"StableAge": STABLE_AGE})
    with OrthancServer(folder / "target") as target, plain_source:
        plain_source.session.put(f"{plain_source.url}/peers/target", json=[target.url]).raise_for_status()
        stacks = {
            name: _started(folder / f"stack{i}", target, of, text=name != NO_TEXT)
            for i, (name, of) in enumerate(sendits.items())
        }
        try:
            for number in range(rounds + 1):
                files = folder / "files"
                _make_study(files, number, count)
                figures = _round(Plain(plain_source, target), stacks, files, count, number)
                for file in files.iterdir():
                    file.unlink()
                files.rmdir()
                for name, one in figures.items() if number else ():
                    results.setdefault(name, []).append(one)
                    print(f"  {name}: " + ", ".join(f"{key} {value:.2f}" for key, value in one.items()), flush=True)
        finally:
            for stack in stacks.values():
                stack.stop()
    return results


def _round(plain: Plain, stacks: Mapping[str, Stack], files: Path, count: int, number: int) -> dict[str, Figures]:
    figures = {"receiving": plain.receive(files)}
    ways: list[tuple[str, Callable[[], Figures]]] = [
        (PLAIN, lambda: plain.forward(anonymized=False)),
        (NATIVE, lambda: plain.forward(anonymized=True)),
    ]
    ways += [(name, partial(_through, stack, plain.target, files, count)) for name, stack in stacks.items()]
    for name, way in ways if number % 2 else reversed(ways):
        figures[name] = way()
        if name in stacks:
            for cost in ("cpu", "cpu of source"):
                figures[name][cost] -= figures["receiving"]["cpu"]
            _clear(stacks[name].source, plain.target)
    _clear(plain.source)
    return figures


def _medians(results: Mapping[str, list[Figures]]) -> dict[str, Figures]:
    return {
        name: {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
        for name, rounds in results.items()
    }


_TEXT = """# What forwarding costs

Written by `python -m benchmarks forwarding`: {count} CT images of 530 KB and 177 elements in one study, by C-STORE,
StableAge {stable} s, {cores} cores; all ways in turn, in an order that alternates, medians of {rounds} rounds.
Milliseconds per instance; CPU of all processes (source, worker, pool, target) without that of receiving. Raw numbers:
benchmarks/results/forwarding.json.

| | wall | × plain | × native | CPU | × plain | × native |
| --- | --- | --- | --- | --- | --- | --- |
{rows}

| CPU of SendIt, by process | {processes} |
| --- |{lines}
{by_process}

- SendIt's wall time is from queued to delivered and read back; its CPU time is everything from the first instance on.
- From the last instance until all was delivered and read back: {after}. At most StableAge + {most:g} s.
- Receiving alone: {receiving:.1f} ms of CPU an instance{beside}.
- Limits of SendIt: wall {limits[wall][plain]:g} × plain and {limits[wall][native]:g} × native,
  CPU {limits[cpu][plain]:g} × plain and {limits[cpu][native]:g} × native. {missed}
"""


def _missed(medians: Mapping[str, Figures]) -> list[str]:
    """The limits that SendIt missed."""
    others = {"plain": medians[PLAIN], "native": medians[NATIVE]}
    missed = [
        f"{kind} {medians[SENDIT][kind] / others[other][kind]:.2f} × {other} instead of {limit:g}"
        for kind, limits in LIMITS.items()
        for other, limit in limits.items()
        if medians[SENDIT][kind] > limit * others[other][kind]
    ]
    if (after := medians[SENDIT]["after_last"]) > STABLE_AGE + LIMIT_AFTER_STABLE:
        missed.append(f"{after:.1f} s after the last instance")
    return missed


def _page(medians: Mapping[str, Figures], count: int, rounds: int) -> str:
    rows, sendits = [], [name for name in medians if name.startswith(SENDIT)]
    for name in (PLAIN, NATIVE, *sendits):
        cells = [name]
        for kind in ("wall", "cpu"):
            value = medians[name][kind]
            cells += [f"{value / count * 1000:.1f}"]
            cells += [f"{value / medians[other][kind]:.2f}" for other in (PLAIN, NATIVE)]
        rows.append(f"| {' | '.join(cells)} |")
    by_process = [
        f"| {name} | " + " | ".join(f"{medians[name][f'cpu of {one}'] / count * 1000:.1f}" for one in PROCESSES) + " |"
        for name in sendits
    ]
    missed = _missed(medians)
    receiving = ", ".join(f"{name} {medians[name]['receiving']:.2f} s" for name in sendits)
    return _TEXT.format(
        count=count, stable=STABLE_AGE, cores=os.cpu_count(), rounds=rounds, rows="\n".join(rows), limits=LIMITS,
        after=", ".join(f"{name} {medians[name]['after_last']:.2f} s" for name in sendits), most=LIMIT_AFTER_STABLE,
        receiving=medians["receiving"]["cpu"] / count * 1000,
        beside=f"; wall time of all of it: without SendIt {medians['receiving']['wall']:.2f} s, {receiving}",
        processes=" | ".join(PROCESSES), lines=" --- |" * len(PROCESSES), by_process="\n".join(by_process),
        missed=f"Missed: {'; '.join(missed)}." if missed else "None is missed.",
    )  # fmt: skip


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--instances", type=int, default=INSTANCES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--beside", type=Path, help="another checkout, whose SendIt is measured beside this one")


def main(options: argparse.Namespace) -> bool:
    """Print the figures, write them down; whether every limit is kept."""
    # DCMTK's: without it every answer of Orthanc waits 40 ms (Nagle), and no difference would be seen beside that.
    os.environ["TCP_NODELAY"] = "1"
    with tempfile.TemporaryDirectory(prefix="sendit-bench-") as name:
        results = _measured(Path(name), options.instances, options.rounds, options.beside)
    medians = _medians(results)
    known = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    known[str(options.instances)] = {"medians": medians, "rounds": results}
    RESULTS.write_text(json.dumps(known, indent=1) + "\n", "utf-8")
    page = _page(medians, options.instances, options.rounds)
    print(page)
    if options.instances == INSTANCES:
        PAGE.write_text(page, "utf-8")
    return not _missed(medians)
