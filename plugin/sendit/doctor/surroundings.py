"""Check the surroundings of SendIt: Orthanc's own configuration, the order of the projects, the system.

Each check returns a message, or raises Misconfigured with the place, the problem and the remedy.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sendit.config.guesses import nearest
from sendit.config.project import Match
from sendit.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sendit.config.schema import Settings

SHARED_MEMORY = Path("/dev/shm")
_SET_SCRIPT = "Set it to the full path of sendit_plugin.py."
_RESTART = ", then restart Orthanc."
#: Keys of Orthanc that SendIt depends on. Orthanc ignores what it does not know, so a misspelt one has no effect.
_KEYS = (
    "SendIt", "OrthancPeers", "DicomModalities", "RemoteAccessAllowed", "AuthenticationEnabled", "RegisteredUsers",
    "Plugins", "PythonScript", "StableAge", "HttpPort", "HttpServerEnabled", "SslEnabled", "SslCertificate",
    "DicomPort", "DicomAet", "StorageDirectory", "IndexDirectory", "OverwriteInstances", "HttpsCACertificates",
    "HttpsVerifyPeers",
)  # fmt: skip
#: StandardConfigurations of the authorization plugin that name headers with tokens.
_NAME_HEADERS = {"osimis-web-viewer", "stone-webviewer", "orthanc-explorer-2"}
#: Similarity from which a key is taken for a misspelling.
_MISSPELT = 0.85


def has_profiles(document: Mapping[str, Any]) -> bool:
    """Return whether Orthanc's authorization plugin lets in only users who have a profile, and SendIt can tell whose.

    As `token_headers` of the plugin decides it, which cannot be imported outside of Orthanc: profiles are asked for,
    and a header is named that has a user's token.
    """
    section = document.get("Authorization")
    return (
        isinstance(section, dict)
        and any(section.get(key) for key in ("WebServiceRootUrl", "WebServiceUserProfileUrl"))
        and bool(section.get("TokenHttpHeaders") or _NAME_HEADERS & set(section.get("StandardConfigurations", [])))
    )


def check_access(document: Mapping[str, Any]) -> str:
    """Check who may use Orthanc over HTTP. The plugin does not start the worker if everyone may."""
    remote = document.get("RemoteAccessAllowed", False)
    if not document.get("AuthenticationEnabled", remote):
        if not remote:
            return "from this machine only, without a password"
        if has_profiles(document):
            return (
                "with a token, as the authorization plugin asks for it; SendIt makes sure of that when Orthanc starts"
            )
        problem = "RemoteAccessAllowed is true and AuthenticationEnabled is false: everyone could read the originals"
        remedy = "Set it to true and name users in RegisteredUsers" + _RESTART
        raise Misconfigured("AuthenticationEnabled", problem, remedy)
    users = document.get("RegisteredUsers")
    if not isinstance(users, dict) or not users:
        problem = "it names no user: Orthanc before 1.12 then accepts the user orthanc with password orthanc"
        raise Misconfigured("RegisteredUsers", problem, "Add a user with a password" + _RESTART)
    for name, password in users.items():
        if not password or "${" in str(password):
            raise Misconfigured(f"RegisteredUsers.{name}", "the password is empty", "Give it one" + _RESTART)
    return "with a password" + ("" if remote else ", from this machine only")


def check_spelling(document: Mapping[str, Any]) -> str:
    """Check for misspellings of keys that SendIt depends on."""
    for key in document:
        meant = nearest(key, _KEYS, _MISSPELT) if key not in _KEYS else None
        if meant is not None and meant not in document:
            raise Misconfigured(key, "Orthanc does not know this key, and ignores it", f"Did you mean {meant}?")
    return "no key that SendIt needs is misspelt"


def check_plugin(document: Mapping[str, Any], folder: Path, loaded: Settings) -> str:
    """Check the files that Orthanc loads SendIt from, and the worker's interpreter.

    Args:
        document: Orthanc's configuration.
        folder: where relative paths start.
        loaded: the configuration as SendIt reads it.
    """
    plugins = document.get("Plugins", [])
    for index, plugin in enumerate(plugins if isinstance(plugins, list) else [plugins]):
        if not (folder / str(plugin)).exists():
            remedy = "Correct the path, or install that plugin (Debian: orthanc-python)."
            raise Misconfigured(f"Plugins[{index}]", f"there is no {plugin}", remedy)
    newer = document.get("Python")
    script = document.get("PythonScript") or (newer.get("Path") if isinstance(newer, dict) else None)
    if not script:
        problem = "no Python script is configured, so Orthanc does not load SendIt"
        raise Misconfigured("PythonScript", problem, _SET_SCRIPT)
    if not (folder / str(script)).is_file():
        raise Misconfigured(
            "PythonScript", f"there is no file {script}", "Set it to the full path of sendit_plugin.py."
        )
    if loaded.python is not None and not os.access(loaded.python, os.X_OK):
        problem = f"there is no program {loaded.python}, or SendIt may not run it"
        raise Misconfigured("SendIt.Python", problem, "Name the interpreter of SendIt's environment.")
    return str(script)


def check_order(loaded: Settings) -> str:
    """Check for a project that never gets a study, because an earlier one takes all that match."""
    matches = [(name, project.match) for name, project in loaded.projects.items() if project.match is not None]
    for index, (name, match) in enumerate(matches):
        for earlier, wider in matches[:index]:
            if _takes_all_of(wider, match):
                every = "every study" if wider == Match() else "every study that fits it"
                problem = f"project {earlier}, which comes first, takes {every}: {name} gets none"
                raise Misconfigured(f"SendIt.Projects.{name}.Match", problem, f"Put {name} before {earlier}.")
    return "each project can get studies" if matches else "no project has a Match: only folders and imports name one"


def _takes_all_of(wider: Match, match: Match) -> bool:
    """Return whether every study that fits `match` also fits `wider`; False if that is uncertain."""
    if wider.modality is not None and not (match.modality and set(match.modality) <= set(wider.modality)):
        return False
    names = ("called_aet", "calling_aet", "study_description")
    return all(_covers(getattr(wider, name), getattr(match, name)) for name in names)


def _covers(wide: str | Sequence[str] | None, narrow: str | Sequence[str] | None) -> bool:
    if wide is None:
        return True
    wides = [wide] if isinstance(wide, str) else list(wide)
    if "*" in wides:
        return True
    narrows = [narrow] if isinstance(narrow, str) else list(narrow or ())
    return bool(narrows) and all(any(_covers_pattern(w, n) for w in wides) for n in narrows)


def _covers_pattern(wide: str, narrow: str) -> bool:
    """Return whether one pattern covers another: the same one, or a prefix, a suffix or both around one *."""
    if wide == narrow:
        return True
    first, star, last = wide.partition("*")
    if not star or any(c in first + last for c in "*?[]"):
        return False
    return len(narrow) >= len(first) + len(last) and narrow.startswith(first) and narrow.endswith(last)


def check_shared_memory(path: Path = SHARED_MEMORY) -> str:
    """Check shared memory: without it, Python cannot start the processes that de-identify (they share locks there)."""
    try:
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        problem = f"it cannot be written ({error.strerror}), so no study can be de-identified"
        raise Misconfigured(str(path), problem, f"Run: mount -t tmpfs -o mode=1777 tmpfs {path}") from None
    return f"{path} is writable"
