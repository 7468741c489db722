"""Items of backup and high availability: what looked right and was not, and ordinary good systems."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checks.verdict import Verdict
from servers.kubernetes_api import KubernetesApi
from servers.one_item import in_the_cluster
from servers.samples import Samples, over_samples

if TYPE_CHECKING:
    from collections.abc import Iterable

    from servers.samples import Series

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
BACKUPS, HA = "backup_disaster_recovery.backups", "backup_disaster_recovery.high_availability"
SERVICES = ("api-gateway", "constitutional-ai", "knowledge-ocean", "ai-routing")
AZORA, INGRESS, HOUR = "azora", "ingress-nginx", 3600.0


def judged(found: tuple[Verdict, str], verdict: Verdict, said: str = "") -> None:
    assert (found[0], said in found[1]) == (verdict, True), found


def ago(hours: float) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


# ---- backups -----------------------------------------------------------------------------------------

PLUGIN = "barman_cloud_cloudnative_pg_io_last_available_backup_timestamp"
BUILT_IN = "cnpg_collector_last_available_backup_timestamp"


def saved(metric: str, hours: float, namespace: str = AZORA) -> Series:
    return metric, {"namespace": namespace, "pod": "azora-postgres-1"}, time.time() - hours * HOUR


LAST: dict[str, tuple[list[Series], dict[str, Any], Verdict]] = {
    "three hours ago": ([saved(PLUGIN, 3)], {}, P),
    "by the operator without its plugin": ([saved(BUILT_IN, 3)], {"last_backup_metric": BUILT_IN}, P),
    "that metric reads 0 with the plugin": ([(BUILT_IN, {"namespace": AZORA}, 0.0)], {"last_backup_metric": BUILT_IN}, F),
    "two days ago": ([saved(PLUGIN, 48)], {}, F),
    "never": ([(PLUGIN, {"namespace": AZORA}, 0.0)], {}, F),
    "another database's": ([saved(PLUGIN, 48), saved(PLUGIN, 1, "keycloak")], {}, F),
    "no metric": ([("up", {}, 1.0)], {}, Q),
    "by pgBackRest's exporter": (
        [("pgbackrest_backup_since_last_completion_seconds", {"stanza": "main", "backup_type": "full"}, 3 * HOUR)],
        {"last_backup_time": "time() - max(pgbackrest_backup_since_last_completion_seconds)"}, P),
}  # fmt: skip


@pytest.mark.parametrize(("series", "variables", "verdict"), LAST.values(), ids=LAST.keys())
def test_backup_counts_when_it_is_complete(
    series: Iterable[Series], variables: dict[str, Any], verdict: Verdict
) -> None:
    """The tool's own metric says when the last complete backup was, whatever lies in the bucket."""
    judged(over_samples(f"{BACKUPS}.database_backups_automated", Samples(series), **variables), verdict)


SCHEDULES: dict[str, tuple[str, dict[str, Any], Verdict]] = {
    "active": ("azora-postgres-nightly", {"cluster": {"name": "azora-postgres"}}, P),
    "said to be active": (
        "azora-postgres-nightly",
        {"suspend": False, "cluster": {"name": "azora-postgres"}},
        P,
    ),
    "suspended": ("azora-postgres-nightly", {"suspend": True, "cluster": {"name": "azora-postgres"}}, F),
    "of another database": ("azora-postgres-nightly", {"cluster": {"name": "keycloak"}}, F),
    "under another name": ("other", {"cluster": {"name": "azora-postgres"}}, F),
}


@pytest.mark.parametrize(("name", "spec", "verdict"), SCHEDULES.values(), ids=SCHEDULES.keys())
def test_schedule_is_that_of_the_database(name: str, spec: dict[str, Any], verdict: Verdict) -> None:
    """Another suspended schedule in the namespace does not matter; that of the database does."""
    api = KubernetesApi()
    api.add("postgresql.cnpg.io/v1", "ScheduledBackup", name, spec=spec, status={"lastScheduleTime": ago(3)})
    api.add("postgresql.cnpg.io/v1", "ScheduledBackup", "yearly", spec={"suspend": True})
    judged(in_the_cluster(f"{BACKUPS}.database_backups_automated", api), verdict)


@pytest.mark.parametrize(("status", "verdict"), [({"lastScheduleTime": "2020-01-01T00:00:00Z"}, F), ({}, F)])
def test_schedule_itself_made_the_last_backup(status: dict[str, Any], verdict: Verdict) -> None:
    """A backup by hand beside a schedule that is yearly, or that no operator reads, is not automated."""
    api = KubernetesApi()
    spec = {"cluster": {"name": "azora-postgres"}}
    api.add("postgresql.cnpg.io/v1", "ScheduledBackup", "azora-postgres-nightly", spec=spec, status=status)
    judged(in_the_cluster(f"{BACKUPS}.database_backups_automated", api), verdict)


KEPT: dict[str, Verdict] = {
    **dict.fromkeys(("30d", "31d", "45d", "100d", "365d", "5w", "12w", "1m", "12m"), P),
    **dict.fromkeys(("7d", "29d", "3d", "4w", "1w"), F),
}


