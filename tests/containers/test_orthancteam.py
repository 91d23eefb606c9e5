"""docker/orthancteam: SendIt reads what that image makes of its variables; no container is started."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from sendit.config.schema import Settings, load
from tests import orthancteam
from tests.documents import DOCS

ROOT = DOCS.parent
FOLDER = ROOT / "docker" / "orthancteam"
SERVICE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]["orthanc"]
PEERS = {"research": {"Url": "https://research.example.org/", "Username": "sendit", "Password": "secret"}}
SECRETS = {"ORTHANC__REGISTERED_USERS": '{"admin": "secret"}\n', "ORTHANC__ORTHANC_PEERS": json.dumps(PEERS)}


def test_what_compose_gives_is_a_configuration() -> None:
    """Its secrets are those that the file names; users and peers come from them, the rest from variables."""
    assert SERVICE["secrets"] == list(SECRETS)
    made = orthancteam.document(SERVICE["environment"], SECRETS)
    settings, orthanc = load(made)
    assert made["RegisteredUsers"] == {"admin": "secret"}
    assert orthanc.peers["research"].url == PEERS["research"]["Url"].rstrip("/")
    assert list(settings.projects) == ["IRB12345"]
    assert settings.projects["IRB12345"].destinations == ["research"]
    # Docker makes the folder of a new volume with mode 755, which SendIt refuses: it makes its own below it.
    assert f"sendit:{settings.data_directory.parent}" in SERVICE["volumes"]


def test_other_ways_to_users_and_secrets() -> None:
    """One password for the user orthanc, a variable that names the secret, and a whole section as JSON."""
    section = {"Destinations": {"out": {"Type": "Folder", "Path": "/srv/out"}}}
    variables = {
        "ORTHANC_PASSWORD": "secret",
        "ORTHANC_JSON": json.dumps({"SendIt": section}),
        "ORTHANC__SEND_IT__DATABASE_SECRET": "database",
    }
    made = orthancteam.document(variables, {"database": "postgresql://sendit:secret@db/sendit\n"})
    settings, _ = load(made)
    assert made["RegisteredUsers"] == {"orthanc": "secret"}
    assert settings.database == "postgresql://sendit:secret@db/sendit"
    assert list(settings.destinations) == ["out"]


@pytest.mark.parametrize("key", [field.alias for field in Settings.model_fields.values()])
def test_every_key_has_its_variable(key: str) -> None:
    assert orthancteam.key_of(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).upper()) == key


def test_the_image_adds_two_lines() -> None:
    """The folder that the Dockerfile of SendIt makes, and the script in it."""
    lines = [line for line in (FOLDER / "Dockerfile").read_text().splitlines() if not line.startswith(("#", "FROM"))]
    assert len(lines) == 2
    whole = (ROOT / "Dockerfile").read_text()
    made = re.search(r"RUN scripts/portable\.sh (\S+) ", whole)
    assert made is not None
    assert lines[0] == f"COPY --from=sendit-portable {made[1]} {made[1]}"
    assert f"ORTHANC__PYTHON_SCRIPT={made[1]}/sendit_plugin.py" in lines[1].split()
    assert Path("scripts/portable.sh") in {Path(line[1:]) for line in (ROOT / ".dockerignore").read_text().splitlines()}
