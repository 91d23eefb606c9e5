"""Metrics, alarms, exports and the log of a running stack, with a destination that is down and a batch that is held."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from sendit.journal.database import JOURNAL_FILE
from sendit.logs.meters import DEIDENTIFY, DELIVER
from tests.dicom import PLANTED_NAME, Person, StudyMaker
from tests.servers.collector import Collector
from tests.servers.ports import free_port
from tests.servers.stack import PROJECT
from tests.servers.waiting import wait_for
from tests.servers.webhook import Webhook

if TYPE_CHECKING:
    from tests.conftest import MakeStack
    from tests.servers.stack import Stack

DASHBOARD = Path(__file__).parents[2] / "docker/monitoring/grafana/dashboards/sendit.json"
PROMETHEUS = shutil.which("prometheus")


def metrics(stack: Stack) -> dict[str, dict[tuple[str, ...], float]]:
    """Sample → values by labels, as Prometheus reads them through Orthanc."""
    answer = stack.source.session.get(f"{stack.source.url}/sendit/metrics", timeout=30)
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            labels = tuple(value for _, value in sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def states(found: dict[str, dict[tuple[str, ...], float]]) -> dict[str, float]:
    return {state: number for (_, state), number in found["sendit_batches"].items() if number}


def test_numbers_and_alarms(make_stack: MakeStack) -> None:
    """What is wrong is told once, and when it is over; the metrics are the journal's counts at each moment."""
    with Webhook() as hook, Collector() as collector:
        alarms = {"Webhooks": [{"Url": hook.url}], "CheckSeconds": 0.3, "DestinationMinutes": 0, "DiskGigabytes": 0}
        stack = make_stack(Alarms=alarms, Tracing={"Url": collector.url})
        log = stack.folder / "sendit.log"
        stack.sendit["Log"] = {"Format": "Json", "File": str(log)}
        stack.start(target=False)
        for number in (1, 2):
            stack.source.upload(StudyMaker(Person(patient_id=f"MRN-{number}")).instance(number))
        waiting = stack.wait_batches(2, {"DELIVERING"})
        wait_for(lambda: metrics(stack)["sendit_deliveries_retrying"]["research",] == 2, "both to be tried again")
        held = waiting[1]["id"]
        assert stack.cli("hold", str(held), "--reason", "to be looked at").returncode == 0
        wait_for(lambda: "is held" in "".join(hook.texts) and "is unreachable" in "".join(hook.texts), "the alarms")
        found = metrics(stack)
        assert states(found) == {"DELIVERING": 1, "QUARANTINED": 1}
        assert found["sendit_destination_up"]["research",] == 0
        assert found["sendit_retries_total"]["research", "deliver"] >= 2
        assert sum(found["sendit_batches_unacknowledged"].values()) == 1
        listed = json.loads(stack.cli("alarms", "list", "--json").stdout)["alarms"]
        assert {one["kind"] for one in listed} == {"Destination", "Held"}

        stack.target.start()
        stack.wait_batches(2)
        assert stack.cli("acknowledge", str(held), "--reason", "seen").returncode == 0
        wait_for(lambda: "".join(hook.texts).count("Solved: ") == 2, "the end of the alarms")
        text = "".join(hook.texts)
        assert (text.count("Problem: destination research"), text.count("Problem: a batch")) == (1, 1)
        tested = stack.cli("alarms", "test")
        assert (tested.returncode, tested.stdout.strip()) == (0, "SendIt.Alarms.Webhooks[0]: sent")
        traced(collector, waiting[0]["id"])
    found = metrics(stack)
    assert states(found) == {"DONE": 1, "QUARANTINED": 1}
    assert states(found) == {state: float(number) for state, number in stack.api("health")["batches"].items() if number}
    assert found["sendit_instances_processed_total"]["released", PROJECT] == 2
    as_counted(stack)
    os.kill(stack.worker_pid(), signal.SIGKILL)
    stack.wait_ready()
    as_counted(stack)
    exported(stack, held)
    logged(stack, log)


def as_counted(stack: Stack) -> None:
    """What the metrics say of batches, instances and deliveries is what stands in the tables of the journal."""
    found = metrics(stack)
    shown = {
        name: {labels: number for labels, number in found[name].items() if number}
        for name in ("sendit_batches", "sendit_instances", "sendit_deliveries", "sendit_destination_instances")
    }
    with closing(sqlite3.connect(f"file:{stack.data_directory / JOURNAL_FILE}?mode=ro", uri=True)) as journal:

        def rows(statement: str) -> dict[tuple[str, ...], float]:
            return {labels: float(number) for *words, number in journal.execute(statement) if (labels := tuple(words))}

        assert shown == {
            "sendit_batches": rows("SELECT project, state, COUNT(*) FROM batches GROUP BY 1, 2"),
            "sendit_instances": rows("SELECT project, state, COUNT(*) FROM instances GROUP BY 1, 2"),
            "sendit_deliveries": rows("SELECT destination, state, COUNT(*) FROM deliveries GROUP BY 1, 2"),
            "sendit_destination_instances": rows(
                "SELECT destination, SUM(sent) FROM deliveries WHERE state = 'VERIFIED' GROUP BY 1"
            ),
        }
        delivered = journal.execute("SELECT SUM(sent) FROM deliveries WHERE state = 'VERIFIED'").fetchone()[0]
    assert sum(found["sendit_delivered_instances_total"].values()) == delivered == 1


