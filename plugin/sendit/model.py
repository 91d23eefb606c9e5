"""The words of SendIt as types. Everything here is frozen and free of input and output."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path


class BatchState(StrEnum):
    """Where a batch is in its life."""

    RECEIVING = "RECEIVING"  # its first instance has arrived in Orthanc; more may come
    QUEUED = "QUEUED"  # the study is stable: its instances are listed and wait for de-identification
    PROCESSING = "PROCESSING"  # instances are being de-identified and checked
    REVIEW = "REVIEW"  # its outputs are staged, and leave once a person has accepted them
    DELIVERING = "DELIVERING"  # on its way to its destinations
    SENT = "SENT"  # every destination holds it and was read back; the clean-up remains
    DONE = "DONE"  # nothing remains to be done
    QUARANTINED = "QUARANTINED"  # not shown to be clean: nothing of it leaves
    EMPTY = "EMPTY"  # no instance is to be sent; every one was rejected with a reason
    FAILED = "FAILED"  # an operator is needed; `sendit retry` resumes it
    CANCELLED = "CANCELLED"  # a person ended it before it was sent; `sendit retry` resumes it
    RECALLING = "RECALLING"  # being removed from its destinations
    RECALLED = "RECALLED"  # nothing of it is left at any destination, and nothing of its study leaves any more
    RECALL_FAILED = "RECALL_FAILED"  # something of it is left at a destination; `sendit recall` tries again


#: In these states SendIt has work to do and something must be scheduled for it (law 2).
UNFINISHED = frozenset(
    {BatchState.QUEUED, BatchState.PROCESSING, BatchState.DELIVERING, BatchState.SENT, BatchState.RECALLING}
)

#: A study with a batch in one of these was recalled: nothing of it leaves for this project any more.
WITHDRAWN = frozenset({BatchState.RECALLING, BatchState.RECALLED, BatchState.RECALL_FAILED})

#: From these `retry` starts again.
RETRYABLE = frozenset({BatchState.FAILED, BatchState.QUARANTINED, BatchState.EMPTY, BatchState.CANCELLED})

#: From these a person may end a batch (CANCELLED), or hold it.
STOPPABLE = frozenset(
    {BatchState.QUEUED, BatchState.PROCESSING, BatchState.REVIEW, BatchState.DELIVERING, BatchState.FAILED}
)


class Decision(StrEnum):
    """Decision of a person about a batch under review."""

    ACCEPT = "ACCEPT"  # it may leave
    REJECT = "REJECT"  # it, or some of its instances, will not be sent
    HOLD = "HOLD"  # nothing of it leaves until it is retried
    RERUN = "RERUN"  # de-identified again, by the project's present rules
    REGIONS = "REGIONS"  # regions were drawn, or called false; the images come back to review


class Scope(StrEnum):
    """Which images regions apply to, all of the same Rows and Columns."""

    INSTANCE = "instance"
    SERIES = "series"
    STUDY = "study"


class InstanceState(StrEnum):
    """Where one instance of a batch is. Together they are what was received, always."""

    PENDING = "PENDING"  # received, nothing done yet
    RELEASED = "RELEASED"  # de-identified and checked; its output lies in staging, and may wait there for a person
    SENT = "SENT"  # every destination holds it and was read back
    REJECTED = "REJECTED"  # will not be sent, for the reason beside it
    QUARANTINED = "QUARANTINED"  # held, for the reason beside it
    RECALLED = "RECALLED"  # removed from every destination that it was sent to, or called back before it left


#: Why an instance is rejected that Orthanc no longer has. If it is sent again, it is taken up again.
DELETED = "it was deleted from Orthanc before it was processed"


class DeliveryState(StrEnum):
    """Where a batch is on its way to one destination."""

    WAITING = "WAITING"  # not tried yet
    SENDING = "SENDING"  # being sent and read back
    RETRYING = "RETRYING"  # failed for now; tried again at `next_attempt_at`
    PAUSED = "PAUSED"  # its destination is not enabled, or its window is closed until `next_attempt_at`
    VERIFIED = "VERIFIED"  # read back from the destination and equal to the receipts
    FAILED = "FAILED"  # an operator is needed
    DROPPED = "DROPPED"  # the project names this destination no longer; what it took before may still be there
    RECALLING = "RECALLING"  # being removed there; after a failure tried again at `next_attempt_at`
    RECALLED = "RECALLED"  # nothing is left there
    RECALL_FAILED = "RECALL_FAILED"  # not all could be removed there, for the reason in `last_error`


#: Between the name of a project and that of one of its variants, in the journal's names of projects.
VARIANT_MARK = "@"


def family(project: str) -> str:
    """Return the project that a variant belongs to; a project that is none is its own."""
    return project.partition(VARIANT_MARK)[0]


class FileOutcome(StrEnum):
    """The outcome of one imported file."""

    IMPORTED = "imported"  # stored in Orthanc just now
    ALREADY_THERE = "already there"  # Orthanc holds the same bytes already
    NOT_DICOM = "not DICOM"  # left alone
    UNREADABLE = "unreadable"  # DICOM by its looks, and refused, for the reason beside it
    CONFLICT = "conflict"  # Orthanc holds another content under the same UIDs
    NOT_STORED = "not stored"  # Orthanc refused it for a reason of its own
    INDEX = "index only"  # a DICOMDIR: it lists the other files and holds no image
    IGNORED = "ignored"  # what systems leave behind (Thumbs.db), or a link to a file that is imported by itself


#: A directory with one of these goes to `.err/`.
BAD_OUTCOMES = frozenset({FileOutcome.NOT_DICOM, FileOutcome.UNREADABLE, FileOutcome.CONFLICT, FileOutcome.NOT_STORED})


class PixelStatus(StrEnum):
    """The status of burned-in text in a released instance. An instance without a certain status is quarantined."""

    NONE = "no pixels"
    BY_RULE = "clean by rule"  # images of this kind carry no text
    CLEANED = "cleaned"  # regions were made black
    CHECKED = "checked and clean"  # text was searched for, and there is none
    NOT_CHECKED = "not checked"  # the project's options do not have CleanPixelData


#: Of these it can be said: BurnedInAnnotation NO.
SHOWN_CLEAN = frozenset({PixelStatus.BY_RULE, PixelStatus.CLEANED, PixelStatus.CHECKED})


class Doubt(StrEnum):
    """Why SendIt cannot tell by itself whether an instance may leave, where a person who sees it can.

    Everything else that holds an instance holds it for everybody (docs/decisions/0024-review.md).
    """

    TEXT_FOUND = "TEXT_FOUND"  # and `Pixels.OnText` asks for a person
    MASKS_TOO_MUCH = "MASKS_TOO_MUCH"  # text over much of what the image shows
    NOT_SEARCHED = "NOT_SEARCHED"  # text may be burned in, and `Pixels.DetectText` is Off
    NO_DETECTION = "NO_DETECTION"  # text may be burned in, and text detection is unavailable
    LOST_MEANING = "LOST_MEANING"  # a recipient could no longer read its pixels, and `OnLostMeaning` is Hold


#: Words of a receipt about the search of its series: nothing leaves as long as that is due.
LOOK_DUE, LOOKED_AT = "to be looked at", "looked at"


@dataclass(frozen=True, slots=True)
class Pixels:
    """Outcome of the pixel policy for an instance."""

    status: PixelStatus
    how: str = ""  # by which rule, or what found the regions; no value of the dataset
    regions: tuple[tuple[int, int, int, int], ...] = ()  # made black: x0, y0, x1, y1, the ends not part of it
    rewritten: str = ""  # the original transfer syntax, if it changed
    photometric: str = ""  # PhotometricInterpretation of its JPEG stream, if the header had another one
    series: str = ""  # LOOK_DUE or LOOKED_AT, of an image that is searched together with its series
    text: tuple[tuple[int, int, int, int], ...] = ()  # where text detection found something, before masking
    drawn: tuple[tuple[int, int, int, int], ...] = ()  # what a reviewer drew
    doubt: str = ""  # why a person has to accept it before it may leave

    def as_dict(self) -> dict[str, Any]:
        """Return it ready for JSON; empty values are left out."""
        values: dict[str, Any] = {"status": str(self.status), "how": self.how, "rewritten": self.rewritten}
        values["photometric"] = self.photometric
        values["series"] = self.series
        values["doubt"] = self.doubt
        for name in ("regions", "text", "drawn"):
            values[name] = [list(region) for region in getattr(self, name)]
        return {name: value for name, value in values.items() if value}


@dataclass(frozen=True, slots=True)
class Receipt:
    """The record of what was done to one instance; only with it may the instance leave. All identifiers are coded.

    The digests are lower-case hexadecimal. `output_md5` is what an Orthanc peer can be asked for.
    """

    input_sha256: str
    plan_sha256: str
    output_sha256: str
    output_md5: str
    output_size: int  # bytes
    patient_id: str
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    study_date: str = ""  # of the output, YYYYMMDD, or as much of it as there is
    accession_number: str = ""  # of the output
    modality: str = ""  # as the standard codes it, for example "CT"
    actions: Mapping[str, int] = field(default_factory=dict)  # how often each action was applied, for example {"X": 12}
    leak_check: str = "none"  # its result; "none" until there is one
    pixels: Mapping[str, Any] = field(default_factory=dict)  # of `Pixels.as_dict`; empty in receipts of before
    repairs: Sequence[str] = ()  # faults of the file that were corrected
    released: bool = False
    lost_meaning: Sequence[str] = ()  # what scales, orders or locates pixels and is not in the output: names only
    review: Mapping[str, Any] = field(default_factory=dict)  # who accepted it, and when; no words of theirs

    def as_dict(self) -> dict[str, Any]:
        """Return it ready for JSON; `repairs`, `lost_meaning` and `review` only if there are any, as before."""
        # Not `asdict`, which copies at every depth, nor `fields`: this is called for each instance several times.
        values = {name: getattr(self, name) for name in self.__slots__}
        for name in ("actions", "pixels", "review"):
            values[name] = dict(values[name])
        for name in ("repairs", "lost_meaning"):
            texts = values.pop(name)
            if texts:
                values[name] = list(texts)
        if not self.review:
            del values["review"]
        return values

    def outward(self) -> dict[str, Any]:
        """Return what of it may leave with the data: not the digest of the original, nor the names of reviewers."""
        values = self.as_dict()
        del values["input_sha256"]
        if self.review:
            by = self.review.get("by", ())
            values["review"] = {"decision": self.review.get("decision", ""), "persons": len(by)}
            values["review"]["at"] = max((str(one.get("at", "")) for one in by), default="")
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Receipt:
        """Return the inverse of `as_dict`; an unknown or missing field raises TypeError."""
        fields = dict(values) | {name: tuple(values.get(name, ())) for name in ("repairs", "lost_meaning")}
        if "proof" in fields:  # as older receipts have it
            fields["leak_check"] = fields.pop("proof")
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class CrosswalkEntry:
    """Originals of one instance and their codes, for the crosswalk. Not shown, logged or written anywhere else."""

    patient_id: str = field(repr=False)
    issuer: str = field(repr=False)
    study_instance_uid: str = field(repr=False)
    accession_number: str = field(repr=False)
    coded_patient_id: str
    coded_study_instance_uid: str
    coded_accession_number: str


@dataclass(frozen=True, slots=True, order=True)
class PlaceInSeries:
    """Where an image stands in its series: those of one size are together, in the order of their numbers."""

    shape: tuple[int, int, int] = (0, 0, 0)  # rows, columns, samples; none if they cannot be told
    number: int = 0
    sop_instance_uid: str = ""


@dataclass(frozen=True, slots=True)
class Released:
    """The instance may leave. `chunks` joined are the bytes of the DICOM file (PS3.10), preamble included.

    They are buffers and not one `bytes` so that pixel data can be passed through from the source without a copy.
    """

    chunks: Sequence[bytes | memoryview]
    receipt: Receipt
    crosswalk_entry: CrosswalkEntry | None = None
    place: PlaceInSeries | None = None  # of an image that is searched together with its series


@dataclass(frozen=True, slots=True)
class Rejected:
    """The instance will not be sent. The reason names no value of the dataset."""

    reason: str
    input_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """The instance could not be shown to be clean. The reason names attributes and kinds, never values."""

    reason: str
    input_sha256: str = ""


Outcome = Released | Rejected | Quarantined


@dataclass(frozen=True, slots=True)
class StagedInstance:
    """A released instance on its way: the receipt and the staged file that it describes."""

    receipt: Receipt
    path: Path
    pace: Callable[[int], None] | None = field(default=None, compare=False)  # waits until so many bytes may leave


@dataclass(frozen=True, slots=True)
class Shipment:
    """The instances that one batch hands to a destination, which reads them lazily: there may be many.

    All staged instances are of one study. Instances that came late are a batch of their own, with the next `part`.
    """

    batch_id: int
    project: str
    staged_instances: Sequence[StagedInstance]
    part: int = 1  # 1 for the first batch of the study, 2 for the first late one, …


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """Something that a destination does not hold as the receipt says."""

    sop_instance_uid: str  # coded
    problem: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """A batch's way to one destination, as the journal has it."""

    batch_id: int
    destination: str
    state: DeliveryState
    attempt: int  # fences writes: only the attempt that the journal names may write
    failures: int
    sent: int
    last_error: str | None
    next_attempt_at: datetime | None
    modalities: Sequence[str] | None = None  # those of its instances that go there; None: all
    removed: int = 0  # instances that a recall removed there
    replaces: int = 0  # the former version of the batch that may be there; 0: none

    def takes(self, receipt: Receipt) -> bool:
        """Return whether this instance goes to the destination."""
        return self.modalities is None or receipt.modality in self.modalities


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance of a batch, as the journal has it."""

    batch_id: int
    orthanc_id: str
    state: InstanceState
    reason: str | None
    receipt: Receipt | None


@dataclass(frozen=True, slots=True)
class Batch:
    """One study's journey through SendIt, for one project, as the journal has it."""

    id: int
    study: str  # Orthanc's identifier of the original study
    project: str | None  # None until it is known, or if no project matches
    state: BatchState
    reason: str | None
    received: int  # while RECEIVING the count so far; afterwards the number of instances listed
    attempt: int  # fences writes, as in Delivery
    starts: int  # how often PROCESSING began without an end: a batch that kills its worker is not tried for ever
    failures: int
    follows: int | None  # the batch of the same study before it, if this one carries late instances
    opened_at: datetime
    changed_at: datetime
    next_attempt_at: datetime | None
    manifest: str | None = None  # the end of the chain of its receipts, once it was de-identified
    version: int = 1  # counts how often it was processed after it was DONE
    size: int | None = None  # bytes of its outputs, once it was de-identified
    ended_at: datetime | None = None  # None as long as SendIt has work to do on it


@dataclass(frozen=True, slots=True)
class StoreAnswer:
    """Orthanc's answer to an upload. `instance` and `study` are its own identifiers."""

    status: str  # "Success", "AlreadyStored", or a word of Orthanc's for why it did not store
    instance: str
    study: str
