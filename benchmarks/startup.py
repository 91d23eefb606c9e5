"""How much CPU does the command line need to start? `sendit --version` and `--help`, in turn with plain Python."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

ROUNDS = 11
LIMIT = 0.5  # CPU seconds
_SENDIT = str(Path(sys.executable).parent / "sendit")
_COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "sendit --version": [_SENDIT, "--version"],
    "sendit --help": [_SENDIT, "--help"],
}


def _cpu_seconds(command: list[str]) -> float:
    """Run a command. Return its user and system time, with that of its children."""
    before = os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def main() -> bool:
    """Print the medians. Return whether they are within the limit."""
    seconds: dict[str, list[float]] = {name: [] for name in _COMMANDS}
    for number in range(ROUNDS + 1):
        for name, command in _COMMANDS.items():
            measured = _cpu_seconds(command)
            if number:  # the first round fills the caches
                seconds[name].append(measured)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    for name, median in medians.items():
        print(f"startup: {name}: {median:.3f} s of CPU")
    return max(medians.values()) < LIMIT
