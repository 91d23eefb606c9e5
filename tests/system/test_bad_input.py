"""Bad configuration and bad surroundings: Orthanc starts and receives, nothing is forwarded, and the message helps."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import requests

from tests.dicom import StudyMaker
from tests.servers.stack import PROJECT, Stack
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import MakeStack


def explanation(stack: Stack) -> str:
    """What /sendit/ says while nothing is forwarded."""
    answer = stack.source.session.get(stack.source.url + "/sendit/", timeout=30)
    if answer.status_code != 503:
        return ""
    said = answer.json()
    return "" if "starting" in said["detail"] else f"{said['detail']} {said['cure']}"


def unknown_key(stack: Stack) -> None:
    stack.sendit["Projects"][PROJECT]["Optoins"] = []


def missing_key(stack: Stack) -> None:
    del stack.sendit["Projects"][PROJECT]["Destinations"]


def unknown_peer(stack: Stack) -> None:
    stack.sendit["Destinations"]["research"]["Peer"] = "reserch"


def unknown_destination(stack: Stack) -> None:
    stack.sendit["Projects"][PROJECT]["Destinations"] = ["archive"]


def missing_recipe(stack: Stack) -> None:
    stack.sendit["Projects"][PROJECT]["Recipes"] = ["irb.deid"]


def wrong_recipe(stack: Stack) -> None:
    stack.folder.mkdir(parents=True, exist_ok=True)
    recipe = stack.folder / "irb.deid"
    recipe.write_text("FORMAT dicom\n\n%header\n\nREMOVE PatientComments\nREMVOE StudyID\n")
    stack.sendit["Projects"][PROJECT]["Recipes"] = [str(recipe)]


def open_directory(stack: Stack) -> None:
    stack.data_directory.mkdir(parents=True)
    stack.data_directory.chmod(0o755)


def unwritable_directory(stack: Stack) -> None:
    stack.sendit["DataDirectory"] = "/proc/sendit"


def newer_database(stack: Stack) -> None:
    stack.data_directory.mkdir(parents=True, mode=0o700)
    with closing(sqlite3.connect(stack.data_directory / "journal.sqlite")) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        connection.execute("INSERT INTO alembic_version VALUES ('9999')")
        connection.commit()


def unreachable_database(stack: Stack) -> None:
    stack.sendit["Database"] = "postgresql://sendit:secret-2@127.0.0.1:1/sendit"


WRONGS: dict[str, tuple[Callable[[Stack], None], list[str]]] = {
    "unknown key": (unknown_key, ["SendIt.Projects.irb1.Optoins", "Did you mean Options?"]),
    "missing key": (missing_key, ["SendIt.Projects.irb1.Destinations", "missing"]),
    "unknown peer": (unknown_peer, ["SendIt.Destinations.research.Peer", "reserch", "Known: research"]),
    "unknown destination": (unknown_destination, ["SendIt.Projects.irb1.Destinations", "archive", "Known: research"]),
    "missing recipe": (missing_recipe, ["SendIt.Projects.irb1.Recipes[0]", "irb.deid"]),
    "wrong recipe": (wrong_recipe, ["irb.deid", "line 6", "REMVOE"]),
    "open directory": (open_directory, ["SendIt.DataDirectory", "chmod 700"]),
    "unwritable directory": (unwritable_directory, ["SendIt.DataDirectory", "/proc/sendit", "install -d"]),
    "newer database": (newer_database, ["SendIt.Database", "newer than this version of SendIt"]),
    "unreachable database": (unreachable_database, ["SendIt.Database", "does not answer"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("wrong", WRONGS)
def test_orthanc_receives_and_sendit_says_why_it_does_not_forward(make_stack: MakeStack, wrong: str) -> None:
    """The same words in Orthanc's log and at /sendit/; no password in either; the study stays in Orthanc."""
    spoil, words = WRONGS[wrong]
    stack = make_stack()
    spoil(stack)
    stack.start(ready=False)
    said = wait_for(lambda: explanation(stack), "an explanation at /sendit/")
    for word in words:
        assert word in said, said
    assert stack.source.upload(StudyMaker().instance())["Status"] == "Success"
    assert words[-1] in stack.source.log()
    assert "secret-2" not in said + stack.source.log()
    assert stack.delivered_files() == []


@pytest.mark.slow
def test_a_lost_key_is_not_made_anew(make_stack: MakeStack) -> None:
    """Studies were coded with it: a new one would give known patients new names."""
    stack = make_stack().start()
    stack.source.upload(StudyMaker().instance())
    stack.wait_batches(1)
    stack.source.stop()
    key = stack.data_directory / "keys" / f"{PROJECT}.key"
    kept = key.read_bytes()
    key.unlink()
    stack.source.start()
    said = wait_for(lambda: explanation(stack), "an explanation at /sendit/")
    assert f"{PROJECT}.key" in said
    assert "backup" in said
    assert not key.exists()
    stack.source.stop()
    key.write_bytes(b"0" * len(kept.strip()))
    key.chmod(0o600)
    stack.source.start()
    assert "not the one" in wait_for(lambda: explanation(stack), "an explanation at /sendit/")
    stack.source.stop()
    key.write_bytes(kept)
    stack.source.start()
    stack.wait_ready()


def test_dicom_without_uids_and_other_files_are_refused_by_orthanc_itself(stack: Stack) -> None:
    """By REST: an error for the sender, no batch."""
    for body in (b"not DICOM at all", bytes(128) + b"DICM"):
        with pytest.raises(requests.HTTPError):
            stack.source.upload(body)
    assert stack.batches() == []
