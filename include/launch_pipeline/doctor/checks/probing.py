"""Probe every connection once: whether the server answers, and whether it accepts our credentials.

A probe opens a TCP connection. If the server offers a cheap read that needs credentials, the probe does that
read as well.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from launch_pipeline.checklist.model import CheckSpec
from launch_pipeline.checks.engine.registry import kind, observer
from launch_pipeline.checks.engine.run import run_check
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.errors import ConfigurationError, Inconclusive, NotConnected
from launch_pipeline.slack.scopes import CHECK_SCOPES
from launch_pipeline.slack.token_info import TokenInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from launch_pipeline.checks.engine.context import CheckContext, ConnectionInfo
    from launch_pipeline.checks.verdict import CheckResult

SECONDS = 3.0
"""Timeout of each TCP connection and each read."""
_PORTS = {"postgres": 5432, "postgresql": 5432, "redis": 6379, "rediss": 6379}
_REFUSED = {401, 403}
_FULL = "accepts no connections now"
"""The check's words for a PostgreSQL without a free connection."""
_SEES_CHANNELS = "channels:read"
"""Without this scope no check of Slack works."""


@dataclass(frozen=True)
class Probe:
    """The result of one probe. None means not asked, or unknown."""

    configured: bool
    reachable: bool | None = None
    permitted: bool | None = None
    says: str = ""
    unreadable: bool = False
    """Whether it is configured in a form that cannot be read."""

    @property
    def wrong(self) -> bool:
        """Whether it is configured and does not work."""
        return self.unreadable or (self.configured and False in {self.reachable, self.permitted})


def _read_by(kind_name: str, **params: Any) -> Callable[[str], dict[str, Any]]:
    return lambda conn_id: {kind_name: {"conn_id": conn_id, "timeout": f"{SECONDS:g}s", **params}}


def _http(path: str, **params: Any) -> Callable[[str], dict[str, Any]]:
    return _read_by("http_request", path=path, **params)


READS: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "postgres_query": _read_by("postgres_query", sql="SELECT 1"),
    "prometheus_query": _read_by("prometheus_query", query="vector(1)"),
    "redis_info": _read_by("redis_info"),
    "log_query": _http("/loki/api/v1/labels"),
    "alertmanager_alerts": _http("/api/v2/status"),
    "grafana_dashboard": _http("/api/org"),
    "oncall_schedule": _http(
        "/oncalls", query={"limit": "1"}, headers={"Accept": "application/vnd.pagerduty+json;version=2"}
    ),
    "aws_resource": _read_by(
        "aws_resource", service="sts", operation="get_caller_identity", expect={"Account": "exists"}
    ),
    "kubernetes_resource": _read_by("kubernetes_resource", kind="Service", min_count=0, ready=False),
}
"""A cheap read by kind of check. Kinds without one cannot tell whether credentials are accepted."""


def read_of(conn_id: str, kinds: Sequence[str], connection: ConnectionInfo) -> CheckSpec | None:
    """Return the read that shows whether our credentials are accepted, None if there is no cheap one."""
    if connection.schema == "pgbouncer":
        return CheckSpec.model_validate({"postgres_query": {"conn_id": conn_id, "sql": "SHOW VERSION"}})
    if conn_id == "github":
        return CheckSpec.model_validate(_http("/rate_limit")(conn_id))
    found = next((READS[name] for name in kinds if name in READS), None)
    return CheckSpec.model_validate(found(conn_id)) if found else None


async def probe_all(kinds: Mapping[str, Sequence[str]], ctx: CheckContext) -> dict[str, Probe]:
    """Probe every connection concurrently; takes at most about 6 s once code is loaded."""
    found = await asyncio.gather(*(_probe(conn_id, names, ctx) for conn_id, names in kinds.items()))
    return dict(zip(kinds, found, strict=True))


async def _probe(conn_id: str, kinds: Sequence[str], ctx: CheckContext) -> Probe:
    try:
        connection = await ctx.connection(conn_id)
    except (ConfigurationError, Inconclusive) as error:
        return Probe(
            configured=not isinstance(error, NotConnected),
            unreadable=isinstance(error, ConfigurationError),
            says=str(error),
        )
    try:
        reachable = await _answers(connection, ctx)
    except Inconclusive as error:
        return Probe(configured=True, reachable=False, says=str(error))
    if "slack_channel" in kinds:
        return await _slack(conn_id, ctx, reachable)
    spec = read_of(conn_id, kinds, connection)
    if spec is None:
        return Probe(configured=True, reachable=reachable)
    return await _read(spec, ctx, reachable)


