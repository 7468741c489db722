"""The shipped checklist's own checks of these kinds pass in a world in which all is well."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from launch_pipeline.checks.engine.context import ConnectionInfo, Holder
from launch_pipeline.checks.engine.product import with_product
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.checks.language.variables import substitute
from launch_pipeline.checks.verdict import Verdict
from launch_rehearsal.run.stage import committed_environment
from launch_rehearsal.vendors.grafana import TOKEN as GRAFANA_TOKEN
from launch_rehearsal.vendors.grafana import Grafana, frame, panel, row
from launch_rehearsal.vendors.loki import Loki
from launch_rehearsal.vendors.pagerduty import KEY, PagerDuty, authorization, entry, method
from servers import monitoring as servers
from servers.checking import context, run
from servers.programs import wait_for
from servers.shipped import shipped
from servers.slack_api import TOKEN as SLACK_TOKEN
from servers.slack_api import SlackApi, channel, message
from servers.web import http_connection, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp import web

    from launch_pipeline.checklist.model import CheckSpec
    from launch_pipeline.checklist.vocabulary import Role
    from launch_pipeline.checks.verdict import CheckResult

pytestmark = pytest.mark.integration
HEADERS = {"headers": {"Authorization": authorization(KEY)}}
VARIABLES = with_product(
    {
        **committed_environment()["variables"],
        "t_0_ended_at": "2026-03-28T08:00:00Z",
        "run_nonce": "0123456789abcdef",
        "oncall_schedule": "PROTA",
        "launch_at": "2026-03-28T08:00:00+01:00",
    }
)
RULES = shipped("prometheus_rule")


def ran(spec: CheckSpec, connections: dict[str, ConnectionInfo]) -> CheckResult:
    async def holders(role: Role) -> list[Holder]:
        return [Holder(role.label, f"U{role.value.upper()}")]

    async def ask() -> CheckResult:
        ctx = context(connections, sleep=asyncio.sleep, variables=VARIABLES, allow_side_effects=True)
        (result,) = await run_checks([spec], replace(ctx, holders=holders))
        return result

    return run(ask())


async def _served(app: web.Application, spec: CheckSpec, **fields: Any) -> CheckResult:
    async with serving(app) as port:
        names = ("grafana", "loki", "pagerduty", "slack_check")
        found = {name: http_connection(port, name, **fields) for name in names}
        return await asyncio.to_thread(ran, spec, found)


def standin(app: web.Application, spec: CheckSpec, **fields: Any) -> CheckResult:
    """Run a check against an application in a loop of its own."""
    return asyncio.run(_served(app, spec, **fields))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Monitoring]:
    """Give real servers with every rule and every series that the checklist names."""
    with servers.monitoring(tmp_path_factory.mktemp("good"), _rules()) as running:
        wait_for(lambda: bool(running.alerts("alertname%3DWatchdog")), "the watchdog's way to Alertmanager")
        yield running


def _rules() -> dict[str, Any]:
    asked = [substitute(spec.params, VARIABLES) for spec in RULES.values()]
    read = {name: [] for params in asked for name in params["names"] if name != "Watchdog"}
    read |= {name: params["series"] for params in asked if "series" in params for name in params["names"]}
    texts = {"labels": {"severity": "critical"}, "annotations": {"runbook_url": "https://r.example.org"}}
    series = sorted({name for names in read.values() for name in names})
    rules: list[dict[str, Any]] = [{"record": name, "expr": "vector(1)"} for name in series]
    rules += [
        {"alert": name, "expr": f"{read[name][0] if read[name] else 'up'} > 1", **texts}
        for name in sorted(read)
    ]
    return {"groups": [{"name": "launch", "rules": [*rules, {"alert": "Watchdog", "expr": "vector(1)"}]}]}


def _reads(name: str) -> str:
    """Read every series that the checks ask of a rule, and never fire."""
    asked = {
        one
        for spec in RULES.values()
        if name in spec.params["names"]
        for one in spec.params.get("series", [])
    }
    return " or ".join(f"{one} > 1" for one in sorted(asked)) or "vector(1) > 1"


@pytest.mark.parametrize("name", RULES)
def test_rule(good: servers.Monitoring, name: str) -> None:
    """Each alert rule is looked up in a real Prometheus; Loki's ruler serves the same document."""
    found = {**good.connections(), "loki": good.prometheus}
    result = ran(
        RULES[name].model_copy(update={"params": {**RULES[name].params, "wait": "10s", "interval": "1s"}}),
        found,
    )
    assert result.verdict is Verdict.PASSED, result.headline


