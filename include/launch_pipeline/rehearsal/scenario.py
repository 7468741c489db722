"""What happens in a rehearsal, as data: what is broken, who repairs it, and how people answer.

Everything is decided by what the gate shows and by this data, never by chance: two rehearsals on the same
checklist give the same outcomes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from launch_pipeline.checklist.words import Answer, GateStyle, Severity
from launch_pipeline.checks.registry import kind
from launch_pipeline.checks.verdict import CheckResult, Frozen, Verdict
from launch_pipeline.rehearsal.standin.plan import Part

if TYPE_CHECKING:
    from launch_pipeline.checklist.model import Item

_NOT_CONNECTED = ("not connected", "variable '")


class Rejection(Frozen):
    """The one no of the rehearsal, and what repairs it."""

    ref: str
    reason: str
    part: Part
    """What an operator repairs before he clears the item."""


class Scenario(Frozen):
    """One rehearsal's story."""

    broken: tuple[Part, ...] = ()
    """Broken from the start."""
    heals_after: Mapping[Part, float] = {}
    """Seconds from the launch's start until a part comes back by itself."""
    rejection: Rejection | None = None
    absent: frozenset[str] = frozenset()
    """Kinds of checks whose authorities do not take part; what they cannot say is waived."""
    limits: Mapping[str, str] = {}
    """Items that one machine cannot pass, with the reason they are waived for."""
    not_applicable: Mapping[str, str] = {}
    reading: float = 0.5
    """Seconds in which a person has read a request at the earliest."""
    hesitation: float = 1.5
    """At most so many seconds more; how many depends on the item."""
    patience: float = 45.0
    """Seconds a person hopes that a failing check heals before he says no."""


DEFAULT = Scenario(
    broken=(Part.GATEWAY, Part.REPOSITORY),
    heals_after={Part.GATEWAY: 20.0},
    rejection=Rejection(
        ref="pre_launch_requirements.requirements_design_review.data_models_finalized",
        reason="The schema changed after its freeze tag; move the tag or take the change out.",
        part=Part.REPOSITORY,
    ),
    absent=frozenset(
        {
            "aws_resource",
            "command",
            "container_image",
            "grafana_dashboard",
            "object_storage",
            "redis_info",
            "slack_channel",
        }
    ),
    limits={
        "validation_testing.integration_tests.logging": (
            "The check looks for a mark that only its own try knows. In earnest: search the flow's mark."
        ),
        "monitoring_alerting.alerts.redis_alert": (
            "No Redis takes part in this rehearsal, so the rule reads nothing. In earnest: try it."
        ),
        "backup_disaster_recovery.backups.backup_monitoring": (
            "The rehearsal's database archives nothing, so the rule reads nothing. In earnest: try it."
        ),
        "infrastructure_setup.database.postgresql_ha": (
            "One database serves this rehearsal, so it has no standby. In earnest: show three instances."
        ),
        "infrastructure_setup.database.automated_backups": (
            "The rehearsal's database archives nothing. In earnest: show the schedule and last backup."
        ),
        "launch_day.t_minus_2h.backup_systems": (
            "The rehearsal's database archives nothing. In earnest: show the newest backup."
        ),
        "infrastructure_setup.database.replication": (
            "One database serves this rehearsal, so nothing replicates. In earnest: read the lag."
        ),
        "backup_disaster_recovery.high_availability.database_ha": (
            "One database serves this rehearsal, so it has no standby. In earnest: show a synchronous one."
        ),
        "backup_disaster_recovery.disaster_recovery.rpo_defined": (
            "The rehearsal's database archives nothing. In earnest: show that it does within 15 minutes."
        ),
        "validation_testing.performance_tests.database_latency": (
            "The rehearsal's database keeps no statement statistics. In earnest: switch them on."
        ),
        "monitoring_alerting.metrics.redis_metrics": (
            "No Redis takes part in this rehearsal. In earnest: show its exporter."
        ),
    },
    not_applicable={
        "infrastructure_setup.load_balancer.lb_session_persistence": (
            "The services keep no session on the server, so no client needs to stay with one of them."
        ),
    },
)

_IN_EARNEST: Mapping[str, str] = {
    "alertmanager_alerts": "read the list of alerts",
    "aws_resource": "compare the cloud account with Terraform's plan",
    "command": "run the load test and read its report",
    "container_image": "look for the images of this release in the registry",
    "grafana_dashboard": "open the dashboards together",
    "kubernetes_resource": "look at the cluster with kubectl",
    "log_query": "search the logs",
    "object_storage": "read the bucket's settings and its newest backup",
    "oncall_schedule": "read the rota",
    "postgres_query": "ask the database's console",
    "prometheus_rule": "look for the rule in Prometheus",
    "redis_info": "ask redis-cli",
    "slack_channel": "look into the channel",
}
"""What a person would do himself where a rehearsal has no authority for a kind of check.

The reasons of a rehearsal never claim that somebody looked where nobody did.
"""


