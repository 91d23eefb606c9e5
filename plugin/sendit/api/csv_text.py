"""Tables as CSV that a spreadsheet program may open, and headers of answers; the command line imports it, too."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import Request

CSV = "text/csv"
#: Description of an answer that may be CSV, for OpenAPI.
CSV_CONTENT: dict[str, Any] = {CSV: {"schema": {"type": "string"}}}


def wants_csv(request: Request, form: str | None) -> bool:
    """Return whether an answer is to be CSV: by `format`, or without it by the header Accept."""
    return form == "csv" or (form is None and request.headers.get("accept", "").startswith(CSV))


def attachment(name: str) -> dict[str, str]:
    """Return the headers of an answer that a browser saves as a file of this name."""
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def cell(text: str) -> str:
    """Put an apostrophe before what a spreadsheet program would take for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def lines(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table, the header first."""
    for row in chain([header], rows):
        text = io.StringIO()
        csv.writer(text).writerow(map(cell, row))
        yield text.getvalue()
