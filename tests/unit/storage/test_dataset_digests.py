"""The digest of a file's dataset is the same from memory and from the disk, however the file is cut."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

import pydicom
import pytest
from pydicom.data import get_testdata_file

from sendit.storage import dataset_digests
from sendit.storage.dataset_digests import DatasetDigests

if TYPE_CHECKING:
    from pathlib import Path


def _file() -> tuple[bytes, bytes]:
    """A DICOM file, and its dataset."""
    content = pydicom.dcmread(str(get_testdata_file("CT_small.dcm", download=False)))
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, content, enforce_file_format=True)
    data = buffer.getvalue()
    return data, data[144 + int.from_bytes(data[140:144], "little") :]


@pytest.mark.parametrize("first", [144, 145, 300, 400, 2_000])
def test_a_dataset_is_digested_in_memory_as_on_the_disk(tmp_path: Path, first: int) -> None:
    data, dataset = _file()
    path = tmp_path / "a.dcm"
    path.write_bytes(data)
    expected = hashlib.sha256(dataset).hexdigest()
    assert dataset_digests.of_file(path) == expected
    assert dataset_digests.of_chunks([data[:first], memoryview(data)[first:]]) == expected


def test_what_is_not_dicom_has_no_digest(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    for data in (b"", b"nothing of the kind", bytes(200), _file()[0][:150]):
        path.write_bytes(data)
        assert dataset_digests.of_chunks([data]) is None


def test_the_oldest_digests_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_digests, "_MOST_KNOWN", 2)
    known = DatasetDigests()
    for letter in "abc":
        known.remember(letter * 64, "0" * 64)
    assert [known.of(letter * 64) for letter in "abc"] == [None, "0" * 64, "0" * 64]
