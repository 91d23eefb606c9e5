"""The parts of Orthanc's own configuration that SendIt reads, in every form that Orthanc accepts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sendit.errors import Misconfigured

_PEER_KEYS = {
    "Url",
    "Username",
    "Password",
    "HttpHeaders",
    "CertificateFile",
    "CertificateKeyFile",
    "CertificateKeyPassword",
    "Pkcs11",
    "Timeout",
}


@dataclass(frozen=True, slots=True)
class Peer:
    """One entry of "OrthancPeers"."""

    name: str
    url: str  # without a slash at its end
    username: str = ""
    password: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    certificate_file: str = ""  # the client's certificate, PEM
    certificate_key_file: str = ""
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
    http_proxy: str = field(default="", repr=False)
    https_verify_peers: bool = True
    https_ca_certificates: str = ""

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> OrthancConfig:
        """Raises Misconfigured where Orthanc itself would refuse, or where SendIt cannot follow."""
        if document.get("OrthancPeersInDatabase"):
            raise Misconfigured(
                "OrthancPeersInDatabase",
                "SendIt cannot read peers from Orthanc's database, which hides their passwords",
                'Set it to false and name the peers in "OrthancPeers".',
            )
        return cls(
            peers={name: _peer(name, value) for name, value in document.get("OrthancPeers", {}).items()},
            http_port=int(document.get("HttpPort", 8042)),
            http_server_enabled=bool(document.get("HttpServerEnabled", True)),
            ssl_enabled=bool(document.get("SslEnabled", False)),
            ssl_certificate=str(document.get("SslCertificate", "")),
            stable_age=int(document.get("StableAge", 60)),
            http_timeout=float(document.get("HttpTimeout", 60)) or 60.0,
            http_proxy=str(document.get("HttpProxy", "")),
            https_verify_peers=bool(document.get("HttpsVerifyPeers", True)),
            https_ca_certificates=str(document.get("HttpsCACertificates", "")),
        )


def _peer(name: str, value: Any) -> Peer:
    """["url"], ["url", "user", "password"] or {"Url": …} (the Orthanc Book, "Configuring Orthanc peers")."""
    place = f"OrthancPeers.{name}"
    if isinstance(value, list):
        if len(value) not in (1, 3) or not all(isinstance(part, str) for part in value):
            raise Misconfigured(place, "a list holds a URL, or a URL, a user and a password", "Correct it.")
        return Peer(name, value[0].rstrip("/"), *value[1:])
    if not isinstance(value, dict) or not isinstance(value.get("Url"), str):
        raise Misconfigured(place, "this is neither a list nor an object with Url", "Correct it.")
    for key in value:
        # Orthanc takes every other key as a property for plugins; SendIt has no use for it and does not refuse it.
        if key.lower() in {k.lower() for k in _PEER_KEYS} and key not in _PEER_KEYS:
            raise Misconfigured(f"{place}.{key}", "there is no such key", "Orthanc's keys are case-sensitive.")
    if value.get("Pkcs11"):
        raise Misconfigured(f"{place}.Pkcs11", "SendIt cannot use PKCS#11", "Use CertificateFile instead.")
    return Peer(
        name=name,
        url=value["Url"].rstrip("/"),
        username=str(value.get("Username", "")),
        password=str(value.get("Password", "")),
        headers={str(k): str(v) for k, v in value.get("HttpHeaders", {}).items()},
        certificate_file=str(value.get("CertificateFile", "")),
        certificate_key_file=str(value.get("CertificateKeyFile", "")),
        certificate_key_password=str(value.get("CertificateKeyPassword", "")),
        timeout=float(value.get("Timeout", 0)),
    )
