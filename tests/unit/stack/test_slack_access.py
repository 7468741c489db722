"""Slack in a stack: what is set up, who is given which secret."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.errors import ConfigurationError
from launch_pipeline.stack.settings import StackSettings
from launch_pipeline.stack.slack_access import BRIDGE_USER, SlackAccess
from launch_pipeline.stack.slack_bridge import bridge_process

if TYPE_CHECKING:
    from pathlib import Path

BOT, APP, CHANNEL = "xoxb-not-a-real-token", "xapp-not-a-real-token", "C0LAUNCH"


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Set all three variables, and none of Airflow's."""
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LAUNCH_SLACK_BOT_TOKEN", BOT)
    monkeypatch.setenv("LAUNCH_SLACK_APP_TOKEN", APP)
    monkeypatch.setenv("LAUNCH_SLACK_CHANNEL", CHANNEL)
    return monkeypatch


def test_no_variable_is_no_slack(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack without a word of Slack runs without it."""
    monkeypatch.delenv("LAUNCH_SLACK_BOT_TOKEN", raising=False)
    assert SlackAccess.from_environment() is None


def test_half_of_slack_is_refused(variables: pytest.MonkeyPatch) -> None:
    """What is missing is named, before anything starts."""
    variables.delenv("LAUNCH_SLACK_APP_TOKEN")
    variables.delenv("LAUNCH_SLACK_CHANNEL")
    with pytest.raises(ConfigurationError, match=r"LAUNCH_SLACK_APP_TOKEN, LAUNCH_SLACK_CHANNEL missing"):
        SlackAccess.from_environment()


def test_secrets_may_lie_in_files(variables: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``…_FILE`` wins; one that cannot be read is named."""
    secret = tmp_path / "bot"
    secret.write_text("xoxb-of-a-file\n", encoding="utf-8")
    variables.setenv("LAUNCH_SLACK_BOT_TOKEN_FILE", str(secret))
    access = SlackAccess.from_environment()
    assert access
    assert access.bot_token.get_secret_value() == "xoxb-of-a-file"
    secret.unlink()
    with pytest.raises(ConfigurationError, match="LAUNCH_SLACK_BOT_TOKEN_FILE"):
        SlackAccess.from_environment()


def test_each_component_has_the_secrets_it_needs(variables: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Workers have the bot's token as a connection, the bridge both tokens, the api-server none."""
    del variables
    settings = StackSettings.resolve(home=tmp_path / "home")
    assert settings.slack
    assert BOT not in repr(settings)
    settings.home.mkdir()
    api_server, worker = settings.component_environment(), settings.worker_environment()
    bridge = bridge_process(settings.slack, settings).environment
    connection = json.loads(worker["AIRFLOW_CONN_LAUNCH_SLACK"])
    assert (connection["password"], connection["extra"]) == (BOT, {"channel": CHANNEL})
    assert not {BOT, APP} & set(api_server.values())
    assert APP not in worker.values()
    assert (bridge["LAUNCH_SLACK_BOT_TOKEN"], bridge["LAUNCH_SLACK_APP_TOKEN"]) == (BOT, APP)
    assert bridge["LAUNCH_SLACK_PASSWORD"] == settings.passwords()[BRIDGE_USER]
    assert not [name for name in bridge if name.startswith("AIRFLOW")]
