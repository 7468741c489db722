"""JUnit XML: the tests that ran, and those that a release needs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from launch_pipeline.checks.kinds.report.formats.parsed import WORST, Parsed
from launch_pipeline.checks.language.values import number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from xml.etree.ElementTree import Element

_COMMIT_PROPERTIES = {"commit", "revision", "git_commit", "commit_sha", "sha"}


def read_junit(root: Element, require: Sequence[str]) -> Parsed:
    """Count the outcomes of the tests, and name the required ones that did not pass."""
    if root.tag not in {"testsuites", "testsuite"}:
        message = f"the root is <{root.tag}>"
        raise ValueError(message)
    cases = list(root.iter("testcase"))
    outcomes = [(case, _outcome(case)) for case in cases]
    counted = Counter(outcome for _, outcome in outcomes)
    # A suite may report an error without a case (a crashed worker), so the larger count is right.
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
    return Parsed(tool or "junit", facts, _junit_commit(root), min(times, default=None), wrong[:WORST])


def _outcome(case: Element) -> str:
    return next((child.tag for child in case if child.tag in {"failure", "error", "skipped"}), "passed")


def _stated(root: Element, name: str) -> int:
    suites = [root] if root.get(name) else [s for s in root.iter("testsuite") if s is not root]
    stated = [text for suite in suites if (text := suite.get(name)) is not None]
    values = [value for text in stated if (value := number(text)) is not None]
    if len(values) < len(stated):
        message = f"its {name} are not numbers"
        raise ValueError(message)
    return int(sum(values))


def _stated_time(root: Element) -> float | None:
    """Sum the seconds; None if one is not a number, such as one with a comma."""
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
    """Return the required tests that did not run and pass in every parametrisation."""
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
