"""A DICOM store of Google Healthcare, as far as it differs from Orthanc's DICOMweb: it stands before a real Orthanc.

Requests need an access token, which its own token endpoint gives for a JSON key of a service account, and DELETE works.
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.servers.fault_proxy import FaultProxy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.servers.orthanc import OrthancServer

ACCOUNT = "sendit@sendit-demo.iam.gserviceaccount.com"


class HealthcareStore(FaultProxy):
    """`tokens` are those that it gave; a test may take them back."""

    def __init__(self, orthanc: OrthancServer) -> None:
        self.orthanc = orthanc
        self.tokens: set[str] = set()
        super().__init__(orthanc.url)

    def intercept(self, request: str, headers: Mapping[str, str]) -> tuple[int, bytes] | None:
        if request == "POST /token":
            token = secrets.token_hex(16)
            self.tokens.add(token)
            return 200, json.dumps({"access_token": token, "expires_in": 3600, "token_type": "Bearer"}).encode()
        if headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return 401, b""
        if request.startswith("DELETE "):
            return self._delete(request.rsplit("/", 1)[1])
        return None

    def write_key(self, path: Path) -> Path:
        """The JSON key of a service account that gets its tokens here."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        content = {
            "type": "service_account",
            "project_id": "sendit-demo",
            "private_key_id": "1",
            "private_key": pem.decode(),
            "client_email": ACCOUNT,
            "token_uri": f"{self.url}/token",
        }
        path.write_text(json.dumps(content))
        return path

    def _delete(self, instance: str) -> tuple[int, bytes]:
        found = self.orthanc.session.post(f"{self.orthanc.url}/tools/lookup", data=instance).json()
        for one in found:
            self.orthanc.session.delete(self.orthanc.url + one["Path"]).raise_for_status()
        return (200, b"{}") if found else (404, b"")
