"""Observes ``tcp_port``."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from launch_pipeline.checks.clients.http import refuse_named
from launch_pipeline.checks.clients.targets import moved, split_target
from launch_pipeline.checks.verdict import Observation, Subject

if TYPE_CHECKING:
    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.tcp_port.definition import TcpPortParams

_SHARE = 0.8
"""Share of the time-out for one port, so that silence is an observation, not a time-out."""


async def observe(params: TcpPortParams, ctx: CheckContext) -> Observation:
    """Try every port at the same time; raises Inconclusive for an invalid target."""
    targets = {text: split_target(text) for text in params.targets}
    patience = params.timeout.total_seconds() * _SHARE
    states = await asyncio.gather(*(_state(ctx, host, port, patience) for host, port in targets.values()))
    found = dict(zip(targets, states, strict=True))
    subjects = tuple(Subject(name=name, facts={"state": state}) for name, state in found.items())
    # Meaningless unless the check runs on the right side of the firewall.
    summary = {"states": found, "seen_from": socket.gethostname(), **moved(ctx, targets.values())}
    return Observation(subjects=subjects, authority=", ".join(targets)[:500], summary=summary)


async def _state(ctx: CheckContext, host: str, port: int, patience: float) -> str:
    address = ctx.environment.address_of(host, port)
    await refuse_named(ctx, address[0])
    async with ctx.clients.limit(f"{host}:{port}"):
        return await _tried(*address, patience)


async def _tried(host: str, port: int, patience: float) -> str:
    try:
        async with asyncio.timeout(patience):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        return "filtered"
    except ConnectionRefusedError:
        return "refused"
    except socket.gaierror:
        return "unresolved"
    except OSError as error:
        # asyncio joins the errors of several addresses into one text.
        return "refused" if "Multiple exceptions" in str(error) and "111" in str(error) else "unreachable"
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return "open"
