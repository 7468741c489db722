"""Says how a node of Redis is in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.language.phrases import Label, right, wrong
from launch_pipeline.checks.language.units import plainly

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checks.verdict import Finding

_LABELS = {
    "info.maxmemory": Label("the memory limit", "bytes"),
    "info.maxmemory_policy": Label("the eviction policy"),
    "info.connected_slaves": Label("the number of replicas"),
    "info.master_link_status": Label("the link to its primary"),
    "info.loading": Label("the number of data sets that are loading"),
    "info.rdb_last_bgsave_status": Label("the last snapshot"),
    "info.aof_last_write_status": Label("the last write to the append-only file"),
    "cluster.cluster_state": Label("the state of the cluster"),
    "cluster.cluster_known_nodes": Label("the number of nodes in the cluster"),
    "cluster.cluster_size": Label("the number of primaries with slots"),
    "cluster.cluster_slots_ok": Label("the number of slots that are served"),
    "cluster.cluster_slots_fail": Label("the number of slots that have failed"),
    "cluster.cluster_slots_pfail": Label("the number of slots that may have failed"),
}
_ON = {
    "info.aof_enabled": ("the append-only file is on", "the append-only file is off"),
    "info.master_sync_in_progress": ("in sync with its primary", "still copying from its primary"),
    "info.loading": ("the data is loaded", "still loading its data"),
    "info.maxmemory": ("", "no memory limit is set"),
}


def says(_params: Any, _facts: Mapping[str, Any], finding: Finding | None) -> str | None:
    """Say what a finding means; the item's own expectations say the rest."""
    if finding is None:
        return None
    if finding.expression == "ping":
        return "answers" if finding.holds else f"does not answer as it should: {plainly(finding.actual)}"
    told = _ON.get(finding.expression, ("", ""))[not finding.holds]
    if told and finding.wanted in {"== 0", "== 1", "> 0"} and finding.actual in {0, 1}:
        return told
    label = _LABELS.get(finding.expression)
    return (right if finding.holds else wrong)(finding, label) if label else None
