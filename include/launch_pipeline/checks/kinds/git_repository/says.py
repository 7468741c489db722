"""Says what files of a repository hold in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.language.comparisons import parse_comparison
from launch_pipeline.checks.language.phrases import wanted, wrong
from launch_pipeline.checks.language.units import counted, cut, instant, named
from launch_pipeline.checks.language.values import moment
from launch_pipeline.checks.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping


_UNMET = re.compile(r"(\S+): (.+) = (.*), want (.+)")
_KNOWN = {
    "files",
    "words",
    "missing_headings",
    "hits",
    "last_commit",
    "changed",
    "changes",
    "unmet_values",
}


def says(params: Any, facts: Mapping[str, Any], finding: Finding | None) -> str | None:
    """Say what a finding means, or what was read."""
    if finding is None:
        return _read(params, facts)
    if finding.holds:
        return "" if finding.expression in _KNOWN else None
    if finding.actual is None:
        return None
    return _lists(params, facts, finding) if isinstance(finding.actual, list) else _single(params, finding)


def _where(params: Any) -> str:
    return named(params.paths, most=2)


def _single(params: Any, finding: Finding) -> str | None:
    where, actual = _where(params), finding.actual
    if finding.expression == "last_commit":
        when = moment(actual)
        return f"{where} last changed {instant(when)}; wanted {wanted(finding)}" if when else None
    told = {
        "files": f"{counted(actual, 'file')} in {where}; wanted {wanted(finding)}" if _number(actual) else "",
        "words": f"{counted(actual, 'word')} in {where}; wanted {wanted(finding)}" if _number(actual) else "",
        "changed": f"{where} has not changed since {params.changed_since}",
        "changes": f"{where} has changed since {params.unchanged_since}: {actual} commits; wanted none",
    }
    return told.get(finding.expression) or None


def _number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _lists(params: Any, facts: Mapping[str, Any], finding: Finding) -> str | None:
    texts = list(finding.actual)
    if finding.expression == "missing_headings":
        return f"{_where(params)} lacks the headings {named(list(map(str, texts)))}"
    if finding.expression == "hits":
        places = [f"{one.get('path')} line {one.get('line')}" for one in texts if isinstance(one, dict)]
        count = facts.get("hit_count")
        many = count if _number(count) else len(texts)
        return f"forbidden text in {counted(many or 0, 'place')}: {named(places, many)}"
    if finding.expression == "unmet_values":
        return named([_unmet(str(text)) for text in texts], most=2)
    return None


def _unmet(text: str) -> str:
    """Write ``file: path = value, want comparison`` in words."""
    parts = _UNMET.fullmatch(text)
    if parts is None:
        return text
    path, expression, value, comparison = parts.groups()
    try:
        parse_comparison(comparison)
    except ValueError:
        return f"{path} does not hold what is wanted"
    seen = Finding(subject="", expression=expression, wanted=comparison, actual=value, holds=False)
    return cut(f"{path}: {wrong(seen)}", 150)


def _read(params: Any, facts: Mapping[str, Any]) -> str | None:
    files, words = facts.get("files"), facts.get("words")
    if not _number(files):
        return None
    said = [f"{counted(files or 0, 'file')} in {_where(params)}"]
    if params.min_words and _number(words):
        said.append(counted(words or 0, "word"))
    if params.headings:
        said.append("every heading")
    if params.forbid:
        said.append("no forbidden text")
    if params.values:
        said.append("values as wanted")
    return ", ".join([*said, *_history(params, facts)])


def _history(params: Any, facts: Mapping[str, Any]) -> list[str]:
    when = moment(facts.get("last_commit"))
    said = [f"last changed {instant(when)}"] if when else []
    if params.unchanged_since:
        said.append(f"unchanged since {params.unchanged_since}")
    return [*said, f"changed since {params.changed_since}"] if params.changed_since else said
