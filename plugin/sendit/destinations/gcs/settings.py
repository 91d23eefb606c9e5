"""Settings of a destination of type "GoogleCloudStorage"."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from sendit.config.destination import DestinationSettings
from sendit.config.name_template import STUDY_WORDS, NameTemplate
from sendit.config.orthanc import OrthancConfig
from sendit.config.types import WebAddress, private_way
from sendit.destinations.google.settings import GoogleCredentials, GoogleProject
from sendit.destinations.indexes.bigquery.settings import BigQueryIndexSettings
from sendit.destinations.indexes.datastore.settings import DatastoreIndexSettings

Index: TypeAlias = Annotated[DatastoreIndexSettings | BigQueryIndexSettings, Field(discriminator="type")]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


#: The layout of archives is that of the first SendIt.
ARCHIVE_NAME = "Collection/{project}/Entity/{patient}/{patient}_{study_date}_{accession}.tar.gz"
INSTANCE_NAME = "{study}/{series}/{instance}.dcm"


def _object_template(layout: str, text: str | None) -> NameTemplate:
    if layout == "Archive":
        return NameTemplate(ARCHIVE_NAME if text is None else text, words=STUDY_WORDS, unique=["patient", "study"])
    return NameTemplate(INSTANCE_NAME if text is None else text, unique=["instance"])


class GoogleCloudStorageSettings(DestinationSettings):
    """Delivery to a bucket, with indexes in Datastore or BigQuery."""

    type: Literal["GoogleCloudStorage"]
    """Selects this kind."""
    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$")
    """Name of the bucket."""
    google_project: GoogleProject | None = None
    """Google Cloud project. Default: that of the credentials."""
    layout: Literal["Archive", "Instances"] = "Archive"
    """One `.tar.gz` per study (Archive), or one object per instance (Instances)."""
    object_name: str | None = None
    """Template of the object names. Default: that of the layout."""
    storage_class: Literal["STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"] | None = None
    """Storage class of the objects. Default: that of the bucket."""
    kms_key: str | None = Field(
        default=None, pattern=r"^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$"
    )
    """Customer-managed encryption key of the objects, by its full resource name."""
    timeout: float = Field(default=30.0, gt=0, le=3600)
    """Time without an answer after which a request fails, in seconds; Google's client retries for as long."""
    credentials: GoogleCredentials = GoogleCredentials()
    """Google credentials."""
    endpoint: WebAddress | None = None
    """Address of the service. Default: Google's own."""
    index: Annotated[list[Index], BeforeValidator(_listed)] = []
    """Indexes of the bucket: one, or a list."""

    def code_fault(self, code: str) -> str:
        """Return the rule of an index, in whose keys a pseudonym stands; names of objects hold all of them."""
        return next((fault for index in self.index if (fault := index.code_fault(code))), "")

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
        """Refuse an address to which access tokens would travel unencrypted."""
        credentials = info.data.get("credentials")
        if url is not None and credentials is not None and credentials.source != "Anonymous":
            try:
                private_way(url)
            except ValueError:
                problem = "access tokens travel encrypted only: https://, or http:// to this machine itself"
                raise ValueError(problem) from None
        return url

    def address(self, orthanc: OrthancConfig) -> str:
        """See `DestinationSettings`."""
        indexes = "".join(f", index in {one.type}" for one in self.index)
        return f"gs://{self.bucket}" + (f" at {self.endpoint}" if self.endpoint else "") + indexes

    def place(self) -> tuple[object, ...]:
        """See `DestinationSettings`."""
        return (self.bucket, self.endpoint, self.object_name)
