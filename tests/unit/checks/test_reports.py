"""Readers of reports against whatever is no report: a reader gives facts or says why not, and soon."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import copy
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launch_pipeline.checks.canonical import plain
from launch_pipeline.checks.kinds.report.definition import ReportFormat, ReportParams, criteria
from launch_pipeline.checks.kinds.report.parse import parse_report
from launch_pipeline.checks.language.expect import judge
from launch_pipeline.checks.reports.parsed import Parsed
from launch_pipeline.checks.verdict import Observation, Subject, Verdict
from servers.report_files import written

REPORTS = Path(__file__).parents[2] / "integration" / "checks" / "reports"
K6 = {
    "metrics": {
        "http_reqs": {"count": 60000, "rate": 100.0},
        "http_req_duration": {"p(95)": 312.5, "thresholds": {"p(95)<500": False, "p(99)<900": {"ok": True}}},
        "http_req_failed": {"values": {"rate": 0.0002}},
        "vus": {"max": 1000, "value": 3},
        "vus_max": {"max": 1000, "value": 1000},
    },
    "state": {"testRunDurationMs": 600_000.5},
}
TRIVY = {
    "CreatedAt": "2026-01-01T00:00:00.123456789Z",
    "Results": [
        {
            "Vulnerabilities": [
                {"VulnerabilityID": "CVE-1", "Severity": "HIGH", "PkgName": "p", "Title": "t"}
            ],
            "Misconfigurations": [{"ID": "m", "Status": "FAIL", "Severity": "LOW"}],
            "Secrets": [{"RuleID": "s", "Severity": "CRITICAL"}],
            "ExperimentalModifiedFindings": [{}],
        }
    ],
}
ZAP = {
    "created": "2026-01-01T00:00:00Z",
    "site": [{"alerts": [{"pluginid": "40018", "riskcode": "3", "confidence": "2", "name": "n"}]}],
}
SARIF = {
    "runs": [
        {
            "tool": {
                "driver": {
                    "name": "CodeQL",
                    "rules": [{"id": "r", "properties": {"security-severity": "9.1"}}],
                },
                "extensions": [{"rules": [{"id": "e", "defaultConfiguration": {"level": "error"}}]}],
            },
            "results": [
                {"ruleIndex": 0, "level": "note", "message": {"text": "m"}},
                {"rule": {"id": "e"}, "kind": "fail", "suppressions": [{"status": "accepted"}]},
            ],
            "versionControlProvenance": [{"revisionId": "c"}],
            "invocations": [{"executionSuccessful": True, "endTimeUtc": "2026-01-01T00:00:00Z"}],
        }
    ]
}
JUNIT = (
    '<testsuites name="t" time="1.5" failures="1"><testsuite name="s" tests="2" errors="0" timestamp="2026-01-01">'
    '<properties><property name="commit" value="c"/></properties><testcase classname="a" name="b[1]"/>'
    '<testcase classname="a" name="c"><failure>no</failure></testcase></testsuite></testsuites>'
)
DOCUMENTS: dict[ReportFormat, Any] = {
    ReportFormat.K6: K6,
    ReportFormat.TRIVY: TRIVY,
    ReportFormat.ZAP: ZAP,
    ReportFormat.SARIF: SARIF,
    ReportFormat.LOCUST: json.loads((REPORTS / "locust.json").read_text(encoding="utf-8")),
    ReportFormat.ISTANBUL: json.loads(written("nyc-18.0.0-final.json")),
}
TEXTS = {
    ReportFormat.JUNIT: JUNIT,
    ReportFormat.COBERTURA: (REPORTS / "coverage.xml").read_text(encoding="utf-8"),
    ReportFormat.JACOCO: written("jacoco-0.8.6.xml"),
    ReportFormat.LCOV: written("coverage.py-7.17.5.info"),
}

numbers = st.integers() | st.floats() | st.sampled_from([10**400, -1, 0, float("inf"), 1e308, 2**63])
leaves = (
    st.none()
    | st.booleans()
    | numbers
    | st.text(max_size=8)
    | st.sampled_from(["9e307", "NaN", "1e999", "-0"])
)
values = st.recursive(
    leaves,
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=4), v, max_size=3),
    max_leaves=6,
)


def read(form: ReportFormat, content: bytes) -> None:
    """Read it; facts, if there are any, can be kept, and are judged as any others."""
    try:
        parsed = parse_report(form, content, ["r*", "CVE-*"], ["b", "flow"])
    except ValueError:
        return
    assert isinstance(parsed, Parsed)
    json.dumps(plain(parsed.facts), allow_nan=False)
    json.dumps(plain([parsed.tool, parsed.commit, parsed.generated_at, parsed.worst]), allow_nan=False)
    subject = Subject(name="r", facts=parsed.facts, unknown=dict(parsed.unknown))
    seen = Observation(subjects=(subject,), authority="r")
    expect = {"line_rate": ">= 0.8", "requests": ">= 1"}
    assert judge(seen, criteria(ReportParams.model_validate({"uri": "r", "format": form, "expect": expect})))


@settings(deadline=None)
@given(st.sampled_from(ReportFormat), st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_bytes(form: ReportFormat, content: bytes) -> None:
    """Any bytes are a report or they are not."""
    read(form, content)


@settings(deadline=None)
@given(st.sampled_from(sorted(DOCUMENTS)), values)
def test_any_document(form: ReportFormat, document: Any) -> None:
    """Any JSON is a report or it is not."""
    read(form, json.dumps(document).encode())


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Name the way to every value of a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(found for name, one in inner for found in places(one, (*way, name)))]


def changed(document: Any, way: tuple[Any, ...], value: Any) -> Any:
    """Copy a document with another value at one place."""
    if not way:
        return value
    made = copy.deepcopy(document)
    at = made
    for name in way[:-1]:
        at = at[name]
    at[way[-1]] = value
    return made


@settings(deadline=None, max_examples=300)
@given(st.data(), st.sampled_from(sorted(DOCUMENTS)), values)
def test_report_with_another_value(data: st.DataObject, form: ReportFormat, value: Any) -> None:
    """Where a good report has anything else at any place, it is read otherwise or not at all."""
    document = DOCUMENTS[form]
    way = data.draw(st.sampled_from(places(document)))
    read(form, json.dumps(changed(document, way, value)).encode())


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(sorted(TEXTS)),
    st.integers(0, 600),
    st.integers(0, 40),
    st.text(alphabet="<>/=\"'&;!?-[]9eE.+ atsuiecfnr\x00", max_size=12),
)
def test_report_with_other_characters(form: ReportFormat, at: int, length: int, put: str) -> None:
    """Where a good report of XML has other characters at any place, it is read otherwise or not at all."""
    text = TEXTS[form]
    read(form, (text[:at] + put + text[at + length :]).encode())


MANY = 50_000
LARGE: dict[str, tuple[ReportFormat, bytes]] = {
    "test cases": (ReportFormat.JUNIT, b"<testsuites>" + b'<testcase name="b"/>' * MANY + b"</testsuites>"),
    "runs of one test": (
        ReportFormat.JUNIT, b"<testsuite>" + b'<testcase name="b"><flakyError/></testcase>' * MANY + b"</testsuite>"),
    "lines of a tracefile": (
        ReportFormat.LCOV, b"SF:a\n" + b"".join(b"DA:%d,1\n" % n for n in range(MANY)) + b"end_of_record"),
    "suites in suites": (
        ReportFormat.JUNIT, b"<testsuites>" + b"<testsuite>" * MANY + b"</testsuite>" * MANY + b"</testsuites>"),
    "attributes": (
        ReportFormat.COBERTURA, b"<coverage " + b" ".join(b'a%d="x"' % n for n in range(MANY)) + b' line-rate="1"/>'),
    "findings": (
        ReportFormat.TRIVY, json.dumps({"Results": [{"Vulnerabilities": [{"VulnerabilityID": "C"}] * MANY}]}).encode()),
    "long rules": (
        ReportFormat.SARIF, json.dumps({"runs": [{"tool": {"driver": {"name": "x", "rules": [{"id": "r" * MANY}]}},
                                                  "results": [{"ruleId": "r" * MANY}] * 9}]}).encode()),
}  # fmt: skip


@pytest.mark.parametrize(("form", "content"), LARGE.values(), ids=LARGE.keys())
def test_large_report_is_read_soon(form: ReportFormat, content: bytes) -> None:
    """Tens of thousands of anything take seconds of the processor's time, not minutes."""
    began = time.thread_time()
    read(form, content)
    assert time.thread_time() - began < 5


def test_good_reports_are_read() -> None:
    """What is changed above is a report to begin with, and its findings count."""
    for form, document in DOCUMENTS.items():
        facts = parse_report(form, json.dumps(document).encode(), [], []).facts
        assert facts.get("requests") or facts.get("lines") or facts.get("critical", 0) + facts["high"], form
    assert parse_report(ReportFormat.JUNIT, JUNIT.encode(), [], ["b", "c"]).facts["missing"] == ["c"]


def test_failures_fail() -> None:
    """A suite that states more failures than its cases show is believed."""
    facts = parse_report(
        ReportFormat.JUNIT, JUNIT.replace('failures="1"', 'failures="3"').encode(), [], []
    ).facts
    seen = Observation(subjects=(Subject(name="r", facts=facts),), authority="r")
    wanted = criteria(ReportParams(uri="r", format=ReportFormat.JUNIT))
    assert (facts["failures"], judge(seen, wanted)[0]) == (3, Verdict.FAILED)
