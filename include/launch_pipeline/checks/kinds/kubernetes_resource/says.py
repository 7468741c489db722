"""Says how objects of a cluster are in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.language.phrases import wanted
from launch_pipeline.checks.language.units import alone, cut, named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checks.verdict import Finding

_KNOWN = {"missing", "count", "ready"}
_REASON = 150


def says(params: Any, facts: Mapping[str, Any], finding: Finding | None) -> str | None:
    """Say what a finding means, or that an object is there."""
    if finding is None:
        state = "is ready" if params.ready else "exists"
        return f"{_object(params)} {state}".strip()
    if finding.holds:
        return "" if finding.expression in _KNOWN else None
    missing = facts.get("missing")
    if isinstance(missing, list) and missing and _speaks_of_it(finding, facts):
        # What is missing is not ready either, and has no fields.
        return f"{params.kind} {named(list(map(str, missing)))} does not exist"
    if finding.expression == "count" and isinstance(finding.actual, int):
        return f"{finding.actual or 'no'} {params.kind} in {params.namespace}; wanted {wanted(finding)}"
    if finding.expression == "ready" and finding.actual is not None:
        reason = facts.get("reason")
        why = f": {cut(str(reason), _REASON)}" if reason else ""
        return f"{_object(params)} is not ready{why}".strip()
    return None


def _object(params: Any) -> str:
    name = alone(params.names, "")
    return f"{params.kind} {name}" if name else ""


def _speaks_of_it(finding: Finding, facts: Mapping[str, Any]) -> bool:
    return finding.expression == "missing" or "metadata" not in facts
