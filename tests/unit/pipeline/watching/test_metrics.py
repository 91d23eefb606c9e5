"""The metrics equal the journal's counts, and no label holds anything but names, states and fixed words."""

from __future__ import annotations

import re
from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from sendit.journal import Journal
from sendit.journal import tables as t
from sendit.logs.meters import OTHER, Stopwatch, begin_at_zero, count_instances, kind_of
from sendit.model import BatchState, DeliveryState, InstanceState
from sendit.pipeline.readback.destination_status import UNREACHABLE, Answer
from sendit.pipeline.watching.metrics import Metrics
from tests.journal.test_lists import DESTINATIONS, PROJECTS, fill, work

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Labels = tuple[str, ...]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.open("sqlite", tmp_path)
    yield opened
    opened.close()


def metrics_of(journal: Journal, folder: Path, down: dict[str, Answer] | None = None) -> Metrics:
    settings = SimpleNamespace(
        destinations=dict.fromkeys(DESTINATIONS), projects={"irb": None, "idle": None}, data_directory=folder
    )
    services = SimpleNamespace(journal=journal, settings=settings)
    states = SimpleNamespace(down=lambda: down or {})
    held = SimpleNamespace(hold=lambda name: "paused" if name == "peer" else None)
    return Metrics(cast("Any", services), cast("Any", states), cast("Any", held))


def parsed(metrics: Metrics) -> dict[str, dict[Labels, float]]:
    """Sample → values by labels, these in the order of their names, as Prometheus reads them."""
    samples: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(metrics.text().decode()):
        assert family.documentation
        for sample in family.samples:
            samples.setdefault(sample.name, {})[tuple(value for _, value in sorted(sample.labels.items()))] = (
                sample.value
            )
    return samples


def present(values: dict[Labels, float]) -> dict[Labels, float]:
    return {labels: value for labels, value in values.items() if value}


def counted(journal: Journal, *columns: Any) -> dict[Labels, float]:
    with journal.engine.connect() as c:
        rows = c.execute(sa.select(*columns, sa.func.count()).group_by(*columns)).all()
    return {tuple(str(x or "") for x in row[:-1]): float(row[-1]) for row in rows}


def test_they_equal_the_journals_counts(journal: Journal, tmp_path: Path) -> None:
    """Batches, instances and deliveries by state, what was delivered, what needs a look: recounted from the tables."""
    work(journal)
    fill_beside(journal)
    found = parsed(metrics_of(journal, tmp_path, {"bucket": Answer(UNREACHABLE, "no answer")}))
    b, i, d, x = t.batches.c, t.instances.c, t.deliveries.c, t.totals.c
    assert present(found["sendit_batches"]) == counted(journal, b.project, b.state)
    assert present(found["sendit_instances"]) == counted(journal, i.project, i.state)
    assert found["sendit_batches"]["idle", "DONE"] == 0  # it is configured
    assert {state for _, state in present(found["sendit_instances"])} >= {"RELEASED", "SENT", "REJECTED"}
    assert present(found["sendit_deliveries"]) == counted(journal, d.destination, d.state)
    with journal.engine.connect() as c:
        totals = c.execute(sa.select(x.project, x.destination, sa.func.sum(x.size)).where(x.destination != "").group_by(
            x.project, x.destination)).all()  # fmt: skip
        unseen = c.execute(sa.select(sa.func.count()).where(t.batches.c.unseen == 1)).scalar_one()
        held = c.execute(sa.select(sa.func.sum(d.sent)).where(d.state == DeliveryState.VERIFIED)).scalar_one()
    assert found["sendit_delivered_bytes_total"] == {(where, p): float(size) for p, where, size in totals} != {}
    assert sum(found["sendit_batches_unacknowledged"].values()) == unseen > 0
    assert sum(found["sendit_destination_instances"].values()) == held > 0
    assert found["sendit_destination_up"] == {("bucket",): 0, ("peer",): 1}
    assert found["sendit_destination_held"] == {("bucket",): 0, ("peer",): 1}
    assert found["sendit_queue_age_seconds"]["RECEIVING",] > 0
    assert found["sendit_disk_free_bytes"][()] > 0


def fill_beside(journal: Journal) -> None:
    """Some hundred batches of all states, in a journal that has few, whose numbers begin after those."""
    with journal.engine.begin() as c:
        c.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        for table in (t.deliveries, t.batch_modalities):
            c.execute(sa.update(table).values(batch_id=table.c.batch_id + 1000))
        for table in (t.instances, t.events):
            c.execute(sa.update(table).values(batch_id=table.c.batch_id + 1000))
        c.execute(sa.update(t.batches).values(id=t.batches.c.id + 1000))
    fill(journal, 200)


