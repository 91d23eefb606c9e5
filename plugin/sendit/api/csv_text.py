"""Tables as CSV that a spreadsheet program may open."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain


def cell(text: str) -> str:
    """Put an apostrophe before what a spreadsheet program would take for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def lines(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table, the header first."""
    for row in chain([header], rows):
        text = io.StringIO()
        csv.writer(text).writerow(map(cell, row))
        yield text.getvalue()
