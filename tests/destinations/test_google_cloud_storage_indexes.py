"""A bucket and its indexes together: entered after the objects, removed before them, pointing at what is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sendit.destinations import bigquery_index_client, datastore_index_client
from sendit.destinations.base import Destination
from sendit.errors import Retry
from sendit.model import Consignment
from tests.destinations.bench import Servers, open_out
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
from tests.destinations.parcels import consignment, consignment_of, read_testfile
from tests.servers.fault_proxy import DropBefore

_INDEXES: Mapping[str, Callable[[Servers], IndexBench]] = {"Datastore": DatastoreBench, "BigQuery": BigQueryBench}
_LAYOUTS: Mapping[str, Callable[[Servers], GoogleCloudStorageBench]] = {
    "Archive": ArchiveBench,
    "Instances": InstancesBench,
}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator's indexes try for a minute and more."""
    monkeypatch.setattr(bigquery_index_client, "Patience", partial(bigquery_index_client.Patience, 2.0, 4.0))
    monkeypatch.setattr(datastore_index_client, "Patience", partial(datastore_index_client.Patience, 2.0, 4.0))


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


def _sent(folder: Path, count: int = 3) -> Consignment:
    return replace(consignment(folder, count), batch_id=31)


def _nothing(_: int) -> None:
    pass


def test_entries_point_at_the_objects(bucket: GoogleCloudStorageBench, index: IndexBench, tmp_path: Path) -> None:
    """What the official client finds in the index leads, by the official client, to the object."""
    destination, sent = _open(bucket, index.settings()), _sent(tmp_path)
    destination.check()
    assert destination.deliver(sent, _nothing) == 3
    assert destination.verify(sent) == []
    assert bucket.holds_all(sent)
    assert index.holds_all(sent)
    plain = plain_bucket(bucket.server.url)
    for parcel in sent.parcels:
        [entry] = index.held(parcel.receipt)
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
        destination.deliver(sent, _nothing)
    assert [index.held(parcel.receipt) for parcel in sent.parcels] == [[]] * 3
    bucket.heal()
    destination.deliver(sent, _nothing)
    assert index.holds_all(sent)
    assert destination.verify(sent) == []


def test_an_index_that_is_down_is_filled_later(
    bucket: GoogleCloudStorageBench, index: IndexBench, tmp_path: Path
) -> None:
    """The objects are there and stay; the delivery is a Retry until the index has them, and sends nothing twice."""
    destination, sent = _open(bucket, {**index.settings(), **_nowhere(index)}), _sent(tmp_path)
    with pytest.raises(Retry):
        destination.deliver(sent, _nothing)
    assert bucket.holds_all(sent)
    before = bucket.uploads()
    destination = _open(bucket, index.settings())
    assert destination.deliver(sent, _nothing) == 3
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
    destination.deliver(sent, _nothing)
    gone = sent.parcels[1].receipt
    index.remove(gone)
    assert [found.sop_instance_uid for found in destination.verify(sent)] == [gone.sop_instance_uid]
    destination.deliver(sent, _nothing)
    assert destination.verify(sent) == []
    assert index.holds_all(sent)


def test_recall_empties_both(bucket: GoogleCloudStorageBench, index: IndexBench, tmp_path: Path) -> None:
    """The recalled batch is gone from the bucket and from the index; a late part of the same study stays in both."""
    destination, whole = _open(bucket, index.settings()), consignment(tmp_path, 4)
    first, late = part_of(whole, whole.parcels[:2], 41, 1), part_of(whole, whole.parcels[2:], 42, 2)
    for one in (first, late):
        destination.deliver(one, _nothing)
        assert destination.verify(one) == []
    assert destination.recall(first) == []
    assert [bucket.held(parcel.receipt) for parcel in first.parcels] == [None, None]
    assert [len(index.held(parcel.receipt)) for parcel in whole.parcels] == [0, 0, 1, 1]
    assert destination.verify(late) == []
    assert bucket.holds_all(late)


def test_objects_stay_while_the_index_cannot_be_emptied(
    bucket: GoogleCloudStorageBench, index: IndexBench, tmp_path: Path
) -> None:
    """A recall begins with the index; while that fails nothing of the bucket is touched."""
    destination, sent = _open(bucket, index.settings()), _sent(tmp_path)
    destination.deliver(sent, _nothing)
    broken = _open(bucket, {**index.settings(), **_nowhere(index)})
    with pytest.raises(Retry):
        broken.recall(sent)
    assert bucket.holds_all(sent)
    assert index.holds_all(sent)


def test_both_indexes_of_one_bucket(servers: Servers, tmp_path: Path) -> None:
    """Each has every instance, once."""
    bucket, datastore, bigquery = ArchiveBench(servers), DatastoreBench(servers), BigQueryBench(servers)
    destination = _open(bucket, datastore.settings(), bigquery.settings())
    sent = consignment_of(*(read_testfile() for _ in range(2)), folder=tmp_path)
    destination.check()
    destination.deliver(sent, _nothing)
    assert destination.verify(sent) == []
    assert datastore.holds_all(sent)
    assert bigquery.holds_all(sent)
    assert destination.recall(sent) == []
    for bench in (bucket, datastore, bigquery):
        bench.close()
