"""Trivy, ZAP and npm: what was not looked at, or cannot be told, is no clean result."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import copy
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
PACKAGES = {"Target": "shop (debian 12)", "Class": "os-pkgs", "Type": "debian", "Packages": [{"ID": "zlib"}]}
BARE = {key: PACKAGES[key] for key in ("Target", "Class", "Type")}
LANGUAGE = {"Target": "package-lock.json", "Class": "lang-pkgs", "Type": "npm"}
DEBIAN = {"OS": {"Family": "debian", "Name": "12"}}


def trivy(*targets: Object, **metadata: Any) -> Object:
    return {"SchemaVersion": 2, "Metadata": metadata, "Results": list(targets)}


def modified(status: str, severity: str = "CRITICAL") -> Object:
    """Build a target whose only finding an exception or VEX changed."""
    finding = {"VulnerabilityID": "CVE-1", "Severity": severity}
    return {**PACKAGES, "ExperimentalModifiedFindings": [{"Status": status, "Finding": finding}]}


def found(severity: str | None, **more: Any) -> Object:
    return {**PACKAGES, "Vulnerabilities": [{"VulnerabilityID": "CVE-1", "Severity": severity, **more}]}


TRIVY: dict[str, tuple[Object | str, Verdict, str]] = {
    "alpine 3.9, out of support": ("trivy-out-of-support.json", Q, "alpine 3.9.4 is out of support"),
    "nothing scanned": ("trivy-nothing.json", Q, "Results"),
    "a licence that is judged medium": ("trivy-licences.json", P, "critical = 0"),
    "a grave licence": ({**trivy({"Target": "l", "Class": "license", "Licenses": [{"Name": "AGPL-3.0", "Severity": "HIGH"}]})}, F, "high = 1"),
    "a Dockerfile as root": ("trivy-config.json", F, "high = 1"),
    "secrets": ("trivy-secrets.json", F, "critical = 1"),
    "packages of npm": ("trivy-npm.json", P, "critical = 0"),
    "a severity that is not known": ("trivy-unknown.json", Q, "GMS-2022-20"),
    "no severity": (trivy(found(None)), Q, "UNKNOWN"),
    "a severity that is none of Trivy's": (trivy(found("SEVERE")), Q, "UNKNOWN"),
    "high beside one that is not known": (trivy(found("HIGH"), found("UNKNOWN")), F, "1 more"),
    "packages were looked at": (trivy(PACKAGES, **DEBIAN), P, "critical = 0"),
    "a package without a name beside others": (trivy({**BARE, "Packages": [{"ID": "a"}, {}]}, **DEBIAN), P, "critical = 0"),
    "no packages are listed, of a system that Trivy names": (trivy(BARE, **DEBIAN), P, "critical = 0"),
    "no packages are listed, of no system": (trivy(BARE), Q, "--list-all-pkgs"),
    "packages of a language are listed, and none of the system": (trivy(BARE, {**LANGUAGE, "Packages": [{"ID": "a"}]}, **DEBIAN), Q, "--list-all-pkgs"),
    "an empty list, of a system that Trivy names": (trivy({**BARE, "Packages": []}, **DEBIAN), Q, "--list-all-pkgs"),
    "an empty list of packages": (trivy({**BARE, "Packages": []}), Q, "--list-all-pkgs"),
    "no packages beside those of a language": (trivy(BARE, {**LANGUAGE, "Packages": [{"ID": "a"}]}), Q, "lists no packages|looked at"),
    "a target without class": (trivy({"Target": "shop"}), Q, "nothing shows that shop was looked at"),
    "a language, which is listed only if it has packages": (trivy(LANGUAGE), P, "critical = 0"),
    "the system's packages are left out": (trivy(LANGUAGE, **DEBIAN), Q, "the packages of debian 12 were not scanned"),
    "an image without a system": (trivy(LANGUAGE, OS={"Family": "none", "Name": ""}), P, "critical = 0"),
    "out of support, with packages": (trivy(PACKAGES, OS={**DEBIAN["OS"], "EOSL": True}), Q, "out of support"),
    "out of support, with a finding": (trivy(found("CRITICAL"), OS={**DEBIAN["OS"], "EOSL": True}), Q, "found so far: 1"),
    "a section that is not read": (trivy({**PACKAGES, "Malware": [{"ID": "m"}]}), Q, "the section Malware"),
    "custom resources": (trivy({**PACKAGES, "CustomResources": [{"Type": "t"}]}), Q, "the section CustomResources"),
    "a misconfiguration that passed": (trivy({**PACKAGES, "Misconfigurations": [{"ID": "m", "Status": "PASS", "Severity": "HIGH"}]}), P, "critical = 0"),
    "one that failed": (trivy({**PACKAGES, "Misconfigurations": [{"ID": "m", "Status": "FAIL", "Severity": "HIGH"}]}), F, "high = 1"),
    "failures that are counted and not listed": (trivy({**PACKAGES, "MisconfSummary": {"Successes": 1, "Failures": 3}}), Q, "counts 3 misconfigurations, and lists 0"),
    "more than those that are listed": (trivy({**PACKAGES, "MisconfSummary": {"Failures": 2}, "Misconfigurations": [{"ID": "m", "Status": "FAIL", "Severity": "LOW"}, {"ID": "m", "Status": "PASS"}]}), Q, "lists 1"),
    "as many as are listed": (trivy({**PACKAGES, "MisconfSummary": {"Successes": 1, "Failures": 1}, "Misconfigurations": [{"ID": "m", "Status": "FAIL", "Severity": "LOW"}, {"ID": "m", "Status": "PASS"}]}), P, "critical = 0"),
    "one without a status": (trivy({**PACKAGES, "Misconfigurations": [{"ID": "m", "Severity": "HIGH"}]}), F, "high = 1"),
    "checks of a configuration": (trivy({"Target": "Dockerfile", "Class": "config", "MisconfSummary": {"Successes": 27, "Failures": 0}}), P, "critical = 0"),
    "ignored": (trivy(modified("ignored")), P, "critical = 0"),
    "not affected, by VEX": (trivy(modified("not_affected")), P, "critical = 0"),
    "affected, by VEX": (trivy(modified("affected")), F, "critical = 1"),
    "still looked into, by VEX": (trivy(modified("under_investigation")), F, "critical = 1"),
    "the second target has it": (trivy(PACKAGES, found("CRITICAL")), F, "critical = 1"),
}  # fmt: skip


@pytest.mark.parametrize(("document", "verdict", "headline"), TRIVY.values(), ids=TRIVY.keys())
def test_trivy(judged: Callable[..., Any], document: Object | str, verdict: Verdict, headline: str) -> None:
    """What Trivy did not look at, or cannot grade, is not clean; what it found in any section counts."""
    got, text = judged("trivy", document)
    assert (got, any(part in text for part in headline.split("|"))) == (verdict, True), text


def test_trivy_does_not_list_its_rules(judged: Callable[..., Any]) -> None:
    """That Trivy found nothing of a rule does not show that it looked for it."""
    graded = {"critical": ">= 0", "high": ">= 0"}
    assert judged("trivy", trivy(found("LOW")), rules=["DS-*"], expect={"total": "== 0", **graded})[0] is Q
    assert judged("trivy", trivy(found("LOW")), rules=["CVE-*"], expect={"total": "== 1", **graded})[0] is P


def test_what_trivy_left_out_is_said() -> None:
    """Trivy's JSON does not name its filters; a mild finding without a fix shows that there was none."""
    read = [
        parse_report(ReportFormat.TRIVY, json.dumps(trivy(found(*one))).encode(), [], []).unknown
        for one in (["HIGH"], ["LOW"])
    ]
    assert "--ignore-unfixed" in read[0]["left_out"]
    assert "left_out" not in read[1]
    fixed = trivy(found("LOW", FixedVersion="2"))
    assert "left_out" in parse_report(ReportFormat.TRIVY, json.dumps(fixed).encode(), [], []).unknown


