"""docker/compose.demo.yaml: its bucket and index are those that docker/demo.json names; no container is started."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import json5
import yaml

from sendit.config.schema import load
from tests.documents import DOCS

ROOT = DOCS.parent
DOCKER = ROOT / "docker"


def configuration(path: Path) -> dict[str, Any]:
    """A configuration of Orthanc whose variables are not set, or have their defaults."""
    text = re.sub(r"\$\{\w+(?::-([^}]*))?\}", lambda match: (match[1] or "x").replace("\\", ""), path.read_text())
    document: dict[str, Any] = json5.loads(text)
    return document


def options(service: dict[str, Any]) -> dict[str, str]:
    return dict(one.removeprefix("--").split("=", 1) for one in service["command"])


def test_the_second_destination_is_what_compose_starts() -> None:
    """Hosts, ports, bucket and project; the servers are modules that the container sees."""
    services = yaml.safe_load((DOCKER / "compose.demo.yaml").read_text())["services"]
    document = configuration(DOCKER / "demo.json")
    settings, _ = load(document)
    bucket = settings.destinations["bucket"].model_dump()
    given, index = options(services["bucket"]), options(services["index"])
    assert bucket["endpoint"] == f"http://bucket:{given['port']}"
    assert bucket["bucket"] == given["bucket"]
    assert bucket["index"][0]["endpoint"] == f"index:{index['port']}"
    assert bucket["index"][0]["google_project"] == index["project"]
    for name in ("bucket", "index"):
        folder = services[name]["volumes"][0].removesuffix(":ro").partition(":")
        module = services[name]["entrypoint"][-1].replace(".", "/") + ".py"
        inside = Path(services[name]["environment"]["PYTHONPATH"]) / module
        assert ((DOCKER / folder[0]).resolve() / inside.relative_to(folder[2])).is_file()
    assert f"./demo.json:{services['source']['command'][0]}:ro" in services["source"]["volumes"]


def test_the_rest_is_as_shipped() -> None:
    """Only what the demonstration is about differs from the configuration for real use."""
    shipped, demo = configuration(ROOT / "orthanc-config" / "orthanc.json"), configuration(DOCKER / "demo.json")
    assert {key for key in shipped.keys() | demo.keys() if shipped.get(key) != demo.get(key)} == {"StableAge", "SendIt"}
    assert shipped["SendIt"]["DataDirectory"] == demo["SendIt"]["DataDirectory"]
    assert shipped["SendIt"]["Destinations"]["research"] == demo["SendIt"]["Destinations"]["research"]
