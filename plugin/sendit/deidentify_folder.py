"""A folder of files de-identified into another one, with one line per input in receipts.jsonl."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from sendit.deidentify_pool import DeidentifyPool, Job, ProjectSpec, Result
from sendit.errors import Misconfigured, Quarantine, Retry
from sendit.identities.asking import Pseudonyms
from sendit.instance_io import synchronise
from sendit.model import Quarantined, Receipt, Rejected

RECEIPTS = "receipts.jsonl"
_REASONS = 10  # shown at the end
_TWIN = "note: an input before it has the same SOPInstanceUID and different content"
_FIELDS = (
    "input_sha256",
    "plan_sha256",
    "output_sha256",
    "patient_id",
    "study_instance_uid",
    "series_instance_uid",
    "sop_instance_uid",
    "sop_class_uid",
    "transfer_syntax_uid",
    "actions",
    "proof",
    "pixels",
)


@dataclass(slots=True)
class Tally:
    """How many inputs there were, and what became of them."""

    released: int = 0
    rejected: int = 0
    quarantined: int = 0
    twins: int = 0  # released, with the SOPInstanceUID of another input of different content
    reasons: Counter[str] = field(default_factory=Counter)  # of what was not released

    @property
    def total(self) -> int:
        return self.released + self.rejected + self.quarantined

    def summary(self) -> str:
        counts = f"{self.released} released, {self.rejected} rejected, {self.quarantined} quarantined"
        note = f"; {self.twins} share a SOPInstanceUID with another content, see receipts.jsonl" if self.twins else ""
        return f"{self.total} files: {counts}{note}"

    def why(self) -> list[str]:
        """A line for each reason why something was not released, the most frequent ones first; ten at the most."""
        shown = [f"{count} {reason}" for reason, count in self.reasons.most_common(_REASONS)]
        more = self.reasons.total() - sum(count for _, count in self.reasons.most_common(_REASONS))
        return [*shown, f"{more} for other reasons: see {RECEIPTS}"] if more else shown


@dataclass(slots=True)
class FolderRun:
    """One run over a folder, or over one file."""

    source: Path
    target: Path
    project: ProjectSpec
    pseudonyms: Pseudonyms | None = None  # None: all of them are the key's
    tally: Tally = field(default_factory=Tally)
    _seen: dict[str, str] = field(default_factory=dict)  # coded SOPInstanceUID → digest of its first output

    def run(self, pool: DeidentifyPool, advance: Callable[[], None]) -> Tally:
        """De-identify everything; `advance` is called once per input.

        Raises:
            Misconfigured: SRC or DST will not do; or the list or service of pseudonyms.
            Retry: the disk is full, or there is no answer of the service.
        """
        self._prepare()
        beside = self.target / f".{RECEIPTS}.part"
        try:
            _take_over(beside, self.target / RECEIPTS)
            former = _released_before(self.target)
            with beside.open("w", encoding="utf-8") as out:
                try:
                    self._write_lines(pool, out, advance, former)
                finally:
                    # Also after Ctrl-C or a full disk: the list names what lies in DST.
                    out.flush()
                    os.fsync(out.fileno())
                    beside.replace(self.target / RECEIPTS)
                    synchronise(self.target)
        except OSError as error:
            raise Retry(f"{self.target / RECEIPTS} cannot be written ({error.strerror}); make room") from None
        return self.tally

    def _prepare(self) -> None:
        if not self.source.exists():
            raise Misconfigured(str(self.source), "there is no such file or folder", "Name another SRC.")
        self.source = self.source.resolve()
        target = self.target.resolve()
        folder = self.source if self.source.is_dir() else self.source.parent
        if target == folder or (self.source.is_dir() and (folder in target.parents or target in folder.parents)):
            raise Misconfigured(str(self.target), "DST and SRC lie within each other", "Name another DST.")
        try:
            target.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Misconfigured(str(self.target), f"cannot be made ({error.strerror})", "Name another DST.") from None
        if not os.access(target, os.W_OK | os.X_OK):
            raise Misconfigured(str(self.target), "cannot be written", "Name another DST, or change its owner.")
        for name in (RECEIPTS, f".{RECEIPTS}.part"):
            if (target / name).is_dir():
                problem = "a folder stands where SendIt writes the list of what became of each file"
                raise Misconfigured(str(target / name), problem, "Rename it, or name another DST.")
        self.target = target

    def _write_lines(self, pool: DeidentifyPool, out: IO[str], advance: Callable[[], None], former: set[str]) -> None:
        refused: list[Result] = []
        for result in pool.run(self._named(pool, self._jobs(refused), refused), alone_again=True):
            for ready in (*refused, result):
                self._line(ready, out, former)
                advance()
            refused.clear()
        for ready in refused:
            self._line(ready, out, former)
            advance()

    def _jobs(self, refused: list[Result]) -> Iterator[Job]:
        """A job for every file; what is not even looked into gets its result at once."""
        for name, reason in inputs(self.source):
            if name == RECEIPTS:
                reason = f"its name is that of the list which SendIt writes, {RECEIPTS}"
            output = self.target / name
            reason = reason or self._unfit(output)
            if reason:
                refused.append(Result(name, Rejected(reason)))
                continue
            source = self.source / name if self.source.is_dir() else self.source
            yield Job(name=name, project=self.project, source=source, output=output)

    def _named(self, pool: DeidentifyPool, jobs: Iterator[Job], refused: list[Result]) -> Iterator[Job]:
        """The jobs with the pseudonyms of their patients, where these are not the key's."""
        if self.pseudonyms is None:
            yield from jobs
            return
        for job, patient in pool.patients(jobs):
            try:
                codes = self.pseudonyms.of(patient)
            except Quarantine as held:
                refused.append(Result(job.name, Quarantined(str(held))))
                continue
            yield replace(job, codes=codes)

    def _within(self, output: Path) -> bool:
        """Whether it lies in DST, links resolved: through one that leads to SRC, originals would be overwritten."""
        return Path(os.path.realpath(output.parent)).is_relative_to(self.target)

    def _unfit(self, output: Path) -> str:
        """Make the folder of an output; why it cannot be written there, "" if it can."""
        if not self._within(output):
            return "a symbolic link in DST leads its output out of DST"
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            if output.is_dir():
                return "a folder stands in DST where its output should"
        except (FileExistsError, NotADirectoryError):
            return "a file stands in DST where its folder should"
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            return f"its folder in DST cannot be used ({error.strerror})"
        if not os.access(output.parent, os.W_OK | os.X_OK):
            return "its folder in DST cannot be written"
        return ""

    def _line(self, result: Result, out: IO[str], former: set[str]) -> None:
        line = {"path": result.name, **self._outcome(result, former)}
        # ASCII with escapes: a name whose bytes are no UTF-8 comes through as well.
        out.write(json.dumps(line) + "\n")
        out.flush()  # a run that is killed leaves it for the next one

    def _outcome(self, result: Result, former: set[str]) -> dict[str, Any]:
        outcome = result.outcome
        if isinstance(outcome, Receipt):
            self.tally.released += 1
            values = outcome.as_dict()
            return {"status": "released", "reason": self._note(outcome), **{name: values[name] for name in _FIELDS}}
        if result.name in former:  # an earlier run released it under other rules
            self._remove(self.target / result.name)
        if isinstance(outcome, Rejected):
            self.tally.rejected += 1
        else:
            self.tally.quarantined += 1
        status = "rejected" if isinstance(outcome, Rejected) else "quarantined"
        self.tally.reasons[f"{status}: {outcome.reason}"] += 1
        return {"status": status, "reason": outcome.reason, "input_sha256": outcome.input_sha256}

    def _remove(self, output: Path) -> None:
        if self._within(output):
            with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
                output.unlink()

    def _note(self, receipt: Receipt) -> str:
        """Files stand each for itself here, so both are released; whoever loads them into one archive has to know."""
        first = self._seen.setdefault(receipt.sop_instance_uid, receipt.output_sha256)
        if first == receipt.output_sha256:
            return ""
        self.tally.twins += 1
        return _TWIN


