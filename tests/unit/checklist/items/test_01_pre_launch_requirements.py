"""Week 1: what each item must not pass by, and the ordinary good systems that it must accept."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from launch_pipeline.checklist.load import load_phases
from launch_pipeline.checks.engine.product import with_product
from launch_pipeline.checks.engine.registry import parameter_models
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.checks.verdict import CheckResult, Verdict
from launch_rehearsal.product.delivery.scans import zap
from servers.checking import context, run
from servers.staging import FORM_TOKEN, PROBE, SESSION, TOKEN, Staging, headers
from servers.web import http_connection, served

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from launch_pipeline.checklist.model import Item
    from launch_pipeline.checks.engine.context import ConnectionInfo

P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
ITEMS: dict[str, Item] = {
    item.id: item
    for phase in load_phases(parameter_models())
    if phase.id == "pre_launch_requirements"
    for _, item in phase.items()
}
VARIABLES = with_product(
    {
        "repo": "shop/shop",
        "domain": "shop.test",
        "release": "1.0.0",
        "release_sha": "a" * 40,
        "release_cutoff": "2026-01-01",
        "ping_path": "/ping",
        "rate_limit_probe_path": "/ping",
        "protected_endpoints": ["/me", "/orders"],
        "csrf_endpoint": "/profile",
        "critical_endpoints": ["/health", "/docs"],
    }
)


def asked(item: str, kind: str, connections: Iterable[ConnectionInfo], **variables: Any) -> list[CheckResult]:
    """Run an item's checks of one kind."""
    known = {one.conn_id: one for one in connections}
    ctx = context(known, variables={**VARIABLES, **variables}, allow_side_effects=True)
    return run(run_checks([check for check in ITEMS[item].checks if check.kind == kind], ctx))


def verdict(results: list[CheckResult]) -> Verdict:
    return Verdict.of([result.verdict for result in results])


def with_cookie(port: int, conn_id: str, **more: str) -> ConnectionInfo:
    return http_connection(port, conn_id, extra={"headers": {"Cookie": SESSION, **more}})


def on_staging(item: str, staging: Staging, **variables: Any) -> Verdict:
    """Ask staging for an item."""
    with served(staging.app()) as port:
        connections = [
            http_connection(port, "staging", password=TOKEN),
            http_connection(port, "rate_limit_probe", password=PROBE),
            with_cookie(port, "browser_session"),
            with_cookie(port, "browser_form", **{"X-CSRF-Token": FORM_TOKEN}),
        ]
        return verdict(asked(item, "http_request", connections, **variables))


AUTHENTICATION = {
    "a guard without a challenge, as of passport-jwt": (Staging(), P),
    "a challenge": (Staging(challenge='Bearer realm="shop"'), P),
    "one route is open": (Staging(open_paths=("/orders",)), F),
    "a redirection to a log-in": (Staging(refusal=302), F),
    "not found for strangers": (Staging(refusal=404), F),
}


@pytest.mark.parametrize(("staging", "wanted"), AUTHENTICATION.values(), ids=AUTHENTICATION.keys())
def test_api_authentication(staging: Staging, wanted: Verdict) -> None:
    """Each protected route refuses no token and a bad one with 401, with or without a challenge."""
    assert on_staging("api_authentication", staging) is wanted


LIMITS = {
    "limited after fifty": (Staging(), P),
    "limited at the last request": (Staging(limit=299), P),
    "no limit": (Staging(limit=1000), F),
    "everything is limited": (Staging(limit=0), F),
    "no backend, which is no limit": (Staging(limit=0, over=503), F),
    "overload, which is no limit": (Staging(over=503), F),
    "an error beyond the limit": (Staging(over=500), F),
}


@pytest.mark.parametrize(("staging", "wanted"), LIMITS.values(), ids=LIMITS.keys())
def test_rate_limiting(staging: Staging, wanted: Verdict) -> None:
    """Some of the burst are answered, and some refused with 429; 503 is no limit."""
    assert on_staging("rate_limiting", staging) is wanted


def test_burst_has_an_identity_of_its_own() -> None:
    """The burst takes nothing from the other checks' client."""
    staging = Staging()
    on_staging("rate_limiting", staging)
    assert staging.seen == {f"Bearer {PROBE}": 300}


ORIGINS = {"ours": P, "echo": F, "any": F, "prefix": F, "nobody": F}


