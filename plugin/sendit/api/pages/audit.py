"""*Audit*: who did what, when and why."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse

from sendit.api.filters import LARGEST, Before, begin_of, end_of, one_page
from sendit.api.pages.shell import Sources
from sendit.api.roles import Viewer
from sendit.journal.audit import AuditFilter

_PAGE = 100
_Text = Annotated[str | None, Query(max_length=128, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]

#: Acts in words. One that is not listed is shown by its name.
ACTS = {
    "retry": "retried",
    "try-now": "tried now",
    "acknowledge": "acknowledged",
    "recall": "recalled",
    "hold-patient": "closed a patient",
    "cancel": "cancelled",
    "hold": "held",
    "review-accept": "accepted in review",
    "review-reject": "rejected in review",
    "review-hold": "held in review",
    "review-rerun": "ran again in review",
    "review-regions": "changed masks in review",
    "reprocess": "reprocessed",
    "retry-many": "retried many batches",
    "try_now-many": "tried many batches now",
    "acknowledge-many": "acknowledged many batches",
    "cancel-many": "cancelled many batches",
    "hold-many": "held many batches",
    "recall-many": "recalled many batches",
    "pause": "paused",
    "resume": "resumed",
    "deidentify-now": "had a study de-identified now",
    "import": "imported a folder",
    "look": "looked at an original or unreleased output",
    "look-up": "looked up in the crosswalk",
    "export-crosswalk": "exported the crosswalk",
    "show-file-names": "looked at names of files",
    "accept-journal": "accepted a restored journal",
    "unlink": "unlinked a project",
    "redact": "redacted earlier entries",
    "pull": "began to pull a cohort",
    "cancel-pull": "cancelled a pull",
    "show-pull": "looked at a cohort's identifiers",
    "reload": "reloaded the configuration",
    "move-journal": "moved the journal",
    "passport key": "changed the key of passports",
}


def add(app: FastAPI, sources: Sources) -> None:
    """Add the page at /sendit/audit."""
    log = sources.pipeline.services.journal.audit

    @app.get("/audit", include_in_schema=False)
    def get_audit_page(
        request: Request,
        _viewer: Viewer,
        batch: Annotated[int | None, Query(ge=1, le=LARGEST)] = None,
        project: _Text = None,
        actor: _Text = None,
        action: _Text = None,
        since: date | None = None,
        until: date | None = None,
        before: Before = None,
    ) -> HTMLResponse:
        wanted = AuditFilter(batch, project or None, actor or None, action or None, begin_of(since), end_of(until))
        entries, after = one_page(lambda most: log.page(wanted, most, before), _PAGE, lambda one: one.number)
        chosen = {name: value for name, value in asdict(wanted).items() if value is not None and name not in _DAYS}
        chosen |= {name: day for name, day in (("since", since), ("until", until)) if day is not None}
        return sources.shell.page(
            request,
            "audit.html",
            "audit",
            entries=entries,
            older=urlencode({**chosen, "before": after}) if after is not None else "",
            newest=urlencode(chosen) if before else None,
            csv=urlencode({**_instants(chosen, wanted), "format": "csv"}),
            chosen=chosen,
            acts=ACTS,
        )


_DAYS = ("since", "until")


def _instants(chosen: dict[str, Any], wanted: AuditFilter) -> dict[str, Any]:
    """Return the filter as GET /api/audit takes it: moments instead of days."""
    moments = {name: at.isoformat() for name in _DAYS if (at := getattr(wanted, name)) is not None}
    return {name: value for name, value in chosen.items() if name not in _DAYS} | moments
