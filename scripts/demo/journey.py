"""Send the samples, follow them until SendIt has finished with them, and look for them at the destinations."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydicom
import requests

from scripts.demo import cloud
from scripts.demo.captures import shows_text
from scripts.demo.failure import Failure
from scripts.demo.samples import CAPTURES, Sample, pixel_digest
from scripts.demo.stack import SENDER_AET, Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_LIMIT_SECONDS = 180.0
#: SendIt does nothing more with a batch in one of these.
_ENDS = frozenset({"DONE", "QUARANTINED", "EMPTY", "FAILED", "CANCELLED", "RECALLED", "RECALL_FAILED"})


@dataclass(slots=True)
class Outcome:
    """Outcome of one sample so far."""

    sample: Sample
    state: str = "WAITING"  # of its batch; WAITING while there is none
    reason: str = ""
    batch: int | None = None
    received: int = 0
    sent: int = 0
    trouble: str = ""  # why it was not delivered yet
    verified: int = 0  # found at the target, the same image, with nothing planted left
    stored: int = 0  # found in the bucket, the same
    indexed: int = 0  # of those, found by a query of the index
    leaks: int = 0  # found with something planted left
    target_studies: set[str] = field(default_factory=set)

    @property
    def ended(self) -> bool:
        return self.state in _ENDS

    @property
    def good(self) -> bool:
        """Tell whether all of it was received, sent, and found clean at the target, in bucket and index."""
        found = {self.received, self.sent, self.verified, self.stored, self.indexed}
        return self.state == "DONE" and not self.leaks and found == {len(self.sample.files)}


def put(sample: Sample, stack: Stack) -> None:
    """Send one sample; raise Failure if the source does not accept it."""
    ways = {"folder": _by_folder, "REST": _by_rest, "C-STORE": _by_cstore, CAPTURES: _by_rest}
    ways[sample.way](sample, stack)


def _by_folder(sample: Sample, stack: Stack) -> None:
    """Write it under a name that marks it as incomplete, then rename it, as scripts that fetch from a PACS do."""
    name = f"ST-{sample.study.partition('-')[0]}"
    unfinished = stack.inbox / f"{name}.tmp1"
    _write(sample, unfinished)
    unfinished.rename(stack.inbox / name)


def _by_rest(sample: Sample, stack: Stack) -> None:
    for data in sample.files:
        answer = requests.post(f"{stack.source.url}/instances", data=data, timeout=60)
        if not answer.ok:
            raise Failure(f"POST /instances was answered with HTTP {answer.status_code}: {answer.text[:300]}")


def _by_cstore(sample: Sample, stack: Stack) -> None:
    program = shutil.which("storescu")
    if program is None:
        raise Failure("storescu is missing (package dcmtk); run: make setup")
    with tempfile.TemporaryDirectory() as folder:
        _write(sample, Path(folder) / "study")
        command = [program, "-aet", SENDER_AET, "-aec", "SOURCE", "+sd", "127.0.0.1", str(stack.ports.dicom)]
        done = subprocess.run([*command, f"{folder}/study"], capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            raise Failure(f"storescu failed ({done.returncode}): {(done.stderr or done.stdout).strip()[-500:]}")


def _write(sample: Sample, folder: Path) -> None:
    folder.mkdir(parents=True)
    for number, data in enumerate(sample.files):
        (folder / f"IM{number:04}").write_bytes(data)


def watch(outcomes: list[Outcome], stack: Stack, show: Callable[[], None]) -> None:
    """Follow the samples until SendIt has finished with each; raise Failure if that takes too long."""
    deadline = time.monotonic() + _LIMIT_SECONDS
    while not all(outcome.ended for outcome in outcomes):
        for server in stack.servers:
            server.must_run()
        _look(outcomes, stack)
        show()
        if time.monotonic() > deadline:
            waiting = ", ".join(f"{o.sample.way} {o.state} {o.trouble}".strip() for o in outcomes if not o.ended)
            raise Failure(f"not finished after {_LIMIT_SECONDS:g} s: {waiting}\n{stack.source.last_lines()}")
        time.sleep(0.2)


def _look(outcomes: list[Outcome], stack: Stack) -> None:
    """Read the newest batches into the outcomes."""
    answer = requests.get(f"{stack.api}/batches", params={"limit": 100}, timeout=30)
    if not answer.ok:
        return  # the worker is being started again; if it stays away, the time runs out
    # A study that came in pieces has more than one batch: they are counted together, the newest tells the state.
    batches: dict[str, list[dict[str, Any]]] = {}
    for batch in sorted(answer.json()["batches"], key=lambda batch: batch["id"]):
        batches.setdefault(batch["study"], []).append(batch)
    for outcome in outcomes:
        of_study = batches.get(outcome.sample.study, [])
        if not of_study:
            continue
        unhappy = [batch for batch in of_study if batch["state"] in _ENDS - {"DONE"}]
        newest = (unhappy or of_study)[-1]
        outcome.batch, outcome.state, outcome.reason = newest["id"], newest["state"], newest.get("reason") or ""
        outcome.trouble = "; ".join(d["last_error"] for d in newest.get("deliveries", []) if d["last_error"])
        outcome.received = sum(batch["received"] for batch in of_study)
        outcome.sent = sum(batch["sent"] for batch in of_study)


def studies_at(stack: Stack) -> set[str]:
    """Return the studies at the target."""
    return set(_get(f"{stack.target.url}/studies"))


def verify(outcomes: Iterable[Outcome], stack: Stack, before: set[str]) -> None:
    """Check at the target that each image is there and no planted identifier is.

    Images are known by their pixels, since nothing else of them is as it was. Only studies that were not there
    `before` are looked at.
    """
    by_pixels = {digest: outcome for outcome in outcomes for digest in outcome.sample.pixels}
    for study, data in _new_files(stack, before):
        dataset = pydicom.dcmread(io.BytesIO(data))
        outcome = by_pixels.get(pixel_digest(dataset))
        if outcome is None:
            continue  # of another study
        outcome.target_studies.add(study)
        if _leaks(data, dataset, outcome):
            outcome.leaks += 1
        else:
            outcome.verified += 1


def _leaks(data: bytes, dataset: pydicom.FileDataset, outcome: Outcome) -> bool:
    return any(planted in data.upper() for planted in outcome.sample.planted) or shows_text(dataset)


def verify_bucket(outcomes: Iterable[Outcome], stack: Stack, before: set[str]) -> None:
    """Check the same in the archives in the bucket that were not there `before`, and in the index."""
    by_pixels = {digest: outcome for outcome in outcomes for digest in outcome.sample.pixels}
    indexed = cloud.indexed(stack)
    for data in cloud.files(stack, before):
        dataset = pydicom.dcmread(io.BytesIO(data))
        outcome = by_pixels.get(pixel_digest(dataset))
        if outcome is None:
            continue
        if _leaks(data, dataset, outcome):
            outcome.leaks += 1
        else:
            outcome.stored += 1
            outcome.indexed += dataset.SOPInstanceUID in indexed


def _new_files(stack: Stack, before: set[str]) -> Iterator[tuple[str, bytes]]:
    for study in sorted(studies_at(stack) - before):
        for instance in _get(f"{stack.target.url}/studies/{study}/instances"):
            answer = requests.get(
                f"{stack.target.url}/instances/{instance['ID']}/file",
                headers={"Accept-Encoding": "identity"},
                timeout=60,
            )
            answer.raise_for_status()
            yield study, answer.content


def _get(url: str) -> Any:
    answer = requests.get(url, timeout=60)
    answer.raise_for_status()
    return answer.json()
