"""Read and write names in all encodings that could have produced them, whatever the file declares.

From bytes to texts: the possible readings of a value if its encoding is not the declared one (`readings_of`). From
texts to bytes: a name in every encoding of its scripts (`forms_of`). With both, a name in undeclared Shift-JIS is found
in a description in UTF-8, and vice versa.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING

from sendit.deidentify.dicom.charset import CONTROLS, HALVES_OF_INDIA, Bytes, is_multibyte, text_in
from sendit.deidentify.dicom.text import decoded
from sendit.deidentify.dicom.vietnamese import forms_in_vietnamese
from sendit.deidentify.text.vocabulary import is_ordinary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_LATIN = (
    "cp1252", "latin_1", "iso8859_15", "cp1250", "iso8859_2", "cp1254", "iso8859_3", "iso8859_4", "cp1257",
    "iso8859_13",
    "cp1258", "iso8859_10", "iso8859_14", "iso8859_16", "cp437", "cp850", "cp852", "cp865", "mac_roman", "mac_latin2",
)  # fmt: skip
_CHINESE = ("gb18030", "cp950", "big5hkscs", "hz")
_JAPANESE = ("cp932", "shift_jis_2004", "euc_jp", "iso2022_jp_2")
_KOREAN = ("cp949", "johab", "iso2022_kr")
#: By script: the encodings made for it. Those of China, Japan and Korea also write each other's names.
_BY_SCRIPT = {
    "LATIN": _LATIN,
    "CYRILLIC": ("cp1251", "koi8_r", "koi8_u", "iso8859_5", "cp866", "cp855", "mac_cyrillic"),
    "GREEK": ("cp1253", "iso8859_7", "cp737", "cp869", "mac_greek"),
    "HEBREW": ("cp1255", "iso8859_8", "cp862"),
    "ARABIC": ("cp1256", "iso8859_6", "cp864", "cp720"),
    "THAI": ("cp874", "tis_620"),
    "CJK": (*_CHINESE, *_JAPANESE, *_KOREAN),
    "KANA": (*_JAPANESE, "gb18030", "cp950", "cp949"),
    "HANGUL": (*_KOREAN, "gb18030"),
}
#: Encodings with letters of all or many scripts.
_EVERYWHERE = (
    "utf-8",
    "utf-16-le",
    "utf-16-be",
    "utf-32-le",
    "utf-32-be",
    "utf-7",
    "gb18030",
    "cp932",
    "euc_jp",
    "cp949",
    "cp950",
    "iso2022_jp_2",
)
#: Encodings that bytes are tried in. Those that differ only in signs are left out.
_TRIED = (
    "utf-8", "cp932", "euc_jp", "gb18030", "cp950", "big5hkscs", "cp949", "cp1252", "cp1250", "iso8859_2", "cp1254",
    "iso8859_3", "iso8859_4", "cp1257", "cp1258", "iso8859_10", "iso8859_14", "iso8859_16", "cp437", "cp852",
    "mac_roman", "cp1251", "koi8_r", "koi8_u", "iso8859_5", "cp866", "mac_cyrillic", "cp1253", "iso8859_7", "cp737",
    "cp1255", "iso8859_8", "cp1256", "iso8859_6", "cp874", "utf-16-le", "utf-16-be",
)  # fmt: skip
_SEPARATORS = re.compile(r"[\s^=,;.()'’\-\\/·・　]+")
_LONGEST_FULL_NAME = 6  # characters, of a name without a space in a script without spaces


@lru_cache(maxsize=2048)
def readings_of(value: bytes, character_set: bytes) -> tuple[str, ...]:
    """Return all that a value may say; first what the declared character set makes of it."""
    first = decoded(value, character_set)
    if value.isascii() and b"\x1b" not in value:
        found = [first]
        found.extend(_seven_bits(value))
        return tuple(dict.fromkeys(found))
    strict = text_in(value, character_set)
    if strict is not None and (is_multibyte(value, character_set) and not character_set.startswith(b"GB")):
        return (first,)
    tried = [text for encoding in _TRIED if (text := _read(value, encoding)) is not None and is_plausible(text)]
    if strict is not None and is_dense(strict):  # Chinese, as declared: two accented letters are no other name
        tried = [text for text in tried if not _has_accents_only(text)]
    if b"\x1b" in value:
        tried.extend(
            text for encoding in ("iso2022_jp_2", "iso2022_kr") if (text := _read(value, encoding)) is not None
        )
    return tuple(dict.fromkeys(tried if tried and strict is None else [first, *tried]))


def _has_accents_only(text: str) -> bool:
    """Return whether a word of it is Latin and has no plain letter: ÄČ, which 娜 in GB18030 reads as in ISO 8859-2."""
    words = [word for word in _SEPARATORS.split(text) if word and not word.isascii()]
    return any({script_of(one) for one in word} == {"LATIN"} and not any(map(str.isascii, word)) for word in words)


def _seven_bits(value: bytes) -> Iterator[str]:
    """Yield readings of HZ and UTF-7, which are ASCII throughout, and of UTF-16, which may be."""
    for mark, encoding in _IN_SEVEN_BITS:
        if (
            mark.search(value)
            and (text := _read(value, encoding)) is not None
            and not text.isascii()
            and is_plausible(text)
        ):
            yield text


_IN_SEVEN_BITS = (
    (re.compile(rb"~\{"), "hz"),
    (re.compile(rb"\+"), "utf-7"),
    *((mark, encoding) for mark in (CONTROLS, HALVES_OF_INDIA) for encoding in ("utf-16-le", "utf-16-be")),
)


def _read(value: bytes, encoding: str) -> str | None:
    if encoding.startswith("utf-16") and len(value) % 2:  # its last zero was taken for padding
        value = value + b"\0" if encoding.endswith("le") else b"\0" + value
    try:
        return value.decode(encoding)
    except UnicodeError:
        return None


def is_plausible(text: str) -> bool:
    """Return whether a text could be a name: each word in letters of one script, with capitals in a usual order."""
    words = [word for word in _SEPARATORS.split(text) if word and not word.isascii()]
    return bool(words) and all(map(_is_plausible_word, words))


def _is_plausible_word(word: str) -> bool:
    scripts = {script_of(character) for character in word if not character.isdigit()}
    if "" in scripts or len(scripts - {"CJK", "KANA"}) > 1 or (len(scripts) > 1 and "LATIN" in scripts):
        return False
    if scripts <= {"LATIN", "CYRILLIC", "GREEK"} and any(
        one.islower() and other.isupper() for one, other in pairwise(word)
    ):
        return False
    # At most every other letter of a European name is beyond ASCII; mojibake has nothing else.
    return scripts != {"LATIN"} or len(word) < 3 or any(map(str.isascii, word))


@lru_cache(maxsize=8192)
def script_of(character: str) -> str:
    """Return the script of a letter or of a mark on one; "" for what is neither."""
    if unicodedata.category(character)[0] not in "LM":
        return ""
    name = unicodedata.name(character, "")
    if name.startswith(("HIRAGANA", "KATAKANA", "HALFWIDTH KATAKANA")):
        return "KANA"
    if name.startswith("HALFWIDTH HANGUL"):
        return "HANGUL"
    return "LATIN" if name.startswith(("COMBINING", "FULLWIDTH LATIN")) else name.partition(" ")[0]


def is_dense(text: str) -> bool:
    """Return whether a text is of a script that sets no spaces between words."""
    return any(script_of(character) in _DENSE for character in text)


_DENSE = frozenset({"CJK", "KANA", "HANGUL", "THAI", "LAO", "KHMER", "MYANMAR"})
_IDEOGRAPHIC = frozenset({"CJK", "KANA", "HANGUL"})


def parts_of_dense(word: str) -> tuple[str, ...]:
    """Return family and given name, as far as they can be told, of a full name written as one: 王芳, 김민수, 山田太郎.

    Nothing marks the boundary, so every possible one is used.
    """
    if not 2 <= len(word) <= _LONGEST_FULL_NAME or not all(script_of(one) in _IDEOGRAPHIC for one in word):
        return ()
    parts = (part for at in range(1, len(word)) for part in (word[:at], word[at:]))
    return tuple(part for part in parts if not is_ordinary(part))


# --- the bytes that a name may be written in -------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def forms_of(text: str, *, names: bool) -> Mapping[bytes, str]:
    """Return the bytes of a value in all encodings that have its letters, and what they say; of names also parts."""
    found: dict[bytes, str] = {}
    for part in _written_parts(text) if names else {text} - {""}:
        if part.isascii():
            continue
        encodings = dict.fromkeys(e for character in part for e in _BY_SCRIPT.get(script_of(character), ()))
        for variant in _variants(part):
            for encoding in (*encodings, *_EVERYWHERE):
                found.update(dict.fromkeys(_encoded(variant, encoding), variant))
            found.update(dict.fromkeys(forms_in_vietnamese(variant), variant))
    return MappingProxyType(found)


def _written_parts(text: str) -> set[str]:
    """Return names apart and together. A single letter is significant only in Chinese, Japanese and Korean."""
    found: set[str] = set()
    for group in re.split(r"[=\\]", text):
        words = [word for word in _SEPARATORS.split(group) if word]
        found.update(words)
        found.add(group.strip())
        if any(map(is_dense, words)):
            found.add("".join(words))
            for word in words:
                found.update(parts_of_dense(word))
    return {part for part in found if not part.isascii() and (len(part) > 1 or script_of(part) in _IDEOGRAPHIC)}


def _variants(part: str) -> Iterable[str]:
    forms = {part, unicodedata.normalize("NFC", part)}
    if len(part) > 1:
        forms |= {unicodedata.normalize("NFD", part), unicodedata.normalize("NFKC", part)}
        forms |= {form.upper() for form in forms} | {form.lower() for form in forms} | {part.title()}
    return forms


def _encoded(text: str, encoding: str) -> Iterator[bytes]:
    try:
        raw = text.encode(encoding)
    except UnicodeError:
        return
    if encoding == "utf-8":
        yield raw
        for wrong in ("latin_1", "cp1252"):  # UTF-8 misread as these, and encoded in UTF-8 again
            with_twice = _twice(raw, wrong)
            if with_twice:
                yield with_twice
    elif encoding.startswith("iso2022"):
        yield re.sub(rb"\x1b[$()\-]*[@-~]|[\x0e\x0f]", b"", raw)
    elif encoding == "hz":
        yield raw.removeprefix(b"~{").removesuffix(b"~}")
    elif encoding == "utf-7":
        yield raw.strip(b"+-")
        yield raw.replace(b"+", b"&").replace(b"/", b",").strip(b"&-")  # as mailboxes are named (RFC 3501)
    else:
        yield raw


def _twice(raw: bytes, wrong: str) -> bytes:
    try:
        return raw.decode(wrong).encode("utf-8")
    except UnicodeError:
        return b""


def raw_parts(value: Bytes) -> frozenset[bytes]:
    """Return the parts of a name whose encoding nobody can tell, as they stand."""
    raw = bytes(value).strip(b"\0 ")
    parts = {raw, *re.split(rb"[\^=\\ ]+", raw)}
    return frozenset(part for part in parts if len(part) > 1 and any(byte > 0x7F for byte in part))
