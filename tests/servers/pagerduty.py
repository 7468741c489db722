"""Answers as PagerDuty's REST API v2 does: who is on call, and how people can be reached."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

HEADERS = {"headers": {"Authorization": "Token token=u+right-key-of-pagerduty"}}


def entry(
    start: str | None, end: str | None, person: str = "Olga", level: int = 1, schedule: str | None = "PROTA"
) -> dict[str, Any]:
    """Make an on-call entry of the policy ``PPOLICY``; no end goes on, no schedule is a person directly."""
    named = {"id": schedule, "type": "schedule_reference", "summary": "Rota"} if schedule else None
    return {
        "user": {"id": f"P{person.upper()}", "type": "user_reference", "summary": person},
        "schedule": named,
        "escalation_policy": {"id": "PPOLICY", "type": "escalation_policy_reference", "summary": "Policy"},
        "escalation_level": level,
        "start": start,
        "end": end,
    }


def method(sort: str, **fields: Any) -> dict[str, Any]:
    """Make a contact method with an address that nobody should see."""
    return {"id": "PM", "type": f"{sort}_contact_method", "address": "2025550199", **fields}


class PagerDuty:
    """Entries are found by schedule or policy, within the window, ``page`` at a time."""

    def __init__(self, *entries: dict[str, Any], page: int = 100) -> None:
        self.entries = list(entries)
        self.methods: dict[str, list[dict[str, Any]]] = {}
        self.page = page

    @property
    def app(self) -> web.Application:
        """Make an application; one serves in one event loop only."""
        app = web.Application()
        app.router.add_get("/oncalls", self._oncalls)
        app.router.add_get("/users/{id}/contact_methods", self._methods)
        return app

    def _refused(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") != HEADERS["headers"]["Authorization"]:
            return web.json_response({"error": {"message": "Unauthorized", "code": 2006}}, status=401)
        if "application/vnd.pagerduty+json" not in request.headers.get("Accept", ""):
            return web.json_response({"error": {"message": "Version required", "code": 2007}}, status=406)
        return None

    async def _oncalls(self, request: web.Request) -> web.Response:
        refused = self._refused(request)
        if refused:
            return refused
        now = datetime.now(UTC).isoformat()
        since, until = (datetime.fromisoformat(request.query.get(name, now)) for name in ("since", "until"))
        if (until - since).days > 90:
            said = {"message": "Invalid Input Provided", "code": 2001, "errors": ["range is too long"]}
            return web.json_response({"error": said}, status=400)
        found = [e for e in self.entries if self._asked_for(e, request) and _overlaps(e, since, until)]
        offset = int(request.query.get("offset", 0))
        limit = min(int(request.query.get("limit", 25)), self.page)
        part = found[offset : offset + limit]
        more = offset + limit < len(found)
        return web.json_response({"oncalls": part, "limit": limit, "offset": offset, "more": more})

    def _asked_for(self, one: dict[str, Any], request: web.Request) -> bool:
        schedules = request.query.getall("schedule_ids[]", [])
        policies = request.query.getall("escalation_policy_ids[]", [])
        in_schedule = not schedules or (one["schedule"] or {}).get("id") in schedules
        return in_schedule and (not policies or one["escalation_policy"]["id"] in policies)

    async def _methods(self, request: web.Request) -> web.Response:
        refused = self._refused(request)
        if refused:
            return refused
        found = self.methods.get(request.match_info["id"])
        if found is None:
            return web.json_response({"error": {"message": "Not Found", "code": 2100}}, status=404)
        return web.json_response({"contact_methods": found})


def _overlaps(one: dict[str, Any], since: datetime, until: datetime) -> bool:
    with suppress(ValueError, TypeError):
        start = datetime.fromisoformat(one["start"]) if one["start"] else since
        end = datetime.fromisoformat(one["end"]) if one["end"] else until
        return start < until and end > since
    # Nonsense is handed on: a test wants to see what becomes of it.
    return True
