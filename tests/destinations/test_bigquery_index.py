"""The BigQuery index: the table that it makes, what is found by query, and what BigQuery refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from google.cloud import bigquery

from sendit.destinations.indexes.bigquery.rows import COLUMNS, row_of
from sendit.destinations.indexes.bigquery.settings import BigQueryIndexSettings
from sendit.destinations.indexes.header import read_header
from sendit.errors import Misconfigured, Retry
from sendit.model import Shipment
from tests.destinations.index_bench import PLACE, part_of, peak_memory, places_of
from tests.destinations.index_bench_bigquery import DATASET, PROJECT, BigQueryBench, official_client, open_bigquery
from tests.destinations.staged_instances import coded, new_uid, read_testfile, shipment, shipment_of, staged_of
from tests.servers.google_bigquery import BigQueryServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.destinations.bench import Servers

#: The table of the original SendIt, all texts.
ORIGINAL = (
    "entity_id", "item_id", "storage_download", "storage_metadataLink", "AccessionNumber", "PatientID", "PatientSex",
    "PatientAge", "width", "height", "ImageType", "Modality", "StudyDescription", "BodyPartExamined",
)  # fmt: skip


@pytest.fixture
def bench(servers: Servers) -> Iterator[BigQueryBench]:
    bench = BigQueryBench(servers)
    yield bench
    bench.close()


def _ct(**values: Any) -> Any:
    dataset = read_testfile()
    dataset.remove_private_tags()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def _make(bench: BigQueryBench, *fields: Any) -> None:
    bench.client.create_dataset(DATASET, exists_ok=True)
    bench.client.create_table(bigquery.Table(bench.name, schema=list(fields)))


def test_the_table_is_made(bench: BigQueryBench) -> None:
    """By check(): with the original's columns first, ours after, in partitions, clustered; twice is no error."""
    bench.index.check()
    bench.index.check()
    table = bench.client.get_table(bench.name)
    assert [field.name for field in table.schema] == list(COLUMNS)
    assert tuple(COLUMNS)[: len(ORIGINAL)] == ORIGINAL
    assert {COLUMNS[name] for name in ORIGINAL} == {"STRING"}
    assert table.time_partitioning.type_ == "MONTH"
    assert table.clustering_fields == ["project", "PatientID", "StudyInstanceUID"]


def test_the_originals_table_goes_on(bench: BigQueryBench, tmp_path: Path) -> None:
    """Columns are added to a table that is there; its own columns and rows stay."""
    _make(bench, *(bigquery.SchemaField(name, "STRING") for name in ORIGINAL), bigquery.SchemaField("theirs", "STRING"))
    assert bench.client.insert_rows_json(bench.name, [{"entity_id": "old", "theirs": "kept"}]) == []
    sent = shipment(tmp_path, 2)
    bench.index.write(sent, places_of(sent))
    assert bench.holds_all(sent)
    names = [field.name for field in bench.client.get_table(bench.name).schema]
    assert names[: len(ORIGINAL) + 1] == [*ORIGINAL, "theirs"]
    assert set(names) == {*COLUMNS, "theirs"}
    assert [row["theirs"] for row in bench.client.list_rows(bench.name) if row["entity_id"] == "old"] == ["kept"]


@pytest.mark.parametrize("first", ["verify", "write", "remove"])
def test_a_table_from_before_the_digests(bench: BigQueryBench, tmp_path: Path, first: str) -> None:
    """It gets the column; its rows are as well as before, are not entered twice, and are mended where they differ."""
    sent = shipment(tmp_path, 3)
    places = places_of(sent)
    _make(bench, *(bigquery.SchemaField(name, kind) for name, kind in COLUMNS.items() if name != "index_digest"))
    rows = [row_of(read_header(p), p.receipt, places[p.receipt.sop_instance_uid], sent) for p in sent.staged_instances]
    old = [{name: value for name, value in row.items() if name != "index_digest"} for row in rows]
    assert bench.client.insert_rows_json(bench.name, old) == []
    if first == "remove":
        bench.index.remove(sent)
        assert bench.counted(sent.staged_instances[0].receipt) == 0
        return
    if first == "verify":
        assert bench.index.verify(sent, places) == []
    bench.index.write(sent, places)
    assert bench.writes() == 0
    assert bench.holds_all(sent)
    moved = {uid: replace(place, generation=7) for uid, place in places.items()}
    bench.index.write(sent, moved)
    assert bench.holds_all(sent)
    assert {row["index_digest"] is None for row in bench.client.list_rows(bench.name)} == {False}


