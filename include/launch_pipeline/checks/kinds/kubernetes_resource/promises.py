"""Readiness of what promises something beside ready: a time, a backup, a trigger that answers, a secret.

Each of these controllers writes more into the status than its condition ``Ready`` sums up.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.kinds.kubernetes_resource.conditions import (
    bad,
    broken,
    conditions,
    generic,
    lacking,
    named,
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
from launch_pipeline.checks.kinds.kubernetes_resource.operators import meets, told
from launch_pipeline.checks.language.values import duration, moment

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNMADE = ("SecretDeleted", "SecretMissing")
_REFRESHED = timedelta(hours=1)
_LATE = timedelta(minutes=15)
_DAY = timedelta(days=1)


def certificate(thing: Mapping[str, Any]) -> str:
    """Judge a Certificate: ready, not ended since, and renewed without failures.

    ``failedIssuanceAttempts`` is removed by the next success (https://cert-manager.io/docs/reference/api-docs/).
    """
    status, due = part(thing, "status"), moment(part(thing, "status").get("renewalTime"))
    end, failed = moment(status.get("notAfter")), number(status, "failedIssuanceAttempts")
    return first(
        meets("Ready")(thing),
        f"its certificate has ended at {status.get('notAfter')}" if end and end < _now() else "",
        f"{failed} attempts to renew it failed" if failed else "",
        f"it should have been renewed at {status.get('renewalTime')}" if due and _now() - due > _DAY else "",
    )


def external_secret(thing: Mapping[str, Any]) -> str:
    """Judge an ExternalSecret: synced since its last change, its secret is there, and it is refreshed.

    ``syncedResourceVersion`` begins with the generation (external-secrets.io, ``GetResourceVersion``). It is
    ready too where its policies let its secret be deleted, or not be made.
    """
    synced = str(part(thing, "status").get("syncedResourceVersion") or "")
    generation = whole(part(thing, "metadata").get("generation"))
    late = bool(synced) and whole(synced.partition("-")[0]) != generation
    old = f"generation {generation} is not yet synced (only {synced})" if late and generation else ""
    unmade = (one for one in named(conditions(thing), "Ready") if one.get("reason") in _UNMADE)
    gone = first(*(f"its secret is not there ({one['reason']})" for one in unmade))
    wrong = first(meets("Ready", never=("Deleted",))(thing), gone, old)
    if not wrong:
        _refuse_unrefreshed(thing)
    return wrong


def _refuse_unrefreshed(thing: Mapping[str, Any]) -> None:
    """Raise Unsaid for an ExternalSecret that missed two refreshes; by default one is due every hour."""
    spec, seen = part(thing, "spec"), part(thing, "status").get("refreshTime")
    every, last = duration(spec.get("refreshInterval", "1h")), moment(seen)
    if not every or last is None or spec.get("refreshPolicy", "Periodic") != "Periodic":
        return
    if _now() - last > 2 * every + _LATE:
        message = f"it was last refreshed at {seen}, and should be every {spec.get('refreshInterval', '1h')}"
        raise Unsaid(message)


def scaled_object(thing: Mapping[str, Any]) -> str:
    """Judge a ScaledObject of KEDA: ready, and each trigger answers (``status.health``)."""
    health = part(thing, "status", "health")
    failing = (
        f"trigger {name} is failing" for name in health if part(health, name).get("status") == "Failing"
    )
    return first(told("Ready")(thing), *failing)


def configuration(thing: Mapping[str, Any]) -> str:
    """Judge a configuration of Istio: reconciled, and analysed without an error.

    ``status.validationMessages`` is that of https://istio.io/latest/docs/reference/config/istio.analysis.v1alpha1/;
    an error has level 3. The condition ``Reconciled`` is not there in an ambient mesh.
    """
    messages = listed(part(thing, "status"), "validationMessages")
    errors = (part(one, "type") for one in messages if one.get("level") in {"ERROR", 3})
    found = first(*(f"{one.get('code')} {one.get('name')}" for one in errors))
    judge = meets("Reconciled") if named(conditions(thing), "Reconciled") else generic
    return found or judge(thing)


def postgres_cluster(thing: Mapping[str, Any]) -> str:
    """Judge a CloudNativePG Cluster: in its healthy phase, all instances ready, archived, not hibernated.

    ``LastBackupSucceeded`` is false while a backup runs as well (reason ``BackupStarted``).
    """
    status, notes = part(thing, "status"), part(thing, "metadata", "annotations")
    wanted = number(part(thing, "spec"), "instances", 1)
    frozen = notes.get("cnpg.io/reconciliationLoop") == "disabled"
    healthy = "Cluster in healthy state"
    phase = status.get("phase")
    found = [one for one in conditions(thing) if one.get("reason") != "BackupStarted"]
    return first(
        "its reconciliation is disabled" if frozen else "",
        bad(found),
        "" if phase == healthy else f"phase is {phase}, not {healthy}",
        below(status, wanted, "readyInstances"),
        lacking(thing, found, "Ready"),
        broken(found),
    )


def ceph(thing: Mapping[str, Any]) -> str:
    """Judge a CephCluster of Rook: made, and healthy by Ceph's own word; a warning of Ceph is none.

    Its condition ``Progressing`` stays true after the roll-out of its OSDs.
    """
    status = part(thing, "status")
    health = part(status, "ceph").get("health")
    phase = status.get("phase")
    return first(
        "" if health == "HEALTH_OK" else f"ceph.health is {health}, not HEALTH_OK",
        "" if phase == "Ready" else f"phase is {phase}, not Ready",
        meets("Ready")(thing),
    )


def _now() -> datetime:
    return datetime.now(UTC)
