"""Run the bridge to Slack as a process of the stack."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from launch_pipeline.stack.processes import ComponentSpec, Restarts
from launch_pipeline.stack.slack_access import API, APP_TOKEN, BOT_TOKEN, BRIDGE_USER, CHANNEL, PREFIX

if TYPE_CHECKING:
    from launch_pipeline.stack.settings import StackSettings
    from launch_pipeline.stack.slack_access import SlackAccess

BRIDGE = "slack bridge"


def bridge_process(access: SlackAccess, settings: StackSettings) -> ComponentSpec:
    """Describe the bridge's process, which is always started again."""
    given = {
        BOT_TOKEN: access.bot_token.get_secret_value(),
        APP_TOKEN: access.app_token.get_secret_value(),
        CHANNEL: access.channel,
        **({API: access.api} if access.api else {}),
        "LAUNCH_AIRFLOW_URL": settings.url,
        f"{PREFIX}USER": BRIDGE_USER,
        f"{PREFIX}PASSWORD": settings.passwords()[BRIDGE_USER],
        "LAUNCH_LEDGER_DSN": settings.ledger_dsn,
    }
    return ComponentSpec(
        name=BRIDGE,
        command=(sys.executable, "-m", "launch_pipeline.cli.main", "slack"),
        environment={**settings.bridge_environment(), **given},
        restarts=Restarts.ALWAYS,
    )
