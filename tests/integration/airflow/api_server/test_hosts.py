"""A name that a page had resolved to this machine opens nothing of Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from servers.plugin_server import ADMIN, BRIDGE

if TYPE_CHECKING:
    from servers.plugin_server import PluginServer

pytestmark = pytest.mark.integration
PATHS = (
    "/", "/api/v2/dags", "/api/v2/monitor/health", "/ui/config", "/auth/token", "/execution/health",
    "/launch/board", "/launch/report/x", "/launch/launches/x/abort", "/static/x", "/openapi.json",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "192.0.2.1"]
)
def test_foreign_name_is_refused_everywhere(server: PluginServer, host: str, path: str) -> None:
    """Whatever credentials come with it, and whichever application answers below the path."""
    named = {"Host": host.format(port=urlsplit(server.url).port)}
    for credentials in ({}, server.bearer(ADMIN), {"Cookie": f"_token={server.token(BRIDGE)}"}):
        for method in ("GET", "POST", "OPTIONS"):
            reply = server.send(method, path, {}, {**credentials, **named})
            assert (reply.status_code, reply.json()["code"]) == (400, "unknown_host")
            assert "LAUNCH_HOSTS" in reply.json()["detail"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]:8080", "LOCALHOST:8080"])
def test_this_machines_own_names_are_answered(server: PluginServer, host: str) -> None:
    """Health checks and components ask by one of them."""
    assert server.send("GET", "/api/v2/version", None, {"Host": host}).status_code == 200
