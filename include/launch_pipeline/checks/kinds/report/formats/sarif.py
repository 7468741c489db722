"""SARIF: the findings of static analysis."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.kinds.report.formats.findings import Hit, graded
from launch_pipeline.checks.kinds.report.formats.parsed import Parsed
from launch_pipeline.checks.language.values import number

if TYPE_CHECKING:
    from collections.abc import Sequence


def read_sarif(document: dict[str, Any], rules: Sequence[str]) -> Parsed:
    """Grade the results of every run; refuse a run that did not finish."""
    runs = document["runs"]
    if not runs:
        message = "it holds no run"
        raise ValueError(message)
    if any(i.get("executionSuccessful") is False for run in runs for i in run.get("invocations", [])):
        message = "it says that the tool did not finish"
        raise ValueError(message)
    if not all(isinstance(run.get("results"), list) for run in runs):
        message = "a run has no results: the tool did not search for any"
        raise ValueError(message)
    known = {name: rule for run in runs for name, rule in _sarif_rules(run).items()}
    if rules and not any(fnmatchcase(name, rule) for name in known for rule in rules):
        message = f"it does not list any of the rules {', '.join(rules)}"
        raise ValueError(message)
    hits = [_sarif_hit(result, run, known) for run in runs for result in run["results"] if _counts(result)]
    facts, worst = graded(hits, rules)
    revisions = [v.get("revisionId") for r in runs for v in r.get("versionControlProvenance", [])]
    ends = [i.get("endTimeUtc") for run in runs for i in run.get("invocations", []) if i.get("endTimeUtc")]
    tool = runs[0]["tool"]["driver"]["name"]
    return Parsed(tool, facts, next(filter(None, revisions), ""), min(ends, default=None), worst)


def _sarif_rules(run: dict[str, Any]) -> dict[str, dict[str, Any]]:
    tool = run["tool"]
    parts = [tool["driver"], *tool.get("extensions", [])]
    return {rule["id"]: rule for part in parts for rule in part.get("rules", [])}


def _counts(result: dict[str, Any]) -> bool:
    return result.get("kind", "fail") == "fail" and result.get("baselineState") != "absent"


def _sarif_hit(result: dict[str, Any], run: dict[str, Any], known: dict[str, dict[str, Any]]) -> Hit:
    name = result.get("ruleId") or result.get("rule", {}).get("id") or _indexed(result, run)
    rule = known.get(name) or known.get(name.rpartition("/")[0], {})
    severity = number(rule.get("properties", {}).get("security-severity"))
    level = result.get("level") or rule.get("defaultConfiguration", {}).get("level") or "warning"
    suppressed = any(s.get("status", "accepted") == "accepted" for s in result.get("suppressions") or [])
    text = str(result.get("message", {}).get("text", ""))
    return Hit(name, _grade(severity, level), text, suppressed)


def _indexed(result: dict[str, Any], run: dict[str, Any]) -> str:
    rules = run["tool"]["driver"].get("rules", [])
    index = result.get("ruleIndex", -1)
    return str(rules[index]["id"]) if 0 <= index < len(rules) else ""


def _grade(severity: float | None, level: str) -> str:
    """Return the grade by ``security-severity``; without it, error is high and warning is medium."""
    if severity is None:
        return {"error": "high", "warning": "medium"}.get(level, "low")
    steps = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"))
    return next((grade for least, grade in steps if severity >= least), "low")
