"""What an Orthanc peer can answer, and what becomes of it."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from sendit.errors import Misconfigured, Quarantine, Retry, SendItError
from sendit.model import Shipment
from tests.destinations.bench import Servers, no_progress
from tests.destinations.bench_orthanc_peer import OrthancPeerBench, instance_id, open_peer
from tests.destinations.staged_instances import altered, shipment, with_receipt
from tests.servers.fault_proxy import Corrupt, FaultProxy, Silence, Status, Truncate
from tests.servers.orthanc import OrthancServer
from tests.servers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PASSWORD = "pässword:with a colon"

#: Answers with status 200 that do not mean that an instance was stored.
_NOT_SUCCESS = pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        ("FilteredOut", Misconfigured, "filtered the instance out"),
        ("Failure", Misconfigured, "did not store the instance"),
        ("StorageFull", Retry, "is full"),
    ],
)


def _failure(peer: object, sent: Shipment, **configuration: object) -> SendItError:
    with pytest.raises(SendItError) as caught:
        open_peer(peer, **configuration).deliver(sent, no_progress)
    assert PASSWORD not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 507])
def test_statuses_that_may_heal(proxy: FaultProxy, tmp_path: Path, status: int) -> None:
    """The peer or what stands before it is not well: tried again."""
    proxy.inject(Status(status), "POST /instances")
    error = _failure([proxy.url], shipment(tmp_path, 1))
    assert isinstance(error, Retry)
    assert f"the peer research is failing: it answered {status} to POST /instances" in str(error)


@pytest.mark.parametrize(
    ("status", "place", "words"),
    [
        (401, "OrthancPeers.research", "Check Username and Password"),
        (403, "OrthancPeers.research", "does not allow SendIt to store"),
        (404, "OrthancPeers.research", "no Orthanc at this URL"),
        (405, "OrthancPeers.research", "no Orthanc at this URL"),
        (407, "HttpProxy", "Check its user and password"),
        (413, "OrthancPeers.research", "too large"),
        (400, "OrthancPeers.research", "the peer refuses the instance"),
        (418, "OrthancPeers.research", "unexpected: it answered 418"),
        (501, "OrthancPeers.research", "unexpected: it answered 501"),
    ],
)
def test_statuses_that_need_a_person(proxy: FaultProxy, tmp_path: Path, status: int, place: str, words: str) -> None:
    """Trying again would not help: place, problem and remedy are told."""
    proxy.inject(Status(status), "POST /instances")
    error = _failure([proxy.url], shipment(tmp_path, 1))
    assert isinstance(error, Misconfigured)
    assert error.place == place
    assert words in str(error)


def test_of_an_error_only_orthancs_message_is_told(proxy: FaultProxy, tmp_path: Path) -> None:
    """The body of an error may hold anything; the field Message of Orthanc does not."""
    body = json.dumps({"Message": "Bad file format", "Details": "secret detail", "OrthancStatus": 15}).encode()
    proxy.inject(Status(400, body), "POST /instances")
    error = str(_failure([proxy.url], shipment(tmp_path, 1)))
    assert "Bad file format" in error
    assert "secret" not in error
    proxy.inject(Status(400, b"<html>secret page"), "POST /instances")
    assert "secret" not in str(_failure([proxy.url], shipment(tmp_path, 1)))


def test_what_the_peer_cannot_read_is_told_with_its_reason(proxy: FaultProxy, tmp_path: Path) -> None:
    """A real Orthanc refuses what is not DICOM with 400."""
    (staged,) = shipment(tmp_path, 1).staged_instances
    staged.path.write_bytes(b"not DICOM")
    broken = with_receipt(staged, output_sha256=hashlib.sha256(b"not DICOM").hexdigest())
    error = _failure([proxy.url], Shipment(1, "IRB1", [broken]))
    assert isinstance(error, Misconfigured)
    assert "Bad file format" in str(error)


def test_a_redirection_is_told_and_not_followed(proxy: FaultProxy, tmp_path: Path) -> None:
    """A POST that is redirected would silently become a GET; the credentials in the target are not shown."""
    proxy.inject(Status(301, headers={"Location": "https://bob:hunter2@elsewhere:8043/orthanc/?token=hunter2"}))
    error = _failure([proxy.url], shipment(tmp_path, 1))
    assert isinstance(error, Misconfigured)
    assert "redirected to https://elsewhere:8043/orthanc/," in str(error)
    assert "hunter2" not in str(error)


def test_refused_and_unresolvable(tmp_path: Path) -> None:
    """A closed port and an unknown host may both heal."""
    sent = shipment(tmp_path, 1)
    refused = _failure([f"http://127.0.0.1:{free_port()}"], sent)
    assert isinstance(refused, Retry)
    assert "connection refused" in str(refused)
    unknown = _failure(["http://nowhere.invalid:8042"], sent)
    assert isinstance(unknown, Retry)
    assert "cannot be resolved" in str(unknown)


def test_a_peer_that_says_nothing(proxy: FaultProxy, tmp_path: Path) -> None:
    """The peer's own Timeout counts before the global one."""
    proxy.inject(Silence(), "POST /instances")
    error = _failure({"Url": proxy.url, "Timeout": 1}, shipment(tmp_path, 1), HttpTimeout=600)
    assert isinstance(error, Retry)
    assert "did not answer within 1 s" in str(error)


