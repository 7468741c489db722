"""Kind ``aws_resource``: are the cloud resources as expected. Facts: the response without metadata."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from launch_pipeline.checklist.duration import Duration
from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Criteria, Params, merged


class AwsResourceParams(Params):
    """One read-only operation of one service."""

    conn_id: str = "aws"
    service: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,40}$")]
    """The service as boto3 names it, such as ``ec2``."""
    operation: Annotated[str, Field(pattern=r"^(describe|list|get)_[a-z0-9_]{1,80}$")]
    """Only ``describe_*``, ``list_*`` and ``get_*``: checks change nothing."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Arguments of the operation, as boto3 names them."""
    look_every: Duration = timedelta(minutes=1)
    """AWS fills an account's bucket of requests again by 10 a second for load balancers, for all of its tools
    (docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-throttling.html)."""

    @model_validator(mode="after")
    def _expects_something(self) -> Self:
        if not self.expect:
            message = "'aws_resource' has no pass criterion of its own; add 'expect:'"
            raise ValueError(message)
        return self


def criteria(params: AwsResourceParams) -> Criteria:
    """Return the item's own expectations; there are no defaults."""
    return merged({}, params)


KIND = Kind(
    name="aws_resource",
    params=AwsResourceParams,
    observe="launch_pipeline.checks.kinds.aws_resource.observer:observe",
    criteria=criteria,
    default_conn_id="aws",
)
