"""The words of SendIt as types. Everything here is frozen and free of input and output."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any


class BatchState(StrEnum):
    """Where a batch is in its life."""

    RECEIVING = "RECEIVING"  # its first instance has arrived in Orthanc; more may come
    QUEUED = "QUEUED"  # the study is stable: its instances are listed and wait for de-identification
    PROCESSING = "PROCESSING"  # instances are being de-identified and proved
    REVIEW = "REVIEW"  # a person has to release it
    DELIVERING = "DELIVERING"  # on its way to its destinations
    SENT = "SENT"  # every destination holds it and was read back; the clean-up remains
    DONE = "DONE"  # nothing remains to be done
    QUARANTINED = "QUARANTINED"  # not shown to be clean: nothing of it leaves
    EMPTY = "EMPTY"  # no instance is to be sent; every one was rejected with a reason
    FAILED = "FAILED"  # an operator is needed; `sendit retry` takes it up again
    CANCELLED = "CANCELLED"  # stopped by an operator
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


class InstanceState(StrEnum):
    """Where one instance of a batch is. Together they are what was received, always."""

    PENDING = "PENDING"  # received, nothing done yet
    RELEASED = "RELEASED"  # de-identified and proved; its output lies in staging
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
    """The project that a variant belongs to; a project that is none is its own."""
    return project.partition(VARIANT_MARK)[0]


class FileFate(StrEnum):
    """What became of one file of a watched folder."""

    IMPORTED = "imported"  # stored in Orthanc just now
    ALREADY_THERE = "already there"  # Orthanc holds the same bytes already
    NOT_DICOM = "not DICOM"  # left alone
    UNREADABLE = "unreadable"  # DICOM by its looks, and refused, for the reason beside it
    CONFLICT = "conflict"  # Orthanc holds another content under the same UIDs
    NOT_STORED = "not stored"  # Orthanc refused it for a reason of its own
    INDEX = "index only"  # a DICOMDIR: it lists the other files and holds no image
    IGNORED = "ignored"  # what systems leave behind (Thumbs.db), or a link to a file that is imported by itself


#: A directory with one of these goes to `.err/`.
BAD_FATES = frozenset({FileFate.NOT_DICOM, FileFate.UNREADABLE, FileFate.CONFLICT, FileFate.NOT_STORED})


class PixelStatus(StrEnum):
    """What is known of text burned into the pixels of a released instance. What is not known is quarantined."""

    NONE = "no pixels"
    BY_RULE = "clean by rule"  # images of this kind carry no text
    CLEANED = "cleaned"  # regions were made black
    CHECKED = "checked and clean"  # it was looked for, and there is none
    NOT_CHECKED = "not checked"  # the project's options do not have CleanPixelData


#: Of these it can be said: BurnedInAnnotation NO.
SHOWN_CLEAN = frozenset({PixelStatus.BY_RULE, PixelStatus.CLEANED, PixelStatus.CHECKED})


@dataclass(frozen=True, slots=True)
class Pixels:
    """What was done about text that is burned into the pixels of an instance."""

    status: PixelStatus
    how: str = ""  # by which rule, or by what the regions were found; no value of the dataset
    regions: tuple[tuple[int, int, int, int], ...] = ()  # made black: x0, y0, x1, y1, the ends not part of it
    rewritten: str = ""  # the transfer syntax that it came in, if it leaves in another one

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; what there is nothing to say of is left out."""
        found: dict[str, Any] = {"status": str(self.status), "how": self.how, "rewritten": self.rewritten}
        found["regions"] = [list(region) for region in self.regions]
        return {name: value for name, value in found.items() if value}


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was done to one instance, and the proof that it may leave. All UIDs and identifiers are coded ones.

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
    proof: str = "none"  # which proof ran and its result; "none" until there is one
    pixels: Mapping[str, Any] = field(default_factory=dict)  # of `Pixels.as_dict`; empty in receipts of before
    released: bool = False

    def as_dict(self) -> dict[str, Any]:
        """For the journal and the manifest, JSON-ready."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Receipt:
        """The inverse of `as_dict`; an unknown or missing field raises TypeError."""
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Ties:
    """Originals of one instance and their codes, for the crosswalk. Not shown, logged or written anywhere else."""

    patient_id: str = field(repr=False)
    issuer: str = field(repr=False)
    study_instance_uid: str = field(repr=False)
    accession_number: str = field(repr=False)
    coded_patient_id: str
    coded_study_instance_uid: str
    coded_accession_number: str


@dataclass(frozen=True, slots=True)
class Released:
    """The instance may leave. `chunks` joined are the bytes of the DICOM file (PS3.10), preamble included.

    They are buffers and not one `bytes` so that pixel data can be passed through from the source without a copy.
    """

    chunks: Sequence[bytes | memoryview]
    receipt: Receipt
    ties: Ties | None = None


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
class Parcel:
    """One released instance on its way: the receipt and the staged file that it describes."""

    receipt: Receipt
    path: Path
    pace: Callable[[int], None] | None = field(default=None, compare=False)  # waits until so many bytes may leave


@dataclass(frozen=True, slots=True)
class Consignment:
    """What one batch hands to a destination. `parcels` are read lazily by destinations, so it may be long.

    All parcels are of one study. What came late of a study is a batch of its own, with the next `part`.
    """

    batch_id: int
    project: str
    parcels: Sequence[Parcel]
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

    def takes(self, receipt: Receipt) -> bool:
        """Whether this instance goes to the destination."""
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
