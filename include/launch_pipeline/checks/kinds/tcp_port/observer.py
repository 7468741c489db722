"""Observes ``tcp_port``: one connection to every address of every target."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from launch_pipeline.checks.clients.addresses import (
    addresses_of,
    authority,
    does_not_exist,
    left_out,
    named,
    no_route,
    not_looked_at,
)
from launch_pipeline.checks.clients.http import spoken
from launch_pipeline.checks.clients.targets import moved, split_target
from launch_pipeline.checks.clients.together import together
from launch_pipeline.checks.verdict import Observation, Subject

if TYPE_CHECKING:
    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.tcp_port.definition import TcpPortParams

_SHARE = 0.8
"""Share of the time-out for one port, so that silence is an observation, not a time-out."""


class State(StrEnum):
    """What a connection says about a port."""

    OPEN = "open"
    REFUSED = "refused"
    FILTERED = "filtered"
    UNREACHABLE = "unreachable"
    UNRESOLVED = "unresolved"


@dataclass(frozen=True)
class _Tried:
    """The state of a port, and why it is unknown."""

    state: State
    unknown: str = ""
    routeless: bool = False

    def subject(self, name: str) -> Subject:
        unknown = {"state": self.unknown} if self.unknown else {}
        return Subject(name=name, facts={"state": self.state.value}, unknown=unknown)


async def observe(params: TcpPortParams, ctx: CheckContext) -> Observation:
    """Try every address of every target; raises Inconclusive for an invalid target.

    A probe that this machine could not make (no route, no free descriptor, a ban of its own) says nothing
    about the port. Addresses without a route are left out of a claim that a port is open, as
    :mod:`launch_pipeline.checks.clients.addresses` explains, and listed.
    """
    targets = {text: split_target(text) for text in params.targets}
    tried = await together(_target(params, ctx, text, *place) for text, place in targets.items())
    subjects = tuple(subject for found, _ in tried for subject in found)
    skipped = {text: list(gone) for text, (_, gone) in zip(targets, tried, strict=True) if gone}
    # Meaningless unless the check runs on the right side of the firewall.
    summary = {
        "states": {one.name: one.facts["state"] for one in subjects},
        "seen_from": socket.gethostname(),
        **moved(ctx, targets.values()),
        **({"not_looked_at": skipped} if skipped else {}),
    }
    return Observation(
        subjects=subjects,
        authority=authority(targets, skipped),
        summary=summary,
        not_looked_at=left_out(skipped),
    )


async def _target(
    params: TcpPortParams, ctx: CheckContext, text: str, host: str, port: int
) -> tuple[list[Subject], tuple[str, ...]]:
    """Return the state of each address, and the addresses that are left out."""
    try:
        addresses = await addresses_of(ctx, host, port)
    except socket.gaierror as error:
        reason = "" if does_not_exist(error) else f"the name cannot be looked up: {spoken(error)}"
        return [_Tried(State.UNRESOLVED, reason).subject(text)], ()
    number = ctx.environment.address_of(host, port)[1]
    patience = params.timeout.total_seconds() * _SHARE
    tried = await together(_limited(ctx, one, number, patience) for one in addresses)
    found = dict(zip(addresses, tried, strict=True))
    wants_open = params.state == "open" and "state" not in params.expect
    skipped = not_looked_at({one: found[one].routeless for one in found}) if wants_open else ()
    kept = [one for one in addresses if one not in skipped]
    return [found[one].subject(named(text, one, addresses)) for one in kept], skipped


async def _limited(ctx: CheckContext, address: str, port: int, patience: float) -> _Tried:
    async with ctx.clients.limit(f"{address}:{port}"):
        return await _tried(address, port, patience)


async def _tried(address: str, port: int, patience: float) -> _Tried:
    try:
        async with asyncio.timeout(patience):
            _, writer = await asyncio.open_connection(address, port)
    except TimeoutError:
        return _Tried(State.FILTERED)
    except ConnectionRefusedError:
        return _Tried(State.REFUSED)
    except OSError as error:
        reason = f"could not be tried from here: {spoken(error)}"
        return _Tried(State.UNREACHABLE, reason, no_route(error, address))
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return _Tried(State.OPEN)
