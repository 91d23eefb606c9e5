"""Recognise values that are the name of a language, a country, an animal's breed, strain or species from end to end.

Their words are names of people, too (Lewis rats, Jordan, an Irish setter), so they count as whole values only, and only
in attributes that are for them. `tables/languages_and_countries.txt` and `tables/animals.txt` have them; breeds are
those of PS3.16's CID 7480.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from sendit.deidentify.tables import tag_of
from sendit.deidentify.text.sections import sections, technique

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LANGUAGE_SCHEMES = frozenset(["RFC5646", "RFC3066", "ISO639_1", "ISO639_2", "IETF4646", "2.16.840.1.113883.6.121"])
_COUNTRY_SCHEMES = frozenset(["ISO3166_1", "ISO3166-1"])
#: A language in a form of RFC 5646: language, script, country or region, a variant.
_TAG = re.compile(r"([A-Za-z]{2,3})(?:-[A-Z][a-z]{3})?(?:-([A-Z]{2}|\d{3}))?(?:-[a-z0-9]{5,8})?")
_WITH_COUNTRY = re.compile(r"(.+?)(?: ?\((.+)\)|, (.+))")
_ANIMALS = """PatientSpeciesDescription PatientBreedDescription StrainDescription StrainNomenclature"""
#: Behind the name of a strain: its breeder's code, and what it is.
_OF_BREEDER = re.compile(
    r"(?:[/\-]?(?:J|N|By|Nu|Ola|Hsd|Crl|NCrl|NTac|Tac|BomTac|MRj|JRj|Rj|RjOrl|Jcl|Slc|Shi|Jax|Bkl|Ico|Rcc|Han|Du|Bcr|Env)){0,4}"
    r"(?:[ ,]+(?:mouse|mice|rats?|strain|stock|background|rabbits?|pigs?)){0,2}"
)
#: The words of a measurement's name, E' among them.
_OF_MEASUREMENT = re.compile(r"[^\W_]+'?")
_LONGEST_NUMBER, _MOST_DIGITS = 2, 3
_IN_PARENTHESES = re.compile(r"\(([^()]*)\)")
_NOT_OF_BREED = re.compile(
    r"\s*(?:\((?:organism|breed)\)|\bbreed\b|\b(?:dog|cat|horse|cattle|sheep|goat|pig|pony|chicken|rabbit)\b)"
)


def is_whole_meaning(text: str) -> bool:
    """Return whether a meaning of several words is a language, a country or an animal; of one word, a strain's code."""
    plain = " ".join(text.split())
    if not re.search(r"[ /()\-]", plain):
        return False  # a single word may be anybody's name
    return _is_locale(plain) or is_animal(plain)


def is_measurement(text: str) -> bool:
    """Return whether a meaning is the name of a measurement, as makers of ultrasound and monitors abbreviate it.

    Every word counts: `Mr` before a name is a title, in `MR ERO` a regurgitation. One of the words has to be written as
    only an abbreviation is, and authors of formulas stand in parentheses: `EFW (Hadlock)`.
    """
    words = _OF_MEASUREMENT.findall(_IN_PARENTHESES.sub(_without_author, text))
    known = technique()["measurements"]
    numbers = [word for word in words if word.isdigit() and len(word) <= _LONGEST_NUMBER]
    if sum(map(len, numbers)) > _MOST_DIGITS:
        return False  # HL 24 48 01 A
    abbreviated = any(sum(map(str.isupper, word)) > 1 for word in words)
    return abbreviated and all(word.casefold() in known or word in numbers for word in words)


def _without_author(match: re.Match[str]) -> str:
    authors = technique()["authors of measurements"]
    return "" if all(word in authors or word.isdigit() for word in match[1].casefold().split()) else match[0]


