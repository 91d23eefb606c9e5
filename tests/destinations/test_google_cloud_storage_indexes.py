"""A bucket and its indexes together: entered after the objects, removed before them, pointing at what is there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sendit.destinations.indexes.base import Patience
from sendit.destinations.indexes.bigquery import client as bigquery_index_client
from sendit.destinations.indexes.datastore import client as datastore_index_client
from sendit.errors import Retry
from tests.destinations.bench import Servers, no_progress, open_out
from tests.destinations.bench_google_cloud_storage import (
    BUCKET,
    ArchiveBench,
    GoogleCloudStorageBench,
    InstancesBench,
    document,
    plain_bucket,
)
from tests.destinations.index_bench import IndexBench, part_of
from tests.destinations.index_bench_bigquery import BigQueryBench
from tests.destinations.index_bench_datastore import DatastoreBench
from tests.destinations.staged_instances import read_testfile, shipment, shipment_of
from tests.servers.fault_proxy import DropBefore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from sendit.destinations.base import Destination
    from sendit.model import Shipment

_INDEXES: Mapping[str, Callable[[Servers], IndexBench]] = {"Datastore": DatastoreBench, "BigQuery": BigQueryBench}
_LAYOUTS: Mapping[str, Callable[[Servers], GoogleCloudStorageBench]] = {
    "Archive": ArchiveBench,
    "Instances": InstancesBench,
}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator's indexes try for a minute and more."""
    monkeypatch.setattr(bigquery_index_client, "PATIENCE", Patience(2.0, 4.0))
    monkeypatch.setattr(datastore_index_client, "PATIENCE", Patience(2.0, 4.0))


@pytest.fixture(params=_INDEXES)
def index(request: pytest.FixtureRequest, servers: Servers) -> Iterator[IndexBench]:
    """Each index in its turn, whose servers and proxies are those of its own contract."""
    bench = _INDEXES[request.param](servers)
    yield bench
    bench.close()


@pytest.fixture(params=_LAYOUTS)
def bucket(request: pytest.FixtureRequest, servers: Servers) -> Iterator[GoogleCloudStorageBench]:
    """Each layout in its turn."""
    bench = _LAYOUTS[request.param](servers)
    yield bench
    bench.close()


def _open(bucket: GoogleCloudStorageBench, *indexes: Mapping[str, Any]) -> Destination:
    return open_out(document(bucket.proxy.url, Layout=bucket.layout, Index=list(indexes)))


def _sent(folder: Path, count: int = 3) -> Shipment:
    return replace(shipment(folder, count), batch_id=31)


def test_entries_point_at_the_objects(bucket: GoogleCloudStorageBench, index: IndexBench, tmp_path: Path) -> None:
    """What the official client finds in the index leads, by the official client, to the object."""
    destination, sent = _open(bucket, index.settings()), _sent(tmp_path)
    destination.check()
    assert destination.deliver(sent, no_progress) == 3
    assert destination.verify(sent) == []
    assert bucket.holds_all(sent)
    assert index.holds_all(sent)
    plain = plain_bucket(bucket.server.url)
    for staged in sent.staged_instances:
        [entry] = index.held(staged.receipt)
        scheme, _, name = str(entry["storage_url"]).partition(f"{BUCKET}/")
        assert scheme == "gs://"
        assert plain.get_blob(name) is not None
        assert bool(entry.get("storage_member")) == (bucket.layout == "Archive")


def test_nothing_is_entered_of_what_did_not_arrive(
    bucket: GoogleCloudStorageBench, index: IndexBench, tmp_path: Path
) -> None:
    """While the bucket refuses, the index stays empty; then both are filled, once."""
    destination, sent = _open(bucket, index.settings()), _sent(tmp_path)
    bucket.harm_uploads(DropBefore())
    with pytest.raises(Retry):
        destination.deliver(sent, no_progress)
    assert [index.held(staged.receipt) for staged in sent.staged_instances] == [[]] * 3
    bucket.heal()
    destination.deliver(sent, no_progress)
    assert index.holds_all(sent)
    assert destination.verify(sent) == []


