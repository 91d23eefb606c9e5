"""The client of identity services, against a real one: what is not a whole valid answer is never a pseudonym."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sendit.config.project import IdentityService as ServiceSettings
from sendit.deidentify import Patient
from sendit.errors import Misconfigured, Retry
from sendit.pseudonyms import CodeSource, open_source
from tests.servers.certificates import Authority
from tests.servers.identity_service import Answer, Drip, IdentityService
from tests.servers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENT = Patient("MRN-1", "HOSPITAL")


@pytest.fixture
def service() -> Iterator[IdentityService]:
    with IdentityService({"MRN-1": "SUBJECT-1"}) as running:
        yield running


def client(url: str, **settings: object) -> CodeSource:
    values = {"Source": "Service", "Url": url, "Timeout": 5, **settings}
    opened = open_source(ServiceSettings.model_validate(values), "SendIt.Projects.irb.Identities")
    assert opened is not None
    return opened


def test_a_right_answer(service: IdentityService, monkeypatch: pytest.MonkeyPatch) -> None:
    """One request, as the contract says, with the user's name and headers, past every proxy of the environment."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    asking = client(service.url + "?v=1", Username="send", Password="p\u00e4ss", Headers={"X-Site": "A"})
    assert asking.code(PATIENT) == "SUBJECT-1"
    assert service.asked == [
        {
            "method": "POST",
            "path": "/codes?v=1",
            "project": "irb",
            "patients": [{"patient_id": "MRN-1", "issuer": "HOSPITAL"}],
        }
    ]
    assert service.headers[0]["X-Site"] == "A"
    assert service.headers[0]["Authorization"] == "Basic c2VuZDpww6Rzcw=="


def test_an_unknown_patient(service: IdentityService) -> None:
    """null says so; a patient without PatientID is not asked for."""
    assert client(service.url).code(Patient("MRN-2")) is None
    assert client(service.url).code(Patient("", "", "1.2.3")) is None
    assert len(service.asked) == 1


def test_a_code_that_a_destination_cannot_hold(service: IdentityService) -> None:
    """It never becomes a pseudonym, and the answer's fault names the rule."""
    values = ServiceSettings.model_validate({"Source": "Service", "Url": service.url})
    asking = open_source(values, "SendIt.Projects.irb.Identities", lambda code: f"a rule of {len(code)} letters")
    assert asking is not None
    with pytest.raises(Retry, match="unusable: a rule of 9 letters"):
        asking.code(PATIENT)


def body(*codes: object) -> Answer:
    return Answer(body=json.dumps({"codes": codes}).encode())


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500, b'{"codes": ["S"]}'),
        Answer(503, b"<html>", "text/html"),
        Answer(204),
        Answer(202, b'{"codes": ["S"]}'),
        Answer(429),
        Answer(200, b""),
        Answer(200, b"<html><body>Sign in</body></html>", "text/html"),
        Answer(200, b'{"codes": ["S"]}', "text/html"),
        Answer(200, b'{"codes": ["S"]'),
        Answer(200, b'{"codes": ["S"]}\xff'),
        Answer(200, b'{"codes": ["S"]}', missing=7),
        Answer(200, b'["S"]'),
        Answer(200, b'{"code": "S"}'),
        Answer(200, b'{"codes": "S"}'),
        Answer(200, b"[" * 60000),
        Answer(200, b'{"codes": ["S"]}' + b" " * 70000),
        Drip(),
        body(),
        body("S", "T"),
        body(""),
        body("  "),
        body(7),
        body({"code": "S"}),
        body("S" * 65),
        body("S\\1"),
        body("S\u00e9"),
        body("<p>S^1</p>"),
        body("MRN-1"),
        body("mrn1"),
    ],
)
def test_answers_that_are_no_pseudonym(service: IdentityService, answer: Answer) -> None:
    """Each stops the batch for now; the message says nothing of the patient or the answer."""
    service.answer = answer
    with pytest.raises(Retry, match="identity service") as caught:
        client(service.url, Timeout=1).code(PATIENT)
    assert "MRN" not in str(caught.value)
    assert "<" not in str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 307, 401, 403, 404])
def test_what_a_person_has_to_mend(service: IdentityService, status: int) -> None:
    """Refusals, and redirections, which are not followed."""
    service.answer = Answer(status, b'{"codes": ["S"]}', headers={"Location": service.url})
    with pytest.raises(Misconfigured, match=str(status)):
        client(service.url).code(PATIENT)
    assert len(service.asked) == 1


def test_nobody_listens() -> None:
    """Later."""
    with pytest.raises(Retry, match="does not answer"):
        client(f"http://127.0.0.1:{free_port()}/").code(PATIENT)


def test_certificates_are_checked(tmp_path: Path) -> None:
    """Only one of an authority that is trusted, for the name that was asked."""
    authority, other = Authority(tmp_path, "ca"), Authority(tmp_path, "other")
    with IdentityService({"MRN-1": "S"}, authority.issue("service")) as service:
        assert client(service.url, CertificateAuthority=str(authority.certificate)).code(PATIENT) == "S"
        for settings in ({}, {"CertificateAuthority": str(other.certificate)}):
            with pytest.raises(Misconfigured, match="wrong certificate"):
                client(service.url, **settings).code(PATIENT)
    with (
        IdentityService({"MRN-1": "S"}, authority.issue("elsewhere", "DNS:example.org")) as service,
        pytest.raises(Misconfigured, match="wrong certificate"),
    ):
        client(service.url, CertificateAuthority=str(authority.certificate)).code(PATIENT)
    with pytest.raises(Misconfigured, match="CertificateAuthority"):
        client("https://127.0.0.1/", CertificateAuthority=str(tmp_path / "none.pem"))
