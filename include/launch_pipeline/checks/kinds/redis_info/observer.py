"""Observes ``redis_info``: queries every node, as listed by the cluster or the primary.

``CLUSTER SLOTS``, which client libraries use, omits failed nodes; ``CLUSTER NODES`` lists them, so a dead
replica is seen here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    MasterDownError,
    NoPermissionError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as NotConnectedError
from redis.exceptions import TimeoutError as NotInTimeError

from launch_pipeline.checks.clients.http import refuse_named
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive, Unreachable

if TYPE_CHECKING:
    from launch_pipeline.checks.engine.context import CheckContext, ConnectionInfo
    from launch_pipeline.checks.kinds.redis_info.definition import RedisInfoParams

T = TypeVar("T")

_PORT, _SENTINEL_PORT = 6379, 26379
_REFUSALS = ("NOAUTH", "WRONGPASS", "NOPERM", "DENIED", "invalid username-password", "invalid password")
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
_HIDDEN_SETTINGS = ("pass", "auth", "user")
_MOST_NODES = 200


@dataclass(frozen=True)
class _Node:
    """A node, and its state in the cluster."""

    host: str
    port: int
    primary: bool
    failed: bool = False

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class _Asker:
    """Connects to nodes."""

    params: RedisInfoParams
    ctx: CheckContext
    connection: ConnectionInfo
    seen: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Facts of the nodes that discovery has queried, by name."""

    @property
    def tls(self) -> bool:
        """Return whether the connection is encrypted."""
        extra = self.connection.extra
        return self.connection.scheme == "rediss" or bool(extra.get("ssl") or extra.get("tls"))

    @asynccontextmanager
    async def node(self, host: str, port: int, *, sentinel: bool = False) -> AsyncIterator[Any]:
        """Connect to one node within its concurrency limit; do not nest these blocks.

        Raises Unreachable or Inconclusive for any error inside.
        """
        await refuse_named(self.ctx, self.ctx.environment.address_of(host, port)[0])
        async with self.ctx.clients.limit(f"{host}:{port}"):
            client = Redis(**_options(self, host, port, sentinel=sentinel))
            try:
                yield client
            except (RedisError, OSError) as error:
                raise self.explained(error, f"redis://{host}:{port}") from error
            finally:
                await _close(client)

    def explained(self, error: Exception, where: str) -> Inconclusive:
        """Return the error for refused credentials, a node that does not answer, or another protocol."""
        said = " ".join(str(error).split())
        refused = isinstance(error, AuthenticationError | AuthorizationError | NoPermissionError)
        if refused or any(word in said for word in _REFUSALS):
            return Inconclusive(
                f"credentials: {where} refused connection '{self.connection.conn_id}': {said}"[:300]
            )
        if isinstance(error, NotConnectedError | NotInTimeError | OSError):
            return Unreachable(
                f"{where} did not answer: {said or type(error).__name__}"[:300], retryable=True
            )
        return Inconclusive(f"{where} does not answer as Redis does: {said}"[:300])


async def observe(params: RedisInfoParams, ctx: CheckContext) -> Observation:
    """Query every node in scope.

    Raises Unreachable if a node does not answer although its cluster calls it healthy, Inconclusive if
    one denies access or a command. A node that its cluster calls failed is an observation.
    """
    asker = _Asker(params, ctx, await ctx.connection(params.conn_id))
    seed, nodes = await _nodes(asker)
    wanted = [n for n in nodes if params.scope == "all" or n.primary == (params.scope == "primaries")]
    if len(wanted) > _MOST_NODES:
        message = f"redis://{seed} has {len(wanted)} nodes, too many to query"
        raise Inconclusive(message)
    facts = await _together(_facts(asker, node) for node in wanted)
    subjects = tuple(Subject(name=n.name, facts=f) for n, f in zip(wanted, facts, strict=True))
    summary = {
        subject.name: {
            "ping": subject.facts["ping"],
            **{name: subject.facts["info"][name] for name in _SHOWN_INFO if name in subject.facts["info"]},
        }
        for subject in subjects
    }
    return Observation(subjects=subjects, authority=f"redis://{seed}", summary=summary)


