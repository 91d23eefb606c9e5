"""Acts of a person on many batches: each batch for itself, in the background, with an outcome for each.

What can be done with a batch is registered under a name. An act on one batch that is refused, or fails, keeps no other
batch from its turn. Actions are written down (`sendit.storage.action_files`): after a restart they go on.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sendit.errors import Misconfigured, SendItError
from sendit.journal import JournalFault, audit
from sendit.journal.lists.counts import NEED_A_LOOK
from sendit.journal.release.reviews import Judgement
from sendit.logs import places
from sendit.model import BatchState
from sendit.storage.action_files import ActionFiles, StoredAction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sendit.journal.lists.pages import Filter
    from sendit.pipeline.batch import Pipeline
    from sendit.storage.action_files import ActionFile

log = logging.getLogger(__name__)

#: Batches that one action may name.
MOST_BATCHES = 100_000
#: Actions that run at the same time, and those whose outcomes are remembered.
_AT_ONCE, _REMEMBERED = 2, 50
#: Outcomes that are kept of one action; of the others, the number.
MOST_OUTCOMES = 1_000

#: (batch, actor, reason) → what was done, in words. Raises SendItError if it cannot be done.
Do = Callable[[int, str, str], str]


@dataclass(frozen=True, slots=True)
class Action:
    """Something that can be done with a batch."""

    name: str
    do: Do
    recorded: str  # its name in the audit log
    needs_reason: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome for one batch."""

    batch: int
    ok: bool
    said: str


@dataclass(slots=True)
class ActionRun:
    """An action on many batches, under way or over."""

    id: int
    action: str
    actor: str
    total: int
    started_at: datetime
    reason: str = ""
    done: int = 0
    refused: int = 0
    finished_at: datetime | None = None
    outcomes: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        if len(self.outcomes) < MOST_OUTCOMES:
            self.outcomes.append(outcome)
        self.refused += not outcome.ok
        self.done += 1


