"""Dashboard and alerting rules: they ask for what knockctl metrics prints, and Grafana can read the file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from knockd.ctl import exposition
from knockd.ctl.exposition import METRICS, Metric

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "conf/monitoring/knockd-rules.yml"
DASHBOARD = ROOT / "conf/monitoring/grafana-dashboard.json"
PAGE = ROOT / "docs/monitoring.md"

SAMPLES = {
    metric.sample
    for metric in [*METRICS.values(), *(one for one in vars(exposition).values() if isinstance(one, Metric))]
}
"""The name of every sample that can be printed."""


def dashboard() -> dict[str, Any]:
    """The dashboard, decoded."""
    found: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return found


def expressions() -> list[str]:
    """What the dashboard asks Prometheus for."""
    variables = [one["query"]["query"] for one in dashboard()["templating"]["list"] if one["type"] == "query"]
    return variables + [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]


def rules() -> list[str]:
    """What the rules ask Prometheus for."""
    return re.findall(r"^ +expr: (.+)$", RULES.read_text(), re.MULTILINE)


def names(text: str) -> set[str]:
    """The samples of ours that an expression names."""
    return set(re.findall(r"\bknockd_\w+", text))


@pytest.mark.parametrize("expression", [*expressions(), *rules()])
def test_expressions(expression: str) -> None:
    """Each asks for samples that are printed."""
    assert [] == sorted(names(expression) - SAMPLES)
    assert names(expression) or "node_textfile_mtime_seconds" in expression


def test_labels() -> None:
    """No expression names a label that no sample has."""
    text = "\n".join([*expressions(), *rules()])
    by = {label.strip() for found in re.findall(r"\bby \(([^)]*)\)", text) for label in found.split(",")}
    assert set() == by - {"instance", "door", "interface", "reason"}
    shown = set(re.findall(r"\{\{ *\$labels\.(\w+) *\}\}", RULES.read_text()))
    shown |= set(re.findall(r"\{\{(\w+)\}\}", DASHBOARD.read_text()))
    assert set() == shown - {"instance", "door", "interface", "reason", "version"}


def test_rules() -> None:
    """Each alert has a severity, a summary and what to do; its name stands there once, and on the page."""
    text = RULES.read_text()
    alerts = re.findall(r"^ +- alert: (\w+)$", text, re.MULTILINE)
    assert len(rules()) == len(alerts) == len(set(alerts))
    for part in ("severity: (?:critical|warning)", 'summary: "[^"]+"', 'action: "[^"]+"'):
        assert len(alerts) == len(re.findall(rf"^ +{part}$", text, re.MULTILINE))
    assert [] == [name for name in alerts if f"`{name}`" not in PAGE.read_text()]


def test_the_page_names_every_metric() -> None:
    """docs/monitoring.md has a row for each sample, and no other."""
    assert SAMPLES == set(re.findall(r"^\| `(knockd_\w+)` \|", PAGE.read_text(), re.MULTILINE))


def test_dashboard_fields() -> None:
    """It has the fields of Grafana's classic JSON model; ``id`` is null, as the database gives it."""
    found = dashboard()
    assert {
        *(
            "id",
            "uid",
            "title",
            "tags",
            "timezone",
            "editable",
            "graphTooltip",
            "panels",
            "time",
            "timepicker",
        ),
        *("templating", "annotations", "refresh", "schemaVersion", "version", "links"),
    } <= found.keys()
    assert found["id"] is None
    assert re.fullmatch(r"[a-z-]{8,40}", found["uid"])
    assert isinstance(found["schemaVersion"], int)


def test_panels() -> None:
    """Each panel has an id of its own, a title, a type of Grafana's core and a place on the grid of 24."""
    panels = dashboard()["panels"]
    assert len(panels) == len({panel["id"] for panel in panels})
    assert {"stat", "timeseries"} == {panel["type"] for panel in panels}
    assert [] == [panel["id"] for panel in panels if not panel["title"] or not panel["description"]]
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_targets() -> None:
    """Each query has a letter of its own in its panel, and all go to the source that is chosen."""
    for panel in dashboard()["panels"]:
        letters = [target["refId"] for target in panel["targets"]]
        assert sorted(set(letters)) == letters
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        assert [{"type": "prometheus", "uid": "${datasource}"}] * len(sources) == sources


def test_variables() -> None:
    """The variables that are used are there: data source and gateway."""
    defined = {one["name"] for one in dashboard()["templating"]["list"]}
    assert {"datasource", "instance"} == defined
    assert defined == set(re.findall(r"\$\{?(?!__)(\w+)", DASHBOARD.read_text()))