def test_a_truncated_answer(proxy: FaultProxy, tmp_path: Path) -> None:
    """Half an answer is none; the next attempt finds the instance there."""
    sent = shipment(tmp_path, 2)
    proxy.inject(Truncate(), "POST /instances")
    assert isinstance(_failure([proxy.url], sent), Retry)
    assert open_peer([proxy.url]).deliver(sent, no_progress) == 2
    assert proxy.uploads() == 2


@pytest.mark.parametrize("body", [b"", b"<html>Welcome to our network", b"[]", b"{}", b'"x"'])
def test_a_success_that_is_not_orthancs_is_none(proxy: FaultProxy, tmp_path: Path, body: bytes) -> None:
    """200 alone is no acknowledgement: without Orthanc's Status nothing was delivered."""
    proxy.inject(Status(200, body), "POST /instances")
    error = _failure([proxy.url], shipment(tmp_path, 1))
    assert isinstance(error, Retry)
    assert "not Orthanc's" in str(error)


@_NOT_SUCCESS
def test_an_answer_that_is_not_success(
    proxy: FaultProxy, tmp_path: Path, status: str, kind: type[SendItError], words: str
) -> None:
    """HTTP 200 with another Status: never taken for delivered."""
    proxy.inject(Status(200, json.dumps({"ID": "x", "Status": status}).encode()), "POST /instances")
    error = _failure([proxy.url], shipment(tmp_path, 1))
    assert isinstance(error, kind)
    assert words in str(error)


def test_stored_under_other_identifiers(proxy: FaultProxy, tmp_path: Path) -> None:
    """A peer that changes what it receives has not stored what was sent."""
    proxy.inject(Status(200, json.dumps({"ID": "0" * 8, "Status": "Success"}).encode()), "POST /instances")
    error = _failure([proxy.url], shipment(tmp_path, 1))
    assert isinstance(error, Misconfigured)
    assert "under other identifiers" in str(error)


def test_said_to_be_there_and_is_not(proxy: FaultProxy, tmp_path: Path) -> None:
    """AlreadyStored is believed only after a look."""
    sent = shipment(tmp_path, 1)
    said = {"ID": instance_id(sent.staged_instances[0].receipt), "Status": "AlreadyStored"}
    proxy.inject(Status(200, json.dumps(said).encode()), "POST /instances")
    assert isinstance(_failure([proxy.url], sent), Retry)


