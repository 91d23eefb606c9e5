"""What `sendit doctor` makes of what it may not read."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

import pytest

from sendit.client import Client
from sendit.config.orthanc import OrthancConfig
from sendit.config.schema import Settings
from sendit.config.types import TracingSettings
from sendit.doctor import surroundings
from sendit.doctor.examination import CheckResult, _database, _not_applied, _roles, _run, _traces
from sendit.errors import Misconfigured
from sendit.journal import Journal
from sendit.orthanc import certificates
from tests.servers.certificates import write_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def test_a_folder_that_may_not_be_read() -> None:
    """Is a result with a way out, and the other checks go on."""

    def check() -> str:
        raise PermissionError(13, "Permission denied", "keys/irb.key")

    result = _run("project irb", check)
    assert (result.ok, result.message) == (False, "keys/irb.key cannot be read (Permission denied)")
    assert "Orthanc's user" in result.remedy


def test_a_place_is_named_once() -> None:
    """The name of the check, or what is wrong within it."""

    def fail(place: str) -> str:
        raise Misconfigured(place, "it is not well", "Do something.")

    assert _run("worker", lambda: fail("worker")).message == "it is not well"
    assert _run("disk", lambda: fail("SendIt.DataDirectory")).message == "SendIt.DataDirectory: it is not well"


def test_a_journal_that_is_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Doctor only reads it, and would find nothing wrong; root may write whatever its mode, so the system is asked."""
    loaded = settings(DataDirectory=str(tmp_path))
    Journal.open("sqlite", tmp_path).close()
    monkeypatch.setattr("sendit.doctor.examination.examine_mark", lambda *_: None)
    monkeypatch.setattr("sendit.doctor.examination.refuse_missing", lambda *_: None)
    assert _run("database", lambda: _database(loaded)).ok
    monkeypatch.setattr("os.access", lambda _, mode: mode != os.W_OK)
    result = _run("database", lambda: _database(loaded))
    assert (result.ok, "the journal cannot be written" in result.message, "disk" in result.remedy) == (
        False,
        True,
        True,
    )


@pytest.mark.parametrize(
    ("changes", "restart", "remedy"),
    [
        (["project a: added"], [], "Run: sendit reload"),
        ([], ["DicomPort"], "Restart Orthanc."),
        ([], [], None),
    ],
)
def test_files_that_were_changed_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: list[str], restart: list[str], remedy: str | None
) -> None:
    """What runs is not what was examined: a note, and what to do. Nothing is asked where nothing has run yet."""
    asked: list[Any] = []

    def call(_: Client, *request: Any) -> dict[str, Any]:
        asked.append(request)
        return {"changes": changes, "restart_needed": restart}

    monkeypatch.setattr(Client, "call", call)
    loaded = settings(DataDirectory=str(tmp_path))
    assert (list(_not_applied(loaded)), asked) == ([], [])
    monkeypatch.setattr("sendit.storage.data_directory.was_used", lambda _: True)
    results = list(_not_applied(loaded))
    assert asked == [("POST", "/api/reload", {"preview": True})]
    assert [(one.ok, one.warning, one.remedy) for one in results] == ([] if remedy is None else [(True, True, remedy)])
    assert all(words in results[0].message for words in [*changes, *restart])