@pytest.mark.parametrize(("policy", "verdict"), KEPT.items())
def test_retention_of_the_backup_tool(policy: str, verdict: Verdict) -> None:
    """The plugin takes days, weeks and months, and Barman's month has 31 days (``barman/retention_policies``)."""
    api = KubernetesApi()
    spec = {"retentionPolicy": policy}
    api.add("barmancloud.cnpg.io/v1", "ObjectStore", "azora-postgres-store", spec=spec)
    judged(in_the_cluster(f"{BACKUPS}.backup_retention", api), verdict)


AGES = {PLUGIN: time.time() - HOUR, "cnpg_pg_stat_archiver_seconds_since_last_archival": 60.0}
OLD, STUCK = f"time() - max({PLUGIN}) > 93600", "cnpg_pg_stat_archiver_seconds_since_last_archival > 900"
WATCHED: dict[str, tuple[dict[str, str], Verdict]] = {
    "both": ({"BackupTooOld": OLD, "WalArchivingFailing": STUCK}, P),
    "both over the age of the WAL": ({"BackupTooOld": STUCK, "WalArchivingFailing": STUCK}, F),
    "over the metric of another exporter": ({"BackupTooOld": OLD, "WalArchivingFailing": "pg_stat_archiver_last_archive_age > 900"}, F),
    "one of them": ({"BackupTooOld": OLD}, F),
}  # fmt: skip


@pytest.mark.parametrize(("rules", "verdict"), WATCHED.values(), ids=WATCHED.keys())
def test_each_backup_rule_reads_its_own_metric(rules: dict[str, str], verdict: Verdict) -> None:
    """A rule for old backups that reads the age of the WAL never fires for an old backup."""
    series: list[Series] = [(name, {"namespace": AZORA}, value) for name, value in AGES.items()]
    judged(over_samples(f"{BACKUPS}.backup_monitoring", Samples(series, rules=rules)), verdict)


# ---- high availability -------------------------------------------------------------------------------


def pod(
    name: str,
    node: str,
    made_by: str = "x",
    namespace: str = AZORA,
    *,
    ready: bool = True,
    kind: str = "ReplicaSet",
) -> list[Series]:
    labels = {"namespace": namespace, "pod": name}
    info = {**labels, "node": node, "created_by_kind": kind, "created_by_name": made_by}
    states = [
        ("kube_pod_status_ready", {**labels, "condition": word}, float(ready is (word == "true")))
        for word in ("true", "false")
    ]
    return [("kube_pod_info", info, 1.0), *states]


def pods(service: str, *nodes: str, ready: bool = True, hashed: str = "5d4f8") -> list[Series]:
    made_by = f"{service}-{hashed}"
    return [one for n, node in enumerate(nodes) for one in pod(f"{made_by}-{n}", node, made_by, ready=ready)]


def spread(*without: str) -> list[Series]:
    return [one for service in SERVICES if service not in without for one in pods(service, "n1", "n2")]


SPREAD: dict[str, tuple[list[Series], Verdict]] = {
    "each on two nodes": (spread(), P),
    "three on two nodes": ([*spread("ai-routing"), *pods("ai-routing", "n1", "n2", "n2")], P),
    "both pods of a service on one node": ([*spread("ai-routing"), *pods("ai-routing", "n1", "n1")], F),
    "the pod on the other node is not ready": (
        [*spread("ai-routing"), *pods("ai-routing", "n1"), *pod("ai-routing-5d4f8-9", "n2", "ai-routing-5d4f8", ready=False)], F),
    "an evicted pod is left on another node": (
        [*spread(), *pod("api-gateway-5d4f8-9", "n3", "api-gateway-5d4f8", ready=False)], P),
    "a service without pods": (spread("ai-routing"), F),
    "a worker of the same beginning does not stand for the service": ([*spread("ai-routing"), *pods("ai-routing-worker", "n1", "n2")], F),
    "another Deployment with a single pod": ([*spread(), *pods("redis-exporter", "n1")], P),
    "another namespace": ([(n, {**labels, "namespace": "test"}, v) for n, labels, v in spread()], Q),
    "no kube-state-metrics": ([("up", {}, 1.0)], Q),
}  # fmt: skip


@pytest.mark.parametrize(("series", "verdict"), SPREAD.values(), ids=SPREAD.keys())
def test_services_are_on_several_nodes(series: Iterable[Series], verdict: Verdict) -> None:
    """A spread is observed, not wished: a preferred anti-affinity may leave both pods on one node."""
    judged(over_samples(f"{HA}.application_ha", Samples(series)), verdict)


