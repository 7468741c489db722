"""What kube-state-metrics and the database's own exporter say of the product's cluster."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from launch_rehearsal.product.base.plan import CACHES, NAMESPACE, SERVICES, Part, job
from launch_rehearsal.product.base.series import Labels, labels_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_rehearsal.product.base.health import Health

NODES = ("node-1", "node-2", "node-3")
INSTANCES = 3
_INGRESS = "ingress-nginx"
_CONTROLLER = "ingress-nginx-controller"
_BACKUP_AGE = 3 * 3600.0
_WAL_AGE = 60.0

_DAEMON = {"created_by_kind": "DaemonSet", "created_by_name": "node-exporter"}

Pod = tuple[str, str, str, str, bool]
"""Namespace, name, kind and name of what made it, and whether it is ready."""


def exporter_on(node: int) -> dict[str, str]:
    """Return the labels of what the node exporter of a node exports."""
    return {**_place(node), "instance": f"10.0.0.{node}:9100"}


def _place(node: int) -> dict[str, str]:
    return {"namespace": "monitoring", "pod": f"node-exporter-{node}"}


class ClusterMetrics:
    """Export nodes, pods and the database's instances; broken, the pods of a part are not ready."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._began = time.time()

    def gauges(self) -> Iterator[tuple[Labels, float]]:
        """Return the current values."""
        for node in NODES:
            yield labels_of("kube_node_info", {"node": node}), 1.0
        for number, node in enumerate(NODES, 1):
            yield labels_of("kube_pod_info", {**_place(number), **_DAEMON, "node": node}), 1.0
        for number, pod in enumerate(self._pods()):
            yield from _of_pod(pod, NODES[number % len(NODES)])
        yield from self._database()

    def _pods(self) -> Iterator[Pod]:
        """Return each thing's pods in a row, so that they are on different nodes."""
        for part in SERVICES:
            made = f"{job(part)}-5d4f8c7b9"
            for end in ("x2k4p", "z9q7m"):
                yield NAMESPACE, f"{made}-{end}", "ReplicaSet", made, self._health.works(part)
        controller = f"{_CONTROLLER}-7c9d8b6f4"
        for end in ("h5t8w", "r3v6n"):
            works = self._health.works(Part.EDGE_TLS)
            yield _INGRESS, f"{controller}-{end}", "ReplicaSet", controller, works
        for number in range(CACHES):
            yield NAMESPACE, f"redis-{number}", "StatefulSet", "redis", self._health.works(Part.REDIS)

    def _database(self) -> Iterator[tuple[Labels, float]]:
        up, saved = self._health.works(Part.DATABASE), self._health.works(Part.BACKUPS)
        backup = self._began - _BACKUP_AGE if saved else 0.0
        for number in range(1, INSTANCES + 1):
            labels = {"namespace": NAMESPACE, "pod": f"azora-postgres-{number}"}
            yield labels_of("cnpg_collector_up", {**labels, "cluster": "azora-postgres"}), float(up)
            yield labels_of("barman_cloud_cloudnative_pg_io_last_available_backup_timestamp", labels), backup
            age = _WAL_AGE if saved else time.time() - self._began
            yield labels_of("cnpg_pg_stat_archiver_seconds_since_last_archival", labels), age


def _of_pod(pod: Pod, node: str) -> Iterator[tuple[Labels, float]]:
    namespace, name, kind, made_by, ready = pod
    labels = {"namespace": namespace, "pod": name}
    made = {"created_by_kind": kind, "created_by_name": made_by, "node": node}
    yield labels_of("kube_pod_info", {**labels, **made}), 1.0
    for condition in ("true", "false", "unknown"):
        value = float(ready is (condition == "true") and condition != "unknown")
        yield labels_of("kube_pod_status_ready", {**labels, "condition": condition}), value
