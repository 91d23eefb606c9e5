"""Read a text as a person sees it, part it into runs of letters with their marks, and set parts of it aside."""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache
from urllib.parse import unquote

from sendit.deidentify.text.record_numbers import DENSE_SCRIPTS

#: Marks on letters, which `\\w` leaves out: of European, Semitic, Indian and South-East Asian scripts.
MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u07a6-\u07b0\u0900-\u0903\u093a-\u0957"
    "\u0962\u0963\u0981-\u0983\u09bc-\u09d7\u0a01-\u0a03\u0a3c-\u0a51\u0a70\u0a71\u0a81-\u0a83\u0abc-\u0acd"
    "\u0b01-\u0b03\u0b3c-\u0b57\u0b82\u0bbe-\u0bd7\u0c00-\u0c04\u0c3c-\u0c56\u0c81-\u0c83\u0cbc-\u0cd6\u0d00-\u0d03"
    "\u0d3b-\u0d57\u0d81-\u0d83\u0dca-\u0ddf\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece"
    "\u0f18-\u0f84\u102b-\u103e\u1056-\u1059\u17b4-\u17d3\u200c\u200d"
)
#: Letters and the marks on them; scripts without spaces between words form runs of their own.
DENSE = DENSE_SCRIPTS + "\uf900-\ufaff"  # with ideographs for compatibility
RUN = re.compile(rf"[{DENSE}]+|(?:(?![{DENSE}])[^\W\d_])(?:(?![{DENSE}])[^\W\d_]|[{MARKS}])*")
_ESCAPED = re.compile(
    r"&(?:#\d+|#x[0-9a-f]+|[a-z]{2,8});|%[0-9a-f]{2}|\\u[0-9a-f]{4}|=[2-7][0-9a-f](?=\w)"
    r"|(?:(?:=|\\x)[0-9a-f]{2}){3}|(?:\\[0-3][0-7]{2}){3}",
    re.IGNORECASE,
)
_HALF_WIDTH = re.compile("[\uff66-\uff9f]+")  # katakana, of which some are two characters
_UNICODE = re.compile(r"\\u([0-9a-fA-F]{4})")
_QUOTED = re.compile(r"=([2-7][0-9A-F])(?=\w)")
#: Three and more bytes in a row as mail and programs write them: =5A=77=69, \x5a\x77\x69, \132\167\151.
_ESCAPED_BYTES = re.compile(r"(?:=[0-9A-Fa-f]{2}){3,}|(?:\\x[0-9A-Fa-f]{2}){3,}|(?:\\[0-3][0-7]{2}){3,}")
#: Three and more raised, lowered or encircled digits in a row; fewer are a power (m², 10⁶) or a footnote.
_SIGNS_OF_DIGITS = re.compile(
    "[\u00b2\u00b3\u00b9\u2070-\u2079\u2080-\u2089\u2460-\u2468\u2474-\u247c\u2488-\u2490\u24ea\u2776-\u277e\u2780-\u2788]{3,}"
)
#: Letters in circles and parentheses; radicals of Chinese, which look like the letters that they are parts of.
_SIGNS_OF_LETTERS = re.compile("[\u249c-\u24e9\u2e80-\u2fd5\U0001f110-\U0001f189]")


class Aside:
    """Parts of a text that are set aside while the rest of it is judged: a sign, which no text has, stands for each."""

    #: One sign for each kind, as parts of several kinds are set aside within each other.
    EPONYMS, UNITS, TERMS, VERSIONS = ("\ue000", "\ue001", "\ue002", "\ue003")

    def __init__(self, sign: str) -> None:
        self.sign = sign
        self.parts: list[str] = []

    def take(self, part: str) -> str:
        """Set a part aside, and return its sign."""
        self.parts.append(part)
        return self.sign

    def put_back(self, text: str) -> str | None:
        """Return a text with the parts in their places; None if a sign is missing, so that their order is unknown."""
        if text.count(self.sign) != len(self.parts):
            return None
        waiting = iter(self.parts)
        return re.sub(self.sign, lambda _: next(waiting), text)


def readable(text: str) -> str:
    """Return the text as a person reads it: nothing invisible, digits and letters in usual width, no escapes."""
    if not text.isascii():
        text = "".join(map(_plain, _HALF_WIDTH.sub(_full_width, unicodedata.normalize("NFC", text))))
        text = _SIGNS_OF_DIGITS.sub(lambda match: "".join(str(unicodedata.digit(sign)) for sign in match[0]), text)
    if _ESCAPED.search(text):
        text = _UNICODE.sub(lambda match: chr(int(match[1], 16)), text)
        text = _ESCAPED_BYTES.sub(_from_bytes, text)
        text = _QUOTED.sub(lambda match: chr(int(match[1], 16)), text)
        text = html.unescape(unquote(text, errors="replace"))
    return text


def _from_bytes(match: re.Match[str]) -> str:
    codes = re.split(r"=|\\x|\\", match[0])[1:]
    raw = bytes(int(code, 8 if len(code) == 3 else 16) for code in codes)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _full_width(match: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", match[0])


@lru_cache(maxsize=4096)
def _plain(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    if category == "Nd":
        return str(unicodedata.digit(character))
    if _SIGNS_OF_LETTERS.match(character):
        return "".join(filter(str.isalpha, unicodedata.normalize("NFKC", character)))
    if "\uff01" <= character <= "\uff5e":
        return unicodedata.normalize("NFKC", character)
    return character
