"""What is particular to buckets: names, archives, metadata, keys and classes, credentials, and what check() says."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sendit.destinations.gcs.archive_layout import archive_bytes
from sendit.destinations.gcs.bucket import CHUNK
from sendit.errors import Misconfigured, Retry
from sendit.model import Shipment, StagedInstance
from tests.destinations.bench import no_progress, open_out
from tests.destinations.bench_google_cloud_storage import BUCKET, document, plain_bucket, read_archive
from tests.destinations.killed_sender import KilledSender
from tests.destinations.staged_instances import new_uid, read_testfile, shipment, shipment_of
from tests.servers.fault_proxy import CorruptAnswer, DropAfter, DropBefore, FaultProxy, Silence, Slow, Status
from tests.servers.google_storage import GoogleStorage
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sendit.destinations.base import Destination


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoogleStorage]:
    with GoogleStorage(tmp_path_factory.mktemp("storage"), buckets=[BUCKET]) as server:
        yield server


def opened(server: GoogleStorage | FaultProxy, **settings: object) -> Destination:
    return open_out(document(server.url, **settings))


def dated(sent: Shipment, **changes: object) -> Shipment:
    """The shipment with other receipts."""
    staged_instances = [StagedInstance(replace(p.receipt, **changes), p.path) for p in sent.staged_instances]  # type: ignore[arg-type]
    return replace(sent, staged_instances=staged_instances)


def blobs(server: GoogleStorage, sent: Shipment) -> list[Any]:
    """What the bucket holds of the patient, in the default layout of archives."""
    prefix = f"Collection/IRB1/Entity/{sent.staged_instances[0].receipt.patient_id}/"
    return list(plain_bucket(server.url).list_blobs(prefix=prefix))


def large(folder: Path, size: int, zeros: bool = False) -> Shipment:
    """One instance of about `size` bytes; of random bytes it cannot be compressed."""
    dataset = read_testfile()
    dataset.Rows, dataset.Columns = 1024, size // 2048
    dataset.PixelData = bytes(dataset.Columns * 2048) if zeros else os.urandom(dataset.Columns * 2048)
    return shipment_of(dataset, folder=folder)


# --- archives ----------------------------------------------------------------------------------------------------


def test_an_archive_as_the_official_client_reads_it(server: GoogleStorage, tmp_path: Path) -> None:
    """Its name, its kind, what it says of itself, and every byte in it; nothing of the original."""
    sent = dated(shipment(tmp_path, 3), study_date="20200131", accession_number="A7", input_sha256="0e" * 32)
    opened(server).deliver(sent, no_progress)
    (blob,) = blobs(server, sent)
    first = sent.staged_instances[0].receipt
    patient = first.patient_id
    assert blob.name == f"Collection/IRB1/Entity/{patient}/{patient}_20200131_A7.tar.gz"
    assert (blob.content_type, blob.content_encoding) == ("application/gzip", None)
    files = read_archive(blob)
    listed = files.pop("manifest.json")
    assert blob.metadata["manifest_sha256"] == hashlib.sha256(listed).hexdigest()
    said = {key: blob.metadata[key] for key in ("batch", "project", "study", "part", "instances", "plan_sha256")}
    assert said == {
        "batch": "1", "project": "IRB1", "study": first.study_instance_uid, "part": "1", "instances": "3",
        "plan_sha256": first.plan_sha256,
    }  # fmt: skip
    assert list(files) == sorted(files)
    assert {hashlib.sha256(data).hexdigest() for data in files.values()} == {
        staged.receipt.output_sha256 for staged in sent.staged_instances
    }
    assert first.input_sha256.encode() not in listed
    assert {entry["output_sha256"] for entry in json.loads(listed)["instances"]} == {
        staged.receipt.output_sha256 for staged in sent.staged_instances
    }


_PACK = """
import hashlib, json, sys
from pathlib import Path
from sendit.destinations.gcs.archive_layout import archive_bytes
from sendit.model import Shipment, StagedInstance, Receipt
given = json.loads(Path(sys.argv[1]).read_text())
staged_instances = [StagedInstance(Receipt.from_dict(receipt), Path(path)) for receipt, path in given]
print(hashlib.sha256(b"".join(archive_bytes(Shipment(1, "IRB1", staged_instances)))).hexdigest())
"""


def test_an_archive_has_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    """Whatever the order of the instances, the time, the batch's number, or the seed of the process."""
    sent = shipment(tmp_path)
    ours = b"".join(archive_bytes(Shipment(1, "IRB1", sent.staged_instances)))
    assert ours[:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # no name and no time in the header of gzip
    for number, staged_instances in enumerate((sent.staged_instances, sent.staged_instances[::-1])):
        order = tmp_path / f"order{number}.json"
        order.write_text(json.dumps([(p.receipt.as_dict(), str(p.path)) for p in staged_instances]))
        environment = {**os.environ, "PYTHONHASHSEED": str(number + 1), "TZ": "Asia/Tokyo"}
        made = subprocess.run(
            [sys.executable, "-c", _PACK, str(order)], capture_output=True, text=True, check=True, env=environment
        )
        assert made.stdout.strip() == hashlib.sha256(ours).hexdigest()
    assert b"".join(archive_bytes(Shipment(99, "IRB1", sent.staged_instances))) == ours


def test_two_studies_of_one_name_are_both_kept(server: GoogleStorage, tmp_path: Path) -> None:
    """One patient, one date, no accession number: the second takes a name with its coded UID, and both are found."""
    one = shipment(tmp_path, 2)
    patient = one.staged_instances[0].receipt.patient_id
    two = dated(shipment(tmp_path, 2), patient_id=patient)
    destination = opened(server)
    for sent in (one, two, one, two):
        assert destination.deliver(sent, no_progress) == 2
        assert destination.verify(sent) == []
    study = two.staged_instances[0].receipt.study_instance_uid
    stem = f"Collection/IRB1/Entity/{patient}/{patient}_no-study-date_no-accession"
    assert [blob.name for blob in blobs(server, one)] == [f"{stem}.tar.gz", f"{stem}_{study}.tar.gz"]
    assert destination.recall(one) == []
    assert destination.verify(two) == []
    assert destination.deliver(two, no_progress) == 2
    assert [blob.name for blob in blobs(server, one)] == [f"{stem}_{study}.tar.gz"]


def test_studies_of_one_name_that_race(server: GoogleStorage, tmp_path: Path) -> None:
    """Several at once, each twice at the same time: all are kept, and each is there once."""
    first = shipment(tmp_path, 1)
    patient = first.staged_instances[0].receipt.patient_id
    several = [dated(shipment(tmp_path, 1), patient_id=patient) for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda sent: opened(server).deliver(sent, no_progress), several * 2))
    assert counts == [1] * 8
    assert len(blobs(server, first)) == 4
    assert all(opened(server).verify(sent) == [] for sent in several)


