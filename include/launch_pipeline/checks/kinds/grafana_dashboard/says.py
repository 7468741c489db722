"""Says how a dashboard is in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.language.phrases import wanted
from launch_pipeline.checks.language.units import alone, counted, named, plainly

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checks.verdict import Finding

_EMPTY = {"empty_panels", "length(empty_panels)"}
_KNOWN = {"exists", "panels", "missing_viewers", *_EMPTY}


def says(params: Any, facts: Mapping[str, Any], finding: Finding | None) -> str | None:
    """Say what a finding means, or how many panels there are."""
    if finding is None:
        return _there(params, facts)
    if finding.holds:
        return "" if finding.expression in _KNOWN else None
    if finding.expression == "exists" or facts.get("exists") is False:
        return f"the dashboard {alone(params.uids, '')}".strip() + " does not exist"
    if finding.expression == "panels" and isinstance(finding.actual, int):
        return f"{counted(finding.actual, 'panel')}; wanted {wanted(finding)}"
    return _lists(facts, finding)


def _lists(facts: Mapping[str, Any], finding: Finding) -> str | None:
    empty, viewers = facts.get("empty_panels"), finding.actual
    if finding.expression in _EMPTY and isinstance(empty, list):
        return f"no data in {counted(len(empty), 'panel')}: {named(list(map(str, empty)))}"
    if finding.expression == "missing_viewers" and isinstance(viewers, list):
        return f"not allowed to view it: {named(list(map(str, viewers)))}"
    return None


def _there(params: Any, facts: Mapping[str, Any]) -> str | None:
    panels = facts.get("panels")
    if not isinstance(panels, int):
        return None
    said = [f"{plainly(facts.get('title') or 'the dashboard')} has {counted(panels, 'panel')}"]
    empty = facts.get("empty_panels")
    if params.require_data:
        said.append(f"{counted(len(empty) if isinstance(empty, list) else 0, 'panel')} without data")
    return ", ".join([*said, *(["visible to the team"] if params.viewers else [])])
