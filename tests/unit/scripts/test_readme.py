"""README says what the code does."""

from __future__ import annotations

from scripts.readme import README, renewed


def test_the_generated_part_is_what_the_code_decides() -> None:
    """Else call: python -m scripts.readme."""
    text = README.read_text(encoding="utf-8")
    assert renewed(text) == text
