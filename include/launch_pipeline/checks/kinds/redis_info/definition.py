"""Kind ``redis_info``: INFO, CLUSTER INFO and CONFIG of every node.

Facts per node: ``ping, info{}, cluster{}, config{}``.
"""

from __future__ import annotations

from typing import Literal

from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Criteria, Name, Params, defaults_unless_expected


class RedisInfoParams(Params):
    """Which nodes to ask."""

    conn_id: str = "redis"
    scope: Literal["primaries", "replicas", "all"] = "primaries"
    """Which nodes are asked."""
    config: tuple[Name, ...] = ()
    """Settings to read by CONFIG GET; managed Redis forbids it."""
    cluster: bool = False
    """Whether CLUSTER INFO is asked as well."""


def criteria(params: RedisInfoParams) -> Criteria:
    """Every node answers, unless the item says otherwise."""
    return defaults_unless_expected({"ping": "== PONG"}, params)


KIND = Kind(
    name="redis_info",
    params=RedisInfoParams,
    observe="launch_pipeline.checks.kinds.redis_info.observer:observe",
    criteria=criteria,
    default_conn_id="redis",
)
