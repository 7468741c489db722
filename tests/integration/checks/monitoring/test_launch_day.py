"""The queries of launch day and week 4 against a real Prometheus: good systems pass, lies do not.

Each system has a namespace and a domain of its own in one Prometheus, with samples of five hours or a week.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checks.engine.product import with_product
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.checks.verdict import Verdict
from servers import monitoring as servers
from servers.checking import context, run
from servers.shipped import shipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.checklist.model import CheckSpec
    from launch_pipeline.checks.engine.context import ConnectionInfo
    from launch_pipeline.checks.verdict import CheckResult

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
MINUTE, HOUR, DAY = 60, 3600, 86400
WEEK = 7 * DAY + HOUR
LONG = 5 * HOUR
MIB = 2**20
SERVICES = ("api-gateway", "constitutional-ai", "knowledge-ocean", "ai-routing")
HISTOGRAMS = (
    "http_request_duration_ms",
    "constitutional_ai_validation_duration_ms",
    "knowledge_ocean_retrieval_duration_ms",
    "ai_routing_decision_duration_ms",
)


@dataclass(frozen=True)
class Line:
    """A series: from and to (seconds ago), and how its value grows per second from its start."""

    name: str
    labels: str
    begin: int = LONG
    end: int = 0
    start: float = 0.0
    rate: float = 0.0

    def samples(self, now: int, system: System) -> Iterator[str]:
        """Write its samples as OpenMetrics."""
        begin = WEEK if system.week and self.begin == LONG else self.begin
        ages = range(begin, self.end - 1, -system.interval)
        labels = self.labels.replace("NS", system.name)
        return (
            f"{self.name}{{{labels}}} {self.start + self.rate * (begin - age):.3f} {now - age}"
            for age in ages
        )


def edge(status: str, rate: float, *, begin: int = LONG, end: int = 0, label: str = "status") -> Line:
    """Count requests at the edge."""
    labels = f'host="api.NS.test",{label}="{status}"'
    return Line("nginx_ingress_controller_requests", labels, begin, end, rate=rate)


def pod(service: str, number: int, begin: int = LONG, end: int = 0) -> list[Line]:
    """Scrape a pod of a service, and its container."""
    name = f'pod="{service}-5d8f-{number}"'
    of = f'namespace="NS",{name},container="{service}"'
    return [
        Line("up", f'namespace="NS",job="{service}",{name}', begin, end, start=1),
        Line("kube_pod_container_status_restarts_total", of, begin, end, start=3),
        Line("container_memory_working_set_bytes", of, begin, end, start=200 * MIB),
    ]


def measured() -> list[Line]:
    """Measure durations, and costs."""
    found = [Line("ai_routing_cost_usd_total", 'namespace="NS",job="ai-routing"', rate=0.001)]
    for name in HISTOGRAMS:
        of = 'namespace="NS",job="api-gateway"'
        found += [Line(f"{name}_bucket", f'{of},le="{le}"', rate=2) for le in ("20", "1000", "+Inf")]
    return found


def pods(*spared: str) -> list[Line]:
    """Scrape two pods of each service, but of those that are spared."""
    return [line for one in SERVICES if one not in spared for n in (1, 2) for line in pod(one, n)]


@dataclass(frozen=True)
class System:
    """What Prometheus has of one system."""

    name: str = ""
    lines: list[Line] = field(default_factory=list)
    interval: int = MINUTE
    week: bool = False
    """Whether its samples go back a week; then it is asked what week 4 asks."""
    wrong: dict[str, Verdict] = field(default_factory=dict)
    """The checks that do not pass, by item and place."""


USUAL = [edge("200", 2.0), edge("404", 0.1), *measured()]
EDGE_5XX = dict.fromkeys(
    (
        "t_0.healthy_metrics.0",
        "t_plus_1h.error_rate.0",
        "t_plus_4h.metrics_stable.0",
    ),
    F,
)
WEEK_5XX = dict.fromkeys(("monitoring.continuous_monitoring.2", "monitoring.daily_metrics_review.0"), F)
NO_SHARE = dict.fromkeys(EDGE_5XX, Q)
STOPPED = {"t_plus_1h.services_stable.0": F, "t_plus_4h.extended_monitoring_complete.0": F}
SYSTEMS = {
    "minute": System(lines=[*pods(), *USUAL]),
    "quarter": System(lines=[*pods(), *USUAL], interval=15),
    # The first pods ended an hour ago, as after a node's upgrade; others are minutes old.
    "young": System(
        lines=[
            *(line for one in SERVICES for line in pod(one, 1, end=HOUR)),
            *(line for one in SERVICES for line in pod(one, 2, begin=HOUR + MINUTE)),
            *(line for one in SERVICES for line in pod(one, 3, begin=4 * MINUTE)),
            *USUAL,
        ],
        # None is two hours old, so that none can show whether it leaks.
        wrong={"t_plus_4h.metrics_stable.3": Q},
    ),
    "scaled": System(
        lines=[*pods(), *(line for one in SERVICES for line in pod(one, 3, 2 * HOUR, HOUR)), *USUAL]
    ),
    "classes": System(lines=[*pods(), edge("2xx", 2.0), *measured()]),
    "cache_fills": System(
        lines=[
            *pods(),
            Line(
                "container_memory_working_set_bytes",
                'namespace="NS",pod="redis-0",container="redis"',
                rate=300 * MIB / HOUR,
            ),
            *USUAL,
        ]
    ),
    "warms_up": System(
        lines=[
            *pods(),
            Line(
                "container_memory_working_set_bytes",
                'namespace="NS",pod="ai-routing-5d8f-9",container="ai-routing"',
                30 * MINUTE,
                rate=300 * MIB / HOUR,
            ),
            *USUAL,
        ]
    ),
    "leaks": System(
        lines=[
            *pods(),
            Line(
                "container_memory_working_set_bytes",
                'namespace="NS",pod="ai-routing-5d8f-9",container="ai-routing"',
                rate=60 * MIB / HOUR,
            ),
            *USUAL,
        ],
        wrong={"t_plus_4h.metrics_stable.3": F},
    ),
    "edge_fails": System(lines=[*pods(), *USUAL, edge("502", 0.01)], wrong=EDGE_5XX),
    "other_label": System(
        lines=[*pods(), edge("200", 2.0, label="code"), edge("500", 2.0, label="code"), *measured()],
        wrong=NO_SHARE,
    ),
    "only_fails": System(lines=[*pods(), edge("502", 2.0), *measured()], wrong=NO_SHARE),
    "idle": System(
        lines=[*pods(), edge("200", 0.4), *measured()],
        wrong={"t_0.traffic_routed.0": F, "t_0.healthy_metrics.1": F, "t_plus_1h.error_rate.1": F},
    ),
    "just_began": System(
        lines=[*pods(), edge("200", 2.0, begin=3 * MINUTE), *measured()],
        wrong={"t_0.traffic_routed.0": F, "t_plus_1h.error_rate.1": F},
    ),
    # Scraped every five minutes; the pods of the last days are others than those of the first.
    "week": System(
        lines=[
            *(line for one in SERVICES for line in pod(one, 1, end=3 * DAY)),
            *(line for one in SERVICES for line in pod(one, 2, begin=3 * DAY)),
            *USUAL,
        ],
        interval=5 * MINUTE,
        week=True,
    ),
    "week_fails": System(
        lines=[*pods(), *USUAL, edge("502", 0.01)], interval=5 * MINUTE, week=True, wrong=WEEK_5XX
    ),
    "week_stopped": System(
        lines=[
            *pods("ai-routing"),
            *pod("ai-routing", 1, end=4 * DAY),
            *pod("ai-routing", 1, begin=4 * DAY - 3 * HOUR),
            *USUAL,
        ],
        interval=5 * MINUTE,
        week=True,
        wrong={"monitoring.continuous_monitoring.0": F},
    ),
    "week_without_edge": System(
        lines=[
            *pods(),
            edge("200", 2.0, end=2 * DAY),
            edge("200", 2.0, begin=2 * DAY - 8 * HOUR),
            *measured(),
        ],
        interval=5 * MINUTE,
        week=True,
        wrong={"monitoring.continuous_monitoring.1": F},
    ),
    "stopped": System(
        lines=[*pods("ai-routing"), *pod("ai-routing", 1, end=30 * MINUTE), *USUAL],
        wrong={
            **STOPPED,
            "t_0.healthy_metrics.4": F,
            "t_minus_2h.systems_operational.8": F,
        },
    ),
    "restarted": System(
        lines=[
            *pods(),
            Line(
                "kube_pod_container_status_restarts_total",
                'namespace="NS",pod="api-gateway-5d8f-7",container="api-gateway"',
                end=20 * MINUTE,
            ),
            Line(
                "kube_pod_container_status_restarts_total",
                'namespace="NS",pod="api-gateway-5d8f-7",container="api-gateway"',
                begin=19 * MINUTE,
                start=1,
            ),
            *USUAL,
        ],
        wrong={"t_plus_1h.services_stable.1": F, "t_plus_4h.metrics_stable.2": F},
    ),
    "no_state_metrics": System(
        lines=[*(line for line in pods() if "restarts" not in line.name), *USUAL],
        wrong={"t_plus_1h.services_stable.1": Q, "t_plus_4h.metrics_stable.2": Q},
    ),
    "fired": System(
        lines=[
            *pods(),
            *USUAL,
            Line(
                "ALERTS",
                'alertname="A",alertstate="firing",severity="critical",namespace="NS"',
                40 * MINUTE,
                30 * MINUTE,
                start=1,
            ),
        ],
        wrong={"t_plus_1h.no_critical_issues.1": F, "t_plus_4h.no_issues.0": F},
    ),
}
WATCHDOG = Line("ALERTS", 'alertname="Watchdog",alertstate="firing",severity="none"', start=1)
ITEMS = (
    "t_minus_2h.systems_operational",
    "t_0.traffic_routed",
    "t_0.healthy_metrics",
    "t_plus_1h.services_stable",
    "t_plus_1h.performance_acceptable",
    "t_plus_1h.error_rate",
    "t_plus_1h.no_critical_issues",
    "t_plus_4h.extended_monitoring_complete",
    "t_plus_4h.metrics_stable",
    "t_plus_4h.no_issues",
    "monitoring.continuous_monitoring",
    "monitoring.daily_metrics_review",
    "monitoring.weekly_performance_review",
    "monitoring.alert_tuning",
)


def queries() -> dict[str, CheckSpec]:
    """Return each query of these items, without its wait; more than one request a second is traffic."""
    found = {}
    for name, spec in shipped("prometheus_query", launch_min_rps=1).items():
        _, item, number = name.split(".")
        ref = next((one for one in ITEMS if one.endswith(f".{item}")), "")
        if ref and name.startswith(("launch_day.", "post_launch.")):
            params = {key: value for key, value in spec.params.items() if key not in {"wait", "interval"}}
            found[f"{ref}.{number}"] = spec.model_copy(update={"params": params})
    return found


def lines() -> Iterator[str]:
    """Write the samples of all systems."""
    now = int(time.time())
    yield from WATCHDOG.samples(now, System(interval=5 * MINUTE, week=True))
    for name, system in SYSTEMS.items():
        for line in system.lines:
            yield from line.samples(now, replace(system, name=name))


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConnectionInfo]:
    """Give a Prometheus with all systems."""
    with servers.backfilled(tmp_path_factory.mktemp("launch_day"), lines()) as connection:
        yield connection


def asked(prometheus: ConnectionInfo, name: str, checks: dict[str, CheckSpec], **given: Any) -> Any:
    """Run queries on one system; ten minutes have passed since the checks began."""
    variables = {
        "namespace": name,
        "domain": f"{name}.test",
        "now": (datetime.now(UTC) - timedelta(minutes=10)).isoformat(),
        "launch_at": (datetime.now(UTC) - timedelta(hours=4)).isoformat(),
        **given,
    }
    ctx = context({"prometheus": prometheus}, variables=with_product(variables))

    async def ask() -> list[CheckResult]:
        return await run_checks(list(checks.values()), ctx)

    return dict(zip(checks, run(ask()), strict=True))


@pytest.mark.parametrize("name", SYSTEMS)
def test_system(prometheus: ConnectionInfo, name: str) -> None:
    """Exactly the queries that should see something see it, in this system."""
    week = SYSTEMS[name].week
    checks = {ref: spec for ref, spec in queries().items() if ref.startswith("monitoring.") is week}
    found = asked(prometheus, name, checks)
    wrong = {ref: one.verdict for ref, one in found.items() if one.verdict is not P}
    assert wrong == SYSTEMS[name].wrong, {ref: found[ref].headline for ref in wrong}


def test_five_minutes_after_the_change(prometheus: ConnectionInfo) -> None:
    """On a good system the metrics of before traffic was routed make nothing green."""
    checks = {name: spec for name, spec in queries().items() if name.startswith("t_0.healthy_metrics")}
    found = asked(prometheus, "minute", checks, now=(datetime.now(UTC) - timedelta(minutes=4)).isoformat())
    assert [one.verdict for one in found.values()] == [Q, Q, Q, P, P]
    assert all("looks back to before" in one.headline for one in list(found.values())[:3])
