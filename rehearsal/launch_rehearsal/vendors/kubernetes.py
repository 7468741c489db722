"""The read side of kube-apiserver: discovery, get, and lists in pages with label selectors.

No registry of packages has a kube-apiserver that can be installed for tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

Object = dict[str, Any]
Kinds = dict[str, dict[str, tuple[str, bool]]]
"""Version to kind to plural name and whether it is namespaced."""

TOKEN = "planted-service-account-token"  # noqa: S105 - of a fake
KINDS: Kinds = {
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
    "barmancloud.cnpg.io/v1": {"ObjectStore": ("objectstores", True)},
    "postgresql.cnpg.io/v1": {"Cluster": ("clusters", True), "ScheduledBackup": ("scheduledbackups", True)},
}  # fmt: skip
_SPACES = {"default", "kube-system", "azora"}
_ACCOUNT = "system:serviceaccount:airflow:launch"


class KubernetesApi:
    """Serve objects by version, kind, namespace and name."""

    def __init__(self, token: str = TOKEN, kinds: Kinds = KINDS, *, forbidden: Iterable[str] = ()) -> None:
        self.objects: dict[tuple[str, str, str, str], Object] = {}
        self.token = token
        self.kinds = kinds
        self.forbidden = set(forbidden)
        """Plural names that the token may not read."""
        self.broken_group = ""
        """A version whose aggregated API server is down."""
        self.requests: list[str] = []

    def add(self, version: str, kind: str, name: str, namespace: str = "azora", **fields: Any) -> Object:
        """Add an object."""
        metadata = {"name": name, "generation": 1, **fields.pop("metadata", {})}
        place = namespace if self.kinds[version][kind][1] else ""
        metadata |= {"namespace": place} if place else {}
        made = {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}
        self.objects[version, kind, place, name] = made
        return made

    def found(self, version: str, kind: str, namespace: str) -> list[Object]:
        """Return the objects of a kind in a namespace, sorted by name."""
        place = (version, kind, namespace)
        return [one for key, one in sorted(self.objects.items()) if key[:3] == place]

    def namespaces(self) -> set[str]:
        """Name the namespaces that exist: the first ones, and those that hold objects."""
        return {*_SPACES, *(key[2] for key in self.objects if key[2])}

    @property
    def app(self) -> web.Application:
        """Build a new application; one application serves in one event loop only."""
        made = web.Application(middlewares=[self._guard])
        made.router.add_get("/api", _core)
        made.router.add_get("/apis", self._groups)
        made.router.add_get("/api/v1/namespaces/{namespace}", self._namespace)
        for version, kinds in self.kinds.items():
            base = f"/api/{version}" if "/" not in version else f"/apis/{version}"
            made.router.add_get(base, self._discovery(version))
            for kind, (plural, namespaced) in kinds.items():
                below = f"{base}/namespaces/{{namespace}}/{plural}" if namespaced else f"{base}/{plural}"
                made.router.add_get(below, self._list(version, kind, plural))
                made.router.add_get(f"{below}/{{name}}", self._get(version, kind, plural))
        # The guard sees the paths that nothing serves as well, in an application of its own or below another.
        made.router.add_get("/{path:.*}", _nothing)
        return made

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.requests.append(request.path_qs)
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return status(401, "Unauthorized", "Unauthorized")
        return await handler(request)

    async def _groups(self, _request: web.Request) -> web.Response:
        groups = []
        for version in filter(lambda version: "/" in version, self.kinds):
            one = {"groupVersion": version, "version": version.partition("/")[2]}
            groups.append({"name": version.partition("/")[0], "versions": [one], "preferredVersion": one})
        return web.json_response({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})

    async def _namespace(self, request: web.Request) -> web.Response:
        name = request.match_info["namespace"]
        if "namespaces" in self.forbidden:
            return _forbidden("namespaces", "get")
        if name not in self.namespaces():
            return status(404, "NotFound", f'namespaces "{name}" not found')
        made = {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}}
        return web.json_response({**made, "status": {"phase": "Active"}})

    def _discovery(self, version: str) -> Handler:
        listed: list[Object] = []
        for kind, (plural, namespaced) in self.kinds[version].items():
            shared = {"namespaced": namespaced, "kind": kind, "singularName": kind.lower()}
            listed += [
                {**shared, "name": f"{plural}/status", "verbs": ["get"]},
                {**shared, "name": plural, "verbs": ["get", "list"]},
            ]
        document = {"kind": "APIResourceList", "groupVersion": version, "resources": listed}

        async def discovery(_request: web.Request) -> web.Response:
            if version == self.broken_group:
                message = "the server is currently unable to handle the request"
                return status(503, "ServiceUnavailable", message)
            return web.json_response(document)

        return discovery

    def _list(self, version: str, kind: str, plural: str) -> Handler:
        async def listed(request: web.Request) -> web.Response:
            if plural in self.forbidden:
                return _forbidden(plural, "list")
            found = self.found(version, kind, request.match_info.get("namespace", ""))
            wanted = [one for one in found if _selected(one, request.query.get("labelSelector", ""))]
            return web.json_response(
                {"apiVersion": version, "kind": f"{kind}List", **_page(wanted, request.query)}
            )

        return listed

    def _get(self, version: str, kind: str, plural: str) -> Handler:
        async def one(request: web.Request) -> web.Response:
            name = request.match_info["name"]
            if plural in self.forbidden:
                return _forbidden(plural, "get")
            for found in self.found(version, kind, request.match_info.get("namespace", "")):
                if found["metadata"]["name"] == name:
                    return web.json_response({"apiVersion": version, "kind": kind, **found})
            return status(404, "NotFound", f'{plural} "{name}" not found')

        return one


def status(code: int, reason: str, message: str) -> web.Response:
    """Build the answer with which the API server refuses."""
    document = {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
        "reason": reason, "code": code,
    }  # fmt: skip
    return web.json_response(document, status=code)


def _selected(one: Object, selector: str) -> bool:
    pairs = (pair.partition("=") for pair in selector.split(",") if pair)
    return all(one["metadata"].get("labels", {}).get(name) == value for name, _, value in pairs)


def _page(wanted: list[Object], query: Mapping[str, str]) -> Object:
    start, limit = int(query.get("continue", 0)), int(query.get("limit", 0)) or len(wanted)
    page, rest = wanted[start : start + limit], wanted[start + limit :]
    metadata: Object = {"resourceVersion": "1", **({"continue": str(start + limit)} if rest else {})}
    # The API server cannot count what a selector leaves out.
    metadata |= {"remainingItemCount": len(rest)} if rest and not query.get("labelSelector") else {}
    # The elements of a real list have neither kind nor version.
    items = [{k: v for k, v in one.items() if k not in {"kind", "apiVersion"}} for one in page]
    return {"metadata": metadata, "items": items}


def _forbidden(plural: str, verb: str) -> web.Response:
    message = f'{plural} is forbidden: User "{_ACCOUNT}" cannot {verb} resource "{plural}"'
    return status(403, "Forbidden", message)


async def _core(_request: web.Request) -> web.Response:
    return web.json_response({"kind": "APIVersions", "versions": ["v1"]})


async def _nothing(_request: web.Request) -> web.Response:
    return web.Response(status=404, text="404 page not found\n")
