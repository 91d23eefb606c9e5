"""What is particular to a modality: negotiation, statuses, queries that are not answered, commitment, TLS."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import pydicom
import pytest
from pydicom.uid import UID, ImplicitVRLittleEndian, JPEG2000Lossless
from pynetdicom import AllStoragePresentationContexts

from sendit.errors import Misconfigured, Retry
from tests.destinations.bench import Servers, no_progress, open_out
from tests.destinations.bench_dicom_modality import behind_meta, modality_document, start_modality
from tests.destinations.bench_orthanc_peer import instance_id
from tests.destinations.staged_instances import read_testfile, shipment, shipment_of
from tests.servers.certificates import Authority
from tests.servers.fault_proxy import Silence, Slow
from tests.servers.orthanc import OrthancServer
from tests.servers.ports import free_port
from tests.servers.storage_scp import StorageScp, storescp
from tests.servers.tcp_fault_proxy import C_GET, C_STORE, Corrupt, DicomFaultProxy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sendit.destinations.base import Destination
    from sendit.model import Shipment

OUT = "SendIt.Destinations.out"
PLACE = "DicomModalities.archive"


@pytest.fixture(scope="module")
def server(servers: Servers) -> OrthancServer:
    return servers.get("modality", start_modality)


@pytest.fixture
def proxy(server: OrthancServer) -> Iterator[DicomFaultProxy]:
    with DicomFaultProxy(server.dicom_port) as proxy:
        yield proxy


#: A limit for what answers, however busy the machine is; and one for what does not.
PATIENT, BRIEF = 30, {"Timeout": 2}


def _open(port: int, entry: Mapping[str, object] | None = None, **settings: object) -> Destination:
    modality = {"AET": "ARCHIVE", "Host": "127.0.0.1", "Port": port, "Timeout": PATIENT, **(entry or {})}
    return open_out(modality_document(port, modality, **settings))


def test_a_title_that_is_not_known(tmp_path: Path) -> None:
    """The modality rejects a wrong AET: told with its place, by check and by delivery."""
    with OrthancServer(tmp_path / "orthanc", {"DicomCheckCalledAet": True}, name="OTHER") as server:
        destination = _open(server.dicom_port)
        for act in (destination.check, lambda: destination.deliver(shipment(tmp_path, 1), no_progress)):
            with pytest.raises(Misconfigured, match="title other than its own") as caught:
                act()
            assert caught.value.place == PLACE


def test_a_modality_that_may_not_be_asked(tmp_path: Path) -> None:
    """Orthanc without DicomAlwaysAllowFind drops the association: check says what would help."""
    with OrthancServer(tmp_path / "orthanc", {"DicomAlwaysAllowFind": False}, name="ARCHIVE") as server:
        with pytest.raises(Retry, match="allow SendIt to query there"):
            _open(server.dicom_port).check()
        destination = _open(server.dicom_port, AcknowledgementIsEnough=True)
        destination.check()
        sent = shipment(tmp_path, 2)
        assert destination.deliver(sent, no_progress) == 2
        assert destination.verify(sent) == []


def test_a_receiver_that_answers_no_query(tmp_path: Path) -> None:
    """dcmtk's storescp: everything arrives bit by bit; it counts as verified only where the operator says so."""
    sent = shipment(tmp_path)
    with storescp(tmp_path / "received", "--bit-preserving") as port:
        destination = _open(port, Concurrency=1)  # it takes one association at a time
        assert destination.deliver(sent, no_progress) == 5
        with pytest.raises(Misconfigured, match="AcknowledgementIsEnough"):
            destination.verify(sent)
        assert _open(port, AcknowledgementIsEnough=True).verify(sent) == []
        received = [file.read_bytes() for file in (tmp_path / "received").iterdir()]
    assert {behind_meta(file) for file in received} == {
        behind_meta(staged.path.read_bytes()) for staged in sent.staged_instances
    }


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (0xA700, Retry),
        (0xA701, Retry),
        (0x0110, Retry),
        (0xA900, Misconfigured),
        (0xC000, Misconfigured),
        (0x0122, Misconfigured),
        (0x0124, Misconfigured),
        (0xB000, None),
        (0xB006, None),
        (0x0000, None),
    ],
    ids=lambda value: f"{value:04X}" if isinstance(value, int) else "",
)
def test_statuses(tmp_path: Path, status: int, error: type[Exception] | None) -> None:
    """Out of resources may heal, a refusal is for an operator, a warning is noted."""
    sent = shipment(tmp_path, 1)
    with StorageScp([status]) as scp:
        destination = _open(scp.port)
        if error is None:
            assert destination.deliver(sent, no_progress) == 1
        else:
            with pytest.raises(error, match=f"{status:04X}"):
                destination.deliver(sent, no_progress)
            assert destination.deliver(sent, no_progress) == 1


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_implicit.dcm", "MR_small_RLE.dcm", "JPEG2000.dcm"])
def test_as_it_is_where_it_is_taken(server: OrthancServer, tmp_path: Path, name: str) -> None:
    """The transfer syntax stays what it is, and nothing is decoded on the way."""
    sent = shipment_of(read_testfile(name), folder=tmp_path)
    destination = _open(server.dicom_port)
    destination.deliver(sent, no_progress)
    held = pydicom.dcmread(BytesIO(server.instance_file(instance_id(sent.staged_instances[0].receipt))))
    ours = pydicom.dcmread(sent.staged_instances[0].path)
    assert held.file_meta.TransferSyntaxUID == ours.file_meta.TransferSyntaxUID
    assert held.PixelData == ours.PixelData
    assert destination.verify(sent) == []


