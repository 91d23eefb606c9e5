"""Search for many identifiers at once as bytes: in texts of any character set, and among pixel samples.

Text in a single-byte character set can hide a name in two-byte characters. Samples can be any bytes, so a hit among
them counts by how improbable it is given the samples around it.
"""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from ahocorasick_rs import BytesAhoCorasick, Implementation

from sendit.deidentify.dicom.charset import Bytes, is_multibyte, text_in
from sendit.deidentify.dicom.chunks import release_pages
from sendit.deidentify.leak_check.spellings import Kind
from sendit.deidentify.text.encodings import forms_of, is_dense

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sendit.deidentify.leak_check.grams import Grams

#: Shorter forms occur by chance in multi-byte text, in ASCII, and in bytes that are no text.
_SHORTEST_IN_MULTIBYTE = 4
_SHORTEST_ASCII = 6
_SHORTEST_IN_BYTES = 6
#: Of two Chinese letters, UTF-16 can make four characters of ASCII. With one of these among them they are no word.
_SHORTEST_ODD, _ODD = 4, re.compile(rb"[\\^`{|}~\x01-\x1f]")
_LETTER = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") | frozenset(range(0x80, 0x100))


class ByteSearch:
    """Searches for non-ASCII names in all encodings."""

    __slots__ = ("_automaton", "_forms", "_long", "_long_automaton", "_texts")

    def __init__(self, forms: Mapping[bytes, tuple[Kind, str]], texts: frozenset[str]) -> None:
        """Prepare.

        Args:
            forms: for each the kind, and its text; "" if it is unknown.
            texts: all those texts, and their characters.
        """
        usable = {
            form: about
            for form, about in forms.items()
            if len(form) >= (_SHORTEST_ASCII if form.isascii() and not _ODD.search(form) else 2)
            and (len(form) >= _SHORTEST_ODD or not form.isascii())
        }
        self._forms: Final = [(form, kind, not is_dense(text)) for form, (kind, text) in sorted(usable.items())]
        self._long: Final = [one for one in self._forms if len(one[0]) >= _SHORTEST_IN_BYTES]
        self._texts: Final = texts
        self._automaton: Final = _automaton([form for form, *_ in self._forms])
        self._long_automaton: Final = _automaton([form for form, *_ in self._long])

    def in_text(self, value: Bytes, character_set: Bytes, *, foreign: bool = False) -> Kind | None:
        """Return the kind of what stands in a text, if anything does.

        Args:
            value: the bytes of the text.
            character_set: SpecificCharacterSet of the text.
            foreign: ignore what the text's own character set decodes to the name, which is found as text.
        """
        raw = bytes(value)
        if foreign and b"\x1b" in raw:
            return None
        hits = self._automaton.find_matches_as_indexes(raw, overlapping=True)
        told = [hit[1:] for hit in hits if foreign and self._is_told(self._forms[hit[0]][0], character_set)]
        for index, start, end in hits:
            form, kind, bounded = self._forms[index]
            if (bounded and not _stands_alone(raw, start, end)) or any(s <= start and end <= e for s, e in told):
                continue
            if len(form) >= _SHORTEST_IN_MULTIBYTE or self._means_something(form, raw, start, character_set):
                return kind
        return None

    def _is_told(self, form: bytes, character_set: Bytes) -> bool:
        """Return whether the declared character set also reads one of the identifiers from it."""
        return text_in(form, character_set) in self._texts

    def _means_something(self, form: bytes, raw: bytes, start: int, character_set: Bytes) -> bool:
        """Return whether a short form is more than the halves of two characters, and no character of ordinary texts."""
        if not is_multibyte(raw, character_set):  # within a longer single-byte word it occurs by chance
            end = start + len(form)
            return not (start and raw[start - 1] > 0x7F) and not (end < len(raw) and raw[end] > 0x7F)
        if not bytes(character_set).startswith(b"GB"):  # in UTF-8, two bytes may be a single unusual letter
            return b"\x1b" not in raw and len(form) == 2 and _stands_alone(raw, start, start + 2)
        try:
            raw[:start].decode("gb18030")
            return form.decode("gb18030") not in self._texts
        except UnicodeDecodeError:
            return False

    def in_bytes(self, raw: Bytes) -> set[Kind]:
        """Return the kinds of what stands in bytes, whatever they are."""
        kinds = set()
        for index, start, end in self._long_automaton.find_matches_as_indexes(raw, overlapping=True):
            _, kind, bounded = self._long[index]
            if not bounded or _stands_alone(raw, start, end):
                kinds.add(kind)
        return kinds


