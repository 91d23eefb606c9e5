"""A section as it would stand in orthanc.json, its defaults included, and without its secrets.

A field is a secret if it is declared with `repr=False`: what pydantic does not show, SendIt shows nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic.fields import FieldInfo

from sendit.config.types import Section
from sendit.model import VARIANT_MARK

if TYPE_CHECKING:
    from sendit.config.schema import Settings

MASK = "***"


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A value that is compared, and never shown. `str` gives what may be shown of it."""

    value: Any

    def __str__(self) -> str:
        """Return the mask; of a URL the scheme, the user and the host, too."""
        return _shown_of_url(self.value) if isinstance(self.value, str) and "://" in self.value else MASK

    __repr__ = __str__


def as_written(value: Any) -> Any:
    """Return a value of the configuration as JSON would have it, each secret as a `Secret`.

    Args:
        value: a section, or any value that can stand in one.
    """
    if isinstance(value, Section):
        fields = type(value).model_fields.items()
        return {field.alias or name: _field(field, getattr(value, name)) for name, field in fields}
    if isinstance(value, dict):
        return {str(name): as_written(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_written(one) for one in value]
    if isinstance(value, time):
        return value.strftime("%H:%M")
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Path) else value


def _field(field: FieldInfo, value: Any) -> Any:
    if field.repr or value == field.default:  # what is the default for everybody is no secret
        return as_written(value)
    if isinstance(value, dict):  # HTTP headers: their names are no secrets
        return {str(name): Secret(one) for name, one in value.items()}
    return Secret(value)


def masked_section(settings: Settings) -> dict[str, Any]:
    """Return the section "SendIt" as `masked` does; variants stand in their projects only."""
    section: dict[str, Any] = masked(settings)
    projects: dict[str, Any] = section["Projects"]
    return {**section, "Projects": {name: one for name, one in projects.items() if VARIANT_MARK not in name}}


def masked(value: Any) -> Any:
    """Return what `as_written` returns, with `***` in the place of each secret."""
    return _masked(as_written(value))


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _masked(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_masked(one) for one in value]
    return str(value) if isinstance(value, Secret) else value


def _shown_of_url(url: str) -> str:
    """Return a URL without password, query and fragment; the query of a database's URL may hold a password, too.

    Of a secret address of the web only the host is shown: webhooks have their token in the path.
    """
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        user = f"{parts.username}:{MASK}@" if parts.username is not None else ""
    except ValueError:
        return MASK
    if parts.scheme in ("http", "https"):
        return f"{parts.scheme}://{user}{host}/{MASK}"
    return f"{parts.scheme}://{user}{host}{parts.path}" + (f"?{MASK}" if parts.query else "")
