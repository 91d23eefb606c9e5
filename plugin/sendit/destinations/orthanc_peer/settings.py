"""Settings of a destination of type "OrthancPeer"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from sendit.config.destination import DestinationSettings, unknown_name
from sendit.config.orthanc import OrthancConfig
from sendit.errors import Misconfigured


class OrthancPeerSettings(DestinationSettings):
    """Delivery to another Orthanc, named in "OrthancPeers"."""

    type: Literal["OrthancPeer"]
    """Selects this kind."""
    peer: str
    """Name of the peer in "OrthancPeers"."""
    passport_attachment: int = Field(default=5100, ge=1024, le=60_000)
    """Number of the study's attachment that holds its passport; late parts of a study have the numbers after it."""

    def address(self, orthanc: OrthancConfig) -> str:
        """See `DestinationSettings`."""
        return orthanc.peers[self.peer].url

    def place(self) -> tuple[object, ...]:
        """See `DestinationSettings`."""
        return (self.peer,)

    def problems(self, place: str, orthanc: OrthancConfig) -> Iterator[Misconfigured]:
        """See `DestinationSettings`."""
        if self.peer not in orthanc.peers:
            yield unknown_name(f"{place}.Peer", 'peer of "OrthancPeers"', self.peer, orthanc.peers)
