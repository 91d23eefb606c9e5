"""The parts of Orthanc's own configuration that SendIt reads, in every form that Orthanc accepts.

Where Orthanc refuses a value, so does this. Where Orthanc quietly ignores what was surely meant (a key in the wrong
case, a password without a user), this refuses it too, with its place and its cure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from sendit.errors import Misconfigured
from sendit.orthanc_modalities import DicomNetwork

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
class OrthancConfig:
    """What SendIt needs to know of the server that it lives in."""

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

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> OrthancConfig:
        """Raises Misconfigured where Orthanc itself would refuse, or where SendIt cannot follow."""
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
            dicom=DicomNetwork({key: value for key, value in document.items() if key.startswith("Dicom")}),
        )


def _get(section: Mapping[str, Any], key: str, default: Any, prefix: str = "") -> Any:
    """A value of the type of its default, as Orthanc demands it: "8042" is no number, and 1 is not true."""
    value = section.get(key, default)
    kind = type(default)
    if type(value) is not kind:
        raise Misconfigured(prefix + key, f"this has to be {_KINDS[kind]}", "Correct it.")
    if kind is int and value < 0:
        raise Misconfigured(prefix + key, "this cannot be less than 0", "Correct it.")
    return value


def _peer(name: str, value: Any) -> Peer:
    """["url"], ["url", "user", "password"] or {"Url": …} (the comments of Orthanc's own configuration file)."""
    place = f"OrthancPeers.{name}"
    if not _PEER_NAME.fullmatch(name):
        raise Misconfigured(place, "a peer's name holds letters, digits, dashes and underscores", "Rename it.")
    if isinstance(value, list):
        return _peer_of_list(name, value, place)
    if isinstance(value, dict):
        return _peer_of_object(name, value, place)
    raise Misconfigured(place, "this is neither a list nor an object", f'Write "{name}": ["http://host:8042/"].')


def _peer_of_list(name: str, value: list[Any], place: str) -> Peer:
    if len(value) not in (1, 3) or not all(isinstance(part, str) for part in value):
        raise Misconfigured(place, "a list holds a URL, or a URL, a user and a password", "Correct it.")
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
    """URL, user and password. The URL loses its credentials, so that it can be shown; a URL without scheme is http.

    Orthanc's HTTP client takes the credentials of the URL before those of the configuration.
    """
    if not url:
        raise Misconfigured(place, "the URL is missing", "Write it as http://host:8042/.")
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port
    except ValueError:
        raise Misconfigured(place, "this is no URL of an Orthanc", "Write it as http://host:8042/.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise Misconfigured(place, "this is no URL of an Orthanc", "Write it as http://host:8042/.")
    if parts.username:
        username, password = unquote(parts.username), unquote(parts.password or "")
    if password and not username:
        raise Misconfigured(place.removesuffix(".Url"), "there is a password without a user", "Add Username.")
    if username and not password:
        raise Misconfigured(place.removesuffix(".Url"), "there is a user without a password", "Add Password.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path.rstrip('/')}", username, password
