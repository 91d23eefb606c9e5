"""The pages: everything from outside is escaped, nothing is missing from an installation."""

from __future__ import annotations

import ast
import re
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import Request
from hatchling.builders.wheel import WheelBuilder

from sendit.api.pages import words
from sendit.api.pages.audit import ACTS
from sendit.api.pages.needs_me import Down, reviews_of
from sendit.api.pages.shell import Shell, documentation_page
from sendit.api.schemas import BatchAnswer, RiskAnswer
from sendit.config.alarms import Alarms
from sendit.journal.audit import Entry
from sendit.journal.lists.acknowledgements import SEEN, Unacknowledged
from sendit.journal.writing import Event
from sendit.model import BatchState
from sendit.pipeline.watching.alarms.keeper import Alarm, AlarmsView, ToldTo
from sendit.storage.previews import MOST, Shown

ROOT = Path(__file__).parents[3]
EVIL = """<script>alert("x")</script><img src='x'>&"""


NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def batch(project: str = EVIL, reason: str | None = EVIL) -> BatchAnswer:
    names = ("received", "sent", "rejected", "quarantined", "recalled", "under_way", "processed", "failures")
    counts: dict[str, Any] = dict.fromkeys(names, 1)
    return BatchAnswer(
        id=7,
        project=project,
        state=BatchState.QUARANTINED,
        reason=reason,
        study="",
        follows=None,
        version=1,
        opened_at=NOW,
        changed_at=NOW,
        ended_at=NOW,
        place=None,
        modalities=["CT"],
        size=1,
        next_attempt_at=None,
        manifest=None,
        pictures=1,
        acknowledged=None,
        deliveries=[],
        **counts,
    )


HEALTHY = {"down_since": {}, "works": True, "faults": [], "problems": [], "unseen_batches": [], "unseen_imports": []}


def request_of(path: str = "/crosswalk", user: str = "alice", tag: str = "") -> Request:
    """A request as the plugin passes it on."""
    app = SimpleNamespace(state=SimpleNamespace(token="t", roles=lambda: None))
    headers = [(b"x-sendit-token", b"t"), (b"x-sendit-user", quote(user).encode()), (b"if-none-match", tag.encode())]
    scope = {
        "type": "http", "path": f"/sendit{path}", "root_path": "/sendit", "headers": headers, "query_string": b"",
        "client": None, "app": app,
    }  # fmt: skip
    return Request(scope)


def page_of(template: str, path: str = "/", **values: Any) -> tuple[str, str]:
    """A page's text and its policy."""
    health = {
        "down_since": {}, "works": False, "faults": [EVIL], "problems": [f"destination x is down: {EVIL}"],
        "unseen_batches": [7], "unseen_imports": [],
    }  # fmt: skip
    shell = Shell(lambda: health, lambda: {BatchState.REVIEW: 1})
    page = shell.page(request_of(path, user=EVIL), template, "needs-me", **values)
    return bytes(page.body).decode(), page.headers["Content-Security-Policy"]


def needs_me() -> tuple[str, str]:
    delivered = {"studies": 1, "instances": 1, "size": 1}
    quiet: dict[str, Any] = {"today": NOW.date(), "delivered": delivered, "at_work": 1, "unmatched": 1}
    group = Unacknowledged(BatchState.FAILED, EVIL, EVIL, NOW, [7])
    reasons, down = {7: EVIL}, [Down(EVIL, "unreachable", EVIL, waiting=1, retrying=1, failed=1, batches=[7])]
    return page_of(
        "needs_me.html",
        groups=[group],
        reasons=reasons,
        down=down,
        review=reviews_of([batch()]),
        imports=[],
        in_review=1,
        listed=1,
        **quiet,
    )


def test_what_needs_a_person_leads_on() -> None:
    """A destination names the batches that wait for it, and the rest; what a person has held is looked at first."""
    text, _ = needs_me()
    assert re.search(r'Batch <a href="[^"]*batches/7">7</a>', text)
    assert 'delivery=WAITING,SENDING,RETRYING">Show all 2</a>' in text
    for reason, first in (("held by a reviewer", "Review"), ("the leak check found an identifier", "Retry")):
        group = Unacknowledged(BatchState.QUARANTINED, "irb", reason, NOW, [7])
        text, _ = page_of("needs_me.html", groups=[group], reasons={7: reason}, down=[], review=[], imports=[],
                          in_review=0, listed=0, today=NOW.date(), delivered={"studies": 1, "instances": 1, "size": 1},
                          at_work=1, unmatched=0)  # fmt: skip
        main = re.findall(r'class="[^"]*\bmain\b[^"]*"[^>]*>([^<]*)', text)
        assert [label.strip() for label in main if label.strip()] == [first]


