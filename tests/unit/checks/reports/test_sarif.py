"""SARIF by the standard: the rule of a result, its grade, its suppression, and runs that are not whole.

Sections are those of SARIF 2.1.0 (docs.oasis-open.org/sarif/sarif/v2.1.0).
"""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checks.kinds.report.definition import ReportFormat
from launch_pipeline.checks.kinds.report.parse import parse_report
from launch_pipeline.checks.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
Object = dict[str, Any]
EXTENSION = {
    "name": "codeql/queries",
    "guid": "AAAAAAAA-0000-0000-0000-000000000001",
    "rules": [
        {
            "id": "py/path",
            "guid": "BBBBBBBB-0000-0000-0000-000000000002",
            "properties": {"security-severity": "9.3"},
        }
    ],
}
RULES = [
    {"id": "mild", "defaultConfiguration": {"level": "note"}},
    {"id": "abc/def", "properties": {"security-severity": "9.8"}, "deprecatedIds": ["OLD1"]},
    {"id": "twice", "properties": {"security-severity": "2.0"}},
    {"id": "twice", "properties": {"security-severity": "7.5"}},
    {"id": "grave", "defaultConfiguration": {"level": "error"}},
    {"id": "off", "defaultConfiguration": {"enabled": False}},
    {"id": "odd", "properties": {"security-severity": "HIGH"}},
]


def log(*results: Object, rules: list[Object] | None = None, **fields: Any) -> Object:
    """Build a log of one run."""
    driver = {"name": "scanner", "rules": RULES if rules is None else rules}
    run = {"tool": {"driver": driver, "extensions": [EXTENSION]}, "results": list(results), **fields}
    return {"version": "2.1.0", "runs": [run]}


def bare(*results: Object) -> Object:
    """Build a log of a tool that describes no rules."""
    return {"runs": [{"tool": {"driver": {"name": "t"}}, "results": list(results)}]}


