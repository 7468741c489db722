"""A check that passed is looked at again: about now, and not so often that an authority minds."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checklist.model import CheckSpec
from launch_pipeline.checklist.vocabulary import Mode, Severity, TrueUntil
from launch_pipeline.checks.engine.again import later, look_every
from launch_pipeline.checks.engine.context import ConnectionInfo
from launch_pipeline.checks.engine.product import with_product
from launch_pipeline.checks.engine.registry import kind
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.checks.language.variables import or_as_written, placeholders, substituted
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.errors import ConfigurationError
from servers.checking import context, run
from servers.git_files import committed
from servers.one_item import items

if TYPE_CHECKING:
    from pathlib import Path

    from launch_pipeline.checks.engine.context import CheckContext

pytestmark = pytest.mark.integration

SHORTEST = timedelta(seconds=5)
"""How often the watch looks unless a check wants to be left alone."""
AT_T_0 = ("t_0.", "t_plus_1h.", "t_plus_4h.")
POLLED = 20 / 60
"""Requests a second of T-0's polling at the edge, besides those of the watch."""


def spec(name: str, **params: Any) -> CheckSpec:
    return CheckSpec.model_validate({name: params})


def verdict(check: CheckSpec, ctx: CheckContext) -> Verdict:
    return run(run_checks([check], ctx))[0].verdict


def report(folder: Path, body: str, age: timedelta, commit: str = "a" * 40) -> CheckSpec:
    """Write a report of tests of that age, and return the check of it."""
    path = folder / "junit.xml"
    path.write_text(f'<testsuites><testsuite name="s">{body}</testsuite></testsuites>')
    meta = {"commit": commit, "generated_at": (datetime.now(UTC) - age).isoformat()}
    path.with_name("junit.xml.meta.json").write_text(json.dumps(meta))
    return spec("report", uri=path.as_uri(), format="junit", max_age="3d")


def test_report_is_judged_by_its_content_later(tmp_path: Path) -> None:
    """A failure, or another commit's report, is red later as well; its age alone is not."""
    ctx = context(variables={"release_sha": "a" * 40})
    good, month = '<testcase name="t"/>', timedelta(days=30)
    failed = report(tmp_path, '<testcase name="t"><failure/></testcase>', month)
    assert verdict(later(failed), ctx) is Verdict.FAILED
    assert verdict(later(report(tmp_path, good, month, "b" * 40)), ctx) is Verdict.INCONCLUSIVE
    old = report(tmp_path, good, month)
    assert verdict(old, ctx) is Verdict.INCONCLUSIVE
    assert verdict(later(old), ctx) is Verdict.PASSED


