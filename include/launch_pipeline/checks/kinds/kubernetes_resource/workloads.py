"""Readiness of workloads: rolled out, available, done.

kstatus (sigs.k8s.io/cli-utils pkg/kstatus) calls some of them Current that are not: ``OnDelete`` leaves old
pods, a partition holds them back, a running Job is not done. Argo CD's health assessments
(https://argo-cd.readthedocs.io/en/stable/operator-manual/health/) and the API reference say the rest.
"""

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
from launch_pipeline.checks.kinds.kubernetes_resource.objects import (
    Unsaid,
    below,
    first,
    listed,
    number,
    part,
)
from launch_pipeline.checks.kinds.kubernetes_resource.schedules import refuse_missed

if TYPE_CHECKING:
    from collections.abc import Mapping


def _unseen(thing: Mapping[str, Any]) -> str:
    """Return why a workload is unobserved: without ``observedGeneration`` its controller wrote no status."""
    return "" if "observedGeneration" in part(thing, "status") else "its controller has not seen it yet"


def _refused(thing: Mapping[str, Any], *wanted: str) -> str:
    """Return the first of the wanted conditions that is there and not true."""
    found = conditions(thing)
    return first(*(said(one) for name in wanted for one in named(found, name) if state(one) != "True"))


def deployment(thing: Mapping[str, Any]) -> str:
    """Judge a Deployment: all replicas updated and available, no old ones left, the roll-out not stopped."""
    status, wanted = part(thing, "status"), number(part(thing, "spec"), "replicas", 1)
    old = number(status, "replicas") - number(status, "updatedReplicas")
    return first(
        _unseen(thing),
        _refused(thing, "Progressing"),
        below(status, wanted, "replicas", "updatedReplicas", "readyReplicas", "availableReplicas"),
        f"{old} old replicas still run" if old > 0 else "",
        _surplus(status, wanted),
        _refused(thing, "Available"),
        bad(conditions(thing)),
    )


def _surplus(status: Mapping[str, Any], wanted: int) -> str:
    seen = number(status, "replicas")
    return f"{seen} replicas run, {wanted} are wanted" if seen > wanted else ""


def replica_set(thing: Mapping[str, Any]) -> str:
    """Judge a ReplicaSet: all replicas ready and available."""
    status, wanted = part(thing, "status"), number(part(thing, "spec"), "replicas", 1)
    return first(
        bad(conditions(thing)),
        _unseen(thing),
        below(status, wanted, "replicas", "readyReplicas", "availableReplicas"),
        _surplus(status, wanted),
    )


def stateful_set(thing: Mapping[str, Any]) -> str:
    """Judge a StatefulSet: all replicas available, and every one of the newest revision.

    Neither ``OnDelete`` nor a partition makes old pods new ones.
    """
    spec, status = part(thing, "spec"), part(thing, "status")
    wanted = number(spec, "replicas", 1)
    # Servers before 1.22 do not count the available replicas.
    counts = "availableReplicas" in status or number(spec, "minReadySeconds") > 0
    names = ("replicas", "readyReplicas", *(("availableReplicas",) if counts else ()))
    counted = first(
        _unseen(thing), below(status, wanted, *names), _surplus(status, wanted), bad(conditions(thing))
    )
    return counted or _held_back(spec, status, wanted)


def _held_back(spec: Mapping[str, Any], status: Mapping[str, Any], wanted: int) -> str:
    """Return which revision is not on every replica; raises Unsaid if the status names none."""
    current, update = status.get("currentRevision"), status.get("updateRevision")
    if not update and "updatedReplicas" not in status:
        message = "its status does not say which revision its replicas have"
        raise Unsaid(message)
    updated = number(status, "updatedReplicas", wanted if current == update else 0)
    if updated >= wanted and (current == update or "updatedReplicas" in status):
        return ""
    strategy = part(spec, "updateStrategy")
    partition = number(part(strategy, "rollingUpdate"), "partition")
    why = (
        " (OnDelete)"
        if strategy.get("type") == "OnDelete"
        else f" (partition {partition})"
        if partition
        else ""
    )
    return f"revision {update} is on {updated} of {wanted} replicas{why}"


def daemon_set(thing: Mapping[str, Any]) -> str:
    """Judge a DaemonSet: a pod on every node that should have one, updated and available."""
    status = part(thing, "status")
    wanted = number(status, "desiredNumberScheduled")
    names = ("currentNumberScheduled", "updatedNumberScheduled", "numberAvailable", "numberReady")
    unknown = "desiredNumberScheduled" not in status
    return first(
        "its controller has not seen it yet" if unknown else _unseen(thing),
        "0 pods are wanted, which proves nothing" if wanted == 0 else below(status, wanted, *names),
        bad(conditions(thing)),
    )


def pod(thing: Mapping[str, Any]) -> str:
    """Judge a pod: running and ready, or done; one that should always run is never done.

    A node that shuts down ends such a pod as Succeeded too.
    """
    phase, found = part(thing, "status").get("phase"), conditions(thing)
    if phase == "Succeeded":
        return "it has ended" if part(thing, "spec").get("restartPolicy") == "Always" else ""
    if phase != "Running":
        return first(*(said(one) for one in found if state(one) == "False"), f"phase is {phase}")[:200]
    return first(bad(found), lacking(thing, found, "Ready"))


def job(thing: Mapping[str, Any]) -> str:
    """Judge a Job: complete; one that runs, waits, failed or is suspended is not."""
    found, status = conditions(thing), part(thing, "status")
    done = lacking(thing, found, "Complete")
    wrong = first(
        *(said(one) for one in found if one.get("type") == "FailureTarget" and state(one) == "True")
    )
    if number(part(thing, "spec"), "completions", 1) == 0:
        return "0 completions are wanted, which proves nothing"
    begun = f"is not complete: {number(status, 'active')} active, {number(status, 'failed')} failed"
    return first(bad(found), wrong, (begun if status.get("startTime") else "has not started") if done else "")


def cron_job(thing: Mapping[str, Any]) -> str:
    """Judge a CronJob by its last run.

    Raises Unsaid for one that never ran, or is running, because its status keeps no failures; also for one
    that no longer starts.
    """
    status = part(thing, "status")
    asked, done = str(status.get("lastScheduleTime") or ""), str(status.get("lastSuccessfulTime") or "")
    if listed(status, "active"):
        message = f"a run of {asked} has not ended; the one before was last successful at {done or 'no time'}"
        raise Unsaid(message)
    if not asked and not done:
        message = "it was never scheduled, so nothing says whether it works"
        raise Unsaid(message)
    if not done:
        message = f"it ran at {asked}, and does not say that a run ever succeeded"
        raise Unsaid(message)
    # RFC 3339 in UTC, to the second: the order of characters is that of time.
    if done < asked:
        return f"its run of {asked} did not succeed; the last that did ended at {done}"
    refuse_missed(thing)
    return ""
