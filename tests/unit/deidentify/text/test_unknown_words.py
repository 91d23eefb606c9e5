"""Words of no table: what lists of names, their likeness and the sentence around them decide."""

from __future__ import annotations

import pytest

from sendit.deidentify.text.clean import PersonalData, TextCleaner
from sendit.deidentify.text.words.sorted_words import is_listed_name, languages_of, likeness, shares_of

CLEANER = TextCleaner(PersonalData())


@pytest.mark.parametrize(
    "text",
    [
        "Nie uwidoczniono cech zatorowości płucnej.",
        "Blæren er velfyldt uden konkrementer.",
        "A hasüregben szabad folyadék nem látható.",
        "Дегенеративные изменения поясничного отдела",
        "Ingen tecken till fraktur eller luxation.",
        "Bosniak IIF cyst, lower pole of the left kidney",
        "Podejrzenie kamicy moczowodowej",
    ],
)
def test_a_word_of_a_sentence_stays_though_no_table_has_it(text: str) -> None:
    """Rare and inflected words, and words of the sentence's language that are names elsewhere."""
    assert CLEANER.description(text).rstrip(".") == text.rstrip(".")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Nie uwidoczniono cech kowalska płucnej.", "kowalska"),
        ("Copied by tkowal at console", "tkowal"),
        ("Oglądał zdjęcia wczoraj p. Kowalskiego", "Kowalskiego"),
        ("Resampled by hshimizu on a node", "hshimizu"),
        ("CT Thorax Gutierrezmeyer", "Gutierrezmeyer"),
        ("Slides from Ludwigshof", "Ludwigshof"),
        ("J. Feskolurre knee", "Feskolurre"),
        ("knee Drollisild", "Drollisild"),
        ("Droximpos", "Droximpos"),
        ("knee pain, redienhcs", "redienhcs"),
        ("MRI brain kyzclawok", "kyzclawok"),
    ],
)
def test_a_name_goes_also_in_small_letters(text: str, name: str) -> None:
    """A name of a list, one in another case, a user, two joined, invented ones that are like words, one backwards."""
    assert name not in CLEANER.description(text)


@pytest.mark.parametrize("text", ["measured Drollisild", "DROWEVASTAV", "QuixwortQuixworthh"])
def test_likeness_clears_no_capital_of_technical_texts(text: str) -> None:
    """A manufacturer's text and a code string have no sentence that could speak for a word."""
    assert text.split()[-1] not in CLEANER.technical(text)


def test_names_are_less_like_words_than_words_are() -> None:
    """Of words and names that were not chosen for it, nearly all are on their side of zero."""
    words = ["zatorowosci", "konkrementer", "postkontrastno", "parenchimului", "inferotemporally", "retromamillar"]
    names = ["mhuntington", "ravindranathan", "featherstonehaugh", "applethwaite", "bartholomeusz", "petrauska"]
    assert min(map(likeness, words)) > 2 > 0 > max(map(likeness, names))


@pytest.mark.parametrize("name", ["obinna", "annemiek", "moosbrugger", "tomelloso", "umeh"])
def test_a_name_of_a_list_is_known_as_one(name: str) -> None:
    """Given names, family names, towns."""
    assert is_listed_name(name)


def test_languages_are_told_by_their_words() -> None:
    """A word that several have names all of them; in capitals those in which it begins a sentence."""
    assert "sv" in {code.lower() for code in languages_of("eller")}
    assert languages_of("moosbrugger") == frozenset()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("МРТ коліна Гончаренка", "Гончаренка"),
        ("КТ голови Мельникові повторно", "Мельникові"),
        ("КТ головы Ковальчука", "Ковальчука"),
        ("МРТ колено Димитровски", "Димитровски"),
        ("MR kolana Krawczyka", "Krawczyka"),
        ("TK głowy Wieczorka kontrola", "Wieczorka"),
        ("MR kolene Veselého", "Veselého"),
        ("CT hlavy Fialy", "Fialy"),
        ("MR kolena Kučeru", "Kučeru"),
        ("Pään TT Hämäläisen", "Hämäläisen"),
        ("polven MRI Laineen kontrolli", "Laineen"),
        ("CT koponya Nagynak", "Nagynak"),
        ("MRI knee Lysenka", "Lysenka"),
    ],
)
def test_a_name_goes_in_another_case_though_a_dictionary_has_that_as_a_word(text: str, name: str) -> None:
    """Behind the part of the body, without a cue; the words around it stay."""
    left = CLEANER.description(text)
    assert name not in left
    assert left.split() == text.replace(name, "").split()


