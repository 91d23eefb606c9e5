"""Orthanc's "DicomModalities" and what goes with them, in every form that Orthanc accepts.

An entry is read when a destination names it: Orthanc may hold others that SendIt has no use for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sendit.errors import Misconfigured

_KEYS = {
    "AET": str,
    "Host": str,
    "Port": int,
    "Manufacturer": str,
    "UseDicomTls": bool,
    "LocalAet": str,
    "Timeout": int,
    "AllowTranscoding": bool,
}
_KINDS: Mapping[type, str] = {str: "a string", bool: "true or false", int: "a whole number"}


@dataclass(frozen=True, slots=True)
class Modality:
    """One entry of "DicomModalities"."""

    name: str
    aet: str
    host: str
    port: int
    local_aet: str  # ours
    tls: bool = False
    timeout: float = 10  # seconds
    transcode: bool = True  # may what it does not take be sent in another transfer syntax?


@dataclass(frozen=True, slots=True)
class DicomNetwork:
    """What Orthanc's configuration says of other DICOM applications."""

    document: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def names(self) -> list[str]:
        """Of the modalities in the configuration file."""
        entries = self.document.get("DicomModalities", {})
        return sorted(entries) if isinstance(entries, dict) else []

    @property
    def port(self) -> int | None:
        """Where Orthanc's own DICOM server listens; None if it does not."""
        return self._number("DicomPort", 4242) if self.document.get("DicomServerEnabled", True) else None

    def modality(self, name: str) -> Modality:
        """The entry of this name, which has to be among `names`.

        Raises:
            Misconfigured: it is none that Orthanc would take.
        """
        place = f"DicomModalities.{name}"
        value = self.document["DicomModalities"][name]
        if isinstance(value, list) and 3 <= len(value) <= 4:
            value = dict(zip(("AET", "Host", "Port", "Manufacturer"), value, strict=False))
        if not isinstance(value, dict):
            raise Misconfigured(place, "this is no modality", f'Write "{name}": ["AET", "host", 104].')
        _check(place, value)
        for key in ("AET", "Host", "Port"):
            if not value.get(key):
                raise Misconfigured(f"{place}.{key}", "this key is missing", "Add it.")
        return Modality(
            name=name,
            aet=_title(f"{place}.AET", value["AET"]),
            host=value["Host"],
            port=_port(f"{place}.Port", value["Port"]),
            local_aet=_title(f"{place}.LocalAet", value.get("LocalAet") or self.text("DicomAet", "ORTHANC")),
            tls=value.get("UseDicomTls", False),
            timeout=float(value.get("Timeout") or self._number("DicomScuTimeout", 10) or 10),
            transcode=value.get("AllowTranscoding", True),
        )

    def text(self, key: str, default: str = "") -> str:
        """A string of Orthanc's configuration, for example DicomTlsCertificate."""
        value = self.document.get(key, default)
        if not isinstance(value, str):
            raise Misconfigured(key, "this has to be a string", "Correct it.")
        return value

    def _number(self, key: str, default: int) -> int:
        value = self.document.get(key, default)
        if type(value) is not int or value < 0:
            raise Misconfigured(key, "this has to be a whole number", "Correct it.")
        return value


def _check(place: str, value: Mapping[str, Any]) -> None:
    """Types as Orthanc demands them; a key in the wrong case would be ignored by it."""
    lower = {key.lower(): key for key in _KEYS}
    for key, given in value.items():
        right = lower.get(key.lower())
        if right is not None and right != key:
            raise Misconfigured(f"{place}.{key}", "there is no such key", f"Did you mean {right}?")
        if right is not None and type(given) is not _KEYS[right] and not (right == "Port" and isinstance(given, str)):
            raise Misconfigured(f"{place}.{key}", f"this has to be {_KINDS[_KEYS[right]]}", "Correct it.")


def _title(place: str, title: str) -> str:
    """An application entity title: 1 to 16 characters (PS3.5 Section 6.2)."""
    if not title.strip() or len(title) > 16 or not title.isascii() or not title.isprintable() or "\\" in title:
        raise Misconfigured(place, "this is no application entity title", "It has 1 to 16 characters of ASCII.")
    return title


def _port(place: str, port: int | str) -> int:
    """Orthanc takes "104" as well."""
    try:
        number = int(port)
    except ValueError:
        number = 0
    if not 0 < number < 65536:
        raise Misconfigured(place, "this is no port", "It is a number from 1 to 65535.")
    return number