def test_stored_by_another_in_the_meantime(target: OrthancServer, proxy: FaultProxy, tmp_path: Path) -> None:
    """The peer did not know the study when asked and holds the instance when it arrives: compared, not assumed."""
    sent = shipment(tmp_path, 2)
    other = altered(sent.staged_instances[1], tmp_path / "other", StudyDescription="another")
    target.upload(sent.staged_instances[0].path.read_bytes())
    proxy.inject(Status(404), "GET /studies/")
    assert open_peer([proxy.url]).deliver(Shipment(1, "IRB1", sent.staged_instances[:1]), no_progress) == 1
    target.upload(other.path.read_bytes())
    proxy.inject(Status(404), "GET /studies/")
    assert "different content" in str(_failure([proxy.url], Shipment(1, "IRB1", sent.staged_instances[1:])))


def test_an_orthanc_that_filters_everything_out(tmp_path: Path) -> None:
    """A real filter in Lua: the delivery fails with the true reason, and is never called delivered."""
    script = tmp_path / "filter.lua"
    script.write_text("function ReceivedInstanceFilter(dicom, origin, info)\n return false\nend\n")
    sent = shipment(tmp_path, 2)
    with OrthancServer(tmp_path / "orthanc", {"LuaScripts": [str(script)]}) as server:
        error = _failure([server.url], sent)
        assert isinstance(error, Misconfigured)
        assert "filtered the instance out" in str(error)
        assert [found.problem for found in open_peer([server.url]).verify(sent)] == ["not there"] * 2


def test_a_peer_that_lets_store_but_not_read(tmp_path: Path) -> None:
    """A real filter on HTTP in Lua: reading back has to be allowed, and `check` tells so beforehand."""
    script = tmp_path / "filter.lua"
    script.write_text(
        "function IncomingHttpRequestFilter(method, uri, ip, username, httpHeaders)\n"
        " return method ~= 'GET' or string.find(uri, '/instances') == nil\nend\n"
    )
    sent = shipment(tmp_path, 1)
    with OrthancServer(tmp_path / "orthanc", {"LuaScripts": [str(script)]}) as server:
        destination = open_peer([server.url])
        assert destination.deliver(sent, no_progress) == 1
        for read in (lambda: destination.verify(sent), destination.check):
            with pytest.raises(Misconfigured, match="does not allow SendIt to read") as caught:
                read()
            assert "reads back what it has sent" in caught.value.remedy


def test_a_peer_without_digests(tmp_path: Path) -> None:
    """A peer that keeps no MD5 is read back and compared here; nothing is sent twice."""
    sent = shipment(tmp_path, 2)
    with (
        OrthancServer(tmp_path / "orthanc", {"StoreMD5ForAttachments": False}) as server,
        FaultProxy(server.url) as proxy,
    ):
        destination = open_peer([proxy.url])
        assert destination.deliver(sent, no_progress) == 2
        assert destination.verify(sent) == []
        assert destination.deliver(sent, no_progress) == 2
        assert proxy.uploads() == 2


def test_a_peer_that_compresses_its_storage(tmp_path: Path) -> None:
    """StorageCompression changes nothing of what is compared."""
    sent = shipment(tmp_path, 2)
    with OrthancServer(tmp_path / "orthanc", {"StorageCompression": True}) as server:
        destination = open_peer([server.url])
        destination.deliver(sent, no_progress)
        assert destination.verify(sent) == []


def test_a_peer_that_would_overwrite_is_not_let(tmp_path: Path) -> None:
    """OverwriteInstances at the peer: what it holds under the same UID stays as it is."""
    sent = shipment(tmp_path, 1)
    other = altered(sent.staged_instances[0], tmp_path / "other", StudyDescription="another")
    with OrthancServer(tmp_path / "orthanc", {"OverwriteInstances": True}) as server:
        server.upload(other.path.read_bytes())
        assert "different content" in str(_failure([server.url], sent))
        assert server.instance_file(instance_id(other.receipt)) == other.path.read_bytes()


