"""Who has which role, and that every route declares the one it needs."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast
from unittest.mock import MagicMock

import pytest
from fastapi.routing import APIRoute

from sendit.api.app import Backend, make_app
from sendit.api.roles import Role, needs_of, roles_of
from sendit.api.server import Server
from sendit.config.roles import Roles
from sendit.config.schema import load
from sendit.errors import Misconfigured
from sendit.orthanc.profiles import Profile

EVERYTHING = frozenset(Role)
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fastapi import FastAPI

    from sendit.pipeline.batch import Pipeline

pytestmark = pytest.mark.long

CONFIGURED = Roles.model_validate(
    {"View": ["*"], "Review": ["rita"], "Release": ["bea", "rita"], "LookUp": ["lee"], "Administer": ["ada"]}
)
TOKEN = "0123456789abcdef"


def make(roles: Roles | None = CONFIGURED) -> FastAPI:
    """The application as the worker makes it, above a pipeline that does nothing."""
    pipeline = MagicMock()
    pipeline.services.settings.roles = roles
    backend = Backend(
        pipeline=cast("Pipeline", pipeline), start_import=MagicMock(), pulling=MagicMock(), actions=MagicMock(),
        reloader=MagicMock(), metrics=MagicMock(), keeper=None, health=dict, destinations=list, token=TOKEN,
    )  # fmt: skip
    return make_app(backend)


class Answer(NamedTuple):
    status: int
    kind: str
    body: Any


Ask: TypeAlias = "Callable[..., Answer]"


@contextmanager
def served(app: FastAPI, path: Path, posted: Any = None) -> Iterator[Ask]:
    """Serve the application as the worker does; asks it as the plugin does, for a user."""
    server = Server(app, path)
    server.start()

    def ask(method: str, address: str, user: str = "eve", accept: str = "*/*") -> Answer:
        connection = http.client.HTTPConnection("localhost")
        with socket.socket(socket.AF_UNIX) as connection.sock:
            connection.sock.connect(str(path))
            kind = "application/x-www-form-urlencoded" if address.endswith("/decision") else "application/json"
            headers = {"X-SendIt-Token": TOKEN, "X-SendIt-User": user, "Content-Type": kind, "Accept": accept}
            connection.request(method, address, None if method == "GET" else json.dumps(posted or {}), headers)
            answer = connection.getresponse()
            kind, body = answer.headers["Content-Type"] or answer.headers["Location"], answer.read()
            return Answer(answer.status, kind, json.loads(body or b"null") if "json" in kind else body.decode())

    try:
        yield ask
    finally:
        server.stop()


@pytest.fixture(scope="module")
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Asks an application in which nobody has any role."""
    with served(make(Roles()), tmp_path_factory.mktemp("roles") / "s") as ask:
        yield ask


def name_of(route: APIRoute) -> str:
    return f"{' '.join(sorted(route.methods or ()))} {route.path}"


#: All but static files and the description of the API.
ROUTES = [route for route in make().routes if isinstance(route, APIRoute)]


@pytest.mark.parametrize(
    ("actor", "roles"),
    [
        ("orthanc:rita", {Role.VIEW, Role.REVIEW, Role.RELEASE}),
        ("orthanc:bea", {Role.VIEW, Role.RELEASE}),
        ("orthanc:lee", {Role.VIEW, Role.LOOK_UP}),
        ("orthanc:ada", {Role.VIEW, Role.ADMINISTER}),
        ("orthanc:Ada", {Role.VIEW}),
        ("orthanc:nobody", {Role.VIEW}),
        ("orthanc:*", {Role.VIEW}),
        ("anonymous", {Role.VIEW}),
        ("ada", {Role.VIEW}),
        ("cli:nobody", EVERYTHING),
    ],
)
def test_roles(actor: str, roles: set[Role]) -> None:
    """As configured; nobody but the command line has more."""
    assert roles_of(actor, CONFIGURED) == roles


