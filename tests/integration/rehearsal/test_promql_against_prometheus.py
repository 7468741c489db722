"""A real Prometheus answers the rehearsal's queries on the same samples, and judges its PromQL.

The moment of the queries lies between two samples, so that it does not matter whether a range includes its
beginning, as before Prometheus 3.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from launch_rehearsal.product.base.series import Store, labels_of
from launch_rehearsal.product.monitoring.promql import compiled
from launch_rehearsal.product.monitoring.promql_values import QueryError, Value
from servers import monitoring as servers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.checks.engine.context import ConnectionInfo
    from launch_rehearsal.product.base.series import Labels

pytestmark = pytest.mark.integration
BEGIN = 1_700_000_000
"""The epoch second of the first sample."""
END = 80
"""The second of the last sample."""
NOW = BEGIN + END + 0.5
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
    # ---- set operators
    "up and on (job) (up == 1)",
    "up and on () (sum(rate(requests_total[1m])) > 1)",
    "up and on () (sum(rate(requests_total[1m])) > 100)",
    "up unless on (job) (up == 0)",
    "pod_info unless ignoring (node, image) (pod_ready == 1)",
    "up or pod_ready",
    "up or on (job) restarts_total",
    "(up == 1) or on () vector(7)",
    'up{job="c"} or up and up{job="a"}',
    # ---- vectors with vectors
    "pod_ready * on (pod) group_left (image) pod_info",
    "pod_info * on (pod) group_right (node) pod_ready",
    'count by (image) (pod_ready * on (pod) group_left (image) pod_info{image=~".*:2"})',
    "pod_ready == on (pod) group_left (node) pod_info",
    "sum by (status) (rate(requests_total[1m])) / on () group_left () sum(rate(requests_total[1m]))",
    "pod_ready / ignoring (node, image) pod_info",
    "up == up",
    "up > bool on (job) (up - 1)",
    "count(pod_info) - count(pod_ready == 1)",
    # ---- comparisons and numbers
    "1 < bool 2",
    "1 == up",
    "up == bool 1",
    "0 < bool up",
    "-up ^ 2",
    "2 ^ 3 ^ 2 % 7",
    "-2 ^ 2",
    "up / 0 > 0",
    "up * on () 2",
    "1e3 + 0x10 + .5",
    # ---- aggregation
    "count without (node, image) (pod_info)",
    "sum without (status) (rate(requests_total[1m]))",
    "group by (node) (pod_info)",
    "min(count by (image, node) (pod_info))",
    "sum(requests_total) by (status)",
    "stddev(requests_total)",
    "bottomk(2, requests_total)",
    "topk by (node) (1, pod_ready)",
    "quantile(0.25, requests_total)",
    'count_values("ready", pod_ready)',
    # ---- ranges
    "count_over_time(up[1m])",
    "sum_over_time(up[1m])",
    "rate(restarts_total[1m])",
    "increase(restarts_total[70s])",
    "increase(late_total[1m])",
    "irate(restarts_total[1m])",
    "idelta(restarts_total[1m])",
    "delta(free_bytes[1m])",
    "deriv(free_bytes[1m])",
    "predict_linear(free_bytes[1m], 3600)",
    "changes(restarts_total[1m])",
    "resets(restarts_total[1m])",
    "quantile_over_time(0.9, free_bytes[1m])",
    "stddev_over_time(free_bytes[1m])",
    "last_over_time(up[1m])",
    "present_over_time(late_total[1m])",
    # ---- subqueries
    "min_over_time(count(up == 1)[1m:1s])",
    "count_over_time((count(up == 1))[1m:7s])",
    "count_over_time(late_total[1m:1s])",
    "sum_over_time((up == 1)[30s:5s])",
    "max_over_time(sum(rate(requests_total[20s]))[40s:3s])",
    "avg_over_time(free_bytes[1m:10s])",
    "max_over_time(deriv(free_bytes[9500ms])[30s:5s] offset 10s)",
    # ---- moments
    "requests_total offset 20s",
    "requests_total @ 33",
    "rate(requests_total[20s] @ 50)",
    "free_bytes @ 70 offset 30s",
    "free_bytes offset -5s @ 10",
    "increase(restarts_total[10s] offset 20s)",
    "sum_over_time(free_bytes[10s:2s] @ 41)",
    "time()",
    "time() - timestamp(free_bytes)",
    "timestamp(free_bytes offset 20s)",
    "timestamp(free_bytes + 1)",
    # ---- functions
    "absent(up)",
    'absent(nothing{job="a", pod=~"x.*", status!="1"})',
    'absent(nothing{job="a"} > 1)',
    "absent(sum(nothing))",
    'absent_over_time(nothing{job="a"}[1m])',
    "absent_over_time(up[1m])",
    "clamp_min(up, 0.5)",
    "clamp_max(free_bytes, 7)",
    "clamp(free_bytes, 3, 4)",
    "scalar(sum(up)) * 2",
    "round(free_bytes / 7, 0.5)",
    "ceil(free_bytes / 7) + floor(free_bytes / 7) + abs(-free_bytes) + sqrt(free_bytes) + ln(free_bytes)",
    'label_replace(pod_info, "workload", "$1", "pod", "(.*)-.*")',
    r'count(pod_info{image=~`.*\.io/.*`, pod!~"c\\.*"})',
    'sum(rate(requests_total{status!~"5.."}[1m])) # the good ones',
    # ---- no number
    "up / up",
    "max(up / up)",
    "quantile(2, up)",
    "histogram_quantile(0.9, sum by (le) (rate(duration_ms_bucket[1m] @ 0)))",
)
"""Queries that both must answer alike."""
REFUSED = (
    "1 < 2",
    "sum(1)",
    "up and 1",
    "rate(up)",
    "pod_ready * on (job) pod_info",
    "pod_ready * on (node) group_left () pod_info",
    '{job=~".*"}',
    "up + bool 1",
    "up * on (job) 1",
    "up and on () group_left () up",
    r'up{job="a\.b"}',
    'up{job=~"("}',
    'up{job=~"(?!a).*"}',
    "sum(up) by",
    "clamp_min(up)",
    "nothing_known(up)",
    "rate(up[0x])",
    "absent(up",
    "topk(up)",
)
"""Queries that both must refuse."""


@pytest.fixture(scope="module")
def store() -> Store:
    """Fill a store: two jobs, one of them down; three pods; requests, restarts, durations, free bytes."""
    made = Store()
    second = [0]
    made.gauges(lambda: gauges(second[0]))
    for tick in range(END + 1):
        second[0] = tick
        made.count("requests_total", 4.5 if tick else 0.0, status="200")
        made.count("requests_total", 0.5 if tick else 0.0, status="500")
        made.observe("duration_ms", 30.0)
        made.sample(targets=True, at=float(BEGIN + tick))
    return made


def gauges(second: int) -> Iterator[tuple[Labels, float]]:
    """Return the gauges, and counters that begin late or start again."""
    yield labels_of("up", {"job": "a"}), 1.0
    yield labels_of("up", {"job": "b"}), 0.0
    for number, pod in enumerate(("gateway-1", "gateway-2", "cache-1")):
        image = f"registry.io/{pod[:-2]}:{number}"
        yield labels_of("pod_info", {"pod": pod, "node": f"n{number // 2}", "image": image}), 1.0
        yield labels_of("pod_ready", {"pod": pod}), float(number < 2)
    yield labels_of("restarts_total", {"job": "a"}), float(second // 9 % 4)
    yield labels_of("free_bytes", {}), 100 - second + 7.0 * (second % 5)
    if second >= 50 and second % 10:
        yield labels_of("late_total", {}), 3.0 + second - 50


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory, store: Store) -> Iterator[ConnectionInfo]:
    """Give a Prometheus that has the samples of the store."""
    lines = (
        f"{text(labels)} {value} {time}"
        for labels, one in sorted(store.select(lambda _: True))
        for time, value in zip(one.times, one.values, strict=True)
    )
    with servers.backfilled(tmp_path_factory.mktemp("promql"), lines) as connection:
        yield connection


def text(labels: Labels) -> str:
    """Write a series as Prometheus does."""
    pairs = dict(labels)
    name = pairs.pop("__name__", "")
    inner = ",".join(f'{key}="{value}"' for key, value in pairs.items())
    return f"{name}{{{inner}}}" if inner else name


def moments(query: str) -> str:
    """Return the query with its ``@`` counted from the first sample."""
    return re.sub(r"@ (\d+)", lambda match: f"@ {BEGIN + int(match[1])}", query)


def asked(prometheus: ConnectionInfo, query: str) -> dict[str, Any]:
    """Return what Prometheus answers."""
    form = urlencode({"query": query, "time": NOW})
    with urlopen(f"{prometheus.base_url}/api/v1/query?{form}", timeout=10) as answer:  # noqa: S310 - loopback
        return dict(json.load(answer)["data"])


def values(answer: dict[str, Any]) -> dict[str, float]:
    """Return an answer's values by series."""
    if answer["resultType"] == "scalar":
        return {"a number": float(answer["result"][1])}
    return {text(tuple(sorted(one["metric"].items()))): float(one["value"][1]) for one in answer["result"]}


def found(value: Value) -> dict[str, float]:
    """Return the rehearsal's values by series."""
    return (
        {text(labels): v for labels, v in value.items()} if isinstance(value, dict) else {"a number": value}
    )


@pytest.mark.parametrize("query", QUERIES)
def test_answer_is_that_of_prometheus(store: Store, prometheus: ConnectionInfo, query: str) -> None:
    """A query has the same series and values in both engines."""
    own = found(compiled(store, moments(query), 1.0, 0.0)(NOW))
    assert own == pytest.approx(values(asked(prometheus, moments(query))), nan_ok=True)


@pytest.mark.parametrize("query", REFUSED)
def test_refused_is_what_prometheus_refuses(store: Store, prometheus: ConnectionInfo, query: str) -> None:
    """A query that Prometheus cannot evaluate is an error in both engines."""
    with pytest.raises(HTTPError):
        asked(prometheus, query)
    with pytest.raises(QueryError):
        compiled(store, query, 1.0, 0.0)(NOW)