LABEL = "org.opencontainers.image.revision"
IMAGES: dict[str, tuple[Object, list[str] | None]] = {
    "by its name": ({"ArtifactName": "shop/api:1", "ArtifactType": "container_image"}, ["shop/api:1"]),
    "of a release without the type": ({"ArtifactName": "shop/api:1"}, ["shop/api:1"]),
    "in a file, by its tags": ({"ArtifactName": "a.tar", "ArtifactType": "container_image", "Metadata": {"RepoTags": ["shop/api:1"]}}, ["a.tar", "shop/api:1"]),
    "by its digest": ({"ArtifactType": "cyclonedx", "ArtifactName": "sbom.json", "Metadata": {"RepoDigests": ["shop/api@sha256:1"]}}, ["shop/api@sha256:1"]),
    "a folder": ({"ArtifactName": "shop/api", "ArtifactType": "filesystem"}, None),
    "a repository": ({"ArtifactName": "https://code/shop/api", "ArtifactType": "repository"}, None),
    "no name": ({"ArtifactType": "container_image"}, None),
}  # fmt: skip


@pytest.mark.parametrize(("named", "images"), IMAGES.values(), ids=IMAGES.keys())
def test_image_that_trivy_scanned(named: Object, images: list[str] | None) -> None:
    """An image goes by its own name, tags and digests; a folder or a repository is no image."""
    read = parse_report(ReportFormat.TRIVY, json.dumps({**trivy(PACKAGES), **named}).encode(), [], [])
    assert read.facts.get("images") == images
    assert ("images" in read.unknown) == (images is None)