@dataclass(frozen=True)
class Gate:
    """A waiting request as a person sees it."""

    ref: str
    item: Item
    waited: float
    """Seconds since it was first seen."""
    try_number: int = 1
    results: tuple[CheckResult, ...] | None = None
    """What the checks saw in this try; None where the item has none."""

    @property
    def verdict(self) -> Verdict | None:
        """Of all checks together; None where there are none."""
        return None if self.results is None else Verdict.of([r.verdict for r in self.results])


@dataclass(frozen=True)
class Situation:
    """What people know of the world besides the gate."""

    broken: frozenset[Part] = frozenset()
    """Parts that are broken and will come back by themselves."""
    since_repair: float | None = None
    """Seconds since something was last repaired; None: nothing was."""
    rechecked: frozenset[str] = field(default_factory=frozenset)
    """Items for which somebody has asked for a re-check already."""
    rejected: bool = False
    """Whether the one rejection has been said."""


@dataclass(frozen=True)
class Reaction:
    """What a person answers."""

    answer: Answer
    reason: str = ""


def pause(scenario: Scenario, ref: str) -> float:
    """Seconds until a person answers: human, and the same in every rehearsal."""
    share = hashlib.sha256(ref.encode()).digest()[0] / 255
    return scenario.reading + scenario.hesitation * share


def react(scenario: Scenario, gate: Gate, now: Situation) -> Reaction | None:
    """Decide what the owner answers now; None: he waits and hopes."""
    if gate.waited < pause(scenario, gate.ref):
        return None
    if gate.item.gate is GateStyle.DECISION:
        return Reaction(Answer.GO)
    if gate.item.gate is GateStyle.SIGNATURE:
        return Reaction(Answer.SIGN)
    if gate.verdict in {None, Verdict.PASSED}:
        return Reaction(Answer.APPROVE) if gate.item.mode.needs_person else None
    return _trouble(scenario, gate, now)


def _trouble(scenario: Scenario, gate: Gate, now: Situation) -> Reaction | None:
    """Answer to checks that did not pass."""
    no = scenario.rejection
    if no and gate.ref == no.ref and not now.rejected:
        return Reaction(Answer.REJECT, no.reason)
    if gate.ref in scenario.not_applicable:
        return Reaction(Answer.NOT_APPLICABLE, scenario.not_applicable[gate.ref])
    out_of_reach = all(_out_of_reach(scenario, result) for result in _troubles(gate))
    if gate.ref in scenario.limits or out_of_reach:
        if gate.item.severity is Severity.ADVISORY:
            return Reaction(
                Answer.REJECT, "Not shown in this rehearsal; noted for the week after the launch."
            )
        return Reaction(Answer.WAIVE, scenario.limits.get(gate.ref) or _excuse(gate))
    return _hope(scenario, gate, now)


def _hope(scenario: Scenario, gate: Gate, now: Situation) -> Reaction | None:
    """Wait for what heals by itself, ask for a re-check where nothing repeats, give up at last."""
    if now.broken:
        return None
    if not _repeats(gate.item) and gate.ref not in now.rechecked:
        return Reaction(Answer.RECHECK)
    waited = gate.waited if now.since_repair is None else min(gate.waited, now.since_repair)
    if waited < scenario.patience:
        return None
    worst = _troubles(gate)[0].headline
    return Reaction(Answer.REJECT, f"It does not hold, and nobody repaired it: {worst}"[:300])


def _troubles(gate: Gate) -> list[CheckResult]:
    return [result for result in gate.results or () if result.verdict is not Verdict.PASSED]


def _out_of_reach(scenario: Scenario, result: CheckResult) -> bool:
    """Whether a rehearsal has no authority that could be asked."""
    if result.kind in scenario.absent:
        return True
    return result.verdict is Verdict.INCONCLUSIVE and result.headline.startswith(_NOT_CONNECTED)


def _excuse(gate: Gate) -> str:
    kinds = dict.fromkeys(result.kind for result in _troubles(gate))
    done = " and ".join(_IN_EARNEST.get(name, "look") for name in kinds)
    return f"Not part of this rehearsal ({', '.join(kinds)}). In earnest: {done}."


def _repeats(item: Item) -> bool:
    """Whether the item's failing checks repeat by themselves while a person is asked."""
    return not item.side_effects and all(kind(check.kind).runs_on == "triggerer" for check in item.checks)