def test_a_column_of_another_type(bench: BigQueryBench, tmp_path: Path) -> None:
    """It is named; nothing is changed."""
    _make(bench, bigquery.SchemaField("size", "STRING"))
    sent = shipment(tmp_path, 1)
    with pytest.raises(Misconfigured, match="size") as caught:
        bench.index.write(sent, places_of(sent))
    assert caught.value.place == f"{PLACE}.Table"
    assert len(bench.client.get_table(bench.name).schema) == 1


def test_refused_rows_are_not_quoted(bench: BigQueryBench, tmp_path: Path) -> None:
    """A table with a required column of its own: an operator is told, without a value of any row."""
    _make(bench, bigquery.SchemaField("theirs", "STRING", mode="REQUIRED"))
    sent = shipment(tmp_path, 1)
    with pytest.raises(Misconfigured, match="refuses rows") as caught:
        bench.index.write(sent, places_of(sent))
    assert sent.staged_instances[0].receipt.patient_id not in str(caught.value)


def test_a_researcher_finds_rows(bench: BigQueryBench, tmp_path: Path) -> None:
    """The official client's SQL, on columns and their types; the whole header is beside them."""
    thin = _ct(SliceThickness="1.25", StudyDescription="Thorax", BodyPartExamined="CHEST")
    sent = shipment_of(thin, _ct(SliceThickness="5"), folder=tmp_path)
    places = places_of(sent)
    bench.index.write(sent, places)
    text = f"SELECT * FROM `{bench.name}` WHERE Modality = 'CT' AND SliceThickness < 2 AND BodyPartExamined = 'CHEST'"
    [row] = list(bench.client.query_and_wait(text))
    receipt = sent.staged_instances[0].receipt
    place = places[receipt.sop_instance_uid]
    assert (row["SOPInstanceUID"], row["StudyDescription"]) == (receipt.sop_instance_uid, "Thorax")
    assert (row["width"], row["height"], row["entity_id"]) == ("128", "128", receipt.patient_id)
    assert (row["storage_url"], row["storage_generation"], row["size"]) == (
        place.url,
        place.generation,
        receipt.output_size,
    )
    assert row["storage_metadataLink"].endswith(place.name.replace("/", "%2F"))
    assert json.loads(row["header"])["PixelSpacing"] == [float(one) for one in thin.PixelSpacing]
    assert "PixelData" not in row["header"]


def test_duplicates_are_found_and_mended(bench: BigQueryBench, tmp_path: Path) -> None:
    """A row that is there twice is named by verify; the next write leaves one."""
    sent = shipment(tmp_path, 3)
    bench.index.write(sent, places_of(sent))
    receipt = sent.staged_instances[1].receipt
    uid = receipt.sop_instance_uid
    [row] = [dict(row.items()) for row in bench.client.list_rows(bench.name) if row["SOPInstanceUID"] == uid]
    assert bench.client.insert_rows_json(bench.name, [row]) == []
    assert [(d.sop_instance_uid, d.problem) for d in bench.index.verify(sent, places_of(sent))] == [
        (uid, "it has 2 rows in the index")
    ]
    bench.index.write(sent, places_of(sent))
    assert bench.holds_all(sent)


def test_the_streaming_buffer(tmp_path: Path) -> None:
    """Rows of the last minutes cannot be deleted: a Retry that says when, and later they are removed."""
    with BigQueryServer(project=PROJECT, buffer=3600) as server:
        index = open_bigquery(
            {
                "Type": "BigQuery",
                "GoogleProject": PROJECT,
                "Dataset": DATASET,
                "Endpoint": server.url,
                "Credentials": {"Source": "Anonymous"},
            }
        )
        sent = shipment(tmp_path, 2)
        index.write(sent, places_of(sent))
        with pytest.raises(Retry, match=r"at \d{4}-\d\d-\d\d \d\d:\d\d UTC at the latest"):
            index.remove(sent)
        assert index.verify(sent, places_of(sent)) == []
        server.flush()
        index.remove(sent)
        assert list(official_client(server.url).list_rows(f"{PROJECT}.{DATASET}.dicom")) == []


