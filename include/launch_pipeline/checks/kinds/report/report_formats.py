"""Reads the tools' report formats into facts. Every reader raises ValueError for what is no report."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from launch_pipeline.checks.kinds.report.definition import ReportFormat
from launch_pipeline.checks.language.values import number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from xml.etree.ElementTree import Element

_WORST = 20
_DEEPEST = 50
"""Levels of XML; test suites in test suites come to a handful."""
_GRADES = ("critical", "high", "medium", "low")
_COMMIT_PROPERTIES = {"commit", "revision", "git_commit", "commit_sha", "sha"}


@dataclass(frozen=True)
class Parsed:
    """What a report says."""

    tool: str
    facts: dict[str, Any]
    commit: str = ""
    generated_at: Any = None
    worst: list[str] = field(default_factory=list)
    """At most 20 findings, the gravest first."""


def parse_report(form: ReportFormat, content: bytes, rules: Sequence[str], require: Sequence[str]) -> Parsed:
    """Read a report; raises ValueError where it is none, whatever it is instead."""
    try:
        return _parsed(form, content, rules, require)
    except ValueError:
        raise
    except (LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        # Each of its values may be missing, or of another sort than its form says.
        message = f"it has another structure ({type(error).__name__}: {error})"
        raise ValueError(message) from error


def _parsed(form: ReportFormat, content: bytes, rules: Sequence[str], require: Sequence[str]) -> Parsed:
    if form is ReportFormat.JUNIT:
        return _junit(_xml(content), require)
    if form is ReportFormat.COBERTURA:
        return _cobertura(_xml(content))
    document = json.loads(content.decode("utf-8-sig"))
    return _READERS[form](document, rules)


def _xml(content: bytes) -> Element:
    try:
        root: Element = fromstring(content, forbid_dtd=False)
    except (ParseError, DefusedXmlException) as error:
        message = f"not safe, well-formed XML: {error}"
        raise ValueError(message) from error
    level = [root]
    for _ in range(_DEEPEST):
        level = [child for element in level for child in element]
    if level:
        message = f"nested more than {_DEEPEST} levels deep"
        raise ValueError(message)
    return root


def _junit(root: Element, require: Sequence[str]) -> Parsed:
    if root.tag not in {"testsuites", "testsuite"}:
        message = f"the root is <{root.tag}>"
        raise ValueError(message)
    cases = list(root.iter("testcase"))
    outcomes = [(case, _outcome(case)) for case in cases]
    counted = Counter(outcome for _, outcome in outcomes)
    # A suite may report an error without a case (a crashed worker): the larger count is the truth.
    stated = {name: _stated(root, name) for name in ("failures", "errors")}
    facts = {
        "tests": len(cases),
        "failures": max(counted["failure"], stated["failures"]),
        "errors": max(counted["error"], stated["errors"]),
        "skipped": counted["skipped"],
        "time": _stated_time(root),
        "missing": _not_proved(require, outcomes),
    }
    wrong = [
        f"{c.get('classname', '')} {c.get('name', '')}".strip()
        for c, o in outcomes
        if o in {"failure", "error"}
    ]
    times = [t for suite in root.iter("testsuite") if (t := suite.get("timestamp"))]
    tool = root.get("name") or next((s.get("name", "") for s in root.iter("testsuite")), "")
    return Parsed(tool or "junit", facts, _junit_commit(root), min(times, default=None), wrong[:_WORST])


def _outcome(case: Element) -> str:
    return next((child.tag for child in case if child.tag in {"failure", "error", "skipped"}), "passed")


def _stated(root: Element, name: str) -> int:
    suites = [root] if root.get(name) else [s for s in root.iter("testsuite") if s is not root]
    stated = [text for suite in suites if (text := suite.get(name)) is not None]
    values = [value for text in stated if (value := number(text)) is not None]
    if len(values) < len(stated):
        message = f"it states {name} that are no number"
        raise ValueError(message)
    return int(sum(values))


def _stated_time(root: Element) -> float | None:
    """Add up the seconds; None where one is no number, as with a comma in it."""
    suites = [root] if root.get("time") else list(root.iter("testsuite"))
    values = [number(suite.get("time", "0")) for suite in suites]
    known = [value for value in values if value is not None]
    return round(sum(known), 3) if len(known) == len(values) else None


def _junit_commit(root: Element) -> str:
    for element in root.iter("property"):
        if (element.get("name") or "").lower() in _COMMIT_PROPERTIES:
            return element.get("value") or (element.text or "").strip()
    return ""


def _not_proved(require: Sequence[str], outcomes: Sequence[tuple[Element, str]]) -> list[str]:
    """Name the tests that did not run and pass in all their parametrisations; a skipped one is missing."""
    wanted = set(require)
    found: dict[str, list[str]] = {}
    for case, outcome in outcomes if wanted else ():
        for name in wanted & _names(case):
            found.setdefault(name, []).append(outcome)
    return [name for name in require if set(found.get(name, ["none"])) != {"passed"}]


def _names(case: Element) -> set[str]:
    name = case.get("name", "")
    full = f"{case.get('classname', '')}.{name}"
    plain = name.partition("[")[0]
    return {name, plain, plain.removeprefix("test_"), full, full.partition("[")[0]}


def _cobertura(root: Element) -> Parsed:
    line = number(root.get("line-rate"))
    if root.tag != "coverage" or line is None:
        message = f"the root is <{root.tag}> without a line-rate"
        raise ValueError(message)
    if number(root.get("lines-valid")) == 0:
        message = "it covers no line at all"
        raise ValueError(message)
    stamp = number(root.get("timestamp"))
    # coverage.py writes milliseconds, other tools seconds.
    seconds = stamp / 1000 if stamp and stamp > 1e11 else stamp  # noqa: PLR2004
    facts = {"line_rate": line, "branch_rate": number(root.get("branch-rate"))}
    return Parsed("cobertura", facts, generated_at=seconds)


@dataclass(frozen=True)
class _Hit:
    """One finding of a scanner."""

    rule: str
    grade: str
    text: str
    suppressed: bool = False


def _graded(hits: Sequence[_Hit], rules: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    wanted = [h for h in hits if not rules or any(fnmatchcase(h.rule, rule) for rule in rules)]
    counting = [hit for hit in wanted if not hit.suppressed]
    grades = Counter(hit.grade for hit in counting)
    facts = {grade: grades[grade] for grade in _GRADES}
    facts |= {"total": len(counting), "suppressed": len(wanted) - len(counting)}
    order = sorted(counting, key=lambda hit: _GRADES.index(hit.grade) if hit.grade in _GRADES else 9)
    return facts, [f"{hit.grade}: {hit.rule} {hit.text}"[:200] for hit in order[:_WORST]]


def _sarif(document: dict[str, Any], rules: Sequence[str]) -> Parsed:
    runs = document["runs"]
    if not runs:
        message = "it holds no run"
        raise ValueError(message)
    if any(i.get("executionSuccessful") is False for run in runs for i in run.get("invocations", [])):
        message = "it says that the tool did not finish"
        raise ValueError(message)
    if not all(isinstance(run.get("results"), list) for run in runs):
        message = "a run has no results: the tool did not look for any"
        raise ValueError(message)
    known = {name: rule for run in runs for name, rule in _sarif_rules(run).items()}
    if rules and not any(fnmatchcase(name, rule) for name in known for rule in rules):
        message = f"it does not say that any of the rules {', '.join(rules)} ran"
        raise ValueError(message)
    hits = [_sarif_hit(result, run, known) for run in runs for result in run["results"] if _counts(result)]
    facts, worst = _graded(hits, rules)
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


def _sarif_hit(result: dict[str, Any], run: dict[str, Any], known: dict[str, dict[str, Any]]) -> _Hit:
    name = result.get("ruleId") or result.get("rule", {}).get("id") or _indexed(result, run)
    rule = known.get(name) or known.get(name.rpartition("/")[0], {})
    severity = number(rule.get("properties", {}).get("security-severity"))
    level = result.get("level") or rule.get("defaultConfiguration", {}).get("level") or "warning"
    suppressed = any(s.get("status", "accepted") == "accepted" for s in result.get("suppressions") or [])
    text = str(result.get("message", {}).get("text", ""))
    return _Hit(name, _grade(severity, level), text, suppressed)


def _indexed(result: dict[str, Any], run: dict[str, Any]) -> str:
    rules = run["tool"]["driver"].get("rules", [])
    index = result.get("ruleIndex", -1)
    return str(rules[index]["id"]) if 0 <= index < len(rules) else ""


def _grade(severity: float | None, level: str) -> str:
    """Grade by ``security-severity``, which SARIF's level is not; else error is high, warning medium."""
    if severity is None:
        return {"error": "high", "warning": "medium"}.get(level, "low")
    steps = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"))
    return next((grade for least, grade in steps if severity >= least), "low")


