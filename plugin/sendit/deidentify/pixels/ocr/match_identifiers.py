"""Match recognised text with the identifiers of the original, although characters were misread."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from sendit.deidentify.text.normalize import fold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sendit.deidentify.leak_check.identifiers import Identifiers

#: Characters that are confused with each other become the same one, on both sides, so that nothing is lost.
_ALIKE = bytes.maketrans(b"oqdiltjszbg", b"00011115286")
#: The same if a number is expected.
_AS_DIGITS = str.maketrans("oqdiljszb", "000111528")
#: Characters of the shortest form that is searched for.
_SHORTEST = 3
#: Lengths, and how many characters may be wrong, missing or extra from there on. Numbers are matched more strictly: one
#: wrong digit is another number.
_FORGIVING = ((10, 2), (6, 1))
_FORGIVING_NAME = 5
#: Between letters and digits, which are read without the space between them.
_BORDERS = re.compile(r"(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)")
#: Beginnings of month names in the languages of consoles.
_MONTHS = (
    ("jan", "ene", "gen", "sty"),
    ("feb", "fev", "fév", "lut"),
    ("mar", "mär", "mrz", "maa"),
    ("apr", "avr", "abr", "kwi"),
    ("may", "mai", "mei", "mag", "maj"),
    ("jun", "juin", "giu", "cze"),
    ("jul", "juil", "lug", "lip"),
    ("aug", "aou", "aoû", "ago", "sie"),
    ("sep", "set", "wrz"),
    ("oct", "okt", "ott", "out", "paz", "paź"),
    ("nov", "lis"),
    ("dec", "dez", "dic", "déc", "gru"),
)


def identifies(text: str, identifiers: Identifiers) -> bool:
    """Return whether a recognised line holds a name, number, date or other identifier of the original.

    Forms of three characters must be whole words, longer ones may be anywhere. A matching line is masked, so false
    matches do no harm.
    """
    folded = fold(text).translate(_ALIKE)
    if len(folded) < _SHORTEST:
        return False
    joined, words = folded.replace(b" ", b""), set(folded.split())
    for form in _forms(identifiers):
        alike = form.translate(_ALIKE)
        if alike in words or (len(alike) > _SHORTEST and alike in joined):
            return True
        wrong = _may_be_wrong(form)
        if wrong and _nearly(alike, joined, wrong):
            return True
    return _has_date(text, identifiers.dates)


def may_identify(text: str, identifiers: Identifiers) -> bool:
    """Return the same of what would stay: "125cm" is 125, too."""
    return identifies(text, identifiers) or identifies(_BORDERS.sub(" ", text), identifiers)


def _forms(identifiers: Identifiers) -> Iterator[bytes]:
    spellings = identifiers.spellings
    for forms in (spellings.words, spellings.phrases, spellings.joined, spellings.values):
        for form in forms:
            joined = form.replace(b" ", b"")
            if len(joined) >= _SHORTEST:
                yield joined


def _may_be_wrong(form: bytes) -> int:
    """Return how many characters of a form may be misread."""
    if len(form) == _FORGIVING_NAME and form.isalpha():
        return 1
    return next((wrong for length, wrong in _FORGIVING if len(form) >= length), 0)


def _nearly(form: bytes, text: bytes, wrong: int) -> bool:
    """Return whether a text contains the form with at most this many characters wrong, missing or extra."""
    parts = wrong + 1  # one of them is intact
    ends = [len(form) * number // parts for number in range(parts + 1)]
    for start, stop in pairwise(ends):
        at = text.find(form[start:stop])
        while at >= 0:
            window = text[max(0, at - start - wrong) : at - start + len(form) + wrong]
            if _distance_within(form, window) <= wrong:
                return True
            at = text.find(form[start:stop], at + 1)
    return False


def _distance_within(form: bytes, window: bytes) -> int:
    """Return the least edit distance between the form and any part of the window (Sellers)."""
    row = [0] * (len(window) + 1)
    for number, one in enumerate(form, 1):
        above, row = row, [number]
        for at, other in enumerate(window, 1):
            row.append(min(above[at] + 1, row[-1] + 1, above[at - 1] + (one != other)))
    return min(row)


def _has_date(text: str, dates: set[bytes]) -> bool:
    """Return whether a known date stands in a text: year, day or month first, months as words, years of two digits."""
    if not dates:
        return False
    known_dates = {(int(date[:4]), int(date[4:6]), int(date[6:8])) for date in dates if len(date) == len(b"YYYYMMDD")}
    digits = re.sub(r"\D", "", text.lower().translate(_AS_DIGITS))
    for year, month, day in known_dates:
        if any(form in digits for form in _written(year, month, day)):
            return True
    return any(_is_date(three, known_dates) for three in _threes(text.lower()))


def _written(year: int, month: int, day: int) -> tuple[str, ...]:
    return (f"{year:04}{month:02}{day:02}", f"{day:02}{month:02}{year:04}", f"{month:02}{day:02}{year:04}")


def _threes(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield every three consecutive words, with letters and digits separated or not."""
    for pattern in (r"\d+|[^\W\d_]+", r"[^\W_]+"):
        words = re.findall(pattern, text)
        yield from zip(words, words[1:], words[2:], strict=False)


def _is_date(three: tuple[str, str, str], known_dates: set[tuple[int, int, int]]) -> bool:
    month_at = next((at for at, word in enumerate(three) if _month(word)), None)
    numbers = [_month(word) if at == month_at else _number(word) for at, word in enumerate(three)]
    if not all(numbers):
        return False
    orders = ((0, 1, 2), (2, 1, 0), (2, 0, 1))  # positions of year, month and day
    return any(
        numbers[m] == month and numbers[d] == day and _is_year(three[y], numbers[y], year)
        for y, m, d in orders
        for year, month, day in known_dates
        if month_at in (None, m)
    )


def _month(word: str) -> int:
    return next((number for number, names in enumerate(_MONTHS, 1) if word.startswith(names)), 0)


def _number(word: str) -> int:
    """Return a number of up to four digits; 0 if it is none."""
    digits = word.translate(_AS_DIGITS)
    return int(digits) if len(digits) <= len("YYYY") and digits.isascii() and digits.isdigit() else 0


def _is_year(word: str, number: int, year: int) -> bool:
    return number == year or (len(word) == len("YY") and number == year % 100)