@pytest.mark.parametrize(("allowed", "wanted"), ORIGINS.items())
def test_cors(allowed: str, wanted: Verdict) -> None:
    """Staging allows its own origin, and no other by wildcard, echo or a pattern without an end."""
    assert on_staging("cors", Staging(allow_origin=allowed)) is wanted


@pytest.mark.parametrize(("status", "wanted"), [(200, P), (401, P), (403, P), (404, P), (405, P), (503, F)])
def test_foreign_preflight_is_refused(status: int, wanted: Verdict) -> None:
    """A foreign preflight that falls through to the routes is refused, but not by a server that is down."""
    assert on_staging("cors", Staging(foreign=status)) is wanted


@pytest.mark.parametrize(("release", "wanted"), [("1.0.0", P), ("0.9.4", F), ("", F)])
def test_smoke_tests(release: str, wanted: Verdict) -> None:
    """Endpoints of another release than this one say nothing about it."""
    assert on_staging("smoke_tests", Staging(release=release)) is wanted


def hsts(value: str | None) -> Any:
    return headers(Strict_Transport_Security=value)


def csp(value: str | None) -> Any:
    return headers(Content_Security_Policy=value)


HEADERS: dict[str, tuple[Any, Verdict]] = {
    "exactly one year": (hsts("max-age=31536000"), P),
    "two years with subdomains": (hsts("max-age=63072000; includeSubDomains; preload"), P),
    "a quoted year": (hsts('includeSubDomains; max-age="31536000"'), P),
    "three years and more": (hsts("max-age=100000000"), P),
    "one second less than a year": (hsts("max-age=31535999"), F),
    "a day": (hsts("max-age=86400"), F),
    "half a year": (hsts("max-age=15768000"), F),
    "switched off": (hsts("max-age=0; includeSubDomains"), F),
    "no HSTS": (hsts(None), F),
    "frames only": (csp("frame-ancestors 'none'; object-src 'none'"), P),
    "sources of a name": (csp("script-src 'self' https://*.shop.test; style-src 'self'"), P),
    "inline styles": (csp("default-src 'self'; style-src 'self' 'unsafe-inline'; img-src *"), P),
    "any source": (csp("default-src *"), F),
    "any script": (csp("default-src 'self'; script-src 'unsafe-inline' *; frame-ancestors 'none'"), F),
    "a word in a report path": (csp("report-uri /default-src-violations"), F),
    "no CSP": (csp(None), F),
    "sniffing": (headers(X_Content_Type_Options=None), F),
    "no referrer policy": (headers(Referrer_Policy=None), F),
    "a framework's name": (headers(X_Powered_By="Express"), F),
}


@pytest.mark.parametrize(("changed", "wanted"), HEADERS.values(), ids=HEADERS.keys())
def test_security_headers(changed: Any, wanted: Verdict) -> None:
    """HSTS counts by its seconds, and a CSP that allows scripts from anywhere is none."""
    assert on_staging("security_headers", Staging(headers=changed)) is wanted


CSRF: dict[str, tuple[Staging, dict[str, str], Verdict]] = {
    "by origin": (Staging(), {}, P),
    "by origin, and an empty form is wrong": (Staging(form_status=422), {}, P),
    "by token": (Staging(csrf="token"), {"own_form_session": "browser_form"}, P),
    "an expired session": (Staging(sessions=False), {}, F),
    "no protection": (Staging(csrf="none"), {}, F),
    "no form is ever accepted": (Staging(csrf="all"), {}, F),
}


@pytest.mark.parametrize(("staging", "variables", "wanted"), CSRF.values(), ids=CSRF.keys())
def test_csrf(staging: Staging, variables: dict[str, str], wanted: Verdict) -> None:
    """A form from elsewhere is refused while our own is accepted; an expired session protects nothing."""
    assert on_staging("csrf", staging, **variables) is wanted


# ---- what GitHub says ----------------------------------------------------------------------------------

RULES = [
    {"type": "pull_request", "parameters": {"required_approving_review_count": 2}},
    {"type": "non_fast_forward"},
]


