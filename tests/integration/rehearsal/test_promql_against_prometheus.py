"""``promtool test rules`` runs the rehearsal's queries on the same samples: Prometheus judges its PromQL.

``count_over_time`` is left out: the rehearsal counts in the compressed time of the monitored system.
"""

from __future__ import annotations

import math
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from launch_rehearsal.product.base.series import Store, labels_of
from launch_rehearsal.product.monitoring.promql import compiled
from launch_rehearsal.product.monitoring.promql_values import vector_of
from servers.programs import program

if TYPE_CHECKING:
    from pathlib import Path

    from launch_rehearsal.product.base.series import Labels

pytestmark = pytest.mark.integration
END = 80
QUERIES = (
    "up",
    "min(up)",
    "count(up == 1)",
    "count(count by (job) (up))",
    "max by (job) (up)",
    "topk(1, up)",
    "up * 2 > 1",
    "min(absent_metric)",
    "vector(3) + 2 * 2",
    "sum(up) - 3 / 2",
    "avg_over_time(up[1m])",
    "max_over_time(up[30s])",
    "sum by (status) (increase(requests_total[1m]))",
    'sum(rate(requests_total{status=~"5.."}[1m])) / sum(rate(requests_total[1m]))',
    '(sum(rate(requests_total{status="404"}[1m])) or vector(0)) / sum(rate(requests_total[1m]))',
    "histogram_quantile(0.5, sum by (le) (rate(duration_ms_bucket[1m])))",
)


def store() -> Store:
    """Fill a store: two jobs, one of them down; five requests a second, one in ten failed; durations."""
    made = Store()
    made.gauges(lambda: [(labels_of("up", {"job": "a"}), 1.0), (labels_of("up", {"job": "b"}), 0.0)])
    for tick in range(END + 1):
        made.count("requests_total", 4.5 if tick else 0.0, status="200")
        made.count("requests_total", 0.5 if tick else 0.0, status="500")
        made.observe("duration_ms", 30.0)
        made.sample(targets=True, at=float(tick))
    return made


def text(labels: Labels) -> str:
    """Write a series as Prometheus does."""
    pairs = dict(labels)
    name = pairs.pop("__name__", "")
    return name + "{" + ", ".join(f'{key}="{value}"' for key, value in pairs.items()) + "}"


def test_answers_are_those_of_prometheus(tmp_path: Path) -> None:
    """Every query has the same series and values in both engines."""
    samples = store()
    series = [
        {"series": text(labels), "values": " ".join(map(str, one.values))}
        for labels, one in samples.select(lambda _: True)
    ]
    asked: list[dict[str, Any]] = []
    for query in QUERIES:
        found = vector_of(compiled(samples, query, 1.0, 0.0)(float(END)))
        assert not any(math.isnan(value) for value in found.values()), query
        expected = [{"labels": text(labels), "value": value} for labels, value in found.items()]
        asked.append({"expr": query, "eval_time": f"{END}s", "exp_samples": expected})
    tests = [{"interval": "1s", "input_series": series, "promql_expr_test": asked}]
    (tmp_path / "test.yml").write_text(yaml.safe_dump({"evaluation_interval": "1s", "tests": tests}))
    command = [program("promtool", "prometheus"), "test", "rules", str(tmp_path / "test.yml")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
