"""Run the fake Slack until SIGTERM: ``python -m launch_rehearsal.slack_server --contacts FILE``."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
from pathlib import Path

from launch_rehearsal.slack_server.base.settings import CHANNELS, SlackSettings
from launch_rehearsal.slack_server.server import SlackServer

log = logging.getLogger(__name__)


def settings() -> SlackSettings:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m launch_rehearsal.slack_server")
    parser.add_argument("--port", type=int, default=8089)
    parser.add_argument(
        "--contacts", type=Path, required=True, help="contacts file: the members of the workspace"
    )
    parser.add_argument("--channel", action="append", help="channel name; may be repeated")
    given = parser.parse_args()
    return SlackSettings(port=given.port, contacts=given.contacts, channels=tuple(given.channel or CHANNELS))


async def serve(plan: SlackSettings) -> None:
    """Serve until a signal ends it."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with SlackServer(plan) as server:
        log.info("Fake Slack: page %s, API %s", server.url, server.api_url)
        await stop.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    asyncio.run(serve(settings()))
