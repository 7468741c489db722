"""``oncall_schedule`` against a stand-in that answers with PagerDuty's documents."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from launch_pipeline.checks.kinds.oncall_schedule.observer import Interval, uncovered
from launch_pipeline.checks.verdict import CheckResult, Verdict
from launch_rehearsal.vendors.pagerduty import KEY, PagerDuty, authorization, entry, method
from servers.checking import check, context, raw, run
from servers.web import http_connection, serving

pytestmark = pytest.mark.integration
HEADERS = {"headers": {"Authorization": authorization(KEY)}}
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
START = {"start": "2026-03-28T00:00:00Z", "days": 2}


def asked(pagerduty: PagerDuty, extra: Any = None, **params: Any) -> CheckResult:
    async def ask() -> CheckResult:
        async with serving(pagerduty.app) as port:
            connection = http_connection(port, "pagerduty", extra=HEADERS if extra is None else extra)
            ctx = context({"pagerduty": connection})
            return await check(ctx, "oncall_schedule", **{"schedules": ["PROTA"], **START, **params})

    return run(ask())


D28, D29, D30 = ("2026-03-28T00:00:00Z", "2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z")
COVERAGE: dict[str, tuple[list[dict[str, Any]], Verdict, str]] = {
    "one after the other": ([entry(D28, D29), entry(D29, D30)], P, "gaps = []"),
    "in any order": ([entry(D29, D30), entry(D28, D29)], P, "gaps = []"),
    "longer than the window": ([entry("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")], P, "coverage_percent = 100"),
    "open at both ends": ([entry(None, None)], P, "gaps = []"),
    "open at the end": ([entry(D28, D29), entry(D29, None)], P, "gaps = []"),
    "one within another": ([entry(D28, D30), entry("2026-03-28T10:00:00Z", "2026-03-28T11:00:00Z")], P, "gaps = []"),
    "zones and the clock change": ([entry("2026-03-28T01:00:00+01:00", "2026-03-30T02:00:00+02:00")], P, "gaps = []"),
    "the clock change takes no hour away": (
        [entry("2026-03-28T01:00:00+01:00", "2026-03-30T01:00:00+02:00")], F, "2026-03-29 23:00:00Z to 2026-03-30 00:00:00Z"),
    "a second is missing": (
        [entry(D28, "2026-03-28T23:59:59Z"), entry(D29, D30)], F, "2026-03-28 23:59:59Z to 2026-03-29 00:00:00Z"),
    "nobody at the beginning": ([entry("2026-03-28T08:00:00Z", D30)], F, "2026-03-28 00:00:00Z to 2026-03-28 08:00:00Z"),
    "nobody at the end": ([entry(D28, D29)], F, "2026-03-29 00:00:00Z to 2026-03-30 00:00:00Z"),
    "nobody at all": ([], F, "2026-03-28 00:00:00Z to 2026-03-30 00:00:00Z"),
    "an entry without anybody": ([{**entry(D28, D30), "user": None}], F, "gaps = "),
    "a person who was deleted": (
        [{**entry(D28, D30), "user": {"id": "POLGA", "summary": "Olga", "html_url": None, "deleted_at": D28}}], F, "gaps = "),
    "a time without zone": ([entry("2026-03-28T00:00:00", D30)], Q, "not a time with zone"),
    "a time that is none": ([entry("soon", D30)], Q, "not a time with zone"),
}  # fmt: skip


@pytest.mark.parametrize(("entries", "verdict", "headline"), COVERAGE.values(), ids=COVERAGE.keys())
def test_coverage(entries: list[dict[str, Any]], verdict: Verdict, headline: str) -> None:
    """Somebody is on call at every moment of the window; a gap is named."""
    result = asked(PagerDuty(*entries))
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_small_gap_is_not_rounded_away() -> None:
    """A second in a month is less than 100 %."""
    entries = [entry(D28, "2026-03-28T23:59:59Z"), entry(D29, None)]
    result = asked(PagerDuty(*entries), days=30)
    assert (result.verdict, result.observed["PROTA"]["coverage_percent"]) == (F, 99.99)


def test_every_page_is_read() -> None:
    """The answer comes in pages; what is on the last one counts."""
    start = datetime(2026, 3, 28, tzinfo=UTC)
    hours = [(start + timedelta(hours=n)).isoformat() for n in range(49)]
    entries = [entry(a, b) for a, b in itertools.pairwise(hours)]
    assert asked(PagerDuty(*entries)).verdict is P


class Unlike(PagerDuty):
    """A PagerDuty that changes its documents before they are sent."""

    def __init__(self, *entries: dict[str, Any], **changes: Any) -> None:
        super().__init__(*entries, page=changes.pop("page", 100))
        self.changes = changes

    def _paged(self, name: str, found: list[dict[str, Any]], request: web.Request) -> web.Response:
        document = json.loads(str(super()._paged(name, found, request).text)) | self.changes
        return web.json_response({key: value for key, value in document.items() if value is not None})


WHOLE: dict[str, tuple[PagerDuty, Verdict, str]] = {
    "pages smaller than asked for": (PagerDuty(entry(D28, D29), entry(D29, D30), page=1), P, "gaps = []"),
    "it does not say whether there is more": (Unlike(entry(None, None), more=None), P, "gaps = []"),
    "a full page that does not say so": (Unlike(entry(D28, D29), entry(D29, D30), page=1, more=None), P, "gaps = []"),
    "more, and nothing": (Unlike(entry(D28, D30), more=True), Q, "and lists none"),
    "an entry of another schedule": (Unlike(oncalls=[entry(None, None, schedule="POTHER")], more=False), F, "gaps = "),
    "an entry without a level": (PagerDuty({**entry(None, None), "escalation_level": None}), Q, "no escalation level"),
    "an entry without a policy": (PagerDuty({**entry(None, None), "escalation_policy": {"id": None}}), Q, "or policy"),
}  # fmt: skip


@pytest.mark.parametrize(("pagerduty", "verdict", "headline"), WHOLE.values(), ids=WHOLE.keys())
def test_answer_that_is_not_whole(pagerduty: PagerDuty, verdict: Verdict, headline: str) -> None:
    """Pages are followed as long as they are; what was not asked for does not count."""
    result = asked(pagerduty)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


def test_person_on_the_last_page_can_be_reached() -> None:
    """A person named on a later page needs the contact methods too."""
    pagerduty = PagerDuty(entry(D28, D29), entry(D29, D30, "Kim"), page=1)
    pagerduty.methods["POLGA"] = ALL_METHODS
    result = asked(pagerduty, contact_methods=["phone"])
    assert (result.verdict, "Kim: phone" in raw(result)) == (F, True), result.headline


def test_every_schedule_counts() -> None:
    """Each schedule must be covered by itself."""
    result = asked(PagerDuty(entry(None, None)), schedules=["PROTA", "POTHER"])
    assert (result.verdict, "POTHER: gaps" in raw(result)) == (F, True), result.headline


LEVELS: dict[str, tuple[list[dict[str, Any]], Verdict, str]] = {
    "a second schedule": ([entry(None, None), entry(D28, D30, "Kim", 2, "PSECOND")], P, "levels = 2"),
    "a person without a schedule": ([entry(None, None), entry(None, None, "Kim", 2, None)], P, "levels = 2"),
    "a single level": ([entry(None, None)], F, "levels = 1, want >= 2"),
    "a second level with a gap": ([entry(None, None), entry(D28, D29, "Kim", 2, "PSECOND")], F, "levels = 1"),
    "the same level twice": ([entry(None, None), entry(None, None, "Kim", 1, "PSECOND")], F, "levels = 1"),
}  # fmt: skip


@pytest.mark.parametrize(("entries", "verdict", "headline"), LEVELS.values(), ids=LEVELS.keys())
def test_levels(entries: list[dict[str, Any]], verdict: Verdict, headline: str) -> None:
    """The other levels of the policy are looked up too, and count only when staffed all the time."""
    result = asked(PagerDuty(*entries), min_levels=2)
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline


ALL_METHODS = [method("phone"), method("push_notification"), method("email")]
METHODS: dict[str, tuple[list[dict[str, Any]] | None, Verdict, str]] = {
    "all": (ALL_METHODS, P, ""),
    "no push": ([method("phone"), method("email")], F, "Olga: push"),
    "a blocked phone is none": ([method("phone", blacklisted=True), *ALL_METHODS[1:]], F, "Olga: phone"),
    "somebody who is gone": (None, F, "Olga: phone, push, email"),
}


@pytest.mark.parametrize(("methods", "verdict", "headline"), METHODS.values(), ids=METHODS.keys())
def test_contact_methods(methods: list[dict[str, Any]] | None, verdict: Verdict, headline: str) -> None:
    """Everybody on call can be reached in every wanted way; numbers are not shown."""
    pagerduty = PagerDuty(entry(None, None))
    if methods is not None:
        pagerduty.methods["POLGA"] = methods
    result = asked(pagerduty, contact_methods=["phone", "push", "email"])
    assert (result.verdict, headline in raw(result)) == (verdict, True), result.headline
    assert "2025550199" not in result.model_dump_json()


def test_start_that_is_no_time() -> None:
    """A start that cannot be read is named."""
    assert "write 'now'" in asked(PagerDuty(), start="soon").headline


def test_api_key_as_bearer_is_inconclusive() -> None:
    """PagerDuty wants its keys in a header of their own; otherwise it refuses us."""
    result = asked(PagerDuty(entry(None, None)), extra={})
    assert (result.verdict, "credentials" in raw(result)) == (Q, True), result.headline


def at(minute: int) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-5, 25), st.integers(0, 10)), max_size=8))
def test_gaps_are_exactly_what_nobody_covers(spans: list[tuple[int, int]]) -> None:
    """Minute by minute: in a gap if and only if in no interval, counted without its end."""
    intervals = [Interval(at(start), at(start + length)) for start, length in spans]
    gaps = uncovered(intervals, Interval(at(0), at(20)))
    for minute in range(20):
        covered = any(one.start <= at(minute) < one.end for one in intervals)
        assert covered is not any(gap.start <= at(minute) < gap.end for gap in gaps)
