"""Where released instances go. `DESTINATIONS` is the registry: one line per value of "Type"."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sendit.destinations.base import Destination
from sendit.destinations.orthanc_peer import OrthancPeerDestination
from sendit.orthanc_config import OrthancConfig
from sendit.settings import DestinationSettings

DESTINATIONS: Mapping[str, Callable[[str, DestinationSettings, OrthancConfig], Destination]] = {
    "OrthancPeer": OrthancPeerDestination,
}


def open_destination(name: str, settings: DestinationSettings, orthanc: OrthancConfig) -> Destination:
    """The destination that `SendIt.Destinations.{name}` describes. Nothing is connected yet."""
    return DESTINATIONS[settings.type](name, settings, orthanc)
