"""Query one Redis node: connect, INFO, PING, CLUSTER INFO, CONFIG GET."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

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
from launch_pipeline.checks.kinds.redis_info.nodes import Node, not_online, role_of
from launch_pipeline.checks.verdict import Subject
from launch_pipeline.errors import Inconclusive, Unreachable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from launch_pipeline.checks.engine.context import CheckContext, ConnectionInfo
    from launch_pipeline.checks.kinds.redis_info.definition import RedisInfoParams

_REFUSALS = ("NOAUTH", "WRONGPASS", "NOPERM", "DENIED", "invalid username-password", "invalid password")
_HIDDEN_SETTINGS = ("pass", "auth", "user")
_COUNTS = re.compile(r"connected_(?:slaves|replicas)")
_NOTHING: dict[str, Any] = {"ping": None, "info": {}, "cluster": {}, "config": {}}


@dataclass(frozen=True)
class Asker:
    """Connects to nodes."""

    params: RedisInfoParams
    ctx: CheckContext
    connection: ConnectionInfo
    patience: float
    """Seconds for one answer, so that the message names the node that is silent."""
    seen: dict[str, Subject] = field(default_factory=dict)
    """What nodes have answered, by name."""

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
                raise self._explained(error, f"redis://{host}:{port}") from error
            finally:
                await _close(client)

    def _explained(self, error: Exception, where: str) -> Inconclusive:
        """Return the error for refused credentials, a node that does not answer, or another protocol."""
        said = " ".join(str(error).split())
        refused = isinstance(error, AuthenticationError | AuthorizationError | NoPermissionError)
        if refused or any(word in said for word in _REFUSALS):
            return Inconclusive(
                f"credentials: {where} refused connection '{self.connection.conn_id}': {said}"[:300]
            )
        if isinstance(error, NotInTimeError):
            said = f"no answer within {self.patience:.3g}s"
        if isinstance(error, NotConnectedError | NotInTimeError | OSError):
            return Unreachable(
                f"{where} did not answer: {said or type(error).__name__}"[:300], retryable=True
            )
        return Inconclusive(f"{where} does not answer as Redis does: {said}"[:300])

    async def subject(self, node: Node) -> Subject:
        """Query a node once; raises Unreachable if it does not answer although its list calls it well."""
        if node.name not in self.seen:
            self.seen[node.name] = await self._asked(node)
        one = self.seen[node.name]
        # Two lists may name one address, and mean two nodes.
        doubt = _doubt(node, one.facts["info"]) if one.facts["info"] and not one.unknown else ""
        return unknown(node.name, doubt, one.facts) if doubt else one

    async def _asked(self, node: Node) -> Subject:
        if node.unasked:
            return down(node) if node.failed else unknown(node.name, node.unasked)
        try:
            async with self.node(node.host, node.port) as client:
                return await answers(self, client, node, await info_of(client, node.name))
        except Unreachable as error:
            if node.failed:
                return down(node)
            raise Unreachable(_elsewhere(error, node), retryable=error.retryable) from error


def _elsewhere(error: Unreachable, node: Node) -> str:
    """Return the reason, with the remedy for an address that leads nowhere from this machine."""
    fix = (
        f"if this machine reaches it by another address, map '{node.name}' in the environment's 'addresses:'"
    )
    return f"{error.reason} ({node.listed_by} lists it; {fix})" if node.listed_by else error.reason


def unknown(name: str, reason: str, facts: dict[str, Any] | None = None) -> Subject:
    """Return a node of which nothing is known, for a reason."""
    return Subject(name=name, facts=facts or _NOTHING, unknown=dict.fromkeys(_NOTHING, reason))


def down(node: Node) -> Subject:
    """Return a node that its own cluster calls down, and that does not answer: an observation."""
    rest = {name: "the node does not answer" for name in _NOTHING if name != "ping"}
    return Subject(name=node.name, facts={**_NOTHING, "ping": "FAILED"}, unknown=rest)


async def answers(asker: Asker, client: Any, node: Node, info: dict[str, Any]) -> Subject:
    """Query a node over an open connection, and compare what it says of itself with its list."""
    cluster = await _cluster(client) if asker.params.cluster else {}
    facts = {
        "ping": await _ping(client),
        "info": info,
        "cluster": cluster,
        "config": await _config(asker, client),
    }
    doubt = _doubt(node, info)
    if doubt:
        return unknown(node.name, doubt, facts)
    reasons = _gaps(asker.params, node.name, facts)
    return Subject(name=node.name, facts=facts, unknown={fact: why for fact, why in reasons.items() if why})


def _gaps(params: RedisInfoParams, where: str, facts: dict[str, Any]) -> dict[str, str]:
    """Return why parts of an answer say nothing: not given, or not what the item takes them for."""
    whole = not params.cluster or facts["cluster"].keys() & {"cluster_state", "cluster_enabled"}
    waiting = not_online(facts["info"]) if any(_COUNTS.search(path) for path in params.expect) else []
    unset = [
        name for name in params.config if not any(fnmatchcase(one, name.lower()) for one in facts["config"])
    ]
    return {
        "cluster": "" if whole else f"{where} does not answer CLUSTER INFO",
        "info": f"{where} counts replicas that are not in sync yet: {', '.join(waiting)}" if waiting else "",
        "config": f"{where} does not tell its setting {unset[0]}" if unset else "",
    }


def _doubt(node: Node, info: dict[str, Any]) -> str:
    """Return why it is not certain that the node itself has answered; empty if it is."""
    role = role_of(info)
    if role is None:
        return f"INFO states no role that is known: {info.get('role')!r}"
    if node.role is not None and role is not node.role:
        return (
            f"is listed as {node.role} and answers as {role}: its role changed, or another node answers there"
        )
    if node.suspected:
        return f"answers here, but {node.listed_by} does not reach it"
    return "answers, but is called down by its own cluster or sentinel" if node.failed else ""


async def info_of(client: Any, where: str) -> dict[str, Any]:
    """Ask INFO; raises Inconclusive if the answer is none."""
    try:
        return dict(await client.info())
    except (AttributeError, TypeError, ValueError) as error:
        message = f"{where} answers INFO with something else"
        raise Inconclusive(message) from error


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
        told = await client.execute_command("CLUSTER", "INFO")
    except ResponseError as error:
        if "cluster support disabled" in str(error):
            return {"cluster_enabled": 0}
        raise
    pairs = [line.split(":", 1) for line in str(told).splitlines() if ":" in line]
    return {name: int(value) if value.isdecimal() else value for name, value in pairs}


async def _config(asker: Asker, client: Any) -> dict[str, Any]:
    """Read settings; raises Inconclusive if CONFIG is forbidden, as on managed Redis."""
    settings: dict[str, Any] = {}
    for name in asker.params.config:
        try:
            settings |= await client.config_get(name)
        except ResponseError as error:
            raise _forbidden(asker, error) from error
    secret = [name for name in settings if any(word in name for word in _HIDDEN_SETTINGS)]
    return {**settings, **{name: "***" if settings[name] else "" for name in secret}}


def _forbidden(asker: Asker, error: Exception) -> Inconclusive:
    return Inconclusive(
        f"connection '{asker.connection.conn_id}' may not ask CONFIG ({error}); "
        "managed Redis forbids it: expect a field of 'info' instead of 'config'"
    )


def _options(asker: Asker, host: str, port: int, *, sentinel: bool) -> dict[str, Any]:
    connection, extra = asker.connection, asker.connection.extra
    address = asker.ctx.environment.address_of(host, port)
    options: dict[str, Any] = {
        "host": address[0],
        "port": address[1],
        "username": (connection.login or None) if not sentinel else None,
        "password": (connection.password or None) if not sentinel else extra.get("sentinel_password"),
        "socket_connect_timeout": asker.patience,
        "socket_timeout": asker.patience,
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
