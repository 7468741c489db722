"""Many checks in one event loop: how long it takes, and the longest time the loop was blocked.

First as many equal ones as the checklist has items, then three hundred of every kind that a loopback server
answers. Those may take one and a half times as long as the slowest of them by itself and what the network
costs: the same questions asked by the client libraries alone, under the same limits. All are medians, and
rounds of both are taken in turn, so that whatever else the machine does meets both.
"""

from __future__ import annotations

import asyncio
import ssl
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import aiohttp

from bench.bare import Bare, kinds_of
from bench.rows import Row
from launch_pipeline.checklist.model import CheckSpec
from launch_pipeline.checks.engine.client_pool import close_clients
from launch_pipeline.checks.engine.context import CheckContext, ConnectionInfo, Environment
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.checks.verdict import Verdict
from servers import postgres
from servers.crowd import COUNT as MIXED
from servers.crowd import Crowd
from servers.switches import Switches

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from launch_pipeline.checks.verdict import CheckResult

COUNT = 272
SAMPLE = 0.005
ROUNDS = 5


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
    with (
        tempfile.TemporaryDirectory(prefix="launch-bench-") as folder,
        postgres.throwaway() as database,
        Crowd(Path(folder), database, counting=False) as crowd,
    ):
        seen = asyncio.run(_measure_mixed(crowd, Path(folder)))
    what = f"{MIXED} mixed checks in one event loop"
    return [
        Row(what, seen.total, "the slowest alone + the network", seen.slowest + seen.network, 1.5),
        Row(what, seen.total, f"the slowest alone ({seen.kind})", seen.slowest),
        Row(what, seen.total, "the network: bare clients", seen.network),
        Row("longest block of that loop", seen.blocked, budget=0.2),
    ]


@dataclass(frozen=True)
class _Mixed:
    """Seconds."""

    total: float
    slowest: float
    kind: str
    """Which of them the slowest is."""
    network: float
    blocked: float


async def _measure_mixed(crowd: Crowd, folder: Path) -> _Mixed:
    context, specs = crowd.context(), crowd.specs()
    one_of_each = specs[: len(crowd.forms())]
    trusting = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        bare = Bare(crowd, session, trusting)
        # The first check of each kind imports its observer, and makes the contexts for TLS.
        await _timed(one_of_each, context)
        await bare.ask(kinds_of(one_of_each))
        alone = {spec.kind: await _median(partial(_timed, [spec], context)) for spec in one_of_each}
        networks, rounds = [], []
        for _ in range(ROUNDS):
            networks.append(await _seconds(bare.ask(kinds_of(specs))))
            rounds.append(await _watched(_timed(specs, context)))
    await close_clients()
    kind, slowest = max(alone.items(), key=itemgetter(1))
    total, blocked = (median(seen) for seen in zip(*rounds, strict=True))
    return _Mixed(total, slowest, kind, median(networks), blocked)


async def _median(measure: Callable[[], Awaitable[float]]) -> float:
    return median([await measure() for _ in range(ROUNDS)])


async def _seconds(work: Awaitable[Any]) -> float:
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


async def _timed(specs: Sequence[CheckSpec], context: CheckContext) -> float:
    """Seconds until all have passed."""
    began = time.perf_counter()
    results = await asyncio.gather(*(run_checks([spec], context) for spec in specs))
    total = time.perf_counter() - began
    _all_passed([result for (result,) in results])
    return total


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
    seen = await _watched(_timed([spec] * COUNT, context))
    await close_clients()
    return seen


async def _watched(work: Awaitable[float]) -> tuple[float, float]:
    """Give what the work gives, and the longest time that it let nobody else into the loop, in seconds."""
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.perf_counter()
            await asyncio.sleep(SAMPLE)
            longest = max(longest, time.perf_counter() - before - SAMPLE)

    watching = asyncio.ensure_future(watch())
    total = await work
    watching.cancel()
    return total, longest
