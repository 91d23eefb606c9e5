"""Whom a file is about, before anything is decided about it."""

from __future__ import annotations

import mmap

from sendit.deidentify.checks import subject_of
from sendit.deidentify.identity import Patient
from sendit.deidentify.reader import read_file
from sendit.errors import Reject


def patient_of(source: bytes | memoryview | mmap.mmap) -> Patient | None:
    """The patient as the engine will see them; None if the engine will not release this file anyway."""
    try:
        return subject_of(read_file(memoryview(source)).elements).patient
    except Reject:
        return None
    except Exception:  # noqa: BLE001  a fault of ours: the engine meets it again, and quarantines
        return None
