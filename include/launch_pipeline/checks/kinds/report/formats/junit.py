"""JUnit XML: the tests that ran, and those that a release needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.kinds.report.formats.junit_cases import Outcome, local_name
from launch_pipeline.checks.kinds.report.formats.junit_counts import SUITES, Counted, counted
from launch_pipeline.checks.language.values import number
from launch_pipeline.checks.reports.parsed import WORST, Parsed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from xml.etree.ElementTree import Element

    from launch_pipeline.checks.kinds.report.formats.junit_cases import Test

_CASE = "testcase"
_COMMIT_PROPERTIES = {"commit", "revision", "git_commit", "commit_sha", "sha"}


def read_junit(root: Element, require: Sequence[str]) -> Parsed:
    """Count the outcomes of the tests, and name the required ones that did not pass."""
    if root.tag not in SUITES:
        message = f"the root is <{root.tag}>"
        raise ValueError(message)
    _nowhere_else(root)
    found = counted(root)
    facts, unknown = _outcomes(found)
    missing, doubt = _not_proved(require, found)
    time = _stated_time(root)
    unknown |= {"missing": doubt} if doubt and not missing else {}
    unknown |= {"time": "the report does not say in seconds how long the tests took"} if time is None else {}
    facts = {**facts, "time": time, "missing": missing}
    worst = [test.label for test in found.tests if test.outcome >= Outcome.FAILURE][:WORST]
    times = [t for suite in root.iter() if suite.tag in SUITES and (t := suite.get("timestamp"))]
    tool = root.get("name") or next((s.get("name", "") for s in root.iter("testsuite")), "")
    known = {name: value for name, value in facts.items() if name not in unknown}
    return Parsed(tool or "junit", known, _junit_commit(root), min(times, default=None), worst, unknown)


def _nowhere_else(root: Element) -> None:
    """Refuse tests and suites within anything but suites: they would not be counted."""
    for parent in root.iter():
        for child in parent:
            known = child.tag in {*SUITES, _CASE}
            if local_name(child) in {*SUITES, _CASE} and not (known and parent.tag in SUITES):
                message = f"a <{child.tag}> is within <{parent.tag}>, where JUnit XML has none"
                raise ValueError(message)


def _outcomes(found: Counted) -> tuple[dict[str, Any], dict[str, str]]:
    """Count; where something has failed for certain, what is in doubt counts as failed too."""
    doubtful = [test for test in found.tests if test.outcome is Outcome.UNSAID]
    passed = [test for test in found.tests if test.outcome is Outcome.PASSED]
    certain = found.failures + found.errors > 0
    failures = found.failures + (len(doubtful) if certain else 0)
    left = max(0, len(passed) - found.disguised - found.not_passed)
    facts = {
        "tests": len(found.tests),
        "ran": left + failures + found.errors + (0 if certain else len(doubtful)),
        "passed": left,
        "failures": failures,
        "errors": found.errors,
        "skipped": found.skipped,
        "flaky": sum(test.flaky for test in passed),
    }
    return facts, {**_in_doubt(doubtful, certain=certain), **_not_whole(found)}


def _in_doubt(doubtful: Sequence[Test], *, certain: bool) -> dict[str, str]:
    if not doubtful:
        return {}
    names = ("flaky",) if certain else ("passed", "failures", "errors", "flaky")
    return dict.fromkeys(names, doubtful[0].why)


def _not_whole(found: Counted) -> dict[str, str]:
    if found.absent:
        said = len(found.tests) + found.unlisted
        return {"tests": f"the report counts {said} tests and lists {len(found.tests)}: it is not whole"}
    if found.focused:
        return {"tests": "only the tests that are focused ran; take Ginkgo's focus out of the code"}
    return {}


def _stated_time(suite: Element) -> float | None:
    """Return the seconds of a suite, or the sum of those in it; None if they are not said."""
    text = suite.get("time")
    if text is not None:
        seconds = number(text)
        return round(seconds, 3) if seconds is not None and seconds >= 0 else None
    inner = [_stated_time(child) for child in suite if child.tag in {*SUITES, _CASE}]
    known = [seconds for seconds in inner if seconds is not None]
    return round(sum(known), 3) if inner and len(known) == len(inner) else None


def _junit_commit(root: Element) -> str:
    """Return the commit that the suites name, or else the cases; all of them if there are several."""
    of_suites = [
        one for suite in (root, *root.iter("testsuite")) for one in suite.iterfind("properties/property")
    ]
    named = _commits(of_suites) or _commits(list(root.iter("property")))
    return ", ".join(sorted(named))


def _commits(properties: Sequence[Element]) -> set[str]:
    of_commits = [one for one in properties if (one.get("name") or "").lower() in _COMMIT_PROPERTIES]
    return {one.get("value") or (one.text or "").strip() for one in of_commits} - {""}


def _not_proved(require: Sequence[str], found: Counted) -> tuple[list[str], str]:
    """Return the required tests that did not run and pass in every parametrisation, and a doubt of others."""
    wanted = set(require)
    outcomes: dict[str, set[Outcome]] = {}
    for test in found.tests if wanted else ():
        for name in wanted & _names(test.case):
            outcomes.setdefault(name, set()).add(test.outcome)
    missing = [name for name in require if max(outcomes.get(name, {Outcome.ERROR})) > Outcome.UNSAID]
    unsaid = [name for name, seen in outcomes.items() if Outcome.UNSAID in seen]
    if unsaid:
        return missing, f"the report does not say whether {', '.join(unsaid)} passed"
    return missing, _which_ran(found) if wanted else ""


def _which_ran(found: Counted) -> str:
    """Return why it is not said which of the tests that look passed ran; empty if all did."""
    if found.disguised:
        return "the report counts skipped tests that it does not mark, so it does not say which ran"
    if found.uncounted:
        return "the report lists tests that it does not count, such as Jest's test.todo; take those out"
    return ""


def _names(case: Element) -> set[str]:
    name = case.get("name", "")
    full = f"{case.get('classname', '')}.{name}"
    plain = name.partition("[")[0].removesuffix("()")
    return {name, plain, plain.removeprefix("test_"), full, full.partition("[")[0].removesuffix("()")}
