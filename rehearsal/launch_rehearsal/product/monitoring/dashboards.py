"""The product's Grafana: five dashboards whose panels query the product's metrics.

Broken, the dashboards are gone, as after an upgrade that lost the provisioning.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from launch_rehearsal.product.base.plan import Part
from launch_rehearsal.product.base.series import KEEP_SECONDS
from launch_rehearsal.product.monitoring.promql import compiled
from launch_rehearsal.product.monitoring.promql_values import QueryError, vector_of
from launch_rehearsal.vendors.grafana import Grafana, panel

if TYPE_CHECKING:
    from launch_rehearsal.product.base.health import Health
    from launch_rehearsal.product.base.plan import ProductPlan
    from launch_rehearsal.product.base.series import Labels, Store
    from launch_rehearsal.product.monitoring.promql_values import Expression

TEAM = "azora-team"
_SOURCE = {"type": "prometheus", "uid": "azora-metrics"}
_SETTINGS = {
    "defaultDatasource": "Metrics",
    "datasources": {"Metrics": {**_SOURCE, "id": 1}},
}
_MOST_STEPS = 12
"""The most points of a panel; the samples do not reach further back."""
_VIEW, _EDIT = 1, 2

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
        # Empty while all is well, as many panels are.
        "Errors by route": 'sum by (route) (rate(http_requests_total{status="500"}[5m]))',
    },
    "business-metrics": {
        "Questions an hour": "sum(increase(ai_routing_requests_total[1h]))",
        "Cost an hour": "sum(increase(ai_routing_cost_usd_total[1h]))",
        "Answered from the cache": "sum(increase(ai_routing_cache_hits_total[1h]))",
        "Judged texts": "sum(increase(constitutional_ai_validation_count[1h]))",
    },
}
"""The queries of a dashboard's panels by title, by uid."""


class Dashboards(Grafana):
    """Serve what is provisioned; broken, nothing is."""

    def __init__(self, plan: ProductPlan, health: Health, store: Store) -> None:
        super().__init__({}, token=plan.tokens["service"], settings=_SETTINGS)
        self._health, self._store, self._plan = health, store, plan
        self.teams = [TEAM]
        self.permissions = [{"role": "Editor", "permission": _EDIT}, {"team": TEAM, "permission": _VIEW}]

    def dashboard(self, uid: str) -> dict[str, Any] | None:
        """Return a dashboard with its panels."""
        if not self._health.works(Part.DASHBOARDS) or uid not in DASHBOARDS:
            return None
        panels = [
            panel(title, query, _SOURCE["uid"], id=number)
            for number, (title, query) in enumerate(DASHBOARDS[uid].items(), 1)
        ]
        return {"title": uid.replace("-", " ").capitalize(), "panels": panels}

    def frames(self, query: dict[str, Any], window: dict[str, Any]) -> list[dict[str, Any]]:
        """Return what the product's metrics answer to a panel's query."""
        begin, end = (int(window[name]) / 1000 for name in ("from", "to"))
        try:
            expression = compiled(self._store, str(query["expr"]), self._plan.pace, self._plan.window)
            return _frames(expression, _moments(query["intervalMs"] / 1000, begin, end))
        except QueryError as error:
            message = f"bad_data: {error}"
            raise ValueError(message) from None


def _moments(step: float, begin: float, end: float) -> list[float]:
    """Return the moments of a panel, as far back as there are samples."""
    steps = min(_MOST_STEPS, int((end - max(begin, end - KEEP_SECONDS)) / step))
    return [end - step * number for number in range(steps, -1, -1)]


def _frames(expression: Expression, moments: list[float]) -> list[dict[str, Any]]:
    """Build a frame per series; NaN is null, as Grafana writes it."""
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
