"""Peers over HTTPS: who trusts whom, and what is said when they don't. Certificates are openssl's.

A proxy speaks TLS in front of a real Orthanc, as the Orthanc Book recommends. Orthanc's own HTTPS cannot serve here:
version 1.10.1 of Debian 12 ends with a segmentation fault at its first request over TLS (OpenSSL 3).
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from sendit.errors import Misconfigured, Retry
from tests.destinations.bench_orthanc_peer import open_peer
from tests.destinations.staged_instances import shipment
from tests.servers.certificates import Authority, Certificate
from tests.servers.fault_proxy import FaultProxy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.orthanc import OrthancServer

KEY_PASSWORD = "key password"


def _tls(shown: Certificate, clients: Authority | None = None) -> ssl.SSLContext:
    """A server's context; with `clients` it wants a certificate of that authority."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(shown.certificate, shown.key)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients.certificate)
    return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "hospital")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


@pytest.fixture(scope="module")
def shown(authority: Authority) -> Certificate:
    """What the server shows."""
    return authority.issue("server")


@pytest.fixture
def server(target: OrthancServer, shown: Certificate) -> Iterator[FaultProxy]:
    """It shows a certificate of the hospital's authority."""
    with FaultProxy(target.url, _tls(shown)) as server:
        yield server


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
def strict(
    request: pytest.FixtureRequest, target: OrthancServer, shown: Certificate, authority: Authority
) -> Iterator[FaultProxy]:
    """It wants a client's certificate as well; the two versions of TLS refuse at different moments."""
    context = _tls(shown, clients=authority)
    context.maximum_version = request.param
    with FaultProxy(target.url, context) as server:
        yield server


def test_a_trusted_peer(server: FaultProxy, authority: Authority, tmp_path: Path) -> None:
    """HttpsCACertificates names the authority: delivered and read back."""
    destination = open_peer([server.url], HttpsCACertificates=str(authority.certificate))
    sent = shipment(tmp_path)
    destination.check()
    assert destination.deliver(sent, lambda _: None) == 5
    assert destination.verify(sent) == []


def test_a_certificate_trusted_by_itself(server: FaultProxy, shown: Certificate) -> None:
    """The peer's own certificate may stand in HttpsCACertificates, as with curl."""
    open_peer([server.url], HttpsCACertificates=str(shown.certificate)).check()


def test_an_untrusted_peer(server: FaultProxy, stranger: Authority) -> None:
    """Another authority, or only those of the system: told with the key to mend, nothing sent."""
    for configuration in ({"HttpsCACertificates": str(stranger.certificate)}, {}):
        with pytest.raises(Misconfigured, match="peer research is not trusted") as caught:
            open_peer([server.url], **configuration).check()
        assert caught.value.place == "HttpsCACertificates"


