"""The vocabulary is made as its table says."""

from __future__ import annotations

from scripts.vocabulary import TABLE, renewed
from sendit.deidentify.text.sections import medicine, vocabulary


def test_the_standards_words_are_those_of_pydicom() -> None:
    """Else call: python -m scripts.vocabulary."""
    text = TABLE.read_text(encoding="utf-8")
    assert renewed(text) == text


def test_no_word_stands_twice() -> None:
    """Each section holds what the ones before it do not; the sections in order of the alphabet."""
    sections = [part.split() for part in TABLE.read_text(encoding="utf-8").split("]\n")[1:]]
    words = [word for section in sections for word in section if not word.startswith("[")]
    assert len(words) == len(set(words)) == len(vocabulary())


def test_what_it_holds_and_what_not() -> None:
    """Of medicine: for leak check and texts. Makers and titles: for the leak check. Surnames and breeds: neither."""
    for word in ("head", "long", "lung", "contrast", "mprage", "cartilage"):
        assert word in medicine()
        assert word.encode() in vocabulary()
    for word in ("siemens", "king", "noble", "august"):
        assert word not in medicine()
        assert word.encode() in vocabulary()
    for word in ("miller", "taylor", "campbell", "gordon", "clements", "sheltie", "irish"):
        assert word.encode() not in vocabulary()
