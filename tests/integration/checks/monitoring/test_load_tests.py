"""Queries about the time of a load test, against a real Prometheus: what was slow then stays slow."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers import monitoring as servers
from servers.checking import check, context, raw, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from launch_pipeline.checks.engine.context import ConnectionInfo

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
COMMIT = "c0ffee" + "0" * 34
MINUTE, HOUR = 60, 3600
BEGAN, ENDED = 190 * MINUTE, 180 * MINUTE
"""Seconds ago between which the load test ran: ten minutes, three hours ago."""
REQUESTS = 60_000
START = 6 * HOUR


def lines(now: int) -> Iterator[str]:
    """Write the counters: 100 requests a second in the test, one a second else; latencies were different then."""

    def during(age: int) -> int:
        return min(max(BEGAN - age, 0), BEGAN - ENDED)

    def series(name: str, idle: float, loaded: float) -> Iterator[str]:
        for age in range(START, -1, -15):
            busy = during(age)
            yield f"{name} {idle * (START - age - busy) + loaded * busy:.1f} {now - age}"

    yield from series("requests_total", 1, 100)
    for le, idle, loaded in (("100", 1, 0), ("500", 1, 100), ("+Inf", 1, 100)):
        yield from series(f'slow_then_bucket{{le="{le}"}}', idle, loaded)
    for le, idle, loaded in (("100", 0, 100), ("500", 1, 100), ("+Inf", 1, 100)):
        yield from series(f'slow_now_bucket{{le="{le}"}}', idle, loaded)
    for age in range(START // 2 - HOUR, -1, -15):
        yield f'young_bucket{{le="100"}} {START - age} {now - age}'
        yield f'young_bucket{{le="+Inf"}} {START - age} {now - age}'


@pytest.fixture(scope="module")
def now() -> int:
    """Give the time at which the samples end."""
    return int(time.time())


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory, now: int) -> Iterator[ConnectionInfo]:
    """Give a Prometheus with the counters of above."""
    with servers.backfilled(tmp_path_factory.mktemp("load"), lines(now)) as connection:
        yield connection


def k6(requests: float = REQUESTS, seconds: float = BEGAN - ENDED) -> dict[str, Any]:
    return {
        "metrics": {
            "http_reqs": {"count": requests, "rate": requests / seconds},
            "http_req_duration": {"p(95)": 300},
        }
    }


def moment(now: int, ago: float) -> str:
    return datetime.fromtimestamp(now - ago, UTC).isoformat()


def report(folder: Path, document: Any, **sidecar: Any) -> str:
    path = folder / "summary.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    if sidecar:
        (folder / "summary.json.meta.json").write_text(json.dumps(sidecar))
    return str(path)


def asked(prometheus: ConnectionInfo, during: str, **params: Any) -> CheckResult:
    ctx = context({"prometheus": prometheus}, variables={"release_sha": COMMIT})
    return run(check(ctx, "prometheus_query", during=during, subject="${release_sha}", **params))


def p95(metric: str) -> dict[str, Any]:
    query = f"histogram_quantile(0.95, sum by (le) (rate({metric}_bucket[$__range])))"
    return {"query": query, "expect": {"value": "< 200"}}


SHARE: dict[str, Any] = {
    "query": "sum(rate(requests_total[$__range])) / $__load",
    "expect": {"value": ">= 0.5"},
}
COUNT: dict[str, Any] = {
    "query": "sum(increase(requests_total[$__range]))",
    "expect": {"value": ">= 50000"},
}
QUESTIONS: dict[str, tuple[dict[str, Any], Verdict, str]] = {
    "slow in the test and fast in the last hour": (p95("slow_then"), F, "value = 4"),
    "fast in the test and slow in the last hour": (p95("slow_now"), P, "value = 9"),
    "first scraped after the test": (p95("young"), Q, "no data"),
    "never exported": (p95("absent_metric"), Q, "no data"),
    "all requests of the test were counted": (SHARE, P, "value = 1"),
    "as many as the report says": (COUNT, P, "value = 60"),
}  # fmt: skip


@pytest.mark.parametrize(("params", "verdict", "headline"), QUESTIONS.values(), ids=QUESTIONS.keys())
def test_query_is_about_the_test(
    prometheus: ConnectionInfo,
    now: int,
    tmp_path: Path,
    params: dict[str, Any],
    verdict: Verdict,
    headline: str,
) -> None:
    """What counts is the time of the test, whatever came after it."""
    uri = report(tmp_path, k6(), commit=COMMIT, generated_at=moment(now, ENDED))
    result = asked(prometheus, uri, **params)
    assert (result.verdict, headline in raw(result)) == (verdict, True), raw(result)


def test_evidence_says_when_the_test_ran(prometheus: ConnectionInfo, now: int, tmp_path: Path) -> None:
    """The record shows which minutes were judged."""
    uri = report(tmp_path, k6(), commit=COMMIT, generated_at=moment(now, ENDED))
    said = asked(prometheus, uri, **COUNT).observed["during"]
    assert said.startswith(f"{datetime.fromtimestamp(now - BEGAN, UTC):%Y-%m-%d %H:%M:%S} to ")
    assert said.endswith("UTC, 60000 requests")


LOCUST = {
    "num_requests": REQUESTS,
    "num_failures": 0,
    "response_times": {"120": REQUESTS},
    "name": "/",
    "method": "GET",
}
GATLING = {
    "numberOfRequests": {"total": REQUESTS, "ok": REQUESTS, "ko": 0},
    "meanNumberOfRequestsPerSecond": {"total": 100, "ok": 100, "ko": 0},
}


@pytest.mark.parametrize("tool", ["locust", "gatling", "handleSummary", "sidecar"])
def test_times_of_each_tool(prometheus: ConnectionInfo, now: int, tmp_path: Path, tool: str) -> None:
    """Each tool's own report, or the sidecar, says when the test ran."""
    ended = {"generated_at": moment(now, ENDED)}
    late = {"generated_at": moment(now, HOUR)}
    locust = {**LOCUST, "start_time": now - BEGAN, "last_request_timestamp": now - ENDED}
    summary = {
        "state": {"testRunDurationMs": (BEGAN - ENDED) * 1000},
        "metrics": {"http_reqs": {"values": {"count": REQUESTS, "rate": 90}}},
    }
    forms: dict[str, tuple[Any, dict[str, str]]] = {
        "locust": ([locust], late),
        "gatling": (GATLING, ended),
        "handleSummary": (summary, ended),
        "sidecar": (k6(), {"started_at": moment(now, BEGAN + 60), "ended_at": moment(now, ENDED - 30), **late}),
    }  # fmt: skip
    document, sidecar = forms[tool]
    uri = report(tmp_path, document, commit=COMMIT, **sidecar)
    result = asked(prometheus, uri, **SHARE)
    assert result.verdict is P, raw(result)


def test_report_that_was_uploaded_later_shows_no_load(
    prometheus: ConnectionInfo, now: int, tmp_path: Path
) -> None:
    """Where nothing says when the test ended, the minutes before the upload hold no load."""
    uri = report(tmp_path, k6(), commit=COMMIT, generated_at=moment(now, HOUR))
    assert asked(prometheus, uri, **SHARE).verdict is F


def test_load_on_another_system_is_no_load(prometheus: ConnectionInfo, now: int, tmp_path: Path) -> None:
    """A report of more than twice as many requests as were counted is about another system."""
    uri = report(tmp_path, k6(3 * REQUESTS), commit=COMMIT, generated_at=moment(now, ENDED))
    assert asked(prometheus, uri, **SHARE).verdict is F


def _meta(now: int, **changed: Any) -> dict[str, Any]:
    return {"commit": COMMIT, "generated_at": moment(now, ENDED), **changed}


def test_report_that_proves_nothing(prometheus: ConnectionInfo, now: int, tmp_path: Path) -> None:
    """A report of another commit, stale, without a sidecar, broken or without load is inconclusive."""
    whole = json.dumps(k6())
    cases: dict[str, tuple[Any, dict[str, Any]]] = {
        "is about commit beef": (k6(), _meta(now, commit="beef" * 10)),
        "does not name its commit": (k6(), {"generated_at": moment(now, ENDED)}),
        "is stale: 30.0 h old": (k6(), _meta(now, generated_at=moment(now, 30 * HOUR))),
        "in the future": (k6(), _meta(now, generated_at=moment(now, -HOUR))),
        "is about no known commit": (k6(), _meta(now, unproven="the checkout is not clean")),
        "is no whole report": (whole[: len(whole) // 2], _meta(now)),
        "it holds no request": (k6(0), _meta(now)),
        "it holds no k6 metrics": ({"metrics": {}}, _meta(now)),
        "k6, Locust or Gatling: argument": ("7", _meta(now)),
        "does not say how long": ({"metrics": {"http_reqs": {"count": 7}}}, _meta(now)),
        "says that it took 2h": (k6(), _meta(now, started_at=moment(now, ENDED + 2 * HOUR))),
        "says that its test ran from": (k6(), _meta(now, started_at=moment(now, ENDED - MINUTE))),
        "and that it was generated": (k6(), _meta(now, ended_at=moment(now, HOUR), started_at=moment(now, HOUR + 600))),
    }  # fmt: skip
    found = {}
    for number, (said, (document, sidecar)) in enumerate(cases.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        found[said] = asked(prometheus, report(folder, document, **sidecar), **p95("slow_now"))
    assert {
        said: (one.verdict, raw(one))
        for said, one in found.items()
        if one.verdict is not Q or said not in raw(one)
    } == {}


def test_no_report(prometheus: ConnectionInfo, tmp_path: Path) -> None:
    """A test that has not run yet is a question."""
    result = asked(prometheus, str(tmp_path / "none.json"), **p95("slow_now"))
    assert (result.verdict, "no report at" in raw(result)) == (Q, True)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"query": "sum(rate(up[$__range]))"}, "need 'during'"),
        ({"query": "up / $__load"}, "need 'during'"),
        ({"query": "up", "during": "r.json"}, "must look at [$__range]"),
        ({"query": "sum(rate(up[$__range]))", "during": "r.json", "window": "1h"}, "no 'window'"),
        ({"query": "sum(rate(up[$__range]))", "during": "r.json"}, "need each other"),
        ({"query": "up", "subject": "a"}, "need each other"),
    ],
)
def test_query_without_a_test_is_refused(params: dict[str, Any], said: str) -> None:
    """A query says of which time it is when the checklist is read."""
    result = run(check(context({}), "prometheus_query", **params))
    assert (result.verdict, said in raw(result)) == (Q, True), raw(result)
