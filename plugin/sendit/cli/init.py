"""`sendit init`: five questions, and a configuration with which `sendit doctor` is content."""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from sendit.cli.common import JsonOption, print_json, say
from sendit.errors import Misconfigured

_PLUGIN = "/usr/share/orthanc/plugins/libOrthancPython.so"
_CHECKOUT = Path(__file__).parents[2] / "sendit_plugin.py"
#: From the wheel (scripts/install.sh); or by hand, and in the image.
_OF_THE_WHEEL = Path(sys.prefix) / "share" / "sendit" / "sendit_plugin.py"
_INSTALLED = Path("/usr/share/sendit/sendit_plugin.py")
_NAME = "research"  # of the peer, the modality and the destination
_RECIPE = """FORMAT dicom

%header

# Lines here go before the profile, for example:
#   KEEP SeriesDescription
#   REMOVE InstitutionalDepartmentName
# `sendit recipe explain THIS-FILE --on SAMPLE` shows what becomes of each element of a file.
"""


class Kind(StrEnum):
    """Kinds of destinations, as their "Type" is written."""

    ORTHANC_PEER = "OrthancPeer"
    GOOGLE_CLOUD_STORAGE = "GoogleCloudStorage"
    DICOM_MODALITY = "DicomModality"
    DICOM_WEB = "DicomWeb"
    FOLDER = "Folder"


class Profile(StrEnum):
    """Choices of what stays in the outputs."""

    BASIC = "Basic"
    RESEARCH = "Research"


_ADDRESSES = {
    Kind.ORTHANC_PEER: "its URL, as https://host:8042",
    Kind.GOOGLE_CLOUD_STORAGE: "the name of the bucket",
    Kind.DICOM_MODALITY: "AET@HOST:PORT",
    Kind.DICOM_WEB: "the URL of the service, as https://host/dicom-web",
    Kind.FOLDER: "a folder, as /mnt/research",
}
_STUDIES = "all; called:AET; modality:CT,MR; folder:/PATH; or none"


