"""``report`` against report files: written out here, made by pytest, and left by coverage, locust and bandit.

Those three are in ``reports`` as coverage 7.17.3, locust 2.47.0 (five users for four seconds, one page of ten
missing) and bandit 1.9.4 wrote them about a module of three functions.
"""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers.checking import check, context, raw, run

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
COMMIT = "a" * 40


def ago(**age: float) -> str:
    return (datetime.now(UTC) - timedelta(**age)).isoformat()


def judged(path: Path, form: str, content: str | None, meta: Any = None, **params: Any) -> CheckResult:
    """Write a report and its sidecar, and check it."""
    if content is not None:
        path.write_text(content)
    beside = {"commit": COMMIT, "generated_at": ago(hours=1)} if meta is None else meta
    if beside:
        path.with_name(path.name + ".meta.json").write_text(json.dumps(beside))
    ctx = context(variables={"release_sha": COMMIT})
    return run(check(ctx, "report", uri=path.as_uri(), format=form, **params))


def junit(body: str, **attributes: str) -> str:
    given = " ".join(f'{k}="{v}"' for k, v in attributes.items())
    return f'<testsuites><testsuite name="s" time="1.5" {given}>{body}</testsuite></testsuites>'


def sarif(*results: dict[str, Any], **run_fields: Any) -> str:
    rules = [
        {"id": "js/xss", "properties": {"security-severity": "7.8"}},
        {"id": "js/sql-injection", "properties": {"security-severity": "9.8"}},
        {"id": "style", "defaultConfiguration": {"level": "error"}},
    ]
    driver = {"name": "CodeQL", "rules": rules}
    return json.dumps(
        {"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results, **run_fields}]}
    )


def zap(*alerts: tuple[str, str]) -> str:
    listed = [
        {"pluginid": plugin, "riskcode": risk, "confidence": "2", "name": "n"} for plugin, risk in alerts
    ]
    return json.dumps({"site": [{"alerts": listed}]})


K6 = {
    "metrics": {
        "http_reqs": {"count": 60000, "rate": 100.0},
        "http_req_duration": {"p(95)": 312.5, "thresholds": {"p(95)<500": False}},
        "http_req_failed": {"value": 0.0002},
        "vus": {"max": 1000, "value": 3},
        "vus_max": {"max": 1000, "value": 1000},
    }
}
CROSSED = {
    **K6,
    "metrics": {**K6["metrics"], "http_req_duration": {"p(95)": 900, "thresholds": {"p(95)<500": True}}},
}
NEW = {
    "metrics": {
        "http_reqs": {"values": {"count": 10, "rate": 1}},
        "http_req_duration": {"values": {"p(95)": 1}, "thresholds": {"p(95)<500": {"ok": False}}},
    },
    "state": {"testRunDurationMs": 10_000},
}
ENTRY = {"num_requests": 100, "num_failures": 1, "response_times": {"10": 90, "700": 10}, "start_time": 1.0,
         "last_request_timestamp": 61.0}  # fmt: skip

REPORTS: dict[str, tuple[str, str | None, dict[str, Any], Verdict, str]] = {
    "tests passed": ("junit", junit('<testcase name="a"/>'), {}, P, "tests = 1"),
    "a test failed": ("junit", junit('<testcase name="a"><failure/></testcase>'), {}, F, "failures = 1"),
    "no test ran": ("junit", junit(""), {}, F, "tests = 0"),
    "a crash without a case": ("junit", junit('<testcase name="a"/>', errors="1"), {}, F, "errors = 1"),
    "required test ran": (
        "junit", junit('<testcase name="test_flow[x]"/>'), {"require": ["flow"]}, P, "tests = 1"),
    "required test is missing": ("junit", junit('<testcase name="a"/>'), {"require": ["flow"]}, F, '["flow"]'),
    "a skipped test is missing": (
        "junit", junit('<testcase name="flow"><skipped/></testcase><testcase name="a"/>'), {"require": ["flow"]}, F, '["flow"]'),
    "nothing but skipped tests": ("junit", junit('<testcase name="flow"><skipped/></testcase>'), {}, F, "passed = 0"),
    "entities are refused": (
        "junit", '<!DOCTYPE x [<!ENTITY e "e">]><testsuites>&e;</testsuites>', {}, Q, "not safe"),
    "entities in entities are refused": (
        "junit", '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><testsuites>&b;</testsuites>', {}, Q, "not safe"),
    "another file is not read": (
        "junit", '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><testsuites>&e;</testsuites>', {}, Q, "not safe"),
    "suites without end": ("junit", "<testsuites>" + "<testsuite>" * 5000 + "</testsuite>" * 5000 + "</testsuites>", {}, Q, "levels deep"),
    "lists without end": ("trivy", '{"Results": ' + "[" * 100_000, {}, Q, "is not a trivy report"),
    "a number of ten thousand digits": ("k6", '{"metrics": {"http_reqs": {"count": ' + "9" * 10_000 + "}}}", {}, Q, "is not a k6 report"),
    "failures beyond counting": ("junit", junit('<testcase name="a"/>', failures="9" * 50), {}, Q, "failures are not numbers"),
    "seconds with a comma": ("junit", '<testsuites time="1,234.5"><testcase name="a"/></testsuites>',
                             {"expect": {"time": "< 60"}}, Q, "does not say in seconds"),
    "infinitely many requests": ("k6", '{"metrics": {"http_reqs": {"count": 1e999, "rate": 1}}}', {"expect": {"requests": ">= 1000"}}, Q, "not a number"),
    "cut off": ("sarif", sarif()[:-9], {}, Q, "is not a sarif report"),
    "an empty file": ("zap", "", {}, Q, "is not a zap report"),
    "a page that asks for a login": ("trivy", "<html><body>Sign in</body></html>", {}, Q, "is not a trivy report"),
    "not XML": ("junit", "oops", {}, Q, "is not a junit report"),
    "another document": ("junit", "<html/>", {}, Q, "<html>"),
    "not there": ("junit", None, {}, Q, "no report at"),
    "coverage": ("cobertura", '<coverage line-rate="0.81" lines-covered="81" lines-valid="100"/>', {"expect": {"line_rate": ">= 0.80"}},
                 P, "line_rate = 0.81"),
    "coverage without counts": ("cobertura", '<coverage line-rate="0.81"/>', {"expect": {"line_rate": ">= 0.80"}}, Q, "how many lines"),
    "coverage of nothing": ("cobertura", '<coverage line-rate="1" lines-valid="0"/>',
                            {"expect": {"line_rate": ">= 0.80"}}, Q, "no line"),
    "no findings": ("sarif", sarif(), {}, P, "critical = 0"),
    "severity, not level": ("sarif", sarif({"ruleId": "js/sql-injection", "level": "note"}), {}, F, "critical = 1"),
    "level without severity": ("sarif", sarif({"ruleId": "style"}), {"expect": {"high": "== 0"}}, F, "high = 1"),
    "suppressed": ("sarif", sarif({"ruleId": "style", "suppressions": [{"kind": "inSource"}]}), {}, P, "high = 0"),
    "only some rules": ("sarif", sarif({"ruleId": "style"}), {"rules": ["js/xss*"], "expect": {"total": "== 0"}},
                        P, "total = 0"),
    "rules that never ran": ("sarif", sarif(), {"rules": ["py/*"], "expect": {"total": "== 0"}}, Q, "py/*"),
    "a run that broke off": ("sarif", sarif(invocations=[{"executionSuccessful": False}]), {}, Q, "not finish"),
    "a run that looked for nothing": ("sarif", sarif(results=None), {}, Q, "did not search for any"),
    "no run": ("sarif", '{"runs": []}', {}, Q, "no run"),
    "trivy": ("trivy", '{"Results": [{"Vulnerabilities": [{"VulnerabilityID": "C", "Severity": "HIGH"}]}]}',
              {"expect": {"critical": "== 0", "high": "== 0"}}, F, "high = 1"),
    "nothing scanned": ("trivy", '{"Results": []}', {}, Q, "nothing was scanned"),
    "zap risk is a text": ("zap", zap(("40018", "3")), {"expect": {"high": "== 0"}}, F, "high = 1"),
    "zap rules": ("zap", zap(("40018", "3")), {"rules": ["10202"], "expect": {"total": "== 0"}}, Q, "10202"),
    "k6": ("k6", json.dumps(K6), {"expect": {"p95_ms": "< 500", "vus_max": ">= 1000", "duration_s": ">= 600",
                                             "error_rate": "< 0.001"}}, P, "p95_ms = 312.5"),
    "k6 true means crossed": ("k6", json.dumps(CROSSED), {}, F, "failed_thresholds"),
    "k6 handleSummary": ("k6", json.dumps(NEW), {}, F, "failed_thresholds"),
    "k6's newest form, which has no thresholds": (
        "k6", json.dumps({"version": "1.0.0", "results": {"metrics": [{"name": "http_reqs", "values": {"count": 9}}]}}),
        {}, Q, "classic form"),
    "k6 without thresholds": (
        "k6", json.dumps({"metrics": {"http_reqs": {"count": 9, "rate": 1.0}}}), {}, F, "thresholds = 0"),
    "k6 without metrics": ("k6", '{"metrics": []}', {}, Q, "handleSummary"),
    "locust": ("locust", json.dumps([ENTRY]), {"expect": {"p95_ms": "< 500"}}, F, "p95_ms = 700"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("form", "content", "params", "verdict", "headline"), REPORTS.values(), ids=REPORTS.keys()
)
def test_report(
    tmp_path: Path, form: str, content: str | None, params: dict[str, Any], verdict: Verdict, headline: str
) -> None:
    """What the tool found is judged by its own meaning of severity, threshold and skipped."""
    result = judged(tmp_path / "r", form, content, **params)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


SUBJECTS: dict[str, tuple[dict[str, Any], dict[str, Any], Verdict, str]] = {
    "another commit": ({"commit": "b" * 40, "generated_at": ago(hours=1)}, {}, Q, "is about commit bbbb"),
    "an abbreviated commit": ({"commit": "a" * 12, "generated_at": ago(hours=1)}, {}, Q, "is about commit"),
    "stale": ({"commit": COMMIT, "generated_at": ago(days=8)}, {}, Q, "stale"),
    "from the future": ({"commit": COMMIT, "generated_at": ago(days=-1)}, {}, Q, "future"),
    "no commit": ({"generated_at": ago(hours=1)}, {}, Q, "name its commit"),
    "no time": ({"commit": COMMIT}, {}, Q, "when it was generated"),
    "a drill is about no commit": (
        {"generated_at": ago(days=20)},
        {"subject": "", "max_age": "30d"},
        P,
        "tests",
    ),
    "sidecar is no object": ([1], {}, Q, "not a JSON object"),
}


@pytest.mark.parametrize(("meta", "params", "verdict", "headline"), SUBJECTS.values(), ids=SUBJECTS.keys())
def test_subject_and_age(
    tmp_path: Path, meta: Any, params: dict[str, Any], verdict: Verdict, headline: str
) -> None:
    """A report that is not about this commit, or not of now, proves nothing."""
    result = judged(tmp_path / "r.xml", "junit", junit('<testcase name="a"/>'), meta, **params)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


REAL: dict[str, tuple[str, dict[str, Any], Verdict, str]] = {
    "coverage.xml": ("cobertura", {"expect": {"line_rate": ">= 0.8", "branch_rate": "== 1"}}, P, "line_rate = 0.8"),
    "coverage.xml: more is wanted": ("cobertura", {"expect": {"line_rate": ">= 0.81"}}, F, "line_rate = 0.8, want >= 0.81"),
    "locust.json": ("locust", {"expect": {"requests": "== 322", "p95_ms": "< 100", "duration_s": "between 3 5"}}, P, "requests = 322"),
    "locust.json: a page is missing": ("locust", {"expect": {"error_rate": "< 0.001"}}, F, "error_rate = 0.0931677"),
    "bandit.sarif": ("sarif", {}, F, "high = 2, want == 0"),
    "bandit.sarif: one rule": ("sarif", {"rules": ["B404"], "expect": {"total": "== 1", "low": "== 1"}}, P, "total = 1"),
    "bandit.sarif: a rule that did not run": ("sarif", {"rules": ["B1*"], "expect": {"total": "== 0"}}, Q, "B1*"),
}  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_report_that_a_tool_made(tmp_path: Path, name: str) -> None:
    """What coverage, locust and bandit really write is read as they mean it."""
    form, params, verdict, headline = REAL[name]
    content = (Path(__file__).parent / "reports" / name.partition(":")[0]).read_text(encoding="utf-8")
    result = judged(tmp_path / "r", form, content, **params)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_report_that_contradicts_its_sidecar(tmp_path: Path) -> None:
    """Where a report names another commit than the file beside it, one of the two is not this release's."""
    told = '<properties><property name="commit" value="{}"/></properties><testcase name="a"/>'
    meta = {"commit": COMMIT, "generated_at": ago(hours=1)}
    seen = [judged(tmp_path / "r.xml", "junit", junit(told.format(one)), meta) for one in (COMMIT, "b" * 40)]
    assert [result.verdict for result in seen] == [P, Q], seen[0].headline
    assert "names commit bbbbbbbbbbbb, but the .meta.json beside it" in raw(seen[1])


@pytest.mark.parametrize("beside", [{}, {"commit": COMMIT}])
def test_commit_that_trivy_scanned(tmp_path: Path, beside: dict[str, str]) -> None:
    """Trivy names the commit of a repository (pkg/types/report.go): a sidecar does not outweigh it."""
    target = {"Target": "package-lock.json", "Class": "lang-pkgs", "Packages": [{"ID": "a"}]}
    meta = {"generated_at": ago(hours=1), **beside}
    scanned = [json.dumps({"Metadata": {"Commit": one}, "Results": [target]}) for one in (COMMIT, "b" * 40)]
    seen = [judged(tmp_path / "r", "trivy", content, meta) for content in scanned]
    assert [result.verdict for result in seen] == [P, Q], seen[0].headline
    assert "commit bbbbbbbbbbbb" in raw(seen[1])


def image_report(name: str, *found: str) -> str:
    hits = [{"VulnerabilityID": "CVE-1", "PkgName": "zlib", "Severity": severity} for severity in found]
    target = {"Target": name, "Class": "os-pkgs", "Packages": [{"ID": "zlib"}], "Vulnerabilities": hits}
    return json.dumps({"ArtifactName": name, "ArtifactType": "container_image", "Results": [target]})


OF_IMAGES: dict[str, tuple[dict[str, str], Verdict, str]] = {
    "each is about its image": (
        {"api": image_report("shop/api:1"), "web": image_report("registry.test:5000/shop/web@sha256:1")}, P, "all 2 ("),
    "one has a finding": ({"api": image_report("shop/api:1"), "web": image_report("shop/web:1", "HIGH")}, F, "high = 1"),
    "one is missing": ({"api": image_report("shop/api:1")}, Q, "no report at"),
    "a copy of the other": ({"api": image_report("shop/api:1"), "web": image_report("shop/api:1")}, Q, "is about shop/api:1, not shop/web"),
    "an image of a longer name": ({"api": image_report("shop/api:1"), "web": image_report("shop/web-cache:1")}, Q, "not shop/web"),
    "a folder": (
        {"api": image_report("shop/api:1"), "web": image_report("shop/web").replace("container_image", "filesystem")}, Q, "about no image"),
}  # fmt: skip


@pytest.mark.parametrize(("reports", "verdict", "headline"), OF_IMAGES.values(), ids=OF_IMAGES.keys())
def test_report_of_each_image(
    tmp_path: Path, reports: dict[str, str], verdict: Verdict, headline: str
) -> None:
    """Each image has a report that is about it; one of another image proves nothing, and one finding counts."""
    meta = json.dumps({"commit": COMMIT, "generated_at": ago(hours=1)})
    for name, content in reports.items():
        (tmp_path / f"trivy-{name}.json").write_text(content)
        (tmp_path / f"trivy-{name}.json.meta.json").write_text(meta)
    ctx = context(variables={"release_sha": COMMIT})
    uri = f"{tmp_path}/trivy-{{image}}.json"
    result = run(check(ctx, "report", uri=uri, format="trivy", images=["shop/api", "shop/web"]))
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_report_that_pytest_made(tmp_path: Path) -> None:
    """A real report carries its time and, as a property, its commit; no sidecar is needed."""
    (tmp_path / "test_it.py").write_text(
        "import pytest\n@pytest.fixture(autouse=True, scope='session')\n"
        f"def c(record_testsuite_property): record_testsuite_property('commit', '{COMMIT}')\n"
        "@pytest.mark.parametrize('n', [1, 2])\ndef test_flow(n): assert n\n"
    )
    arguments = [
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        str(tmp_path / "none.ini"),
        "--junitxml=r.xml",
    ]
    (tmp_path / "none.ini").write_text("[pytest]\n")
    subprocess.run([sys.executable, *arguments], cwd=tmp_path, check=True, capture_output=True)
    result = judged(tmp_path / "r.xml", "junit", None, {}, require=["flow"])
    assert (result.verdict, result.observed["tests"]) == (P, 2), result.headline


def run_about(*commits: str) -> dict[str, Any]:
    told = [{"repositoryUri": f"https://code/{commit[0]}", "revisionId": commit} for commit in commits]
    driver = {"driver": {"name": "t", "rules": [{"id": "r"}]}}
    return {"tool": driver, "results": [], "versionControlProvenance": told, "invocations": [
        {"executionSuccessful": True, "endTimeUtc": ago(hours=1)}]}  # fmt: skip


OTHER = "b" * 40
PARTS: dict[str, tuple[list[dict[str, Any]], bool, Verdict, str]] = {
    "every run is about it": ([run_about(COMMIT), run_about(COMMIT.upper())], False, P, "critical = 0"),
    "the second run is about another": (
        [run_about(COMMIT), run_about(OTHER)],
        False,
        Q,
        "is about commit bbbb",
    ),
    "the sidecar does not outweigh a run": (
        [run_about(COMMIT), run_about(OTHER)],
        True,
        Q,
        "names commit bbbb",
    ),
    "the second run names none": ([run_about(COMMIT), run_about()], False, Q, "a part of"),
    "the second run names none, the sidecar does": (
        [run_about(COMMIT), run_about()],
        True,
        P,
        "critical = 0",
    ),
    "a run over two repositories": ([run_about(OTHER, COMMIT)], False, P, "critical = 0"),
    "no run names one": ([run_about()], False, Q, "does not name its commit"),
}


@pytest.mark.parametrize(("runs", "beside", "verdict", "headline"), PARTS.values(), ids=PARTS.keys())
def test_commit_of_every_run(
    tmp_path: Path, runs: list[dict[str, Any]], beside: bool, verdict: Verdict, headline: str
) -> None:
    """A report of several runs is about the commit that all of them are about."""
    meta = {"commit": COMMIT} if beside else {}
    result = judged(tmp_path / "r", "sarif", json.dumps({"runs": runs}), meta)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline
