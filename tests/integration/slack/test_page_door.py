"""The stand-in's page is for this machine: what another site's page sends is refused, on real sockets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from launch_rehearsal.slack_server.base.settings import BRIDGE_TOKEN, SOCKET_TOKEN
from servers.slack import client, slack

if TYPE_CHECKING:
    from launch_rehearsal.slack_server.server import SlackServer

pytestmark = pytest.mark.integration
ADA = "U0LAUNCH01"
SAY = f"/control/people/{ADA}/say"
TEXT = {"channel": "C001LAUNCH", "text": "Go!"}
POST = f"/api/chat.postMessage?token={BRIDGE_TOKEN}&channel=C001LAUNCH&text=Go"
CHANGING = [
    ("POST", SAY), ("POST", f"/control/people/{ADA}/click"), ("POST", f"/control/people/{ADA}/submit"),
    ("POST", f"/control/people/{ADA}/close"), ("POST", "/control/faults"), ("DELETE", "/control/faults"),
    ("POST", "/control/sockets/drop"), ("POST", POST), ("GET", POST),
    ("POST", f"/api/apps.connections.open?token={SOCKET_TOKEN}"),
]  # fmt: skip
READING = [
    ("GET", path) for path in ("/fragment", "/events", "/control/state", f"/control/people/{ADA}/view")
]
FOREIGN = {
    "another name that leads here": {"Host": "evil.example"},
    "another name with this port": {"Host": "evil.example:{port}"},
    "another site": {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    "another port of this machine": {"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"},
    "a page without an origin": {"Origin": "null"},
    "another site without Origin": {"Sec-Fetch-Site": "cross-site"},
    "a sibling without Origin": {"Sec-Fetch-Site": "same-site"},
}


def headers(standin: SlackServer, who: str) -> dict[str, str]:
    port = standin.url.rpartition(":")[2]
    return {name: value.format(port=port) for name, value in FOREIGN[who].items()}


async def status(standin: SlackServer, method: str, path: str, sent: dict[str, str]) -> int:
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, standin.url + path, json=TEXT, headers=sent) as answer,
    ):
        return answer.status


@pytest.mark.parametrize("who", FOREIGN)
def test_another_sites_page_changes_and_reads_nothing(who: str) -> None:
    """Every route that changes or tells something says 403, and nothing is said in the channel."""

    async def attacks() -> None:
        async with slack() as standin:
            before = standin.workspace.version
            for method, path in [*CHANGING, *READING]:
                assert await status(standin, method, path, headers(standin, who)) == 403, path
            assert standin.workspace.version == before

    asyncio.run(attacks())


@pytest.mark.parametrize("who", FOREIGN)
def test_another_sites_page_gets_no_socket(who: str) -> None:
    """A ticket that it learned does not help it: the socket is refused, and the ticket not spent."""

    async def attack() -> None:
        async with slack() as standin, aiohttp.ClientSession() as http:
            address = standin.sockets.ticket(standin.url)
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await http.ws_connect(address, headers=headers(standin, who))
            assert refused.value.status == 403
            async with http.ws_connect(address) as socket:
                assert (await socket.receive_json())["type"] == "hello"

    asyncio.run(attack())


def test_this_machines_own_page_and_programs_go_on() -> None:
    """The page's own requests, a program's, a link that is followed from elsewhere; in no frame."""

    async def visits() -> None:
        async with slack() as standin:
            own = {"Origin": standin.url, "Sec-Fetch-Site": "same-origin"}
            assert await status(standin, "POST", SAY, own) == 200
            assert await status(standin, "POST", SAY, {}) == 200
            local: dict[str, Any] = {
                "Host": standin.url.removeprefix("http://").replace("127.0.0.1", "localhost")
            }
            assert await status(standin, "POST", SAY, local) == 200
            followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
            assert await status(standin, "GET", f"/?as={ADA}", followed) == 200
            assert (await client(standin).chat_postMessage(channel="launch", text="Launch"))["ok"]
            async with aiohttp.ClientSession() as http, http.get(standin.url) as page:
                assert page.headers["Content-Security-Policy"] == "frame-ancestors 'none'"

    asyncio.run(visits())
