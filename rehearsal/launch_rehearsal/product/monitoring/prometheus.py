"""Serve Prometheus' API over the product's samples."""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from typing import TYPE_CHECKING, Any

import psutil
from aiohttp import web

from launch_pipeline.checks.language.values import moment
from launch_rehearsal.product.base.plan import NAMESPACE, SERVICES, Part, job
from launch_rehearsal.product.base.series import SAMPLE_EVERY, Gauges, Labels, Store, labels_of
from launch_rehearsal.product.monitoring.cluster_metrics import exporter_on
from launch_rehearsal.product.monitoring.promql import compiled
from launch_rehearsal.product.monitoring.promql_selectors import remembered
from launch_rehearsal.product.monitoring.promql_values import Expression, QueryError, Value
from launch_rehearsal.product.monitoring.rules import RULES, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from launch_rehearsal.product.base.health import Health
    from launch_rehearsal.product.base.plan import ProductPlan
    from launch_rehearsal.product.service.services import Services

RETENTION = "30d"
NODES = 3
_ALERTS = {
    Part.GATEWAY: "ApiErrorRateHigh",
    Part.CONSTITUTIONAL_AI: "ConstitutionalComplianceLow",
    Part.KNOWLEDGE_OCEAN: "KnowledgeOceanLatencyHigh",
    Part.AI_ROUTING: "AIRoutingCostHigh",
    Part.DATABASE: "PostgresDown",
    Part.EDGE_TLS: "ApiLatencyHigh",
}
"""The critical alert that fires while a part is broken."""


