"""JUnit XML: what did not run, or may not have passed, proves nothing."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from launch_pipeline.checks.verdict import Verdict
from servers.report_files import REPORTS, read, verdict, written

P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
GO = '<properties><property name="go.version" value="go1.22.1 linux/amd64"/></properties>'


def suite(body: str, **attributes: str) -> str:
    stated = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f'<testsuites><testsuite name="s"{stated}>{body}</testsuite></testsuites>'


def case(name: str, inner: str = "", **attributes: str) -> str:
    stated = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f'<testcase classname="c" name="{name}"{stated}>{inner}</testcase>'


def ginkgo(**properties: str) -> str:
    """Build the properties of a suite (ginkgo, reporters/junit_report.go)."""
    given = "".join(f'<property name="{name}" value="{value}"/>' for name, value in properties.items())
    return f"<properties>{given}</properties>"


NOT_RUN: dict[str, str] = {
    "skipped": case("a", "<skipped/>"),
    "googletest: disabled": case("a", status="notrun", result="suppressed"),
    "googletest: skipped by word alone": case("a", status="run", result="skipped"),
    "ctest: disabled": case("a", status="disabled"),
    "a word in capitals": case("a", status="NOT_RUN"),
    "xunit: pending": case("a", status="Pending"),
    "robot and others: ignored": case("a", result="Ignored"),
    "phpunit: no test in the class": case("a", "<warning>No tests found</warning>"),
    "an element of another tool": case("a", "<disabled/>"),
    "another element": case("a", "<ignored/>"),
    "pytest: xfail": case("a", '<skipped type="pytest.xfail" message=""/>'),
    "gradle: a re-run that was skipped": case("a", "<flakyFailure/><skipped/>"),
    "nunit 2: not executed": case("a", executed="False"),
    "an element of not run": case("a", "<notExecuted/>"),
    "node: a todo that fails, which node does not count": case("a", '<skipped type="todo"/><failure/>'),
}


@pytest.mark.parametrize("body", NOT_RUN.values(), ids=NOT_RUN.keys())
def test_what_did_not_run_is_not_passed(body: str) -> None:
    """Alone it is no proof; beside a test that passed it does not fail, and is not there if required."""
    assert verdict("junit", suite(body)) is F
    assert verdict("junit", suite(body + case("b"))) is P
    assert verdict("junit", suite(body + case("b")), require=["a"]) is F
    facts = read("junit", suite(body + case("b"))).facts
    assert (facts["passed"], facts["skipped"], facts["ran"]) == (1, 1, 1)


NOTHING: dict[str, str] = {
    "no suite": "<testsuites/>",
    "a suite without tests": suite("", tests="0"),
    "counters without tests": suite("", tests="5", failures="0"),
    "a root that counts": '<testsuites tests="5" failures="0" errors="0"/>',
    "output alone": suite("<system-out>5 passed</system-out>"),
    "all of them skipped by the counter": suite(case("a") + case("b"), tests="2", skipped="2"),
    "all of them disabled by the counter": suite(case("a"), tests="1", disabled="1"),
    "jest: nothing but todos": suite(case("a") + case("b"), tests="0", failures="0"),
    "pysys: skipped by the counter alone": suite(case("a"), tests="1", skipped="1", time="0.05"),
    "nose: skip": suite(case("a"), tests="1", skip="1"),
    "nunit 2: not run by the counter": suite(case("a"), tests="1", **{"not-run": "1"}),
    "pending by the counter": suite(case("a"), tests="1", pending="1"),
    "mocha: pending tests alone": suite("", tests="3", skipped="3"),
}


@pytest.mark.parametrize("content", NOTHING.values(), ids=NOTHING.keys())
def test_no_test_that_passed_proves_nothing(content: str) -> None:
    """Whatever the counters say, a test must be listed, and have run."""
    assert verdict("junit", content) in {F, Q}


FAILING: dict[str, str] = {
    "a failure in the suite of a root that says none": '<testsuites failures="0"><testsuite failures="1"><testcase name="a"/></testsuite></testsuites>',
    "an error two suites deep": '<testsuites errors="0"><testsuite errors="0"><testsuite errors="2"><testcase name="a"/></testsuite></testsuite></testsuites>',
    "a failure that the root alone counts": '<testsuites failures="1"><testsuite failures="0"><testcase name="a"/></testsuite></testsuites>',
    "gotestsum: packages that do not compile": '<testsuites tests="1" failures="0" errors="1"><testsuite><testcase name="a"/></testsuite></testsuites>',
    "one suite of two": '<testsuites><testsuite failures="0"><testcase name="a"/></testsuite><testsuite failures="1"/></testsuites>',
    "the root is a suite": '<testsuite errors="1"><testcase name="a"/></testsuite>',
    "a failure of the suite itself": suite("<failure>tear-down</failure>" + case("a")),
    "an error of the suite itself": suite("<error>set-up</error>" + case("a")),
    "output before the failure": suite(case("a", "<system-out/><failure/>")),
    "the worst child of a case": suite(case("a", "<skipped/><failure/>")),
    "a failure of another namespace": suite(case("a", '<x:Failure xmlns:x="urn:x"/>') + case("b")),
    "a skipped failure": suite(case("a", "<failure/><skipped/>")),
    "surefire: no re-run passed": suite(case("a", "<failure/><rerunFailure/>")),
    "a re-run that failed, alone": suite(case("a", "<rerunError/>") + case("b")),
    "another re-run that failed, alone": suite(case("a", "<rerunFailure/>") + case("b")),
    "disabled, and failed all the same": suite(case("a", "<failure/>", status="disabled") + case("b")),
    "a word alone": suite(case("a", result="Failed") + case("b")),
    "a counter by another word": suite(case("a") + case("b"), failed="1"),
    "ginkgo: a word of its own": suite(case("a", status="panicked") + case("b")),
    "ginkgo: interrupted": suite(case("a", status="interrupted") + case("b")),
    "an element of timing out": suite(case("a", "<timedOut/>") + case("b")),
    "an element of breaking": suite(case("a", "<broken/>") + case("b")),
    "gatling: an assertion that did not hold": suite(case("a", status="false") + case("b", status="true")),
    "nunit 2: no success": suite(case("a", success="False") + case("b")),
    "ginkgo: a reason of its own to fail": suite(ginkgo(SuiteSucceeded="true", SpecialSuiteFailureReason="Suite Timeout Elapsed") + case("a")),
    "a property in capitals": suite(ginkgo(SuiteSucceeded="FALSE") + case("a")),
    "a suite without success": suite(case("a"), success="false"),
    "ginkgo: the suite did not succeed": suite(ginkgo(SuiteSucceeded="false") + case("a")),
    "a suite that says by a word that it failed": suite(case("a"), result="Failed"),
    "a suite that was aborted": suite(case("a"), status="aborted"),
    "an executed test that failed": suite(case("a", executed="True", result="Failure") + case("b")),
    "words that disagree": suite(case("a", status="run", result="error") + case("b")),
    "ctest: the program is not there": suite(case("a", '<skipped message="Unable to find executable"/>', status="notrun") + case("b")),
    "passed, then failed": suite(case("a") + case("a", "<failure/>")),
    "pytest: passed, then failed to tear down": suite(case("a") + case("a", "<error/>"), tests="2", errors="1"),
    "failed, passed, and failed again": suite(case("a", "<failure/>") + case("a") + case("a", "<failure/>")),
    "failed in this shard, passed in that": f'<testsuites><testsuite>{case("a", "<failure/>")}</testsuite><testsuite>{case("a")}</testsuite></testsuites>',
    "go: failed in this shard, passed in that": f'<testsuites><testsuite>{GO}{case("a", "<failure/>")}</testsuite><testsuite>{GO}{case("a")}{case("b")}</testsuite></testsuites>',
    "one parameter of two": suite(case("a[1]", "<failure/>") + case("a[2]")),
    "the same name in another file": suite(case("a", "<failure/>", file="x.js") + case("a", file="y.js")),
    "a flaky test beside a crash that is counted": suite(case("a", "<flakyFailure/>"), tests="1", failures="1"),
    "failed twice and passed beside a failure": suite(case("a", "<failure/>") + case("a") + case("b", "<failure/>")),
}  # fmt: skip


@pytest.mark.parametrize("content", FAILING.values(), ids=FAILING.keys())
def test_failure_of_any_level_fails(content: str) -> None:
    """A failure counts where it is listed and where it is only counted; the largest count wins."""
    assert verdict("junit", content) is F


UNSAID: dict[str, tuple[str, dict[str, Any]]] = {
    "failed and passed under one name": (suite(case("a", "<failure/>") + case("a")), {}),
    "with counters": (suite(case("a", "<failure/>") + case("a"), tests="2", failures="1"), {}),
    "go: the only test may have run twice by -count": (suite(GO + case("a", "<failure/>") + case("a"), tests="2", failures="1"), {}),
    "go: every test ran twice": (suite(GO + case("a", "<failure/>") + case("a") + case("b") + case("b")), {}),
    "a status that says nothing known": (suite(case("a", status="Quarantined") + case("b")), {}),
    "more tests are counted than listed": (suite(case("a"), tests="5"), {}),
    "more by the root": ('<testsuites tests="9"><testsuite tests="1"><testcase name="a"/></testsuite></testsuites>', {}),
    "counters that are no numbers": (suite(case("a"), failures="none"), {}),
    "ginkgo: focused tests alone ran": (suite(ginkgo(SuiteSucceeded="true", SuiteHasProgrammaticFocus="true") + case("a")), {}),
    "cucumber: undefined, which fails if it is strict": (suite(case("a", status="undefined") + case("b")), {}),
    "more are counted than listed or skipped": (suite(case("a"), tests="5", skipped="3"), {}),
    "fewer than no failures": (suite(case("a"), failures="-1"), {}),
    "half a failure": (suite(case("a"), failures="0.5"), {}),
    "which test was skipped": (suite(case("a") + case("b"), tests="2", skipped="1"), {"require": ["a"]}),
    "jest: which test is a todo": (suite(case("a") + case("b"), tests="1"), {"require": ["a"]}),
    "jest: a todo in one of two suites": (f'<testsuites>{suite(case("a") + case("b"), tests="1")[12:-13]}<testsuite>{case("c")}</testsuite></testsuites>', {"require": ["c"]}),
    "seconds that are not a number": (suite(case("a"), time="NaN"), {"expect": {"time": "< 60"}}),
    "seconds that are not said": (suite(case("a")), {"expect": {"time": "< 60"}}),
    "seconds below nothing": (suite(case("a"), time="-4"), {"expect": {"time": "< 60"}}),
    "cut off": (suite(case("a"))[:-20], {}),
    "a test within a group": (suite(case("a") + f"<group>{case('b', '<failure/>')}</group>"), {}),
    "a suite within a test": (suite(case("a", f"<testsuite>{case('b', '<failure/>')}</testsuite>")), {}),
    "a test of another namespace": (suite(case("a") + '<x:testcase xmlns:x="urn:x" name="b"><failure/></x:testcase>'), {}),
    "a test in capitals": (suite(case("a") + '<TestCase name="b"><failure/></TestCase>'), {}),
    "of another namespace": ('<testsuites xmlns="urn:x"><testcase name="a"/></testsuites>', {}),
}  # fmt: skip


@pytest.mark.parametrize(("content", "params"), UNSAID.values(), ids=UNSAID.keys())
def test_what_the_report_does_not_say_is_not_passed(content: str, params: dict[str, Any]) -> None:
    """Where a report can be read in two ways, it proves neither."""
    assert verdict("junit", content, **params) is Q


PASSING: dict[str, tuple[str, int]] = {
    "surefire: passed in the end": (suite(case("a", "<flakyFailure/><flakyError/>")), 1),
    "gradle counts runs, mergeReruns": (suite(case("a", "<flakyFailure/>") + case("b"), tests="3", failures="1"), 1),
    "go: one failed and was run again": (suite(GO + case("a", "<failure/>") + case("b") + case("a"), tests="3", failures="1"), 1),
    "a name twice, passed twice": (suite(case("a") + case("a")), 0),
    "trx2junit: a number": (suite(case("a", status="1")), 0),
    "gatling: an assertion that held (AssertionsJUnitTemplate.scala)": (suite(case("a", status="true")), 0),
    "nunit 2: success": (suite(case("a", executed="True", success="True")), 0),
    "node: a suite counts the todo that failed": (suite(case("a") + case("b", '<skipped type="todo"/><failure/>'), tests="2", failures="1", skipped="1"), 0),
    "nunit: executed": (suite(case("a", executed="True", result="Success")), 0),
    "ginkgo: the suite succeeded": (suite(ginkgo(SuiteSucceeded="true", SuiteHasProgrammaticFocus="false", SpecialSuiteFailureReason="") + case("a")), 0),
    "a suite that says by a word that it passed": (suite(case("a"), result="Passed"), 0),
    "output and properties": (suite(case("a", "<properties/><system-out/><system-err/><description/>")), 0),
    "nothing said of the tests": (suite(case("a", status="")), 0),
    "a crash's words": (suite(case("a") + "<system-err>Segmentation fault</system-err>"), 0),
    "old pytest counts no skipped tests": (suite(case("a") + case("b", "<skipped/>"), tests="1", skips="1"), 0),
    "gradle: an error at the first run": (suite(case("a", "<flakyError/>"), tests="2", errors="1"), 1),
    "an empty suite beside it": ('<testsuites><testsuite name="x" tests="0"/><testsuite><testcase name="a"/></testsuite></testsuites>', 0),
    "suites in suites, each of which counts": ('<testsuites tests="1"><testsuite tests="1"><testsuite tests="1" skipped="0"><testcase name="a"/></testsuite></testsuite></testsuites>', 0),
}  # fmt: skip


@pytest.mark.parametrize(("content", "flaky"), PASSING.values(), ids=PASSING.keys())
def test_what_passed_in_the_end_is_passed(content: str, flaky: int) -> None:
    """A re-run that the tool itself made and that passed is no failure; it is named flaky."""
    assert verdict("junit", content) is P
    assert read("junit", content).facts["flaky"] == flaky


EXACT: dict[str, tuple[str, tuple[int, int, int, int]]] = {
    "gradle: every run of a test failed": (suite(case("a", "<failure/><rerunFailure/>"), tests="2", failures="2"), (1, 0, 1, 0)),
    "nextest: every run of a test failed": (suite(case("a", "<failure/><rerunFailure/>"), tests="1", failures="1"), (1, 0, 1, 0)),
    "a suite that says that it failed, with a failure": (suite(case("a", "<failure/>"), result="Failed"), (1, 0, 1, 0)),
    "a crash beside a failure": (suite(case("a", "<failure/>") + case("b"), tests="2", failures="1", errors="1"), (2, 1, 1, 1)),
    "an error in each of two suites": (f'<testsuites errors="1"><testsuite errors="1">{case("a")}</testsuite><testsuite errors="1"/></testsuites>', (1, 1, 0, 2)),
    "a failure that every level counts": (f'<testsuites failures="1"><testsuite failures="1">{case("a", "<failure/>")}</testsuite></testsuites>', (1, 0, 1, 0)),
    "one of two skipped by the counter": (suite(case("a") + case("b"), tests="2", skipped="1"), (2, 1, 0, 0)),
    "one skipped and one disabled": (suite(case("a") + case("b", "<skipped/>") + case("c", status="disabled"), tests="3", skipped="1", disabled="1"), (3, 1, 0, 0)),
    "one skipped, and one by the counter": (suite(case("a") + case("b") + case("c", "<skipped/>"), tests="3", skipped="2"), (3, 1, 0, 0)),
    "skipped, where every level counts": (f'<testsuites skipped="1"><testsuite skipped="1">{case("a", "<skipped/>")}{case("b")}</testsuite></testsuites>', (2, 1, 0, 0)),
}  # fmt: skip


@pytest.mark.parametrize(("content", "wanted"), EXACT.values(), ids=EXACT.keys())
def test_tests_are_counted_once(content: str, wanted: tuple[int, int, int, int]) -> None:
    """Neither the levels nor the runs of one test are added up."""
    facts = read("junit", content).facts
    assert (facts["tests"], facts["passed"], facts["failures"], facts["errors"]) == wanted
    assert facts["ran"] == sum(wanted[1:])
    assert facts["skipped"] == facts["tests"] - facts["ran"] or facts["errors"]


UNLISTED: dict[str, tuple[str, tuple[int, int, int]]] = {
    "by the root alone": ('<testsuites tests="5" skipped="3"><testsuite tests="2"><testcase name="a"/></testsuite><testsuite tests="3"><testcase name="b"/></testsuite></testsuites>', (2, 2, 3)),
    "by two suites": ('<testsuites skipped="3"><testsuite tests="2"><testcase name="a"/></testsuite><testsuite tests="3"><testcase name="b"/></testsuite></testsuites>', (2, 2, 3)),
    "some are listed": (suite(case("a") + case("b", "<skipped/>"), tests="4", skipped="3"), (2, 1, 3)),
    "one is listed as if it had passed": (suite(case("a") + case("b"), tests="3", skipped="2"), (2, 1, 2)),
}  # fmt: skip


@pytest.mark.parametrize(("content", "wanted"), UNLISTED.values(), ids=UNLISTED.keys())
def test_skipped_tests_may_be_counted_and_not_listed(content: str, wanted: tuple[int, int, int]) -> None:
    """mocha-junit-reporter, which is Cypress's, lists pending tests only where it is told to."""
    facts = read("junit", content).facts
    assert (facts["tests"], facts["passed"], facts["skipped"]) == wanted
    assert verdict("junit", content) is P
    assert verdict("junit", content, require=["c"]) is F