@pytest.mark.parametrize("option", ["--prefer-uncompr", "--implicit"])
@pytest.mark.parametrize("name", ["MR_small_RLE.dcm", "JPEG2000.dcm", "CT_small.dcm", "MR_small_implicit.dcm"])
def test_converted_where_it_is_not_taken(tmp_path: Path, name: str, option: str) -> None:
    """A modality that takes one uncompressed transfer syntax gets that one; the pixels are the same."""
    sent = shipment_of(read_testfile(name), folder=tmp_path)
    with storescp(tmp_path / "received", option) as port:
        _open(port, Concurrency=1).deliver(sent, no_progress)
        (file,) = (tmp_path / "received").iterdir()
        got, ours = pydicom.dcmread(file), pydicom.dcmread(sent.staged_instances[0].path)
    syntax = got.file_meta.TransferSyntaxUID
    assert syntax == ImplicitVRLittleEndian or (
        option != "--implicit" and not got.file_meta.TransferSyntaxUID.is_compressed
    )
    assert (got.pixel_array == ours.pixel_array).all()
    assert got.PatientID == ours.PatientID


def test_what_cannot_be_converted(tmp_path: Path) -> None:
    """Big endian, which its pixels would not survive, and conversions that orthanc.json forbids: told, nothing sent."""
    with StorageScp(syntaxes=[ImplicitVRLittleEndian]) as scp:
        for name, entry in (("MR_small_bigendian.dcm", {}), ("MR_small_RLE.dcm", {"AllowTranscoding": False})):
            sent = shipment_of(read_testfile(name), folder=tmp_path)
            with pytest.raises(Misconfigured, match="transfer syntax") as caught:
                _open(scp.port, entry).deliver(sent, no_progress)
            assert caught.value.place == PLACE
        assert scp.received == []
    with StorageScp(syntaxes=[JPEG2000Lossless]) as scp:
        sent = shipment_of(read_testfile("MR_small_RLE.dcm"), folder=tmp_path)
        with pytest.raises(Misconfigured, match="accepts none"):
            _open(scp.port).deliver(sent, no_progress)


def test_more_kinds_than_one_association_takes(tmp_path: Path) -> None:
    """150 SOP classes: several associations, everything arrives."""
    classes = [UID(str(context.abstract_syntax)) for context in AllStoragePresentationContexts][:150]
    datasets = []
    for sop_class in classes:
        dataset = read_testfile()
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = sop_class
        datasets.append(dataset)
    sent = shipment_of(*datasets, folder=tmp_path)
    counts: list[int] = []
    with StorageScp() as scp:
        assert _open(scp.port).deliver(sent, counts.append) == len(classes)
        assert {uid for _, uid in scp.received} == {staged.receipt.sop_instance_uid for staged in sent.staged_instances}
    assert counts == list(range(1, len(classes) + 1))


