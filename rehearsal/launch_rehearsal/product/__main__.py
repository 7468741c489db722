"""Run the fake product until SIGTERM: ``python -m launch_rehearsal.product PLAN``."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from pathlib import Path

from launch_rehearsal.product.base.plan import ProductPlan
from launch_rehearsal.product.server import FakeProduct


async def serve(plan: ProductPlan) -> None:
    """Serve until a signal ends it."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with FakeProduct(plan):
        await stop.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    asyncio.run(serve(ProductPlan.model_validate_json(Path(sys.argv[1]).read_bytes())))