@pytest.mark.parametrize(
    "config", [{}, {"ImageConfig": {}}, {"ImageConfig": {"config": {"Labels": {"a": "b"}}}}]
)
def test_commit_of_an_image_without_the_label(config: Object) -> None:
    """An image that does not say its commit has an unknown one, also where a base image has other labels."""
    read = parse_report(ReportFormat.TRIVY, json.dumps(trivy(PACKAGES, **config)).encode(), [], [])
    assert LABEL in read.unknown["revision"]


def test_commit_of_an_image() -> None:
    """The commit of an image is that of its label."""
    document = trivy(PACKAGES, ImageConfig={"config": {"Labels": {LABEL: "a" * 40}}})
    assert (
        parse_report(ReportFormat.TRIVY, json.dumps(document).encode(), [], []).facts["revision"] == "a" * 40
    )


ALERT = {"pluginid": "10038", "alertRef": "10038-1", "riskcode": "1", "confidence": "3", "name": "CSP"}
SITE = {"@name": "https://shop.example", "alerts": [ALERT]}
SQL = {"stats.ascan.40018.started": 1, "stats.ascan.40018.urls": 55, "stats.ascan.40018.time": 900}


def zap(*sites: Object, **more: Any) -> Object:
    return {"@programName": "ZAP", "created": "2026-01-01T00:00:00Z", "site": list(sites or [SITE]), **more}


def alert(**changed: Any) -> Object:
    return zap({**SITE, "alerts": [{**ALERT, **changed}]})


def insight(key: str, level: str, site: str = "", statistic: Any = "90") -> Object:
    return {
        "level": level,
        "reason": "r",
        "site": site,
        "key": key,
        "description": key,
        "statistic": statistic,
    }


