"""PagerDuty's REST API v2: incidents, who is on call, and how people can be reached."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

KEY = "u+right-key-of-pagerduty"
_LONGEST = 90
"""The most days of ``/oncalls`` in one request."""


def entry(
    start: str | None, end: str | None, person: str = "Olga", level: int = 1, schedule: str | None = "PROTA"
) -> dict[str, Any]:
    """Build an on-call entry of the policy ``PPOLICY``.

    Without an end it goes on for ever; without a schedule the person is in the policy directly.
    """
    named = {"id": schedule, "type": "schedule_reference", "summary": "Rota"} if schedule else None
    return {
        "user": {"id": user_id(person), "type": "user_reference", "summary": person},
        "schedule": named,
        "escalation_policy": {"id": "PPOLICY", "type": "escalation_policy_reference", "summary": "Policy"},
        "escalation_level": level,
        "start": start,
        "end": end,
    }


def user_id(person: str) -> str:
    """Return the id under which :func:`entry` names a person."""
    return f"P{person.upper().replace(' ', '')}"


def method(sort: str, **fields: Any) -> dict[str, Any]:
    """Build a contact method, with an address that must never be shown."""
    return {"id": "PM", "type": f"{sort}_contact_method", "address": "2025550199", **fields}


class PagerDuty:
    """Serve entries by schedule or policy within the requested window, at most ``page`` at a time."""

    def __init__(self, *entries: dict[str, Any], key: str = KEY, page: int = 100) -> None:
        self.entries = list(entries)
        self.methods: dict[str, list[dict[str, Any]]] = {}
        """Contact methods by id of the user; an unknown user is answered 404."""
        self.page = page
        self._wanted = authorization(key)

    def on_calls(self) -> list[dict[str, Any]]:
        """Return every on-call entry."""
        return self.entries

    def incidents(self) -> list[dict[str, Any]]:
        """Return every incident."""
        return []

    def services(self) -> dict[str, dict[str, Any]]:
        """Return every service by id."""
        return {}

    @property
    def app(self) -> web.Application:
        """Build a new application; one application serves in one event loop only."""
        app = web.Application(middlewares=[self._known])
        app.router.add_get("/incidents", self._incidents)
        app.router.add_get("/services/{id}", self._service)
        app.router.add_get("/oncalls", self._oncalls)
        app.router.add_get("/users/{id}/contact_methods", self._methods)
        return app

    @web.middleware
    async def _known(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.headers.get("Authorization") != self._wanted:
            return web.json_response({"error": {"message": "Unauthorized", "code": 2006}}, status=401)
        return await handler(request)

    async def _incidents(self, request: web.Request) -> web.Response:
        found = [
            one
            for one in self.incidents()
            if one["status"] in request.query.getall("statuses[]", [one["status"]])
            and one["urgency"] in request.query.getall("urgencies[]", [one["urgency"]])
            and one["service"]["id"] in request.query.getall("service_ids[]", [one["service"]["id"]])
        ]
        return self._paged("incidents", found, request)

    async def _service(self, request: web.Request) -> web.Response:
        found = self.services().get(request.match_info["id"])
        if found is None:
            return web.json_response({"error": {"message": "Not Found", "code": 2100}}, status=404)
        return web.json_response({"service": found})

    async def _oncalls(self, request: web.Request) -> web.Response:
        if refused := _other_version(request):
            return refused
        now = datetime.now(UTC).isoformat()
        since, until = (datetime.fromisoformat(request.query.get(name, now)) for name in ("since", "until"))
        if (until - since).days > _LONGEST:
            said = {"message": "Invalid Input Provided", "code": 2001, "errors": ["range is too long"]}
            return web.json_response({"error": said}, status=400)
        found = [e for e in self.on_calls() if _asked_for(e, request) and _overlaps(e, since, until)]
        return self._paged("oncalls", found, request)

    def _paged(self, name: str, found: list[dict[str, Any]], request: web.Request) -> web.Response:
        offset = int(request.query.get("offset", 0))
        limit = min(int(request.query.get("limit", 25)), self.page)
        part = found[offset : offset + limit]
        more = offset + limit < len(found)
        return web.json_response({name: part, "limit": limit, "offset": offset, "more": more})

    async def _methods(self, request: web.Request) -> web.Response:
        if refused := _other_version(request):
            return refused
        found = self.methods.get(request.match_info["id"])
        if found is None:
            return web.json_response({"error": {"message": "Not Found", "code": 2100}}, status=404)
        return web.json_response({"contact_methods": found})


def authorization(key: str) -> str:
    """Return the header in which PagerDuty wants a REST API key."""
    return f"Token token={key}"


def _other_version(request: web.Request) -> web.Response | None:
    if "application/vnd.pagerduty+json" in request.headers.get("Accept", ""):
        return None
    return web.json_response({"error": {"message": "Version required", "code": 2007}}, status=406)


def _asked_for(one: dict[str, Any], request: web.Request) -> bool:
    schedules = request.query.getall("schedule_ids[]", [])
    policies = request.query.getall("escalation_policy_ids[]", [])
    in_schedule = not schedules or (one["schedule"] or {}).get("id") in schedules
    return in_schedule and (not policies or one["escalation_policy"]["id"] in policies)


def _overlaps(one: dict[str, Any], since: datetime, until: datetime) -> bool:
    with suppress(ValueError, TypeError):
        start = datetime.fromisoformat(one["start"]) if one["start"] else since
        end = datetime.fromisoformat(one["end"]) if one["end"] else until
        return start < until and end > since
    # An unreadable time is passed on: a test checks what its reader makes of it.
    return True
