"""Many checks in one event loop: how long it takes, and the longest time the loop was blocked."""

from __future__ import annotations

import asyncio
import time

from bench.rows import Row
from launch_pipeline.checklist.model import CheckSpec
from launch_pipeline.checks.clients import close_clients
from launch_pipeline.checks.context import CheckContext, ConnectionInfo, Environment
from launch_pipeline.checks.run import run_checks
from launch_pipeline.checks.verdict import Verdict
from servers.switches import Switches

COUNT = 272
SAMPLE = 0.005


def measure_loop() -> list[Row]:
    """Run 272 HTTP checks at once, as a triggerer would."""
    with Switches() as switches:
        switches.on("/health")
        total, blocked = asyncio.run(_measure(switches.port))
    return [
        Row(f"{COUNT} checks in one event loop", total),
        Row("longest block of that loop", blocked, budget=0.2),
    ]


async def _measure(port: int) -> tuple[float, float]:
    connection = ConnectionInfo(conn_id="api", scheme="http", host="127.0.0.1", port=port)

    async def connect(_conn_id: str) -> ConnectionInfo:
        return connection

    context = CheckContext(environment=Environment(name="bench"), connect=connect)
    spec = CheckSpec.model_validate({"http_request": {"conn_id": "api", "path": "/health"}})
    # The first check imports its observer; the triggerer has done so long before.
    await run_checks([spec], context)
    watch = asyncio.ensure_future(_longest_block())
    began = time.perf_counter()
    results = await asyncio.gather(*(run_checks([spec], context) for _ in range(COUNT)))
    total = time.perf_counter() - began
    watch.cancel()
    await close_clients()
    wrong = [result.headline for (result,) in results if result.verdict is not Verdict.PASSED]
    if wrong:
        raise RuntimeError(f"{len(wrong)} checks did not pass: {wrong[0]}")
    return total, _LONGEST[0]


_LONGEST = [0.0]


async def _longest_block() -> None:
    while True:
        before = time.perf_counter()
        await asyncio.sleep(SAMPLE)
        _LONGEST[0] = max(_LONGEST[0], time.perf_counter() - before - SAMPLE)