def test_roles_that_nobody_has() -> None:
    """Who is named nowhere has no role, and each role includes View."""
    few = Roles.model_validate({"Release": ["bea"]})
    assert roles_of("orthanc:bea", few) == {Role.VIEW, Role.RELEASE}
    assert roles_of("orthanc:ada", few) == set()
    assert roles_of("anonymous", Roles()) == set()
    assert roles_of("orthanc:ada", None) == EVERYTHING


def test_roles_of_a_profile() -> None:
    """Permissions and groups of the authorization plugin, of whoever has them; a name that looks like one has none."""
    roles = Roles.model_validate({"Review": ["group:readers"], "Release": ["permission:all"], "LookUp": ["lee"]})
    profile = Profile("rita", frozenset({"all"}), frozenset({"readers", "lee"}))
    assert roles_of("orthanc:rita", roles, profile) == {Role.VIEW, Role.REVIEW, Role.RELEASE}
    assert roles_of("orthanc:rita", roles) == set()
    assert roles_of("orthanc:group:readers", roles, Profile("group:readers")) == set()


def test_a_name_that_was_cut_is_nobodys() -> None:
    """A name of more than 120 characters is cut; no configured name is as long as that."""
    with pytest.raises(ValueError, match="119"):
        Roles.model_validate({"View": ["x" * 120]})
    assert roles_of("orthanc:" + "x" * 120, Roles.model_validate({"View": ["x" * 119]})) == set()


@pytest.mark.parametrize(
    ("section", "place"),
    [
        ({"Reviewing": ["rita"]}, "SendIt.Roles.Reviewing"),
        ({"Review": "rita"}, "SendIt.Roles.Review"),
        ({"Review": [""]}, "SendIt.Roles.Review[0]"),
        ({"Review": ["a\nb"]}, "SendIt.Roles.Review[0]"),
    ],
)
def test_what_is_refused(section: dict[str, Any], place: str) -> None:
    """A role that does not exist, and what is no list of names; with its place."""
    with pytest.raises(Misconfigured) as caught:
        load({"SendIt": {"Roles": section}})
    assert caught.value.place == place


def test_users_that_orthanc_does_not_know() -> None:
    """They may be named: the authentication may be another plugin's."""
    settings, _ = load({"SendIt": {"Roles": {"Review": ["rita"]}}})
    assert settings.roles is not None
    assert settings.roles.review == ["rita"]


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_every_route_declares_its_role(route: APIRoute) -> None:
    """Else add a parameter to it: `actor: Administrator`, `_viewer: Viewer`; sendit.api.roles lists them."""
    declared = needs_of(route)
    assert declared
    if (route.methods or set()) - {"GET", "HEAD"}:
        assert all(needs.roles and Role.VIEW not in needs.roles for needs in declared), (
            "a viewer could change something"
        )


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_who_lacks_the_role_is_refused(route: APIRoute, nobody: Ask) -> None:
    """403 with a problem that names the role, before anything is read or done."""
    needed = needs_of(route)[0].roles
    path = re.sub(r"\{[^}]*\}", "1", route.path)
    [method] = route.methods or set()
    if not needed:
        assert path in ("/api/me", "/api/docs", "/refused")
        return
    answer = nobody(method, path)
    if not path.startswith("/api/"):  # a page: words for a person
        assert (answer.status, answer.kind) == (403, "text/plain; charset=utf-8")
        assert needed[0].key in answer.body
        return
    assert (answer.status, answer.kind) == (403, "application/problem+json")
    problem = answer.body
    assert problem["roles"] == [role.value for role in needed]
    assert needed[0].key in problem["detail"]
    assert f"SendIt.Roles.{needed[0].key}" in problem["cure"]


