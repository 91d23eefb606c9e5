"""The Datastore index: what stands in it, what is found by query, and its limits."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pydicom
import pytest
from google.cloud.datastore import Client, Entity
from google.cloud.datastore.query import PropertyFilter
from pydicom.dataset import Dataset

from sendit.destinations.google.settings import GoogleCredentials
from sendit.destinations.indexes.base import Patience, open_index
from sendit.destinations.indexes.datastore.entities import AGENT
from sendit.destinations.indexes.datastore.settings import DatastoreIndexSettings
from sendit.errors import Misconfigured
from sendit.model import Shipment, StagedInstance
from tests.destinations.index_bench import PLACE, peak_memory, places_of
from tests.destinations.index_bench_datastore import PROJECT, DatastoreBench, official_client, open_datastore
from tests.destinations.staged_instances import coded, new_uid, read_testfile, shipment, shipment_of, staged_of
from tests.servers.google_datastore import DatastoreServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.destinations.bench import Servers


@pytest.fixture
def bench(servers: Servers) -> Iterator[DatastoreBench]:
    bench = DatastoreBench(servers)
    yield bench
    bench.close()


def _ct(**values: Any) -> Any:
    dataset = read_testfile()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def _plain(**values: Any) -> Any:
    """Without the vendor's 150 private elements."""
    dataset = _ct(**values)
    dataset.remove_private_tags()
    return dataset


def _enter(bench: DatastoreBench, sent: Shipment) -> None:
    bench.index.write(sent, places_of(sent))


def _get(client: Client, sent: Shipment, *more: str) -> Any:
    return client.get(client.key("Collection", sent.project, *more))


def _study(client: Client, sent: Shipment) -> Any:
    receipt = sent.staged_instances[0].receipt
    return _get(client, sent, "Entity", receipt.patient_id, "Study", receipt.study_instance_uid)


def test_a_researcher_finds_images_by_what_is_in_them(bench: DatastoreBench, tmp_path: Path) -> None:
    """The official client's queries: equal, a range of a number, one of several, below a project, ordered."""
    thin = _ct(SliceThickness="1.25", BodyPartExamined="CHEST", StudyDescription="Thorax", PatientAge="061Y")
    thick = _ct(SliceThickness="5", BodyPartExamined="CHEST", SeriesDescription="Axial")
    sent = replace(shipment_of(thin, thick, folder=tmp_path), project="FIND")
    _enter(bench, sent)
    client = bench.client

    def found(*filters: tuple[str, str, Any], order: tuple[str, ...] = ()) -> list[Any]:
        query = client.query(kind="Image", ancestor=client.key("Collection", "FIND"), order=order)
        for one in filters:
            query.add_filter(filter=PropertyFilter(*one))
        return [image["SliceThickness"] for image in query.fetch()]

    assert found(("Modality", "=", "CT"), ("BodyPartExamined", "=", "CHEST"), ("SliceThickness", "<", 2.0)) == [1.25]
    assert found(("SeriesDescription", "=", "Axial")) == [5.0]
    assert found(("Manufacturer", "=", "GE MEDICAL SYSTEMS"), order=("-SliceThickness",)) == [5.0, 1.25]
    assert found(("PatientAge", "IN", ["061Y", "062Y"])) == [1.25]
    assert found(("StudyDescription", "=", "Thorax"), ("PatientSex", "=", "O")) == [1.25]
    assert client.aggregation_query(client.query(kind="Image", ancestor=client.key("Collection", "FIND"))).count()


