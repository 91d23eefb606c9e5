"""Real files to de-identify (those that ship in pydicom's package), and short ways to do it."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
from pydicom.data import get_testdata_file

from sendit.deidentify import KeyedIdentities, Plan, RecipeText, compile_plan, deidentify
from sendit.deidentify.retained.written_by_devices import with_versions
from sendit.deidentify.text.clean import PersonalData, TextCleaner
from sendit.model import Released

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileDataset

KEY = bytes(range(32))
_SOFTWARE_VERSIONS = 0x00181020
IDENTITIES = KeyedIdentities(KEY)

#: Different modalities, transfer syntaxes and structures.
VARIED = (
    "CT_small.dcm",
    "MR_small.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_implicit.dcm",
    "MR_small_RLE.dcm",
    "JPEG2000.dcm",
    "SC_rgb_jpeg_gdcm.dcm",
    "SC_ybr_full_422_uncompressed.dcm",
    "image_dfl.dcm",
    "liver_1frame.dcm",
    "rtplan.dcm",
    "rtdose_1frame.dcm",
    "reportsi.dcm",
    "ExplVR_BigEnd.dcm",
)


def path(name: str) -> Path:
    """Where a file of pydicom's package is."""
    found = get_testdata_file(name, download=False)
    assert isinstance(found, str), f"{name} does not ship with pydicom"
    return Path(found)


def sample(name: str = "CT_small.dcm") -> bytes:
    """The bytes of a file of pydicom's package."""
    return path(name).read_bytes()


def dataset(name: str = "CT_small.dcm") -> FileDataset:
    """The same, read."""
    return pydicom.dcmread(path(name))


def file_of(content: Dataset) -> bytes:
    """A dataset as the bytes of a file."""
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, content)
    return buffer.getvalue()


def recipe(*lines: str, name: str = "site.deid") -> RecipeText:
    """A recipe with these lines in its header section; the first of them is line 3."""
    return RecipeText(name, "\n".join(("FORMAT dicom", "%header", *lines)) + "\n")


@cache
def plan(*lines: str) -> Plan:
    """The Basic profile, and these lines of a recipe over it."""
    return compile_plan([], [recipe(*lines)] if lines else [])


def released(source: bytes, by: Plan | None = None, identities: KeyedIdentities = IDENTITIES) -> Released:
    """The outcome, which has to be Released."""
    outcome = deidentify(source, by or plan(), identities)
    assert isinstance(outcome, Released), outcome
    return outcome


def output(source: bytes, by: Plan | None = None) -> FileDataset:
    """What leaves, read again."""
    return pydicom.dcmread(io.BytesIO(b"".join(released(source, by).chunks)))


def version_of(text: str) -> str:
    """What is left of a text that names a version, of a file that names nobody."""
    cleaner = TextCleaner(PersonalData())
    return with_versions(_SOFTWARE_VERSIONS, text, cleaner, cleaner.technical)
