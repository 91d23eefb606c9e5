"""Requests and answers of reviews, of batches set aside, and of further versions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

from sendit.api.filters import LARGEST
from sendit.api.schemas import BatchAnswer, Reason
from sendit.model import Decision, InstanceState, Scope

#: The greatest coordinate: Rows and Columns are US.
_MOST_PIXELS = 65_535
Coordinate: TypeAlias = Annotated[int, Field(ge=0, le=_MOST_PIXELS)]
Box: TypeAlias = Annotated[
    tuple[Coordinate, Coordinate, Coordinate, Coordinate],
    Field(description="x0, y0, x1, y1 in pixels of the image, x1 and y1 exclusive"),
]
Ordinal: TypeAlias = Annotated[int, Field(ge=1, le=LARGEST, description="number of the instance in the batch, from 1")]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RegionsRequest(_Request):
    """Regions of an image that are to be masked, and those that are no longer."""

    instance: Ordinal
    add: list[Box] = Field(default=[], max_length=100)
    remove: list[Box] = Field(
        default=[], max_length=100, description="regions that text detection found, or a reviewer drew, as they stand"
    )

    @model_validator(mode="after")
    def _some(self) -> RegionsRequest:
        if not self.add and not self.remove:
            raise ValueError("give a region to add or to remove")
        if any(x0 >= x1 or y0 >= y1 for x0, y0, x1, y1 in self.add):
            raise ValueError("a region has no pixel: x0 < x1 and y0 < y1")
        return self


class ReviewRequest(_Request):
    """A decision about a batch under review."""

    decision: Decision
    attempt: int = Field(
        ge=1,
        le=LARGEST,
        description="as GET …/review gave it: whoever saw an older state of the batch is refused (409)",
    )
    instances: list[Ordinal] | None = Field(
        default=None, min_length=1, max_length=100_000, description="for ACCEPT and REJECT; null: the whole batch"
    )
    regions: RegionsRequest | None = Field(default=None, description="for REGIONS")
    scope: Scope = Field(default=Scope.INSTANCE, description="for REGIONS: images of the same Rows and Columns")
    text: StrictBool = Field(default=False, description="for REJECT: it shows text that was not masked")
    reason: Reason = Field(default="", description="required for REJECT and HOLD; do not include identifiers")

    @model_validator(mode="after")
    def _fits(self) -> ReviewRequest:
        if (self.regions is None) == (self.decision is Decision.REGIONS):
            raise ValueError("regions belong to the decision REGIONS, which needs them")
        if self.instances is not None and self.decision not in (Decision.ACCEPT, Decision.REJECT):
            raise ValueError("instances can only be named for ACCEPT and REJECT")
        if self.text and self.decision is not Decision.REJECT:
            raise ValueError("text belongs to the decision REJECT")
        if not self.reason and self.decision in (Decision.REJECT, Decision.HOLD):
            raise ValueError("give a reason")
        return self


class ReviewAnswer(BaseModel):
    """The batch after a decision."""

    attempt: int = Field(description="for the next decision")
    batch: BatchAnswer


class ReviewedInstance(BaseModel):
    """An instance of a batch under review. Identified only by codes."""

    number: int = Field(description="of the instance in the batch, from 1")
    state: InstanceState
    reason: str | None
    sop_instance_uid: str | None = Field(description="coded; null if there is no output")
    series_instance_uid: str | None = Field(description="coded")
    modality: str | None
    status: str = Field(description="of burned-in text; empty if there is no output")
    how: str = Field(description="which rule decided, or where the regions come from")
    doubt: str = Field(description="why a person has to accept it; empty if only the batch was chosen")
    regions: list[list[int]] = Field(description="masked: x0, y0, x1, y1")
    text: list[list[int]] = Field(description="of these, what text detection found: can be removed")
    drawn: list[list[int]] = Field(description="of these, what reviewers drew: can be removed")
    accepted_by: list[str]


class DecisionAnswer(BaseModel):
    """A decision that was made."""

    decision: Decision
    instances: int | None = Field(description="how many; null: the whole batch")
    details: dict[str, object] | None
    actor: str
    at: datetime
    reason: str


class ReviewDetail(BaseModel):
    """A batch under review: its images, what was decided so far, and what may be decided."""

    batch: BatchAnswer
    attempt: int = Field(description="to be sent with a decision")
    why: str | None = Field(description="why it waits; null if it never did")
    by_chance: bool
    persons: int = Field(description="how many different users have to accept it")
    allowed: list[Decision]
    instances: list[ReviewedInstance]
    next: int | None = Field(description="`after` of the next page of instances; null at the end")
    decisions: list[DecisionAnswer]


class AsideRequest(_Request):
    """Reason for cancelling or holding a batch."""

    reason: Reason = Field(min_length=1)


class ReprocessRequest(_Request):
    """Reason for a further version of a batch that is DONE, or a preview of what would differ."""

    reason: Reason = Field(default="", description="required, except for a preview")
    preview: StrictBool = Field(
        default=False, description="change nothing; compute what would differ, and keep nothing of it"
    )
    compare: int = Field(default=50, ge=1, le=1000, description="for a preview: compare so many instances at most")

    @model_validator(mode="after")
    def _reason(self) -> ReprocessRequest:
        if not self.preview and not self.reason:
            raise ValueError("give a reason: what was sent before is replaced")
        return self


class RuleChangeAnswer(BaseModel):
    """An attribute that the present rules treat in another way."""

    tag: str = Field(description="(gggg,eeee), one > before it for each sequence around it")
    name: str = Field(description="keyword; private, or empty, if the standard has none")
    before: str = Field(description="what the rules of before do: kept, removed, replaced …; empty: nothing")
    before_rule: str = Field(description="which rule decided")
    after: str
    after_rule: str
    instances: int = Field(description="of those that were read, how many have it")


class DifferenceAnswer(BaseModel):
    """Changes that the present rules would make in a batch."""

    instances: int = Field(description="that were sent")
    compared: int = Field(description="of these, evenly chosen")
    same: int = Field(description="whose bytes would be the same")
    changed: int
    masked_differently: int
    not_sent: dict[str, int] = Field(description="would be held or rejected: reason → number")
    rules_before: list[str] = Field(description="digests of the rules")
    rules_now: list[str]
    actions_before: dict[str, int] = Field(description="how often each action was applied in the compared instances")
    actions_now: dict[str, int]
    attributes: list[RuleChangeAnswer] = Field(description="which attributes the rules treat in another way")
    attributes_read: int = Field(description="instances that were read for `attributes`")
    attributes_note: str = Field(description="why `attributes` is empty, or not exact; empty: it is neither")


class ReprocessAnswer(BaseModel):
    """The batch, and for a preview what would differ."""

    batch: BatchAnswer
    version: int = Field(description="of the batch; 1 unless it was processed again")
    difference: DifferenceAnswer | None


class ResidualAnswer(BaseModel):
    """Results of random reviews for one kind of image under one set of rules."""

    modality: str
    plan_sha256: str = Field(description="digest of the rules")
    studies: int = Field(description="looked at; a study counts once, because its images are alike")
    instances: int
    missed: int = Field(description="studies in which a reviewer found text that was not masked")
    upper: float = Field(description="of the share of such studies, with 95 % confidence (Clopper and Pearson)")
    words: str


class ResidualRiskAnswer(BaseModel):
    """The measured residual risk of a project."""

    project: str
    confidence: float
    kinds: list[ResidualAnswer]
