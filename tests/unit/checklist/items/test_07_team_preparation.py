"""Week 3, the team: what each item must not pass by, and the ordinary good systems that it must accept."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from launch_pipeline.checks.engine.context import ConnectionInfo
from launch_pipeline.checks.verdict import Verdict
from launch_rehearsal.vendors.pagerduty import KEY, PagerDuty, authorization, entry, method
from servers.checking import run
from servers.deployed_world import Found, asked
from servers.one_answer import over_http
from servers.web import serving

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
Rota = tuple[dict[str, Any], ...]


def on_call(item: str, rota: Rota, **methods: list[str]) -> Found:
    """Ask PagerDuty for an item; people have a phone and an e-mail unless told otherwise."""
    pagerduty = PagerDuty(*rota)
    for name in ("Olga", "Kim"):
        sorts = methods.get(name, ["phone", "email"])
        pagerduty.methods[f"P{name.upper()}"] = [method(sort) for sort in sorts]

    async def ask() -> Found:
        async with serving(pagerduty.app) as port:
            headers = {"headers": {"Authorization": authorization(KEY)}}
            known = ConnectionInfo("pagerduty", "http", f"http://127.0.0.1:{port}", extra=headers)
            return await asked(item, [known], ["oncall_schedule"])

    return run(ask())


FIRST, SECOND = entry(None, None), entry(None, None, "Kim", 2, None)
WEEK = entry("2026-06-01T00:00:00Z", "2026-06-09T00:00:00Z")
LATE = entry("2026-06-01T20:00:00Z", None)
ROTAS: dict[str, tuple[Rota, Verdict]] = {
    "for ever": ((FIRST,), P),
    "the week of the launch": ((WEEK,), P),
    "two people in turn": (
        (entry(None, "2026-06-04T00:00:00Z"), entry("2026-06-04T00:00:00Z", None, "Kim")),
        P,
    ),
    "from the evening on": ((LATE,), F),
    "this week, and not that of the launch": ((entry("2026-05-01T00:00:00Z", "2026-05-09T00:00:00Z"),), F),
    "nobody": ((), F),
}


@pytest.mark.parametrize(("rota", "verdict"), ROTAS.values(), ids=ROTAS.keys())
def test_rota(rota: Rota, verdict: Verdict) -> None:
    """Somebody is on call at every moment of the seven days from the launch."""
    found = on_call("on_call_schedule", rota)
    assert found[0] is verdict, found


LEVELS: dict[str, tuple[Rota, Verdict, str]] = {
    "two people": ((FIRST, SECOND), P, ""),
    "one level": ((FIRST,), F, "levels"),
    "the same person twice": ((FIRST, entry(None, None, "Olga", 2, None)), F, "responders"),
    "the second level comes late": ((FIRST, entry("2026-06-02T00:00:00Z", None, "Kim", 2, None)), F, "levels"),
}  # fmt: skip


@pytest.mark.parametrize(("rota", "verdict", "said"), LEVELS.values(), ids=LEVELS.keys())
def test_escalation(rota: Rota, verdict: Verdict, said: str) -> None:
    """To page the same person again is no escalation."""
    found = on_call("escalation_procedures", rota)
    assert (found[0], said in found[1]) == (verdict, True), found


@pytest.mark.parametrize("name", ["two people", "one level", "the same person twice"])
def test_escalation_after_the_launch(name: str) -> None:
    """What is handed over has two levels and two people as well."""
    rota, verdict, said = LEVELS[name]
    found = on_call("escalation_established", rota)
    assert (found[0], said in found[1]) == (verdict, True), found


METHODS: dict[str, tuple[list[str], Verdict]] = {
    "phone and e-mail, without the app": (["phone", "email"], P),
    "the app as well": (["phone", "push_notification", "email"], P),
    "e-mail only": (["email"], F),
    "no e-mail": (["phone", "sms"], F),
    "nothing": ([], F),
}


@pytest.mark.parametrize(("sorts", "verdict"), METHODS.values(), ids=METHODS.keys())
def test_contacts(sorts: list[str], verdict: Verdict) -> None:
    """A responder of the launch's days can be called and written to."""
    found = on_call("contact_information", (FIRST,), Olga=sorts)
    assert found[0] is verdict, found


def test_contacts_of_those_on_call_at_the_launch() -> None:
    """The responder of today is not the one of the launch."""
    rota = (entry(None, "2026-05-20T00:00:00Z"), entry("2026-05-20T00:00:00Z", None, "Kim"))
    assert on_call("contact_information", rota, Kim=["email"])[0] is F
    assert on_call("contact_information", rota, Olga=["email"])[0] is P


NAMES = ("API Gateway", "Constitutional AI", "Knowledge Ocean", "AI Routing")


def summary(*names: str, indicator: str = "none", incidents: tuple[str, ...] = ()) -> dict[str, Any]:
    """Build summary.json as https://confluence.status.atlassian.com/api documents it."""
    components = [{"name": name, "status": "operational", "group_id": None} for name in names]
    open_incidents = [{"name": name, "impact": "none", "status": "investigating"} for name in incidents]
    return {
        "page": {"id": "p1"}, "status": {"indicator": indicator, "description": "d"}, "components": components,
        "incidents": open_incidents, "scheduled_maintenances": [],
    }  # fmt: skip


PAGES: dict[str, tuple[dict[str, Any], Verdict]] = {
    "the four": (summary(*NAMES), P),
    "and others": (summary("Website", *NAMES), P),
    "four others": (summary("Website", "Login", "Mail", "Search"), F),
    "one is missing": (summary(*NAMES[:3], "Website"), F),
    "an outage": (summary(*NAMES, indicator="minor"), F),
    "an incident without impact": (summary(*NAMES, incidents=("Slow answers",)), F),
}


@pytest.mark.parametrize(("body", "verdict"), PAGES.values(), ids=PAGES.keys())
def test_status_page(body: dict[str, Any], verdict: Verdict) -> None:
    """The components are those of the product, and nothing is open."""
    found = over_http("status_page", lambda _: web.json_response(body))
    assert found[0] is verdict, found


def window(begin: str, end: str, status: str = "scheduled") -> dict[str, str]:
    return {"id": "m", "status": status, "scheduled_for": begin, "scheduled_until": end}


HOLDS = ("2026-06-01T09:00:00.000+02:00", "2026-06-01T12:00:00.000+02:00")
WINDOWS: dict[str, tuple[list[dict[str, str]], Verdict]] = {
    "announced": ([window(*HOLDS)], P),
    "under way": ([window(*HOLDS, "in_progress")], P),
    "closed already": ([window(*HOLDS, "completed")], F),
    "of another day": ([window("2026-06-02T06:00:00Z", "2026-06-02T12:00:00Z")], F),
    "of the launch before it was postponed": ([window("2026-05-01T06:00:00Z", "2026-05-01T12:00:00Z")], F),
    "none": ([], F),
}


@pytest.mark.parametrize(("windows", "verdict"), WINDOWS.values(), ids=WINDOWS.keys())
def test_launch_window(windows: list[dict[str, str]], verdict: Verdict) -> None:
    """A maintenance that was closed announces nothing any more."""
    found = over_http("launch_window_scheduled", lambda _: web.json_response(windows))
    assert found[0] is verdict, found
