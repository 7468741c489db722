"""Builds Kubernetes objects for tests of readiness, in the shape of the API reference."""

from __future__ import annotations

from typing import Any

from launch_pipeline.checks.kinds.kubernetes_resource.readiness import readiness

SEEN = {"observedGeneration": 1}
Row = tuple[dict[str, Any], bool | None, str]
"""An object, whether it is ready (None: nothing says so), and a part of the reason."""


def thing(
    kind: str, version: str = "apps/v1", generation: int = 1, spec: Any = None, **status: Any
) -> dict[str, Any]:
    """Build an object with a status."""
    metadata = {"name": "x", "namespace": "azora", "generation": generation}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec or {}, "status": status}


def noted(one: dict[str, Any], **annotations: str) -> dict[str, Any]:
    """Add annotations; ``__`` in a name stands for a slash and ``_`` for a dot."""
    names = {name.replace("__", "/").replace("_", "."): value for name, value in annotations.items()}
    return {**one, "metadata": {**one["metadata"], "annotations": names}}


def conditions(seen: int | None = None, **states: str) -> list[dict[str, Any]]:
    """Build conditions; ``seen`` is their own ``observedGeneration``."""
    of = {} if seen is None else {"observedGeneration": seen}
    return [
        {"type": name, "status": state, "reason": "R", "message": "m", **of} for name, state in states.items()
    ]


def judged(row: Row) -> None:
    """Assert that an object is judged as a row says."""
    one, wanted, reason = row
    found = readiness(one)
    assert (found.ready, reason in found.reason) == (wanted, True), found
    assert bool(found.reason) is (wanted is not True)
