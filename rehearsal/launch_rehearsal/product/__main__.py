"""Run the stand-in: ``python -m launch_rehearsal.product PLAN``, until SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from pathlib import Path

from launch_rehearsal.product.base.plan import StandInPlan
from launch_rehearsal.product.server import StandIn


async def serve(plan: StandInPlan) -> None:
    """Serve until told to stop."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with StandIn(plan):
        await stop.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    asyncio.run(serve(StandInPlan.model_validate_json(Path(sys.argv[1]).read_bytes())))