def _trivy(document: dict[str, Any], rules: Sequence[str]) -> Parsed:
    targets = document["Results"]
    if not targets:
        message = "nothing was scanned"
        raise ValueError(message)
    hits = [hit for target in targets for hit in _trivy_hits(target)]
    facts, worst = _graded(hits, rules)
    return Parsed("trivy", facts, generated_at=_seconds_only(document.get("CreatedAt")), worst=worst)


def _seconds_only(text: Any) -> Any:
    """Cut nanoseconds off, which Go writes and Python does not read."""
    return re.sub(r"\.\d+", "", text) if isinstance(text, str) else text


def _trivy_hits(target: dict[str, Any]) -> list[_Hit]:
    hits = [_trivy_hit(v, v["VulnerabilityID"]) for v in target.get("Vulnerabilities") or []]
    failing = [m for m in target.get("Misconfigurations") or [] if m.get("Status", "FAIL") == "FAIL"]
    hits += [_trivy_hit(m, m["ID"]) for m in failing]
    hits += [_trivy_hit(s, s["RuleID"]) for s in target.get("Secrets") or []]
    ignored = target.get("ExperimentalModifiedFindings") or []
    return hits + [_Hit("", "low", "", suppressed=True) for _ in ignored]


def _trivy_hit(entry: dict[str, Any], rule: str) -> _Hit:
    text = f"{entry.get('PkgName', '')} {entry.get('Title', '')}".strip()
    return _Hit(rule, str(entry.get("Severity", "UNKNOWN")).lower(), text)


