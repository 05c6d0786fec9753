"""The alerts and the dashboard of examples/ ask for metrics that exist, with labels and values that they have."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from hel.telemetry.metrics_table import METRICS, PROCESS_METRICS, Metric
from tests.documents import EXAMPLES

PROMETHEUS = EXAMPLES / "prometheus"
DASHBOARD = json.loads((EXAMPLES / "grafana" / "hel.json").read_text())
SERIES = {name: metric for metric in (*METRICS, *PROCESS_METRICS) for name in metric.series}
RULES = YAML(typ="safe").load((PROMETHEUS / "alerts.yaml").read_text())["groups"][0]["rules"]
OF_PROMETHEUS = {"job", "instance", "le"}

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (.ci/run installs it)"
)


def panels() -> list[Any]:
    return list(DASHBOARD["panels"])


def asked_by_the_dashboard() -> list[str]:
    """All expressions, the annotations' and the variables' too, with something for each variable."""
    found = [target["expr"] for panel in panels() for target in panel.get("targets", ())]
    found += [note["expr"] for note in DASHBOARD["annotations"]["list"] if "expr" in note]
    return [expression.replace("$__rate_interval", "5m") for expression in found]


def promtool(*arguments: str, folder: Path = PROMETHEUS) -> str:
    """What it says; it has to be content."""
    done = subprocess.run(["promtool", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def wrong_choices(metric: Metric, label: str, text: str) -> Iterator[str]:
    """Values that a metric's label never has."""
    if metric.values and label == metric.labels[-1] and not text.startswith("$"):
        yield from (value for value in text.split("|") if value not in metric.values)


def faults(expression: str) -> list[str]:
    """Metrics, labels and values of an expression that Hel does not have."""
    found = []
    for name, matchers in re.findall(r"\b((?:hel|process)_\w+)(?:\{([^}]*)\})?", expression):
        if name not in SERIES:
            found.append(name)
            continue
        for label, value in re.findall(r'(\w+)=~?"([^"]*)"', matchers):
            if label not in {*SERIES[name].labels, *OF_PROMETHEUS}:
                found.append(f"{name}{{{label}}}")
            found += [f"{name}{{{label}={wrong}}}" for wrong in wrong_choices(SERIES[name], label, value)]
    known = OF_PROMETHEUS.union(*(metric.labels for metric in METRICS))
    for group in re.findall(r"\b(?:by|on|group_left) ?\(([^)]*)\)", expression):
        found += [label for label in re.findall(r"\w+", group) if label not in known]
    return found


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("hel_event_total > 1", "hel_event_total"),
        ('hel_events_total{sauce="x"}', "hel_events_total{sauce}"),
        ('hel_source_state{state="broken"}', "hel_source_state{state=broken}"),
        ('hel_requests_total{status=~"5xx|500"}', "hel_requests_total{status=500}"),
        ("sum by (sauce) (hel_ready)", "sauce"),
    ],
)
def test_an_expression_that_asks_for_what_there_is_not_would_be_found(expression: str, fault: str) -> None:
    assert faults(expression) == [fault]


@pytest.mark.parametrize("expression", asked_by_the_dashboard())
def test_the_dashboard_asks_for_what_there_is(expression: str) -> None:
    assert faults(expression) == []
    assert re.search(r"\bhel_|\bprocess_", expression)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_an_alert_asks_for_what_there_is_and_says_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert faults(rule["expr"]) == []
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert not rule["annotations"]["summary"].endswith(".")
    assert rule["annotations"]["description"].endswith(".")
    assert "`" in rule["annotations"]["description"], "a command or a key to look at"
    labels = re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"]))
    known = OF_PROMETHEUS.union(*(SERIES[name].labels for name in re.findall(r"\bhel_\w+", rule["expr"])))
    assert set(labels) <= known


def test_every_alert_is_seen_to_fire_in_the_tests_of_the_alerts() -> None:
    tested = set(re.findall(r'alertname="(\w+)"', (PROMETHEUS / "alerts_test.yaml").read_text()))
    assert tested == {rule["alert"] for rule in RULES}


@needs_promtool
def test_the_alerts_fire_when_they_should_and_stay_silent_when_they_should() -> None:
    promtool("check", "config", "prometheus.yaml")
    promtool("check", "rules", "--lint=all", "--lint-fatal", "alerts.yaml")
    assert "SUCCESS" in promtool("test", "rules", "alerts_test.yaml")


@needs_promtool
def test_prometheus_understands_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    asked = asked_by_the_dashboard()
    recorded = [{"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(asked)]
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": recorded}]}))
    assert f"{len(asked)} rules found" in promtool("check", "rules", "rules.yaml", folder=tmp_path)


def test_the_dashboard_can_be_imported_anywhere() -> None:
    assert DASHBOARD["id"] is None
    names = [variable["name"] for variable in DASHBOARD["templating"]["list"]]
    assert names == ["datasource", "job", "instance", "source"]
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD)))
    assert used - {"__all", "__rate_interval"} == set(names)
    sources = {
        json.dumps(part["datasource"])
        for part in (*panels(), *DASHBOARD["templating"]["list"][1:])
        if "datasource" in part
    }
    assert sources == {json.dumps({"type": "prometheus", "uid": "${datasource}"})}


def test_the_panels_of_the_dashboard_are_told_apart_described_and_side_by_side() -> None:
    numbers = [panel["id"] for panel in panels()]
    assert len(set(numbers)) == len(numbers)
    assert all(panel["description"] for panel in panels() if panel["type"] != "row")
    places = [panel["gridPos"] for panel in panels()]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        is_beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        is_above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert is_beside or is_above, (one, other)


def test_every_metric_is_in_the_dashboard() -> None:
    shown = "\n".join(asked_by_the_dashboard())
    missing = {metric.name for metric in METRICS if not any(name in shown for name in metric.series)}
    assert not missing
