"""The parts of Orthanc's own configuration that SendIt reads, in every form that Orthanc accepts.

Where Orthanc refuses a value, so does this. Where Orthanc quietly ignores what was surely meant (a key in the wrong
case, a password without a user), this refuses it too, with its place and its remedy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from sendit.errors import Misconfigured

_PEER_KEYS = (
    "Url",
    "Username",
    "Password",
    "HttpHeaders",
    "CertificateFile",
    "CertificateKeyFile",
    "CertificateKeyPassword",
    "Pkcs11",
    "Timeout",
)
_MODALITY_KEYS = {
    "AET": str,
    "Host": str,
    "Port": int,
    "Manufacturer": str,
    "UseDicomTls": bool,
    "LocalAet": str,
    "Timeout": int,
    "AllowTranscoding": bool,
}
_PEER_NAME = re.compile(r"[A-Za-z0-9_-]+")
_KINDS: Mapping[type, str] = {str: "a string", bool: "true or false", int: "a whole number", dict: "an object"}


@dataclass(frozen=True, slots=True)
class Peer:
    """One entry of "OrthancPeers"."""

    name: str
    url: str  # http:// or https://, without credentials and without a slash at its end
    username: str = ""
    password: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    certificate_file: str = ""  # the client's certificate, PEM
    certificate_key_file: str = ""  # empty: the key stands in certificate_file
    certificate_key_password: str = field(default="", repr=False)
    timeout: float = 0  # seconds; 0: Orthanc's HttpTimeout


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
    """Orthanc's "DicomModalities" and what goes with them.

    An entry is read when a destination names it: Orthanc may list others that SendIt does not use.
    """

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
        """Return the entry of this name, which has to be among `names`.

        Raises:
            Misconfigured: it is none that Orthanc would take.
        """
        place = f"DicomModalities.{name}"
        value = self.document["DicomModalities"][name]
        if isinstance(value, list) and 3 <= len(value) <= 4:
            value = dict(zip(("AET", "Host", "Port", "Manufacturer"), value, strict=False))
        if not isinstance(value, dict):
            raise Misconfigured(place, "this is not a modality", f'Write "{name}": ["AET", "host", 104].')
        _check_modality(place, value)
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
        """Return a string of Orthanc's configuration, for example DicomTlsCertificate."""
        value = self.document.get(key, default)
        if not isinstance(value, str):
            raise Misconfigured(key, "this has to be a string", "Correct it.")
        return value

    def _number(self, key: str, default: int) -> int:
        value = self.document.get(key, default)
        if type(value) is not int or value < 0:
            raise Misconfigured(key, "this has to be a whole number", "Correct it.")
        return value


@dataclass(frozen=True, slots=True)
class OrthancConfig:
    """The parts of the Orthanc server's own configuration that SendIt needs."""

    peers: Mapping[str, Peer]
    http_port: int = 8042
    http_server_enabled: bool = True
    ssl_enabled: bool = False
    ssl_certificate: str = ""
    stable_age: int = 60  # seconds
    http_timeout: float = 60  # seconds
    http_proxy: str = field(default="", repr=False)  # "host:port", "user:password@host:port", or with a scheme before
    https_verify_peers: bool = True
    https_ca_certificates: str = ""  # empty: the certificates that the system trusts
    dicom: DicomNetwork = field(default_factory=DicomNetwork)
    most_patients: int = 0  # MaximumPatientCount; 0: no limit
    most_megabytes: int = 0  # MaximumStorageSize; 0: no limit
    recycles: bool = True  # where a limit is reached, the oldest patients go; False: new instances are refused

    @property
    def recycling(self) -> str:
        """The limits by which Orthanc deletes studies to make room for new ones; "" if it never does."""
        limits = {"MaximumPatientCount": self.most_patients, "MaximumStorageSize": self.most_megabytes}
        active = [f"{name} is {limit}" for name, limit in limits.items() if limit]
        return " and ".join(active) if self.recycles else ""

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> OrthancConfig:
        """Read Orthanc's configuration.

        Raises Misconfigured where Orthanc itself would refuse, or where SendIt cannot follow.
        """
        if _get(document, "OrthancPeersInDatabase", False):
            raise Misconfigured(
                "OrthancPeersInDatabase",
                "SendIt cannot read peers from Orthanc's database, which hides their passwords",
                'Set it to false and name the peers in "OrthancPeers".',
            )
        peers: dict[str, Any] = _get(document, "OrthancPeers", {})
        return cls(
            peers={name: _peer(name, value) for name, value in peers.items()},
            http_port=_get(document, "HttpPort", 8042),
            http_server_enabled=_get(document, "HttpServerEnabled", True),
            ssl_enabled=_get(document, "SslEnabled", False),
            ssl_certificate=_get(document, "SslCertificate", ""),
            stable_age=_get(document, "StableAge", 60),
            http_timeout=float(_get(document, "HttpTimeout", 60)) or 60.0,  # Orthanc takes 0 for its default, too
            http_proxy=_get(document, "HttpProxy", ""),
            https_verify_peers=_get(document, "HttpsVerifyPeers", True),
            https_ca_certificates=_get(document, "HttpsCACertificates", ""),
            most_patients=_get(document, "MaximumPatientCount", 0),
            most_megabytes=_get(document, "MaximumStorageSize", 0),
            recycles=_get(document, "MaximumStorageMode", "Recycle") != "Reject",
            dicom=DicomNetwork({key: value for key, value in document.items() if key.startswith("Dicom")}),
        )


