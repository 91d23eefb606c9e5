"""Write the tables of docs/destinations.md: the results of the contract's tests for each destination and index.

python -m scripts.destinations_docs          runs the tests, with real servers (minutes), and writes the tables
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scripts.wording import Part

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "destinations.md"
SUITES: Mapping[str, str] = {
    "destinations under the contract": "tests/destinations/test_contract.py",
    "indexes under the contract": "tests/destinations/test_index_contract.py",
}
PASSED, NOT_RUN = "✓", "–"


@dataclass
class Results:
    """Plugin of pytest: the rows (tests) and columns (benches) of the tests that have a bench."""

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
        self.cells[suite][row][bench] = PASSED if report.passed else NOT_RUN if report.skipped else "FAILED"


def _words(test: str, parameters: Iterable[str]) -> str:
    words = test.removeprefix("test_").replace("_", " ")
    faults = ", ".join(_fault(one) for one in parameters)
    return f"{words}: {faults}" if faults else words


def _fault(parameter: str) -> str:
    """Shorten Status(times=1, status=503, body=b'', headers={}) to Status 503."""
    status = re.search(r"\bstatus=(\d+)", parameter)
    name = parameter.partition("(")[0]
    return f"{name} {status[1]}" if status else name


def table(rows: Mapping[str, Mapping[str, str]]) -> str:
    """Return rows and columns as Markdown; the columns keep their order."""
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    lines = ["| | " + " | ".join(columns) + " |", "| --- |" + " --- |" * len(columns)]
    for name, row in rows.items():
        lines.append(f"| {name} | " + " | ".join(row.get(column, NOT_RUN) for column in columns) + " |")
    return "\n".join(lines) + "\n"


def collected(*, run: bool) -> Results:
    """Run the tests of the suites, or only list them.

    Raises:
        SystemExit: a test failed, or there is none.
    """
    results = Results()
    how = [] if run else ["--collect-only"]
    quiet = ["-q", "--no-header", "-p", "no:cacheprovider", "-m", "not slow", f"--rootdir={ROOT}"]
    code = pytest.main([*quiet, *how, *(str(ROOT / suite) for suite in SUITES.values())], plugins=[results])
    if code != pytest.ExitCode.OK:
        sys.exit("destinations_docs: a test of the contract failed; nothing was written")
    return results


def parts(results: Results) -> list[Part]:
    """Return the parts of the document."""
    return [Part(DOCUMENT, name, table(results.cells[Path(suite).name])) for name, suite in SUITES.items()]


def main() -> None:
    """Run the tests and write the tables."""
    document = DOCUMENT.read_text(encoding="utf-8")
    for part in parts(collected(run=True)):
        document = part.renewed(document)
    DOCUMENT.write_text(document, encoding="utf-8")


if __name__ == "__main__":
    main()
