"""Plausible texts of many languages: hardly anything that identifies stays; most harmless texts do."""

from __future__ import annotations

import pytest

from benchmarks.redteam.run import MOST_LEAKED, MOST_LOST, Text, left_of, measured, texts_of
from sendit.deidentify.text.words import sorted_words
from sendit.deidentify.text.words.sorted_words import begins_sentence, is_of_languages

pytestmark = pytest.mark.long


@pytest.mark.parametrize(
    "which",
    [
        *("first", "second", "third", "fourth", "fifth", "sixth"),
        *("seventh", "eighth", "ninth", "tenth", "eleventh"),
        *("thirteenth", "fifteenth"),
    ],
)
def test_texts_of_the_red_team(which: str) -> None:
    found, is_short = measured(texts_of(which)), which in ("sixth", "eighth", "tenth")
    assert found.identifying > (60 if is_short else 120)
    assert found.harmless > (25 if is_short else 100)
    assert len(found.leaked) <= MOST_LEAKED[which] * found.identifying, found.leaked
    assert len(found.lost) <= MOST_LOST[which] * found.harmless, found.lost


@pytest.mark.parametrize(
    "name",
    ["सुनीता देवी", "มาลี", "Zdene\u030ck", "Grace", "44812/19"],
    ids=["Hindi", "Thai", "Czech", "English", "number"],
)
def test_what_stays_of_a_name_is_a_leak_in_every_script(name: str) -> None:
    """Vowel signs and accents, which are no letters to Python, cut no name into pieces that are too short to count."""
    text = Text("PatientComments", f"CT {name} ok", (name,))
    assert left_of(text, f"CT {name} ok") == name.replace("/", " ").split()
    assert left_of(text, "CT ok") == []


@pytest.mark.parametrize("which", ["third", "fourth"])
def test_texts_of_the_red_team_under_the_basic_profile(which: str) -> None:
    """What names the technique stays, and no name in it."""
    found = measured(texts_of(which), "Basic Profile")
    assert found.harmless > 100
    assert len(found.leaked) <= 1, found.leaked
    assert len(found.lost) <= MOST_LOST[which] * found.harmless, found.lost


@pytest.mark.parametrize("word", ["ausgeschlossen", "obrazu", "jakosc"])
def test_words_of_languages_are_found(word: str) -> None:
    assert is_of_languages(word, small=True)


@pytest.mark.parametrize("word", ["a", "zzzzzz", "schmidt", "kowalski", "иванов", "", "яяяяя", "rossi", "nguyen"])
def test_names_and_other_words_are_not(word: str) -> None:
    assert not is_of_languages(word, small=True)


def test_some_words_count_in_small_letters_only() -> None:
    line = next(line for line in _lines() if line.endswith(b" s"))
    word = line.removesuffix(b" s").decode()
    assert is_of_languages(word, small=True)
    assert not is_of_languages(word, small=False)


def test_some_words_count_where_a_sentence_begins_too() -> None:
    line = next(line for line in _lines() if line.endswith(b" c"))
    word = line.removesuffix(b" c").decode()
    assert begins_sentence(word)
    assert is_of_languages(word, small=True)
    assert not is_of_languages(word, small=False)


def test_the_table_is_sorted_and_every_word_is_found() -> None:
    lines = _lines()
    assert len(lines) > 100_000
    assert lines == sorted(lines)
    some = lines[:: len(lines) // 1000]
    assert all(is_of_languages(_word(line), small=True) != line.endswith(b" n") for line in some)


def _word(line: bytes) -> str:
    return line.partition(b" ")[0].decode()


def _lines() -> list[bytes]:
    lines = sorted_words._table("terms_of_languages.txt")[:].splitlines()
    return [line for line in lines if not line.startswith(b"#")]
