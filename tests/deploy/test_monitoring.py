"""The dashboard and the alerts ask for metrics that exist, with labels that these have."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import MakeGateway
from tests.support.client import open_client
from tests.support.fake_provider import with_fake_provider
from voxport.telemetry.metrics import REGISTRY

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
DASHBOARD = DEPLOY / "grafana" / "voxport.json"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"
METRIC = re.compile(r"\bvoxport_\w+")
FOREIGN = {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "up"}
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


@pytest.fixture(scope="module")
def expressions() -> dict[str, str]:
    """The expressions of all panels and alerts, by their title."""
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    found = {
        f"{panel['id']} {panel['title']} {target['refId']}": target["expr"]
        for panel in panels
        for target in panel.get("targets", [])
    }
    rules = [rule for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"] for rule in group["rules"]]
    return found | {rule["alert"]: rule["expr"] for rule in rules}


@pytest.fixture
def exported(make_gateway: MakeGateway) -> set[str]:
    """The names of all samples that a gateway exports, whether or not there is one yet."""
    gateway = with_fake_provider(make_gateway, elevenlabs_api_key="xi-key").gateway
    gateway.reconciliation.check_if_due()
    return set(_names(open_client(gateway).app.state.metrics.collect())) | set(_names(REGISTRY.collect()))


def _names(families: Iterable[Any]) -> Iterator[str]:
    for family in families:
        yield from (family.name + suffix for suffix in SUFFIXES[family.type])


def test_every_metric_of_the_dashboard_and_the_alerts_exists(exported: set[str], expressions: dict[str, str]) -> None:
    unknown = {
        title: missing
        for title, expression in expressions.items()
        if (missing := set(METRIC.findall(expression)) - exported)
    }
    assert unknown == {}


def test_the_dashboard_shows_every_metric_but_the_sums_of_histograms(
    exported: set[str], expressions: dict[str, str]
) -> None:
    shown = set(METRIC.findall(" ".join(expressions.values())))
    bases = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exported if name.startswith("voxport_")}
    missing = {base for base in bases if not {base, f"{base}_bucket", f"{base}_count"} & shown}
    assert missing == set()


def test_every_metric_is_explained_in_the_page_for_operators(exported: set[str]) -> None:
    page = (DEPLOY.parent / "docs" / "operating.md").read_text("utf-8")
    explained = set(METRIC.findall(page))
    for base, others in re.findall(r"`(voxport_\w+?_)(?:running|in_use)(?:\{\w+\})?`((?:, `_\w+`)+)", page):
        explained |= {base + other for other in re.findall(r"`_(\w+)`", others)}
    bases = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exported if name.startswith("voxport_")}
    assert bases - explained == set()


def test_the_dashboard_is_one_that_grafana_imports() -> None:
    dashboard = json.loads(DASHBOARD.read_text("utf-8"))
    assert dashboard["schemaVersion"] == 39  # of Grafana 10.3; newer ones migrate it
    assert dashboard["title"]
    assert dashboard["uid"] == "voxport"
    assert "id" not in dashboard  # Grafana chooses it
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        assert panel["type"] in ("row", "stat", "timeseries")
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells
        for target in panel.get("targets", []):
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert target["expr"].count("(") == target["expr"].count(")")


def test_each_alert_says_how_bad_it_is_and_is_explained(expressions: dict[str, str]) -> None:
    page = (DEPLOY.parent / "docs" / "operating.md").read_text("utf-8")
    for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in ("critical", "warning")
            assert rule["annotations"]["summary"]
            assert f"| `{rule['alert']}` |" in page


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")
def test_prometheus_takes_the_alerts_and_they_fire_when_they_should() -> None:
    for command in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run(["promtool", *command], cwd=ALERTS.parent, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
