"""Run checks in a test: an event loop of its own, connections from a mapping."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from launch_pipeline.checklist.model import CheckSpec
from launch_pipeline.checks.engine.client_pool import close_clients
from launch_pipeline.checks.engine.context import CheckContext, ConnectionInfo, Environment
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.errors import NotConnected

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from launch_pipeline.checks.verdict import CheckResult

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a loop of its own and close that loop's clients."""

    async def closing() -> T:
        try:
            return await coroutine
        finally:
            await close_clients()

    return asyncio.run(closing())


async def no_sleep(_seconds: float) -> None:
    """Let time-outs between attempts pass at once."""
    await asyncio.sleep(0)


def context(
    connections: Mapping[str, ConnectionInfo] | None = None, *, sleep: Any = no_sleep, **environment: Any
) -> CheckContext:
    """Make a context of an environment and its connections by id."""

    async def connect(conn_id: str) -> ConnectionInfo:
        if conn_id not in (connections or {}):
            raise NotConnected(f"not connected: {conn_id}")
        return (connections or {})[conn_id]

    return CheckContext(Environment(**{"name": "test", **environment}), connect, sleep=sleep)


async def check(ctx: CheckContext, kind: str, /, **params: Any) -> CheckResult:
    """Run one check."""
    (result,) = await run_checks([CheckSpec.model_validate({kind: params})], ctx)
    return result
