"""Read which Slack workspace a stack talks to, and give workers its connection."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Self

from pydantic import SecretStr

from launch_pipeline.airflow.connection_ids import SLACK_CONNECTION, connection_variable
from launch_pipeline.base import Frozen
from launch_pipeline.errors import ConfigurationError
from launch_pipeline.slack.protocol import SERVICE_USER

BRIDGE_USER = SERVICE_USER
"""Airflow account of the bridge: it reads, and may ask the plugin to answer in a person's name."""


PREFIX = "LAUNCH_SLACK_"


BOT_TOKEN = f"{PREFIX}BOT_TOKEN"


APP_TOKEN = f"{PREFIX}APP_TOKEN"


CHANNEL = f"{PREFIX}CHANNEL"


API = f"{PREFIX}API"


SECRETS = frozenset({f"{name}{suffix}" for name in (BOT_TOKEN, APP_TOKEN) for suffix in ("", "_FILE")})
"""Variables that no component but the bridge is given."""


class SlackAccess(Frozen):
    """The workspace that a stack talks to."""

    bot_token: SecretStr
    app_token: SecretStr
    channel: str
    """Id of the channel (``C…``), not its name, which anybody can change."""
    api: str = ""
    """Another address of Slack's Web API; for a stand-in."""

    @classmethod
    def from_environment(cls) -> Self | None:
        """Read ``LAUNCH_SLACK_…``; None where nothing of it is set.

        Raises ConfigurationError naming what is missing of a half of it.
        """
        found = {name: _value(name) for name in (BOT_TOKEN, APP_TOKEN, CHANNEL)}
        if not any(found.values()):
            return None
        if missing := [name for name, value in found.items() if not value]:
            problem = f"Slack is set up by half: {', '.join(missing)} missing."
            fix = "set them as well, or none of them to go without Slack."
            raise ConfigurationError("the environment", ", ".join(missing), problem, fix)
        return cls(
            bot_token=SecretStr(found[BOT_TOKEN]),
            app_token=SecretStr(found[APP_TOKEN]),
            channel=found[CHANNEL],
            api=os.environ.get(API, ""),
        )

    def worker_environment(self) -> dict[str, str]:
        """The connection ``launch_slack``, for those who run tasks."""
        extra = {"channel": self.channel, **({"base_url": self.api} if self.api else {})}
        connection = {"conn_type": "slack", "password": self.bot_token.get_secret_value(), "extra": extra}
        return {connection_variable(SLACK_CONNECTION): json.dumps(connection)}


def _value(name: str) -> str:
    """A variable, or the content of the file that ``<name>_FILE`` names."""
    if named := os.environ.get(f"{name}_FILE"):
        try:
            return Path(named).read_text(encoding="utf-8").strip()
        except OSError as error:
            problem = f"{named!r} cannot be read: {error}."
            raise ConfigurationError(f"{name}_FILE", "", problem, "name a readable file.") from error
    return os.environ.get(name, "").strip()
