"""Certificates that Orthanc's configuration names as its own: whether their files can be read, and when they end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509

from sendit.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sendit.config.orthanc import OrthancConfig

#: Days before its end from which doctor names the day.
_SOON = timedelta(days=30)
_REMEDY = "renew the file, then restart Orthanc (SslCertificate) or run: sendit reload"


@dataclass(frozen=True, slots=True)
class Ending:
    """A certificate that ends before some day, or whose file cannot be read."""

    place: str  # where the configuration names it
    end: datetime | None  # None: the file cannot be read
    serial: int = 0

    @property
    def is_wrong(self) -> bool:
        """Whether it is of no use now."""
        return self.end is None or self.end <= datetime.now(UTC)

    @property
    def text(self) -> str:
        """A sentence about it."""
        if self.end is None:
            return f"the certificate of {self.place} cannot be read: its file is missing or damaged"
        words = "has expired on" if self.is_wrong else "expires on"
        return f"the certificate of {self.place} {words} {self.end:%Y-%m-%d}"


def endings(orthanc: OrthancConfig, soon: datetime) -> Iterator[Ending]:
    """Yield the certificates that end until then, and those that cannot be read."""
    for place, path in _named(orthanc):
        try:
            certificates = x509.load_pem_x509_certificates(Path(path).read_bytes())
        except (OSError, ValueError):
            yield Ending(place, None)
            continue
        for certificate in certificates:
            if certificate.not_valid_after_utc <= soon:
                yield Ending(place, certificate.not_valid_after_utc, certificate.serial_number)


def problems(orthanc: OrthancConfig) -> list[str]:
    """Return a message for each certificate that has expired or cannot be read."""
    return [f"{one.text}; {_REMEDY}" for one in endings(orthanc, datetime.now(UTC))]


def check(orthanc: OrthancConfig) -> str:
    """Return which certificates end soon, in words.

    Raises:
        Misconfigured: one has expired, or cannot be read.
    """
    near = list(endings(orthanc, datetime.now(UTC) + _SOON))
    for one in near:
        if one.is_wrong:
            said = one.text.removeprefix(f"the certificate of {one.place} ")
            raise Misconfigured(one.place, f"its certificate {said}", f"{_REMEDY[0].upper()}{_REMEDY[1:]}")
    return "; ".join(one.text for one in near) or "none ends within 30 days"


def _named(orthanc: OrthancConfig) -> Iterator[tuple[str, str]]:
    """Yield where in the configuration a certificate of Orthanc's own is named, and its file."""
    if orthanc.ssl_enabled and orthanc.ssl_certificate:
        yield "SslCertificate", orthanc.ssl_certificate
    for name, peer in orthanc.peers.items():
        if peer.certificate_file:
            yield f"OrthancPeers.{name}", peer.certificate_file
    if certificate := orthanc.dicom.text("DicomTlsCertificate"):
        yield "DicomTlsCertificate", certificate
