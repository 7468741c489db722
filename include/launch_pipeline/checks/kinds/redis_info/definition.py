"""Kind ``redis_info``: INFO, CLUSTER INFO and CONFIG of every node.

Facts per node: ``ping, info{}, cluster{}, config{}``.
"""

from __future__ import annotations

from typing import Literal

from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Criteria, Name, Params, merged
from launch_pipeline.checks.kinds.redis_info.says import says


class RedisInfoParams(Params):
    """The nodes and settings to read."""

    conn_id: str = "redis"
    scope: Literal["primaries", "replicas", "all"] = "all"
    """The nodes to query."""
    config: tuple[Name, ...] = ()
    """Settings to read by CONFIG GET; managed Redis forbids it."""
    cluster: bool = False
    """Whether to read CLUSTER INFO as well."""


def criteria(params: RedisInfoParams) -> Criteria:
    """Require every node to answer PING, besides what the item expects."""
    return merged({"ping": "== PONG"}, params)


KIND = Kind(
    name="redis_info",
    params=RedisInfoParams,
    observe="launch_pipeline.checks.kinds.redis_info.observer:observe",
    criteria=criteria,
    says=says,
    default_conn_id="redis",
)