RESULTS: dict[str, tuple[Object, Verdict, str]] = {
    "3.52.4: one component more": (log({"ruleId": "abc/def/ghi"}), F, "critical = 1"),
    "several components more": (log({"ruleId": "abc/def/g/h/i"}), F, "critical = 1"),
    "3.52.4: rule.id with its index": (log({"rule": {"id": "abc/def/ghi", "index": 1}}), F, "critical = 1"),
    "a longer word is another rule": (log({"ruleId": "abc/defg"}), Q, "abc/defg is not known"),
    "3.52.5: the index decides between rules of one id": (log({"ruleId": "twice", "ruleIndex": 3}), F, "high = 1"),
    "3.52.5: so does rule.index": (log({"ruleId": "twice", "rule": {"index": 2}}), P, "critical = 0"),
    "rules of one id, and no index": (log({"ruleId": "twice"}), F, "high = 1"),
    "3.27.6: the index alone": (log({"ruleIndex": 4}), F, "high = 1"),
    "an index that contradicts the id": (log({"ruleId": "abc/def", "ruleIndex": 0}), F, "critical = 1"),
    "an index beyond the rules": (log({"ruleId": "gone", "ruleIndex": 99, "level": "note"}), Q, "gone is not known"),
    "an index of a rule that was cut out": (log({"ruleIndex": 0, "level": "warning"}, rules=[]), Q, "a rule without id"),
    "3.54.2: an extension by its index": (log({"rule": {"index": 0, "toolComponent": {"index": 0}}}), F, "critical = 1"),
    "3.54.2: the driver, where the reference names nothing": (log({"rule": {"index": 4, "toolComponent": {"index": -1}}}), F, "high = 1"),
    "an extension by its guid": (log({"rule": {"index": 0, "toolComponent": {"guid": EXTENSION["guid"].lower()}}}), F, "critical = 1"),
    "an extension by its name": (log({"rule": {"index": 0, "toolComponent": {"name": "codeql/queries"}}}), F, "critical = 1"),
    "an extension that does not exist": (log({"rule": {"id": "x", "index": 0, "toolComponent": {"index": 7}}}), Q, "x is not known"),
    "3.52.6: a rule by its guid": (log({"rule": {"guid": EXTENSION["rules"][0]["guid"], "toolComponent": {"index": 0}}}), F, "critical = 1"),
    "a guid of no rule": (bare({"rule": {"guid": "CCCC"}, "level": "warning"}), Q, "a rule without id"),
    "a component of no tool": (bare({"rule": {"id": "x", "toolComponent": {"guid": "CCCC"}}, "level": "warning"}), Q, "x is not known"),
    "a rule of an extension by its id alone": (log({"ruleId": "py/path"}), F, "critical = 1"),
    "3.49.4: a former id": (log({"ruleId": "OLD1"}), F, "critical = 1"),
    "a rule that nobody describes": (log({"ruleId": "other"}), Q, "other is not known"),
    "a rule that nobody describes, where severities grade": (log({"ruleId": "other", "level": "note"}), Q, "other is not known"),
    "a tool without rules that states its level": (bare({"ruleId": "x", "level": "error"}), F, "high = 1"),
    "a tool without rules that states a mild level": (bare({"ruleId": "x", "level": "warning"}), P, "critical = 0"),
    "a tool without rules and levels": (bare({"ruleId": "x"}), Q, "x is not known"),
    "a level that is none": (bare({"ruleId": "x", "level": "fatal"}), Q, "x is not known"),
    "a severity that is no number": (log({"ruleId": "odd", "level": "note"}), Q, "odd is not known"),
    "a severity of the result itself": (log({"ruleId": "mild", "properties": {"security-severity": "9.9"}}), F, "critical = 1"),
    "3.27.10: the level by default": (log({"ruleId": "mild"}), P, "critical = 0"),
    "3.27.9: a kind that cannot decide": (log({"ruleId": "mild", "kind": "open"}), Q, "could not decide"),
    "a kind for a person to review": (log({"ruleId": "mild", "kind": "review"}), Q, "could not decide"),
    "a kind that is none": (log({"ruleId": "mild", "kind": "perhaps"}), Q, "could not decide"),
    "a pass with the level of a failure": (log({"ruleId": "mild", "kind": "pass", "level": "error"}), Q, "could not decide"),
    "passes and remarks": (log({"ruleId": "grave", "kind": "pass"}, {"ruleId": "grave", "kind": "informational"}), P, "critical = 0"),
    "3.27.24: found in an earlier run only": (log({"ruleId": "grave", "baselineState": "absent"}), P, "critical = 0"),
    "found in an earlier run too": (log({"ruleId": "grave", "baselineState": "unchanged"}), F, "high = 1"),
    "one is known, another is not": (log({"ruleId": "grave"}, {"ruleId": "other"}), F, "(and 1 more)"),
}  # fmt: skip


@pytest.mark.parametrize(("document", "verdict", "headline"), RESULTS.values(), ids=RESULTS.keys())
def test_grade_of_a_result(
    judged: Callable[..., Any], document: Object, verdict: Verdict, headline: str
) -> None:
    """A result has the grade of its rule; one whose rule or grade cannot be told is not mild."""
    got, text = judged("sarif", document)
    assert (got, headline in text) == (verdict, True), text


def test_undecided_result_is_no_finding_yet(judged: Callable[..., Any]) -> None:
    """Where the tool could not decide, the number of findings is open too."""
    graded = {"critical": ">= 0", "high": ">= 0"}
    for total in ("== 0", "== 1"):
        document = log({"ruleId": "mild", "kind": "open"})
        assert judged("sarif", document, expect={"total": total, **graded})[0] is Q


def test_rules_of_another_run(judged: Callable[..., Any]) -> None:
    """A rule grades the results of its own run, though another tool has one of the same id."""
    mild, grave = (
        {"id": "r", "defaultConfiguration": {"level": "note"}},
        {"id": "r", **RULES[1], "deprecatedIds": []},
    )
    both = [log({"ruleId": "r"}, rules=[mild]), log(rules=[{**grave, "id": "r"}])]
    assert judged("sarif", {"runs": [one["runs"][0] for one in both]})[0] is P
    both = [log({"ruleId": "r"}), log(rules=[mild])]
    assert judged("sarif", {"runs": [one["runs"][0] for one in both]})[0] is Q


