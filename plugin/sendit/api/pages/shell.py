"""The frame around every page: navigation, banners, scripts and styles, and the policy under which they run.

A view reads from `Sources`, and calls `Shell.page` with its template. The template extends base.html, escapes every
value, and links relative to `root`, so that pages work behind a reverse proxy with a prefix of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.staticfiles import StaticFiles

from sendit import __version__
from sendit.api.guard import page_policy, source_of
from sendit.api.pages import words
from sendit.api.pages.glance import Glance
from sendit.api.queries import Views
from sendit.api.roles import Person, Role, person_of
from sendit.model import BatchState
from sendit.pipeline.actions import Actions
from sendit.pipeline.batch import Pipeline
from sendit.pipeline.readback.destination_status import DestinationState
from sendit.pipeline.watching.alarms.keeper import Keeper
from sendit.pipeline.watching.pulls import Pulling

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Scope

#: Folder of Swagger UI's files, served by fastapi_offline: hospitals may have no access to a content delivery network.
DOCUMENTATION_FILES = "docs-files"

_STATIC = Path(__file__).parents[1] / "static"
_ADD_SLASH = (_STATIC / "add_slash.js").read_text("utf-8")
#: An asset's address names its content, so a browser may keep it.
_KEPT = "private, max-age=31536000, immutable"

#: While a batch is in one of these states, its progress does not show in the journal's cursor (GET /api/changes).
_MOVING = (BatchState.RECEIVING, BatchState.QUEUED, BatchState.PROCESSING, BatchState.SENT, BatchState.RECALLING)
#: Seconds between two looks of a page, while something moves and otherwise.
_BUSY, _IDLE = 4, 20


#: What a person without any role sees of SendIt's health: nothing.
_UNSEEN: Mapping[str, Any] = {"works": True, "problems": [], "faults": [], "unseen_batches": [], "unseen_imports": []}


@dataclass(frozen=True, slots=True)
class View:
    """An entry of the navigation."""

    name: str
    title: str
    path: str  # relative to /sendit/
    key: str  # pressed after g
    role: str = "VIEW"  # who sees it


#: In the order of the navigation.
VIEWS: Sequence[View] = (
    View("needs-me", "Needs me", "", "n"),
    View("batches", "Batches", "batches", "b"),
    View("review", "Review", "review", "r"),
    View("imports", "Imports and folders", "imports", "i"),
    View("pulls", "Cohorts", "pulls", "c"),
    View("destinations", "Destinations", "destinations", "d"),
    View("projects", "Projects", "projects", "p"),
    View("alarms", "Alarms", "alarms", "l"),
    View("totals", "Totals", "totals", "t"),
    View("crosswalk", "Crosswalk", "crosswalk", "x", "LOOK_UP"),
    View("audit", "Audit", "audit", "a"),
)


class _Assets(StaticFiles):
    """Styles and scripts; only those that are asked for by their digest may be kept by a browser."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code == 200 and scope["query_string"].startswith(b"v="):
            response.headers["Cache-Control"] = _KEPT
        return response


def static_files() -> StaticFiles:
    """Return the application that serves styles and scripts."""
    return _Assets(directory=_STATIC)


@dataclass(frozen=True, slots=True)
class Me:
    """Who looks at a page, and what they may do."""

    person: Person

    def may(self, *roles: str) -> bool:
        """Return whether the person has one of these roles, by name (`Role`): whether a button is shown."""
        return self.person.may(*(Role[role] for role in roles))

    @property
    def actor(self) -> str:
        """The person as the audit log names them."""
        return self.person.actor

    @property
    def name(self) -> str:
        """The user's name as a person reads it."""
        return self.actor.partition(":")[2] or "not logged in"


class Shell:
    """Renders pages in the common frame."""

    def __init__(self, health: Callable[[], Mapping[str, Any]], counts: Callable[[], Mapping[BatchState, int]]) -> None:
        """Remember where the state of SendIt, and the number of batches in each state, come from."""
        self.health = Glance(health).first
        self._counts = counts

    def me(self, request: Request) -> Me:
        """Return who makes a request."""
        return Me(person_of(request))

    def page(
        self, request: Request, template: str, view: str, *, refresh: int | None = None, **values: Any
    ) -> HTMLResponse:
        """Return a page; 304 without it if the browser says that it shows the same already.

        Args:
            request: the request that it answers.
            template: name of the template.
            view: name of the entry of the navigation that is marked as the current one.
            refresh: seconds between two looks at `<main>`, the navigation and the banners; 0: none; None: few while
                batches are under way, else many, because the browser also waits for changes of the journal.
            values: what the template shows.
        """
        me, root = self.me(request), root_of(request)
        health, counts = (self.health(), self._counts()) if me.may("VIEW") else (_UNSEEN, {})
        start = not _path(request)
        page = render(
            template,
            root=root,
            me=me,
            views=[one for one in VIEWS if me.may(one.role)],
            view=view,
            refresh=_seconds(counts) if refresh is None else refresh,
            health=health,
            waiting=words.attention(health),
            badges={"needs-me": words.attention(health), "review": counts.get(BatchState.REVIEW, 0)},
            add_slash=_ADD_SLASH if start else "",
            **values,
        )
        policy = page_policy(f"'self' {source_of(_ADD_SLASH)}" if start else "'self'")
        tag = f'"{hashlib.sha256(page.encode()).hexdigest()[:32]}"'
        if request.headers.get("if-none-match") == tag:
            return HTMLResponse(status_code=304, headers={"ETag": tag})
        return HTMLResponse(page, headers={**policy, "ETag": tag})


@dataclass(frozen=True, slots=True)
class Sources:
    """The pipeline with its journal, and what the API answers from."""

    pipeline: Pipeline
    views: Views
    shell: Shell
    destinations: Callable[[], list[DestinationState]]
    pulling: Pulling
    actions: Actions
    keeper: Keeper | None  # None: no alarms are configured


def _seconds(counts: Mapping[BatchState, int]) -> int:
    """Return after how many seconds a page is to look again."""
    return _BUSY if any(counts.get(state) for state in _MOVING) else _IDLE


def documentation_page() -> HTMLResponse:
    """Return the page at /sendit/api/docs."""
    page = render("documentation.html", root="../", files=DOCUMENTATION_FILES)
    return HTMLResponse(page, headers=page_policy("'self'"))


def root_of(request: Request) -> str:
    """Return the relative path from a page to /sendit/.

    Not "" for the start page: at /sendit, without the slash, a browser asks for the style before add_slash.js runs.
    """
    path = _path(request)
    return "../" * path.count("/") if path else "../sendit/"


def _path(request: Request) -> str:
    """Return the path below /sendit/, without slashes at its ends."""
    return request.url.path.removeprefix(str(request.scope.get("root_path", ""))).strip("/")


def render(template: str, **values: Any) -> str:
    """Return a page. Templates escape every value."""
    return _templates.get_template(template).render(values)


@cache
def asset(name: str) -> str:
    """Return the address of a file in static/, relative to /sendit/."""
    digest = hashlib.sha256((_STATIC / name).read_bytes()).hexdigest()[:12]
    return f"static/{name}?v={digest}"


_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parents[1] / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.globals.update(asset=asset, version=__version__)
_templates.filters.update(words.FILTERS)
_templates.tests["named_in"] = words.is_named_in
_templates.tests["pull_problem"] = words.is_pull_problem
_templates.tests["room_problem"] = words.is_room_problem
_templates.tests["certificate_problem"] = words.is_certificate_problem
_templates.tests["worker_problem"] = words.is_worker_problem
_templates.tests["set_aside"] = words.is_set_aside