def traced(collector: Collector, sent: int) -> None:
    """The batch that was delivered is one trace, failed attempts included; no span has anything of an original."""
    wait_for(lambda: any(one.name == "batch" for one in collector.spans), "the span of a batch")
    (whole,) = [one for one in collector.spans if one.name == "batch"]
    stages = [one for one in collector.spans if one.facts["sendit.batch"] == sent and one.name != "batch"]
    assert whole.facts == {"sendit.batch": sent, "sendit.project": PROJECT}
    assert {(one.trace, one.parent) for one in stages} == {(whole.trace, whole.number)}
    assert {(one.name, one.failed) for one in stages} == {(DEIDENTIFY, False), (DELIVER, True), (DELIVER, False)}
    assert {str(key) for one in collector.spans for key in one.facts} <= {
        "sendit.batch", "sendit.project", "sendit.destination", "error.type",
    }  # fmt: skip
    planted = (b"MRN-", PLANTED_NAME.encode())
    assert not any(one in body for one in planted for body in collector.bodies)


def exported(stack: Stack, held: int) -> None:
    """Tables as the command line writes them."""
    rows = list(csv.DictReader(stack.cli("export", "metrics").stdout.splitlines()))
    assert [(row["status"], row["images"], bool(row["finish"])) for row in rows] == [
        ("DONE", "1", True), ("QUARANTINED", "1", True),
    ]  # fmt: skip
    receipts = json.loads(stack.cli("export", "receipts", "--state", "DONE", "--json").stdout)
    assert [(one["state"], one["leak_check"]) for one in receipts] == [("SENT", receipts[0]["leak_check"])]
    assert len(receipts[0]["output_sha256"]) == 64
    assert json.loads(stack.cli("export", "receipts", "--batch", str(held), "--json").stdout)[0]["batch"] == held


def logged(stack: Stack, log: Path) -> None:
    """Each state of the batch that was sent, and the level at run time."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in log.read_text().splitlines()]
    sent = [line["state"] for line in lines if line.get("batch") == 1 and "state" in line]
    assert [state for state in sent if state != "RECEIVING"] == ["QUEUED", "PROCESSING", "DELIVERING", "SENT", "DONE"]
    assert stack.cli("log-level").stdout.strip() == "level: Info"
    assert stack.cli("log-level", "error").stdout.strip() == "level: Error"
    assert "the level of the log is set to Error, and was Info (by cli:" in log.read_text()
    assert PLANTED_NAME.partition("^")[0] not in log.read_text()


@pytest.mark.slow
def test_orthanc_shows_the_main_numbers(stack: Stack) -> None:
    """Among its own metrics, a few seconds later."""
    stack.source.upload(StudyMaker().instance())
    stack.wait_batches(1)

    def shown() -> bool:
        text = stack.source.session.get(f"{stack.source.url}/tools/metrics-prometheus", timeout=10).text
        return any(line.startswith("sendit_batches_done 1") for line in text.splitlines())

    wait_for(shown, "Orthanc's metrics")


@pytest.mark.slow
@pytest.mark.skipif(PROMETHEUS is None, reason="there is no Prometheus here")
def test_prometheus_answers_every_panel(stack: Stack, tmp_path: Path) -> None:
    """A real Prometheus takes what SendIt answers, and returns data for each panel of the dashboard."""
    stack.source.upload(StudyMaker().instance())
    stack.wait_batches(1)
    port, target = free_port(), stack.source.url.removeprefix("http://")
    job = {"job_name": "sendit", "metrics_path": "/sendit/metrics", "static_configs": [{"targets": [target]}]}
    (tmp_path / "prometheus.yml").write_text(json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}))
    address = f"127.0.0.1:{port}"
    command = [str(PROMETHEUS), f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
    with subprocess.Popen([*command, f"--web.listen-address={address}"], stderr=subprocess.DEVNULL) as process:
        try:

            def data(expression: str) -> list[Any]:
                answer = requests.get(f"http://{address}/api/v1/query", {"query": expression}, timeout=10).json()
                assert answer["status"] == "success", answer
                found: list[Any] = answer["data"]["result"]
                return found

            def scraped() -> bool:
                try:
                    return bool(data("count_over_time(sendit_batches[1m]) > 2"))
                except requests.RequestException:
                    return False

            wait_for(scraped, "Prometheus to ask SendIt some times", limit=60)
            queries = [
                query["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for query in panel["targets"]
            ]
            # What has not happened yet is 0.
            assert [query for query in queries if not data(query)] == []
        finally:
            process.terminate()
