"""Requests and answers of the API, with the descriptions of its OpenAPI page."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from fastapi import Path as PathParameter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, model_validator

from sendit.api.filters import LARGEST
from sendit.model import BatchState, DeliveryState, InstanceState

Number = Annotated[int, PathParameter(ge=1, le=LARGEST)]


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be one line, without control characters")
    return text.strip()


#: Text or a name from a user that the journal, a log and a terminal can show.
Words: TypeAlias = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f]*$"), AfterValidator(_one_line)]
Reason: TypeAlias = Annotated[
    Words, Field(max_length=500, description="recorded with the user name; do not include identifiers")
]


class Problem(BaseModel):
    """An error and its remedy: problem details (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="about:blank: `status` says what kind of error it is")
    title: str = Field(description="the status in words")
    status: int
    detail: str = Field(description="what happened")
    cure: str = Field(description="the remedy")


class DeliveryAnswer(BaseModel):
    """The delivery of a batch to one destination."""

    destination: str
    state: DeliveryState
    sent: int = Field(description="instances that the destination has acknowledged")
    failures: int
    last_error: str | None
    next_attempt_at: datetime | None
    removed: int = Field(description="instances removed there by a recall; `sent` is then the number that may be left")


class AcknowledgementAnswer(BaseModel):
    """Who acknowledged that the batch is held or failed."""

    actor: str
    at: datetime
    reason: str


class BatchAnswer(BaseModel):
    """A batch. Always: received = sent + rejected + quarantined + recalled + under_way."""

    id: int
    project: str | None
    state: BatchState
    reason: str | None
    study: str = Field(description="Orthanc's identifier of the original study")
    follows: int | None = Field(description="the previous batch of the same study")
    version: int = Field(description="counts from 1, once more for each time that it was processed again after DONE")
    received: int
    sent: int = Field(description="instances that every destination holds, read back")
    rejected: int
    quarantined: int
    recalled: int = Field(description="instances that were recalled, and are left at no destination")
    under_way: int
    processed: int = Field(description="instances that were de-identified, or rejected or held, so far")
    place: int | None = Field(description="place in the queue for de-identification; null: not queued, or beyond 1000")
    modalities: list[str] = Field(description="of its outputs")
    size: int | None = Field(description="bytes of its outputs; null until it was de-identified")
    failures: int
    opened_at: datetime
    changed_at: datetime
    ended_at: datetime | None = Field(description="null as long as SendIt has work to do on it")
    next_attempt_at: datetime | None
    manifest: str | None = Field(description="the last digest of the chain of its receipts, after de-identification")
    pictures: int = Field(
        description="frames with previews before and after cleaning, which are kept until the batch is done"
    )
    acknowledged: AcknowledgementAnswer | None = Field(description="null again once the batch is retried")
    deliveries: list[DeliveryAnswer]


class BatchPage(BaseModel):
    """A page of batches, newest first."""

    batches: list[BatchAnswer]
    next: int | None = Field(description="`before` of the next page (older); null at the end")
    previous: int | None = Field(description="`after` of the previous page (newer); null at the beginning")
    total: int = Field(description="batches that match the filter")
    total_is_exact: bool = Field(description="false: there are at least so many")


class TotalAnswer(BaseModel):
    """Deliveries of one day, or of the whole span."""

    day: date | None = Field(description="of UTC; null: the whole span")
    project: str
    destination: str | None = Field(description="null: to all destinations of the project")
    studies: int = Field(description="batches, without those of late instances")
    batches: int
    instances: int
    size: int = Field(description="bytes")


class TotalsAnswer(BaseModel):
    """Deliveries, newest day first. A recall takes nothing away from them."""

    totals: list[TotalAnswer]


class CountAnswer(BaseModel):
    """How many batches of a project are in a state."""

    project: str | None
    state: BatchState
    batches: int


class CountsAnswer(BaseModel):
    """How many batches each project has in each state, without zeros."""

    counts: list[CountAnswer]


class PictureAnswer(BaseModel):
    """A frame before and after cleaning: GET …/pictures/{name}/before and …/after. Identified only by codes."""

    name: str = Field(description="name of the two images, in their addresses")
    sop_instance_uid: str = Field(description="coded")
    instance_number: int | None
    frame: int = Field(description="counted from 1")
    status: str = Field(description='"cleaned", or "held": shows what would leave if the regions were blackened')
    how: str = Field(description="where the regions come from; if held, the reason")
    regions: list[list[int]] = Field(
        description="outlined in the previews: x0, y0, x1, y1 in pixels of the original image, x1 and y1 exclusive"
    )


class PicturesAnswer(BaseModel):
    """The previews of a batch. The "before" images show patient identifiers, as the originals do."""

    batch: int
    most: int = Field(description="maximum number of frames with previews per batch")
    pictures: list[PictureAnswer]