def test_report_says_when() -> None:
    """It is as old as its oldest suite; nextest says it of the whole alone."""
    first, last = "2026-01-01T00:00:00", "2026-01-02T00:00:00"
    assert read("junit", f'<testsuites timestamp="{first}"><testsuite/></testsuites>').generated_at == first
    two = f'<testsuites><testsuite timestamp="{last}"/><testsuite timestamp="{first}"/></testsuites>'
    assert read("junit", two).generated_at == first


def test_time_is_that_of_the_highest_level_that_says_it() -> None:
    """Else it is the sum of those below."""
    two = f'<testsuites{{}}><testsuite time="1.5">{case("a", time="9")}</testsuite><testsuite>{case("b", time="2")}</testsuite></testsuites>'
    assert read("junit", two.format("")).facts["time"] == 3.5
    assert read("junit", two.format(' time="7"')).facts["time"] == 7


def test_required_test_passes_wherever_it_is_named() -> None:
    """An ambiguous name is proved only where all tests of that name passed."""
    twice = suite(case("pays", file="x") + case("pays", "<skipped/>", file="y"))
    assert verdict("junit", twice, require=["pays"]) is F
    assert verdict("junit", suite(case("pays[eur]") + case("pays[usd]")), require=["pays"]) is P
    assert verdict("junit", suite(case("pays()")), require=["pays", "c.pays"]) is P
    assert verdict("junit", suite(case("pays_late")), require=["pays"]) is F
    assert verdict("junit", suite(case("pays", "<flakyError/>")), require=["pays"]) is P