def test_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the collector's address only the host is shown; packages that are missing are a failure with its remedy."""
    collector = TracingSettings.model_validate({"Url": "http://127.0.0.1:9/v1/traces?token=T0K3N"})
    assert _run("traces", lambda: _traces(collector)) == CheckResult("traces", ok=True, message="they go to 127.0.0.1")
    for name in [name for name in sys.modules if name.startswith(("opentelemetry.sdk", "sendit.logs.otlp"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)
    result = _run("traces", lambda: _traces(collector))
    assert (result.ok, result.remedy.startswith("Install opentelemetry-sdk")) == (False, True)


def test_certificates(tmp_path: Path) -> None:
    """One that has expired, or is not there, is a failure that says what to do; one that ends soon is told of."""
    file = tmp_path / "client.pem"
    orthanc = OrthancConfig.read({"OrthancPeers": {"research": {"Url": "https://r/", "CertificateFile": str(file)}}})
    missing = _run("certificates", lambda: certificates.check(orthanc))
    assert (missing.ok, "cannot be read" in missing.message) == (False, True)
    for days, ok, words in (
        (-1, False, "its certificate has expired on "),
        (20, True, "expires on "),
        (40, True, "none"),
    ):
        ends = write_certificate(file, days)
        result = _run("certificates", lambda: certificates.check(orthanc))
        assert (result.ok, words in result.message) == (ok, True), result
        assert (f"{ends:%Y-%m-%d}" in result.message) == (days < 30)
        assert ("sendit reload" in result.remedy) == (not ok)
        told = [f"the certificate of OrthancPeers.research has expired on {ends:%Y-%m-%d}"] if not ok else []
        assert [one.partition(";")[0] for one in certificates.problems(orthanc)] == told


def settings(*matches: dict[str, Any] | None, **section: Any) -> Settings:
    """Projects P0, P1 … with these Matches."""
    projects = {
        f"P{i}": {"Destinations": ["out"], **({} if m is None else {"Match": m})} for i, m in enumerate(matches)
    }
    return Settings.model_validate({"Projects": projects, **section})


@pytest.fixture
def find_problem(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[dict[str, Any]], object]]:
    """The plugin's own judgement of a configuration; Orthanc, which the plugin runs in, is not there."""
    monkeypatch.setitem(sys.modules, "orthanc", MagicMock())
    monkeypatch.delitem(sys.modules, "sendit_plugin", raising=False)
    yield import_module("sendit_plugin").find_problem
    sys.modules.pop("sendit_plugin", None)


def _with_tokens(**section: Any) -> dict[str, Any]:
    """Orthanc asks for no password; its authorization plugin is configured so."""
    return {"RemoteAccessAllowed": True, "AuthenticationEnabled": False, "Authorization": section}


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({}, None),
        ({"RemoteAccessAllowed": True, "RegisteredUsers": {"a": "b"}}, None),
        ({"AuthenticationEnabled": True, "RegisteredUsers": {"a": "b"}}, None),
        ({"RemoteAccessAllowed": True, "AuthenticationEnabled": False}, "AuthenticationEnabled"),
        (_with_tokens(), "AuthenticationEnabled"),
        (_with_tokens(WebServiceRootUrl="x"), "AuthenticationEnabled"),
        (_with_tokens(TokenHttpHeaders=["token"]), "AuthenticationEnabled"),
        (_with_tokens(WebServiceRootUrl="x", StandardConfigurations=["other"]), "AuthenticationEnabled"),
        (_with_tokens(WebServiceRootUrl="x", TokenHttpHeaders=["token"]), None),
        (_with_tokens(WebServiceUserProfileUrl="x", StandardConfigurations=["orthanc-explorer-2"]), None),
        (_with_tokens(WebServiceUserProfileUrl="x", StandardConfigurations=["stone-webviewer"]), None),
        (_with_tokens(WebServiceUserProfileUrl="x", StandardConfigurations=["osimis-web-viewer"]), None),
        ({"RemoteAccessAllowed": True}, "RegisteredUsers"),
        ({"RemoteAccessAllowed": True, "RegisteredUsers": {}}, "RegisteredUsers"),
        ({"RemoteAccessAllowed": True, "RegisteredUsers": {"a": ""}}, "RegisteredUsers.a"),
    ],
)
def test_access(document: dict[str, Any], place: str | None, find_problem: Callable[[dict[str, Any]], object]) -> None:
    """As the plugin judges it, which otherwise does not start the worker."""
    result = _run("access", lambda: surroundings.check_access(document))
    assert result.ok is (place is None)
    assert result.message.startswith(place or "")
    assert (find_problem({"SendIt": {}, **document}) is None) is (place is None)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("RemoteAccesAllowed", "RemoteAccessAllowed"),
        ("orthancPeers", "OrthancPeers"),
        ("RegistredUsers", "RegisteredUsers"),
        ("AuthentificationEnabled", "AuthenticationEnabled"),
        ("STABLEAGE", "StableAge"),
        ("DicomModalitiesInDatabase", None),
        ("HttpTimeout", None),
        ("OrthancExplorer2", None),
        ("DicomWeb", None),
    ],
)
def test_misspelt_keys_of_orthanc(given: str, meant: str | None) -> None:
    """Orthanc ignores what it does not know."""
    result = _run("keys", lambda: surroundings.check_spelling({given: 1}))
    assert result.remedy == ("" if meant is None else f"Did you mean {meant}?")


