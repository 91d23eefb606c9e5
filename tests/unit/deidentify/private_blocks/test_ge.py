"""GE's protocol data block."""

from __future__ import annotations

import struct
import zlib

import pytest

from sendit.deidentify.private_blocks import ge
from sendit.deidentify.private_blocks.blocks import cleaned_block, values_in
from sendit.deidentify.private_blocks.entries import table
from tests.unit.deidentify.private_blocks import makers

KEPT = b"""set POSITION "Supine"
set SEDESC "Ax DWI"
set SLICEORDER "1"
set VIEWORDER "1"
set NOSLC "8"
set DELACQ "Minimum"
set IOPT "EDR, EPI, DIFF, Asset"
set MULTIBVALUE "1000.0;"
set SLOC1 "L4.5"
"""


@pytest.mark.parametrize("length", [True, False])
def test_lines_of_the_table_stay_in_their_form(length: bool) -> None:
    block = makers.ge(makers.GE_LINES, length=length)
    cleaned = cleaned_block("GEProtocol", block, makers.cleaner())
    assert ge.text_of(cleaned) == KEPT
    if length:
        (said,) = struct.unpack_from("<I", cleaned)
        assert 0 <= len(cleaned) - 4 - said <= 1
    assert makers.holds_planted(block)  # the name of the file in its gzip stream
    assert not makers.holds_planted(cleaned)


def test_what_dcm2niix_reads_directly_is_where_it_looks() -> None:
    """It skips ten bytes of gzip header, inflates what follows, and takes the length from the last four bytes."""
    block = makers.ge('SLICEORDER "1"\nNOSLC "88"\n')
    cleaned = cleaned_block("GEProtocol", block, makers.cleaner())
    stream = cleaned[4 : 4 + struct.unpack_from("<I", cleaned)[0]]
    assert stream[3] == 0  # no name behind the header
    text = zlib.decompressobj(-15).decompress(stream[10:-8])
    assert len(text) == struct.unpack("<I", stream[-4:])[0]


@pytest.mark.parametrize("planted", [*makers.PLANTED, "Quixworth^Zebulon", "Dr. Ebenezer Wigglesby"])
def test_nothing_planted_leaves_by_any_entry(planted: str) -> None:
    lines = "".join(f'{key} "{planted}"\n' for key in table("ge_protocol")) + 'NOSLC "3"\n'
    cleaned = cleaned_block("GEProtocol", makers.ge(lines), makers.cleaner())
    text = ge.text_of(cleaned)
    assert not makers.holds_planted(text)
    assert planted.encode() not in text
    assert b"Wigglesby" not in text


def test_the_later_form() -> None:
    xml = """<?xml version="1.0" encoding="UTF-8"?>
<Protocol patient="Quixworth"><Series><SLICEORDER>1</SLICEORDER><SEDESC>Ax DWI Quixworth</SEDESC></Series>
<Param name="NOSLC" value="8"/><Param name="PATNAME" value="Quixworth"/><Quixworth>1</Quixworth>
<Param name="Zebulon">7</Param><VIEWORDER text="MRN7741905">1</VIEWORDER>Quixworth</Protocol>"""
    cleaned = ge.text_of(cleaned_block("GEProtocol", makers.ge(xml), makers.cleaner()))
    assert not makers.holds_planted(cleaned)
    for left in (
        b"<SLICEORDER>1</SLICEORDER>",
        b"<SEDESC>Ax DWI</SEDESC>",
        b'name="NOSLC" value="8"',
        b">1</VIEWORDER>",
    ):
        assert left in cleaned
    assert cleaned.startswith(b"<?xml")


def _hostile() -> dict[str, bytes]:
    good = makers.ge(makers.GE_LINES)
    bomb = zlib.compressobj(1, zlib.DEFLATED, 31)
    bombed = bomb.compress(bytes(16 << 20)) + bomb.flush()
    entities = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "1"><!ENTITY c "&b;&b;">]><NOSLC>&c;</NOSLC>'
    return {
        "empty": b"",
        "no stream": b"\0" * 64,
        "truncated": good[: len(good) // 2],
        "damaged": good[:40] + b"\xff\xff\xff" + good[43:],
        "a bomb": b"\0\0\0\0" + bombed,
        "entities": makers.ge(entities),
        "broken XML": makers.ge("<NOSLC>1"),
        "deep XML": makers.ge("<TI>" * 5000 + "1" + "</TI>" * 5000),
        "nothing of the table": makers.ge('PATNAME "Quixworth"\n'),
        "text": b"NOSLC 8",
    }


HOSTILE = _hostile()


@pytest.mark.parametrize("name", HOSTILE)
def test_what_cannot_be_taken_apart_goes(name: str) -> None:
    assert cleaned_block("GEProtocol", HOSTILE[name], makers.cleaner()) == b""


def test_values_within_are_shown_to_the_leak_check() -> None:
    found = values_in(makers.ge(makers.GE_LINES))
    assert found is not None
    assert b"Quixworth^Zebulon" in found
