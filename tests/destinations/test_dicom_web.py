"""What is particular to DICOMweb: answers to STOW-RS, credentials, TLS, transcoding, no way to delete."""

from __future__ import annotations

import json
import ssl
from typing import TYPE_CHECKING

import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom import dcmread

from sendit.config.schema import load
from sendit.errors import Misconfigured, Retry
from sendit.model import Shipment
from tests.destinations.bench import Servers, no_progress, open_out
from tests.destinations.bench_dicom_web import PLUGIN, dicom_web_document, start_dicom_web
from tests.destinations.staged_instances import altered, read_testfile, shipment, shipment_of
from tests.servers.certificates import Authority
from tests.servers.fault_proxy import DropBefore, FaultProxy, Status, Truncate
from tests.servers.healthcare import HealthcareStore
from tests.servers.orthanc import OrthancServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sendit.destinations.base import Destination

STORE = "POST /dicom-web/studies"
OUT = "SendIt.Destinations.out"


@pytest.fixture(scope="module")
def server(servers: Servers) -> OrthancServer:
    return servers.get("dicomweb", start_dicom_web)


@pytest.fixture
def proxy(server: OrthancServer) -> Iterator[FaultProxy]:
    with FaultProxy(server.url) as proxy:
        yield proxy


def _open(proxy: FaultProxy, **settings: object) -> Destination:
    return open_out(dicom_web_document(proxy.url, **settings))


def _answer(status: int, failed: int | None = None, warning: int | None = None) -> Status:
    """A STOW-RS answer in the DICOM JSON model."""
    body: dict[str, object] = {}
    if failed is not None:
        body["00081198"] = {"vr": "SQ", "Value": [{"00081197": {"vr": "US", "Value": [failed]}}]}
    if warning is not None:
        body["00081199"] = {"vr": "SQ", "Value": [{"00081196": {"vr": "US", "Value": [warning]}}]}
    return Status(status, json.dumps(body).encode(), {"Content-Type": "application/dicom+json"})


def test_an_unmodified_client_reads_what_was_stored(server: OrthancServer, proxy: FaultProxy, tmp_path: Path) -> None:
    """dicomweb-client finds and retrieves every instance, equal to what was sent."""
    sent = shipment(tmp_path, 3)
    _open(proxy).deliver(sent, no_progress)
    client = DICOMwebClient(f"{server.url}/dicom-web", permissive_uid=True)
    found = client.search_for_instances(sent.staged_instances[0].receipt.study_instance_uid)
    assert len(found) == 3
    for staged in sent.staged_instances:
        one = staged.receipt
        read = client.retrieve_instance(one.study_instance_uid, one.series_instance_uid, one.sop_instance_uid)
        assert read == dcmread(staged.path)


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (_answer(409, 0xA700), Retry, "A700"),
        (_answer(409, 0x0110), Retry, "0110"),
        (_answer(202, 0xA701), Retry, "A701"),
        (_answer(200, 0xA700), Retry, "A700"),
        (_answer(409, 0x0122), Misconfigured, "refuses the instance .* 0122"),
        (_answer(409, 0xC000), Misconfigured, "C000"),
        (Status(409), Misconfigured, "0000"),
        (Status(200, b"<html>"), Retry, "with DICOM JSON"),
        (Status(200, b"[]"), Retry, "with DICOM JSON"),
        (Status(401), Misconfigured, "denies SendIt access"),
        (Status(403), Misconfigured, "does not allow SendIt to store"),
        (Status(404), Misconfigured, "no DICOMweb service"),
        (Status(413), Misconfigured, "too large"),
        (Status(400), Misconfigured, "answered 400"),
        (Status(301, headers={"Location": "http://elsewhere/"}), Misconfigured, "redirected"),
        (Status(500), Retry, "is failing"),
    ],
    ids=lambda value: f"{value.status}" if isinstance(value, Status) else None,
)
def test_answers_to_an_upload(
    proxy: FaultProxy, tmp_path: Path, answer: Status, error: type[Exception], words: str
) -> None:
    """Each says what happens next; nothing counts as stored that the service calls failed."""
    proxy.inject(Status(answer.status, answer.body, answer.headers), STORE)
    with pytest.raises(error, match=words):
        _open(proxy).deliver(shipment(tmp_path, 1), no_progress)


