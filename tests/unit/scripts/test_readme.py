"""README and docs say what the code does."""

from __future__ import annotations

from itertools import combinations

import pytest

from scripts import profile_docs, readme
from scripts.wording import Part, plans, word
from sendit.deidentify import compile_plan
from sendit.errors import Misconfigured
from sendit.settings import Option

ORDER = ("kept", "gone through", "moved by whole weeks", "cleaned")


@pytest.mark.parametrize("part", [readme.part(), *profile_docs.parts()], ids=lambda part: part.name)
def test_the_generated_parts_are_what_the_code_decides(part: Part) -> None:
    """Else call the script that the mark names: python -m scripts.readme, python -m scripts.profile_docs."""
    text = part.path.read_text(encoding="utf-8")
    assert part.renewed(text) == text


def test_the_profile_is_what_the_code_executes() -> None:
    """Else call: python -m scripts.profile_docs."""
    assert profile_docs.PROFILE.read_text(encoding="utf-8") == profile_docs.generate()


def test_every_option_is_explained() -> None:
    """A new one has no place in the table without a sentence."""
    assert set(profile_docs.OPTIONS) == set(Option)


def test_every_listed_attribute_has_a_row() -> None:
    """657 rows of Table E.1-1, less four that are patterns."""
    rows = [line for line in profile_docs.generate().splitlines() if line.count("|") == 7 and "(" in line]
    assert len([line for line in rows if line.startswith("| ") and "| Tag |" not in line]) == 653


def test_which_option_goes_first() -> None:
    """As docs/profile.md says: keeping, then moving, then cleaning; for every two that can stand together."""
    basic, known = compile_plan([], []), plans()
    for pair in combinations(known, 2):
        try:
            both = compile_plan(list(pair), [])
        except Misconfigured:
            continue
        for tag, rule in both.rules.items():
            before = word(basic.rules.get(tag))
            wished = {word(known[option].rules.get(tag)) for option in pair} - {before}
            first = next((found for found in ORDER if found in wished), before)
            assert word(rule) == first, (pair, hex(tag))