def test_users_and_passwords(tmp_path: Path) -> None:
    """All the places where Orthanc takes credentials from, with characters beyond Latin-1; and wrong ones."""
    users = {"AuthenticationEnabled": True, "RegisteredUsers": {"alice": PASSWORD, "bob€": "pw"}}
    sent = shipment(tmp_path, 1)
    with OrthancServer(tmp_path / "orthanc", users) as server:
        host = server.url.removeprefix("http://")
        basic = b64encode(f"alice:{PASSWORD}".encode()).decode()
        for peer in (
            [server.url, "alice", PASSWORD],
            {"Url": server.url, "Username": "alice", "Password": PASSWORD},
            {"URL": server.url + "/", "Username": "bob€", "Password": "pw"},
            {"Url": server.url, "HttpHeaders": {"Authorization": f"Basic {basic}", "Expect": ""}},
            [f"http://alice:{quote(PASSWORD, safe='')}@{host}"],
        ):
            destination = open_peer(peer)
            destination.check()
            assert destination.deliver(sent, no_progress) == 1
        for peer in ([server.url], [server.url, "alice", "wrong"]):
            error = _failure(peer, sent)
            assert isinstance(error, Misconfigured)
            assert error.place == "OrthancPeers.research"
            assert error.remedy == "Check Username and Password."
            with pytest.raises(Misconfigured, match="denies SendIt access"):
                open_peer(peer).check()


def test_headers_and_keep_alive(target: OrthancServer, proxy: FaultProxy, tmp_path: Path) -> None:
    """HttpHeaders go along; an empty one is left out, as curl does; answers are asked for uncompressed."""
    peer = {"Url": proxy.url, "HttpHeaders": {"Token": "Hello wörld", "Expect": "", "Content-Length": "1"}}
    open_peer(peer).deliver(shipment(tmp_path, 2), no_progress)
    for _, headers in proxy.seen:
        assert headers["token"].encode("latin-1").decode() == "Hello wörld"
        assert headers["accept-encoding"] == "identity"
        assert headers["connection"] == "keep-alive"
        assert "expect" not in headers


def test_a_header_that_cannot_be_sent(proxy: FaultProxy, tmp_path: Path) -> None:
    """A line break in a header is told with its place, and not with its value."""
    error = _failure({"Url": proxy.url, "HttpHeaders": {"Token": "a\r\nhunter2: b"}}, shipment(tmp_path, 1))
    assert isinstance(error, Misconfigured)
    assert "HttpHeaders" in str(error)
    assert "hunter2" not in str(error)


def test_a_url_with_a_path(proxy: FaultProxy, tmp_path: Path) -> None:
    """A peer behind a reverse proxy, under a path of it."""
    body = json.dumps({"ApiVersion": 17, "Version": "1.10.1"}).encode()
    proxy.inject(Status(200, body), "GET /some/path/system")
    proxy.inject(Status(404), "GET /some/path/instances/")
    open_peer([proxy.url + "/some/path/"]).check()
    assert [request.split("/instances")[0] for request, _ in proxy.seen] == [
        "GET /some/path/system",
        "GET /some/path",
    ]


def test_the_configured_proxy_is_used(target: OrthancServer, proxy: FaultProxy, tmp_path: Path) -> None:
    """HttpProxy, with and without credentials and scheme."""
    host = proxy.url.removeprefix("http://")
    for configured in (host, proxy.url, f"carl:secret@{host}"):
        proxy.seen.clear()
        open_peer(["http://peer.invalid:8042"], HttpProxy=configured).check()
        headers = proxy.seen[0][1]
        assert headers["host"] == "peer.invalid:8042"
    assert headers["proxy-authorization"] == "Basic " + b64encode(b"carl:secret").decode()
    proxy.close()
    error = _failure(["http://peer.invalid:8042"], shipment(tmp_path, 1), HttpProxy=f"carl:secret@{host}")
    assert isinstance(error, Retry)
    assert "the proxy (HttpProxy) cannot be reached" in str(error)
    assert "secret" not in str(error)


def test_a_proxy_of_another_kind(tmp_path: Path) -> None:
    """SOCKS is told to be out of reach before anything is sent."""
    error = _failure(["http://peer.invalid:8042"], shipment(tmp_path, 1), HttpProxy="socks5://127.0.0.1:1080")
    assert isinstance(error, Misconfigured)
    assert error.place == "HttpProxy"


