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
_UNUSED = {("postgresql.cnpg.io/v1", "Cluster")}
"""The database is a single server, not a cluster of this operator."""


class ProductCluster(KubernetesApi):
    """Serve the objects of the product; their state follows the health of its parts."""

    def __init__(self, plan: ProductPlan, health: Health, digests: Mapping[str, str]) -> None:
        kinds = {
            version: {kind: names for kind, names in kinds.items() if (version, kind) not in _UNUSED}
            for version, kinds in KINDS.items()
        }
        super().__init__(plan.tokens["service"], kinds)
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
        if kind in {"CronJob", "ScheduledBackup", "Ingress", "NetworkPolicy"}:
            return _SINGLES[kind]()
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
            "Deployment": _deployment(name, f"azora/{name}:{self._plan.release}", works=works),
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
    selected = [
        _named(f"allow-{job(p)}", spec={"podSelector": {"matchLabels": {"app": job(p)}}}) for p in SERVICES
    ]
    return [deny, *selected]


def _backups() -> list[Object]:
    return [_named("nightly", spec={"suspend": False}, status={"lastScheduleTime": _hours_ago(6)})]


def _jobs() -> list[Object]:
    return [_named("backup-verify", spec={"suspend": False}, status={"lastSuccessfulTime": _hours_ago(5)})]


_SINGLES = {"CronJob": _jobs, "ScheduledBackup": _backups, "Ingress": _ingresses, "NetworkPolicy": _policies}