def test_an_image_carries_its_header_and_where_it_lies(bench: DatastoreBench, tmp_path: Path) -> None:
    """Everything that is not binary; the location and digests; the URL in no index."""
    sent = shipment_of(_ct(ImageComments="long " * 400), folder=tmp_path)
    _enter(bench, sent)
    receipt, place = (
        sent.staged_instances[0].receipt,
        places_of(sent)[sent.staged_instances[0].receipt.sop_instance_uid],
    )
    image = bench.held(receipt)[0]
    dataset = pydicom.dcmread(sent.staged_instances[0].path)
    assert image["Rows"] == dataset.Rows
    assert image["PixelSpacing"] == [float(one) for one in dataset.PixelSpacing]
    assert image["ImageComments"] == dataset.ImageComments
    assert "PixelData" not in image
    assert image["storage_url"] == place.url
    assert (image["storage_generation"], image["storage_crc32c"]) == (place.generation, place.crc32c)
    assert (image["sha256"], image["size"], image["batch"]) == (receipt.output_sha256, receipt.output_size, 1)
    assert image["upload_agent"] == AGENT
    assert image.key.flat_path == (  # type: ignore[attr-defined]
        "Collection", "IRB1", "Entity", receipt.patient_id,
        "Study", receipt.study_instance_uid, "Image", receipt.sop_instance_uid,
    )  # fmt: skip
    unindexed = image.exclude_from_indexes  # type: ignore[attr-defined]
    assert {"storage_url", "ImageComments", "PixelSpacing", "storage_crc32c"} <= unindexed
    assert not {"Modality", "SliceThickness", "sha256"} & unindexed


@pytest.mark.filterwarnings("ignore:The value length")
def test_what_is_searched_but_too_long_is_kept_out_of_the_indexes(bench: DatastoreBench, tmp_path: Path) -> None:
    """Datastore refuses indexed strings of more than 1,500 bytes (not characters)."""
    sent = shipment_of(_ct(StudyDescription="é" * 800, SpecificCharacterSet="ISO_IR 192"), folder=tmp_path)
    _enter(bench, sent)
    assert bench.held(sent.staged_instances[0].receipt)[0]["StudyDescription"] == "é" * 800


def test_values_are_left_out_where_an_entity_would_be_too_large(bench: DatastoreBench, tmp_path: Path) -> None:
    """The longest go first, and are named; what is searched stays."""
    dataset = _ct(TextValue="x" * 400_000, ImageComments="c" * 9000)
    item = Dataset()
    item.TextValue = "y" * 450_000
    dataset.ContentSequence = [item]
    dataset.AcquisitionContextSequence = [item]
    sent = shipment_of(dataset, folder=tmp_path)
    _enter(bench, sent)
    image = bench.held(sent.staged_instances[0].receipt)[0]
    assert image["truncated"] in (["ContentSequence"], ["AcquisitionContextSequence"])
    assert image["Modality"] == "CT"
    assert bench.index.verify(sent, places_of(sent)) == []


def test_study_entity_and_collection_sum_up(bench: DatastoreBench, tmp_path: Path) -> None:
    """Counts, what occurs, the first and last date, batches and archives; late parts and other studies are added."""
    project = "SUMS"
    base = replace(shipment_of(*(_ct(PatientAge="006M") for _ in range(3)), folder=tmp_path), project=project)
    patient, study = base.staged_instances[0].receipt.patient_id, base.staged_instances[0].receipt.study_instance_uid
    late_one = staged_of(coded(_ct(Modality="PT", SeriesDate="20300101"), patient, study, new_uid()), tmp_path)
    late = Shipment(8, project, [late_one], part=2)
    other = Shipment(9, project, [staged_of(coded(_ct(), patient, new_uid(), new_uid()), tmp_path)])
    for sent in (base, late, other, late):
        _enter(bench, sent)
    stands = _study(bench.client, base)
    assert (stands["image_count"], stands["series_count"], stands["batches"]) == (4, 2, [1, 8])
    assert stands["Modality"] == ["CT", "PT"]
    assert stands["age"] == 0.5
    assert (stands["first_date"], stands["last_date"]) == ("19970430", "20300101")
    folder = f"gs://sendit-demo/Collection/{project}/Entity/{patient}/{patient}"
    assert stands["storage_url"] == [f"{folder}.tar.gz", f"{folder}_part2.tar.gz"]
    entity = _get(bench.client, base, "Entity", patient)
    assert (entity["study_count"], entity["image_count"], entity["batches"]) == (2, 5, [1, 8, 9])
    collection = _get(bench.client, base)
    assert (collection["entity_count"], collection["study_count"], collection["image_count"]) == (1, 2, 5)
    for sent in (base, late, late, other):
        bench.index.remove(sent)
    assert _study(bench.client, base) is None
    assert _get(bench.client, base, "Entity", patient) is None
    assert _get(bench.client, base) is None


