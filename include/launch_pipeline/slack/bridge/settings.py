"""What the bridge must be told, all of it by environment variables.

==========================================  ========================================================
``LAUNCH_SLACK_BOT_TOKEN`` (``…_FILE``)     the app's bot token, ``xoxb-…``
``LAUNCH_SLACK_APP_TOKEN`` (``…_FILE``)     the app-level token for Socket Mode, ``xapp-…``
``LAUNCH_SLACK_CHANNEL``                    id of the launch channel, ``C…``
``LAUNCH_SLACK_API``                        base address of Slack's Web API; only a rehearsal needs it
``LAUNCH_AIRFLOW_URL``                      how the bridge reaches the api-server
``LAUNCH_AIRFLOW_PUBLIC_URL``               how people reach it, for links; else the same
``LAUNCH_SLACK_USER``                       the bridge's service account in Airflow; else ``launch-slack``
``LAUNCH_SLACK_PASSWORD`` (``…_FILE``)      its password
``LAUNCH_LEDGER_DSN`` (``…_FILE``)          the ledger's database, where message ids are kept
==========================================  ========================================================

``NAME_FILE`` names a file that holds the value, as container platforms mount secrets.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import SecretStr, TypeAdapter, ValidationError

from launch_pipeline.base import Frozen
from launch_pipeline.errors import ConfigurationError
from launch_pipeline.slack.messages.button_values import ChannelId
from launch_pipeline.slack.protocol import SERVICE_USER, SLACK_API

if TYPE_CHECKING:
    from collections.abc import Mapping

_BOT_TOKEN = "LAUNCH_SLACK_BOT_TOKEN"  # noqa: S105 - names, not secrets
_APP_TOKEN = "LAUNCH_SLACK_APP_TOKEN"  # noqa: S105
_CHANNEL = "LAUNCH_SLACK_CHANNEL"
_API = "LAUNCH_SLACK_API"
_AIRFLOW = "LAUNCH_AIRFLOW_URL"
_PUBLIC = "LAUNCH_AIRFLOW_PUBLIC_URL"
_USER = "LAUNCH_SLACK_USER"
_PASSWORD = "LAUNCH_SLACK_PASSWORD"  # noqa: S105
_LEDGER = "LAUNCH_LEDGER_DSN"
_CHANNEL_ID = TypeAdapter(ChannelId)


class BridgeSettings(Frozen):
    """One bridge; its text shows no secret."""

    bot_token: SecretStr
    app_token: SecretStr
    channel: ChannelId
    slack_api: str = SLACK_API
    """Ends with a slash."""
    airflow_url: str
    """Without a slash at its end, like the next."""
    airflow_public_url: str
    user: str = SERVICE_USER
    password: SecretStr
    ledger_dsn: SecretStr

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> BridgeSettings:
        """Read all of it. Raises one ConfigurationError that names everything missing or wrong."""
        given = _Given(os.environ if environ is None else environ)
        airflow = given.address(_AIRFLOW)
        fields: dict[str, Any] = {
            "bot_token": given.token(_BOT_TOKEN, "xoxb-"),
            "app_token": given.token(_APP_TOKEN, "xapp-"),
            "channel": given.channel(_CHANNEL),
            "slack_api": given.address(_API, SLACK_API) + "/",
            "airflow_url": airflow,
            "airflow_public_url": given.address(_PUBLIC, airflow or "unknown"),
            "user": given.text(_USER, SERVICE_USER),
            "password": given.text(_PASSWORD, secret=True),
            "ledger_dsn": given.text(_LEDGER, secret=True),
        }
        given.complain()
        return cls(**fields)


class _Given:
    """The variables, and all that is wrong with them: told together, never with a secret's value."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._missing: list[str] = []
        self._wrong: list[str] = []

    def text(self, name: str, default: str = "", *, secret: bool = False) -> str:
        """A value; secrets may be in a file."""
        value = self._environ.get(name, "").strip()
        file = self._environ.get(f"{name}_FILE", "").strip() if secret else ""
        if value and file:
            self._wrong.append(f"{name} and {name}_FILE are both set; keep one")
        elif file:
            value = self._content(name, Path(file))
        elif not (value or default):
            self._missing.append(f"{name} (or {name}_FILE)" if secret else name)
        return value or default

    def _content(self, name: str, path: Path) -> str:
        try:
            content = path.read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            content = ""
        if not content:
            self._wrong.append(f"{name}_FILE names '{path}', which is empty or cannot be read")
        return content

    def token(self, name: str, prefix: str) -> str:
        """A token of Slack's, known by its prefix."""
        value = self.text(name, secret=True)
        if value and not value.startswith(prefix):
            self._wrong.append(f"{name} must begin with '{prefix}'")
        return value

    def channel(self, name: str) -> str:
        """A channel's id: a name may be given to another channel."""
        value = self.text(name)
        try:
            _CHANNEL_ID.validate_python(value or "C000")
        except ValidationError:
            self._wrong.append(f"{name} is {value[:60]!r}, but a channel's id looks like C0123ABCDEF")
        return value

    def address(self, name: str, default: str = "") -> str:
        """An http(s) address, without a slash at its end."""
        value = self.text(name, default)
        if value and value != default and not _is_address(value):
            self._wrong.append(f"{name} is no http(s) address")
        return value.rstrip("/")

    def complain(self) -> None:
        """Raise ConfigurationError where something is missing or wrong."""
        missing = [f"not set: {', '.join(self._missing)}"] if self._missing else []
        if problems := "; ".join([*missing, *self._wrong]):
            fix = "set them in the environment of 'launch slack' ('launch slack --help' says what each is)."
            raise ConfigurationError("environment", "", f"{problems}.", fix)


def _is_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False
