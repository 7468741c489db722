"""Every item that can be asked by the kinds with observers, asked of the running stand-in without Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from launch_pipeline.checklist.load import load_phases
from launch_pipeline.checks.registry import parameter_models
from launch_pipeline.checks.verdict import Verdict

if TYPE_CHECKING:
    from launch_pipeline.checklist.model import Item
    from servers.standin import RunningStandIn

pytestmark = pytest.mark.integration

HONESTLY_NOT = {
    # A single database has no standby, archives nothing and has no pooler before it.
    "infrastructure_setup.database.replication": Verdict.FAILED,
    "infrastructure_setup.database.connection_pooling": Verdict.INCONCLUSIVE,
    "backup_disaster_recovery.disaster_recovery.rpo_defined": Verdict.FAILED,
    "backup_disaster_recovery.high_availability.database_ha": Verdict.FAILED,
    "infrastructure_setup.database.postgresql_ha": Verdict.FAILED,
    "infrastructure_setup.database.automated_backups": Verdict.FAILED,
    "backup_disaster_recovery.backups.backup_monitoring": Verdict.FAILED,
    # Its services keep no session, so nothing sticks; nothing has gone wrong yet.
    "infrastructure_setup.load_balancer.lb_session_persistence": Verdict.FAILED,
    "monitoring_alerting.logging.error_logs": Verdict.FAILED,
    # The mark it looks for is made anew for each try, and nothing in the item itself writes it.
    "validation_testing.integration_tests.logging": Verdict.FAILED,
    # The embedded server comes without pg_stat_statements.
    "validation_testing.performance_tests.database_latency": Verdict.INCONCLUSIVE,
    # No Redis takes part, so nothing exports redis_up.
    "monitoring_alerting.alerts.redis_alert": Verdict.FAILED,
    "monitoring_alerting.metrics.redis_metrics": Verdict.INCONCLUSIVE,
}
KINDS = {
    "alertmanager_alerts",
    "kubernetes_resource",
    "log_query",
    "oncall_schedule",
    "prometheus_rule",
    "dns_record",
    "git_repository",
    "http_request",
    "postgres_query",
    "prometheus_query",
    "report",
    "tcp_port",
    "tls_certificate",
}
"""Kinds whose authorities take part in a rehearsal."""
LEAST = 190
"""Items that the stand-in lets pass at the least."""


def askable() -> list[tuple[str, Item]]:
    found = [
        (f"{phase.id}.{section.id}.{item.id}", item)
        for phase in load_phases(parameter_models())
        if phase.kind == "checklist"
        for section, item in phase.items()
        if item.checks and {check.kind for check in item.checks} <= KINDS
    ]
    # Bursts last: whoever asks the same route within the same moment is limited, too.
    return sorted(found, key=lambda pair: bool(pair[1].side_effects))


ASKABLE = askable()


@pytest.mark.parametrize(("ref", "item"), ASKABLE, ids=[ref for ref, _ in ASKABLE])
def test_item_passes_or_is_known_not_to(product: RunningStandIn, ref: str, item: Item) -> None:
    """An item's own checks pass against the whole stand-in, or give the verdict committed for it."""
    results = product.check(item)
    verdict = Verdict.of([result.verdict for result in results])
    assert verdict is HONESTLY_NOT.get(ref, Verdict.PASSED), [r.headline for r in results]


def test_most_items_are_verified_by_themselves() -> None:
    """The stand-in answers for at least as many items as promised, and every exception still exists."""
    refs = {ref for ref, _ in ASKABLE}
    assert set(HONESTLY_NOT) <= refs
    assert len(refs - set(HONESTLY_NOT)) >= LEAST
