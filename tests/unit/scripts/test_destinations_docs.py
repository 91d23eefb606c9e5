"""The tables of docs/destinations.md name every test of the contract, and every destination."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[3]
LIST = """
import json, sys
from scripts.destinations_docs import collected
print("\\n" + json.dumps(collected(run=False).cells))
"""


def test_the_tables_are_those_of_the_tests() -> None:
    """Else call: python -m scripts.destinations_docs. It writes what the tests showed, or nothing."""
    listed = subprocess.run([sys.executable, "-c", LIST], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    lines = (ROOT / "docs" / "destinations.md").read_text(encoding="utf-8").splitlines()
    cells = {tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines if line.startswith("| ")}
    results = {row[0]: row[1:] for row in cells}
    for suite in json.loads(listed.splitlines()[-1]).values():
        columns = list(dict.fromkeys(column for row in suite.values() for column in row))
        assert ("", *columns) in cells
        for name, row in suite.items():
            assert name in results, name
            assert len(results[name]) == len(columns)
            assert {"✓", "–"} >= set(results[name]), name
            assert set(row) <= set(columns)
