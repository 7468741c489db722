"""A cluster and a registry in which release 1.0.0 of Azora runs; each test makes one thing otherwise."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launch_pipeline.checklist.load import load_phases
from launch_pipeline.checks.engine.context import ConnectionInfo
from launch_pipeline.checks.engine.product import with_product
from launch_pipeline.checks.engine.registry import parameter_models
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.checks.verdict import Verdict
from launch_rehearsal.product.base.health import Health
from launch_rehearsal.product.base.plan import ProductPlan
from launch_rehearsal.product.delivery.registry import Registry
from servers import kubernetes_api
from servers.checking import context, raw, run
from servers.kubernetes_api import KubernetesApi, rolled_out, secret
from servers.web import serving

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from launch_pipeline.checklist.model import Item

SERVICES = ("api-gateway", "constitutional-ai", "knowledge-ocean", "ai-routing")
COMMIT, DOMAIN, RELEASE = "a" * 40, "azora.example", "1.0.0"
LIMITED = {"limits": {"memory": "512Mi"}}
OTHER_DIGEST = f"sha256:{'0' * 64}"
VARIABLES = {
    "repo": "azora/azora", "domain": DOMAIN, "namespace": "azora", "release": RELEASE, "release_sha": COMMIT,
    "run_nonce": "0123456789abcdef", "oncall_schedule": "PROTA", "launch_at": "2026-06-01T08:00:00+00:00",
    "statuspage_id": "p1", "retrieval_canary_id": "canary", "retrieval_canary_phrase": "I am",
    "harm_canary": "harm",
}  # fmt: skip
Found = tuple[Verdict, str]


@cache
def _items() -> dict[str, Item]:
    return {item.id: item for phase in load_phases(parameter_models()) for _, item in phase.items()}


async def asked(
    item: str, connections: Iterable[ConnectionInfo], kinds: Iterable[str], **variables: Any
) -> Found:
    """Run an item's checks of some kinds; gives their verdict together, and what they say."""
    specs = [spec for spec in _items()[item].checks if spec.kind in set(kinds)]
    assert specs, f"{item} has no check of {kinds}"
    known = with_product({**VARIABLES, **variables})
    ctx = context({one.conn_id: one for one in connections}, variables=known, allow_side_effects=True)
    results = await run_checks(specs, ctx)
    return Verdict.of([one.verdict for one in results]), "\n".join(map(raw, results))


@cache
def _plan() -> ProductPlan:
    return ProductPlan.make(Path("nowhere"), "")


class World:
    """Objects as Helm and the controllers leave them, and the images of two releases in the registry."""

    def __init__(self, commit: str = COMMIT) -> None:
        self.registry = Registry(_plan(), Health(), {RELEASE: commit, "0.9.4": "b" * 40})
        self.cluster = KubernetesApi()
        self.digests = self.registry.digests(RELEASE)
        for name in SERVICES:
            self.deployment(name, image(name))
            for suffix in ("k2x9p", "q7m4t"):
                self.pod(f"{name}-7d4b9c6f5d-{suffix}", image(name), self.digests[f"azora/{name}"])
            self.cluster.add("v1", "Service", name, spec={"ports": [{"port": 80}]}, status={})
            self.slice(f"{name}-x1", name, name)
            self.cluster.add("v1", "ConfigMap", f"{name}-config", data={"LOG_LEVEL": "info"})
            self.cluster.add("v1", "Secret", f"{name}-secrets", data=secret(PASSWORD="planted"))
        self.ingress(rule(DOMAIN, "api-gateway"))

    def deployment(self, name: str, *images: str, replicas: int = 2, **container: Any) -> dict[str, Any]:
        """Add a Deployment with a container for each image."""
        made = [{"name": f"c{n}", "image": one, "resources": LIMITED} for n, one in enumerate(images)]
        spec = {
            "replicas": replicas,
            "template": {"spec": {"containers": [{**one, **container} for one in made]}},
        }
        return self.cluster.add("apps/v1", "Deployment", name, spec=spec, status=rolled_out(replicas))

    def pod(self, name: str, named: str, digest: str, phase: str = "Running", **state: Any) -> None:
        """Add a pod with one container of an image, which runs a digest."""
        repository = named.partition("@")[0].rpartition(":")[0]
        runs = {"name": "c0", "imageID": f"{repository}@{digest}" if digest else ""}
        status = {"phase": phase, "containerStatuses": [{**runs, "state": state or {"running": {}}}]}
        self.cluster.add(
            "v1", "Pod", name, spec={"containers": [{"name": "c0", "image": named}]}, status=status
        )

    def slice(self, name: str, service: str, pods_of: str, ready: bool | None = True) -> None:
        """Add a slice of a Service whose endpoint is a pod of a Deployment."""
        pod = {"kind": "Pod", "name": f"{pods_of}-7d4b9c6f5d-k2x9p"}
        conditions = {} if ready is None else {"ready": ready}
        labels = {"labels": {"kubernetes.io/service-name": service}}
        endpoints = [{"addresses": ["10.0.0.1"], "conditions": conditions, "targetRef": pod}]
        self.cluster.add("discovery.k8s.io/v1", "EndpointSlice", name, metadata=labels, endpoints=endpoints)

    def without(self, kind: str, name: str) -> None:
        """Remove an object."""
        version = next(version for version, kinds in self.cluster.kinds.items() if kind in kinds)
        del self.cluster.objects[version, kind, "azora", name]

    def ingress(self, *rules: Mapping[str, Any], name: str = "azora", address: Any = None) -> None:
        """Add an Ingress; it has an address unless that is empty."""
        entries = [{"ip": "192.0.2.1"}] if address is None else address
        status = {"loadBalancer": {"ingress": entries}}
        self.cluster.add("networking.k8s.io/v1", "Ingress", name, spec={"rules": [*rules]}, status=status)

    def asked(self, item: str, *kinds: str, **variables: Any) -> Found:
        """Run an item's checks of the cluster and of the registry, or of some of these kinds."""
        wanted = kinds or ("kubernetes_resource", "container_image")

        async def ask() -> Found:
            async with serving(self.cluster.app) as cluster, serving(self.registry.app()) as registry:
                password = _plan().tokens["service"]
                images = ConnectionInfo("registry", "http", f"http://127.0.0.1:{registry}", password=password)
                return await asked(item, [kubernetes_api.connection(cluster), images], wanted, **variables)

        return run(ask())


def image(service: str, end: str = f":{RELEASE}") -> str:
    """Name an image as a pod does."""
    return f"registry.test/azora/{service}{end}"


def rule(host: str, *services: str) -> dict[str, Any]:
    """Build a rule of an Ingress with a path for each Service; it is of every host without a name."""
    paths = [{"path": f"/{n}", "backend": {"service": {"name": one}}} for n, one in enumerate(services)]
    return {**({"host": host} if host else {}), "http": {"paths": paths}}