def github(
    counts: dict[str, int], rules: Any = RULES, *, whole: bool = True, elsewhere: int = 0
) -> web.Application:
    """Answer searches by the first part of the query that is known, and the rules of the branch."""

    async def search(request: web.Request) -> web.Response:
        query = request.query["q"]
        count = next((number for part, number in counts.items() if part in query), 0)
        return web.json_response({"total_count": count, "incomplete_results": not whole, "items": []})

    async def ruled(_request: web.Request) -> web.Response:
        return web.json_response(rules)

    async def compared(_request: web.Request) -> web.Response:
        status = "diverged" if elsewhere else "behind"
        counts = {"ahead_by": elsewhere, "behind_by": 3, "total_commits": elsewhere}
        listed = [{"sha": f"{n:040x}"} for n in range(elsewhere)]
        return web.json_response({"status": status, **counts, "commits": listed})

    app = web.Application()
    repository = "/repos/shop/shop"
    app.add_routes(
        [
            web.get("/search/issues", search),
            web.get(f"{repository}/rules/branches/main", ruled),
            web.get(f"{repository}/compare/main...{'a' * 40}", compared),
        ]
    )
    return app


def on_github(item: str, app: web.Application) -> Verdict:
    with served(app) as port:
        return verdict(asked(item, "http_request", [http_connection(port, "github")]))


NOT_APPROVED, APPROVED = "-review:approved", " review:approved"
REVIEWED: dict[str, tuple[web.Application, Verdict]] = {
    "all approved": (github({NOT_APPROVED: 0, APPROVED: 140}), P),
    "one only commented": (github({NOT_APPROVED: 1, APPROVED: 140}), F),
    "nothing was merged, or the branch has another name": (github({}), F),
    "GitHub broke the search off": (github({NOT_APPROVED: 0, APPROVED: 140}, whole=False), F),
    "no ruleset": (github({APPROVED: 140}, []), F),
    "a ruleset without approval": (
        github({APPROVED: 9}, [{"type": "pull_request", "parameters": {"required_approving_review_count": 0}}, RULES[1]]), F),
    "force pushes": (github({APPROVED: 9}, RULES[:1]), F),
    "commits of the release that are on no reviewed branch": (github({APPROVED: 9}, elsewhere=2), F),
}  # fmt: skip


@pytest.mark.parametrize(("app", "wanted"), REVIEWED.values(), ids=REVIEWED.keys())
def test_code_reviewed(app: web.Application, wanted: Verdict) -> None:
    """No merge without approval counts where there were merges with one, and the branch asks for it."""
    assert (on_github("code_reviewed", app) is P) is (wanted is P)


REQUIREMENTS = {
    "all closed": ({"is:open": 0, "is:issue": 12}, P),
    "one open": ({"is:open": 1, "is:issue": 12}, F),
    "the label or the milestone does not exist": ({}, F),
}


@pytest.mark.parametrize(("counts", "wanted"), REQUIREMENTS.values(), ids=REQUIREMENTS.keys())
def test_requirements_approved(counts: dict[str, int], wanted: Verdict) -> None:
    """A label that no issue has is no sign that all requirements are met."""
    assert on_github("requirements_approved", github(counts)) is wanted


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("item", ["critical_vulnerabilities_fixed", "high_vulnerabilities_fixed"])
def test_alerts_that_are_switched_off(item: str, status: int) -> None:
    """GitHub answers 403 or 404 where no scan is on: that is not zero alerts."""

    async def off(_request: web.Request) -> web.Response:
        return web.json_response({"message": "no analysis found"}, status=status)

    app = web.Application()
    app.router.add_get("/{path:.*}", off)
    assert on_github(item, app) is not P


# ---- what reports say ----------------------------------------------------------------------------------


def lint(**more: Any) -> dict[str, Any]:
    return {
        "version": "2.1.0",
        "runs": [{"tool": {"driver": {"name": "ESLint", "rules": []}}, "results": [], **more}],
    }


FILES = [{"location": {"uri": "file:///code/a.ts"}}, {"location": {"uri": "file:///code/b.ts"}}]
LINTED = {
    "files without a finding": (lint(artifacts=FILES), P),
    "no file": (lint(), Q),
    "a warning": (
        lint(artifacts=FILES, results=[{"ruleId": "r", "level": "warning", "message": {"text": "m"}}]),
        P,
    ),
    "an error": (
        lint(artifacts=FILES, results=[{"ruleId": "r", "level": "error", "message": {"text": "m"}}]),
        F,
    ),
}


def on_report(folder: Path, item: str, place: str, document: Any) -> CheckResult:
    """Leave a report, and judge the item's only check by it."""
    (result,) = on_reports(folder, item, place, document)
    return result


