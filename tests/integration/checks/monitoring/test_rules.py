"""``prometheus_rule`` and the time of a rule's last evaluation, with documents of several servers.

Their form is that of ``/api/v1/rules`` in prometheus.io/docs/prometheus/latest/querying/api, which Thanos
(pkg/rules/rulespb), Mimir, Loki's ruler, vmalert (app/vmalert/web.go) and Grafana (``isPaused``) follow.
"""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from aiohttp import web

from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers.checking import check, context, raw, run
from servers.web import http_connection, serving

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
NEVER = "0001-01-01T00:00:00Z"


def ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()


def rule(age: float | str = 30, **fields: Any) -> dict[str, Any]:
    """Build an alert rule that was evaluated so many seconds before it is asked for, or at a written time."""
    return {
        "state": "inactive", "name": "A", "query": "up == 0", "duration": 300, "keepFiringFor": 0,
        "labels": {"severity": "critical"}, "annotations": {"runbook_url": "https://runbooks.example.org"},
        "alerts": [], "health": "ok", "evaluationTime": 0.0003, "type": "alerting",
        "lastEvaluation": age, **fields,
    }  # fmt: skip


def group(*rules: dict[str, Any], interval: float | None = 60, **fields: Any) -> dict[str, Any]:
    """Build a group; ``interval`` is in seconds, and its server may leave it out."""
    given = {} if interval is None else {"interval": interval}
    return {
        "name": "g",
        "file": "g.yml",
        "rules": list(rules),
        "limit": 0,
        "evaluationTime": 0.0005,
        **given,
        **fields,
    }


class Ruler:
    """Serve groups, on as many pages as there are lists of them; ``beside`` stands beside the data."""

    def __init__(
        self, *pages: list[dict[str, Any]], prefix: str = "", endless: bool = False, **beside: Any
    ) -> None:
        self.asked: list[str] = []
        self._beside = beside
        self._pages, self._endless = pages, endless
        self.app = web.Application()
        self.app.router.add_get(f"{prefix}/api/v1/rules", self._rules)
        self.app.router.add_get(f"{prefix}/api/v1/query", self._query)

    async def _rules(self, request: web.Request) -> web.Response:
        page = int(request.query.get("group_next_token", "0"))
        more = {"groupNextToken": str(page + 1)} if self._endless or page + 1 < len(self._pages) else {}
        groups = [_dated(one) for one in self._pages[min(page, len(self._pages) - 1)]]
        return web.json_response({"status": "success", "data": {"groups": groups, **more}, **self._beside})

    async def _query(self, request: web.Request) -> web.Response:
        self.asked.append(request.query["query"])
        result = [{"metric": {}, "value": [1, "1"]}]
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}})


def _dated(given: dict[str, Any]) -> dict[str, Any]:
    rules = [
        {**one, "lastEvaluation": at if isinstance(at := one["lastEvaluation"], str) else ago(at)}
        for one in given["rules"]
    ]
    return {**given, "rules": rules}


def asked(ruler: Ruler, **params: Any) -> CheckResult:
    async def ask() -> CheckResult:
        async with serving(ruler.app) as port:
            connection = http_connection(port, "prometheus")
            return await check(
                context({"prometheus": connection}), "prometheus_rule", **{"names": ["A"], **params}
            )

    return run(ask())


