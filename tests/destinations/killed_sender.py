"""A process that delivers, to be killed. `python -m tests.destinations.killed_sender FILE` is its own side.

It says "0" before it begins, then the number of instances that are acknowledged after each.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sendit.model import Receipt, Shipment, StagedInstance
from tests.destinations.bench import open_out

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]


def write_order(document: Mapping[str, Any], shipment: Shipment, folder: Path) -> Path:
    """What another process needs to deliver the shipment to the destination "out" of `document`."""
    staged_instances = [{"receipt": one.receipt.as_dict(), "path": str(one.path)} for one in shipment.staged_instances]
    order = folder / "order.json"
    order.write_text(
        json.dumps(
            {
                "document": document,
                "batch_id": shipment.batch_id,
                "project": shipment.project,
                "part": shipment.part,
                "staged_instances": staged_instances,
            }
        )
    )
    return order


def read_order(order: Path) -> tuple[Mapping[str, Any], Shipment]:
    """The inverse of `write_order`."""
    given = json.loads(order.read_text())
    staged_instances = [
        StagedInstance(Receipt.from_dict(one["receipt"]), Path(one["path"])) for one in given["staged_instances"]
    ]
    return given["document"], Shipment(given["batch_id"], given["project"], staged_instances, given["part"])


class KilledSender:
    """Delivers the shipment to the destination "out" of `document`, until it is killed."""

    def __init__(self, document: Mapping[str, Any], shipment: Shipment, folder: Path) -> None:
        order = write_order(document, shipment, folder)
        command = [sys.executable, "-m", "tests.destinations.killed_sender", str(order)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)

    def kill_at(self, acknowledged: int) -> None:
        """SIGKILL once so many are acknowledged; at most a few more will be. 0: as it begins."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if int(line) >= acknowledged:
                break
        self.kill()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def __enter__(self) -> KilledSender:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()


def _deliver(order: Path) -> None:
    document, shipment = read_order(order)
    destination = open_out(document)
    print(0, flush=True)
    destination.deliver(shipment, lambda count: print(count, flush=True))


if __name__ == "__main__":
    _deliver(Path(sys.argv[1]))
