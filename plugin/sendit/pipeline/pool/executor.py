"""Processes that work for this one: they end with it, leave Ctrl-C to it, and print nothing."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import wait as wait_for_sentinel
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Imported once, before the processes are forked.
_WORK = "sendit.pipeline.pool.processes"


def new_executor(workers: int, nice: int = 0) -> ProcessPoolExecutor:
    """Return processes that end with this one, ignore Ctrl-C while they start, and print nothing."""
    # Not fork: a forked child keeps the sockets, locks and threads of the worker half alive. Not spawn: each process
    # would need a second to import.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", _WORK])
    return ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(nice,))


@contextlib.contextmanager
def no_interrupt() -> Iterator[None]:
    """Start processes that ignore Ctrl-C, even while they import: the parent handles it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(nice: int) -> None:
    """End with the parent, and discard what C libraries print about files: it may contain their values."""
    os.nice(nice)
    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silence, stream)
    os.close(silence)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_sentinel([parent.sentinel])
        os._exit(1)
