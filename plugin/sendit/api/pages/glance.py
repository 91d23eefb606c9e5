"""Slow answers as the pages show them: health and destinations, not older than a moment, and never waited for long.

A destination that is silent takes ten seconds to be called unreachable. No page waits for that; it shows what was
answered last.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


class Glance(Generic[T]):
    """Asks in a thread, one question at a time.

    Args:
        ask: returns the answer.
        fresh: seconds for which an answer is shown again.
        patience: seconds to wait for a newer answer.

    Attributes:
        last: the newest answer; None if there was none yet.
    """

    def __init__(self, ask: Callable[[], T], fresh: float = 1.0, patience: float = 0.3) -> None:
        self._ask = ask
        self._fresh, self._patience = fresh, patience
        self._lock = threading.Lock()
        self._asked: Future[T] | None = None
        self._begun = 0.0
        self.last: T | None = None

    def now(self) -> T | None:
        """Return the newest answer; None if there was none yet."""
        asked = self._begin()
        wait([asked], self._patience)
        return self.last if not asked.done() else asked.result()

    def first(self, patience: float | None = None) -> T:
        """Return the newest answer; wait for it if there was none yet, else no longer than `patience`."""
        asked, last = self._begin(), self.last
        wait([asked], None if last is None else self._patience if patience is None else patience)
        return last if last is not None and not asked.done() else asked.result()

    def anew(self) -> T:
        """Return the answer to a question that is asked after this call, however long that takes."""
        with self._lock:
            before = self._asked
        if before is not None:
            wait([before])
        with self._lock:
            asked = self._start() if self._asked is None or self._asked is before else self._asked
        return asked.result()

    def _begin(self) -> Future[T]:
        with self._lock:
            if self._asked is None or (self._asked.done() and monotonic() - self._begun > self._fresh):
                return self._start()
            return self._asked

    def _start(self) -> Future[T]:
        asked: Future[T] = Future()
        self._asked, self._begun = asked, monotonic()
        threading.Thread(target=self._answer, args=(asked,), name="glance", daemon=True).start()
        return asked

    def _answer(self, asked: Future[T]) -> None:
        try:
            self.last = answer = self._ask()  # whoever looks next has it, though nobody may have waited so long
            asked.set_result(answer)
        except BaseException as error:  # noqa: BLE001 - whoever waits for the answer raises it
            asked.set_exception(error)
