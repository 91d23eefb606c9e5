"""De-identify a folder of files into another one, with one line per input in receipts.jsonl."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import IO, Any

from sendit.cli.files.series import HeldBack
from sendit.errors import Misconfigured, Quarantine, Retry, counted
from sendit.keyring import synchronise
from sendit.model import Quarantined, Receipt, Rejected
from sendit.pipeline.pool.processes import DeidentifyPool, Job, ProjectSpec, Result
from sendit.pseudonyms.lookup import Pseudonyms

RECEIPTS = "receipts.jsonl"
_REASONS = 10  # shown at the end
_DESCRIBED = "docs/deidentification.md, What a recipient can no longer read"
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
    "leak_check",
    "pixels",
    "repairs",
    "lost_meaning",
)


@dataclass(slots=True)
class Tally:
    """Counts of inputs, by outcome."""

    released: int = 0
    rejected: int = 0
    quarantined: int = 0
    twins: int = 0  # released inputs that share a SOPInstanceUID with a different input
    divided: int = 0  # studies whose released files have several PatientIDs
    earlier: int = 0  # outputs in DST of inputs of earlier runs that this run does not have
    reasons: Counter[str] = field(default_factory=Counter)  # of inputs that were not released
    lost: Counter[str] = field(default_factory=Counter)  # what a recipient of released ones can no longer read

    @property
    def total(self) -> int:
        """Return the number of files."""
        return self.released + self.rejected + self.quarantined

    def summary(self) -> str:
        """Return the counts as one line."""
        counts = f"{self.released} released, {self.rejected} rejected, {self.quarantined} quarantined"
        note = f"; {self.twins} share a SOPInstanceUID with a different file, see receipts.jsonl" if self.twins else ""
        return f"{counted(self.total, 'file')}: {counts}{note}"

    def as_dict(self) -> dict[str, Any]:
        """Return the counts, the reasons, and what a recipient can no longer read."""
        counts = {"files": self.total, "released": self.released, "rejected": self.rejected}
        counts |= {"quarantined": self.quarantined, "twins": self.twins}
        counts |= {"divided": self.divided, "earlier": self.earlier}
        return {**counts, "reasons": dict(self.reasons), "lost_meaning": dict(self.lost)}

    def why(self) -> list[str]:
        """Return lines: why inputs were not released (the ten most frequent reasons), and what else to look at."""
        shown = [f"{count} {reason}" for reason, count in self.reasons.most_common(_REASONS)]
        more = self.reasons.total() - sum(count for _, count in self.reasons.most_common(_REASONS))
        if more:
            shown.append(f"{more} for other reasons: see {RECEIPTS}")
        return [*shown, *self._lost_meaning(), *self._divided(), *self._left_over()]

    def _lost_meaning(self) -> list[str]:
        lost = [
            f"{count} without {name}, which a recipient can no longer read" for name, count in sorted(self.lost.items())
        ]
        return [*lost, f"to retain these values, add the options that they need: {_DESCRIBED}"] if lost else []

    def _divided(self) -> list[str]:
        if not self.divided:
            return []
        have = "1 study has" if self.divided == 1 else f"{self.divided} studies have"
        return [
            f"{have} several PatientIDs, and so several pseudonyms and date shifts: correct them if it is one patient"
        ]

    def _left_over(self) -> list[str]:
        if not self.earlier:
            return []
        outputs = counted(self.earlier, "output")
        return [f"DST still has {outputs} of earlier runs, the last in {RECEIPTS}: remove what is not to be given out"]


@dataclass(slots=True)
class FolderRun:
    """One run over a folder, or over one file."""

    source: Path
    target: Path
    project: ProjectSpec
    pseudonyms: Pseudonyms | None = None  # None: all are derived from the key
    tally: Tally = field(default_factory=Tally)
    _seen: dict[str, str] = field(default_factory=dict)  # coded SOPInstanceUID → digest of its first output
    _patients: dict[str, set[str]] = field(default_factory=dict)  # coded StudyInstanceUID → pseudonyms

    def run(self, pool: DeidentifyPool, advance: Callable[[], None]) -> Tally:
        """De-identify everything; `advance` is called once per input.

        Raises:
            Misconfigured: SRC, DST, or the list or service of pseudonyms cannot be used.
            Retry: the disk is full, or the pseudonym service does not answer.
        """
        self._prepare()
        beside = self.target / f".{RECEIPTS}.part"
        try:
            _take_over(beside, self.target / RECEIPTS)
            released_before = _released_before(self.target)
            with beside.open("w", encoding="utf-8") as out:
                try:
                    self._write_lines(pool, out, advance, released_before)
                finally:
                    # Also after Ctrl-C or a full disk: the list names the files in DST.
                    self._keep_lines(out, released_before)
                    out.flush()
                    os.fsync(out.fileno())
                    beside.replace(self.target / RECEIPTS)
                    synchronise(self.target)
        except OSError as error:
            raise Retry(f"{self.target / RECEIPTS} cannot be written ({error.strerror}); free some space") from None
        return self.tally

    def _prepare(self) -> None:
        if not self.source.exists():
            raise Misconfigured(str(self.source), "there is no such file or folder", "Choose another SRC.")
        self.source = self.source.resolve()
        target = self.target.resolve()
        folder = self.source if self.source.is_dir() else self.source.parent
        if target == folder or (self.source.is_dir() and (folder in target.parents or target in folder.parents)):
            raise Misconfigured(str(self.target), "one of SRC and DST contains the other", "Choose another DST.")
        try:
            target.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Misconfigured(
                str(self.target), f"cannot be created ({error.strerror})", "Choose another DST."
            ) from None
        if not os.access(target, os.W_OK | os.X_OK):
            raise Misconfigured(str(self.target), "cannot be written", "Choose another DST, or change its owner.")
        for name in (RECEIPTS, f".{RECEIPTS}.part"):
            if (target / name).is_dir():
                problem = "there is a folder where SendIt writes the list of outcomes"
                raise Misconfigured(str(target / name), problem, "Rename it, or choose another DST.")
        self.target = target

    def _write_lines(
        self, pool: DeidentifyPool, out: IO[str], advance: Callable[[], None], released_before: set[str]
    ) -> None:
        refused: list[Result] = []
        held_back = HeldBack(self.target)
        try:
            named = self._named(pool, self._jobs(refused), refused)
            for result in pool.run(map(held_back.first, named), alone_again=True):
                for ready in (*refused, result):
                    if not held_back.takes(ready):
                        self._line(ready, out, released_before)
                        advance()
                refused.clear()
                for ready in held_back.looked_at(pool):
                    self._line(ready, out, released_before)
                    advance()
            for ready in chain(refused, held_back.looked_at(pool, end=True)):
                self._line(ready, out, released_before)
                advance()
        finally:
            held_back.close()

    def _jobs(self, refused: list[Result]) -> Iterator[Job]:
        """Yield a job for every file; a file that is refused unread is added to `refused`."""
        for name, reason in inputs(self.source):
            if name == RECEIPTS:
                reason = f"its name is reserved for the list that SendIt writes, {RECEIPTS}"
            output = self.target / name
            reason = reason or self._unfit(output)
            if reason:
                refused.append(Result(name, Rejected(reason)))
                continue
            source = self.source / name if self.source.is_dir() else self.source
            yield Job(name=name, project=self.project, source=source, output=output)

    def _named(self, pool: DeidentifyPool, jobs: Iterator[Job], refused: list[Result]) -> Iterator[Job]:
        """Yield the jobs with the pseudonyms of their patients, where these are not derived from the key."""
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
        """Return whether an output is in DST, links resolved: a link to SRC would let originals be overwritten."""
        return Path(os.path.realpath(output.parent)).is_relative_to(self.target)

    def _unfit(self, output: Path) -> str:
        """Create the folder of an output. Return why the output cannot be written there, "" if it can."""
        if not self._within(output):
            return "a symbolic link in DST leads its output out of DST"
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            if output.is_dir():
                return "DST has a folder in the place of its output"
        except (FileExistsError, NotADirectoryError):
            return "DST has a file in the place of its folder"
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            return f"its folder in DST cannot be used ({error.strerror})"
        if not os.access(output.parent, os.W_OK | os.X_OK):
            return "its folder in DST cannot be written"
        return ""

    def _line(self, result: Result, out: IO[str], released_before: set[str]) -> None:
        line = {"path": result.name, **self._outcome(result, released_before)}
        # ASCII with escapes, so that a name that is not UTF-8 can be written, too.
        out.write(json.dumps(line) + "\n")
        out.flush()  # so that the next run sees it if this one is killed

    def _outcome(self, result: Result, released_before: set[str]) -> dict[str, Any]:
        outcome = result.outcome
        was_released = result.name in released_before
        released_before.discard(result.name)
        if isinstance(outcome, Receipt):
            self.tally.released += 1
            self.tally.lost.update(outcome.lost_meaning)
            self._count_patients(outcome)
            values = outcome.as_dict()
            return {
                "status": "released",
                "reason": self._note(outcome),
                **{name: values[name] for name in _FIELDS if name in values},
            }
        if was_released:  # an earlier run released it under other rules
            self._remove(self.target / result.name)
        if isinstance(outcome, Rejected):
            self.tally.rejected += 1
        else:
            self.tally.quarantined += 1
        status = "rejected" if isinstance(outcome, Rejected) else "quarantined"
        self.tally.reasons[f"{status}: {outcome.reason}"] += 1
        return {"status": status, "reason": outcome.reason, "input_sha256": outcome.input_sha256}

    def _keep_lines(self, out: IO[str], left: set[str]) -> None:
        """Write the lines of the outputs that earlier runs left in DST: a later run removes those that it refuses."""
        kept = {
            line["path"]: line
            for line in _released_lines(self.target)
            if line["path"] in left and self._within(output := self.target / line["path"]) and output.is_file()
        }
        for line in kept.values():
            out.write(json.dumps(line) + "\n")
        self.tally.earlier = len(kept)

    def _remove(self, output: Path) -> None:
        if self._within(output):
            with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
                output.unlink()

    def _count_patients(self, receipt: Receipt) -> None:
        patients = self._patients.setdefault(receipt.study_instance_uid, set())
        was_one = len(patients) == 1
        patients.add(receipt.patient_id)
        self.tally.divided += was_one and len(patients) > 1

    def _note(self, receipt: Receipt) -> str:
        """Return a note on a SOPInstanceUID that is not unique: files are independent, so both are released."""
        first = self._seen.setdefault(receipt.sop_instance_uid, receipt.output_sha256)
        if first == receipt.output_sha256:
            return ""
        self.tally.twins += 1
        return _TWIN


def inputs(source: Path) -> Iterator[tuple[str, str]]:
    """Yield the relative path of every input below `source`, in a fixed order, and why it is refused unread, or "".

    Symbolic links are not followed: one that leads out of the folder would add files by accident.
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
    """Return the number of inputs, for the progress bar."""
    return sum(1 for _ in inputs(source))


def _take_over(killed: Path, receipts: Path) -> None:
    """Append the list of a killed run to that of the run before it, so that its outputs are not forgotten."""
    if not killed.exists():
        return
    both = killed.with_name(f"{killed.name}.both")
    with both.open("wb") as out:
        for path in (receipts, killed):
            with suppress(FileNotFoundError), path.open("rb") as lines:
                shutil.copyfileobj(lines, out)
            out.write(b"\n")  # so that a line that was cut off spoils no other
        out.flush()
        os.fsync(out.fileno())
    both.replace(receipts)


def _released_before(target: Path) -> set[str]:
    """Return the names of the files that earlier runs released into `target`."""
    return {line["path"] for line in _released_lines(target)}


def _released_lines(target: Path) -> Iterator[dict[str, Any]]:
    """Yield what the list in `target` says of released files; what cannot be read of it is passed over."""
    with suppress(FileNotFoundError), (target / RECEIPTS).open("rb") as lines:
        for text in lines:
            with suppress(ValueError):
                line = json.loads(text)
                if isinstance(line, dict) and line.get("status") == "released" and isinstance(line.get("path"), str):
                    yield line
