"""Prometheus over made-up series, evaluated by the rehearsal's engine, with alert rules and Alertmanager."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

from launch_rehearsal.product.base.series import Store, labels_of
from launch_rehearsal.product.monitoring.promql import compiled
from launch_rehearsal.product.monitoring.promql_values import QueryError, vector_of
from servers.one_item import checked, together
from servers.web import http_connection, serving

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from launch_pipeline.checks.verdict import CheckResult, Verdict

Series = tuple[str, dict[str, str], float]
"""A metric, its labels and its value now; counters grow by it in the last half minute."""

ROUTES = """\
route:
  receiver: 'null'
  routes:
  - receiver: pager
    matchers: [severity="critical"]
receivers:
- name: 'null'
- name: pager
  pagerduty_configs: [{routing_key: <secret>}]
"""


class Samples:
    """Serve a Prometheus and its Alertmanager."""

    def __init__(
        self,
        series: Iterable[Series] = (),
        *,
        rules: Mapping[str, str] | None = None,
        recorded: Mapping[str, str] | None = None,
        declared: Iterable[str] = (),
        routes: str = ROUTES,
        **labels: str,
    ) -> None:
        self._store, self._rules, self._recorded = Store(), dict(rules or {}), dict(recorded or {})
        self._declared, self._routes = set(declared), routes
        self._labels = {"severity": "critical", **labels}
        held = list(series)
        for at, share in ((time.time() - 30, 0.0), (time.time(), 1.0)):
            for name, own, value in held:
                grows = name.endswith(("_total", "_bucket", "_count"))
                self._store.put(labels_of(name, own), at, value * share if grows else value)
        self.app = web.Application()
        self.app.router.add_route("*", "/api/v1/query", self._query)
        self.app.router.add_get("/api/v1/rules", self._listed)
        self.app.router.add_get("/api/v1/metadata", self._metadata)
        self.app.router.add_get("/api/v2/status", self._status)

    async def _query(self, request: web.Request) -> web.Response:
        form = request.query if request.method == "GET" else await request.post()
        now = time.time()
        try:
            found = vector_of(compiled(self._store, str(form["query"]), 1.0)(now))
        except QueryError as error:
            return web.json_response(
                {"status": "error", "errorType": "bad_data", "error": str(error)}, status=400
            )
        result = [{"metric": dict(labels), "value": [now, str(value)]} for labels, value in found.items()]
        return _success({"resultType": "vector", "result": result})

    async def _listed(self, request: web.Request) -> web.Response:
        wanted = request.query.get("type", "alert")
        now = datetime.now(UTC).isoformat()
        shared = {"health": "ok", "lastError": "", "lastEvaluation": now}
        alerts = [
            {
                **shared, "type": "alerting", "name": name, "query": query, "duration": 300,
                "labels": self._labels, "annotations": {"runbook_url": "https://runbooks.example.org"},
            }
            for name, query in self._rules.items()
        ]  # fmt: skip
        records = [
            {**shared, "type": "recording", "name": name, "query": query}
            for name, query in self._recorded.items()
        ]
        rules = alerts if wanted == "alert" else records
        return _success({"groups": [{"name": "g", "file": "g.yml", "interval": 30, "rules": rules}]})

    async def _metadata(self, request: web.Request) -> web.Response:
        known = self._declared & {request.query["metric"]}
        return _success({name: [{"type": "counter", "help": "", "unit": ""}] for name in known})

    async def _status(self, _request: web.Request) -> web.Response:
        return web.json_response({"config": {"original": self._routes}, "cluster": {"status": "ready"}})


def _success(data: Any) -> web.Response:
    return web.json_response({"status": "success", "data": data})


def over_samples(ref: str, samples: Samples, **variables: Any) -> tuple[Verdict, str]:
    """Judge what an item asks of Prometheus: its queries and its rules."""

    async def ask() -> list[CheckResult]:
        async with serving(samples.app) as port:
            names = ("prometheus", "alertmanager", "loki")
            connections = {name: http_connection(port, name) for name in names}
            return await checked(ref, connections, ("prometheus_query", "prometheus_rule"), **variables)

    return together(ask())
