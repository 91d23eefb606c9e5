"""What a file is, by its first bytes."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from sendit.importer.file_kind import HEAD, FileKind, kind_of


def head_of(name: str) -> bytes:
    path = get_testdata_file(name, download=False)
    assert path is not None
    with Path(path).open("rb") as file:
        return file.read(HEAD)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("CT_small.dcm", FileKind.DICOM),
        ("test-SR.dcm", FileKind.DICOM),
        ("MR_small_bigendian.dcm", FileKind.DICOM),
        ("no_meta_group_length.dcm", FileKind.DICOM),
        ("ExplVR_LitEndNoMeta.dcm", FileKind.BARE),
        ("ExplVR_BigEndNoMeta.dcm", FileKind.BARE),
        ("DICOMDIR", FileKind.INDEX),
        ("README.txt", FileKind.OTHER),
        ("crayons.icc", FileKind.OTHER),
    ],
)
def test_real_files(name: str, kind: FileKind) -> None:
    """pydicom's own files are told apart without their names."""
    assert kind_of(head_of(name), "IM1") is kind


def test_other_files() -> None:
    """Empty files, archives and pictures."""
    assert kind_of(b"", "IM1") is FileKind.EMPTY
    assert kind_of(b"PK\x03\x04" + bytes(100), "IM1") is FileKind.ARCHIVE
    assert kind_of(b"\xff\xd8\xff\xe0" + bytes(500), "IM1") is FileKind.OTHER
    assert kind_of(bytes(HEAD), "IM1") is FileKind.OTHER


def test_an_empty_archive(tmp_path: Path) -> None:
    """A ZIP without members is an archive all the same."""
    path = tmp_path / "a"
    zipfile.ZipFile(path, "w").close()
    assert kind_of(path.read_bytes(), "a") is FileKind.ARCHIVE


def test_a_dicom_file_with_an_archive_for_a_preamble() -> None:
    """DICM goes before whatever the preamble pretends."""
    assert kind_of(b"PK\x03\x04" + bytes(124) + b"DICM" + bytes(100), "IM1") is FileKind.DICOM


def test_a_directory_without_meta_is_known_by_its_name() -> None:
    """A DICOMDIR that does not say what it is has its name for it."""
    assert kind_of(bytes(128) + b"DICM" + bytes(100), "cd/DICOMDIR") is FileKind.INDEX
