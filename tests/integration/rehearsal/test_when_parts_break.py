"""Each part of the fake product: broken, exactly its items fail; repaired, all pass.

What depends on a part follows from the connections that the checklist's checks ask through, and from what
the product's metrics, alerts and pods show of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.checks.engine.registry import kind
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.stack.processes import wait_until
from launch_rehearsal.product.base.plan import SERVICES, Part, redis_program
from launch_rehearsal.product.base.series import SAMPLE_EVERY
from servers.running_product import measures

if TYPE_CHECKING:
    from collections.abc import Iterable

    from launch_pipeline.checklist.model import Item
    from launch_pipeline.checks.verdict import CheckResult
    from servers.running_product import RunningProduct

pytestmark = pytest.mark.integration

UP = {
    "t_0.healthy_metrics",
    "t_minus_2h.systems_operational",
    "t_plus_1h.services_stable",
    "t_plus_4h.extended_monitoring_complete",
    "metrics.application_metrics",
    "monitoring.continuous_monitoring",
    "integration_tests.metrics_collection",
}
"""Every service must be scraped and up."""
ERRORS = {
    "t_0.healthy_metrics",
    "t_plus_1h.error_rate",
    "t_plus_4h.metrics_stable",
    "monitoring.continuous_monitoring",
    "monitoring.daily_metrics_review",
}
"""Visitors' requests must not fail."""
ALARMS = {"t_0.no_critical_alerts", "t_plus_1h.no_critical_issues", "t_plus_4h.no_issues"}
PODS = {
    "build_deployment.deployments_configured",
    "build_deployment.services_configured",
    "high_availability.application_ha",
    "high_availability.auto_recovery",
    "high_availability.ha_health_checks",
}
ANSWERS = {"ai_routing.response_cache", "ai_routing.routing_metrics", "integration_tests.end_to_end_flow"}
"""A question must get a new answer, for which every service is needed."""
SERVICE = UP | ERRORS | ALARMS | PODS | ANSWERS | {"communication.status_page"}
THROUGH_EDGE = {
    "environment_validation.load_balancer_responding",
    "t_0.load_balancer_activated",
    "t_0.smoke_tests",
}
"""The edge passes on what only the gateway can answer."""
MAY = {
    "constitutional_ai.constitutional_middleware",
    "t_plus_1h.performance_acceptable",
    "performance_tests.ai_routing_latency",
    "performance_tests.cache_hit_rate",
    "performance_tests.constitutional_validation_latency",
    "performance_tests.knowledge_ocean_latency",
    "smoke_tests.response_times",
}
"""Shares and latencies: unknown where nobody happened to ask at this moment, slow on a busy machine."""
WITHOUT_SAMPLES = {
    "monitoring.alert_rules_configured",
    "monitoring.alert_tuning",
    "metrics.metrics_retention",
    "t_0.no_critical_alerts",
    "t_plus_1h.no_critical_issues",
    "t_plus_4h.no_issues",
}
"""Items that ask Prometheus and are content with no samples: its rules, its settings, alerts that fire."""
BROKEN_REPORTS = {
    "code_quality.code_coverage",
    "performance_tests.load_1000_users",
    "performance_tests.load_error_rate",
    "performance_tests.load_p95",
    "security.high_vulnerabilities_fixed",
    "security.input_sanitization",
    "security.sql_injection",
    "testing.load_tests",
    "testing.owasp_top_10",
    "testing.performance_tests",
    "testing.unit_tests",
}
"""A failed unit test, a coverage too low, a hole found by the code scan, a crossed threshold.

A load test with a crossed threshold has failed, whichever of its numbers an item is about.
"""


@dataclass(frozen=True)
class Effect:
    """What turns red: whatever asks through these connections or kinds, and what sees the part otherwise."""

    asks: tuple[str, ...] = ()
    sees: frozenset[str] | set[str] = frozenset()
    spares: frozenset[str] | set[str] = frozenset()


EFFECTS = {
    Part.GATEWAY: Effect(
        ("api_gateway", "staging"), SERVICE | THROUGH_EDGE | {"api_gateway.gateway_metrics"}
    ),
    Part.CONSTITUTIONAL_AI: Effect(("constitutional_ai",), SERVICE),
    Part.KNOWLEDGE_OCEAN: Effect(("knowledge_ocean", "vector_db"), SERVICE),
    Part.AI_ROUTING: Effect(("ai_routing",), SERVICE),
    Part.EDGE_TLS: Effect(
        ("edge", "tls_certificate"),
        ALARMS
        | {
            "load_balancer.lb_health_checks",
            "load_balancer.nginx_configured",
            "high_availability.load_balancer_ha",
        },
    ),
    Part.DNS: Effect(("dns_record",)),
    Part.METRICS: Effect(("prometheus",), spares=WITHOUT_SAMPLES),
    Part.REPORTS: Effect(sees=BROKEN_REPORTS),
    Part.REPOSITORY: Effect(sees={"requirements_design_review.data_models_finalized"}),
    Part.DATABASE: Effect(
        ("postgres", "staging_postgres", "constitutional_ai"),
        ERRORS | ALARMS | ANSWERS | {"metrics.database_metrics"},
        # The service's own health and pods do not look at the database.
        {
            "constitutional_ai.constitutional_ai_deployed",
            "smoke_tests.constitutional_ai_health",
            "t_0.smoke_tests",
        },
    ),
    Part.REDIS: Effect(("redis",), {"metrics.redis_metrics"}),
    Part.REGISTRY: Effect(("registry",)),
    Part.BACKUPS: Effect(("object_storage",)),
    Part.CLOUD: Effect(("aws_resource",)),
    Part.DASHBOARDS: Effect(("grafana_dashboard",)),
    Part.LOGS: Effect(("loki",)),
    Part.ALERTING: Effect(("alertmanager",)),
    Part.CLUSTER: Effect(("kubernetes",)),
    Part.CODE_HOST: Effect(("github",)),
    # Who is on call is not asked for open incidents.
    Part.ON_CALL: Effect(("pagerduty",), spares={"t_plus_1h.no_critical_issues"}),
    Part.STATUS_PAGE: Effect(("statuspage", "status_page_public")),
    Part.MODELS: Effect(("openai",)),
}
PATIENCE = 30.0
MEASURED = {*SERVICES, Part.EDGE_TLS, Part.METRICS, Part.DATABASE, Part.REDIS}
"""Parts whose breaks are seen in metrics, in which also what is over stays for a while."""
APART = frozenset(Part) - MEASURED
"""Parts that only those see that ask them: servers of vendors, names, files."""
MOMENT = 2 * SAMPLE_EVERY
"""Seconds after which a break of a part that is apart is certain to be seen."""