def test_two_patients_of_a_project(bench: DatastoreBench, tmp_path: Path) -> None:
    """The collection counts each of them once, however often each was written."""
    first, second = (replace(shipment(tmp_path, 2), project="TWO") for _ in range(2))
    for sent in (first, second, first, second):
        _enter(bench, sent)
    stands = _get(bench.client, first)
    assert (stands["entity_count"], stands["study_count"], stands["image_count"]) == (2, 2, 4)
    bench.index.remove(first)
    stands = _get(bench.client, first)
    assert (stands["entity_count"], stands["study_count"], stands["image_count"]) == (1, 1, 2)


@pytest.mark.parametrize("nth", [2, 3])
def test_counts_survive_lost_answers(bench: DatastoreBench, tmp_path: Path, nth: int) -> None:
    """The answer to the commit of a sum is lost although Datastore has acted: it is counted once."""
    sent = replace(shipment(tmp_path, 2), project=f"LOST{nth}")
    bench.harm_writing(replace(bench.healing["slow"], times=nth - 1))
    bench.harm_writing(replace(bench.healing["dropped-after"], times=1))
    _enter(bench, sent)
    assert _get(bench.client, sent)["image_count"] == 2
    assert _study(bench.client, sent)["image_count"] == 2


@pytest.mark.slow
def test_many_images_go_in_several_commits(bench: DatastoreBench, tmp_path: Path) -> None:
    """At most 500 entities and 3.5 MB in each."""
    sent = shipment_of(*(_plain(ImageComments="c" * 9000) for _ in range(501)), folder=tmp_path)
    _enter(bench, sent)
    assert bench.writes() >= 4  # the images in two or more, and two sums
    assert _study(bench.client, sent)["image_count"] == 501
    assert bench.index.verify(sent, places_of(sent)) == []


def test_two_buckets_need_two_namespaces(bench: DatastoreBench, tmp_path: Path) -> None:
    """They would overwrite each other's entries for ever; with namespaces each has its own."""
    sent = shipment(tmp_path, 1)
    _enter(bench, sent)
    with pytest.raises(Misconfigured, match="another bucket") as caught:
        bench.index.write(sent, places_of(sent, bucket="elsewhere"))
    assert caught.value.place == f"{PLACE}.Namespace"
    apart = open_datastore({**bench.settings(), "Namespace": "elsewhere"})
    apart.write(sent, places_of(sent, bucket="elsewhere"))
    assert apart.verify(sent, places_of(sent, bucket="elsewhere")) == []
    client = official_client(bench.server.endpoint, namespace="elsewhere")
    assert _study(client, sent)["storage_bucket"] == "elsewhere"
    assert _study(bench.client, sent)["storage_bucket"] == "sendit-demo"


def test_a_wrong_project_and_a_missing_database(bench: DatastoreBench) -> None:
    """What the server says when the names in the configuration are wrong."""
    for wrong in ({"GoogleProject": "sendit-other"}, {"Database": "nowhere"}):
        with pytest.raises(Misconfigured, match="no such project or database"):
            open_datastore({**bench.settings(), **wrong}).check()


def test_the_endpoint_needs_no_credentials(bench: DatastoreBench) -> None:
    """With an endpoint (an emulator) nobody is asked who we are, whatever this machine has."""
    settings = DatastoreIndexSettings.model_validate(bench.settings())
    open_index(PLACE, settings, GoogleCredentials()).check()


