"""Settings of an index of type "BigQuery"."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sendit.config.types import WebAddress
from sendit.destinations.google.settings import GoogleProject
from sendit.destinations.indexes.base import IndexSettings


class BigQueryIndexSettings(IndexSettings):
    """Index in BigQuery: one row per instance."""

    type: Literal["BigQuery"]
    """Selects this kind."""
    google_project: GoogleProject
    """Google Cloud project."""
    dataset: str = Field(pattern=r"^[A-Za-z0-9_]{1,1024}$")
    """Name of the data set."""
    table: str = Field(default="dicom", pattern=r"^[A-Za-z0-9_]{1,1024}$")
    """Name of the table."""
    location: str | None = Field(default=None, pattern=r"^[A-Za-z0-9-]{2,50}$")
    """Location in which the data set is created if it does not exist."""
    endpoint: WebAddress | None = None
    """Address of the service. Default: Google's own."""