def meaning_of_locale(scheme: str, code: str) -> str:
    """Return what a code of a language or country means; "" if it is none."""
    if scheme in _COUNTRY_SCHEMES:
        return _names("countries").get(code.upper(), ("",))[0]
    match = _TAG.fullmatch(code) if scheme in _LANGUAGE_SCHEMES else None
    if match is None:
        return ""
    language = _names("languages").get(match[1].lower(), ("",))[0]
    country = _names("countries").get(match[2], ("",))[0] if match[2] else ""
    return f"{language} ({country})" if language and country else language


def is_of_locale(scheme: str, code: str, meaning: str) -> bool:
    """Return whether a meaning is a name of the language or country that its code means."""
    if not meaning_of_locale(scheme, code):
        return False
    listed = _names("countries" if scheme in _COUNTRY_SCHEMES else "languages")
    names = listed.get(code.upper() if scheme in _COUNTRY_SCHEMES else re.split("-", code)[0].lower(), ())
    plain = " ".join(meaning.split())
    match = _WITH_COUNTRY.fullmatch(plain)
    return plain.casefold() in map(str.casefold, names) or (
        match is not None and match[1].casefold() in map(str.casefold, names) and _is_locale(plain)
    )


def is_animal_of_attribute(tag: int, text: str) -> bool:
    """Return whether an attribute of an animal's species, breed or strain has one as its whole value."""
    return tag in _animal_tags() and is_animal(" ".join(text.split()))


@lru_cache(maxsize=1024)
def is_animal(text: str) -> bool:
    """Return whether a text is a strain, a species or a breed, from end to end."""
    plain = text.strip().casefold()
    if plain in _animals() or _bare_breed(plain) in _breeds():
        return True
    ends = (end for end in range(len(text), 0, -1) if text[:end].strip().casefold() in _strains())
    return any(_OF_BREEDER.fullmatch(text[end:]) for end in ends)


@lru_cache(maxsize=1024)
def _is_locale(text: str) -> bool:
    plain = text.casefold()
    if plain in _all("languages") or plain in _all("countries"):
        return True
    match = _WITH_COUNTRY.fullmatch(plain)
    return match is not None and match[1] in _all("languages") and (match[2] or match[3]) in _all("countries")


@cache
def _names(section: str) -> Mapping[str, tuple[str, ...]]:
    by_code: dict[str, tuple[str, ...]] = {}
    for line in sections("languages_and_countries.txt")[section]:
        codes, _, names = line.partition(": ")
        by_code |= dict.fromkeys(codes.split(), tuple(names.split(" | ")))
    return by_code


@cache
def _all(section: str) -> frozenset[str]:
    usual = {"simplified", "traditional", "brazil", "hong kong", "taiwan"} if section == "countries" else set()
    return frozenset(name.casefold() for names in _names(section).values() for name in names) | usual


@cache
def _strains() -> frozenset[str]:
    return frozenset(_listed("strains"))


@cache
def _animals() -> frozenset[str]:
    return frozenset(_listed("species")) | _strains()


def _listed(section: str) -> Iterator[str]:
    for line in sections("animals.txt")[section]:
        yield from (name.strip().casefold() for name in line.split(" | "))


@cache
def _breeds() -> frozenset[str]:
    from pydicom.sr._cid_dict import cid_concepts  # noqa: PLC0415 - a large table, for few files
    from pydicom.sr._concepts_dict import concepts  # noqa: PLC0415 - as above

    breeds = set()
    for cid in (7480, 7486):
        for scheme, keywords in cid_concepts[cid].items():
            for keyword in keywords:
                codes: Mapping[str, tuple[str, list[int]]] = concepts[scheme][keyword]  # type: ignore[assignment]
                breeds |= {_bare_breed(meaning.casefold()) for meaning, _ in codes.values()}
    return frozenset(breeds - {""})


def _bare_breed(text: str) -> str:
    return _NOT_OF_BREED.sub("", text).strip()


@cache
def _animal_tags() -> frozenset[int]:
    return frozenset(tag_of(keyword, "whole_meanings.py") for keyword in _ANIMALS.split())
