"""Descriptions keep the words of medicine and technique; a word that nobody knows may be a name, and goes.

Patterns find names where something beside them says so (a title, a caret, "seen by"). A surname that stands alone
looks like any word: so what stays is decided by what is known, and not by what is suspected. Words of up to three
letters stay (AX, STIR's TI, kernels), numbers are the patterns' business.
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import cache, lru_cache
from importlib.resources import files
from urllib.parse import unquote

from sendit.deidentify.vocabulary import vocabulary

_SHORT = 3
#: Letters and the marks on them; scripts without spaces between words apart, in runs of their own.
_DENSE = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\u0e00-\u0e7f"
_RUN = re.compile(rf"[{_DENSE}]+|(?:(?![{_DENSE}])[^\W\d_])(?:(?![{_DENSE}])[^\W\d_]|[\u0300-\u036f])*")
_PARTS = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![a-z])")
#: What makes a word another form of a known one, and what only words of medicine end in.
_ENDINGS = ("s", "es", "ed", "d", "ing", "ly", "al", "er", "ers", "ic", "en", "e", "a", "um", "i", "ae", "ness", "less")
_MEDICAL = re.compile(
    r"\w{2,}(?:itis|[ao]path(?:y|ies|ic)|megaly|ectomy|ostomy|otomy|ogra(?:phy|phie|fia|fie|m|ms|mm)|osis|oses|emia|plasty|"
    r"scop(?:y|ic|ie)|ological|trophy|plasia|algia|rrh?age|rrhea|sclero\w+|stenosis|ectas(?:is|ia)|iform|oid)s?"
)
_GENERAL = re.compile(r"[a-z]{3,}(?:tion|tions|ment|ity|able|ible|ated|ular|ous|ive|ness|ized|ised|ically)")
_SPELLED = re.compile(r"(?<![^\W_])(?:[^\W\d_][ .\-_]){4,}[^\W\d_](?![^\W_])")
_ESCAPED = re.compile(
    r"&(?:#\d+|#x[0-9a-f]+|[a-z]{2,8});|%[0-9a-f]{2}|\\u[0-9a-f]{4}|=[2-7][0-9a-f](?=\w)", re.IGNORECASE
)
#: A single code string.
_DIGITS = re.compile(r"\d{0,5}$|ISO_\d{5}_\d{1,2}$|(?!.*\d{5})(?:\D*\d){0,5}\D*$", re.DOTALL)
_UNICODE = re.compile(r"\\u([0-9a-fA-F]{4})")
_QUOTED = re.compile(r"=([2-7][0-9A-F])(?=\w)")


def readable(text: str) -> str:
    """The text as a person reads it: nothing invisible in it, digits and letters in their usual width, no escapes."""
    if not text.isascii():
        text = "".join(map(_plain, text))
    if _ESCAPED.search(text):
        text = _UNICODE.sub(lambda match: chr(int(match[1], 16)), text)
        text = _QUOTED.sub(lambda match: chr(int(match[1], 16)), text)
        text = html.unescape(unquote(text, errors="replace"))
    return text


@lru_cache(maxsize=4096)
def _plain(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    if category == "Nd":
        return str(unicodedata.digit(character))
    if "\uff01" <= character <= "\uff5e":
        return unicodedata.normalize("NFKC", character)
    return character


def without_strangers(text: str) -> str:
    """Without words that are none of medicine, of DICOM, or of everyday language beside them."""
    text = _SPELLED.sub(" ", text)
    return _RUN.sub(lambda match: match[0] if is_ordinary(match[0]) else " ", text)


@lru_cache(maxsize=8192)
def is_term(code: str) -> bool:
    """Whether a code string (CS) is made of known words; those of up to four letters are abbreviations.

    With six digits in it, or five in a row, it is a number or a date of somebody; an identifier of a template has five.
    """
    if not all(_DIGITS.match(single) for single in code.split("\\")):
        return False
    return all(is_ordinary(word) or _is_compound(_folded(word)) for word in re.findall(r"[^\W\d_]{5,}", code))


def _is_compound(word: str) -> bool:
    """CHESTABDOMEN: two or three words without a space between them."""
    known = _words()
    return any(
        word[:end] in known and (word[end:] in known or _is_compound(word[end:]))
        for end in range(_SHORT + 1, len(word) - _SHORT)
    )


def without_strangers_to_machines(text: str) -> str:
    """Of a text about the technique: the same, but names of makes, models, programs and sequences stay."""
    return _RUN.sub(lambda match: match[0] if is_ordinary(match[0]) or _is_of_machines(match[0]) else " ", text)


def _is_of_machines(run: str) -> bool:
    parts = _PARTS.findall(run)
    known = _machines()
    return _folded(run) in known or all(
        len(part) <= _SHORT or _is_word(part) or _folded(part) in known for part in parts
    )


@lru_cache(maxsize=8192)
def is_ordinary(run: str) -> bool:
    """Whether a run of letters is a known word, or known words without spaces between them."""
    if re.match(f"[{_DENSE}]", run):
        return re.fullmatch(_dense_words(), run) is not None
    if len(run) <= _SHORT or _is_word(run):
        return True
    parts = _PARTS.findall(run)
    return (
        len(parts) > 1 and all(len(part) <= 2 or _is_word(part) for part in parts) and len("".join(parts)) == len(run)
    )


def _is_word(text: str) -> bool:
    word = _folded(text)
    known = _words()
    if word in known or _MEDICAL.fullmatch(word):
        return True
    if any(word.endswith(end) and _is_stem(word[: -len(end)]) for end in _ENDINGS):
        return True
    return text.islower() and _GENERAL.fullmatch(word) is not None


def _is_stem(stem: str) -> bool:
    known = _words()
    doubled = len(stem) > 4 and stem[-1] == stem[-2] and stem[:-1] in known
    return len(stem) > _SHORT and (stem in known or f"{stem}e" in known or f"{stem}y" in known or doubled)


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.lower())
    return "".join(character for character in plain if not unicodedata.combining(character)).replace("ß", "ss")


@cache
def _everyday() -> frozenset[str]:
    """`tables/words.txt`: they may stay in a text, but are searched for where somebody in the file is called so."""
    return _table("words.txt")


@cache
def _machines() -> frozenset[str]:
    """`tables/machines.txt`: they may stay in texts about the technique."""
    return frozenset(map(_folded, _table("machines.txt")))


def _table(name: str) -> frozenset[str]:
    text = (files("sendit.deidentify") / "tables" / name).read_text("utf-8")
    return frozenset(word for line in text.splitlines() if not line.startswith("#") for word in line.split())


@cache
def _words() -> frozenset[str]:
    return frozenset(map(_folded, _everyday())) | frozenset(word.decode("ascii") for word in vocabulary())


@cache
def _dense_words() -> str:
    """A pattern for text that is made of known words, in scripts without spaces."""
    words = sorted((word for word in _everyday() if re.match(f"[{_DENSE}]", word)), key=len, reverse=True)
    return f"(?:{'|'.join(map(re.escape, words))})+"