def test_worst_findings_come_first() -> None:
    """The list of findings begins with the gravest; one of unknown grade stands behind the critical ones."""
    results = [{"ruleId": name} for name in ("mild", "other", "grave", "abc/def")]
    parsed = parse_report(ReportFormat.SARIF, json.dumps(log(*results)).encode(), [], [])
    assert [line.split()[:2] for line in parsed.worst] == [
        ["critical:", "abc/def"],
        ["unknown:", "other"],
        ["high:", "grave"],
        ["low:", "mild"],
    ]


STEPS = {"10.0": "critical", "9.0": "critical", "8.9": "high", "7.0": "high", "6.9": "medium", "4.0": "medium",
         "3.9": "low", "0.0": "low"}  # fmt: skip


@pytest.mark.parametrize(("severity", "grade"), STEPS.items())
def test_steps_of_the_severity(judged: Callable[..., Any], severity: str, grade: str) -> None:
    """The steps are GitHub's: critical from 9, high from 7, medium from 4 (docs.github.com, SARIF support)."""
    document = log({"ruleId": "r"}, rules=[{"id": "r", "properties": {"security-severity": severity}}])
    others = {name: "== 0" for name in ("critical", "high", "medium", "low") if name != grade}
    assert judged("sarif", document, expect={grade: "== 1", **others})[0] is P


@pytest.mark.parametrize("severity", ["10.1", "-1", "NaN", "", "high", True])
def test_severity_out_of_range(judged: Callable[..., Any], severity: Any) -> None:
    """A severity that is none of 0 to 10 leaves the grade open."""
    document = log({"ruleId": "r"}, rules=[{"id": "r", "properties": {"security-severity": severity}}])
    assert judged("sarif", document, expect={"low": "== 1"})[0] is Q


def override(level: str, **more: Any) -> list[Object]:
    return [{"executionSuccessful": True, "ruleConfigurationOverrides": [
        {"descriptor": {"index": 0}, "configuration": {"level": level, **more}}]}]  # fmt: skip


def test_override_of_the_level(judged: Callable[..., Any]) -> None:
    """A configuration of the invocation replaces the rule's default level (3.27.10)."""
    meant = {"ruleId": "mild", "ruleIndex": 0, "provenance": {"invocationIndex": 0}}
    assert judged("sarif", log(meant, invocations=override("error")))[0] is F
    elsewhere = [{"executionSuccessful": True}, *override("error")]
    assert judged("sarif", log(meant, invocations=elsewhere))[0] is P
    silent = {"ruleId": "mild", "ruleIndex": 0}
    assert judged("sarif", log(silent, invocations=override("error")))[0] is F
    grave = {"ruleId": "grave", "ruleIndex": 0, "provenance": {"invocationIndex": 0}}
    eased = log(grave, rules=[RULES[4]], invocations=override("note"))
    assert judged("sarif", eased)[0] is P
    assert judged("sarif", log({**grave, "level": "error"}, invocations=override("note")))[0] is F


def told(key: str, **notification: Any) -> Object:
    return log(invocations=[{"executionSuccessful": True, key: [{"message": {"text": "m"}, **notification}]}])


def described(level: str, *, named: str = "N1", **invocation: Any) -> Object:
    """Build a log with a notification whose id and level its descriptor gives."""
    document = told("toolExecutionNotifications", descriptor={"index": 0})
    run = document["runs"][0]
    driver = run["tool"]["driver"]
    driver["notifications"] = [{"id": named, "defaultConfiguration": {"level": level}}]
    run["invocations"][0] |= invocation
    return document


