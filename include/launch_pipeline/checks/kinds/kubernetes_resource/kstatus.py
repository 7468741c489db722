"""Readiness of a Kubernetes object, as kstatus defines it.

The rules are those of sigs.k8s.io/cli-utils ``pkg/kstatus``: an object that its
controller has not observed is not ready; then the numbers of each workload count, then the conditions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_BAD_WHEN_TRUE = ("Stalled", "Reconciling", "Failed")
_GOOD_WHEN_TRUE = ("Ready", "Available", "Established")


def not_ready(thing: Mapping[str, Any]) -> str:
    """Return why an object is not ready; empty if it is."""
    metadata, status = _part(thing, "metadata"), _part(thing, "status")
    if metadata.get("deletionTimestamp"):
        return "is being deleted"
    observed, generation = status.get("observedGeneration"), metadata.get("generation")
    if observed is not None and generation is not None and observed != generation:
        return f"generation {generation} is not yet observed (only {observed})"
    rule = _RULES.get(_sort(thing))
    if rule is None:
        return _conditions(thing)
    return rule(thing)


def _sort(thing: Mapping[str, Any]) -> str:
    group = str(thing.get("apiVersion") or "").rpartition("/")[0]
    return f"{group}/{thing.get('kind')}".removeprefix("/")


def _part(thing: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = thing.get(name)
    return found if isinstance(found, dict) else {}


def _number(part: Mapping[str, Any], name: str, default: int = 0) -> int:
    found = part.get(name)
    return found if isinstance(found, int) else default


def _condition(thing: Mapping[str, Any], name: str) -> dict[str, Any]:
    listed = _part(thing, "status").get("conditions")
    found = (one for one in listed if isinstance(one, dict)) if isinstance(listed, list) else iter(())
    return next((one for one in found if one.get("type") == name), {})


def _said(condition: Mapping[str, Any]) -> str:
    words = condition.get("message") or condition.get("reason") or ""
    return f"{condition.get('type')} is {condition.get('status')}: {words}".rstrip(": ")[:200]


def _conditions(thing: Mapping[str, Any]) -> str:
    for name in _BAD_WHEN_TRUE:
        found = _condition(thing, name)
        if found.get("status") == "True":
            return _said(found)
    for name in _GOOD_WHEN_TRUE:
        found = _condition(thing, name)
        if found and found.get("status") != "True":
            return _said(found)
    return ""


def _below(status: Mapping[str, Any], wanted: int, *names: str) -> str:
    """Return a sentence on the first number that differs from the wanted one."""
    for name in names:
        seen = _number(status, name)
        if seen < wanted:
            return f"{name} is {seen} of {wanted}"
    return ""


def _unseen(thing: Mapping[str, Any]) -> str:
    """Return why a workload is unobserved: without ``observedGeneration`` its controller wrote no status."""
    return "" if "observedGeneration" in _part(thing, "status") else "its controller has not seen it yet"


def _deployment(thing: Mapping[str, Any]) -> str:
    status, wanted = _part(thing, "status"), _number(_part(thing, "spec"), "replicas", 1)
    progressing = _condition(thing, "Progressing")
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return _said(progressing)
    old = _number(status, "replicas") - _number(status, "updatedReplicas")
    lacking = _below(status, wanted, "replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    available = _condition(thing, "Available")
    refused = _said(available) if available.get("status") == "False" else ""
    return _unseen(thing) or lacking or (f"{old} old replicas still run" if old > 0 else "") or refused


def _replica_set(thing: Mapping[str, Any]) -> str:
    wanted = _number(_part(thing, "spec"), "replicas", 1)
    failing = _condition(thing, "ReplicaFailure")
    if failing.get("status") == "True":
        return _said(failing)
    lacking = _below(_part(thing, "status"), wanted, "replicas", "readyReplicas", "availableReplicas")
    return _unseen(thing) or lacking


def _stateful_set(thing: Mapping[str, Any]) -> str:
    spec, status = _part(thing, "spec"), _part(thing, "status")
    wanted, strategy = _number(spec, "replicas", 1), _part(spec, "updateStrategy")
    partition = _number(_part(strategy, "rollingUpdate"), "partition")
    lacking = _unseen(thing) or _below(status, wanted, "replicas", "readyReplicas")
    if lacking or strategy.get("type") == "OnDelete":
        return lacking
    if partition > 0:
        return _below(status, wanted - partition, "updatedReplicas")
    current, update = status.get("currentRevision"), status.get("updateRevision")
    return f"revision {update} is not everywhere yet" if current != update else ""


def _daemon_set(thing: Mapping[str, Any]) -> str:
    status = _part(thing, "status")
    if "desiredNumberScheduled" not in status:
        return "its controller has not seen it yet"
    wanted = _number(status, "desiredNumberScheduled")
    names = ("currentNumberScheduled", "updatedNumberScheduled", "numberAvailable", "numberReady")
    return _unseen(thing) or _below(status, wanted, *names)


def _pod(thing: Mapping[str, Any]) -> str:
    phase, ready = _part(thing, "status").get("phase"), _condition(thing, "Ready")
    if phase == "Succeeded" or (phase == "Running" and ready.get("status") == "True"):
        return ""
    return _said(ready) if ready and phase == "Running" else f"phase is {phase}"


def _job(thing: Mapping[str, Any]) -> str:
    failed, status = _condition(thing, "Failed"), _part(thing, "status")
    if failed.get("status") == "True":
        return _said(failed)
    return "" if status.get("startTime") else "has not started"


def _phase(wanted: str) -> Callable[[Mapping[str, Any]], str]:
    def rule(thing: Mapping[str, Any]) -> str:
        phase = _part(thing, "status").get("phase")
        return "" if phase == wanted else f"phase is {phase}, not {wanted}"

    return rule


def _service(thing: Mapping[str, Any]) -> str:
    spec, balancer = _part(thing, "spec"), _part(_part(thing, "status"), "loadBalancer")
    if spec.get("type") != "LoadBalancer":
        return ""
    return "" if spec.get("clusterIP") and balancer.get("ingress") else "its load balancer has no address"


def _disruption_budget(thing: Mapping[str, Any]) -> str:
    status = _part(thing, "status")
    return _unseen(thing) or _below(status, _number(status, "desiredHealthy"), "currentHealthy")


_RULES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "apps/Deployment": _deployment,
    "apps/ReplicaSet": _replica_set,
    "apps/StatefulSet": _stateful_set,
    "apps/DaemonSet": _daemon_set,
    "batch/Job": _job,
    "Pod": _pod,
    "PersistentVolumeClaim": _phase("Bound"),
    "Namespace": _phase("Active"),
    "Service": _service,
    "policy/PodDisruptionBudget": _disruption_budget,
}
