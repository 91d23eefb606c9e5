"""The options of PS3.15 that a project may choose."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Option(StrEnum):
    """The options of PS3.15 Table E.1-1, by the names of its columns (Annex E.3)."""

    RETAIN_SAFE_PRIVATE = "RetainSafePrivate"
    RETAIN_UIDS = "RetainUIDs"
    RETAIN_DEVICE_IDENTITY = "RetainDeviceIdentity"
    RETAIN_INSTITUTION_IDENTITY = "RetainInstitutionIdentity"
    RETAIN_PATIENT_CHARACTERISTICS = "RetainPatientCharacteristics"
    RETAIN_LONGITUDINAL_FULL_DATES = "RetainLongitudinalFullDates"
    RETAIN_LONGITUDINAL_MODIFIED_DATES = "RetainLongitudinalModifiedDates"
    CLEAN_DESCRIPTORS = "CleanDescriptors"
    CLEAN_STRUCTURED_CONTENT = "CleanStructuredContent"
    CLEAN_GRAPHICS = "CleanGraphics"
    CLEAN_PIXEL_DATA = "CleanPixelData"
    CLEAN_RECOGNIZABLE_VISUAL_FEATURES = "CleanRecognizableVisualFeatures"


#: Sets of options that have one name.
PRESETS: Mapping[str, tuple[Option, ...]] = {
    # What a researcher measures and compares stays; who the patient is, when and where it was, and which device, does
    # not. RetainDeviceIdentity is not among them, because its dates would disclose by how much the others moved.
    "Research": (
        Option.CLEAN_PIXEL_DATA,
        Option.CLEAN_DESCRIPTORS,
        Option.CLEAN_STRUCTURED_CONTENT,
        Option.CLEAN_GRAPHICS,
        Option.RETAIN_SAFE_PRIVATE,
        Option.RETAIN_LONGITUDINAL_MODIFIED_DATES,
        Option.RETAIN_PATIENT_CHARACTERISTICS,
    ),
}


def with_presets(names: Iterable[str]) -> list[str]:
    """Return the names of options, those of a preset in the place of its own, each once."""
    return list(dict.fromkeys(option for name in names for option in map(str, PRESETS.get(name, (name,)))))
