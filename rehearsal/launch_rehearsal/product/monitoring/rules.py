"""List alert rules as Prometheus does; they fire by the health of the parts."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_RUNBOOK = "https://azora.test/runbooks"
RULES = {
    "Watchdog": "vector(1)",
    "ConstitutionalComplianceLow": "min(constitutional_ai_compliance_score) < 70",
    "KnowledgeOceanLatencyHigh": "rate(knowledge_ocean_retrieval_duration_ms_bucket[5m]) < 1",
    "AIRoutingCostHigh": "rate(ai_routing_cost_usd_total[1h]) > 1",
    "ApiLatencyHigh": "histogram_quantile(0.95, http_request_duration_ms_bucket) > 500",
    "ApiErrorRateHigh": 'rate(http_requests_total{status=~"5.."}[5m]) > 0.001',
    "PostgresDown": "min(cnpg_collector_up) < 1",
    "RedisDown": "min(redis_up) < 1",
    "DiskSpaceLow": "min(node_filesystem_avail_bytes) < 1e9",
    "KubePersistentVolumeFillingUp": (
        "kubelet_volume_stats_available_bytes / kubelet_volume_stats_capacity_bytes < 0.03"
    ),
    "MemoryHigh": "min(node_memory_MemAvailable_bytes) < 1e8",
    "CpuHigh": 'rate(node_cpu_seconds_total{mode="idle"}[5m]) < 0.1',
    "BackupTooOld": "time() - max(barman_cloud_cloudnative_pg_io_last_available_backup_timestamp) > 93600",
    "WalArchivingFailing": "max(cnpg_pg_stat_archiver_seconds_since_last_archival) > 900",
}
LOG_RULES = {"LogErrorBurst": 'sum(rate({namespace="azora"} |= "error" [5m])) > 1'}


def rules(queries: dict[str, str], firing: Iterable[str]) -> list[dict[str, Any]]:
    """Return the rules of a group, with the state of each."""
    now, on = datetime.fromtimestamp(time.time() - 1, UTC).isoformat(), set(firing)
    return [
        {
            "name": name,
            "type": "alerting",
            "query": query,
            "duration": 60,
            "labels": {"severity": "none" if name == "Watchdog" else "critical"},
            "annotations": {"runbook_url": f"{_RUNBOOK}/{name}", "summary": name},
            "state": "firing" if name in on else "inactive",
            "health": "ok",
            "lastError": "",
            "lastEvaluation": now,
        }
        for name, query in queries.items()
    ]


def listed(queries: dict[str, str], firing: Iterable[str]) -> dict[str, Any]:
    """Return the document of ``/api/v1/rules``."""
    group = {"name": "azora", "file": "azora.rules", "interval": 30, "rules": rules(queries, firing)}
    return {"status": "success", "data": {"groups": [group]}}
