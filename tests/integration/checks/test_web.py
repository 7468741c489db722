"""``http_request`` and ``prometheus_query`` against real servers."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checks.engine.address_guard import refused_address
from launch_pipeline.checks.engine.context import ConnectionInfo
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.checks.kinds.http_request import observer
from launch_pipeline.checks.verdict import CheckResult, Subject, Verdict
from servers.checking import check, context, raw, run
from servers.odd import Odd
from servers.shipped import shipped
from servers.web import Product, http_connection, prometheus, serving

if TYPE_CHECKING:
    from launch_pipeline.checklist.model import CheckSpec

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE


async def asked(product: Product, secret: str = "", **params: Any) -> CheckResult:
    async with serving(product.app) as port:
        others = {"other": http_connection(port, "other", password="right-token-1")}
        connections = {"api": http_connection(port, password=secret), **others}
        return await check(context(connections), "http_request", conn_id="api", **params)


REQUESTS: dict[str, tuple[dict[str, Any], Verdict, str]] = {
    "status 200 by default": ({"path": "/health"}, P, "status = 200"),
    "headers in lower case": (
        {"path": "/health", "expect": {'headers."x-frame-options"': "== DENY"}}, P, "DENY"),
    "JSON": ({"path": "/health", "expect": {"json.status": "in ['ok','healthy']"}}, P, "healthy"),
    "a 404 is an answer": ({"path": "/none"}, F, "status = 404"),
    "a wanted 404": ({"path": "/none", "expect": {"status": "== 404"}}, P, "404"),
    "refused credentials are no answer": ({"path": "/me"}, Q, "credentials"),
    "an observed 401 is an answer": ({"path": "/me", "expect": {"status": "== 401"}}, P, "401"),
    "401 without credentials is an answer": ({"path": "/me", "auth": "none"}, F, "status = 401"),
    "an invalid token": ({"path": "/me", "auth": "invalid", "expect": {"status": "== 401"}}, P, "401"),
    "another connection's secret": ({"path": "/me", "auth": "other"}, P, "status = 200"),
    "an unknown secret": ({"path": "/me", "auth": "nobody"}, Q, "not connected: nobody"),
    "every path": ({"paths": ["/health", "/none"]}, F, "GET /none: status = 404"),
    "a burst sees both": (
        {"path": "/ping", "samples": 20, "concurrency": 10,
         "expect": {'statuses."429"': ">= 1", 'statuses."200"': ">= 1"}}, P, "429"),
    "every sample must be 200": ({"path": "/ping", "samples": 20}, F, 'statuses."200" = 5'),
    "latency": ({"path": "/health", "samples": 20, "expect": {"latency_ms.p95": "< 5000"}}, P, "p95"),
    "Retry-After is waited for": ({"path": "/busy"}, P, "status = 200"),
    "an answer of 2 MB is not read as JSON": ({"path": "/large", "expect": {"json": "exists"}}, Q, "longer than is read"),
    "redirects are not followed by default": ({"path": "/old"}, F, "status = 301"),
    "redirects within the host": ({"path": "/old", "follow_redirects": True}, P, "200"),
    "redirects to another host are not followed": ({"path": "/away", "follow_redirects": True}, F, "302"),
    "metadata service": ({"path": "http://169.254.169.254/latest"}, Q, "link-local"),
    "metadata service as a number": ({"path": "http://2852039166/latest"}, Q, "2852039166"),
}  # fmt: skip


@pytest.mark.parametrize(("params", "verdict", "headline"), REQUESTS.values(), ids=REQUESTS.keys())
def test_request(params: dict[str, Any], verdict: Verdict, headline: str) -> None:
    """A real answer gives the verdict, a question that could not be asked gives none."""
    result = run(asked(Product(), **params))
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_body_and_query_are_sent() -> None:
    """JSON and repeated query names arrive as written."""
    expect = {"json.sent.a": "== 1", "length(json.query)": "== 2"}
    params = {
        "path": "/echo",
        "method": "POST",
        "json": {"a": 1},
        "query": {"s[]": ["x", "y"]},
        "expect": expect,
    }
    assert run(asked(Product(), **params)).verdict is P


def test_secret_is_sent_and_never_kept() -> None:
    """A password alone is a bearer token; the result does not show it."""
    result = run(asked(Product(), "right-token-1", path="/me"))
    assert result.verdict is P
    assert "right-token-1" not in result.model_dump_json()


def test_secret_goes_to_its_own_origin_only() -> None:
    """An absolute URL of another origin gets no credentials."""

    async def both() -> str | None:
        other = Product()
        async with serving(other.app) as port:
            await asked(Product(), "right-token-1", path=f"http://127.0.0.1:{port}/health")
        return other.requests[0].headers.get("Authorization")

    assert run(both()) is None


def test_burst_keeps_one_body(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a thousand answers the last body is kept, not a gigabyte of them; who asks is said to each."""
    kept: list[bool] = []
    subject = observer._subject

    def look(params: Any, asked: Any) -> Subject:
        kept.extend(bool(answer.body) for answer in asked.answers)
        return subject(params, asked)

    monkeypatch.setattr(observer, "_subject", look)
    product = Product()
    result = run(asked(product, path="/health", samples=30, concurrency=10))
    assert (result.verdict, kept) == (P, [False] * 29 + [True])
    assert {request.headers["User-Agent"] for request in product.requests} == {"launch-check"}


