"""Routes of reviews, of batches set aside, of further versions, and of the measured residual risk."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, TypeAlias

from fastapi import Depends, FastAPI, Path, Query

from sendit.api.filters import LARGEST
from sendit.api.problems import CHANGING, NOT_FOUND, problem
from sendit.api.queries import Views
from sendit.api.review_schemas import (
    AsideRequest,
    DecisionAnswer,
    DifferenceAnswer,
    ReprocessAnswer,
    ReprocessRequest,
    ResidualAnswer,
    ResidualRiskAnswer,
    ReviewAnswer,
    ReviewDetail,
    ReviewedInstance,
    ReviewRequest,
    RuleChangeAnswer,
)
from sendit.api.roles import Administrator, Needs, Person, Role, Someone, Viewer
from sendit.api.schemas import BatchAnswer, Number
from sendit.deidentify.pixels.regions import Region
from sendit.journal import Superseded
from sendit.journal.release.residual import CONFIDENCE
from sendit.journal.release.reviews import Drawing, Judgement
from sendit.model import Batch, BatchState, Decision, Instance
from sendit.pipeline.batch import Pipeline
from sendit.pipeline.review.reprocess import Difference
from sendit.pipeline.review.viewing.rule_changes import RuleChanges
from sendit.pipeline.review.viewing.viewer import InstanceViewer

#: Who holds a batch, or decides about one; for ACCEPT the role release is needed, for all else the role review.
Holder: TypeAlias = Annotated[str, Depends(Needs(Role.REVIEW, Role.ADMINISTER))]
Decider: TypeAlias = Annotated[str, Depends(Needs(Role.REVIEW, Role.RELEASE))]
_REVIEWABLE = frozenset({BatchState.REVIEW, BatchState.QUARANTINED})
_PAGE = 500


def add_routes(app: FastAPI, pipeline: Pipeline, views: Views, viewer: InstanceViewer) -> None:
    """Add the routes of reviews and of what a person does to a batch."""
    _reviews(app, pipeline, views)
    _aside(app, pipeline, views)
    _versions(app, pipeline, views, viewer)
    _residual(app, pipeline)


def _reviews(app: FastAPI, pipeline: Pipeline, views: Views) -> None:
    @app.get("/api/batches/{batch_id}/review", tags=["review"], responses=NOT_FOUND)
    def get_review(
        batch_id: Number,
        _viewer: Viewer,
        after: Annotated[int, Query(ge=0, le=LARGEST, description="`next` of the previous page")] = 0,
        limit: Annotated[int, Query(ge=1, le=_PAGE)] = _PAGE,
    ) -> ReviewDetail:
        """Return a batch as a reviewer sees it: images with regions, decisions so far, and what may follow."""
        return _detail(pipeline, views.row(batch_id), views.existing(batch_id), after, limit)

    @app.post("/api/batches/{batch_id}/review", tags=["review"], responses={**NOT_FOUND, **CHANGING})
    def post_review(batch_id: Number, request: ReviewRequest, actor: Decider, person: Someone) -> ReviewAnswer:
        """Decide about a batch under review, or take a held one up for review (RERUN), or out of it (REJECT).

        ACCEPT lets it leave, once as many users have accepted all of it as the project asks for. REGIONS masks what was
        drawn; the images come back to review. Each decision is recorded with user, time and reason.
        """
        decide(pipeline, views.row(batch_id), request, actor, person)
        return ReviewAnswer(attempt=views.row(batch_id).attempt, batch=views.existing(batch_id))


def decide(pipeline: Pipeline, batch: Batch, request: ReviewRequest, actor: str, person: Person) -> None:
    """Carry out a decision; refuse it if the person may not, or the batch is not as they saw it.

    Raises:
        HTTPException: 403 or 409.
    """
    person.require(Role.RELEASE if request.decision is Decision.ACCEPT else Role.REVIEW)
    if batch.state not in _REVIEWABLE or request.decision not in _allowed(batch):
        remedy = "Only batches under review, or held, can be decided about."
        raise problem(409, f"batch {batch.id} is {batch.state}", remedy)
    try:
        _decide(pipeline, batch, request, Judgement(batch.id, request.attempt, actor, request.reason))
    except Superseded:
        remedy = "Another reviewer was faster, or it was processed again. Look at it again, then decide."
        raise problem(409, f"batch {batch.id} has changed since you saw it", remedy) from None


def _decide(pipeline: Pipeline, batch: Batch, request: ReviewRequest, judgement: Judgement) -> None:
    desk = pipeline.desk
    if request.decision is Decision.ACCEPT:
        desk.accept(judgement, request.instances)
    elif request.decision is Decision.REJECT:
        desk.reject(judgement, request.instances, text=request.text)
    elif request.decision is Decision.HOLD:
        desk.hold(judgement)
    elif request.decision is Decision.RERUN and batch.state is BatchState.QUARANTINED:
        if batch.attempt != judgement.attempt or pipeline.retry(batch.id, judgement.actor, judgement.reason) is None:
            raise Superseded
    elif request.decision is Decision.RERUN:
        desk.rerun(judgement)
    elif request.regions is not None:
        desk.draw(judgement, _drawing(pipeline, batch, request))


def _drawing(pipeline: Pipeline, batch: Batch, request: ReviewRequest) -> Drawing:
    assert request.regions is not None
    number = request.regions.instance
    rows, columns = pipeline.desk.size_of(batch.id, number)
    add = tuple(Region(*box).clipped(columns, rows) for box in request.regions.add)
    if any(region.empty for region in add):
        raise problem(409, "a region is outside of the image", f"It has {columns} columns and {rows} rows.")
    remove = tuple(Region(*box) for box in request.regions.remove)
    return Drawing(number, request.scope, rows, columns, add, remove)


def _allowed(batch: Batch) -> list[Decision]:
    if batch.state is BatchState.REVIEW:
        return list(Decision)
    return [Decision.REJECT, Decision.RERUN] if batch.state is BatchState.QUARANTINED else []


def _detail(pipeline: Pipeline, batch: Batch, answer: BatchAnswer, after: int, limit: int) -> ReviewDetail:
    reviews = pipeline.services.journal.reviews
    waiting = reviews.waiting(batch.id)
    accepted = reviews.accepted_by(batch.id)
    instances = pipeline.services.journal.batches.instances(batch.id)
    page = list(enumerate(instances, 1))[after : after + limit]
    return ReviewDetail(
        batch=answer,
        attempt=batch.attempt,
        why=waiting.why if waiting else None,
        by_chance=waiting.by_chance if waiting else False,
        persons=waiting.persons if waiting else 1,
        allowed=_allowed(batch),
        instances=[_instance(number, one, accepted.get(number, [])) for number, one in page],
        next=after + limit if after + limit < len(instances) else None,
        decisions=[
            DecisionAnswer(
                decision=one.decision,
                instances=one.instances,
                details=dict(one.details) if one.details else None,
                actor=one.actor,
                at=one.at,
                reason=one.reason,
            )
            for one in reviews.of(batch.id)
        ],
    )


def _instance(number: int, one: Instance, accepted_by: list[str]) -> ReviewedInstance:
    receipt = one.receipt
    pixels = receipt.pixels if receipt is not None else {}
    return ReviewedInstance(
        number=number,
        state=one.state,
        reason=one.reason,
        sop_instance_uid=receipt.sop_instance_uid if receipt else None,
        series_instance_uid=receipt.series_instance_uid if receipt else None,
        modality=receipt.modality if receipt else None,
        status=pixels.get("status", ""),
        how=pixels.get("how", ""),
        doubt=pixels.get("doubt", ""),
        regions=pixels.get("regions", []),
        text=pixels.get("text", []),
        drawn=pixels.get("drawn", []),
        accepted_by=accepted_by,
    )


def _aside(app: FastAPI, pipeline: Pipeline, views: Views) -> None:
    @app.post("/api/batches/{batch_id}/cancel", tags=["batches"], responses={**NOT_FOUND, **CHANGING})
    def post_cancel(batch_id: Number, request: AsideRequest, actor: Administrator) -> BatchAnswer:
        """End a batch before it is sent: what is under way stops, nothing more leaves. It can be retried.

        What a destination has already received stays there; the history says where, and a recall removes it.
        """
        return put_aside(batch_id, BatchState.CANCELLED, actor, request.reason)

    @app.post("/api/batches/{batch_id}/hold", tags=["batches"], responses={**NOT_FOUND, **CHANGING})
    def post_hold(batch_id: Number, request: AsideRequest, actor: Holder) -> BatchAnswer:
        """Hold a batch that was not sent yet (QUARANTINED), until it is retried."""
        return put_aside(batch_id, BatchState.QUARANTINED, actor, request.reason)

    def put_aside(batch_id: int, state: BatchState, actor: str, reason: str) -> BatchAnswer:
        views.row(batch_id)
        if not pipeline.put_aside(batch_id, state, actor, reason):
            now = views.row(batch_id)
            raise problem(
                409, f"batch {batch_id} is {now.state}", "Only batches that were not sent yet can be stopped."
            )
        return views.existing(batch_id)


def _versions(app: FastAPI, pipeline: Pipeline, views: Views, viewer: InstanceViewer) -> None:
    @app.post("/api/batches/{batch_id}/reprocess", tags=["batches"], responses={**NOT_FOUND, **CHANGING})
    def post_reprocess(batch_id: Number, request: ReprocessRequest, actor: Administrator) -> ReprocessAnswer:
        """De-identify a batch that is DONE by the present rules, and replace at its destinations what was sent before.

        Pseudonyms and UIDs stay, unless the rules say otherwise. With `preview`, compute what would differ.
        """
        batch = views.row(batch_id)
        difference = None
        if request.preview:
            compared = pipeline.reprocessing.differences(batch_id, request.compare)
            difference = _difference(compared, viewer.rule_changes(batch_id)) if compared is not None else None
        if difference is None and (request.preview or not pipeline.reprocessing.begin(batch_id, actor, request.reason)):
            now = views.row(batch_id)
            raise problem(409, f"batch {batch_id} is {now.state}", "Only batches that are DONE can be processed again.")
        after = views.row(batch_id) if not request.preview else batch
        return ReprocessAnswer(batch=views.existing(batch_id), version=after.version, difference=difference)


def _difference(difference: Difference, rules: RuleChanges) -> DifferenceAnswer:
    attributes = [RuleChangeAnswer(**asdict(change), instances=number) for change, number in rules.changes]
    more = {"attributes": attributes, "attributes_read": rules.instances, "attributes_note": rules.note}
    return DifferenceAnswer.model_validate({**asdict(difference), **more})


def _residual(app: FastAPI, pipeline: Pipeline) -> None:
    @app.get("/api/projects/{name}/residual-risk", tags=["review"], responses=NOT_FOUND)
    def get_residual_risk(name: Annotated[str, Path(max_length=64)], _viewer: Viewer) -> ResidualRiskAnswer:
        """Return what random reviews showed: by kind of image and rules, how often text was not masked."""
        if name not in pipeline.services.settings.projects:
            raise problem(404, "there is no such project", "GET /sendit/api/health lists them.")
        residual = pipeline.services.journal.reviews.residual(name)
        kinds = [ResidualAnswer(**asdict(one), words=one.sentence()) for one in residual]
        return ResidualRiskAnswer(project=name, confidence=CONFIDENCE, kinds=kinds)
