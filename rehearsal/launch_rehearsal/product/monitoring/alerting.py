"""Serve Alertmanager's API: firing alerts, test alerts, and the count of notifications."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

from launch_pipeline.checks.language.values import moment
from launch_rehearsal.product.base.plan import NAMESPACE

if TYPE_CHECKING:
    from launch_rehearsal.product.monitoring.prometheus import Monitoring

RECEIVER = "pagerduty"
_OTHERS = "chat"
_CONFIG = f"""\
route:
  receiver: {_OTHERS}
  group_by: ['...']
  routes:
  - receiver: {RECEIVER}
    matchers: [severity="critical"]
receivers:
- name: {_OTHERS}
  slack_configs:
  - api_url: <secret>
- name: {RECEIVER}
  pagerduty_configs:
  - routing_key: <secret>
"""
_MATCHER = re.compile(r'^\s*(\w+)\s*(=~|!=|=)\s*"?(.*?)"?\s*$')

Alert = dict[str, Any]


class Alerting:
    """Page for critical alerts, and post the others."""

    def __init__(self, monitoring: Monitoring) -> None:
        self._monitoring = monitoring
        self._began = datetime.now(UTC).isoformat()
        self._injected: dict[str, Alert] = {}
        self._sent = 0

    def app(self) -> web.Application:
        """Build the application."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/-/ready", self._ready),
                web.get("/api/v2/status", self._status),
                web.get("/api/v2/alerts", self._alerts),
                web.post("/api/v2/alerts", self._inject),
                web.get("/api/v2/alerts/groups", self._groups),
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
        groups = f"alertmanager_dispatcher_aggregation_groups {len(self._all())}\n"
        return web.Response(text="".join([*lines, groups]))

    async def _inject(self, request: web.Request) -> web.Response:
        for alert in await request.json():
            name, end = str(sorted(alert["labels"].items())), moment(alert.get("endsAt"))
            if end is not None and end <= datetime.now(UTC):
                self._injected.pop(name, None)
                continue
            if _receiver(alert) == RECEIVER:
                self._sent += name not in self._injected
            self._injected[name] = alert
        return web.Response()

    async def _alerts(self, request: web.Request) -> web.Response:
        matchers = [_matcher(text) for text in request.query.getall("filter", [])]
        found = [one for one in self._all() if all(matches(one["labels"]) for matches in matchers)]
        return web.json_response(found)

    async def _groups(self, _request: web.Request) -> web.Response:
        """Return each alert in a group of its own."""
        groups = [
            {"labels": one["labels"], "receiver": one["receivers"][0], "alerts": [one]} for one in self._all()
        ]
        return web.json_response(groups)

    def _all(self) -> list[Alert]:
        firing = [
            {"labels": {"alertname": name, "severity": severity, **_namespace(name)}, "startsAt": self._began}
            for name, severity in self._monitoring.firing()
        ]
        state = {"state": "active", "silencedBy": [], "inhibitedBy": []}
        return [
            {"annotations": {}, **alert, "status": state, "receivers": [{"name": _receiver(alert)}]}
            for alert in (*firing, *self._injected.values())
        ]


def _namespace(name: str) -> dict[str, str]:
    return {} if name == "Watchdog" else {"namespace": NAMESPACE}


def _receiver(alert: Alert) -> str:
    return RECEIVER if alert["labels"].get("severity") == "critical" else _OTHERS


def _matcher(text: str) -> Any:
    read = _MATCHER.match(text)
    if read is None:
        raise web.HTTPBadRequest(text=f"bad matcher format: {text}")
    name, sign, wanted = read.groups()
    if sign == "=~":
        pattern = re.compile(wanted)
        return lambda labels: bool(pattern.fullmatch(labels.get(name, "")))
    return lambda labels: (labels.get(name, "") == wanted) is (sign == "=")
