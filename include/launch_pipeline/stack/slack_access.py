"""Read which Slack workspace a stack talks to, and give workers its connection."""

from __future__ import annotations

import json
import os
from typing import Self

from pydantic import SecretStr

from launch_pipeline.airflow.connection_ids import SLACK_CONNECTION, connection_variable
from launch_pipeline.base import Frozen
from launch_pipeline.errors import ConfigurationError
from launch_pipeline.slack.protocol import SERVICE_USER
from launch_pipeline.stack.env_files import value_of

BRIDGE_USER = SERVICE_USER
"""The bridge's Airflow account. It reads, and may ask the plugin to answer for a person."""
PREFIX = "LAUNCH_SLACK_"
BOT_TOKEN = f"{PREFIX}BOT_TOKEN"
APP_TOKEN = f"{PREFIX}APP_TOKEN"
CHANNEL = f"{PREFIX}CHANNEL"
API = f"{PREFIX}API"
SECRETS = frozenset({f"{name}{suffix}" for name in (BOT_TOKEN, APP_TOKEN) for suffix in ("", "_FILE")})
"""Variables that only the bridge is given."""


class SlackAccess(Frozen):
    """The workspace that a stack talks to."""

    bot_token: SecretStr
    app_token: SecretStr
    channel: str
    """Id of the channel (``C…``). Its name can be changed, and given to another channel."""
    api: str = ""
    """Another address of Slack's Web API, for a stand-in."""

    @classmethod
    def from_environment(cls) -> Self | None:
        """Read ``LAUNCH_SLACK_…``; return None if none of it is set.

        Raises one ConfigurationError that names everything missing if only a part is set.
        """
        found = {name: value_of(name, file_wins=True).strip() for name in (BOT_TOKEN, APP_TOKEN, CHANNEL)}
        if not any(found.values()):
            return None
        if missing := [name for name, value in found.items() if not value]:
            problem = f"Slack is only partly set up: {', '.join(missing)} missing."
            fix = "set all of LAUNCH_SLACK_…, or none of it to go without Slack."
            raise ConfigurationError("environment", ", ".join(missing), problem, fix)
        return cls(
            bot_token=SecretStr(found[BOT_TOKEN]),
            app_token=SecretStr(found[APP_TOKEN]),
            channel=found[CHANNEL],
            api=os.environ.get(API, ""),
        )

    def worker_environment(self) -> dict[str, str]:
        """Return the connection ``launch_slack`` as a variable, for the component that runs tasks."""
        extra = {"channel": self.channel, **({"base_url": self.api} if self.api else {})}
        connection = {"conn_type": "slack", "password": self.bot_token.get_secret_value(), "extra": extra}
        return {connection_variable(SLACK_CONNECTION): json.dumps(connection)}
