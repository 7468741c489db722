"""A Kubernetes-shaped API: discovery, and the objects of the product, whose state follows its health."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web

from launch_rehearsal.product.base.plan import NAMESPACE, SERVICES, Part, job

if TYPE_CHECKING:
    from launch_rehearsal.product.base.health import Health
    from launch_rehearsal.product.base.plan import StandInPlan

INGRESS = "ingress-nginx"
REPLICAS = 2
_KINDS: dict[str, dict[str, str]] = {
    "v1": {"ConfigMap": "configmaps", "Secret": "secrets", "Service": "services"},
    "apps/v1": {"Deployment": "deployments"},
    "autoscaling/v2": {"HorizontalPodAutoscaler": "horizontalpodautoscalers"},
    "batch/v1": {"CronJob": "cronjobs"},
    "discovery.k8s.io/v1": {"EndpointSlice": "endpointslices"},
    "networking.k8s.io/v1": {"Ingress": "ingresses", "NetworkPolicy": "networkpolicies"},
    "policy/v1": {"PodDisruptionBudget": "poddisruptionbudgets"},
    "postgresql.cnpg.io/v1": {"ScheduledBackup": "scheduledbackups"},
}
"""What is served: version, kind, plural. There is no database cluster: the database is a single server."""

Object = dict[str, Any]


class Kubernetes:
    """The cluster that the product seems to run in."""

    def __init__(self, plan: StandInPlan, health: Health) -> None:
        self._plan, self._health = plan, health

    def app(self) -> web.Application:
        """Make the application; everybody but the holder of the token is refused."""
        token = f"Bearer {self._plan.tokens['service']}"

        @web.middleware
        async def known(request: web.Request, handler: Any) -> web.StreamResponse:
            if request.headers.get("Authorization") != token:
                return _status(401, "Unauthorized")
            answer: web.StreamResponse = await handler(request)
            return answer

        app = web.Application(middlewares=[known])
        for version, kinds in _KINDS.items():
            root = f"/{'apis' if '/' in version else 'api'}/{version}"
            app.router.add_get(root, _discovery(version, kinds))
            for kind, plural in kinds.items():
                path = f"{root}/namespaces/{{namespace}}/{plural}"
                app.router.add_get(path, self._list(version, kind))
                app.router.add_get(f"{path}/{{name}}", self._one(version, kind))
        app.router.add_get("/{path:.*}", _nothing)
        return app

    def _list(self, version: str, kind: str) -> Any:
        async def listed(request: web.Request) -> web.Response:
            items = self._objects(kind, request.match_info["namespace"])
            return web.json_response(
                {"kind": f"{kind}List", "apiVersion": version, "metadata": {}, "items": items}
            )

        return listed

    def _one(self, version: str, kind: str) -> Any:
        async def one(request: web.Request) -> web.Response:
            name = request.match_info["name"]
            for found in self._objects(kind, request.match_info["namespace"]):
                if found["metadata"]["name"] == name:
                    return web.json_response({"kind": kind, "apiVersion": version, **found})
            return _status(404, f'{kind} "{name}" not found')

        return one

    def _objects(self, kind: str, namespace: str) -> list[Object]:
        if namespace == INGRESS:
            return self._of_ingress(kind)
        return self._of_product(kind) if namespace == NAMESPACE else []

    def _of_ingress(self, kind: str) -> list[Object]:
        name = "ingress-nginx-controller"
        if kind == "Deployment":
            image = "registry.k8s.io/ingress-nginx/controller:v1.13.0"
            return [_deployment(name, image, works=self._health.works(Part.EDGE_TLS))]
        return [_named(name, data={"load-balance": "ewma"})] if kind == "ConfigMap" else []

    def _of_product(self, kind: str) -> list[Object]:
        if kind in {"CronJob", "ScheduledBackup", "Ingress", "NetworkPolicy"}:
            return _SINGLES[kind]()
        return [made for part in SERVICES if (made := self._of_service(kind, part))]

    def _of_service(self, kind: str, part: Part) -> Object:
        name, works = job(part), self._health.works(part)
        secret = base64.b64encode(b"kept elsewhere").decode()
        made: dict[str, Object] = {
            "Deployment": _deployment(name, f"azora/{name}:{self._plan.release}", works=works),
            "Service": _named(name, spec={"clusterIP": "10.96.0.10", "ports": [{"port": 80}]}),
            "ConfigMap": _named(f"{name}-config", data={"LOG_LEVEL": "info", "DATABASE_HOST": "db"}),
            "Secret": _named(f"{name}-secrets", data={"DATABASE_PASSWORD": secret}),
            "EndpointSlice": _named(
                f"{name}-1", endpoints=[{"addresses": ["10.0.0.1"], "conditions": {"ready": works}}]
            ),
            "PodDisruptionBudget": _named(
                name, spec={"minAvailable": 1}, status={"disruptionsAllowed": int(works)}
            ),
            "HorizontalPodAutoscaler": _named(
                name,
                spec={"minReplicas": REPLICAS, "maxReplicas": 6},
                status={"conditions": [{"type": "ScalingActive", "status": "True" if works else "False"}]},
            ),
        }
        return made.get(kind, {})


def _named(name: str, **fields: Any) -> Object:
    return {"metadata": {"name": name, "namespace": NAMESPACE, "generation": 1}, **fields}


def _deployment(name: str, image: str, *, works: bool) -> Object:
    probe = {"httpGet": {"path": "/health", "port": 8080}}
    container = {
        "name": name,
        "image": image,
        "resources": {"limits": {"memory": "512Mi", "cpu": "500m"}},
        "readinessProbe": probe,
        "livenessProbe": probe,
    }
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
    return [_named("azora", spec={"tls": [{"hosts": ["azora.test"]}], "rules": []}, status=status)]


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


def _discovery(version: str, kinds: dict[str, str]) -> Any:
    resources = [
        {"name": plural, "kind": kind, "namespaced": True, "verbs": ["get", "list"]}
        for kind, plural in kinds.items()
    ]
    document = {"kind": "APIResourceList", "groupVersion": version, "resources": resources}

    async def discovery(_request: web.Request) -> web.Response:
        return web.json_response(document)

    return discovery


async def _nothing(_request: web.Request) -> web.Response:
    return _status(404, "the server could not find the requested resource")


def _status(code: int, message: str) -> web.Response:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}
    return web.json_response(body, status=code)
