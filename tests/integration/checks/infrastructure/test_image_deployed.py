"""``container_image`` with ``deployed``: pods are known by their spec, and each must run the very digest.

Spellings of ``imageID``: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/ and
https://github.com/kubernetes/kubernetes/issues/115199.
"""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checks.engine.context import ConnectionInfo
from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers import kubernetes_api, oci_registry
from servers.checking import check, context, raw, run
from servers.kubernetes_api import KubernetesApi
from servers.oci_registry import Pusher
from servers.web import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
OLD = f"sha256:{'0' * 64}"
RUNS: dict[str, Any] = {"running": {"startedAt": "2026-03-01T03:00:00Z"}}
Pod = tuple[str, dict[str, Any]]


class Pushed:
    """An index of two platforms, pushed."""

    def __init__(self, url: str) -> None:
        pusher = Pusher(url)
        self.url = url
        self.child = pusher.image("shop/api", "amd", of="api")
        self.index = pusher.index("shop/api", "1.0.0", {"linux/amd64": self.child})
        self.config = pusher.image("shop/api", "single", of="single")


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pushed]:
    """Start a registry with one image."""
    with oci_registry.serving(tmp_path_factory.mktemp("registry")) as url:
        yield Pushed(url)


def pod(
    image: str = "registry.test/shop/api:1.0.0",
    image_id: str = "",
    phase: str = "Running",
    sort: str = "container",
    **state: Any,
) -> dict[str, Any]:
    """Build spec and status of a pod of one container; without a state it has no status at all."""
    status: dict[str, Any] = {"phase": phase}
    if state:
        status[f"{sort}Statuses"] = [{"name": "c", "image": image, "imageID": image_id, "state": state}]
    return {"spec": {f"{sort}s": [{"name": "c", "image": image}]}, "status": status}


def good(pushed: Pushed, **more: Any) -> dict[str, Any]:
    return pod(image_id=f"registry.test/shop/api@{pushed.index}", **{**RUNS, **more})


async def asked(pushed: Pushed, *pods: dict[str, Any], name: str = "shop/api", **params: Any) -> CheckResult:
    api = KubernetesApi()
    for number, one in enumerate(pods):
        api.add("v1", "Pod", f"p{number}", **one)
    async with serving(api.app) as port:
        registry = ConnectionInfo("registry", "docker", pushed.url)
        ctx = context(
            {"registry": registry, "kubernetes": kubernetes_api.connection(port)},
            variables={"namespace": "azora"},
        )
        return await check(ctx, "container_image", images=[name], tag="1.0.0", deployed=True, **params)


def waiting(reason: str) -> dict[str, Any]:
    return {"waiting": {"reason": reason}}


STRAGGLERS: dict[str, tuple[dict[str, Any], str]] = {
    "cannot pull": (pod(phase="Pending", **waiting("ImagePullBackOff")), "p1 c: ImagePullBackOff"),
    "could not pull just now": (pod(phase="Pending", **waiting("ErrImagePull")), "ErrImagePull"),
    "being created": (pod(phase="Pending", **waiting("ContainerCreating")), "ContainerCreating"),
    "not scheduled": (pod(phase="Pending"), "p1 c: has not started"),
    "running, the node does not say what": (pod(**RUNS), "has not started"),
    "an old digest": (pod(image_id=f"registry.test/shop/api@{OLD}", **RUNS), f"runs {OLD}"),
    "an old digest by another tag": (pod("registry.test/shop/api:0.9.4", f"registry.test/shop/api@{OLD}", **RUNS), f"runs {OLD}"),
    "an old digest, pinned": (pod(f"registry.test/shop/api:1.0.0@{OLD}", f"registry.test/shop/api@{OLD}", **RUNS), f"runs {OLD}"),
    "an old digest in a mirror": (pod("mirror.test:5000/cache/shop/api", f"docker-pullable://mirror.test:5000/cache/shop/api@{OLD}", **RUNS), f"runs {OLD}"),
    "an old configuration, by id": (pod(image_id=f"docker://{OLD}", **RUNS), f"runs {OLD}"),
    "an old id, bare": (pod(image_id="0" * 64, **RUNS), f"runs {OLD}"),
    "of another name, with this image in it": (pod("alias.test/x:1", f"registry.test/shop/api@{OLD}", **RUNS), f"runs {OLD}"),
    "before its start": (pod(sort="initContainer", phase="Pending", **waiting("ImagePullBackOff")), "ImagePullBackOff"),
    "beside it": (pod(sort="ephemeralContainer", image_id=f"registry.test/shop/api@{OLD}", **RUNS), f"runs {OLD}"),
    "going, and still serving": (pod(image_id=f"registry.test/shop/api@{OLD}", **RUNS), f"runs {OLD}"),
}  # fmt: skip


@pytest.mark.parametrize(("straggler", "reason"), STRAGGLERS.values(), ids=STRAGGLERS.keys())
def test_one_pod_that_does_not_run_the_image(pushed: Pushed, straggler: dict[str, Any], reason: str) -> None:
    """A pod with the image in its spec counts, whatever it runs, and is named."""
    result = run(asked(pushed, good(pushed), straggler))
    (seen,) = result.observed.values()
    assert (result.verdict, len(seen["not_deployed"])) == (F, 1), result.headline
    assert reason in seen["not_deployed"][0]


def test_pod_that_crashes_with_the_right_image(pushed: Pushed) -> None:
    """The digest is right, and nothing runs."""
    crashes = good(pushed, **waiting("CrashLoopBackOff"))
    crashes["status"]["containerStatuses"][0]["state"] = waiting("CrashLoopBackOff")
    died = good(pushed)
    died["status"]["containerStatuses"][0]["state"] = {"terminated": {"exitCode": 137}}
    for one, words in ((crashes, "CrashLoopBackOff"), (died, "ended with 137")):
        result = run(asked(pushed, one))
        assert (result.verdict, words in str(result.observed)) == (F, True), result.headline


def test_no_pod_is_no_deployment(pushed: Pushed) -> None:
    """Neither an empty namespace, nor one of other images, nor pods that ended, run anything."""
    other = pod("registry.test/shop/api-gateway:1.0.0", f"registry.test/shop/api-gateway@{OLD}", **RUNS)
    ended = good(pushed, phase="Succeeded")
    for pods in ((), (other,), (ended,), (other, ended)):
        result = run(asked(pushed, *pods))
        assert (result.verdict, "deployed = false" in raw(result)) == (F, True), result.headline


def test_image_that_the_registry_lacks_is_not_deployed(pushed: Pushed) -> None:
    """Without a digest there is nothing that a pod could be equal to."""
    result = run(asked(pushed, good(pushed), name="api"))
    assert result.verdict is F
    assert {finding.expression for finding in result.findings if not finding.holds} >= {"digest", "deployed"}


SPELLINGS = {
    "by the index": ("registry.test/shop/api:1.0.0", "registry.test/shop/api@{index}"),
    "by the platform's manifest": ("registry.test/shop/api:1.0.0", "registry.test/shop/api@{child}"),
    "by Docker": ("registry.test/shop/api:1.0.0", "docker-pullable://registry.test/shop/api@{index}"),
    "without a tag": ("registry.test/shop/api", "registry.test/shop/api@{index}"),
    "pinned": ("registry.test:5000/shop/api:1.0.0@{index}", "registry.test:5000/shop/api@{index}"),
    "by a digest alone": ("shop/api@{index}", "docker.io/shop/api@{index}"),
    "of the hub": ("index.docker.io/shop/api:1.0.0", "docker.io/shop/api@{index}"),
    "of a mirror": ("registry.test/shop/api:1.0.0", "mirror.test/cache/shop/api@{child}"),
}  # fmt: skip


@pytest.mark.parametrize(("image", "image_id"), SPELLINGS.values(), ids=SPELLINGS.keys())
def test_every_spelling_of_the_right_image(pushed: Pushed, image: str, image_id: str) -> None:
    """Nodes and specs name one image in many ways; all of them are deployed."""
    digests = {"index": pushed.index, "child": pushed.child}
    result = run(
        asked(pushed, pod(image.format(**digests), image_id.format(**digests), **RUNS), good(pushed))
    )
    (seen,) = result.observed.values()
    assert (result.verdict, seen["deployed_digests"], seen["not_deployed"]) == (P, [pushed.index], []), seen


def test_other_pods_and_other_containers_do_not_matter(pushed: Pushed) -> None:
    """A sidecar, a neighbour, a finished job and an evicted pod say nothing of this image."""
    both = good(pushed)
    both["spec"]["containers"].append({"name": "proxy", "image": "envoy:1"})
    both["status"]["containerStatuses"].append(
        {"name": "proxy", "imageID": "", "state": waiting("ErrImagePull")}
    )
    neighbour = pod("registry.test/shop/api-gateway:1", f"registry.test/shop/api-gateway@{OLD}", **RUNS)
    evicted = pod(phase="Failed")
    job = pod(image_id=f"registry.test/shop/api@{OLD}", phase="Succeeded", terminated={"exitCode": 0})
    assert run(asked(pushed, both, neighbour, evicted, job)).verdict is P
