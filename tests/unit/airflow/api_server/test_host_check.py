"""Which names the api-server answers to."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from launch_pipeline.airflow.api_server.host_check import HostCheck, allowed_hosts, host_of


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("127.0.0.1:8080", "127.0.0.1"), ("LocalHost", "localhost"), ("[::1]:8080", "::1"),
        ("launch.example.org.", "launch.example.org"), ("evil.example@127.0.0.1", ""), ("a b", ""),
        ("127.0.0.1/x", ""), ("127.0.0.1:x", ""), ("", ""), ("::1", ""), ("[::1", ""),
        ("localhost:80:80", ""),
    ],
)  # fmt: skip
def test_host_is_read_strictly(header: str, name: str) -> None:
    """A name and a port, and nothing that one reader takes for another name than the next."""
    assert host_of(header) == name


def test_names_are_those_of_the_configuration_and_of_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The public address, the address of the components, loopback, and what LAUNCH_HOSTS adds."""
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://launch.example.org/")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "http://api-server:8080/execution/")
    monkeypatch.delenv("LAUNCH_HOSTS", raising=False)
    known = {"localhost", "127.0.0.1", "::1", "launch.example.org", "api-server"}
    assert allowed_hosts() == known
    monkeypatch.setenv("LAUNCH_HOSTS", "launch.internal, 192.0.2.7:8080,,*")
    assert allowed_hosts() == known | {"launch.internal", "192.0.2.7", "*"}


@pytest.mark.parametrize(
    "hosts", [[], ["evil.example"], ["localhost", "evil.example"], ["localhost", "localhost"]]
)
def test_socket_and_request_are_refused_without_one_known_name(hosts: list[str]) -> None:
    """No name, a foreign one, or two of which one reader takes the first and the next the last."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def never(*_: Any) -> None:
        raise AssertionError

    door = HostCheck(never, ["localhost"])
    for kind in ("http", "websocket"):
        scope = {"type": kind, "headers": [(b"host", host.encode()) for host in hosts]}
        asyncio.run(door(scope, never, send))
    assert [message["type"] for message in sent] == [
        "http.response.start", "http.response.body", "websocket.close"
    ]  # fmt: skip
    assert sent[0]["status"] == 400
    assert b"LAUNCH_HOSTS" in sent[1]["body"]