def test_an_index_that_is_down_is_filled_later(
    bucket: GoogleCloudStorageBench, index: IndexBench, tmp_path: Path
) -> None:
    """The objects are there and stay; the delivery is a Retry until the index has them, and sends nothing twice."""
    destination, sent = _open(bucket, {**index.settings(), **_nowhere(index)}), _sent(tmp_path)
    with pytest.raises(Retry):
        destination.deliver(sent, no_progress)
    assert bucket.holds_all(sent)
    before = bucket.uploads()
    destination = _open(bucket, index.settings())
    assert destination.deliver(sent, no_progress) == 3
    assert bucket.uploads() == before
    assert index.holds_all(sent)


def _nowhere(index: IndexBench) -> dict[str, Any]:
    """An endpoint where nobody listens: every connection is refused at once."""
    return {"Endpoint": "127.0.0.1:9" if isinstance(index, DatastoreBench) else "http://127.0.0.1:9"}


def test_verify_hears_of_a_hole_in_the_index(
    bucket: GoogleCloudStorageBench, index: IndexBench, tmp_path: Path
) -> None:
    """All objects there, one entry gone: it is named, and the next delivery enters it."""
    destination, sent = _open(bucket, index.settings()), _sent(tmp_path)
    destination.deliver(sent, no_progress)
    gone = sent.staged_instances[1].receipt
    index.remove(gone)
    assert [found.sop_instance_uid for found in destination.verify(sent)] == [gone.sop_instance_uid]
    destination.deliver(sent, no_progress)
    assert destination.verify(sent) == []
    assert index.holds_all(sent)


def test_recall_empties_both(bucket: GoogleCloudStorageBench, index: IndexBench, tmp_path: Path) -> None:
    """The recalled batch is gone from the bucket and from the index; a late part of the same study stays in both."""
    destination, whole = _open(bucket, index.settings()), shipment(tmp_path, 4)
    first, late = part_of(whole, whole.staged_instances[:2], 41, 1), part_of(whole, whole.staged_instances[2:], 42, 2)
    for one in (first, late):
        destination.deliver(one, no_progress)
        assert destination.verify(one) == []
    assert destination.recall(first) == []
    assert [bucket.held(staged.receipt) for staged in first.staged_instances] == [None, None]
    assert [len(index.held(staged.receipt)) for staged in whole.staged_instances] == [0, 0, 1, 1]
    assert destination.verify(late) == []
    assert bucket.holds_all(late)


def test_objects_stay_while_the_index_cannot_be_emptied(
    bucket: GoogleCloudStorageBench, index: IndexBench, tmp_path: Path
) -> None:
    """A recall begins with the index; while that fails nothing of the bucket is touched."""
    destination, sent = _open(bucket, index.settings()), _sent(tmp_path)
    destination.deliver(sent, no_progress)
    broken = _open(bucket, {**index.settings(), **_nowhere(index)})
    with pytest.raises(Retry):
        broken.recall(sent)
    assert bucket.holds_all(sent)
    assert index.holds_all(sent)


def test_both_indexes_of_one_bucket(servers: Servers, tmp_path: Path) -> None:
    """Each has every instance, once."""
    bucket, datastore, bigquery = ArchiveBench(servers), DatastoreBench(servers), BigQueryBench(servers)
    destination = _open(bucket, datastore.settings(), bigquery.settings())
    sent = shipment_of(*(read_testfile() for _ in range(2)), folder=tmp_path)
    destination.check()
    destination.deliver(sent, no_progress)
    assert destination.verify(sent) == []
    assert datastore.holds_all(sent)
    assert bigquery.holds_all(sent)
    assert destination.recall(sent) == []
    for bench in (bucket, datastore, bigquery):
        bench.close()
