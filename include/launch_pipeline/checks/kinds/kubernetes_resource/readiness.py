"""Says whether a Kubernetes object is ready, is not, or whether nothing says so.

The rules are those of kstatus (sigs.k8s.io/cli-utils ``pkg/kstatus``) and of Argo CD's health assessments,
made stricter: unknown is never ready, and zero wanted replicas prove nothing. A kind without a rule is judged
by its conditions alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.kinds.kubernetes_resource import operators, promises, services, workloads
from launch_pipeline.checks.kinds.kubernetes_resource.conditions import (
    conditions,
    generic,
    named,
    said,
    state,
)
from launch_pipeline.checks.kinds.kubernetes_resource.objects import Unsaid, first, part, sort_of, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Rule = Callable[[Mapping[str, Any]], str]

_SUSPENDED = ("suspend", "suspended", "paused")
_WANTED = ("replicas", "instances", "size")
_UNDATED = {"argoproj.io/Application"}
"""Kinds whose generation grows with every change of their status, because it is no subresource."""


@dataclass(frozen=True)
class Readiness:
    """Whether an object is ready; None if nothing says so."""

    ready: bool | None
    reason: str = ""


def readiness(thing: Mapping[str, Any]) -> Readiness:
    """Judge an object by its own status and the rule of its kind."""
    rules: tuple[Rule, ...] = (_going, _unwanted, _unobserved, _settling, _rule(thing))
    try:
        reason = next((found for rule in rules if (found := rule(thing))), "")
    except Unsaid as nothing:
        return Readiness(None, str(nothing))
    return Readiness(not reason, reason)


def _going(thing: Mapping[str, Any]) -> str:
    return "is being deleted" if part(thing, "metadata").get("deletionTimestamp") else ""


def _unobserved(thing: Mapping[str, Any]) -> str:
    """Return why the status is not about the object as it is now; some kinds write the generation as text."""
    observed = part(thing, "status").get("observedGeneration")
    generation = whole(part(thing, "metadata").get("generation"))
    if observed is None or generation is None or sort_of(thing) in _UNDATED or whole(observed) == generation:
        return ""
    if whole(observed) is None:
        message = (
            f"its controller observed '{observed}', which is not a generation to compare with {generation}"
        )
        raise Unsaid(message[:200])
    return f"generation {generation} is not yet observed (only {observed})"


def _unwanted(thing: Mapping[str, Any]) -> str:
    """Return why an object proves nothing: it is switched off, or wants no replicas at all."""
    spec, notes = part(thing, "spec"), part(thing, "metadata", "annotations")
    off = [name for name in _SUSPENDED if spec.get(name) is True]
    off += [name for name, value in notes.items() if name.endswith("/paused") and value == "true"]
    if off:
        return f"is switched off ({off[0]})"
    none = [name for name in _WANTED if whole(spec.get(name)) == 0]
    return f"0 {none[0]} are wanted, which proves nothing" if none else ""


def _settling(thing: Mapping[str, Any]) -> str:
    """Return the condition that kstatus asks every controller to set while an object is not settled."""
    found = conditions(thing)
    both = [one for name in ("Stalled", "Reconciling") for one in named(found, name)]
    return first(*(said(one) for one in both if state(one) == "True"))


def _rule(thing: Mapping[str, Any]) -> Rule:
    sort = sort_of(thing)
    if sort in _BY_EXISTING:
        return _exists
    group = sort.rpartition("/")[0]
    return _RULES.get(sort) or _GROUPS.get(group) or generic


def _exists(_thing: Mapping[str, Any]) -> str:
    return ""


_CORE = ("ConfigMap", "Secret", "ServiceAccount", "ResourceQuota", "LimitRange", "PodTemplate")
_RBAC = ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
_ADMISSION = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
_STORAGE = ("StorageClass", "CSIDriver", "VolumeAttributesClass")
_BY_EXISTING = {
    *_CORE,
    *(f"rbac.authorization.k8s.io/{kind}" for kind in _RBAC),
    *(f"admissionregistration.k8s.io/{kind}" for kind in _ADMISSION),
    *(f"storage.k8s.io/{kind}" for kind in _STORAGE),
    "networking.k8s.io/NetworkPolicy",
    "networking.k8s.io/IngressClass",
    "scheduling.k8s.io/PriorityClass",
    "node.k8s.io/RuntimeClass",
    "gateway.networking.k8s.io/ReferenceGrant",
    "snapshot.storage.k8s.io/VolumeSnapshotClass",
    "argoproj.io/AppProject",
}
"""Kinds that have no status, or none that says more than that they are there: they are ready by existing."""

_ready, _told = operators.meets("Ready"), operators.told("Ready")
_monitored = operators.meets("Available", "Reconciled")
_packaged = operators.meets("Installed", "Healthy")
_routed, _green = operators.route, operators.field("health", "green")
_RULES: dict[str, Rule] = {
    "apps/Deployment": workloads.deployment,
    "apps/ReplicaSet": workloads.replica_set,
    "ReplicationController": workloads.replica_set,
    "apps/StatefulSet": workloads.stateful_set,
    "apps/DaemonSet": workloads.daemon_set,
    "batch/Job": workloads.job,
    "batch/CronJob": workloads.cron_job,
    "Pod": workloads.pod,
    "PersistentVolumeClaim": services.phase("Bound"),
    "PersistentVolume": services.phase("Bound", "Available"),
    "Namespace": services.phase("Active"),
    "Node": services.node,
    "Service": services.service,
    "Endpoints": services.endpoints,
    "discovery.k8s.io/EndpointSlice": services.endpoint_slice,
    "networking.k8s.io/Ingress": services.ingress,
    "policy/PodDisruptionBudget": services.disruption_budget,
    "autoscaling/HorizontalPodAutoscaler": services.autoscaler,
    "snapshot.storage.k8s.io/VolumeSnapshot": services.snapshot,
    "snapshot.storage.k8s.io/VolumeSnapshotContent": services.snapshot,
    "apiregistration.k8s.io/APIService": operators.meets("Available"),
    "apiextensions.k8s.io/CustomResourceDefinition": operators.meets("Established", "NamesAccepted"),
    "gateway.networking.k8s.io/GatewayClass": operators.meets("Accepted"),
    "gateway.networking.k8s.io/Gateway": operators.gateway,
    **{f"gateway.networking.k8s.io/{kind}Route": _routed for kind in ("HTTP", "GRPC", "TLS", "TCP", "UDP")},
    "gateway.networking.k8s.io/BackendTLSPolicy": operators.policy,
    **{f"monitoring.coreos.com/{kind}": _monitored for kind in ("Prometheus", "Alertmanager", "ThanosRuler")},
    "monitoring.coreos.com/PrometheusAgent": _monitored,
    **{f"pkg.crossplane.io/{kind}": _packaged for kind in ("Provider", "Configuration", "Function")},
    "networking.gke.io/ManagedCertificate": operators.field("certificateStatus", "Active"),
    "source.toolkit.fluxcd.io/HelmRepository": operators.helm_repository,
    "postgresql.cnpg.io/Cluster": promises.postgres_cluster,
    "postgresql.cnpg.io/Backup": services.phase("completed"),
    "postgresql.cnpg.io/ScheduledBackup": operators.hidden,
    "acid.zalan.do/postgresql": operators.field("PostgresClusterStatus", "Running"),
    "argoproj.io/Rollout": operators.rollout,
    "argoproj.io/Application": operators.application,
    "argoproj.io/ApplicationSet": operators.meets("ResourcesUpToDate", never=("RolloutProgressing",)),
    "argoproj.io/Workflow": services.phase("Succeeded"),
    "argoproj.io/AnalysisRun": services.phase("Successful"),
    "external-secrets.io/ExternalSecret": promises.external_secret,
    **{f"cert-manager.io/{kind}": _ready for kind in ("Issuer", "ClusterIssuer")},
    "cert-manager.io/Certificate": promises.certificate,
    "keda.sh/ScaledObject": promises.scaled_object,
    "bitnami.com/SealedSecret": operators.meets("Synced"),
    "velero.io/Backup": services.phase("Completed"),
    "velero.io/Restore": services.phase("Completed"),
    "velero.io/BackupStorageLocation": services.phase("Available"),
    "velero.io/Schedule": operators.both(services.phase("Enabled"), operators.hidden),
    "flagger.app/Canary": services.phase("Succeeded", "Initialized"),
    "elasticsearch.k8s.elastic.co/Elasticsearch": operators.elasticsearch,
    "kibana.k8s.elastic.co/Kibana": _green,
    "kafka.strimzi.io/Kafka": _ready,
    "rabbitmq.com/RabbitmqCluster": operators.meets(
        "ClusterAvailable", "AllReplicasReady", "ReconcileSuccess"
    ),
    "ceph.rook.io/CephCluster": promises.ceph,
    "minio.min.io/Tenant": operators.field("currentState", "Initialized"),
    "psmdb.percona.com/PerconaServerMongoDB": operators.field("state", "ready"),
    "pxc.percona.com/PerconaXtraDBCluster": operators.field("state", "ready"),
    "opentelemetry.io/OpenTelemetryCollector": operators.collector,
    "serving.knative.dev/Service": operators.meets("Ready", "ConfigurationsReady", "RoutesReady"),
    "install.istio.io/IstioOperator": operators.field("status", "HEALTHY"),
    "config.openshift.io/ClusterOperator": operators.meets("Available"),
    "projectcontour.io/HTTPProxy": operators.meets("Valid"),
    "operators.coreos.com/ClusterServiceVersion": services.phase("Succeeded"),
    "operators.coreos.com/InstallPlan": services.phase("Complete"),
    "operators.coreos.com/Subscription": operators.field("state", "AtLatestKnown"),
    "mongodbcommunity.mongodb.com/MongoDBCommunity": services.phase("Running"),
    "mongodb.com/MongoDB": services.phase("Running"),
    "app.redislabs.com/RedisEnterpriseCluster": operators.field("state", "Running"),
    "app.redislabs.com/RedisEnterpriseDatabase": operators.field("status", "active"),
    "tekton.dev/PipelineRun": operators.meets("Succeeded"),
    "tekton.dev/TaskRun": operators.meets("Succeeded"),
    "autoscaling.k8s.io/VerticalPodAutoscaler": operators.meets(
        "RecommendationProvided", never=("NoPodsMatched", "FetchingHistory", "ConfigUnsupported")
    ),
    "cilium.io/CiliumNetworkPolicy": operators.meets("Valid"),
    "cilium.io/CiliumClusterwideNetworkPolicy": operators.meets("Valid"),
    "beat.k8s.elastic.co/Beat": _green,
    "agent.k8s.elastic.co/Agent": _green,
    "apm.k8s.elastic.co/ApmServer": _green,
    "logstash.k8s.elastic.co/Logstash": _green,
    "cdi.kubevirt.io/DataVolume": services.phase("Succeeded"),
    "cluster.x-k8s.io/MachineDeployment": operators.machines,
    "addons.cluster.x-k8s.io/ClusterResourceSet": operators.meets("ResourcesApplied"),
    "route.openshift.io/Route": operators.admitted,
    "sparkoperator.k8s.io/SparkApplication": operators.field(
        "applicationState.state", "RUNNING", "COMPLETED"
    ),
    "grafana.integreatly.org/GrafanaDashboard": operators.meets("DashboardSynchronized"),
    "grafana.integreatly.org/GrafanaFolder": operators.meets("FolderSynchronized"),
}
_GROUPS: dict[str, Rule] = {
    "cert-manager.io": _told,
    "external-secrets.io": _told,
    "karpenter.sh": _told,
    "karpenter.k8s.aws": _told,
    "keda.sh": _told,
    "helm.toolkit.fluxcd.io": _told,
    "kustomize.toolkit.fluxcd.io": _told,
    "source.toolkit.fluxcd.io": _told,
    "notification.toolkit.fluxcd.io": _told,
    "image.toolkit.fluxcd.io": _told,
    "networking.istio.io": promises.configuration,
}
"""Rules of all kinds of a group that have none of their own; some of them never get a status."""
