"""Looks at the pods of an image: each must run exactly the digest that the registry has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.kinds.container_image.registry_api import mappings
from launch_pipeline.checks.language.image_references import image_id, is_of
from launch_pipeline.errors import NotConnected

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from launch_pipeline.checks.engine.context import CheckContext

_KUBERNETES = "kubernetes"
_SORTS = ("container", "initContainer", "ephemeralContainer")
_ENDED = {"Succeeded", "Failed"}
_SHOWN = 20


async def pods_of(ctx: CheckContext) -> list[dict[str, Any]]:
    """Read the pods of the namespace of the launch."""
    from launch_pipeline.checks.clients.kubernetes import cluster_of  # noqa: PLC0415  (heavy)

    namespace = ctx.environment.variables.get("namespace")
    if not namespace:
        message = "variable 'namespace' is not set; 'deployed' reads the pods there"
        raise NotConnected(message)
    cluster = await cluster_of(ctx, _KUBERNETES)
    kind = await cluster.resource("v1", "Pod")
    return await cluster.listed(kind, str(namespace)) if kind else []


def deployment(pods: list[dict[str, Any]], name: str, digest: str | None, own: set[str]) -> dict[str, Any]:
    """Return whether every container of an image runs one of its digests, and which do not.

    A node may name the index, the manifest of its platform or the configuration. Pods that ended do not
    count.
    """
    running: set[str] = set()
    wrong: list[str] = []
    for where, status in _containers(pods, name):
        seen = image_id(str(status.get("imageID") or ""))[1]
        running |= {digest if digest and seen in own else seen} if seen else set()
        problem = _problem(status, seen, own)
        wrong += [f"{where}: {problem}"[:200]] if problem else []
    return {
        "deployed": bool(running) and not wrong,
        "deployed_digests": sorted(running),
        "not_deployed": sorted(wrong)[:_SHOWN],
    }


def _problem(status: Mapping[str, Any], seen: str, own: set[str]) -> str:
    """Return why a container does not run the image; one that ended well is done."""
    state = status.get("state") or {}
    if "waiting" in state:
        return str((state["waiting"] or {}).get("reason") or "waiting")
    code = (state.get("terminated") or {}).get("exitCode")
    if code:
        return f"ended with {code}"
    if not seen:
        return "has not started"
    return "" if seen in own else f"runs {seen}"


def _containers(pods: list[dict[str, Any]], name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield place and status of every container of an image, by its spec or by what it runs."""
    alive = (pod for pod in pods if (pod.get("status") or {}).get("phase") not in _ENDED)
    for pod in alive:
        for sort in _SORTS:
            wanted = _named(pod.get("spec"), f"{sort}s")
            states = _named(pod.get("status"), f"{sort}Statuses")
            for container in sorted({*wanted, *states}):
                state = states.get(container, {})
                if _uses(wanted.get(container, {}), state, name):
                    yield f"{(pod.get('metadata') or {}).get('name')} {container}", state


def _named(part: Any, name: str) -> dict[str, dict[str, Any]]:
    return {str(one.get("name")): one for one in mappings(part or {}, name)}


def _uses(wanted: Mapping[str, Any], state: Mapping[str, Any], name: str) -> bool:
    where = image_id(str(state.get("imageID") or ""))[0]
    return is_of(str(wanted.get("image") or ""), name) or is_of(where, name)
