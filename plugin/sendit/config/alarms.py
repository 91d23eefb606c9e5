"""The section "SendIt.Alarms": to whom problems are reported, how, and which."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import Field, model_validator

from sendit.config.destination import Clock, TimeZone
from sendit.config.types import AbsolutePath, Credential, HeaderName, HeaderValue, Section, WebAddress

#: Subjects of alarms; docs/runbook.md has a chapter for each.
Kind: TypeAlias = Literal["Held", "Failed", "Destination", "Disk", "Idle", "Expiry", "Fault"]

Address = Annotated[str, Field(pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+$", max_length=254)]


class Webhook(Section):
    """An address that takes messages as JSON."""

    url: WebAddress = Field(repr=False)
    """Address to which messages are posted. It is a secret where it contains a token, so it is shown nowhere."""
    format: Literal["Slack", "Teams"] = "Slack"
    """`Slack`: `{"text": …}`, as Slack, Mattermost, Rocket.Chat and others take it; `Teams`: an adaptive card."""
    headers: dict[HeaderName, HeaderValue] = Field(default={}, repr=False)
    """HTTP headers to send with each message."""
    timeout: float = Field(default=15.0, gt=0, le=120)
    """Time to connect, and without a byte, in seconds."""
    certificate_authority: AbsolutePath | None = None
    """PEM file with the authorities to trust. Default: those that the system trusts."""


class Email(Section):
    """A mail server, and who gets the messages."""

    host: str = Field(min_length=1, max_length=253)
    """Mail server (SMTP)."""
    port: int = Field(default=587, ge=1, le=65_535)
    """Port of the mail server."""
    security: Literal["StartTls", "Tls", "None"] = "StartTls"
    """`StartTls` (usually port 587), `Tls` (usually port 465), or `None`: not encrypted, without a password."""
    username: Credential | None = None
    """User name; needs Password."""
    password: Credential | None = Field(default=None, repr=False)
    """Password; needs Username."""
    sender: Address = Field(alias="From")
    """Address of the sender."""
    to: list[Address] = Field(min_length=1)
    """Addresses of the recipients."""
    timeout: float = Field(default=30.0, gt=0, le=120)
    """Time without an answer, in seconds."""
    certificate_authority: AbsolutePath | None = None
    """PEM file with the authorities to trust. Default: those that the system trusts."""

    @model_validator(mode="after")
    def _consistent(self) -> Email:
        if (self.username is None) != (self.password is None):
            raise ValueError("Username and Password go together")
        if self.password is not None and self.security == "None":
            raise ValueError("a password is only sent encrypted: set Security to StartTls or Tls")
        return self


class Alarms(Section):
    """Messages about what needs a person. They contain numbers of batches, never identifiers."""

    webhooks: list[Webhook] = []
    """Addresses that take messages as JSON: Slack, Teams and others."""
    email: Email | None = None
    """A mail server, and who gets the messages."""
    on: list[Kind] = list(get_args(Kind))
    """Subjects of alarms: batches that are `Held` or `Failed`, a `Destination` that is down, a `Disk` with little room,
    `Idle` (nothing moves, though something waits), the `Expiry` of certificates and signing keys, and a `Fault` of
    SendIt itself. Default: all."""
    title: str = Field(default="SendIt", min_length=1, max_length=64, pattern=r"^[ -~]+$")
    """Name of this SendIt in the messages."""
    link: WebAddress | None = None
    """Address of SendIt's pages for the messages, as `https://orthanc.example/sendit/`."""
    check_seconds: float = Field(default=60.0, gt=0, le=3600)
    """Interval between two checks, in seconds; what has happened since the last one is one message."""
    repeat_hours: float = Field(default=24.0, gt=0, le=720)
    """Hours after which a problem that goes on is reported again."""
    destination_minutes: float = Field(default=10.0, ge=0, le=1440)
    """Minutes for which a destination has to be down before it is reported."""
    disk_gigabytes: float = Field(default=10.0, ge=0)
    """Free space on the disk of DataDirectory, in gigabytes, below which it is reported."""
    idle_hours: float = Field(default=6.0, gt=0, le=720)
    """Hours without any progress, while something waits that nothing holds back."""
    expiry_days: float = Field(default=30.0, ge=0, le=3650)
    """Days before the end of a certificate, or of SigningKeyDays, from which it is reported."""
    signing_key_days: float | None = Field(default=None, gt=0, le=36_500)
    """Days for which a project's signing key may be used. Default: for ever."""
    daily_summary: Clock | None = None
    """Time of day of a summary of the day before, as `07:00`. Default: none."""
    time_zone: TimeZone | None = None
    """Time zone of DailySummary. Default: that of the machine."""

    @model_validator(mode="after")
    def _told_to_somebody(self) -> Alarms:
        if not self.webhooks and self.email is None:
            raise ValueError("it names nobody to tell; add Webhooks or Email")
        return self
