"""Find every node of a Redis deployment, from any node or sentinel that the connection names.

``CLUSTER SLOTS``, which client libraries use, omits failed nodes; ``CLUSTER NODES`` lists them, so a dead
replica is seen here. Without a cluster the primary's own list says which replicas follow it, theirs which
follow them, and a sentinel which the primary has lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.clients.together import together
from launch_pipeline.checks.kinds.redis_info.asking import Asker, answers, info_of
from launch_pipeline.checks.kinds.redis_info.nodes import (
    Node,
    Role,
    cluster_nodes,
    replicas,
    role_of,
    sentinel_replicas,
)
from launch_pipeline.errors import Inconclusive, Unreachable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch_pipeline.checks.engine.context import ConnectionInfo

_PORT, _SENTINEL_PORT = 6379, 26379
_MOST_NODES = 200
_MOST_STEPS = 10
"""Replicas of replicas on the way to a primary."""


def seeds_of(connection: ConnectionInfo) -> list[tuple[str, int]]:
    """Parse ``a``, ``a:7000`` or ``a:7000,b:7000``; raises Inconclusive without a host."""
    port = _SENTINEL_PORT if connection.extra.get("sentinel_master") else _PORT
    seeds = []
    for text in filter(None, (part.strip() for part in connection.host.split(","))):
        host, _, own = text.rpartition(":") if text.count(":") == 1 else (text, "", "")
        seeds.append((host, int(own) if own.isdecimal() else connection.port or port))
    if not seeds:
        message = f"connection '{connection.conn_id}' has no host"
        raise Inconclusive(message)
    return seeds


async def find_nodes(asker: Asker) -> tuple[str, list[Node]]:
    """Return the authority and the nodes in scope, from the first host of the connection that answers."""
    master = asker.connection.extra.get("sentinel_master")
    seeds = seeds_of(asker.connection)
    for number, (host, port) in enumerate(seeds, 1):
        try:
            return await _from_seed(asker, host, port, str(master) if master else "")
        except Unreachable:
            if number == len(seeds):
                raise
    return "", []


async def _from_seed(asker: Asker, host: str, port: int, master: str) -> tuple[str, list[Node]]:
    lost: list[Node] = []
    if master:
        host, port, lost = await _by_sentinel(asker, host, port, master)
    found = [node for node in await _found(asker, host, port, lost) if _in_scope(asker, node)]
    _bounded(found, f"redis://{host}:{port}")
    return f"{host}:{port}", found


def _in_scope(asker: Asker, node: Node) -> bool:
    scope = asker.params.scope
    return scope == "all" or node.role is None or (node.role is Role.PRIMARY) == (scope == "primaries")


def _bounded(nodes: Sequence[Node], where: str) -> None:
    if len(nodes) > _MOST_NODES:
        message = f"{where} has {len(nodes)} nodes, too many to query"
        raise Inconclusive(message)


async def _by_sentinel(asker: Asker, host: str, port: int, master: str) -> tuple[str, int, list[Node]]:
    async with asker.node(host, port, sentinel=True) as sentinel:
        found = await sentinel.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", master)
        if not found:
            message = f"the sentinel at {host}:{port} knows no '{master}'"
            raise Inconclusive(message)
        if asker.params.scope == "primaries":
            return str(found[0]), int(found[1]), []
        told = await sentinel.execute_command("SENTINEL", "REPLICAS", master)
    return str(found[0]), int(found[1]), sentinel_replicas(told, f"the sentinel at {host}:{port}")


async def _found(asker: Asker, host: str, port: int, lost: list[Node]) -> list[Node]:
    where = f"{host}:{port}"
    async with asker.node(host, port) as client:
        info = await info_of(client, where)
        _readable(info, where)
        if str(info.get("cluster_enabled")) == "1" or info.get("redis_mode") == "cluster":
            return await _clustered(asker, client, host, where, info)
        if role_of(info) is Role.PRIMARY:
            node = Node(host, port, Role.PRIMARY)
            asker.seen[node.name] = await answers(asker, client, node, info)
    node = await _primary(asker, host, port, info)
    found = await asker.subject(node)
    if asker.params.scope == "primaries":
        return [node]
    return [node, *await _followers(asker, [*lost, *replicas(found.facts["info"], node.name)], node.name)]


def _readable(info: dict[str, Any], where: str) -> None:
    """Raise Inconclusive for a node that does not say what it is: its other nodes are not known then."""
    if info.get("redis_mode") == "sentinel":
        message = f"{where} is a sentinel; name the primary in the connection's extra 'sentinel_master'"
        raise Inconclusive(message)
    if role_of(info) is None:
        message = f"{where} does not say in INFO whether it is a primary or a replica: {info.get('role')!r}"
        raise Inconclusive(message)


async def _clustered(asker: Asker, client: Any, host: str, where: str, info: dict[str, Any]) -> list[Node]:
    """List a cluster's nodes; the one that lists them is queried here, over the same connection."""
    told = await client.execute_command("CLUSTER", "NODES")
    nodes = cluster_nodes(told, host, where, tls=asker.tls)
    for node in nodes:
        if node.myself and not node.unasked and _in_scope(asker, node):
            asker.seen[node.name] = await answers(asker, client, node, info)
    return nodes


async def _primary(asker: Asker, host: str, port: int, info: dict[str, Any]) -> Node:
    """Climb from a replica to its primary; raises Inconclusive if that does not end."""
    for _ in range(_MOST_STEPS):
        if role_of(info) is Role.PRIMARY:
            return Node(host, port, Role.PRIMARY)
        host, port = str(info.get("master_host")), int(info.get("master_port") or _PORT)
        async with asker.node(host, port) as client:
            info = await info_of(client, f"{host}:{port}")
        _readable(info, f"{host}:{port}")
    message = f"{host}:{port} is a replica of a replica, more than {_MOST_STEPS} deep"
    raise Inconclusive(message)


async def _followers(asker: Asker, level: Sequence[Node], where: str) -> list[Node]:
    """Return the replicas, and those of theirs."""
    found: dict[str, Node] = {}
    while fresh := list({node.name: node for node in reversed(level) if node.name not in found}.values()):
        found |= {node.name: node for node in fresh}
        _bounded(list(found.values()), where)
        told = await together(asker.subject(node) for node in fresh)
        level = [node for one in told for node in replicas(one.facts["info"], one.name)]
    return list(found.values())
