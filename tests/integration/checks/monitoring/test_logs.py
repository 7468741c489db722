"""``log_query``, and the rules of Loki's ruler, against stand-ins with the vendors' documents."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checks.kinds.log_query.control import streams
from launch_pipeline.checks.verdict import CheckResult, Verdict
from launch_rehearsal.vendors.elasticsearch import elasticsearch
from launch_rehearsal.vendors.loki import Loki
from servers.checking import check, context, raw, run
from servers.odd import Odd
from servers.web import http_connection, serving

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp import web

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE


class Streams(Loki):
    """A Loki whose lines are all of one stream, ``{app="x"}``, and match no filter."""

    async def log_lines(self, query: str, since: float) -> Sequence[tuple[float, str]]:
        """Return the lines of the stream that are young enough."""
        found = await super().log_lines(query, since) if query == '{app="x"}' else []
        return [(at, line) for at, line in found if at >= time.time() - since]


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
    "slow is not all that is asked": ([], {"expect": {"elapsed_ms": "< 5000"}}, F, "count = 0, want >= 1"),
    "that there is a number is not all": ([], {"expect": {"count": "exists"}}, F, "count = 0, want >= 1"),
    "a zero that is wanted": ([], {"expect": {"count": "== 0"}}, P, "count = 0"),
    "a value of zero that is wanted": ([0], {"expect": {"value": "== 0"}}, P, "value = 0"),
    "the time of a metric query is not that of a line": (
        [3],
        {"expect": {"newest": "age <= 5m"}},
        Q,
        "does not say when",
    ),
    "quick enough": ([1], {"expect": {"count": ">= 1", "elapsed_ms": "< 5000"}}, P, "elapsed_ms"),
}


@pytest.mark.parametrize(("values", "params", "verdict", "headline"), NUMBERS.values(), ids=NUMBERS.keys())
def test_number_of_lines(values: list[Any], params: dict[str, Any], verdict: Verdict, headline: str) -> None:
    """One number is asked for; no line is 0 lines, but no value."""
    loki = Loki()
    loki.numbers[COUNT], loki.lines = values, ["another line"]
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


def test_answer_that_is_no_number() -> None:
    """An empty matrix is no zero of an instant query."""
    body = b'{"status": "success", "data": {"resultType": "matrix", "result": []}}'
    result = asked(Odd(200, body).app(), query=COUNT, expect={"count": "== 0"})
    assert (result.verdict, "not the numbers" in raw(result)) == (Q, True), result.headline


def test_wrong_query_is_inconclusive_with_lokis_words() -> None:
    """Loki says in plain text what is wrong with a query."""
    result = asked(Loki().app, query="sum(count_over_time(")
    assert (result.verdict, "syntax error" in raw(result)) == (Q, True), result.headline


CONTROLS: dict[str, tuple[list[str], float, dict[str, Any], Verdict, str]] = {
    "no line at all": ([], 0, {}, Q, '{app="x"} has no line at all in the last 10m'),
    "no line at all, few are wanted": ([], 0, {"expect": {"count": "< 5"}}, Q, "no line at all"),
    "no line at all, a range is wanted": ([], 0, {"expect": {"count": "between 0 5"}}, Q, "no line at all"),
    "the agent stopped": (["x"], 480, {}, Q, "is 8m old: later ones may not have arrived"),
    "the agent stopped hours ago": (
        ["x"], 3 * 3600, {"query": 'sum(count_over_time({app="x"} |= "boom" [24h]))'}, Q, "3h old"),
    "a log query of a stream that is not there": ([], 0, {"query": '{app="x"} |= "boom"'}, Q, "no line at all"),
    "lines of a clock that runs ahead": (["x"], -3600, {}, Q, "a time to come"),
    "no line, but one is wanted": ([], 0, {"expect": {"count": ">= 1"}}, F, "count = 0"),
    "there are other lines": (["x"], 0, {}, P, "count = 0"),
    "a quiet service": (["x"], 240, {}, P, "count = 0"),
    "a quiet service of a day": (
        ["x"], 7200, {"query": 'sum(count_over_time({app="x"} |= "boom" [24h]))'}, P, "count = 0"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "age", "params", "verdict", "headline"), CONTROLS.values(), ids=CONTROLS.keys()
)
def test_nothing_of_nothing(
    lines: list[str], age: float, params: dict[str, Any], verdict: Verdict, headline: str
) -> None:
    """That no line matches proves something only where lines came, up to now."""
    loki = Streams()
    loki.lines, loki.age = lines, age
    params = {"query": COUNT, "expect": {"count": "== 0"}, **params}
    result = asked(loki.app, **params)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_every_stream_of_a_query_is_controlled() -> None:
    """One of two streams that is not there leaves the number unknown."""
    loki = Streams()
    loki.lines = ["x"]
    query = 'sum(count_over_time({app="x"}[5m])) + sum(count_over_time({app="gone"} |= "{a}" [5m]))'
    result = asked(loki.app, query=query, expect={"count": "== 0"})
    assert (result.verdict, '{app="gone"} has no line' in raw(result)) == (Q, True), result.headline


SELECTORS: dict[str, list[str]] = {
    '{app="x"}': ['{app="x"}'],
    'sum(rate({app="x"} |= "}" | json | level="e" [5m])) by (a)': ['{app="x"}'],
    'count_over_time({app="x}"} | line_format "{{.a}}" [1m])': ['{app="x}"}'],
    "count_over_time({app=`x`} | label_format a=`{{.b}}` [1m])": ["{app=`x`}"],
    '# {app="y"}\n{app="x"}': ['{app="x"}'],
    'rate({a="b"}[1m]) / rate({a="b"}[1m])': ['{a="b"}'],
    "vector(0)": [],
}


@pytest.mark.parametrize(("query", "selectors"), SELECTORS.items(), ids=SELECTORS.keys())
def test_streams_of_a_query(query: str, selectors: list[str]) -> None:
    """Stream selectors are found, and braces in texts and notes are not."""
    assert streams(query) == selectors


SEARCHES: dict[str, tuple[dict[str, Any], str, Verdict, str]] = {
    "an index without a line": ({"count": 0, "of": 0}, "== 0", Q, "index logs-* has no line at all in the last 15m"),
    "the shipper stopped": ({"count": 0, "age": 600}, "== 0", Q, "10m old"),
    "lines of tomorrow alone": ({"count": 0, "age": -86400}, "== 0", Q, "no line at all"),
    "few lines, and the shipper stopped": ({"count": 2, "age": 600}, "<= 5", Q, "10m old"),
    "at least so many": ({"count": 5, "hits": {"total": {"value": 5, "relation": "gte"}, "hits": []}}, "<= 5", Q, "5 or more"),
    "at least so many, and so many are wanted": (
        {"count": 5, "hits": {"total": {"value": 5, "relation": "gte"}, "hits": []}}, ">= 5", P, ""),
    "a number of hits that is not known": ({"count": 0, "hits": {"total": -1, "hits": []}}, "== 0", Q, "total"),
    "hits of version 6": ({"count": 0, "hits": {"total": 0, "hits": []}}, "== 0", P, "count = 0"),
    "no line, but one is wanted": ({"count": 0, "of": 0}, ">= 1", F, "count = 0"),
    "other lines": ({"count": 0}, "== 0", P, "count = 0"),
    "a gateway leaves the control out": ({"count": 0, "aggregations": None}, "== 0", P, "count = 0"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "wanted", "verdict", "headline"), SEARCHES.values(), ids=SEARCHES.keys())
def test_elasticsearch_control(given: dict[str, Any], wanted: str, verdict: Verdict, headline: str) -> None:
    """Elasticsearch counts all documents of the window beside those that match (``global`` aggregation)."""
    search, index = {"query": "app:x", "backend": "elasticsearch"}, {"index": "logs-*"}
    result = asked(elasticsearch(**given), extra=index, **search, expect={"count": wanted})
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_elasticsearch_counts() -> None:
    """Elasticsearch is asked for the number of hits and a sample."""
    result = asked(elasticsearch(7), extra={"index": "logs-*"}, query="app:x", backend="elasticsearch")
    assert (result.verdict, "count = 7" in raw(result)) == (P, True), result.headline
    assert "hunter2222" not in result.model_dump_json()
    assert asked(elasticsearch(0), query="app:x", backend="elasticsearch").verdict is F


@pytest.mark.parametrize(
    "fields",
    [
        {"timed_out": True},
        {"_shards": {"total": 2, "failed": 1}},
        {"_shards": {"total": 0, "successful": 0, "skipped": 0, "failed": 0}},
        {"_clusters": {"total": 2, "successful": 1, "skipped": 0, "running": 0, "partial": 1, "failed": 0}},
    ],
    ids=str,
)
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
    assert (old.verdict, "overdue" in raw(old)) == (F, True), old.headline
    params = {"conn_id": "loki", "names": ["LogErrorBurst"], "expect": {"last_evaluation": "age > 5m"}}
    assert asked(loki.app, "prometheus_rule", **params).verdict is P
