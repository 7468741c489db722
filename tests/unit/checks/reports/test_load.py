"""Load tests: k6, Locust and Gatling; a measurement of nothing is none.

k6's two forms are those of ``internal/js/summary.go`` and ``summary-wrapper.js`` in grafana/k6; what it
shows of a metric without samples is in ``metrics/sink.go``.
"""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checks.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
Object = dict[str, Any]
EMPTY = {"avg": 0, "min": 0, "med": 0, "max": 0, "p(90)": 0, "p(95)": 0}
TREND = {"avg": 150, "min": 2, "med": 120, "max": 900, "p(90)": 300, "p(95)": 312.5}
METRICS = {
    "http_reqs": {"count": 60000, "rate": 100.0},
    "http_req_duration": {**TREND, "thresholds": {"p(95)<500": False}},
    "http_req_failed": {"value": 0.0, "passes": 0, "fails": 60000},
    "iterations": {"count": 60000, "rate": 100.0},
    "vus": {"value": 3, "min": 1, "max": 1000},
    "vus_max": {"value": 1000, "min": 1000, "max": 1000},
}


def export(**metrics: Any) -> Object:
    """Build what ``--summary-export`` writes."""
    return {"metrics": {**METRICS, **metrics}}


def handled(**metrics: Any) -> Object:
    """Build what ``handleSummary`` gets."""
    made = {}
    for name, given in {**METRICS, **metrics}.items():
        values = {key: value for key, value in given.items() if key not in {"thresholds", "value"}}
        if "value" in given:
            values["rate" if "passes" in given else "value"] = given["value"]
        crossed = given.get("thresholds", {})
        made[name] = {
            "values": values,
            "thresholds": {text: {"ok": not bad} for text, bad in crossed.items()},
        }
    return {"metrics": made, "state": {"testRunDurationMs": 600_000.0}}


def tagged(name: str, values: Object, *texts: str, crossed: bool = False) -> Object:
    """Build a metric with thresholds, none of which was crossed unless ``crossed``."""
    return {name: {**values, "thresholds": dict.fromkeys(texts, crossed)}}


RATE = {"value": 0, "passes": 0, "fails": 0}
THRESHOLDS: dict[str, tuple[Object, Verdict, str]] = {
    "a trend with samples": ({}, P, "failed_thresholds = []"),
    "a trend without": (tagged("http_req_duration{name:pay}", EMPTY, "p(95)<500"), Q, "over no samples: http_req_duration{name:pay}"),
    "a trend that counts none": (tagged("t", {"count": 0, "p(95)": 0}, "p(95)<500"), Q, "over no samples: t"),
    "a trend of zeros that counts": (tagged("http_req_tls_handshaking", {**EMPTY, "count": 12}, "p(95)<9"), P, "= []"),
    "a trend whose values were cut out": (tagged("t", {}, "p(95)<500"), Q, "over no samples"),
    "a rate without samples": (tagged("http_req_failed{name:pay}", RATE, "rate<0.01"), Q, "over no samples"),
    "a rate of none of many": (tagged("http_req_failed{name:pay}", {**RATE, "fails": 8}, "rate<0.01"), P, "= []"),
    # A counter of errors that is never hit is met (grafana/k6 issue 1346).
    "a counter that was never hit": (tagged("errors", {"count": 0, "rate": 0}, "count<1"), P, "= []"),
    "a trend that shows its count alone": (tagged("t", {"count": 0}, "p(95)<9"), Q, "over no samples: t"),
    "a counter that was hit": (tagged("errors", {"count": 2, "rate": 0.1}, "count<9"), P, "= []"),
    "a counter of k6's own": (tagged("dropped_iterations", {"count": 0, "rate": 0}, "count<1"), P, "= []"),
    "a gauge without samples": (tagged("queue", {"value": 0, "min": 0, "max": 0}, "value<5"), Q, "over no samples"),
    "a gauge that is zero now": (tagged("queue", {"value": 0, "min": 0, "max": 4}, "value<5"), P, "= []"),
    "crossed over no samples": (tagged("http_reqs{name:pay}", {"count": 0, "rate": 0}, "count>0", crossed=True), F, "http_reqs{name:pay}"),
    "one crossed, one over no samples": (
        {**tagged("a", TREND, "p(95)<9", crossed=True), **tagged("b", EMPTY, "p(95)<9")}, F, "a: p(95)<9"),
}  # fmt: skip