def on_reports(folder: Path, item: str, place: str, document: Any) -> list[CheckResult]:
    """Leave a report of the release's commit, made a moment ago, and judge the item by it."""
    path = folder / place
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document))
    told = {"commit": "a" * 40, "generated_at": datetime.now(UTC).isoformat()}
    path.with_name(f"{path.name}.meta.json").write_text(json.dumps(told))
    return asked(item, "report", [], reports=str(folder))


@pytest.mark.parametrize(("document", "wanted"), LINTED.values(), ids=LINTED.keys())
def test_lint_clean(tmp_path: Path, document: dict[str, Any], wanted: Verdict) -> None:
    """A run over no file has no finding, and shows nothing."""
    result = on_report(tmp_path, "lint_clean", "lint/eslint.sarif", document)
    assert result.verdict is wanted, result.headline


def load(
    *, users: float = 1000, p95: float = 312.0, failed: float = 0.0002, seconds: int = 600, **more: Any
) -> Any:
    """Build k6's summary of a test; further metrics by their names."""
    return {
        "metrics": {
            "http_reqs": {"count": 300 * seconds, "rate": 300.0},
            "http_req_duration": {"avg": 90.0, "p(95)": p95, "thresholds": {"p(95)<500": p95 >= 500}},
            "http_req_failed": {"value": failed, "passes": 36, "fails": 179964},
            "vus": {"value": 3, "min": 3, "max": users},
            "vus_max": {"value": 1000, "min": 1000, "max": 1000},
            **more,
        }
    }


LOADED = {
    "as the document wants": (load(), P),
    "longer, with more users": (load(users=1500, seconds=1800), P),
    "users that were reserved and not active": (load(users=80), F),
    "too slow": (load(p95=500), F),
    "one of a hundred failed": (load(failed=0.01), F),
    "a minute": (load(seconds=60), F),
}


@pytest.mark.parametrize(("document", "wanted"), LOADED.values(), ids=LOADED.keys())
def test_load_tests(tmp_path: Path, document: dict[str, Any], wanted: Verdict) -> None:
    """A thousand users at once for ten minutes, quick and without failures; no program runs on the worker."""
    result = on_report(tmp_path, "load_tests", "load/summary.json", document)
    assert result.verdict is wanted, result.headline


def targets(values: dict[str, int], **crossed: bool) -> dict[str, Any]:
    """Build the metrics of services with the thresholds that they have."""
    return {
        f"http_req_duration{{service:{service}}}": {
            "avg": 9.0,
            "p(95)": 20.0,
            "thresholds": {f"p(95)<{limit}": crossed.get(service, False)},
        }
        for service, limit in values.items()
    }


DOCUMENT = {"ai_routing": 200, "knowledge_ocean": 100, "constitutional_ai": 50, "api_gateway": 50}
TARGETS = {
    "each service has its own": (load(**targets(DOCUMENT)), P),
    "a further service": (load(**targets({**DOCUMENT, "search": 300})), P),
    "one for all": (load(), F),
    "four of other services": (load(**targets(dict.fromkeys("abcd", 10))), F),
    "one is wider than the document's": (load(**targets({**DOCUMENT, "api_gateway": 5000})), F),
    "one was crossed": (load(**targets(DOCUMENT, ai_routing=True)), F),
}


@pytest.mark.parametrize(("document", "wanted"), TARGETS.values(), ids=TARGETS.keys())
def test_performance_tests(tmp_path: Path, document: dict[str, Any], wanted: Verdict) -> None:
    """Every target of the document is a threshold, and none was crossed."""
    result = on_report(tmp_path, "performance_tests", "load/summary.json", document)
    assert result.verdict is wanted, result.headline


def test_missing_target_is_named(tmp_path: Path) -> None:
    """A red square says which target the load test does not declare."""
    three = {service: limit for service, limit in DOCUMENT.items() if service != "api_gateway"}
    result = on_report(tmp_path, "performance_tests", "load/summary.json", load(**targets(three)))
    assert (
        "without the threshold http_req_duration{service:api_gateway}: p(95) less than 50" in result.headline
    )


def test_site_that_was_not_scanned_is_named(tmp_path: Path) -> None:
    """A red square says which site is not in ZAP's report."""
    scan = zap(datetime.now(UTC), "localhost")
    results = on_reports(tmp_path, "sql_injection", "security/zap.json", scan)
    assert "without the site https://staging.shop.test" in results[0].headline
