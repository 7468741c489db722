"""Kind ``object_storage``: is the newest object fresh, encrypted and retained.

Facts, of which only those are read that ``expect`` names: ``exists, count, newest{key, size,
last_modified, age_s, encryption}, encryption, versioning, lifecycle_days, early_rules, object_lock, region,
public``.

``lifecycle_days`` compared with ``>=`` is the day on which the first objects of the prefix are deleted, else
the day on which all are, with their versions; inconclusive where no enabled rule speaks for all of them.
``early_rules`` are the enabled rules that delete some of them before ``keep``.
``object_lock`` needs a default retention.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from launch_pipeline.checklist.duration import Duration
from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Criteria, Name, Params, merged
from launch_pipeline.checks.kinds.object_storage.says import says
from launch_pipeline.checks.language.expect import as_list
from launch_pipeline.checks.language.paths import roots_of

_ALWAYS_THERE = {
    "exists": "== true",
    "versioning": "== Enabled",
    "object_lock": "== true",
    "region": "== eu-west-1",
    "public": "== false",
}
"""Facts that have a value for every bucket, and a comparison that says something."""
_SAYS_NOTHING = (("exists", "!=", "not "), ("exists",))
"""What says nothing of versioning, which may be Enabled, Suspended or Disabled; and of the others."""


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
    keep: Duration | None = None
    """How long the lifecycle rules must leave every object of the prefix; no rule at all leaves them."""
    look_every: Duration = timedelta(minutes=5)
    """What is asked of a bucket is counted in days, and each page of a listing is paid."""

    @model_validator(mode="after")
    def _says_what_it_wants(self) -> Self:
        """Refuse what holds whatever the bucket is: these facts always have a value."""
        for fact, given in ((name, wanted) for name in _ALWAYS_THERE if (wanted := self.expect.get(name))):
            vague = [
                text
                for text in as_list(given)
                if text.strip().startswith(_SAYS_NOTHING[fact != "versioning"])
            ]
            if vague:
                wanted = _ALWAYS_THERE[fact]
                message = f"'{fact}: {vague[0]}' says nothing; write for example '{fact}: {wanted}'"
                raise ValueError(message)
        return self


def criteria(params: ObjectStorageParams) -> Criteria:
    """Require the bucket, and a newest object that is big enough and, if wanted, young enough."""
    defaults = {"exists": "== true"}
    if params.keep is not None:
        defaults["early_rules"] = "== []"
    if _about_newest(params) or not (params.expect or params.keep):
        defaults["newest.size"] = f">= {params.min_size}"
    if params.max_age is not None:
        defaults["newest.age_s"] = f"<= {params.max_age.total_seconds():.0f}"
    return merged(defaults, params)


def _about_newest(params: ObjectStorageParams) -> bool:
    """Return whether the item asks about the newest object: an empty one is no backup."""
    given = {"min_size", "max_age"} & params.model_fields_set
    return bool(given) or any("newest" in roots_of(path) for path in params.expect)


KIND = Kind(
    name="object_storage",
    params=ObjectStorageParams,
    observe="launch_pipeline.checks.kinds.object_storage.observer:observe",
    criteria=criteria,
    says=says,
    default_conn_id="aws",
)
