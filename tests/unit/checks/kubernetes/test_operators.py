"""Kinds of common operators, by what their controllers write.

Shapes of the statuses: the operators' API references and the samples of Argo CD's customizations
(https://github.com/argoproj/argo-cd/tree/master/resource_customizations).
"""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

from typing import Any

import pytest

from servers.kubernetes_things import SEEN, Row, conditions, judged, noted, thing

GATEWAYS, MONITORING = "gateway.networking.k8s.io/v1", "monitoring.coreos.com/v1"
PROGRAMMED = conditions(1, Accepted="True", Programmed="True")
SERVES = conditions(1, Accepted="True", Programmed="True", ResolvedRefs="True", Conflicted="False")
ROUTED = conditions(1, Accepted="True", ResolvedRefs="True")


def gateway(*listeners: list[dict[str, Any]], generation: int = 1, whole: Any = None) -> dict[str, Any]:
    told = [{"name": f"l{number}", "conditions": one} for number, one in enumerate(listeners)]
    return thing("Gateway", GATEWAYS, generation, listeners=told, conditions=whole or PROGRAMMED)


def route(
    *answers: tuple[dict[str, Any], list[dict[str, Any]]],
    parents: Any = ({"name": "edge"},),
    kind: str = "HTTPRoute",
) -> dict[str, Any]:
    told = [{"parentRef": ref, "controllerName": "c", "conditions": found} for ref, found in answers]
    return thing(kind, GATEWAYS, spec={"parentRefs": list(parents)}, parents=told)


