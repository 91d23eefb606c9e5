"""Read the tables that come with SendIt; a line that begins with # is a comment in all of them."""

from __future__ import annotations

import csv
from importlib.resources import files

from pydicom.datadict import tag_for_keyword


def table_lines(*path: str) -> list[str]:
    """Return the lines of a table, without comments and empty ones.

    Args:
        path: its folders below this one, and its name.
    """
    text = files(__name__).joinpath(*path).read_text("utf-8")
    return [line for line in text.split("\n") if line and not line.startswith("#")]


def table_rows(*path: str) -> list[dict[str, str]]:
    """Return the rows of a CSV table, by column."""
    return list(csv.DictReader(table_lines(*path)))


def table_words(*path: str) -> frozenset[str]:
    """Return the words of a table."""
    return frozenset(word for line in table_lines(*path) for word in line.split())


def tag_of(keyword: str, table: str) -> int:
    """Return the tag of an attribute that a table names.

    Raises:
        LookupError: DICOM has no such keyword.
    """
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise LookupError(f"{table}: {keyword} is no keyword of DICOM")
    return int(tag)