@pytest.mark.parametrize(
    ("matches", "nothing"),
    [
        ([{}, {"Modality": ["CT"]}], True),
        ([{}, None], False),
        ([None, {}], False),
        ([{"Modality": ["CT"]}, {}], False),
        ([{}, {}], True),
        ([{"Modality": ["CT", "MR"]}, {"Modality": ["CT"]}], True),
        ([{"Modality": ["CT"]}, {"Modality": ["CT", "MR"]}], False),
        ([{"Modality": ["CT"]}, {"CalledAET": "X"}], False),
        ([{"CalledAET": "*"}, {"CalledAET": "X"}], True),
        ([{"CalledAET": "*"}, {"Modality": ["CT"]}], True),
        ([{"CalledAET": "IRB*"}, {"CalledAET": "IRB1*"}], True),
        ([{"CalledAET": "IRB1*"}, {"CalledAET": "IRB*"}], False),
        ([{"CalledAET": "IRB?"}, {"CalledAET": "IRB*"}], False),
        ([{"CalledAET": ["A", "B"]}, {"CalledAET": "B", "Modality": ["CT"]}], True),
        ([{"CalledAET": "A"}, {"CalledAET": "a"}], False),
        ([{"CalledAET": "A", "Modality": ["CT"]}, {"CalledAET": "A"}], False),
        ([{"StudyDescription": "*HEAD*"}, {"StudyDescription": "HEAD"}], False),  # not plain: not said
    ],
)
def test_order_of_the_projects(matches: list[dict[str, Any] | None], nothing: bool) -> None:
    """A later one whose studies an earlier one takes, all of them."""
    result = _run("order", lambda: surroundings.check_order(settings(*matches)))
    assert result.ok is not nothing, result.message
    if nothing:
        assert result.message.startswith("SendIt.Projects.P1.Match: project P0, which comes first, takes every study")
        assert result.remedy == "Put P1 before P0."


def test_files_of_the_plugin(tmp_path: Path) -> None:
    """Plugins, the script, and the interpreter; relative paths start beside orthanc.json."""
    (tmp_path / "plugin.py").touch()
    right = {"Plugins": ["plugin.py", str(tmp_path)], "PythonScript": str(tmp_path / "plugin.py")}
    assert _run("plugin", lambda: surroundings.check_plugin(right, tmp_path, settings())).ok
    newer = {"Python": {"Path": "plugin.py"}}
    assert _run("plugin", lambda: surroundings.check_plugin(newer, tmp_path, settings())).ok
    for changed, place in (
        ({"Plugins": ["plugin.py", "/nowhere/x.so"]}, "Plugins[1]"),
        ({"PythonScript": "/nowhere/x.py"}, "PythonScript"),
        ({"PythonScript": str(tmp_path)}, "PythonScript"),
        ({"PythonScript": None}, "PythonScript"),
    ):
        wrong = {**right, **changed}
        with pytest.raises(Misconfigured) as caught:
            surroundings.check_plugin(wrong, tmp_path, settings())
        assert caught.value.place == place
    with pytest.raises(Misconfigured, match=r"SendIt.Python: there is no program /nowhere/python"):
        surroundings.check_plugin(right, tmp_path, settings(Python="/nowhere/python"))


def test_shared_memory(tmp_path: Path) -> None:
    """A folder that is not there cannot be written; the system's own can."""
    assert _run("memory", lambda: surroundings.check_shared_memory(tmp_path)).ok
    result = _run("memory", lambda: surroundings.check_shared_memory(tmp_path / "none"))
    assert not result.ok
    assert "mount -t tmpfs" in result.remedy


@pytest.mark.parametrize(
    ("section", "document", "words"),
    [
        (None, {}, "NOBODY IS NAMED: every user of Orthanc may release, recall, and see originals"),
        ({"Review": ["rita"]}, {}, "Orthanc asks for no password"),
        ({"Review": ["rita"], "View": ["*"]}, {"AuthenticationEnabled": True, "RegisteredUsers": {"a": "b"}},
         "RegisteredUsers has no rita"),
        ({"Review": ["permission:review"]}, {}, "nobody has permission:review"),
        ({"Review": ["group:readers"]}, {"AuthenticationEnabled": True, "RegisteredUsers": {"a": "b"},
                                         "Authorization": {"WebServiceRootUrl": "http://users:8000/"}},
         "nobody has group:readers"),
    ],
)  # fmt: skip
def test_roles_that_are_worth_a_warning(section: Any, document: dict[str, Any], words: str) -> None:
    """Nobody is named, or whoever is named cannot be told from others. SendIt works all the same."""
    result = _roles(document, settings(**({"Roles": section} if section else {})))
    assert (result.ok, result.warning) == (True, True)
    assert words in result.message
    assert result.remedy


def test_roles() -> None:
    """Who has them, in numbers."""
    document = {"AuthenticationEnabled": True, "RegisteredUsers": {"rita": "x", "ada": "y"}}
    section = {"View": ["*"], "Review": ["rita"], "Release": ["rita", "ada"]}
    result = _roles(document, settings(Roles=section))
    assert (result.ok, result.warning) == (True, False)
    assert result.message == "view everybody, review 1 user, release 2 users, look up nobody, administer nobody"
    assert not _roles({}, settings(Roles={"View": ["*"]})).warning
    profiles = _with_tokens(WebServiceUserProfileUrl="http://users:8000/", TokenHttpHeaders=["token"])
    assert not _roles(profiles, settings(Roles={"View": ["rita", "group:readers"]})).warning