class Actions:
    """The registry, and what runs or ran lately in this data directory."""

    def __init__(self, pipeline: Pipeline, data_directory: Path) -> None:
        self._pipeline = pipeline
        self._journal = pipeline.services.journal
        self._files = ActionFiles(data_directory)
        self._known: dict[str, Action] = {}
        self._runs: deque[ActionRun] = deque(maxlen=_REMEMBERED)
        self._lock = threading.Lock()
        for action in (
            Action("retry", self._retry, "retry"),
            Action("try_now", self._try_now, "try-now"),
            Action("cancel", self._cancel, "cancel", needs_reason=True),
            Action("hold", self._hold, "hold", needs_reason=True),
            Action("release", self._release, "review-accept", needs_reason=True),
            Action("acknowledge", self._acknowledge, "acknowledge"),
            Action("recall", self._recall, "recall", needs_reason=True),
        ):
            self.register(action)

    def register(self, action: Action) -> None:
        """Make an action known under its name."""
        self._known[action.name] = action

    def names(self) -> list[str]:
        """Return the names of all actions."""
        return sorted(self._known)

    def action(self, name: str) -> Action:
        """Return an action.

        Raises:
            Misconfigured: there is none of this name.
        """
        known = self._known.get(name)
        if known is None:
            raise Misconfigured("action", "there is no action of this name", f"Actions: {', '.join(self.names())}.")
        return known

    def matching(self, wanted: Filter, expected: int) -> list[int]:
        """Return the batches that a filter finds, oldest first.

        Raises:
            Misconfigured: they are more than whoever asks has seen, or more than one action may name.
        """
        numbers = self._journal.batches.matching(wanted, min(expected, MOST_BATCHES) + 1)
        if len(numbers) > expected:
            problem = f"more than {expected} batches match the filter by now"
            raise Misconfigured("filter", problem, "Look at the list again, then repeat it with the new number.")
        if len(numbers) > MOST_BATCHES:
            raise Misconfigured("filter", f"more than {MOST_BATCHES} batches match", "Limit the filter.")
        return numbers

    def start(self, name: str, numbers: Sequence[int], actor: str, reason: str, what: str = "") -> ActionRun:
        """Begin an action on these batches in the background.

        Args:
            name: of the action.
            numbers: the batches.
            actor: who acts.
            reason: why, in their words.
            what: how the batches were chosen, for the record.

        Raises:
            Misconfigured: the action is not known, needs a reason, or too many are under way.
        """
        action = self.action(name)
        if action.needs_reason and not reason.strip():
            raise Misconfigured("reason", f"{name} needs a reason", "Say why, without naming a patient.")
        with self._lock:
            if sum(run.finished_at is None for run in self._runs) >= _AT_ONCE:
                raise Misconfigured("action", f"{_AT_ONCE} actions are under way", "Wait until one of them has ended.")
            run, file = self._written_down(name, numbers, actor, reason.strip(), what)
            self._runs.append(run)
            self._files.tidy({one.id for one in self._runs if one.finished_at is None})
        self._begin(action, run, list(numbers), file)
        return run

    def _written_down(
        self, name: str, numbers: Sequence[int], actor: str, reason: str, what: str
    ) -> tuple[ActionRun, ActionFile]:
        """Record an action that begins: in the audit log first, because whatever is in a file is done one day."""
        details = {"batches": len(numbers), "chosen": what}
        self._journal.audit.record(audit.Act(actor, f"{name}-many", reason=reason, details=details))
        moment = datetime.now(UTC)
        head = {"action": name, "actor": actor, "reason": reason, "at": moment.isoformat(), "batches": [*numbers]}
        try:
            number, file = self._files.create(head)
        except OSError as error:
            problem = f"the action cannot be written down ({error.strerror})"
            raise Misconfigured("SendIt.DataDirectory", problem, "Make room on its disk, then repeat it.") from None
        return ActionRun(number, name, actor, len(numbers), moment, reason), file

    def resume(self) -> None:
        """Remember the actions of before a restart, and go on with those that it interrupted."""
        for stored in self._files.all():
            run = _run_of(stored)
            with self._lock:
                self._runs.append(run)
            action = self._known.get(run.action)
            if run.finished_at is None and action is not None:
                log.info("action %s goes on after a restart: %d of %d batches", run.action, run.done, run.total)
                left = [int(one) for one in stored.head["batches"][run.done :]]
                self._begin(action, run, left, self._files.again(run.id), resumed=True)

    def run_of(self, number: int) -> ActionRun | None:
        """Return an action that runs, or ran lately."""
        return next((run for run in self._runs if run.id == number), None)

    def runs(self) -> list[ActionRun]:
        """Return the actions that run, or ran lately, the newest first."""
        with self._lock:
            return list(self._runs)[::-1]

    def _begin(
        self, action: Action, run: ActionRun, numbers: list[int], file: ActionFile, *, resumed: bool = False
    ) -> None:
        work, how = (action, run, numbers, file), {"resumed": resumed}
        threading.Thread(target=self._run, args=work, kwargs=how, name=f"action {action.name}", daemon=True).start()

    def _run(self, action: Action, run: ActionRun, numbers: list[int], file: ActionFile, *, resumed: bool) -> None:
        for number in numbers:
            if self._pipeline.services.stopping.is_set():
                return  # the next worker goes on
            try:
                outcome = self._before(action, run, number) if resumed else None
                resumed = outcome is not None
                outcome = outcome or self._one(action, number, run.actor, run.reason)
            except JournalFault:
                return  # nothing can be written any more; the worker stops
            run.add(outcome)
            file.turn(outcome.batch, outcome.said, ok=outcome.ok)
        run.finished_at = datetime.now(UTC)
        file.end(run.finished_at.isoformat())
        log.info("action %s: %d of %d batches, %d refused", action.name, run.done, run.total, run.refused)

    def _before(self, action: Action, run: ActionRun, number: int) -> Outcome | None:
        """Return what was done for a batch between its turn before a restart and the note of it; None: nothing."""
        mine = audit.AuditFilter(batch=number, actor=run.actor, action=action.recorded, since=run.started_at)
        done = self._journal.audit.page(mine, 1)
        return Outcome(number, ok=True, said="done before a restart") if done else None

    def _one(self, action: Action, number: int, actor: str, reason: str) -> Outcome:
        try:
            return Outcome(number, ok=True, said=action.do(number, actor, reason))
        except JournalFault:
            raise
        except SendItError as error:
            return Outcome(number, ok=False, said=str(error))
        except Exception as error:
            log.error("batch %d: action %s: unexpected", number, action.name, exc_info=error)
            return Outcome(number, ok=False, said=f"unexpected fault of SendIt: {places(error)}")

    # --- the actions ---------------------------------------------------------------------------------------------

    def _retry(self, number: int, actor: str, reason: str) -> str:
        if self._pipeline.retry(number, actor, reason) is None:
            raise self._impossible(number, "Only batches that ended without being sent can be retried.")
        return "retried"

    def _try_now(self, number: int, actor: str, reason: str) -> str:
        if self._pipeline.try_now(number, actor, reason) is None:
            raise self._impossible(number, "Nothing of it waits for its next try.")
        return "tried now"

    def _cancel(self, number: int, actor: str, reason: str) -> str:
        if not self._pipeline.put_aside(number, BatchState.CANCELLED, actor, reason):
            raise self._impossible(number, "Only batches that are not sent yet can be cancelled.")
        return "cancelled"

    def _hold(self, number: int, actor: str, reason: str) -> str:
        if not self._pipeline.put_aside(number, BatchState.QUARANTINED, actor, reason):
            raise self._impossible(number, "Only batches that are not sent yet can be held.")
        return "held"

    def _release(self, number: int, actor: str, reason: str) -> str:
        batch = self._journal.batches.get(number)
        if batch is None or batch.state is not BatchState.REVIEW:
            raise self._impossible(number, "Only batches under review can be released.")
        state = self._pipeline.desk.accept(Judgement(number, batch.attempt, actor, reason))
        return "accepted; another person has to accept it, too" if state is BatchState.REVIEW else "released"

    def _acknowledge(self, number: int, actor: str, reason: str) -> str:
        if self._journal.acknowledgements.acknowledge_batch(number, actor, reason) not in NEED_A_LOOK:
            raise self._impossible(number, "Only what is held or failed can be acknowledged.")
        return "acknowledged"

    def _recall(self, number: int, actor: str, reason: str) -> str:
        recaller = self._pipeline.recaller
        begun = recaller.begin(recaller.studies_of_batch(number), reason, actor=actor)
        return "recalled" if begun else "it was recalled before"

    def _impossible(self, number: int, remedy: str) -> Misconfigured:
        batch = self._journal.batches.get(number)
        return Misconfigured(f"batch {number}", f"it is {batch.state}" if batch else "there is no such batch", remedy)


def _run_of(stored: StoredAction) -> ActionRun:
    """Return an action as it was written down."""
    head = stored.head
    at = datetime.fromisoformat(head["at"])
    run = ActionRun(stored.number, head["action"], head["actor"], len(head["batches"]), at, head["reason"])
    for batch, ok, said in stored.turns:
        run.add(Outcome(batch, ok=ok, said=said))
    run.finished_at = None if stored.finished_at is None else datetime.fromisoformat(stored.finished_at)
    return run