def test_labels_hold_no_identifier(journal: Journal, tmp_path: Path) -> None:
    """Only names of the configuration, states and fixed words are labels, whatever the reasons say."""
    metrics = metrics_of(journal, tmp_path)
    others = {label for values in parsed(metrics).values() for labels in values for label in labels}  # of other tests
    fill(journal, 300)
    count_instances("irb", 3, 1, ["the leak check failed: PatientName", "a Müller study"], 2)
    watch = Stopwatch("deliver", "bucket")
    watch.stop(ok=False)
    found = parsed(metrics)
    allowed = {"", "idle", *(p for p in PROJECTS if p), *DESTINATIONS, *BatchState, *DeliveryState, *InstanceState}
    allowed |= {"deidentify", "deliver", "recall", "ok", "failed", "released", "rejected", "quarantined"}
    allowed |= {kind_of(reason) for reason in REASONS}
    bounds = {"sendit_stage_seconds_bucket", "sendit_batch_seconds_bucket"}
    for name, values in found.items():
        if name == "sendit_info":
            continue
        shown = {label for labels in values for label in labels} - others
        if name in bounds:
            shown = {label for label in shown if not re.fullmatch(r"[0-9.]+|\+Inf", label)}
        assert shown <= allowed, name


def test_what_this_process_counts(journal: Journal, tmp_path: Path) -> None:
    """Outcomes, kinds of quarantine, text and seconds grow by what happened."""
    metrics = metrics_of(journal, tmp_path)
    before = parsed(metrics)
    count_instances("x", 5, 2, ["the leak check failed: PatientName", "two patients in one study", "?"], 4)
    Stopwatch("recall", "peer").stop(ok=True)
    after = parsed(metrics)

    def grown(name: str, *labels: str) -> float:
        return after[name][labels] - before.get(name, {}).get(labels, 0)

    processed = Counter({outcome: grown("sendit_instances_processed_total", outcome, "x")
                         for outcome in ("released", "rejected", "quarantined")})  # fmt: skip
    assert processed == {"released": 5, "rejected": 2, "quarantined": 3}
    assert [grown("sendit_instances_held_total", kind, "x") for kind in ("leak check", "identity", OTHER)] == [1, 1, 1]
    assert grown("sendit_instances_with_text_total", "x") == 4
    assert grown("sendit_stage_seconds_count", "peer", "ok", "recall") == 1


#: Reasons as the engine and the journal word them, and their kinds.
REASONS = {
    "the leak check failed: PatientName in StudyDescription": "leak check",
    "2 of 3 instances are held: the leak check failed: PatientID": "leak check",
    "no pseudonym: it belongs to another patient than the rest of its study": "identity",
    "another instance with the same SOPInstanceUID and different content exists": "duplicate",
    "the project's function code failed (KeyError)": "recipe",
    "a recipient could no longer read PixelSpacing (OnLostMeaning is Hold)": "lost meaning",
    "identifiers of the patient can still be read in its pixels after masking": "text in pixels",
    "a barcode in its pixels can still be read after masking": "text in pixels",
    "its pixels cannot be examined: a frame is truncated or damaged": "pixels",
    "one of its frames has data behind the image": "pixels",
    "it has too many frames, out of proportion to its size": "size",
    "a fault of SendIt during de-identification (KeyError)": "fault",
    "a staged file does not match its receipt": "fault",
    "its study was recalled": "recalled",
    "something new": OTHER,
}


@pytest.mark.parametrize("reason", REASONS)
def test_kinds_of_reasons(reason: str) -> None:
    assert kind_of(reason) == REASONS[reason]


def test_counts_begin_at_zero(journal: Journal, tmp_path: Path) -> None:
    """The first of a kind is an increase, as Prometheus reckons it: all kinds are there before."""
    begin_at_zero(["new"], ["cloud"])
    before = parsed(metrics_of(journal, tmp_path))
    count_instances("new", 1, 0, ["its frames cannot be decoded"], 1)
    after = parsed(metrics_of(journal, tmp_path))
    name = "sendit_instances_held_total"
    risen = {labels for labels, count in after[name].items() if count != before[name].get(labels)}
    assert risen == {("pixels", "new")}
    assert before[name]["pixels", "new"] == before["sendit_instances_with_text_total"]["new",] == 0
    assert before["sendit_retries_total"]["cloud", "deliver"] == 0
    assert before["sendit_instances_processed_total"]["quarantined", "new"] == 0


def test_what_orthanc_shows(journal: Journal, tmp_path: Path) -> None:
    """The main numbers, without labels, from the same counts."""
    fill(journal, 200)
    states = journal.counts.by_state()
    main = metrics_of(journal, tmp_path).main()
    assert main["sendit_batches_done"] == states[BatchState.DONE]
    assert main["sendit_batches_review"] == states[BatchState.REVIEW]
    assert main["sendit_batches_failed"] == states[BatchState.FAILED] + states[BatchState.RECALL_FAILED]
    assert main["sendit_queue_age_seconds"] > 0
