"""The entries of "SendIt.Destinations": what all have in common, and one section for each value of "Type"."""

from __future__ import annotations

from datetime import time
from typing import Annotated, Any, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from sendit.names import STUDY_WORDS, NameTemplate
from sendit.section import (
    AbsolutePath,
    Credential,
    HeaderName,
    HeaderValue,
    Modalities,
    RetrySettings,
    Section,
    WebAddress,
    private_way,
)


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("there is no such time zone; write it as Europe/Berlin") from None
    return name


def _clock(value: Any) -> Any:
    """ "20:00", and nothing else that pydantic would take for a time."""
    if not isinstance(value, str) or len(value) != 5 or value[2] != ":":
        raise ValueError("write the time as 20:00")
    return value


Clock = Annotated[time, BeforeValidator(_clock)]


class Window(Section):
    """When deliveries may run, each day: From (included) until To (excluded), over midnight if To is the earlier."""

    opens: Clock = Field(alias="From")
    closes: Clock = Field(alias="To")
    time_zone: Annotated[str, AfterValidator(_time_zone)] | None = None  # None: that of the machine

    @model_validator(mode="after")
    def _not_empty(self) -> Window:
        if self.opens == self.closes:
            raise ValueError("From and To are the same time; leave Window out for a destination that is always open")
        return self


class _Destination(Section):
    """What every destination can be told."""

    enabled: bool = True  # false: its deliveries wait
    concurrency: int = Field(default=4, ge=1, le=64)  # uploads at the same time, of one batch
    batches_at_once: int = Field(default=2, ge=1, le=64)
    bytes_per_second: int | None = Field(default=None, ge=1024)  # on average, of all of its uploads; None: no limit
    window: Window | None = None
    modalities: Modalities | None = None  # send these alone; None: all
    retry: RetrySettings = RetrySettings()


class OrthancPeerSettings(_Destination):
    """Delivery to another Orthanc, named in "OrthancPeers"."""

    type: Literal["OrthancPeer"]
    peer: str


class GoogleCredentials(Section):
    """Who we are to Google.

    Default: Application Default Credentials (the environment, the machine's service account, workload identity).
    ServiceAccountFile: the JSON key at Path. Anonymous: none, for emulators and public endpoints.
    """

    source: Literal["Default", "ServiceAccountFile", "Anonymous"] = "Default"
    path: AbsolutePath | None = None
    impersonate: str | None = Field(default=None, pattern=r"^[^@\s]+@[^@\s]+$")  # the service account to act as

    @model_validator(mode="after")
    def _whole(self) -> GoogleCredentials:
        if (self.source == "ServiceAccountFile") != (self.path is not None):
            raise ValueError("ServiceAccountFile and Path go together")
        if self.source == "Anonymous" and self.impersonate:
            raise ValueError("nobody can act as a service account without credentials")
        return self


GoogleProject = Annotated[str, Field(pattern=r"^[a-z0-9.:-]{3,100}$")]


class DatastoreIndex(Section):
    """Entities in Datastore: Collection → Entity → Study → Image."""

    type: Literal["Datastore"]
    google_project: GoogleProject
    database: str = Field(default="", pattern=r"^[a-z0-9-]{0,63}$")  # "": the default one
    namespace: str = Field(default="", pattern=r"^[0-9A-Za-z._-]{0,100}$")
    credentials: GoogleCredentials | None = None  # None: those of the bucket
    endpoint: str | None = Field(default=None, pattern=r"^[A-Za-z0-9.-]+:[0-9]{1,5}$")  # host:port of an emulator


class BigQueryIndex(Section):
    """Rows in BigQuery, one for each instance."""

    type: Literal["BigQuery"]
    google_project: GoogleProject
    dataset: str = Field(pattern=r"^[A-Za-z0-9_]{1,1024}$")
    table: str = Field(default="dicom", pattern=r"^[A-Za-z0-9_]{1,1024}$")
    location: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9-]{2,50}$"
    )  # where the data set is made, if it is not there yet
    credentials: GoogleCredentials | None = None  # None: those of the bucket
    endpoint: WebAddress | None = None


Index: TypeAlias = Annotated[DatastoreIndex | BigQueryIndex, Field(discriminator="type")]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


#: The layout of archives is that of the first SendIt.
ARCHIVE_NAME = "Collection/{project}/Entity/{patient}/{patient}_{study_date}_{accession}.tar.gz"
INSTANCE_NAME = "{study}/{series}/{instance}.dcm"


def _object_template(layout: str, text: str | None) -> NameTemplate:
    if layout == "Archive":
        return NameTemplate(ARCHIVE_NAME if text is None else text, words=STUDY_WORDS, unique=["patient", "study"])
    return NameTemplate(INSTANCE_NAME if text is None else text, unique=["instance"])