GROUPS: dict[str, tuple[dict[str, Any], Verdict, str]] = {
    "every minute, not for ten": (group(rule(600)), F, "A: evaluated 10m ago, its group is every 1m"),
    "every 15 seconds, not for six minutes": (group(rule(360), interval=15), F, "overdue"),
    "every quarter of an hour, not for 32 minutes": (group(rule(1920), interval=900), F, "its group is every 15m"),
    "every hour, not for a day": (group(rule(86400), interval=3600), F, "evaluated 1d ago"),
    "an interval that is not said, not for ten minutes": (group(rule(600), interval=None), F, "overdue"),
    "an interval of 0, not for ten minutes": (group(rule(600), interval=0), F, "overdue"),
    "a day ahead of our clock": (group(rule(-86400)), F, "evaluated 1d from now"),
    "an interval in nanoseconds, not for ten hours": (group(rule(36000), interval=60_000_000_000), F, "its group is every 1m"),
    "an empty runbook": (group(rule(annotations={"runbook_url": " "})), F, "A: runbook_url"),
    "an empty severity": (group(rule(labels={"severity": " "})), F, "without_severity"),
    "one of two rules": (group(rule(), rule(900)), F, "evaluated 15m ago"),
    "never, but healthy": (group(rule(NEVER)), Q, "not evaluated yet: A"),
    "never, and unknown": (group(rule(NEVER, health="unknown")), Q, "not evaluated yet: A"),
    "unknown, though there is a time": (group(rule(health="unknown")), Q, "not evaluated yet: A"),
    "a time of the epoch": (group(rule("1970-01-01T00:00:00Z")), Q, "not evaluated yet: A"),
    "no time": (group(rule("")), Q, "not evaluated yet: A"),
    "no health": (group(rule(health=None)), Q, "not evaluated yet: A"),
    "one of two never, the other too seldom": (group(rule(900), rule(NEVER)), F, "evaluated 15m ago"),
    "one of two never": (group(rule(), rule(NEVER)), Q, "not evaluated yet: A"),
    "an error": (group(rule(health="err", lastError="many-to-many matching")), F, "many-to-many"),
    "an error without words": (group(rule(health="err")), F, "A: err"),
    "Grafana's error": (group(rule(health="error")), F, "A: error"),
    "healthy with an error": (group(rule(lastError="exceeded limit of 1 with 2 alerts")), F, "exceeded limit"),
    "paused": (group(rule(isPaused=True)), F, "A: paused"),
    "a recording rule of the name": (group(rule(type="recording")), F, "missing"),
    "every quarter of an hour, 29 minutes ago": (group(rule(1740), interval=900), P, ""),
    "every hour, 100 minutes ago": (group(rule(6000), interval=3600), P, ""),
    "every 15 seconds, four minutes ago by a clock that is wrong": (group(rule(240), interval=15), P, ""),
    "an evaluation that takes longer than the interval": (group(rule(1000), interval=60, evaluationTime=600), P, ""),
    "a little ahead of our clock": (group(rule(-60)), P, ""),
    "an interval as a text": (group(rule(1740), interval="900"), P, ""),  # type: ignore[arg-type]
    "an interval as a duration": (group(rule(3300), interval="1h"), P, ""),  # type: ignore[arg-type]
}  # fmt: skip


@pytest.mark.parametrize(("given", "verdict", "headline"), GROUPS.values(), ids=GROUPS.keys())
def test_evaluation(given: dict[str, Any], verdict: Verdict, headline: str) -> None:
    """A rule runs as often as its own group says; one that never ran proves nothing."""
    result = asked(Ruler([given]))
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_time_as_go_writes_it() -> None:
    """A time with nanoseconds and the zone of the server is read."""
    now = datetime.now(timezone(timedelta(hours=2)))
    given = group(rule(now.strftime("%Y-%m-%dT%H:%M:%S.123456789+02:00")))
    assert asked(Ruler([given])).verdict is P


@pytest.mark.parametrize(("wanted", "verdict"), [("age <= 5m", F), ("age <= 1h", P), ("exists", F)])
def test_own_limit(wanted: str, verdict: Verdict) -> None:
    """An item's own limit replaces the group's; that there is a time does not."""
    given = group(rule(2000), interval=600)
    assert asked(Ruler([given]), expect={"last_evaluation": wanted}).verdict is verdict


def test_every_page_is_read() -> None:
    """A rule on the last page is not missing, and one that is broken there is not overlooked."""
    other = group(rule(name="B"))
    assert asked(Ruler([other], [other], [group(rule())])).verdict is P
    assert asked(Ruler([group(rule())], [group(rule(health="err"))])).verdict is F


