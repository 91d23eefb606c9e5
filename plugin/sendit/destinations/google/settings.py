"""Settings that all of Google's services share: the credentials and the project."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sendit.config.types import AbsolutePath, Section


class GoogleCredentials(Section):
    """Google credentials.

    Default: Application Default Credentials (the environment, the machine's service account, workload identity).
    ServiceAccountFile: the JSON key at Path. Anonymous: none, for emulators and public endpoints.
    """

    source: Literal["Default", "ServiceAccountFile", "Anonymous"] = "Default"
    """Application Default Credentials, the key file at Path, or none (for emulators and public endpoints)."""
    path: AbsolutePath | None = None
    """JSON key file of a service account; only with ServiceAccountFile."""
    impersonate: str | None = Field(default=None, pattern=r"^[^@\s]+@[^@\s]+$")
    """Service account to act as."""

    @model_validator(mode="after")
    def _whole(self) -> GoogleCredentials:
        if (self.source == "ServiceAccountFile") != (self.path is not None):
            raise ValueError("ServiceAccountFile and Path go together")
        if self.source == "Anonymous" and self.impersonate:
            raise ValueError("nobody can act as a service account without credentials")
        return self


GoogleProject = Annotated[str, Field(pattern=r"^[a-z0-9.:-]{3,100}$")]
