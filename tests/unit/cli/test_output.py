"""What commands print: JSON for programs, and for a terminal of 80 columns lines in which no word is split."""

from __future__ import annotations

import json
import re
from io import StringIO
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from scripts.commands_docs import commands
from sendit.cli import common
from sendit.cli.app import app
from sendit.client import Client
from sendit.errors import Retry

pytestmark = pytest.mark.long

LISTED = dict(commands(typer.main.get_command(app), "sendit"))
#: Without --json: they print JSON in any case, or write a file that is named.
ALWAYS_JSON = {"sendit config show", "sendit config schema", "sendit passport show", "sendit passport revocations"}
LONG = "the-name-of-a-project-that-somebody-made-as-long-as-it-may-be.64"
WHY = "a reason in many words, as they are written by a server that is asked for the twentieth time: HTTP 503, " * 2
DELIVERY = {
    "destination": "research-archive-of-the-university", "state": "RETRYING", "sent": 120000, "failures": 3,
    "last_error": WHY, "next_attempt_at": "2026-01-02T03:04:05", "removed": 0,
}  # fmt: skip
BATCH: dict[str, Any] = {
    "id": 1234567, "project": "IRB12345", "state": "QUARANTINED", "received": 100000, "sent": 0, "rejected": 100,
    "quarantined": 20, "recalled": 0, "under_way": 99880, "reason": WHY, "deliveries": [DELIVERY], "acknowledged": None,
    "opened_at": "2026-01-02T03:04:05", "place": None, "processed": 100, "follows": 1234566,
    "reasons": [{"state": "REJECTED", "reason": WHY, "count": 100}], "lost_meaning": [],
    "events": [{"at": "2026-01-02T03:04:05", "message": WHY, "actor": "cli:root (logged in: bob)", "reason": WHY}],
}  # fmt: skip
HEALTH = {
    "version": "0.1.0", "status": "degraded", "started_at": "2026-01-02T03:04:05", "problems": [WHY], "active": 3,
    "unseen_batches": [1234567], "unseen_imports": [12], "projects": ["IRB12345"] * 12, "destinations": ["research"],
    "batches": {"DONE": 1234567, "QUARANTINED": 3}, "reload_refused": "", "paused": [WHY],
}  # fmt: skip
DESTINATION = {
    "name": "research-archive-of-the-university", "type": "GoogleCloudStorage", "where": "gs://" + "bucket-" * 12,
    "state": "outside its window", "until": "2026-01-02T03:04:05", "reason": WHY, "cure": WHY, "last_error": WHY,
    "waiting": 12, "retrying": 3, "failed": 4, "recalling": 5, "delivered": 1234567,
}  # fmt: skip
VERDICT = {
    "instances": 3, "manifest": "x", "intact": False, "ok": False,
    "destinations": [{"destination": "a", "error": WHY, "discrepancies": [], "instances": 0}],
}  # fmt: skip
CHANGES = [f"project {LONG}: {WHY}"]
RELOAD = {"applied": False, "changes": CHANGES, "warnings": [WHY], "restart_needed": ["HttpPort"], "blocked_by": []}
ANSWERS = {
    "/api/health": HEALTH,
    "/api/batches": {
        "batches": [BATCH, {**BATCH, "project": LONG}],
        "next": 1234566,
        "total": 2,
        "total_is_exact": True,
    },
    "/api/batches/1234567": BATCH,
    "/api/destinations": {"destinations": [DESTINATION]},
    "/api/batches/1234567/verify": VERDICT,
    "/api/reload": RELOAD,
    "/api/acknowledgements": {"batches": list(range(1, 60)), "imports": []},
    "/api/recalls": {"batches": [{**BATCH, "state": "RECALL_FAILED"}]},
    "/api/batches/actions": {"id": None, "action": "retry", "total": 0, "done": 0, "refused": 0, "outcomes": []},
}
CALLS: dict[str, list[str]] = {
    "status": ["status"],
    "batches": ["batches"],
    "batch": ["batch", "1234567"],
    "destinations": ["destinations"],
    "verify": ["verify", "1234567"],
    "reload": ["reload", "--preview"],
    "acknowledge": ["acknowledge", "1"],
    "retry": ["retry", "--state", "FAILED"],
    "recall": ["recall", "--batch", "1234567", "--reason", "x", "--yes"],
}


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that gives these answers; the batch that is recalled ends at once."""

    def call(_: Client, __: str, path: str, ___: Any = None) -> Any:
        return ANSWERS[path.partition("?")[0]]

    monkeypatch.setattr(Client, "call", call)
    monkeypatch.setattr("sendit.config.file.data_directory", lambda path: path)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    """The console as a terminal of 80 columns, without colours."""
    out = StringIO()
    console = common.console
    monkeypatch.setattr(console, "_force_terminal", True)
    monkeypatch.setattr(console, "_color_system", None)
    monkeypatch.setattr(console, "_width", 80)
    monkeypatch.setattr(console, "_height", 25)
    monkeypatch.setattr(console, "_file", out)
    return out


def test_every_command_knows_json() -> None:
    """A new command without --json fails here."""
    without = [name for name, one in LISTED.items() if not any("--json" in each.opts for each in one.params)]
    assert set(without) == ALWAYS_JSON


@pytest.mark.usefixtures("answered")
@pytest.mark.parametrize("name", CALLS)
def test_json_is_one_document(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing beside it on standard output."""
    monkeypatch.setattr("sendit.cli.service.configuration._outcome", lambda *_: "")
    done = CliRunner().invoke(app, [*CALLS[name], "--json"])
    assert isinstance(json.loads(done.stdout), dict), done.output


