"""Reads orthanc.json as Orthanc does: a file or a folder of files, with comments, `${VAR}` and `${VAR:-default}`.

One thing is stricter. Orthanc puts nothing in the place of a variable that is not set; here that is an error, because
the command line may lack what Orthanc's own environment has, and an empty password or URL would be misleading.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import json5

from sendit.config import permissions
from sendit.errors import Misconfigured

#: Where Debian's orthanc has its configuration.
INSTALLED = Path("/etc/orthanc")
#: SendIt.DataDirectory, if it is not configured.
DATA_DIRECTORY = "/var/lib/sendit"
#: Where `make run` and `make up` write that of the demonstration, in a checkout.
DEMONSTRATION = Path(__file__).parents[3] / "var" / "source" / "orthanc.json"

_VARIABLE = r"""\$\{\s*(?P<name>[^:}\s]+)\s*(?::-(?:'(?P<single>[^']*)'|"(?P<double>[^"]*)"|(?P<bare>[^}]*)))?\}"""
_COMMENT = r"(?P<comment>//[^\n]*|/\*.*?\*/)"
_STRING = r'"(?:\$\{[^}]*\}|\\.|[^"\\])*"'
_TOKEN = re.compile(f"{_COMMENT}|{_VARIABLE}|(?P<string>{_STRING})", re.DOTALL)
_IN_STRING = re.compile(_VARIABLE)


def find_configuration() -> Path:
    """Return the configuration that the command line uses when it is told of none.

    $SENDIT_CONFIG; else /etc/orthanc, if SendIt is configured there; else the demonstration's, if there is one.
    """
    named = os.environ.get("SENDIT_CONFIG")
    if named:
        return Path(named)
    installed = any('"SendIt"' in file.read_text(errors="replace") for file in _readable(INSTALLED))
    # Not Path.exists(), which raises where a folder above cannot be entered: then it is somebody else's.
    return DEMONSTRATION if not installed and os.path.exists(DEMONSTRATION) else INSTALLED


def _readable(folder: Path) -> list[Path]:
    return [file for file in folder.glob("*.json") if os.access(file, os.R_OK)]


def read_configuration(path: Path) -> dict[str, Any]:
    """Read one document from a file, or from all *.json files of a folder.

    A section may be in one file only.

    Raises:
        Misconfigured: the file is missing, is not JSON, or names an environment variable that is not set.
    """
    files = _files(path)
    if not files:
        raise Misconfigured(str(path), "this folder contains no *.json file", "Name another one with --config.")
    document: dict[str, Any] = {}
    found_in: dict[str, str] = {}
    for file in files:
        for key, value in _read_file(file).items():
            if key in document:
                raise Misconfigured(str(file), f'"{key}" is also in {found_in[key]}', "Keep one of them.")
            document[key], found_in[key] = value, file.name
    return document


def data_directory(path: Path) -> Path:
    """Return SendIt.DataDirectory, whatever else is wrong with the configuration.

    Raises:
        Misconfigured: the files cannot be read, or have no section "SendIt".
    """
    section = read_configuration(path).get("SendIt")
    named = section.get("DataDirectory", DATA_DIRECTORY) if isinstance(section, dict) else None
    if not isinstance(named, str) or not named.startswith("/"):
        raise Misconfigured("SendIt.DataDirectory", "this is no absolute path, or there is no SendIt", "Correct it.")
    return Path(named)


def check_permissions(path: Path, owners: Collection[int] = ()) -> None:
    """Refuse a configuration that another user may change: it says what leaves, and where to.

    Args:
        path: the configuration file.
        owners: users who may own it besides root and ourselves.

    Raises:
        Misconfigured: with the command that fixes it.
    """
    for file in (path, *_files(path)) if path.is_dir() else (path,):
        permissions.check(file, str(path), "configuration", owners)


def _files(path: Path) -> list[Path]:
    try:
        return sorted(file for file in path.iterdir() if file.suffix == ".json") if path.is_dir() else [path]
    except OSError as error:
        raise _unreadable(path, error) from None


def in_the_order_written(document: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return the same document, its projects in the order in which the files at `path` name them.

    Orthanc sorts the keys of an object, and the first project whose Match applies gets the study.

    Raises:
        Misconfigured: the files cannot be read.
    """
    section = document.get("SendIt")
    if not isinstance(section, dict) or not isinstance(projects := section.get("Projects"), dict):
        return dict(document)
    written = list(read_configuration(path).get("SendIt", {}).get("Projects", {}))
    ordered = {name: projects[name] for name in [*written, *projects] if name in projects}
    return {**document, "SendIt": {**section, "Projects": ordered}}


def _in_words(error: ValueError) -> str:
    """Return what the parser says, with the place as an editor shows it, not as `<string>:2 … at column 6`."""
    found = re.fullmatch(r"<string>:(\d+) (.*) at column (\d+)", str(error), re.DOTALL)
    return str(error) if found is None else f"line {found[1]}, column {found[3]}: {found[2]}"


def _read_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise _unreadable(path, error) from None
    except UnicodeDecodeError:
        raise Misconfigured(str(path), "is not UTF-8 text", "Save it as UTF-8.") from None
    try:
        document = json5.loads(_substitute(text, path), allow_duplicate_keys=False)
    except ValueError as error:
        raise Misconfigured(str(path), f"is not JSON ({_in_words(error)})", "Correct it.") from None
    if not isinstance(document, dict):
        raise Misconfigured(str(path), "is not a JSON object", "It must begin with {.")
    return document


def _unreadable(path: Path, error: OSError) -> Misconfigured:
    remedy = "Run as Orthanc's user." if isinstance(error, PermissionError) else "Name another one with --config."
    return Misconfigured(str(path), f"cannot be read ({error.strerror})", remedy)


def _substitute(text: str, path: Path) -> str:
    """Replace environment variables as Orthanc does (quotes around a default are dropped) and remove comments.

    The comments go first, so that a variable named in one need not be set.
    """

    def value(match: re.Match[str]) -> str:
        setting = os.environ.get(match["name"])
        if setting is None:
            setting = next((match[kind] for kind in ("single", "double", "bare") if match[kind] is not None), None)
        if setting is None:
            problem = f"the environment variable {match['name']} is not set"
            raise Misconfigured(str(path), problem, "Set it, or give a default: ${NAME:-default}.")
        return setting

    def token(match: re.Match[str]) -> str:
        if match["comment"]:
            return " "
        return _IN_STRING.sub(value, match["string"]) if match["string"] else value(match)

    return _TOKEN.sub(token, text)
