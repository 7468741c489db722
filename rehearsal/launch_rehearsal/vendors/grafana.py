"""Grafana's HTTP API: dashboards, permissions, library panels and the queries of panels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

TOKEN = "glsa_right-token-of-grafana"  # noqa: S105 - of a fake
SETTINGS: dict[str, Any] = {
    "defaultDatasource": "Prometheus",
    "datasources": {
        "Prometheus": {"uid": "prom-uid", "type": "prometheus", "id": 1},
        "Second": {"uid": "second-uid", "type": "prometheus", "id": 2},
        "-- Mixed --": {"uid": "-- Mixed --", "type": "datasource", "meta": {"mixed": True}},
    },
}
"""The data sources that a Grafana has unless it is given others."""
_EXPRESSIONS = "__expr__"


def panel(title: str, expression: str, uid: str = "prom-uid", **fields: Any) -> dict[str, Any]:
    """Build a panel with one Prometheus query."""
    source = {"type": "prometheus", "uid": uid}
    target = {"refId": "A", "expr": expression, "datasource": source}
    return {"title": title, "type": "timeseries", "datasource": source, "targets": [target], **fields}


def row(*panels: dict[str, Any], collapsed: bool = True) -> dict[str, Any]:
    """Build a row; only a collapsed row contains its panels."""
    return {"type": "row", "title": "row", "collapsed": collapsed, "panels": list(panels)}


def variable(name: str, value: Any, **fields: Any) -> dict[str, Any]:
    """Build a template variable with its saved value."""
    current = {} if value is None else {"text": value, "value": value}
    return {"name": name, "type": "query", "current": current, **fields}


def frame(*values: float | None) -> dict[str, Any]:
    """Build a frame of a time series."""
    fields = [{"name": "Time", "type": "time"}, {"name": "Value", "type": "number"}]
    return {"schema": {"fields": fields}, "data": {"values": [list(range(len(values))), list(values)]}}


class Grafana:
    """Serve dashboards by uid; a query that ``data`` does not know finds nothing."""

    def __init__(
        self,
        dashboards: Mapping[str, dict[str, Any]],
        data: dict[str, Any] | None = None,
        *,
        token: str = TOKEN,
        settings: dict[str, Any] = SETTINGS,
    ) -> None:
        self.dashboards = dashboards
        self.data = data or {}
        """The frames of a query, or the error that it meets, by its expression."""
        self.permissions: list[dict[str, Any]] = []
        """Of every dashboard."""
        self.teams: list[str] = []
        self.members = 4
        """Of each team."""
        self.library: dict[str, dict[str, Any]] = {}
        self.asked: list[dict[str, Any]] = []
        self.query_status = 0
        """Unless 0, every query is answered with this status and no results."""
        self._token, self._settings = token, settings

    def dashboard(self, uid: str) -> dict[str, Any] | None:
        """Return a dashboard, or None where there is none."""
        return self.dashboards.get(uid)

    def frames(self, query: dict[str, Any], _window: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the frames of a panel's query; raises ValueError with the data source's words.

        ``_window`` is the request: ``from`` and ``to`` are in milliseconds.
        """
        found = self.data.get(str(query.get("expr")), [])
        if isinstance(found, str):
            raise ValueError(found)  # noqa: TRY004 - an error text stands for the error
        return list(found)

    @property
    def app(self) -> web.Application:
        """Build a new application; one application serves in one event loop only."""
        app = web.Application(middlewares=[self._allowed])
        app.add_routes(
            [
                web.get("/api/health", _health),
                web.get("/api/frontend/settings", self._written_settings),
                web.get("/api/dashboards/uid/{uid}", self._dashboard),
                web.get("/api/dashboards/uid/{uid}/permissions", self._permissions),
                web.get("/api/library-elements/{uid}", self._library),
                web.get("/api/teams/search", self._teams),
                web.post("/api/ds/query", self._query),
            ]
        )
        return app

    @web.middleware
    async def _allowed(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        # The health is public, as in Grafana.
        public = request.path.endswith("/api/health")
        if not public and request.headers.get("Authorization") != f"Bearer {self._token}":
            return web.json_response({"message": "Invalid API key"}, status=401)
        return await handler(request)

    async def _written_settings(self, _request: web.Request) -> web.Response:
        return web.json_response(self._settings)

    async def _dashboard(self, request: web.Request) -> web.Response:
        uid = request.match_info["uid"]
        found = self.dashboard(uid)
        if found is None:
            return _no_dashboard()
        meta = {"folderTitle": "Launch", "updated": "2026-01-01T00:00:00Z", "canSave": False}
        return web.json_response({"meta": meta, "dashboard": {"uid": uid, "title": uid.title(), **found}})

    async def _permissions(self, request: web.Request) -> web.Response:
        if self.dashboard(request.match_info["uid"]) is None:
            return _no_dashboard()
        return web.json_response(self.permissions)

    async def _library(self, request: web.Request) -> web.Response:
        model = self.library.get(request.match_info["uid"])
        if model is None:
            return web.json_response({"message": "library element could not be found"}, status=404)
        return web.json_response({"result": {"uid": request.match_info["uid"], "model": model}})

    async def _teams(self, request: web.Request) -> web.Response:
        wanted = request.query.get("name")
        found = [{"name": name, "memberCount": self.members} for name in self.teams if wanted in {None, name}]
        return web.json_response({"totalCount": len(found), "teams": found})

    async def _query(self, request: web.Request) -> web.Response:
        question = await request.json()
        self.asked.append(question)
        if self.query_status:
            return web.json_response({"message": "not this time"}, status=self.query_status)
        results = {one["refId"]: self._result(one, question) for one in question["queries"]}
        failed = any("error" in result for result in results.values())
        return web.json_response({"results": results}, status=400 if failed else 200)

    def _result(self, query: dict[str, Any], question: dict[str, Any]) -> dict[str, Any]:
        known = {source["uid"] for source in self._settings["datasources"].values()} | {_EXPRESSIONS}
        try:
            if query["datasource"]["uid"] not in known:
                return {"error": "data source not found", "status": 400}
            return {"status": 200, "frames": self.frames(query, question)}
        except ValueError as error:
            return {"error": str(error), "status": 400}


async def _health(_request: web.Request) -> web.Response:
    return web.json_response({"database": "ok", "version": "12.3.0"})


def _no_dashboard() -> web.Response:
    return web.json_response({"message": "Dashboard not found"}, status=404)