def test_entities_outlive_the_server(tmp_path: Path) -> None:
    """With a folder, what was stored is there after a restart, after SIGKILL too."""
    sent = shipment(tmp_path, 2)
    for again in (False, True):
        with DatastoreServer(tmp_path / "kept", project=PROJECT) as server:
            index = open_datastore({"Type": "Datastore", "GoogleProject": PROJECT, "Endpoint": server.endpoint})
            if not again:
                index.write(sent, places_of(sent))
            assert index.verify(sent, places_of(sent)) == []


def test_the_server_refuses_what_datastore_refuses(bench: DatastoreBench) -> None:
    """Limits and mistakes, as the documentation has them."""
    client = bench.client

    def entity(name: str, **properties: Any) -> Entity:
        made = Entity(client.key("Refused", name), exclude_from_indexes=("blob",))
        made.update(properties)
        return made

    for refused in (entity("a", text="x" * 1501), entity("b", blob="x" * 1_048_500), entity("c", __x__=1)):
        with pytest.raises(Exception, match=r"longer than|reserved"):
            client.put(refused)
    many = client.batch()
    many.begin()
    for number in range(501):
        many.put(entity(str(number)))
    twice = client.batch()
    twice.begin()
    twice.put(entity("a"))
    twice.delete(client.key("Refused", "a"))
    for batch, words in ((many, "more than 500"), (twice, "same entity")):
        with pytest.raises(Exception, match=words):
            batch.commit()
    assert client.get(client.key("Refused", "a")) is None


def test_transactions_that_meet(bench: DatastoreBench) -> None:
    """Who read what another has changed since is told to begin anew."""
    client = bench.client
    key = client.key("Meeting", "one")
    meeting = client.transaction()
    meeting.begin()
    client.get(key, transaction=meeting)
    official_client(bench.server.endpoint).put(Entity(key))
    meeting.put(Entity(key))
    with pytest.raises(Exception, match="contention"):
        meeting.commit()


def test_unknown_keys_in_the_configuration() -> None:
    """They are errors, with their names."""
    with pytest.raises(ValueError, match="DataBase"):
        DatastoreIndexSettings.model_validate({"Type": "Datastore", "GoogleProject": PROJECT, "DataBase": "x"})


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_study_of_5000_instances(bench: DatastoreBench, tmp_path: Path) -> None:
    """Written within 512 MB, counted, and verified."""
    dataset = _plain()
    patient, study, series = "P5000", new_uid(), new_uid()
    sent = Shipment(1, "LARGE", [staged_of(coded(dataset, patient, study, series), tmp_path) for _ in range(5000)])
    assert peak_memory(bench, sent, tmp_path) < 512
    assert _study(bench.client, sent)["image_count"] == 5000
    patient_index = open_datastore(bench.settings(), Patience(call=30, whole=60))
    assert patient_index.verify(sent, places_of(sent)) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_instance_of_2_gb(bench: DatastoreBench, tmp_path: Path) -> None:
    """Its header is read within 512 MB."""
    small = shipment(tmp_path, 1).staged_instances[0]
    sent = Shipment(1, "LARGE", [_inflated(small, 2 * 1024**3)])
    assert peak_memory(bench, sent, tmp_path) < 512
    assert bench.held(small.receipt)[0]["size"] > 2 * 1024**3


def _inflated(staged: StagedInstance, size: int) -> StagedInstance:
    """The same instance with so many bytes of pixels, which take no room on the disk."""
    data = staged.path.read_bytes()
    at = data.rindex(b"\xe0\x7f\x10\x00OW")
    with staged.path.open("wb") as file:
        file.write(data[: at + 8] + size.to_bytes(4, "little"))
        file.truncate(file.tell() + size)
    with staged.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    changed = replace(staged.receipt, output_size=staged.path.stat().st_size, output_sha256=digest)
    return StagedInstance(changed, staged.path)
