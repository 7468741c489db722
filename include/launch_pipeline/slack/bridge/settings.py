"""Read the bridge's settings, all of them from environment variables.

==========================================  ========================================================
``LAUNCH_SLACK_BOT_TOKEN`` (``…_FILE``)     the app's bot token, ``xoxb-…``
``LAUNCH_SLACK_APP_TOKEN`` (``…_FILE``)     the app-level token for Socket Mode, ``xapp-…``
``LAUNCH_SLACK_CHANNEL``                    id of the launch channel, ``C…``
``LAUNCH_SLACK_API``                        base address of Slack's Web API; only a rehearsal needs it
``LAUNCH_AIRFLOW_URL``                      how the bridge reaches the api-server
``LAUNCH_AIRFLOW_PUBLIC_URL``               how people reach it, for links; by default the same
``LAUNCH_SLACK_USER``                       the bridge's account in Airflow; by default ``launch-slack``
``LAUNCH_SLACK_PASSWORD`` (``…_FILE``)      its password
``LAUNCH_LEDGER_DSN`` (``…_FILE``)          the ledger's database, which also stores message ids
==========================================  ========================================================

``NAME_FILE`` names a file that holds the value, as container platforms mount secrets.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, TypeAdapter, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from launch_pipeline.errors import ConfigurationError
from launch_pipeline.slack.messages.button_values import ChannelId
from launch_pipeline.slack.protocol import SERVICE_USER, SLACK_API

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.fields import FieldInfo

_CHANNEL_ID = TypeAdapter(ChannelId)
_PREFIXES = {"LAUNCH_SLACK_BOT_TOKEN": "xoxb-", "LAUNCH_SLACK_APP_TOKEN": "xapp-"}
"""Slack's kinds of tokens, which are easily swapped."""


def _channel(value: str) -> str:
    """Accept a channel's id only: its name may be given to another channel."""
    try:
        return _CHANNEL_ID.validate_python(value)
    except ValidationError:
        message = f"is {value[:60]!r}, but a channel's id looks like C0123ABCDEF"
        raise ValueError(message) from None


def _address(value: str) -> str:
    """Accept an http(s) address, and remove slashes at its end."""
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        message = "is no http(s) address"
        raise ValueError(message)
    return value.rstrip("/")


Address = Annotated[str, AfterValidator(_address)]


class BridgeSettings(BaseSettings):
    """Configure one bridge. Its text shows no secret."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    bot_token: SecretStr = Field(alias="LAUNCH_SLACK_BOT_TOKEN")
    app_token: SecretStr = Field(alias="LAUNCH_SLACK_APP_TOKEN")
    channel: Annotated[str, AfterValidator(_channel)] = Field(alias="LAUNCH_SLACK_CHANNEL")
    slack_api: Annotated[Address, AfterValidator(lambda address: address + "/")] = Field(
        SLACK_API, alias="LAUNCH_SLACK_API"
    )
    """Ends with a slash."""
    airflow_url: Address = Field(alias="LAUNCH_AIRFLOW_URL")
    """Without a slash at its end, like the next."""
    airflow_public_url: Address = Field(
        alias="LAUNCH_AIRFLOW_PUBLIC_URL", default_factory=lambda given: given["airflow_url"]
    )
    user: str = Field(SERVICE_USER, alias="LAUNCH_SLACK_USER")
    password: SecretStr = Field(alias="LAUNCH_SLACK_PASSWORD")
    ledger_dsn: SecretStr = Field(alias="LAUNCH_LEDGER_DSN")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's, as below
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take the given values alone; ``from_environment`` reads the environment."""
        return (init_settings,)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> BridgeSettings:
        """Read all settings. Raises one ConfigurationError that names everything missing or wrong."""
        source = _Environment(cls, os.environ if environ is None else environ)
        try:
            settings = cls(**source())
        except ValidationError as invalid:
            raise _error(*source.problems_of(invalid)) from None
        if source.unusable:
            raise _error(*source.unusable.values())
        return settings


class _Environment(PydanticBaseSettingsSource):
    """Read each field from its variable; a secret also from the file that ``NAME_FILE`` names."""

    def __init__(self, settings_cls: type[BaseSettings], environ: Mapping[str, str]) -> None:
        super().__init__(settings_cls)
        self._environ = environ
        self.unusable: dict[str, str] = {}
        """Problems with secrets and their files, by variable."""

    def __call__(self) -> dict[str, Any]:
        """Return the values that are set, by variable."""
        read = [self.get_field_value(field, name) for name, field in self.settings_cls.model_fields.items()]
        return {variable: value for value, variable, _ in read if value}

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[str, str, bool]:
        """Return the value and variable of a field."""
        variable = field.alias or field_name
        value = self._environ.get(variable, "").strip()
        file = self._environ.get(f"{variable}_FILE", "").strip() if _is_secret(field) else ""
        if value and file:
            self.unusable[variable] = f"{variable} and {variable}_FILE are both set; keep one"
        elif file:
            value = self._content(variable, Path(file))
        prefix = _PREFIXES.get(variable, "")
        if value and not value.startswith(prefix):
            self.unusable[variable] = f"{variable} must begin with '{prefix}'"
        return value, variable, False

    def _content(self, variable: str, path: Path) -> str:
        try:
            content = path.read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            content = ""
        if not content:
            self.unusable[variable] = f"{variable}_FILE names '{path}', which is empty or cannot be read"
        return content

    def problems_of(self, invalid: ValidationError) -> list[str]:
        """Describe all problems, never with a secret's value: missing variables first."""
        secrets = {f.alias for f in self.settings_cls.model_fields.values() if _is_secret(f)}
        missing, wrong = [], list(self.unusable.values())
        for error in invalid.errors(include_input=False, include_url=False):
            variable = str(error["loc"][0])
            if error["type"] == "missing" and variable not in self.unusable:
                missing.append(f"{variable} (or {variable}_FILE)" if variable in secrets else variable)
            elif error["type"] == "value_error":
                wrong.append(f"{variable} {error['ctx']['error']}")
        return [*([f"not set: {', '.join(missing)}"] if missing else []), *wrong]


def _is_secret(field: FieldInfo) -> bool:
    return field.annotation is SecretStr


def _error(*problems: str) -> ConfigurationError:
    fix = "set them in the environment of 'launch slack' ('launch slack --help' lists them)."
    return ConfigurationError("environment", "", f"{'; '.join(problems)}.", fix)
