"""Where a destination can keep a study's passport, and a project's list of recalled studies (docs/passport.md).

A passport lies beside the instances that it describes. A destination without such a place may get it as a DICOM object
among them, like any other instance.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from sendit.config.name_template import safe
from sendit.errors import Misconfigured

if TYPE_CHECKING:
    from sendit.config.destination import DestinationSettings
    from sendit.destinations.base import Destination
    from sendit.model import Shipment

#: Formats of the documents.
PASSPORT_FORMAT = "sendit-passport/1"
REVOCATIONS_FORMAT = "sendit-revocations/1"
_BODIES = {PASSPORT_FORMAT: ("manifest", "study"), REVOCATIONS_FORMAT: ("revocations", "project")}


class PassportHolder(ABC):
    """A destination that keeps a passport beside the instances. The errors are those of `Destination`.

    All methods may be repeated. They are given shipments with at least one staged instance, whose file may be gone.
    """

    @abstractmethod
    def put_passport(self, shipment: Shipment, content: bytes) -> None:
        """Store the passport, in place of an earlier one of the same study; leave an equal one alone.

        Raises:
            Misconfigured: something that is not a passport of this study is in its place.
        """

    @abstractmethod
    def read_passport(self, shipment: Shipment) -> bytes | None:
        """Return what the destination holds in the place of the passport; None for nothing."""

    @abstractmethod
    def remove_passport(self, shipment: Shipment) -> str | None:
        """Remove the passport; why it could not be removed, or None. One that is not there is removed."""


class RevocationsHolder(ABC):
    """A destination that keeps a project's list of recalled studies."""

    @abstractmethod
    def put_revocations(self, project: str, content: bytes) -> None:
        """Store the list in place of the earlier one. The errors are those of `put_passport`."""


def takes_passports(destination: Destination | None, settings: DestinationSettings) -> bool:
    """Return whether a destination is to get passports: as its settings say, else if it can keep them beside."""
    return isinstance(destination, PassportHolder) if settings.passport is None else settings.passport


def passport_name(part: int, study: str = "") -> str:
    """Return the name of a passport: `manifest.json`, `manifest_part2.json`.

    Args:
        part: of the study that it is for, from 1.
        study: coded StudyInstanceUID, where the folder also holds other studies.
    """
    of_study = f"_{safe(study)}" if study else ""
    return f"manifest{of_study}{part_suffix(part)}.json"


def part_suffix(part: int) -> str:
    """Return what tells the parts of a study apart in a name; nothing for the first."""
    return f"_part{part}" if part > 1 else ""


def revocations_name(project: str) -> str:
    """Return the name of a project's list of recalled studies."""
    return f"revocations_{safe(project)}.json"


def is_ours(existing: bytes, kind: str, subject: str) -> bool:
    """Return whether this is a document of ours.

    Args:
        existing: the content.
        kind: its format.
        subject: coded StudyInstanceUID of a passport, project of a list.
    """
    body, key = _BODIES[kind]
    try:
        document = json.loads(existing)
        return bool(document["format"] == kind and document[body][key] == subject)
    except (ValueError, KeyError, TypeError):
        return False


def check_replaceable(existing: bytes, kind: str, subject: str, place: str) -> None:
    """Check that what is there is an earlier document of ours about the same; `place` is the destination's.

    Raises:
        Misconfigured: it is something else, and stays.
    """
    if not is_ours(existing, kind, subject):
        what = "a passport of this study" if kind == PASSPORT_FORMAT else f"the revocations of project {subject}"
        problem = f"something that is not {what} is in the place of it"
        raise Misconfigured(place, problem, "Nothing there was overwritten. Move it away, then retry.")
