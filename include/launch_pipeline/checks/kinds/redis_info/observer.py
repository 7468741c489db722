"""Observes ``redis_info``: queries every node that the deployment lists."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from launch_pipeline.checks.clients.together import together
from launch_pipeline.checks.kinds.redis_info.asking import Asker, unknown
from launch_pipeline.checks.kinds.redis_info.discovery import find_nodes, seeds_of
from launch_pipeline.checks.verdict import Observation, Subject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.redis_info.definition import RedisInfoParams
    from launch_pipeline.checks.kinds.redis_info.nodes import Node

_SHARE = 0.8
_SHOWN_INFO = (
    "redis_version",
    "role",
    "connected_slaves",
    "master_link_status",
    "maxmemory",
    "maxmemory_policy",
    "aof_enabled",
    "used_memory",
)


async def observe(params: RedisInfoParams, ctx: CheckContext) -> Observation:
    """Query every node in scope.

    A node that its cluster calls failed is an observation; one that cannot be queried, because its list
    gives no address, is unknown. Raises Unreachable if a node does not answer although its list calls it
    well, Inconclusive if one denies access or a command.
    """
    connection = await ctx.connection(params.conn_id)
    # The seeds one after the other, then their primary, then all other nodes.
    steps = len(seeds_of(connection)) + 2
    asker = Asker(params, ctx, connection, params.timeout.total_seconds() * _SHARE / steps)
    seed, nodes = await find_nodes(asker)
    subjects = _told_apart(nodes, await together(asker.subject(node) for node in nodes))
    return Observation(
        subjects=subjects, authority=f"redis://{seed}", summary={one.name: _shown(one) for one in subjects}
    )


def _told_apart(nodes: Sequence[Node], subjects: Sequence[Subject]) -> tuple[Subject, ...]:
    """Return the subjects; two entries of a list that one process answers are unknown."""
    pairs = list(zip(nodes, subjects, strict=True))
    runs = [(node.listed_by, one.facts["info"].get("run_id")) for node, one in pairs]
    places = [(node.listed_by, node.name) for node in nodes]
    times = Counter([key for key in runs if key[1]]) + Counter(places)
    reason = "several nodes of the list are answered by one process; correct the environment's 'addresses:'"
    return tuple(
        unknown(one.name, reason, one.facts) if times[run] > 1 or times[place] > 1 else one
        for run, place, one in zip(runs, places, subjects, strict=True)
    )


def _shown(subject: Subject) -> dict[str, object]:
    info = subject.facts["info"]
    reason = next(iter(subject.unknown.values()), "")
    shown = {"ping": subject.facts["ping"], **{name: info[name] for name in _SHOWN_INFO if name in info}}
    return {**shown, "unknown": reason} if reason else shown
