"""Evaluate the supported part of PromQL over samples made by hand."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from launch_pipeline.checks.engine.product import with_product
from launch_pipeline.checks.language.variables import substitute
from launch_rehearsal.product.base.series import Store, labels_of
from launch_rehearsal.product.monitoring.promql import compiled, evaluate
from launch_rehearsal.product.monitoring.promql_functions import within_buckets
from launch_rehearsal.product.monitoring.promql_values import QueryError
from launch_rehearsal.run.stage import committed_environment

NOW = 1_000_000.0
PACE = 1 / 24_000
VARIABLES = with_product({**committed_environment()["variables"], "t_0_ended_at": "2026-01-05T08:00:00Z"})


@pytest.fixture
def store() -> Store:
    """Two jobs for forty seconds: one up, one down; ten requests a second, one in ten of them failed."""
    made = Store()
    made.gauges(lambda: [(labels_of("up", {"job": "a"}), 1.0), (labels_of("up", {"job": "b"}), 0.0)])
    for tick in range(81):
        made.count("requests_total", 0 if tick == 0 else 4.5, status="200")
        made.count("requests_total", 0 if tick == 0 else 0.5, status="500")
        made.observe("duration_ms", 30.0)
        made.sample(targets=True, at=NOW - 40 + tick * 0.5)
    return made


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("min(up)", 0.0),
        ("count(up == 1)", 1.0),
        ("count(count by (job) (up))", 2.0),
        ('sum(rate(requests_total{status=~"5.."}[5m])) / sum(rate(requests_total[5m]))', 0.1),
        ("sum(increase(requests_total[1h]))", 80.0),
        ('(sum(rate(requests_total{status="404"}[5m])) or vector(0)) / sum(rate(requests_total[5m]))', 0.0),
        ("avg(avg_over_time(up[7d]))", 0.5),
        ('min(count_over_time(up{job="a"}[4h]))', 480.0),
        ("avg_over_time(sum(rate(requests_total[1h]))[4h:1h])", 10.0),
        ("max(deriv(up[4h]) * 3600 / 1048576)", 0.0),
        ("vector(3) + 2 * 2", 7.0),
        ("count_over_time((count(up == 1))[4h:1m])", 240.0),
        ("count_over_time((count(up == 1))[7d:5m])", 2016.0),
        ("sum(count_over_time((up == 1)[4h:1m]))", 240.0),
        ("min_over_time(count(up)[1h:1m])", 2.0),
        ("sum(increase(requests_total[1h] offset 1h))", 80.0),
        ("count(max_over_time(up[1h]) == 1)", 1.0),
        ("changes(sum(requests_total)[1h:1m])", 15.0),
        ("sum_over_time(sum(up)[1h:1m])", 60.0),
    ],
)
def test_query_gives_what_prometheus_gives(store: Store, query: str, value: float) -> None:
    """Aggregations, windows and operators mean what Prometheus documents."""
    found = evaluate(store, query, NOW, PACE)
    assert isinstance(found, dict)
    assert list(found.values()) == [pytest.approx(value, abs=0.01)]


def test_nothing_is_no_data_and_not_zero(store: Store) -> None:
    """A metric that nobody exports gives no series."""
    assert evaluate(store, "min(absent_metric)", NOW, PACE) == {}


def test_stale_samples_say_nothing_about_now(store: Store) -> None:
    """What was last seen long ago is not the present value."""
    assert evaluate(store, "min(up)", NOW + 60, PACE) == {}


def test_a_subquery_has_no_more_steps_than_there_were_samples(store: Store) -> None:
    """Where the thing was not seen for half of the window, half of the steps count."""
    found = evaluate(store, "count_over_time((sum(up))[4h:1m])", NOW - 36, PACE)
    assert found == {(): pytest.approx(120, abs=16)}


def test_a_moment_of_the_query_is_that_of_the_machine(store: Store) -> None:
    """``@`` names a moment that was, with the range before it compressed."""
    at = {NOW - 20: 200.0, NOW: 400.0}
    for moment, requests in at.items():
        assert evaluate(store, f"sum(requests_total @ {moment:.3f})", NOW, PACE) == {(): requests}
    assert evaluate(store, f"sum(increase(requests_total[1h] @ {NOW - 20:.3f}))", NOW, PACE) == {
        (): pytest.approx(80)
    }


def test_a_moment_before_all_samples_is_as_near_as_an_offset(store: Store) -> None:
    """A query of what was before the rehearsal is answered from its beginning, compressed."""
    assert evaluate(store, f"sum(requests_total @ {NOW - 86400:.0f})", NOW, PACE) == {
        (): pytest.approx(320, abs=1)
    }


def test_quantile_interpolates_and_knows_when_it_knows_nothing() -> None:
    """A quantile lies within its bucket; without observations it is NaN."""
    assert within_buckets(0.95, [(20.0, 0.0), (50.0, 100.0), (math.inf, 100.0)]) == pytest.approx(48.5)
    assert math.isnan(within_buckets(0.95, [(20.0, 0.0), (math.inf, 0.0)]))
    assert math.isnan(within_buckets(0.95, []))


@pytest.mark.parametrize(
    "query", ["min(up", "up[5m]", "up[5m:1m]", "rate(up)", "up ~ 3", "sum(up) )", "up[5x]", "up @ start()"]
)
def test_what_is_not_understood_is_refused(store: Store, query: str) -> None:
    """A query that cannot be read is an error, never a number."""
    with pytest.raises(QueryError):
        evaluate(store, query, NOW, PACE)


def queries(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["prometheus_query"]["query"]] if "prometheus_query" in node else []
        return own + [query for value in node.values() for query in queries(value)]
    return [query for value in node for query in queries(value)] if isinstance(node, list) else []


def test_every_query_of_the_checklist_is_understood() -> None:
    """Every query of an item can be evaluated."""
    folder = Path(__file__).parents[3] / "include" / "checklists"
    files = [file for file in folder.glob("*.yaml") if re.match(r"\d", file.name)]
    found = [q for file in files for q in queries(yaml.safe_load(file.read_text(encoding="utf-8")))]
    assert len(found) > 40
    for query in found:
        # The time of a load test is filled in when it is known.
        asked = str(substitute(query, VARIABLES)).replace("$__range", "1h").replace("$__load", "1")
        compiled(Store(), asked, PACE)(NOW)
