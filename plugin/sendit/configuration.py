"""Reads orthanc.json as Orthanc does: a file or a folder of files, with comments, `${VAR}` and `${VAR:-default}`."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import json5

from sendit.errors import Misconfigured

#: Looked at in this order when --config is not given.
DEFAULT_PLACES = (Path("/etc/orthanc"),)

_VARIABLE = re.compile(r"\$\{([A-Za-z0-9_]+)(?::-([^}]*))?\}")


def find() -> Path:
    """The configuration that the command line uses when it is told of none: $SENDIT_CONFIG, else /etc/orthanc."""
    named = os.environ.get("SENDIT_CONFIG")
    return Path(named) if named else DEFAULT_PLACES[0]


def read(path: Path) -> dict[str, Any]:
    """One document out of a file, or out of all the *.json files of a folder (a section may stand in one file only).

    Raises:
        Misconfigured: the file is missing, is not JSON, or names an environment variable that is not set.
    """
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise Misconfigured(str(path), "this folder holds no *.json file", "Name another one with --config.")
    document: dict[str, Any] = {}
    for file in files:
        for key, value in _read_file(file).items():
            if key in document:
                raise Misconfigured(str(file), f'"{key}" stands in another file too', "Keep one of them.")
            document[key] = value
    return document


def _read_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise Misconfigured(
            str(path), f"cannot be read ({error.strerror})", "Name another one with --config."
        ) from None
    try:
        document = json5.loads(_substitute(text, path))
    except ValueError as error:
        raise Misconfigured(str(path), f"is not JSON ({error})", "Correct it.") from None
    if not isinstance(document, dict):
        raise Misconfigured(str(path), "holds no JSON object", "It must begin with {.")
    return document


def _substitute(text: str, path: Path) -> str:
    """Environment variables, as Orthanc's Toolbox::SubstituteVariables puts them in."""

    def value(match: re.Match[str]) -> str:
        name, default = match.groups()
        found = os.environ.get(name, default)
        if found is None:
            raise Misconfigured(str(path), f"the environment variable {name} is not set", "Set it, or give a default.")
        return found

    return _VARIABLE.sub(value, text)
