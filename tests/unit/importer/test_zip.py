"""Members of ZIP archives, one at a time and within bounds."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import TYPE_CHECKING

import pytest

from sendit.importer import zip as archives
from sendit.importer.types import FileResult
from sendit.importer.zip import Member, members
from sendit.model import FileOutcome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DICOM = bytes(128) + b"DICM" + bytes(2000)


def packed(contents: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def opened(archive: bytes) -> dict[str, bytes | FileOutcome]:
    """What comes out, by name: the bytes to be stored, or an outcome."""
    found: dict[str, bytes | FileOutcome] = {}
    for entry in members(io.BytesIO(archive), "a.zip", None):
        if isinstance(entry, Member):
            with entry.stream:
                found[entry.name] = entry.stream.read()
        else:
            found[entry.name] = entry.outcome
    return found


def reason(archive: bytes) -> str:
    """The reason of the only finding."""
    (result,) = members(io.BytesIO(archive), "a.zip", None)
    assert isinstance(result, FileResult)
    assert result.outcome is FileOutcome.UNREADABLE
    return str(result.reason)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members(compression: int) -> None:
    """DICOM comes out whole; everything else has an outcome; folders are nothing."""
    contents = {"d/": b"", "d/IM1": DICOM, "notes.txt": b"x", "Thumbs.db": b"x", "empty": b""}
    assert opened(packed(contents, compression)) == {
        "a.zip/d/IM1": DICOM,
        "a.zip/notes.txt": FileOutcome.NOT_DICOM,
        "a.zip/Thumbs.db": FileOutcome.IGNORED,
        "a.zip/empty": FileOutcome.NOT_DICOM,
    }


def test_an_archive_in_an_archive() -> None:
    """One level of nesting is opened, a second one is not."""
    inner = packed({"IM2": DICOM, "c.zip": packed({"IM3": DICOM})})
    assert opened(packed({"b.zip": inner})) == {
        "a.zip/b.zip/IM2": DICOM,
        "a.zip/b.zip/c.zip": FileOutcome.UNREADABLE,
    }


def test_names_are_never_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A member that climbs out of the folder is imported like any other, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    assert opened(packed({"../../evil": DICOM, "/etc/evil": DICOM})) == {
        "a.zip/../../evil": DICOM,
        "a.zip//etc/evil": DICOM,
    }
    assert list(tmp_path.iterdir()) == []


def test_two_members_of_one_name() -> None:
    """Each has its outcome."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("IM1", DICOM)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("IM1", b"x")
    assert opened(buffer.getvalue()) == {"a.zip/IM1": DICOM, "a.zip/IM1 (2)": FileOutcome.NOT_DICOM}


def test_an_encrypted_member() -> None:
    """It is told to be encrypted."""
    data = bytearray(packed({"IM1": DICOM}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in reason(bytes(data))


def test_a_wrong_checksum() -> None:
    """A member whose bytes were damaged is never handed out, not even its good beginning."""
    data = bytearray(packed({"IM1": DICOM}, zipfile.ZIP_STORED))
    data[30 + 3 + 1800] ^= 1
    assert "checksum" in reason(bytes(data))


@pytest.mark.parametrize("kept", [0.3, 0.9, 0.99])
def test_a_truncated_archive(kept: float) -> None:
    """Without its list of contents an archive cannot be opened."""
    whole = packed({f"IM{n}": DICOM for n in range(20)})
    assert "cannot be opened" in reason(whole[: int(len(whole) * kept)])


def test_damage_anywhere_is_no_more_than_unreadable() -> None:
    """Whatever single byte is wrong: the content as it was, or an outcome; no other content, and no foreign error."""
    whole = packed({"IM1": DICOM, "b.zip": packed({"IM2": DICOM})})
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        for content in opened(bytes(damaged)).values():
            assert content in (DICOM, FileOutcome.UNREADABLE, FileOutcome.NOT_DICOM), position


def test_an_unknown_compression() -> None:
    """It is told that it is not supported."""
    data = bytearray(packed({"IM1": DICOM}))
    central = data.index(b"PK\x01\x02")
    data[8:10] = data[central + 10 : central + 12] = struct.pack("<H", 97)
    assert "unsupported" in reason(bytes(data))


def test_a_member_that_claims_to_be_huge() -> None:
    """More than 4 GiB unpacked is refused unread, as is what is packed insanely well."""
    info = zipfile.ZipInfo("IM1")
    info.file_size, info.compress_size = 5 * 1024**3, 4 * 1024**3
    with pytest.raises(archives._Refused, match="4 GiB"):
        archives._check(info)
    info.file_size, info.compress_size = 1024**3, 1024**2
    with pytest.raises(archives._Refused, match="densely"):
        archives._check(info)
    info.file_size, info.compress_size = 100 * 1024**2, 100 * 1024
    archives._check(info)


def test_a_list_of_contents_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not read into memory."""
    monkeypatch.setattr(archives, "_LONGEST_READ", 4000)
    assert "cannot be opened" in reason(packed({f"{'n' * 60}{n}": b"" for n in range(100)}))


def test_large_members_are_spooled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Into a file without a name, so that nothing is left whatever happens."""
    monkeypatch.setattr(archives, "_IN_MEMORY", 100)
    (member,) = members(io.BytesIO(packed({"IM1": DICOM})), "a.zip", tmp_path)
    assert isinstance(member, Member)
    with member.stream:
        assert member.stream.fileno() > 0
        assert member.stream.read() == DICOM
        assert list(tmp_path.iterdir()) == []
