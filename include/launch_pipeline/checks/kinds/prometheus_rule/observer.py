"""Observes ``prometheus_rule``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.clients import wholeness
from launch_pipeline.checks.clients.json_api import Api, Reply, mapping, records, said_by
from launch_pipeline.checks.clients.together import together
from launch_pipeline.checks.kinds.prometheus_rule.evaluation import Rule, evaluated, overdue
from launch_pipeline.checks.language.values import number
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from datetime import datetime

    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.prometheus_rule.definition import PrometheusRuleParams

_PREFIXES = ("", "/prometheus")
"""Paths of Prometheus and of the rulers of Loki and Mimir, which serve the same document."""
_NOT_FOUND = 404
_SHOWN = 20
_MOST_PAGES = 100


async def observe(params: PrometheusRuleParams, ctx: CheckContext) -> Observation:
    """Look up the alert rules by name and labels, and check the series that they read.

    Raises Unreachable if the server does not answer, Inconclusive if a rule has not been evaluated yet.
    """
    api = await Api.connect(ctx, params.conn_id, timed=True)
    prefix, rules = await _loaded(api, params)
    there = await together(_exists(api, prefix, selector) for selector in params.series)
    absent = [name for name, found in zip(params.series, there, strict=True) if not found]
    found = [rule for rule in rules if _wanted(rule, params)]
    facts = _facts(params, found, ctx.clock()) | {"absent_series": absent}
    _refuse_waiting(facts, [rule["name"] for rule in found if evaluated(rule) is None])
    summary = {**facts, "rules": facts["rules"][:_SHOWN]}
    return Observation(
        subjects=(Subject(name="rules", facts=facts),), authority=api.authority, summary=summary
    )


async def _loaded(api: Api, params: PrometheusRuleParams) -> tuple[str, list[Rule]]:
    """Return the prefix at which the API is served, and all alert rules of all pages."""
    for prefix in _PREFIXES:
        reply = await _page(api, prefix, params)
        if reply.status != _NOT_FOUND:
            return prefix, await _all_pages(api, prefix, params, _data(reply))
    message = f"{api.authority} serves no /api/v1/rules; is this Prometheus, or an enabled ruler?"
    raise Inconclusive(message)


async def _page(api: Api, prefix: str, params: PrometheusRuleParams, token: str = "") -> Reply:
    """Ask for rules; older servers lack the filters."""
    names = [("rule_name[]", name) for name in params.names]
    page = [("group_next_token", token)] if token else []
    query = [("type", "alert"), ("exclude_alerts", "true"), *names, *page]
    return await api.get(f"{prefix}/api/v1/rules", query, allowed={_NOT_FOUND})


async def _all_pages(api: Api, prefix: str, params: PrometheusRuleParams, data: dict[str, Any]) -> list[Rule]:
    """Follow ``groupNextToken``, which a server may give (Prometheus' HTTP API, rules)."""
    rules = _rules(data)
    for _ in range(_MOST_PAGES):
        token = data.get("groupNextToken")
        if not token:
            return rules
        data = _data(await _page(api, prefix, params, str(token)))
        rules += _rules(data)
    message = f"{api.authority} lists its rules on more than {_MOST_PAGES} pages; ask for fewer"
    raise Inconclusive(message)


def _data(reply: Reply) -> dict[str, Any]:
    document = mapping(reply.document, "document of Prometheus' form")
    if document.get("status") != "success":
        message = f"the server did not answer the question: {said_by(document) or 'no document'}"
        raise Inconclusive(message)
    if why := wholeness.prometheus(document) or _further(document):
        raise Inconclusive(f"the server {why}"[:400])
    return mapping(document.get("data"), "data")


def _further(document: dict[str, Any]) -> str:
    """Return that there is a further page, as vmalert says it beside the data (its ``web.go``)."""
    page, pages = number(document.get("page")), number(document.get("total_pages"))
    return f"lists page {page:g} of {pages:g} only" if page and pages and page < pages else ""


def _rules(data: dict[str, Any]) -> list[Rule]:
    return [
        {
            **rule,
            "group": group.get("name"),
            "group_interval": group.get("interval"),
            "group_evaluation": group.get("evaluationTime"),
        }
        for group in records(data.get("groups"), "groups")
        for rule in records(group.get("rules"), "rules")
        if rule.get("type") == "alerting"
    ]


async def _exists(api: Api, prefix: str, selector: str) -> bool:
    """Return whether a series exists now; the rule API does not report rules without data."""
    reply = await api.get(f"{prefix}/api/v1/query", [("query", f"count({selector})")])
    return bool(records(_data(reply).get("result"), "series"))


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
    wrong = ("missing", "unhealthy", "overdue", "without_annotation", "absent_series")
    if waiting and not any(facts[name] for name in wrong):
        message = f"not evaluated yet: {', '.join(waiting)[:200]}; re-check after the next evaluation"
        raise Inconclusive(message, retryable=True)
