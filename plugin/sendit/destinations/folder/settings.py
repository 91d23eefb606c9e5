"""Settings of a destination of type "Folder"."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from sendit.config.destination import DestinationSettings
from sendit.config.name_template import NameTemplate
from sendit.config.orthanc import OrthancConfig
from sendit.config.types import AbsolutePath


def _file_name(template: str) -> str:
    NameTemplate(template, unique=["instance"])
    return template


#: As chmod takes it.
Mode = Annotated[str, Field(pattern=r"^0[0-7]{3}$")]


class FolderSettings(DestinationSettings):
    """Delivery into a directory, which may be a mounted share."""

    type: Literal["Folder"]
    """Selects this kind."""
    path: AbsolutePath
    """Directory to write to. It must exist: SendIt does not create it."""
    file_name: Annotated[str, AfterValidator(_file_name)] = "{patient}/{study}/{series}/{instance}.dcm"
    """Template of the file names below Path."""
    marker: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._-]{1,200}$")
    """Name of a file in Path that identifies a mounted share: while it is missing, nothing is written."""
    dicomdir: bool = False
    """Maintain a DICOMDIR, which prescribes the names of the files."""
    file_mode: Mode = "0640"
    """Mode of the files, as chmod takes it."""
    directory_mode: Mode = "0750"
    """Mode of the directories, as chmod takes it."""

    @model_validator(mode="after")
    def _names(self) -> FolderSettings:
        if self.dicomdir and "file_name" in self.model_fields_set:
            raise ValueError("a DICOMDIR prescribes the names of files: leave FileName out")
        return self

    def address(self, orthanc: OrthancConfig) -> str:
        """See `DestinationSettings`."""
        return str(self.path)

    def place(self) -> tuple[object, ...]:
        """See `DestinationSettings`."""
        return (self.path, self.file_name)

    def folder(self) -> Path | None:
        """See `DestinationSettings`."""
        return self.path
