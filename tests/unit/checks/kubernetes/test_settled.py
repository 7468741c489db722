"""Objects that are settled though a word sounds otherwise, and objects that are hurt though ready is true."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from servers.kubernetes_things import SEEN, Row, conditions, judged, thing


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%SZ")


def widget(*more: dict[str, Any], **status: Any) -> dict[str, Any]:
    return thing("Widget", "shop.example/v1", conditions=[*conditions(1, Ready="True"), *more], **status)


def told(name: str, state: str, reason: str, **more: Any) -> dict[str, Any]:
    return {"type": name, "status": state, "reason": reason, **more}


# The phases are those of https://cluster-api.sigs.k8s.io (ClusterPhaseProvisioned) and of Rook (ClusterStateCreated).
SETTLED: dict[str, Row] = {
    "phase on the way": (widget(phase="Provisioning"), False, "Provisioning"),
    "phase not reached": (widget(phase="NotProvisioned"), False, "NotProvisioned"),
    "phase reversed": (widget(phase="Deprovisioned"), False, "Deprovisioned"),
    "phase provisioned": (widget(phase="Provisioned"), True, ""),
    "state created": (widget(phase="Ready", state="Created"), True, ""),
    "created alone": (thing("Widget", "shop.example/v1", phase="Created"), None, "nothing says"),
    "rolling out": (widget(told("RollingOut", "True", "RollingOut")), None, "RollingOut is True"),
    "rolled out": (widget(told("RollingOut", "False", "NotRollingOut"), told("ScalingUp", "False", "NotScalingUp")), True, ""),
    "update under way": (widget(told("UpdateInProgress", "True", "X")), None, "UpdateInProgress is True"),
    "progress past its deadline": (widget(told("Progressing", "False", "ProgressDeadlineExceeded")), None, "ProgressDeadlineExceeded"),
    "progress that failed": (widget(told("Progressing", "False", "X", message="the last roll-out timed out")), None, "timed out"),
    "no progress to make": (widget(told("Progressing", "False", "ReconcileCompleted")), True, ""),
    "health with a warning": (widget(health="HEALTH_WARN"), False, "HEALTH_WARN"),
    "health in error": (widget(health="HEALTH_ERR"), False, "HEALTH_ERR"),
    "deeper health with a warning": (widget(ceph={"health": "HEALTH_WARN"}), None, "HEALTH_WARN"),
    "stopped": (widget(told("Stopped", "True", "Stopped")), False, "Stopped"),
    "not stopped": (widget(told("Stopped", "False", "Running")), True, ""),
    "not active, which its controller calls a mere information": (widget(told("Active", "False", "NoTraffic", severity="Info")), True, ""),
    "not active, which is a warning": (widget(told("Active", "False", "NoTraffic", severity="Warning")), None, "Active is False"),
    "not ready, for information": (thing("Widget", "shop.example/v1", conditions=[told("Ready", "False", "Waiting", severity="Info")]), False, "Ready is False"),
}  # fmt: skip
CNPG = {"phase": "Cluster in healthy state", "instances": 3, "readyInstances": 3}
GATEWAY = ("Gateway", "gateway.networking.k8s.io/v1")
SERVES = conditions(1, Accepted="True", Programmed="True", ResolvedRefs="True")
CERT = ("Certificate", "cert-manager.io/v1")
VALID = {"conditions": conditions(1, Ready="True"), "notAfter": ago(days=-60)}
SECRET = ("ExternalSecret", "external-secrets.io/v1")
READY = conditions(Ready="True")


def cnpg(*more: dict[str, Any]) -> dict[str, Any]:
    return thing(
        "Cluster", "postgresql.cnpg.io/v1", spec={"instances": 3}, **CNPG, conditions=[*READY, *more]
    )


def scaled(state: str) -> dict[str, Any]:
    return thing(
        "ScaledObject",
        "keda.sh/v1alpha1",
        conditions=READY,
        health={"s0-cron": {"numberOfFailures": 3, "status": state}},
    )


def synced(spec: Any = None, **status: Any) -> dict[str, Any]:
    return thing(*SECRET, spec=spec, **{"conditions": READY, **status})


def istio(level: Any) -> dict[str, Any]:
    messages = [{"level": level, "type": {"code": "IST0101", "name": "ReferencedResourceNotFound"}}]
    return thing(
        "VirtualService",
        "networking.istio.io/v1",
        **SEEN,
        conditions=conditions(Reconciled="True"),
        validationMessages=messages,
    )


def listeners(*names: str, **whole: str) -> dict[str, Any]:
    answers = [{"name": "http", "conditions": SERVES}]
    return thing(
        *GATEWAY,
        spec={"listeners": [{"name": name} for name in names]},
        conditions=SERVES + conditions(1, **whole),
        listeners=answers,
    )


HURT: dict[str, Row] = {
    "PostgreSQL, its log is not archived": (cnpg(told("ContinuousArchiving", "False", "ContinuousArchivingFailing")), False, "ContinuousArchiving"),
    "PostgreSQL, its last backup failed": (cnpg(told("LastBackupSucceeded", "False", "LastBackupFailed")), False, "LastBackupSucceeded"),
    "PostgreSQL, two systems in one": (cnpg(told("ConsistentSystemID", "False", "Mismatch")), False, "ConsistentSystemID"),
    "PostgreSQL, its backup has just begun": (cnpg(told("LastBackupSucceeded", "False", "BackupStarted")), True, ""),
    "gateway, a listener without an answer": (listeners("http", "https"), False, "listener https has not answered"),
    "gateway, all listeners": (listeners("http"), True, ""),
    "gateway, unhealthy by a word of its vendor": (listeners("http", **{"networking.gke.io/GatewayHealthy": "False"}), False, "GatewayHealthy"),
    "gateway, in conflict": (listeners("http", Conflicted="True"), False, "Conflicted"),
    "gateway, without sets of listeners": (listeners("http", AttachedListenerSets="False"), True, ""),
    "certificate, not renewed when it was time": (thing(*CERT, **VALID, renewalTime=ago(days=3)), False, "should have been renewed"),
    "certificate, about to be renewed": (thing(*CERT, **VALID, renewalTime=ago(hours=1)), True, ""),
    "certificate, expired": (thing(*CERT, **{**VALID, "notAfter": ago(days=1)}), False, "has ended"),
    "certificate, cannot be renewed": (thing(*CERT, **VALID, failedIssuanceAttempts=4), False, "4 attempts"),
    "certificate": (thing(*CERT, **VALID), True, ""),
    "secret that its store deleted": (synced(conditions=[told("Ready", "True", "SecretDeleted")]), False, "SecretDeleted"),
    "secret that is not to be made": (synced(conditions=[told("Ready", "True", "SecretMissing")]), False, "SecretMissing"),
    "secret marked as deleted": (synced(conditions=[*READY, told("Deleted", "True", "SecretDeleted")]), False, "Deleted"),
    "secret, not refreshed for a month": (synced({"refreshInterval": "1h0m0s"}, refreshTime=ago(days=30)), None, "refreshed"),
    "secret, fetched once": (synced({"refreshInterval": "0s"}, refreshTime=ago(days=30)), True, ""),
    "secret, fetched when it changes": (synced({"refreshInterval": "1h", "refreshPolicy": "OnChange"}, refreshTime=ago(days=30)), True, ""),
    "secret, refreshed by default an hour ago": (synced(refreshTime=ago(hours=1)), True, ""),
    "secret, refreshed not two intervals ago": (synced({"refreshInterval": "12h"}, refreshTime=ago(hours=16)), True, ""),
    "KEDA, a trigger fails": (scaled("Failing"), False, "s0-cron"),
    "KEDA, triggers answer": (scaled("Happy"), True, ""),
    "Istio, refers to nothing": (istio("ERROR"), False, "ReferencedResourceNotFound"),
    "Istio, in an ambient mesh": (thing("ServiceEntry", "networking.istio.io/v1", **SEEN, conditions=conditions(**{"networking.istio.io/BoundTo": "True"})), None, "nothing says"),
    "Istio, level as a number": (istio(3), False, "ReferencedResourceNotFound"),
    "Istio, a remark": (istio("INFO"), True, ""),
    "Karpenter, nodes that do not register": (thing("NodePool", "karpenter.sh/v1", conditions=conditions(1, Ready="True", NodeRegistrationHealthy="False")), False, "NodeRegistrationHealthy"),
    "Kafka, not unready": (thing("Kafka", "kafka.strimzi.io/v1", **SEEN, conditions=conditions(Ready="True", NotReady="False")), True, ""),
    "Flux, a false condition for information": (thing("HelmRelease", "helm.toolkit.fluxcd.io/v2", **SEEN, conditions=[*conditions(1, Ready="True"), told("TestSuccess", "False", "Skipped", severity="Info")]), True, ""),
    "Flux, tests failed": (thing("HelmRelease", "helm.toolkit.fluxcd.io/v2", **SEEN, conditions=conditions(1, Ready="True", TestSuccess="False")), False, "TestSuccess"),
}  # fmt: skip
CEPH = ("CephCluster", "ceph.rook.io/v1")
STORED = {"phase": "Ready", "state": "Created", "conditions": conditions(Ready="True", Progressing="True")}
MACHINES = ("MachineDeployment", "cluster.x-k8s.io/v1beta1")
ROUTE = ("Route", "route.openshift.io/v1")
FIVE = {"phase": "Running", "replicas": 5, "readyReplicas": 5, "availableReplicas": 5, "updatedReplicas": 5}
COMMON: dict[str, Row] = {
    "OLM, failed": (thing("ClusterServiceVersion", "operators.coreos.com/v1alpha1", phase="Failed"), False, "Failed"),
    "OLM": (thing("ClusterServiceVersion", "operators.coreos.com/v1alpha1", phase="Succeeded"), True, ""),
    "MongoDB, pending": (thing("MongoDBCommunity", "mongodbcommunity.mongodb.com/v1", phase="Pending"), False, "Pending"),
    "MongoDB": (thing("MongoDBCommunity", "mongodbcommunity.mongodb.com/v1", phase="Running"), True, ""),
    "Redis Enterprise, recovering": (thing("RedisEnterpriseCluster", "app.redislabs.com/v1", state="RecoveringFirstPod"), False, "RecoveringFirstPod"),
    "Redis Enterprise": (thing("RedisEnterpriseCluster", "app.redislabs.com/v1", state="Running"), True, ""),
    "Tekton, running": (thing("PipelineRun", "tekton.dev/v1", conditions=conditions(Succeeded="Unknown")), False, "Succeeded is Unknown"),
    "Tekton": (thing("PipelineRun", "tekton.dev/v1", conditions=conditions(Succeeded="True")), True, ""),
    "recommender without pods": (thing("VerticalPodAutoscaler", "autoscaling.k8s.io/v1", conditions=conditions(RecommendationProvided="True", NoPodsMatched="True")), False, "NoPodsMatched"),
    "recommender": (thing("VerticalPodAutoscaler", "autoscaling.k8s.io/v1", conditions=conditions(RecommendationProvided="True")), True, ""),
    "policy of Cilium": (thing("CiliumNetworkPolicy", "cilium.io/v2", conditions=conditions(Valid="True")), True, ""),
    "policy of Cilium, invalid": (thing("CiliumNetworkPolicy", "cilium.io/v2", conditions=conditions(Valid="False")), False, "Valid is False"),
    "Logstash, red": (thing("Logstash", "logstash.k8s.elastic.co/v1alpha1", **SEEN, health="red"), False, "red"),
    "Logstash": (thing("Logstash", "logstash.k8s.elastic.co/v1alpha1", **SEEN, health="green"), True, ""),
    "Ceph, with a warning": (thing(*CEPH, **STORED, ceph={"health": "HEALTH_WARN"}), False, "HEALTH_WARN"),
    "Ceph, on its way": (thing(*CEPH, **{**STORED, "phase": "Progressing"}, ceph={"health": "HEALTH_OK"}), False, "Progressing"),
    "Ceph, not ready": (thing(*CEPH, **{**STORED, "conditions": conditions(Ready="False")}, ceph={"health": "HEALTH_OK"}), False, "Ready is False"),
    "Ceph": (thing(*CEPH, **STORED, ceph={"health": "HEALTH_OK"}), True, ""),
    "machines, scaling": (thing(*MACHINES, spec={"replicas": 5}, **{**FIVE, "phase": "ScalingUp"}), False, "ScalingUp"),
    "machines, one of five is old": (thing(*MACHINES, spec={"replicas": 5}, **{**FIVE, "updatedReplicas": 4}), False, "updatedReplicas is 4 of 5"),
    "machines, counted as in v1beta2": (thing(*MACHINES, spec={"replicas": 5}, phase="Running", replicas=5, readyReplicas=5, availableReplicas=5, upToDateReplicas=4), False, "upToDateReplicas is 4 of 5"),
    "machines, not available": (thing(*MACHINES, spec={"replicas": 5}, **FIVE, conditions=conditions(1, Available="False")), False, "Available is False"),
    "machines": (thing(*MACHINES, spec={"replicas": 5}, **FIVE), True, ""),
    "route, refused": (thing(*ROUTE, ingress=[{"conditions": conditions(Admitted="True")}, {"conditions": conditions(Admitted="False")}]), False, "Admitted is False"),
    "route, no router": (thing(*ROUTE), False, "no router"),
    "route": (thing(*ROUTE, ingress=[{"conditions": conditions(Admitted="True")}]), True, ""),
    "image imported": (thing("DataVolume", "cdi.kubevirt.io/v1beta1", phase="Succeeded", conditions=conditions(Running="False", Ready="True")), True, ""),
    "image being imported": (thing("DataVolume", "cdi.kubevirt.io/v1beta1", phase="ImportInProgress"), False, "ImportInProgress"),
}  # fmt: skip


@pytest.mark.parametrize("row", SETTLED.values(), ids=SETTLED.keys())
def test_settled(row: Row) -> None:
    """A word for what is done, or for what is not going on, is no complaint; one for what goes on is."""
    judged(row)


@pytest.mark.parametrize("row", HURT.values(), ids=HURT.keys())
def test_hurt_beside_ready(row: Row) -> None:
    """Ready does not outweigh what the same object says of its parts, or of a time that is over."""
    judged(row)


@pytest.mark.parametrize("row", COMMON.values(), ids=COMMON.keys())
def test_common_operators(row: Row) -> None:
    """Operators that say their state by a phase, a count or a condition of their own are understood."""
    judged(row)
