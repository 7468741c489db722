"""What happens in a rehearsal, as data: what is broken, who repairs it, and how people answer.

Everything is decided by what the gate shows and by this data, never by chance: two rehearsals on the same
checklist give the same outcomes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from launch_pipeline.base import Frozen
from launch_pipeline.checklist.vocabulary import Answer, RequestKind, Severity
from launch_pipeline.checks.engine.registry import kind
from launch_pipeline.checks.verdict import CheckResult, Verdict
from launch_rehearsal.product.base.plan import Part

if TYPE_CHECKING:
    from launch_pipeline.checklist.model import Item


class Rejection(Frozen):
    """The one no of the rehearsal, and what repairs it."""

    ref: str
    reason: str
    part: Part
    """What an operator repairs before he clears the item."""


class Absence(Frozen):
    """What takes no part in a rehearsal: only this very answer of a check is excused by it."""

    kind: str
    says: str
    """How the headline of the check begins that could not ask."""
    reason: str
    """Why, and what a person would do in earnest; never that somebody looked where nobody did."""

    def excuses(self, result: CheckResult) -> bool:
        """Whether a check could not ask for this reason and no other."""
        known = result.kind == self.kind and result.headline.startswith(self.says)
        return known and result.verdict is Verdict.INCONCLUSIVE


class Limit(Frozen):
    """An item that cannot pass on one machine: the one trouble that is expected of it, and the answer."""

    kinds: frozenset[str]
    """Of the checks that cannot pass; every other check of the item must."""
    reason: str
    verdicts: frozenset[Verdict] = frozenset({Verdict.FAILED})
    answer: Answer = Answer.WAIVE
    without: Part | None = None
    """Only where this part takes no part."""

    def excuses(self, result: CheckResult) -> bool:
        """Whether this is the trouble that is expected."""
        return result.kind in self.kinds and result.verdict in self.verdicts


class Post(Frozen):
    """What an item's owner says in Slack, because the item's check looks for it there."""

    channel: str
    text: str


class Scenario(Frozen):
    """One rehearsal's story."""

    broken: tuple[Part, ...] = ()
    """Broken from the start."""
    heals_after: Mapping[Part, float] = {}
    """Seconds from the launch's start until a part comes back by itself."""
    rejection: Rejection | None = None
    absent: tuple[Absence, ...] = ()
    """All that takes no part. Whatever else cannot be asked is no excuse."""
    limits: Mapping[str, Limit] = {}
    """All items that cannot pass. Whatever else does not pass is no excuse."""
    posts: Mapping[str, Post] = {}
    """What owners say in Slack once their item's check misses it, by item."""
    reading: float = 0.5
    """Seconds in which a person has read a request at the earliest."""
    hesitation: float = 1.5
    """At most so many seconds more; how many depends on the item."""
    patience: float = 30.0
    """Seconds a person hopes that a failing check heals before he says no."""

    def excuse(self, ref: str, results: Iterable[CheckResult]) -> Excuse | None:
        """Say why an item's checks need not all pass here; None where only one of them has no excuse."""
        limit = self.limits.get(ref)
        reasons: dict[str, None] = {}
        for result in results:
            if result.verdict is not Verdict.PASSED:
                reason = self._reason(limit, result)
                if not reason:
                    return None
                reasons[reason] = None
        answer = limit.answer if limit and limit.reason in reasons else Answer.WAIVE
        return Excuse(answer, " ".join(reasons)) if reasons else None

    def _reason(self, limit: Limit | None, result: CheckResult) -> str:
        if limit and limit.excuses(result):
            return limit.reason
        return next((absence.reason for absence in self.absent if absence.excuses(result)), "")

    def on(self, present: Iterable[Part]) -> Scenario:
        """The story on a machine on which these parts take part."""
        there = set(present)
        limits = {ref: limit for ref, limit in self.limits.items() if limit.without not in there}
        return self.model_copy(update={"limits": limits})


@dataclass(frozen=True)
class Excuse:
    """What somebody answers where an item cannot pass, and why."""

    answer: Answer
    reason: str


_NO_STANDBY = "One database serves this rehearsal, so it has no standby. In earnest: "
_NO_ARCHIVE = "The rehearsal's database archives nothing. In earnest: "


_UNKNOWN = frozenset({Verdict.INCONCLUSIVE})


def _postgres(reason: str, *more: str) -> Limit:
    return Limit(kinds=frozenset({"postgres_query", *more}), reason=reason)


DEFAULT = Scenario(
    broken=(Part.GATEWAY, Part.REPOSITORY),
    heals_after={Part.GATEWAY: 20.0},
    rejection=Rejection(
        ref="pre_launch_requirements.requirements_design_review.data_models_finalized",
        reason="The schema changed after its freeze tag; move the tag or take the change out.",
        part=Part.REPOSITORY,
    ),
    absent=(
        Absence(
            kind="command",
            says="runs a program; environment 'rehearsal' does not allow commands",
            reason="A rehearsal puts no load on this machine. In earnest: run the test and read its report.",
        ),
        Absence(
            kind="postgres_query",
            says="not connected: pgbouncer",
            reason="No pooler stands before the rehearsal's database. In earnest: ask PgBouncer's console.",
        ),
        Absence(
            kind="redis_info",
            says="not connected: redis",
            reason="No redis-server 7 or newer is installed on this machine. In earnest: ask redis-cli.",
        ),
    ),
    posts={
        "team_preparation.communication.stakeholders_notified": Post(
            channel="launch-announcements", text="REHEARSAL: the launch is today; this thread follows it."
        ),
        "launch_day.t_plus_1h.stakeholders_notified_success": Post(
            channel="launch-announcements", text="REHEARSAL: the launch was a success; we are live."
        ),
    },
    limits={
        "monitoring_alerting.alerts.redis_alert": Limit(
            kinds=frozenset({"prometheus_rule"}),
            reason="No Redis takes part in this rehearsal, so the rule reads nothing. In earnest: try it.",
            without=Part.REDIS,
        ),
        "monitoring_alerting.metrics.redis_metrics": Limit(
            kinds=frozenset({"prometheus_query"}),
            reason="No Redis takes part in this rehearsal. In earnest: show its exporter.",
            verdicts=_UNKNOWN,
            without=Part.REDIS,
        ),
        "backup_disaster_recovery.backups.backup_monitoring": Limit(
            kinds=frozenset({"prometheus_rule"}), reason=f"{_NO_ARCHIVE}try the rule over its age."
        ),
        "infrastructure_setup.database.postgresql_ha": _postgres(
            f"{_NO_STANDBY}show three instances.", "kubernetes_resource"
        ),
        "infrastructure_setup.database.automated_backups": _postgres(
            f"{_NO_ARCHIVE}show the schedule and last backup."
        ),
        "launch_day.t_minus_2h.backup_systems": _postgres(f"{_NO_ARCHIVE}show the newest backup."),
        "infrastructure_setup.database.replication": _postgres(f"{_NO_STANDBY}read the lag."),
        "backup_disaster_recovery.high_availability.database_ha": _postgres(
            f"{_NO_STANDBY}show a synchronous one."
        ),
        "backup_disaster_recovery.disaster_recovery.rpo_defined": _postgres(
            f"{_NO_ARCHIVE}show that it does within 15 minutes."
        ),
        "validation_testing.performance_tests.database_latency": Limit(
            # Its other check measures a machine that runs Airflow and the product at the same time.
            kinds=frozenset({"postgres_query", "prometheus_query"}),
            reason="The rehearsal's database keeps no statement statistics. In earnest: switch them on.",
            verdicts=frozenset({Verdict.INCONCLUSIVE, Verdict.FAILED}),
        ),
        "infrastructure_setup.load_balancer.lb_session_persistence": Limit(
            kinds=frozenset({"kubernetes_resource"}),
            reason="The services keep no session on the server, so no client needs to stay with one of them.",
            answer=Answer.NOT_APPLICABLE,
        ),
    },
)


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
    if gate.item.gate is RequestKind.DECISION:
        return Reaction(Answer.GO)
    if gate.item.gate is RequestKind.SIGNATURE:
        return Reaction(Answer.SIGN)
    if gate.verdict in {None, Verdict.PASSED}:
        return Reaction(Answer.APPROVE) if gate.item.mode.needs_person else None
    return _trouble(scenario, gate, now)


def _trouble(scenario: Scenario, gate: Gate, now: Situation) -> Reaction | None:
    """Answer to checks that did not pass."""
    no = scenario.rejection
    if no and gate.ref == no.ref and not now.rejected:
        return Reaction(Answer.REJECT, no.reason)
    excuse = scenario.excuse(gate.ref, gate.results or ())
    if excuse is None:
        return _hope(scenario, gate, now)
    if excuse.answer is Answer.WAIVE and gate.item.severity is Severity.ADVISORY:
        # An advisory item is not waived: it is not met, which stops nothing.
        return Reaction(Answer.REJECT, f"Noted for the week after the launch. {excuse.reason}"[:300])
    return Reaction(excuse.answer, excuse.reason)


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


def _repeats(item: Item) -> bool:
    """Whether the item's failing checks repeat by themselves while a person is asked."""
    return not item.side_effects and all(kind(check.kind).runs_on == "triggerer" for check in item.checks)
