"""``log_query``, and the rules of Loki's ruler, against stand-ins with the vendors' documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checks.verdict import CheckResult, Verdict
from launch_rehearsal.vendors.elasticsearch import elasticsearch
from launch_rehearsal.vendors.loki import Loki
from servers.checking import check, context, raw, run
from servers.odd import Odd
from servers.web import http_connection, serving

if TYPE_CHECKING:
    from aiohttp import web

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
COUNT = 'sum(count_over_time({app="x"} |= "nonce" [10m]))'


def asked(app: web.Application, kind: str = "log_query", extra: Any = None, **params: Any) -> CheckResult:
    async def ask() -> CheckResult:
        async with serving(app) as port:
            connection = http_connection(port, "loki", extra=extra or {})
            return await check(context({"loki": connection}), kind, **params)

    return run(ask())


NUMBERS: dict[str, tuple[list[Any], dict[str, Any], Verdict, str]] = {
    "lines": ([12], {}, P, "count = 12"),
    "no line is a no": ([], {}, F, "count = 0, want >= 1"),
    "a value": ([4], {"expect": {"value": "== 4"}}, P, "value = 4"),
    "no value is no zero": ([], {"expect": {"value": "< 5"}}, F, "value is missing"),
    "several series are summed": ([1, 2], {"expect": {"count": "== 3"}}, P, "count = 3"),
    "NaN is inconclusive": (["NaN"], {"expect": {"value": "< 5"}}, Q, "not a number"),
    "quick enough": ([1], {"expect": {"count": ">= 1", "elapsed_ms": "< 5000"}}, P, "elapsed_ms"),
}


@pytest.mark.parametrize(("values", "params", "verdict", "headline"), NUMBERS.values(), ids=NUMBERS.keys())
def test_number_of_lines(values: list[Any], params: dict[str, Any], verdict: Verdict, headline: str) -> None:
    """One number is asked for; no line is 0 lines, but no value."""
    loki = Loki()
    loki.numbers[COUNT] = values
    result = asked(loki.app, query=COUNT, **params)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_ingestion_lag_is_waited_for() -> None:
    """A fresh line is not there at once; ``wait`` asks until it is."""
    loki = Loki()
    loki.numbers[COUNT], loki.arrives_after = [1], 4
    assert asked(loki.app, query=COUNT).verdict is F
    loki.asked.clear()
    assert asked(loki.app, query=COUNT, wait="1m", interval="1ms").verdict is P
    assert len(loki.asked) == 5


def test_log_query_gives_a_bounded_redacted_sample() -> None:
    """A query for lines is asked over the window; five lines are kept, without secrets."""
    loki = Loki()
    loki.lines = [f"line {n} password=hunter2222 {'x' * 5000}" for n in range(9)]
    result = asked(loki.app, query='{app="x"}', window="7m")
    assert (result.verdict, result.observed["count"], len(result.observed["sample"])) == (P, 9, 5)
    assert loki.asked[0]["since"] == "420s"
    assert "hunter2222" not in result.model_dump_json()


@pytest.mark.parametrize(("wanted", "verdict"), [("<= 5000", Q), (">= 10", P)])
def test_more_lines_than_are_read(wanted: str, verdict: Verdict) -> None:
    """A thousand lines are read; that there are no more of them nobody knows."""
    loki = Loki()
    loki.lines = ["x"] * 1000
    result = asked(loki.app, query='{app="x"}', expect={"count": wanted})
    assert (result.verdict, verdict is P or "count_over_time" in raw(result)) == (verdict, True)


def test_answer_that_may_not_be_whole() -> None:
    """Where Loki warns, a part of the lines may not have been counted."""
    nothing = b'"data": {"resultType": "vector", "result": []}'
    body = b'{"status": "success", "warnings": ["ingester-1 is away"], ' + nothing + b"}"
    result = asked(Odd(200, body).app(), query=COUNT, expect={"count": "== 0"})
    assert (result.verdict, "ingester-1 is away" in raw(result)) == (Q, True), result.headline


def test_wrong_query_is_inconclusive_with_lokis_words() -> None:
    """Loki says in plain text what is wrong with a query."""
    result = asked(Loki().app, query="sum(count_over_time(")
    assert (result.verdict, "syntax error" in raw(result)) == (Q, True), result.headline


def test_elasticsearch_counts() -> None:
    """Elasticsearch is asked for the number of hits and a sample."""
    result = asked(elasticsearch(7), extra={"index": "logs-*"}, query="app:x", backend="elasticsearch")
    assert (result.verdict, "count = 7" in raw(result)) == (P, True), result.headline
    assert "hunter2222" not in result.model_dump_json()
    assert asked(elasticsearch(0), query="app:x", backend="elasticsearch").verdict is F


@pytest.mark.parametrize("fields", [{"timed_out": True}, {"_shards": {"total": 2, "failed": 1}}], ids=str)
def test_incomplete_search_is_inconclusive(fields: dict[str, Any]) -> None:
    """A search that not every shard answered counts too few lines."""
    assert asked(elasticsearch(3, **fields), query="app:x", backend="elasticsearch").verdict is Q


def test_wrong_elasticsearch_query_is_inconclusive() -> None:
    """Elasticsearch's reason is shown."""
    result = asked(elasticsearch(3), query="app:(", backend="elasticsearch")
    assert (result.verdict, "Failed to parse" in raw(result)) == (Q, True), result.headline


RULE = {
    "type": "alerting", "name": "LogErrorBurst", "query": "x", "duration": 60, "health": "ok",
    "lastError": "", "labels": {"severity": "warning"}, "annotations": {"runbook_url": "https://runbooks.example.org"},
}  # fmt: skip


def test_lokis_ruler_serves_the_same_document_under_its_prefix() -> None:
    """A log alert is looked up as a metric alert is."""
    loki = Loki()
    assert asked(loki.app, "prometheus_rule", conn_id="loki", names=["LogErrorBurst"]).verdict is F
    loki.rules = [{**RULE, "lastEvaluation": "2000-01-01T00:00:00.123456789Z"}]
    old = asked(loki.app, "prometheus_rule", conn_id="loki", names=["LogErrorBurst"])
    assert (old.verdict, "last_evaluation" in raw(old)) == (F, True), old.headline
    params = {"conn_id": "loki", "names": ["LogErrorBurst"], "expect": {"last_evaluation": "age > 5m"}}
    assert asked(loki.app, "prometheus_rule", **params).verdict is P