class Monitoring:
    """Take samples and answer queries; broken, no target is reachable."""

    def __init__(
        self,
        plan: ProductPlan,
        store: Store,
        health: Health,
        services: Services,
        exporters: Iterable[Gauges] = (),
    ) -> None:
        self._plan, self._store, self._health, self._services = plan, store, health, services
        self._exporters = tuple(exporters)
        store.gauges(self._gauges)

    async def watch(self) -> None:
        """Take samples until cancelled."""
        while True:
            self._store.sample(targets=self._health.works(Part.METRICS))
            await asyncio.sleep(SAMPLE_EVERY)

    def firing(self) -> list[tuple[str, str]]:
        """Return the alerts that fire with their severity; the watchdog always fires."""
        broken = [(_ALERTS[part], "critical") for part in self._health.broken if part in _ALERTS]
        return [("Watchdog", "none"), *broken]

    def _gauges(self) -> Iterator[tuple[Labels, float]]:
        reached = self._health.works(Part.METRICS)
        for part in SERVICES:
            works = reached and self._health.works(part)
            yield labels_of("up", {"namespace": NAMESPACE, "job": job(part)}), float(works)
        for node in range(1, NODES + 1):
            yield labels_of("up", {"job": "node-exporter", **exporter_on(node)}), float(reached)
        yield labels_of("up", {"job": "kube-state-metrics", "instance": "ksm-1"}), float(reached)
        for name, severity in self.firing():
            labels = {"alertname": name, "alertstate": "firing", "severity": severity}
            labels |= {} if name == "Watchdog" else {"namespace": NAMESPACE}
            yield labels_of("ALERTS", labels), 1.0
        if reached:
            yield from self._exported()

    def _exported(self) -> Iterator[tuple[Labels, float]]:
        edge, database = self._health.works(Part.EDGE_TLS), self._health.works(Part.DATABASE)
        controller = {"controller_namespace": "ingress-nginx", "controller_pod": "ingress-nginx-controller-1"}
        reloaded = labels_of("nginx_ingress_controller_config_last_reload_successful", controller)
        yield reloaded, float(edge)
        yield labels_of("prometheus_notifications_alertmanagers_discovered", {}), 1.0
        yield labels_of("pg_up", {"instance": "azora-postgres"}), float(database)
        for node in range(1, NODES + 1):
            received = {"device": "eth0", **exporter_on(node)}
            count = float(self._services.bytes_received)
            yield labels_of("node_network_receive_bytes_total", received), count
        for part in SERVICES:
            labels = {"namespace": NAMESPACE, "pod": f"{job(part)}-6f7b9c5d4-x2x7k", "container": job(part)}
            memory = labels_of("container_memory_working_set_bytes", labels)
            yield memory, peak_memory() / len(SERVICES)
            restarts = float(self._health.restarts[part])
            yield labels_of("kube_pod_container_status_restarts_total", labels), restarts
        yield from _machine()
        for exporter in self._exporters:
            yield from exporter()
        score = {"namespace": NAMESPACE, "job": job(Part.CONSTITUTIONAL_AI)}
        if self._services.last_score is not None:
            yield labels_of("constitutional_ai_compliance_score", score), float(self._services.last_score)

    def app(self) -> web.Application:
        """Build the application."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/-/ready", self._ready),
                web.get("/api/v1/status/runtimeinfo", self._runtime),
                web.get("/api/v1/rules", self._rules),
                web.get("/api/v1/query", self._query),
                web.post("/api/v1/query", self._query),
                web.post("/api/v1/query_range", self._range),
            ]
        )
        return app

    async def _ready(self, _request: web.Request) -> web.Response:
        return web.Response(text="Prometheus Server is Ready.\n")

    async def _runtime(self, _request: web.Request) -> web.Response:
        data = {
            "startTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "reloadConfigSuccess": self._health.works(Part.METRICS),
            "storageRetention": RETENTION,
        }
        return web.json_response({"status": "success", "data": data})

    async def _rules(self, _request: web.Request) -> web.Response:
        return web.json_response(listed(RULES, [name for name, _ in self.firing()]))

    def _read(self, query: object) -> Expression:
        return compiled(self._store, str(query or ""), self._plan.pace, self._plan.window)

    def _remembered(self, at: float) -> float:
        """Return the moment whose samples answer: one before the rehearsal is compressed as a window is."""
        plan = self._plan
        return remembered(self._store, lambda seconds: max(seconds * plan.pace, plan.window), at, time.time())

    async def _query(self, request: web.Request) -> web.Response:
        form = request.query if request.method == "GET" else await request.post()
        try:
            at = _moment(form.get("time") or time.time())
            value = self._read(form.get("query"))(self._remembered(at))
        except (QueryError, ValueError) as error:
            return _refused(error)
        return _success(_instant(value, at))

    async def _range(self, request: web.Request) -> web.Response:
        form = await request.post()
        try:
            expression = self._read(form.get("query"))
            begin, end = _moment(form["start"]), _moment(form["end"])
            step = float(str(form["step"]).removesuffix("s"))
            matrix = self._matrix(expression, begin, end, step)
        except (QueryError, ValueError, KeyError) as error:
            return _refused(error)
        result = [{"metric": dict(labels), "values": values} for labels, values in matrix.items()]
        return _success({"resultType": "matrix", "result": result})

    def _matrix(
        self, expression: Expression, begin: float, end: float, step: float
    ) -> dict[Labels, list[list[Any]]]:
        """Evaluate at every step; the window is compressed as a range is, and sampled no oftener."""
        span = max(end - begin, step)
        scale = min(1.0, max(span * self._plan.pace, self._plan.window) / span)
        newest = self._remembered(end)
        known: dict[int, dict[Labels, float]] = {}
        matrix: dict[Labels, list[list[Any]]] = {}
        for number in range(int((end - begin) / step) + 1):
            at = begin + number * step
            sample = int((end - at) * scale / SAMPLE_EVERY)
            if sample not in known:
                known[sample] = _series(expression(newest - sample * SAMPLE_EVERY))
            for labels, value in known[sample].items():
                matrix.setdefault(labels, []).append([at, _text(value)])
        return matrix


def _machine() -> Iterator[tuple[Labels, float]]:
    """Return what a node exporter would report about this machine."""
    node = exporter_on(1)
    total, _, free, _ = psutil.disk_usage("/")
    volume = {"namespace": NAMESPACE, "persistentvolumeclaim": "azora-postgres-1"}
    yield labels_of("kubelet_volume_stats_available_bytes", volume), float(free)
    yield labels_of("kubelet_volume_stats_capacity_bytes", volume), float(total)
    yield labels_of("node_filesystem_avail_bytes", {**node, "mountpoint": "/"}), float(free)
    yield labels_of("node_memory_MemAvailable_bytes", node), float(psutil.virtual_memory().available)
    yield labels_of("node_cpu_seconds_total", {**node, "mode": "idle"}), psutil.cpu_times().idle


def peak_memory() -> int:
    """Return the peak memory of this process in bytes."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


def _moment(said: object) -> float:
    """Read seconds since 1970 or RFC 3339. Raises ValueError for neither."""
    found = moment(str(said))
    return found.timestamp() if found else float(str(said))


def _series(value: Value) -> dict[Labels, float]:
    return value if isinstance(value, dict) else {(): value}


def _instant(value: Value, at: float) -> dict[str, Any]:
    if isinstance(value, dict):
        result = [{"metric": dict(labels), "value": [at, _text(v)]} for labels, v in value.items()]
        return {"resultType": "vector", "result": result}
    return {"resultType": "scalar", "result": [at, _text(value)]}


def _text(value: float) -> str:
    return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}.get(str(value), str(value))


def _success(data: dict[str, Any]) -> web.Response:
    return web.json_response({"status": "success", "data": data})


def _refused(error: Exception) -> web.Response:
    body = {"status": "error", "errorType": "bad_data", "error": str(error)}
    return web.json_response(body, status=400)
