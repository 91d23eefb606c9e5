"""The rules of the packages (pyproject.toml, [tool.importlinter]) hold, and each is seen to fail where it is broken."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: A contract, the module that breaks it, and the line that does.
VIOLATIONS = [
    ("layers", "journal/batches.py", "import sendit.pipeline.batch"),
    ("no-circles", "deidentify/dates.py", "import sendit.deidentify.engine"),
    ("destinations-apart", "destinations/folder/files.py", "import sendit.destinations.gcs.bucket"),
    ("destinations-and-journal", "destinations/compare.py", "import sendit.journal.tables"),
    ("deidentify-pure", "deidentify/plan.py", "import pydantic"),
    ("orthanc-in-plugin", "pipeline/batch.py", "import orthanc"),
    ("dbos-in-scheduler", "pipeline/batch.py", "import dbos"),
]
#: Tables, templates and migrations are data; they may be many. py.typed is the empty mark of a typed package (PEP 561).
DATA = {"py.typed", "tables", "templates", "static", "versions", "migrations", "__pycache__"}
MOST_ENTRIES = 20
#: "Some 500 lines at most". docs/decisions/0014-packages.md says why these are longer.
MOST_LINES = 550
LONGER = {
    "sendit_plugin.py",
    "sendit/journal/tables.py",
    "sendit/deidentify/text/clean.py",
    "sendit/deidentify/text/record_numbers.py",
    "sendit/deidentify/text/vocabulary.py",
}


def lint(package: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    """Run some contracts, or all of them, over a folder that holds the package."""
    program = (
        "import sys; from importlinter.cli import lint_imports; "
        f"sys.exit(lint_imports({str(ROOT / 'pyproject.toml')!r}, limit_to_contracts={contracts!r}, no_cache=True))"
    )
    environment = os.environ | {"PYTHONPATH": str(package)}
    return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)


def test_the_contracts_are_kept() -> None:
    """As the code stands; and each of them is seen to fail below."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    assert {one["id"] for one in contracts} == {name for name, _, _ in VIOLATIONS}
    kept = lint(ROOT / "plugin")
    assert (kept.returncode, f"{len(contracts)} kept, 0 broken" in kept.stdout) == (0, True), kept.stdout + kept.stderr


@pytest.mark.parametrize(("contract", "module", "line"), VIOLATIONS, ids=[name for name, _, _ in VIOLATIONS])
def test_a_violation_is_seen(contract: str, module: str, line: str, tmp_path: Path) -> None:
    """The contract is broken once a wrong import is planted."""
    unread = shutil.ignore_patterns("__pycache__", "*.txt", "*.csv", "static", "templates")
    shutil.copytree(ROOT / "plugin" / "sendit", tmp_path / "sendit", ignore=unread)
    with (tmp_path / "sendit" / module).open("a") as file:
        file.write(f"\n{line}\n")
    broken = lint(tmp_path, contract)
    assert (broken.returncode, "0 kept, 1 broken" in broken.stdout) == (1, True), broken.stdout + broken.stderr


def test_no_package_is_crowded() -> None:
    """A reader can take in a package at one glance."""
    packages = {path.parent for path in (ROOT / "plugin" / "sendit").rglob("*.py")}
    counted = {
        package: [
            entry.name for entry in package.iterdir() if entry.name not in DATA and not entry.name.startswith("__")
        ]
        for package in packages
        if not DATA & set(package.parts)
    }
    crowded = {str(package): len(names) for package, names in counted.items() if len(names) > MOST_ENTRIES}
    assert not crowded


def test_no_module_is_long_without_a_reason() -> None:
    """A module has some 500 lines at most; those that have more are named, and are there."""
    plugin = ROOT / "plugin"
    lines = {str(path.relative_to(plugin)): len(path.read_text("utf-8").splitlines()) for path in plugin.rglob("*.py")}
    assert lines.keys() >= LONGER
    assert {name: count for name, count in lines.items() if count > MOST_LINES and name not in LONGER} == {}


def test_the_paths_of_a_reader() -> None:
    """The files that docs/architecture.md lists are there, and are as many as it says."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    table = text.partition("## Paths of a reader")[2].partition("\n## ")[0]
    rows = [line.split(" | ") for line in table.splitlines() if line.endswith(" |") and ".py" in line]
    assert len(rows) == 4
    for _, files, now, _ in rows:
        names = re.findall(r"`([^`]+\.py)`", files)
        assert len(names) == int(now)
        folder = ROOT / "plugin"
        assert [name for name in names if not ((folder / name).exists() or (folder / "sendit" / name).exists())] == []


#: Words that are no verbs: a docstring that begins with one says what a function is about, not what it does.
NO_VERB = re.compile(
    r"(an?|all|another|any|as|at|each|every|for|from|how|if|in|its?|none|of|on|one|only|some|that|the|their|these|they|"
    r"this|those|to|what|when|where|whether|which|while|whom?|whose|why|with)\b",
    re.IGNORECASE,
)


@cache
def trees() -> dict[Path, ast.Module]:
    """All modules, parsed once."""
    return {path: ast.parse(path.read_text("utf-8")) for path in (ROOT / "plugin").rglob("*.py")}


def test_docstrings_begin_with_a_verb() -> None:
    """A function says what it does; a property, which is a value, may say what it is. ruff's D401 knows fewer words."""
    texts = {}
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not _is_property(node):
                texts[f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"] = ast.get_docstring(node) or ""
    assert len(texts) > 3000
    assert not [f"{place}: {text}" for place, text in sorted(texts.items()) if NO_VERB.match(text)]


def test_no_text_begins_with_what() -> None:
    """A module, class or function says what it is by a noun, or what it does by a verb; so do sentences within."""
    begun = []
    for path, tree in trees().items():
        if "versions" in path.parts:  # of migrations, which stay as they were
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                text = ast.get_docstring(node) or ""
                begun += [f"{path.relative_to(ROOT)}: {text[:60]}"] if text.startswith("What ") else []
    assert begun == []


def _is_property(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(isinstance(one, ast.Name) and one.id.endswith("property") for one in node.decorator_list)


def test_decisions_have_a_number_each() -> None:
    """A page that says "decision 30" means one; its number stands in its name and in its heading."""
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [page.name[:4] for page in pages]
    assert len(set(numbers)) == len(numbers) > 20
    for page in pages:
        assert page.read_text("utf-8").startswith(f"# {int(page.name[:4])}. "), page.name


def test_what_the_guide_names_is_where_it_says() -> None:
    """`Deliverer._failed` in `pipeline/deliver.py`: the file is there, and it defines the name."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    named = re.findall(r"`([A-Za-z_.]+)`(?: of `[A-Za-z_]+`)? in `([\w/]+\.py)`", text)
    assert len(named) > 10
    for name, path in named:
        tree = ast.parse((ROOT / "plugin" / "sendit" / path).read_text("utf-8"))
        assert name.split(".")[-1] in _defined(tree), f"{path} has no {name}"


def _defined(tree: ast.Module) -> set[str]:
    """Functions, classes, and names that are assigned, at any depth."""
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    return defined | {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
