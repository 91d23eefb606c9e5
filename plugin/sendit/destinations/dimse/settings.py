"""Settings of a destination of type "DicomModality"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import Field, model_validator

from sendit.config.destination import DestinationSettings, unknown_name
from sendit.config.orthanc import OrthancConfig
from sendit.errors import Misconfigured


class DicomModalitySettings(DestinationSettings):
    """Delivery by C-STORE to a modality named in "DicomModalities"."""

    type: Literal["DicomModality"]
    """Selects this kind."""
    modality: str
    """Name of the modality in "DicomModalities"."""
    storage_commitment: bool = False
    """Request storage commitment, and wait for the answer."""
    commitment_port: int | None = Field(default=None, ge=1, le=65535)
    """Port at which SendIt listens for answers on a new association; needs StorageCommitment."""
    commitment_timeout: float = Field(default=60.0, gt=0, le=86_400)
    """Time without an answer after which storage commitment is requested again, in seconds."""
    acknowledgement_is_enough: bool = False
    """For a modality that answers no query: accept its acknowledgement of the instances instead of reading them
    back."""

    @model_validator(mode="after")
    def _commitment(self) -> DicomModalitySettings:
        if self.commitment_port is not None and not self.storage_commitment:
            raise ValueError("CommitmentPort is of use with StorageCommitment only")
        return self

    def address(self, orthanc: OrthancConfig) -> str:
        """See `DestinationSettings`."""
        modality = orthanc.dicom.modality(self.modality)
        return f"{modality.aet} at {modality.host}:{modality.port}"

    def place(self) -> tuple[object, ...]:
        """See `DestinationSettings`."""
        return (self.modality,)

    def problems(self, place: str, orthanc: OrthancConfig) -> Iterator[Misconfigured]:
        """See `DestinationSettings`."""
        if self.modality in orthanc.dicom.names:
            orthanc.dicom.modality(self.modality)
        elif orthanc.dicom.document.get("DicomModalitiesInDatabase"):
            problem = "SendIt reads modalities from orthanc.json, not from Orthanc's database"
            yield Misconfigured("DicomModalitiesInDatabase", problem, 'Set it to false and use "DicomModalities".')
        else:
            modalities = dict.fromkeys(orthanc.dicom.names)
            yield unknown_name(f"{place}.Modality", 'modality of "DicomModalities"', self.modality, modalities)

    def ports(self) -> Mapping[str, int]:
        """See `DestinationSettings`."""
        return {} if self.commitment_port is None else {"CommitmentPort": self.commitment_port}
