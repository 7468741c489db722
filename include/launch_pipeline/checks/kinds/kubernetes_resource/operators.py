"""Readiness of the kinds that common operators bring.

Each rule follows the operator's own API; Argo CD's customizations
(https://github.com/argoproj/argo-cd/tree/master/resource_customizations) are the second source. Where they
call a suspended or an unfinished object healthy, it is not ready here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.kinds.kubernetes_resource.conditions import (
    bad,
    broken,
    conditions,
    generic,
    lacking,
    named,
    said,
    state,
    unmet,
)
from launch_pipeline.checks.kinds.kubernetes_resource.objects import (
    Unsaid,
    below,
    first,
    listed,
    number,
    part,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_CURRENT = ("group", "kind", "namespace", "name", "sectionName", "port")


def meets(*wanted: str, never: tuple[str, ...] = ()) -> Callable[[Mapping[str, Any]], str]:
    """Make a rule of the conditions that must be true; any that is bad and true speaks against them."""

    def rule(thing: Mapping[str, Any]) -> str:
        found = conditions(thing)
        wrong = (said(one) for name in never for one in named(found, name) if state(one) == "True")
        return first(lacking(thing, found, *wanted), bad(found), *wrong, broken(found))

    return rule


def told(*wanted: str) -> Callable[[Mapping[str, Any]], str]:
    """Make the same rule for kinds of which some get no status: what has no condition is not judged by it."""
    rule = meets(*wanted)
    return lambda thing: rule(thing) if conditions(thing) else generic(thing)


def field(path: str, *wanted: str) -> Callable[[Mapping[str, Any]], str]:
    """Make a rule of a field of the status and the values that it has in a ready object."""

    def rule(thing: Mapping[str, Any]) -> str:
        *above, name = path.split(".")
        found = part(thing, "status", *above).get(name)
        wrong = "" if found in wanted else f"{path} is {found}, not {' or '.join(wanted)}"
        return first(wrong, bad(conditions(thing)))

    return rule


def both(*rules: Callable[[Mapping[str, Any]], str]) -> Callable[[Mapping[str, Any]], str]:
    """Make a rule of several that must all hold."""

    def rule(thing: Mapping[str, Any]) -> str:
        return next((reason for one in rules if (reason := one(thing))), "")

    return rule


_OF_LISTENERS = ("Accepted", "Programmed", "ResolvedRefs")


def gateway(thing: Mapping[str, Any]) -> str:
    """Judge a Gateway: accepted and programmed as a whole and in each listener.

    Conditions of https://gateway-api.sigs.k8s.io/reference/spec/#gatewaystatus; ``Conflicted`` is bad.
    """
    listeners = listed(part(thing, "status"), "listeners")
    reasons = []
    for one in listeners:
        found = listed(one, "conditions")
        # Controllers of older versions of the API leave some of them out.
        told = [name for name in _OF_LISTENERS if named(found, name)] or _OF_LISTENERS[:1]
        hurt = first(lacking(thing, found, *told), bad(found))
        reasons.append(f"listener {one.get('name')}: {hurt}" if hurt else "")
    answered = {one.get("name") for one in listeners}
    asked = (one.get("name") for one in listed(part(thing, "spec"), "listeners"))
    silent = (f"listener {name} has not answered yet" for name in asked if name not in answered)
    return first(meets("Accepted", "Programmed")(thing), *reasons, *silent)


def route(thing: Mapping[str, Any]) -> str:
    """Judge a route of the Gateway API: every parent that it names accepted this generation of it.

    A parent that the route no longer names keeps its last status.
    """
    wanted = listed(part(thing, "spec"), "parentRefs")
    answers = listed(part(thing, "status"), "parents")
    if not wanted:
        return "it names no parent, so nothing serves it"
    return first(*(_parent(thing, ref, answers) for ref in wanted))


def _parent(thing: Mapping[str, Any], ref: Mapping[str, Any], answers: list[dict[str, Any]]) -> str:
    space = part(thing, "metadata").get("namespace")
    own = [one for one in answers if _reference(part(one, "parentRef"), space) == _reference(ref, space)]
    if not own:
        return f"parent {ref.get('name')} has not answered yet"
    wrong = first(*(_answer(thing, listed(one, "conditions")) for one in own))
    return f"parent {ref.get('name')}: {wrong}" if wrong else ""


def _answer(thing: Mapping[str, Any], found: list[dict[str, Any]]) -> str:
    return first(lacking(thing, found, "Accepted", "ResolvedRefs"), unmet(thing, found), bad(found))


def _reference(ref: Mapping[str, Any], space: Any) -> tuple[Any, ...]:
    """Return what a reference means, with the defaults of the Gateway API."""
    defaults = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": space}
    return tuple(ref.get(name, defaults.get(name)) for name in _CURRENT)


def policy(thing: Mapping[str, Any]) -> str:
    """Judge a policy attached to the Gateway API: every ancestor accepted it."""
    answers = listed(part(thing, "status"), "ancestors")
    if not answers:
        return "no gateway has answered yet"
    found = [listed(one, "conditions") for one in answers]
    return first(*(first(lacking(thing, one, "Accepted"), unmet(thing, one)) for one in found))


def rollout(thing: Mapping[str, Any]) -> str:
    """Judge an Argo Rollout by its phase; one by reference must have seen its workload's generation too.

    See https://argo-rollouts.readthedocs.io/en/stable/FAQ/ and the type ``RolloutStatus``.
    """
    status = part(thing, "status")
    if part(thing, "spec", "workloadRef"):
        notes = part(thing, "metadata", "annotations")
        wanted, seen = (
            notes.get("rollout.argoproj.io/workload-generation"),
            status.get("workloadObservedGeneration"),
        )
        if whole(wanted) != whole(seen):
            return f"generation {wanted} of its workload is not yet observed (only {seen})"
    found = [one for one in conditions(thing) if one.get("type") in {"InvalidSpec", "ReplicaFailure"}]
    stopped = "it was aborted" if status.get("abort") is True else ""
    paused = "it is paused" if listed(status, "pauseConditions") else ""
    return first(
        bad(found),
        stopped,
        paused,
        field("phase", "Healthy")({**thing, "status": {"phase": status.get("phase")}}),
    )


def application(thing: Mapping[str, Any]) -> str:
    """Judge an Argo CD Application: healthy, in sync, its last operation not failed, no error reported.

    Its conditions have a type and a message, no status: that one is there means that it holds.
    """
    status = part(thing, "status")
    errors = (one for one in conditions(thing) if str(one.get("type")).endswith("Error"))
    phase = part(status, "operationState").get("phase")
    return first(
        *(f"{one['type']}: {one.get('message')}"[:200] for one in errors),
        field("health.status", "Healthy")({"status": {"health": part(status, "health")}}),
        field("sync.status", "Synced")({"status": {"sync": part(status, "sync")}}),
        "" if phase in {None, "Succeeded"} else f"its last operation is {phase}",
    )


def helm_repository(thing: Mapping[str, Any]) -> str:
    """Judge a HelmRepository of Flux; one of type oci has no status (fluxcd.io, "OCI Helm repositories")."""
    if part(thing, "spec").get("type") == "oci":
        return hidden(thing)
    return meets("Ready")(thing)


def elasticsearch(thing: Mapping[str, Any]) -> str:
    """Judge an Elasticsearch of ECK: green, ready, and with all the nodes of its sets."""
    sets = listed(part(thing, "spec"), "nodeSets")
    wanted = sum(number(one, "count", 1) for one in sets)
    nothing = "0 nodes are wanted, which proves nothing" if wanted == 0 else ""
    return first(
        nothing,
        field("phase", "Ready")(thing),
        field("health", "green")(thing),
        below(part(thing, "status"), wanted, "availableNodes"),
    )


def machines(thing: Mapping[str, Any]) -> str:
    """Judge a MachineDeployment of Cluster API: running, all machines available and up to date."""
    status = part(thing, "status")
    newest = "upToDateReplicas" if "upToDateReplicas" in status else "updatedReplicas"
    names = ("replicas", "readyReplicas", "availableReplicas", newest)
    counted = below(status, number(part(thing, "spec"), "replicas", 1), *names)
    return first(field("phase", "Running")(thing), counted, unmet(thing, conditions(thing)))


def admitted(thing: Mapping[str, Any]) -> str:
    """Judge a Route of OpenShift: every router that answered admitted it, and one did."""
    routers = listed(part(thing, "status"), "ingress")
    if not routers:
        return "no router has answered yet"
    return first(*(lacking(thing, listed(one, "conditions"), "Admitted") for one in routers))


def hidden(thing: Mapping[str, Any]) -> str:
    """Refuse to judge an object whose status only says when something is planned; raises Unsaid."""
    message = f"the status of a {thing.get('kind')} does not say whether it works; look at what it makes"
    raise Unsaid(message)


def collector(thing: Mapping[str, Any]) -> str:
    """Judge an OpenTelemetryCollector: all of its replicas run (``statusReplicas`` is written 2/2)."""
    written = str(part(thing, "status", "scale").get("statusReplicas") or "")
    up, _, wanted = written.partition("/")
    if whole(up) is None or not whole(wanted):
        message = f"its status counts no replicas ({written or 'nothing'})"
        raise Unsaid(message)
    return "" if whole(up) == whole(wanted) else f"{written} replicas are ready"