WORSE = {
    "notificationConfigurationOverrides": [{"descriptor": {"id": "N1"}, "configuration": {"level": "error"}}]
}
PARTIAL: dict[str, tuple[Object | str, str]] = {
    "3.20.21": (told("toolExecutionNotifications", level="error"), "not all: m"),
    "3.20.22": (told("toolConfigurationNotifications", level="error"), "not all: m"),
    "3.58.6: the level by default": (described("error"), "not all: m"),
    "the level by an override": (described("note", **WORSE), "not all: m"),
    "a level that is none": (told("toolExecutionNotifications", level="fatal"), "not all: m"),
    "a file that bandit could not parse": ("bandit-unparsed-file.sarif", "syntax error while parsing"),
    "the tutorial's notifications": ("sarif-notifications.sarif", "did not finish"),
    "the tutorial's configuration error": ("sarif-configuration-error.sarif", "no results"),
    "the tutorial's run without results": ("sarif-no-results.sarif", "no results"),
    "3.20.14: it failed": (log(invocations=[{"executionSuccessful": False}]), "did not finish"),
    "a failure that is a text": (log(invocations=[{"executionSuccessful": "false"}]), "did not finish"),
    "3.20.9: an exit code and no success": (log(invocations=[{"exitCode": 2}]), "did not finish"),
    "3.20.11: a signal": (log(invocations=[{"executionSuccessful": True, "exitSignalName": "SIGKILL"}]), "a signal"),
    "3.20.12: its number": (log(invocations=[{"executionSuccessful": True, "exitSignalNumber": 9}]), "a signal"),
    "3.20.13": (log(invocations=[{"executionSuccessful": True, "processStartFailureMessage": "no"}]), "did not start"),
    "the second invocation failed": (log(invocations=[{"executionSuccessful": True}, {"executionSuccessful": False}]), "did not finish"),
    "3.14.23: null": (log(results=None), "no results"),
    "3.15: results in another file": (log(externalPropertyFileReferences={"results": [{"location": {"uri": "r"}}]}), "another file"),
    "invocations in another file": (log(externalPropertyFileReferences={"invocations": [{"location": {"uri": "r"}}]}), "another file"),
    "no run": ({"runs": []}, "no run"),
    "3.13.6: results beside the runs": ({**log(), "inlineExternalProperties": [{"results": [{"ruleId": "grave"}]}]}, "beside the runs"),
    "invocations beside the runs": ({**log(), "inlineExternalProperties": [{"runGuid": "g", "invocations": [{"executionSuccessful": False}]}]}, "beside the runs"),
    **{
        f"semgrep: {word}, a warning": (told("toolExecutionNotifications", level="warning", descriptor={"id": word}), "not all: m")
        for word in ("Syntax error", "PartialParsing", "Lexical error", "Timeout", "Out of memory", "Fixpoint timeout", "Internal matching error", "Timeout during interfile analysis")
    },
    "a warning that its descriptor names": (described("warning", named="Fatal error"), "not all: m"),
    "a file that semgrep could not parse": ("semgrep-1.185.0-unparsed-file.sarif", "not all: Syntax error"),
}  # fmt: skip


@pytest.mark.parametrize(("document", "reason"), PARTIAL.values(), ids=PARTIAL.keys())
def test_run_that_is_not_whole(judged: Callable[..., Any], document: Object | str, reason: str) -> None:
    """A run that says that it failed, or whose results are elsewhere, proves nothing."""
    verdict, text = judged("sarif", document)
    assert (verdict, reason in text) == (Q, True), text


def test_second_run_that_is_not_whole(judged: Callable[..., Any]) -> None:
    """Every run of a log must be whole."""
    whole, broken = log(), log(results=None)
    assert judged("sarif", {"runs": whole["runs"] + broken["runs"]})[0] is Q


