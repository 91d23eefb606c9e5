"""Where released instances go. `DESTINATIONS` is the registry: one line per value of "Type"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TypeAlias, cast

from sendit.destination_settings import DestinationSettings
from sendit.destinations.base import Destination
from sendit.orthanc_config import OrthancConfig

#: The value of "Type" → where the class is. A module is imported when a destination of its type is configured: Google's
#: clients cost a second and 100 MB, which nobody pays who does not use them.
DESTINATIONS: Mapping[str, str] = {
    "GoogleCloudStorage": "sendit.destinations.google_cloud_storage:GoogleCloudStorageDestination",
    "OrthancPeer": "sendit.destinations.orthanc_peer:OrthancPeerDestination",
    "Folder": "sendit.destinations.folder:FolderDestination",
    "DicomWeb": "sendit.destinations.dicom_web:DicomWebDestination",
    "DicomModality": "sendit.destinations.dicom_modality:DicomModalityDestination",
}

_Maker: TypeAlias = Callable[[str, DestinationSettings, OrthancConfig], Destination]


def open_destination(name: str, settings: DestinationSettings, orthanc: OrthancConfig) -> Destination:
    """The destination that `SendIt.Destinations.{name}` describes. Nothing is connected yet."""
    module, _, maker = DESTINATIONS[settings.type].partition(":")
    return cast(_Maker, getattr(import_module(module), maker))(name, settings, orthanc)
