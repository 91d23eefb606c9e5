"""BytesPerSecond, with a clock of the test's own."""

from __future__ import annotations

import hashlib
import io
import threading
from typing import TYPE_CHECKING

from sendit.destinations.base import Pace, open_staged, read_staged
from sendit.model import Receipt, StagedInstance

if TYPE_CHECKING:
    from pathlib import Path


class Clock:
    """Time passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self.now += seconds


def staged(folder: Path, content: bytes, pace: Pace) -> StagedInstance:
    path = folder / "staged.dcm"
    path.write_bytes(content)
    receipt = Receipt(
        input_sha256="0" * 64,
        plan_sha256="0" * 64,
        output_sha256=hashlib.sha256(content).hexdigest(),
        output_md5="0" * 32,
        output_size=len(content),
        patient_id="P",
        study_instance_uid="2.25.1",
        series_instance_uid="2.25.2",
        sop_instance_uid="2.25.3",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        released=True,
    )
    return StagedInstance(receipt, path, pace)


def test_the_average_is_kept() -> None:
    """So many bytes take so many seconds, however they are cut."""
    clock = Clock()
    pace = Pace(1000, clock, clock.sleep)
    for size in (1, 999, 500, 2500, 1000):
        pace(size)
    assert clock.now - 100 == 5.0


def test_what_was_not_used_is_kept_for_a_second_at_most() -> None:
    """After an hour of nothing, one second's worth goes at once, and no more."""
    clock = Clock()
    pace = Pace(1000, clock, clock.sleep)
    clock.now += 3600
    pace(1000)
    assert clock.slept == []
    pace(1000)
    assert clock.slept == [1.0]


def test_several_at_once_share_it() -> None:
    """Together they are no faster than one: each waits for what was given out before it."""
    clock = Clock()
    slept: list[float] = []
    pace = Pace(1000, clock, slept.append)  # nobody's sleep moves the clock: all ask at the same instant
    threads = [threading.Thread(target=pace, args=(1000,)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(slept) == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_a_staged_instance_leaves_at_its_pace(tmp_path: Path) -> None:
    """All of its bytes, in the time that they take; in pieces, in one, and again from the beginning."""
    content = bytes(range(256)) * 1024
    clock = Clock()
    paced = staged(tmp_path, content, Pace(len(content), clock, clock.sleep))
    assert read_staged(paced) == content
    assert round(clock.now - 100, 6) == 1.0
    assert max(clock.slept) <= 0.25  # in small pieces, not in one leap
    with open_staged(paced) as file:
        head = file.read(1000)
        assert file.tell() == 1000
        file.seek(0, io.SEEK_END)
        assert file.tell() == len(content)
        file.seek(0)
        assert head + b"".join(iter(lambda: file.read(7777), b"")) != b""
        assert file.seekable()
        assert file.readable()
        file.seek(1000)
        assert head + file.read() == content
