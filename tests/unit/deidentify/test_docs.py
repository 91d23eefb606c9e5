"""docs/deidentification.md says what the code does."""

from __future__ import annotations

from pathlib import Path

from sendit.deidentify.profile import EDITION
from sendit.deidentify.values import FUNCTIONS, VARIABLES
from sendit.settings import Option

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
