"""Samples of what checks say: headlines of made-up observations that meet the criteria of a check, or do not.

The catalogue shows them, and tests read them.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.engine.registry import kind
from launch_pipeline.checks.language.comparisons import Operator, compare, parse_comparison
from launch_pipeline.checks.language.expect import as_list
from launch_pipeline.checks.language.headline import Voice, headline
from launch_pipeline.checks.language.phrases import is_empty_list
from launch_pipeline.checks.language.says import Sentences
from launch_pipeline.checks.language.values import duration, listed, moment, number, unquoted
from launch_pipeline.checks.language.variables import placeholders
from launch_pipeline.checks.verdict import Finding, Observation, Subject, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from launch_pipeline.checklist.model import CheckSpec
    from launch_pipeline.checks.language.comparisons import Comparison

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
"""The moment at which samples are judged, so that they are always the same."""
_FACTS: Mapping[str, Mapping[str, Any]] = {
    "report": {"tests": 214, "skipped": 3, "time": 95.0},
    "dns_record": {"answers": {"system": ["192.0.2.10"]}},
    "http_request": {"status": 200, "statuses": {"200": 1}, "latency_ms": {"p95": 312.0}},
    "oncall_schedule": {
        "gaps": ["2026-01-31 02:00:00Z to 2026-01-31 06:00:00Z"],
        "levels": 2,
        "responders": [{"name": "Ada Lindqvist"}],
    },
    "alertmanager_alerts": {"alerts": [{"name": "PostgresDown", "startsAt": "2026-01-31T11:02:00Z"}]},
    "kubernetes_resource": {"metadata": {}, "reason": "1 of 2 replicas are available"},
    "tls_certificate": {"days_left": 80, "protocol": "TLSv1.3"},
    "container_image": {"digest": "sha256:0", "platforms": ["linux/amd64"]},
    "git_repository": {"files": 4, "words": 800, "hit_count": 1},
    "grafana_dashboard": {"exists": True, "title": "System health", "panels": 6},
    "slack_channel": {"exists": True},
    "prometheus_rule": {"rules": [{"name": "PostgresDown"}]},
    "command": {"returncode": 0, "duration_s": 601.0},
    "log_query": {"count": 12},
    "tcp_port": {"state": "filtered"},
    "object_storage": {"exists": True},
}
"""Facts of a typical observation, by kind."""
_LISTS: Mapping[str, Any] = {
    "hits": [{"path": "docs/plan.md", "line": 4}],
    "unmet_values": ["docs/plan.md: front_matter.owner = Ada, want == Bo"],
    "last_commit": "2024-01-31T12:00:00+00:00",
}
"""Values of facts whose elements have a form of their own."""
_TYPICAL: Mapping[str, Sequence[Any]] = {
    "status": (200, 503, 401, 403, 404, 422, 301),
    "tests": (214, 0),
    "headers.location": ("https://shop.example/", "http://shop.example/"),
    "info.maxmemory": (2**30, 0),
}
_FEW = 100
_MANY_DAYS = timedelta(days=3000)


def passes(check: CheckSpec) -> str:
    """Say what a check says that passed."""
    return said(check, Verdict.PASSED, broken=())


def fails(check: CheckSpec) -> str:
    """Say what a check says whose own condition, or else its first one, is not met."""
    return said(check, Verdict.FAILED, broken=paths_of(check)[:1])


def paths_of(check: CheckSpec) -> list[str]:
    """Return the paths that a check compares, its own first."""
    of = kind(check.kind)
    params = of.params.model_validate(check.params)
    return sorted(of.criteria(params), key=lambda path: path not in params.expect)


def said(
    check: CheckSpec, verdict: Verdict, broken: Sequence[str], names: Sequence[str] = ("it",), note: str = ""
) -> str:
    """Say what a check says of subjects of which all but the last break these paths.

    With one subject it breaks them; a ``note`` takes the place of the values.
    """
    of = kind(check.kind)
    params = of.params.model_validate(check.params)
    wrong = names[:-1] or names
    found = [
        (name, [*_findings(of.criteria(params), name, broken if name in wrong else (), note)])
        for name in names
    ]
    subjects = tuple(Subject(name=name, facts=_facts(check, findings)) for name, findings in found)
    voice = Voice(
        now=NOW,
        sentences=Sentences.of(params.says),
        kind=partial(of.says, params),
        own=frozenset(params.expect),
        variables={name: f"${{{name}}}" for name in placeholders(check.params)},
    )
    seen = Observation(subjects=subjects, authority="")
    return headline(verdict, seen, [one for _, findings in found for one in findings], voice)


def _findings(
    criteria: Mapping[str, Sequence[str]], name: str, broken: Sequence[str], note: str
) -> Iterator[Finding]:
    for path, wanted in criteria.items():
        for text in as_list(wanted):
            holds = path not in broken
            value = None if note and not holds else value_of(path, text, holds=holds)
            why = "" if holds else note
            yield Finding(subject=name, expression=path, wanted=text, actual=value, holds=holds, note=why)


def value_of(path: str, wanted: str, *, holds: bool) -> Any:
    """Return a value that meets a comparison, or does not; the operand itself where none is found."""
    comparison = parse_comparison(wanted)
    if not holds and path in _LISTS:
        return _LISTS[path]
    if comparison.operator is Operator.EXISTS:
        return "something" if holds else None
    if comparison.operator is Operator.ABSENT:
        return None if holds else "something"
    for value in (*_TYPICAL.get(path, ()), *_candidates(comparison)):
        if compare(comparison, value, NOW).holds is holds:
            return value
    return unquoted(comparison.operand)


def _candidates(comparison: Comparison) -> Iterator[Any]:
    operand = unquoted(comparison.operand)
    size, when, choices = number(operand), moment(operand), listed(comparison.operand)
    if size is not None:
        yield from _numbers(size)
    if when is not None:
        yield from ((when + step).isoformat() for step in (-timedelta(hours=1), timedelta(hours=1)))
    if comparison.operator is Operator.AGE:
        yield from ((NOW - age).isoformat() for age in (timedelta(minutes=2), _MANY_DAYS))
    if comparison.operator is Operator.BETWEEN:
        yield from (number(word) for word in operand.replace(",", " ").split())
    if choices:
        all_of = comparison.operator is Operator.CONTAINS_ALL
        yield from ([list(choices)] if all_of else [choices[0], number(choices[0])])
    lengths = ("30d", "1d") if duration(operand) else ()
    yield from (_as_json(operand), operand, *lengths, *_others(comparison))


def _others(comparison: Comparison) -> Sequence[Any]:
    if comparison.operand in {"true", "false"}:
        return (True, False)
    if comparison.operator is Operator.CONTAINS_ALL or is_empty_list(comparison):
        return ([], ["something"])
    return ("something else", ["something"], {}, "", -1)


def _numbers(size: float) -> tuple[float, ...]:
    """Return numbers around a limit; a share stays below one."""
    if 0 < size < 1:
        return (min(1, size * 1.1), size / 2, size, size * 2)
    return (size * 2, size - 1 if 1 <= size <= _FEW else size / 2, size + 2, size, -1)


def _as_json(operand: str) -> Any:
    try:
        return json.loads(operand)
    except ValueError:
        return None


def _facts(check: CheckSpec, findings: Sequence[Finding]) -> dict[str, Any]:
    """Put the compared values where a plain path reads them."""
    facts: dict[str, Any] = json.loads(json.dumps(_FACTS.get(check.kind, {})))
    if check.kind == "http_request":
        facts["statuses"]["200"] = check.params.get("samples", 1)
    for finding in findings:
        if finding.expression.replace("_", "").isalnum():
            facts[finding.expression] = finding.actual
    return facts
