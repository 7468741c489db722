"""The nodes of a Redis deployment, as its own lists name them.

Formats: ``CLUSTER NODES`` (https://redis.io/commands/cluster-nodes), ``slaveN:`` of ``INFO replication``
(https://redis.io/commands/info), ``SENTINEL REPLICAS`` (https://redis.io/docs/management/sentinel).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from launch_pipeline.errors import Inconclusive

_REPLICA = re.compile(r"(?:slave|replica)\d+")
_NO_HOST = {"", "?", "NULL"}
_FIELDS = 8
"""Fields of a line of ``CLUSTER NODES`` before the slots."""
_DOWN = {"s_down", "o_down"}
_ONLINE = {"online", "stable_sync", "stable sync"}


class Role(StrEnum):
    """Roles, by the word that INFO uses."""

    PRIMARY = "master"
    REPLICA = "slave"


_ROLES = {"master": Role.PRIMARY, "primary": Role.PRIMARY, "slave": Role.REPLICA, "replica": Role.REPLICA}


@dataclass(frozen=True)
class Node:
    """A node as a list names it."""

    host: str
    port: int
    role: Role | None
    """None: the list does not say, so it belongs to every scope."""
    listed_by: str = ""
    """The list: two entries of one list are two nodes."""
    failed: bool = False
    """Whether its cluster or its sentinel calls it down."""
    suspected: bool = False
    """Whether the node that wrote the list has lost it, and its cluster does not agree yet (``fail?``)."""
    unasked: str = ""
    """Why it cannot be queried."""
    label: str = ""
    """Its name, if it has no address."""
    myself: bool = False
    """Whether it wrote the list."""

    @property
    def name(self) -> str:
        """Return the name as evidence shows it."""
        return self.label or f"{self.host}:{self.port}"


def role_of(info: Mapping[str, Any]) -> Role | None:
    """Return the role that INFO states; None if it states none that is known."""
    return _ROLES.get(str(info.get("role")))


def cluster_nodes(told: Any, seed: str, where: str, *, tls: bool) -> list[Node]:
    """Parse ``CLUSTER NODES``; raises Inconclusive if it is no list of nodes.

    A node without an address stays in the list: it may serve slots. Only the node that wrote the list
    may leave out its host, for the one that was asked (``myself``).
    """
    lines = [line.split() for line in str(told).splitlines() if line.strip()]
    if not lines or any(len(words) < _FIELDS for words in lines):
        message = f"{where} does not list the nodes of its cluster: {str(told)[:80]!r}"
        raise Inconclusive(message)
    nodes = [_cluster_node(words, seed, where, tls=tls) for words in lines]
    return sorted(nodes, key=lambda node: (node.role is not Role.PRIMARY, node.name))


def _cluster_node(words: list[str], seed: str, where: str, *, tls: bool) -> Node:
    address, *more = words[1].split(",")
    host, _, port = address.partition("@")[0].rpartition(":")
    flags = set(words[2].split(","))
    hostname = more[0] if more and "=" not in more[0] and more[0] not in _NO_HOST else ""
    own = "" if host in _NO_HOST else host.strip("[]")
    # Certificates name hosts.
    known = (hostname or own if tls else own or hostname) or (seed if "myself" in flags else "")
    number = int(port) if port.isdecimal() else 0
    unasked = _unasked(flags, known, number)
    return Node(
        known,
        number,
        role=next((_ROLES[flag] for flag in sorted(flags) if flag in _ROLES), None),
        listed_by=where,
        failed="fail" in flags,
        suspected="fail?" in flags,
        unasked=unasked,
        label=f"{known}:{number} ({words[0][:8]})" if unasked else "",
        myself="myself" in flags,
    )


def _unasked(flags: set[str], host: str, port: int) -> str:
    if "handshake" in flags:
        return "the cluster is still in handshake with this node"
    if "noaddr" in flags or not host or not port:
        return (
            "the cluster knows no address of this node; if it is gone for good, remove it by CLUSTER FORGET"
        )
    return "" if flags & set(_ROLES) else "the cluster does not know the role of this node"


def replicas(info: Mapping[str, Any], where: str) -> list[Node]:
    """Return the replicas in a node's INFO; Valkey lists one with two channels twice.

    A replica that is counted but not listed, or listed without
    an address, stays as a node that cannot be queried.
    """
    listed = {name: one for name, one in info.items() if _REPLICA.fullmatch(name)}
    found = _apart([(name, _replica(name, one, where)) for name, one in listed.items() if not _second(one)])
    counted = info.get("connected_slaves", info.get("connected_replicas", 0))
    if not isinstance(counted, int) or counted > len(listed):
        unasked = f"{where} has {counted} replicas and lists {len(listed)}"
        found.append(Node("", 0, Role.REPLICA, where, unasked=unasked, label=f"a replica of {where}"))
    return found


def _second(one: Any) -> bool:
    """Return whether an entry is only the second channel of a replica that has an entry of its own."""
    return isinstance(one, Mapping) and one.get("type") == "rdb-channel"


def _apart(found: Iterable[tuple[str, Node]]) -> list[Node]:
    """Return replicas; of several at one address, as behind a translation, one alone can be queried."""
    nodes: list[Node] = []
    for name, node in found:
        if not node.unasked and any(node.name == other.name for other in nodes):
            unasked = f"{node.listed_by} lists several replicas at {node.name}, so one cannot be queried"
            nodes.append(replace(node, unasked=unasked, label=f"{name} of {node.listed_by}"))
        else:
            nodes.append(node)
    return nodes


def not_online(info: Mapping[str, Any]) -> list[str]:
    """Return the replicas that INFO counts as connected, and that have not got the data yet.

    States: wait_bgsave, send_bulk, send_bulk_and_stream, bg_transfer, online (Redis and Valkey,
    replication.c); Dragonfly calls its last one stable sync.
    """
    states = {
        name: one["state"]
        for name, one in info.items()
        if _REPLICA.fullmatch(name) and isinstance(one, Mapping) and "state" in one
    }
    return [f"{name} is {state}" for name, state in states.items() if state not in _ONLINE]


def _replica(name: str, one: Any, where: str) -> Node:
    told = one if isinstance(one, Mapping) else {}
    host, port = str(told.get("ip", "")), told.get("port")
    if host in _NO_HOST or not isinstance(port, int) or not port:
        unasked = f"{where} lists this replica without an address"
        return Node("", 0, Role.REPLICA, where, unasked=unasked, label=f"{name} of {where}")
    return Node(host, port, Role.REPLICA, where)


def sentinel_replicas(told: Any, where: str) -> list[Node]:
    """Parse ``SENTINEL REPLICAS``, which also lists those that the primary has lost.

    Raises Inconclusive if it is no such list.
    """
    try:
        entries = [dict(zip(one[::2], one[1::2], strict=True)) for one in _lists(told)]
        return [Node(one["ip"], int(one["port"]), Role.REPLICA, where, failed=_down(one)) for one in entries]
    except (KeyError, TypeError, ValueError) as error:
        message = f"{where} does not list its replicas: {str(told)[:80]!r}"
        raise Inconclusive(message) from error


def _lists(told: Any) -> Iterable[list[str]]:
    if not isinstance(told, list) or not all(isinstance(one, list) for one in told):
        message = "not a list of lists"
        raise TypeError(message)
    return told


def _down(one: Mapping[str, str]) -> bool:
    return bool(_DOWN & set(one["flags"].split(",")))
