"""HTTP sessions that cannot reach link-local and cloud metadata addresses."""

from __future__ import annotations

import ipaddress
import socket

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from launch_pipeline.errors import Inconclusive

AGENT = "launch-check"
"""User-Agent, so that operators can tell our bursts from their users."""


_METADATA = ipaddress.ip_address("fd00:ec2::254")


def refused_address(text: str) -> bool:
    """Return whether an address is link-local or a cloud's metadata service."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_link_local or mapped == _METADATA)


def _refused(host: str) -> Inconclusive:
    message = f"{host} is a link-local or metadata address, which checks may not reach"
    return Inconclusive(f"{message}, unless the environment has 'allow_link_local: true'")


class GuardedResolver(AbstractResolver):
    """System resolver that refuses link-local and metadata addresses."""

    def __init__(self) -> None:
        self._system = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Resolve a name; raises Inconclusive if it resolves to a refused address."""
        found = await self._system.resolve(host, port, family)
        for answer in found:
            if refused_address(answer["host"]):
                raise _refused(host)
        return found

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""


def new_session(*, guarded: bool = True) -> aiohttp.ClientSession:
    """Create a session without cookies, proxies of the environment, and connection limits."""
    resolver = GuardedResolver() if guarded else ThreadedResolver()
    connector = aiohttp.TCPConnector(limit=0, resolver=resolver, ttl_dns_cache=10)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=None)
    session = aiohttp.ClientSession(
        connector=connector,
        timeout=timeout,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        headers={"User-Agent": AGENT},
    )
    # aiohttp would retry requests without a response, PUT and DELETE too; the check knows when that is safe.
    session._retry_connection = False  # noqa: SLF001  (a test holds it)
    return session