SILENT = {**SITE, "alerts": []}
NAME = SITE["@name"]
ZAP: dict[str, tuple[Object | str, Verdict, str]] = {
    "ZAP's own example": ("zap-plus.json", F, "high = 1"),
    "a low alert": (zap(), P, "high = 0"),
    "a site that shows no answer": (zap(SILENT), Q, f"nothing shows that {NAME} answered; report"),
    "a second site that shows none": (zap(SITE, {**SILENT, "@name": "https://api"}), Q, "https://api answered"),
    "a site without alerts that answered": (zap({**SILENT, "statistics": {"stats.code.200": 9}}), P, "high = 0"),
    "a site that answered errors only": (zap({**SITE, "statistics": {"stats.code.502": 9, "stats.code.200": 0}}), Q, "nothing but errors"),
    "a site that answered errors too": (zap({**SILENT, "statistics": {"stats.code.200": 9, "stats.code.404": 3}}), P, "high = 0"),
    "a site of redirections": (zap({**SILENT, "statistics": {"stats.code.302": 1}}), P, "high = 0"),
    "insights of an answer": (zap(SILENT, insights=[insight("insight.code.2xx", "Info", NAME)]), P, "high = 0"),
    "an insight of no answer": (zap(SILENT, insights=[insight("insight.code.2xx", "Info", NAME, "0")]), Q, "answered"),
    "an insight without a number": (zap(SILENT, insights=[insight("insight.code.2xx", "Info", NAME, "")]), Q, "answered"),
    "insights of one in a hundred": (zap(SILENT, insights=[insight("insight.code.2xx", "Info", NAME, 1)]), P, "high = 0"),
    "insights of another site": (zap(SILENT, insights=[insight("insight.code.2xx", "Info", "https://x")]), Q, "answered"),
    "insights of errors": (zap(SITE, insights=[insight("insight.code.5xx", "Low", NAME, "100")]), Q, "nothing but errors"),
    "one site as an object": ({"site": SITE}, P, "high = 0"),
    "no site": ({"site": []}, Q, "no site"),
    "a plan with errors": (zap(afPlanErrors=["Job spider failed"]), Q, "Job spider failed"),
    "a plan without": (zap(afPlanErrors=[], afPlanWarns=["w"]), P, "high = 0"),
    "a scan that was stopped": (zap(statistics={"stats.ascan.stopped": 1}), Q, "stopped before"),
    "ZAP stopped itself": (zap(stoppingInsight=insight("insight.memory.usage", "High")), Q, "ZAP stopped"),
    "most log-ins failed": (zap(insights=[insight("insight.auth.failure", "High", NAME)]), Q, "insight.auth.failure"),
    "the network failed": (zap(insights=[insight("insight.network.failure", "Medium")]), Q, "insight.network.failure"),
    "the disk was full": (zap(insights=[insight("insight.diskspace.full", "High")]), Q, "insight.diskspace.full"),
    "every log-in failed": (zap({**SITE, "statistics": {"stats.auth.failure": 3, "stats.code.200": 9}}), Q, "log-in failed"),
    "every log-in failed, by the whole": (zap(statistics={"stats.auth.failure": 3}), Q, "log-in failed"),
    "a log-in failed, and another did not": (zap({**SITE, "statistics": {"stats.auth.failure": 1, "stats.auth.success": 4}}), P, "high = 0"),
    "no log-in": (zap({**SITE, "statistics": {"stats.auth.failure": 0, "stats.code.200": 9}}), P, "high = 0"),
    "a log-in failed": (zap(insights=[insight("insight.auth.failure", "Low", NAME)]), P, "high = 0"),
    "a risk as a number": (alert(riskcode=3), F, "high = 1"),
    "a risk as a word": (alert(riskcode="High"), F, "high = 1"),
    "a risk in its description": (alert(riskcode=None, riskdesc="High (Medium)"), F, "high = 1"),
    "a risk that is none": (alert(riskcode="-1"), Q, "the risk of CSP"),
    "no risk": (alert(riskcode=None), Q, "the risk of CSP"),
    "a false positive": (alert(riskcode="3", confidence="0"), P, "high = 0"),
    "a false positive as a word": (alert(riskcode="3", confidence="False Positive"), P, "high = 0"),
    "confirmed": (alert(riskcode="3", confidence="4"), F, "high = 1"),
}  # fmt: skip


