"""Observes ``prometheus_rule``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.clients.json_api import Api, Reply, mapping, records, said_by
from launch_pipeline.checks.language.values import moment
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.prometheus_rule.definition import PrometheusRuleParams

_PREFIXES = ("", "/prometheus")
"""Paths of Prometheus and of the rulers of Loki and Mimir, which serve the same document."""
_NOT_FOUND = 404
_SHOWN = 20

Rule = dict[str, Any]


async def observe(params: PrometheusRuleParams, ctx: CheckContext) -> Observation:
    """Look up the alert rules by name and labels, and check the series that they read.

    Raises Unreachable if the server does not answer, Inconclusive if a rule has not been evaluated yet.
    """
    api = await Api.connect(ctx, params.conn_id, timed=True)
    rules, there = await asyncio.gather(
        _loaded(api, params), asyncio.gather(*(_exists(api, selector) for selector in params.series))
    )
    absent = [name for name, found in zip(params.series, there, strict=True) if not found]
    found = [rule for rule in rules if _wanted(rule, params)]
    facts = _facts(params, found) | {"absent_series": absent}
    _evaluated(facts)
    summary = {**facts, "rules": facts["rules"][:_SHOWN]}
    return Observation(
        subjects=(Subject(name="rules", facts=facts),), authority=api.authority, summary=summary
    )


async def _loaded(api: Api, params: PrometheusRuleParams) -> list[Rule]:
    """Read all alert rules, each with the name of its group; older servers lack the filters."""
    query = [("type", "alert"), ("exclude_alerts", "true"), *(("rule_name[]", n) for n in params.names)]
    reply = None
    for prefix in _PREFIXES:
        reply = await api.get(f"{prefix}/api/v1/rules", query, allowed={_NOT_FOUND})
        if reply.status != _NOT_FOUND:
            return _rules(_data(reply))
    message = f"{api.authority} serves no /api/v1/rules; is this Prometheus, or an enabled ruler?"
    raise Inconclusive(message)


def _data(reply: Reply) -> dict[str, Any]:
    document = mapping(reply.document, "document of Prometheus' form")
    if document.get("status") != "success":
        message = f"the server did not answer the question: {said_by(document) or 'no document'}"
        raise Inconclusive(message)
    return mapping(document.get("data"), "data")


def _rules(data: dict[str, Any]) -> list[Rule]:
    return [
        {**rule, "group": group.get("name")}
        for group in records(data.get("groups"), "groups")
        for rule in records(group.get("rules"), "rules")
        if rule.get("type") == "alerting"
    ]


async def _exists(api: Api, selector: str) -> bool:
    """Return whether a series exists now; the rule API does not report rules without data."""
    reply = await api.get("/api/v1/query", [("query", f"count({selector})")])
    return bool(records(_data(reply).get("result"), "series"))


def _wanted(rule: Rule, params: PrometheusRuleParams) -> bool:
    labels = rule.get("labels") or {}
    return rule.get("name") in params.names and all(labels.get(k) == v for k, v in params.labels.items())


def _facts(params: PrometheusRuleParams, found: list[Rule]) -> dict[str, Any]:
    names = {rule["name"] for rule in found}
    of = "".join(f" with {name}={value}" for name, value in params.labels.items())
    return {
        "rules": [_shown(rule) for rule in found],
        "missing": [f"{name}{of}" for name in params.names if name not in names],
        "unhealthy": [_complaint(rule) for rule in found if rule.get("health") not in {"ok", "unknown"}],
        "without_annotation": [
            f"{rule['name']}: {wanted}"
            for rule in found
            for wanted in params.annotations
            if not (rule.get("annotations") or {}).get(wanted)
        ],
        "without_severity": [r["name"] for r in found if not (r.get("labels") or {}).get("severity")],
        "last_evaluation": _oldest(found),
    }


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
    return f"{rule['name']}: {rule.get('lastError') or rule.get('health')}"[:300]


def _oldest(found: list[Rule]) -> str | None:
    """Return the oldest evaluation time of the rules; None if one has none."""
    times = [(moment(rule.get("lastEvaluation")), str(rule.get("lastEvaluation"))) for rule in found]
    known = [(at, text) for at, text in times if at is not None]
    return min(known)[1] if known and len(known) == len(times) else None


def _evaluated(facts: dict[str, Any]) -> None:
    """Raise Inconclusive for a rule that was just loaded, unless something else has failed already."""
    waiting = [rule["name"] for rule in facts["rules"] if rule["health"] == "unknown"]
    wrong = ("missing", "unhealthy", "without_annotation", "absent_series")
    if waiting and not any(facts[name] for name in wrong):
        message = f"not evaluated yet: {', '.join(waiting)[:200]}; re-check after the next evaluation"
        raise Inconclusive(message, retryable=True)