def _automaton(forms: list[bytes]) -> BytesAhoCorasick:
    return BytesAhoCorasick(forms, implementation=Implementation.ContiguousNFA)  # fast to build, for short texts


def _stands_alone(raw: Bytes, start: int, end: int) -> bool:
    return not (start and raw[start - 1] in _LETTER) and not (end < len(raw) and raw[end] in _LETTER)


def byte_search(
    removed: Iterable[tuple[Kind, str]], retained: Iterable[tuple[Kind, str]], unreadable: Iterable[tuple[Kind, bytes]]
) -> ByteSearch | None:
    """Return the search for what was found and is not retained; None if all of it is ASCII."""
    forms: dict[bytes, tuple[Kind, str]] = {form: (kind, "") for kind, form in unreadable}
    texts: set[str] = set()
    for kind, value in sorted(removed, key=lambda one: (one[0] is Kind.PATIENT, one)):
        for text in _parts(kind, value):
            made = forms_of(text, names=_is_name(kind))
            texts.update(text, made.values())
            forms.update((form, (kind, reading)) for form, reading in made.items())
    for kind, value in retained:
        for text in _parts(kind, value):
            for form in forms_of(text, names=_is_name(kind)):
                forms.pop(form, None)
    return ByteSearch(forms, frozenset(texts)) if forms else None


def _is_name(kind: Kind) -> bool:
    return kind in (Kind.PATIENT, Kind.PERSON)


def _parts(kind: Kind, value: str) -> Iterable[str]:
    """Return addresses and institutions whole and split at commas; names as they are."""
    return [value] if _is_name(kind) else {value, *map(str.strip, re.split(r"[,;\n\r^]+", value))}


# --- among samples ---------------------------------------------------------------------------------------------------

#: Samples are searched in pieces, which overlap by more than the longest form.
_PIECE = 1 << 20
_LONGEST = 256
_FORGET_AFTER = 16 << 20
#: Bytes of all forms up to which the faster automaton is built. It takes half a kilobyte for each of them.
_MOST_FOR_TABLE = 1 << 15
#: In as many samples, it is worth looking first where something can stand.
_MANY = 1 << 16
#: Bytes on each side by which a hit is judged.
_AROUND = 1024
#: How improbable a hit must be (bits), alone or with others nearby: 2³⁰ places and hundreds of forms are tried.
_SURPRISING = 45.0
_SURPRISING_TOGETHER = 60.0
_NEAR = 1 << 14