HARMLESS: dict[str, Object] = {
    "a warning": told("toolExecutionNotifications", level="warning"),
    "a note": told("toolConfigurationNotifications", level="note"),
    "no level": told("toolExecutionNotifications"),
    "a descriptor's note": described("note"),
    "a warning of another sort": told(
        "toolExecutionNotifications", level="warning", descriptor={"id": "SemgrepWarning"}
    ),
    "a note of syntax": told("toolExecutionNotifications", level="note", descriptor={"id": "Syntax error"}),
    "artifacts beside the runs": {
        **log(),
        "inlineExternalProperties": [{"artifacts": [{"location": {"uri": "a"}}]}],
    },
    "an exit code that the tool counts as success": log(
        invocations=[{"executionSuccessful": True, "exitCode": 1}]
    ),
    "artifacts in another file": log(
        externalPropertyFileReferences={"artifacts": [{"location": {"uri": "a"}}]}
    ),
    "no invocation": log(),
}


@pytest.mark.parametrize("document", HARMLESS.values(), ids=HARMLESS.keys())
def test_run_that_is_whole(judged: Callable[..., Any], document: Object) -> None:
    """What a tool says in passing takes nothing from its results; an item can ask for no warnings."""
    assert judged("sarif", document)[0] is P
    warned = document in (HARMLESS["a warning"], HARMLESS["no level"], HARMLESS["a warning of another sort"])
    assert judged("sarif", document, expect={"warnings": "== 0"})[0] is (F if warned else P)


SUPPRESSIONS: dict[str, tuple[list[Object] | None, bool]] = {
    "absent": (None, False),
    "none": ([], False),
    "in the source": ([{"kind": "inSource"}], True),
    "accepted": ([{"kind": "external", "status": "accepted"}], True),
    "accepted twice": ([{"kind": "inSource"}, {"status": "accepted"}], True),
    "rejected": ([{"status": "rejected"}], False),
    "under review": ([{"status": "underReview"}], False),
    "accepted and under review": ([{"status": "accepted"}, {"status": "underReview"}], False),
    "rejected, then in the source": ([{"status": "rejected"}, {"kind": "inSource"}], False),
    "a status that is none": ([{"status": "later"}], False),
}


@pytest.mark.parametrize(("given", "suppressed"), SUPPRESSIONS.values(), ids=SUPPRESSIONS.keys())
def test_suppression(judged: Callable[..., Any], given: list[Object] | None, suppressed: bool) -> None:
    """A result is suppressed only where no request to suppress it is rejected or under review (3.35.3)."""
    assert judged("sarif", log({"ruleId": "grave", "suppressions": given}))[0] is (P if suppressed else F)


def test_suppressions_of_the_tutorial(judged: Callable[..., Any]) -> None:
    """Of its nine results those with an open or a rejected request count."""
    assert judged("sarif", "sarif-suppressions.sarif", expect={"total": "== 6", "critical": "== 6"})[0] is Q
    only = {"total": "== 6", "suppressed": "== 3"}
    parsed = judged(
        "sarif", "sarif-suppressions.sarif", expect={**only, "critical": "exists", "high": "exists"}
    )
    assert parsed[0] is Q
    assert "TUT1001 is not known" in parsed[1]


def test_default_configuration_of_the_tutorial(judged: Callable[..., Any]) -> None:
    """The index finds the rule though the ids differ, since an id takes no part in the look-up (3.52.4)."""
    verdict, text = judged(
        "sarif", "sarif-default-configuration.sarif", expect={"high": "== 1", "medium": "== 1"}
    )
    assert verdict is P, text


