"""A real disk that is full, under the server of an index: the delivery waits, and goes on when there is room."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from sendit.errors import Retry
from tests.destinations.bench_folder import fill, mount_small
from tests.destinations.index_bench import places_of
from tests.destinations.index_bench_bigquery import DATASET, open_bigquery, start_bigquery
from tests.destinations.index_bench_datastore import PROJECT, open_datastore, start_ours
from tests.destinations.staged_instances import shipment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from sendit.destinations.indexes.base import Index


def _datastore(server: Any) -> Index:
    return open_datastore({"Type": "Datastore", "GoogleProject": PROJECT, "Endpoint": server.endpoint})


def _bigquery(server: Any) -> Index:
    settings = {"Type": "BigQuery", "GoogleProject": PROJECT, "Dataset": DATASET, "Endpoint": server.url}
    return open_bigquery({**settings, "Credentials": {"Source": "Anonymous"}})


INDEXES: Mapping[str, tuple[Callable[[Path], Any], Callable[[Any], Index]]] = {
    "BigQuery": (start_bigquery, _bigquery),
    "Datastore": (start_ours, _datastore),
}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "disk"
    path.mkdir()
    mount_small(path, "1m")
    yield path
    subprocess.run(["umount", "--lazy", str(path)], check=True)


@pytest.mark.parametrize("name", INDEXES)
def test_the_disk_of_the_server_is_full(disk: Path, tmp_path: Path, name: str) -> None:
    """A Retry for as long as it lasts; then every instance once, also after the server was started again."""
    start, opened = INDEXES[name]
    sent = shipment(tmp_path, 3)
    with start(disk / "server") as server:
        index = opened(server)
        index.check()
        fill(disk / "filler")
        with pytest.raises(Retry):
            index.write(sent, places_of(sent))
        (disk / "filler").unlink()
        index.write(sent, places_of(sent))
        assert index.verify(sent, places_of(sent)) == []
    with start(disk / "server") as server:
        assert opened(server).verify(sent, places_of(sent)) == []