@pytest.mark.parametrize(("document", "verdict", "headline"), ZAP.values(), ids=ZAP.keys())
def test_zap(judged: Callable[..., Any], document: Object | str, verdict: Verdict, headline: str) -> None:
    """A scan that was not whole, or whose target shows no answer, is not clean."""
    got, text = judged("zap", document)
    assert (got, headline in text) == (verdict, True), text


@pytest.mark.parametrize(
    ("sites", "verdict"),
    [([SITE], P), ([SITE, {**SITE, "@name": "https://fonts"}], P), ([{**SITE, "@name": "HTTPS://shop.example/"}], P),
     ([{**SITE, "@name": "https://shop.example:8443"}], F), ([{**SITE, "@name": "http://shop.example"}], F)],
)  # fmt: skip
def test_sites_of_zap(judged: Callable[..., Any], sites: list[Object], verdict: Verdict) -> None:
    """A site goes by scheme, host and an unusual port; those of others may stand beside it."""
    assert judged("zap", zap(*sites), expect={"sites": f"contains_all ['{NAME}']"})[0] is verdict


def test_zap_has_no_critical(judged: Callable[..., Any]) -> None:
    """A grade that ZAP does not give cannot be expected of it."""
    assert judged("zap", zap(), expect={"critical": "== 0"})[0] is Q


def test_active_rules_are_counted(judged: Callable[..., Any]) -> None:
    """How many active rules ran is known from the statistics alone."""
    both = {**SQL, "stats.ascan.40019.started": 1, "stats.pscan.10202.time": 4}
    assert judged("zap", zap(statistics=both), expect={"active_rules": "== 1"})[0] is P
    assert judged("zap", zap(statistics={"stats.pscan.1.time": 4}), expect={"active_rules": ">= 1"})[0] is F
    assert judged("zap", zap(), expect={"active_rules": ">= 0"})[0] is Q


RAN: dict[str, tuple[Object, list[str], Verdict, str]] = {
    "a passive scan": (zap(), ["40018"], Q, "40018"),
    "a passive scan with statistics": (zap(statistics={"stats.pscan.10038.time": 12}), ["40018"], Q, "40018"),
    "it ran": (zap(statistics=SQL), ["40018"], P, "total = 0"),
    "it asked once": (zap(statistics={**SQL, "stats.ascan.40018.urls": 1}), ["40018"], P, "total = 0"),
    "one of two ran": (zap(statistics=SQL), ["40018", "40019"], Q, "40019"),
    "by a glob": (zap(statistics=SQL), ["400*"], P, "total = 0"),
    "it was skipped": (zap(statistics={**SQL, "stats.ascan.40018.skipped": 1}), ["40018"], Q, "40018"),
    "it asked nothing": (zap(statistics={"stats.ascan.40018.started": 1}), ["40018"], Q, "40018"),
    "it never started": (zap(statistics={**SQL, "stats.ascan.40018.started": 0}), ["40018"], Q, "40018"),
    "its time alone": (zap(statistics={"stats.ascan.40018.time": 900}), ["40018"], Q, "40018"),
    "numbers as texts": (zap(statistics={key: str(value) for key, value in SQL.items()}), ["40018"], P, "total = 0"),
    "a passive rule": (zap(statistics={"stats.pscan.10202.time": 0}), ["10202"], P, "total = 0"),
    "a rule that follows the requests of another": (
        zap(statistics={"stats.ascan.40014.started": 1, "stats.ascan.40016.urls": 3}), ["40014"], P, "total = 0"),
    "a rule that drives a browser": (zap(statistics={"stats.ascan.40026.started": 1, "domxss.gets.count": 2}), ["40026"], P, "total = 0"),
    "an alert shows that it ran": (alert(pluginid="40018", alertRef="40018-2", riskcode="3"), ["40018"], F, "high = 1"),
    "an alert by its reference": (alert(riskcode="3"), ["10038-1"], F, "high = 1"),
    "an alert by its reference alone": (alert(pluginid=None, riskcode="3"), ["10038"], F, "high = 1"),
    "an alert without its rule": (zap({**SITE, "alerts": [{"riskcode": "3", "name": "n"}]}, statistics=SQL), ["40018"], Q, "does not say its rule"),
}  # fmt: skip


