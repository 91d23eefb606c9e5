"""Servers from which cohorts are pulled: when, how fast, and how."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sendit.config.destination import Window
from sendit.config.types import Section


class PullSource(Section):
    """How studies are fetched from one modality or DICOMweb server of Orthanc."""

    window: Window | None = None
    """Daily window in which studies are fetched. Default: always."""
    studies_per_hour: int | None = Field(default=None, ge=1, le=100_000)
    """Number of studies fetched in an hour, at most. Default: no limit."""
    studies_ahead: int = Field(default=4, ge=1, le=1000)
    """Number of fetched studies that may be under way in SendIt; the next is fetched when one of them has ended."""
    retrieve: Literal["C-MOVE", "C-GET"] = "C-MOVE"
    """How a modality is asked for studies. C-GET needs Orthanc 1.12.6 or later, but no entry in the PACS."""
