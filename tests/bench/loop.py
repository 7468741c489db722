"""Many checks in one event loop: how long it takes, and the longest time the loop was blocked.

First as many equal ones as the checklist has items, then three hundred of every kind that a loopback server
answers. Those are compared with the slowest one of them, its waiting for a socket included, and for
information with the slowest of their kinds alone.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from bench.rows import Row
from launch_pipeline.checklist.model import CheckSpec
from launch_pipeline.checks.clients import close_clients
from launch_pipeline.checks.context import CheckContext, ConnectionInfo, Environment
from launch_pipeline.checks.run import run_checks
from launch_pipeline.checks.verdict import Verdict
from servers.crowd import COUNT as MIXED
from servers.crowd import Crowd
from servers.switches import Switches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch_pipeline.checks.verdict import CheckResult

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
        *_mixed(),
    ]


def _mixed() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="launch-bench-") as folder, Crowd(Path(folder)) as crowd:
        total, slowest, kind_alone, blocked = asyncio.run(_measure_mixed(crowd))
    return [
        Row(f"{MIXED} mixed checks in one event loop", total, "the slowest of them", slowest, 1.5),
        Row(f"{MIXED} mixed checks in one event loop", total, "the slowest kind alone", kind_alone),
        Row("longest block of that loop", blocked, budget=0.2),
    ]


async def _measure_mixed(crowd: Crowd) -> tuple[float, float, float, float]:
    context, specs = crowd.context(), crowd.specs()
    # The first check of each kind imports its observer, and makes the contexts for TLS.
    await _timed(specs[: len(crowd.forms())], context)
    by_kind = groupby(sorted(specs, key=lambda spec: spec.kind), key=lambda spec: spec.kind)
    kind_alone = max([(await _timed(list(same), context))[0] for _, same in by_kind])
    _LONGEST[0] = 0.0
    watch = asyncio.ensure_future(_longest_block())
    total, slowest = await _timed(specs, context)
    watch.cancel()
    await close_clients()
    return total, slowest, kind_alone, _LONGEST[0]


async def _timed(specs: Sequence[CheckSpec], context: CheckContext) -> tuple[float, float]:
    """Seconds of all, and of the slowest of them."""
    began = time.perf_counter()
    results = await asyncio.gather(*(run_checks([spec], context) for spec in specs))
    total = time.perf_counter() - began
    _all_passed([result for (result,) in results])
    return total, max(result.duration_ms for (result,) in results) / 1000


def _all_passed(results: Sequence[CheckResult]) -> None:
    wrong = [
        f"{result.kind}: {result.headline}" for result in results if result.verdict is not Verdict.PASSED
    ]
    if wrong:
        raise RuntimeError(f"{len(wrong)} checks did not pass: {wrong[0]}")


async def _measure(port: int) -> tuple[float, float]:
    connection = ConnectionInfo(conn_id="api", scheme="http", host="127.0.0.1", port=port)

    async def connect(_conn_id: str) -> ConnectionInfo:
        return connection

    context = CheckContext(environment=Environment(name="bench"), connect=connect)
    spec = CheckSpec.model_validate({"http_request": {"conn_id": "api", "path": "/health"}})
    # The first check imports its observer; the triggerer has done so long before.
    await run_checks([spec], context)
    watch = asyncio.ensure_future(_longest_block())
    total, _ = await _timed([spec] * COUNT, context)
    watch.cancel()
    await close_clients()
    return total, _LONGEST[0]


_LONGEST = [0.0]


async def _longest_block() -> None:
    while True:
        before = time.perf_counter()
        await asyncio.sleep(SAMPLE)
        _LONGEST[0] = max(_LONGEST[0], time.perf_counter() - before - SAMPLE)