def test_report_of_several_commits_is_of_none() -> None:
    """Where suites name different commits, no single one is believed; a case's own properties come last."""
    told = '<testsuite><properties><property name="commit" value="{}"/></properties>{}</testsuite>'
    both = "<testsuites>" + told.format("aaaa", case("a")) + told.format("bbbb", case("b")) + "</testsuites>"
    assert read("junit", both).commit == "aaaa, bbbb"
    inner = case("a", '<properties><property name="commit" value="cccc"/></properties>')
    assert read("junit", "<testsuites>" + told.format("aaaa", inner) + "</testsuites>").commit == "aaaa"


WRITTEN: dict[str, tuple[Verdict, dict[str, int]]] = {
    "bats-1.8.2.xml": (F, {"tests": 3, "passed": 1, "failures": 1, "skipped": 1}),
    "catch2-2.13.10.xml": (F, {"tests": 2, "passed": 1, "failures": 1}),
    "ctest-3.25.1.xml": (F, {"tests": 5, "passed": 1, "failures": 1, "errors": 1, "skipped": 2}),
    "googletest-1.12.1.xml": (P, {"tests": 4, "passed": 2, "skipped": 2}),
    "gotestsum-1.8.2-build.xml": (F, {"tests": 0, "errors": 1}),
    "gotestsum-1.8.2-count.xml": (Q, {"tests": 1, "skipped": 0}),
    "gotestsum-1.8.2-rerun-fails.xml": (P, {"tests": 3, "passed": 2, "skipped": 1, "flaky": 1}),
    "jest-junit-17.0.0.xml": (F, {"skipped": 1, "failures": 2}),
    "mocha-12.0.3-xunit.xml": (F, {"tests": 5, "passed": 2, "skipped": 2}),
    "mocha-junit-reporter-2.2.1.xml": (F, {"tests": 5, "passed": 2, "failures": 1, "skipped": 2}),
    "mocha-junit-reporter-2.2.1-without-pending.xml": (P, {"tests": 2, "passed": 2, "skipped": 3}),
    "newman-6.2.2.xml": (F, {"tests": 3, "failures": 1, "errors": 1}),
    "node-20.20.2-todo.xml": (P, {"tests": 4, "passed": 2, "failures": 0, "skipped": 2}),
    "phpunit-9.6.7-no-tests.xml": (F, {"tests": 1, "passed": 0, "skipped": 1}),
    "phpunit-9.6.7.xml": (F, {"tests": 5, "passed": 1, "errors": 1, "skipped": 3}),
    "playwright-1.65.1.xml": (F, {"tests": 5, "passed": 2, "failures": 1, "skipped": 2}),
    "pytest-rerunfailures-16.7.xml": (F, {"failures": 0, "errors": 1, "skipped": 2}),
    "robotframework-7.5.xml": (F, {"tests": 3, "passed": 1, "failures": 1, "skipped": 1}),
    "schemathesis-4.32.5.xml": (P, {"tests": 2, "passed": 2}),
    "schemathesis-4.32.5-negative.xml": (P, {"tests": 2, "passed": 1, "skipped": 1}),
    "unittest-xml-reporting-4.0.0.xml": (F, {"tests": 5, "passed": 1, "failures": 1, "errors": 1, "skipped": 2}),
    "vitest-4.1.12.xml": (F, {"tests": 5, "passed": 2, "failures": 1, "skipped": 2}),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_report_that_a_tool_wrote(name: str) -> None:
    """Each tool's own document is read as the tool means it."""
    wanted, facts = WRITTEN[name]
    parsed = read("junit", written(name))
    assert {fact: parsed.facts.get(fact) for fact in facts} == facts
    assert verdict("junit", written(name)) is wanted, parsed


JUNIT_REPORTS = sorted(path.name for path in REPORTS.glob("*.xml") if "<testsuite" in written(path.name))
CASE = re.compile(r"<testcase\b[^>]*?(?:/>|>.*?</testcase>)", re.DOTALL)
COUNTER = re.compile(r' (?:tests|failures|errors|skipped|disabled)="\d+"')


def test_every_document_of_tests_has_a_verdict_here() -> None:
    """A document that is added is added to the table too."""
    assert set(JUNIT_REPORTS) == set(WRITTEN)


@pytest.mark.parametrize("name", JUNIT_REPORTS)
def test_report_without_its_tests_never_passes(name: str) -> None:
    """Without its cases, or with all of them skipped, a document proves nothing, with counters or without."""
    bare = CASE.sub("", written(name))
    skipped = CASE.sub('<testcase name="x"><skipped/></testcase>', written(name))
    for content in (bare, skipped, COUNTER.sub("", bare), COUNTER.sub("", skipped)):
        assert verdict("junit", content) in {F, Q}


@given(st.sampled_from(["googletest-1.12.1.xml", "gotestsum-1.8.2-rerun-fails.xml"]), st.data())
def test_report_with_a_test_cut_out_never_passes(name: str, data: st.DataObject) -> None:
    """A document that counts more tests than it lists, besides the skipped ones, is not whole."""
    cases = list(CASE.finditer(written(name)))
    cut = data.draw(st.sets(st.integers(0, len(cases) - 1), min_size=1))
    assume(any("skipped" not in cases[one].group() and "notrun" not in cases[one].group() for one in cut))
    kept = iter(range(len(cases)))
    content = CASE.sub(lambda found: "" if next(kept) in cut else found.group(), written(name))
    assert verdict("junit", content) in {F, Q}


outcomes = st.sampled_from(["", "<failure/>", "<error/>", "<skipped/>", "<flakyFailure/>"])


@given(st.lists(st.tuples(st.sampled_from("abc"), outcomes), max_size=6), st.integers(0, 3), st.booleans())
def test_pass_needs_a_test_that_passed_and_none_that_only_failed(
    cases: list[tuple[str, str]], failures: int, go: bool
) -> None:
    """Where a document passes, a case passed, and each that failed was followed by a pass of that name."""
    body = (GO if go else "") + "".join(case(name, inner) for name, inner in cases)
    if verdict("junit", suite(body, failures=str(failures))) is not P:
        return
    last = dict(cases)
    assert any(inner in {"", "<flakyFailure/>"} for _, inner in cases)
    assert all(
        last[name] in {"", "<flakyFailure/>"} for name, inner in cases if inner in {"<failure/>", "<error/>"}
    )
    assert go or not any(inner in {"<failure/>", "<error/>"} for _, inner in cases)
