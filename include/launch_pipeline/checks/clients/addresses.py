"""Every address behind a name, and those that this machine cannot try.

**Decision: all addresses of a name are looked at; a family without a route is named, not judged.**

* A name with several addresses sends some users to each of them, so each must hold on its own.
* An address that does not answer is unknown, so the check is inconclusive, never green.
* A machine without IPv6 can say nothing of a name's IPv6 addresses. If that made a check inconclusive, none
  could pass for a product behind a dual-stack edge. So the addresses of a family without a route are left
  out where another family was tried; the headline of a pass names them, and the evidence lists them as
  ``not_looked_at``.
* A claim that nothing is there (a port that must not be open) needs every address: there it is unknown.
* Where no address can be tried at all, the check is inconclusive.

Only the kernel's own word counts as "no route": it refuses at once, before a packet is sent. "No route to
host" may as well be the answer of a firewall or of a router on the way, so that address is unknown.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from launch_pipeline.checks.clients.http import refuse
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from launch_pipeline.checks.engine.context import CheckContext

_V6 = 6
_NO_ROUTE = {errno.ENETUNREACH, errno.EAFNOSUPPORT}
_UNKNOWN_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


async def addresses_of(ctx: CheckContext, host: str, port: int) -> tuple[str, ...]:
    """Return every address of a name, or the one that the environment maps it to.

    Raises gaierror for a name that does not resolve, Inconclusive for a link-local or metadata address and
    for what is no name.
    """
    target, number = ctx.environment.address_of(host, port)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(target, number, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        message = f"'{target}' is not a host name: {error}"
        raise Inconclusive(message) from error
    addresses = tuple(dict.fromkeys(str(one[4][0]) for one in found))
    refuse(ctx, *addresses)
    return addresses


def does_not_exist(error: socket.gaierror) -> bool:
    """Return whether a name has no address; anything else is a fault of the resolver, so it is unknown."""
    return error.errno in _UNKNOWN_NAME


def no_route(error: BaseException, address: str) -> bool:
    """Return whether this machine has no route for the family of an address."""
    code = error.errno if isinstance(error, OSError) else None
    # Without a global IPv6 address of its own the kernel has none to send from.
    return code in _NO_ROUTE or (code == errno.EADDRNOTAVAIL and _version(address) == _V6)


def not_looked_at(routeless: Mapping[str, bool]) -> tuple[str, ...]:
    """Return the addresses of families without a route; none if no family has one."""
    versions = {_version(address) for address in routeless}
    lost = {
        version
        for version in versions
        if all(gone for address, gone in routeless.items() if _version(address) == version)
    }
    return () if lost == versions else tuple(one for one in routeless if _version(one) in lost)


def _version(address: str) -> int:
    with suppress(ValueError):
        return ipaddress.ip_address(address.partition("%")[0]).version
    return 0


def authority(targets: Iterable[str], skipped: Mapping[str, Iterable[str]]) -> str:
    """Return the targets as evidence names them, with the addresses that were not looked at."""
    gone = {text: f" (no route from here to {', '.join(skipped[text])})" for text in skipped}
    return ", ".join(f"{text}{gone.get(text, '')}" for text in targets)[:500]


def left_out(skipped: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Return the addresses that were not looked at, each once."""
    return tuple(dict.fromkeys(address for gone in skipped.values() for address in gone))


def named(text: str, address: str, addresses: tuple[str, ...]) -> str:
    """Return the name of a subject: the target as written, with the address if it has several."""
    return text if len(addresses) == 1 else f"{text} at {address}"