class ReasonAnswer(BaseModel):
    """A reason why instances were not sent, and their number."""

    state: InstanceState
    reason: str
    count: int


class EventAnswer(BaseModel):
    """An event in the history of a batch."""

    at: datetime
    message: str
    actor: str = Field(description="who did it: orthanc:alice, cli:root, anonymous, or system")
    reason: str | None = Field(description="the reason that the user gave")


class LostMeaningAnswer(BaseModel):
    """Something that scales, orders or locates pixels, and that a recipient of the batch can no longer read."""

    name: str = Field(description="the attribute's keyword, or what it is in the vendor's words")
    count: int = Field(description="released instances without it")


class BatchDetail(BatchAnswer):
    """A batch with its history."""

    reasons: list[ReasonAnswer]
    lost_meaning: list[LostMeaningAnswer]
    events: list[EventAnswer]


class DiscrepancyAnswer(BaseModel):
    """An instance at a destination that differs from its receipt."""

    sop_instance_uid: str = Field(description="coded")
    problem: str


class DestinationVerdictAnswer(BaseModel):
    """The result of verifying a batch at one destination."""

    destination: str
    instances: int = Field(description="instances of the batch that go there; 0 if it takes only other modalities")
    discrepancies: list[DiscrepancyAnswer]
    error: str | None = Field(description="why it was not, or could not be, verified")


class VerdictAnswer(BaseModel):
    """The result of verifying a batch."""

    ok: bool
    intact: bool = Field(description="the receipts are unchanged")
    instances: int = Field(description="instances with a receipt")
    manifest: str | None
    recomputed: str
    destinations: list[DestinationVerdictAnswer]


class Nothing(BaseModel):
    """An empty object."""

    model_config = ConfigDict(extra="forbid")


