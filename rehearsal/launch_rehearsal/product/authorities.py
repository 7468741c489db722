"""Serve what surrounds the product: GitHub, Statuspage, PagerDuty, OpenAI and others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web

from launch_rehearsal.product.base.plan import SERVICES, Part
from launch_rehearsal.product.delivery.github import github_app
from launch_rehearsal.product.monitoring.alerting import Alerting
from launch_rehearsal.product.monitoring.loki import ProductLoki
from launch_rehearsal.product.monitoring.oncall import OnCall
from launch_rehearsal.product.platform.kubernetes import ProductCluster

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from launch_rehearsal.product.base.health import Health
    from launch_rehearsal.product.base.logs import Logs
    from launch_rehearsal.product.base.plan import ProductPlan
    from launch_rehearsal.product.monitoring.prometheus import Monitoring

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

STATUSPAGE_ID = "azora1"
_SHOWN_AS = {
    Part.GATEWAY: "API Gateway",
    Part.CONSTITUTIONAL_AI: "Constitutional AI",
    Part.KNOWLEDGE_OCEAN: "Knowledge Ocean",
    Part.AI_ROUTING: "AI Routing",
}
"""The services as customers read them on the status page."""
_WINDOW = timedelta(hours=4)

_SILENT = {
    "github": Part.CODE_HOST,
    "kubernetes": Part.CLUSTER,
    "loki": Part.LOGS,
    "alertmanager": Part.ALERTING,
    "statuspage": Part.STATUS_PAGE,
    "status": Part.STATUS_PAGE,
    "openai": Part.MODELS,
}
"""The part whose failure turns every answer under a path into 503, by the path's first segment."""


class Authorities:
    """Serve every authority under a path of its own on one port; ``more`` are built by the caller.

    ``digests`` are those of the images that run.
    """

    def __init__(
        self,
        plan: ProductPlan,
        health: Health,
        monitoring: Monitoring,
        logs: Logs,
        more: dict[str, web.Application],
        digests: Mapping[str, str],
    ) -> None:
        self._plan, self._health, self._monitoring, self._logs = plan, health, monitoring, logs
        self._more, self._digests = more, digests
        self._began = datetime.now(UTC)

    def app(self) -> web.Application:
        """Build the application."""
        app = web.Application(middlewares=[self._unless_broken()])
        parts = {
            **self._more,
            "/github": github_app(self._plan.tokens["service"]),
            "/prometheus": self._monitoring.app(),
            "/alertmanager": Alerting(self._monitoring).app(),
            "/kubernetes": ProductCluster(self._plan, self._health, self._digests).app,
            "/loki": ProductLoki(self._logs).app,
            "/openai": _app([web.get("/v1/models", _models)]),
            "/pagerduty": OnCall(self._plan.tokens["service"], self._health, self._monitoring).app,
            "/vector": _app([web.post("/describe_index_stats", self._vectors)]),
            "/statuspage": _app([web.get("/v1/pages/{page}/incidents/scheduled", self._scheduled)]),
            "/status": _app([web.get("/api/v2/summary.json", self._summary)]),
        }
        for path, part in parts.items():
            app.add_subapp(path, part)
        return app

    def _unless_broken(self) -> Any:
        @web.middleware
        async def unless_broken(request: web.Request, handler: Handler) -> web.StreamResponse:
            part = _SILENT.get(request.path.split("/")[1])
            if part and not self._health.works(part):
                return web.json_response({"message": f"{part} is down"}, status=503)
            return await handler(request)

        return unless_broken

    async def _vectors(self, _request: web.Request) -> web.Response:
        if not self._health.works(Part.KNOWLEDGE_OCEAN):
            return web.json_response({"error": "the index is not reachable"}, status=503)
        return web.json_response({"dimension": 1536, "totalVectorCount": 25, "namespaces": {}})

    async def _scheduled(self, request: web.Request) -> web.Response:
        if request.match_info["page"] != STATUSPAGE_ID:
            return web.json_response({"error": "not found"}, status=404)
        incident = {
            "id": "m-1",
            "name": "Launch",
            "status": "scheduled",
            "scheduled_for": self._began.isoformat(),
            "scheduled_until": (self._began + _WINDOW).isoformat(),
        }
        return web.json_response([incident])

    async def _summary(self, _request: web.Request) -> web.Response:
        components = [
            {"name": _SHOWN_AS[part], "status": "operational" if self._health.works(part) else "major_outage"}
            for part in SERVICES
        ]
        whole = all(self._health.works(part) for part in SERVICES)
        status: dict[str, Any] = {
            "indicator": "none" if whole else "major",
            "description": "All Systems Operational" if whole else "Partial System Outage",
        }
        found = {"page": {"name": "Azora"}, "status": status, "components": components}
        return web.json_response({**found, "incidents": [], "scheduled_maintenances": []})


def _app(routes: list[web.RouteDef]) -> web.Application:
    app = web.Application()
    app.add_routes(routes)
    return app


async def _models(_request: web.Request) -> web.Response:
    return web.json_response({"object": "list", "data": [{"id": "gpt-4o-mini", "object": "model"}]})
