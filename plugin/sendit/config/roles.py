"""Who may do what: roles, each with the names of Orthanc's users who have it."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field

from sendit.config.types import Section

#: In a list of users: everybody who gets past Orthanc, also without a name.
EVERYBODY = "*"
#: Beginnings of entries that mean users by what the authorization plugin's profile says of them.
PERMISSION, GROUP = "permission:", "group:"


def _printable(name: str) -> str:
    if not name.isprintable():
        raise ValueError("a user's name has no control characters")
    return name


#: One character less than the names that the API keeps (`sendit.api.actor`), so that a name that was cut is nobody's.
UserName: TypeAlias = Annotated[str, Field(min_length=1, max_length=119), AfterValidator(_printable)]
Users: TypeAlias = list[UserName]


class Roles(Section):
    """Orthanc's users by role; `*` is everybody. Each role includes View. Default: everybody has every role.

    With Orthanc's authorization plugin, `permission:…` and `group:…` are the users whose profile has that permission
    or group.
    """

    view: Users = []
    """Users who see batches, destinations, totals and the audit log: codes only, nothing of an original."""
    review: Users = []
    """Users who see images and headers before cleaning, and decide about what is held for review."""
    release: Users = []
    """Users who see outputs that wait for a review, as they would leave, and release them; and verify what was sent."""
    look_up: Users = []
    """Users who see values of originals: images and headers before cleaning, what the rows of a pull asked for."""
    administer: Users = []
    """Users who retry, cancel, acknowledge, pause, recall, import, pull and reload; they see nothing of an original."""
