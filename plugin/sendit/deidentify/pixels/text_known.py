"""Whether recognised text holds what is known of the original, although letters were read for one another."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sendit.deidentify.folding import fold
from sendit.deidentify.known import Known

#: Letters and digits that are read for one another become one of them. On both sides, so nothing is lost by it.
_ALIKE = bytes.maketrans(b"oqdiltjszbg", b"00011115286")
#: Characters of the shortest form that is searched for; from the second on, one of them may be wrong.
_SHORTEST, _FORGIVING = 3, 6


def identifies(text: str, known: Known) -> bool:
    """Whether a recognised line holds a name, number, date or other known value of the original.

    Forms of three characters have to stand as a word, longer ones anywhere; a line that says more than it should is
    masked, so what is found too often does no harm.
    """
    folded = fold(text).translate(_ALIKE)
    glued, words = folded.replace(b" ", b""), set(folded.split())
    for form in _forms(known):
        alike = form.translate(_ALIKE)
        if alike in words or (len(alike) > _SHORTEST and alike in glued):
            return True
        if len(alike) >= _FORGIVING and _nearly(alike, glued):
            return True
    return _has_date(text, known.dates)


def _forms(known: Known) -> Iterator[bytes]:
    tokens = known.tokens
    for forms in (tokens.words, tokens.phrases, tokens.glued, tokens.values):
        for form in forms:
            glued = form.replace(b" ", b"")
            if len(glued) >= _SHORTEST:
                yield glued


def _nearly(form: bytes, text: bytes) -> bool:
    """Whether the form stands in the text with one character other, missing or too many."""
    half = len(form) // 2
    for part, is_first in ((form[:half], True), (form[half:], False)):  # one half is whole then
        at = text.find(part)
        while at >= 0:
            start = at if is_first else max(0, at - half - 1)
            stop = at + len(form) + 1 if is_first else at + len(part)
            if _within_one(form, text[start:stop], is_first):
                return True
            at = text.find(part, at + 1)
    return False


def _within_one(form: bytes, window: bytes, from_start: bool) -> bool:
    for length in (len(form) - 1, len(form), len(form) + 1):
        if length <= len(window):
            part = window[:length] if from_start else window[len(window) - length :]
            if _one_apart(form, part):
                return True
    return False


def _one_apart(one: bytes, other: bytes) -> bool:
    if len(one) == len(other):
        return sum(a != b for a, b in zip(one, other, strict=True)) <= 1
    short, long = sorted((one, other), key=len)
    return any(short == long[:index] + long[index + 1 :] for index in range(len(long)))


def _has_date(text: str, dates: set[bytes]) -> bool:
    """Whether a known date stands in it: year first, day first or month first, with what separators or none."""
    digits = re.sub(rb"[^0-9]", b"", fold(text).translate(bytes.maketrans(b"oilsb", b"01158")))
    for date in dates:
        year, month, day = date[:4], date[4:6], date[6:8]
        if any(form in digits for form in (date, day + month + year, month + day + year)):
            return True
    return False