def test_corrupted_on_its_way(proxy: DicomFaultProxy, tmp_path: Path) -> None:
    """TCP's checksum can miss a bit: what arrived differs from the receipt, and verification says so."""
    sent = shipment(tmp_path, 2)
    proxy.inject(Corrupt(), C_STORE)
    destination = _open(proxy.port, Concurrency=1)
    destination.deliver(sent, no_progress)
    (found,) = destination.verify(sent)
    assert found.problem == "the pixels differ"
    with pytest.raises(Misconfigured, match="different content"):
        destination.deliver(sent, no_progress)


def test_a_slow_network_is_not_an_error(proxy: DicomFaultProxy, tmp_path: Path) -> None:
    """As long as something moves, it goes on: the limit of time counts for silence."""
    sent = shipment(tmp_path, 1)
    proxy.inject(Slow(pause=0.2), C_STORE)
    destination = _open(proxy.port)
    assert destination.deliver(sent, no_progress) == 1
    assert destination.verify(sent) == []


def test_a_modality_that_stops_reading(proxy: DicomFaultProxy, tmp_path: Path) -> None:
    """In the middle of a large instance nothing is read any more: a Retry after the time limit, and no thread hangs."""
    dataset = read_testfile()
    dataset.add_new(0x00091010, "OB", b"\0" * 60_000_000)
    sent = shipment_of(dataset, folder=tmp_path)
    proxy.inject(Silence(), C_STORE)
    with pytest.raises(Retry):
        _open(proxy.port, BRIEF).deliver(sent, no_progress)
    destination = _open(proxy.port)
    assert destination.deliver(sent, no_progress) == 1
    assert destination.verify(sent) == []


def test_silence_when_it_should_give_back(proxy: DicomFaultProxy, tmp_path: Path) -> None:
    """A C-GET without an answer is a Retry, never a verification."""
    sent = shipment(tmp_path, 1)
    destination = _open(proxy.port)
    destination.deliver(sent, no_progress)
    proxy.inject(Silence(), C_GET)
    with pytest.raises(Retry):
        _open(proxy.port, BRIEF).verify(sent)


def test_without_the_staged_files(server: OrthancServer, tmp_path: Path) -> None:
    """Afterwards only presence can be seen: what is gone is found."""
    sent = shipment(tmp_path, 3)
    destination = _open(server.dicom_port)
    destination.deliver(sent, no_progress)
    for staged in sent.staged_instances:
        staged.path.unlink()
    assert destination.verify(sent) == []
    server.session.delete(f"{server.url}/instances/{instance_id(sent.staged_instances[1].receipt)}").raise_for_status()
    assert [found.problem for found in destination.verify(sent)] == ["not there"]


def test_commitment_on_the_same_association(tmp_path: Path) -> None:
    """What the modality commits itself to is verified; what it does not is told with the reason."""
    sent = shipment(tmp_path, 3)
    with StorageScp() as scp:
        destination = _open(scp.port, StorageCommitment=True)
        destination.check()
        destination.deliver(sent, no_progress)
        assert destination.verify(sent) == []
        scp.failed.add(sent.staged_instances[1].receipt.sop_instance_uid)
        (found,) = destination.verify(sent)
    assert found.sop_instance_uid == sent.staged_instances[1].receipt.sop_instance_uid
    assert "does not know it (0112)" in found.problem


@pytest.fixture
def committing(tmp_path: Path) -> Iterator[tuple[OrthancServer, int]]:
    """An Orthanc that answers with an association of its own, to the port that it knows of SENDIT."""
    port = free_port()
    known = {"AET": "SENDIT", "Host": "127.0.0.1", "Port": port, "AllowStorageCommitment": True}
    configuration = {"DicomModalities": {"sendit": known}, "DicomAlwaysAllowFind": True, "DicomAlwaysAllowGet": True}
    with OrthancServer(tmp_path / "orthanc", configuration, name="ARCHIVE") as server:
        yield server, port


