"""``launch slack``: run the bridge between Slack and Airflow in the foreground."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from launch_pipeline.cli.console import ExitCode
from launch_pipeline.cli.options import ContactsOption
from launch_pipeline.stack.health import ALIVE_VARIABLE

if TYPE_CHECKING:
    from launch_pipeline.slack.bridge.settings import BridgeSettings

EXAMPLES = """\
Let people answer in Slack: show what waits and pass on their answers, until Ctrl-C.

Create the app from include/slack-app-manifest.yaml. While Slack or Airflow is down, the bridge waits.
Exits with 1 for what must be fixed first (a token, a scope, an invitation), with 3 if a restart may help.

\b
Environment (for a secret, ..._FILE may name a file instead):
  LAUNCH_SLACK_BOT_TOKEN      the app's bot token, xoxb-...
  LAUNCH_SLACK_APP_TOKEN      its app-level token, xapp-...
  LAUNCH_SLACK_CHANNEL        id of the launch channel, C...
  LAUNCH_AIRFLOW_URL          how the bridge reaches the api-server
  LAUNCH_AIRFLOW_PUBLIC_URL   how people reach it [default: the same]
  LAUNCH_SLACK_USER           the bridge's account in Airflow [default: launch-slack]
  LAUNCH_SLACK_PASSWORD       its password
  LAUNCH_LEDGER_DSN           the ledger's database
  LAUNCH_SLACK_API            another Web API than Slack's, for a rehearsal

\b
Examples:
  launch slack
  launch slack --contacts contacts.yaml
  LAUNCH_SLACK_BOT_TOKEN_FILE=bot-token.txt launch slack
"""
ALIVE_EVERY = 5.0


def slack(contacts: ContactsOption = None) -> None:
    """Run the bridge until Ctrl-C or SIGTERM."""
    from launch_pipeline.approvals import deployed  # noqa: PLC0415
    from launch_pipeline.slack.bridge.logs import write_log  # noqa: PLC0415
    from launch_pipeline.slack.bridge.settings import BridgeSettings  # noqa: PLC0415

    settings = BridgeSettings.from_environment()
    if contacts:
        os.environ[deployed.CONTACTS_VARIABLE] = str(contacts.resolve())
    # Both are read again at every click; reading them now reports mistakes at the start.
    deployed.contacts()
    deployed.policy()
    write_log()
    if asyncio.run(_until_told(settings)) == signal.SIGINT:
        raise typer.Exit(ExitCode.INTERRUPTED)


async def _until_told(settings: BridgeSettings) -> signal.Signals:
    """Serve until a signal arrives and return it; a second signal cancels what is still under way."""
    from launch_pipeline.slack.bridge.app import serve  # noqa: PLC0415 - loads Slack's libraries

    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    heard: list[signal.Signals] = []
    serving = asyncio.create_task(serve(settings, stop))

    def told(number: signal.Signals) -> None:
        heard.append(number)
        if stop.is_set():
            serving.cancel()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, told, number)
    showing_life = asyncio.create_task(_show_life())
    await asyncio.wait([serving])
    showing_life.cancel()
    if not serving.cancelled():
        serving.result()
    return heard[0] if heard else signal.SIGTERM


async def _show_life() -> None:
    """Touch a file from the bridge's own event loop, for the container's health check."""
    named = os.environ.get(ALIVE_VARIABLE)
    while named:
        await asyncio.to_thread(Path(named).touch)
        await asyncio.sleep(ALIVE_EVERY)
