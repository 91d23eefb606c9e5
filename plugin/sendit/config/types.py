"""Building blocks of the configuration: sections, and the types of their values."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_pascal


class Section(BaseModel):
    """A JSON object with PascalCase keys, as Orthanc writes them; anything unknown is refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_pascal, validate_default=True, hide_input_in_errors=True
    )

    @model_validator(mode="before")
    @classmethod
    def _numbers(cls, given: Any) -> Any:
        """Refuse `true` as a number: pydantic would take it for 1."""
        for name, field in cls.model_fields.items():
            key, kinds = field.alias or name, (field.annotation, *get_args(field.annotation))
            if isinstance(given, dict) and isinstance(given.get(key), bool) and {int, float} & {*kinds}:
                raise ValueError(f"true and false are not numbers for {key}")
        return given


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("give an absolute path, beginning with /")
    return path


def web_address(url: str) -> str:
    """Accept a URL without credentials and without a fragment.

    Raises:
        ValueError: it is none; the text says what to write instead.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("this is not a URL") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("give a complete URL, beginning with https://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("user and password belong in keys of their own, Username and Password")
    if parts.fragment or not url.isascii() or any(c.isspace() for c in url):
        raise ValueError("this is not the URL of a service")
    return url


def private_way(url: str) -> str:
    """Accept a `web_address` that identifiers may be sent to.

    Raises:
        ValueError: it is none, or others can listen.
    """
    parts = urlsplit(web_address(url))
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError("PatientIDs may only be sent encrypted: https://, or http:// to this machine itself")
    return url


#: Names of projects and destinations stand in file names, URLs and logs.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
WebAddress = Annotated[str, AfterValidator(web_address)]
PrivateWay = Annotated[str, AfterValidator(private_way)]
#: Characters that may stand in a line of an HTTP request.
HeaderName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]
HeaderValue: TypeAlias = Annotated[str, Field(pattern=r"^[!-~]([ -~]*[!-~])?$")]


def _modality(code: str) -> str:
    if not re.fullmatch(r"[A-Z0-9_][A-Z0-9_ ]{0,15}", code) or code != code.strip():
        raise ValueError("write a modality as DICOM codes it, for example CT")
    return code


Modalities: TypeAlias = Annotated[list[Annotated[str, AfterValidator(_modality)]], Field(min_length=1)]


def _credential(text: str) -> str:
    if not text:
        raise ValueError("it is empty; is an environment variable not set?")
    return text


#: A user's name, or a password.
Credential: TypeAlias = Annotated[str, AfterValidator(_credential)]


class RetrySettings(Section):
    """Exponential backoff with jitter: FirstDelay, twice that, four times that …, at most MaxDelay."""

    limit: int = Field(default=10, ge=0, le=1000)
    """Number of retries, after which the batch is FAILED."""
    first_delay: float = Field(default=5.0, gt=0, le=86_400)
    """Delay before the first retry, in seconds."""
    max_delay: float = Field(default=3600.0, gt=0, le=604_800)
    """Longest delay between two tries, in seconds."""


class TracingSettings(Section):
    """A collector of OpenTelemetry, which gets a trace of each batch: its stages, and how long they took."""

    url: WebAddress = Field(repr=False)
    """Its address for traces by OTLP over HTTP, as `https://collector.example:4318/v1/traces`."""
    headers: dict[HeaderName, HeaderValue] = Field(default={}, repr=False)
    """HTTP headers to send with each request."""
    certificate_authority: AbsolutePath | None = None
    """PEM file with the authorities to trust. Default: those that the system trusts."""


#: How much is logged.
Level: TypeAlias = Literal["Debug", "Info", "Warning", "Error"]


class LogSettings(Section):
    """Level, file and format of the log. No line contains a patient identifier."""

    level: Level = "Info"
    """Least level that is logged; `Debug` adds how long each stage took. `sendit log-level` changes it at run time.
    Orthanc shows lines of the level Info only with `--verbose`."""
    format: Literal["Text", "Json"] = "Text"
    """`Json`: each line is an object with `at`, `level`, `logger`, `message`, and `batch`, `state` and `project` where
    they are known."""
    file: AbsolutePath | None = None
    """File to which everything is written, too; readable by its owner alone. It may be rotated (logrotate). Default:
    none, only Orthanc's log."""
