"""Is anything of the original left in an output? Searched whole, after everything else, and before it may leave.

Searched: every element at every depth, private ones too, as text in its character set and with the values apart;
the preamble, the file meta information and all other bytes of the file; in bytes also text in UTF-16, base64, zlib,
gzip and deflate streams, each entry of private blocks, and what JPEG and JPEG 2000 frames carry beside their pixels.
Samples of pixels, compressed or not, of waveforms and other binary numbers are searched for bytes that cannot be there
by chance. The identifiers and their forms stand in identifiers.py and spellings.py. A hit never carries a value.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from pydicom._dicom_dict import DicomDictionary

from sendit.deidentify.dicom.charset import unreadable
from sendit.deidentify.dicom.dataset import (
    BYTES_VRS,
    PIXELS,
    TEXT_VRS,
    Dataset,
    Element,
    Encoding,
    Instance,
    group_and_element,
)
from sendit.deidentify.dicom.text import decoded
from sendit.deidentify.leak_check.dates_in_bytes import has_date
from sendit.deidentify.leak_check.decode import beside_pixels, is_text, readings, texts_in_base64
from sendit.deidentify.leak_check.spellings import Kind
from sendit.deidentify.private_blocks.blocks import values_in
from sendit.deidentify.text.normalize import BREAK, TABLE, fold
from sendit.errors import Quarantine

if TYPE_CHECKING:
    from sendit.deidentify.leak_check.identifiers import Identifiers

_CHARACTER_SET = 0x00080005
_FIRST_PIXELS = min(PIXELS)
#: Attributes of the standard with these VRs hold numbers, as samples do: letters stand beside letters by chance.
_NUMBERS_VRS = frozenset({"OD", "OF", "OL", "OV", "OW", "OB or OW"})
_WAVEFORM_DATA = 0x54001010
#: VRs in which only a whole value is significant, and those that are searched as text.
_VALUES = frozenset({"DS", "IS", "TM", "AS"})
_TEXTS = TEXT_VRS | {"CS", "DA", "DT"}
_DECIMALS = frozenset({"DS", "IS"})
#: All others hold binary numbers, in which identifiers cannot be distinguished from chance.
_SEARCHED = _VALUES | _TEXTS | BYTES_VRS | {"UI"}
#: In bytes that are no text, shorter words occur by chance.
_SHORTEST_IN_BYTES = 5
#: Chunks of at least this length are single values, searched as elements; the others are the bytes of the file.
_LARGE = 1 << 16
#: Bytes of readings that are searched together.
_AT_ONCE = 4 << 20
_NAMED_HITS = 3
#: Longer values (bytes) are rarely seen twice.
_SHARED = 256
#: CodeMeaning: what of it is searched depends on the elements beside it.
_OF_ITEMS = frozenset({0x00080104})
#: The lists of a haystack.
_TEXT, _UID_VALUE, _VALUE, _NOT_SEARCHED = range(4)
#: Up to this many are searched for one by one.
_FEW = 32

#: UIDs, and what separates and pads them.
_UIDS = re.compile(rb"[0-9. \\]*+[\0\\]*+")
_DECIMAL = re.compile(rb"[+-]?[0-9]{0,12}\.?[0-9]{0,20}(?:[eE][+-]?[0-9]{1,3})?|0[xX][0-9A-Fa-f]{1,8}")
_UID = re.compile(rb"[0-9]++(?:\.[0-9]++){3,}+")


class Explained(Protocol):
    """Part of a value that is searched."""

    @property
    def left(self) -> bytes:
        """Return what is searched as any other text."""
        ...

    @property
    def technical(self) -> bytes:
        """Return what is searched for names of persons only: a station may be called as its model."""
        ...


#: Of an element and the dataset that it stands in; None if all of its value has to be searched.
Explain = Callable[[Element, Dataset], Explained | None]


@dataclass(frozen=True, slots=True)
class Hit:
    """An identifier of the original in the output."""

    where: str  # "(0008,1030) StudyDescription", "file meta information", "preamble", "bytes between the elements"
    kind: Kind

    def __str__(self) -> str:
        return f"{self.where} still holds {self.kind}"


@dataclass(slots=True)
class _Haystack:
    """The contents of an output, by the way in which they are searched."""

    explain: Explain = lambda *_: None
    texts: list[bytes] = field(default_factory=list)  # ASCII, or folded
    bytes_: list[bytes] = field(default_factory=list)  # of values that are no text: the same
    values: list[bytes] = field(default_factory=list)  # numbers
    uids: list[bytes] = field(default_factory=list)
    technical: list[bytes] = field(default_factory=list)  # searched for names of persons only
    explained: list[tuple[Element, bytes]] = field(default_factory=list)  # and what of their values is searched
    lists: tuple[list[bytes], ...] = ()  # texts, uids, values, and what is not searched
    size: int = 0  # of bytes_
    found: set[Kind] = field(default_factory=set)  # in what was searched before

    def __post_init__(self) -> None:
        self.lists = (self.texts, self.uids, self.values, [])

    def hide(self, readings: Iterable[bytes], identifiers: Identifiers) -> None:
        """Add to bytes_. Large amounts are searched at once and not kept."""
        for reading in readings:
            self.bytes_.append(reading)
            self.size += len(reading)
            if self.size > _AT_ONCE:
                _search_hidden(self.bytes_, identifiers, self.found)
                self.bytes_.clear()
                self.size = 0


def check_for_leaks(
    output: Instance, chunks: Sequence[bytes | memoryview], identifiers: Identifiers, explain: Explain = lambda *_: None
) -> str:
    """Search an output for identifiers of its original; return for the receipt what was searched for.

    Args:
        output: the dataset as it was written.
        chunks: the bytes of the file.
        identifiers: of the original.
        explain: says what of a value need not be searched, because its attribute is for such values.

    Raises:
        Quarantine: an identifier was found; the message says where and of which kind.
    """
    tag = unreadable(output.elements)
    if tag is not None:
        raise Quarantine(f"{group_and_element(tag)} is not in the character set that the output declares")
    hits = search(output, chunks, identifiers, explain)
    if hits:
        more = f", and {len(hits) - _NAMED_HITS} more places" if len(hits) > _NAMED_HITS else ""
        raise Quarantine(f"the leak check failed: {'; '.join(map(str, hits[:_NAMED_HITS]))}{more}")
    return f"passed: searched for {len(identifiers)} spellings of identifiers"


def search(
    output: Instance, chunks: Sequence[bytes | memoryview], identifiers: Identifiers, explain: Explain = lambda *_: None
) -> list[Hit]:
    """Return where an identifier still stands: one hit for each place and kind."""
    haystack, same = _Haystack(explain), set[tuple[int, Kind]]()
    _gather(output.elements, b"", identifiers, output.syntax.encoding.order, haystack, same)
    rest = _bytes_of_file(output, chunks)
    if not same and not _kinds(haystack, identifiers) and not _in_bytes(rest, identifiers):
        return []
    apart = [*haystack.explained]
    hits = list(dict.fromkeys(_locate(output, identifiers, b"", output.elements, "", explain, apart)))
    return hits or list(_outside(_without_explained(rest, apart, output.syntax.encoding), identifiers))


def _without_explained(rest: bytes, explained: Iterable[tuple[Element, bytes]], encoding: Encoding) -> bytes:
    """Overwrite explained values where they stand in the bytes of the file."""
    for element, left in explained:
        value = bytes(element.value)
        head = struct.pack(encoding.order + "HH", element.tag >> 16, element.tag & 0xFFFF)
        if encoding.explicit:
            head += element.vr.encode("ascii") + struct.pack(encoding.order + "H", len(value) + len(value) % 2)
        else:
            head += struct.pack(encoding.order + "I", len(value) + len(value) % 2)
        rest = rest.replace(head + value, head + left.ljust(len(value), b"\n"))
    return rest


def _bytes_of_file(output: Instance, chunks: Sequence[bytes | memoryview]) -> bytes:
    """Return the file without pixels, other large values, and deflated bytes, in which nothing can be found."""
    start = bytes(chunks[0])
    if output.syntax.deflated:
        return start[: _end_of_meta(start)]
    rest = BREAK.join([start, *(bytes(chunk) for chunk in chunks[1:] if len(chunk) < _LARGE)])
    for element in reversed(output.elements):
        if element.tag < _FIRST_PIXELS:
            break
        if element.tag in PIXELS and 64 < len(element.value) < _LARGE:
            before, separator, behind = rest.rpartition(bytes(element.value))  # from the end: little follows it
            rest = before + BREAK + behind if separator else rest
    return rest


def _gather(
    elements: Dataset,
    character_set: bytes | memoryview,
    identifiers: Identifiers,
    order: str,
    into: _Haystack,
    same: set[tuple[int, Kind]],
    among: Dataset | None = None,
) -> None:
    by_tag = identifiers.by_tag
    for element in elements:
        if element.items is not None:
            for item in element.items:
                _gather(item, character_set, identifiers, order, into, same)
            continue
        tag, value = element.tag, element.value
        if tag == _CHARACTER_SET:
            character_set = bytes(value)
        if value:
            if tag in by_tag and bytes(value).strip(b"\0 ").upper() in by_tag[tag][1]:
                same.add((tag, by_tag[tag][0]))
            _add(element, character_set, among or elements, identifiers, order, into, closely=among is not None)


def _add(
    element: Element,
    character_set: bytes | memoryview,
    siblings: Dataset,
    identifiers: Identifiers,
    order: str,
    into: _Haystack,
    *,
    closely: bool,
) -> None:
    """Add a value to what is searched in its way; closely, after a hit, with what stands beside it."""
    tag, value = element.tag, element.value
    usual = isinstance(value, bytes) and len(value) <= _SHARED and tag not in _OF_ITEMS and not closely
    if usual and (ready := _ready(tag, element.vr, value, into.explain)) is not None:
        into.lists[ready].append(value)  # type: ignore[arg-type]
    elif (explained := into.explain(element, siblings)) is not None:
        into.explained.append((element, explained.left))
        into.technical.append(explained.technical)
        if explained.left:
            into.texts.append(explained.left)
    elif element.vr in _SEARCHED or " or " in element.vr:  # implicit VR leaves it open
        _take(element, character_set, identifiers, order, into)


@lru_cache(maxsize=8192)  # the instances of a study share nearly all of these values
def _ready(tag: int, vr: str, value: bytes, explain: Explain) -> int | None:
    """Return in which of the lists of a haystack a value is all that `_take` adds; None for any other value."""
    if explain(Element(tag, vr, value), []) is not None:
        return None
    if vr in _TEXTS and value.isascii() and b"\x1b" not in value and b"\0" not in value[:-1]:
        return _TEXT
    if vr == "UI" and _UIDS.fullmatch(value):
        return _UID_VALUE
    if vr in _VALUES:
        return _VALUE
    return None if vr in _SEARCHED or " or " in vr else _NOT_SEARCHED


def _take(
    element: Element, character_set: bytes | memoryview, identifiers: Identifiers, order: str, into: _Haystack
) -> None:
    vr = element.vr
    if vr in _TEXTS:
        _take_text(bytes(element.value), character_set, identifiers, into)
    elif vr == "UI":
        raw = bytes(element.value)
        into.uids.append(raw)
        if not _UIDS.fullmatch(raw):
            _take_text(raw, character_set, identifiers, into)
    elif vr in _VALUES:
        into.values.append(bytes(element.value))
    else:
        _take_bytes(element, identifiers, order, into)


def _take_bytes(element: Element, identifiers: Identifiers, order: str, into: _Haystack) -> None:
    if element.tag in PIXELS:
        _take_pixels(element, identifiers, order, into)
    elif element.vr in BYTES_VRS or "OW" in element.vr:
        if identifiers.byte_search is not None:
            into.found |= identifiers.byte_search.in_bytes(element.value)
        decoded_texts = readings(element.value, identifiers.character_sets)
        entries = values_in(element.value) if element.tag >> 16 & 1 else None
        if entries is not None:  # the names of the entries apart, which stand beside every value
            into.hide(decoded_texts, identifiers)
            for entry in entries:
                _take_entry(entry, identifiers, into)
        elif is_text(element.value):
            into.texts.extend(decoded_texts)
        else:
            into.hide(decoded_texts, identifiers)
            if _holds_numbers(element):
                _take_samples(element, identifiers, into)


def _take_pixels(element: Element, identifiers: Identifiers, order: str, into: _Haystack) -> None:
    if element.encapsulated:
        for part in beside_pixels(element.value, order):
            into.hide(readings(part, identifiers.character_sets), identifiers)
    _take_samples(element, identifiers, into)  # damage can write a header over compressed samples, too


def _take_samples(element: Element, identifiers: Identifiers, into: _Haystack) -> None:
    if identifiers.samples is not None:
        into.found |= identifiers.samples.kinds(element.value)


def _holds_numbers(element: Element) -> bool:
    standard = not element.tag >> 16 & 1
    return standard and (element.vr in _NUMBERS_VRS or element.tag == _WAVEFORM_DATA)


def _take_entry(entry: bytes, identifiers: Identifiers, into: _Haystack) -> None:
    """Take a value within a private block: a number is significant only as a whole, as in an element of its own."""
    value = entry.strip(b"\0 ")
    if _DECIMAL.fullmatch(value):
        into.values.append(value)
    elif value:
        _take_text(value, b"", identifiers, into)


def _take_text(raw: bytes, character_set: bytes | memoryview, identifiers: Identifiers, into: _Haystack) -> None:
    if raw.isascii() and b"\x1b" not in raw:
        into.texts.append(raw)
        if b"\0" in raw[:-1]:
            into.hide(readings(raw, identifiers.character_sets), identifiers)
        return
    if identifiers.byte_search is not None and (kind := identifiers.byte_search.in_text(raw, character_set)):
        into.found.add(kind)
    for used in {bytes(character_set), b"ISO_IR 192", *identifiers.character_sets}:
        into.texts.append(fold(decoded(raw, used)))
    into.hide(readings(raw, identifiers.character_sets), identifiers)


# --- the search -----------------------------------------------------------------------------------------------------


def _kinds(haystack: _Haystack, identifiers: Identifiers) -> set[Kind]:
    """Return the kinds of identifiers that are found."""
    kinds = haystack.found
    text = BREAK.join(haystack.texts)
    _search_text(text, identifiers, kinds, shortest=0)
    if any(haystack.technical):
        names: set[Kind] = set()
        _search_text(BREAK.join(haystack.technical), identifiers, names, shortest=0, dates=False)
        kinds |= names & {Kind.PATIENT, Kind.PERSON}
    for inner in texts_in_base64(text.translate(None, b"\r\n"), foreign=bool(identifiers.character_sets)):
        haystack.hide(readings(inner, identifiers.character_sets), identifiers)
    _search_hidden(haystack.bytes_, identifiers, kinds)
    if identifiers.uids:
        uids = {uid.strip(b"\0 ") for uid in b"\\".join(haystack.uids).split(b"\\")}
        if uids & identifiers.uids:
            kinds.add(Kind.UID)
    if identifiers.spellings.values and haystack.values:
        values = {value.strip(b"\0 ") for value in b"\\".join(haystack.values).split(b"\\")}
        kinds.update(identifiers.spellings.values[value] for value in values & identifiers.spellings.values.keys())
        if not identifiers.dates.isdisjoint(values):
            kinds.add(Kind.DATE)
    return kinds


def stands_in(raw: bytes, identifiers: Identifiers) -> bool:
    """Return whether an identifier can be read in some bytes that hold no more than a line of text."""
    kinds = _in_bytes(raw, identifiers)
    _search_text(raw, identifiers, kinds, shortest=0)
    return bool(kinds)


def _in_bytes(raw: bytes, identifiers: Identifiers) -> set[Kind]:
    """Return the kinds of identifiers in any bytes of a file."""
    kinds: set[Kind] = set()
    _search_text(raw, identifiers, kinds, shortest=_SHORTEST_IN_BYTES, dates=False)
    if identifiers.byte_search is not None:
        kinds |= identifiers.byte_search.in_bytes(raw)
    return kinds


def _search_hidden(readings: Iterable[bytes], identifiers: Identifiers, kinds: set[Kind]) -> None:
    _search_text(BREAK.join(filter(None, readings)), identifiers, kinds, shortest=_SHORTEST_IN_BYTES)


def _search_text(text: bytes, identifiers: Identifiers, kinds: set[Kind], shortest: int, *, dates: bool = True) -> None:
    if not text:
        return
    spellings = identifiers.spellings
    folded = text.translate(TABLE)
    words = set(folded.split())
    kinds.update(spellings.words[word] for word in words & spellings.words.keys() if len(word) >= shortest)
    _search_phrases(folded, words, spellings.phrases, kinds)
    if spellings.joined:
        _search_joined(folded, spellings.joined, kinds)
    if (
        identifiers.uids
        and may_hold_uid(text, identifiers.uids)
        and not identifiers.uids.isdisjoint(_UID.findall(text))
    ):
        kinds.add(Kind.UID)
    if dates and identifiers.dates and has_date(text, folded, identifiers.dates):
        kinds.add(Kind.DATE)


def _search_phrases(folded: bytes, words: set[bytes], phrases: dict[bytes, Kind], kinds: set[Kind]) -> None:
    lines: list[bytes] = []
    for phrase, kind in phrases.items():
        if kind not in kinds and words.issuperset(phrase.split()):
            lines = lines or [b" " + b" ".join(line.split()) + b" " for line in folded.split(b"\n")]
            if any(b" " + phrase + b" " in line for line in lines):
                kinds.add(kind)


def _search_joined(folded: bytes, joined: dict[bytes, Kind], kinds: set[Kind]) -> None:
    packed = folded.replace(b" ", b"")
    for spelling, kind in joined.items():
        if spelling in packed and kind not in kinds and _stands_apart(spelling, folded):
            kinds.add(kind)


def _stands_apart(spelling: bytes, folded: bytes) -> bool:
    """Return whether a spelling is delimited as numbers and words are; always in scripts without spaces."""
    if not spelling.isascii():
        return True
    beside = rb"[0-9]" if spelling.isdigit() else rb"[a-z0-9]"
    spread = b" *".join(bytes([byte]) for byte in spelling)
    return re.search(rb"(?<!" + beside + rb")" + spread + rb"(?!" + beside + rb")", folded) is not None


def may_hold_uid(text: bytes, uids: set[bytes]) -> bool:
    """Return False only if the text cannot contain any of these UIDs. For many of them, the pattern is faster."""
    return len(uids) > _FEW or any(map(text.__contains__, uids))


# --- where it is ----------------------------------------------------------------------------------------------------


def _locate(
    output: Instance,
    identifiers: Identifiers,
    character_set: bytes | memoryview,
    elements: Dataset,
    path: str,
    explain: Explain,
    apart: list[tuple[Element, bytes]],
) -> Iterator[Hit]:
    """Yield the hits, searching one element at a time; add values that only look like one as bytes to `apart`."""
    for element in elements:
        where = path + group_and_element(element.tag)
        if element.items is not None:
            for item in element.items:
                yield from _locate(output, identifiers, character_set, item, f"{where} > ", explain, apart)
            continue
        if element.tag == _CHARACTER_SET:
            character_set = bytes(element.value)
        haystack, same = _Haystack(explain), set[tuple[int, Kind]]()
        _gather([element], character_set, identifiers, output.syntax.encoding.order, haystack, same, elements)
        apart += haystack.explained
        if element.vr in _DECIMALS and _in_bytes(bytes(element.value), identifiers):
            apart.append((element, _without_points(element.value)))
        name = DicomDictionary.get(element.tag, ("", "", "", "", "a private or unknown attribute"))[4]
        for kind in sorted(_kinds(haystack, identifiers) | {kind for _, kind in same}):
            yield Hit(f"{where} {name}", kind)


def _without_points(value: bytes | memoryview) -> bytes:
    """Return a string of numbers without those that have a point: 0.70 is a phrase of two words in bytes."""
    singles = bytes(value).split(b"\\")
    return b"\\".join(one for one in singles if b"." not in one or not _DECIMAL.fullmatch(one.strip(b"\0 ")))


def _outside(rest: bytes, identifiers: Identifiers) -> Iterator[Hit]:
    """Yield hits outside of elements: before the dataset, and between or behind its elements."""
    end = _end_of_meta(rest)
    for where, part in (
        ("the preamble", rest[:128]),
        ("the file meta information", rest[132:end]),
        ("what lies between or behind the elements", rest[end:]),
    ):
        for kind in sorted(_in_bytes(part, identifiers)):
            yield Hit(where, kind)


def _end_of_meta(start: bytes) -> int:
    """Return where the dataset begins; SendIt itself wrote the length of the group."""
    return 144 + int.from_bytes(start[140:144], "little")