async def _together(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return all results in order. The first error ends the others and is raised once they have closed."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _close(client: Any) -> None:
    """Close a client, also while its check is cancelled: the connection would stay open otherwise.

    redis-py bounds the close by the connection's own time-out.
    """
    closing, cancelled = asyncio.ensure_future(client.aclose()), None
    while not closing.done():
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


def _options(asker: _Asker, host: str, port: int, *, sentinel: bool) -> dict[str, Any]:
    connection, extra = asker.connection, asker.connection.extra
    address = asker.ctx.environment.address_of(host, port)
    options: dict[str, Any] = {
        "host": address[0],
        "port": address[1],
        "username": (connection.login or None) if not sentinel else None,
        "password": (connection.password or None) if not sentinel else extra.get("sentinel_password"),
        "socket_connect_timeout": asker.params.timeout.total_seconds(),
        "socket_timeout": asker.params.timeout.total_seconds(),
        "retry": Retry(NoBackoff(), 0),  # the check itself retries
        "protocol": 2,
        "driver_info": None,
        "decode_responses": True,
        "encoding_errors": "replace",
        "single_connection_client": True,
    }
    if asker.tls:
        options |= {"ssl": True, "ssl_ca_certs": extra.get("ca_file") or extra.get("ssl_ca_certs") or None}
    return options


def _seeds(connection: ConnectionInfo, port: int) -> list[tuple[str, int]]:
    """Parse ``a``, ``a:7000`` or ``a:7000,b:7000``."""
    seeds = []
    for text in filter(None, (part.strip() for part in connection.host.split(","))):
        host, _, own = text.rpartition(":") if text.count(":") == 1 else (text, "", "")
        seeds.append((host, int(own) if own.isdecimal() else connection.port or port))
    if not seeds:
        message = f"connection '{connection.conn_id}' has no host"
        raise Inconclusive(message)
    return seeds


async def _nodes(asker: _Asker) -> tuple[str, list[_Node]]:
    """Find all nodes from the first of the connection's hosts that answers."""
    master = asker.connection.extra.get("sentinel_master")
    seeds = _seeds(asker.connection, _SENTINEL_PORT if master else _PORT)
    for number, (host, port) in enumerate(seeds, 1):
        try:
            if master:
                host, port = await _by_sentinel(asker, host, port, str(master))  # noqa: PLW2901
            return f"{host}:{port}", await _found(asker, host, port)
        except Unreachable:
            if number == len(seeds):
                raise
    return "", []


async def _by_sentinel(asker: _Asker, host: str, port: int, master: str) -> tuple[str, int]:
    async with asker.node(host, port, sentinel=True) as sentinel:
        found = await sentinel.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", master)
    if not found:
        message = f"the sentinel at {host}:{port} knows no '{master}'"
        raise Inconclusive(message)
    return str(found[0]), int(found[1])


async def _found(asker: _Asker, host: str, port: int) -> list[_Node]:
    async with asker.node(host, port) as client:
        info = await client.info()
        if str(info.get("cluster_enabled")) == "1" or info.get("redis_mode") == "cluster":
            return _cluster_nodes(await client.execute_command("CLUSTER NODES"), host, tls=asker.tls)
        await _note(asker, client, f"{host}:{port}", info)
    if info.get("role") == "slave":
        host, port = str(info.get("master_host")), int(info.get("master_port") or _PORT)
        async with asker.node(host, port) as client:
            info = await client.info()
            await _note(asker, client, f"{host}:{port}", info)
    replicas = [one for name, one in info.items() if name.startswith("slave") and isinstance(one, Mapping)]
    return [
        _Node(host, port, primary=True),
        *(_Node(str(one.get("ip")), int(one.get("port", 0)), primary=False) for one in replicas),
    ]


async def _note(asker: _Asker, client: Any, name: str, info: dict[str, Any]) -> None:
    """Store the facts of a primary in scope, so that it is not queried twice."""
    if info.get("role") == "master" and asker.params.scope != "replicas":
        asker.seen[name] = await _asked(asker, client, info)


def _cluster_nodes(told: Any, seed: str, *, tls: bool) -> list[_Node]:
    """Parse ``CLUSTER NODES``, without nodes that have no address (``noaddr``, ``handshake``)."""
    nodes = []
    for address, one in told.items():
        flags = set(str(one.get("flags", "")).split(","))
        host, _, port = address.rpartition(":")
        if flags & {"noaddr", "handshake"} or not port.isdecimal():
            continue
        name = str(one.get("hostname") or "") if tls else ""  # certificates name hosts
        host = name or host.strip("[]") or seed
        nodes.append(_Node(host, int(port), primary="master" in flags, failed="fail" in flags))
    return sorted(nodes, key=lambda node: (not node.primary, node.name))


async def _facts(asker: _Asker, node: _Node) -> dict[str, Any]:
    if node.name in asker.seen:
        return asker.seen[node.name]
    try:
        async with asker.node(node.host, node.port) as client:
            return await _asked(asker, client, await client.info())
    except Unreachable:
        if not node.failed:
            raise
        # Its cluster calls it failed: that is an observation, not an error.
        return {"ping": "FAILED", "info": {}, "cluster": {}, "config": {}}


async def _asked(asker: _Asker, client: Any, info: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "ping": await _ping(client),
        "info": dict(info),
        "cluster": await _cluster(client) if asker.params.cluster else {},
        "config": await _config(asker, client),
    }


async def _ping(client: Any) -> str:
    """Send PING; a node that is loading or has lost its primary returns that instead of PONG."""
    try:
        return "PONG" if await client.ping() else "no"
    except BusyLoadingError:
        return "LOADING"
    except MasterDownError:
        return "MASTERDOWN"


async def _cluster(client: Any) -> dict[str, Any]:
    try:
        told = await client.execute_command("CLUSTER INFO")
    except ResponseError as error:
        if "cluster support disabled" in str(error):
            return {"cluster_enabled": 0}
        raise
    return {name: int(value) if str(value).isdecimal() else value for name, value in told.items()}


async def _config(asker: _Asker, client: Any) -> dict[str, Any]:
    """Read settings; raises Inconclusive if CONFIG is forbidden, as on managed Redis."""
    settings: dict[str, Any] = {}
    for name in asker.params.config:
        try:
            settings |= await client.config_get(name)
        except ResponseError as error:
            raise _forbidden(asker, error) from error
    secret = [name for name in settings if any(word in name for word in _HIDDEN_SETTINGS)]
    return {**settings, **{name: "***" if settings[name] else "" for name in secret}}


def _forbidden(asker: _Asker, error: Exception) -> Inconclusive:
    return Inconclusive(
        f"connection '{asker.connection.conn_id}' may not ask CONFIG ({error}); "
        "managed Redis forbids it: expect a field of 'info' instead of 'config'"
    )
