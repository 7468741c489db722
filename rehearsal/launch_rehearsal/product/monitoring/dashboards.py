"""A Grafana-shaped API: five dashboards whose panels really ask the stand-in's metrics.

Broken, the dashboards are gone, as after an upgrade that lost what was provisioned.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from aiohttp import web

from launch_rehearsal.product.base.plan import Part
from launch_rehearsal.product.base.series import KEEP_SECONDS
from launch_rehearsal.product.monitoring.promql import compiled
from launch_rehearsal.product.monitoring.promql_values import QueryError, vector_of

if TYPE_CHECKING:
    from launch_rehearsal.product.base.health import Health
    from launch_rehearsal.product.base.plan import StandInPlan
    from launch_rehearsal.product.base.series import Labels, Store
    from launch_rehearsal.product.monitoring.promql_values import Expression

TEAM = "azora-team"
_SOURCE = {"type": "prometheus", "uid": "azora-metrics"}
_SETTINGS = {
    "defaultDatasource": "Metrics",
    "datasources": {"Metrics": {**_SOURCE, "id": 1}},
}
_MOST_STEPS = 12
"""Points that a panel shows at the most; the samples do not reach further back."""
_VIEW = 1

DASHBOARDS = {
    "constitutional-ai": {
        "Compliance": "min(constitutional_ai_compliance_score)",
        "Validations": "sum(rate(constitutional_ai_validation_count[5m]))",
        "By duration": "sum by (le) (increase(constitutional_ai_validation_duration_ms_bucket[1h]))",
        "Up": 'min(up{job="constitutional-ai"})',
    },
    "knowledge-ocean": {
        "Retrievals": "sum(rate(knowledge_ocean_retrieval_duration_ms_bucket[5m]))",
        "By duration": "sum by (le) (increase(knowledge_ocean_retrieval_duration_ms_bucket[1h]))",
        "Up": 'min(up{job="knowledge-ocean"})',
        "Requests": 'sum(rate(http_requests_total{job="knowledge-ocean"}[5m]))',
    },
    "ai-routing": {
        "By tier": "sum by (tier) (rate(ai_routing_requests_total[5m]))",
        "Cost": "sum(increase(ai_routing_cost_usd_total[1h]))",
        "Cache hits": "sum(rate(ai_routing_cache_hits_total[5m]))",
        "Up": 'min(up{job="ai-routing"})',
    },
    "system-health": {
        "Up": "sum by (job) (up)",
        "Memory": "min(node_memory_MemAvailable_bytes)",
        "Disk": "min(node_filesystem_avail_bytes)",
        "Database": "min(pg_up)",
        "Requests by status": "sum by (status) (rate(http_requests_total[5m]))",
    },
    "business-metrics": {
        "Questions an hour": "sum(increase(ai_routing_requests_total[1h]))",
        "Cost an hour": "sum(increase(ai_routing_cost_usd_total[1h]))",
        "Answered from the cache": "sum(increase(ai_routing_cache_hits_total[1h]))",
        "Judged texts": "sum(increase(constitutional_ai_validation_count[1h]))",
    },
}
"""By uid: title of a panel to its query."""


class Dashboards:
    """What is provisioned in Grafana."""

    def __init__(self, plan: StandInPlan, health: Health, store: Store) -> None:
        self._token = f"Bearer {plan.tokens['service']}"
        self._health, self._store, self._plan = health, store, plan

    def app(self) -> web.Application:
        """Make the application; its health may be asked by everybody, the rest by the token's holder."""

        @web.middleware
        async def known(request: web.Request, handler: Any) -> web.StreamResponse:
            own = request.headers.get("Authorization") == self._token
            if not own and not request.path.endswith("/api/health"):
                return web.json_response({"message": "Invalid API key"}, status=401)
            answer: web.StreamResponse = await handler(request)
            return answer

        app = web.Application(middlewares=[known])
        app.add_routes(
            [
                web.get("/api/health", _well),
                web.get("/api/frontend/settings", _settings),
                web.get("/api/teams/search", _teams),
                web.get("/api/dashboards/uid/{uid}", self._dashboard),
                web.get("/api/dashboards/uid/{uid}/permissions", self._permissions),
                web.post("/api/ds/query", self._query),
            ]
        )
        return app

    def _known(self, uid: str) -> bool:
        return self._health.works(Part.DASHBOARDS) and uid in DASHBOARDS

    async def _dashboard(self, request: web.Request) -> web.Response:
        uid = request.match_info["uid"]
        if not self._known(uid):
            return _not_found()
        panels = [
            _panel(number, title, query) for number, (title, query) in enumerate(DASHBOARDS[uid].items(), 1)
        ]
        dashboard = {"uid": uid, "title": uid.replace("-", " ").capitalize(), "panels": panels}
        return web.json_response({"meta": {"folderTitle": "Launch"}, "dashboard": dashboard})

    async def _permissions(self, request: web.Request) -> web.Response:
        if not self._known(request.match_info["uid"]):
            return _not_found()
        given = [{"role": "Editor", "permission": 2}, {"team": TEAM, "permission": _VIEW}]
        return web.json_response(given)

    async def _query(self, request: web.Request) -> web.Response:
        asked = await request.json()
        begin, end = (int(asked[name]) / 1000 for name in ("from", "to"))
        results = {one["refId"]: self._result(one, begin, end) for one in asked["queries"]}
        failed = any("error" in result for result in results.values())
        return web.json_response({"results": results}, status=400 if failed else 200)

    def _result(self, asked: dict[str, Any], begin: float, end: float) -> dict[str, Any]:
        if asked["datasource"]["uid"] != _SOURCE["uid"]:
            return {"error": "data source not found", "status": 404}
        try:
            expression = compiled(self._store, str(asked["expr"]), self._plan.pace, self._plan.window)
            frames = _frames(expression, _moments(asked["intervalMs"] / 1000, begin, end))
        except QueryError as error:
            return {"error": f"bad_data: {error}", "status": 400}
        return {"status": 200, "frames": frames}


