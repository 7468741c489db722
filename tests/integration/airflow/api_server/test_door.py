"""Who may call the plugin's routes: the bridge's account with a Bearer token, and nobody and nothing else."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import jwt
import pytest

from launch_pipeline.airflow.api_server.bridge.app import routes
from launch_pipeline.routes import ROOT
from launch_pipeline.slack.protocol import Refusal
from servers.plugin_server import ADMIN, BRIDGE, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from servers.include_folder import IncludeFolder
    from servers.plugin_server import PluginServer

pytestmark = pytest.mark.integration
NOTHING: Any = None
WALKED = [
    (method, ROOT + route.path)
    for route in routes(NOTHING, NOTHING, NOTHING).routes
    for method in sorted(route.methods)
]
"""Every route of the plugin's application."""
ELSEWHERE = [
    ("GET", f"{ROOT}/openapi.json"),
    ("GET", f"{ROOT}/docs"),
    ("GET", f"{ROOT}/"),
    ("DELETE", f"{ROOT}/board"),
    ("OPTIONS", f"{ROOT}/decide"),
    ("POST", f"{ROOT}/../launch/decide"),
    ("GET", f"{ROOT}//board"),
]
"""Where no route is, or not with that method."""


def call(
    server: PluginServer, method: str, path: str, headers: dict[str, str] | None = None
) -> httpx.Response:
    with server.client() as client:
        return client.request(method, path, headers=headers or {}, content=b"{}")


def refusal_of(reply: httpx.Response, method: str) -> str:
    return "" if method == "HEAD" else Refusal.model_validate_json(reply.content).code


def test_every_route_is_walked() -> None:
    """The walk below misses none: the routes are the three of the contract."""
    assert set(WALKED) == {
        ("GET", "/launch/board"),
        ("HEAD", "/launch/board"),
        ("POST", "/launch/evidence"),
        ("POST", "/launch/decide"),
    }


@pytest.mark.parametrize(("method", "path"), [*WALKED, *ELSEWHERE])
def test_nobody_in_particular_is_turned_away(server: PluginServer, method: str, path: str) -> None:
    """Without credentials every path below the prefix says 401, those that do not exist included."""
    reply = call(server, method, path)
    assert (reply.status_code, refusal_of(reply, method)) in [(401, "not_signed_in"), (401, "")]


@pytest.mark.parametrize(("method", "path"), WALKED)
def test_cookie_opens_nothing(server: PluginServer, method: str, path: str) -> None:
    """A page that makes a browser call the route sends the session's cookie; it counts for nothing."""
    cookie = {"Cookie": f"_token={server.token(BRIDGE)}"}
    assert call(server, method, path, cookie).status_code == 401
    assert call(server, method, path, {**cookie, "Authorization": "Bearer x"}).status_code == 401


@pytest.mark.parametrize(("method", "path"), WALKED)
@pytest.mark.parametrize("user", ["ada.technical", "omar.operations", "selma.officer", ADMIN])
def test_other_accounts_are_turned_away(server: PluginServer, method: str, path: str, user: str) -> None:
    """Not even an administrator may speak for others."""
    reply = call(server, method, path, server.bearer(user))
    assert reply.status_code == 403
    assert refusal_of(reply, method) in {"not_the_bridge", ""}


def forged(**header: str) -> str:
    claims = {"sub": BRIDGE, "role": "admin", "aud": "apache-airflow", "exp": 2**31, "iat": 0, "nbf": 0}
    return jwt.encode(claims, "x" * 64, algorithm="HS512", headers=header or None)


def unsigned() -> str:
    parts = [json.dumps({"alg": "none", "typ": "JWT"}), json.dumps({"sub": BRIDGE, "role": "admin"})]
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts) + "."


GARBAGE = {
    "no token at all": "garbage",
    "three parts of nothing": "a.b.c",
    "another server's signature": forged(),
    "another server's key": forged(kid="not-used"),
    "no signature": unsigned(),
    "very long": "x" * 20_000,
    "two tokens": "a.b.c d.e.f",
    "bytes": "\xff\xfe",
}


@pytest.mark.parametrize("token", GARBAGE.values(), ids=GARBAGE)
@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_garbage_is_no_token(server: PluginServer, token: str, scheme: str) -> None:
    """What Airflow did not sign is 401, never an error of the server."""
    with server.client() as client:
        header = {"Authorization": f"{scheme} {token}".encode("latin-1")}
        assert client.get("/launch/board", headers=header).status_code == 401


def test_other_schemes_are_no_token(server: PluginServer) -> None:
    """A password in the header signs nobody in; the token under another scheme neither."""
    basic = base64.b64encode(f"{BRIDGE}:{server.passwords[BRIDGE]}".encode()).decode()
    for header in (f"Basic {basic}", f"Token {server.token()}", server.token()):
        assert call(server, "GET", "/launch/board", {"Authorization": header}).status_code == 401


def test_revoked_token_opens_nothing(server: PluginServer) -> None:
    """Who signs out is out."""
    with server.client() as client:
        account = {"username": BRIDGE, "password": server.passwords[BRIDGE]}
        token = client.post("/auth/token", json=account).json()["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        assert client.get("/launch/board", headers=bearer).status_code == 200
        client.get("/api/v2/auth/logout", headers=bearer, follow_redirects=False)
        assert client.get("/launch/board", headers=bearer).status_code == 401


def test_websocket_is_closed(server: PluginServer) -> None:
    """A socket is no way around the door, not even the bridge's."""

    async def open_one() -> None:
        async with aiohttp.ClientSession() as session:
            await session.ws_connect(f"{server.url}/launch/board", headers=server.bearer())

    with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
        asyncio.run(open_one())


def test_bridge_is_told_in_json_what_is_no_route(server: PluginServer) -> None:
    """Inside the door, too, every refusal is one that the bridge can read."""
    for method, path, status in [("GET", "/launch/nothing", 404), ("GET", "/launch/decide", 405)]:
        reply = call(server, method, path, server.bearer())
        assert (reply.status_code, refusal_of(reply, method)) == (status, "no_route")


@pytest.fixture(scope="module")
def everybody_is_admin(
    airflow_dsn: str, include: IncludeFolder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PluginServer]:
    """Give a server on which nobody signs in."""
    folder = tmp_path_factory.mktemp("all-admins")
    option = {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True"}
    with serving(airflow_dsn, include, folder, **option) as running:
        yield running


@pytest.mark.parametrize(("method", "path"), WALKED)
def test_nothing_is_served_where_everybody_is_admin(
    everybody_is_admin: PluginServer, method: str, path: str
) -> None:
    """An answer there would be nobody's; the refusal names the option to turn off."""
    reply = call(everybody_is_admin, method, path)
    assert reply.status_code == 503
    if method != "HEAD":
        refusal = Refusal.model_validate_json(reply.content)
        assert refusal.code == "configuration"
        assert "simple_auth_manager_all_admins" in refusal.detail


def test_no_report_is_shown_where_everybody_is_admin(everybody_is_admin: PluginServer) -> None:
    """A report has names in it; where nobody signs in, nobody is entitled to them."""
    reply = call(everybody_is_admin, "GET", "/launch/report/anything")
    assert reply.status_code == 503
    assert "simple_auth_manager_all_admins" in reply.text
