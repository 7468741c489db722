"""Write the reports of the product's own pipeline about the release, in the formats of their tools.

Each has a sidecar ``<name>.meta.json`` with the commit and the time. Broken, a unit test fails, the code
scan finds a vulnerability and the load test is slow.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from launch_rehearsal.product.base.plan import DOMAIN
from launch_rehearsal.product.delivery.scans import IMAGES, PRODUCTION, STAGING, trivy, zap

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

CRITICAL_PATHS = ("sign_in", "ask_a_question", "enroll_in_course", "fallback_local_to_rap")
USER_FLOWS = ("first_visit", "ask_and_read_sources", "full_flow")
API_OPERATIONS = ("GET /api/v1/ping", "GET /api/v1/me", "POST /api/ai/query")
INPUT_OPERATIONS = ("POST /api/ai/query",)
INTEGRATION = (
    *CRITICAL_PATHS,
    "fallback_rap_to_external",
    "all_tiers_down_returns_error",
    "constitutional_ai_pipeline",
    "knowledge_ocean_pipeline",
    "ai_routing_pipeline",
    "error_handling",
)
_SUITES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "unit/junit.xml": ("jest", ("score_is_bounded", "ranks_by_similarity", "masks_addresses", "limits")),
    "integration/junit.xml": ("jest", INTEGRATION),
    "e2e/playwright.xml": ("playwright", USER_FLOWS),
    "api/error_handling.xml": ("schemathesis", API_OPERATIONS),
    "api/input_validation.xml": ("schemathesis", INPUT_OPERATIONS),
    "migrations/junit.xml": ("pytest", ("migrate_from_empty", "migrate_from_production_copy")),
    "build/kubeconform.xml": (
        "kubeconform",
        ("api-gateway", "constitutional-ai", "knowledge-ocean", "ai-routing", "azora"),
    ),
    "security/auth.xml": ("pytest", ("expired_token", "wrong_signature", "alg_none", "missing_token")),
    "security/authz.xml": (
        "pytest",
        ("user_cannot_read_other_user", "user_cannot_call_admin", "admin_can_call_admin"),
    ),
    "drills/restore.xml": ("drill", ("restore_latest_backup", "row_counts_match", "restore_within_rto")),
    "drills/redis_failover.xml": (
        "drill",
        ("replica_promoted", "no_acknowledged_write_lost", "client_recovered"),
    ),
    "drills/db_failover.xml": (
        "drill",
        ("standby_promoted", "writes_resumed", "no_acknowledged_write_lost"),
    ),
    "drills/dr.xml": (
        "drill",
        ("recovered_within_rto", "data_loss_within_rpo", "application_smoke_after_recovery"),
    ),
    "drills/node_loss.xml": ("drill", ("node_drain_no_downtime", "pod_kill_recovers")),
    "drills/rollback.xml": ("drill", ("helm_rollback_restores_previous", "smoke_after_rollback")),
}
_RULES = {
    "js/xss": "6.1",
    "js/reflected-xss": "7.8",
    "js/stored-xss": "7.8",
    "js/sql-injection": "8.8",
    "js/path-injection": "7.5",
    "js/command-line-injection": "9.8",
    "js/code-injection": "9.3",
    "js/incomplete-sanitization": "7.8",
}
_TARGETS = {"ai_routing": 200, "knowledge_ocean": 100, "constitutional_ai": 50, "api_gateway": 50}
"""Milliseconds for 95 of 100 requests, by service."""


class Reports:
    """Write the folder of reports."""

    def __init__(self, folder: Path, commit: str) -> None:
        self._folder, self._commit = folder, commit

    def about(self, commit: str) -> None:
        """Make the reports that are written from now on about another commit."""
        self._commit = commit

    def write(self, *, broken: bool = False) -> None:
        """Write every report again."""
        made = datetime.now(UTC) - timedelta(hours=2)
        for name, (tool, tests) in _SUITES.items():
            failing = tests[:1] if broken and name == "unit/junit.xml" else ()
            self._keep(name, junit(tool, tests, made, failing), made)
        for name, rate in (("coverage/cobertura.xml", 0.871), ("unit/cobertura.xml", 0.848)):
            self._keep(name, cobertura(0.61 if broken else rate, made), made)
        documents = {
            "lint/eslint.sarif": sarif("ESLint", {"no-console": None}, [], made, self._commit),
            "security/codeql.sarif": self._code_scan(made, broken=broken),
            "security/zap.json": zap(made, STAGING),
            "security/zap-production.json": zap(made, *PRODUCTION),
            **{f"security/trivy-{service}.json": trivy(service, made, self._commit) for service in IMAGES},
            "load/summary.json": load_summary(slow=broken),
            "load/production.json": load_summary(slow=broken),
        }
        for name, document in documents.items():
            self._keep(name, json.dumps(document, indent=1).encode(), made)

    def _code_scan(self, made: datetime, *, broken: bool) -> dict[str, Any]:
        found = ["js/sql-injection"] if broken else []
        return sarif("CodeQL", _RULES, found, made, self._commit)

    def _keep(self, name: str, content: bytes, made: datetime) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        meta = {"commit": self._commit, "generated_at": made.isoformat()}
        path.with_name(f"{path.name}.meta.json").write_text(json.dumps(meta), encoding="utf-8")
        # Replaced in one step: a check may be reading it.
        part = path.with_name(f".{path.name}.part")
        part.write_bytes(content)
        part.replace(path)


def _written(root: ET.Element) -> bytes:
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def junit(tool: str, tests: Iterable[str], made: datetime, failing: Iterable[str] = ()) -> bytes:
    """Write a JUnit report as the usual runners do."""
    names, failed = list(tests), set(failing)
    common = {"tests": str(len(names)), "failures": str(len(failed)), "errors": "0", "time": "1.842"}
    root = ET.Element("testsuites", {"name": tool, **common})
    stamp = made.replace(tzinfo=None).isoformat(timespec="seconds")
    suite = ET.SubElement(root, "testsuite", {"name": tool, "skipped": "0", "timestamp": stamp, **common})
    for name in names:
        case = ET.SubElement(suite, "testcase", {"classname": tool, "name": name, "time": "0.310"})
        if name in failed:
            ET.SubElement(case, "failure", {"message": "expected 100, got 101"}).text = f"at {name}"
    return _written(root)


def cobertura(rate: float, made: datetime) -> bytes:
    """Write a Cobertura report as coverage tools do, of 4,000 lines and 1,000 branches."""
    valid, branches = 4000, 1000
    attributes = {
        "line-rate": f"{rate:.4f}",
        "branch-rate": f"{rate - 0.05:.4f}",
        "branches-valid": str(branches),
        "branches-covered": str(round(branches * (rate - 0.05))),
        "lines-valid": str(valid),
        "lines-covered": str(round(valid * rate)),
        "timestamp": str(round(made.timestamp() * 1000)),
        "version": "6.5",
    }
    root = ET.Element("coverage", attributes)
    ET.SubElement(root, "packages")
    return _written(root)


def sarif(
    tool: str, rules: Mapping[str, str | None], found: list[str], made: datetime, commit: str
) -> dict[str, Any]:
    """Build a SARIF 2.1.0 document."""
    known = [
        {"id": name, "properties": {"security-severity": severity} if severity else {}}
        for name, severity in rules.items()
    ]
    results = [{"ruleId": name, "level": "error", "message": {"text": "tainted input"}} for name in found]
    run = {
        "tool": {"driver": {"name": tool, "rules": known}},
        "invocations": [{"executionSuccessful": True, "endTimeUtc": made.isoformat()}],
        "versionControlProvenance": [{"repositoryUri": f"https://{DOMAIN}/code", "revisionId": commit}],
        "artifacts": [{"location": {"uri": f"file:///code/services/{name}/src/index.ts"}} for name in IMAGES],
        "results": results,
    }
    return {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}


def _trend(p95: float) -> dict[str, float]:
    """Build the values of a metric of times."""
    return {
        "avg": p95 / 2,
        "min": p95 / 9,
        "med": p95 / 3,
        "max": p95 * 2,
        "p(90)": p95 * 0.9,
        "p(95)": p95,
    }


def load_summary(*, slow: bool) -> dict[str, Any]:
    """Build a summary as ``k6 --summary-export`` writes it: a threshold is true if it was crossed."""
    p95 = 1900.0 if slow else 312.4
    # The load is that of the fake's own visitors, so that its metrics show it.
    return {
        "metrics": {
            **{
                f"http_req_duration{{service:{service}}}": {
                    **_trend(target * 0.6),
                    "thresholds": {f"p(95)<{target}": False},
                }
                for service, target in _TARGETS.items()
            },
            "http_reqs": {"count": 1208, "rate": 2.0},
            "http_req_duration": {**_trend(p95), "thresholds": {"p(95)<500": slow}},
            "http_req_failed": {
                "value": 0.00083,
                "passes": 1,
                "fails": 1207,
                "thresholds": {"rate<0.001": False},
            },
            "vus": {"value": 14, "min": 14, "max": 1000},
            "vus_max": {"value": 1000, "min": 1000, "max": 1000},
            "iterations": {"count": 1208, "rate": 2.0},
        },
    }
