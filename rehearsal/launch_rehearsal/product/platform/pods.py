"""Build the pods of the product's services, and the slices of their endpoints, as the cluster has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_rehearsal.vendors.kubernetes import Object

_REGISTRY = "registry.azora.test"
_SET = "7d4b9c6f5d"
_SUFFIXES = ("k2x9p", "q7m4t")
_STARTED = "2026-01-05T08:00:00Z"


def pods(service: str, container: dict[str, Any], digest: str, *, works: bool) -> Iterator[Object]:
    """Yield the two pods of a service, each with the container of its Deployment.

    A node names an image by the digest that it pulled. A service that does not work runs, and is not ready.
    """
    for suffix in _SUFFIXES:
        name = f"{service}-{_SET}-{suffix}"
        owner = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "name": f"{service}-{_SET}",
            "controller": True,
        }
        metadata = {"name": name, "labels": {"app": service}, "ownerReferences": [owner]}
        yield {
            "metadata": metadata,
            "spec": {"containers": [container]},
            "status": _status(container, digest, works),
        }


def _status(container: dict[str, Any], digest: str, works: bool) -> Object:
    image = str(container["image"])
    repository = f"{_REGISTRY}/{image.rpartition(':')[0]}"
    state = {
        "name": container["name"],
        "image": f"{_REGISTRY}/{image}",
        "imageID": f"{repository}@{digest}",
        "ready": works,
        "restartCount": 0,
        "state": {"running": {"startedAt": _STARTED}},
    }
    ready = {"type": "Ready", "status": str(works)}
    return {"phase": "Running", "conditions": [ready], "containerStatuses": [state]}


def endpoint_slice(service: str, *, works: bool) -> Object:
    """Build the slice of a Service: an endpoint for each pod."""
    endpoints = [
        {
            "addresses": [f"10.0.{number}.1"],
            "conditions": {"ready": works, "serving": works, "terminating": False},
            "targetRef": {"kind": "Pod", "name": f"{service}-{_SET}-{suffix}"},
        }
        for number, suffix in enumerate(_SUFFIXES)
    ]
    metadata = {"name": f"{service}-1", "labels": {"kubernetes.io/service-name": service}}
    return {"metadata": metadata, "addressType": "IPv4", "endpoints": endpoints}