class GoogleCloudStorageSettings(_Destination):
    """Delivery to a bucket, with indexes in Datastore or BigQuery."""

    type: Literal["GoogleCloudStorage"]
    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$")
    google_project: GoogleProject | None = None  # None: that of the credentials
    layout: Literal["Archive", "Instances"] = "Archive"  # one .tar.gz a study, or one object an instance
    object_name: str | None = None  # a template; None: the default of the layout
    storage_class: Literal["STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"] | None = None  # None: that of the bucket
    kms_key: str | None = Field(
        default=None, pattern=r"^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$"
    )
    timeout: float = Field(default=30.0, gt=0, le=3600)  # seconds without an answer; the client tries again as long
    credentials: GoogleCredentials = GoogleCredentials()
    endpoint: WebAddress | None = None  # None: Google's own
    index: Annotated[list[Index], BeforeValidator(_listed)] = []

    @property
    def template(self) -> NameTemplate:
        """Where objects are made."""
        return _object_template(self.layout, self.object_name)

    @field_validator("object_name")
    @classmethod
    def _a_template(cls, text: str | None, info: ValidationInfo) -> str | None:
        if "layout" in info.data:
            _object_template(info.data["layout"], text)
        return text

    @field_validator("endpoint")
    @classmethod
    def _private(cls, url: str | None, info: ValidationInfo) -> str | None:
        """Access tokens travel encrypted only."""
        credentials = info.data.get("credentials")
        if url is not None and credentials is not None and credentials.source != "Anonymous":
            try:
                private_way(url)
            except ValueError:
                problem = "access tokens travel encrypted only: https://, or http:// to this machine itself"
                raise ValueError(problem) from None
        return url


class DicomModalitySettings(_Destination):
    """Delivery by C-STORE to a modality named in "DicomModalities"."""

    type: Literal["DicomModality"]
    modality: str
    storage_commitment: bool = False  # ask for it, and wait for the answer
    commitment_port: int | None = Field(default=None, ge=1, le=65535)  # where answers on a new association arrive
    commitment_timeout: float = Field(default=60.0, gt=0, le=86_400)  # seconds until it is asked again
    #: For a modality that answers no query: that it acknowledged the instances is all that can be known of them.
    acknowledgement_is_enough: bool = False

    @model_validator(mode="after")
    def _commitment(self) -> DicomModalitySettings:
        if self.commitment_port is not None and not self.storage_commitment:
            raise ValueError("CommitmentPort is of use with StorageCommitment only")
        return self


class DicomWebSettings(_Destination):
    """Delivery by STOW-RS, and reading back by WADO-RS."""

    type: Literal["DicomWeb"]
    url: WebAddress  # the service's root: …/dicom-web, or Google Healthcare's …/dicomStores/<store>/dicomWeb
    username: Credential | None = None
    password: Credential | None = Field(default=None, repr=False)
    headers: dict[HeaderName, HeaderValue] = Field(default={}, repr=False)
    google: GoogleCredentials | None = None  # for a DICOM store of Google Healthcare
    certificate_authority: AbsolutePath | None = None  # PEM file; None: those that the system trusts
    timeout: float = Field(default=60.0, gt=0, le=3600)

    @model_validator(mode="after")
    def _one_way_in(self) -> DicomWebSettings:
        if (self.username is None) != (self.password is None):
            raise ValueError("Username and Password go together")
        if self.username is not None and self.google is not None:
            raise ValueError("give Username and Password, or Google, not both")
        return self


def _file_name(template: str) -> str:
    NameTemplate(template, unique=["instance"])
    return template


#: As chmod takes it.
Mode = Annotated[str, Field(pattern=r"^0[0-7]{3}$")]


class FolderSettings(_Destination):
    """Delivery into a directory, which may be a mounted share."""

    type: Literal["Folder"]
    path: AbsolutePath  # has to be there: SendIt does not make it
    file_name: Annotated[str, AfterValidator(_file_name)] = "{patient}/{study}/{series}/{instance}.dcm"
    #: A file in Path by which a mounted share is known: where it is missing, nothing is mounted and nothing is written.
    marker: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._-]{1,200}$")
    dicomdir: bool = False  # keep a DICOMDIR of all that is there; it prescribes the names of files
    file_mode: Mode = "0640"
    directory_mode: Mode = "0750"

    @model_validator(mode="after")
    def _names(self) -> FolderSettings:
        if self.dicomdir and "file_name" in self.model_fields_set:
            raise ValueError("a DICOMDIR prescribes the names of files: leave FileName out")
        return self


DestinationSettings: TypeAlias = Annotated[
    OrthancPeerSettings | GoogleCloudStorageSettings | DicomModalitySettings | DicomWebSettings | FolderSettings,
    Field(discriminator="type"),
]
