"""Work in threads: everything once, bounded look-ahead, the gravest error."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from sendit.destinations.threads import AskedOnce, in_threads
from sendit.errors import Misconfigured, Quarantine, Retry

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_everything_once() -> None:
    """Each item is worked on once, whatever the number of threads."""
    for threads in (1, 3, 50):
        assert sorted(in_threads(lambda x: x * x, range(20), threads)) == [x * x for x in range(20)]
    assert list(in_threads(lambda x: x, [], 3)) == []


def test_the_look_ahead_is_bounded() -> None:
    """A long shipment is not read whole before the first upload."""
    read: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1000):
            read.append(number)
            yield number

    results = in_threads(lambda x: x, items(), 3)
    next(results)
    assert len(read) <= 6
    results.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ([Retry("r"), Misconfigured("p", "q", "c"), Quarantine("q")], Quarantine),
        ([Retry("r"), Misconfigured("p", "q", "c"), Retry("r")], Misconfigured),
        ([Retry("r"), ZeroDivisionError(), Retry("r")], ZeroDivisionError),
        ([Misconfigured("p", "q", "c"), ZeroDivisionError(), Retry("r")], Misconfigured),
    ],
)
def test_the_gravest_error_is_raised(kinds: list[Exception], expected: type[Exception]) -> None:
    """All three fail at the same time: what is not clean comes before what needs a person, before what may heal."""
    together = threading.Barrier(3)

    def work(error: Exception) -> None:
        together.wait(30)
        raise error

    with pytest.raises(expected):
        list(in_threads(work, kinds, 3))


def test_after_an_error_nothing_new_is_begun() -> None:
    """What had succeeded is still handed out."""
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 1:
            raise Retry("down")
        return number

    results = in_threads(work, range(1000), 1)
    assert next(results) == 0
    with pytest.raises(Retry):
        list(results)
    assert len(begun) <= 4


def test_each_question_is_asked_once() -> None:
    """Eight threads ask at the same time: one asks for all, and another key is another question."""
    once, begin = AskedOnce[str, str](), threading.Barrier(8)
    asked: list[str] = []

    def ask(key: str) -> str:
        asked.append(key)
        return key.upper()

    def answer(key: str) -> str:
        begin.wait()
        return once.answer(key, lambda: ask(key))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(answer, "aaaabbbb"))
    assert answers == list("AAAABBBB")
    assert sorted(asked) == ["a", "b"]


def test_an_error_is_the_answer_for_all() -> None:
    """What asked and what only waited get the same error, and nothing is asked again."""
    once, error = AskedOnce[str, str](), Retry("down")

    def fail() -> str:
        raise error

    for ask in (fail, lambda: "up"):
        with pytest.raises(Retry) as raised:
            once.answer("a", ask)
        assert raised.value is error