# thanos.io/tip/components/rule.md; github.com/VictoriaMetrics/VictoriaMetrics/pull/10046 (page_num of vmalert)
NOT_WHOLE: dict[str, tuple[dict[str, Any], Verdict, str]] = {
    "Thanos lacks a ruler": ({"warnings": ["proxy Rules(rule-1): rpc error: code = Unavailable"]}, Q, "Unavailable"),
    "partial": ({"isPartial": True}, Q, "partial"),
    "the first page of vmalert": ({"page": 1, "total_pages": 3, "total_groups": 201}, Q, "page 1 of 3"),
    "the only page of vmalert": ({"page": 1, "total_pages": 1, "total_groups": 1}, P, ""),
    "no warnings": ({"warnings": []}, P, ""),
}  # fmt: skip


@pytest.mark.parametrize(("beside", "verdict", "headline"), NOT_WHOLE.values(), ids=NOT_WHOLE.keys())
def test_rules_that_are_not_whole(beside: dict[str, Any], verdict: Verdict, headline: str) -> None:
    """Rules of a server that is left out may be of the same name, and broken."""
    result = asked(Ruler([group(rule())], **beside))
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_pages_without_end() -> None:
    """A server that always has a further page is no answer."""
    result = asked(Ruler([group(rule())], endless=True))
    assert (result.verdict, "more than 100 pages" in raw(result)) == (Q, True), result.headline


def test_series_are_asked_where_the_rules_are() -> None:
    """Mimir serves the whole API below a prefix."""
    ruler = Ruler([group(rule())], prefix="/prometheus")
    assert asked(ruler, series=["up"]).verdict is P
    assert ruler.asked == ["vector(1)", "count(up)"]


def without_queries(ruler: Ruler) -> Ruler:
    """Serve the rules alone, as vmalert does."""
    made = Ruler()
    made.app = web.Application()
    made.app.router.add_get("/api/v1/rules", ruler._rules)
    return made


class OfLogs(Ruler):
    """Loki: rules below a prefix, no queries there, and the streams of the last hour."""

    def __init__(self, query: str, streams: list[dict[str, str]]) -> None:
        super().__init__([group(rule(query=query))])
        self.app = web.Application()
        self.app.router.add_get("/prometheus/api/v1/rules", self._rules)
        self.app.router.add_get("/loki/api/v1/series", self._series)
        self._streams = streams

    async def _series(self, request: web.Request) -> web.Response:
        self.asked.append(request.query["match[]"])
        return web.json_response({"status": "success", "data": self._streams})


def test_rules_of_a_server_without_queries() -> None:
    """Whether series exist is not known where nothing answers; what is wrong for certain is said."""
    ruler = Ruler([group(rule())])
    result = asked(without_queries(ruler))
    assert (result.verdict, "answers no queries" in raw(result)) == (Q, True), result.headline
    assert asked(without_queries(Ruler([group(rule(labels={}))]))).verdict is F
    assert asked(without_queries(Ruler([group(rule(query="vector(1)"))]))).verdict is P


def test_rule_whose_expression_is_not_told() -> None:
    """A server that does not say what a rule reads does not show that it reads anything; where asked, that counts."""
    for params in ({"exported": True}, {"series": ["up"]}):
        result = asked(Ruler([group(rule(query=""))]), **params)
        assert (result.verdict, "does not say what A reads" in raw(result)) == (Q, True), result.headline
    assert asked(Ruler([group(rule(query=""))])).verdict is P


LOG_QUERY = (
    'sum by (app) (rate({namespace="azora", stream="stderr"} |= "up[5m]" | json | level="error" [5m])) > 1'
)


@pytest.mark.parametrize(("streams", "verdict"), [([{"namespace": "azora"}], P), ([], F)])
def test_rule_over_logs_needs_streams(streams: list[dict[str, str]], verdict: Verdict) -> None:
    """Loki has no series of metrics: the streams of the rule's selector are looked for."""
    ruler = OfLogs(LOG_QUERY, streams)
    result = asked(ruler)
    assert result.verdict is verdict, result.headline
    assert ruler.asked == ['{namespace="azora",stream!=""}']
