"""Says who is on call in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.language.phrases import Label, wrong
from launch_pipeline.checks.language.units import counted, instant, named
from launch_pipeline.checks.language.values import moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checks.verdict import Finding

_LEVELS = Label("the number of levels that are staffed the whole time")
_COVERED = Label("the share of the time that is covered")
_KNOWN = {"gaps", "coverage_percent", "levels", "missing_methods"}


def says(params: Any, facts: Mapping[str, Any], finding: Finding | None) -> str | None:
    """Say what a finding means, or who is on call."""
    if finding is None:
        return _covered(params, facts)
    if finding.holds:
        return "" if finding.expression in _KNOWN else None
    gaps = facts.get("gaps")
    if finding.expression in {"gaps", "coverage_percent"} and isinstance(gaps, list) and gaps:
        return f"nobody is on call {named(list(map(_span, gaps)), most=2)}"
    if finding.expression == "missing_methods" and isinstance(finding.actual, list):
        return f"contact methods that are missing: {named(list(map(str, finding.actual)))}"
    label = {"levels": _LEVELS, "coverage_percent": _COVERED}.get(finding.expression)
    return wrong(finding, label) if label else None


def _span(gap: Any) -> str:
    """Write ``… to …`` with moments as people write them."""
    start, _, end = str(gap).partition(" to ")
    moments = moment(start.strip()), moment(end.strip())
    if moments[0] is None or moments[1] is None:
        return str(gap)
    first, last = instant(moments[0]), instant(moments[1])
    same_day = first.rpartition(" ")[0].rpartition(" ")[0] == last.rpartition(" ")[0].rpartition(" ")[0]
    ending = last.split()[-2] + " UTC" if same_day else last
    return f"{first.removesuffix(' UTC')} to {ending}"


def _covered(params: Any, facts: Mapping[str, Any]) -> str | None:
    responders = facts.get("responders")
    people = responders if isinstance(responders, list) else []
    names = [str(one["name"]) for one in people if isinstance(one, dict) and one.get("name")]
    levels = facts.get("levels")
    staffed = f", {counted(levels, 'level')} staffed" if isinstance(levels, int) else ""
    return (
        f"on call for {counted(params.days, 'day')} without a gap: {named(names)}{staffed}" if names else None
    )
