"""Serve the cluster in which the product seems to run."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from launch_rehearsal.product.base.plan import DOMAIN, NAMESPACE, SERVICES, Part, job
from launch_rehearsal.product.platform.pods import endpoint_slice, pods
from launch_rehearsal.vendors.kubernetes import KINDS, KubernetesApi, Object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_rehearsal.product.base.health import Health
    from launch_rehearsal.product.base.plan import ProductPlan

INGRESS = "ingress-nginx"
REPLICAS = 2
_DATABASE = "azora-postgres"
_CONFIG: dict[Part, dict[str, str]] = {
    Part.GATEWAY: {"DATABASE_HOST": "db", "REDIS_HOST": "redis"},
    Part.CONSTITUTIONAL_AI: {"DATABASE_HOST": "db"},
    Part.KNOWLEDGE_OCEAN: {"VECTOR_DB_HOST": "vectors"},
    Part.AI_ROUTING: {"REDIS_HOST": "redis"},
}
_SECRETS: dict[Part, tuple[str, ...]] = {
    Part.GATEWAY: ("DATABASE_PASSWORD", "REDIS_PASSWORD"),
    Part.CONSTITUTIONAL_AI: ("DATABASE_PASSWORD",),
    Part.KNOWLEDGE_OCEAN: ("VECTOR_DB_API_KEY",),
    Part.AI_ROUTING: ("OPENAI_API_KEY", "REDIS_PASSWORD"),
}


class ProductCluster(KubernetesApi):
    """Serve the objects of the product; their state follows the health of its parts."""

    def __init__(self, plan: ProductPlan, health: Health, digests: Mapping[str, str]) -> None:
        super().__init__(plan.tokens["service"], KINDS)
        self._plan, self._health, self._digests = plan, health, digests

    def found(self, _version: str, kind: str, namespace: str) -> list[Object]:
        """Return the objects of a kind as they are now."""
        if namespace == INGRESS:
            return self._of_ingress(kind)
        return self._of_product(kind) if namespace == NAMESPACE else []

    def namespaces(self) -> set[str]:
        """Name the namespaces that exist."""
        return {*super().namespaces(), NAMESPACE, INGRESS}

    def _of_ingress(self, kind: str) -> list[Object]:
        name = "ingress-nginx-controller"
        if kind == "Deployment":
            image = "registry.k8s.io/ingress-nginx/controller:v1.13.0"
            return [_deployment(name, image, works=self._health.works(Part.EDGE_TLS))]
        return [_named(name, data={"load-balance": "ewma"})] if kind == "ConfigMap" else []

    def _of_product(self, kind: str) -> list[Object]:
        if kind in _SINGLES:
            return _SINGLES[kind]()
        if kind == "Cluster":
            return [_database(works=self._health.works(Part.DATABASE))]
        if kind == "Pod":
            return [pod for part in SERVICES for pod in self._pods(part)]
        return [made for part in SERVICES if (made := self._of_service(kind, part))]

    def _pods(self, part: Part) -> list[Object]:
        name = job(part)
        container = _container(name, f"azora/{name}:{self._plan.release}")
        return list(pods(name, container, self._digests[f"azora/{name}"], works=self._health.works(part)))

    def _of_service(self, kind: str, part: Part) -> Object:
        name, works = job(part), self._health.works(part)
        secret = base64.b64encode(b"kept elsewhere").decode()
        made: dict[str, Object] = {
            "Deployment": _configured(_deployment(name, f"azora/{name}:{self._plan.release}", works=works)),
            "Service": _named(name, spec={"clusterIP": "10.96.0.10", "ports": [{"port": 80}]}),
            "ConfigMap": _named(f"{name}-config", data={"LOG_LEVEL": "info", **_CONFIG[part]}),
            "Secret": _named(f"{name}-secrets", data=dict.fromkeys(_SECRETS[part], secret)),
            "EndpointSlice": endpoint_slice(name, works=works),
            "PodDisruptionBudget": _budget(name, works=works),
            "HorizontalPodAutoscaler": _autoscaler(name, works=works),
        }
        return made.get(kind, {})


def _named(name: str, **fields: Any) -> Object:
    return {"metadata": {"name": name, "namespace": NAMESPACE, "generation": 1}, **fields}


def _budget(name: str, *, works: bool) -> Object:
    healthy = REPLICAS if works else 0
    allowed = {"type": "DisruptionAllowed", "status": "True", "reason": "SufficientPods"}
    refused = {"type": "DisruptionAllowed", "status": "False", "reason": "InsufficientPods"}
    status = {
        "observedGeneration": 1,
        "expectedPods": REPLICAS,
        "desiredHealthy": 1,
        "currentHealthy": healthy,
        "disruptionsAllowed": max(0, healthy - 1),
        "conditions": [allowed if works else refused],
    }
    return _named(name, spec={"minAvailable": 1}, status=status)


def _autoscaler(name: str, *, works: bool) -> Object:
    active = {"True": "ValidMetricFound", "False": "FailedGetResourceMetric"}
    state = str(works)
    conditions = [
        {"type": "AbleToScale", "status": "True", "reason": "ReadyForNewScale"},
        {"type": "ScalingActive", "status": state, "reason": active[state]},
        {"type": "ScalingLimited", "status": "True", "reason": "TooFewReplicas"},
    ]
    return _named(
        name,
        spec={"minReplicas": REPLICAS, "maxReplicas": 6},
        status={"currentReplicas": REPLICAS, "desiredReplicas": REPLICAS, "conditions": conditions},
    )


def _container(name: str, image: str) -> Object:
    probe = {"httpGet": {"path": "/health", "port": 8080}}
    return {
        "name": name,
        "image": image,
        "resources": {"limits": {"memory": "512Mi", "cpu": "500m"}},
        "readinessProbe": probe,
        "livenessProbe": probe,
    }


def _deployment(name: str, image: str, *, works: bool) -> Object:
    container = _container(name, image)
    spread = [{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule"}]
    pod = {"restartPolicy": "Always", "containers": [container], "topologySpreadConstraints": spread}
    up, state = REPLICAS if works else 0, "True" if works else "False"
    return _named(
        name,
        spec={"replicas": REPLICAS, "template": {"spec": pod}},
        status={
            "observedGeneration": 1,
            "replicas": REPLICAS,
            "updatedReplicas": REPLICAS,
            "readyReplicas": up,
            "availableReplicas": up,
            "conditions": [
                {"type": "Available", "status": state},
                {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
            ],
        },
    )


def _configured(deployment: Object) -> Object:
    """Let the container take its variables from the ConfigMap and the Secret of its service."""
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    config, secrets = f"{container['name']}-config", f"{container['name']}-secrets"
    container["envFrom"] = [{"configMapRef": {"name": config}}, {"secretRef": {"name": secrets}}]
    return deployment


def _hours_ago(hours: int) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat(timespec="seconds")


def _ingresses() -> list[Object]:
    status = {"loadBalancer": {"ingress": [{"ip": "192.0.2.10"}]}}
    backend = {"service": {"name": job(Part.GATEWAY), "port": {"number": 80}}}
    paths = {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}
    spec = {"tls": [{"hosts": [DOMAIN]}], "rules": [{"host": DOMAIN, "http": paths}]}
    return [_named("azora", spec=spec, status=status)]


def _policies() -> list[Object]:
    deny = _named("default-deny-all", spec={"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})
    return [deny, *(_allowed(job(part)) for part in SERVICES)]


def _allowed(service: str) -> Object:
    """Allow the load balancer and the other services to reach the pods of one service."""
    sources = [{"namespaceSelector": {"matchLabels": {"name": INGRESS}}}, {"podSelector": {}}]
    rule = {"from": sources, "ports": [{"port": 8080}]}
    chosen = {"matchLabels": {"app": service}}
    spec = {"podSelector": chosen, "policyTypes": ["Ingress"], "ingress": [rule]}
    return _named(f"allow-{service}", spec=spec)


def _backups() -> list[Object]:
    spec = {"suspend": False, "cluster": {"name": _DATABASE}, "schedule": "0 0 3 * * *", "method": "plugin"}
    return [_named(f"{_DATABASE}-nightly", spec=spec, status={"lastScheduleTime": _hours_ago(6)})]


def _stores() -> list[Object]:
    configuration = {"destinationPath": "s3://azora-backups/"}
    return [_named(f"{_DATABASE}-store", spec={"retentionPolicy": "30d", "configuration": configuration})]


def _database(*, works: bool) -> Object:
    """Return the cluster of the operator; the product's real database is its primary."""
    state = {"type": "Ready", "status": str(works), "reason": "ClusterIsReady"}
    backed_up = {"type": "LastBackupSucceeded", "status": "True", "reason": "LastBackupSucceeded"}
    backed_up["lastTransitionTime"] = _hours_ago(5)
    topology = {"successfullyExtracted": True, "nodesUsed": 3}
    phase = "Cluster in healthy state" if works else "Not enough disk space"
    counts = {"instances": 3, "readyInstances": 3 * works}
    status = {**counts, "phase": phase, "topology": topology, "conditions": [state, backed_up]}
    return _named(_DATABASE, spec={"instances": 3, "enablePDB": True}, status=status)


def _jobs() -> list[Object]:
    return [
        _named("backup-verify", spec={"suspend": False}, status={"lastSuccessfulTime": _hours_ago(5)}),
        _named("network-policy-probe", spec={"suspend": False}, status={"lastSuccessfulTime": _hours_ago(1)}),
    ]


_SINGLES = {
    "CronJob": _jobs,
    "ScheduledBackup": _backups,
    "ObjectStore": _stores,
    "Ingress": _ingresses,
    "NetworkPolicy": _policies,
}