def test_late_parts_have_archives_of_their_own(server: GoogleStorage, tmp_path: Path) -> None:
    """And are recalled by themselves."""
    sent = shipment(tmp_path, 3)
    first, late = (
        replace(sent, staged_instances=sent.staged_instances[:2]),
        replace(sent, staged_instances=sent.staged_instances[2:], part=2, batch_id=2),
    )
    destination = opened(server)
    destination.deliver(late, no_progress)
    destination.deliver(first, no_progress)
    names = [blob.name for blob in blobs(server, sent)]
    assert [name.rpartition("_")[2] for name in names] == ["no-accession.tar.gz".rpartition("_")[2], "part2.tar.gz"]
    assert destination.recall(late) == []
    assert destination.verify(first) == []
    assert [found.problem for found in destination.verify(late)] == ["not there"]


def test_an_archive_packed_in_another_way_is_the_same(server: GoogleStorage, tmp_path: Path) -> None:
    """What counts is what it holds: another zlib, or another version of SendIt, is no other content."""
    sent = shipment(tmp_path, 2)
    destination = opened(server)
    destination.deliver(sent, no_progress)
    (blob,) = blobs(server, sent)
    blob.metadata = {**blob.metadata, "manifest_sha256": "0" * 64}
    blob.upload_from_string(gzip.compress(gzip.decompress(blob.download_as_bytes()), 9))
    assert destination.deliver(sent, no_progress) == 2
    assert destination.verify(sent) == []


def test_verify_without_the_staged_files(server: GoogleStorage, tmp_path: Path) -> None:
    """The archive is read whole and compared with the receipts; a damaged one is told from a missing one."""
    sent = shipment(tmp_path, 2)
    destination = opened(server)
    destination.deliver(sent, no_progress)
    for staged in sent.staged_instances:
        staged.path.unlink()
    assert destination.verify(sent) == []
    (blob,) = blobs(server, sent)
    blob.upload_from_string(blob.download_as_bytes()[:-3000])
    assert {found.problem for found in destination.verify(sent)} == {"the archive of its study is damaged"}


