"""Workloads are ready when they are rolled out, available or done; not when kstatus calls them Current.

Fields as the API reference (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/) has them;
zeros are left out, as the API server does.
"""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from servers.kubernetes_api import rolled_out
from servers.kubernetes_things import SEEN, Row, conditions, judged, thing

TWO = {"replicas": 2}
FULL = {**SEEN, "replicas": 2, "readyReplicas": 2, "availableReplicas": 2}
ONE_REVISION = {"currentRevision": "a", "updateRevision": "a", "currentReplicas": 2, "updatedReplicas": 2}
HALF = {"currentRevision": "a", "updateRevision": "b", "currentReplicas": 1, "updatedReplicas": 1}
DAEMONS = dict.fromkeys(
    ("desiredNumberScheduled", "currentNumberScheduled", "updatedNumberScheduled", "numberAvailable"), 2
)
LATE = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]
STUCK = [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}]


def deployment(spec: Any = TWO, generation: int = 1, **status: Any) -> dict[str, Any]:
    return thing("Deployment", generation=generation, spec=spec, **status)


def stateful(spec: Any = None, **status: Any) -> dict[str, Any]:
    return thing("StatefulSet", spec={**TWO, **(spec or {})}, **status)


DEPLOYMENTS: dict[str, Row] = {
    "nothing is wanted": (deployment({"replicas": 0}, observedGeneration=1), False, "0 replicas are wanted"),
    "paused though rolled out": (deployment({**TWO, "paused": True}, **rolled_out(2)), False, "paused"),
    "paused, with a new template": (deployment({**TWO, "paused": True}, **rolled_out(2, updatedReplicas=0)), False, "paused"),
    "not observed": (deployment(generation=2, **rolled_out(2)), False, "generation 2 is not yet observed"),
    "observed in a later life": (deployment(generation=1, **{**rolled_out(2), "observedGeneration": 7}), False, "only 7"),
    "no status": (deployment(), False, "has not seen it"),
    "not all updated": (deployment(**rolled_out(2, updatedReplicas=1)), False, "updatedReplicas is 1 of 2"),
    "not all ready": (deployment(**rolled_out(2, readyReplicas=0)), False, "readyReplicas is 0 of 2"),
    "not available for minReadySeconds": (deployment({**TWO, "minReadySeconds": 60}, **rolled_out(2, availableReplicas=1)), False, "availableReplicas is 1"),
    "old pods still run": (deployment(**rolled_out(2, replicas=3)), False, "1 old replicas"),
    "too many new pods": (deployment(**rolled_out(2, replicas=3, updatedReplicas=3)), False, "3 replicas run, 2 are wanted"),
    "deadline": (deployment(**{**rolled_out(2), "conditions": LATE}), False, "Progressing is False"),
    "a quota stops it": (deployment(**{**rolled_out(2), "conditions": STUCK}), False, "exceeded quota"),
    "unavailable": (deployment(**{**rolled_out(2), "conditions": conditions(Available="False")}), False, "Available is False"),
    "going": ({**deployment(**rolled_out(2)), "metadata": {"deletionTimestamp": "x"}}, False, "is being deleted"),
    "nonsense": ({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": [], "spec": None, "status": "x"}, False, "has not seen it"),
    "rolled out": (deployment(**rolled_out(2)), True, ""),
    "one replica by default": (deployment({}, **rolled_out(1)), True, ""),
}  # fmt: skip
SETS: dict[str, Row] = {
    "OnDelete, half of it old": (stateful({"updateStrategy": {"type": "OnDelete"}}, **FULL, **HALF), False, "revision b is on 1 of 2 replicas (OnDelete)"),
    "OnDelete, all of it old": (stateful({"updateStrategy": {"type": "OnDelete"}}, **FULL, currentRevision="a", updateRevision="b", currentReplicas=2), False, "on 0 of 2"),
    "a partition holds one back": (stateful({"updateStrategy": {"rollingUpdate": {"partition": 1}}}, **FULL, **HALF), False, "on 1 of 2 replicas (partition 1)"),
    "a partition holds all back": (stateful({"updateStrategy": {"rollingUpdate": {"partition": 5}}}, **FULL, currentRevision="a", updateRevision="b"), False, "on 0 of 2"),
    "rolling": (stateful(**FULL, **HALF), False, "revision b"),
    "back to the old revision, one left": (stateful(**FULL, **{**ONE_REVISION, "updatedReplicas": 1}), False, "on 1 of 2"),
    "not available for minReadySeconds": (stateful({"minReadySeconds": 30}, **SEEN, replicas=2, readyReplicas=2, **ONE_REVISION), False, "availableReplicas is 0 of 2"),
    "available counts where it is counted": (stateful(**{**FULL, "availableReplicas": 1}, **ONE_REVISION), False, "availableReplicas is 1"),
    "too many": (stateful(**{**FULL, "replicas": 3}, **ONE_REVISION), False, "3 replicas run"),
    "nothing is wanted of a stateful set": (thing("StatefulSet", spec={"replicas": 0}, **SEEN), False, "proves nothing"),
    "of no revision": (stateful(**FULL), None, "does not say which revision"),
    "of no revision, and not ready": (stateful(**{**FULL, "readyReplicas": 1}), False, "readyReplicas is 1"),
    "OnDelete, all updated": (stateful({"updateStrategy": {"type": "OnDelete"}}, **FULL, **{**HALF, "updatedReplicas": 2}), True, ""),
    "partition, all of one revision": (stateful({"updateStrategy": {"rollingUpdate": {"partition": 1}}}, **FULL, **ONE_REVISION), True, ""),
    "stateful": (stateful(**FULL, **ONE_REVISION), True, ""),
    "of a server before 1.22": (stateful(**SEEN, replicas=2, readyReplicas=2, **ONE_REVISION), True, ""),
    "replica set": (thing("ReplicaSet", spec=TWO, **SEEN, replicas=2, readyReplicas=1), False, "readyReplicas is 1 of 2"),
    "replica set of an old revision": (thing("ReplicaSet", spec={"replicas": 0}, **SEEN), False, "0 replicas are wanted"),
    "replica set fails": (thing("ReplicaSet", spec=TWO, **FULL, conditions=STUCK), False, "ReplicaFailure"),
    "replica set, too many": (thing("ReplicaSet", spec=TWO, **{**FULL, "replicas": 3}), False, "3 replicas run"),
    "replication controller": (thing("ReplicationController", "v1", spec=TWO, **FULL), True, ""),
    "no node wants a daemon": (thing("DaemonSet", **SEEN, desiredNumberScheduled=0, currentNumberScheduled=0, numberReady=0), False, "0 pods are wanted"),
    "daemons, OnDelete": (thing("DaemonSet", spec={"updateStrategy": {"type": "OnDelete"}}, **SEEN, **{**DAEMONS, "updatedNumberScheduled": 1}, numberReady=2), False, "updatedNumberScheduled is 1"),
    "daemons, one not ready": (thing("DaemonSet", **SEEN, **DAEMONS, numberReady=1), False, "numberReady is 1 of 2"),
    "daemons, never seen": (thing("DaemonSet", **SEEN), False, "has not seen it"),
    "daemons": (thing("DaemonSet", **SEEN, **DAEMONS, numberReady=2), True, ""),
}  # fmt: skip
RAN = {"lastScheduleTime": "2026-03-01T03:00:00Z", "lastSuccessfulTime": "2026-03-01T03:04:00Z"}


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%SZ")


def cron(schedule: str, last: str = "2026-03-01T03:00:00Z", **spec: Any) -> dict[str, Any]:
    ran = {"lastScheduleTime": last, "lastSuccessfulTime": last}
    return thing("CronJob", "batch/v1", spec={"schedule": schedule, **spec}, **ran)


RUNS: dict[str, Row] = {
    "pod, not ready": (thing("Pod", "v1", phase="Running", conditions=conditions(Ready="False")), False, "Ready is False: m"),
    "pod, pending": (thing("Pod", "v1", phase="Pending"), False, "phase is Pending"),
    "pod, evicted": (thing("Pod", "v1", phase="Failed", reason="Evicted"), False, "phase is Failed"),
    "pod of a lost node": (thing("Pod", "v1", phase="Unknown", conditions=conditions(Ready="True")), False, "phase is Unknown"),
    "pod about to be evicted": (thing("Pod", "v1", phase="Running", conditions=conditions(Ready="True", DisruptionTarget="True")), False, "DisruptionTarget"),
    "pod": (thing("Pod", "v1", phase="Running", conditions=conditions(PodScheduled="True", Ready="True")), True, ""),
    "pod, ended with its node": (thing("Pod", "v1", spec={"restartPolicy": "Always"}, phase="Succeeded"), False, "has ended"),
    "pod, done": (thing("Pod", "v1", phase="Succeeded"), True, ""),
    "job, running": (thing("Job", "batch/v1", startTime="x", active=1, ready=1), False, "is not complete: 1 active"),
    "job, retrying": (thing("Job", "batch/v1", startTime="x", active=1, failed=3), False, "3 failed"),
    "job, failed": (thing("Job", "batch/v1", startTime="x", conditions=conditions(Failed="True")), False, "Failed is True"),
    "job, about to fail": (thing("Job", "batch/v1", startTime="x", conditions=conditions(FailureTarget="True", Complete="True")), False, "FailureTarget"),
    "job, all pods done but not the job": (thing("Job", "batch/v1", startTime="x", succeeded=1, conditions=conditions(SuccessCriteriaMet="True")), False, "is not complete"),
    "job, suspended": (thing("Job", "batch/v1", spec={"suspend": True}, conditions=conditions(Suspended="True")), False, "suspend"),
    "job, waiting": (thing("Job", "batch/v1"), False, "has not started"),
    "job of nothing": (thing("Job", "batch/v1", spec={"completions": 0}, startTime="x", conditions=conditions(Complete="True")), False, "0 completions"),
    "job": (thing("Job", "batch/v1", startTime="x", succeeded=1, conditions=conditions(SuccessCriteriaMet="True", Complete="True")), True, ""),
    "cron job, suspended after a good run": (thing("CronJob", "batch/v1", spec={"suspend": True}, **RAN), False, "suspend"),
    "cron job, the last run failed": (thing("CronJob", "batch/v1", **{**RAN, "lastScheduleTime": "2026-03-02T03:00:00Z"}), False, "did not succeed"),
    "cron job, no run ever succeeded": (thing("CronJob", "batch/v1", lastScheduleTime="2026-03-02T03:00:00Z"), None, "does not say that a run ever succeeded"),
    "cron job, never ran": (thing("CronJob", "batch/v1", spec={"schedule": "0 3 * * *"}), None, "never scheduled"),
    "cron job, running": (thing("CronJob", "batch/v1", **RAN, active=[{"kind": "Job", "name": "x-1"}]), None, "has not ended"),
    "cron job, silent for months": (cron("*/5 * * * *"), None, "was due at"),
    "cron job, silent for months, by an interval": (cron("@every 1h"), None, "was due at"),
    "cron job, silent for months, in a zone": (cron("0 3 * * *", timeZone="Europe/Berlin"), None, "was due at"),
    "cron job, in a zone of its schedule": (cron("CRON_TZ=Asia/Tokyo 0 3 ? * *"), None, "was due at"),
    "cron job of no day": (cron("0 0 31 2 *"), None, "cannot be read"),
    "cron job in no zone": (cron("0 3 * * *", timeZone="Azora/Prime"), None, "cannot be read"),
    "cron job": (thing("CronJob", "batch/v1", spec={"suspend": False}, **RAN), True, ""),
}  # fmt: skip


@pytest.mark.parametrize("row", DEPLOYMENTS.values(), ids=DEPLOYMENTS.keys())
def test_deployment_is_rolled_out(row: Row) -> None:
    """A Deployment is ready when its newest template runs everywhere, and somebody wants it to."""
    judged(row)


@pytest.mark.parametrize("row", SETS.values(), ids=SETS.keys())
def test_sets_are_rolled_out(row: Row) -> None:
    """A set is ready when every pod is of the newest revision, however pods are replaced."""
    judged(row)


@pytest.mark.parametrize("row", RUNS.values(), ids=RUNS.keys())
def test_what_runs_to_an_end_is_done(row: Row) -> None:
    """A Job is ready when it is complete, a CronJob when its last run was."""
    judged(row)


@pytest.mark.parametrize(
    ("schedule", "since"), [("0 3 1 3 *", {"days": 30}), ("* * * * *", {}), ("0 9-17 * * *", {"hours": 15})]
)
def test_cron_job_that_ran_when_it_was_due(schedule: str, since: dict[str, float]) -> None:
    """A CronJob is ready while its last run is its newest due one; its time is taken when the test runs."""
    judged((cron(schedule, ago(**since)), True, ""))
