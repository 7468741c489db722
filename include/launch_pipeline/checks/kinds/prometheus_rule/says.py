"""Says how alert rules are in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.language.phrases import spelled, wanted
from launch_pipeline.checks.language.units import counted, instant, named
from launch_pipeline.checks.language.values import moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checks.verdict import Finding

_WRONG = {
    "missing": "not loaded",
    "unhealthy": "cannot be evaluated",
    "absent_series": "series that do not exist",
    "unread_series": "not read by the rule",
    "unrouted": "sent to no receiver that notifies",
    "without_annotation": "without an annotation",
    "without_severity": "without a severity",
}


def says(params: Any, facts: Mapping[str, Any], finding: Finding | None) -> str | None:
    """Say what a finding means, or that the rules are loaded."""
    if finding is None:
        return _loaded(params, facts)
    if finding.holds:
        return "" if finding.expression in {*_WRONG, "last_evaluation"} else None
    if finding.expression == "last_evaluation" and (when := moment(finding.actual)):
        return f"last evaluated {instant(when)}; wanted {wanted(finding)}"
    if finding.expression in _WRONG and isinstance(finding.actual, list):
        return f"{_WRONG[finding.expression]}: {named([spelled(str(one)) for one in finding.actual])}"
    return None


def _loaded(params: Any, facts: Mapping[str, Any]) -> str | None:
    rules = facts.get("rules")
    if not isinstance(rules, list):
        return None
    names = list(dict.fromkeys(str(one.get("name")) for one in rules if isinstance(one, dict)))
    said = f"{counted(len(names), 'rule')} loaded and healthy: {named(names)}"
    read = facts.get("reads") if params.exported is not False else ()
    return said + (f", on series that exist: {named(list(map(str, read)))}" if read else "")
