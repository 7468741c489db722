"""Kind ``container_image``: is the image of this release in the registry.

Facts per image: ``digest, media_type, platforms, created, labels, problems`` (what cannot be pulled, or is
not what it is called, of any platform), where asked ``signed, signature``, and ``deployed, deployed_digests,
not_deployed``.
"""

from __future__ import annotations

import json
from datetime import timedelta

from pydantic import Field, field_validator

from launch_pipeline.checklist.duration import Duration
from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Criteria, Name, Names, Params, merged
from launch_pipeline.checks.kinds.container_image.says import says
from launch_pipeline.checks.language.comparisons import parse_comparison


class ContainerImageParams(Params):
    """Images with one tag."""

    conn_id: str = "registry"
    images: Names
    """Repositories in the registry, without a tag."""
    tag: Name = "${release}"
    """The tag that every image must have."""
    platforms: tuple[Name, ...] = ("linux/amd64",)
    """Platforms that the image must have; empty: not checked."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Labels, and the comparison that each must meet."""
    signed: bool = False
    """Whether a signature of cosign or Notary over this digest must be attached; its key is not verified."""
    deployed: bool = False
    """Whether every pod of ``${namespace}`` with the image in its spec must run exactly this digest."""
    look_every: Duration = timedelta(minutes=5)
    """Each manifest that is read is a pull. A personal account of Docker Hub has 200 of them in six hours,
    too few for a watch; a paid one has no limit (docs.docker.com/docker-hub/usage/pulls)."""

    @field_validator("labels", mode="after")
    @classmethod
    def _comparisons(cls, labels: dict[str, str]) -> dict[str, str]:
        for wanted in labels.values():
            parse_comparison(wanted)
        return labels


def criteria(params: ContainerImageParams) -> Criteria:
    """Require the whole image for every platform, with the labels; signed and deployed if wanted."""
    defaults = {"digest": "exists", "problems": "== []"}
    if params.platforms:
        defaults["platforms"] = f"contains_all {json.dumps(params.platforms)}"
    defaults |= {f"labels.{json.dumps(label)}": wanted for label, wanted in params.labels.items()}
    if params.signed:
        defaults["signed"] = "== true"
    if params.deployed:
        # All pods: during a roll-out the old image still serves.
        defaults["deployed"] = "== true"
    return merged(defaults, params)


KIND = Kind(
    name="container_image",
    params=ContainerImageParams,
    observe="launch_pipeline.checks.kinds.container_image.observer:observe",
    criteria=criteria,
    says=says,
    default_conn_id="registry",
)
