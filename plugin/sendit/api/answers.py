"""What the API answers, as its OpenAPI page shows it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

from fastapi import Path as PathParameter
from pydantic import BaseModel, ConfigDict, Field, model_validator

from sendit.model import BatchState, DeliveryState, InstanceState

#: The greatest number of a batch, or of an import, that the journal can hold.
LARGEST = 2**31 - 1
Number = Annotated[int, PathParameter(ge=1, le=LARGEST)]


class Problem(BaseModel):
    """An error: what happened, and what to do about it."""

    error: str
    cure: str


class DeliveryAnswer(BaseModel):
    """A batch's way to one destination."""

    destination: str
    state: DeliveryState
    sent: int = Field(description="instances that the destination has acknowledged")
    failures: int
    last_error: str | None
    next_attempt_at: datetime | None
    removed: int = Field(description="instances that a recall removed there; `sent` is then what may be left")


class BatchAnswer(BaseModel):
    """received = sent + rejected + quarantined + recalled + under_way, always."""

    id: int
    project: str | None
    state: BatchState
    reason: str | None
    study: str = Field(description="Orthanc's identifier of the original study")
    follows: int | None = Field(description="the batch of the same study before it")
    received: int
    sent: int = Field(description="instances that every destination holds, read back")
    rejected: int
    quarantined: int
    recalled: int = Field(description="instances that were called back, and are nowhere any more")
    under_way: int
    failures: int
    opened_at: datetime
    changed_at: datetime
    next_attempt_at: datetime | None
    manifest: str | None = Field(description="the end of the chain of its receipts, once it was de-identified")
    pictures: int = Field(description="frames of it that are shown before and after cleaning, until it is done")
    deliveries: list[DeliveryAnswer]


class BatchPage(BaseModel):
    """A page of batches, the newest first."""

    batches: list[BatchAnswer]
    next: int | None = Field(description="`before` of the next page; null at the end")


class PictureAnswer(BaseModel):
    """A frame before and after it was cleaned: GET …/pictures/{name}/before and …/after. Identified by codes alone."""

    name: str = Field(description="of the two pictures, in their addresses")
    sop_instance_uid: str = Field(description="coded")
    instance_number: int | None
    frame: int = Field(description="counted from 1")
    status: str = Field(description='"cleaned", or "held": it shows what would leave if the regions were made black')
    how: str = Field(description="who named the regions; of what is held, why")
    regions: list[list[int]] = Field(
        description="outlined in the pictures: x0, y0, x1, y1 in pixels of the image, the ends not part of it"
    )


class PicturesAnswer(BaseModel):
    """The pictures of a batch. Those of before show patients' identifiers, as the originals do."""

    batch: int
    most: int = Field(description="frames of a batch that are shown at most; of what is beyond there is no picture")
    pictures: list[PictureAnswer]


class ReasonAnswer(BaseModel):
    """Why so many instances were not sent."""

    state: InstanceState
    reason: str
    count: int


class EventAnswer(BaseModel):
    """Something that happened to the batch."""

    at: datetime
    message: str


class BatchDetail(BatchAnswer):
    """A batch with its story."""

    reasons: list[ReasonAnswer]
    events: list[EventAnswer]


class DiscrepancyAnswer(BaseModel):
    """An instance that a destination does not hold as its receipt says."""

    sop_instance_uid: str = Field(description="coded")
    problem: str


class DestinationVerdictAnswer(BaseModel):
    """What one destination holds of a batch."""

    destination: str
    instances: int = Field(description="of the batch that go there; 0: it takes other modalities alone")
    discrepancies: list[DiscrepancyAnswer]
    error: str | None = Field(description="why it was not asked, or could not be")


class VerdictAnswer(BaseModel):
    """Whether a batch's receipts and its destinations are as they were."""

    ok: bool
    intact: bool = Field(description="the receipts are those that were recorded")
    instances: int = Field(description="that have a receipt")
    manifest: str | None
    recomputed: str
    destinations: list[DestinationVerdictAnswer]


class RecallRequest(BaseModel):
    """What to take back: the study of a batch, or all studies of a patient. One of both."""

    model_config = ConfigDict(extra="forbid")  # a misspelt "preview" would be a recall, which cannot be undone

    batch: int | None = Field(default=None, ge=1, le=LARGEST)
    patient: str | None = Field(default=None, min_length=1, max_length=64, description="the coded PatientID")
    project: str | None = Field(
        default=None, description="where a patient's code stands in several projects; a batch has to be of it"
    )
    reason: str = Field(default="", max_length=500, description="kept in the batches' stories; no identifiers, please")
    preview: bool = Field(default=False, description="change nothing, say which batches it would be")

    @model_validator(mode="after")
    def _one(self) -> RecallRequest:
        if (self.batch is None) == (self.patient is None):
            raise ValueError("give batch or patient, one of both")
        return self


class RecallAnswer(BaseModel):
    """The batches that are being recalled, or would be. GET /api/batches/{id} tells how it goes."""

    batches: list[BatchAnswer]


class DestinationAnswer(BaseModel):
    """A destination, and how many batches are where on their way to it."""

    name: str
    type: str
    where: str = Field(description="no credentials")
    state: str = Field(description="reachable, refused, unreachable, paused, or outside its window")
    reason: str
    cure: str
    until: datetime | None = Field(description="when its window opens")
    waiting: int = Field(description="batches that wait to be sent, are being sent, or are paused")
    retrying: int
    failed: int = Field(description="batches that could not be delivered, or not be recalled: a person is needed")
    recalling: int = Field(description="batches that are being removed there")
    delivered: int = Field(description="batches that it holds, read back")
    instances: int = Field(description="instances that it holds, read back")
    last_error: str | None = Field(description="of the last delivery that failed, or is tried again")


class DestinationsAnswer(BaseModel):
    """All that are configured."""

    destinations: list[DestinationAnswer]


class Health(BaseModel):
    """Whether SendIt works."""

    status: str = Field(description='"ok", or "degraded" with the problems named')
    problems: list[str]
    version: str
    started_at: datetime
    projects: list[str]
    destinations: list[str]
    active: int = Field(description="stages that run, are queued or wait for their next try")
    batches: dict[BatchState, int]


class ImportRequest(BaseModel):
    """A folder to import."""

    model_config = ConfigDict(extra="forbid")

    folder: Path
    project: str


class ImportAnswer(BaseModel):
    """How an import goes."""

    id: int
    project: str
    state: str = Field(description="RUNNING, DONE, or ERRORS when not every file was imported")
    started_at: datetime
    finished_at: datetime | None
    files: dict[str, int] = Field(description="how many files had which fate")
