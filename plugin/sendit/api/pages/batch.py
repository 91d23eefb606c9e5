"""*Batch*: one batch with its history, instances, deliveries and receipts; and what a recall of it would take back."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, TypeAlias
from urllib.parse import parse_qs

from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from pydantic import ValidationError

from sendit.api.csv_text import attachment
from sendit.api.filters import LARGEST
from sendit.api.guard import form_token
from sendit.api.pages.shell import Me, Sources
from sendit.api.problems import NOT_FOUND, problem
from sendit.api.review import Decider, decide
from sendit.api.review_schemas import ReviewRequest
from sendit.api.roles import Someone, Viewer
from sendit.api.schemas import Number
from sendit.errors import Misconfigured
from sendit.journal import Journal
from sendit.journal.lists.counts import NEED_A_LOOK
from sendit.model import RETRYABLE, STOPPABLE, Batch, BatchState, InstanceState
from sendit.pipeline.readback.verify import VERIFIABLE

#: Instances on one page.
_INSTANCES = 100
#: A recall of these takes something back, or tries again.
_RECALLABLE = frozenset(
    {BatchState.DELIVERING, BatchState.SENT, BatchState.DONE, BatchState.FAILED, BatchState.RECALL_FAILED}
)
_STAGED = frozenset({InstanceState.RELEASED})
#: Fields of a form: one for each instance of the page, and a few more.
_MOST_FIELDS = _INSTANCES + 20


@dataclass(frozen=True, slots=True)
class Deciding:
    """Decisions that a person may take about the instances of a batch."""

    attempt: int
    may_accept: bool
    may_reject: bool
    choosable: frozenset[InstanceState]
    accepted_by: Mapping[int, list[str]]  # by the number of the instance in the batch
    accepted: int  # by as many persons as are needed
    staged: int
    persons: int  # how many have to accept it
    why: str
    token: str  # of the form


async def _fields(request: Request) -> Mapping[str, list[str]]:
    """Return the fields of a form."""
    try:
        return parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise problem(422, "the form has too many fields", "Use the form of the batch's page.") from None


Fields: TypeAlias = Annotated[Mapping[str, list[str]], Depends(_fields)]


def add(app: FastAPI, sources: Sources) -> None:
    """Add the pages of one batch, its form, and the download of its receipts."""
    key = secrets.token_bytes(32)  # forms of before a restart are not taken: their pages are old
    _add_batch(app, sources, key)
    _add_decision(app, sources, key)
    _add_recall(app, sources)
    _add_receipts(app, sources)


def _add_batch(app: FastAPI, sources: Sources, key: bytes) -> None:
    journal = sources.pipeline.services.journal

    @app.get("/batches/{batch_id}", include_in_schema=False)
    def get_batch_page(
        request: Request, _viewer: Viewer, batch_id: Number, first: Annotated[int, Query(ge=1, le=LARGEST)] = 1
    ) -> HTMLResponse:
        batch = sources.views.detail(batch_id)
        return sources.shell.page(
            request,
            "batch.html",
            "batches",
            batch=batch,
            instances=journal.batches.numbered(batch_id, first, _INSTANCES),
            first=first,
            most=_INSTANCES,
            deciding=_deciding(journal, sources.views.row(batch_id), sources.shell.me(request), key),
            retryable=batch.state in RETRYABLE,
            hasty=batch.next_attempt_at is not None or any(d.next_attempt_at for d in batch.deliveries),
            unseen=batch.state in NEED_A_LOOK and batch.acknowledged is None,
            verifiable=batch.state in VERIFIABLE,
            recallable=batch.state in _RECALLABLE,
            stoppable=batch.state in STOPPABLE,
        )


def _deciding(journal: Journal, batch: Batch, me: Me, key: bytes) -> Deciding | None:
    """Return what the person may decide here; None if it is nothing."""
    review = batch.state is BatchState.REVIEW
    may_accept = review and me.may("RELEASE")
    may_reject = me.may("REVIEW") and (review or batch.state is BatchState.QUARANTINED)
    if not may_accept and not may_reject:
        return None
    waiting = journal.reviews.waiting(batch.id)
    persons = waiting.persons if waiting else 1
    accepted_by = journal.reviews.accepted_by(batch.id) if review else {}
    return Deciding(
        attempt=batch.attempt,
        may_accept=may_accept,
        may_reject=may_reject,
        choosable=_STAGED if review else _STAGED | {InstanceState.QUARANTINED},
        accepted_by=accepted_by,
        accepted=sum(len(set(actors)) >= persons for actors in accepted_by.values()),
        staged=len(accepted_by),
        persons=persons,
        why=waiting.why if waiting else "",
        token=form_token(key, me.actor, batch.id),
    )


def _add_decision(app: FastAPI, sources: Sources, key: bytes) -> None:
    @app.post("/batches/{batch_id}/decision", include_in_schema=False)
    def post_decision(batch_id: Number, actor: Decider, person: Someone, fields: Fields) -> RedirectResponse:
        """Decide about the chosen instances, as POST /api/batches/{id}/review does, and show the batch again."""
        one = {name: values[-1] for name, values in fields.items()}
        if not hmac.compare_digest(one.get("token", "").encode(), form_token(key, actor, batch_id).encode()):
            raise problem(403, "the form is not from your page, or the page is out of date", "Load the page again.")
        if "instance" not in fields or not one.get("reason", "").strip():
            raise problem(422, "no instance was selected, or no reason was given", "Go back, and do both.")
        given = {name: one[name] for name in ("decision", "attempt", "reason") if name in one}
        try:
            request = ReviewRequest.model_validate({**given, "instances": fields["instance"]})
        except ValidationError as error:
            problem_words = str(error.errors()[0]["msg"])
            raise problem(422, f"the form is not valid: {problem_words}", "Load the page again.") from None
        decide(sources.pipeline, sources.views.row(batch_id), request, actor, person)
        first = one.get("first", "")
        query = f"?first={int(first)}" if first.isdecimal() and len(first) < 10 else ""
        return RedirectResponse(f"../{batch_id}{query}#instances", 303)


def _add_recall(app: FastAPI, sources: Sources) -> None:
    @app.get("/batches/{batch_id}/recall", include_in_schema=False)
    def get_recall_page(request: Request, _viewer: Viewer, batch_id: Number) -> HTMLResponse:
        batch, recaller = sources.views.detail(batch_id), sources.pipeline.recaller
        try:
            numbers, refusal = recaller.batches_of(recaller.studies_of_batch(batch_id)), ""
        except Misconfigured as error:
            numbers, refusal = [], f"{error.problem}. {error.remedy}"
        affected = [one for number in numbers if (one := sources.views.batch(number)) is not None]
        return sources.shell.page(
            request, "recall.html", "batches", refresh=0, batch=batch, affected=affected, refusal=refusal
        )


def _add_receipts(app: FastAPI, sources: Sources) -> None:
    journal = sources.pipeline.services.journal

    @app.get("/api/batches/{batch_id}/receipts", tags=["batches"], responses=NOT_FOUND)
    def get_receipts(batch_id: Number, _viewer: Viewer) -> JSONResponse:
        """Return the receipts of the released instances, in the order of the manifest, as a file to keep."""
        batch = sources.views.row(batch_id)
        receipts = [receipt for _, receipt in journal.batches.receipts(batch_id)]
        named = attachment(f"receipts-{batch_id}.json")
        content = {"batch": batch_id, "project": batch.project, "manifest": batch.manifest, "receipts": receipts}
        return JSONResponse(content, headers=named)