@pytest.mark.parametrize(("document", "rules", "verdict", "headline"), RAN.values(), ids=RAN.keys())
def test_zap_rules(
    judged: Callable[..., Any], document: Object, rules: list[str], verdict: Verdict, headline: str
) -> None:
    """No alert of a rule proves something only where the statistics show that the rule ran."""
    got, text = judged("zap", document, rules=rules, expect={"total": "== 0"})
    assert (got, headline in text) == (verdict, True), text


NONE = {"info": 0, "low": 0, "moderate": 0, "high": 0, "critical": 0}
PNPM = {"advisories": {"1179": {"severity": "high", "module_name": "minimist", "title": "t"}},
        "metadata": {"vulnerabilities": {**NONE, "high": 1}, "dependencies": 40, "totalDependencies": 40}}  # fmt: skip
CLEAN: Object = {
    "auditReportVersion": 2,
    "vulnerabilities": {},
    "metadata": {"vulnerabilities": NONE, "dependencies": {"total": 3}},
}
NPM: dict[str, tuple[Object | str, Verdict, str]] = {
    "npm's clean example": ("npm-clean.json", P, "critical = 0"),
    "npm's example of a low one": ("npm-one.json", P, "critical = 0"),
    "the registry refused": ("npm-refused.json", Q, "could not audit"),
    "npm has no lock file": ({"error": {"code": "ENOLOCK", "summary": "needs a lockfile"}}, Q, "needs a lockfile"),
    "the first version": (PNPM, F, "high = 1"),
    "no dependency": ({**CLEAN, "metadata": {"vulnerabilities": NONE, "dependencies": {"total": 0}}}, Q, "no dependency"),
    "no dependency, in the first version": ({**PNPM, "advisories": {}, "metadata": {"vulnerabilities": NONE, "dependencies": 0}}, Q, "no dependency"),
    "more are counted than listed": ({**CLEAN, "metadata": {"vulnerabilities": {**NONE, "high": 2}, "dependencies": {"total": 3}}}, Q, "counts 2 high"),
    "a grave one": ({**CLEAN, "vulnerabilities": {"a": {"name": "a", "severity": "critical", "via": ["b"]}}}, F, "critical = 1"),
    "moderate is medium": ({**CLEAN, "vulnerabilities": {"a": {"severity": "moderate", "via": []}}}, P, "critical = 0"),
    "no count": ({**CLEAN, "metadata": {"vulnerabilities": {}, "dependencies": {"total": 3}}}, Q, "counts no critical"),
    "a severity that is none of npm's": ({**CLEAN, "vulnerabilities": {"a": {"severity": "severe", "via": []}}}, Q, "severity of a"),
    "no list": ({"metadata": CLEAN["metadata"]}, Q, "structure"),
}  # fmt: skip


@pytest.mark.parametrize(("document", "verdict", "headline"), NPM.values(), ids=NPM.keys())
def test_npm_audit(
    judged: Callable[..., Any], document: Object | str, verdict: Verdict, headline: str
) -> None:
    """An audit that was refused, or of nothing, is no audit."""
    got, text = judged("npm_audit", document)
    assert (got, headline in text) == (verdict, True), text


def test_npm_grades(judged: Callable[..., Any]) -> None:
    """A moderate finding is medium, and a remark counts in the total only."""
    document = copy.deepcopy(CLEAN)
    document["vulnerabilities"] = {
        "a": {"severity": "moderate", "via": []},
        "b": {"severity": "info", "via": []},
    }
    assert judged("npm_audit", document, expect={"medium": "== 1", "low": "== 0", "total": "== 2"})[0] is P
