"""Work on many items in a few threads, with bounded look-ahead and one error out of several; questions asked once."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

from sendit.errors import Misconfigured, Quarantine, Retry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Item = TypeVar("Item")
Key = TypeVar("Key")
Result = TypeVar("Result")

#: Of several errors the one that must not be overlooked is raised: what is not clean before what needs a person before
#: what may heal. Anything else is a fault of ours and comes before `Retry`, so that it isn't tried for ever.
_MILDEST_LAST = (Quarantine, Misconfigured, Exception, Retry)


def in_threads(work: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Iterator[Result]:
    """Yield the results of `work`, in the order in which they are done.

    `items` is read only a little ahead of the work.

    After an error nothing new is begun; what is under way is awaited, and its results are still handed out.

    Raises:
        The gravest error that `work` raised.
    """
    source = iter(items)
    errors: list[BaseException] = []
    with ThreadPoolExecutor(threads, thread_name_prefix="sendit-deliver") as pool:
        pending: set[Future[Result]] = set()
        try:
            while True:
                if not errors:
                    pending |= {pool.submit(work, item) for item in islice(source, 2 * threads - len(pending))}
                if not pending:
                    break
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    error = future.exception()
                    if error is None:
                        yield future.result()
                    else:
                        errors.append(error)
                if errors:
                    pending = {future for future in pending if not future.cancel()}
        finally:
            for future in pending:
                future.cancel()
    if errors:
        raise min(errors, key=_gravity)


def _gravity(error: BaseException) -> int:
    if isinstance(error, Retry):
        return len(_MILDEST_LAST)
    return next((index for index, kind in enumerate(_MILDEST_LAST) if isinstance(error, kind)), 0)


class AskedOnce(Generic[Key, Result]):
    """Answers by key. Each is asked for once, in the thread that needs it first; all others share it, or its error."""

    def __init__(self) -> None:
        self._answers: dict[Key, Future[Result]] = {}
        self._lock = threading.Lock()

    def answer(self, key: Key, ask: Callable[[], Result]) -> Result:
        """Return the answer for a key; call `ask` if it is the first question for it."""
        with self._lock:
            first = key not in self._answers
            answer = self._answers.setdefault(key, Future())
        if first:
            try:
                answer.set_result(ask())
            except BaseException as error:
                answer.set_exception(error)
                raise
        return answer.result()
