"""CSA headers are cleaned entry by entry, and readers of the field read what is left."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from sendit.deidentify.private_blocks import csa
from sendit.deidentify.private_blocks.blocks import cleaned_block, values_in
from sendit.deidentify.private_blocks.entries import EntryCleaner, Unreadable, table
from sendit.deidentify.retained.written_by_devices import TextsOfBlocks
from sendit.deidentify.text.clean import PersonalData, TextCleaner
from tests.unit.deidentify.private_blocks import makers

if TYPE_CHECKING:
    from collections.abc import Callable

SERIES: makers.Entries = {
    "UsedPatientWeight": ("IS", ["71"]),
    "NumberOfPrescans": ("IS", ["0"]),
    "PatReinPattern": ("ST", ["1;HFS;71.50;19610307;2"]),
    "RepresentativeImage": ("UI", ["1.3.12.2.1107.5.2.43.67060.20190426"]),
    "MrPhoenixProtocol": ("UN", [makers.XPROTOCOL]),
    "FmriExternalInfo": ("UT", ["Quixworth"]),
    "Quixworth": ("IS", ["1"]),
}


def read_as_gdcm(block: bytes) -> dict[str, list[str]]:
    """An independent reader, as GDCM, dcm2niix and nibabel have it."""
    return _read(block, lambda said, first: said)


def read_as_spm(block: bytes) -> dict[str, list[str]]:
    """The same as SPM reads the earlier form: the number of items of the first tag is taken off a length."""
    return _read(block, lambda said, first: max(0, said - first))


def _read(block: bytes, length_of: Callable[[int, int], int]) -> dict[str, list[str]]:
    later = block[:4] == b"SV10"
    at = 8 if later else 0
    number, check = struct.unpack_from("<2I", block, at)
    assert check == 77
    at += 8
    found: dict[str, list[str]] = {}
    first = 0
    for index in range(number):
        name, _, _, _, count, mark = struct.unpack_from("<64si4siii", block, at)
        assert mark in (77, 205)
        at += 84
        first = count if index == 0 else first
        values = []
        for _ in range(count):
            said, again, mark, third = struct.unpack_from("<4i", block, at)
            assert said == again == third
            assert mark in (77, 205)
            at += 16
            length = length_of(said, first)
            assert 0 <= length <= len(block) - at
            values.append(block[at : at + length].split(b"\0")[0].decode())
            at += -(-length // 4) * 4
        found[name.split(b"\0")[0].decode()] = [value for value in values if value]
    return found


@pytest.mark.parametrize("first", [1, 6])
def test_lengths_that_have_the_first_count_added_stay_so(first: int) -> None:
    block = makers.csa(makers.IMAGE, later=False, first=first, added=True)
    cleaned = cleaned_block("CSA", block, makers.cleaner())
    assert read_as_spm(cleaned) == {name: list(values) for name, (_, values) in makers.IMAGE.items()}


def test_the_first_count_stays_if_the_first_tag_goes() -> None:
    entries: makers.Entries = {"Quixworth": ("IS", ["1"]), **makers.IMAGE}
    cleaned = cleaned_block("CSA", makers.csa(entries, later=False, first=1, added=True), makers.cleaner())
    assert read_as_spm(cleaned)["B_value"] == ["1000"]


@pytest.mark.parametrize("later", [True, False])
def test_what_readers_need_stays_and_is_read_the_same(later: bool) -> None:
    block = makers.csa(makers.IMAGE, later)
    cleaned = cleaned_block("CSA", block, makers.cleaner())
    assert read_as_gdcm(cleaned) == read_as_gdcm(block) == {name: list(v) for name, (_, v) in makers.IMAGE.items()}


@pytest.mark.parametrize("later", [True, False])
def test_memory_of_the_scanner_between_the_values_goes(later: bool) -> None:
    block = makers.csa(makers.IMAGE, later)
    assert makers.holds_planted(block)
    assert not makers.holds_planted(cleaned_block("CSA", block, makers.cleaner()))


@pytest.mark.parametrize("later", [True, False])
def test_series_header(later: bool) -> None:
    cleaned = cleaned_block("CSA", makers.csa(SERIES, later), makers.cleaner())
    found = read_as_gdcm(cleaned)
    assert set(found) == {"NumberOfPrescans", "RepresentativeImage", "MrPhoenixProtocol"}
    assert found["RepresentativeImage"] == ["2.25.7"]
    (protocol,) = found["MrPhoenixProtocol"]
    assert protocol.startswith("<XProtocol>")
    assert "sFastImaging.lEchoSpacing\t = \t690\n" in protocol
    assert not makers.holds_planted(cleaned)


@pytest.mark.parametrize("planted", [*makers.PLANTED, "Quixworth^Zebulon", "7 Mar 1961", "Dr. Ebenezer Wigglesby"])
def test_nothing_planted_leaves_by_any_entry(planted: str) -> None:
    entries = {name: ("LO", [planted, "1", planted]) for name in table("siemens_csa")}
    for later in (True, False):
        cleaned = cleaned_block("CSA", makers.csa(entries, later), makers.cleaner())
        assert planted.encode() not in cleaned
        assert not makers.holds_planted(cleaned)
        assert b"Wigglesby" not in cleaned


def test_vector_without_one_of_its_numbers_goes_whole() -> None:
    block = makers.csa({"DiffusionGradientDirection": ("FD", ["0.5", "7741905", "0.5"]), "B_value": ("IS", ["0"])})
    found = read_as_gdcm(cleaned_block("CSA", block, makers.cleaner()))
    assert found == {"DiffusionGradientDirection": [], "B_value": ["0"]}


def test_entry_that_is_called_as_the_patient_goes() -> None:
    personal_data = PersonalData(names=frozenset({"lim"}))
    entries: makers.Entries = {"Stim_lim": ("DS", ["42.7"]), "B_value": ("IS", ["1000"])}
    cleaner = EntryCleaner(TextsOfBlocks(TextCleaner(personal_data)))
    assert read_as_gdcm(cleaned_block("CSA", makers.csa(entries), cleaner)) == {"B_value": ["1000"]}


def test_numbers_that_could_be_letters_are_written_anew() -> None:
    block = bytearray(makers.csa({"B_value": ("IS", ["5"]), "FlipAngle": ("DS", ["9"])}))
    block[16 + 64 + 8 : 16 + 64 + 12] = b"JOHN"  # Siemens' own number for the VR
    cleaned = cleaned_block("CSA", bytes(block), makers.cleaner())
    assert b"JOHN" not in cleaned
    assert read_as_gdcm(cleaned)["B_value"] == ["5"]
    block[16 + 64 : 16 + 68] = b"JOHN"  # how many values
    assert b"JOHN" not in cleaned_block("CSA", bytes(block), makers.cleaner())


def test_the_same_block_gives_the_same_bytes_and_cleaning_again_changes_nothing() -> None:
    block = makers.csa(SERIES)
    once = cleaned_block("CSA", block, makers.cleaner())
    assert once == cleaned_block("CSA", memoryview(block), makers.cleaner())
    again = cleaned_block("CSA", once, makers.cleaner())
    assert read_as_gdcm(again).keys() == read_as_gdcm(once).keys()
    assert len(once) % 2 == 0


def _hostile() -> dict[str, bytes]:
    good = makers.csa(makers.IMAGE)
    return {
        "empty": b"",
        "magic only": b"SV10",
        "another magic": b"SV20" + good[4:],
        "no check": good[:12] + b"\0\0\0\0" + good[16:],
        "a million tags": good[:8] + struct.pack("<I", 10**6) + good[12:],
        "a million tags that are there": b"SV10\4\3\2\1" + struct.pack("<2I", 10**6, 77) + bytes(84 * 10**5),
        "negative count": good[:92] + struct.pack("<i", -1) + good[96:],
        "huge count": good[:92] + struct.pack("<i", 2**31 - 1) + good[96:],
        "huge length": good[:104] + struct.pack("<i", 2**31 - 1) + good[108:],
        "negative length": good[:104] + struct.pack("<i", -8) + good[108:],
        "truncated": good[: len(good) // 2],
        "text": b"Quixworth^Zebulon " * 100,
    }


@pytest.mark.parametrize("name", _hostile())
def test_what_cannot_be_taken_apart_goes(name: str) -> None:
    block = _hostile()[name]
    with pytest.raises(Unreadable):
        csa.clean(block, makers.cleaner())
    assert cleaned_block("CSA", block, makers.cleaner()) == b""


def test_values_within_are_shown_to_the_leak_check() -> None:
    found = values_in(makers.csa(SERIES))
    assert found is not None
    assert b"Quixworth" in found
    assert b"1;HFS;71.50;19610307;2" in found
    assert b"DTI AP Quixworth" in found  # of the protocol within
    assert values_in(b"no block at all, but text") is None


@pytest.mark.parametrize("added", [True, False])
def test_vector_that_comes_first_stays_whole(added: bool) -> None:
    entries: makers.Entries = {"Quixworth": ("IS", ["1"]), "SliceNormalVector": ("FD", ["0.5", "0.25", "0.125"])}
    cleaned = cleaned_block("CSA", makers.csa(entries, later=False, first=1, added=added), makers.cleaner())
    read = read_as_spm if added else read_as_gdcm
    assert read(cleaned) == {"SliceNormalVector": ["0.5", "0.25", "0.125"]}
