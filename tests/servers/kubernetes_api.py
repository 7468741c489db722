"""Connections to the rehearsal's fake API server, and contents of its objects."""

from __future__ import annotations

import base64
import json
from typing import Any

from launch_pipeline.checks.engine.context import ConnectionInfo
from launch_rehearsal.vendors.kubernetes import TOKEN, KubernetesApi

__all__ = ["TOKEN", "KubernetesApi", "connection", "kube_config", "rolled_out", "secret"]


def connection(port: int, **fields: Any) -> ConnectionInfo:
    """Build a connection by host and bearer token."""
    return ConnectionInfo(
        "kubernetes", "kubernetes", "127.0.0.1", port, **{"schema": "http", "password": TOKEN, **fields}
    )


def kube_config(port: int, token: str = TOKEN) -> str:
    """Build the same connection as a kubeconfig."""
    return json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {"token": token}}],
    })  # fmt: skip


def secret(**values: str) -> dict[str, str]:
    """Build the data of a Secret, as the API gives it."""
    return {name: base64.b64encode(value.encode()).decode() for name, value in values.items()}


def rolled_out(wanted: int = 2, **more: int) -> dict[str, Any]:
    """Build the status of a Deployment that is where it should be."""
    names = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    conditions = [{"type": "Available", "status": "True"}, {"type": "Progressing", "status": "True"}]
    return {"observedGeneration": 1, **dict.fromkeys(names, wanted), "conditions": conditions, **more}
