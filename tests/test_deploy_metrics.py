"""The dashboard and the alert rules ask for nothing but what `/metrics` has, under labels that it has."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from proxy.metrics.families import FAMILIES, Family, Kind

ROOT = Path(__file__).parents[1]
DASHBOARD = ROOT / "deploy/grafana/sluice.json"
ALERTS = ROOT / "deploy/alerts.yaml"
PROMETHEUS_OWN = {"up"}
GIVEN = {"instance", "job", "le"}
"""Labels that Prometheus adds, or a histogram has."""
WORDS = {"by", "sum", "max", "min", "rate", "increase", "topk", "histogram_quantile", "label_values"}


def _shown() -> dict[str, Family]:
    """Names of samples."""
    found: dict[str, Family] = {}
    for family in FAMILIES:
        ends = {Kind.COUNTER: ("_total",), Kind.HISTOGRAM: ("_bucket", "_sum", "_count")}.get(
            family.kind, ("",)
        )
        found |= {family.name + end: family for end in ends}
    return found


def _expressions() -> Iterator[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    yield from (target["expr"] for panel in panels for target in panel.get("targets", ()))
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    yield from (rule["expr"] for group in groups for rule in group["rules"])


EXPRESSIONS = list(dict.fromkeys(_expressions()))


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_metric_and_label_that_is_asked_for_is_there(expression: str) -> None:
    bare = re.sub(r'"[^"]*"|\$\w+|\[[^\]]*\]', "", expression)
    words = set(re.findall(r"[a-zA-Z_][a-zA-Z0-9_]*", bare)) - WORDS
    families = [_shown()[word] for word in words if word in _shown()]
    assert families or words & PROMETHEUS_OWN
    labels = GIVEN.union(*(family.labels for family in families))
    assert words - _shown().keys() - PROMETHEUS_OWN <= labels


def test_most_of_what_is_there_is_asked_for() -> None:
    asked = " ".join(EXPRESSIONS)
    unasked = {family.name for family in FAMILIES if family.name not in asked}
    assert len(unasked) < len(FAMILIES) / 3, unasked


def test_the_dashboard_is_as_its_table_says() -> None:
    made = subprocess.run(
        [sys.executable, "-c", "import runpy; print(runpy.run_path('deploy/grafana/make.py')['text'](), end='')"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert DASHBOARD.read_text() == made, "run: python deploy/grafana/make.py"


def test_panels_do_not_lie_on_each_other() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    cells = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in panels
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert max(x for x, _ in cells) < 24


def test_every_alert_says_what_to_do() -> None:
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in ("info", "warning", "critical")
            assert rule["annotations"]["summary"]
