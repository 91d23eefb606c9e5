"""The pages: everything from outside is escaped, nothing is missing from an installation."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

from fastapi import Request
from hatchling.builders.wheel import WheelBuilder

from sendit.api.pages import words
from sendit.api.pages.shell import Shell, documentation_page
from sendit.api.schemas import BatchAnswer
from sendit.journal.lists.acknowledgements import Waiting
from sendit.model import BatchState
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


def page_of(template: str, path: str = "/", **values: Any) -> tuple[str, str]:
    """A page's text and its policy."""
    health = {
        "works": False, "faults": [EVIL], "problems": [f"destination x is down: {EVIL}"], "unseen_batches": [7],
        "unseen_imports": [],
    }  # fmt: skip
    shell = Shell(lambda: health, lambda: 1)
    app = SimpleNamespace(state=SimpleNamespace(token="t", roles=lambda: None))
    headers = [(b"x-sendit-token", b"t"), (b"x-sendit-user", quote(EVIL).encode())]
    scope = {
        "type": "http", "path": f"/sendit{path}", "root_path": "/sendit", "headers": headers, "query_string": b"",
        "client": None, "app": app,
    }  # fmt: skip
    page = shell.page(Request(scope), template, "needs-me", **values)
    return bytes(page.body).decode(), page.headers["Content-Security-Policy"]


def needs_me() -> tuple[str, str]:
    delivered = {"studies": 1, "instances": 1, "size": 1}
    quiet: dict[str, Any] = {"today": NOW.date(), "delivered": delivered, "at_work": 1, "unmatched": 1}
    group = Waiting(BatchState.FAILED, EVIL, EVIL, NOW, [7])
    return page_of("needs_me.html", groups=[group], review=[batch()], imports=[], in_review=1, **quiet)


def previews(*shown: Shown) -> tuple[str, str]:
    return page_of("previews.html", "/batches/7/pictures", batch=batch(), previews=shown, most=MOST)


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


def test_what_waits_for_room_or_for_another_worker_needs_a_person() -> None:
    """Both stand on the page "Needs me" and in its badge; other problems are elsewhere."""
    problems = [
        "imports and pulls wait: 2 (SendIt.Limits.BatchesUnderWay) batches or more are under way",
        "3 batches wait for a worker that does not run, and whose studies and staged files are not here",
        "a batch is FAILED and not acknowledged: 7",
    ]
    health = {"problems": problems, "faults": [], "unseen_batches": [], "unseen_imports": []}
    assert words.attention(health) == 2
