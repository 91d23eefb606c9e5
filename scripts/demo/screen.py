"""Output of the demonstration: progress, the table, and links."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.console import Console
from rich.live import Live
from rich.table import Table

from scripts.demo.stack import BUCKET, GOOGLE_PROJECT, Stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.demo.journey import Outcome

_COLOURS = {"DONE": "green", "SENT": "green", "WAITING": "dim"}
_BAD = frozenset({"QUARANTINED", "EMPTY", "FAILED", "CANCELLED", "RECALLED", "RECALL_FAILED"})


class Screen:
    """Terminal output, or plain lines if there is no terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        if not self.console.is_terminal:
            self.console.width = 120  # a pipe or a file has no width that a table would have to fit into

    def say(self, text: str) -> None:
        self.console.print(text, markup=False, soft_wrap=True)

    @contextmanager
    def progress(self, outcomes: list[Outcome]) -> Iterator[Progress]:
        """Show the outcomes each time the yielded function is called."""
        if self.console.is_terminal:
            with Live(_progress(outcomes), console=self.console, transient=True, auto_refresh=False) as live:
                yield Progress(outcomes, self, live)
        else:
            yield Progress(outcomes, self, None)

    def table(self, outcomes: list[Outcome], stack: Stack) -> None:
        """Show the result, a row for each way in."""
        table = Table(box=SIMPLE, title="What went through", title_justify="left")
        for heading in ("way in", "study"):
            table.add_column(heading)
        for heading in ("received", "sent", "verified", "bucket", "index", "batch"):
            table.add_column(heading, justify="right")
        table.add_column("state")
        for outcome in outcomes:
            found = (outcome.verified, outcome.stored, outcome.indexed)
            numbers = (outcome.received, outcome.sent, *found, outcome.batch or "")
            row = (outcome.sample.way, f"{outcome.sample.modality}, {outcome.sample.patient_name}", *map(str, numbers))
            table.add_row(*row, _state(outcome.state))
        self.console.print(table)
        for outcome in outcomes:
            if not outcome.good:
                self.console.print(f"[red]{outcome.sample.way}:[/] {_shortfall(outcome)}")
        self._where_to_look(outcomes, stack)

    def _where_to_look(self, outcomes: list[Outcome], stack: Stack) -> None:
        explorer = "/app/explorer.html"
        self.say(
            "Verified: the image is at the target, and its file holds none of the patient's names, numbers and UIDs;\n"
            "what was burned into pixels is black, and the rest of them as it was.\n"
            "Bucket: the study's archive there holds it just so. Index: a query finds it.\n"
        )
        self.say(f"  Before   {stack.source.url}{explorer}")
        self.say(f"  SendIt   {stack.source.url}/sendit/")
        self.say(f"  After    {stack.target.url}{explorer}")
        for outcome in outcomes:
            for study in sorted(outcome.target_studies):
                self.say(f"           {stack.target.url}{explorer}#study?uuid={study}  ({outcome.sample.way})")
        self.say(f"  Bucket   {stack.storage.url}/storage/v1/b/{BUCKET}/o")
        self.say(f"  Index    {stack.datastore.url} (gRPC), Google project {GOOGLE_PROJECT}")
        self.say("  Each with its state: .venv/bin/sendit destinations")

    def how_to_send(self, stack: Stack) -> None:
        """Show the three ways in, for the reader's own studies."""
        self.say("\nSend your own (they never leave this machine):")
        self.say(f"  mv A_FOLDER {os.path.relpath(stack.inbox)}/")
        self.say(f"  curl --data-binary @FILE.dcm {stack.source.url}/instances")
        self.say(f"  storescu 127.0.0.1 {stack.ports.dicom} FILE.dcm\n")


class Progress:
    """One row per sample, redrawn; without a terminal, a line for each change."""

    def __init__(self, outcomes: list[Outcome], screen: Screen, live: Live | None) -> None:
        self._outcomes = outcomes
        self._screen = screen
        self._live = live
        self._shown: dict[str, str] = {}

    def show(self) -> None:
        if self._live is not None:
            self._live.update(_progress(self._outcomes), refresh=True)
            return
        for outcome in self._outcomes:
            if self._shown.get(outcome.sample.way) != outcome.state:
                self._shown[outcome.sample.way] = outcome.state
                self._screen.say(f"  {outcome.sample.way:20}  {outcome.state}")


def _progress(outcomes: list[Outcome]) -> Table:
    table = Table.grid(padding=(0, 2))
    for outcome in outcomes:
        total = len(outcome.sample.files)
        bar = "█" * outcome.sent + "▒" * (outcome.received - outcome.sent) + "·" * (total - outcome.received)
        table.add_row(f"  {outcome.sample.way}", outcome.sample.modality, bar, _state(outcome.state))
    return table


def _state(state: str) -> str:
    colour = "red" if state in _BAD else _COLOURS.get(state, "yellow")
    return f"[{colour}]{state}[/]"


def _shortfall(outcome: Outcome) -> str:
    """Return the reason why an outcome is incomplete."""
    total = len(outcome.sample.files)
    if outcome.leaks:
        return f"{outcome.leaks} of {total} instances left with something of the patient in them"
    if outcome.reason:
        return outcome.reason
    found = f"{outcome.verified} verified, {outcome.stored} in the bucket, {outcome.indexed} in the index"
    return f"of {total} instances {outcome.received} were received, {outcome.sent} sent, {found}"
