"""Observes ``prometheus_rule``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.clients.alertmanager import configuration
from launch_pipeline.checks.clients.json_api import Api
from launch_pipeline.checks.kinds.prometheus_rule.evaluation import Rule, evaluated, overdue
from launch_pipeline.checks.kinds.prometheus_rule.routing import unrouted
from launch_pipeline.checks.kinds.prometheus_rule.series import absent, metrics, needs_of, reads, through
from launch_pipeline.checks.kinds.prometheus_rule.server import NoQueriesError, Server
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from datetime import datetime

    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.prometheus_rule.definition import PrometheusRuleParams

_SHOWN = 20
_LONGEST = 300


async def observe(params: PrometheusRuleParams, ctx: CheckContext) -> Observation:
    """Look up the alert rules by name and labels, and ask for the series that their expressions read.

    Raises Unreachable if the server does not answer, Inconclusive if a rule has not been evaluated yet.
    """
    api = await Api.connect(ctx, params.conn_id, timed=True)
    server, rules = await Server.find(api, params.names)
    found = [rule for rule in rules if _wanted(rule, params)]
    read, unknown = await _read(server, found, params)
    facts = _facts(params, found, ctx.clock()) | read
    if params.routed_by:
        alertmanager = await Api.connect(ctx, params.routed_by)
        facts["unrouted"] = unrouted(await configuration(alertmanager), found)
    _refuse_waiting(facts, [rule["name"] for rule in found if evaluated(rule) is None])
    summary = {**facts, "rules": facts["rules"][:_SHOWN], **unknown}
    subject = Subject(name="rules", facts=facts, unknown=unknown)
    return Observation(subjects=(subject,), authority=api.authority, summary=summary)


async def _read(
    server: Server, found: list[Rule], params: PrometheusRuleParams
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the facts of what the rules read, and which of them are unknown, and why."""
    wanted = params.series
    facts: dict[str, Any] = {"reads": [], "absent_series": [], "unread_series": []}
    mute = [str(rule["name"]) for rule in found if not str(rule.get("query") or "").strip()]
    if mute and not wanted and params.exported is None:
        return facts, {}
    if mute:
        why = f"the server does not say what {', '.join(mute)} reads"[:_LONGEST]
        return facts, {"absent_series": why, "unread_series": why}
    needs = [needs_of(rule, of_logs=server.of_logs) for rule in found]
    if any(not reads(one, metric) for metric in wanted for one in needs):
        recording = await server.recording()
        needs = [through(one, recording) for one in needs]
    unread = [metric for metric in wanted if needs and not any(reads(one, metric) for one in needs)]
    facts |= {"reads": metrics(needs), "unread_series": unread}
    if params.exported is False:
        return facts, {"absent_series": "it is not asked whether the series exist"}
    try:
        return facts | {"absent_series": await absent(needs, wanted, server)}, {}
    except NoQueriesError:
        why = f"{server.api.authority} answers no queries, so that no series can be looked for"
        return facts, {"absent_series": why}


def _wanted(rule: Rule, params: PrometheusRuleParams) -> bool:
    labels = rule.get("labels") or {}
    return rule.get("name") in params.names and all(labels.get(k) == v for k, v in params.labels.items())


def _facts(params: PrometheusRuleParams, found: list[Rule], now: datetime) -> dict[str, Any]:
    names = {rule["name"] for rule in found}
    of = "".join(f" with {name}={value}" for name, value in params.labels.items())
    return {
        "rules": [_shown(rule) for rule in found],
        "missing": [f"{name}{of}" for name in params.names if name not in names],
        "unhealthy": [complaint for rule in found if (complaint := _complaint(rule))],
        "overdue": [late for rule in found if (late := overdue(rule, now))],
        "without_annotation": [
            f"{rule['name']}: {wanted}"
            for rule in found
            for wanted in params.annotations
            if not _said(rule, "annotations", wanted)
        ],
        "without_severity": [r["name"] for r in found if not _said(r, "labels", "severity")],
        "last_evaluation": _oldest(found),
    }


def _said(rule: Rule, where: str, name: str) -> str:
    return str((rule.get(where) or {}).get(name) or "").strip()


def _shown(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule["name"],
        "group": rule["group"],
        "health": rule.get("health"),
        "lastError": rule.get("lastError") or "",
        "for": rule.get("duration"),
        "severity": (rule.get("labels") or {}).get("severity"),
        "lastEvaluation": rule.get("lastEvaluation"),
    }


def _complaint(rule: Rule) -> str:
    """Return what is wrong with a rule; an empty string if nothing is known to be.

    Grafana marks its own rules ``isPaused``; such a rule keeps the health of its last evaluation.
    """
    health, said = rule.get("health"), rule.get("lastError") or ""
    if rule.get("isPaused"):
        said = "paused"
    elif health not in {None, "ok", "unknown"}:
        said = said or str(health)
    return f"{rule['name']}: {said}"[:300] if said else ""


def _oldest(found: list[Rule]) -> str | None:
    """Return the oldest evaluation time of the rules; None if one has none."""
    times = [(evaluated(rule), str(rule.get("lastEvaluation"))) for rule in found]
    known = [(at, text) for at, text in times if at is not None]
    return min(known)[1] if known and len(known) == len(times) else None


def _refuse_waiting(facts: dict[str, Any], waiting: list[str]) -> None:
    """Raise Inconclusive for rules that were never evaluated, unless something else has failed already."""
    wrong = (
        "missing",
        "unhealthy",
        "overdue",
        "without_annotation",
        "absent_series",
        "unread_series",
        "unrouted",
    )
    if waiting and not any(facts.get(name) for name in wrong):
        message = f"not evaluated yet: {', '.join(waiting)[:200]}; re-check after the next evaluation"
        raise Inconclusive(message, retryable=True)
