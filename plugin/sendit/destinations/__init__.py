"""Where released instances go. Each kind is a package; `config` has the registry of their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sendit.config.destination import DestinationSettings
    from sendit.config.orthanc import OrthancConfig
    from sendit.destinations.base import Destination


def open_destination(name: str, settings: DestinationSettings, orthanc: OrthancConfig) -> Destination:
    """Return the destination that `SendIt.Destinations.{name}` describes. Nothing is connected yet."""
    # The settings of the kinds are in packages below this one.
    from sendit.config.destinations import load_class  # noqa: PLC0415

    destination: Destination = load_class(settings.type, "Destination")(name, settings, orthanc)
    return destination