def test_what_waits_for_a_reviewer_is_grouped() -> None:
    """By project and reason, however many instances of each it is about; and what failed comes before it."""
    found = "waits for a person: text was found"
    waiting = [
        batch("a", f"{found} (3 instances)").model_copy(update={"id": 9}),
        batch("b", f"{found} (1 instance)").model_copy(update={"id": 8}),
        batch("a", f"{found} (1 instance)").model_copy(update={"id": 5}),
    ]
    groups = reviews_of(waiting)
    assert [(one.why, [each.id for each in one.batches]) for one in groups] == [
        ("text was found", [5, 9]),
        ("text was found", [8]),
    ]
    failed = Unacknowledged(BatchState.FAILED, "irb", "the disk", NOW, [4])
    text, _ = page_of(
        "needs_me.html", groups=[failed], reasons={4: "the disk"}, down=[], review=groups, imports=[], in_review=30,
        listed=3, today=NOW.date(), delivered={"studies": 1, "instances": 1, "size": 1}, at_work=1, unmatched=0,
    )  # fmt: skip
    said = ("Batch 4 failed", "2 batches wait for a reviewer", "Batch 8 waits for a reviewer", "All 30 that wait")
    places = [text.index(words) for words in said]
    assert places == sorted(places)


def test_details_of_the_audit_log_are_words() -> None:
    """Several are a list for a person, not for Python."""
    details = {"changes": ["project a: added", "project b: removed"]}
    entry = Entry(1, NOW, "cli:root", "reload", None, None, "", "", details, redacted=False, hash="")
    text, _ = page_of("audit.html", "/audit", entries=[entry], older="", newest=None, csv="", chosen={}, acts=ACTS)
    assert "Changes: project a: added; project b: removed<" in text


def previews(*shown: Shown) -> tuple[str, str]:
    return page_of("previews.html", "/batches/7/pictures", batch=batch(), previews=shown, most=MOST)


def test_a_report_of_risk_says_how_old_it_is() -> None:
    """And that there is something newer, if there is."""
    nothing: dict[str, Any] = {"combinations": [], "classes": [], "drivers": [], "options": [], "diversity": []}
    numbers: dict[str, Any] = dict.fromkeys(("patients", "studies", "unknown", "singled_out", "unique", "smallest"), 0)
    for current in (True, False):
        report = RiskAnswer(project=EVIL, as_of=NOW, current=current, k=5, diverse=2, **numbers, **nothing)
        text, _ = page_of("risk.html", "/projects/x/risk", risk=report, shown=50)
        assert "2026-01-02 03:04" in text
        assert ("The journal has changed since then." in text) is not current
        assert "<script>alert" not in text
    text, _ = page_of("risk_first.html", "/projects/x/risk", project=EVIL)
    assert ("The first report is being made." in text, "<script>alert" in text) == (True, False)


def alarms(view: AlarmsView | None, **keys: Any) -> str:
    settings = Alarms.model_validate({"Webhooks": [{"Url": "https://hooks.example/x"}], **keys})
    return page_of("alarms.html", "/alarms", alarms=view, settings=settings)[0]


def test_alarms() -> None:
    """What is open, since when, who was told, and what could not be told; each empty state in words."""
    assert "No alarms are configured." in alarms(None)
    quiet = alarms(AlarmsView([], [], "", None))
    assert "No alarm is open." in quiet
    assert "None is sent: SendIt.Alarms.DailySummary" in quiet
    told = [Alarm("Held", "a batch is held: 12", NOW, NOW), Alarm("Disk", EVIL, NOW, None)]
    to = [ToldTo("SendIt.Alarms.Email", "ops@example.org", 2, "the mail server refuses"), ToldTo("w", "x", 0, "")]
    text = alarms(AlarmsView(told, to, "Delivered: nothing", NOW), DailySummary="07:00", RepeatHours=12)
    for shown in (
        "A batch is held: 12", "not yet: it is reported if it lasts", "2 messages wait", "The mail server refuses",
        "ops@example.org", "Nothing waits", "Delivered: nothing", "every 12 hours",
    ):  # fmt: skip
        assert shown in text
    assert "<script>alert" not in text


def test_an_unchanged_page_is_not_sent_again() -> None:
    """A browser that names the tag of what it shows gets 304; another user, or another content, the page."""
    shell = Shell(lambda: HEALTHY, dict)
    first = shell.page(request_of(), "crosswalk.html", "crosswalk", projects=[])
    again = shell.page(request_of(tag=first.headers["etag"]), "crosswalk.html", "crosswalk", projects=[])
    assert (first.status_code, again.status_code, again.body) == (200, 304, b"")
    for other in (
        shell.page(request_of(tag=first.headers["etag"], user="bob"), "crosswalk.html", "crosswalk", projects=[]),
        shell.page(request_of(tag=first.headers["etag"]), "crosswalk.html", "crosswalk", projects=["irb"]),
    ):
        assert (other.status_code, other.headers["etag"] != first.headers["etag"]) == (200, True)


