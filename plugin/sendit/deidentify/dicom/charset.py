"""Character sets as files declare them (PS3.3 C.12.1.1.2): correct misspelt terms, and check that text is in them.

Files have four kinds of terms: those of the standard, which stay; misspellings, which are corrected; names of encodings
that DICOM does not have (Shift-JIS, Big5, KOI8-R, windows-1252), whose texts are converted to UTF-8; and words such as
"Not Supplied", which are replaced by UTF-8, the only guess that can be verified.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from sendit.deidentify.dicom.dataset import Dataset, Element, find
from sendit.deidentify.dicom.text import decoded_in, python_encodings
from sendit.errors import Reject

Bytes = bytes | memoryview

CHARACTER_SET = 0x00080005
#: VRs whose values are of the declared character set (PS3.5 6.1.2.3); all others are ASCII.
TEXT_OF_SETS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
UTF_8 = "ISO_IR 192"

#: Longer values (bytes) are rarely seen twice.
_SHARED = 256
_SINGLE_BYTE = (13, 100, 101, 109, 110, 126, 127, 138, 144, 148, 166, 203)
_MULTI_BYTE = (58, 87, 149, 159)  # with code extensions only
_ALONE = (UTF_8, "GB18030", "GBK")
#: The defined terms, and ISO_IR 6, a common spelling of the default repertoire.
_DEFINED = frozenset(
    {"", "ISO_IR 6", "ISO 2022 IR 6", *_ALONE}
    | {f"ISO_IR {number}" for number in _SINGLE_BYTE}
    | {f"ISO 2022 IR {number}" for number in (*_SINGLE_BYTE, *_MULTI_BYTE)}
)
#: The parts of ISO 8859, and other names of the sets.
_PARTS = {1: 100, 2: 101, 3: 109, 4: 110, 5: 144, 6: 127, 7: 126, 8: 138, 9: 148, 11: 166, 15: 203}
_NAMES = {
    "UTF8": UTF_8, "UTF": UTF_8, "UNICODE": UTF_8, "UTF8BOM": UTF_8, "UNICODE11UTF8": UTF_8, "ISO10646": UTF_8,
    "ISOIR192": UTF_8, "IR192": UTF_8, "192": UTF_8, "ISO192": UTF_8, "ISO2022IR192": UTF_8, "2022IR192": UTF_8,
    "GB18030": "GB18030", "GB180302000": "GB18030", "GB2312": "GB18030", "GB231280": "GB18030", "EUCCN": "GB18030",
    "ISOIR18030": "GB18030", "GBK": "GBK", "CP936": "GBK", "MS936": "GBK", "WINDOWS936": "GBK", "ISO2022GBK": "GBK",
    "LATIN1": "ISO_IR 100", "L1": "ISO_IR 100", "CP819": "ISO_IR 100", "LATIN2": "ISO_IR 101", "LATIN5": "ISO_IR 148",
    "LATIN9": "ISO_IR 203", "CYRILLIC": "ISO_IR 144", "GREEK": "ISO_IR 126", "ARABIC": "ISO_IR 127",
    "HEBREW": "ISO_IR 138", "THAI": "ISO_IR 166", "TIS620": "ISO_IR 166", "JISX0201": "ISO_IR 13",
    "ISO2022JP": "\\ISO 2022 IR 87", "ISO2022JP2": "\\ISO 2022 IR 87\\ISO 2022 IR 159",
    "ISO202258": "\\ISO 2022 IR 58",
}  # fmt: skip
#: Encodings without a term in DICOM, by Python's names.
_FOREIGN = {
    "SHIFTJIS": "cp932", "SJIS": "cp932", "XSJIS": "cp932", "CP932": "cp932", "MS932": "cp932", "WINDOWS31J": "cp932",
    "EUCJP": "euc_jp", "BIG5": "cp950", "CP950": "cp950", "BIG5HKSCS": "big5hkscs", "EUCKR": "cp949", "CP949": "cp949",
    "UHC": "cp949", "KSC5601": "cp949", "KSX1001": "cp949", "KOI8R": "koi8_r", "KOI8U": "koi8_u", "CP866": "cp866",
    "CP437": "cp437", "CP850": "cp850", "CP852": "cp852", "MACROMAN": "mac_roman", "MACINTOSH": "mac_roman",
    "ANSI": "cp1252", "CP874": "cp874", "WINDOWS874": "cp874",
    **{f"CP125{digit}": f"cp125{digit}" for digit in range(9)},
    **{f"WINDOWS125{digit}": f"cp125{digit}" for digit in range(9)},
    **{f"ISO8859{part}": f"iso8859_{part}" for part in (10, 13, 14, 16)},
}  # fmt: skip
_NOTHING = frozenset(
    {"NOTSUPPLIED", "NOTSPECIFIED", "NOTAVAILABLE", "UNSPECIFIED", "NONE", "UNKNOWN", "NA", "NULL", "NIL", "UNDEFINED"}
    | {"DEFAULT", "EMPTY", "MISSING", "ASCII", "USASCII", "ISO646", "ISO646US", "ISOIR646", "0", "6", "IR6", "ISOIR6"}
)
#: Escape sequences of Korean and Chinese, which distinguish code extensions from the 8-bit form.
_ESCAPES = {"cp949": (b"\x1b$)C", "\\ISO 2022 IR 149"), "GB18030": (b"\x1b$)A", "\\ISO 2022 IR 58")}
_HIGH_LATIN = frozenset({"latin_1", "iso8859_2", "iso8859_3", "iso8859_4", "iso_ir_148", "iso8859_15"})


@dataclass(frozen=True, slots=True)
class Declared:
    """A SpecificCharacterSet as it is written."""

    terms: str
    transcoded_from: str = ""  # Python's name of the encoding that the texts are in, if DICOM has no term for it


def correct_character_sets(elements: Dataset) -> list[str]:
    """Correct misspelt terms in place, at every depth; return for the receipt what was done.

    Raises:
        Reject: a term is neither of the standard nor a known encoding: it could be an identifier.
    """
    repairs: dict[str, None] = {}
    _correct(elements, "", repairs)
    return list(repairs)


def _correct(elements: Dataset, foreign: str, repairs: dict[str, None]) -> None:
    found = find(elements, CHARACTER_SET)
    if found is not None and found.items is None:
        declared = _declared(found.value, elements)
        foreign = declared.transcoded_from
        if declared.terms != _written(found.value):
            found.value = declared.terms.encode("ascii")
            repairs[
                f"SpecificCharacterSet: {declared.terms or 'none'} written in place of a term that is not DICOM's"
            ] = None
    for element in elements:
        if element.items is not None:
            for item in element.items:
                _correct(item, foreign, repairs)
        elif foreign and element.vr in TEXT_OF_SETS and not bytes(element.value).isascii():
            _transcode(element, foreign, repairs)


def _transcode(element: Element, encoding: str, repairs: dict[str, None]) -> None:
    try:
        element.value = bytes(element.value).decode(encoding).encode("utf-8")
    except UnicodeError:
        return  # it is not in that encoding either, and is removed as unreadable
    repairs["texts written in UTF-8: DICOM has no term for the encoding that the file names"] = None


def _written(value: Bytes) -> str:
    return "\\".join(_terms(value))


def _terms(value: Bytes) -> list[str]:
    return [term.strip(" ") for term in bytes(value).decode("latin-1").rstrip("\0 ").split("\\")]


def _declared(value: Bytes, elements: Dataset) -> Declared:
    terms = _terms(value)
    if _DEFINED.issuperset(terms) and (len(terms) == 1 or not _clashing(terms)):
        return Declared("\\".join(terms))
    mended = [_corrected(term, elements) for term in terms]
    foreign = [one for one in mended if one.transcoded_from]
    if foreign:
        if len({one.terms for one in mended if one.terms and not one.transcoded_from}) > 0:
            raise Reject("its SpecificCharacterSet names encodings that cannot be used together")
        return foreign[0]
    return Declared(_joined([single for one in mended for single in one.terms.split("\\")]))


def _clashing(terms: list[str]) -> bool:
    """Return whether one of several terms may only stand alone (PS3.3 C.12.1.1.2)."""
    return any(term in _ALONE or (term.startswith("ISO_IR") and term != "ISO_IR 6") for term in terms)


def _joined(terms: list[str]) -> str:
    alone = [term for term in terms if term in _ALONE]
    if alone and (terms[0] == alone[0] or not any(term and term not in _ALONE for term in terms)):
        return alone[0]
    terms = [term for term in terms if term not in _ALONE]
    if len(terms) > 1:
        terms = [term.replace("ISO_IR", "ISO 2022 IR") for term in terms]
        terms = [terms[0], *dict.fromkeys(term for term in terms[1:] if term and term != terms[0])]
    return "\\".join(terms)


def _corrected(term: str, elements: Dataset) -> Declared:
    """Return a term as the standard writes it, or the one that was meant."""
    if term in _DEFINED:
        return Declared(term)
    key = re.sub(r"[^A-Z0-9]", "", term.upper())
    if key in _NOTHING:
        return Declared(UTF_8)
    encoding = _FOREIGN.get(key, "") or _NAMES.get(key, "") or _numbered(key)
    if not encoding:
        raise Reject("unknown SpecificCharacterSet")
    escape, extended = _ESCAPES.get(encoding, (b"", ""))
    if escape and _holds(elements, escape):
        return Declared(extended)
    return Declared(UTF_8, encoding) if key in _FOREIGN else Declared(encoding)


def _numbered(key: str) -> str:
    """Return the term that a spelling of ISO_IR, ISO 2022 IR or ISO 8859 means; "" if it means none."""
    match = re.fullmatch(r"(?:ISO)?8859(\d{1,2})", key)
    if match and int(match[1]) in _PARTS:
        return f"ISO_IR {_PARTS[int(match[1])]}"
    match = re.fullmatch(r"(?:ISO|JIS)?(2022)?(?:IS)?(?:IR|R|I)?(2022)?0*(\d{1,3})", key)
    if match is None:
        return ""
    number = int(match[3])
    if number in _MULTI_BYTE:
        return f"ISO 2022 IR {number}" if match[1] else f"\\ISO 2022 IR {number}"
    if number not in _SINGLE_BYTE:
        return ""
    return f"ISO 2022 IR {number}" if match[1] or match[2] else f"ISO_IR {number}"


def _holds(elements: Dataset, escape: bytes) -> bool:
    return any(
        any(_holds(item, escape) for item in element.items)
        if element.items is not None
        else element.vr in TEXT_OF_SETS and escape in bytes(element.value)
        for element in elements
    )


# --- whether text is in its character set ---------------------------------------------------------------------------


def text_in(value: Bytes, character_set: Bytes) -> str | None:
    """Return the text of a value, or None if its bytes are not of the character set.

    This is stricter than DICOM readers usually are: no control characters of ISO 8859's upper half, which mean that the
    encoding is another one; only ASCII in the default repertoire; in ISO_IR 13 only characters of one byte.
    """
    raw = bytes(value)
    if _looks_like_utf_16(raw):
        return None
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii")
    return _text_in(raw, bytes(character_set))


def _looks_like_utf_16(raw: bytes) -> bool:
    """Return whether a value has the signs of UTF-16, which DICOM has no term for. One control character is none."""
    wide = b"\0" in raw and _WIDE.search(raw) is not None
    return wide or len(CONTROLS.findall(raw)) > 1 or HALVES_OF_INDIA.search(raw) is not None


def is_multibyte(value: Bytes, character_set: Bytes) -> bool:
    """Return whether the declared character set writes the characters of this value in several bytes each."""
    terms = _terms(character_set)
    return terms[0] in _ALONE or (b"\x1b$" in bytes(value))


@lru_cache(maxsize=1024)
def _text_in(raw: bytes, character_set: bytes) -> str | None:
    encodings = _strict_encodings(character_set)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            text = decoded_in(raw, list(encodings))
        except (LookupError, ValueError, UserWarning):
            return None
    if any(character == "\x1b" or "\x80" <= character <= "\x9f" for character in text):
        return None
    high = bytes(byte for byte in raw if byte > 0x7F)
    if encodings[0] == "shift_jis" and not _designates_upper_half(raw) and high.translate(None, _KATAKANA):
        return None
    return text


#: Control characters that no text contains; in UTF-16 they are halves of letters.
CONTROLS = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f]")
#: Tabs and ends of lines between single characters; in UTF-16 they are halves of the letters of India.
HALVES_OF_INDIA = re.compile(rb"([\t-\r])[^\t-\r]\1[^\t-\r]\1")
#: Two letters in UTF-16, or two of any script in UTF-32.
_WIDE = re.compile(
    rb"(?:[\x20-\x7e]\0){2}|(?:\0[\x20-\x7e]){2}"
    rb"|(?:[^\0]{2}\0\0|[^\0]\0\0\0){2}|(?:\0\0[^\0]{2}|\0\0\0[^\0]){2}"
)
#: Letters beyond ASCII in escapes: quoted-printable, RTF, and those of programs, which a split at "\\" would hide.
_ESCAPED = re.compile(
    rb"=[89A-F][0-9A-F]=[0-9A-F]{2}|=\?[\w\-]{3,20}\?[bqBQ]\?|\\[x'][89a-fA-F][0-9a-fA-F]|\\u[0-9a-fA-F]{4}|\\u-?\d{3,5}(?:\?|\b)"
)
_KATAKANA = bytes(range(0xA1, 0xE0))


def _designates_upper_half(raw: bytes) -> bool:
    return b"\x1b$)" in raw or b"\x1b-" in raw


@lru_cache(maxsize=64)
def _strict_encodings(character_set: bytes) -> tuple[str, ...]:
    terms = _terms(character_set)
    encodings = [python_encodings(term.encode("ascii", "ignore"))[0] for term in terms if term or len(terms) == 1]
    if terms[0] in ("", "ISO_IR 6", "ISO 2022 IR 6"):
        # Many files declare the upper half as the second value, and use its letters without the escape sequence.
        upper = [encoding for encoding in encodings if encoding in _HIGH_LATIN or encoding.startswith("iso_ir_1")]
        encodings = [upper[0] if upper else "ascii", *encodings]
    return tuple(encodings)


def looks_foreign(text: str, value: Bytes, character_set: Bytes) -> bool:
    """Return whether a text is most likely in another encoding than its single-byte character set, or in escapes.

    Every byte is valid in such sets: UTF-8 reads as "Ã¼" in ISO_IR 100, Chinese as "Íõ·¼".
    """
    raw = bytes(value)
    if _ESCAPED.search(raw):
        return True
    if raw.isascii() or is_multibyte(raw, character_set):
        return False
    latin = _strict_encodings(bytes(character_set))[0] in _HIGH_LATIN
    if _is_utf8(raw, 1 if latin else 3):
        return True
    if latin:
        return any(_is_jumble(match) for match in _HIGH_RUN.finditer(text))
    return _FLIPPED.search(text) is not None


_HIGH_RUN = re.compile(r"[^\x00-\x7f]{2,}")
#: A small Cyrillic or Greek letter before a capital one: KOI8-R read as ISO 8859-5, and the like.
_FLIPPED = re.compile(r"(?<![^\W\d_])[а-яёα-ω][А-ЯЁΑ-Ω]{2,}")
_HARMLESS = frozenset("°µ²³±×«»·®©§–’“”…€™ \xa0")


def _is_utf8(raw: bytes, least: int) -> bool:
    try:
        return sum(character > "\x7f" for character in raw.decode("utf-8")) >= least
    except UnicodeDecodeError:
        return False


def _is_jumble(match: re.Match[str]) -> bool:
    """Return whether a run of non-ASCII letters is like none in a European word: too long, or in mixed case."""
    run = match[0].strip("".join(_HARMLESS))
    if len(run) < 2:
        return False
    if not run.isalpha() or any(not one.isupper() and other.isupper() for one, other in pairwise(run)):
        return True
    before, behind = match.string[match.start() - 1 : match.start()], match.string[match.end() : match.end() + 1]
    return len(run) > 3 or not (before.isalpha() or behind.isalpha())


def unreadable(elements: Dataset, inherited: Bytes = b"") -> int | None:
    """Return the tag of a text that is not of the character set declared for it; None if there is none."""
    character_set = inherited
    for element in elements:
        if element.items is not None:
            for item in element.items:
                tag = unreadable(item, character_set)
                if tag is not None:
                    return tag
        elif element.tag == CHARACTER_SET:
            character_set = element.value
        elif element.vr in _CHECKED and not _is_of(element, character_set):
            return element.tag
    return None


_ASCII = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR"})


_CHECKED = TEXT_OF_SETS | _ASCII


def _is_of(element: Element, character_set: Bytes) -> bool:
    if element.vr not in TEXT_OF_SETS:
        return bytes(element.value).isascii()
    value = bytes(element.value)
    return (_is_text_of if len(value) <= _SHARED else _is_text_of.__wrapped__)(value, bytes(character_set))


@lru_cache(maxsize=4096)  # the instances of a study share nearly all of their texts
def _is_text_of(value: bytes, character_set: bytes) -> bool:
    return text_in(value, character_set) is not None