async def _read(spec: CheckSpec, ctx: CheckContext, reachable: bool | None) -> Probe:
    # Before the timeout starts: loading an observer can take longer than the answer.
    await asyncio.to_thread(observer, kind(spec.kind))
    try:
        async with asyncio.timeout(SECONDS):
            result = await run_check(spec, ctx)
    except TimeoutError:
        # Without a known address this read was the only probe.
        says = f"{spec.kind}: no answer within {SECONDS:g}s"
        return Probe(configured=True, reachable=bool(reachable), says=says)
    permitted = _permitted(result)
    if permitted is not None or _FULL in result.headline:
        # A server that accepts or refuses us is reachable.
        reachable = True
    elif "did not answer" in result.headline:
        reachable = False
    return Probe(
        configured=True,
        reachable=reachable,
        permitted=permitted,
        says="" if result.verdict is Verdict.PASSED else result.headline,
    )


async def _slack(conn_id: str, ctx: CheckContext, reachable: bool | None) -> Probe:
    """Call ``auth.test``, which needs no scope, and compare the token's scopes."""
    from launch_pipeline.checks.clients.slack import slack  # noqa: PLC0415  (loads aiohttp)

    try:
        async with asyncio.timeout(SECONDS), slack(ctx, conn_id) as api:
            told = await api.told("auth.test")
    except TimeoutError:
        return Probe(configured=True, reachable=reachable, says=f"no answer within {SECONDS:g}s")
    except Inconclusive as error:
        permitted = False if str(error).startswith("credentials:") else None
        return Probe(configured=True, reachable=reachable, permitted=permitted, says=str(error))
    who = TokenInfo.read(told, told["scopes"])
    lacks = who.missing(CHECK_SCOPES) if who.scopes else ()
    says = f"the token lacks the scope {' and '.join(lacks)}" if lacks else ""
    return Probe(configured=True, reachable=True, permitted=_SEES_CHANNELS not in lacks, says=says)


def _permitted(result: CheckResult) -> bool | None:
    if result.verdict is Verdict.PASSED:
        return True
    if result.kind == "http_request":
        # Any other status may come from another page than the one we meant.
        refused = any(f.expression == "status" and f.actual in _REFUSED for f in result.findings)
        return False if refused or result.headline.startswith("credentials:") else None
    if result.verdict is Verdict.FAILED:
        # The server is not well, but it answered us.
        return True
    return False if result.headline.startswith("credentials:") else None


async def _answers(connection: ConnectionInfo, ctx: CheckContext) -> bool | None:
    """Return whether a server listens, None without a host. Raises Inconclusive if none does."""
    folder = str(connection.extra.get("path") or "")
    if folder or connection.host.startswith("/"):
        path = folder or connection.host
        if not await asyncio.to_thread(Path(path).exists):
            raise Inconclusive(f"{path} does not exist on this machine")
        return True
    targets = list(addresses(connection))
    if not targets:
        return None
    tried = await asyncio.gather(*(_connects(ctx, host, port) for host, port in targets))
    if "" not in tried:
        raise Inconclusive("; ".join(tried))
    return True


def addresses(connection: ConnectionInfo) -> list[tuple[str, int]]:
    """Return host and port of a connection: several for a Redis cluster, none if it names no host.

    Raises Inconclusive for an invalid address.
    """
    extra = connection.extra
    url = next((str(extra[n]) for n in ("endpoint_url", "base_url", "url") if extra.get(n)), "")
    if not url and connection.scheme in _PORTS:
        hosts = [part.strip() for part in connection.host.split(",") if part.strip()]
        return [_split(host, connection.port or _PORTS[connection.scheme]) for host in hosts]
    if not url and not connection.host:
        return []
    try:
        parts = urlsplit(url or connection.base_url)
        port = parts.port or (80 if parts.scheme == "http" else 443)
    except ValueError as error:
        raise Inconclusive(f"connection '{connection.conn_id}' names no address: {error}") from error
    return [(parts.hostname or "", port)]


def _split(text: str, port: int) -> tuple[str, int]:
    host, colon, own = text.rpartition(":")
    return (host, int(own)) if colon and own.isdecimal() and text.count(":") == 1 else (text, port)


async def _connects(ctx: CheckContext, host: str, port: int) -> str:
    """Return an empty string if a server listens, else why not."""
    from launch_pipeline.checks.engine.address_guard import refused_address  # noqa: PLC0415  (loads aiohttp)

    address = ctx.environment.address_of(host, port)
    if refused_address(host) or refused_address(address[0]):
        return f"{host} is a link-local or metadata address; checks never connect to it"
    try:
        async with asyncio.timeout(SECONDS):
            _, writer = await asyncio.open_connection(*address)
    except TimeoutError:
        return f"{host}:{port} does not answer within {SECONDS:g}s"
    except OSError as error:
        return f"{host}:{port} cannot be reached: {error.strerror or error}"
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return ""
