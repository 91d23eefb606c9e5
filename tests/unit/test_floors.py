"""Imports point only to the same or a lower floor; destinations know neither each other nor the journal."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "plugin" / "sendit"

#: The first part of a module's name after `sendit.`, on its floor.
FLOORS = {
    "errors": 0, "model": 0, "section": 0, "destination_settings": 0, "settings": 0, "settings_errors": 0,
    "orthanc_config": 0, "orthanc_modalities": 0, "configuration": 0, "logs": 0, "hours": 0, "pacing": 0,
    "names": 0, "variants": 0, "folders": 0,
    "deidentify": 1, "keyring": 1, "manifest": 1,
    "journal": 2, "source": 2, "intake": 2, "destinations": 2, "scheduler": 2, "staging": 2, "data_directory": 2,
    "identities": 2, "crosswalk": 2, "cutting": 2,
    "deidentify_pool": 2, "limits": 2, "pixel_tools": 2, "pictures": 2,
    "deidentify_folder": 2, "instance_io": 2, "projects": 2, "deidentification": 2,
    "stages": 3, "delivery": 3, "recall": 3, "destination_states": 3, "originals": 3, "retention": 3,
    "pipeline": 3, "reconcile": 3, "arrivals": 3, "importing": 3, "verification": 3,
    "worker": 4, "api": 4, "cli": 4, "cli_deidentify": 4, "cli_crosswalk": 4, "cli_recipe": 4, "cli_verify": 4,
    "cli_recall": 4, "cli_destinations": 4, "client": 4, "doctor": 4, "__main__": 4,
}  # fmt: skip


def modules() -> list[Path]:
    return sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py" and "migrations" not in p.parts)


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(path: Path) -> set[str]:
    """Full names of what a module imports from sendit, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.startswith("sendit.")}


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    """Every module of the package stands on a floor and imports none above it."""
    for name in imported(path):
        other = name.split(".")[1]
        if other != "__version__":
            assert FLOORS[other] <= FLOORS[room(path)], f"{path.name} imports {name}"


def test_destinations_know_neither_each_other_nor_the_journal() -> None:
    """Only the registry imports destinations."""
    for path in (PACKAGE / "destinations").glob("*.py"):
        names = imported(path)
        assert not {n for n in names if n.startswith("sendit.journal")}
        if path.name != "__init__.py":
            family = path.stem.rsplit("_", 1)[0]
            others = {n.split(".")[2] for n in names if n.startswith("sendit.destinations.")}
            allowed = {
                "base",
                "in_threads",
                "same_dataset",
                "index",
                "index_header",
                "google_credentials",
                "google_errors",
            }
            assert not {o for o in others - allowed if not o.startswith(family) and not path.stem.startswith(o)}


def test_only_the_plugin_imports_orthanc() -> None:
    """Nothing of the package can run inside Orthanc only."""
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            assert "orthanc" not in names, path


def test_only_the_scheduler_names_the_engine() -> None:
    """DBOS stays behind its façade."""
    for path in modules():
        if path.name != "scheduler.py":
            assert "dbos" not in {n.split(".")[0] for n in _top_level(path)}, path


def _top_level(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found
