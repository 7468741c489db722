"""The door before the bridge's routes, and what goes wrong behind it, without a server."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from launch_pipeline.airflow.api_server import door
from launch_pipeline.airflow.api_server.bridge import app as bridge_api
from launch_pipeline.airflow.api_server.bridge.app import BridgeDoor, routes
from launch_pipeline.errors import (
    AnswerRefused,
    ConfigurationError,
    InvalidChecklist,
    LedgerUnavailable,
)

ROOT = Path(__file__).resolve().parents[4]
AWAY = OperationalError("SELECT secret", {}, Exception("postgresql://user:password@host"))


class Manager:
    """Signs in whoever the token names."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    async def get_user_from_token(self, token: str) -> Any:
        if self.error:
            raise self.error
        return SimpleNamespace(get_name=lambda: token)


class Reading:
    """A board that fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def board(self) -> Any:
        raise self.error


def call(application: Any, **scope: Any) -> tuple[int, dict[str, Any]]:
    sent: list[Any] = []
    place = {"method": "GET", "path": "/board", "root_path": "", "query_string": b"", "headers": []}
    asked = {"type": "http", "http_version": "1.1", "scheme": "http", "server": ("x", 1), **place, **scope}

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(application(asked, receive, send))
    return sent[0]["status"], json.loads(b"".join(m.get("body", b"") for m in sent[1:]) or b"{}")


def signed(user: str) -> dict[str, Any]:
    return {"headers": [(b"authorization", f"Bearer {user}".encode())]}


@pytest.mark.parametrize(
    ("named", "user", "status"),
    [
        (None, "launch-slack", 200),
        (None, "launch-bot", 403),
        ("", "launch-slack", 200),
        ("launch-bot", "launch-bot", 200),
        ("launch-bot", "launch-slack", 403),
        (None, "LAUNCH-SLACK", 403),
    ],
)
def test_account_is_the_one_that_is_configured(
    monkeypatch: pytest.MonkeyPatch, named: str | None, user: str, status: int
) -> None:
    """``LAUNCH_SLACK_USER`` names it for both sides; what is behind the door learns which Airflow runs."""
    seen: list[Any] = []

    async def inside(scope: Any, _receive: Any, send: Any) -> None:
        seen.append(scope[bridge_api.AIRFLOW])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    monkeypatch.setattr(door, "get_auth_manager", Manager)
    monkeypatch.delenv(bridge_api.USER_VARIABLE, raising=False)
    if named is not None:
        monkeypatch.setenv(bridge_api.USER_VARIABLE, named)
    assert call(BridgeDoor(inside), app="airflow", **signed(user))[0] == status
    assert seen == (["airflow"] if status == 200 else [])


def test_database_that_is_away_opens_no_door(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a token was revoked is in the database: without it nobody is let in, and nothing leaks."""
    monkeypatch.setattr(door, "get_auth_manager", lambda: Manager(AWAY))

    async def inside(*_: Any) -> None:
        pytest.fail("nobody may come this far")

    status, body = call(BridgeDoor(inside), **signed("launch-slack"))
    assert (status, body["code"]) == (503, "airflow")
    assert "password" not in json.dumps(body)


TROUBLE: dict[str, tuple[Exception, int, str]] = {
    "database": (AWAY, 503, "airflow"),
    "checklist": (InvalidChecklist(()), 503, "configuration"),
    "contacts": (
        ConfigurationError("contacts.yaml", "people", "is empty.", "fill it."),
        503,
        "configuration",
    ),
    "ledger": (LedgerUnavailable("away"), 503, "airflow"),
    "a rule": (AnswerRefused("a_rule", "No."), 422, "a_rule"),
}


@pytest.mark.parametrize(("error", "status", "code"), TROUBLE.values(), ids=TROUBLE)
def test_trouble_behind_the_door_is_a_refusal(error: Exception, status: int, code: str) -> None:
    """Every error of ours, and a database that is away, is something that the bridge can read."""
    unused: Any = None
    reading: Any = Reading(error)
    replied, body = call(routes(reading, unused, unused))
    assert (replied, body["code"]) == (status, code)
    assert "password" not in json.dumps(body)


LOADED = """
import json, sys
import airflow.plugins_manager
before = set(sys.modules)
sys.path.insert(0, "plugins")
import launch_plugin
print(json.dumps(sorted({name.split(".")[0] for name in set(sys.modules) - before})))
"""


def test_loading_the_plugin_loads_little() -> None:
    """Every component loads plugins; only the api-server, at the bridge's first request, needs the rest."""
    command = [sys.executable, "-W", "ignore", "-c", LOADED]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    # Every component of Airflow loads pydantic; from 3.4 on, not before its plugins.
    light = {"launch_plugin", "launch_pipeline", "pydantic"}
    assert set(json.loads(done.stdout.splitlines()[-1])) <= light
