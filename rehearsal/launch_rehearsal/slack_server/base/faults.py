"""Simulate failures of Slack's Web API, on purpose and counted."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Annotated

from aiohttp import web
from pydantic import Field

from launch_pipeline.base import Frozen

_FOR_EVER = 3600.0


class FaultKind(StrEnum):
    """What a call gets instead of an answer."""

    RATE_LIMIT = "rate_limit"
    STATUS = "status"
    DROP = "drop"
    SILENCE = "silence"
    LATE = "late"
    """Executes the call, then drops the connection: the caller cannot know."""


class Fault(Frozen):
    """A fault of the next ``times`` calls of a method, or of all methods (``*``)."""

    method: str = "*"
    kind: FaultKind
    times: Annotated[int, Field(ge=1)] = 1
    retry_after: Annotated[int, Field(ge=0)] = 1
    """Seconds of ``Retry-After`` for a rate limit."""
    status: Annotated[int, Field(ge=400, le=599)] = 503


class Faults:
    """Hold the faults that wait for a call."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Fault, int]] = []
        self.met = 0

    def add(self, fault: Fault) -> None:
        """Make the next calls fail."""
        self._waiting.append((fault, fault.times))

    def clear(self) -> None:
        """Remove every fault."""
        self._waiting.clear()

    def next_for(self, method: str) -> Fault | None:
        """Take the fault of a call, if there is one."""
        for place, (fault, left) in enumerate(self._waiting):
            if fault.method in {"*", method}:
                self._waiting[place : place + 1] = [(fault, left - 1)] if left > 1 else []
                self.met += 1
                return fault
        return None


async def meet(fault: Fault, request: web.Request) -> web.Response:
    """Answer with the fault."""
    if fault.kind is FaultKind.RATE_LIMIT:
        document = {"ok": False, "error": "ratelimited"}
        return web.json_response(document, status=429, headers={"Retry-After": str(fault.retry_after)})
    if fault.kind is FaultKind.STATUS:
        return web.Response(status=fault.status, text="Slack is having trouble")
    if fault.kind is FaultKind.SILENCE:
        await asyncio.sleep(_FOR_EVER)
    return drop(request)


def drop(request: web.Request) -> web.Response:
    """Cut the connection without an answer."""
    if isinstance(request.transport, asyncio.WriteTransport):
        request.transport.abort()
    return web.Response()
