"""The app manifest that a team pastes into Slack."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from launch_pipeline.slack.scopes import BRIDGE_SCOPES

ROOT = Path(__file__).resolve().parents[3]
PUBLISHED = ROOT / "tests" / "fixtures" / "slack" / "manifest" / "manifest.schema.1.0.0.json"
SCHEMA = json.loads(PUBLISHED.read_bytes())


@pytest.fixture
def manifest() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ROOT / "include" / "slack-app-manifest.yaml").read_bytes())
    return read


def test_manifest_validates_against_the_schema_that_slack_publishes(manifest: dict[str, Any]) -> None:
    """Slack refuses unknown keys and long names when the file is pasted."""
    jsonschema.validate(manifest, SCHEMA)


def test_schema_is_strict(manifest: dict[str, Any]) -> None:
    """A misspelt key is found here, not in Slack."""
    manifest["settings"]["socket_mode"] = True
    with pytest.raises(jsonschema.ValidationError, match="socket_mode"):
        jsonschema.validate(manifest, SCHEMA)


def test_app_asks_for_no_more_than_it_needs(manifest: dict[str, Any]) -> None:
    """The bridge can say things and look people up; it reads no history, and the stand-in grants no more."""
    scopes = manifest["oauth_config"]["scopes"]
    assert scopes == {"bot": ["chat:write", "users:read"]}
    assert tuple(scopes["bot"]) == BRIDGE_SCOPES


def test_socket_mode_and_buttons_are_on_and_the_app_home_is_off(manifest: dict[str, Any]) -> None:
    """People act on cards, over a socket that we open; there is nothing to write to."""
    settings = manifest["settings"]
    assert settings["socket_mode_enabled"] is settings["interactivity"]["is_enabled"] is True
    assert "request_url" not in settings["interactivity"]
    assert not any(manifest["features"]["app_home"].values())
