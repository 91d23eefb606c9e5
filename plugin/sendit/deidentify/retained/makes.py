"""Recognise makes and models of devices in the attributes for them: by a table, or by the form of a company's name.

A make is whole or gone: "Medical" of "Olea Medical" names nobody, and "Klinikum" of a hospital's name says where the
patient was. A maker that no table has is known by what it calls itself (Xoran Technologies, LLC): a trade of makers or
a legal form beside words that no list of names has. A house that cares for patients is none, whatever its form.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from sendit.deidentify.tables import tag_of
from sendit.deidentify.text.patterns import without_old_dates
from sendit.deidentify.text.sections import cues, products, sections, words_by_section
from sendit.deidentify.text.vocabulary import is_anybodys_name, is_name_too, is_no_name

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAKES = """Manufacturer SecondaryCaptureDeviceManufacturer DetectorManufacturerName ReceiveCoilManufacturerName
    TransmitCoilManufacturerName ApplicationManufacturer IOLManufacturer ApplicationSetupManufacturer
    SourceApplicatorManufacturer"""
_MODELS = """ManufacturerModelName SecondaryCaptureDeviceManufacturerModelName DetectorManufacturerModelName
    ManufacturerRelatedModelGroup"""
#: They name a program, its address or its maker; anything but a make is cleaned as a description.
_OFTEN_MAKES = "AlgorithmSource"
#: Signs between the words of a make or model.
_BETWEEN = re.compile(r"[\s_,./&()\-\u00ae\u2122]+")
_WORD = re.compile(r"[^\W_]+")
#: The words of a company's name, in Latin letters; initials have their points.
_COMPANY = re.compile(r"[A-Za-zÀ-ÿĀ-ž'’.&\-]+(?:,? [A-Za-zÀ-ÿĀ-ž'’.,&\-]+){0,8}[®™]?")
#: Words without spaces that end with house, department, room or building.
_ROOM = re.compile(
    r"[\s(（]*[\u3040-\u30ff\u3400-\u9fff\d]*(?:医院|病院|医學?院|放射[科線]|影像科|机房|機房|[科室樓楼])[\u3400-\u9fff\d]*[)）]*"
)
#: The number of a model: letters, a dash and three or four digits (TSX-301C/1, CR-IR 392), or Toshiba's magnets.
_NUMBER = re.compile(
    r"(?P<label>[A-Z]{2,5})(?:-[A-Z]{2})?[\- ]\d{3,4}[A-Za-z]{0,3}(?:/\d)?|(?P<series>[A-Z]{2,4})\d{3}[A-Z]{2}\d"
)
#: A series, its number, and what it is made for: Innova 4100IQ, Integris H5000F, Skyscan1176.
_OF_SERIES = re.compile(
    r"(?P<series>[A-Za-z]{4,}(?: [A-Za-z]{1,8}){0,2})[ \-]?[A-Z]?\d{2,4}(?:-?[A-Za-z]{1,3})?"
    r"(?: (?P<kind>[A-Za-z]{1,8}))?"
)
#: Before numbers of persons, orders and single devices.
_LABELS = """acc ae ahv bed case cns cpf dni dob eid fall fn hic hn id ipd ipp kis kvnr mpi mrn nhs nie nif no nr nric
    nss num opd pat patid patnr pid pin ptid ref room sn ssn subj svnr tel uhid uid vn"""
_MOST_UNKNOWN, _MOST_NAMES = 2, 1  # words
_SHORTEST_SERIES = 4  # letters


def is_for_makes(tag: int) -> bool:
    """Return whether an attribute names the maker of a device or program."""
    return tag in _tags(_MAKES)


def is_make_or_model(tag: int, value: str) -> bool:
    """Return whether a whole value is a make in an attribute for makes, or a model in one for models."""
    if tag in _tags(_MAKES) or tag in _tags(_OFTEN_MAKES):
        return _is_make(_plain(value))
    return tag in _tags(_MODELS) and _is_model(_plain(value))


def is_number_of_model(tag: int, value: str) -> bool:
    """Return whether a whole value is the number of a model, alone or behind the name of its series."""
    return tag in _tags(_MODELS) and is_model_with_number(value.strip())


@lru_cache(maxsize=1024)
def is_company(value: str) -> bool:
    """Return whether a value has the form of a maker's name, and of no house that cares for patients.

    What only makers do (technologies, instruments) allows for one word that is a name, too, if a legal form or a
    second such word confirms it. What others do as well (medical, imaging), or a legal form alone, allows for none.
    """
    text = value.strip()
    if not _COMPANY.fullmatch(text) or _is_house(text):
        return False
    words = [word for word in _plain(text).split() if word]
    trades = _trades()
    kinds = {kind: sum(word in named for word in words) for kind, named in trades.items()}
    has_form = _plain(text) != _without_forms(_plain(text))
    others = [word for word in _without_forms(_plain(text)).split() if not _is_of_trade(word)]
    names = [word for word in others if is_anybodys_name(word)]
    if not others or len(others) > _MOST_UNKNOWN:
        return False
    if kinds["of makers"] and (has_form or kinds["of makers"] + kinds["of others"] > 1):
        return len(names) <= _MOST_NAMES
    return not names and (kinds["of makers"] > 0 or has_form)


def without_room(tag: int, value: str) -> str:
    """Return a model without the room or department in which it stands, as Chinese and Japanese consoles have it."""
    return _ROOM.sub("", value).strip() if tag in _tags(_MODELS) else value


def make_within(value: str, cleaned: str) -> str:
    """Return the make that a value begins with before the first word that had to go; nothing if there is none.

    Args:
        value: the value.
        cleaned: what cleaning left of it.
    """
    begins = [value[: match.end()] for match in _WORD.finditer(value)]
    return next((begin for begin in reversed(begins) if cleaned.startswith(begin) and _is_make(_plain(begin))), "")


def _is_of_trade(word: str) -> bool:
    """Return whether a word says what a company does or where, or is nobody's name at all."""
    return any(word in named for named in _trades().values()) or is_no_name(word.title())


