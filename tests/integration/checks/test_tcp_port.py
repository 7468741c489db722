"""``tcp_port``: every address of a name, and probes that this machine could not make."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import asyncio
import os
import resource
import socket
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.checks.verdict import CheckResult, Verdict
from servers.checking import check, context, raw, run
from servers.programs import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

pytestmark = pytest.mark.integration
P, F, Q = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
NO_ROUTE = "ff0e::1"
"""An address that the kernel has no route for, on any machine: TCP does not go to a multicast address."""


def resolving(monkeypatch: pytest.MonkeyPatch, addresses: Sequence[str]) -> None:
    """Let ``shop.test`` have these addresses; without any, the resolver does not answer."""
    real = socket.getaddrinfo

    def resolved(host: Any, *arguments: Any, **options: Any) -> Any:
        if host != "shop.test":
            return real(host, *arguments, **options)
        if not addresses:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [entry for one in addresses for entry in real(one, *arguments, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)


async def tried(port: int, listening: Sequence[str], **params: Any) -> CheckResult:
    """Check ``shop.test``, with a listener at some of its addresses."""
    async with AsyncExitStack() as stack:
        for address in listening:
            server = await asyncio.start_server(lambda _r, w: w.close(), address, port)
            await stack.enter_async_context(server)
        return await check(context(), "tcp_port", targets=[f"shop.test:{port}"], **params)


NAMES: dict[str, tuple[list[str], list[str], str, Verdict, str]] = {
    "all are open": (["127.0.0.1", "127.0.0.2", "::1"], [], "open", P, "all 3"),
    "one is not open": (["127.0.0.1"], ["127.0.0.2"], "open", F, "at 127.0.0.2: state = refused"),
    "one is open that must not be": (["127.0.0.2"], ["127.0.0.1"], "not_open", F, "at 127.0.0.2: state = open"),
    "none is open": ([], ["127.0.0.1", "127.0.0.2"], "not_open", P, "all 2"),
    "open, without a route to IPv6": (["127.0.0.1"], [NO_ROUTE], "open", P, "all 1"),
    "not open, without a route to IPv6": ([], ["127.0.0.1", NO_ROUTE], "not_open", Q, "Network is unreachable"),
    "without a route to the only address": ([], [NO_ROUTE], "not_open", Q, "Network is unreachable"),
    "nothing to connect to": ([], [NO_ROUTE], "open", Q, "Network is unreachable"),
    "the metadata service": ([], ["169.254.169.254"], "not_open", Q, "link-local"),
    "the resolver does not answer": ([], [], "not_open", Q, "Temporary failure in name resolution"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("listening", "others", "state", "verdict", "headline"), NAMES.values(), ids=NAMES.keys()
)
def test_every_address(
    monkeypatch: pytest.MonkeyPatch,
    listening: list[str],
    others: list[str],
    state: str,
    verdict: Verdict,
    headline: str,
) -> None:
    """Each address counts, and one that could not be tried is neither open nor closed."""
    resolving(monkeypatch, [*listening, *others])
    result = run(tried(free_ports(1)[0], listening, state=state))
    shown = headline if headline != "all 1" else "state = open"
    assert (result.verdict, shown in raw(result)) == (verdict, True), result.headline
    assert ("not_looked_at" in result.observed) is (headline == "all 1")
    assert (f"(no route from here to {NO_ROUTE})" in result.authority) is (headline == "all 1")
    assert (f"(not looked at from here: {NO_ROUTE})" in result.headline) is (headline == "all 1")


def test_a_wish_in_expect_needs_every_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """That a port is not open may be written in ``expect``; an address without a route is unknown there too."""
    resolving(monkeypatch, ["127.0.0.1", NO_ROUTE])
    result = run(tried(free_ports(1)[0], [], expect={"state": "in ['refused', 'filtered']"}))
    assert result.verdict is Q, result.headline


@contextmanager
def no_descriptor() -> Iterator[None]:
    """Let this process open no further descriptor."""
    before, taken = resource.getrlimit(resource.RLIMIT_NOFILE), [os.dup(0)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken[0] + 20, before[1]))
    try:
        with suppress(OSError):
            while True:
                taken.append(os.dup(0))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for one in taken:
            os.close(one)


@pytest.mark.parametrize("state", ["open", "not_open"])
def test_own_fault(state: str) -> None:
    """A machine that has no descriptor left has tried no port."""

    async def ask() -> CheckResult:
        await check(context(), "tcp_port", targets=["127.0.0.1:1"])
        with no_descriptor():
            return await check(context(), "tcp_port", targets=["127.0.0.1:1"], state=state)

    result = run(ask())
    assert (result.verdict, "Too many open files" in raw(result)) == (Q, True), result.headline
