"""Kind ``kubernetes_resource``: do the objects exist, are they ready, do their fields match.

Facts per object: the object itself (without managed fields; a Secret's values replaced by their
lengths, without the empty ones), ``ready, reason, count, missing``, and of a Secret or ConfigMap
``empty``, the keys whose value is empty or blank.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from launch_pipeline.checklist.duration import Duration
from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Criteria, Name, Names, Params, merged
from launch_pipeline.checks.kinds.kubernetes_resource.says import says


class KubernetesResourceParams(Params):
    """Objects by name, by selector, or all of a namespace."""

    conn_id: str = "kubernetes"
    kind: Name
    """The kind as in a manifest, such as ``Deployment``."""
    api_version: Name = "v1"
    """The API version as in a manifest, such as ``apps/v1``."""
    namespace: Name = "${namespace}"
    """The namespace of the objects."""
    names: Names | None = None
    """Names of objects; each must exist."""
    selector: Name | None = None
    """Labels, such as ``app=api``, instead of names."""
    min_count: Annotated[int, Field(ge=0)] = 1
    """The minimum number of objects."""
    ready: bool = True
    """Whether each object must be ready, by its own status; no if nothing says it, or it should want none."""
    look_every: Duration = timedelta(seconds=10)
    """The audit log of a cluster keeps every reading of a Secret, and controllers share its server."""

    @model_validator(mode="after")
    def _names_or_selector(self) -> Self:
        if self.names and self.selector:
            message = "give 'names' or 'selector', not both"
            raise ValueError(message)
        return self


def criteria(params: KubernetesResourceParams) -> Criteria:
    """Require all named objects, enough of them, and each ready."""
    defaults = {"missing": "== []", "count": f">= {params.min_count}"}
    if params.ready:
        defaults["ready"] = "== true"
    return merged(defaults, params)


KIND = Kind(
    name="kubernetes_resource",
    params=KubernetesResourceParams,
    observe="launch_pipeline.checks.kinds.kubernetes_resource.observer:observe",
    criteria=criteria,
    says=says,
    default_conn_id="kubernetes",
)
