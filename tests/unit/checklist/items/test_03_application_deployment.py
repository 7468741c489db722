"""Weeks 2-3: what each item must not pass by, and the ordinary good systems that it must accept."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from launch_pipeline.checks.verdict import Verdict
from servers.deployed_world import OTHER_DIGEST, RELEASE, World, image, rule
from servers.kubernetes_api import secret

if TYPE_CHECKING:
    from collections.abc import Callable

    Change = Callable[[World], object]

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
AI = "constitutional-ai"
DIGEST = World().digests[f"azora/{AI}"]
ENVOY = f"registry.test/envoy@{OTHER_DIGEST}"
Row = tuple["Change", Verdict, str]


def judged(item: str, row: Row, world: World | None = None) -> None:
    change, verdict, said = row
    world = world or World()
    change(world)
    found = world.asked(item)
    assert (found[0], said in found[1]) == (verdict, True), found


def straggler(
    named: str = image(AI), digest: str = DIGEST, phase: str = "Running", **state: object
) -> Change:
    return lambda world: world.pod("a-pod", named, digest, phase, **state)


def runs(*images: str, **more: object) -> Change:
    return lambda world: world.deployment(AI, *images, **more)  # type: ignore[arg-type]


DEPLOYED: dict[str, Row] = {
    "it is": (lambda _: None, P, ""),
    "pinned by its digest": (runs(image(AI, f"@{DIGEST}")), P, ""),
    "pinned, with its tag": (runs(image(AI, f":{RELEASE}@{DIGEST}")), P, ""),
    "from a mirror with a port": (runs(f"mirror.test:5000/hub/azora/{AI}:{RELEASE}"), P, ""),
    "a sidecar in first place": (runs(ENVOY, image(AI)), P, ""),
    "a sidecar in last place, without a tag": (runs(image(AI), "registry.test/log-shipper"), P, ""),
    "a migration that ended on the old image": (straggler(digest=OTHER_DIGEST, phase="Succeeded"), P, ""),
    "a pod of another image": (straggler("registry.test/other:9", OTHER_DIGEST), P, ""),
    "11.0.0 holds 1.0.0": (straggler(image(AI, ":11.0.0"), OTHER_DIGEST), F, "deployed = false"),
    "a candidate holds 1.0.0": (straggler(image(AI, ":1.0.0-rc3"), OTHER_DIGEST), F, "deployed = false"),
    "one pod runs an old digest of the tag": (straggler(digest=OTHER_DIGEST), F, "deployed = false"),
    "one pod cannot pull": (straggler(digest="", phase="Pending", waiting={"reason": "ImagePullBackOff"}), F, "deployed = false"),
    "one pod crashes": (straggler(waiting={"reason": "CrashLoopBackOff"}), F, "deployed = false"),
    "the Deployment is of another image, a Job of the right one": (runs(image(f"{AI}-legacy")), F, "spec.template"),
    "only a sidecar is left": (runs(ENVOY), F, "spec.template"),
    "one replica": (runs(image(AI), replicas=1), F, "spec.replicas"),
    "no Deployment": (lambda world: world.without("Deployment", AI), F, "missing"),
}  # fmt: skip


@pytest.mark.parametrize("row", DEPLOYED.values(), ids=DEPLOYED.keys())
def test_deployed_service(row: Row) -> None:
    """The release runs if every pod of its image runs the registry's digest, in its own Deployment."""
    judged("constitutional_ai_deployed", row)


@pytest.mark.parametrize(("commit", "verdict"), [("", P), ("a" * 40, P), ("c" * 40, F)])
def test_revision_of_what_runs(commit: str, verdict: Verdict) -> None:
    """Where an image names its commit, that is the release's; the tag may have been pushed again."""
    judged("api_gateway_deployed", (lambda _: None, verdict, ""), World(commit))


CONFIGURED: dict[str, Row] = {
    "all four": (lambda _: None, P, ""),
    "a sidecar with a limit": (runs(ENVOY, image(AI)), P, ""),
    "no memory limit": (runs(image(AI), resources={"requests": {"memory": "1Gi"}}), F, "resources.limits.memory"),
    "a limit of something else": (runs(image(AI), resources={"limits": {"cpu": "1"}}), F, "resources.limits.memory"),
    "no resources": (runs(image(AI), resources={}), F, "resources.limits.memory"),
    "a sidecar without a limit": (lambda w: w.deployment(AI, image(AI), ENVOY)["spec"]["template"]["spec"]["containers"][1].pop("resources"), F, "resources.limits.memory"),
    "one of four is missing": (lambda w: w.without("Deployment", "ai-routing"), F, "missing"),
    "one replica": (runs(image(AI), replicas=1), F, "spec.replicas"),
    "one pod cannot pull": (straggler(digest="", phase="Pending", waiting={"reason": "ErrImagePull"}), F, "deployed = false"),
}  # fmt: skip


@pytest.mark.parametrize("row", CONFIGURED.values(), ids=CONFIGURED.keys())
def test_deployments(row: Row) -> None:
    """Each container has a memory limit, each Deployment two replicas, each pod the registry's digest."""
    judged("deployments_configured", row)


def two_of_four(world: World) -> None:
    """Leave four slices: those of two Services, for IPv4 and IPv6."""
    for name in ("knowledge-ocean", "ai-routing"):
        world.without("EndpointSlice", f"{name}-x1")
    for name in ("api-gateway", AI):
        world.slice(f"{name}-x2", name, name)


