"""Errors, named by what happens next.

Every message is read by an operator: it says what happened and what to do about it, and it never carries a patient
identifier. Foreign errors (requests, SQLAlchemy, pydicom) are translated into these once, at the edge where they occur.
"""

from __future__ import annotations


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
