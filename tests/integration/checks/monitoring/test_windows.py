"""``prometheus_query`` over windows and ranges, against a real Prometheus with samples of the last day."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
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
HOUR, DAY = 3600, 86400

SERIES: dict[str, list[tuple[int, int, int]]] = {
    'm{job="old"}': [(25 * HOUR, 0, 60)],
    'm{job="young"}': [(30, 0, 15)],
    'm{job="half"}': [(12 * HOUR, 0, 60)],
    'm{job="hole"}': [(25 * HOUR, 20 * HOUR, 60), (8 * HOUR, 0, 60)],
    'm{job="ended"}': [(25 * HOUR, HOUR, 60)],
    'm{job="restarted"}': [(25 * HOUR, 5 * HOUR, 60), (5 * HOUR - 360, 0, 60)],
    'm{job="federated"}': [(25 * HOUR, 0, 300)],
    'm{job="seldom"}': [(25 * HOUR, 300, 900)],
    'm{job="pods",pod="a"}': [(25 * HOUR, 1800, 60)],
    'm{job="pods",pod="b"}': [(1800, 0, 60)],
    'm{job="two",service="goes_on"}': [(25 * HOUR, 0, 60)],
    'm{job="two",service="ended"}': [(25 * HOUR, 1800, 60)],
    'requests{job="old",status="200"}': [(25 * HOUR, 0, 60)],
    'requests{job="old",status="500"}': [(30, 0, 15)],
    'm{job="hourly"}': [(25 * HOUR, 0, HOUR)],
    'm{job="hourly_young"}': [(3 * HOUR, 0, HOUR)],
    'm{job="hourly_ended"}': [(25 * HOUR, 6 * HOUR, HOUR)],
    'ages{service="old"}': [(25 * HOUR, 0, 60)],
    'ages{service="young"}': [(HOUR, 0, 60)],
    'paces{service="minute"}': [(25 * HOUR, 0, 60)],
    'paces{service="hour"}': [(25 * HOUR, 0, HOUR)],
    'paces{service="young"}': [(3 * HOUR, 0, HOUR)],
    'm{job="flaps"}': [(hour * HOUR, hour * HOUR - 1800, 60) for hour in range(25, 0, -1)],
    'ALERTS{alertname="Watchdog",alertstate="firing"}': [(25 * HOUR, 0, 30)],
}
"""For each series the stretches in which it has samples: from and to (seconds ago), and the interval."""


def lines() -> Iterator[str]:
    """Write every sample; all have the value 1."""
    now = int(time.time())
    for name, stretches in SERIES.items():
        for begin, end, interval in stretches:
            yield from (f"{name} 1 {now - age}" for age in range(begin, end - 1, -interval))


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConnectionInfo]:
    """Give a Prometheus with the series of above."""
    with servers.backfilled(tmp_path_factory.mktemp("windows"), lines()) as connection:
        yield connection


def asked(prometheus: ConnectionInfo, **params: Any) -> CheckResult:
    return run(check(context({"prometheus": prometheus}), "prometheus_query", **params))


def day(job: str, **params: Any) -> dict[str, Any]:
    return {
        "query": f'm{{job="{job}"}}',
        "window": "1d",
        "step": "1m",
        "aggregate": "max",
        "expect": {"value": "== 1"},
        **params,
    }


def maximum(job: str, **params: Any) -> dict[str, Any]:
    return {"query": f'sum(max_over_time(m{{job="{job}"}}[1d]))', "expect": {"value": ">= 1"}, **params}


def idle_until(ago: float, **params: Any) -> dict[str, Any]:
    """Ask for a share whose denominator is 0 until so many seconds ago: 0/0 is not a number."""
    query = f'0 * m{{job="old"}} / (time() >= bool {time.time() - ago:.0f})'
    wanted = {"value": "== 0", **params}
    return {"query": query, "window": "1d", "step": "1m", "aggregate": "max", "expect": wanted}


def idle_for(seconds: float) -> dict[str, Any]:
    """Ask for the last value of a share whose denominator has been 0 for so many seconds."""
    query = f'0 * m{{job="old"}} / (time() <= bool {time.time() - seconds:.0f})'
    return {"query": query, "window": "1h", "step": "1m", "expect": {"value": "== 0"}}


ERRORS = '(sum(count_over_time(requests{job="old",status=~"5.."}[1d])) or vector(0)) / sum(count_over_time(requests{job="old"}[1d]))'
ALERTS = 'count(max_over_time(ALERTS{alertstate="firing",severity="critical"}[4h])) or vector(0)'

QUESTIONS: dict[str, tuple[dict[str, Any], Verdict, str]] = {
    "a window of a target of half a minute": (day("young"), Q, "samples cover 0% of the 1d"),
    "a range of a target of half a minute": (maximum("young"), Q, "samples cover 0% of the 1d"),
    "a subquery over a target of half a minute": (
        {"query": 'max_over_time(sum(m{job="young"})[6h:10s])', "expect": {"value": "== 1"}}, Q, 'm{job="young"}: samples cover'),
    "an average over a target of half a day": (
        {"query": 'avg(avg_over_time(m{job="half"}[1d]))', "expect": {"value": ">= 0.999"}}, Q, "samples cover 50%"),
    "one of two services is young": (
        {"query": "max by (service) (max_over_time(ages[1d]))", "expect": {"value": "== 1"}}, Q, "ages: samples cover"),
    "one of two hourly services is young": (
        {"query": "max by (service) (max_over_time(paces[1d]))", "expect": {"value": "== 1"}}, Q, "paces: samples cover"),
    "one of two operands is young": (
        {"query": 'sum(max_over_time(m{job="old"}[1d])) + sum(max_over_time(m{job="young"}[1d]))', "expect": {"value": "== 2"}}, Q, "young"),
    "a hole of half a day in a window": (day("hole"), Q, "samples cover 5"),
    "a hole of half a day in a range": (maximum("hole"), Q, "samples cover 5"),
    "a window whose series ended": (day("ended"), Q, "no data: the newest sample is"),
    "a range whose series ended": (maximum("ended"), Q, "no data: the newest sample is"),
    "the last value of what ended": (day("ended", aggregate="last"), Q, "no data"),
    "one of two services ended": (day("two"), Q, "no data"),
    "a zero that no series has given": (
        {"query": "sum(increase(no_such_metric[1h])) or vector(0)", "expect": {"value": "== 0"}}, Q, "no_such_metric: no data"),
    "a zero of now that no series has given": (
        {"query": "sum(rate(no_such_metric[5m])) or vector(0)", "expect": {"value": "== 0"}}, Q, "no_such_metric: no data"),
    "zeros all the time that no series has given": (
        {"query": "sum(no_such_metric) or vector(0)", "window": "1h", "expect": {"value": "== 0"}}, Q, "no_such_metric: no data"),
    "a zero of what ended": ({"query": 'sum(m{job="ended"}) or vector(0)', "expect": {"value": "== 0"}}, Q, "no data"),
    "nothing found of nothing": (
        {"query": "no_such_metric > 1", "empty": "pass", "expect": {"value": "== 0"}}, Q, "no series, which proves nothing"),
    "nothing found in a day of a target of half a minute": (
        {"query": 'max_over_time(m{job="young"}[1d]) > 5', "empty": "pass", "expect": {"value": "== 0"}}, Q, "samples cover 0%"),
    "a range within a window, of a target of half a day": (
        {"query": 'sum(max_over_time(m{job="half"}[11h]))', "window": "6h", "step": "5m", "expect": {"value": "== 1"}}, Q, "of the 17h"),
    "a range of ten hours ago, of a target of half a day": (
        {"query": 'sum(max_over_time(m{job="half"}[6h] offset 10h))', "expect": {"value": "== 1"}}, Q, "of the 6h"),
    "a guard that was not there": (maximum("old", guard='m{job="young"}'), Q, 'm{job="young"}: samples cover'),
    "a guard of now that is not there": (
        {"query": "vector(0)", "guard": "absent_too", "expect": {"value": "== 0"}}, Q, "absent_too: no data"),
    "an hourly rule that is young": (maximum("hourly_young"), Q, "samples cover"),
    "an hourly rule that ended": (maximum("hourly_ended"), Q, "no data"),
    "a target that is there for half of each hour": (maximum("flaps"), Q, ""),
    "a rate over one scrape, found to be none": (
        {"query": 'sum(rate(m{job="old"}[1m])) > 5', "empty": "pass"}, Q, "fewer than two samples"),
    "a rate over one scrape, or zero": (
        {"query": 'sum(rate(m{job="old"}[60s])) or vector(0)', "expect": {"value": "== 0"}}, Q, "at least two scrape"),
    "a rate over one scrape, behind a guard": (
        {"query": 'sum(rate(m{job="old"}[1m])) or vector(0)', "guard": 'm{job="old"}', "expect": {"value": "== 0"}}, Q, "two samples"),
    "a share of no requests is not above its limit": (
        {"query": '0 * m{job="old"} / (0 * m{job="old"}) > 0.01', "empty": "pass"}, Q, "nothing was compared"),
    "a share of no requests all the time": (
        {"query": '0 * m{job="old"} / (0 * m{job="old"}) > 0.01', "window": "1h", "empty": "pass"}, Q, "nothing was compared"),
    "a share of no requests as yes or no": (
        {"query": '0 * m{job="old"} / (0 * m{job="old"}) > bool 0.01', "expect": {"value": "== 0"}}, Q, "nothing was compared"),
    "no number for half of the day": (idle_until(DAY / 2), Q, "samples cover 5"),
    "no number at the end, which is the value": (idle_for(90), Q, ""),
    "a range in a form that cannot be read, of a broken query": (
        {"query": "rate(m[1i])", "expect": {"value": ">= 0"}}, Q, ""),
    "a day of samples": (day("old"), P, "value = 1"),
    "a day of samples in a range": (maximum("old"), P, "value = 1"),
    "a restart of six minutes": (day("restarted"), P, "value = 1"),
    "a restart of six minutes in a range": (maximum("restarted"), P, "value = 1"),
    "a federation": (day("federated", step="5m"), P, "value = 1"),
    "a federation in a range": (maximum("federated"), P, "value = 1"),
    "a rule every quarter of an hour in a range": (maximum("seldom"), P, "value = 1"),
    "two services of different paces": (
        {"query": 'max by (service) (max_over_time(paces{service!="young"}[1d]))', "expect": {"value": "== 1"}}, P, ""),
    "a young service in a sum": (
        {"query": "sum(max_over_time(ages[1d]))", "expect": {"value": "== 2"}}, P, "value = 2"),
    "a young pod of a service": (
        {"query": 'max_over_time(m{job="pods"}[1d])', "expect": {"value": "== 1"}}, P, ""),
    "a rule every quarter of an hour in an hour": (
        {"query": 'sum(max_over_time(m{job="seldom"}[1h]))', "expect": {"value": "== 1"}}, P, "value = 1"),
    "a rule every hour in a range": (maximum("hourly"), P, "value = 1"),
    "no number for half of the day is enough for the item": (
        idle_until(DAY / 2, coverage=">= 0.4"), P, "value = 0"),
    "no number now and then": (idle_until(DAY - HOUR), P, "value = 0"),
    "a rate over two scrapes, found to be none": (
        {"query": 'sum(rate(requests{job="old"}[4m])) > 5', "empty": "pass"}, P, "nothing found"),
    "a rate of what is not there, behind a guard": (
        {"query": "sum(rate(no_such_metric[1m])) or vector(0)", "guard": 'm{job="old"}', "expect": {"value": "== 0"}}, P, "value = 0"),
    "one of two shares is of no requests": (
        {"query": '((0 * m{job="old"} / (0 * m{job="old"})) or m{job="federated"}) > 5', "empty": "pass"}, P, "nothing found"),
    "a comparison as yes or no": (
        {"query": 'max(m{job="old"}) > bool 5', "expect": {"value": "== 0"}}, P, "value = 0"),
    "a pod was replaced": (day("pods"), P, "value == 1"),
    "a pod was replaced, in a range": (maximum("pods"), P, "value = 2"),
    "the last value after a pod was replaced": (day("pods", aggregate="last"), P, "value = 1"),
    "errors that have just begun": ({"query": ERRORS, "expect": {"value": "< 0.01"}}, P, "value = 0.0"),
    "no alert but the watchdog": ({"query": ALERTS, "expect": {"value": "== 0"}}, P, "value = 0"),
    "nothing found of something": (
        {"query": 'm{job="old"} > 5', "empty": "pass", "expect": {"value": "== 0"}}, P, "nothing found"),
    "one of two names that a metric has had": (
        {"query": 'sum(max_over_time(old_name[1d])) or sum(max_over_time(m{job="old"}[1d]))', "expect": {"value": "== 1"}}, P, "value = 1"),
    "a guard for what is not there in good times": (
        {"query": "sum(increase(no_such_metric[1h])) or vector(0)", "guard": 'm{job="old"}', "expect": {"value": "== 0"}}, P, "value = 0"),
    "five minutes of a young target are now": (
        {"query": 'sum(count_over_time(m{job="young"}[5m]))', "expect": {"value": ">= 2"}}, P, "value = 3"),
    "some samples are enough for the item": (
        maximum("young", expect={"value": "== 1", "coverage": ">= 0"}), P, "value = 1"),
    "the item wants more than a tenth less": (
        maximum("old", expect={"value": "== 1", "coverage": ">= 0.99"}), P, "coverage = 1"),
    "the item's own share is not reached": (
        maximum("half", expect={"value": "== 1", "coverage": ">= 0.9"}), F, "coverage = 0.5"),
}  # fmt: skip


@pytest.mark.parametrize(("params", "verdict", "headline"), QUESTIONS.values(), ids=QUESTIONS.keys())
def test_coverage(
    prometheus: ConnectionInfo, params: dict[str, Any], verdict: Verdict, headline: str
) -> None:
    """What samples do not cover is unknown, however good the number; what they cover is judged."""
    result = asked(prometheus, **params)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_replaced_series_is_no_subject_of_now(prometheus: ConnectionInfo) -> None:
    """The last value of a pod that was replaced is left out: it is not of now."""
    assert asked(prometheus, **day("pods", aggregate="last")).observed["count"] == 1


@pytest.mark.parametrize("guard", ["vector(1)", "1", "absent(up)", "count(up) or vector(0)"])
def test_guard_that_is_always_there_is_refused(prometheus: ConnectionInfo, guard: str) -> None:
    """A guard must be missing where nothing is watched: the item is told so when it is read."""
    result = asked(prometheus, query="up", guard=guard)
    assert (result.verdict, "it guards nothing" in raw(result)) == (Q, True), result.headline


def test_window_of_two_points_is_refused(prometheus: ConnectionInfo) -> None:
    """A window must be two steps long: the item is told so when it is read."""
    result = asked(prometheus, query="up", window="1h", step="45m")
    assert (result.verdict, "shorten 'step'" in raw(result)) == (Q, True), result.headline


def test_only_what_came_after(prometheus: ConnectionInfo) -> None:
    """A query that looks back to before a moment is not judged until all that it looks at lies after it."""
    now = datetime.now(UTC)
    query = 'min_over_time(sum(rate(m{job="old"}[3m]))[5m:30s])'
    asks = {"query": query, "expect": {"value": "== 0"}}
    for since in (now - timedelta(minutes=9), "2026-01-31T09:00:00+01:00"):
        assert asked(prometheus, **asks, since=f"{since}").verdict is P
    early = asked(prometheus, **asks, since=f"{now - timedelta(minutes=7)}")
    assert (early.verdict, "known in 60 s" in early.headline or "known in 59 s" in early.headline) == (
        Q,
        True,
    )
    assert asked(prometheus, query='m{job="old"}', since=f"{now - timedelta(seconds=5)}").verdict is P
    window = {"query": 'm{job="old"}', "window": "1h", "expect": {"value": "== 1"}}
    assert asked(prometheus, **window, since=f"{now - timedelta(minutes=59)}").verdict is Q
    assert asked(prometheus, **window, since=f"{now - timedelta(minutes=61)}").verdict is P
    assert asked(prometheus, query='m{job="old"}', since="at nine").verdict is Q
