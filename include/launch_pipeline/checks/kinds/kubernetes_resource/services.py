"""Readiness of Kubernetes' own kinds that are no workloads: addresses, volumes, nodes, budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.kinds.kubernetes_resource.conditions import (
    bad,
    conditions,
    lacking,
    named,
    said,
    state,
)
from launch_pipeline.checks.kinds.kubernetes_resource.objects import below, first, listed, number, part

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def phase(*wanted: str) -> Callable[[Mapping[str, Any]], str]:
    """Make a rule of the phases in which an object is ready."""

    def rule(thing: Mapping[str, Any]) -> str:
        found = part(thing, "status").get("phase")
        wrong = "" if found in wanted else f"phase is {found}, not {' or '.join(wanted)}"
        return first(wrong, bad(conditions(thing)))

    return rule


def _address(thing: Mapping[str, Any]) -> str:
    """Return why an object has no address; its controller may also name a port that it could not open."""
    entries = listed(part(thing, "status", "loadBalancer"), "ingress")
    if not any(one.get("ip") or one.get("hostname") for one in entries):
        return "its load balancer has no address"
    ports = (port for one in entries for port in listed(one, "ports"))
    return first(*(f"port {port.get('port')}: {port['error']}" for port in ports if port.get("error")))


def service(thing: Mapping[str, Any]) -> str:
    """Judge a Service: that of a load balancer needs an address, any other only has to be there.

    Whether pods stand behind it, its EndpointSlices say.
    """
    spec = part(thing, "spec")
    if spec.get("type") == "ExternalName":
        return "" if spec.get("externalName") else "it has no external name"
    lacks = ""
    if spec.get("type") == "LoadBalancer":
        lacks = _address(thing) if spec.get("clusterIP") else "it has no cluster address"
    return first(lacks, bad(conditions(thing)))


def ingress(thing: Mapping[str, Any]) -> str:
    """Judge an Ingress: its controller gave it an address."""
    return _address(thing)


def endpoint_slice(thing: Mapping[str, Any]) -> str:
    """Judge an EndpointSlice: one endpoint is ready; by the API reference null means yes."""
    ready = [one for one in listed(thing, "endpoints") if part(one, "conditions").get("ready") is not False]
    return "" if ready else "no endpoint is ready"


def endpoints(thing: Mapping[str, Any]) -> str:
    """Judge Endpoints: one address is ready."""
    return "" if any(listed(one, "addresses") for one in listed(thing, "subsets")) else "no address is ready"


def node(thing: Mapping[str, Any]) -> str:
    """Judge a node: ready, open for pods, and under no pressure."""
    found = conditions(thing)
    cordoned = "it takes no pods (cordoned)" if part(thing, "spec").get("unschedulable") is True else ""
    return first(lacking(thing, found, "Ready"), bad(found), _unclear(found), cordoned)


def _unclear(found: list[dict[str, Any]]) -> str:
    return first(*(said(one) for one in found if state(one) == "Unknown"))


def autoscaler(thing: Mapping[str, Any]) -> str:
    """Judge a HorizontalPodAutoscaler: it has metrics, can scale, wants pods, and is not at its limit.

    Resting at its minimum is no fault (reason ``TooFewReplicas``).
    """
    spec, status, found = part(thing, "spec"), part(thing, "status"), conditions(thing)
    limited = [one for one in named(found, "ScalingLimited") if one.get("reason") == "TooManyReplicas"]
    counted = {"currentReplicas", "desiredReplicas"} & set(status)
    least = max(number(spec, "minReplicas", 1), 1)
    return first(
        lacking(thing, found, "AbleToScale", "ScalingActive"),
        first(*(said(one) for one in limited if state(one) == "True")),
        below(status, least, "desiredReplicas", "currentReplicas") if counted else "",
    )


def disruption_budget(thing: Mapping[str, Any]) -> str:
    """Judge a PodDisruptionBudget: it guards pods, and as many of them are healthy as it demands.

    A budget that demands none (``maxUnavailable: 1`` of one pod) still needs one that is healthy.
    """
    status, found = part(thing, "status"), conditions(thing)
    unseen = "" if "observedGeneration" in status else "its controller has not seen it yet"
    nothing = "it guards 0 pods, which proves nothing" if number(status, "expectedPods", 1) == 0 else ""
    failed = [one for one in named(found, "DisruptionAllowed") if one.get("reason") == "SyncFailed"]
    least = max(number(status, "desiredHealthy"), 1)
    return first(unseen, nothing, first(*map(said, failed)), below(status, least, "currentHealthy"))


def snapshot(thing: Mapping[str, Any]) -> str:
    """Judge a VolumeSnapshot or its content: ready to use, without an error."""
    status = part(thing, "status")
    wrong = str(part(status, "error").get("message") or "it has an error") if status.get("error") else ""
    return first(wrong[:200], "" if status.get("readyToUse") is True else "it is not ready to use")