def _panel(number: int, title: str, query: str) -> dict[str, Any]:
    target = {"refId": "A", "expr": query, "datasource": _SOURCE}
    return {"id": number, "title": title, "type": "timeseries", "datasource": _SOURCE, "targets": [target]}


def _moments(step: float, begin: float, end: float) -> list[float]:
    """Give the moments of a panel, as far back as there are samples."""
    steps = min(_MOST_STEPS, int((end - max(begin, end - KEEP_SECONDS)) / step))
    return [end - step * number for number in range(steps, -1, -1)]


def _frames(expression: Expression, moments: list[float]) -> list[dict[str, Any]]:
    """Make a frame per series; what is no number is null, as Grafana writes it."""
    series: dict[Labels, dict[float, float]] = {}
    for at in moments:
        for labels, value in vector_of(expression(at)).items():
            if not math.isnan(value):
                series.setdefault(labels, {})[at] = value
    return [_frame(labels, moments, values) for labels, values in series.items()]


def _frame(labels: Labels, moments: list[float], values: dict[float, float]) -> dict[str, Any]:
    fields = [{"name": "Time", "type": "time"}, {"name": "Value", "type": "number", "labels": dict(labels)}]
    columns = [[round(at * 1000) for at in moments], [values.get(at) for at in moments]]
    return {"schema": {"fields": fields}, "data": {"values": columns}}


def _not_found() -> web.Response:
    return web.json_response({"message": "Dashboard not found"}, status=404)


async def _well(_request: web.Request) -> web.Response:
    return web.json_response({"database": "ok", "version": "12.3.0"})


async def _settings(_request: web.Request) -> web.Response:
    return web.json_response(_SETTINGS)


async def _teams(request: web.Request) -> web.Response:
    teams = [{"id": 1, "name": TEAM}] if request.query.get("name") in {TEAM, None} else []
    return web.json_response({"totalCount": len(teams), "teams": teams})
