"""Files, folders above them and links that another user may change."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sendit.config import permissions
from sendit.config.file import check_permissions
from sendit.config.project import Project
from sendit.errors import Misconfigured
from sendit.pipeline.projects import recipes_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_STRANGER = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Two folders, whatever the umask is."""
    before = os.umask(0o022)
    inner = tmp_path / "site" / "recipes"
    inner.mkdir(parents=True)
    yield inner
    os.umask(before)


def refusal(path: Path, *owners: int) -> Misconfigured | None:
    try:
        permissions.check(path, "SendIt.Projects.P.Recipes[0]", "recipe", owners)
    except Misconfigured as error:
        return error
    return None


@pytest.mark.parametrize(
    ("mode", "remedy"),
    [
        *((0o644, None), (0o600, None), (0o444, None), (0o755, None)),
        *((0o664, "chmod g-w"), (0o620, "chmod g-w"), (0o646, "chmod o-w"), (0o602, "chmod o-w"), (0o666, "chmod o-w")),
    ],
)
def test_the_file(folder: Path, mode: int, remedy: str | None) -> None:
    """Nobody but its owner may write to it; to read it is another matter."""
    file = folder / "a.deid"
    file.write_text("FORMAT dicom")
    file.chmod(mode)
    found = refusal(file)
    assert (found and found.remedy) == (remedy and f"Run: {remedy} {file}")
    if found:
        assert found.place == "SendIt.Projects.P.Recipes[0]"


@pytest.mark.parametrize("above", [0, 1])
@pytest.mark.parametrize(("mode", "remedy"), [(0o757, "o-w"), (0o777, "o-w"), (0o702, "o-w"), (0o755, None)])
def test_the_folders_above(folder: Path, above: int, mode: int, remedy: str | None) -> None:
    """Who may write to one of them can put another file there. In one with the sticky bit nobody can."""
    file = folder / "a.deid"
    file.write_text("FORMAT dicom")
    changed = list(file.parents)[above]
    changed.chmod(mode)
    found = refusal(file)
    assert (found and found.remedy) == (remedy and f"Run: chmod {remedy} {changed}")
    changed.chmod(0o1777)
    assert refusal(file) is None


@needs_root
def test_a_folder_that_its_group_may_write_to(folder: Path) -> None:
    """Root's group, and one with others in it, may not; the private group of a plain user holds nobody else."""
    folder.chmod(0o775)
    file = folder / "a.deid"
    file.write_text("FORMAT dicom")
    found = refusal(file)
    assert found is not None
    assert found.remedy == f"Run: chmod g-w {folder}"


@needs_root
@pytest.mark.parametrize("given", [0, 1, 2])
def test_an_owner_whom_nobody_trusts(folder: Path, given: int) -> None:
    """Of the file, or of a folder above it; Orthanc's user may be named as one who is."""
    file = folder / "a.deid"
    file.write_text("FORMAT dicom")
    changed = [file, *file.parents][given]
    os.chown(changed, _STRANGER, -1)
    found = refusal(file)
    assert found is not None
    assert found.remedy == f"Run: chown root {changed}"
    assert refusal(file, _STRANGER) is None


@needs_root
def test_links(folder: Path, tmp_path: Path) -> None:
    """A link is as safe as what it points to, and the way there, and it has an owner itself."""
    real = tmp_path / "elsewhere" / "a.deid"
    real.parent.mkdir()
    real.write_text("FORMAT dicom")
    link = folder / "a.deid"
    link.symlink_to(Path("../../elsewhere/../elsewhere/a.deid"))
    assert refusal(link) is None
    real.parent.chmod(0o777)
    assert (found := refusal(link)) is not None
    assert found.remedy == f"Run: chmod o-w {real.parent}"
    real.parent.chmod(0o755)
    real.chmod(0o666)
    assert (found := refusal(link)) is not None
    assert found.remedy == f"Run: chmod o-w {real}"
    real.chmod(0o644)
    os.lchown(link, _STRANGER, -1)
    assert (found := refusal(link)) is not None
    assert found.remedy == f"Run: chown root {link}"


def test_a_link_to_a_folder_and_one_that_goes_in_circles(folder: Path, tmp_path: Path) -> None:
    """What follows a link to a folder is looked at; a circle ends, and whoever reads it says that it does not work."""
    (folder / "a.deid").write_text("FORMAT dicom")
    (tmp_path / "link").symlink_to(folder)
    assert refusal(tmp_path / "link" / "a.deid") is None
    folder.chmod(0o777)
    assert (found := refusal(tmp_path / "link" / "a.deid")) is not None
    assert found.remedy == f"Run: chmod o-w {folder}"
    (tmp_path / "circle").symlink_to("circle")
    assert refusal(tmp_path / "circle") is None


def test_what_is_not_there(folder: Path) -> None:
    """Is for the reader to say."""
    assert refusal(folder / "none" / "a.deid") is None


@pytest.mark.parametrize("changed", ["orthanc.json", "."])
def test_the_configuration(folder: Path, changed: str) -> None:
    """A file, or a folder with all of its files: also one with the sticky bit, since a further file would be read."""
    (folder / "orthanc.json").write_text("{}")
    (folder / "more.json").write_text("{}")
    check_permissions(folder)
    check_permissions(folder / "orthanc.json")
    (folder / changed).chmod(0o1777 if changed == "." else 0o666)
    with pytest.raises(Misconfigured, match=r"the configuration .* is writable by everybody"):
        check_permissions(folder)


@pytest.mark.parametrize("kind", ["recipe", "Python file"])
def test_a_projects_files(folder: Path, kind: str) -> None:
    """Recipes and Python files are refused where the project is read."""
    (folder / "a.deid").write_text("FORMAT dicom\n%header\nREMOVE PatientSex\n")
    (folder / "site.py").write_text("LABEL = 'x'\n")
    values = {"Recipes": ["a.deid"], "Functions": "site.py", "Destinations": ["out"]}
    project = Project.model_validate(values)
    assert len(recipes_of(project, "P", folder)) == 2
    (folder / {"recipe": "a.deid", "Python file": "site.py"}[kind]).chmod(0o666)
    with pytest.raises(Misconfigured, match=rf"the {kind} .* is writable by everybody"):
        recipes_of(project, "P", folder)
