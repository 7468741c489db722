"""Kinds of Kubernetes that are no workloads: each by its own status, or by being there where it has none.

Fields as the API reference (https://kubernetes.io/docs/reference/kubernetes-api/) has them.
"""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import json
from typing import Any

import pytest

from servers.kubernetes_things import SEEN, Row, conditions, judged, thing

HPA, PDB = ("HorizontalPodAutoscaler", "autoscaling/v2"), ("PodDisruptionBudget", "policy/v1")
SCALES = conditions(AbleToScale="True", ScalingActive="True")
WELL = conditions(Ready="True", MemoryPressure="False", DiskPressure="False", NetworkUnavailable="False")


def limited(reason: str) -> list[dict[str, Any]]:
    return [
        *SCALES,
        {"type": "ScalingLimited", "status": "True", "reason": reason, "message": "at its limit"},
    ]


def balanced(*ingress: dict[str, Any], kind: str = "Service", version: str = "v1") -> dict[str, Any]:
    spec = {"type": "LoadBalancer", "clusterIP": "10.0.0.1"}
    return thing(kind, version, spec=spec, loadBalancer={"ingress": list(ingress)})


OWN: dict[str, Row] = {
    "autoscaler without metrics": (thing(*HPA, currentReplicas=2, desiredReplicas=2, conditions=conditions(AbleToScale="True", ScalingActive="False")), False, "ScalingActive is False"),
    "autoscaler of nothing": (thing(*HPA, conditions=conditions(AbleToScale="False", ScalingActive="True")), False, "AbleToScale"),
    "autoscaler not looked after": (thing(*HPA, currentReplicas=2, desiredReplicas=2), False, "no condition AbleToScale"),
    "autoscaler at its ceiling": (thing(*HPA, conditions=limited("TooManyReplicas")), False, "at its limit"),
    "autoscaler that wants none": (thing(*HPA, currentReplicas=1, desiredReplicas=0, conditions=SCALES), False, "desiredReplicas is 0 of 1"),
    "autoscaler below its minimum": (thing(*HPA, spec={"minReplicas": 2}, currentReplicas=1, desiredReplicas=2, conditions=SCALES), False, "currentReplicas is 1 of 2"),
    "autoscaler at rest": (thing(*HPA, spec={"minReplicas": 2}, currentReplicas=2, desiredReplicas=2, conditions=limited("TooFewReplicas")), True, ""),
    "budget below what it demands": (thing(*PDB, **SEEN, expectedPods=3, desiredHealthy=2, currentHealthy=1), False, "currentHealthy is 1 of 2"),
    "budget of no pods": (thing(*PDB, **SEEN, expectedPods=0, desiredHealthy=0, currentHealthy=0), False, "0 pods"),
    "budget that demands none": (thing(*PDB, **SEEN, expectedPods=1, desiredHealthy=0, currentHealthy=0), False, "0 of 1"),
    "budget that cannot be computed": (thing(*PDB, **SEEN, expectedPods=1, desiredHealthy=1, currentHealthy=1,
        conditions=[{"type": "DisruptionAllowed", "status": "False", "reason": "SyncFailed", "message": "no controller"}]), False, "no controller"),
    "budget not seen": (thing(*PDB), False, "has not seen it"),
    "budget that allows no drain": (thing(*PDB, **SEEN, expectedPods=1, desiredHealthy=1, currentHealthy=1,
        conditions=[{"type": "DisruptionAllowed", "status": "False", "reason": "InsufficientPods"}]), True, ""),
    "budget": (thing(*PDB, **SEEN, expectedPods=2, desiredHealthy=1, currentHealthy=2, disruptionsAllowed=1), True, ""),
    "claim": (thing("PersistentVolumeClaim", "v1", phase="Pending"), False, "not Bound"),
    "claim that lost its volume": (thing("PersistentVolumeClaim", "v1", phase="Lost"), False, "not Bound"),
    "claim being resized": (thing("PersistentVolumeClaim", "v1", phase="Bound", conditions=conditions(FileSystemResizePending="True")), False, "FileSystemResizePending"),
    "claim, bound": (thing("PersistentVolumeClaim", "v1", phase="Bound"), True, ""),
    "volume, released": (thing("PersistentVolume", "v1", phase="Released"), False, "not Bound or Available"),
    "namespace": (thing("Namespace", "v1", phase="Terminating"), False, "not Active"),
    "balancer without status": (thing("Service", "v1", spec={"type": "LoadBalancer", "clusterIP": "10.0.0.1"}), False, "no address"),
    "balancer of an empty entry": (balanced({}), False, "no address"),
    "balancer that could not open a port": (balanced({"ip": "192.0.2.1", "ports": [{"port": 443, "protocol": "TCP", "error": "PortInUse"}]}), False, "port 443: PortInUse"),
    "balancer": (balanced({"hostname": "lb.example"}), True, ""),
    "name outside without a name": (thing("Service", "v1", spec={"type": "ExternalName"}), False, "no external name"),
    "name outside": (thing("Service", "v1", spec={"type": "ExternalName", "externalName": "db.example"}), True, ""),
    "headless": (thing("Service", "v1", spec={"clusterIP": "None"}), True, ""),
    "ingress without address": (thing("Ingress", "networking.k8s.io/v1", loadBalancer={}), False, "no address"),
    "ingress": (balanced({"ip": "192.0.2.1"}, kind="Ingress", version="networking.k8s.io/v1"), True, ""),
    "slice without endpoints": ({**thing("EndpointSlice", "discovery.k8s.io/v1"), "endpoints": None}, False, "no endpoint"),
    "slice, none ready": ({**thing("EndpointSlice", "discovery.k8s.io/v1"), "endpoints": [{"conditions": {"ready": False}}]}, False, "no endpoint"),
    "slice": ({**thing("EndpointSlice", "discovery.k8s.io/v1"), "endpoints": [{"conditions": {"ready": True}}]}, True, ""),
    "endpoints, none ready": ({**thing("Endpoints", "v1"), "subsets": [{"notReadyAddresses": [{"ip": "10.0.0.1"}]}]}, False, "no address is ready"),
    "endpoints": ({**thing("Endpoints", "v1"), "subsets": [{"addresses": [{"ip": "10.0.0.1"}]}]}, True, ""),
    "node under pressure": (thing("Node", "v1", conditions=conditions(Ready="True", DiskPressure="True")), False, "DiskPressure is True"),
    "node that went silent": (thing("Node", "v1", conditions=conditions(Ready="Unknown", MemoryPressure="Unknown")), False, "Ready is Unknown"),
    "node half silent": (thing("Node", "v1", conditions=conditions(Ready="True", MemoryPressure="Unknown")), False, "MemoryPressure is Unknown"),
    "node with a dead kernel": (thing("Node", "v1", conditions=conditions(Ready="True", KernelDeadlock="True")), False, "KernelDeadlock"),
    "node, cordoned": (thing("Node", "v1", spec={"unschedulable": True}, conditions=WELL), False, "cordoned"),
    "node": (thing("Node", "v1", conditions=WELL), True, ""),
    "snapshot, not ready": (thing("VolumeSnapshot", "snapshot.storage.k8s.io/v1", readyToUse=False), False, "not ready to use"),
    "snapshot with an error": (thing("VolumeSnapshot", "snapshot.storage.k8s.io/v1", readyToUse=True, error={"message": "no space"}), False, "no space"),
    "snapshot": (thing("VolumeSnapshot", "snapshot.storage.k8s.io/v1", readyToUse=True), True, ""),
    "API service that is down": (thing("APIService", "apiregistration.k8s.io/v1", conditions=conditions(Available="False")), False, "Available is False"),
    "kind of a wrong schema": (thing("CustomResourceDefinition", "apiextensions.k8s.io/v1", conditions=conditions(Established="True", NamesAccepted="True", NonStructuralSchema="True")), False, "NonStructuralSchema"),
    "kind whose names are taken": (thing("CustomResourceDefinition", "apiextensions.k8s.io/v1", conditions=conditions(Established="True", NamesAccepted="False")), False, "NamesAccepted"),
    "kind": (thing("CustomResourceDefinition", "apiextensions.k8s.io/v1", conditions=conditions(Established="True", NamesAccepted="True")), True, ""),
}  # fmt: skip
BY_EXISTING = [
    ("ConfigMap", "v1"), ("Secret", "v1"), ("ServiceAccount", "v1"), ("ResourceQuota", "v1"), ("LimitRange", "v1"),
    ("Role", "rbac.authorization.k8s.io/v1"), ("ClusterRoleBinding", "rbac.authorization.k8s.io/v1"),
    ("NetworkPolicy", "networking.k8s.io/v1"), ("IngressClass", "networking.k8s.io/v1"),
    ("StorageClass", "storage.k8s.io/v1"), ("PriorityClass", "scheduling.k8s.io/v1"),
    ("ValidatingWebhookConfiguration", "admissionregistration.k8s.io/v1"),
]  # fmt: skip


