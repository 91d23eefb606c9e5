"""What the way in which a lonely process ends says of its job."""

from __future__ import annotations

import signal

import pytest

from sendit.pipeline.pool import trial as lonely_job
from sendit.pipeline.pool.trial import CRASHED, HUNG, KILLED, TOO_LARGE, Trial


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits."""
    monkeypatch.setattr(lonely_job, "_FIRST_WAIT", 0.0)


@pytest.mark.parametrize(
    ("code", "verdict"),
    [(-signal.SIGSEGV, CRASHED), (-signal.SIGABRT, CRASHED), (-signal.SIGFPE, CRASHED), (1, CRASHED), (0, CRASHED),
     (-signal.SIGALRM, HUNG)],
)  # fmt: skip
def test_what_a_process_does_to_itself_is_proof(code: int, verdict: str) -> None:
    """Once is enough."""
    trial = Trial()
    trial.died(code)
    assert trial.verdict == verdict


@pytest.mark.parametrize("code", [-signal.SIGKILL, -signal.SIGTERM, -signal.SIGHUP, None])
def test_what_comes_from_outside_is_none(code: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not five times; then it is said that it could not be tried."""
    monkeypatch.setattr(lonely_job, "memory_kills", lambda: 7)
    trial = Trial()
    for _ in range(5):
        trial.died(code)
        assert not trial.verdict
    trial.died(code)
    assert trial.verdict == KILLED


@pytest.mark.parametrize("counts", [[3, 4, 5], [None, None, None]])
def test_want_of_memory_counts_twice(counts: list[int | None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system says that it ended a process for it, or says nothing; a kill in between is none."""
    said = iter(counts)
    monkeypatch.setattr(lonely_job, "memory_kills", lambda: next(said))
    trial = Trial()
    trial.died(-signal.SIGKILL)
    assert not trial.verdict
    trial.died(-signal.SIGKILL)
    assert trial.verdict == TOO_LARGE


def test_the_systems_count_is_read() -> None:
    """On Linux there is one."""
    count = lonely_job.memory_kills()
    assert count is None or count >= 0
