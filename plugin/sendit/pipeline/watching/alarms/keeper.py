"""News among the present conditions: told once, again if it goes on for long, and once when it is over.

What was told is kept in `alarms.json` of the data directory, so a restart tells nothing twice. A message that could not
be sent waits there, too, for each channel by itself. Once a day it sends a summary.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sendit.model import BatchState
from sendit.pipeline.watching.alarms.channels import problem_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sendit.config.alarms import Alarms
    from sendit.journal import Journal
    from sendit.pipeline.watching.alarms.channels import Channel
    from sendit.pipeline.watching.alarms.conditions import Condition, Conditions

log = logging.getLogger(__name__)

FILE = "alarms.json"
#: A condition that has grown is reported again after this time.
_GROWN = timedelta(hours=1)
#: So many messages wait for a channel that cannot be reached; the oldest are given up.
_MOST_UNSENT = 50

_AT_WORK = (BatchState.RECEIVING, BatchState.QUEUED, BatchState.PROCESSING, BatchState.DELIVERING, BatchState.SENT)


@dataclass(frozen=True, slots=True)
class Alarm:
    """A problem that is not over."""

    kind: str
    text: str
    since: datetime
    told: datetime | None  # None: it was only noticed; it is reported if it lasts


@dataclass(frozen=True, slots=True)
class ToldTo:
    """A way to persons, and what waits for it."""

    channel: str
    to: str
    waiting: int  # messages that could not be sent yet
    problem: str  # why; "" if none waits


@dataclass(frozen=True, slots=True)
class AlarmsView:
    """Knowledge of the keeper, for other threads: it may itself be waiting for a mail server."""

    alarms: Sequence[Alarm]
    channels: Sequence[ToldTo]
    summary: str  # the last daily summary; "" if there was none
    summary_at: datetime | None


class Keeper:
    """Looks, remembers and tells, from one thread.

    Args:
        alarms: the configuration.
        folder: the data directory.
        conditions: what is wrong now.
        channels: the ways to persons.
        summary: returns the text of the daily summary.
    """

    def __init__(
        self,
        alarms: Alarms,
        folder: Path,
        conditions: Conditions,
        channels: Sequence[Channel],
        summary: Callable[[datetime], str],
    ) -> None:
        self._alarms = alarms
        self._file = folder / FILE
        self._conditions = conditions
        self._channels = channels
        self._summary = summary
        self._complained: dict[str, str] = {}  # channel → why it could not be reached, as it was logged
        self._state = self._read()
        self._view = self._seen()

    def view(self) -> AlarmsView:
        """Return what is wrong, who was told, and the last summary."""
        return self._view

    def _seen(self) -> AlarmsView:
        waiting = self._state["unsent"]
        last = self._state.get("last_summary")
        return AlarmsView(
            alarms=[
                Alarm(
                    key.partition(":")[0],
                    alarm["text"],
                    _time(alarm["since"]),
                    _time(alarm["told"]) if alarm["told"] else None,
                )
                for key, alarm in self._state["open"].items()
            ],
            channels=[
                ToldTo(
                    channel.name, channel.to, len(waiting.get(channel.name, ())), self._complained.get(channel.name, "")
                )
                for channel in self._channels
            ],
            summary=last["text"] if last else "",
            summary_at=_time(last["at"]) if last else None,
        )

    def test(self) -> list[tuple[str, str]]:
        """Send a test message by each channel at once; return the channels, each with its problem or ""."""
        subject = f"{self._alarms.title}: test"
        text = "This is a test of SendIt's alarms. Nothing is wrong." + self._footer()
        return [(channel.name, problem_of(channel, subject, text)) for channel in self._channels]

    def look(self, present: datetime | None = None) -> None:
        """Look once, and tell what is news."""
        at = present or datetime.now(UTC)
        before = json.dumps(self._state)
        lines, subject = self._news(at)
        self._view = self._seen()
        if lines:
            self._post(subject, "\n".join(lines), at)
        self._summarise(at)
        if json.dumps(self._state) != before:
            self._write()  # first: a kill between the two tells at most one message twice
        self._send()
        self._view = self._seen()

    def _news(self, at: datetime) -> tuple[list[str], str]:
        """Return the lines of a message, and its subject; bring the state up to date."""
        known: dict[str, dict[str, Any]] = self._state["open"]
        lines: list[tuple[str, str]] = []
        for kind, conditions in self._conditions.now(self._state["memory"]).items():
            if conditions is None:
                continue  # what was wrong is not known to be over
            present = {condition.key: condition for condition in conditions}
            for key in [key for key in known if key.startswith(f"{kind}:") and key not in present]:
                gone = known.pop(key)
                if gone["told"]:
                    lines.append(("Solved", f"{gone['text']} (since {gone['since'][:16]} UTC)"))
            lines += [(word, condition.text) for condition in present.values() if (word := self._due(condition, at))]
        order = ("Problem", "Still", "Solved")
        lines.sort(key=lambda line: order.index(line[0]))
        counts = {word: sum(1 for first, _ in lines if first == word) for word in order}
        named = [f"{number} {_NAMES[word][number > 1]}" for word, number in counts.items() if number]
        return [f"{word}: {text}" for word, text in lines], f"{self._alarms.title}: {', '.join(named)}"

    def _due(self, condition: Condition, at: datetime) -> str:
        """Return how a condition is to be told now; "" if it is not."""
        entry = self._state["open"].setdefault(
            condition.key, {"since": at.isoformat(), "told": "", "size": condition.size}
        )
        entry["text"] = condition.text
        if not entry["told"]:
            word = "Problem" if at - datetime.fromisoformat(entry["since"]) >= condition.patience else ""
        else:
            ago = at - datetime.fromisoformat(entry["told"])
            again = ago >= timedelta(hours=self._alarms.repeat_hours) or (
                condition.size > entry["size"] and ago >= _GROWN
            )
            word = "Still" if again else ""
        if word:
            entry |= {"told": at.isoformat(), "size": condition.size}
        return word

    def _summarise(self, at: datetime) -> None:
        """Post the summary of the day before, once a day, at the time that is configured."""
        if self._alarms.daily_summary is None:
            return
        zone = ZoneInfo(self._alarms.time_zone) if self._alarms.time_zone else None
        local = at.astimezone(zone)
        today = local.date().isoformat()
        last = self._state.setdefault("summary", today if local.time() >= self._alarms.daily_summary else "")
        if local.time() >= self._alarms.daily_summary and last != today:
            self._state["summary"] = today
            if self._conditions.leads():
                open_now = [f"Open: {alarm['text']}" for alarm in self._state["open"].values() if alarm["told"]]
                text = "\n".join([self._summary(at), *(open_now or ["No open problems."])])
                self._state["last_summary"] = {"at": at.isoformat(), "text": text}
                self._post(f"{self._alarms.title}: summary", text, at)

    def _post(self, subject: str, text: str, at: datetime) -> None:
        for channel in self._channels:
            waiting = self._state["unsent"].setdefault(channel.name, [])
            waiting.append([subject, text + self._footer(), at.isoformat()])
            del waiting[:-_MOST_UNSENT]

    def _footer(self) -> str:
        return f"\n{self._alarms.link}" if self._alarms.link else ""

    def _send(self) -> None:
        """Send what waits, the oldest first; a channel that cannot be reached keeps no other one waiting."""
        for channel in self._channels:
            waiting = self._state["unsent"].get(channel.name, [])
            while waiting:
                if problem := problem_of(channel, *waiting[0][:2]):
                    if self._complained.get(channel.name) != problem:
                        log.error("an alarm could not be sent, and will be tried again: %s", problem)
                    self._complained[channel.name] = problem
                    break
                self._complained.pop(channel.name, None)
                waiting.pop(0)
                self._write()

    def _read(self) -> dict[str, Any]:
        state: dict[str, Any] = {"open": {}, "unsent": {}, "memory": {}}
        try:
            read = json.loads(self._file.read_text("utf-8"))
        except FileNotFoundError:
            return state
        except (OSError, ValueError):
            log.error("%s cannot be read; open problems will be told again", FILE)
            return state
        names = {channel.name for channel in self._channels}
        state |= read
        state["unsent"] = {name: waiting for name, waiting in state["unsent"].items() if name in names}
        return state

    def _write(self) -> None:
        """Write the state beside its place, and rename it."""
        new = self._file.with_suffix(".new")
        try:
            with open(os.open(new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                json.dump(self._state, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, self._file)
        except OSError as error:  # a full disk is just what has to be told
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)
            log.error("%s cannot be written (%s); after a restart, alarms are reported again", FILE, error.strerror)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


#: How many of each there are, in the subject.
_NAMES = {"Problem": ("problem", "problems"), "Still": ("goes on", "go on"), "Solved": ("solved", "solved")}


def summary(journal: Journal, folder: Path, at: datetime) -> str:
    """Return what was delivered on the day before (UTC), what waits, and how much room is left.

    Args:
        journal: the journal.
        folder: the data directory.
        at: the present moment.
    """
    day = at.astimezone(UTC).date() - timedelta(days=1)
    lines = [f"Delivered on {day} (UTC):"]
    totals = journal.totals.of(day, day, by_day=False)
    for total in totals:
        lines.append(
            f"- {total.project}: {total.studies:,} studies, {total.instances:,} images, {total.size / 1e9:,.2f} GB"
        )
    if not totals:
        lines.append("- nothing")
    states = journal.counts.by_state()
    lines.append(
        f"Now: {sum(states.get(state, 0) for state in _AT_WORK)} batches under way, "
        f"{states.get(BatchState.REVIEW, 0)} wait for a reviewer; "
        f"not acknowledged: {len(journal.acknowledgements.unseen().batches)}."
    )
    lines.append(f"Free space: {shutil.disk_usage(folder).free / 1e9:,.0f} GB.")
    return "\n".join(lines)
