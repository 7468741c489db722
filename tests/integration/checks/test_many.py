"""Three hundred checks of many kinds in one event loop, as in a triggerer."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.checks.engine.client_pool import PER_AUTHORITY
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.checks.verdict import Verdict
from servers.checking import run
from servers.crowd import COUNT, Crowd, sockets

if TYPE_CHECKING:
    from pathlib import Path

    from launch_pipeline.checks.verdict import CheckResult

pytestmark = pytest.mark.integration


def test_many_checks_are_right_and_hold_few_sockets(tmp_path: Path, pg_server: str) -> None:
    """All pass at once, each on its own evidence; no server has more sockets than checks may ask it."""
    before = sockets()[0]  # of servers that other tests keep
    with Crowd(tmp_path, pg_server) as crowd:
        specs, ctx = crowd.specs(), crowd.context()

        async def ask() -> list[CheckResult]:
            answers = await asyncio.gather(*(run_checks([spec], ctx) for spec in specs))
            return [result for (result,) in answers]

        results = run(ask())
        peaks = {name: meter.peak for name, meter in crowd.meters.items()}
        datagrams = max(meter.udp for meter in crowd.meters.values()) - before
    assert [r.headline for r in results if r.verdict is not Verdict.PASSED] == []
    assert [result.kind for result in results] == [spec.kind for spec in specs]
    assert sum(Counter(result.kind for result in results).values()) == COUNT
    # Without the limit tcp, PostgreSQL and Redis come to more than forty.
    assert {name: peak for name, peak in peaks.items() if not 0 < peak <= PER_AUTHORITY} == {}
    assert 0 < datagrams <= PER_AUTHORITY + 1  # one of them is the resolver's own
