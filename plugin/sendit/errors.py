"""Errors, named by what happens next, and how their messages count.

Every message is read by an operator: it says what happened and what to do about it, and contains no patient
identifier. Errors of other libraries (requests, SQLAlchemy, pydicom) are translated into these where the library is
called, once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class SendItError(Exception):
    """The root. Only its four children below are raised."""


class Reject(SendItError):
    """This instance will not be sent: it is unreadable, or not what the project wants. The batch goes on without it."""


class Quarantine(SendItError):
    """SendIt could not show that this is clean. The whole batch is held; nothing of it leaves."""


class Retry(SendItError):
    """Something outside fails at the moment (a peer is down, a disk is full). The step is tried again later."""


class Misconfigured(SendItError):
    """A person has to change something first; trying again would not help.

    Args:
        place: where to look, in the reader's words, for example `SendIt.Projects.IRB12345.Recipes[0]`.
        problem: what is wrong there.
        remedy: what to do about it.
    """

    def __init__(self, place: str, problem: str, remedy: str) -> None:
        super().__init__(f"{place}: {problem}. {remedy}")
        self.place = place
        self.problem = problem
        self.remedy = remedy

    def __reduce__(self) -> tuple[type[Misconfigured], tuple[str, str, str]]:
        # Exceptions with more than one argument do not survive a process pool without this.
        return (Misconfigured, (self.place, self.problem, self.remedy))


def counted(number: int, one: str, many: str | None = None, shown: Callable[[int], str] = str) -> str:
    """Return a number of things as a message says it: 1 instance, 2 instances, 3 batches.

    Args:
        number: how many there are.
        one: the word for one of them, and what follows it.
        many: the same for more than one, unless that is "one" with an s.
        shown: how the number is written.
    """
    return f"{shown(number)} {one if number == 1 else many or one + 's'}"
