"""Writes the tables of docs/destinations.md: what the contract's tests showed of each destination and index.

python -m scripts.destinations_docs          runs the tests, with real servers (minutes), and writes the tables
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from scripts.wording import Part

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "destinations.md"
SUITES: Mapping[str, str] = {
    "destinations under the contract": "tests/destinations/test_contract.py",
    "indexes under the contract": "tests/destinations/test_index_contract.py",
}
SHOWN, NOT_ASKED = "✓", "–"


@dataclass
class Results:
    """A plugin of pytest: the rows (what was shown) and columns (of whom) of the tests that have a bench."""

    cells: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)  # suite → row → bench → cell
    _places: dict[str, tuple[str, str, str]] = field(default_factory=dict)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            call = getattr(item, "callspec", None)
            if call is None or "bench" not in call.params or item.get_closest_marker("slow"):
                continue
            others = [str(value) for name, value in call.params.items() if name != "bench"]
            suite = Path(item.nodeid.partition("::")[0]).name
            row = _words(getattr(item, "originalname", item.name), others)
            self._places[item.nodeid] = suite, row, call.params["bench"]
            self.cells.setdefault(suite, {}).setdefault(row, {})[call.params["bench"]] = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.nodeid not in self._places or (report.when != "call" and report.passed):
            return
        suite, row, bench = self._places[report.nodeid]
        self.cells[suite][row][bench] = SHOWN if report.passed else NOT_ASKED if report.skipped else "FAILED"


def _words(test: str, parameters: Iterable[str]) -> str:
    words = test.removeprefix("test_").replace("_", " ")
    found = ", ".join(_fault(one) for one in parameters)
    return f"{words}: {found}" if found else words


def _fault(parameter: str) -> str:
    """Status(times=1, status=503, body=b'', headers={}) → Status 503."""
    status = re.search(r"\bstatus=(\d+)", parameter)
    name = parameter.partition("(")[0]
    return f"{name} {status[1]}" if status else name


def table(rows: Mapping[str, Mapping[str, str]]) -> str:
    """Rows and columns as Markdown; the columns in the order in which they came."""
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    lines = ["| | " + " | ".join(columns) + " |", "| --- |" + " --- |" * len(columns)]
    for name, row in rows.items():
        lines.append(f"| {name} | " + " | ".join(row.get(column, NOT_ASKED) for column in columns) + " |")
    return "\n".join(lines) + "\n"


def collected(run: bool) -> Results:
    """The tests of the suites, run or only listed.

    Raises:
        SystemExit: a test failed, or none could be found.
    """
    results = Results()
    how = [] if run else ["--collect-only"]
    quiet = ["-q", "--no-header", "-p", "no:cacheprovider", "-m", "not slow", f"--rootdir={ROOT}"]
    code = pytest.main([*quiet, *how, *(str(ROOT / suite) for suite in SUITES.values())], plugins=[results])
    if code != pytest.ExitCode.OK:
        sys.exit("destinations_docs: the contract does not hold; nothing was written")
    return results


def parts(results: Results) -> list[Part]:
    """The parts of the document."""
    return [Part(DOCUMENT, name, table(results.cells[Path(suite).name])) for name, suite in SUITES.items()]


def main() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    for part in parts(collected(run=True)):
        document = part.renewed(document)
    DOCUMENT.write_text(document, encoding="utf-8")


if __name__ == "__main__":
    main()