def init(
    folder: Annotated[Path, typer.Argument(help="Folder for orthanc.json and the recipe.")],
    data_directory: Annotated[
        Path | None, typer.Option(help="Folder for journal, keys and staged files.", show_default=False)
    ] = None,
    project: Annotated[str | None, typer.Option(help="Name of the project, for example IRB12345.")] = None,
    studies: Annotated[str | None, typer.Option(help=f"Studies that belong to it: {_STUDIES}.")] = None,
    destination: Annotated[
        Kind | None,
        typer.Option(case_sensitive=False, metavar="KIND", help=f"Kind of the destination: {', '.join(Kind)}."),
    ] = None,
    address: Annotated[str | None, typer.Option(help="Address of the destination.")] = None,
    profile: Annotated[
        Profile | None,
        typer.Option(case_sensitive=False, help="Research keeps what research needs; Basic removes more."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a first orthanc.json and a recipe. Asks for what no option gives. No file is overwritten."""
    if (there := folder / "orthanc.json").exists():  # before anything is asked
        raise _unwritten(there, "it exists already")
    data = Path(_ask("Folder for SendIt's journal, keys and staged files", data_directory, "/var/lib/sendit"))
    name = _ask("Name of the project", project, "IRB12345")
    chosen = _ask(f"Studies that belong to it ({_STUDIES})", studies, f"called:{name}"[:23])
    kind = Kind(_ask("Kind of the destination", destination, Kind.ORTHANC_PEER))
    where = _ask(f"Address of the destination: {_ADDRESSES[kind]}", address, None)
    preset = Profile(_ask("Profile", profile, Profile.BASIC))
    password = secrets.token_urlsafe(12)
    document = _orthanc(data, password) | _sendit(data, name, chosen, kind, where, preset)
    _check(document)
    files = {folder / "orthanc.json": json.dumps(document, indent=2) + "\n", folder / f"{name}.deid": _RECIPE}
    _write(files)
    if as_json:
        print_json({"files": [str(path) for path in files], "user": "admin", "password": password})
        return
    for path in files:
        say(f"written: {path}")
    say(f"Orthanc's user is admin, with the password {password}")
    say(f"Next: sendit doctor --config {folder / 'orthanc.json'}; then start Orthanc with this file.")


def _ask(question: str, given: object, default: str | None) -> str:
    """Return what was given as an option, or the answer to the question; the prompt names a default's other kinds."""
    return str(given if given is not None else typer.prompt(question, default=default, err=True)).strip()


def _orthanc(data: Path, password: str) -> dict[str, Any]:
    """Return Orthanc's own keys: HTTP from this machine only (a proxy with TLS goes before it), with a password."""
    storage = str(data.parent / "orthanc" / "db")
    return {
        "Name": "SendIt",
        "StorageDirectory": storage,
        "IndexDirectory": storage,
        "HttpPort": 8042,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {"admin": password},
        "DicomPort": 4242,
        "DicomAet": "SENDIT",
        "DicomCheckCalledAet": False,
        "StableAge": 60,
        "Plugins": [_PLUGIN],
        "PythonScript": str(next((one for one in (_CHECKOUT, _OF_THE_WHEEL) if one.is_file()), _INSTALLED)),
    }


def _sendit(data: Path, name: str, studies: str, kind: Kind, address: str, profile: Profile) -> dict[str, Any]:
    destination, beside = _destination(kind, address)
    match, watched = _studies(studies, name)
    section = {
        "DataDirectory": str(data),
        "Python": sys.executable,
        **watched,
        "Destinations": {_NAME: destination},
        "Projects": {
            name: {
                **match,
                "Options": "Research" if profile is Profile.RESEARCH else ["CleanPixelData"],
                "Recipes": [f"{name}.deid"],
                "Destinations": [_NAME],
            }
        },
    }
    return {**beside, "SendIt": section}


def _destination(kind: Kind, address: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the entry of a destination, and the keys of Orthanc that it names."""
    if kind is Kind.ORTHANC_PEER:
        return {"Type": kind, "Peer": _NAME}, {"OrthancPeers": {_NAME: {"Url": address}}}
    if kind is Kind.DICOM_MODALITY:
        parts = re.fullmatch(r"([^@]{1,16})@([^@:]+|\[[0-9a-fA-F:]+\]):(\d{1,5})", address)
        if parts is None:
            raise Misconfigured("--address", "this is not the address of a modality", "Write it as AET@HOST:PORT.")
        return {"Type": kind, "Modality": _NAME}, {"DicomModalities": {_NAME: [parts[1], parts[2], int(parts[3])]}}
    key = {Kind.GOOGLE_CLOUD_STORAGE: "Bucket", Kind.DICOM_WEB: "Url", Kind.FOLDER: "Path"}[kind]
    return {"Type": kind, key: address}, {}


def _studies(studies: str, project: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the project's Match, and the watched folder, as keys of their sections."""
    kind, _, value = studies.partition(":")
    if studies in ("all", "none"):
        return ({"Match": {}} if studies == "all" else {}), {}
    if kind == "called" and value:
        return {"Match": {"CalledAET": value}}, {}
    if kind == "modality" and value:
        return {"Match": {"Modality": [one.strip().upper() for one in value.split(",")]}}, {}
    if kind == "folder" and value:
        return {}, {"WatchedFolders": [{"Path": value, "Project": project}]}
    raise Misconfigured("--studies", "the value is unknown", f"Write one of: {_STUDIES}.")


def _check(document: Mapping[str, Any]) -> None:
    """Read it as SendIt will.

    Raises:
        Misconfigured: an answer was wrong.
    """
    from sendit.config.schema import load

    load(document)


def _write(files: Mapping[Path, str]) -> None:
    """Write all files or none, readable by their owner alone (and by Orthanc's group, if root writes them).

    Raises:
        Misconfigured: one exists, or cannot be written.
    """
    written: list[Path] = []
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
                written.append(path)
                _give(file.fileno())
                file.write(text)
    except OSError as error:
        for path in written:
            path.unlink()
        existing = isinstance(error, FileExistsError)
        problem = "it exists already" if existing else f"it cannot be written ({error.strerror})"
        raise _unwritten(error.filename, problem) from None


def _unwritten(path: Path, problem: str) -> Misconfigured:
    return Misconfigured(str(path), problem, "Name another folder. Nothing was written.")


def _give(file: int) -> None:
    """Let Debian's Orthanc, which does not run as root, read what root writes."""
    import grp

    if os.geteuid() == 0:
        with suppress(KeyError):
            os.fchown(file, 0, grp.getgrnam("orthanc").gr_gid)
            os.fchmod(file, 0o640)