@pytest.mark.parametrize(
    "text",
    [
        "МРТ Коліна",
        "КТ Головы",
        "MR Kolana Prawego",
        "TK Głowy",
        "CT Hlavy",
        "MR Mozku",
        "Polven MRI",
        "Röhre",
        "HIFU",
        "Vertebra",
        "Columna lumbar",
        "MR Kloubu",
        "MR Stehna",
        "CT Dutiny",
        "MR Kotníku",
        "MR Vēdera",
    ],
)
def test_words_of_medicine_stay_in_their_cases_with_a_capital(text: str) -> None:
    """Though somebody may be called like what they come from."""
    assert CLEANER.description(text) == text


@pytest.mark.parametrize("name", ["KIPLAGAT", "BUONARROTI", "OKONKWO"])
def test_a_name_goes_from_a_sentence_in_capitals(name: str) -> None:
    """Between words that stay, as a word of a language would."""
    assert CLEANER.description(f"MR L-SPINE {name} POST OP") == "MR L-SPINE POST OP"


@pytest.mark.parametrize(
    "text",
    [
        "Ei murtumaa",
        "2 cortes, 3 cores",
        "Biopsi, 3 cores",
        "Knoten am Rand des Feldes",
        "Aufnahme, 30 Grad nach links",
        "Eco cardiaco nella norma",
    ],
)
def test_a_word_stays_in_the_language_of_a_note(text: str) -> None:
    """The parts of the other words tell which it is: a note hardly has the frequent ones."""
    assert CLEANER.description(text) == text


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("axiala snitt genom mjukdelar", "sv"),
        ("Winkel nach links geneigt", "de"),
        ("corte fino del pulmón derecho", "es"),
        ("хворий на інсуліні вдома", "uk"),
        ("ei murtumaa", "fi"),
    ],
)
def test_the_language_of_a_note_is_told_by_the_parts_of_its_words(text: str, code: str) -> None:
    """Without a single one of its frequent words."""
    shares = shares_of(text, "")
    assert max(shares, key=lambda language: shares[language]) == code
    assert sum(shares.values()) == pytest.approx(1)


def test_a_text_without_words_has_no_language() -> None:
    """Neither has one whose only word is left out."""
    assert shares_of("3 / 4", "") == shares_of("Rand", "rand") == {}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("sjakobsen test av sekvens", "sjakobsen"),
        ("sub-andersen run 2 motion", "andersen"),
        ("t2_pavlovic test ax", "pavlovic"),
        ("Villa knee right", "Villa"),
        ("Zeus, knee pain", "Zeus"),
    ],
)
def test_a_note_lets_no_user_and_no_name_stay(text: str, name: str) -> None:
    """Names behind an initial, joined ones, and nouns of German in a text of another language."""
    assert name not in CLEANER.description(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("kaatui Sokoksen edessä, kipu", "Sokoksen"),
        ("fell near the Brauerei yesterday, pain", "Brauerei"),
        ("satte på Stranden igår, smärta", "Stranden"),
    ],
)
def test_a_word_with_a_capital_within_a_sentence_is_a_name(text: str, name: str) -> None:
    """Where no noun has one, and nothing but the dictionaries of languages has the word: a shop, an inn, a road."""
    assert name not in CLEANER.description(text)


@pytest.mark.parametrize(
    "text",
    [
        "CT ABDMN W CNTRST", "MR KNEE SPECTROSC", "US CHESTPELVIS", "Sag Oblq", "HNVMAT plan",
        "Thorax^02_LungLow (Adult)", "Abdomen^DUO_TX_VOL (Adult)",
    ],
)  # fmt: skip
def test_shortened_and_joined_words_stay(text: str) -> None:
    """Without vowels, cut off, without the space between two, and behind the region of an examination."""
    assert CLEANER.description(text) == text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("CT chest KWLSK", "KWLSK"), ("knee JKOWALSKI", "KOWALSKI"),
        ("Thorax^Kowalska (Adult)", "Kowalska"), ("Kowalska^Head (Adult)", "Kowalska"), ("Head^Kowalska", "Kowalska"),
    ],
)  # fmt: skip
def test_a_name_that_looks_shortened_or_joined_goes(text: str, name: str) -> None:
    """Where a list has it, and where a person stands in the form of an examination."""
    assert name not in CLEANER.description(text)