def test_nothing_of_the_environment_is_used(
    target: OrthancServer, proxy: FaultProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proxies and .netrc of the environment would send studies where orthanc.json does not say."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login bob password hunter2\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{free_port()}")
    assert open_peer([proxy.url]).deliver(shipment(tmp_path, 1), no_progress) == 1
    assert all("authorization" not in headers for _, headers in proxy.seen)


def test_check_knows_an_orthanc(proxy: FaultProxy) -> None:
    """What answers but is no Orthanc, or a read-only one, is told before anything is sent."""
    for body in (b"<html>Welcome", b"{}", b"[]"):
        proxy.inject(Status(200, body), "GET /system")
        with pytest.raises(Misconfigured, match="not an Orthanc"):
            open_peer([proxy.url]).check()
    proxy.inject(Status(404), "GET /system")
    with pytest.raises(Misconfigured, match="not an Orthanc"):
        open_peer([proxy.url]).check()
    proxy.inject(Status(200, b'{"ApiVersion": 27, "ReadOnly": true}'), "GET /system")
    with pytest.raises(Misconfigured, match="read-only"):
        open_peer([proxy.url]).check()


class OldOrthanc(FaultProxy):
    """Knows no ZIP archives: before Orthanc 1.8.2 one was a bad file."""

    def intercept(self, request: str, headers: Mapping[str, str]) -> tuple[int, bytes] | None:
        bad = headers.get("content-type") == "application/zip"
        return (400, b'{"Message": "Bad file format"}') if bad else None


def _types(proxy: FaultProxy) -> list[str]:
    """What the uploads were, in their order."""
    return [headers["content-type"] for request, headers in proxy.seen if request == "POST /instances"]


def test_small_instances_travel_together(proxy: FaultProxy, tmp_path: Path) -> None:
    """One request carries many; each is acknowledged and read back by itself."""
    sent = shipment(tmp_path, 5)
    counts: list[int] = []
    assert open_peer([proxy.url]).deliver(sent, counts.append) == 5
    assert counts == [1, 2, 3, 4, 5]
    assert _types(proxy) == ["application/zip"]
    assert open_peer([proxy.url]).verify(sent) == []


def test_a_peer_that_takes_no_archives(target: OrthancServer, tmp_path: Path) -> None:
    """An old Orthanc is sent one after the other, and asked for its opinion on archives once."""
    sent = shipment(tmp_path, 5)
    with OldOrthanc(target.url) as proxy:
        assert open_peer([proxy.url]).deliver(sent, no_progress) == 5
        assert _types(proxy) == ["application/zip"] + ["application/dicom"] * 5
        assert open_peer([proxy.url]).verify(sent) == []


def test_what_an_archive_held_and_the_answer_does_not_name(proxy: FaultProxy, tmp_path: Path) -> None:
    """Orthanc passes over a bad file in silence: the answers are counted, and the error names the instance."""
    staged_instances = list(shipment(tmp_path, 3).staged_instances)
    staged_instances[1].path.write_bytes(b"not DICOM")
    bad = with_receipt(staged_instances[1], output_sha256=hashlib.sha256(b"not DICOM").hexdigest(), output_size=9)
    error = _failure([proxy.url], Shipment(1, "IRB1", [staged_instances[0], bad, staged_instances[2]]))
    assert isinstance(error, Misconfigured)
    assert "Bad file format" in str(error)
    assert _types(proxy) == ["application/zip", "application/dicom"]
    assert open_peer([proxy.url]).verify(Shipment(1, "IRB1", [staged_instances[0], staged_instances[2]])) == []


@_NOT_SUCCESS
def test_one_of_an_archive_is_not_stored(
    proxy: FaultProxy, tmp_path: Path, status: str, kind: type[SendItError], words: str
) -> None:
    """Every answer is read: one that is not success is told as for a single instance."""
    sent = shipment(tmp_path, 3)
    said = [{"ID": instance_id(staged.receipt), "Status": "Success"} for staged in sent.staged_instances]
    said[1]["Status"] = status
    proxy.inject(Status(200, json.dumps(said).encode()), "POST /instances")
    error = _failure([proxy.url], sent)
    assert isinstance(error, kind)
    assert words in str(error)


