"""The counters of JUnit XML against the tests that it lists: a report may count what it does not list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from launch_pipeline.checks.kinds.report.formats.junit_cases import Outcome, Test, tests_of, told_by_words
from launch_pipeline.checks.language.values import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from xml.etree.ElementTree import Element

SUITES = frozenset({"testsuites", "testsuite"})
_TESTS, _DISABLED = "tests", "disabled"
_FAILURES, _ERRORS = ("failures", "failed"), ("errors",)
_SKIPPED = ("skipped", "skips", "skip", "ignored", "notrun", "not-run", "pending", "inconclusive")
_SUCCEEDED, _FOCUSED = "SuiteSucceeded", "SuiteHasProgrammaticFocus"
_OTHERWISE_FAILED = "SpecialSuiteFailureReason"
"""Properties of Ginkgo's suites (``reporters/junit_report.go``); it fails where tests are focused."""
_CATCH2, _DOCTEST = ("hostname", "tbd"), "doctest_version"
"""By what the suites of Catch2 and doctest are known; they count assertions as tests."""


@dataclass(frozen=True)
class Counted:
    """The tests of a suite and of those in it, and the largest counts that any level states."""

    tests: tuple[Test, ...]
    failures: int
    errors: int
    skipped: int
    unlisted: int
    """Tests that are counted and not listed, such as the pending ones of mocha-junit-reporter."""
    uncounted: int
    """Tests that are listed and not counted, such as Jest's ``test.todo``, which did not run."""
    not_passed: int
    """How many of those that are listed as passed are more than all that are counted."""
    focused: bool
    """Whether the author had only some of the tests run."""

    @property
    def absent(self) -> int:
        """The tests that are neither listed, nor said to be skipped."""
        return max(0, self.unlisted - self._unmarked)

    @property
    def disguised(self) -> int:
        """The skipped tests that are listed as if they had passed."""
        return max(0, self._unmarked - self.unlisted)

    @property
    def _unmarked(self) -> int:
        return max(0, self.skipped - _ended(self.tests, Outcome.SKIPPED))


def counted(suite: Element) -> Counted:
    """Count a suite: the largest count of any level wins, the cases being the lowest."""
    inner = [counted(child) for child in suite if child.tag in SUITES]
    own = tests_of(suite)
    tests = (*own, *(test for one in inner for test in one.tests))
    listed = _stated(suite, _TESTS)
    runs_are_counted = listed == sum(test.runs for test in tests)
    failures = max(
        _ended(own, Outcome.FAILURE) + _bare(suite, "failure") + sum(one.failures for one in inner),
        _beyond(suite, tests, Outcome.FAILURE, runs_are_counted=runs_are_counted),
    )
    errors = max(
        _ended(own, Outcome.ERROR) + _bare(suite, "error") + sum(one.errors for one in inner),
        _beyond(suite, tests, Outcome.ERROR, runs_are_counted=runs_are_counted),
    )
    return Counted(
        tests=tests,
        failures=failures,
        errors=max(errors, int(_says_that_it_failed(suite) and not failures)),
        skipped=max(
            _ended(own, Outcome.SKIPPED) + sum(one.skipped for one in inner),
            _not_run(suite, tests),
        ),
        unlisted=max(_unlisted(suite, listed, tests), sum(one.unlisted for one in inner)),
        uncounted=_beside(listed, own, own) + sum(one.uncounted for one in inner),
        not_passed=_beside(listed, own, [test for test in own if test.outcome is Outcome.PASSED])
        + sum(one.not_passed for one in inner),
        focused=_property(suite, _FOCUSED) == "true" or any(one.focused for one in inner),
    )


def _says_that_it_failed(suite: Element) -> bool:
    worst = max(told_by_words(suite), default=Outcome.PASSED)
    special = _property(suite, _SUCCEEDED) == "false" or _property(suite, _OTHERWISE_FAILED)
    return worst >= Outcome.FAILURE or bool(special)


def _property(suite: Element, name: str) -> str:
    given = (one.get("value", "") for one in suite.iterfind("properties/property") if one.get("name") == name)
    return next(given, "").lower()


def _ended(tests: Iterable[Test], outcome: Outcome) -> int:
    return sum(test.outcome is outcome for test in tests)


def _bare(suite: Element, tag: str) -> int:
    """Count the failures of a suite as such, such as of its set-up."""
    return sum(child.tag == tag for child in suite)


def _beyond(suite: Element, tests: Iterable[Test], kind: Outcome, *, runs_are_counted: bool) -> int:
    """Count the failing tests with those that only a counter states, such as of a worker that crashed.

    A tool that counts runs as tests, such as gotestsum and Gradle, counts the failing runs as failures.
    """
    failing = _ended(tests, kind)
    runs = sum(test.failures if kind is Outcome.FAILURE else test.errors for test in tests)
    names = _FAILURES if kind is Outcome.FAILURE else _ERRORS
    stated = max(_stated(suite, name) or 0 for name in names)
    return failing + max(0, stated - (runs if runs_are_counted else failing))


def _not_run(suite: Element, tests: Iterable[Test]) -> int:
    """Count the skipped tests with those that only the counters state."""
    stated = max(_stated(suite, name) or 0 for name in _SKIPPED) + (_stated(suite, _DISABLED) or 0)
    marked = [test for test in tests if test.skipped]
    return _ended(marked, Outcome.SKIPPED) + max(0, stated - len(marked))


def _unlisted(suite: Element, listed: int | None, tests: Iterable[Test]) -> int:
    name, text = _CATCH2
    by_assertion = suite.get(name) == text or _DOCTEST in suite.attrib
    return 0 if listed is None or by_assertion else listed - sum(test.runs for test in tests)


def _beside(listed: int | None, own: Sequence[Test], some: Sequence[Test]) -> int:
    """Return how many of some tests a suite leaves out; Surefire counts the last of its re-runs alone."""
    if listed is None or any(test.runs > 1 for test in own):
        return 0
    return max(0, len(some) - listed)


def _stated(suite: Element, name: str) -> int | None:
    text = suite.get(name)
    if text is None:
        return None
    value = number(text)
    if value is None or value < 0 or value != int(value):
        message = f"its {name} are not numbers"
        raise ValueError(message)
    return int(value)
