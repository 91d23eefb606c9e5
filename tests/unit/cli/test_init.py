"""`sendit init`: five questions, and files that SendIt accepts."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from sendit.cli.app import app
from sendit.config.file import check_permissions, read_configuration
from sendit.config.schema import load
from sendit.deidentify.options import PRESETS
from sendit.errors import Misconfigured
from sendit.pipeline.projects import recipes_of

if TYPE_CHECKING:
    from pathlib import Path

ANSWERS = {
    "--data-directory": "/var/lib/sendit",
    "--project": "IRB1",
    "--studies": "called:IRB1",
    "--destination": "OrthancPeer",
    "--address": "https://research.example:8042",
    "--profile": "Research",
}


def init(folder: Path, **other: str) -> tuple[int, str]:
    """Call it with all options; exit code, and what it prints."""
    answers = ANSWERS | {f"--{name}": value for name, value in other.items()}
    words = [word for pair in answers.items() for word in pair]
    done = CliRunner().invoke(app, ["init", str(folder), *words, "--json"])
    if isinstance(done.exception, Misconfigured):
        raise done.exception
    return done.exit_code, done.stdout


@pytest.mark.parametrize(
    ("destination", "address"),
    [
        ("OrthancPeer", "https://user:password@research.example:8042"),
        ("GoogleCloudStorage", "a-bucket"),
        ("DicomModality", "PACS@10.0.0.1:104"),
        ("DicomWeb", "https://pacs.example/dicom-web"),
        ("Folder", "/mnt/research"),
    ],
)
def test_every_kind_of_destination(tmp_path: Path, destination: str, address: str) -> None:
    """The files are valid, only their owner can read them, and a password was made."""
    code, printed = init(tmp_path, destination=destination, address=address)
    assert code == 0
    answer = json.loads(printed)
    assert [path.rpartition("/")[2] for path in answer["files"]] == ["orthanc.json", "IRB1.deid"]
    path = tmp_path / "orthanc.json"
    assert stat.S_IMODE(path.stat().st_mode) & 0o007 == 0
    check_permissions(path)
    document = read_configuration(path)
    assert document["RegisteredUsers"] == {"admin": answer["password"]}
    assert len(answer["password"]) >= 16
    settings, _ = load(document)
    project = settings.projects["IRB1"]
    assert project.options == [*PRESETS["Research"]]
    assert settings.destinations["research"].type == destination
    assert [recipe.name for recipe in recipes_of(project, "IRB1", tmp_path)] == ["IRB1.deid"]


@pytest.mark.parametrize("studies", ["all", "none", "called:IRB*", "modality:CT,mr", "folder:/incoming"])
def test_every_choice_of_studies(tmp_path: Path, studies: str) -> None:
    """As a Match, or as a watched folder."""
    assert init(tmp_path, studies=studies)[0] == 0
    settings, _ = load(read_configuration(tmp_path / "orthanc.json"))
    match = settings.projects["IRB1"].match
    assert (match is not None) == studies.startswith(("all", "called", "modality"))
    assert len(settings.watched_folders) == studies.startswith("folder")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("studies", "some"),
        ("project", "IRB 1"),
        ("data-directory", "relative"),
    ],
)
def test_a_wrong_answer_writes_nothing(tmp_path: Path, option: str, value: str) -> None:
    """The message names the place."""
    with pytest.raises(Misconfigured):
        init(tmp_path, **{option: value})
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """Neither the configuration nor the recipe; if one exists, the other is not written either."""
    (tmp_path / "IRB1.deid").write_text("mine")
    with pytest.raises(Misconfigured, match="it exists already"):
        init(tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("IRB1.deid", "mine")]


def test_it_asks(tmp_path: Path) -> None:
    """Six answers, the destination's kind and address being one question in two parts; an empty one is the default."""
    answers = f"{tmp_path / 'data'}\nIRB7\nmodality:CT\nFolder\n{tmp_path / 'out'}\n\n"
    done = CliRunner().invoke(app, ["init", str(tmp_path / "etc")], input=answers)
    assert done.exit_code == 0, done.output
    assert "sendit doctor" in done.stdout
    settings, _ = load(read_configuration(tmp_path / "etc" / "orthanc.json"))
    assert [*map(str, settings.projects["IRB7"].options)] == ["CleanPixelData"]


def test_a_folder_that_has_a_configuration(tmp_path: Path) -> None:
    """It is refused before anything is asked."""
    (tmp_path / "orthanc.json").write_text("{}")
    done = CliRunner().invoke(app, ["init", str(tmp_path)], input="")
    assert isinstance(done.exception, Misconfigured)
    assert "it exists already" in str(done.exception)
    assert "Folder for" not in done.output
