"""Says how many log lines were found in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.language.phrases import Label, right, wanted, wrong
from launch_pipeline.checks.language.units import counted
from launch_pipeline.checks.language.values import number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checks.verdict import Finding


def says(_params: Any, facts: Mapping[str, Any], finding: Finding | None) -> str | None:
    """Say what a finding means, or how many lines match."""
    count = number(facts.get("count"))
    lines = f"{counted(count, 'matching log line')}" if count is not None else ""
    if finding is None:
        return lines or None
    if finding.expression == "elapsed_ms":
        return (right if finding.holds else wrong)(finding, Label("the time of the search", "ms"))
    if finding.expression == "count" and lines:
        return "" if finding.holds else f"{lines}; wanted {wanted(finding)}"
    return None