EDGE, EDGE_IN_FULL = (
    {"name": "edge"},
    {"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": "azora", "name": "edge"},
)
NETWORK: dict[str, Row] = {
    "gateway, not programmed": (gateway(SERVES, whole=conditions(1, Accepted="True", Programmed="False")), False, "Programmed is False"),
    "gateway, nobody answers": (thing("Gateway", GATEWAYS), False, "no condition Accepted"),
    "gateway, one listener of two": (gateway(SERVES, conditions(1, Accepted="True", Programmed="True", ResolvedRefs="False")), False, "listener l1: ResolvedRefs is False"),
    "gateway, a listener without all conditions": (gateway(SERVES, conditions(1, Programmed="True")), True, ""),
    "gateway, a listener without any": (gateway(SERVES, []), False, "listener l1: there is no condition Accepted yet"),
    "gateway, two listeners want one port": (gateway(conditions(1, Accepted="True", Programmed="True", ResolvedRefs="True", Conflicted="True")), False, "Conflicted"),
    "gateway of yesterday": (gateway(SERVES, generation=2), False, "of generation 1, not of 2"),
    "gateway": (gateway(SERVES), True, ""),
    "class not accepted": (thing("GatewayClass", GATEWAYS, conditions=conditions(1, Accepted="Unknown")), False, "Accepted is Unknown"),
    "route, no answer": (route(), False, "parent edge has not answered"),
    "route, accepted by another parent only": (route(({"name": "other"}, ROUTED)), False, "parent edge has not answered"),
    "route, one parent of two": (route((EDGE, ROUTED), ({"name": "lan"}, conditions(1, Accepted="False", ResolvedRefs="True")), parents=(EDGE, {"name": "lan"})), False, "parent lan: Accepted is False"),
    "route, two controllers, one refuses": (route((EDGE, ROUTED), (EDGE, conditions(1, Accepted="False", ResolvedRefs="True"))), False, "parent edge"),
    "route to a backend that is not there": (route((EDGE, conditions(1, Accepted="True", ResolvedRefs="False"))), False, "ResolvedRefs"),
    "route of yesterday": (route((EDGE, conditions(0, Accepted="True", ResolvedRefs="True"))), False, "of generation 0"),
    "route, not yet programmed": (route((EDGE, conditions(1, Accepted="True", ResolvedRefs="True", Programmed="False"))), False, "Programmed"),
    "route of no parent": (route(parents=()), False, "names no parent"),
    "route, left by an old parent": (route((EDGE, ROUTED), ({"name": "old"}, conditions(0, Accepted="False"))), True, ""),
    "route, parent written in full": (route((EDGE_IN_FULL, ROUTED)), True, ""),
    "gRPC route": (route((EDGE, ROUTED), kind="GRPCRoute"), True, ""),
    "policy, refused": (thing("BackendTLSPolicy", GATEWAYS, ancestors=[{"conditions": conditions(1, Accepted="True", ResolvedRefs="False")}]), False, "ResolvedRefs"),
    "policy, no answer": (thing("BackendTLSPolicy", GATEWAYS), False, "no gateway"),
    "Istio, not reconciled": (thing("VirtualService", "networking.istio.io/v1", **SEEN, conditions=conditions(Reconciled="False")), False, "Reconciled"),
    "Istio, without a status": (thing("VirtualService", "networking.istio.io/v1"), None, "nothing says"),
    "Istio": (thing("VirtualService", "networking.istio.io/v1", **SEEN, conditions=conditions(Reconciled="True")), True, ""),
    "Contour, not valid": (thing("HTTPProxy", "projectcontour.io/v1", conditions=conditions(1, Valid="False")), False, "Valid is False"),
}  # fmt: skip
HEALTHY = {"health": {"status": "Healthy"}, "sync": {"status": "Synced"}}
ROLLOUT = ("Rollout", "argoproj.io/v1alpha1")
WORKLOAD = {"spec": {"workloadRef": {"kind": "Deployment", "name": "x"}}}
DELIVERY: dict[str, Row] = {
    "rollout, generation as text": (thing(*ROLLOUT, spec={"replicas": 2}, observedGeneration="1", phase="Healthy", conditions=conditions(Available="True", Completed="True")), True, ""),
    "rollout of yesterday": (thing(*ROLLOUT, generation=12, observedGeneration="11", phase="Healthy"), False, "only 11"),
    "rollout, paused at a step": (thing(*ROLLOUT, observedGeneration="1", phase="Paused", pauseConditions=[{"reason": "CanaryPauseStep"}]), False, "paused"),
    "rollout, aborted": (thing(*ROLLOUT, observedGeneration="1", phase="Healthy", abort=True), False, "aborted"),
    "rollout, degraded": (thing(*ROLLOUT, observedGeneration="1", phase="Degraded"), False, "phase is Degraded"),
    "rollout, wrong": (thing(*ROLLOUT, observedGeneration="1", phase="Healthy", conditions=conditions(InvalidSpec="True")), False, "InvalidSpec"),
    "rollout of nothing": (thing(*ROLLOUT, spec={"replicas": 0}, observedGeneration="1", phase="Healthy"), False, "0 replicas"),
    "rollout of a hash, before version 1": (thing(*ROLLOUT, observedGeneration="c45557fd9"), None, "c45557fd9"),
    "rollout by reference, of yesterday's workload": (noted(thing(*ROLLOUT, spec=WORKLOAD["spec"], observedGeneration="1", workloadObservedGeneration="2", phase="Healthy"), rollout_argoproj_io__workload_generation="3").copy(), False, "its workload"),
    "application, out of sync": (thing("Application", "argoproj.io/v1alpha1", **{**HEALTHY, "sync": {"status": "OutOfSync"}}), False, "sync.status is OutOfSync"),
    "application, degraded": (thing("Application", "argoproj.io/v1alpha1", **{**HEALTHY, "health": {"status": "Degraded"}}), False, "health.status is Degraded"),
    "application that cannot be compared": (thing("Application", "argoproj.io/v1alpha1", **HEALTHY, conditions=[{"type": "ComparisonError", "message": "no repository"}]), False, "no repository"),
    "application, last sync failed": (thing("Application", "argoproj.io/v1alpha1", **HEALTHY, operationState={"phase": "Failed"}), False, "last operation is Failed"),
    "application, whose generation counts its status": (thing("Application", "argoproj.io/v1alpha1", generation=4711, observedGeneration=3, **HEALTHY), True, ""),
    "applications, being rolled out": (thing("ApplicationSet", "argoproj.io/v1alpha1", conditions=conditions(ResourcesUpToDate="True", RolloutProgressing="True")), False, "RolloutProgressing"),
    "workflow": (thing("Workflow", "argoproj.io/v1alpha1", phase="Running"), False, "not Succeeded"),
    "Flux, suspended": (thing("Kustomization", "kustomize.toolkit.fluxcd.io/v1", spec={"suspend": True}, **SEEN, conditions=conditions(1, Ready="True")), False, "suspend"),
    "Flux, stalled": (thing("HelmRelease", "helm.toolkit.fluxcd.io/v2", **SEEN, conditions=conditions(1, Ready="True", Stalled="True")), False, "Stalled"),
    "Flux, still at it": (thing("HelmRelease", "helm.toolkit.fluxcd.io/v2", **SEEN, conditions=conditions(1, Reconciling="True", Ready="Unknown")), False, "Reconciling"),
    "Flux, of yesterday": (thing("HelmRelease", "helm.toolkit.fluxcd.io/v2", generation=2, **SEEN, conditions=conditions(1, Ready="True")), False, "only 1"),
    "Flux": (thing("HelmRelease", "helm.toolkit.fluxcd.io/v2", **SEEN, conditions=conditions(1, Released="True", Ready="True")), True, ""),
    "Flux, charts of an OCI registry": (thing("HelmRepository", "source.toolkit.fluxcd.io/v1", spec={"type": "oci"}), None, "does not say"),
    "canary, failed": (thing("Canary", "flagger.app/v1beta1", phase="Failed"), False, "phase is Failed"),
}  # fmt: skip
CERT, CNPG = ("Certificate", "cert-manager.io/v1"), ("Cluster", "postgresql.cnpg.io/v1")
WHOLE = {
    "phase": "Cluster in healthy state",
    "instances": 3,
    "readyInstances": 3,
    "conditions": conditions(Ready="True", ContinuousArchiving="True"),
}
THREE = {"instances": 3}
SYNCED = {"conditions": conditions(Ready="True"), "syncedResourceVersion": "1-5f3c"}
STORES: dict[str, Row] = {
    "certificate of yesterday": (thing(*CERT, generation=3, conditions=conditions(2, Ready="True")), False, "of generation 2, not of 3"),
    "certificate, being issued": (thing(*CERT, conditions=conditions(1, Ready="True", Issuing="True")), False, "Issuing"),
    "certificate, nobody issues": (thing(*CERT), False, "no condition Ready"),
    "certificate": (thing(*CERT, conditions=conditions(1, Ready="True")), True, ""),
    "issuer": (thing("ClusterIssuer", "cert-manager.io/v1", conditions=conditions(1, Ready="False")), False, "Ready is False"),
    "PostgreSQL, failing over": (thing(*CNPG, spec=THREE, **{**WHOLE, "phase": "Failing over"}), False, "phase is Failing over"),
    "PostgreSQL, two of three": (thing(*CNPG, spec=THREE, **{**WHOLE, "readyInstances": 2}), False, "readyInstances is 2 of 3"),
    "PostgreSQL, hibernated": (thing(*CNPG, spec=THREE, **{**WHOLE, "conditions": conditions(**{"Ready": "True", "cnpg.io/hibernation": "True"})}), False, "hibernation"),
    "PostgreSQL, frozen": (noted(thing(*CNPG, spec=THREE, **WHOLE), cnpg_io__reconciliationLoop="disabled"), False, "disabled"),
    "PostgreSQL": (thing(*CNPG, spec=THREE, **WHOLE), True, ""),
    "PostgreSQL, plan of backups": (thing("ScheduledBackup", "postgresql.cnpg.io/v1", lastScheduleTime="x"), None, "does not say"),
    "PostgreSQL, backup": (thing("Backup", "postgresql.cnpg.io/v1", phase="walArchivingFailing"), False, "not completed"),
    "Velero, partly failed": (thing("Backup", "velero.io/v1", phase="PartiallyFailed", errors=2), False, "PartiallyFailed"),
    "Velero, uploading": (thing("Backup", "velero.io/v1", phase="Finalizing"), False, "Finalizing"),
    "Velero": (thing("Backup", "velero.io/v1", phase="Completed", warnings=1), True, ""),
    "Velero, plan that is wrong": (thing("Schedule", "velero.io/v1", phase="FailedValidation"), False, "FailedValidation"),
    "Velero, plan": (thing("Schedule", "velero.io/v1", phase="Enabled"), None, "does not say"),
    "Velero, plan paused": (thing("Schedule", "velero.io/v1", spec={"paused": True}, phase="Enabled"), False, "paused"),
    "Velero, bucket gone": (thing("BackupStorageLocation", "velero.io/v1", phase="Unavailable"), False, "Unavailable"),
    "secret from a store, old": (thing("ExternalSecret", "external-secrets.io/v1", generation=2, **SYNCED), False, "generation 2 is not yet synced"),
    "secret from a store, refused": (thing("ExternalSecret", "external-secrets.io/v1", conditions=conditions(Ready="False")), False, "Ready is False"),
    "secret from a store": (thing("ExternalSecret", "external-secrets.io/v1", **SYNCED), True, ""),
    "sealed, not opened": (thing("SealedSecret", "bitnami.com/v1alpha1", **SEEN, conditions=conditions(Synced="False")), False, "Synced"),
    "Kafka": (thing("Kafka", "kafka.strimzi.io/v1", **SEEN, conditions=conditions(NotReady="True", Ready="True")), False, "NotReady"),
    "Kafka with a warning": (thing("Kafka", "kafka.strimzi.io/v1", **SEEN, conditions=conditions(Warning="True", Ready="True")), True, ""),
    "RabbitMQ": (thing("RabbitmqCluster", "rabbitmq.com/v1beta1", **SEEN, conditions=conditions(ClusterAvailable="True", AllReplicasReady="False", ReconcileSuccess="True", NoWarnings="True")), False, "AllReplicasReady"),
    "Elasticsearch, yellow": (thing("Elasticsearch", "elasticsearch.k8s.elastic.co/v1", spec={"nodeSets": [{"count": 3}]}, **SEEN, phase="Ready", health="yellow", availableNodes=3), False, "health is yellow"),
    "Elasticsearch of no nodes": (thing("Elasticsearch", "elasticsearch.k8s.elastic.co/v1", spec={"nodeSets": [{"count": 0}]}, **SEEN, phase="Ready", health="green"), False, "0 nodes"),
    "Elasticsearch": (thing("Elasticsearch", "elasticsearch.k8s.elastic.co/v1", spec={"nodeSets": [{"count": 3}]}, **SEEN, phase="Ready", health="green", availableNodes=3), True, ""),
}  # fmt: skip
WATCH: dict[str, Row] = {
    "Prometheus, one pod": (thing("Prometheus", MONITORING, conditions=conditions(1, Available="Degraded", Reconciled="True")), False, "Available is Degraded"),
    "Prometheus, not reconciled": (thing("Alertmanager", MONITORING, conditions=conditions(1, Available="True", Reconciled="False")), False, "Reconciled"),
    "Prometheus, paused": (thing("Prometheus", MONITORING, spec={"paused": True}, conditions=conditions(1, Available="True", Reconciled="True")), False, "paused"),
    "Prometheus, half said": (thing("Prometheus", MONITORING, conditions=conditions(1, Available="True")), False, "no condition Reconciled"),
    "Prometheus": (thing("Prometheus", MONITORING, conditions=conditions(1, Available="True", Reconciled="True")), True, ""),
    "rule that nobody may read": (thing("PrometheusRule", MONITORING), None, "nothing says whether a PrometheusRule is ready"),
    "KEDA, by its fallback": (thing("ScaledObject", "keda.sh/v1alpha1", conditions=conditions(Ready="True", Active="False", Fallback="True")), False, "Fallback"),
    "KEDA, paused": (noted(thing("ScaledObject", "keda.sh/v1alpha1", conditions=conditions(Ready="True")), autoscaling_keda_sh__paused="true"), False, "paused"),
    "KEDA, a kind without status": (thing("TriggerAuthentication", "keda.sh/v1alpha1"), None, "nothing says"),
    "KEDA": (thing("ScaledObject", "keda.sh/v1alpha1", conditions=conditions(Ready="True", Active="False", Fallback="False", Paused="False")), True, ""),
    "Karpenter, going": (thing("NodeClaim", "karpenter.sh/v1", conditions=conditions(1, Ready="True", Disrupting="True")), False, "Disrupting"),
    "Karpenter": (thing("NodePool", "karpenter.sh/v1", conditions=conditions(1, Ready="False")), False, "Ready is False"),
    "collector, one of two": (thing("OpenTelemetryCollector", "opentelemetry.io/v1beta1", scale={"statusReplicas": "1/2"}), False, "1/2 replicas"),
    "collector of none": (thing("OpenTelemetryCollector", "opentelemetry.io/v1beta1", scale={"statusReplicas": "0/0"}), None, "0/0"),
    "collector": (thing("OpenTelemetryCollector", "opentelemetry.io/v1beta1", scale={"statusReplicas": "2/2"}), True, ""),
    "Knative": (thing("Service", "serving.knative.dev/v1", **SEEN, conditions=conditions(Ready="True", ConfigurationsReady="True", RoutesReady="Unknown")), False, "RoutesReady"),
    "Crossplane": (thing("Provider", "pkg.crossplane.io/v1", conditions=conditions(Installed="True", Healthy="False")), False, "Healthy is False"),
    "MinIO": (thing("Tenant", "minio.min.io/v2", currentState="Waiting for Pods to be ready"), False, "currentState"),
}  # fmt: skip


@pytest.mark.parametrize("row", NETWORK.values(), ids=NETWORK.keys())
def test_gateways_and_routes(row: Row) -> None:
    """Traffic flows when every listener and every parent that is named has accepted this generation."""
    judged(row)


@pytest.mark.parametrize("row", DELIVERY.values(), ids=DELIVERY.keys())
def test_delivery(row: Row) -> None:
    """What deploys is ready when it deployed the newest, all of it, and is not switched off."""
    judged(row)


@pytest.mark.parametrize("row", STORES.values(), ids=STORES.keys())
def test_stores(row: Row) -> None:
    """What keeps data, secrets and certificates is ready when its controller says so of this generation."""
    judged(row)


@pytest.mark.parametrize("row", WATCH.values(), ids=WATCH.keys())
def test_what_watches_and_scales(row: Row) -> None:
    """What watches and scales is ready when it is all there; what has no status, nothing is known of."""
    judged(row)
