"""docs/deidentification.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from sendit.config.schema import Option
from sendit.deidentify.profile.table import EDITION
from sendit.deidentify.replacements import FUNCTIONS, VARIABLES

TEXT = (Path(__file__).parents[3] / "docs" / "deidentification.md").read_text("utf-8")


def test_every_value_of_a_recipe_is_listed() -> None:
    """With the explanation that stands in the code, and no others."""
    rows = [line for line in TEXT.splitlines() if line.startswith(("| `var:", "| `func:"))]
    known = [f"| `var:{name}` | {value.explanation} |" for name, value in VARIABLES.items()]
    known += [f"| `func:{name}` | {value.explanation} |" for name, value in FUNCTIONS.items()]
    assert rows == known


def test_every_option_is_named() -> None:
    """And the edition of the table."""
    assert [option for option in Option if f"`{option}`" not in TEXT] == []
    assert f"edition {EDITION}" in TEXT


def test_every_difference_from_deid_is_shown_by_a_test() -> None:
    """Each row of the table names one that there is, and each test has its row; but for what is the same in both."""
    table = TEXT.partition("| deid | SendIt | shown by |")[2].partition("\n\n")[0]
    named = re.findall(r"\| `(test_\w+)` \|$", table, re.MULTILINE)
    there = re.findall(
        r"^def (test_\w+)\(",
        (Path(__file__).parent / "recipes" / "test_where_deid_differs.py").read_text(),
        re.MULTILINE,
    )
    assert table.count("\n| ") == len(named) + 1
    assert sorted(named) == sorted(set(there) - {"test_jitter_as_a_function"})