ASKED: dict[str, tuple[Object, list[str], Verdict, str]] = {
    "a hierarchical result": (log({"ruleId": "abc/def/ghi"}), ["abc/def"], F, "total = 1"),
    "a result by its index": (log({"ruleIndex": 4}), ["grave"], F, "total = 1"),
    "a result by a guid": (log({"rule": {"guid": EXTENSION["rules"][0]["guid"], "toolComponent": {"index": 0}}}), ["py/*"], F, "total = 1"),
    "a result by a former id": (log({"ruleId": "OLD1"}), ["abc/def"], F, "total = 1"),
    "another rule's result": (log({"ruleId": "grave"}), ["mild"], P, "total = 0"),
    "a rule that ran and found nothing": (log(), ["abc/*", "py/path"], P, "total = 0"),
    "one of two rules is not there": (log(), ["abc/*", "js/xss"], Q, "js/xss"),
    "a rule that is switched off": (log(), ["off"], Q, "off"),
    "a rule that did not apply": (log({"ruleId": "grave", "kind": "notApplicable"}), ["grave"], Q, "grave"),
    "a rule that did not apply to one file only": (
        log({"ruleId": "grave", "kind": "notApplicable"}, {"ruleId": "grave", "kind": "pass"}), ["grave"], P, "total = 0"),
    "a finding, and a rule that is not there": (log({"ruleId": "grave"}), ["grave", "js/xss"], Q, "found so far: 1"),
    "a result without a rule": (bare({"message": {"text": "m"}, "level": "error"}, {"ruleId": "x", "kind": "pass"}), ["x"], Q, "does not say its rule"),
    "a rule of another run": ({"runs": log()["runs"] + bare()["runs"]}, ["grave"], P, "total = 0"),
    "no rule is described": (bare(), ["x"], Q, "x"),
}  # fmt: skip


@pytest.mark.parametrize(("document", "rules", "verdict", "headline"), ASKED.values(), ids=ASKED.keys())
def test_rules_that_are_asked_for(
    judged: Callable[..., Any], document: Object, rules: list[str], verdict: Verdict, headline: str
) -> None:
    """That nothing was found proves something only where each wanted rule ran."""
    got, text = judged(
        "sarif", document, rules=rules, expect={"total": "== 0", "critical": ">= 0", "high": ">= 0"}
    )
    assert (got, headline in text) == (verdict, True), text


def test_rule_that_an_override_switches(judged: Callable[..., Any]) -> None:
    """The invocation's configuration says whether a rule was checked for (3.50.2)."""
    off = log(invocations=override("note", enabled=False))
    assert judged("sarif", off, rules=["mild"], expect={"total": "== 0"})[0] is Q
    switched = [{"descriptor": {"id": "off"}, "configuration": {"enabled": True}}]
    on = log(invocations=[{"executionSuccessful": True, "ruleConfigurationOverrides": switched}])
    assert judged("sarif", on, rules=["off"], expect={"total": "== 0"})[0] is P


def test_commits_and_times_of_every_run() -> None:
    """Each run's commits are kept apart, and the run that ended first dates the report."""
    runs = [
        log(versionControlProvenance=[{"revisionId": "a"}, {"revisionId": "b"}], invocations=[{"executionSuccessful": True, "endTimeUtc": "2026-01-02T00:00:00Z"}]),
        log(invocations=[{"executionSuccessful": True, "startTimeUtc": "2026-01-01T00:00:00Z"}]),
    ]  # fmt: skip
    parsed = parse_report(
        ReportFormat.SARIF, json.dumps({"runs": [one["runs"][0] for one in runs]}).encode(), [], []
    )
    assert parsed.commits == (("a", "b"), ())
    assert parsed.generated_at == "2026-01-01T00:00:00Z"
    ends = [{"endTimeUtc": f"2026-01-0{day}T00:00:00Z"} for day in (3, 2)]
    later = json.dumps(log(invocations=ends)).encode()
    assert parse_report(ReportFormat.SARIF, later, [], []).generated_at == "2026-01-02T00:00:00Z"
    undated = {"runs": [runs[0]["runs"][0], log()["runs"][0]]}
    assert parse_report(ReportFormat.SARIF, json.dumps(undated).encode(), [], []).generated_at is None


def test_files_that_a_run_lists(judged: Callable[..., Any]) -> None:
    """Files are counted over all runs; where none is listed, how many were looked at is not known."""
    listed = log(artifacts=[{"location": {"uri": "a.ts"}}, {"location": {"uri": "b.ts"}}])
    listed["runs"] *= 2
    assert judged("sarif", listed, expect={"files": "== 4"})[0] is P
    assert judged("sarif", log(), expect={"files": ">= 0"})[0] is Q
    assert judged("sarif", log(artifacts=[]), expect={"files": ">= 0"})[0] is Q
