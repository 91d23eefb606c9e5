"""The lock files fit pyproject.toml, and belong to no machine."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"
IMAGE = ROOT / "docker" / "requirements.lock"
BUILD = ROOT / "docker" / "requirements-build.lock"
SITE = ROOT / "requirements-docs.lock"
_PINNED = re.compile(r"^([a-z0-9-]+)==(\S+)( ; [^\\]+)? \\$")


def pins(lock: Path) -> dict[str, set[str]]:
    """Name to versions; there is more than one where a marker chooses."""
    found: dict[str, set[str]] = {}
    for line in lock.read_text().splitlines():
        if match := _PINNED.match(line):
            found.setdefault(match[1], set()).add(match[2])
    return found


def wanted(*extras: str) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize(("lock", "extras"), [(LOCK, ("dev",)), (IMAGE, ())], ids=["checkout", "image"])
def test_every_dependency_is_locked_within_its_range(lock: Path, extras: tuple[str, ...]) -> None:
    """Whoever changes a range in pyproject.toml and forgets `make lock` hears of it here."""
    locked = pins(lock)
    for requirement in wanted(*extras):
        versions = locked.get(canonicalize_name(requirement.name), set())
        assert versions, f"{requirement.name} is not in {lock.name}: call make lock"
        assert all(requirement.specifier.contains(version) for version in versions), f"{requirement}: call make lock"


def test_the_documentation_is_built_by_locked_versions_within_their_ranges() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    locked = pins(SITE)
    for requirement in map(Requirement, extras["docs"]):
        versions = locked.get(canonicalize_name(requirement.name), set())
        assert versions, f"{requirement.name} is not in {SITE.name}: call make lock"
        assert all(requirement.specifier.contains(version) for version in versions), f"{requirement}: call make lock"


@pytest.mark.parametrize("lock", [LOCK, IMAGE, BUILD, SITE], ids=["checkout", "image", "build", "documentation"])
def test_a_lock_names_versions_and_hashes_and_no_place(lock: Path) -> None:
    """No index, address or path of the machine that made it."""
    for line in lock.read_text().splitlines():
        pinned = _PINNED.match(line) or re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line)
        assert pinned or re.match(r"#|    # +(via )?[a-z0-9 ()\[\].-]*$", line), line


def test_the_image_has_the_versions_that_are_tested() -> None:
    """What the image installs is what the tests of a checkout ran with."""
    tested = pins(LOCK)
    for lock in (IMAGE, BUILD):
        for name, versions in pins(lock).items():
            assert versions <= tested[name], name