@pytest.mark.parametrize("row", OWN.values(), ids=OWN.keys())
def test_own_rule(row: Row) -> None:
    """Each kind is ready by what its own status means."""
    judged(row)


def test_autoscaler_of_version_1_says_it_in_an_annotation() -> None:
    """autoscaling/v1 has no conditions; the API server writes those of v2 into an annotation."""
    one = thing("HorizontalPodAutoscaler", "autoscaling/v1", currentReplicas=2, desiredReplicas=2)
    for state, wanted in (("True", True), ("False", False)):
        told = json.dumps(conditions(AbleToScale="True", ScalingActive=state))
        one["metadata"]["annotations"] = {"autoscaling.alpha.kubernetes.io/conditions": told}
        judged((one, wanted, "" if wanted else "ScalingActive"))


@pytest.mark.parametrize(("kind", "version"), BY_EXISTING)
def test_kinds_without_status_are_ready_by_existing(kind: str, version: str) -> None:
    """There is nothing else to be said of them, except that they are being deleted."""
    one = thing(kind, version)
    judged((one, True, ""))
    one["metadata"]["deletionTimestamp"] = "2026-03-01T03:00:00Z"
    judged((one, False, "is being deleted"))


def test_name_of_a_kind_without_status_proves_nothing_in_another_group() -> None:
    """A NetworkPolicy of Calico, or a Secret of a vendor, is another kind."""
    judged((thing("NetworkPolicy", "crd.projectcalico.org/v1"), None, "nothing says"))
