"""Observes ``oncall_schedule``."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from launch_pipeline.checks.clients.json_api import Api, mapping, records
from launch_pipeline.checks.clients.together import together
from launch_pipeline.checks.language.values import moment
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Iterable

    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.oncall_schedule.definition import OncallScheduleParams

_HEADERS = {"Accept": "application/vnd.pagerduty+json;version=2"}
_PAGE = 100
_PAGES = 50
_PEOPLE = 50
_NOT_FOUND = 404
_SHOWN = 20
_METHODS = {
    "email_contact_method": "email",
    "phone_contact_method": "phone",
    "sms_contact_method": "sms",
    "push_notification_contact_method": "push",
}


@dataclass(frozen=True)
class Interval:
    """A half-open interval, without ``end``."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class _Duty:
    """A responder on call, within the window."""

    interval: Interval
    person_id: str
    person: str
    policy: str
    level: int


async def observe(params: OncallScheduleParams, ctx: CheckContext) -> Observation:
    """Read who is on call in the window, and find the gaps; one subject per schedule.

    Raises Unreachable if PagerDuty does not answer, Inconclusive if its answer is not complete.
    """
    api = await Api.connect(ctx, params.conn_id, _HEADERS, timed=params.start == "now")
    window = _window(params, ctx)
    facts = await together(_schedule(params, api, one, window) for one in params.schedules)
    subjects = [Subject(name=n, facts=f) for n, f in zip(params.schedules, facts, strict=True)]
    summary = {one.name: {**one.facts, "gaps": one.facts["gaps"][:_SHOWN]} for one in subjects}
    return Observation(subjects=tuple(subjects), authority=api.authority, summary=summary)


def _window(params: OncallScheduleParams, ctx: CheckContext) -> Interval:
    start = ctx.clock() if params.start == "now" else moment(params.start)
    if start is None:
        message = (
            f"'start' is {params.start!r}; write 'now' or a time with zone, such as 2026-01-31T09:00:00Z"
        )
        raise Inconclusive(message)
    begin = start.astimezone(UTC).replace(microsecond=0)
    return Interval(begin, begin + timedelta(days=params.days))


async def _schedule(
    params: OncallScheduleParams, api: Api, schedule: str, window: Interval
) -> dict[str, Any]:
    duties = await _duties(api, "schedule_ids[]", [schedule], window)
    gaps = uncovered([duty.interval for duty in duties], window)
    policies = sorted({duty.policy for duty in duties})
    if params.min_levels > 1 and policies:
        # The other levels of a policy are other schedules, or people without a schedule.
        duties = await _duties(api, "escalation_policy_ids[]", policies, window)
    people = {duty.person_id: duty.person for duty in duties}
    methods = await _all_methods(api, people) if params.contact_methods else {}
    lacking = {one: [m for m in params.contact_methods if m not in found] for one, found in methods.items()}
    return {
        "coverage_percent": _percent(gaps, window),
        "gaps": [_written(gap) for gap in gaps],
        "levels": min((_levels(duties, policy, window) for policy in policies), default=0),
        "responders": [
            {"name": name, "methods": methods.get(person, [])} for person, name in sorted(people.items())
        ],
        "missing_methods": [f"{people[one]}: {', '.join(m)}" for one, m in sorted(lacking.items()) if m],
        "window": _written(window),
    }


async def _duties(api: Api, by: str, ids: list[str], window: Interval) -> list[_Duty]:
    """Read every entry that overlaps the window, page by page."""
    query = [(by, one) for one in ids]
    query += [("since", window.start.isoformat()), ("until", window.end.isoformat()), ("limit", str(_PAGE))]
    found: list[dict[str, Any]] = []
    for _ in range(_PAGES):
        reply = await api.get("/oncalls", [*query, ("offset", str(len(found)))])
        document = mapping(reply.document, "document of PagerDuty's form")
        listed = records(document.get("oncalls"), "oncalls")
        found += listed
        if not _goes_on(document, len(listed)):
            wanted = [entry for entry in found if _is_of(entry, by, ids)]
            return [duty for duty in map(_Reader(window).read, wanted) if duty]
        if not listed:
            message = f"{api.authority} says that there are more on-call entries, and lists none"
            raise Inconclusive(message)
    message = f"{api.authority} has more than {_PAGE * _PAGES} on-call entries in the window; shorten 'days'"
    raise Inconclusive(message)


def _goes_on(document: dict[str, Any], count: int) -> bool:
    """Return whether a page is not the last one; a full page that does not say so may not be."""
    more, limit = document.get("more"), document.get("limit")
    return bool(more) if more is not None else count >= (limit if isinstance(limit, int) else _PAGE)


def _is_of(entry: dict[str, Any], by: str, ids: list[str]) -> bool:
    """Return whether an entry is what was asked for, should a filter not have been understood."""
    holder = entry.get("schedule" if by == "schedule_ids[]" else "escalation_policy") or {}
    return holder.get("id") in ids


@dataclass(frozen=True)
class _Reader:
    """Parses entries and clips them to the window."""

    window: Interval

    def read(self, entry: dict[str, Any]) -> _Duty | None:
        """Parse one entry; None if it names no one or is outside. Without an end it is open-ended.

        A reference to a person who was deleted says so in ``deleted_at``.
        """
        start = max(self._time(entry, "start", self.window.start), self.window.start)
        end = min(self._time(entry, "end", self.window.end), self.window.end)
        user, policy = entry.get("user") or {}, entry.get("escalation_policy") or {}
        if not user.get("id") or user.get("deleted_at") or start >= end:
            return None
        person = str(user.get("summary") or user.get("name") or user["id"])
        level = entry.get("escalation_level")
        if not isinstance(level, int) or not policy.get("id"):
            message = f"an on-call entry of {person} names no escalation level or policy"
            raise Inconclusive(message)
        return _Duty(Interval(start, end), str(user["id"]), person, str(policy["id"]), level)

    @staticmethod
    def _time(entry: dict[str, Any], name: str, unbounded: datetime) -> datetime:
        if entry.get(name) is None:
            return unbounded
        read = moment(entry[name])
        if read is None:
            message = f"an on-call entry has a {name} that is not a time with zone: {str(entry[name])[:40]!r}"
            raise Inconclusive(message)
        return read.astimezone(UTC)


def uncovered(intervals: Iterable[Interval], window: Interval) -> list[Interval]:
    """Return the parts of the window that no interval covers."""
    gaps: list[Interval] = []
    reached = window.start
    for one in sorted(intervals, key=lambda interval: interval.start):
        if one.start > reached:
            gaps.append(Interval(reached, min(one.start, window.end)))
        reached = max(reached, one.end)
    if reached < window.end:
        gaps.append(Interval(reached, window.end))
    return [gap for gap in gaps if gap.start < gap.end]


def _percent(gaps: list[Interval], window: Interval) -> float:
    """Return the percentage covered; a gap of a second in a month is not rounded away."""
    if not gaps:
        return 100.0
    missing = sum(((gap.end - gap.start) for gap in gaps), timedelta())
    return min(99.99, round(100 * (1 - missing / (window.end - window.start)), 2))


def _levels(duties: list[_Duty], policy: str, window: Interval) -> int:
    """Return how many levels of the policy are staffed for the whole window."""
    by_level: dict[int, list[Interval]] = defaultdict(list)
    for duty in duties:
        if duty.policy == policy:
            by_level[duty.level].append(duty.interval)
    return sum(not uncovered(intervals, window) for intervals in by_level.values())


def _written(interval: Interval) -> str:
    start, end = (at.strftime("%Y-%m-%d %H:%M:%SZ") for at in (interval.start, interval.end))
    return f"{start} to {end}"


async def _all_methods(api: Api, people: dict[str, str]) -> dict[str, list[str]]:
    if len(people) > _PEOPLE:
        message = f"{len(people)} people are on call in the window; more than {_PEOPLE} are not looked up"
        raise Inconclusive(message)
    found = await together(_methods(api, person) for person in people)
    return dict(zip(people, found, strict=True))


async def _methods(api: Api, person: str) -> list[str]:
    """Return how a person can be reached, without the numbers and addresses themselves."""
    reply = await api.get(f"/users/{quote(person, safe='')}/contact_methods", allowed={_NOT_FOUND})
    if reply.status == _NOT_FOUND:
        return []
    listed = records(mapping(reply.document, "document").get("contact_methods"), "contact methods")
    working = [m for m in listed if not m.get("blacklisted") and m.get("enabled") is not False]
    return sorted({_METHODS[m["type"]] for m in working if m.get("type") in _METHODS})