@pytest.fixture(scope="module")
def green(results: dict[str, list[CheckResult]], checked_items: dict[str, Item]) -> dict[str, Item]:
    """Return the items that pass while nothing is broken, by section and id."""
    passed = [ref for ref, each in results.items() if Verdict.of([r.verdict for r in each]) is Verdict.PASSED]
    named = {ref.partition(".")[2]: checked_items[ref] for ref in passed}
    assert len(named) == len(passed)
    return named


def concerned(items: dict[str, Item], effect: Effect) -> set[str]:
    """Give the items that ask a part or see it otherwise, also those that are content without it."""

    def asks(item: Item) -> bool:
        through = {(check.params.get("conn_id") or kind(check.kind).default_conn_id) for check in item.checks}
        through |= {check.params.get("routed_by") for check in item.checks}
        return bool((through | {check.kind for check in item.checks}) & set(effect.asks))

    return {name for name, item in items.items() if asks(item) or name in effect.sees}


def depends(items: dict[str, Item], effect: Effect) -> set[str]:
    """Give the items that a break of a part must turn red."""
    return concerned(items, effect) - set(effect.spares)


def concerned_apart(items: dict[str, Item]) -> set[str]:
    """Give the items that are concerned with any part that is apart."""
    return set().union(*(concerned(items, EFFECTS[part]) for part in APART))


def calm(items: dict[str, Item]) -> dict[str, Item]:
    """Give the items whose answer does not depend on what else is asked at this moment."""
    return {name: item for name, item in items.items() if not measures(item)}


def red(product: RunningProduct, items: dict[str, Item]) -> set[str]:
    found = product.check_all(items)
    return {n for n, each in found.items() if Verdict.of([r.verdict for r in each]) is not Verdict.PASSED}


def some(items: dict[str, Item], names: Iterable[str]) -> dict[str, Item]:
    return {name: items[name] for name in names}


def await_red(product: RunningProduct, items: dict[str, Item], names: set[str]) -> None:
    """Wait until exactly these of the items are red."""
    last = [red(product, items)]

    def as_wanted() -> bool:
        last.append(names if last[-1] == names else red(product, items))
        return last[-1] == names

    assert wait_until(as_wanted, PATIENCE, alive=lambda: None), (last[-1], names)


@pytest.mark.parametrize("part", Part)
def test_exactly_what_depends_on_a_broken_part_turns_red(
    product: RunningProduct, green: dict[str, Item], part: Part
) -> None:
    """Every item that depends on the part is red, no other is, and its repair makes all of them green.

    Of a part that is apart, only items that are concerned with any such part are asked: the others are
    asked once, by the next test.
    """
    if part is Part.REDIS and not redis_program():
        pytest.skip("needs redis-server 7 or newer: apt-get install redis-server")
    must = depends(green, EFFECTS[part])
    settled = product.plan.window + 1 if part in MEASURED else MOMENT
    could = some(green, concerned_apart(green)) if part in APART else green
    asked = {**calm(could), **some(green, must)}
    product.turn(part, works=False)
    try:
        product.await_samples(settled)
        seen = red(product, asked)
        missing, wrong = must - MAY - seen, seen - must - MAY
        # A busy machine samples late and answers late: look again at whatever is not as expected.
        await_red(product, some(green, missing), missing)
        await_red(product, some(green, wrong), set())
    finally:
        product.turn(part, works=True)
    if part in MEASURED:
        product.await_samples(settled)
    await_red(product, some(green, seen - MAY), set())


def test_other_items_stay_green_while_all_that_is_apart_is_broken(
    product: RunningProduct, green: dict[str, Item]
) -> None:
    """What is concerned with no part that is apart sees none of them break; no break hides another here."""
    others = calm(some(green, green.keys() - concerned_apart(green)))
    assert len(others) > len(green) / 3
    for part in APART:
        product.turn(part, works=False)
    try:
        product.await_samples(MOMENT)
        seen = red(product, others)
        await_red(product, some(green, seen - MAY), set())
    finally:
        for part in APART:
            product.turn(part, works=True)


def test_every_part_has_items_that_depend_on_it(green: dict[str, Item]) -> None:
    """There is no part whose break nobody would notice, and no expectation of an item that is gone."""
    assert set(EFFECTS) == set(Part)
    assert all(depends(green, effect) for part, effect in EFFECTS.items() if part is not Part.REDIS)
    named = set().union(*(effect.sees | effect.spares for effect in EFFECTS.values())) | MAY
    assert named - green.keys() <= {"metrics.redis_metrics"}
