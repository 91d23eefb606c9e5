"""Is anything of the original left in an output? Searched whole, after everything else, and before it may leave.

Searched: every element at every depth, private ones too, as text in its character set and with the values apart;
the preamble, the file meta information and all other bytes of the file; in bytes also text in UTF-16, base64, zlib,
gzip and deflate streams, and what JPEG and JPEG 2000 frames carry beside their pixels. Not searched: the samples of
pixels themselves. What is searched for stands in known.py and tokens.py. A hit never carries a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from pydicom._dicom_dict import DicomDictionary

from sendit.deidentify.dataset import BYTES_VRS, TEXT_VRS, Dataset, Element, Instance, group_and_element
from sendit.deidentify.folding import BREAK, TABLE, fold
from sendit.deidentify.known import Known
from sendit.deidentify.text import decoded
from sendit.deidentify.tokens import Kind
from sendit.deidentify.unpacking import beside_pixels, is_text, readings, texts_in_base64
from sendit.errors import Quarantine

_CHARACTER_SET = 0x00080005
#: Pixel data, and those of floating point.
_PIXELS = frozenset({0x7FE00010, 0x7FE00008, 0x7FE00009})
_FIRST_PIXELS = min(_PIXELS)
#: VRs of which only a whole value can mean something, and those that are searched as text.
_VALUES = frozenset({"DS", "IS", "TM", "AS"})
_TEXTS = TEXT_VRS | {"CS", "DA", "DT"}
#: All others hold numbers in binary form, in which nothing that identifies can be told from chance.
_SEARCHED = _VALUES | _TEXTS | BYTES_VRS | {"UI"}
#: In bytes that are no text, shorter words stand by chance.
_SHORTEST_IN_BYTES = 5
#: Chunks from this length on are single values, which are searched as elements; the bytes of the file are the others.
_LARGE = 1 << 16
#: So many bytes of readings are searched together.
_AT_ONCE = 4 << 20
_NAMED_HITS = 3
#: So many are searched for one by one.
_FEW = 32

_NUMBER = re.compile(rb"[0-9. ]*")
_UID = re.compile(rb"[0-9]++(?:\.[0-9]++){3,}+")
_EIGHT = re.compile(rb"(?<![0-9])[0-9]{8}(?=(?:[0-9]{2}){0,3}(?![0-9]))")
_THREE = re.compile(rb"(?<![0-9])(?=([0-9]{1,4})[ ]+([0-9]{1,2})[ ]+([0-9]{4}|[0-9]{1,2})(?![0-9]))")
_SHORT = re.compile(rb"(?<![0-9])([0-9]{2}|[0-9](?=/))([-./])([0-9]{2}|[0-9](?=/))\2([0-9]{2})(?![0-9])")
_MONTHS = rb"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_DAY_MONTH = re.compile(rb"(?<![0-9])([0-9]{1,2})(?:st|nd|rd|th)? *" + _MONTHS + rb"[a-z]* *([0-9]{4})(?![0-9])")
_MONTH_DAY = re.compile(_MONTHS + rb"[a-z]* +([0-9]{1,2})(?:st|nd|rd|th)? +([0-9]{4})(?![0-9])")
_YEAR_MONTH = re.compile(rb"(?<![0-9])([0-9]{4}) *" + _MONTHS + rb"[a-z]* *([0-9]{1,2})(?![0-9])")
_NAMES = [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"]


@dataclass(frozen=True, slots=True)
class Hit:
    """Something of the original is still there."""

    where: str  # "(0008,1030) StudyDescription", "file meta information", "preamble", "bytes between the elements"
    kind: Kind

    def __str__(self) -> str:
        return f"{self.where} still holds {self.kind}"


@dataclass(slots=True)
class _Haystack:
    """What of an output is searched, by the way in which it is."""

    texts: list[bytes] = field(default_factory=list)  # ASCII, or folded
    bytes_: list[bytes] = field(default_factory=list)  # of values that are no text: the same
    values: list[bytes] = field(default_factory=list)  # numbers
    uids: list[bytes] = field(default_factory=list)
    size: int = 0  # of bytes_
    found: set[Kind] = field(default_factory=set)  # in what was there before

    def hide(self, readings: Iterable[bytes], known: Known) -> None:
        """Add to bytes_. What is much is searched at once, and not kept."""
        for reading in readings:
            self.bytes_.append(reading)
            self.size += len(reading)
            if self.size > _AT_ONCE:
                _search_hidden(self.bytes_, known, self.found)
                self.bytes_.clear()
                self.size = 0


def prove(output: Instance, chunks: Sequence[bytes | memoryview], known: Known) -> str:
    """For the receipt: what was searched for, and that nothing of it was found.

    Args:
        output: the dataset as it was written.
        chunks: the bytes of the file.

    Raises:
        Quarantine: something was found; the message says where and of which kind.
    """
    hits = search(output, chunks, known)
    if hits:
        more = f", and {len(hits) - _NAMED_HITS} more places" if len(hits) > _NAMED_HITS else ""
        raise Quarantine(f"the proof failed: {'; '.join(map(str, hits[:_NAMED_HITS]))}{more}")
    return f"clean: searched for {len(known)} forms of identifying values"


def search(output: Instance, chunks: Sequence[bytes | memoryview], known: Known) -> list[Hit]:
    """Where anything that is known still stands; one hit for each place and kind."""
    haystack, same = _Haystack(), set[tuple[int, Kind]]()
    _gather(output.elements, b"", known, output.syntax.encoding.order, haystack, same)
    rest = _bytes_of_file(output, chunks)
    if not same and not _kinds(haystack, known) and not _in_bytes(rest, known):
        return []
    hits = list(dict.fromkeys(_locate(output, known, b"", output.elements, "")))
    return hits or list(_outside(rest, known))


def _bytes_of_file(output: Instance, chunks: Sequence[bytes | memoryview]) -> bytes:
    """The file without its pixels and other large values; what was deflated says nothing as it stands."""
    start = bytes(chunks[0])
    if output.syntax.deflated:
        return start[: _end_of_meta(start)]
    rest = BREAK.join([start, *(bytes(chunk) for chunk in chunks[1:] if len(chunk) < _LARGE)])
    for element in reversed(output.elements):
        if element.tag < _FIRST_PIXELS:
            break
        if element.tag in _PIXELS and 64 < len(element.value) < _LARGE:
            before, found, behind = rest.rpartition(bytes(element.value))  # from behind: nothing much follows it
            rest = before + BREAK + behind if found else rest
    return rest


def _gather(
    elements: Dataset,
    character_set: bytes | memoryview,
    known: Known,
    order: str,
    into: _Haystack,
    same: set[tuple[int, Kind]],
) -> None:
    own = known.own
    for element in elements:
        if element.items is not None:
            for item in element.items:
                _gather(item, character_set, known, order, into, same)
            continue
        tag, value = element.tag, element.value
        if tag == _CHARACTER_SET:
            character_set = bytes(value)
        if value:
            if tag in own and bytes(value).strip(b"\0 ").upper() in own[tag][1]:
                same.add((tag, own[tag][0]))
            if element.vr in _SEARCHED:
                _take(element, character_set, known, order, into)


def _take(element: Element, character_set: bytes | memoryview, known: Known, order: str, into: _Haystack) -> None:
    vr = element.vr
    if vr in _TEXTS:
        _take_text(bytes(element.value), character_set, known, into)
    elif vr == "UI":
        raw = bytes(element.value)
        into.uids.append(raw)
        if not _NUMBER.fullmatch(raw.replace(b"\\", b"").rstrip(b"\0")):
            _take_text(raw, character_set, known, into)
    elif vr in _VALUES:
        into.values.append(bytes(element.value))
    elif element.tag in _PIXELS:
        if element.encapsulated:
            for part in beside_pixels(element.value, order):
                into.hide(readings(part, known.character_sets), known)
    elif vr in BYTES_VRS:
        found = readings(element.value, known.character_sets)
        if is_text(element.value):
            into.texts.extend(found)
        else:
            into.hide(found, known)


def _take_text(raw: bytes, character_set: bytes | memoryview, known: Known, into: _Haystack) -> None:
    if raw.isascii() and b"\x1b" not in raw:
        into.texts.append(raw)
        if b"\0" in raw[:-1]:
            into.hide(readings(raw, known.character_sets), known)
        return
    for used in {bytes(character_set), b"ISO_IR 192", *known.character_sets}:
        into.texts.append(fold(decoded(raw, used)))
    into.hide(readings(raw, known.character_sets), known)


# --- the searching itself --------------------------------------------------------------------------------------------


def _kinds(haystack: _Haystack, known: Known) -> set[Kind]:
    """The kinds of what is found."""
    found = haystack.found
    text = BREAK.join(haystack.texts)
    _search_text(text, known, found, shortest=0)
    for inner in texts_in_base64(text.translate(None, b"\r\n"), bool(known.character_sets)):
        haystack.hide(readings(inner, known.character_sets), known)
    _search_hidden(haystack.bytes_, known, found)
    if known.uids:
        uids = {uid.strip(b"\0 ") for uid in b"\\".join(haystack.uids).split(b"\\")}
        if uids & known.uids:
            found.add(Kind.UID)
    if known.tokens.values and haystack.values:
        values = {value.strip(b"\0 ") for value in b"\\".join(haystack.values).split(b"\\")}
        found.update(known.tokens.values[value] for value in values & known.tokens.values.keys())
    return found


def _in_bytes(raw: bytes, known: Known) -> set[Kind]:
    """What is found in bytes of a file, whatever they are."""
    found: set[Kind] = set()
    _search_text(raw, known, found, shortest=_SHORTEST_IN_BYTES, dates=False)
    return found


def _search_hidden(readings: Iterable[bytes], known: Known, found: set[Kind]) -> None:
    _search_text(BREAK.join(filter(None, readings)), known, found, shortest=_SHORTEST_IN_BYTES)


def _search_text(text: bytes, known: Known, found: set[Kind], shortest: int, dates: bool = True) -> None:
    if not text:
        return
    tokens = known.tokens
    folded = text.translate(TABLE)
    words = set(folded.split())
    found.update(tokens.words[word] for word in words & tokens.words.keys() if len(word) >= shortest)
    _search_phrases(folded, words, tokens.phrases, found)
    if tokens.glued:
        _search_glued(folded, tokens.glued, found)
    if known.uids and may_hold_uid(text, known.uids) and not known.uids.isdisjoint(_UID.findall(text)):
        found.add(Kind.UID)
    if dates and known.dates and _has_date(text, folded, known.dates):
        found.add(Kind.DATE)


def _search_phrases(folded: bytes, words: set[bytes], phrases: dict[bytes, Kind], found: set[Kind]) -> None:
    lines: list[bytes] = []
    for phrase, kind in phrases.items():
        if kind not in found and words.issuperset(phrase.split()):
            lines = lines or [b" " + b" ".join(line.split()) + b" " for line in folded.split(b"\n")]
            if any(b" " + phrase + b" " in line for line in lines):
                found.add(kind)


def _search_glued(folded: bytes, glued: dict[bytes, Kind], found: set[Kind]) -> None:
    packed = folded.replace(b" ", b"")
    for token, kind in glued.items():
        if token in packed and kind not in found and _stands_apart(token, folded):
            found.add(kind)


def _stands_apart(token: bytes, folded: bytes) -> bool:
    """Whether it begins and ends where a number or a word does. In scripts without spaces nothing tells."""
    if not token.isascii():
        return True
    beside = rb"[0-9]" if token.isdigit() else rb"[a-z0-9]"
    spread = b" *".join(bytes([byte]) for byte in token)
    return re.search(rb"(?<!" + beside + rb")" + spread + rb"(?!" + beside + rb")", folded) is not None


def may_hold_uid(text: bytes, uids: set[bytes]) -> bool:
    """False only if none of them can be in the text. Of many, the pattern finds out faster."""
    return len(uids) > _FEW or any(map(text.__contains__, uids))


def may_hold_date(text: bytes, dates: set[bytes]) -> bool:
    """False only if none of them can be in the text with its year in four digits."""
    return any(map(text.__contains__, {date[:4] for date in dates}))


def _has_date(text: bytes, folded: bytes, dates: set[bytes]) -> bool:
    if may_hold_date(text, dates) and _has_full_date(text, folded, dates):
        return True
    if any(short in text for short in (b"-", b".", b"/")):
        endings = {date[2:] for date in dates}
        for a, _, b, c in _SHORT.findall(text):
            a, b = a.zfill(2), b.zfill(2)
            if not endings.isdisjoint((a + b + c, c + b + a, c + a + b)):
                return True
    return False


def _has_full_date(text: bytes, folded: bytes, dates: set[bytes]) -> bool:
    for digits in _EIGHT.findall(text):
        if not dates.isdisjoint((digits, digits[4:] + digits[2:4] + digits[:2], digits[4:] + digits[:4])):
            return True
    for a, b, c in _THREE.findall(folded):
        if len(a) == 4 and a + b.zfill(2) + c.zfill(2) in dates:
            return True
        if len(c) == 4 and not dates.isdisjoint((c + b.zfill(2) + a.zfill(2), c + a.zfill(2) + b.zfill(2))):
            return True
    return any(date in dates for date in _dates_in_words(folded))


def _dates_in_words(folded: bytes) -> Iterator[bytes]:
    if not any(name in folded for name in _NAMES):
        return
    for day, month, year in _DAY_MONTH.findall(folded):
        yield year + b"%02d" % (_NAMES.index(month) + 1) + day.zfill(2)
    for month, day, year in _MONTH_DAY.findall(folded):
        yield year + b"%02d" % (_NAMES.index(month) + 1) + day.zfill(2)
    for year, month, day in _YEAR_MONTH.findall(folded):
        yield year + b"%02d" % (_NAMES.index(month) + 1) + day.zfill(2)


# --- where it is, once something was found ---------------------------------------------------------------------------


def _locate(
    output: Instance, known: Known, character_set: bytes | memoryview, elements: Dataset, path: str
) -> Iterator[Hit]:
    """The same again, one element at a time."""
    for element in elements:
        where = path + group_and_element(element.tag)
        if element.items is not None:
            for item in element.items:
                yield from _locate(output, known, character_set, item, f"{where} > ")
            continue
        if element.tag == _CHARACTER_SET:
            character_set = bytes(element.value)
        haystack, same = _Haystack(), set[tuple[int, Kind]]()
        _gather([element], character_set, known, output.syntax.encoding.order, haystack, same)
        name = DicomDictionary.get(element.tag, ("", "", "", "", "a private or unknown attribute"))[4]
        for kind in sorted(_kinds(haystack, known) | {kind for _, kind in same}):
            yield Hit(f"{where} {name}", kind)


def _outside(rest: bytes, known: Known) -> Iterator[Hit]:
    """In no element: in front of the dataset, or between and behind its elements."""
    end = _end_of_meta(rest)
    for where, part in (
        ("the preamble", rest[:128]),
        ("the file meta information", rest[132:end]),
        ("what lies between or behind the elements", rest[end:]),
    ):
        for kind in sorted(_in_bytes(part, known)):
            yield Hit(where, kind)


def _end_of_meta(start: bytes) -> int:
    """Where the dataset begins; the group's length is SendIt's own."""
    return 144 + int.from_bytes(start[140:144], "little")