QUERIES = {name: spec.params["query"] for name, spec in shipped("prometheus_query").items()}


def test_queries_are_promql(good: servers.Monitoring) -> None:
    """The real Prometheus reads every query of the checklists, with any variable in place."""
    for name, query in QUERIES.items():
        # The time of a load test is filled in when it is known.
        filled = substitute(query, VARIABLES).replace("$__range", "1h").replace("$__load", "1")
        asked = urlencode({"query": filled})
        with urlopen(f"{good.prometheus.base_url}/api/v1/format_query?{asked}", timeout=10) as answer:  # noqa: S310
            assert answer.status == 200, name


ALERTS = shipped("alertmanager_alerts")


@pytest.mark.parametrize("name", ALERTS)
def test_alerts(good: servers.Monitoring, name: str) -> None:
    """Nothing critical fires, and the test alert reaches the pager."""
    result = ran(ALERTS[name], good.connections())
    assert result.verdict is Verdict.PASSED, result.headline


DASHBOARDS = shipped("grafana_dashboard")


@pytest.mark.parametrize("name", DASHBOARDS)
def test_dashboard(name: str) -> None:
    """Every dashboard has four panels with data, and the team sees it."""
    panels = [panel("One", "up"), row(*(panel(f"Hidden {n}", "up") for n in range(3)))]
    uids = {uid for spec in DASHBOARDS.values() for uid in spec.params["uids"]}
    grafana = Grafana({uid: {"panels": panels} for uid in uids}, {"up": [frame(1)]})
    grafana.permissions = [{"team": "azora-team", "permission": 1}]
    result = standin(grafana.app, DASHBOARDS[name], password=GRAFANA_TOKEN)
    assert result.verdict is Verdict.PASSED, result.headline


class _Everything(dict[str, list[Any]]):
    """Whatever is asked, four."""

    def get(self, *_: Any) -> Any:
        return [4]


LOGS = shipped("log_query")


@pytest.mark.parametrize("name", LOGS)
def test_logs(name: str) -> None:
    """Lines of all four services are there."""
    loki = Loki()
    loki.numbers, loki.lines = _Everything(), ["a line"]
    result = standin(loki.app, LOGS[name])
    assert result.verdict is Verdict.PASSED, result.headline


ROTAS = shipped("oncall_schedule")


@pytest.mark.parametrize("name", ROTAS)
def test_rota(name: str) -> None:
    """Two levels are staffed for ever, by people who can be reached."""
    pagerduty = PagerDuty(entry(None, None), entry(None, None, "Kim", 2, None))
    methods = [method(sort) for sort in ("phone", "push_notification", "email", "sms")]
    pagerduty.methods = {"POLGA": methods, "PKIM": methods}
    result = standin(pagerduty.app, ROTAS[name], extra=HEADERS)
    assert result.verdict is Verdict.PASSED, result.headline


CHANNELS = shipped("slack_channel")


@pytest.mark.parametrize("name", CHANNELS)
def test_channels(name: str) -> None:
    """Everybody is in every channel, awake, and the launch was announced in it."""
    roles = {role for spec in CHANNELS.values() for role in spec.params.get("roles", [])}
    people = [f"U{str(role).upper()}" for role in roles]
    names = {one for spec in CHANNELS.values() for one in substitute(spec.params["channels"], VARIABLES)}
    said = message("Launch complete: we are live")
    workspace = SlackApi(*(channel(one, *people, messages=[said]) for one in names))
    workspace.active = set(people)
    result = standin(workspace.app, CHANNELS[name], password=SLACK_TOKEN)
    assert result.verdict is Verdict.PASSED, result.headline
