"""Kind ``object_storage``: is the newest object fresh, encrypted and retained.

Facts, of which only those are read that ``expect`` names: ``exists, count, newest{key, size,
last_modified, age_s, encryption}, encryption, versioning, lifecycle_days, object_lock, region, public``.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from launch_pipeline.checklist.duration import Duration
from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Criteria, Name, Params, merged
from launch_pipeline.checks.kinds.object_storage.says import says


class ObjectStorageParams(Params):
    """A bucket and a prefix in it."""

    conn_id: str = "aws"
    bucket: Name
    """Name of the bucket."""
    prefix: str = ""
    """Prefix of the keys."""
    max_age: Duration | None = None
    """Maximum age of the newest object."""
    min_size: Annotated[int, Field(ge=0)] = 1
    """Minimum size of the newest object, in bytes."""


def criteria(params: ObjectStorageParams) -> Criteria:
    """Require the bucket, and a newest object that is big enough and, if wanted, young enough."""
    defaults = {"exists": "== true"}
    if params.expect and params.max_age is None:
        return merged(defaults, params)
    defaults["newest.size"] = f">= {params.min_size}"
    if params.max_age is not None:
        defaults["newest.age_s"] = f"<= {params.max_age.total_seconds():.0f}"
    return merged(defaults, params)


KIND = Kind(
    name="object_storage",
    params=ObjectStorageParams,
    observe="launch_pipeline.checks.kinds.object_storage.observer:observe",
    criteria=criteria,
    says=says,
    default_conn_id="aws",
)