def test_commitment_on_another_association(committing: tuple[OrthancServer, int], tmp_path: Path) -> None:
    """Orthanc answers at CommitmentPort; an instance that it lost is named once, with its reason."""
    server, port = committing
    sent = shipment(tmp_path, 3)
    destination = _open(server.dicom_port, StorageCommitment=True, CommitmentPort=port)
    destination.deliver(sent, no_progress)
    assert destination.verify(sent) == []
    server.session.delete(f"{server.url}/instances/{instance_id(sent.staged_instances[1].receipt)}").raise_for_status()
    (found,) = destination.verify(sent)
    assert found.sop_instance_uid == sent.staged_instances[1].receipt.sop_instance_uid


def test_commitment_that_is_not_answered(committing: tuple[OrthancServer, int], tmp_path: Path) -> None:
    """Nobody listens where the modality reports to: asked again later, never called verified."""
    server, _ = committing
    sent = shipment(tmp_path, 1)
    destination = _open(server.dicom_port, StorageCommitment=True, CommitmentTimeout=1)
    destination.deliver(sent, no_progress)
    with pytest.raises(Retry, match="storage commitment"):
        destination.verify(sent)


def test_commitment_that_is_not_offered(tmp_path: Path) -> None:
    """storescp does not know it: told with what to change."""
    sent = shipment(tmp_path, 1)
    with storescp(tmp_path / "received") as port:
        destination = _open(port, StorageCommitment=True, Concurrency=1)
        destination.deliver(sent, no_progress)
        with pytest.raises(Misconfigured, match="does not offer storage commitment"):
            destination.verify(sent)


def _tls(authority: Authority, name: str) -> dict[str, Any]:
    shown = authority.issue(name)
    return {
        "DicomTlsCertificate": str(shown.certificate),
        "DicomTlsPrivateKey": str(shown.key),
        "DicomTlsTrustedCertificates": str(authority.certificate),
    }


def _open_tls(port: int, **orthanc: object) -> Destination:
    entry = {"AET": "ARCHIVE", "Host": "127.0.0.1", "Port": port, "Timeout": 5, "UseDicomTls": True}
    return open_out({**modality_document(port, entry), **orthanc})


def test_tls(tmp_path: Path) -> None:
    """Both sides show a certificate; a stranger's is not trusted, and what is missing is named."""
    hospital, stranger = Authority(tmp_path, "hospital"), Authority(tmp_path, "stranger")
    allow = {"DicomAlwaysAllowFind": True, "DicomAlwaysAllowGet": True, "DicomTlsEnabled": True}
    with OrthancServer(tmp_path / "orthanc", {**allow, **_tls(hospital, "server")}, name="ARCHIVE") as server:
        port, ours = server.dicom_port, _tls(hospital, "client")
        destination = _open_tls(port, **ours)
        destination.check()
        sent: Shipment = shipment(tmp_path, 3)
        assert destination.deliver(sent, no_progress) == 3
        assert destination.verify(sent) == []
        wrong = {**ours, "DicomTlsTrustedCertificates": str(stranger.certificate)}
        for orthanc, place in (
            (wrong, "DicomTlsTrustedCertificates"),
            ({}, "DicomTlsTrustedCertificates"),
            ({**ours, "DicomTlsPrivateKey": "/nowhere.key"}, "DicomTlsPrivateKey"),
            ({**ours, "DicomTlsPrivateKey": ours["DicomTlsCertificate"]}, "DicomTlsPrivateKey"),
            ({**ours, "DicomTlsCertificate": "client.crt"}, "DicomTlsCertificate"),
        ):
            with pytest.raises(Misconfigured) as caught:
                _open_tls(port, **orthanc).check()
            assert caught.value.place == place
        with pytest.raises((Retry, Misconfigured)):
            _open(port, BRIEF).check()


def test_no_modality_there() -> None:
    """A port where nobody listens, and a name that does not resolve, may heal; another protocol is told as it looks."""
    with pytest.raises(Retry, match="connection refused"):
        _open(free_port()).check()
    with pytest.raises(Retry, match="cannot be resolved"):
        _open(104, {"Host": "modality.invalid"}).check()
