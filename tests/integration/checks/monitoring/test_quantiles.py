"""Quantiles above the highest bucket of a histogram, against a real Prometheus: a bound is no measurement."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers import monitoring as servers
from servers.checking import check, context, raw, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.checks.engine.context import ConnectionInfo

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
MINUTES, EVERY, LATE = 90, 15, 30
"""Minutes of samples, seconds between them, and minutes ago at which ``later`` became slow."""
ABOVE = "above the highest bucket"

# Requests a second in each bucket, not added up: by bound in milliseconds.
HISTOGRAMS: dict[str, dict[str, float]] = {
    'fast{route="/a"}': {"100": 6, "200": 3, "300": 1, "+Inf": 0},
    'slow{route="/a"}': {"100": 1, "200": 1, "300": 1, "+Inf": 7},
    'both{route="/a"}': {"100": 9, "200": 1, "300": 0, "+Inf": 0},
    'both{route="/b"}': {"100": 0, "200": 0, "300": 0, "+Inf": 0.1},
    'edge{route="/a"}': {"100": 94, "200": 0, "300": 1, "+Inf": 5},
    'edge_above{route="/a"}': {"100": 94, "200": 0, "300": 0.9, "+Inf": 5.1},
    'wide{route="/a"}': {"100": 1, "1000": 1, "+Inf": 8},
    'idle{route="/a"}': {"100": 0, "300": 0, "+Inf": 0},
}


def lines() -> Iterator[str]:
    """Write the buckets as counters; those of ``later`` are slow in the last half hour only."""
    now = int(time.time())
    for name, rates in HISTOGRAMS.items():
        metric, labels = name[:-1].split("{")
        total = 0.0
        for bound, rate in rates.items():
            total += rate
            for age in range(MINUTES * 60, -1, -EVERY):
                yield f'{metric}_bucket{{{labels},le="{bound}"}} {total * (MINUTES * 60 - age):.3f} {now - age}'
    for bound, slow in (("300", 0), ("+Inf", 10)):
        for age in range(MINUTES * 60, -1, -EVERY):
            late = max(0, LATE * 60 - age)
            yield f'later_bucket{{le="{bound}"}} {10 * (MINUTES * 60 - age - late) + slow * late} {now - age}'


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConnectionInfo]:
    """Give a Prometheus with the histograms of above."""
    with servers.backfilled(tmp_path_factory.mktemp("quantiles"), lines()) as connection:
        yield connection


def asked(prometheus: ConnectionInfo, **params: Any) -> CheckResult:
    return run(check(context({"prometheus": prometheus}), "prometheus_query", **params))


def p95(metric: str, by: str = "le", span: str = "1h") -> str:
    return f"histogram_quantile(0.95, sum by ({by}) (rate({metric}_bucket[{span}])))"


def below(limit: str, query: str, **params: Any) -> dict[str, Any]:
    return {"query": query, "expect": {"value": limit}, **params}


QUESTIONS: dict[str, tuple[dict[str, Any], Verdict, str]] = {
    "most requests are above the highest bucket": (below("< 500", p95("slow")), Q, f"{ABOVE} of its histogram (300)"),
    "of now": (below("< 500", p95("slow", span="5m")), Q, ABOVE),
    "another quantile": (below("< 500", p95("slow").replace("0.95", "0.5")), Q, ABOVE),
    "a quantile that is computed": (below("< 500", p95("slow").replace("0.95", "1 - 0.05")), Q, ABOVE),
    "a sum of it": (below("< 500", f"{p95('slow')} + 0"), Q, ABOVE),
    "the best of several routes": (below("< 500", f"min({p95('both', 'le, route')})"), Q, ABOVE),
    "one of several routes": (below("< 500", f"topk(5, {p95('both', 'le, route')} >= 0)"), Q, ABOVE),
    "without a sum": (below("< 500", "histogram_quantile(0.95, rate(slow_bucket[1h]))"), Q, ABOVE),
    "over a window": (below("< 500", p95("slow", span="5m"), window="1h", aggregate="min"), Q, ABOVE),
    "for the last third of a window": (below("< 500", p95("later", span="5m"), window="1h", aggregate="max"), Q, ABOVE),
    "in a subquery": (below("< 500", f"max_over_time({p95('later', span='5m')}[1h:1m])"), Q, ABOVE),
    "nothing found of it": (below("== 0", f"{p95('slow')} < 500"), Q, ABOVE),
    "just above": (below("< 500", p95("edge_above")), Q, ABOVE),
    "the bound breaks the limit": (below("< 200", p95("slow")), F, "value = 300"),
    "the bound of a wide bucket breaks the limit": (below("<= 500", p95("wide")), F, "value = 1000"),
    "a fast one": (below("< 500", p95("fast")), P, "value = 250"),
    "a fast one over its limit": (below("< 200", p95("fast")), F, "value = 250"),
    "exactly the highest bound": (below("<= 300", p95("edge")), P, "value = 300"),
    "a lower quantile of a slow one": (below("< 500", p95("slow").replace("0.95", "0.3")), P, "value = 300"),
    "several routes together": (below("< 500", p95("both")), P, "value = 1"),
    "no slow one is found": (
        {"query": f"{p95('slow')} > 500", "empty": "pass", "expect": {"value": "<= 500"}}, Q, f"proves nothing: the quantile lies {ABOVE}"),
    "no slow one is counted": (
        {"query": f"count({p95('slow')} > 500) or vector(0)", "expect": {"value": "== 0"}}, Q, ABOVE),
    "no slow one of fast ones is found": (
        {"query": f"{p95('fast')} > 500", "empty": "pass", "expect": {"value": "<= 500"}}, P, "nothing found"),
    "before it became slow": (below("< 500", p95("later", span="5m").replace("[5m]", "[5m] offset 45m")), P, "value = 2"),
    "no request": (below("< 500", p95("idle")), Q, "not a number"),
}  # fmt: skip


@pytest.mark.parametrize(("params", "verdict", "headline"), QUESTIONS.values(), ids=QUESTIONS.keys())
def test_quantile(
    prometheus: ConnectionInfo, params: dict[str, Any], verdict: Verdict, headline: str
) -> None:
    """A quantile in the highest bucket never passes, and fails where its bound is too much already."""
    result = asked(prometheus, **params)
    assert (result.verdict, headline in raw(result)) == (verdict, True), raw(result)
