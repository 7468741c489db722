"""Kind ``oncall_schedule``: is a responder on call the whole time, at enough levels.

Facts per schedule: ``coverage_percent, gaps, levels, responders[{name, methods}], missing_methods, window``;
``levels`` counts the levels of its escalation policy that are staffed for the whole window (the lowest count,
if it is in several policies).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from launch_pipeline.checklist.duration import Duration
from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Criteria, Name, Names, Params, merged
from launch_pipeline.checks.kinds.oncall_schedule.says import says


class OncallScheduleParams(Params):
    """Schedules (ids) and the days to look ahead.

    PagerDuty's API key goes into the headers of the connection's extra: ``Authorization: Token token=...``.
    """

    conn_id: str = "pagerduty"
    schedules: Names
    """Ids of the schedules."""
    start: Name = "now"
    """``now`` or a time with zone."""
    days: Annotated[int, Field(ge=1, le=90)] = 7
    """Days from ``start`` on without a gap."""
    min_levels: Annotated[int, Field(ge=1)] = 1
    """Escalation levels that must be staffed the whole time."""
    contact_methods: tuple[Literal["phone", "sms", "push", "email"], ...] = ()
    """Contact methods; each responder must have all of them."""
    look_every: Duration = timedelta(minutes=1)
    """PagerDuty answers 960 requests of a key in a minute (support.pagerduty.com/docs/rest-api-rate-limits),
    of which a rota with all its people may need 50."""


def criteria(params: OncallScheduleParams) -> Criteria:
    """Require no gap, enough levels, and the contact methods for each responder."""
    defaults = {"gaps": "== []", "coverage_percent": ">= 100", "levels": f">= {params.min_levels}"}
    if params.contact_methods:
        defaults["missing_methods"] = "== []"
    return merged(defaults, params)


KIND = Kind(
    name="oncall_schedule",
    params=OncallScheduleParams,
    observe="launch_pipeline.checks.kinds.oncall_schedule.observer:observe",
    criteria=criteria,
    says=says,
    default_conn_id="pagerduty",
)