@pytest.mark.parametrize("body", [b"", b"<html>Welcome to our network", b"[1]", b"{}", b'[{"ID": "x"}]'])
def test_an_answer_to_an_archive_that_is_not_orthancs(proxy: FaultProxy, tmp_path: Path, body: bytes) -> None:
    """200 alone acknowledges nothing of an archive either."""
    proxy.inject(Status(200, body), "POST /instances")
    error = _failure([proxy.url], shipment(tmp_path, 2))
    assert isinstance(error, Retry)
    assert "not Orthanc's" in str(error)


def test_an_archive_that_acknowledges_nothing(proxy: FaultProxy, tmp_path: Path) -> None:
    """An empty list: everything is sent once more by itself."""
    sent = shipment(tmp_path, 3)
    proxy.inject(Status(200, b"[]"), "POST /instances")
    assert open_peer([proxy.url]).deliver(sent, no_progress) == 3
    assert proxy.uploads() == 3
    assert open_peer([proxy.url]).verify(sent) == []


def test_what_is_already_there_is_compared_within_an_archive(proxy: FaultProxy, tmp_path: Path) -> None:
    """The peer says AlreadyStored of one of several: another content is found, the same content is well."""
    sent = shipment(tmp_path, 3)
    assert open_peer([proxy.url]).deliver(Shipment(1, "IRB1", sent.staged_instances[:1]), no_progress) == 1
    proxy.inject(Status(404), "GET /studies/")
    assert open_peer([proxy.url]).deliver(sent, no_progress) == 3
    other = altered(sent.staged_instances[0], tmp_path / "other", StudyDescription="another")
    proxy.inject(Status(404), "GET /studies/")
    assert "different content" in str(_failure([proxy.url], Shipment(1, "IRB1", [other, *sent.staged_instances[1:]])))


def test_nothing_of_an_archive_leaves_where_one_is_not_released(proxy: FaultProxy, tmp_path: Path) -> None:
    """Law 1 is asked for every member before the first byte of the archive."""
    staged_instances = list(shipment(tmp_path, 3).staged_instances)
    staged_instances[2] = with_receipt(staged_instances[2], released=False)
    with pytest.raises(Quarantine):
        open_peer([proxy.url]).deliver(Shipment(1, "IRB1", staged_instances), no_progress)
    assert _types(proxy) == []


def test_a_bit_that_changes_in_an_archive_is_noticed(proxy: FaultProxy, tmp_path: Path) -> None:
    """The archive's sums show it to the peer, which refuses all of it: sent one by one, nothing wrong is stored."""
    sent = shipment(tmp_path, 3)
    proxy.inject(Corrupt(), "POST /instances")
    assert open_peer([proxy.url]).deliver(sent, no_progress) == 3
    assert open_peer([proxy.url]).verify(sent) == []


def test_a_study_that_is_there_in_part_takes_few_questions(proxy: FaultProxy, tmp_path: Path) -> None:
    """Of a study that the peer knows in part, one question per series tells what is missing."""
    sent = shipment(tmp_path, 40)
    open_peer([proxy.url]).deliver(Shipment(1, "IRB1", sent.staged_instances[:2]), no_progress)
    proxy.passed.clear()
    assert open_peer([proxy.url]).deliver(sent, no_progress) == 40
    questions = [request.split("/")[1] for request in proxy.passed if request.startswith("GET ")]
    assert sorted(questions) == ["instances", "instances", "series", "studies"]
    assert proxy.uploads() == 40


def test_a_large_shipment_through_few_connections(servers: Servers, tmp_path: Path) -> None:
    """One question about the study suffices for hundred instances, whichever thread asks it."""
    sent = shipment(tmp_path, 100)
    with closing(OrthancPeerBench(servers)) as bench:
        assert bench.destination.deliver(sent, no_progress) == 100
        questions = [request for request in bench.proxy.passed if request.startswith("GET ")]
        assert len(questions) == 1
        assert bench.destination.verify(sent) == []
