"""Says how a program ended in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.language.phrases import wanted
from launch_pipeline.checks.language.units import counted, cut, named, span

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checks.verdict import Finding

_LAST = 100


def says(params: Any, facts: Mapping[str, Any], finding: Finding | None) -> str | None:
    """Say what a finding means, or that the program ended well."""
    program, seconds = cut(params.argv[0], 40), facts.get("duration_s")
    took = f" after {span(seconds)}" if isinstance(seconds, int | float) else ""
    if finding is None:
        written = f", {counted(len(params.artifacts), 'file')} written" if params.artifacts else ""
        return f"{program} ended with status {facts.get('returncode')}{took}{written}"
    if finding.holds:
        return "" if finding.expression in {"returncode", "missing_artifacts"} else None
    if finding.expression == "returncode" and isinstance(finding.actual, int):
        limit = "" if finding.wanted == "== 0" else f"; wanted {wanted(finding)}"
        return f"{program} ended with status {finding.actual}{took}{limit}{_last(facts)}"
    if finding.expression == "missing_artifacts" and isinstance(finding.actual, list):
        return f"{program} did not write {named(list(map(str, finding.actual)))}"
    return None


def _last(facts: Mapping[str, Any]) -> str:
    tail = str(facts.get("stderr_tail") or facts.get("stdout_tail") or "").strip()
    return f": {cut(tail.rpartition(chr(10))[2], _LAST)}" if tail else ""