def test_the_environment_cannot_add_trust(
    server: FaultProxy, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """REQUESTS_CA_BUNDLE does not count: orthanc.json says whom to trust."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.certificate))
    with pytest.raises(Misconfigured):
        open_peer([server.url]).check()


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
def test_verification_turned_off(server: FaultProxy, stranger: Authority) -> None:
    """HttpsVerifyPeers false: any certificate will do, also where an authority is named."""
    open_peer([server.url], HttpsVerifyPeers=False, HttpsCACertificates=str(stranger.certificate)).check()


def test_the_certificate_of_another_host(target: OrthancServer, authority: Authority) -> None:
    """A certificate of a trusted authority for another name is not this peer's."""
    elsewhere = authority.issue("elsewhere", "DNS:elsewhere.example")
    with FaultProxy(target.url, _tls(elsewhere)) as server:
        for url in (server.url, f"https://localhost:{server.port}"):
            with pytest.raises(Misconfigured, match="another host's") as caught:
                open_peer([url], HttpsCACertificates=str(authority.certificate)).check()
            assert caught.value.place == "OrthancPeers.research"


def test_a_client_certificate(strict: FaultProxy, authority: Authority, tmp_path: Path) -> None:
    """With the key in a file of its own, in the certificate's file, and protected by a password."""
    plain = authority.issue("client")
    protected = authority.issue("protected", key_password=KEY_PASSWORD)
    for peer in (
        {"CertificateFile": str(plain.certificate), "CertificateKeyFile": str(plain.key)},
        {"CertificateFile": str(plain.joined())},
        {
            "CertificateFile": str(protected.certificate),
            "CertificateKeyFile": str(protected.key),
            "CertificateKeyPassword": KEY_PASSWORD,
        },
    ):
        destination = open_peer({"Url": strict.url, **peer}, HttpsCACertificates=str(authority.certificate))
        sent = shipment(tmp_path, 2)
        assert destination.deliver(sent, lambda _: None) == 2
        assert destination.verify(sent) == []


@pytest.mark.slow
def test_a_missing_or_wrong_client_certificate(
    strict: FaultProxy, authority: Authority, stranger: Authority, tmp_path: Path
) -> None:
    """The peer wants a certificate: the key to mend is told, also where TLS 1.3 lost the peer's reason on the way."""
    wrong = stranger.issue("client")
    for peer in ({}, {"CertificateFile": str(wrong.certificate), "CertificateKeyFile": str(wrong.key)}):
        destination = open_peer({"Url": strict.url, **peer}, HttpsCACertificates=str(authority.certificate))
        with pytest.raises((Misconfigured, Retry), match=r"OrthancPeers\.research\.CertificateFile") as caught:
            destination.deliver(shipment(tmp_path, 1), lambda _: None)
        tls12 = strict.tls is not None and strict.tls.maximum_version == ssl.TLSVersion.TLSv1_2
        assert isinstance(caught.value, Misconfigured) or not tls12
    assert strict.passed == []


def test_files_that_cannot_be_used(server: FaultProxy, authority: Authority, tmp_path: Path) -> None:
    """Each wrong file is named with its key."""
    client = authority.issue("client")
    protected = authority.issue("protected", key_password=KEY_PASSWORD)
    empty = tmp_path / "empty.pem"
    empty.touch()
    both = {"CertificateFile": str(client.certificate), "CertificateKeyFile": str(client.key)}
    guarded = {"CertificateFile": str(protected.certificate), "CertificateKeyFile": str(protected.key)}
    for peer, place, words in (
        ({**both, "CertificateFile": "/nowhere.crt"}, "CertificateFile", "No such file"),
        ({**both, "CertificateKeyFile": "/nowhere.key"}, "CertificateKeyFile", "No such file"),
        ({**both, "CertificateKeyFile": str(protected.key)}, "CertificateKeyFile", "password is wrong"),
        ({**both, "CertificateKeyFile": str(authority.issue("other").key)}, "CertificateKeyFile", "not the key"),
        ({**guarded, "CertificateKeyPassword": "wrong"}, "CertificateKeyFile", "CertificateKeyPassword"),
        ({"CertificateFile": str(empty)}, "CertificateKeyFile", "no PEM file"),
        ({"CertificateFile": str(client.certificate)}, "CertificateKeyFile", "no PEM file"),
    ):
        with pytest.raises(Misconfigured, match=words) as caught:
            open_peer({"Url": server.url, **peer}).check()
        assert caught.value.place == f"OrthancPeers.research.{place}"
    for bundle, words in (("/nowhere.crt", "No such file"), (str(empty), "no certificate"), ("ca.crt", "relative")):
        with pytest.raises(Misconfigured, match=words) as caught:
            open_peer([server.url], HttpsCACertificates=bundle).check()
        assert caught.value.place == "HttpsCACertificates"


def test_tls_where_there_is_none(target: OrthancServer) -> None:
    """https:// to a server that speaks HTTP, and the other way round."""
    with pytest.raises(Misconfigured, match="does not speak TLS"):
        open_peer([f"https://127.0.0.1:{target.http_port}"]).check()


def test_http_where_tls_is_meant(server: FaultProxy) -> None:
    """http:// to a server that speaks TLS is dropped by it: that may look like an outage, and is never a success."""
    with pytest.raises((Retry, Misconfigured)):
        open_peer([f"http://127.0.0.1:{server.port}"]).check()


def test_https_through_the_configured_proxy(authority: Authority) -> None:
    """A proxy that refuses the tunnel is told as the proxy, not as the peer."""
    with (
        FaultProxy("http://127.0.0.1:1") as proxy,
        pytest.raises(Retry, match=r"the proxy \(HttpProxy\)"),
    ):
        open_peer(["https://peer.invalid"], HttpProxy=proxy.url).check()
