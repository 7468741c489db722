"""Answers as Grafana does: dashboards, permissions, library panels and the queries of panels."""

from __future__ import annotations

from typing import Any

from aiohttp import web

TOKEN = "glsa_right-token-of-grafana"
SETTINGS = {
    "defaultDatasource": "Prometheus",
    "datasources": {
        "Prometheus": {"uid": "prom-uid", "type": "prometheus", "id": 1},
        "Second": {"uid": "second-uid", "type": "prometheus", "id": 2},
        "-- Mixed --": {"uid": "-- Mixed --", "type": "datasource", "meta": {"mixed": True}},
    },
}


def panel(title: str, expression: str, **fields: Any) -> dict[str, Any]:
    """Make a panel with one Prometheus query."""
    source = {"type": "prometheus", "uid": "prom-uid"}
    target = {"refId": "A", "expr": expression, "datasource": source}
    return {"title": title, "type": "timeseries", "datasource": source, "targets": [target], **fields}


def row(*panels: dict[str, Any], collapsed: bool = True) -> dict[str, Any]:
    """Make a row; only a collapsed one holds its panels."""
    return {"type": "row", "title": "row", "collapsed": collapsed, "panels": list(panels)}


def variable(name: str, value: Any, **fields: Any) -> dict[str, Any]:
    """Make a template variable with its saved value."""
    current = {} if value is None else {"text": value, "value": value}
    return {"name": name, "type": "query", "current": current, **fields}


def frame(*values: float | None) -> dict[str, Any]:
    """Make a frame of a time series."""
    fields = [{"name": "Time", "type": "time"}, {"name": "Value", "type": "number"}]
    return {"schema": {"fields": fields}, "data": {"values": [list(range(len(values))), list(values)]}}


class Grafana:
    """Dashboards by uid; a query of an expression that ``data`` does not know gives nothing."""

    def __init__(self, dashboards: dict[str, dict[str, Any]], data: dict[str, Any] | None = None) -> None:
        self.dashboards = dashboards
        self.data = data or {}
        self.permissions: list[dict[str, Any]] = []
        self.teams: list[str] = []
        self.library: dict[str, dict[str, Any]] = {}
        self.asked: list[dict[str, Any]] = []
        self.query_status = 0
        """Answer every query with this status and no results."""

    @property
    def app(self) -> web.Application:
        """Make an application; one serves in one event loop only."""
        app = web.Application(middlewares=[self._allowed])
        app.add_routes(
            [
                web.get("/api/frontend/settings", self._settings),
                web.get("/api/dashboards/uid/{uid}", self._dashboard),
                web.get("/api/dashboards/uid/{uid}/permissions", self._permissions),
                web.get("/api/library-elements/{uid}", self._library),
                web.get("/api/teams/search", self._teams),
                web.post("/api/ds/query", self._query),
            ]
        )
        return app

    @web.middleware
    async def _allowed(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"message": "Invalid API key"}, status=401)
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _settings(self, _request: web.Request) -> web.Response:
        return web.json_response(SETTINGS)

    async def _dashboard(self, request: web.Request) -> web.Response:
        uid = request.match_info["uid"]
        if uid not in self.dashboards:
            return web.json_response({"message": "Dashboard not found"}, status=404)
        meta = {"folderTitle": "Launch", "updated": "2026-01-01T00:00:00Z", "canSave": False}
        return web.json_response(
            {"meta": meta, "dashboard": {"uid": uid, "title": uid.title(), **self.dashboards[uid]}}
        )

    async def _permissions(self, _request: web.Request) -> web.Response:
        return web.json_response(self.permissions)

    async def _library(self, request: web.Request) -> web.Response:
        model = self.library.get(request.match_info["uid"])
        if model is None:
            return web.json_response({"message": "library element could not be found"}, status=404)
        return web.json_response({"result": {"uid": request.match_info["uid"], "model": model}})

    async def _teams(self, request: web.Request) -> web.Response:
        found = [{"name": name} for name in self.teams if name == request.query.get("name")]
        return web.json_response({"totalCount": len(found), "teams": found})

    async def _query(self, request: web.Request) -> web.Response:
        question = await request.json()
        self.asked.append(question)
        if self.query_status:
            return web.json_response({"message": "not this time"}, status=self.query_status)
        results, worst = {}, 200
        for query in question["queries"]:
            found = self.data.get(query.get("expr"), [])
            if query["datasource"]["uid"] not in {"prom-uid", "second-uid", "__expr__"}:
                found = "data source not found"
            failed = isinstance(found, str)
            worst = 400 if failed else worst
            results[query["refId"]] = (
                {"error": found, "status": 400} if failed else {"status": 200, "frames": found}
            )
        return web.json_response({"results": results}, status=worst)