SERVED: dict[str, Row] = {
    "a slice each": (lambda _: None, P, ""),
    "for IPv4 and IPv6": (lambda w: w.slice(f"{AI}-x2", AI, AI), P, ""),
    "ready is not said, which means yes": (lambda w: w.slice(f"{AI}-x1", AI, AI, ready=None), P, ""),
    "a Service of something else is not ready": (lambda w: w.slice("cache-x1", "cache", "cache", ready=False), P, ""),
    "four slices of two Services": (two_of_four, F, "count"),
    "pods of another Deployment": (lambda w: w.slice(f"{AI}-x1", AI, "knowledge-ocean"), F, "starts_with"),
    "pods of its worker, whose name begins alike": (lambda w: w.slice(f"{AI}-x1", AI, f"{AI}-worker"), F, "starts_with"),
    "nothing is ready": (lambda w: w.slice(f"{AI}-x1", AI, AI, ready=False), F, "ready = false"),
    "no Service": (lambda w: w.without("Service", AI), F, "missing"),
}  # fmt: skip


@pytest.mark.parametrize("row", SERVED.values(), ids=SERVED.keys())
def test_services(row: Row) -> None:
    """Ready pods of its own Deployment stand behind each of the four Services."""
    judged("services_configured", row)


def routes(*rules: dict[str, object], **more: object) -> Change:
    return lambda world: world.ingress(*rules, **more)  # type: ignore[arg-type]


GATEWAY, DOMAIN = "api-gateway", "azora.example"
ROUTED: dict[str, Row] = {
    "by nginx": (lambda _: None, P, ""),
    "by an ALB, which has a name and no tls": (routes(rule(DOMAIN, GATEWAY), address=[{"hostname": "k8s-azora.elb.example"}]), P, ""),
    "under a name of its own": (routes(rule(DOMAIN, "pages"), rule("api.azora.example", GATEWAY)), P, ""),
    "of every host": (routes(rule("", GATEWAY)), P, ""),
    "of the wildcard": (routes(rule("*.azora.example", GATEWAY)), P, ""),
    "beside the pages": (routes(rule(DOMAIN, "pages", GATEWAY)), P, ""),
    "in the second rule": (routes(rule("www.azora.example", "pages"), rule(DOMAIN, GATEWAY)), P, ""),
    "another Ingress has no address": (routes(rule("x.example", "x"), name="preview", address=[]), P, ""),
    "no address": (routes(rule(DOMAIN, GATEWAY), address=[]), F, "ready = false"),
    "another host": (routes(rule("staging.azora.example", GATEWAY)), F, "contains"),
    "a wildcard of other hosts": (routes(rule("*.staging.azora.example", GATEWAY)), F, "contains"),
    "another Service": (routes(rule(DOMAIN, "pages")), F, "contains"),
    "only another Ingress routes it": (lambda w: (w.ingress(rule(DOMAIN, "pages")), w.ingress(rule(DOMAIN, GATEWAY), name="old")), F, "contains"),
    "no rules": (routes(), F, "contains"),
}  # fmt: skip


@pytest.mark.parametrize("row", ROUTED.values(), ids=ROUTED.keys())
def test_ingress(row: Row) -> None:
    """The named Ingress leads the public host to the gateway."""
    judged("ingress_configured", row)


def config(**data: str) -> Change:
    return lambda w: w.cluster.add("v1", "ConfigMap", f"{AI}-config", data=data)


CONFIGS: dict[str, Row] = {
    "filled": (lambda _: None, P, ""),
    "a blank value among others": (config(A="x", B=""), P, ""),
    "no entry": (config(), F, "length"),
    "blank values only": (config(A="", B=" "), F, "length"),
    "no data": (lambda w: w.cluster.add("v1", "ConfigMap", f"{AI}-config"), F, "length"),
    "missing": (lambda w: w.without("ConfigMap", f"{AI}-config"), F, "missing"),
}  # fmt: skip


@pytest.mark.parametrize("row", CONFIGS.values(), ids=CONFIGS.keys())
def test_config_maps(row: Row) -> None:
    """A ConfigMap without a value configures nothing."""
    judged("configmaps_created", row)


def secrets(**values: str) -> Change:
    return lambda w: w.cluster.add("v1", "Secret", f"{AI}-secrets", data=secret(**values))


SECRETS: dict[str, Row] = {
    "filled": (lambda _: None, P, ""),
    "several": (secrets(A="x", B="y"), P, ""),
    "empty": (secrets(A=""), F, "blank: A"),
    "one of two is empty": (secrets(A="x", B=""), F, "empty"),
    "blank": (secrets(A=" \n"), F, "blank: A"),
    "no key": (secrets(), F, "length"),
    "no data": (lambda w: w.cluster.add("v1", "Secret", f"{AI}-secrets"), F, "length"),
    "missing": (lambda w: w.without("Secret", f"{AI}-secrets"), F, "missing"),
}  # fmt: skip


@pytest.mark.parametrize("row", SECRETS.values(), ids=SECRETS.keys())
def test_secrets(row: Row) -> None:
    """No key of a Secret is without a value."""
    judged("secrets_created", row)


def test_wildcard_without_a_host_below_it() -> None:
    """A wildcard leads no public host to the gateway where they all are the domain itself."""
    world = World()
    world.ingress(rule("*.azora.example", GATEWAY))
    assert world.asked("ingress_configured", public_hosts=[DOMAIN])[0] is F


def test_images_of_another_machine() -> None:
    """A product for other machines names their platform; an image that is not built for it is not there."""
    assert World().asked("images_pushed")[0] is P
    found = World().asked("images_pushed", image_platforms=["linux/arm64"])
    assert (found[0], "linux/arm64" in found[1]) == (F, True)