def _get(section: Mapping[str, Any], key: str, default: Any, prefix: str = "") -> Any:
    """Return a value, which must have its default's type as Orthanc requires: "8042" is not a number, 1 is not true."""
    value = section.get(key, default)
    kind = type(default)
    if type(value) is not kind:
        raise Misconfigured(prefix + key, f"this has to be {_KINDS[kind]}", "Correct it.")
    if kind is int and value < 0:
        raise Misconfigured(prefix + key, "this cannot be less than 0", "Correct it.")
    return value


def _peer(name: str, value: Any) -> Peer:
    """Read ["url"], ["url", "user", "password"] or {"Url": …} (see the comments in Orthanc's configuration file)."""
    place = f"OrthancPeers.{name}"
    if not _PEER_NAME.fullmatch(name):
        raise Misconfigured(
            place, "a peer's name may contain only letters, digits, dashes and underscores", "Rename it."
        )
    if isinstance(value, list):
        return _peer_of_list(name, value, place)
    if isinstance(value, dict):
        return _peer_of_object(name, value, place)
    raise Misconfigured(place, "this is neither a list nor an object", f'Write "{name}": ["http://host:8042/"].')


def _peer_of_list(name: str, value: list[Any], place: str) -> Peer:
    if len(value) not in (1, 3) or not all(isinstance(part, str) for part in value):
        raise Misconfigured(place, "a list contains a URL, or a URL, a user and a password", "Correct it.")
    username, password = value[1:] or ("", "")
    url, username, password = _address(value[0], username, password, f"{place}[0]")
    return Peer(name, url, username, password)


def _peer_of_object(name: str, value: Mapping[str, Any], place: str) -> Peer:
    lower = {key.lower(): key for key in _PEER_KEYS}
    for key in value:
        # Orthanc takes every other key as a property for plugins; SendIt has no use for it and does not refuse it.
        if key.lower() in lower and key not in (*_PEER_KEYS, "URL"):
            raise Misconfigured(f"{place}.{key}", "there is no such key", f"Did you mean {lower[key.lower()]}?")

    def text(key: str) -> str:
        return str(_get(value, key, "", f"{place}."))

    if _get(value, "Pkcs11", False, f"{place}."):
        raise Misconfigured(f"{place}.Pkcs11", "SendIt cannot use PKCS#11", "Use CertificateFile instead.")
    headers: dict[str, Any] = _get(value, "HttpHeaders", {}, f"{place}.")
    for header in headers:
        _get(headers, header, "", f"{place}.HttpHeaders.")
    if text("CertificateKeyFile") and not text("CertificateFile"):
        raise Misconfigured(f"{place}.CertificateKeyFile", "a key without CertificateFile is not used", "Add that.")
    url, username, password = _address(text("Url") or text("URL"), text("Username"), text("Password"), f"{place}.Url")
    return Peer(
        name=name,
        url=url,
        username=username,
        password=password,
        headers=headers,
        certificate_file=text("CertificateFile"),
        certificate_key_file=text("CertificateKeyFile"),
        certificate_key_password=text("CertificateKeyPassword"),
        timeout=float(_get(value, "Timeout", 0, f"{place}.")),
    )


def _address(url: str, username: str, password: str, place: str) -> tuple[str, str, str]:
    """Return URL, user and password.

    The URL loses its credentials, so that it can be shown; a URL without a scheme is http.

    Orthanc's HTTP client takes the credentials of the URL before those of the configuration.
    """
    if not url:
        raise Misconfigured(place, "the URL is missing", "Write it as http://host:8042/.")
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port
    except ValueError:
        raise Misconfigured(
            place, "this is not the URL of an Orthanc server", "Write it as http://host:8042/."
        ) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise Misconfigured(place, "this is not the URL of an Orthanc server", "Write it as http://host:8042/.")
    if parts.username:
        username, password = unquote(parts.username), unquote(parts.password or "")
    if password and not username:
        raise Misconfigured(place.removesuffix(".Url"), "there is a password without a user", "Add Username.")
    if username and not password:
        raise Misconfigured(place.removesuffix(".Url"), "there is a user without a password", "Add Password.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path.rstrip('/')}", username, password


def _check_modality(place: str, value: Mapping[str, Any]) -> None:
    """Check types as Orthanc requires them; Orthanc would ignore a key in the wrong case."""
    lower = {key.lower(): key for key in _MODALITY_KEYS}
    for key, given in value.items():
        right = lower.get(key.lower())
        if right is not None and right != key:
            raise Misconfigured(f"{place}.{key}", "there is no such key", f"Did you mean {right}?")
        if (
            right is not None
            and type(given) is not _MODALITY_KEYS[right]
            and not (right == "Port" and isinstance(given, str))
        ):
            raise Misconfigured(f"{place}.{key}", f"this has to be {_KINDS[_MODALITY_KEYS[right]]}", "Correct it.")


def _title(place: str, title: str) -> str:
    """Check an application entity title: 1 to 16 characters (PS3.5 Section 6.2)."""
    if not title.strip() or len(title) > 16 or not title.isascii() or not title.isprintable() or "\\" in title:
        raise Misconfigured(place, "this is not an application entity title", "It has 1 to 16 characters of ASCII.")
    return title


def _port(place: str, port: int | str) -> int:
    """Return the port; Orthanc accepts "104" as well."""
    try:
        number = int(port)
    except ValueError:
        number = 0
    if not 0 < number < 65536:
        raise Misconfigured(place, "this is not a port number", "It is a number from 1 to 65535.")
    return number
