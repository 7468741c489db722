"""Says what a report shows in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.language.comparisons import Operator, parse_comparison
from launch_pipeline.checks.language.phrases import Label, right, spelled, wanted, wrong
from launch_pipeline.checks.language.units import counted, named, plainly, span
from launch_pipeline.checks.language.values import listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checks.verdict import Finding

_GRADES = {"critical", "high", "medium", "low"}
_LABELS = {
    "line_rate": Label("line coverage", "percent"),
    "branch_rate": Label("branch coverage", "percent"),
    "vus_max": Label("the number of concurrent users"),
    "requests": Label("the number of requests"),
    "error_rate": Label("the share of failed requests", "percent"),
    "p95_ms": Label("p95", "ms"),
    "duration_s": Label("the duration", "duration"),
    "active_rules": Label("the number of active rules that ran"),
    "thresholds": Label("the number of thresholds"),
}

_LISTS = {"threshold_names": "threshold", "sites": "site"}


def says(params: Any, facts: Mapping[str, Any], finding: Finding | None) -> str | None:
    """Say what a finding means, or what a report that passed shows."""
    if finding is None:
        return _tests_passed(params, facts)
    if finding.expression in _LABELS:
        return (right if finding.holds else wrong)(finding, _LABELS[finding.expression])
    if finding.expression in _GRADES or finding.expression == "total":
        return _findings(finding)
    if finding.expression in _LISTS:
        return _of_list(finding, _LISTS[finding.expression])
    if finding.holds:
        return "no threshold was crossed" if finding.expression == "failed_thresholds" else None
    return _broken(params, facts, finding)


def _findings(finding: Finding) -> str:
    grade = "" if finding.expression == "total" else f"{finding.expression} "
    if not isinstance(finding.actual, int):
        return f"the number of {grade}findings is missing"
    return f"{counted(finding.actual, f'{grade}finding')}" + (
        "" if finding.holds else f"; wanted {_none(finding)}"
    )


def _of_list(finding: Finding, word: str) -> str | None:
    """Say which of the wanted entries a list has, or lacks."""
    comparison = parse_comparison(finding.wanted)
    if not isinstance(finding.actual, list):
        return f"the list of {word}s is missing"
    if comparison.operator is not Operator.CONTAINS_ALL:
        return None
    if finding.holds:
        return f"it has all {counted(len(listed(comparison.operand) or ()), f'wanted {word}')}"
    return f"without the {word} {spelled(finding.note.removeprefix('lacks '))}"


def _none(finding: Finding) -> str:
    return "none" if finding.wanted == "== 0" else wanted(finding)


def _broken(params: Any, facts: Mapping[str, Any], finding: Finding) -> str | None:
    of = f"of {facts.get('tests')} tests"
    actual = finding.actual if isinstance(finding.actual, int | list) else None
    if actual is None:
        return None
    limit = "" if finding.wanted == "== 0" else f"; wanted {wanted(finding)}"
    told = {
        "tests": "no test ran" if not actual else "",
        "passed": f"none {of} ran and passed" if not actual else "",
        "failures": f"{plainly(actual)} {of} failed{limit}",
        "errors": f"{plainly(actual)} {of} ended with an error{limit}",
    }
    if isinstance(actual, list):
        texts = [spelled(str(text)) for text in actual]
        told = {
            "missing": f"not passed: {named(texts)} ({len(texts)} of {len(params.require)} required tests)",
            "failed_thresholds": f"crossed: {named(texts)} ({counted(len(texts), 'threshold')})",
        }
    return told.get(finding.expression) or None


def _tests_passed(params: Any, facts: Mapping[str, Any]) -> str | None:
    tests, skipped = facts.get("tests"), facts.get("skipped") or 0
    if params.format != "junit" or not isinstance(tests, int) or not isinstance(skipped, int):
        return None
    required = (
        f", among them all {counted(len(params.require), 'required test')}" if len(params.require) > 1 else ""
    )
    passed, flaky = facts.get("passed"), facts.get("flaky")
    left = f", {skipped} skipped" if skipped else ""
    left += f", {flaky} of them only when run again" if isinstance(flaky, int) and flaky else ""
    seconds = facts.get("time")
    took = f" in {span(seconds)}" if isinstance(seconds, int | float) and seconds >= 1 else ""
    many = passed if isinstance(passed, int) else tests - skipped
    return f"{counted(many, 'test')} passed{took}{left}{required}"
