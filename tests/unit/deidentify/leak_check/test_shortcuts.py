"""The shortcuts of the leak check: what they pass over, the plain search does not find."""

from __future__ import annotations

import base64
import calendar
import random
import re
import zlib
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendit.deidentify.leak_check import byte_search, dates_in_bytes, search
from sendit.deidentify.leak_check import decode as unpacking
from sendit.deidentify.leak_check.byte_search import SampleSearch
from sendit.deidentify.leak_check.grams import Grams
from sendit.deidentify.leak_check.identifiers import Identifiers
from sendit.deidentify.leak_check.spellings import Kind, spellings_of

_SETTINGS = settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
_UIDS = ("1.2.840.999999.4.77.1", "1.2.840.999999.4.77.1.2", "1.3.6.1.4.1.5962.1.2.1", "1.2.3.45", "2.25.7")
_DATES = ("19610307", "20240115", "20041231", "20010203")
#: As the leak check looked for UIDs before there was a shortcut.
_PLAIN_UID = re.compile(rb"[0-9]+(?:\.[0-9]+){3,}")


def _forms(day: str) -> list[str]:
    """A date as people and machines write it."""
    year, month, number = day[:4], day[4:6], day[6:]
    name = calendar.month_name[int(month)]
    plain = [f"{year}{month}{number}", f"{number}{month}{year}", f"{month}{number}{year}", f"{day}101112"]
    spaced = [s.join(parts) for s in "-./ " for parts in ((year, month, number), (number, month, year))]
    spaced += [s.join((month, number, year)) for s in "-./ "] + [f"{int(number)}.{int(month)}.{year}"]
    short = [s.join((number, month, year[2:])) for s in "-./"] + [s.join((year[2:], month, number)) for s in "-./"]
    words = [f"{int(number)} {name} {year}", f"{name} {number}, {year}", f"{number}th {name[:3].upper()} {year}"]
    return [*plain, *spaced, *short, *words, f"{year} {name[:3]} {int(number)}", f"{year}-{name[:3]}-{number}"]


_ALL_FORMS = [form for day in _DATES for form in _forms(day)]
_PIECES = st.one_of(
    st.sampled_from(_ALL_FORMS),
    st.sampled_from(_UIDS),
    st.sampled_from(
        ["2.25.", "1961", "2024", "07-03", "\\", " ", "\n", ".", "-", "/", "1", "12", "x", "^", "Quixworth"]
    ),
    st.text("0123456789.-/ ", max_size=12),
)
_TEXTS = st.lists(_PIECES, max_size=8).map(lambda pieces: "".join(pieces).encode())


def _known(days: list[str], uids: list[str]) -> Identifiers:
    spellings = spellings_of(Kind.PATIENT, "Quixworth^Zebulon")
    return Identifiers(spellings=spellings, uids={uid.encode() for uid in uids}, dates={day.encode() for day in days})


def _found(text: bytes, identifiers: Identifiers) -> set[Kind]:
    found: set[Kind] = set()
    search._search_text(text, identifiers, found, shortest=0)
    return found


def _found_plainly(text: bytes, identifiers: Identifiers) -> set[Kind]:
    """By the patterns alone."""
    with (
        patch.object(search, "may_hold_uid", return_value=True),
        patch.object(dates_in_bytes, "may_hold_date", return_value=True),
        patch.object(search, "_UID", _PLAIN_UID),
    ):
        return _found(text, identifiers)


_SOME_DAYS = st.lists(st.sampled_from(_DATES), unique=True)
_SOME_UIDS = st.lists(st.sampled_from(_UIDS), unique=True)


@_SETTINGS
@given(_TEXTS, _SOME_DAYS, _SOME_UIDS)
def test_nothing_is_passed_over(text: bytes, days: list[str], uids: list[str]) -> None:
    """Names, UIDs and dates in every form, beside what nearly is one: found or not found by both alike."""
    identifiers = _known(days, uids)
    assert _found(text, identifiers) == _found_plainly(text, identifiers)


def test_every_form_is_found() -> None:
    """The search that both are compared by does find: each date in each form, each UID, among few and among many."""
    for day in _DATES:
        for form in _forms(day):
            assert Kind.DATE in _found(f"seen {form} here".encode(), _known([day], [])), form
    many = [f"1.2.840.999999.5.{number}" for number in range(search._FEW + 1)]
    for others in ([], many):
        for uid in _UIDS:
            expected = {Kind.UID} if uid.count(".") >= 3 else set()  # shorter ones are searched for as values only
            assert _found(f"\\{uid}\\".encode(), _known([], [uid, *others])) == expected


