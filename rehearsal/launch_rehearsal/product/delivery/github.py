"""Serve GitHub's API over a small set of issues, pull requests, rules, alerts and runs."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web

from launch_pipeline.checks.language.values import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

REPOSITORY = "azora/azora"


@dataclass(frozen=True)
class Issue:
    """An issue or a pull request."""

    number: int
    title: str
    labels: tuple[str, ...] = ()
    is_pull: bool = False
    is_open: bool = False
    milestone: str = ""
    review: str = ""
    days_ago: int = 20

    @property
    def created(self) -> datetime:
        """Return the time at which it was opened."""
        return datetime.now(UTC) - timedelta(days=self.days_ago)


ISSUES = (
    Issue(101, "Requirement: sign in with a school account", ("requirement",), milestone="1.0.0"),
    Issue(102, "Requirement: answers name their sources", ("requirement",), milestone="1.0.0"),
    Issue(118, "Idea: a dark theme", ("requirement",), is_open=True, milestone="1.1.0"),
    Issue(131, "Design: routing in three tiers", ("design-review",), is_pull=True, review="approved"),
    Issue(140, "Knowledge ocean: rank the context", is_pull=True, review="approved", days_ago=12),
    Issue(147, "Gateway: limit requests", is_pull=True, review="approved", days_ago=8),
    Issue(151, "Typo in the user guide", ("bug",), days_ago=30),
)
ALERTS: tuple[dict[str, Any], ...] = (
    {"number": 3, "state": "fixed", "rule": {"id": "js/xss", "security_severity_level": "high"}},
    {"number": 5, "state": "dismissed", "rule": {"id": "js/unused", "security_severity_level": "low"}},
)
LABELS = ("bug", "design-review", "postmortem-action", "requirement", "severity/critical")
RULES = (
    {"type": "pull_request", "parameters": {"required_approving_review_count": 1}},
    {"type": "non_fast_forward"},
    {"type": "deletion"},
)


def search(query: str) -> list[Issue]:
    """Find the issues that match every qualifier; raises ValueError for an unknown qualifier."""
    tests = [_qualifier(word) for word in shlex.split(query)]
    return [issue for issue in ISSUES if all(test(issue) for test in tests)]


def _qualifier(word: str) -> Callable[[Issue], bool]:
    if word.startswith("-"):
        excluded = _qualifier(word.removeprefix("-"))
        return lambda issue: not excluded(issue)
    name, _, wanted = word.partition(":")
    simple: Mapping[str, Callable[[Issue], bool]] = {
        "repo": lambda _: wanted == REPOSITORY,
        "base": lambda issue: issue.is_pull and wanted == "main",
        "label": lambda issue: wanted in issue.labels,
        "milestone": lambda issue: issue.milestone == wanted,
        "review": lambda issue: (issue.review or "none") == wanted,
        "is": lambda issue: _state(issue, wanted),
        "created": lambda issue: _since(issue, wanted),
        "merged": lambda issue: _since(issue, wanted),
    }
    if name not in simple:
        message = f"the qualifier {name!r} is not known here"
        raise ValueError(message)
    return simple[name]


def _state(issue: Issue, wanted: str) -> bool:
    return {
        "issue": not issue.is_pull,
        "pr": issue.is_pull,
        "open": issue.is_open,
        "closed": not issue.is_open,
        "merged": issue.is_pull and not issue.is_open,
    }[wanted]


def _since(issue: Issue, wanted: str) -> bool:
    begin = moment(wanted.removeprefix(">="))
    if not wanted.startswith(">=") or begin is None:
        message = f"{wanted!r} is no '>=' and a date"
        raise ValueError(message)
    return issue.created >= begin


def github_app(token: str) -> web.Application:
    """Build the application; requests without the token are refused."""

    @web.middleware
    async def known(request: web.Request, handler: Any) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {token}":
            return web.json_response({"message": "Bad credentials"}, status=401)
        answer: web.StreamResponse = await handler(request)
        return answer

    app = web.Application(middlewares=[known])
    repository = f"/repos/{REPOSITORY}"
    app.add_routes(
        [
            web.get("/search/issues", _search),
            web.get(f"{repository}/rules/branches/main", _rules),
            web.get(f"{repository}/compare/{{basehead}}", _compared),
            web.get(f"{repository}/code-scanning/alerts", _alerts),
            web.get(f"{repository}/dependabot/alerts", _no_alerts),
            web.get(f"{repository}/labels", _labels),
            web.get(f"{repository}/commits/{{sha}}/check-runs", _runs),
        ]
    )
    return app


async def _search(request: web.Request) -> web.Response:
    try:
        found = search(request.query.get("q", ""))
    except (ValueError, KeyError) as error:
        return web.json_response({"message": f"Validation Failed: {error}"}, status=422)
    items = [{"number": i.number, "title": i.title, "created_at": i.created.isoformat()} for i in found]
    return web.json_response({"total_count": len(items), "incomplete_results": False, "items": items})


async def _rules(_request: web.Request) -> web.Response:
    return web.json_response(RULES)


async def _compared(_request: web.Request) -> web.Response:
    """Answer that the release is the branch's newest commit (docs.github.com: Compare two commits)."""
    counts = {"ahead_by": 0, "behind_by": 0, "total_commits": 0}
    return web.json_response({"status": "identical", **counts, "commits": [], "files": []})


async def _alerts(request: web.Request) -> web.Response:
    state, severity = request.query.get("state"), request.query.get("severity")
    found = [
        alert
        for alert in ALERTS
        if state in {None, alert["state"]} and severity in {None, alert["rule"]["security_severity_level"]}
    ]
    return web.json_response(found)


async def _no_alerts(_request: web.Request) -> web.Response:
    return web.json_response([])


async def _labels(_request: web.Request) -> web.Response:
    return web.json_response([{"name": name, "default": False} for name in LABELS])


async def _runs(request: web.Request) -> web.Response:
    run = {
        "id": 9001,
        "name": request.query.get("check_name", "build"),
        "head_sha": request.match_info["sha"],
        "status": "completed",
        "conclusion": "success",
    }
    return web.json_response({"total_count": 1, "check_runs": [run]})