def _zap(document: dict[str, Any], rules: Sequence[str]) -> Parsed:
    sites = document["site"]
    if not sites:
        message = "no site was scanned"
        raise ValueError(message)
    grades = {"3": "high", "2": "medium", "1": "low", "0": "informational"}
    hits = [
        # Confidence 0 is the tester's mark for a false positive.
        _Hit(
            str(a["pluginid"]),
            grades[str(a["riskcode"])],
            str(a.get("name", "")),
            str(a.get("confidence")) == "0",
        )
        for site in sites
        for a in site["alerts"]
    ]
    facts, worst = _graded(hits, rules)
    return Parsed(
        "zap", facts, generated_at=document.get("created") or document.get("@generated"), worst=worst
    )


def _k6(document: dict[str, Any], _rules: Sequence[str]) -> Parsed:
    metrics = document.get("metrics")
    if not isinstance(metrics, dict) or "http_reqs" not in metrics:
        # The form of --new-machine-readable-summary says nothing of thresholds.
        message = "it holds no k6 metrics; use handleSummary or --summary-export, in k6's classic form"
        raise ValueError(message)
    values = {name: metric.get("values", metric) for name, metric in metrics.items()}
    thresholds = {
        f"{name}: {text}": _met(state)
        for name, metric in metrics.items()
        for text, state in (metric.get("thresholds") or {}).items()
    }
    requests, rate = values["http_reqs"].get("count"), values["http_reqs"].get("rate")
    stated = document.get("state", {}).get("testRunDurationMs")
    failing, users = values.get("http_req_failed", {}), values.get("vus_max", {})
    facts = {
        "vus_max": users.get("max", users.get("value")),
        "requests": requests,
        "error_rate": failing.get("rate", failing.get("value")),
        "p95_ms": values.get("http_req_duration", {}).get("p(95)"),
        "duration_s": stated / 1000 if stated else (requests / rate if requests and rate else None),
        "thresholds": len(thresholds),
        "failed_thresholds": sorted(text for text, met in thresholds.items() if not met),
    }
    return Parsed("k6", facts, worst=facts["failed_thresholds"][:_WORST])


def _met(state: Any) -> bool:
    """Whether a threshold held: ``{ok: true}`` of handleSummary; a bare true means it was crossed."""
    return state.get("ok") is True if isinstance(state, dict) else state is False


def _locust(document: list[dict[str, Any]], _rules: Sequence[str]) -> Parsed:
    requests = sum(entry["num_requests"] for entry in document)
    if not requests:
        message = "it holds no request"
        raise ValueError(message)
    times: Counter[float] = Counter()
    for entry in document:
        times.update({float(ms): int(count) for ms, count in entry["response_times"].items()})
    ends = [entry["last_request_timestamp"] for entry in document if entry.get("last_request_timestamp")]
    begins = [entry["start_time"] for entry in document if entry.get("start_time")]
    failures = sum(entry["num_failures"] for entry in document)
    facts = {
        "vus_max": None,
        "requests": requests,
        "error_rate": failures / requests,
        "p95_ms": _percentile(times, 0.95),
        "duration_s": round(max(ends) - min(begins), 1) if ends and begins else None,
        "thresholds": 0,
        "failed_thresholds": [],
    }
    return Parsed("locust", facts, generated_at=max(ends, default=None))


def _percentile(times: Counter[float], share: float) -> float | None:
    wanted, seen = share * sum(times.values()), 0
    for milliseconds, count in sorted(times.items()):
        seen += count
        if seen >= wanted:
            return milliseconds
    return None


_READERS: dict[ReportFormat, Callable[[Any, Sequence[str]], Parsed]] = {
    ReportFormat.SARIF: _sarif,
    ReportFormat.TRIVY: _trivy,
    ReportFormat.ZAP: _zap,
    ReportFormat.K6: _k6,
    ReportFormat.LOCUST: _locust,
}