@pytest.mark.usefixtures("answered")
@pytest.mark.parametrize("name", CALLS)
def test_80_columns(name: str, terminal: StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are at most 80 columns wide, unless one word alone is wider; and the words are those of a wide screen."""
    CliRunner().invoke(app, CALLS[name])
    narrow = terminal.getvalue()
    terminal.truncate(0)
    monkeypatch.setattr(common.console, "_width", 1000)
    CliRunner().invoke(app, CALLS[name])
    assert narrow.strip()
    assert _words(narrow) <= _words(terminal.getvalue())
    for line in narrow.splitlines():
        assert len(line) <= 80 or len(line.split()) <= 2, line


def _words(text: str) -> set[str]:
    return {word.strip(":\0") for word in text.split()}


#: Made once: Typer makes all commands anew for each call.
COMMAND = typer.main.get_command(app)


@pytest.mark.parametrize("name", LISTED)
def test_help_at_80_columns(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The same words as on a wide screen: none is split."""
    arguments = [*name.split()[1:], "--help"]
    monkeypatch.setattr("typer.testing._get_command", lambda _: COMMAND)
    texts = [CliRunner(env={"COLUMNS": width, "TERM": "dumb"}).invoke(app, arguments).output for width in ("80", "250")]
    narrow, wide = (set(re.sub("[│─╭╮╰╯]", " ", text).split()) for text in texts)
    assert narrow <= wide
    assert max(map(len, texts[0].splitlines())) <= 80


@pytest.mark.usefixtures("answered")
@pytest.mark.parametrize("command", [["batches"], ["retry"]])
def test_a_filter_that_names_nothing_known(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A project that is mistyped is said to be none; one that is configured has no batch."""
    empty: dict[str, Any] = {"batches": [], "next": None, "total": 0, "total_is_exact": True}
    monkeypatch.setitem(ANSWERS, "/api/batches", empty)
    monkeypatch.setitem(ANSWERS, "/api/batches/actions", empty)
    shown = CliRunner().invoke(app, [*command, "--project", "IRB1234", "--destination", "research"]).output
    assert shown.strip() == "No batch matches. No project is called IRB1234. Did you mean IRB12345?"
    assert CliRunner().invoke(app, [*command, "--project", "IRB12345"]).output.strip() == "No batch matches."


@pytest.mark.usefixtures("answered")
@pytest.mark.parametrize("name", CALLS)
def test_times_say_that_they_are_of_utc(name: str) -> None:
    """Each time on a line has UTC beside it, or the column's heading says so; and none has the T of ISO 8601."""
    output = CliRunner().invoke(app, CALLS[name]).output
    assert not re.search(r"\d{4}-\d\d-\d\dT\d\d", output)
    for line in output.splitlines():
        for found in re.finditer(r"\d\d-\d\d \d\d:\d\d(:\d\d)?", line):
            assert line[found.end() :].startswith(" UTC") or "(UTC)" in output, line


@pytest.mark.usefixtures("answered")
def test_a_batch_that_waits_for_a_person_names_the_command() -> None:
    """Which answers it; one that goes on by itself names none."""
    held = CliRunner().invoke(app, ["batch", "1234567"]).output
    assert "sendit retry 1234567" in held


@pytest.mark.usefixtures("answered")
def test_status_says_what_needs_a_person() -> None:
    """In words, with the commands that answer it, and exit code 1; 0 if nothing does."""
    done = CliRunner().invoke(app, ["status"])
    assert done.exit_code == 1
    assert "needs a person" in done.stdout
    for words in (
        "batch 1234567, project IRB12345: QUARANTINED: a reason",
        "sendit retry 1234567",
        "import 12",
        "see: sendit imports 12",
        WHY[:60],
    ):
        assert words in done.stdout, words


def test_status_without_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    """The totals, and exit code 0; 2 if SendIt does not run."""
    well = {**HEALTH, "status": "ok", "problems": [], "unseen_batches": [], "unseen_imports": []}
    monkeypatch.setattr(Client, "call", lambda *_: well)
    monkeypatch.setattr("sendit.config.file.data_directory", lambda path: path)
    done = CliRunner().invoke(app, ["status"])
    assert (done.exit_code, "nothing needs a person" in done.stdout, "1234567 DONE" in done.stdout) == (0, True, True)

    well = {**well, "batches": {"DONE": 1, "REVIEW": 3}}
    done = CliRunner().invoke(app, ["status"])
    assert done.exit_code == 0
    assert "3 batches wait for a reviewer: sendit review list" in " ".join(done.stdout.split())
    assert "nothing needs" not in done.stdout

    def away(*_: Any) -> Any:
        raise Retry("not running")

    monkeypatch.setattr(Client, "call", away)
    assert isinstance(CliRunner().invoke(app, ["status"]).exception, Retry)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """States and configured projects, in each shell's own protocol."""
    path = tmp_path / "orthanc.json"
    names: dict[str, dict[str, dict[str, str]]] = {
        "Projects": {"IRB1": {}, "IRB2": {}, "other": {}},
        "Destinations": {"IRB3": {}, "other": {}},
    }
    path.write_text(json.dumps({"SendIt": names}))
    assert _completed(shell, "sendit batches --state QUAR", path) == ["QUARANTINED"]
    assert _completed(shell, "sendit import --project IR", path) == ["IRB1", "IRB2"]
    assert _completed(shell, "sendit destinations IR", path) == ["IRB3"]
    path.write_text("{")
    assert _completed(shell, "sendit import --project IR", path) == []


def _completed(shell: str, line: str, configuration: Any) -> list[str]:
    words = line.split()
    environment = {"_SENDIT_COMPLETE": f"complete_{shell}", "SENDIT_CONFIG": str(configuration)}
    environment |= {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1), "_TYPER_COMPLETE_ARGS": line}
    environment |= {"_TYPER_COMPLETE_FISH_ACTION": "get-args", "_TYPER_COMPLETE_WORD_TO_COMPLETE": words[-1]}
    done = CliRunner().invoke(app, [], env=environment, prog_name="sendit")
    return re.findall(r"\b(?:QUARANTINED|IRB\d|other)\b", done.output)