def test_what_is_damaged_on_its_way_back_is_no_discrepancy(server: GoogleStorage, tmp_path: Path) -> None:
    """The download does not fit Google's digest: it is read again later."""
    sent = shipment(tmp_path, 2)
    with FaultProxy(server.url) as proxy:
        destination = opened(proxy)
        destination.deliver(sent, no_progress)
        proxy.inject(CorruptAnswer(), "GET /download/")
        with pytest.raises(Retry, match="damaged in transit"):
            destination.verify(sent)
        assert destination.verify(sent) == []


@pytest.mark.parametrize("layout", ["Archive", "Instances"])
def test_a_large_instance_goes_in_chunks(server: GoogleStorage, tmp_path: Path, layout: str) -> None:
    """20 MB in one session, with an answer lost on the way; the client goes on by itself."""
    sent = large(tmp_path, 20 << 20)
    with FaultProxy(server.url) as proxy:
        destination = opened(proxy, Layout=layout)
        proxy.inject(DropAfter(), "PUT /upload/")
        proxy.inject(Status(503), "PUT /upload/")
        assert destination.deliver(sent, no_progress) == 1
        assert destination.verify(sent) == []
        sizes = [int(headers["content-length"]) for name, headers in proxy.seen if name.startswith("PUT /upload/")]
        assert max(sizes) == CHUNK


def test_a_sender_killed_between_two_chunks(server: GoogleStorage, tmp_path: Path) -> None:
    """SIGKILL while an archive is half sent: nothing of it is to be seen, and the next attempt brings it whole."""
    sent = large(tmp_path, 20 << 20)
    with FaultProxy(server.url) as proxy:
        for after in (0, 1, 2):
            begun = len(proxy.seen)
            pauses = [Slow(pieces=2, pause=0, times=after), Silence()]
            for pause in pauses:
                proxy.inject(pause, "PUT /upload/")
            with KilledSender(document(proxy.url), sent, tmp_path) as sender:
                wait_for(lambda: _puts(proxy, begun) > after, "the chunk that is not answered")  # noqa: B023
                sender.kill()
            proxy.heal()
            assert blobs(server, sent) == []
        assert opened(proxy).deliver(sent, no_progress) == 1
        assert opened(proxy).verify(sent) == []


def _puts(proxy: FaultProxy, since: int) -> int:
    return sum(name.startswith("PUT /upload/") for name, _ in proxy.seen[since:])


def test_an_answer_that_was_lost_is_no_second_upload(server: GoogleStorage, tmp_path: Path) -> None:
    """The object was made and we were not told: the next look finds it equal."""
    for layout, way in (("Archive", "PUT /upload/"), ("Instances", "POST /upload/")):
        sent = shipment(tmp_path, 1)
        with FaultProxy(server.url) as proxy:
            before = server.state()["created"]
            proxy.inject(DropAfter(times=1), way)
            assert opened(proxy, Layout=layout).deliver(sent, no_progress) == 1
            assert server.state()["created"] == before + 1


# --- instances ---------------------------------------------------------------------------------------------------


def test_instances_as_the_official_client_reads_them(server: GoogleStorage, tmp_path: Path) -> None:
    """Names, kind, what they say of themselves, and every byte."""
    sent = shipment(tmp_path, 3)
    opened(server, Layout="Instances", StorageClass="NEARLINE").deliver(sent, no_progress)
    for staged in sent.staged_instances:
        receipt = staged.receipt
        name = f"{receipt.study_instance_uid}/{receipt.series_instance_uid}/{receipt.sop_instance_uid}.dcm"
        blob = plain_bucket(server.url).get_blob(name)
        assert blob.download_as_bytes() == staged.path.read_bytes()
        assert (blob.content_type, blob.storage_class) == ("application/dicom", "NEARLINE")
        assert blob.metadata["sha256"] == receipt.output_sha256
        assert (blob.metadata["series"], blob.metadata["batch"]) == (receipt.series_instance_uid, "1")


@pytest.mark.parametrize("template", ["{project}/{series}/{instance}.dcm", "{patient}/{study}-{modality}/{instance}"])
def test_a_template_of_ones_own(server: GoogleStorage, tmp_path: Path, template: str) -> None:
    """Also one that puts no study together: then every object is asked for by itself."""
    sent = shipment(tmp_path, 3)
    destination = opened(server, Layout="Instances", ObjectName=template)
    assert destination.deliver(sent, no_progress) == 3
    assert destination.deliver(sent, no_progress) == 3
    assert destination.verify(sent) == []
    assert destination.recall(sent) == []
    assert [found.problem for found in destination.verify(sent)] == ["not there"] * 3