@_SETTINGS
@given(
    st.lists(st.sampled_from([b"\0", b"a", b"Q\0", b"\0q", b"\xff", b"xy", b"a\0b\0c\0", b"\0a\0b\0c"]), max_size=16)
)
def test_text_in_two_bytes(pieces: list[bytes]) -> None:
    """The same runs as the pattern finds by itself."""
    raw = b"".join(pieces)
    assert list(unpacking.wide_runs(raw)) == unpacking._WIDE_RUN.findall(raw)


_HIDDEN = b"Quixworth was here, MRN-7741-905"
_FAR = st.integers(0, 4096)


@_SETTINGS
@given(_FAR, st.sampled_from(["plain", "wide", "base64", "zlib", "long base64"]), st.binary(max_size=8))
def test_large_values_are_read_in_pieces(place: int, form: str, around: bytes) -> None:
    """Wherever something stands in a value, across the joints of its pieces too, it is found as in the whole."""
    hidden = {
        "plain": _HIDDEN,
        "wide": _HIDDEN.decode().encode("utf-16-le"),
        "base64": base64.b64encode(_HIDDEN),
        "zlib": zlib.compress(_HIDDEN),
        "long base64": base64.b64encode(b"." * (2 * place) + _HIDDEN + b"." * 300),
    }[form]
    value = b"\xff" * place + around + b"\xff" + hidden + b"\xff" * (4096 - place)
    with patch.object(unpacking, "_WINDOW", 1024), patch.object(unpacking, "_OVERLAP", 256):
        in_pieces = b"".join(unpacking.readings(value, set()))
    assert b"Quixworth" in b"".join(unpacking.readings(value, set()))
    assert b"Quixworth" in in_pieces


def test_much_is_searched_in_parts() -> None:
    """Of many readings no more is kept than is searched together; what is in each of them is found."""
    identifiers = _known([], ["1.2.840.999999.4.77.1"])
    with patch.object(search, "_AT_ONCE", 64):
        haystack = search._Haystack()
        haystack.hide((b"%d " % number + b"x" * 20 for number in range(100)), identifiers)
        haystack.hide([b"Zebulon Quixworth", b"1.2.840.999999.4.77.1", *[b"y" * 30] * 9], identifiers)
    assert len(haystack.bytes_) < 5
    assert search._kinds(haystack, identifiers) == {Kind.PATIENT, Kind.UID}


@settings(_SETTINGS, max_examples=60)
@given(
    st.integers(0, 8),
    st.sampled_from(["zeros", "noise", "text"]),
    st.lists(st.tuples(st.integers(0, 400), st.sampled_from(["first", "last", "inside"]), st.integers(0, 3000))),
)
def test_samples_are_searched_where_something_can_stand(
    odd: int, kind: str, planted: list[tuple[int, str, int]]
) -> None:
    """At the ends, beside each other, at any distance from a multiple of four: the same hits as of every byte."""
    search_for = SampleSearch([(Kind.PATIENT, "Quixworth^Zebulon"), (Kind.IDENTIFIER, "MRN7741905")])
    chance, size = random.Random(odd), 4096 + odd
    samples = bytearray(size) if kind == "zeros" else bytearray(chance.randbytes(size))
    if kind == "text":
        samples = bytearray(65 + byte % 26 for byte in samples)
    for number, where, place in planted:
        form = search_for._forms[number % len(search_for)][0]
        start = {"first": 0, "last": size - len(form), "inside": place}[where]
        samples[start : start + len(form)] = form
    plainly = list(search_for._hits(bytes(samples)))
    with patch.object(byte_search, "_MANY", 1024), patch.object(byte_search, "_PIECE", 1024):
        assert list(search_for._hits(bytes(samples))) == plainly


def test_the_shortcut_among_samples_finds_and_passes_over() -> None:
    """It looks at little of samples without a hit, and around a hit."""
    grams = Grams([b"MRN7741905"], around=10)
    nothing, something = bytes(1 << 12), bytes(2000) + b"MRN7741905" + bytes(2086)
    assert sum(end - start for start, end in grams.regions(memoryview(nothing))) < 32
    regions = grams.regions(memoryview(something))
    assert any(start <= 2000 and end >= 2010 for start, end in regions)
    assert sum(end - start for start, end in regions) < 96