@pytest.mark.parametrize("form", [export, handled])
@pytest.mark.parametrize(("metrics", "verdict", "headline"), THRESHOLDS.values(), ids=THRESHOLDS.keys())
def test_thresholds(
    judged: Callable[..., Any], form: Callable[..., Object], metrics: Object, verdict: Verdict, headline: str
) -> None:
    """A threshold that was judged over no samples was not met; that a crossed one was crossed stays true."""
    got, text = judged("k6", form(**metrics))
    assert (got, headline in text) == (verdict, True), text


def test_threshold_over_no_samples_is_not_counted(judged: Callable[..., Any]) -> None:
    """Neither the number of thresholds nor the list of the crossed ones passes by it."""
    both = export(**tagged("a", TREND, "p(95)<9", crossed=True), **tagged("b", EMPTY, "p(95)<9"))
    named = {"contains(failed_thresholds, 'b: p(95)<9')": "== true", "thresholds": "== 2"}
    assert judged("k6", both, expect={**named, "failed_thresholds": "!= []"})[0] is P
    assert judged("k6", export(**tagged("b", EMPTY, "x<9")), expect={"thresholds": ">= 1"})[0] is Q


@pytest.mark.parametrize("form", [export, handled])
def test_counter_that_was_never_hit_is_no_proof_alone(
    judged: Callable[..., Any], form: Callable[..., Object]
) -> None:
    """Where no threshold was judged over samples, none shows that the script came to its counter."""
    bare = {"http_req_duration": TREND, **tagged("errors", {"count": 0, "rate": 0}, "count<1")}
    got, text = judged("k6", form(**bare))
    assert (got, "over no samples: errors" in text) == (Q, True), text