def _is_house(text: str) -> bool:
    """Return whether a text names a house that cares for patients, or has the title of a person in it."""
    words = _plain(text)
    return bool(_houses().search(words) or _titles().search(text))


@cache
def _houses() -> re.Pattern[str]:
    kinds = {re.escape(_plain(cue)) for cue in cues()["facility"]} | set(words_by_section(_TABLE)["houses"])
    stems = "|".join(sorted(words_by_section(_TABLE)["parts of houses"]))
    return re.compile(rf"(?<!\w)(?:{'|'.join(sorted(kinds))})(?!\w)|(?:{stems})")


@cache
def _titles() -> re.Pattern[str]:
    titles = "|".join(sorted(map(re.escape, cues()["title"]), key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{titles})(?!\w)")


@cache
def _trades() -> Mapping[str, frozenset[str]]:
    """Return the words for trades, by whether only makers have them, and places where makers are."""
    named = words_by_section(_TABLE)
    return {kind: named[f"trades {kind}"] for kind in ("of makers", "of others")} | {"places": named["places"]}


def _without_forms(text: str) -> str:
    """Return the name of a company without the legal forms behind it."""
    forms, words = _listed()["legal forms"], text.split(" ")
    while len(words) > 1 and (words[-1] in forms or " ".join(words[-2:]) in forms or len(words[-1]) == 1):
        words.pop()
    return " ".join(words)


@lru_cache(maxsize=1024)
def _is_make(text: str) -> bool:
    makes, forms = _listed()["makes"], _listed()["legal forms"]
    if text in makes:
        return True
    head, _, form = text.rpartition(" ")
    longer = [form, f"{head.rpartition(' ')[2]} {form}"]
    return bool(head) and (
        (longer[0] in forms and _is_make(head)) or (longer[1] in forms and _is_make(head.rpartition(" ")[0]))
    )


@lru_cache(maxsize=1024)
def _is_model(text: str) -> bool:
    models, words = _listed()["models"], text.split(" ")
    if text in models:
        return True
    return any(
        " ".join(words[:end]) in _listed()["makes"] and " ".join(words[end:]) in models
        for end in range(1, min(len(words), 5))
    )


@lru_cache(maxsize=1024)
def is_model_with_number(text: str) -> bool:
    """Return whether a text is the number of a model, alone or behind the name of its series."""
    number = _NUMBER.fullmatch(text)
    if number is not None:
        label = (number["label"] or number["series"]).lower()
        return label not in _LABELS.split() and (len(label) < _SHORTEST_SERIES or not is_anybodys_name(label))
    of_series = _OF_SERIES.fullmatch(text)
    if of_series is None or without_old_dates(text) != text or (of_series["kind"] or "").lower() in _LABELS.split():
        return False
    words = _plain(of_series["series"]).split()
    if of_series["kind"] and len(of_series["kind"]) >= _SHORTEST_SERIES:
        words.append(of_series["kind"].lower())
    return words[0] in _words_of_series() and all(
        word in _words_of_series() if len(word) >= _SHORTEST_SERIES else not is_name_too(word) for word in words
    )


@cache
def _words_of_series() -> frozenset[str]:
    """Return the words for series of models."""
    models = (word for model in _listed()["models"] for word in model.split())
    return products()["machines"] | {word for word in models if word.isalpha() and len(word) >= _SHORTEST_SERIES}


def _plain(text: str) -> str:
    return _BETWEEN.sub(" ", text.casefold()).strip()


@cache
def _listed() -> Mapping[str, frozenset[str]]:
    named = ("makes", "legal forms", "models")
    return {name: frozenset(map(_plain, lines)) for name, lines in sections(_TABLE).items() if name in named}


_TABLE = "makes_and_models.txt"


@cache
def _tags(keywords: str) -> frozenset[int]:
    return frozenset(tag_of(keyword, _TABLE) for keyword in keywords.split())