def test_a_failure_because_it_is_there_already(server: OrthancServer, proxy: FaultProxy, tmp_path: Path) -> None:
    """The service says 409 of an instance that it holds, and that another sender brought meanwhile: compared."""
    sent = shipment(tmp_path, 2)
    proxy.inject(_answer(200), "GET /dicom-web/studies?")  # the study was not known when it was asked for
    proxy.inject(_answer(409, 0x0110), STORE)
    proxy.inject(_answer(409, 0x0111), STORE)
    for staged in sent.staged_instances:
        server.upload(staged.path.read_bytes())
    assert _open(proxy, Concurrency=1).deliver(sent, no_progress) == 2
    other = altered(sent.staged_instances[0], tmp_path / "other", StudyDescription="another")
    proxy.inject(_answer(409, 0x0111), STORE)
    with pytest.raises(Misconfigured, match="different content"):
        _open(proxy, Concurrency=1).deliver(Shipment(1, "IRB1", [other]), no_progress)


def test_a_warning_is_not_a_failure(proxy: FaultProxy, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """202 with a warning (elements coerced) is noted; whether it matters, the verification says."""
    proxy.inject(_answer(202, warning=0xB000), STORE)
    sent = shipment(tmp_path, 1)
    assert _open(proxy).deliver(sent, no_progress) == 1
    assert "warning B000" in caplog.text
    assert [found.problem for found in _open(proxy).verify(sent)] == ["not there"]


def test_an_answer_that_is_cut_off(proxy: FaultProxy, tmp_path: Path) -> None:
    """Half an instance is no other instance: a Retry."""
    sent = shipment(tmp_path, 1)
    _open(proxy).deliver(sent, no_progress)
    proxy.inject(Truncate(), "GET ")
    with pytest.raises(Retry):
        _open(proxy).verify(sent)


def test_user_and_headers(proxy: FaultProxy, tmp_path: Path) -> None:
    """Basic authentication in UTF-8, and headers, with every request."""
    destination = _open(proxy, Username="jürgen", Password="secret", Headers={"X-Tenant": "7"})
    sent = shipment(tmp_path, 1)
    destination.deliver(sent, no_progress)
    destination.verify(sent)
    destination.recall(sent)
    assert {headers["authorization"] for _, headers in proxy.seen} == {"Basic asO8cmdlbjpzZWNyZXQ="}
    assert {headers["x-tenant"] for _, headers in proxy.seen} == {"7"}


@pytest.mark.parametrize(
    ("answer", "place", "words"),
    [
        (Status(401), "Username", "denies SendIt access"),
        (Status(404), "Url", "no DICOMweb service"),
        (Status(200, b"<html>"), "Url", "not a DICOMweb service"),
        (Status(302, headers={"Location": "/elsewhere"}), "Url", "redirected"),
    ],
    ids=["401", "404", "HTML", "302"],
)
def test_check_says_what_to_mend(proxy: FaultProxy, answer: Status, place: str, words: str) -> None:
    """With its place in orthanc.json."""
    proxy.inject(Status(answer.status, answer.body, answer.headers))
    with pytest.raises(Misconfigured, match=words) as caught:
        _open(proxy).check()
    assert caught.value.place == f"{OUT}.{place}"


def test_what_cannot_be_deleted_is_said_only_of_what_is_there(
    server: OrthancServer, proxy: FaultProxy, tmp_path: Path
) -> None:
    """Orthanc refuses DELETE: a Discrepancy for what it still holds, none for what was removed by hand."""
    sent = shipment(tmp_path, 2)
    destination = _open(proxy)
    destination.deliver(sent, no_progress)
    for found in server.session.post(
        f"{server.url}/tools/lookup", data=sent.staged_instances[0].receipt.sop_instance_uid
    ).json():
        server.session.delete(server.url + found["Path"])
    (said,) = destination.recall(sent)
    assert said.sop_instance_uid == sent.staged_instances[1].receipt.sop_instance_uid
    assert "cannot delete it" in said.problem


def test_a_service_that_may_not_delete(proxy: FaultProxy, tmp_path: Path) -> None:
    """403 is not "has no way": somebody can give the permission."""
    proxy.inject(Status(403), "DELETE ")
    with pytest.raises(Misconfigured, match="403"):
        _open(proxy).recall(shipment(tmp_path, 1))


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.70"])
def test_a_service_that_transcodes(tmp_path: Path, syntax: str) -> None:
    """Other bytes that say the same: verified, and known as delivered when it comes again; another pixel is found."""
    sent = shipment_of(read_testfile("MR_small_implicit.dcm"), read_testfile("MR_small_RLE.dcm"), folder=tmp_path)
    with (
        OrthancServer(tmp_path / "orthanc", {"Plugins": [PLUGIN], "IngestTranscoding": syntax}) as server,
        FaultProxy(server.url) as proxy,
    ):
        destination = _open(proxy)
        assert destination.deliver(sent, no_progress) == 2
        assert destination.verify(sent) == []
        assert destination.deliver(sent, no_progress) == 2
        assert proxy.passed.count(STORE) == 2
        sent.staged_instances[0].path.unlink()
        assert "no longer kept" in destination.verify(sent)[0].problem


def test_tls(server: OrthancServer, tmp_path: Path) -> None:
    """The authority in CertificateAuthority is trusted, no other; the file itself is checked."""
    authority = Authority(tmp_path, "hospital")
    shown = authority.issue("server")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(shown.certificate, shown.key)
    empty = tmp_path / "empty.pem"
    empty.touch()
    with FaultProxy(server.url, context) as proxy:
        _open(proxy, CertificateAuthority=str(authority.certificate)).check()
        for settings, words in (
            ({}, "not trusted"),
            ({"CertificateAuthority": "/nowhere.pem"}, "No such file"),
            ({"CertificateAuthority": str(empty)}, "no certificate"),
        ):
            with pytest.raises(Misconfigured, match=words) as caught:
                _open(proxy, **settings).check()
            assert caught.value.place == f"{OUT}.CertificateAuthority"


@pytest.fixture
def store(server: OrthancServer) -> Iterator[HealthcareStore]:
    with HealthcareStore(server) as store:
        yield store


def _google(store: HealthcareStore, folder: Path) -> dict[str, object]:
    return {"Google": {"Source": "ServiceAccountFile", "Path": str(store.write_key(folder / "key.json"))}}


def test_a_token_that_is_not_accepted(store: HealthcareStore, tmp_path: Path) -> None:
    """Google's session sends its token; where the store does not take it, an operator hears of it."""
    destination = _open(store, **_google(store, tmp_path))
    destination.check()
    store.inject(Status(401), "GET ")
    with pytest.raises(Misconfigured, match="denies SendIt access") as caught:
        destination.check()
    assert caught.value.place == f"{OUT}.Google"
    with pytest.raises(Misconfigured, match="denies SendIt access"):
        _open(store).check()


def test_no_token(store: HealthcareStore, tmp_path: Path) -> None:
    """A key that was taken away is for an operator; a token endpoint that drops the connection is a Retry."""
    destination = _open(store, **_google(store, tmp_path))
    store.inject(Status(400, b'{"error": "invalid_grant"}', {"Content-Type": "application/json"}), "POST /token")
    with pytest.raises(Misconfigured, match="issue an access token") as caught:
        destination.check()
    assert caught.value.place == f"{OUT}.Google"
    store.inject(DropBefore(times=20), "POST /token")
    with pytest.raises(Retry, match="credentials"):
        destination.check()


def test_no_key_file(store: HealthcareStore, tmp_path: Path) -> None:
    """Told with its place."""
    settings = {"Google": {"Source": "ServiceAccountFile", "Path": str(tmp_path / "nowhere.json")}}
    with pytest.raises(Misconfigured, match="cannot be read") as caught:
        _open(store, **settings).check()
    assert caught.value.place == f"{OUT}.Google.Path"


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"Url": "pacs/dicom-web"}, "Url"),
        ({"Url": "http://user:secret@pacs/"}, "Url"),
        ({"Username": "a"}, ""),
        ({"Username": "a", "Password": "b", "Google": {}}, ""),
        ({"Headers": {"A": "b\nc"}}, "Headers.A"),
    ],
)
def test_what_is_wrong_is_told_at_load(settings: dict[str, object], place: str) -> None:
    """With its place, and without the password."""
    document = dicom_web_document("http://127.0.0.1:1")
    document["SendIt"]["Destinations"]["out"].update(settings)  # type: ignore[index]
    with pytest.raises(Misconfigured) as caught:
        load(document)
    assert caught.value.place == f"{OUT}.{place}".rstrip(".")
    assert "secret" not in str(caught.value)