@pytest.mark.slow
def test_a_large_study_goes_in_several_requests(bench: BigQueryBench, tmp_path: Path) -> None:
    """At most 500 rows in each; more than a page of results is read back."""
    dataset = _ct()
    patient, study, series = "P1100", new_uid(), new_uid()
    sent = Shipment(1, "IRB1", [staged_of(coded(dataset, patient, study, series), tmp_path) for _ in range(1100)])
    bench.index.rows.patience = replace(bench.index.rows.patience, call=30, whole=60)
    bench.index.write(sent, places_of(sent))
    assert bench.writes() == 3
    assert bench.index.verify(sent, places_of(sent)) == []
    bench.index.remove(sent)
    assert bench.counted(sent.staged_instances[0].receipt) == 0


def test_two_buckets_need_two_tables(bench: BigQueryBench, tmp_path: Path) -> None:
    """Otherwise every instance would have two rows."""
    sent = shipment(tmp_path, 1)
    bench.index.write(sent, places_of(sent))
    with pytest.raises(Misconfigured, match="another bucket") as caught:
        bench.index.write(sent, places_of(sent, bucket="elsewhere"))
    assert caught.value.place == f"{PLACE}.Table"


def test_nothing_was_ever_written(bench: BigQueryBench, tmp_path: Path) -> None:
    """Without a table everything is missing, and there is nothing to remove."""
    sent = shipment(tmp_path, 2)
    assert [d.problem for d in bench.index.verify(sent, places_of(sent))] == ["not there"] * 2
    bench.index.remove(sent)


def test_a_wrong_project(bench: BigQueryBench) -> None:
    """What the server says when the name in the configuration is wrong."""
    with pytest.raises(Misconfigured, match="no such project"):
        open_bigquery({**bench.settings(), "GoogleProject": "sendit-other"}).check()


def test_rows_outlive_the_server(tmp_path: Path) -> None:
    """With a folder, what was inserted is there after a restart, after SIGKILL too."""
    sent = shipment(tmp_path, 2)
    for again in (False, True):
        with BigQueryServer(tmp_path / "kept", PROJECT) as server:
            index = open_bigquery(
                {
                    "Type": "BigQuery",
                    "GoogleProject": PROJECT,
                    "Dataset": DATASET,
                    "Endpoint": server.url,
                    "Credentials": {"Source": "Anonymous"},
                }
            )
            if not again:
                index.write(sent, places_of(sent))
            assert index.verify(sent, places_of(sent)) == []


def test_late_parts_say_so(bench: BigQueryBench, tmp_path: Path) -> None:
    """Each row names its batch and part."""
    whole = shipment(tmp_path, 2)
    for number in (1, 2):
        one = part_of(whole, [whole.staged_instances[number - 1]], number + 5, number)
        bench.index.write(one, places_of(one))
    assert sorted(row["batch"] for row in bench.client.list_rows(bench.name)) == [6, 7]


def test_unknown_keys_in_the_configuration() -> None:
    """They are errors, with their names."""
    with pytest.raises(ValueError, match="DataSet"):
        BigQueryIndexSettings.model_validate({"Type": "BigQuery", "GoogleProject": PROJECT, "DataSet": "x"})


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_study_of_5000_instances(bench: BigQueryBench, tmp_path: Path) -> None:
    """Written within 512 MB, and verified."""
    dataset = _ct()
    patient, study, series = "P5000", new_uid(), new_uid()
    sent = Shipment(1, "IRB1", [staged_of(coded(dataset, patient, study, series), tmp_path) for _ in range(5000)])
    assert peak_memory(bench, sent, tmp_path) < 512
    bench.index.rows.patience = replace(bench.index.rows.patience, call=30, whole=60)
    assert bench.index.verify(sent, places_of(sent)) == []
    assert bench.counted(sent.staged_instances[0].receipt) == 5000
