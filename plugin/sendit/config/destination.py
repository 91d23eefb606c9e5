"""The entries of "SendIt.Destinations": the keys that all kinds have. Each adds its own in its `settings` module."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from datetime import time
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from sendit.config.guesses import did_you_mean
from sendit.config.orthanc import OrthancConfig
from sendit.config.types import Modalities, RetrySettings, Section
from sendit.errors import Misconfigured


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("there is no such time zone; write it as Europe/Berlin") from None
    return name


def _clock(value: Any) -> Any:
    """Accept "20:00", and nothing else that pydantic would take for a time."""
    if not isinstance(value, str) or len(value) != 5 or value[2] != ":":
        raise ValueError("write the time as 20:00")
    return value


TimeZone = Annotated[str, AfterValidator(_time_zone)]
_CLOCK_SCHEMA = {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}
Clock = Annotated[time, BeforeValidator(_clock), WithJsonSchema(_CLOCK_SCHEMA)]


class Window(Section):
    """Daily delivery window: From (included) until To (excluded), over midnight if To is earlier than From."""

    opens: Clock = Field(alias="From")
    """Time of day at which the window opens, as `20:00`."""
    closes: Clock = Field(alias="To")
    """Time of day at which the window closes."""
    time_zone: TimeZone | None = None
    """Time zone of From and To, as `Europe/Berlin`. Default: that of the machine."""

    @model_validator(mode="after")
    def _not_empty(self) -> Window:
        if self.opens == self.closes:
            raise ValueError("From and To are the same time; leave Window out for a destination that is always open")
        return self


class DestinationSettings(Section):
    """Settings of every destination."""

    enabled: bool = True
    """With `false`, deliveries to it wait."""
    concurrency: int = Field(default=4, ge=1, le=64)
    """Number of uploads of one batch at the same time."""
    batches_at_once: int = Field(default=2, ge=1, le=64)
    """Number of batches that are delivered at the same time."""
    bytes_per_second: int | None = Field(default=None, ge=1024)
    """Average rate of all of its uploads, in bytes per second. Default: no limit."""
    window: Window | None = None
    """Daily delivery window. Default: always open."""
    modalities: Modalities | None = None
    """Modalities to send. Default: all."""
    passport: bool | None = None
    """Deliver the signed passport of each study, too. Default: `true` where it can lie beside the instances (Folder,
    OrthancPeer, GoogleCloudStorage). Elsewhere `false`; `true` sends it as a DICOM object (Basic Text SR)."""
    retry: RetrySettings = RetrySettings()
    """Retries of deliveries to it."""
    type: Any
    """Selects the kind of destination."""

    @abstractmethod
    def address(self, orthanc: OrthancConfig) -> str:
        """Return where the destination is, without credentials."""

    @abstractmethod
    def place(self) -> tuple[object, ...]:
        """Return all that tells two places of this kind apart: equal ones are the same place under two names."""

    def problems(self, place: str, orthanc: OrthancConfig) -> Iterator[Misconfigured]:  # noqa: ARG002 - a default
        """Yield an error for each name in these settings that points nowhere.

        Args:
            place: where the settings stand in orthanc.json, for example `SendIt.Destinations.research`.
            orthanc: Orthanc's own configuration, with its peers and modalities.
        """
        yield from ()

    def ports(self) -> Mapping[str, int]:
        """Return the ports that SendIt listens at for this destination, by their keys in the configuration."""
        return {}

    def folder(self) -> Path | None:
        """Return the folder that the destination writes into, if it is one."""
        return None

    def code_fault(self, code: str) -> str:  # noqa: ARG002 - a default
        """Return the rule by which the destination cannot hold this pseudonym; "" if it can.

        In names of files and objects every code has its place (name_template.py), so few destinations have such a rule.
        """
        return ""


def unknown_name(place: str, kind: str, name: str, known: Mapping[str, Any]) -> Misconfigured:
    """Return the error for a name that points nowhere, with those that are known."""
    names = ", ".join(sorted(known)) or "none"
    return Misconfigured(place, f"'{name}' is no {kind}", f"{did_you_mean(name, known)}Known: {names}.")