class RetryRequest(BaseModel):
    """Reason for a retry."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason = ""


class AcknowledgeRequest(BaseModel):
    """Batches and imports to acknowledge."""

    model_config = ConfigDict(extra="forbid")

    batches: list[Annotated[int, Field(ge=1, le=LARGEST)]] = Field(default=[], max_length=10_000)
    imports: list[Annotated[int, Field(ge=1, le=LARGEST)]] = Field(default=[], max_length=10_000)
    reason: Reason = ""


class AcknowledgeAnswer(BaseModel):
    """Batches and imports that were acknowledged, without those that need no acknowledgement (any more)."""

    batches: list[int]
    imports: list[int]


class RecallRequest(BaseModel):
    """Subject of a recall: either the study of a batch, or all studies of a patient."""

    model_config = ConfigDict(extra="forbid")  # a misspelt "preview" would be a recall, which cannot be undone

    batch: int | None = Field(default=None, ge=1, le=LARGEST)
    patient: Words | None = Field(default=None, min_length=1, max_length=64, description="the coded PatientID")
    project: Words | None = Field(
        default=None, description="needed if several projects use the code of the patient; the batch must belong to it"
    )
    reason: Reason = Field(default="", description="required, except for a preview")
    preview: StrictBool = Field(default=False, description="change nothing, list the affected batches")

    @model_validator(mode="after")
    def _one(self) -> RecallRequest:
        if (self.batch is None) == (self.patient is None):
            raise ValueError("give either batch or patient")
        if not self.preview and not self.reason:
            raise ValueError("give a reason: a recall cannot be undone")
        return self


class RecallAnswer(BaseModel):
    """The batches that are being recalled, or would be. GET /api/batches/{id} shows the progress."""

    batches: list[BatchAnswer]


class DeidentifyRequest(BaseModel):
    """For which project to de-identify a study, and why."""

    model_config = ConfigDict(extra="forbid")

    project: Words
    reason: Reason = Field(min_length=1)


class QueuedAnswer(BaseModel):
    """The batches that were made."""

    batches: list[BatchAnswer]


class DestinationAnswer(BaseModel):
    """A destination, with the number of batches by state of delivery."""

    name: str
    type: str
    where: str = Field(description="address, without credentials")
    state: str = Field(description="reachable, refused, unreachable, paused, or outside its window")
    reason: str
    cure: str
    until: datetime | None = Field(description="when its window opens")
    waiting: int = Field(description="batches that wait to be sent, are being sent, or are paused")
    retrying: int
    failed: int = Field(description="batches that could not be delivered or recalled: needs an operator")
    recalling: int = Field(description="batches that are being removed there")
    delivered: int = Field(description="batches delivered there, and read back")
    instances: int = Field(description="instances delivered there, and read back")
    last_error: str | None = Field(description="error of the last delivery that failed, or will be retried")


class DestinationsAnswer(BaseModel):
    """All configured destinations."""

    destinations: list[DestinationAnswer]


class Me(BaseModel):
    """Who makes this request."""

    actor: str = Field(description="as the audit log names them: orthanc:alice, cli:root, or anonymous")
    roles: list[str] = Field(description="view, review, release, look up, administer")


class Health(BaseModel):
    """The state of SendIt."""

    status: str = Field(description='"ok", or "degraded" with problems listed')
    problems: list[str]
    works: bool = Field(description="whether SendIt itself can work, regardless of batches that need an operator")
    faults: list[str] = Field(description="the problems of SendIt itself; the others are of destinations and batches")
    unseen_batches: list[int] = Field(description="held or failed, and not acknowledged: at most 10000")
    unseen_imports: list[int] = Field(description="with files that failed, and not acknowledged: at most 10000")
    version: str
    started_at: datetime
    reload_refused: str = Field(description="why the last reload was undone; empty if it was not")
    projects: list[str]
    destinations: list[str]
    down_since: dict[str, datetime] = Field(
        description="destinations that take nothing; since when the worker, which may have been restarted, has seen it"
    )
    paused: list[str] = Field(description="what people have paused, in words")
    active: int = Field(description="stages that are running, queued or waiting for a retry")
    batches: dict[BatchState, int]


class ConfigurationAnswer(BaseModel):
    """The configuration that applies."""

    configuration: dict[str, Any] = Field(description='the section "SendIt" with its defaults; secrets are ***')


class ReloadRequest(BaseModel):
    """How to reload the configuration."""

    model_config = ConfigDict(extra="forbid")

    preview: StrictBool = Field(default=False, description="only say what would change")
    interrupt_imports: StrictBool = Field(default=False, description="interrupt imports of folders that are running")
    reason: Reason = ""


class ReloadAnswer(BaseModel):
    """Changes of a reload."""

    applied: bool = Field(description="whether it is taken over: the worker restarts now, within seconds")
    changes: list[str] = Field(description="what changes, in words")
    restart_needed: list[str] = Field(description="keys that differ and are read only when Orthanc starts")
    blocked_by: list[str] = Field(description="those of them because of which nothing is taken over before")
    warnings: list[str] = Field(description="what becomes of batches under way")


class ImportRequest(BaseModel):
    """A folder to import."""

    model_config = ConfigDict(extra="forbid")

    folder: Path
    project: Words


class ImportAnswer(BaseModel):
    """The progress of an import."""

    id: int
    project: str
    state: str = Field(description="RUNNING, DONE, or ERRORS when not every file was imported")
    started_at: datetime
    finished_at: datetime | None
    files: dict[str, int] = Field(description="number of files by outcome")


class OutcomeAnswer(BaseModel):
    """Outcome of so many files of an import, with the reason."""

    outcome: str
    reason: str | None
    files: int


class ImportDetail(ImportAnswer):
    """An import with the reasons of its outcomes. The names of files are sealed, for they may name patients."""

    actor: str
    outcomes: list[OutcomeAnswer] = Field(description="the most frequent first")


class ImportsAnswer(BaseModel):
    """A page of imports."""

    imports: list[ImportAnswer] = Field(description="the newest first")
    next: int | None = Field(description="`before` of the next page; null: this is the last one")


class CombinationAnswer(BaseModel):
    """Attributes that together single patients out."""

    attributes: list[str] = Field(description="none: the project has fewer than k patients")
    patients: int = Field(description="whom they single out")
    further: int = Field(description="of these, whom no part of the combination singles out")


class RareClassAnswer(BaseModel):
    """Values that fewer than k patients have, as they left."""

    values: dict[str, str]
    patients: int


class DriverAnswer(BaseModel):
    """Contribution of an attribute."""

    attribute: str
    option: str | None = Field(description="that retains it; null: the profile does")
    values: int = Field(description="how many different ones there are")
    alone: int = Field(description="patients whom it singles out by itself")
    without: int = Field(description="patients whom all other attributes single out")


class OptionEffectAnswer(BaseModel):
    """Effect of leaving out one option of the project."""

    option: str
    attributes: list[str]
    without: int = Field(description="patients who would still be singled out")


class DiversityAnswer(BaseModel):
    """Patients in classes of at least k who have too few different values of a sensitive attribute."""

    attribute: str
    classes: int
    patients: int


class RiskAnswer(BaseModel):
    """How many patients of a project's releases can be singled out by what was retained."""

    project: str
    as_of: datetime = Field(description="when the journal was read")
    current: bool = Field(description="whether nothing in the journal has changed since then")
    k: int
    diverse: int = Field(description="l of l-diversity")
    patients: int
    studies: int
    unknown: int = Field(description="studies of which nothing is known: they were released before SendIt noted it")
    singled_out: int = Field(description="patients, by all attributes together")
    unique: int = Field(description="patients in a class of their own")
    smallest: int = Field(description="patients in the smallest class; 0 if there is no patient")
    combinations: list[CombinationAnswer]
    classes: list[RareClassAnswer] = Field(description="the rarest first, at most 1000")
    drivers: list[DriverAnswer]
    options: list[OptionEffectAnswer]
    diversity: list[DiversityAnswer]
