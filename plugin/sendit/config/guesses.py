"""Suggestions for a name that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

#: difflib's own measure of what people call similar.
_NEAR = 0.6


def nearest(name: str, candidates: Iterable[str], near: float = _NEAR) -> str | None:
    """Return the known name that is most like this one, whatever its case; None if none is like it.

    Args:
        name: the name that was given.
        candidates: the names to choose from.
        near: how like it has to be, from 0 to 1.
    """
    names = {one.casefold(): one for one in candidates}
    matches = difflib.get_close_matches(name.casefold(), names, n=1, cutoff=near)
    return names[matches[0]] if matches else None


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Return the question, with a space behind it; "" where there is nothing to ask."""
    guess = nearest(name, candidates)
    return f"Did you mean {guess}? " if guess is not None else ""