def inputs(source: Path) -> Iterator[tuple[str, str]]:
    """Relative path of every input below `source`, in a fixed order, and why it is not even looked into ("" if it is).

    Symbolic links are not followed: one that leads out of the folder would bring in what nobody meant.
    """
    if not source.is_dir():
        yield source.name, ""
        return
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        below = []
        try:
            entries = sorted(os.scandir(source / folder), key=lambda entry: entry.name)
        except OSError as error:
            yield folder, f"this folder cannot be read ({error.strerror})"
            continue
        for entry in entries:
            name = os.path.join(folder, entry.name)
            if entry.is_symlink():
                yield name, "a symbolic link: not followed"
            elif entry.is_dir():
                below.append(name)
            else:
                yield name, "" if entry.is_file() else "not a file"
        waiting.extend(reversed(below))


def count_inputs(source: Path) -> int:
    """How many there are, for the progress bar."""
    return sum(1 for _ in inputs(source))


def _take_over(killed: Path, receipts: Path) -> None:
    """What a killed run wrote down comes behind the list of the run before it, so that it is not forgotten."""
    if not killed.exists():
        return
    both = killed.with_name(f"{killed.name}.both")
    with both.open("wb") as out:
        for path in (receipts, killed):
            with suppress(FileNotFoundError), path.open("rb") as lines:
                shutil.copyfileobj(lines, out)
            out.write(b"\n")  # a line that a kill cut off spoils no other
        out.flush()
        os.fsync(out.fileno())
    both.replace(receipts)


def _released_before(target: Path) -> set[str]:
    """What the list of an earlier run says was released into `target`."""
    found: set[str] = set()
    with suppress(FileNotFoundError), (target / RECEIPTS).open("rb") as lines:
        for text in lines:
            with suppress(ValueError, KeyError, TypeError):
                line = json.loads(text)
                if line["status"] == "released":
                    found.add(line["path"])
    return found
