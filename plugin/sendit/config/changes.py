"""Differences between two configurations, in words for an operator and for the audit. Secrets are not shown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sendit.config.masking import Secret, as_written
from sendit.config.orthanc import OrthancConfig
from sendit.config.schema import Settings
from sendit.model import VARIANT_MARK

#: Keys that name what the running SendIt holds: its journal, its keys, its interpreter.
FIXED = ("DataDirectory", "Database", "CrosswalkKeys", "Python")
#: Keys of Orthanc that SendIt reads as Orthanc was started with them, by the field that has them.
_ORTHANCS = {
    "http_port": "HttpPort",
    "http_server_enabled": "HttpServerEnabled",
    "ssl_enabled": "SslEnabled",
    "ssl_certificate": "SslCertificate",
    "stable_age": "StableAge",
    "http_timeout": "HttpTimeout",
    "http_proxy": "HttpProxy",
    "https_verify_peers": "HttpsVerifyPeers",
    "https_ca_certificates": "HttpsCACertificates",
    "most_patients": "MaximumPatientCount",
    "most_megabytes": "MaximumStorageSize",
    "recycles": "MaximumStorageMode",
}
_NOTHING = "–"


def compare(before: Settings, after: Settings) -> list[str]:
    """Return what differs between two sections "SendIt", a line for each key."""
    old, new = _section(before), _section(after)
    named = ("Projects", "Destinations")
    lines = [line for key in new if key not in named for line in _differences(key, old[key], new[key])]
    for key, kind in (("Destinations", "destination"), ("Projects", "project")):
        lines += _named(kind, old[key], new[key])
    if [name for name in old["Projects"] if name in new["Projects"]] != [
        name for name in new["Projects"] if name in old["Projects"]
    ]:
        lines.append(f"order of the projects: {', '.join(new['Projects'])}")
    return lines


def fixed(before: Settings, after: Settings) -> list[str]:
    """Return the keys of "SendIt" that differ and need a restart of Orthanc."""
    old, new = _section(before), _section(after)
    return [f"SendIt.{key}" for key in FIXED if old[key] != new[key]]


def of_orthanc(before: OrthancConfig, after: OrthancConfig) -> list[str]:
    """Return the keys of Orthanc's own configuration that SendIt reads, differ, and need a restart of Orthanc."""
    return [key for field, key in _ORTHANCS.items() if getattr(before, field) != getattr(after, field)]


def of_peers(before: OrthancConfig, after: OrthancConfig) -> list[str]:
    """Return the peers and modalities that differ, in words. SendIt uses them at once, Orthanc after its restart."""
    modalities = [one.dicom.document.get("DicomModalities", {}) for one in (before, after)]
    lines = []
    for kind, old, new in (("peer", before.peers, after.peers), ("modality", *modalities)):
        for name in [*new, *(name for name in old if name not in new)]:
            if old.get(name) != new.get(name):
                verb = "changed" if name in old and name in new else "added" if name in new else "removed"
                lines.append(f"{kind} {name}: {verb}")
    return lines


def _section(settings: Settings) -> dict[str, Any]:
    """Return the section as written; variants stand in their projects only."""
    section: dict[str, Any] = as_written(settings)
    section["Projects"] = {name: one for name, one in section["Projects"].items() if VARIANT_MARK not in name}
    return section


def _named(kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in new:
        if name not in old:
            yield f"{kind} {name}: added"
        else:
            yield from (f"{kind} {name}: {line}" for line in _differences("", old[name], new[name]))
    yield from (f"{kind} {name}: removed" for name in old if name not in new)


def _differences(place: str, old: Any, new: Any) -> Iterator[str]:
    """Yield a line for each value below this place that differs."""
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*new, *old]):
            yield from _differences(f"{place}.{key}" if place else key, old.get(key), new.get(key))
    elif isinstance(old, list) and isinstance(new, list) and not any(isinstance(one, dict) for one in old + new):
        yield f"{place} {_list(old, new)}"
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            pair = (one[index] if index < len(one) else None for one in (old, new))
            yield from _differences(f"{place}[{index}]", *pair)
    elif isinstance(old, Secret) or isinstance(new, Secret):
        yield f"{place}: changed"
    else:
        yield f"{place}: {_shown(old)} → {_shown(new)}"


def _list(old: list[Any], new: list[Any]) -> str:
    """Return what was put into a list and what was taken out, as `+ CT; − MR`."""
    added = ", ".join(_shown(one) for one in new if one not in old)
    removed = ", ".join(_shown(one) for one in old if one not in new)
    parts = [f"+ {added}"] * bool(added) + [f"− {removed}"] * bool(removed)
    return "; ".join(parts) or "in another order: " + ", ".join(map(_shown, new))


def _shown(value: Any) -> str:
    if value is None:
        return _NOTHING
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
