"""Which lines of SendIt the tests run, at little cost: a line that was seen is not watched any more.

A plugin: `pytest -p tests.covering --floor 94`. Python 3.11 has no sys.monitoring, and tracing takes 70 % more CPU
time; slipcover changes bytecode, and takes its marks out again. Each process of xdist writes what it saw, and the first
one adds it up. What other processes run, as the workers in system tests, is not seen.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import pytest
import slipcover
from slipcover.importer import FileMatcher, SlipcoverMetaPathFinder

SOURCE = Path(__file__).parents[1] / "plugin" / "sendit"
#: The package that the unit tests cover by themselves: the floor is its.
PACKAGE = "deidentify"
_FOLDER, _WORKER = "SENDIT_COVERAGE", "PYTEST_XDIST_WORKER"
_SHARES = pytest.StashKey[dict[str, tuple[int, float]]]()

_is_first = _WORKER not in os.environ
if _is_first:
    os.environ[_FOLDER] = tempfile.mkdtemp(prefix="coverage-")
assert "sendit" not in sys.modules, "this plugin has to be loaded before SendIt"
_watch = slipcover.Slipcover(source=[str(SOURCE)] if _is_first else None, omit=["*/migrations/*"])
sys.meta_path.insert(0, SlipcoverMetaPathFinder(_watch, FileMatcher(sources=[str(SOURCE)])))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the floor."""
    parser.addoption("--floor", type=float, default=0.0, help=f"percent of the lines of {PACKAGE} that have to be run")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write what this process saw; the first one fails a run below the floor."""
    seen = _watch.get_coverage()["files"]
    lines = {name: (file["executed_lines"], file["missing_lines"]) for name, file in seen.items()}
    Path(os.environ[_FOLDER], os.environ.get(_WORKER, "first")).write_text(json.dumps(lines))
    if _is_first:
        shares = session.config.stash[_SHARES] = _added_up()
        if shares[PACKAGE][1] < session.config.getoption("--floor") and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Report each package."""
    terminalreporter.section("lines that were run")
    for package, (lines, share) in config.stash[_SHARES].items():
        floor = f" (floor: {config.getoption('--floor')} %)" if package == PACKAGE else ""
        terminalreporter.write_line(f"{package:20}{lines:7}{share:7.1f} %{floor}")


def _added_up() -> dict[str, tuple[int, float]]:
    """Return lines, and percent that were run, by package and module of the top; and of all."""
    executed: dict[str, set[tuple[str, int]]] = defaultdict(set)
    known: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for file in Path(os.environ[_FOLDER]).iterdir():
        for name, (seen, missed) in json.loads(file.read_text()).items():
            for package in (Path(name).resolve().relative_to(SOURCE).parts[0], "all"):
                executed[package].update((name, line) for line in seen)
                known[package].update((name, line) for line in (*seen, *missed))
    shutil.rmtree(os.environ[_FOLDER], ignore_errors=True)
    return {
        name: (len(lines), 100 * len(executed[name]) / len(lines)) for name, lines in sorted(known.items()) if lines
    }
