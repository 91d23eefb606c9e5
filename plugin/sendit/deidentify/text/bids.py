"""Recognise names of files and series in the form of the Brain Imaging Data Structure: sub-012_ses-01_task-rest_bold.

Entities and suffixes are those of its schema (`technique.txt`). The label of a subject is one of the dataset, given
to a study's participants one after the other; one that is no small number may be anybody's, and such a name is judged
word by word as any other text.
"""

from __future__ import annotations

import re

from sendit.deidentify.text.sections import technique
from sendit.deidentify.text.vocabulary import is_familiar, is_no_name

_FORM = re.compile(r"(?:sub-\d{1,3}_)?(?:[a-z]+-[A-Za-z0-9]+_)*[A-Za-z0-9]+(?:\.nii(?:\.gz)?|\.json|\.tsv)?")
_PAIR = re.compile(r"([a-z]+)-([A-Za-z0-9]+)")
_SMALL = re.compile(r"\d{1,3}")
_FEWEST, _MOST_DIGITS, _SHORT = 2, 3, 3


def is_bids_name(text: str) -> bool:
    """Return whether a text is such a name, of nothing but numbers, terms and words that are nobody's name."""
    if "-" not in text or not _FORM.fullmatch(text):
        return False
    *pairs, suffix = text.partition(".")[0].split("_")
    if len(pairs) < _FEWEST - 1 or suffix not in _suffixes():
        return False
    return all(map(_is_pair, pairs))


def _suffixes() -> frozenset[str]:
    return technique()["bids suffixes"]


def _is_pair(pair: str) -> bool:
    match = _PAIR.fullmatch(pair)
    if match is None or match[1] not in technique()["bids entities"]:
        return False
    label = match[2]
    if label.isdigit() or match[1] == "sub":
        return _SMALL.fullmatch(label) is not None
    digits = sum(map(str.isdigit, label))
    return label.lower() in technique()["tokens"] or (
        digits <= _MOST_DIGITS and all(map(_is_term, re.findall("[A-Z]?[a-z]+|[A-Z]+(?![a-z])", label)))
    )


def _is_term(word: str) -> bool:
    if len(word) <= _SHORT:
        return word.lower() in technique()["abbreviations"] | technique()["stems"] | technique()["units"]
    return is_no_name(word) or is_familiar(word)
