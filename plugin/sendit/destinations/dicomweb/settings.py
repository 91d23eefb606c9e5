"""Settings of a destination of type "DicomWeb"."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from sendit.config.destination import DestinationSettings
from sendit.config.orthanc import OrthancConfig
from sendit.config.types import AbsolutePath, Credential, HeaderName, HeaderValue, WebAddress
from sendit.destinations.google.settings import GoogleCredentials


class DicomWebSettings(DestinationSettings):
    """Delivery by STOW-RS, and read back by WADO-RS."""

    type: Literal["DicomWeb"]
    """Selects this kind."""
    url: WebAddress
    """Root of the service: `…/dicom-web`, or Google Healthcare's `…/dicomStores/<store>/dicomWeb`."""
    username: Credential | None = None
    """User name for HTTP basic authentication; needs Password."""
    password: Credential | None = Field(default=None, repr=False)
    """Password for HTTP basic authentication; needs Username."""
    headers: dict[HeaderName, HeaderValue] = Field(default={}, repr=False)
    """HTTP headers to send with each request."""
    google: GoogleCredentials | None = None
    """Credentials for a DICOM store of Google Healthcare."""
    certificate_authority: AbsolutePath | None = None
    """PEM file with the authorities to trust. Default: those that the system trusts."""
    timeout: float = Field(default=60.0, gt=0, le=3600)
    """Time without an answer after which a request fails, in seconds."""

    @model_validator(mode="after")
    def _one_way_in(self) -> DicomWebSettings:
        if (self.username is None) != (self.password is None):
            raise ValueError("Username and Password go together")
        if self.username is not None and self.google is not None:
            raise ValueError("give Username and Password, or Google, not both")
        return self

    def address(self, orthanc: OrthancConfig) -> str:
        """See `DestinationSettings`."""
        return self.url

    def place(self) -> tuple[object, ...]:
        """See `DestinationSettings`."""
        return (self.url,)
