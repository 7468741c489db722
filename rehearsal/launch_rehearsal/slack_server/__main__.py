"""Run it until SIGTERM: ``python -m launch_rehearsal.slack_server --port 8089 --contacts FILE``."""

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
    parser.add_argument("--contacts", type=Path, required=True, help="the contacts file: who is in Slack")
    parser.add_argument("--channel", action="append", help="name of a channel; may be repeated")
    given = parser.parse_args()
    return SlackSettings(port=given.port, contacts=given.contacts, channels=tuple(given.channel or CHANNELS))


async def serve(plan: SlackSettings) -> None:
    """Serve until told to stop."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with SlackServer(plan) as standin:
        log.info("Slack's stand-in: page %s, API %s", standin.url, standin.api_url)
        await stop.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    asyncio.run(serve(settings()))
