"""The JSON schema says of a configuration what the loader says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import json5
import jsonschema_rs
import pytest

from sendit.config.json_schema import json_schema

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT: dict[str, Any] = {"Destinations": ["x"]}
FOLDER: dict[str, Any] = {"Type": "Folder", "Path": "/x"}


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = json_schema()
    jsonschema_rs.meta.validate(schema)
    return jsonschema_rs.validator_for(schema)


def section(project: Any = None, destination: Any = None, **more: Any) -> dict[str, Any]:
    return {"SendIt": {"Destinations": {"x": destination or FOLDER}, "Projects": {"A": project or PROJECT}, **more}}


def test_what_is_shipped_is_valid(validator: Any) -> None:
    """What is in orthanc-config, as Orthanc merges a folder, and the configuration of the README."""
    shipped: dict[str, Any] = {}
    for path in (ROOT / "orthanc-config").glob("*.json"):
        document = json5.loads(path.read_text("utf-8").replace("\\ ", " "))
        assert not shipped.keys() & document.keys()  # Orthanc refuses a section that is in two files
        shipped |= document
    readme = json5.loads("{" + README.partition("```jsonc\n")[2].partition("```")[0] + "}")
    for document in [shipped, readme]:
        assert [error.message for error in validator.iter_errors(document)] == []


@pytest.mark.parametrize(
    "document",
    [
        section({**PROJECT, "Options": "Research"}),
        section({**PROJECT, "Options": ["Research", "CleanGraphics"]}),
        section({**PROJECT, "Match": {"CalledAET": ["A*", "B"]}}),
        section(destination={**FOLDER, "Window": {"From": "20:00", "To": "06:00"}}),
        section(Retention={"JournalDays": 90}),
        {**section(), "HttpPort": "whatever Orthanc's own keys are"},
    ],
)
def test_right_ones(validator: Any, document: Any) -> None:
    """Forms that the loader takes, too."""
    assert validator.is_valid(document)


@pytest.mark.parametrize(
    "document",
    [
        {},
        section({**PROJECT, "Optoins": []}),
        section({**PROJECT, "Options": ["CleanEverything"]}),
        section({"Options": []}),
        section({**PROJECT, "Release": "Never"}),
        section(destination={"Type": "Carrier pigeon"}),
        section(destination={**FOLDER, "Window": {"From": "8 pm", "To": "06:00"}}),
        section(Workers="many"),
        section(Workers=1000),
    ],
)
def test_wrong_ones(validator: Any, document: Any) -> None:
    """A misspelt key, a value that is none, a key that is missing."""
    assert not validator.is_valid(document)


def test_every_key_is_described() -> None:
    """An editor shows a text for each key of each section."""
    schema = json_schema()
    sections = [schema["properties"]["SendIt"], *schema["$defs"].values()]
    described = [key for one in sections for key, value in one.get("properties", {}).items() if value["description"]]
    assert len(described) > 100
    assert all(one["description"] for one in sections)
    assert json.loads(json.dumps(schema)) == schema