class SampleSearch:
    """Searches samples for identifiers: in one byte a character or two, in both byte orders."""

    __slots__ = ("_automaton", "_forms", "_grams")
    _automaton: BytesAhoCorasick | None
    _grams: Grams | None

    def __init__(self, values: Iterable[tuple[Kind, str]]) -> None:
        """Prepare for these values."""
        forms: dict[bytes, Kind] = {}
        for kind, text in sorted(values):
            for spelling in _spellings(kind, text):
                forms.update((form, kind) for form in _as_samples(spelling) if _is_telling(form))
        self._forms: Final = sorted(forms.items())
        self._automaton = self._grams = None  # built when there are samples to search

    def __len__(self) -> int:
        return len(self._forms)

    def kinds(self, value: Bytes) -> set[Kind]:
        """Return the kinds of what stands among the samples."""
        if not self._forms:
            return set()
        together, last = 0.0, -1
        hits: dict[int, float] = {}
        for index, start, end in self._hits(value):
            if start < last:
                continue  # part of the previous hit
            if start - last > _NEAR:
                together, hits = 0.0, {}
            bits = _surprise(value, start, end)
            together += max(0.0, bits - hits.get(index, 0.0))
            hits[index] = max(bits, hits.get(index, 0.0))
            last = end
            if bits >= _SURPRISING or (len(hits) > 1 and together >= _SURPRISING_TOGETHER):
                return {self._forms[index][1]}
        return set()

    def _hits(self, value: Bytes) -> Iterator[tuple[int, int, int]]:
        """Yield the index, start and end of each hit, in order."""
        if self._automaton is None:
            self._automaton = self._built()
        view = memoryview(value).cast("B")
        for offset in range(0, len(view), _PIECE):
            piece = view[offset : offset + _PIECE + _LONGEST]
            inner = []
            for begin, stop in self._regions(piece):
                matches = self._automaton.find_matches_as_indexes(piece[begin:stop], overlapping=True)
                place = offset + begin
                inner += [
                    (start + place, -end - place, index) for index, start, end in matches if start + begin < _PIECE
                ]
            for start, end, index in sorted(inner):
                yield index, start, -end
            if offset % _FORGET_AFTER == 0:
                release_pages(view)

    def _built(self) -> BytesAhoCorasick:
        forms = [form for form, _ in self._forms]
        if sum(map(len, forms)) > _MOST_FOR_TABLE:
            return _automaton(forms)
        return BytesAhoCorasick(forms, implementation=Implementation.DFA)

    def _regions(self, piece: memoryview) -> Iterable[tuple[int, int]]:
        """Return where in a piece a form may stand."""
        if len(piece) < _MANY:
            return ((0, len(piece)),)
        if self._grams is None:
            from sendit.deidentify.leak_check.grams import Grams  # noqa: PLC0415 - numpy, which headers do not need

            self._grams = Grams((form for form, _ in self._forms), _LONGEST)
        return self._grams.regions(piece)


def _spellings(kind: Kind, text: str) -> Iterable[str]:
    text = text.strip()
    spellings = {text}
    if _is_name(kind):
        for group in text.split("="):
            parts = [part for part in group.split("^") if part.strip()]
            spellings.update((group, *parts))
            for one, other in pairwise(parts[:3]):
                spellings.update(f"{one}{gap}{other}" for gap in ("^", " ", ", ", ""))
                spellings.add(f"{other} {one}")
    spellings |= {spelling.upper() for spelling in spellings} | {spelling.lower() for spelling in spellings}
    return {spelling[:_LONGEST] for spelling in spellings if spelling}


def _as_samples(text: str) -> Iterator[bytes]:
    if text.isascii():
        forms: Iterable[bytes] = [text.encode("ascii")]
        if len(text) >= _SHORTEST_IN_BYTES:
            forms = (*forms, text.encode("utf-16-le")[:_LONGEST], text.encode("utf-16-be")[:_LONGEST])
    else:
        forms = [form[:_LONGEST] for form in forms_of(text, names=True)]
    for form in forms:
        yield form
        yield _turned(form)
        yield _turned(form[1:])


def _turned(form: bytes) -> bytes:
    """Return the bytes of a text as 16-bit samples of the other byte order hold them."""
    whole = form[: len(form) // 2 * 2]
    return bytes(byte for pair in zip(whole[1::2], whole[::2], strict=True) for byte in pair)


def _is_telling(form: bytes) -> bool:
    """Return whether a form is long enough, and neither uniform grey nor a ramp."""
    steps = [other - one for one, other in pairwise(form)]
    ramp = all(0 <= step <= 2 for step in steps) or all(-2 <= step <= 0 for step in steps)
    return len(form) >= _SHORTEST_IN_BYTES and len(set(form)) > 2 and not ramp


def _surprise(value: Bytes, start: int, end: int) -> float:
    """Return how unlikely the hit is (bits), if bytes came by chance as often as they do around it."""
    view = memoryview(value).cast("B")
    bits = 0.0
    for parity in (0, 1):  # the two halves of 16-bit samples have nothing in common
        before = bytes(view[max(0, start - _AROUND) : start])[::-1][parity::2]
        behind = bytes(view[end : end + _AROUND])[(end - start + parity + 1) % 2 :: 2]
        around = before + behind
        for byte in bytes(view[start:end])[1 - parity :: 2]:
            bits -= math.log2((around.count(byte) + 0.5) / (len(around) + 128))
    return bits
