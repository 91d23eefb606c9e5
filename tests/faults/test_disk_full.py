"""A data directory with no room left: visible, nothing lost, and all is sent once there is room again."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.dicom import StudyMaker
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import MakeStack
    from tests.servers.stack import Stack


@pytest.fixture
def small(make_stack: MakeStack) -> Iterator[Stack]:
    """A stack whose data directory is a file system of 6 MB."""
    stack = make_stack()
    stack.data_directory.mkdir(parents=True)
    options = ["-o", "size=6m,mode=0700"]
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", *options, "tmpfs", str(stack.data_directory)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small file system can be mounted by root alone")
    yield stack.start()
    stack.stop()
    subprocess.run(["umount", "--lazy", str(stack.data_directory)], check=True)


def free(path: Path) -> int:
    usage = os.statvfs(path)
    return usage.f_bavail * usage.f_frsize


@pytest.mark.slow
def test_a_full_disk_delays_and_loses_nothing(small: Stack) -> None:
    """10 MB have to be staged. Health says what is the matter; even the journal could not be written meanwhile."""
    for file in StudyMaker(rows=512).instances(20):
        small.source.upload(file)
    wait_for(lambda: free(small.data_directory) == 0, "the disk to be full", poll=0.001)
    health = wait_for(lambda: small.api("health")["problems"], "health to name the problem")
    assert any("SendIt.DataDirectory" in problem for problem in health)
    said = f"cannot be written: the disk of {small.data_directory} is full; free some space"
    wait_for(lambda: said in small.source.log(), "the log to name place and remedy", limit=30)
    reconciled = "reconciliation: "
    wait_for(lambda: reconciled in small.source.log(), "the reconciliation to meet with it", limit=30)
    subprocess.run(["mount", "-o", "remount,size=200m", str(small.data_directory)], check=True)
    [batch] = small.wait_batches(1)
    assert (batch["state"], batch["sent"]) == ("DONE", 20), small.describe()
    assert small.staged() == []
    log = small.source.log()
    assert ".py:" not in log  # no chain of places in the code
    assert log.count(reconciled) <= 3  # said once for each thing that could not be written, and not every 2 s
