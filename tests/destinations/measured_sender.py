"""A process of its own that delivers and verifies, and says how much memory it took at most.

`python -m tests.destinations.measured_sender FILE` is its own side.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sendit.model import Consignment
from tests.destinations.bench import open_out
from tests.destinations.killed_sender import ROOT, read_order, write_order


def deliver_measured(document: Mapping[str, Any], consignment: Consignment, folder: Path) -> tuple[int, list[str], int]:
    """How many were delivered, what verification says, and the most memory (MB) that it took."""
    order = write_order(document, consignment, folder)
    command = ["nice", "-n", "5", sys.executable, "-m", "tests.destinations.measured_sender", str(order)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, check=True).stdout
    delivered, problems, peak = json.loads(answer)
    return delivered, problems, peak


def _deliver(order: Path) -> None:
    document, consignment = read_order(order)
    destination = open_out(document)
    delivered = destination.deliver(consignment, lambda _: None)
    problems = [found.problem for found in destination.verify(consignment)]
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) >> 10 for line in status if line.startswith("VmHWM"))
    print(json.dumps([delivered, problems, peak]))


if __name__ == "__main__":
    _deliver(Path(sys.argv[1]))
