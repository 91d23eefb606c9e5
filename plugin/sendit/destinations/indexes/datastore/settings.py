"""Settings of an index of type "Datastore"."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field

from sendit.destinations.google.settings import GoogleProject
from sendit.destinations.indexes.base import IndexSettings

#: Names that a key cannot have (cloud.google.com/datastore/docs/concepts/limits).
_RESERVED = re.compile(r"__.*__")


class DatastoreIndexSettings(IndexSettings):
    """Index in Datastore: Collection → Entity → Study → Image."""

    type: Literal["Datastore"]
    """Selects this kind."""
    google_project: GoogleProject
    """Google Cloud project."""
    database: str = Field(default="", pattern=r"^[a-z0-9-]{0,63}$")
    """Name of the database; empty: the default one."""
    namespace: str = Field(default="", pattern=r"^[0-9A-Za-z._-]{0,100}$")
    """Namespace of the entities."""
    endpoint: str | None = Field(default=None, pattern=r"^[A-Za-z0-9.-]+:[0-9]{1,5}$")
    """`host:port` of an emulator. Default: Google's own service."""

    def code_fault(self, code: str) -> str:
        """Return the rule of keys, of which a pseudonym is one."""
        return "Datastore reserves names that begin and end with two underscores" if _RESERVED.fullmatch(code) else ""
