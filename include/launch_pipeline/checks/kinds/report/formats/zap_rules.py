"""Which of ZAP's rules ran, and what the report says of answers, by its statistics and insights.

Only the template ``traditional-json-plus`` has statistics. Their keys are listed at
zaproxy.org/docs/internal-statistics, and counted in ``PluginStats.java`` and ``PassiveScanTask.java``. The
insights are those of the add-on of this name (``StatsMonitor.java``).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.language.values import number

if TYPE_CHECKING:
    from collections.abc import Iterator

Object = dict[str, Any]
_ACTIVE = re.compile(r"stats\.ascan\.(\d+)\.started")
_PASSIVE = re.compile(r"stats\.pscan\.(\d+)\.(?:time|alerts)")
_COUNTED_ELSEWHERE = {"40014": "stats.ascan.40016.urls", "40026": "domxss.gets.count"}
"""Requests of rules that count none of their own: 40014 follows those of 40016, 40026 drives a browser."""
_ANSWERED = re.compile(r"(?:stats|insight)\.code\.[23]")
_CODES = re.compile(r"(?:stats|insight)\.code\.")
_TROUBLE = {
    "insight.database.full",
    "insight.diskspace.full",
    "insight.auth.failure",
    "insight.network.failure",
}
_GRAVE = {"high", "medium"}


def rules_that_ran(document: Object) -> set[str]:
    """Return the ids of the rules that ran: an active one must have sent a request, and not been skipped."""
    statistics = _counts(document)
    active = {found[1] for key in statistics if (found := _ACTIVE.fullmatch(key))}
    passive = {found[1] for key in statistics if (found := _PASSIVE.fullmatch(key))}
    return passive | {rule for rule in active if _attacked(rule, statistics)}


def active_rules(document: Object) -> int | None:
    """Count the active rules that ran; None if the report has no statistics."""
    statistics = _counts(document)
    started = {found[1] for key in statistics if (found := _ACTIVE.fullmatch(key))}
    return sum(_attacked(rule, statistics) for rule in started) if statistics else None


def _attacked(rule: str, statistics: dict[str, float]) -> bool:
    prefix = f"stats.ascan.{rule}"
    requests = statistics.get(_COUNTED_ELSEWHERE.get(rule, f"{prefix}.urls"), 0)
    return requests > 0 and statistics[f"{prefix}.started"] > 0 and not statistics.get(f"{prefix}.skipped")


def _counts(holder: Object) -> dict[str, float]:
    given = holder.get("statistics") or {}
    return {key: count for key, value in given.items() if (count := number(value)) is not None}


def troubles(document: Object) -> Iterator[str]:
    """Say why the scan was not whole, by what ZAP says of itself."""
    stopping = document.get("stoppingInsight")
    if stopping:
        yield f"ZAP stopped: {_described(stopping)}"
    errors = document.get("afPlanErrors")
    if errors:
        yield f"ZAP's plan had errors: {errors[0]}"[:200]
    holders = [document, *sites_of(document)]
    failed, worked = (
        sum(_counts(holder).get(f"stats.auth.{key}", 0) for holder in holders)
        for key in ("failure", "success")
    )
    if failed and not worked:
        yield "every log-in failed, so what is behind it was not looked at"
    if _counts(document).get("stats.ascan.stopped"):
        yield "the active scan was stopped before it had finished"
    for insight in document.get("insights") or []:
        if insight.get("key") in _TROUBLE and str(insight.get("level")).lower() in _GRAVE:
            yield f"ZAP says: {_described(insight)}"


def sites_of(document: Object) -> list[Object]:
    """Return the sites; older releases write a single one without a list."""
    sites = document["site"]
    return [sites] if isinstance(sites, dict) else sites


def _described(insight: Object) -> str:
    return f"{insight.get('description') or insight.get('key')} {insight.get('statistic') or ''}".strip()


def without_answer(document: Object, sites: list[Object]) -> Iterator[str]:
    """Say of which sites nothing shows that they answered.

    ZAP lists each site that it met. An alert is raised on an answer; so are the counts of status codes.
    """
    for site in sites:
        name = str(site.get("@name") or site.get("@host") or "a site")
        codes = _codes(document, site, name)
        if codes and not any(_ANSWERED.match(code) for code in codes):
            yield f"{name} answered nothing but errors"
        elif not codes and not site["alerts"]:
            yield f"nothing shows that {name} answered; report on the sites that were scanned"


def _codes(document: Object, site: Object, name: str) -> list[str]:
    insights = document.get("insights") or []
    told = [
        str(one.get("key")) for one in insights if one.get("site") == name and _some(one.get("statistic"))
    ]
    told += [key for key, count in _counts(site).items() if count > 0]
    return [key for key in told if _CODES.match(key)]


def _some(statistic: Any) -> bool:
    return (number(statistic) or 0) > 0