def test_the_description_is_made_in_a_thread(tmp_path: Path) -> None:
    """Making it takes long on a busy machine; meanwhile other requests are answered."""
    app, begun, go_on = make(None), threading.Event(), threading.Event()
    describe = app.openapi

    def slow() -> dict[str, Any]:
        begun.set()
        assert go_on.wait(60)
        return describe()

    app.openapi = slow  # type: ignore[method-assign]
    with served(app, tmp_path / "s") as ask, ThreadPoolExecutor(1) as other:
        asked = other.submit(ask, "GET", "/api/openapi.json")
        assert begun.wait(60)
        assert ask("GET", "/api/me").status == 200
        go_on.set()
        document = asked.result(60).body
    assert document["servers"] == [{"url": "/sendit"}]
    assert "/api/actions/{action_id}" in document["paths"]


def test_a_route_that_was_forgotten(tmp_path: Path) -> None:
    """It is refused to everybody."""
    app = make(None)

    @app.get("/api/forgotten")
    def get_forgotten() -> str:
        return "originals"

    with served(app, tmp_path / "s") as ask:
        answer = ask("GET", "/api/forgotten")
    assert (answer.status, "originals" in str(answer.body)) == (403, False)


@pytest.mark.parametrize(
    ("address", "leads_to"),
    [
        ("/crosswalk", "refused?roles=look%20up"),
        ("/nonsense/", "missing"),
        ("/batches/none", "../missing"),
        ("/batches?state=LOST", "missing"),
    ],
)
def test_a_browser_is_led_to_a_page(tmp_path: Path, address: str, leads_to: str) -> None:
    """Where an address is mistyped, or the user may not see it: no bare line of text, from which there is no way on."""
    with served(make(), tmp_path / "s") as ask:
        answer = ask("GET", address, "eve", "text/html,*/*")
        assert (answer.status, answer.kind) == (303, leads_to)
        assert ask("GET", address, "eve").status in (403, 404, 422)


def test_the_page_for_who_may_not_see_another(nobody: Ask) -> None:
    """It names the role and the user, shows nothing else of SendIt, and repeats nothing of its address."""
    answer = nobody("GET", "/refused?roles=look%20up,<b>x</b>", "eve", "text/html")
    assert (answer.status, "text/html" in answer.kind) == (200, True)
    for words in ("You may not see this page", "SendIt.Roles.LookUp", "eve", "Orthanc Explorer"):
        assert words in answer.body
    for words in ("<b>x</b>", "&lt;b&gt;x", 'href="batches"', "Needs me"):
        assert words not in answer.body


@pytest.mark.parametrize(
    ("method", "address", "status"), [("GET", "/api/nothing", 404), ("GET", "/api", 404), ("DELETE", "/api/me", 405)]
)
def test_an_address_of_the_api_that_does_not_exist(nobody: Ask, method: str, address: str, status: int) -> None:
    """It is a problem like any other, with its remedy."""
    answer = nobody(method, address)
    assert (answer.status, answer.kind) == (status, "application/problem+json")
    assert answer.body["detail"].startswith("th")
    assert "/sendit/api/docs" in answer.body["cure"]


def test_me(tmp_path: Path, nobody: Ask) -> None:
    """Everybody may ask who they are."""
    with served(make(), tmp_path / "s") as ask:
        answer = ask("GET", "/api/me", "rita")
    assert answer.body == {"actor": "orthanc:rita", "roles": ["release", "review", "view"]}
    assert nobody("GET", "/api/me").body == {"actor": "orthanc:eve", "roles": []}


def test_the_description_says_how_errors_look() -> None:
    """problem+json for each of them, with one schema."""
    document = make(None).openapi()
    seen = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, response in operation["responses"].items():
                if status.startswith(("4", "5")) and status != "401":
                    assert list(response["content"]) == ["application/problem+json"], (path, method, status)
                    seen += 1
    assert seen > 50
    assert set(document["components"]["schemas"]["Problem"]["required"]) == {
        "type",
        "title",
        "status",
        "detail",
        "cure",
    }
