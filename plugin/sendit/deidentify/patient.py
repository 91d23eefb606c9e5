"""The patient of a file, before anything is decided about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendit.deidentify.dicom.reader import read_file
from sendit.deidentify.validate import subject_of
from sendit.errors import Reject

if TYPE_CHECKING:
    import mmap

    from sendit.deidentify.pseudonyms import Patient


def patient_of(source: bytes | memoryview | mmap.mmap) -> Patient | None:
    """Return the patient as the engine will see them; None if the engine will not release this file anyway."""
    try:
        return subject_of(read_file(memoryview(source)).elements).patient
    except Reject:
        return None
    except Exception:  # noqa: BLE001  a fault of ours: the engine meets it again, and quarantines
        return None