def test_documents_are_judged_by_their_content_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A marker of unfinished text is red later as well; the age of a review is not."""
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_DATE", "2024-01-01T00:00:00Z")
    (tmp_path / "r").mkdir()
    commit = committed(tmp_path / "r", {"docs/a.md": "reviewed", "docs/b.md": "TBD"})
    git = ConnectionInfo("git", extra={"path": str(tmp_path / "r")})
    ctx = context({"git": git}, variables={"release_sha": commit})
    params = {"max_age": "180d", "forbid": ["TBD"]}
    assert verdict(later(spec("git_repository", paths=["docs/*.md"], **params)), ctx) is Verdict.FAILED
    old = spec("git_repository", paths=["docs/a.md"], **params)
    assert verdict(old, ctx) is Verdict.FAILED
    assert verdict(later(old), ctx) is Verdict.PASSED


def test_later_look_does_not_wait() -> None:
    """A wait of an hour would make a red of T-0 an hour old; what a check causes itself needs its time."""
    log = spec("log_query", query='{a="b"} |= "${run_nonce}"', wait="2m", expect={"count": ">= 1"})
    assert later(log) == log
    polled = spec("dns_record", names=["a.test"], wait="1h", interval="30s")
    assert "wait" not in later(polled).params
    since = spec("prometheus_query", query="up", since="${now}", wait="10m")
    assert (later(since).params["since"], "wait" in later(since).params) == (None, False)


@pytest.mark.parametrize("ref", [ref for ref, item in items().items() if item.checks])
def test_every_shipped_check_can_be_looked_at_again(ref: str) -> None:
    """A later look is a check like any other, asks the same authority, and expects no less."""
    for check in items()[ref].checks:
        again = later(check)
        model = kind(check.kind).params
        before, after = (model.model_validate(one.params) for one in (check, again))
        assert (after.conn_id, after.expect) == (before.conn_id, before.expect)
        assert placeholders(again.params) >= placeholders(check.params) - {"now"}
        assert look_every(again) == look_every(check)


def test_unknown_kind_is_not_looked_at() -> None:
    """Nothing is made up for a kind that is not installed."""
    with pytest.raises(ConfigurationError):
        later(spec("tea_leaves", cup=1))
    with pytest.raises(ConfigurationError):
        look_every(spec("tea_leaves", cup=1))


def _watched(*, after_t_0: bool) -> list[CheckSpec]:
    """Return the checks of all items that the watch looks at, before T-0 or after it."""
    found: list[CheckSpec] = []
    for ref, item in items().items():
        phase, _, rest = ref.partition(".")
        over = item.true_until is TrueUntil.LAUNCH_TIME if after_t_0 else rest.startswith(AT_T_0)
        machine = item.mode is Mode.CHECK and item.severity is Severity.BLOCKING and not item.seen_once
        if machine and not over and phase not in {"post_launch", "rollback"}:
            found += [later(check) for check in item.checks]
    return found


def _per_second(*, after_t_0: bool) -> dict[str, float]:
    """Return the requests a second that the watch makes by each connection, and of them GitHub's searches."""
    names = with_product({"critical_endpoints": [f"/{number}" for number in range(5)]})
    rates: dict[str, float] = defaultdict(float)
    for check in _watched(after_t_0=after_t_0):
        written = substituted(check.params, or_as_written(check.params, names))
        params: Any = kind(check.kind).params.model_validate(written)
        asked = len(params.targets) * params.samples if check.kind == "http_request" else 1
        rate = asked / max(SHORTEST, look_every(check)).total_seconds()
        rates[params.conn_id] += rate
        if str(written.get("path", "")).startswith("/search/"):
            rates["searches"] += rate
    return rates


@pytest.mark.parametrize("after_t_0", [False, True])
def test_vendors_can_bear_the_watch(*, after_t_0: bool) -> None:
    """No more than a quarter of what a vendor allows is used, since people and tools ask it as well."""
    rates = _per_second(after_t_0=after_t_0)
    # docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
    assert rates["github"] <= 5000 / 3600 / 4
    assert rates["searches"] <= 30 / 60 / 4
    # docs.slack.dev/apis/web-api/rate-limits: channels are listed 20 times a minute.
    assert 0 < rates["slack_check"] <= 20 / 60 / 4
    # support.pagerduty.com/docs/rest-api-rate-limits; a rota of fifty people needs as many requests.
    assert 0 < 50 * rates["pagerduty"] <= 960 / 60 / 4
    # docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-throttling.html
    assert 0 < rates["aws"] <= 10 / 4


@pytest.mark.parametrize("after_t_0", [False, True])
def test_product_can_bear_the_watch(*, after_t_0: bool) -> None:
    """A usual limiter lets the pipeline's client through: 1000 requests in 15 minutes."""
    rates = _per_second(after_t_0=after_t_0)
    assert 0 < rates["api_gateway"] <= 1000 / (15 * 60)


def test_watch_alone_is_no_traffic() -> None:
    """What the pipeline asks at the edge never looks like users, wherever the gateway is asked."""
    rates = _per_second(after_t_0=True)
    own = rates["edge"] + POLLED
    # The numbers that variables.yaml and the notes of 'traffic_routed' give.
    assert 0.7 < own <= 0.8
    assert 1.5 < own + rates["api_gateway"] <= 1.6
    assert own + rates["api_gateway"] < with_product({})["launch_min_rps"]
