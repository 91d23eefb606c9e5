"""The dashboard of docker/monitoring/ asks for metrics that exist, and docs/monitoring.md lists all of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from sendit.config.schema import load
from sendit.journal import Journal
from sendit.logs.meters import BATCH_SECONDS, RETRIES, Stopwatch, count_instances
from sendit.pipeline.watching.metrics import Metrics
from tests.journal.test_lists import work

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "docker" / "monitoring"
DASHBOARD = MONITORING / "grafana" / "dashboards" / "sendit.json"
PANELS: list[dict[str, Any]] = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
#: What Prometheus itself adds.
_ITS_OWN = {"up": {"job", "instance"}}


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Each sample that /sendit/metrics can have, with its labels."""
    folder = tmp_path_factory.mktemp("journal")
    journal = Journal.open("sqlite", folder)
    work(journal)
    count_instances("irb", 1, 1, ["?"], 1)
    Stopwatch("deliver", "bucket").stop(ok=True)
    RETRIES.labels("deliver", "bucket").inc()
    BATCH_SECONDS.labels("irb").observe(1)
    settings = SimpleNamespace(destinations={"bucket": None}, projects={"irb": None}, data_directory=folder)
    services = SimpleNamespace(journal=journal, settings=settings)
    states, deliverer = SimpleNamespace(down=dict), SimpleNamespace(hold=lambda _: None)
    text = Metrics(cast("Any", services), cast("Any", states), cast("Any", deliverer)).text().decode()
    journal.close()
    found: dict[str, set[str]] = dict(_ITS_OWN)
    for family in text_string_to_metric_families(text):
        assert family.samples, family.name
        for sample in family.samples:
            found[sample.name] = set(sample.labels)
    return found


def names_in(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:sendit_\w+|up)\b", expression))


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_each_panel_asks_for_what_exists(panel: dict[str, Any], samples: dict[str, set[str]]) -> None:
    """The names of its metrics, and the labels by which it sums, selects and names."""
    assert panel["targets"]
    for target in panel["targets"]:
        names = names_in(target["expr"])
        assert names
        assert names <= samples.keys()
        labels = {label for name in names for label in samples[name]}
        used = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        used |= {one.strip() for group in re.findall(r"by \(([^)]*)\)", target["expr"]) for one in group.split(",")}
        used |= set(re.findall(r"[{,](\w+)=", target["expr"]))
        assert used <= labels


def test_no_panel_lies_over_another() -> None:
    """Each has a place of its own within the 24 columns."""
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)


def test_the_documentation_lists_every_metric(samples: dict[str, set[str]]) -> None:
    """With its labels: docs/monitoring.md."""
    text = (ROOT / "docs" / "monitoring.md").read_text("utf-8")
    table = [line.split("|")[1:3] for line in text.splitlines() if line.startswith("| `sendit_")]
    documented: dict[str, set[str]] = {}
    for names, labels in table:
        for name in re.findall(r"`([^`]+)`", names):
            full = name if not name.startswith("…") else f"sendit_delivered{name[1:]}"
            documented[full] = {one.strip() for one in labels.split(",") if one.strip()}
    expected: dict[str, set[str]] = {}
    for sample, carried in samples.items():
        if sample not in _ITS_OWN and not sample.endswith("_created"):
            expected[re.sub(r"_(bucket|sum|count)$", "", sample)] = carried - {"le"}
    assert documented == expected


def test_the_configurations_in_the_documentation_can_be_read() -> None:
    """Each JSON of docs/monitoring.md is a part of the section SendIt."""
    text = (ROOT / "docs" / "monitoring.md").read_text("utf-8").replace("${SENDIT_WEBHOOK}", "https://hooks.example/x")
    sections = [json.loads(f"{{{block}}}") for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]
    assert [list(section) for section in sections] == [["Alarms"], ["Tracing"], ["Log"]]
    for section in sections:
        load({"SendIt": section})


def test_compose_mounts_what_is_there() -> None:
    """The profile's files exist, Prometheus asks for the right address, and Grafana reads the dashboard."""
    compose = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text("utf-8"))
    services = {name: one for name, one in compose["services"].items() if one.get("profiles") == ["monitoring"]}
    assert set(services) == {"prometheus", "grafana"}
    for one in services.values():
        for volume in one["volumes"]:
            source = volume.partition(":")[0]
            exists = (ROOT / "docker" / source).exists() if source.startswith(".") else source in compose["volumes"]
            assert exists, volume
        for config in one.get("configs", []):
            assert config["source"] in compose["configs"]
    [job] = yaml.safe_load((MONITORING / "prometheus.yml").read_text("utf-8"))["scrape_configs"]
    assert (job["metrics_path"], job["static_configs"][0]["targets"]) == ("/sendit/metrics", ["source:8042"])
    assert "source" in compose["services"]
    targets = {config["target"] for config in services["prometheus"]["configs"]}
    assert {job["basic_auth"]["username_file"], job["basic_auth"]["password_file"]} == targets
    [source] = yaml.safe_load((MONITORING / "grafana" / "datasources" / "sendit.yaml").read_text())["datasources"]
    assert {panel["datasource"]["uid"] for panel in PANELS} == {source["uid"]}
