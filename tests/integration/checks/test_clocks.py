"""A wrong clock, here or there: where times are compared it could make old look new, so nothing passes."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from launch_pipeline.checks.engine.context import ConnectionInfo
from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers import tls
from servers.checking import check, context, raw, run
from servers.odd import Odd
from servers.slack_api import TOKEN, SlackApi, channel, message
from servers.trouble import KINDS, connection
from servers.web import http_connection, prometheus, serving

if TYPE_CHECKING:
    from pathlib import Path

    from aiohttp import web

    from launch_pipeline.checks.engine.context import CheckContext

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
HOURS = {"ours is behind": -2.0, "ours is ahead": 2.0}


def at(ctx: CheckContext, hours: float) -> CheckContext:
    """Give a context whose clock is so many hours ahead."""
    return replace(ctx, clock=lambda: datetime.now(UTC) + timedelta(hours=hours))


def xml_list(hours: float) -> Odd:
    """Create a bucket with one object, that many hours old."""
    moment = (datetime.now(UTC) - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    one = f"<Contents><Key>k</Key><Size>9</Size><LastModified>{moment}</LastModified></Contents>"
    text = f"<?xml version='1.0'?><ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated>{one}"
    return Odd(200, f"{text}</ListBucketResult>".encode(), "application/xml")


def matrix() -> web.Application:
    now = datetime.now(UTC).timestamp()
    return prometheus({"up": {"resultType": "matrix", "result": [{"metric": {}, "values": [[now, "1"]]}]}})


def said(**fields: Any) -> web.Application:
    body = ", ".join(f'"{name}": {value}' for name, value in fields.items())
    return Odd(200, f"{{{body}}}".encode()).app()


AGE = {"expect": {"json.at": "age <= 26h"}}
ASKED: dict[str, tuple[str, dict[str, Any], Any]] = {
    "prometheus_query over a window": (
        "prometheus_query", {"window": "10m", "expect": {"value": "== 1"}}, matrix),
    "prometheus_rule": ("prometheus_rule", {}, said),
    "a test alert": ("alertmanager_alerts", {"inject": {"alertname": "A"}, "receiver": "r"}, said),
    "grafana_dashboard with data": ("grafana_dashboard", {}, said),
    "oncall_schedule from now": ("oncall_schedule", {}, said),
    "http_request about an age": ("http_request", AGE, lambda: said(at=f'"{datetime.now(UTC).isoformat()}"')),
    "kubernetes_resource about an age": (
        "kubernetes_resource", {"expect": {"status.at": "age <= 26h"}},
        lambda: said(kind='"APIResourceList"', resources="[]")),
}  # fmt: skip


@pytest.mark.parametrize("hours", HOURS.values(), ids=HOURS.keys())
@pytest.mark.parametrize(("name", "params", "app"), ASKED.values(), ids=ASKED.keys())
def test_authority_with_another_clock(name: str, params: dict[str, Any], app: Any, hours: float) -> None:
    """An answer says what time it is there; two hours apart, nothing is said of ages and windows."""

    async def ask() -> CheckResult:
        async with serving(app()) as port:
            found = connection(name, port, "http", "")
            ctx = at(context({found.conn_id: replace(found, extra={})}), hours)
            return await check(ctx, name, **{**KINDS[name], **params})

    result = run(ask())
    way = "behind" if hours > 0 else "ahead of"
    assert (result.verdict, f"is 2h {way} this machine's" in raw(result)) == (Q, True), result.headline


def test_authority_whose_clock_does_not_matter() -> None:
    """What is asked without any time is judged as ever."""

    async def ask() -> CheckResult:
        async with serving(said(status='"ok"')) as port:
            ctx = at(context({"http": http_connection(port, "http")}), 2)
            return await check(ctx, "http_request", expect={"json.status": "== ok"})

    assert run(ask()).verdict is P


def test_cached_answer_is_of_an_earlier_time() -> None:
    """A cache passes on the date of the origin, and says how long ago that was."""
    hour_ago = (datetime.now(UTC) - timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    body = f'{{"at": "{datetime.now(UTC).isoformat()}"}}'.encode()

    async def ask(headers: dict[str, str]) -> CheckResult:
        async with serving(Odd(200, body, headers=headers).app()) as port:
            ctx = context({"http": http_connection(port, "http")})
            return await check(ctx, "http_request", **AGE)

    verdicts = [run(ask({"Date": hour_ago, **age})).verdict for age in ({"Age": "3600"}, {})]
    assert verdicts == [P, Q]


@pytest.mark.parametrize("hours", HOURS.values(), ids=HOURS.keys())
def test_message_in_slack(hours: float) -> None:
    """What was posted within the last day is not what Slack's clock says it is."""

    async def ask() -> CheckResult:
        workspace = SlackApi(channel("war-room", messages=[message("launch")]))
        async with serving(workspace.app) as port:
            found = http_connection(port, "slack_check", password=TOKEN)
            ctx = at(context({"slack_check": found}), hours)
            return await check(ctx, "slack_channel", channels=["war-room"], posted="launch", since="1d")

    result = run(ask())
    assert (result.verdict, "the clock of" in raw(result)) == (Q, True), result.headline


BUCKETS = {"yesterday's": (25.0, F, "newest.age_s"), "tomorrow's": (-2.0, Q, "lies in the future")}


@pytest.mark.parametrize(("hours", "verdict", "headline"), BUCKETS.values(), ids=BUCKETS.keys())
def test_newest_backup(hours: float, verdict: Verdict, headline: str) -> None:
    """A backup of tomorrow is younger than any limit, and proves that a clock is wrong."""

    async def ask() -> CheckResult:
        async with serving(xml_list(hours).app()) as port:
            found = connection("object_storage", port, "http", "")
            extra = {name: value for name, value in found.extra.items() if name != "ca_file"}
            ctx = context({found.conn_id: replace(found, extra=extra)})
            return await check(ctx, "object_storage", bucket="b", max_age="24h")

    result = run(ask())
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_commit_of_tomorrow(tmp_path: Path) -> None:
    """A commit's date is what its author's clock said."""
    who = {f"GIT_{role}_{what}": "t@t" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    (tmp_path / "a.md").write_text("a")
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True, env={**os.environ, **who})
    found = ConnectionInfo("git", extra={"path": str(tmp_path)})
    asked = {"paths": ["*.md"], "ref": "main", "max_age": "180d"}
    verdicts = {
        hours: run(check(at(context({"git": found}), hours), "git_repository", **asked)) for hours in (0, -2)
    }
    assert verdicts[0].verdict is P, verdicts[0].headline
    assert (verdicts[-2].verdict, "a clock is wrong" in verdicts[-2].headline) == (Q, True)


def test_certificate_that_is_not_valid_yet(tmp_path: Path) -> None:
    """A certificate of tomorrow is not valid today, whoever's clock it is; the headline says so."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tomorrow = datetime.now(UTC) + timedelta(days=1)

    async def ask() -> CheckResult:
        made = tls.context(authority, not_before=tomorrow)
        async with tls.serving(made) as port:
            params = {"hosts": [f"localhost:{port}"], "ca_file": str(tmp_path / "ca.pem")}
            return await check(context(), "tls_certificate", **params)

    result = run(ask())
    assert (result.verdict, "not yet valid" in raw(result)) == (F, True), result.headline
