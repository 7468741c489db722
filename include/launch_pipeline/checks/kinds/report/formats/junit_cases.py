"""The outcome of a case of JUnit XML, and which cases are runs of one test.

No schema of JUnit XML is binding; the dialects here are those of the documents in ``tests/fixtures/reports``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from xml.etree.ElementTree import Element


class Outcome(IntEnum):
    """What became of a test, the better the smaller."""

    PASSED = 0
    UNSAID = 1
    """The report does not say it."""
    SKIPPED = 2
    FAILURE = 3
    ERROR = 4


_TOLD_BY_NAME = {
    "error": Outcome.ERROR,
    "rerunerror": Outcome.ERROR,
    "failure": Outcome.FAILURE,
    "rerunfailure": Outcome.FAILURE,
    "skipped": Outcome.SKIPPED,
    "disabled": Outcome.SKIPPED,
    "ignored": Outcome.SKIPPED,
    # PHPUnit: a class without tests, or a test that it could not start.
    "warning": Outcome.SKIPPED,
}
_AGAIN = {
    "flakyfailure": Outcome.FAILURE,
    "flakyerror": Outcome.ERROR,
    "rerunfailure": Outcome.FAILURE,
    "rerunerror": Outcome.ERROR,
}
"""Runs of the same test that its tool put into its case (Surefire, Gradle's mergeReruns)."""
_PASSING = "run passed pass success successful succeeded ok completed executed done true"
_NOT_RUN = (
    "notrun notexecuted disabled skipped skip ignored suppressed pending todo inconclusive incomplete"
    " untested blocked canceled cancelled excluded filtered"
)
_FAILING = "fail failed failure broken timeout timedout panicked notrunnable false"
_ERRING = "error errored aborted crashed interrupted"
_WORDS = {
    **dict.fromkeys(_PASSING.split(), Outcome.PASSED),
    **dict.fromkeys(_NOT_RUN.split(), Outcome.SKIPPED),
    **dict.fromkeys(_FAILING.split(), Outcome.FAILURE),
    **dict.fromkeys(_ERRING.split(), Outcome.ERROR),
}
_ELEMENTS = {
    **{word: outcome for word, outcome in _WORDS.items() if outcome is not Outcome.PASSED},
    **_TOLD_BY_NAME,
}
_TODO = "todo"
"""The type of node's mark for a test that may fail: its runner counts it neither as failed nor as passed."""
_WHY_SKIPPED = "SKIP_"
"""How CTest begins the reason of a test that skipped itself; any other was not run against its will."""
_GO = "go.version"


@dataclass(frozen=True)
class Test:
    """A test, and what its runs came to."""

    case: Element
    outcome: Outcome
    skipped: bool = False
    """Whether it is marked as one that did not run; a failure outweighs that."""
    flaky: bool = False
    failures: int = 0
    errors: int = 0
    """How many of its runs ended so."""
    runs: int = 1
    why: str = ""
    """Why the outcome is not said."""

    @property
    def label(self) -> str:
        """The class and the name, as they are shown."""
        return f"{self.case.get('classname', '')} {self.case.get('name', '')}".strip()


def local_name(element: Element) -> str:
    """Return the name of an element without its namespace, in small letters."""
    return element.tag.rpartition("}")[2].lower()


def tests_of(suite: Element) -> list[Test]:
    """Return the tests that a suite lists itself, those of inner suites left out."""
    groups: dict[tuple[str, ...], list[Test]] = {}
    for case in suite:
        if case.tag == "testcase":
            groups.setdefault(_identity(case), []).append(_test(case))
    one_each = _each_name_is_one_test(suite, list(groups.values()))
    return [test for runs in groups.values() for test in _united(runs, one_each=one_each)]


def _identity(case: Element) -> tuple[str, ...]:
    return tuple(case.get(name, "") for name in ("classname", "class", "file", "name"))


def _test(case: Element) -> Test:
    told = [*_told_by_elements(case), *told_by_words(case)]
    worst = max(told, default=Outcome.PASSED)
    outcome = Outcome.SKIPPED if _may_fail(case) else worst
    again = [_AGAIN[name] for child in case if (name := local_name(child)) in _AGAIN]
    ended = [*again, worst]
    return Test(
        case,
        outcome,
        skipped=Outcome.SKIPPED in told,
        flaky=bool(again) and outcome is Outcome.PASSED,
        failures=ended.count(Outcome.FAILURE),
        errors=ended.count(Outcome.ERROR),
        runs=len(ended),
        why=_unread(case) if outcome is Outcome.UNSAID else "",
    )


def _told_by_elements(case: Element) -> Iterator[Outcome]:
    for child in case:
        outcome = _ELEMENTS.get(_letters(local_name(child)))
        if outcome is not None:
            yield outcome
        if outcome is Outcome.SKIPPED and _was_to_run(case, child):
            yield Outcome.ERROR


def _was_to_run(case: Element, skipped: Element) -> bool:
    """Return whether CTest could not run a test, such as for want of its program: ctest itself fails then."""
    message = skipped.get("message") or ""
    return case.get("status") == "notrun" and bool(message) and not message.startswith(_WHY_SKIPPED)


def _may_fail(case: Element) -> bool:
    return any(local_name(child) == "skipped" and child.get("type") == _TODO for child in case)


def told_by_words(element: Element) -> Iterator[Outcome]:
    """Give the outcomes that the attributes of a case, or of a suite, say by a word."""
    if element.get("executed", "").lower() == "false":
        yield Outcome.SKIPPED
    for name in ("status", "result", "success"):
        word = _letters(element.get(name, "").lower())
        # A number is an exit code in one dialect and a mark for success in another: it says nothing.
        if word:
            yield _WORDS.get(word, Outcome.UNSAID)


def _letters(text: str) -> str:
    return re.sub(r"[^a-z]", "", text)


def _unread(case: Element) -> str:
    said = case.get("status") or case.get("result")
    return f"test '{case.get('name', '')}' has the status '{said}', of which this check knows no meaning"


def _each_name_is_one_test(suite: Element, groups: Sequence[Sequence[Test]]) -> bool:
    """Return whether a name that appears again in a suite is a run of the same test again.

    That is so in a package of Go, where names are unique, unless ``-count`` ran every test more than once
    (github.com/gotestyourself/gotestsum/issues/281). Jest's ``test.each`` gives one name to several tests.
    """
    if all(one.get("name") != _GO for one in suite.iterfind("properties/property")):
        return False
    passed = [runs for runs in groups if all(test.outcome is Outcome.PASSED for test in runs)]
    return bool(passed) and all(len(runs) == 1 for runs in passed)


def _united(runs: Sequence[Test], *, one_each: bool) -> Sequence[Test]:
    """Make one test of the runs of a test that failed and then passed, where they are known to be that.

    Where they may be that, or two tests of one name, the outcome is not said. A later failure is a failure.
    """
    bad = [test for test in runs if test.outcome >= Outcome.FAILURE]
    if not bad or runs[0] not in bad or runs[-1].outcome is not Outcome.PASSED:
        return runs
    last = replace(
        runs[-1],
        failures=sum(test.failures for test in runs),
        errors=sum(test.errors for test in runs),
        runs=sum(test.runs for test in runs),
    )
    if one_each:
        return [replace(last, flaky=True)]
    return [replace(last, outcome=Outcome.UNSAID, why=_told_twice(last))]


def _told_twice(test: Test) -> str:
    return (
        f"'{test.label}' failed and passed, and the report does not say whether the tool ran it again; merge"
        " its re-runs (Gradle: mergeReruns), or give each test a name of its own"
    )
