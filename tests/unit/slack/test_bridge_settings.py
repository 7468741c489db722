"""Settings of the bridge: from the environment, all problems in one error, secrets never shown."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.errors import ConfigurationError
from launch_pipeline.slack.bridge.logs import Redacting
from launch_pipeline.slack.bridge.settings import BridgeSettings
from launch_pipeline.slack.protocol import SERVICE_USER, SLACK_API

if TYPE_CHECKING:
    from pathlib import Path

GIVEN = {
    "LAUNCH_SLACK_BOT_TOKEN": "xoxb-bot-secret",
    "LAUNCH_SLACK_APP_TOKEN": "xapp-app-secret",
    "LAUNCH_SLACK_CHANNEL": "C0123ABCDEF",
    "LAUNCH_AIRFLOW_URL": "http://api-server:8080/",
    "LAUNCH_SLACK_PASSWORD": "pass-secret",
    "LAUNCH_LEDGER_DSN": "postgresql://ledger:dsn-secret@db/launch",
}


def refusal(environ: dict[str, str]) -> str:
    with pytest.raises(ConfigurationError) as wrong:
        BridgeSettings.from_environment(environ)
    return str(wrong.value)


def test_defaults_and_given() -> None:
    """What is not given has a default that fits one host; addresses lose and gain their slash."""
    read = BridgeSettings.from_environment(GIVEN)
    assert (read.slack_api, read.user) == (SLACK_API, SERVICE_USER)
    assert read.airflow_url == read.airflow_public_url == "http://api-server:8080"
    named = GIVEN | {
        "LAUNCH_SLACK_API": "http://127.0.0.1:8089/api/",
        "LAUNCH_AIRFLOW_PUBLIC_URL": "https://airflow.example.org",
        "LAUNCH_SLACK_USER": "bridge",
    }
    read = BridgeSettings.from_environment(named)
    assert read.slack_api == "http://127.0.0.1:8089/api/"
    assert (read.airflow_public_url, read.user) == ("https://airflow.example.org", "bridge")


def test_all_that_is_missing_is_named_at_once() -> None:
    """One error lists all six, so that they are set in one attempt."""
    told = refusal({})
    assert all(name in told for name in GIVEN)
    assert "launch slack --help" in told


def test_all_that_is_wrong_is_named_at_once_without_values_of_secrets() -> None:
    """A token of the other kind, a channel's name, an address of nothing: named, and no secret repeated."""
    told = refusal(
        GIVEN
        | {
            "LAUNCH_SLACK_BOT_TOKEN": "xapp-app-secret",
            "LAUNCH_SLACK_APP_TOKEN": "xoxb-bot-secret",
            "LAUNCH_SLACK_CHANNEL": "#launch",
            "LAUNCH_AIRFLOW_URL": "http://[",
            "LAUNCH_AIRFLOW_PUBLIC_URL": "airflow.example.org",
            "LAUNCH_SLACK_PASSWORD_FILE": "both",
        }
    )
    for name in ("BOT_TOKEN must", "APP_TOKEN must", "'#launch'", "AIRFLOW_URL is no", "PUBLIC_URL is no"):
        assert name in told
    assert "LAUNCH_SLACK_PASSWORD and LAUNCH_SLACK_PASSWORD_FILE are both set" in told
    assert "secret" not in told


def test_secrets_may_be_files(tmp_path: Path) -> None:
    """A mounted secret is read without its line end; one that is empty or not there is named."""
    file = tmp_path / "token"
    file.write_text("xoxb-from-file\n", encoding="utf-8")
    environ = {name: value for name, value in GIVEN.items() if name != "LAUNCH_SLACK_BOT_TOKEN"}
    read = BridgeSettings.from_environment(environ | {"LAUNCH_SLACK_BOT_TOKEN_FILE": str(file)})
    assert read.bot_token.get_secret_value() == "xoxb-from-file"
    file.write_text("", encoding="utf-8")
    for path in (file, tmp_path / "nowhere"):
        told = refusal(environ | {"LAUNCH_SLACK_BOT_TOKEN_FILE": str(path)})
        assert "LAUNCH_SLACK_BOT_TOKEN_FILE names" in told


def test_text_of_settings_shows_no_secret() -> None:
    """Neither printed nor written as JSON."""
    read = BridgeSettings.from_environment(GIVEN)
    assert "secret" not in f"{read} {read!r} {read.model_dump_json()}".lower().replace("secretstr", "")


@pytest.mark.parametrize(
    "secret",
    [
        "xoxb-123-abc",
        "xapp-1-A0-99-deadbeef",
        "wss://wss-primary.slack.example/link/?ticket=0f2b-77&app_id=A0",
        "Authorization: Bearer eyJhbGciOi.J9",
        "postgresql://ledger:hunter2@db:5432/launch",
    ],
)
def test_log_takes_out_what_looks_like_a_secret(secret: str) -> None:
    """In messages and tracebacks, from our code and from libraries."""
    failed = (ValueError, ValueError(secret), None)
    record = logging.LogRecord("slack_sdk", logging.ERROR, "", 0, "failed: %s", (secret,), failed)
    written = Redacting("%(message)s").format(record)
    for part in ("123-abc", "deadbeef", "0f2b-77", "eyJhbGciOi", "hunter2"):
        assert part not in written
    assert written.count("***") == 2
