"""Run checks in a test: an event loop of its own, connections from a mapping."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from launch_pipeline.checklist.model import CheckSpec
from launch_pipeline.checks.engine.client_pool import close_clients
from launch_pipeline.checks.engine.context import CheckContext, ConnectionInfo, Environment
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.checks.language.expect import shown
from launch_pipeline.errors import NotConnected

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

    from launch_pipeline.checks.verdict import CheckResult, Finding

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


def raw(result: CheckResult) -> str:
    """Return the headline, and below it the comparisons as they are written: ``p95 = 312, want < 300``.

    Tests of a kind ask which condition decided; how it is told people has tests of its own.
    """
    return "\n".join(filter(None, (result.headline, compared(result.findings))))


def compared(findings: Sequence[Finding]) -> str:
    """Write the comparisons that decided as they are written: those that do not hold, or all."""
    subjects = list(dict.fromkeys(finding.subject for finding in findings))
    wrong = [finding for finding in findings if not finding.holds]
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        name = f"{wrong[0].subject}: " if len(subjects) > 1 else ""
        return f"{name}{_wrong(wrong[0])}{more}"
    if len(subjects) > 1:
        held = dict.fromkeys(f"{finding.expression} {finding.wanted}" for finding in findings)
        return f"all {len(subjects)}: {', '.join(held)}"
    return ", ".join(_right(finding) for finding in findings)


def _wrong(finding: Finding) -> str:
    if finding.actual is None and finding.note == "missing":
        return f"{finding.expression} is missing, want {finding.wanted}"
    note = f" ({finding.note})" if finding.note else ""
    return f"{finding.expression} = {shown(finding.actual)}, want {finding.wanted}{note}"


def _right(finding: Finding) -> str:
    if finding.wanted == "absent":
        return f"{finding.expression} is absent"
    return f"{finding.expression} = {shown(finding.actual)}"
