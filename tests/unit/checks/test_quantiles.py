"""Where a query computes a quantile, and buckets in which the highest one holds it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from launch_pipeline.checks.clients.promql import calls
from launch_pipeline.checks.kinds.prometheus_query.quantiles import Buckets, histograms_of, is_above

CALLS: dict[str, list[tuple[str, ...]]] = {
    "up": [],
    "histogram_quantile": [],
    "histogram_quantile(0.9, a_bucket)": [("0.9", "a_bucket")],
    "histogram_quantile ( 0.9 , sum by (le, job) (rate(a_bucket[5m])) )": [
        ("0.9", "sum by (le, job) (rate(a_bucket[5m]))")
    ],
    'histogram_quantile(0.9, a{b="x, (y"} offset 5m) > 3': [("0.9", 'a{b="x, (y"} offset 5m')],
    "max(histogram_quantile(1 - 0.1, a)) / histogram_quantile(0.5, b)": [("1 - 0.1", "a"), ("0.5", "b")],
    'count(up{job="histogram_quantile(1, a)"})': [],
    "sum(up) # histogram_quantile(1, a)": [],
    "histogram_quantile(0.9, histogram_quantile(0.8, a))": [
        ("0.9", "histogram_quantile(0.8, a)"),
        ("0.8", "a"),
    ],
}


@pytest.mark.parametrize(("query", "found"), CALLS.items())
def test_calls(query: str, found: list[tuple[str, ...]]) -> None:
    """Calls are found with their arguments as they are written; texts and comments are none."""
    assert [call.arguments for call in calls(query, "histogram_quantile")] == found


def histograms(*result: dict[str, Any]) -> list[Buckets]:
    return [buckets for _, buckets in histograms_of({"data": {"result": list(result)}})]


# As Prometheus' HTTP API writes native histograms (querying/api, "Native histograms").
CUSTOM = {
    "count": "10",
    "sum": "900",
    "buckets": [[0, "0", "0.1", "4"], [0, "0.1", "0.3", "3"], [0, "0.3", "+Inf", "3"]],
}
EXPONENTIAL = {"count": "10", "sum": "9", "buckets": [[3, "-0.1", "0.1", "4"], [0, "0.5", "1", "6"]]}


@pytest.mark.parametrize(
    ("share", "histogram", "above"),
    [(0.95, CUSTOM, True), (0.71, CUSTOM, True), (0.7, CUSTOM, False), (0.99, EXPONENTIAL, False)],
)
def test_native_histogram(share: float, histogram: dict[str, Any], above: bool) -> None:
    """One with custom buckets has a highest bucket as well; an exponential one has none."""
    (buckets,) = histograms({"metric": {}, "histogram": [1, histogram]})
    assert is_above(share, buckets) is above


def test_each_moment_of_a_window_is_a_histogram() -> None:
    """Buckets belong together by their labels and their moment; what has no bound is none."""
    found = histograms(
        {"metric": {"le": "1", "job": "a"}, "values": [[1, "5"], [2, "6"]]},
        {"metric": {"le": "+Inf", "job": "a"}, "values": [[1, "5"], [2, "9"]]},
        {"metric": {"job": "a"}, "values": [[1, "7"]]},
    )
    assert found == [{1.0: 5.0, math.inf: 5.0}, {1.0: 6.0, math.inf: 9.0}]


@pytest.mark.parametrize(
    ("buckets", "above"),
    [
        ({}, False),
        ({math.inf: 5.0}, False),
        ({1.0: 0.0, math.inf: 0.0}, False),
        ({1.0: 5.0}, False),
        ({1.0: 0.0, math.inf: 1.0}, True),
    ],
)
def test_histogram_without_what_a_quantile_needs(buckets: Buckets, above: bool) -> None:
    """Prometheus gives NaN without observations, without a finite bucket, and without the last one."""
    assert is_above(0.95, buckets) is above