def services(**fields: Any) -> KubernetesApi:
    api = KubernetesApi()
    container = {"name": "app", "readinessProbe": {}, "livenessProbe": {}, **fields.pop("container", {})}
    given = {name: value for name, value in container.items() if value is not None}
    pod_spec = {"containers": [{**given, "image": "x"}, *fields.pop("sidecars", [])]}
    status = {
        "observedGeneration": 1,
        "replicas": 2,
        "updatedReplicas": 2,
        "readyReplicas": 2,
        "availableReplicas": 2,
    }
    for name in SERVICES:
        spec = {"replicas": 2, "template": {"spec": pod_spec}}
        conditions = [{"type": "Available", "status": "True"}]
        api.add("apps/v1", "Deployment", name, spec=spec, status={**status, "conditions": conditions})
        budget = {
            "expectedPods": 2,
            "currentHealthy": 2,
            "desiredHealthy": 1,
            "disruptionsAllowed": 1,
            **fields,
        }
        api.add("policy/v1", "PodDisruptionBudget", name, status={"observedGeneration": 1, **budget})
    return api


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({}, P),
        ({"disruptionsAllowed": 0}, F),
        ({"expectedPods": 0, "disruptionsAllowed": 0}, F),
        ({"expectedPods": 1}, F),
    ],
)
def test_budgets_are_those_of_the_services(fields: dict[str, Any], verdict: Verdict) -> None:
    """CloudNativePG's own budget for its primary never allows a disruption, and is no fault."""
    api = services(**fields)
    primary = {"expectedPods": 1, "currentHealthy": 1, "desiredHealthy": 1, "disruptionsAllowed": 0}
    api.add("policy/v1", "PodDisruptionBudget", "azora-postgres-primary", status=primary)
    judged(in_the_cluster(f"{HA}.application_ha", api), verdict)


PROBES: dict[str, tuple[dict[str, Any], Verdict]] = {
    "both": ({}, P),
    "a sidecar without probes": ({"sidecars": [{"name": "logs", "image": "y"}]}, P),
    "no readiness probe": ({"container": {"readinessProbe": None}}, F),
    "no liveness probe": ({"container": {"livenessProbe": None}}, F),
    "only the sidecar has them": (
        {"container": {"readinessProbe": None, "livenessProbe": None},
         "sidecars": [{"name": "logs", "image": "y", "readinessProbe": {"httpGet": {}}, "livenessProbe": {"httpGet": {}}}]}, F),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "verdict"), PROBES.values(), ids=PROBES.keys())
def test_probes_are_the_service_s_own(fields: dict[str, Any], verdict: Verdict) -> None:
    """What a sidecar has or lacks says nothing of the service."""
    probe = {"httpGet": {"path": "/health"}}
    own = {"readinessProbe": probe, "livenessProbe": probe, **fields.get("container", {})}
    api = services(**{**fields, "container": own})
    judged(in_the_cluster(f"{HA}.ha_health_checks", api), verdict)


DATABASES: dict[str, tuple[dict[str, Any], Verdict]] = {
    "three on three nodes": ({"readyInstances": 3, "topology": {"nodesUsed": 3}}, P),
    "all on one node": ({"readyInstances": 3, "topology": {"nodesUsed": 1}}, F),
    "one is missing": ({"readyInstances": 2, "topology": {"nodesUsed": 2}}, F),
    "nothing known of the nodes": ({"readyInstances": 3}, F),
}


@pytest.mark.parametrize(("status", "verdict"), DATABASES.values(), ids=DATABASES.keys())
def test_database_is_on_several_nodes(status: dict[str, Any], verdict: Verdict) -> None:
    """Asynchronous standbys are high availability, three instances on one node are not."""
    api = KubernetesApi()
    healthy = {"phase": "Cluster in healthy state", "conditions": [{"type": "Ready", "status": "True"}]}
    api.add("postgresql.cnpg.io/v1", "Cluster", "azora-postgres", status={**healthy, **status})
    judged(in_the_cluster(f"{HA}.database_ha", api), verdict)


def redis(*nodes: str) -> list[Series]:
    return [
        one for n, node in enumerate(nodes) for one in pod(f"redis-{n}", node, "redis", kind="StatefulSet")
    ]


MACHINES: dict[str, tuple[str, list[Series], Verdict]] = {
    "six pods of Redis on three nodes": ("redis_ha", redis(*"abcabc"), P),
    "six pods of Redis on two nodes": ("redis_ha", redis(*"ababab"), F),
    "pods of another thing on the third": ("redis_ha", [*redis(*"ababab"), *pods("api-gateway", "c")], F),
    "two controllers on two nodes": (
        "load_balancer_ha", [*pod("ingress-nginx-controller-1", "a", namespace=INGRESS), *pod("ingress-nginx-controller-2", "b", namespace=INGRESS)], P),
    "two controllers on one node": (
        "load_balancer_ha", [*pod("ingress-nginx-controller-1", "a", namespace=INGRESS), *pod("ingress-nginx-controller-2", "a", namespace=INGRESS)], F),
}  # fmt: skip


@pytest.mark.parametrize(("item", "series", "verdict"), MACHINES.values(), ids=MACHINES.keys())
def test_machines_are_counted(item: str, series: Iterable[Series], verdict: Verdict) -> None:
    """Replicas on one machine are lost with it."""
    judged(over_samples(f"{HA}.{item}", Samples(series)), verdict)
