"""The command `sendit doctor`."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from sendit.cli.common import ConfigOption, JsonOption, config_path, print_json, say

if TYPE_CHECKING:
    from sendit.doctor.examination import CheckResult


def doctor(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Check configuration, keys, database, peers and disk, and list the remaining problems.

    Exit code 1: there are problems.
    """
    from sendit.doctor.examination import examine

    # Warnings of the code that a check runs are shown between the results.
    stream = sys.stderr if as_json else sys.stdout
    logging.basicConfig(level=logging.WARNING, format="note  %(message)s", stream=stream)
    results = []
    for result in examine(config_path(config)):
        results.append(result)
        if not as_json:
            _show(result)
    ok = all(result.ok for result in results)
    if as_json:
        checks = [
            {"name": r.name, "ok": r.ok, "warning": r.warning, "message": r.message, "cure": r.remedy} for r in results
        ]
        print_json({"ok": ok, "checks": checks})
    if not ok:
        raise typer.Exit(1)


def _show(result: CheckResult) -> None:
    label = "[green]ok[/]   " if result.ok else "[red]wrong[/]"
    if result.warning:
        label = "[yellow]NOTE[/] "
    say(f"{label} {escape(f'{result.name}: {result.message}')}", markup=True)
    if result.remedy:
        say(f"      → {result.remedy}")