@pytest.mark.parametrize(
    ("counts", "seconds"),
    [({}, 20), ({BatchState.REVIEW: 3, BatchState.DELIVERING: 1}, 20), ({BatchState.QUEUED: 1}, 4)],
)
def test_how_often_a_page_looks(counts: dict[BatchState, int], seconds: int) -> None:
    """Seldom while nothing moves: the browser waits for changes of the journal; often for what does not show there."""
    page = Shell(lambda: HEALTHY, lambda: counts).page(request_of(), "crosswalk.html", "crosswalk", projects=[])
    assert f'data-refresh="{seconds}"' in bytes(page.body).decode()


def test_values_are_escaped() -> None:
    """Names and reasons are shown as text, whatever they contain."""
    for text, _ in (needs_me(), previews(Shown(EVIL, EVIL, 1, 1, EVIL, EVIL, []))):
        assert "alert(&#34;x&#34;)" in text
        assert "<script>alert" not in text
        assert "<img src='x" not in text


def test_no_style_or_script_is_inline_but_one() -> None:
    """The policy of the first page names the digest of its script; all else comes from files."""
    docs = documentation_page()
    pages = (needs_me(), previews(), (bytes(docs.body).decode(), docs.headers["Content-Security-Policy"]))
    for text, policy in pages:
        assert "<style" not in text
        assert "style=" not in text
        assert "unsafe" not in policy
    assert [text.count("<script>") for text, _ in pages] == [1, 0, 0]
    assert ["sha256-" in policy for _, policy in pages] == [True, False, False]


def test_links_are_relative_to_the_page() -> None:
    """At any depth, and at the start page with and without its slash."""
    assert 'href="../../static/style.css?v=' in previews()[0]
    assert 'href="../sendit/static/style.css?v=' in needs_me()[0]


def test_the_wheel_contains_templates_and_static_files() -> None:
    """An installation has every file that the pages need."""
    packed = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    folder = ROOT / "plugin" / "sendit" / "api"
    needed = {
        f"sendit/api/{path.relative_to(folder)}"
        for kind in ("templates", "static")
        for path in folder.rglob(f"{kind}/**/*")
        if path.is_file()
    }
    assert len(needed) >= 7
    assert needed <= packed


def test_what_waits_for_room_a_worker_or_a_certificate_needs_a_person() -> None:
    """All stand on the page "Needs me" and in its badge; other problems are elsewhere."""
    problems = [
        "imports and pulls wait: as many batches are under way as may be (SendIt.Limits.BatchesUnderWay: 2)",
        "the certificate of OrthancPeers.research has expired on 2026-11-30; renew the file",
        "3 batches wait for a worker that does not run, and whose studies and staged files are not here",
        "a batch is FAILED and not acknowledged: 7",
    ]
    health = {"problems": problems, "faults": [], "unseen_batches": [], "unseen_imports": []}
    assert words.attention(health) == 3


def event(message: str, actor: str = "system", reason: str | None = None) -> Event:
    return Event(NOW, message, actor, reason)


@pytest.mark.parametrize(
    ("reason", "events", "said"),
    [
        ("held by a person", [event("held by a person", "orthanc:bea", "odd")], "held by bea: odd"),
        ("cancelled by a person", [event("cancelled by a person", "cli:root")], "cancelled by root (command line)"),
        (
            "held by a reviewer",
            [event("review: held", "orthanc:rita", "a face"), event(f"QUARANTINED{SEEN}", "orthanc:ada", "known")],
            "held by rita: a face",
        ),
        ("the leak check found an identifier", [event("retried by an operator", "cli:root")],
         "the leak check found an identifier"),
        ("held by a person", [event("held by a person")], "held by a person"),
        (None, [], ""),
    ],
)  # fmt: skip
def test_who_set_a_batch_aside_and_why(reason: str | None, events: list[Event], said: str) -> None:
    """The person's name and words; an acknowledgement that follows, and other reasons, change nothing."""
    assert words.set_aside(reason, events) == said


def test_a_destination_that_takes_nothing() -> None:
    problem = "destination is is down is refused: SendIt.Destinations: no: such bucket"
    assert words.split_destination(problem) == ("is is down", "refused", "SendIt.Destinations: no: such bucket")
    assert words.is_named_in("b", "a: it does not answer; b: connection refused")
    assert not words.is_named_in("b", "ab: it does not answer; the peer b: refused")


def test_every_act_of_the_audit_log_has_words() -> None:
    """Each kind that the code names where it records one."""
    found = {
        argument.value
        for file in (ROOT / "plugin" / "sendit").rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] in ("Act", "_act")
        for argument in call.args[:2]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }
    assert {"pull", "reload", "recall", "pause"} <= found
    assert found <= ACTS.keys()
