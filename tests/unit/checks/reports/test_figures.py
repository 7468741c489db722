"""Figures, times and names of reports, to the digit: what an expectation compares is what the tool wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from launch_pipeline.checks.kinds.report.definition import ReportFormat
from launch_pipeline.checks.kinds.report.parse import parse_report

REPORTS = Path(__file__).parents[3] / "fixtures" / "reports"
LOCUST = [
    {
        "name": "/a", "method": "GET", "num_requests": 60, "num_failures": 1, "num_none_requests": 0,
        "response_times": {"10": 50, "20": 7, "30": 3},
        "start_time": 1_700_000_000.0, "last_request_timestamp": 1_700_000_060.04,
    },
    {
        "name": "/b", "method": "GET", "num_requests": 40, "num_failures": 1, "num_none_requests": 0,
        "response_times": {"10": 38, "40": 2},
        "start_time": 1_700_000_001.0, "last_request_timestamp": 1_700_000_061.24,
    },
]  # fmt: skip
K6 = {
    "metrics": {
        "http_reqs": {"type": "counter", "values": {"count": 1200, "rate": 20.0}},
        "http_req_failed": {"type": "rate", "values": {"rate": 0.005, "passes": 6, "fails": 1194}},
        "http_req_duration": {
            "type": "trend",
            "values": {"p(95)": 312.5, "max": 400.0},
            "thresholds": {"p(95)<500": {"ok": True}},
        },
        "vus": {"type": "gauge", "values": {"value": 9, "min": 1, "max": 50}},
        "iterations": {"type": "counter", "values": {"count": 600, "rate": 10.0}},
        "checks": {"type": "rate", "values": {"rate": 0.75, "passes": 450, "fails": 150}},
    }
}
COBERTURA = """<coverage line-rate="0.5" branch-rate="0.25" lines-valid="4" lines-covered="2"
timestamp="{stamp}">
<packages><package name="p"><classes><class name="c" filename="c.py"><lines>
<line number="1" hits="1" branch="true" condition-coverage="25% (1/4)"/><line number="2" hits="1"/>
<line number="3" hits="0"/><line number="4" hits="0"/>
</lines></class></classes></package></packages></coverage>"""


def read(form: str, document: Any) -> Any:
    """Read a document of a format: JSON, text, or the name of a fixture."""
    if isinstance(document, str) and "<" not in document:
        content = (REPORTS / document).read_bytes()
    else:
        content = (document if isinstance(document, str) else json.dumps(document)).encode()
    return parse_report(ReportFormat(form), content, (), ())


def test_locust_adds_its_entries_up() -> None:
    found = read("locust", LOCUST)
    assert found.facts == {"requests": 100, "error_rate": 0.02, "p95_ms": 20.0, "duration_s": 61.2}
    assert found.generated_at == 1_700_000_061.24
    assert set(found.unknown) == {"vus_max", "thresholds", "failed_thresholds"}


def test_locust_without_times_has_no_duration() -> None:
    bare = [
        {k: v for k, v in one.items() if k not in {"start_time", "last_request_timestamp"}} for one in LOCUST
    ]
    found = read("locust", bare)
    assert found.unknown["duration_s"] == "Locust's statistics do not hold it"
    assert found.generated_at is None


def test_k6_gives_each_figure_in_its_unit() -> None:
    found = read("k6", {**K6, "state": {"testRunDurationMs": 61_500.0}})
    assert found.facts == {
        "vus_max": 50, "requests": 1200, "error_rate": 0.005, "p95_ms": 312.5, "duration_s": 61.5,
        "iterations": 600, "dropped_iterations": 0, "checks": 0.75, "thresholds": 1, "failed_thresholds": [],
            "threshold_names": ["http_req_duration: p(95)<500"],
    }  # fmt: skip
    assert found.unknown == {}


def test_k6_without_a_duration_divides_by_the_rate() -> None:
    assert read("k6", K6).facts["duration_s"] == 60.0


@pytest.mark.parametrize("metric", ["vus", "iterations", "checks", "http_req_failed"])
def test_k6_says_which_metric_it_lacks(metric: str) -> None:
    lacking = {"metrics": {name: one for name, one in K6["metrics"].items() if name != metric}}
    found = read("k6", lacking)
    (unknown,) = found.unknown.values()
    assert metric in unknown


def test_k6_lists_what_was_crossed() -> None:
    crossed = json.loads(json.dumps(K6))
    crossed["metrics"]["checks"]["thresholds"] = {"rate>0.9": {"ok": False}}
    assert read("k6", crossed).worst == ["checks: rate>0.9"]


@pytest.mark.parametrize(
    ("stamp", "seconds"), [("1700000000000", 1_700_000_000.0), ("1700000000", 1_700_000_000.0)]
)
def test_cobertura_gives_its_time_in_seconds(stamp: str, seconds: float) -> None:
    """Cobertura writes milliseconds (cobertura.sourceforge.net), gcovr and others seconds."""
    found = read("cobertura", COBERTURA.format(stamp=stamp))
    assert found.generated_at == seconds
    assert found.facts == {"line_rate": 0.5, "branch_rate": 0.25, "lines": 4, "covered": 2}


def test_cobertura_counts_the_conditions_of_its_lines() -> None:
    wrong = COBERTURA.format(stamp="1").replace('branch-rate="0.25"', 'branch-rate="0.9"')
    found = read("cobertura", wrong)
    assert "branch-rate" in found.unknown["branch_rate"]


def test_scanners_say_when_they_ran() -> None:
    """Trivy writes nanoseconds, which are dropped; ZAP's moment is ``created``, of old ``@generated``."""
    trivy = json.loads((REPORTS / "trivy-alpine.json").read_text())
    trivy["CreatedAt"] = "2026-01-01T00:00:00.123456789Z"
    assert read("trivy", trivy).generated_at == "2026-01-01T00:00:00Z"
    zap = json.loads((REPORTS / "zap-plus.json").read_text())
    zap.pop("created", None)
    assert (
        read("zap", {**zap, "@generated": "Thu, 1 Jan 2026 00:00:00"}).generated_at
        == "Thu, 1 Jan 2026 00:00:00"
    )
    assert read("zap", {**zap, "created": "2026-01-01T00:00:00Z"}).generated_at == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "counter", ['missed="-1" covered="2"', 'missed="1"', 'covered="1"', 'missed="x" covered="1"']
)
def test_jacoco_refuses_a_counter_that_counts_nothing(counter: str) -> None:
    document = f'<report name="r"><counter type="LINE" {counter}/></report>'
    with pytest.raises(ValueError, match="line"):
        read("jacoco", document)


def test_cobertura_of_no_lines_is_no_coverage() -> None:
    none = '<coverage line-rate="1" branch-rate="1" lines-valid="0" version="1"><packages/></coverage>'
    with pytest.raises(ValueError, match="line"):
        read("cobertura", none)


@pytest.mark.parametrize(
    ("form", "name", "tool"),
    [
        ("locust", LOCUST, "locust"),
        ("k6", K6, "k6"),
        ("cobertura", "coverage.py-7.17.5.xml", "cobertura"),
        ("istanbul", "c8-12.0.0-summary.json", "istanbul"),
        ("jacoco", "jacoco-0.8.6.xml", "jacoco"),
        ("lcov", "lcov-1.16.info", "lcov"),
        ("gatling", "gatling-global-stats.json", "gatling"),
        ("npm_audit", "npm-clean.json", "npm"),
        ("trivy", "trivy-alpine.json", "trivy"),
    ],
)
def test_a_report_names_its_tool(form: str, name: Any, tool: str) -> None:
    assert read(form, name).tool == tool
