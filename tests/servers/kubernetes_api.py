"""A stand-in for kube-apiserver, which Debian, PyPI and npm do not have: discovery, get, list by pages."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from launch_pipeline.checks.engine.context import ConnectionInfo

TOKEN = "planted-service-account-token"
Object = dict[str, Any]

KINDS: dict[str, dict[str, tuple[str, bool]]] = {
    "v1": {
        "Pod": ("pods", True), "Service": ("services", True), "ConfigMap": ("configmaps", True),
        "Secret": ("secrets", True), "Namespace": ("namespaces", False),
        "PersistentVolumeClaim": ("persistentvolumeclaims", True),
    },
    "apps/v1": {"Deployment": ("deployments", True), "StatefulSet": ("statefulsets", True)},
    "batch/v1": {"CronJob": ("cronjobs", True), "Job": ("jobs", True)},
    "policy/v1": {"PodDisruptionBudget": ("poddisruptionbudgets", True)},
    "autoscaling/v2": {"HorizontalPodAutoscaler": ("horizontalpodautoscalers", True)},
    "networking.k8s.io/v1": {"Ingress": ("ingresses", True), "NetworkPolicy": ("networkpolicies", True)},
    "discovery.k8s.io/v1": {"EndpointSlice": ("endpointslices", True)},
    "postgresql.cnpg.io/v1": {"Cluster": ("clusters", True), "ScheduledBackup": ("scheduledbackups", True)},
}  # fmt: skip


def status(code: int, reason: str, message: str) -> web.Response:
    """Answer as the API server says no."""
    document = {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
        "reason": reason, "code": code,
    }  # fmt: skip
    return web.json_response(document, status=code)


@dataclass
class KubernetesApi:
    """Objects by version, kind, namespace and name."""

    objects: dict[tuple[str, str, str, str], Object] = field(default_factory=dict)
    token: str = TOKEN
    forbidden: set[str] = field(default_factory=set)
    """Plural names that may not be read."""
    broken_group: str = ""
    """A version whose aggregated API server is down."""
    requests: list[str] = field(default_factory=list)

    def add(self, version: str, kind: str, name: str, namespace: str = "azora", **fields: Any) -> Object:
        """Put an object there."""
        metadata = {"name": name, "generation": 1, **fields.pop("metadata", {})}
        metadata |= {"namespace": namespace} if KINDS[version][kind][1] else {}
        made = {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}
        self.objects[version, kind, namespace if KINDS[version][kind][1] else "", name] = made
        return made

    @property
    def app(self) -> web.Application:
        made = web.Application(middlewares=[self._guard])
        made.router.add_get("/api", self._core)
        made.router.add_get("/apis", self._groups)
        for version, kinds in KINDS.items():
            base = f"/api/{version}" if "/" not in version else f"/apis/{version}"
            made.router.add_get(base, self._resources)
            for plural, namespaced in kinds.values():
                below = f"{base}/namespaces/{{namespace}}/{plural}" if namespaced else f"{base}/{plural}"
                made.router.add_get(below, self._list)
                made.router.add_get(f"{below}/{{name}}", self._get)
        return made

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests.append(request.path_qs)
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return status(401, "Unauthorized", "Unauthorized")
        try:
            answer: web.StreamResponse = await handler(request)
        except web.HTTPNotFound:
            return web.Response(status=404, text="404 page not found\n")
        return answer

    async def _core(self, _request: web.Request) -> web.Response:
        return web.json_response({"kind": "APIVersions", "versions": ["v1"]})

    async def _groups(self, _request: web.Request) -> web.Response:
        versions = [version.split("/") for version in KINDS if "/" in version]
        groups = [
            {"name": g, "versions": [{"groupVersion": f"{g}/{v}", "version": v}],
             "preferredVersion": {"groupVersion": f"{g}/{v}", "version": v}} for g, v in versions
        ]  # fmt: skip
        return web.json_response({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})

    def _version(self, request: web.Request) -> str:
        parts = request.path.split("/")
        return parts[2] if parts[1] == "api" else "/".join(parts[2:4])

    async def _resources(self, request: web.Request) -> web.Response:
        version = self._version(request)
        if version == self.broken_group:
            return status(503, "ServiceUnavailable", "the server is currently unable to handle the request")
        listed = []
        for kind, (plural, namespaced) in KINDS[version].items():
            shared = {"namespaced": namespaced, "kind": kind, "singularName": kind.lower()}
            listed += [
                {**shared, "name": f"{plural}/status", "verbs": ["get"]},
                {**shared, "name": plural, "verbs": ["get", "list"]},
            ]
        document = {"kind": "APIResourceList", "groupVersion": version, "resources": listed}
        return web.json_response(document)

    def _kind(self, request: web.Request, plural: str) -> str:
        return next(k for k, (p, _) in KINDS[self._version(request)].items() if p == plural)

    async def _list(self, request: web.Request) -> web.Response:
        plural = request.path.rstrip("/").rpartition("/")[2]
        if plural in self.forbidden:
            return self._refused(plural, "list")
        kind, version = self._kind(request, plural), self._version(request)
        place = (version, kind, request.match_info.get("namespace", ""))
        wanted = [one for key, one in sorted(self.objects.items()) if key[:3] == place]
        for pair in filter(None, request.query.get("labelSelector", "").split(",")):
            name, _, value = pair.partition("=")
            wanted = [one for one in wanted if one["metadata"].get("labels", {}).get(name) == value]
        start, limit = (
            int(request.query.get("continue", 0)),
            int(request.query.get("limit", 0)) or len(wanted),
        )
        page, rest = wanted[start : start + limit], wanted[start + limit :]
        metadata = {"resourceVersion": "1", **({"continue": str(start + limit)} if rest else {})}
        # As the real server: the elements of a list name neither kind nor version.
        items = [{k: v for k, v in one.items() if k not in {"kind", "apiVersion"}} for one in page]
        document = {"kind": f"{kind}List", "apiVersion": version, "metadata": metadata, "items": items}
        return web.json_response(document)

    async def _get(self, request: web.Request) -> web.Response:
        plural, name = request.path.split("/")[-2], request.match_info["name"]
        if plural in self.forbidden:
            return self._refused(plural, "get")
        key = (
            self._version(request), self._kind(request, plural), request.match_info.get("namespace", ""), name
        )  # fmt: skip
        found = self.objects.get(key)
        return web.json_response(found) if found else status(404, "NotFound", f'{plural} "{name}" not found')

    def _refused(self, plural: str, verb: str) -> web.Response:
        who = "system:serviceaccount:airflow:launch"
        return status(
            403, "Forbidden", f'{plural} is forbidden: User "{who}" cannot {verb} resource "{plural}"'
        )


def connection(port: int, **fields: Any) -> ConnectionInfo:
    """A connection by host and bearer token."""
    return ConnectionInfo(
        "kubernetes", "kubernetes", "127.0.0.1", port, **{"schema": "http", "password": TOKEN, **fields}
    )


def kube_config(port: int, token: str = TOKEN) -> str:
    """The same as a kubeconfig."""
    return json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {"token": token}}],
    })  # fmt: skip


def secret(**values: str) -> dict[str, str]:
    """The data of a Secret, as the API gives it."""
    return {name: base64.b64encode(value.encode()).decode() for name, value in values.items()}


def rolled_out(wanted: int = 2, **more: int) -> dict[str, Any]:
    """The status of a Deployment that is where it should be."""
    names = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    conditions = [{"type": "Available", "status": "True"}, {"type": "Progressing", "status": "True"}]
    return {"observedGeneration": 1, **dict.fromkeys(names, wanted), "conditions": conditions, **more}