def test_verify_of_instances_is_one_listing(server: GoogleStorage, tmp_path: Path) -> None:
    """Google's digests are compared; nothing is downloaded, and nothing asked one by one."""
    sent = shipment(tmp_path, 8)
    with FaultProxy(server.url) as proxy:
        destination = opened(proxy, Layout="Instances")
        destination.deliver(sent, no_progress)
        for staged in sent.staged_instances:
            staged.path.unlink()
        begun = len(proxy.seen)
        assert destination.verify(sent) == []
        assert len(proxy.seen) == begun + 1


# --- keys, classes, versions -------------------------------------------------------------------------------------

KEY = "projects/p/locations/us/keyRings/r/cryptoKeys/k"


def test_the_key_and_the_class_that_were_asked_for(server: GoogleStorage, tmp_path: Path) -> None:
    """Objects are encrypted with the customer's key and stored in the class."""
    sent = shipment(tmp_path, 1)
    opened(server, KmsKey=KEY, StorageClass="COLDLINE").deliver(sent, no_progress)
    (blob,) = blobs(server, sent)
    assert blob.kms_key_name.startswith(f"{KEY}/cryptoKeyVersions/")
    assert blob.storage_class == "COLDLINE"


def test_a_recall_leaves_no_version(own_server: GoogleStorage, tmp_path: Path) -> None:
    """A bucket that keeps versions keeps none of what was recalled."""
    bucket = plain_bucket(own_server.url)
    bucket.reload()
    bucket.versioning_enabled = True
    bucket.patch()
    for layout in ("Archive", "Instances"):
        sent = shipment(tmp_path, 2)
        destination = opened(own_server, Layout=layout)
        destination.deliver(sent, no_progress)
        assert destination.recall(sent) == []
    assert list(bucket.list_blobs(versions=True)) == []


def test_what_may_not_be_deleted_yet_is_said(server: GoogleStorage, tmp_path: Path) -> None:
    """A retention policy holds it: a discrepancy for every instance, and no error that is tried again."""
    said = {"error": {"code": 403, "message": "Object is subject to bucket's retention policy and cannot be deleted"}}
    for layout in ("Archive", "Instances"):
        sent = shipment(tmp_path, 2)
        with FaultProxy(server.url) as proxy:
            destination = opened(proxy, Layout=layout)
            destination.deliver(sent, no_progress)
            proxy.inject(
                Status(403, json.dumps(said).encode(), {"Content-Type": "application/json"}, times=9), "DELETE "
            )
            left = destination.recall(sent)
        assert {found.sop_instance_uid for found in left} == {p.receipt.sop_instance_uid for p in sent.staged_instances}
        assert all("may not be deleted yet" in found.problem for found in left)


def test_no_room_there(own_server: GoogleStorage, tmp_path: Path) -> None:
    """A full disk at the other end is a Retry; when there is room, all arrives."""
    for layout in ("Archive", "Instances"):
        sent = shipment(tmp_path, 2)
        destination = opened(own_server, Layout=layout)
        own_server.limits(room=1000)
        with pytest.raises(Retry, match="507"):
            destination.deliver(sent, no_progress)
        own_server.limits(room=None)
        assert destination.deliver(sent, no_progress) == 2
        assert destination.verify(sent) == []


# --- faults that do not end --------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [DropBefore(times=99), Status(503, times=99)], ids=["dropped", "503"])
def test_no_message_names_more_than_coded_values(server: GoogleStorage, tmp_path: Path, fault: Any) -> None:
    """What is tried again later says what happened in one line, without a URL."""
    sent = shipment_of(read_testfile(), folder=tmp_path)
    with FaultProxy(server.url) as proxy:
        proxy.inject(replace(fault, times=99), "POST /upload/")
        with pytest.raises(Retry) as caught:
            opened(proxy, Layout="Instances").deliver(sent, no_progress)
    assert "http" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_study_in_the_place_of_ours_is_not_ours(server: GoogleStorage, tmp_path: Path) -> None:
    """Both names taken by objects of others: an operator is told."""
    sent = shipment(tmp_path, 1)
    receipt = sent.staged_instances[0].receipt
    stem = f"Collection/IRB1/Entity/{receipt.patient_id}/{receipt.patient_id}_no-study-date_no-accession"
    for name in (f"{stem}.tar.gz", f"{stem}_{receipt.study_instance_uid}.tar.gz"):
        plain_bucket(server.url).blob(name).upload_from_string(new_uid())
    with pytest.raises(Misconfigured, match="taken by other objects"):
        opened(server).deliver(sent, no_progress)
