"""An Alertmanager-shaped API: what fires, test alerts, and how many notifications were sent."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

from launch_pipeline.checks.values import moment

if TYPE_CHECKING:
    from launch_pipeline.rehearsal.standin.prometheus import Monitoring

RECEIVER = "pagerduty"
_CONFIG = f"""\
route: {{receiver: {RECEIVER}, group_wait: 100ms}}
receivers:
- name: {RECEIVER}
  pagerduty_configs:
  - routing_key: <secret>
"""
_MATCHER = re.compile(r'^\s*(\w+)\s*(=~|!=|=)\s*"?(.*?)"?\s*$')

Alert = dict[str, Any]


class Alerting:
    """Sends everything to one receiver."""

    def __init__(self, monitoring: Monitoring) -> None:
        self._monitoring = monitoring
        self._began = datetime.now(UTC).isoformat()
        self._injected: dict[str, Alert] = {}
        self._sent = 0

    def app(self) -> web.Application:
        """Make the application."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/-/ready", self._ready),
                web.get("/api/v2/status", self._status),
                web.get("/api/v2/alerts", self._alerts),
                web.post("/api/v2/alerts", self._inject),
                web.get("/metrics", self._metrics),
            ]
        )
        return app

    async def _ready(self, _request: web.Request) -> web.Response:
        return web.Response(text="OK")

    async def _status(self, _request: web.Request) -> web.Response:
        return web.json_response({"config": {"original": _CONFIG}, "cluster": {"status": "ready"}})

    async def _metrics(self, _request: web.Request) -> web.Response:
        labels = f'{{integration="pagerduty",receiver_name="{RECEIVER}"}}'
        lines = [
            f"alertmanager_{name}_total{labels} {self._sent}\nalertmanager_{name}_failed_total{labels} 0\n"
            for name in ("notifications", "notification_requests")
        ]
        return web.Response(text="".join(lines))

    async def _inject(self, request: web.Request) -> web.Response:
        for alert in await request.json():
            name, end = str(sorted(alert["labels"].items())), moment(alert.get("endsAt"))
            if end is not None and end <= datetime.now(UTC):
                self._injected.pop(name, None)
                continue
            self._sent += name not in self._injected
            self._injected[name] = alert
        return web.Response()

    async def _alerts(self, request: web.Request) -> web.Response:
        matchers = [_matcher(text) for text in request.query.getall("filter", [])]
        firing = [
            {"labels": {"alertname": name, "severity": severity}, "startsAt": self._began}
            for name, severity in self._monitoring.firing()
        ]
        state = {"state": "active", "silencedBy": [], "inhibitedBy": []}
        found = [
            {"annotations": {}, **alert, "status": state, "receivers": [{"name": RECEIVER}]}
            for alert in (*firing, *self._injected.values())
            if all(matches(alert["labels"]) for matches in matchers)
        ]
        return web.json_response(found)


def _matcher(text: str) -> Any:
    read = _MATCHER.match(text)
    if read is None:
        raise web.HTTPBadRequest(text=f"bad matcher format: {text}")
    name, sign, wanted = read.groups()
    if sign == "=~":
        pattern = re.compile(wanted)
        return lambda labels: bool(pattern.fullmatch(labels.get(name, "")))
    return lambda labels: (labels.get(name, "") == wanted) is (sign == "=")
