"""The crosswalk: both ways, sealed, and gone with its key."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sendit import keyring
from sendit.errors import Misconfigured, Quarantine
from sendit.journal import Journal
from sendit.model import CrosswalkEntry
from sendit.pseudonyms.crosswalk import Crosswalk, CrosswalkRow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.long

ORIGINALS = ("MRN-7741-905", "Hospital of Nowhere", "1.2.3.4.5.77", "ACC5512077")
ENTRY = CrosswalkEntry(*ORIGINALS, "CODE1", "2.25.1", "CODEDACC")


@pytest.fixture
def journal(data_directory: Path) -> Iterator[Journal]:
    opened = Journal.open("sqlite", data_directory)
    yield opened
    opened.close()


@pytest.fixture
def table(journal: Journal, tmp_path: Path) -> Crosswalk:
    made = Crosswalk(journal, tmp_path / "crosswalk", "irb")
    made.prepare()
    made.write([ENTRY])
    return made


def test_both_ways(table: Crosswalk) -> None:
    """From the pseudonym to all that is the patient's; from any original to its code; twice written is once there."""
    table.write([ENTRY, ENTRY])
    patient = CrosswalkRow("patient", "CODE1", "CODE1", ORIGINALS[0], ORIGINALS[1])
    study = CrosswalkRow("study", "2.25.1", "CODE1", ORIGINALS[2])
    accession = CrosswalkRow("accession", "CODEDACC", "CODE1", ORIGINALS[3])
    assert table.by_code("CODE1") == table.all() == [patient, study, accession]
    assert table.by_code("2.25.1") == [study]
    assert [table.by_original(ORIGINALS[n]) for n in (0, 2, 3)] == [[patient], [study], [accession]]
    assert table.by_code("CODE2") == table.by_original("MRN") == []


def test_nothing_is_readable_without_the_key(table: Crosswalk, data_directory: Path, tmp_path: Path) -> None:
    """The database's files hold no original, and another key opens nothing."""
    content = b"".join(path.read_bytes() for path in data_directory.rglob("*") if path.is_file())
    assert b"CODEDACC" in content
    for original in ORIGINALS:
        assert original.encode() not in content
    key = tmp_path / "crosswalk" / "irb.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.parent.stat().st_mode & 0o777 == 0o700
    key.write_bytes(os.urandom(32).hex().encode())
    with pytest.raises(Misconfigured, match="not the key"):
        table.by_code("CODE1")
    key.unlink()
    with pytest.raises(Misconfigured, match="missing"):
        table.prepare()


def test_a_changed_row_is_seen(table: Crosswalk, data_directory: Path) -> None:
    """A sealed original cannot be moved to another code."""
    with closing(sqlite3.connect(data_directory / "journal.sqlite")) as database:
        database.execute("UPDATE crosswalk SET code = 'CODE2' WHERE kind = 'patient'")
        database.commit()
    with pytest.raises(Misconfigured, match="changed from outside"):
        table.all()


def test_a_row_that_is_cut_off(table: Crosswalk, data_directory: Path) -> None:
    """It is said, too."""
    with closing(sqlite3.connect(data_directory / "journal.sqlite")) as database:
        database.execute("UPDATE crosswalk SET sealed = substr(sealed, 1, 5)")
        database.commit()
    with pytest.raises(Misconfigured, match="changed from outside"):
        table.all()


def test_one_pseudonym_is_one_patients(table: Crosswalk) -> None:
    """A list or a service that gives a code a second time is stopped; the patient's further studies are not."""
    table.write([CrosswalkEntry("MRN-7741-905", "", "1.2.3.4.5.78", "", "CODE1", "2.25.2", "")])
    with pytest.raises(Quarantine, match="two patients with one pseudonym") as caught:
        table.write([CrosswalkEntry("MRN-8", "", "1.2.3.4.5.79", "", "CODE1", "2.25.3", "")])
    assert "MRN" not in str(caught.value)


def test_issuers(table: Crosswalk, journal: Journal, tmp_path: Path) -> None:
    """Each has a row of its own; one code for both is held only where issuers count."""
    second = CrosswalkEntry(ORIGINALS[0], "Elsewhere", "1.2.3.4.5.80", "", "CODE1", "2.25.5", "")
    exact = Crosswalk(journal, tmp_path / "crosswalk", "irb", issuer_counts=True)
    with pytest.raises(Quarantine, match="two patients with one pseudonym"):
        exact.write([second])
    table.write([second])
    assert [row.issuer for row in table.by_original(ORIGINALS[0])] == [ORIGINALS[1], "Elsewhere"]
    table.write([CrosswalkEntry(ORIGINALS[0], "Third", "1.2.3.4.5.81", "", "CODE3", "2.25.6", "")])
    assert [row.code for row in table.by_original(ORIGINALS[0])] == ["CODE1", "CODE1", "CODE3"]


def test_originals_of_any_bytes(table: Crosswalk) -> None:
    """Also one that no character set explains comes back as it was."""
    odd = "MRN-\udcff\udc80-Ä"
    table.write([CrosswalkEntry(odd, "", "1.2.3.4.5.90", "", "CODE8", "2.25.8", "")])
    assert [row.original for row in table.by_original(odd)] == [odd]


def test_what_is_its_own_code_has_no_row(table: Crosswalk) -> None:
    """Where UIDs are retained, the database would hold them in clear as codes."""
    table.write([CrosswalkEntry("MRN-9", "", "1.2.9", "", "CODE9", "1.2.9", "")])
    assert [row.kind for row in table.by_code("CODE9")] == ["patient"]


def test_two_projects_know_nothing_of_each_other(table: Crosswalk, journal: Journal, tmp_path: Path) -> None:
    """A patient of both has a code in each, and no row, digest or key of one says anything of the other."""
    other = Crosswalk(journal, tmp_path / "crosswalk", "other")
    other.prepare()
    other.write([CrosswalkEntry(*ORIGINALS, "CODE9", "2.25.9", "OTHERACC")])
    assert [row.code for row in table.by_original(ORIGINALS[0])] == ["CODE1"]
    assert [row.code for row in other.by_original(ORIGINALS[0])] == ["CODE9"]
    assert table.by_code("CODE9") == other.by_code("CODE1") == []
    assert table.mark(ORIGINALS[0]) != other.mark(ORIGINALS[0])


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "not a key"), (b"00" * 31, "not a key"), (b"\xff" * 64, "not a key"), (b"00" * 32, "not the key")],
)
def test_a_key_file_that_is_none(table: Crosswalk, tmp_path: Path, content: bytes, says: str) -> None:
    """Short, empty, binary, another one: each is said, for reading and writing, and nothing is made anew."""
    path = tmp_path / "crosswalk" / "irb.key"
    path.write_bytes(content)
    for use in (table.prepare, table.all, lambda: table.write([ENTRY])):
        with pytest.raises(Misconfigured, match=says):
            use()
    assert path.read_bytes() == content


def test_a_key_that_cannot_be_destroyed(tmp_path: Path) -> None:
    """It is said."""
    (tmp_path / "irb.key").mkdir()
    with pytest.raises(Misconfigured, match="cannot be destroyed"):
        keyring.destroy_key(tmp_path, "irb")
