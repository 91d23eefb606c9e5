"""The kinds of destinations. `DESTINATIONS` is the registry: one line for each value of "Type"."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, Union

from pydantic import Field

from sendit.config.destination import DestinationSettings

#: The value of "Type" → its package, whose module `settings` has the class `<Type>Settings`, and whose module
#: `destination` has `<Type>Destination`. Named, not imported: the configuration knows no destination, and Google's
#: clients, which cost a second and 100 MB, are loaded only where they are used.
DESTINATIONS: Mapping[str, str] = {
    "OrthancPeer": "sendit.destinations.orthanc_peer",
    "GoogleCloudStorage": "sendit.destinations.gcs",
    "DicomModality": "sendit.destinations.dimse",
    "DicomWeb": "sendit.destinations.dicomweb",
    "Folder": "sendit.destinations.folder",
}


def load_class(kind: str, part: str) -> Any:
    """Return the class of a kind of destination.

    Args:
        kind: the value of "Type".
        part: "Settings" or "Destination".
    """
    return getattr(import_module(f"{DESTINATIONS[kind]}.{part.lower()}"), kind + part)


if TYPE_CHECKING:
    AnyDestination: TypeAlias = DestinationSettings
else:
    _kinds = tuple(load_class(kind, "Settings") for kind in DESTINATIONS)
    AnyDestination = Annotated[Union[_kinds], Field(discriminator="type")]  # noqa: UP007  made at run time
