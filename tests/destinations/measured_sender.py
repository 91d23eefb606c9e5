"""A process of its own that delivers and verifies, and says how much memory it took at most.

`python -m tests.destinations.measured_sender FILE` is its own side.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.destinations.bench import open_out
from tests.destinations.killed_sender import ROOT, read_order, write_order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sendit.model import Shipment


def deliver_measured(document: Mapping[str, Any], shipment: Shipment, folder: Path) -> tuple[int, list[str], int]:
    """How many were delivered, what verification says, and the most memory (MB) that it took."""
    order = write_order(document, shipment, folder)
    command = ["nice", "-n", "5", sys.executable, "-m", "tests.destinations.measured_sender", str(order)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, check=True).stdout
    delivered, problems, peak = json.loads(answer)
    return delivered, problems, peak


def _deliver(order: Path) -> None:
    document, shipment = read_order(order)
    destination = open_out(document)
    delivered = destination.deliver(shipment, lambda _: None)
    problems = [found.problem for found in destination.verify(shipment)]
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) >> 10 for line in status if line.startswith("VmHWM"))
    print(json.dumps([delivered, problems, peak]))


if __name__ == "__main__":
    _deliver(Path(sys.argv[1]))
