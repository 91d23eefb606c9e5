"""Who a bucket lets in: service accounts, the machine's credentials, impersonation; what is said where none fits."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.auth import iam

from sendit.errors import Misconfigured, Retry
from tests.destinations.bench import no_progress
from tests.destinations.bench_google_cloud_storage import opened
from tests.destinations.staged_instances import shipment
from tests.servers.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.google_storage import GoogleStorage


def test_no_credentials_at_all(own_server: GoogleStorage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without Application Default Credentials is told what to do."""
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    with pytest.raises(Misconfigured, match="has no Google credentials") as caught:
        opened(own_server, Credentials={"Source": "Default"}).check()
    assert caught.value.place == "SendIt.Destinations.out.Credentials"
    assert "ServiceAccountFile" in caught.value.remedy


@pytest.mark.parametrize("content", [None, "{}", "[1]", "null", "no json", '{"type": "authorized_user"}'])
def test_a_service_accounts_file_that_is_none(own_server: GoogleStorage, tmp_path: Path, content: str | None) -> None:
    """Missing, empty, or of another kind."""
    path = tmp_path / "key.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(Misconfigured) as caught:
        opened(own_server, Credentials={"Source": "ServiceAccountFile", "Path": str(path)}).check()
    assert caught.value.place == "SendIt.Destinations.out.Credentials.Path"


def test_anonymous_where_somebody_is_wanted(own_server: GoogleStorage) -> None:
    """401 without credentials names the section that is missing."""
    own_server.limits(token="secret")
    with pytest.raises(Misconfigured, match="anonymous") as caught:
        opened(own_server).check()
    assert caught.value.place == "SendIt.Destinations.out.Credentials"


class TokenService(ThreadingHTTPServer):
    """Google's token endpoint: gives "secret" for a signed request, or the answer that it was told to give."""

    refusal: tuple[int, dict[str, str]] | None = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _TokenHandler)
        self.asked = 0


class _TokenHandler(BaseHTTPRequestHandler):
    server: TokenService

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        self.server.asked += 1
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert b"assertion=" in body
        granted = (200, {"access_token": "secret", "expires_in": 3600, "token_type": "Bearer"})
        status, answer = self.server.refusal or granted
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def tokens() -> Iterator[TokenService]:
    with serving(TokenService()) as service:
        yield service


@pytest.fixture
def key_file(tokens: TokenService, tmp_path: Path) -> Path:
    """The key of a service account, made here, whose tokens come from the service of the test."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    path = tmp_path / "key.json"
    path.write_text(
        json.dumps(
            {
                "type": "service_account",
                "project_id": "p",
                "private_key_id": "1",
                "private_key": pem,
                "client_email": "sendit@p.iam.gserviceaccount.com",
                "client_id": "1",
                "token_uri": f"http://127.0.0.1:{tokens.server_port}/token",
            }
        )
    )
    return path


@pytest.mark.parametrize("way", ["ServiceAccountFile", "Default"])
def test_a_service_account_is_let_in(
    own_server: GoogleStorage,
    key_file: Path,
    tokens: TokenService,
    tmp_path: Path,
    way: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By its file, or as the machine's credentials; a token serves for many requests."""
    own_server.limits(token="secret")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key_file))
    credentials = {"Source": way, **({"Path": str(key_file)} if way == "ServiceAccountFile" else {})}
    destination = opened(own_server, Credentials=credentials, Layout="Instances", Concurrency=1)
    sent = shipment(tmp_path, 4)
    assert destination.deliver(sent, no_progress) == 4
    assert destination.verify(sent) == []
    assert tokens.asked <= 2  # the client looks at the bucket in a thread of its own, at the same time


def test_an_account_that_gets_no_token(own_server: GoogleStorage, key_file: Path, tokens: TokenService) -> None:
    """A key that was deleted is for a person; a token service that is not well is tried again."""
    credentials = {"Source": "ServiceAccountFile", "Path": str(key_file)}
    tokens.refusal = (400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
    with pytest.raises(Misconfigured, match="issue an access token") as caught:
        opened(own_server, Credentials=credentials).check()
    assert caught.value.place == "SendIt.Destinations.out.Credentials"
    tokens.refusal = (503, {"error": "temporarily_unavailable"})
    with pytest.raises(Retry):
        opened(own_server, Credentials=credentials).check()


def test_impersonation(own_server: GoogleStorage, key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The account's own token asks for one of the account that it may act as."""
    asked: list[str] = []

    class Iam(BaseHTTPRequestHandler):
        allowed = True

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

        def do_POST(self) -> None:
            asked.append(f"{self.path} {self.headers['Authorization']}")
            self.rfile.read(int(self.headers["Content-Length"]))
            answer = {"accessToken": "acting", "expireTime": "2099-01-01T00:00:00Z"}
            data = json.dumps(answer if Iam.allowed else {"error": {"code": 403, "message": "denied"}}).encode()
            self.send_response(200 if Iam.allowed else 403)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Iam)) as service:
        own_server.limits(token="acting")
        monkeypatch.setattr(
            iam,
            "_IAM_ENDPOINT",
            f"http://127.0.0.1:{service.server_port}/{{}}:generateAccessToken",
        )
        credentials = {"Source": "ServiceAccountFile", "Path": str(key_file), "Impersonate": "writer@p.iam.example"}
        opened(own_server, Credentials=credentials).check()
        assert set(asked) == {"/writer@p.iam.example:generateAccessToken Bearer secret"}
        Iam.allowed = False
        with pytest.raises(Misconfigured, match="Token Creator") as caught:
            opened(own_server, Credentials=credentials).check()
        assert caught.value.place == "SendIt.Destinations.out.Credentials.Impersonate"
