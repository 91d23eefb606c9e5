"""Which roles a person has, and which role each route needs.

A route declares it by the annotation of a parameter, which is then the name of the person: `Viewer`, `LooksUp`,
`SeesOriginals`, `Verifier`, `Administrator`, `Anyone`, or another `Needs`. One that declares none is refused to
everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, TypeAlias

from fastapi import Depends, HTTPException, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from sendit.api.actor import Actor, actor_of, profile_of
from sendit.api.problems import problem
from sendit.config.roles import EVERYBODY, GROUP, PERMISSION
from sendit.config.roles import Roles as Configured
from sendit.orthanc.profiles import Profile

#: Returns the section SendIt.Roles as it is at the moment of a request; None if there is none.
ReadRoles = Callable[[], Configured | None]
_ORTHANC, _COMMAND_LINE = "orthanc:", "cli:"


class Role(StrEnum):
    """Permissions of a person. Each includes VIEW; none includes another one."""

    VIEW = "view"  # see batches, destinations, the audit log: codes only
    REVIEW = "review"  # see images and headers before cleaning, decide about what is held for review
    RELEASE = "release"  # see outputs that wait for a review, and release them
    LOOK_UP = "look up"  # see values of originals
    ADMINISTER = "administer"  # retry, cancel, acknowledge, pause, recall, import, reload

    @property
    def key(self) -> str:
        """Its key in SendIt.Roles."""
        return self.value.title().replace(" ", "")


def roles_of(actor: str, configured: Configured | None, profile: Profile | None = None) -> frozenset[Role]:
    """Return the roles of a person.

    The command line has all: who may open the worker's socket is root, or owns keys and database. Without SendIt.Roles,
    everybody has all. Otherwise a user of Orthanc has the roles that name them, a permission or a group of theirs, or
    everybody; a person without a name, those that name everybody.

    Args:
        actor: the name.
        configured: the section SendIt.Roles.
        profile: of a user whom the authorization plugin knows.
    """
    if configured is None or actor.startswith(_COMMAND_LINE):
        return frozenset(Role)
    names = {EVERYBODY}
    name = actor.removeprefix(_ORTHANC)
    # A user whose name is that of a permission does not have it by that.
    if actor.startswith(_ORTHANC) and not name.startswith((PERMISSION, GROUP)):
        names.add(name)
    if profile is not None:
        names |= {PERMISSION + one for one in profile.permissions} | {GROUP + one for one in profile.groups}
    users = {
        Role.VIEW: configured.view,
        Role.REVIEW: configured.review,
        Role.RELEASE: configured.release,
        Role.LOOK_UP: configured.look_up,
        Role.ADMINISTER: configured.administer,
    }
    granted = {role for role in Role if names & set(users[role])}
    return frozenset(granted | {Role.VIEW} if granted else granted)


@dataclass(frozen=True, slots=True)
class Person:
    """Who makes a request, and what they may do."""

    actor: str
    roles: frozenset[Role]

    def may(self, *roles: Role) -> bool:
        """Return whether the person has one of these roles."""
        return bool(self.roles & set(roles))

    def require(self, *roles: Role) -> None:
        """Refuse a person who has none of these roles.

        Raises:
            HTTPException: 403, which names the missing role.
        """
        if not self.may(*roles):
            raise _lacks(self.actor, roles)


def _person(request: Request, actor: Actor) -> Person:
    read: ReadRoles = request.app.state.roles
    return Person(actor, roles_of(actor, read(), profile_of(request)))


def person_of(request: Request) -> Person:
    """Return who makes a request, for what no parameter of a route can tell."""
    return _person(request, actor_of(request))


#: Parameter of routes whose answer depends on the person's roles.
Someone: TypeAlias = Annotated[Person, Depends(_person)]


class Needs:
    """Dependency of a route: the person has one of these roles (none given: anybody may). Returns the person's name."""

    def __init__(self, *roles: Role) -> None:
        self.roles = roles

    def __call__(self, person: Someone) -> str:
        """Return the name, or refuse as `Person.require` does."""
        if self.roles:
            person.require(*self.roles)
        return person.actor


def _lacks(actor: str, roles: tuple[Role, ...]) -> HTTPException:
    names = " or ".join(role.key for role in roles)
    keys = " or ".join(f"SendIt.Roles.{role.key}" for role in roles)
    detail = f"{actor} does not have the role {names}"
    return problem(403, detail, f"Ask for it: the administrator of Orthanc grants it in {keys}.", roles=list(roles))


#: Roles that see what was not cleaned: a reviewer has to.
ORIGINALS = (Role.REVIEW, Role.LOOK_UP)
#: Roles that see outputs which wait for a review: also who releases them.
UNRELEASED = (*ORIGINALS, Role.RELEASE)

Anyone: TypeAlias = Annotated[str, Depends(Needs())]
Viewer: TypeAlias = Annotated[str, Depends(Needs(Role.VIEW))]
LooksUp: TypeAlias = Annotated[str, Depends(Needs(Role.LOOK_UP))]
SeesOriginals: TypeAlias = Annotated[str, Depends(Needs(*ORIGINALS))]
Administrator: TypeAlias = Annotated[str, Depends(Needs(Role.ADMINISTER))]
#: Verifies what was sent: asks every destination for it, and changes nothing.
Verifier: TypeAlias = Annotated[str, Depends(Needs(Role.RELEASE, Role.ADMINISTER))]


def needs_of(route: APIRoute) -> list[Needs]:
    """Return what a route declares."""
    return list(_declared(route.dependant))


def _declared(dependant: Dependant) -> Iterator[Needs]:
    if isinstance(dependant.call, Needs):
        yield dependant.call
    for one in dependant.dependencies:
        yield from _declared(one)


def refuse_undeclared(request: Request) -> None:
    """Refuse a request to a route that declares no role: it was forgotten.

    Raises:
        HTTPException: 403.
    """
    route = request.scope.get("route")
    if isinstance(route, APIRoute) and not needs_of(route):
        raise problem(403, "this address does not declare which role it needs", "Report this: it is a fault of SendIt.")