GRPC = {
    "grpc_req_duration": {**TREND, "thresholds": {"p(95)<500": False}},
    "iterations": {"count": 9, "rate": 1.0},
}
OTHERWISE: dict[str, tuple[Object, Object, Verdict, str]] = {
    "calls of gRPC": (GRPC, {}, P, "= []"),
    "its requests are not counted": (GRPC, {"requests": ">= 1"}, Q, "no samples of http_reqs"),
    "its iterations are": (GRPC, {"iterations": ">= 9"}, P, "iterations = 9"),
    "no iteration": ({"grpc_req_duration": GRPC["grpc_req_duration"]}, {}, Q, "no k6 metrics"),
    "no iteration ended": ({**GRPC, "iterations": {"count": 0, "rate": 0}}, {}, Q, "no iteration"),
    "requests that are measured, and not counted": ({**METRICS, "http_reqs": None}, {}, Q, "no k6 metrics"),
    "a script of HTTP that sent nothing": ({**tagged("http_req_duration{a:b}", EMPTY, "p(95)<9"), "iterations": GRPC["iterations"]}, {}, Q, "no k6 metrics"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("metrics", "expect", "verdict", "headline"), OTHERWISE.values(), ids=OTHERWISE.keys()
)
def test_load_of_other_protocols(
    judged: Callable[..., Any], metrics: Object, expect: Object, verdict: Verdict, headline: str
) -> None:
    """A test of gRPC, WebSockets or a browser has no http_reqs, and is judged by its own thresholds."""
    document = {"metrics": {name: one for name, one in metrics.items() if one}}
    got, text = judged("k6", document, expect=expect)
    assert (got, headline in text) == (verdict, True), text


def without(name: str) -> Object:
    return {"metrics": {key: value for key, value in METRICS.items() if key != name}}


MEASURED: dict[str, tuple[Object, dict[str, str], Verdict, str]] = {
    "users that ran": (export(), {"vus_max": ">= 1000"}, P, "vus_max = 1000"),
    "users that were reserved": (export(vus={"value": 2, "min": 1, "max": 12}), {"vus_max": ">= 1000"}, F, "vus_max = 12"),
    "no samples of users": (without("vus"), {"vus_max": ">= 1"}, Q, "reserved"),
    "users of zero": (export(vus={"value": 0, "min": 0, "max": 0}), {"vus_max": "<= 10"}, Q, "no samples of vus"),
    "latency": (export(), {"p95_ms": "== 312.5"}, P, "p95_ms = 312.5"),
    "latency of requests that were never answered": (export(http_req_duration={**EMPTY, "max": 3}), {"p95_ms": "< 500"}, Q, "no samples"),
    "no latency was measured": (export(http_req_duration=EMPTY), {"p95_ms": "< 500"}, Q, "no samples of http_req_duration"),
    "latency was cut out": (without("http_req_duration"), {"p95_ms": "< 500"}, Q, "no samples of http_req_duration"),
    "errors of no request": (export(http_req_failed=RATE), {"error_rate": "< 0.01"}, Q, "no samples of http_req_failed"),
    "errors were cut out": (without("http_req_failed"), {"error_rate": "< 0.01"}, Q, "no samples of http_req_failed"),
    "no request": (export(http_reqs={"count": 0, "rate": 0}), {"p95_ms": "< 500"}, Q, "no request"),
    "no iteration ended": (export(iterations={"count": 0, "rate": 0}), {"iterations": "<= 9"}, Q, "no samples of iterations"),
    "iterations": (export(), {"iterations": ">= 60000"}, P, "iterations = 60000"),
    "nothing was dropped": (export(), {"dropped_iterations": "== 0"}, P, "dropped_iterations = 0"),
    "iterations were dropped": (export(dropped_iterations={"count": 7, "rate": 0.1}), {"dropped_iterations": "== 0"}, F, "dropped_iterations = 7"),
    "no checks": (export(), {"checks": ">= 0.9"}, Q, "no samples of checks"),
    "checks": (export(checks={"value": 0.75, "passes": 45, "fails": 15}), {"checks": ">= 0.9"}, F, "checks = 0.75"),
    "how long it ran": (export(), {"duration_s": ">= 600"}, P, "duration_s = 600"),
    "no rate to tell it by": (export(http_reqs={"count": 60000}), {"duration_s": ">= 1"}, Q, "how long"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("document", "expect", "verdict", "headline"), MEASURED.values(), ids=MEASURED.keys()
)
def test_measurements(
    judged: Callable[..., Any], document: Object, expect: dict[str, str], verdict: Verdict, headline: str
) -> None:
    """What has no samples is not known; users are those that ran, not those that were reserved."""
    got, text = judged("k6", document, expect=expect)
    assert (got, headline in text) == (verdict, True), text


LOCUST = {
    "num_requests": 100,
    "num_failures": 1,
    "response_times": {"10": 90, "700": 10},
    "start_time": 1.0,
    "last_request_timestamp": 61.0,
}
LOCUSTS: dict[str, tuple[list[Object], dict[str, str], Verdict, str]] = {
    "requests": ([LOCUST], {"requests": ">= 100"}, P, "requests = 100"),
    "none": ([{**LOCUST, "num_requests": 0}], {"error_rate": "< 0.1"}, Q, "no request"),
    "an empty list": ([], {"error_rate": "< 0.1"}, Q, "no request"),
    "users": ([LOCUST], {"vus_max": ">= 1"}, Q, "how many users"),
    "thresholds that it does not have": ([LOCUST], {"failed_thresholds": "== []"}, Q, "no thresholds"),
    "no times": ([{**LOCUST, "response_times": {}}], {"p95_ms": "< 500"}, Q, "do not hold it"),
    "times of a part of them": ([{**LOCUST, "response_times": {"10": 9}}], {"p95_ms": "< 500"}, Q, "do not hold it"),
    "more times than requests": ([{**LOCUST, "num_requests": 9}], {"p95_ms": "< 500"}, Q, "do not hold it"),
    "requests that have no time": ([{**LOCUST, "num_requests": 120, "num_none_requests": 20}], {"p95_ms": "== 700"}, P, "p95_ms = 700"),
    "fewer than no failures": ([LOCUST, {**LOCUST, "num_failures": -1}], {"error_rate": "< 0.1"}, Q, "no count"),
    "fewer than no requests": ([LOCUST, {**LOCUST, "num_requests": -1}], {"error_rate": "< 0.1"}, Q, "no count"),
    "texts": ([{**LOCUST, "num_failures": "1"}], {"error_rate": "== 0.01"}, P, "error_rate = 0.01"),
    "words": ([{**LOCUST, "num_failures": "none"}], {"error_rate": "< 0.1"}, Q, "no count"),
    "no begin": ([{**LOCUST, "start_time": None}], {"duration_s": "< 500"}, Q, "do not hold it"),
}  # fmt: skip


@pytest.mark.parametrize(("document", "expect", "verdict", "headline"), LOCUSTS.values(), ids=LOCUSTS.keys())
def test_locust(
    judged: Callable[..., Any],
    document: list[Object],
    expect: dict[str, str],
    verdict: Verdict,
    headline: str,
) -> None:
    """What Locust's statistics do not hold is not known."""
    got, text = judged("locust", document, expect=expect)
    assert (got, headline in text) == (verdict, True), text


COUNTS = {"total": "30000", "ok": "15156", "ko": "14844"}
GATLING: dict[str, tuple[Object | str, dict[str, str], Verdict, str]] = {
    "errors": ("gatling-global-stats.json", {"error_rate": "< 0.01"}, F, "error_rate = 0.339"),
    "a percentile": ("gatling-global-stats.json", {"percentiles3_ms": "== 1114"}, P, "percentiles3_ms = 1114"),
    "which percentile it is": ("gatling-global-stats.json", {"p95_ms": "< 5000"}, Q, "percentiles3_ms"),
    "how long it ran": ("gatling-global-stats.json", {"duration_s": "between 228 230"}, P, "duration_s = 229"),
    "users": ("gatling-global-stats.json", {"vus_max": ">= 1"}, Q, "how many users"),
    "texts, below stats": ({"type": "GROUP", "stats": {"numberOfRequests": COUNTS}}, {"error_rate": "< 0.5"}, P, "error_rate = 0.4948"),
    "a dash for none": ({"numberOfRequests": {"total": "9", "ok": "9", "ko": "-"}}, {"error_rate": "== 0"}, P, "error_rate = 0"),
    "no request": ({"numberOfRequests": {"total": 0, "ok": 0, "ko": 0}}, {"error_rate": "== 0"}, Q, "no request"),
    "a dash for all": ({"numberOfRequests": {"total": "-", "ok": "-", "ko": "-"}}, {"error_rate": "== 0"}, Q, "no request"),
    "numbers that do not add up": ({"numberOfRequests": {**COUNTS, "ko": "0"}}, {"error_rate": "== 0"}, Q, "add up"),
    "failures were cut out": ({"numberOfRequests": {"total": 9, "ok": 9}}, {"error_rate": "== 0"}, Q, "structure"),
    "a count that is none": ({"numberOfRequests": {"total": "many", "ok": 0, "ko": 0}}, {"error_rate": "== 0"}, Q, "no count"),
    "one request of several": ({"type": "REQUEST", "name": "pay", "stats": {"numberOfRequests": COUNTS}}, {"error_rate": "< 0.5"}, Q, "'pay' alone"),
    "assertions": ("gatling-global-stats.json", {"failed_thresholds": "== []"}, Q, "assertions.xml"),
}  # fmt: skip


@pytest.mark.parametrize(("document", "expect", "verdict", "headline"), GATLING.values(), ids=GATLING.keys())
def test_gatling(
    judged: Callable[..., Any],
    document: Object | str,
    expect: dict[str, str],
    verdict: Verdict,
    headline: str,
) -> None:
    """Gatling's totals are believed where they add up; what they do not hold is not known."""
    got, text = judged("gatling", document, expect=expect)
    assert (got, headline in text) == (verdict, True), text