SEARCHES = {
    name: spec
    for name, spec in shipped("http_request").items()
    if spec.params.get("path") == "/search/issues"
}


@pytest.mark.parametrize("spec", SEARCHES.values(), ids=SEARCHES.keys())
def test_search_that_github_broke_off_is_no_nothing(spec: CheckSpec) -> None:
    """A search that was not finished proves nothing, whatever number it found."""
    body = b'{"total_count": 0, "incomplete_results": true, "items": []}'

    async def ask() -> CheckResult:
        async with serving(Odd(200, body).app()) as port:
            variables = {
                "repo": "a/b",
                "release": "1",
                "release_cutoff": "2026-01-01",
                "launch_date": "2026-01-01",
            }
            ctx = context(
                {"github": http_connection(port, "github")}, variables={**variables, "launch_at": "x"}
            )
            (result,) = await run_checks([spec], ctx)
            return result

    result = run(ask())
    assert (result.verdict, "incomplete_results" in raw(result)) == (Q, True), result.headline


def test_nobody_there_is_inconclusive() -> None:
    """A refused connection is asked three times and is no failure of the check."""
    ctx = context({"api": ConnectionInfo("api", "http", "127.0.0.1", 1)})
    result = run(check(ctx, "http_request", conn_id="api"))
    assert (result.verdict, result.attempts) == (Q, 3)


@pytest.mark.parametrize("address", ["169.254.169.254", "::ffff:169.254.1.1", "fe80::1", "fd00:ec2::254"])
def test_refused_addresses(address: str) -> None:
    """Link-local and metadata addresses are refused in every spelling."""
    assert refused_address(address)


def vector(*values: Any) -> dict[str, Any]:
    series = [{"metric": {"job": f"j{n}"}, "value": [1.0, str(v)]} for n, v in enumerate(values)]
    return {"resultType": "vector", "result": series}


def matrix() -> dict[str, Any]:
    """Answer for one series with a sample of now."""
    now = datetime.now(UTC).timestamp()
    return {"resultType": "matrix", "result": [{"metric": {}, "values": [[now, "1"]]}]}


QUERIES: dict[str, tuple[Any, dict[str, Any], Verdict, str]] = {
    "below the threshold": (vector(312), {"expect": {"value": "< 500"}}, P, "value = 312"),
    "every series counts": (vector(1, 900), {"expect": {"value": "< 500"}}, F, 'job="j1"'),
    "NaN is inconclusive": (vector("NaN"), {"expect": {"value": "< 500"}}, Q, "not a number"),
    "infinity is inconclusive": (vector("+Inf"), {"expect": {"value": "> 0"}}, Q, "not a number"),
    "no data is inconclusive": (vector(), {"expect": {"value": "< 500"}}, Q, "no data"),
    "no series may be the good answer": (vector(), {"expect": {"value": "== 0"}, "empty": "pass"}, P, "nothing"),
    "a store is silent, so nothing may be wrong": (
        {**vector(), "warnings": ["store-1 is down"]}, {"expect": {"value": "== 0"}, "empty": "pass"}, Q, "store-1 is down"),
    "a store is silent, so it may be more": (
        {**vector(1), "warnings": ["store-1 is down"]}, {"expect": {"value": "< 500"}}, Q, "may be incomplete"),
    "a storage node is silent": (
        {**vector(0), "isPartial": True}, {"expect": {"value": "== 0"}}, Q, "a storage node did not answer"),
    "warnings that are wanted": (
        {**vector(1), "warnings": ["w"]}, {"expect": {"value": "< 500", "length(warnings)": "<= 1"}}, P, "value = 1"),
    "a wrong query": ("parse error", {}, Q, "parse error"),
    "an old window": (
        {"resultType": "matrix", "result": [{"metric": {}, "values": [[1, "2"]]}]}, {"window": "1h"}, Q, "old"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "params", "verdict", "headline"), QUERIES.values(), ids=QUERIES.keys())
def test_prometheus(data: Any, params: dict[str, Any], verdict: Verdict, headline: str) -> None:
    """Prometheus' documents are read as they are; nothing and NaN never pass."""

    async def ask() -> CheckResult:
        answers = {"q": json.loads(json.dumps(data)), "count(count_over_time(q[300s]))": matrix()}
        async with serving(prometheus(answers)) as port:
            ctx = context({"prometheus": http_connection(port)})
            return await check(ctx, "prometheus_query", query="q", **params)

    result = run(ask())
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline
