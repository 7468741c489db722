"""Describe a rehearsal as data: the broken parts, their repair, and the answers of people.

Only the requests and this data decide, never chance: two rehearsals of the same checklist have the same
outcomes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from launch_pipeline.base import Frozen
from launch_pipeline.checklist.sequence import T_MINUS_2H
from launch_pipeline.checklist.vocabulary import Answer, RequestKind, Severity
from launch_pipeline.checks.engine.registry import kind
from launch_pipeline.checks.verdict import CheckResult, Verdict
from launch_rehearsal.product.base.plan import Part

if TYPE_CHECKING:
    from launch_pipeline.checklist.model import Item


class Rejection(Frozen):
    """The one rejection of the rehearsal, and its repair on a new commit."""

    ref: str
    reason: str
    part: Part
    """The part that the operator repairs before clearing the item."""
    repair: str
    """The technical lead's reason for moving the launch to the new commit."""


class Postponement(Frozen):
    """T-0 moves once, after an answer that rests on it was sealed."""

    after: str
    """The Dag whose seal is waited for."""
    reason: str
    seconds: float = 20.0
    """How far away T-0 is then: less than what comes before it takes."""


class Regression(Frozen):
    """A part that breaks between its item's seal and the Go, and is repaired once that was found."""

    ref: str
    """The one item that depends on the part."""
    part: Part
    after: str = T_MINUS_2H
    """The Dag that has begun when the part breaks; none of its items may depend on the part."""
    seconds: float = 4.0
    """Seconds from the find to the repair, so that the owner is asked meanwhile."""


class Absence(Frozen):
    """Something absent from a rehearsal; it excuses exactly this answer of a check."""

    kind: str
    says: str
    """How the headline of such a check begins."""
    reason: str
    """The reason, and what to do in a real launch. It must not claim that a person looked."""

    def excuses(self, result: CheckResult) -> bool:
        """Return whether a check could not ask for exactly this reason."""
        known = result.kind == self.kind and result.headline.startswith(self.says)
        return known and result.verdict is Verdict.INCONCLUSIVE


class Limit(Frozen):
    """An item that cannot pass on one machine: the expected failure, and the answer to it."""

    kinds: frozenset[str]
    """Kinds of the checks that cannot pass; every other check of the item must."""
    reason: str
    verdicts: frozenset[Verdict] = frozenset({Verdict.FAILED})
    answer: Answer = Answer.WAIVE
    without: Part | None = None
    """The limit holds only if this part is absent."""

    def excuses(self, result: CheckResult) -> bool:
        """Return whether this is the expected failure."""
        return result.kind in self.kinds and result.verdict in self.verdicts


class Post(Frozen):
    """A post of an item's owner in Slack, where the item's check looks for it."""

    channel: str
    text: str


class Scenario(Frozen):
    """The scenario of one rehearsal."""

    broken: tuple[Part, ...] = ()
    """Parts broken from the start."""
    heals_after: Mapping[Part, float] = {}
    """Seconds from the launch's start until a part recovers by itself."""
    rejection: Rejection | None = None
    postponement: Postponement | None = None
    regression: Regression | None = None
    absent: tuple[Absence, ...] = ()
    """Everything that is absent. No other unavailable target is excused."""
    limits: Mapping[str, Limit] = {}
    """Every item that cannot pass. No other failure is excused."""
    posts: Mapping[str, Post] = {}
    """By item: the post of its owner once the item's check misses it."""
    reading: float = 0.5
    """Seconds that a person needs at least to read a request."""
    hesitation: float = 1.5
    """The most seconds added to that; the item decides how many."""
    patience: float = 30.0
    """Seconds that a person waits for a failing check to recover before rejecting it."""

    def excuse(self, ref: str, results: Iterable[CheckResult]) -> Excuse | None:
        """Return why an item's checks need not all pass; None if one of them has no excuse."""
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
        """Return the scenario for a machine that has these parts."""
        there = set(present)
        limits = {ref: limit for ref, limit in self.limits.items() if limit.without not in there}
        return self.model_copy(update={"limits": limits})


@dataclass(frozen=True)
class Excuse:
    """The answer to an item that cannot pass, with its reason."""

    answer: Answer
    reason: str


_NO_STANDBY = "The rehearsal's database is a single server without a standby. In a real launch: "
_NO_ARCHIVE = "The rehearsal's database archives nothing. In a real launch: "


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
        repair="The schema is as it was frozen, and its description is part of the release.",
    ),
    postponement=Postponement(
        after="week_3_team_preparation",
        reason="The new release commit cost half a day; the team starts later.",
    ),
    regression=Regression(
        ref="validation_testing.environment_validation.external_services", part=Part.MODELS
    ),
    absent=(
        Absence(
            kind="postgres_query",
            says="not connected: pgbouncer",
            reason="The rehearsal's database has no pooler. In a real launch: ask PgBouncer's console.",
        ),
        Absence(
            kind="redis_info",
            says="not connected: redis",
            reason="This machine has no redis-server 7 or newer. In a real launch: ask redis-cli.",
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
            reason="This rehearsal has no Redis, so the rule reads nothing. In a real launch: try it.",
            without=Part.REDIS,
        ),
        "monitoring_alerting.metrics.redis_metrics": Limit(
            kinds=frozenset({"prometheus_query"}),
            reason="This rehearsal has no Redis. In a real launch: show its exporter.",
            verdicts=_UNKNOWN,
            without=Part.REDIS,
        ),
        "infrastructure_setup.database.postgresql_ha": _postgres(
            f"{_NO_STANDBY}show three instances.", "kubernetes_resource"
        ),
        "infrastructure_setup.database.automated_backups": _postgres(
            f"{_NO_ARCHIVE}show the schedule and last backup.", "kubernetes_resource"
        ),
        "launch_day.t_minus_2h.backup_systems": _postgres(f"{_NO_ARCHIVE}show the newest backup."),
        "infrastructure_setup.database.replication": _postgres(f"{_NO_STANDBY}read the lag."),
        "backup_disaster_recovery.high_availability.database_ha": _postgres(
            f"{_NO_STANDBY}show one that streams."
        ),
        "backup_disaster_recovery.disaster_recovery.rpo_defined": _postgres(
            f"{_NO_ARCHIVE}show that it does within 15 minutes."
        ),
        "validation_testing.performance_tests.database_latency": Limit(
            # Its other check measures a machine that runs Airflow and the product at once.
            kinds=frozenset({"postgres_query", "prometheus_query"}),
            reason="The rehearsal's database has no pg_stat_statements. In a real launch: switch it on.",
            verdicts=frozenset({Verdict.INCONCLUSIVE, Verdict.FAILED}),
        ),
        "infrastructure_setup.load_balancer.lb_session_persistence": Limit(
            kinds=frozenset({"kubernetes_resource"}),
            reason="The services keep no session on the server, so a client need not stay with one instance.",
            answer=Answer.NOT_APPLICABLE,
        ),
    },
)


@dataclass(frozen=True)
class OpenRequest:
    """A waiting request as a person sees it."""

    ref: str
    item: Item
    waited: float
    """Seconds since it was first seen."""
    try_number: int = 1
    results: tuple[CheckResult, ...] | None = None
    """The check results of this try; None if the item has no checks."""

    @property
    def verdict(self) -> Verdict | None:
        """Return the verdict of all checks together; None if there are none."""
        return None if self.results is None else Verdict.of([r.verdict for r in self.results])


@dataclass(frozen=True)
class Situation:
    """What people know beside the request itself."""

    broken: frozenset[Part] = frozenset()
    """Broken parts that will recover by themselves."""
    since_repair: float | None = None
    """Seconds since the last repair; None if there was none."""
    rechecked: frozenset[str] = field(default_factory=frozenset)
    """Items for which a re-check was requested already."""
    rejected: bool = False
    """Whether the one rejection has been given."""
    doubt: bool = False
    """Whether the phases before the Go were not all found true yet; the Go waits."""


@dataclass(frozen=True)
class Reaction:
    """The answer of a person."""

    answer: Answer
    reason: str = ""


def pause(scenario: Scenario, ref: str) -> float:
    """Return the seconds until a person answers: human, and the same in every rehearsal."""
    share = hashlib.sha256(ref.encode()).digest()[0] / 255
    return scenario.reading + scenario.hesitation * share


def react(scenario: Scenario, request: OpenRequest, now: Situation) -> Reaction | None:
    """Decide the owner's answer; None if the owner still waits."""
    if request.waited < pause(scenario, request.ref):
        return None
    if request.item.gate is RequestKind.DECISION:
        return None if now.doubt else Reaction(Answer.GO)
    if request.item.gate is RequestKind.SIGNATURE:
        return Reaction(Answer.SIGN)
    if request.verdict in {None, Verdict.PASSED}:
        return Reaction(Answer.APPROVE) if request.item.mode.needs_person else None
    return _trouble(scenario, request, now)


def _trouble(scenario: Scenario, request: OpenRequest, now: Situation) -> Reaction | None:
    """Answer to checks that did not pass."""
    no = scenario.rejection
    if no and request.ref == no.ref and not now.rejected:
        return Reaction(Answer.REJECT, no.reason)
    excuse = scenario.excuse(request.ref, request.results or ())
    if excuse is None:
        return _hope(scenario, request, now)
    if excuse.answer is Answer.WAIVE and request.item.severity is Severity.ADVISORY:
        # An advisory item is not waived: it is not met, which stops nothing.
        return Reaction(Answer.REJECT, f"Noted for the week after the launch. {excuse.reason}"[:300])
    return Reaction(excuse.answer, excuse.reason)


def _hope(scenario: Scenario, request: OpenRequest, now: Situation) -> Reaction | None:
    """Wait for parts to recover, request a re-check if the checks do not repeat, and reject in the end."""
    if now.broken:
        return None
    if not _repeats(request.item) and request.ref not in now.rechecked:
        return Reaction(Answer.RECHECK)
    waited = request.waited if now.since_repair is None else min(request.waited, now.since_repair)
    if waited < scenario.patience:
        return None
    worst = _troubles(request)[0].headline
    return Reaction(Answer.REJECT, f"It does not hold, and it was not repaired: {worst}"[:300])


def _troubles(request: OpenRequest) -> list[CheckResult]:
    return [result for result in request.results or () if result.verdict is not Verdict.PASSED]


def _repeats(item: Item) -> bool:
    """Return whether the item's failing checks repeat by themselves while a person is asked."""
    return not item.side_effects and all(kind(check.kind).runs_on == "triggerer" for check in item.checks)
