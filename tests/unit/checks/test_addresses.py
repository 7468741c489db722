"""``addresses`` of an environment: names go elsewhere, Host keeps the name, evidence says so."""

from __future__ import annotations

import socket

import pytest

from launch_pipeline.checks.engine.context import ConnectionInfo
from launch_pipeline.checks.engine.environment import Environment
from launch_pipeline.checks.verdict import Verdict
from servers import web as product
from servers.checking import check, context, run
from servers.names import serving as serving_names


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("shop.test", 443, ("127.0.0.1", 8443)),
        ("SHOP.test.", 443, ("127.0.0.1", 8443)),
        ("api.shop.test", 443, ("127.0.0.1", 8444)),
        ("a.api.shop.test", 443, ("a.api.shop.test", 443)),
        ("shop.test", 80, ("shop.test", 80)),
    ],
)
def test_name_leads_to_its_address(host: str, port: int, expected: tuple[str, int]) -> None:
    """A name with its port goes where it is said; a wildcard covers one label; all else stays."""
    made = Environment(
        name="test", addresses={"shop.test:443": "127.0.0.1:8443", "*.shop.test:443": "127.0.0.1:8444"}
    )
    assert made.address_of(host, port) == expected


@pytest.mark.parametrize("bad", [{"shop.test": "127.0.0.1:1"}, {"shop.test:443": "127.0.0.1"}])
def test_address_without_a_port_is_refused(bad: dict[str, str]) -> None:
    """Both sides name a port."""
    with pytest.raises(ValueError, match="cannot be used"):
        Environment(name="test", addresses=bad)


def test_http_asks_the_address_under_the_name() -> None:
    """The request reaches the address with the name as its Host, and the evidence shows both."""

    async def asked() -> None:
        shop = product.Product()
        async with product.serving(shop.app) as port:
            known = {"shop": ConnectionInfo(conn_id="shop", host="http://shop.test")}
            ctx = context(known, addresses={"shop.test:80": f"127.0.0.1:{port}"})
            result = await check(ctx, "http_request", conn_id="shop", path="/health")
            assert result.verdict is Verdict.PASSED
            assert shop.requests[0].headers["Host"] == "shop.test"
            assert result.authority == f"http://shop.test (at 127.0.0.1:{port})"

    run(asked())


def test_metadata_address_is_refused_behind_a_name_too() -> None:
    """An address of the metadata service stays forbidden whatever name leads to it."""

    async def asked() -> None:
        known = {"shop": ConnectionInfo(conn_id="shop", host="http://shop.test")}
        ctx = context(known, addresses={"shop.test:80": "169.254.169.254:80"})
        result = await check(ctx, "http_request", conn_id="shop", path="/health")
        assert result.verdict is Verdict.INCONCLUSIVE

    run(asked())


def test_port_is_tried_at_the_address() -> None:
    """A port is open or not where the environment has it, and the evidence says where that was."""

    async def asked() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            at = f"127.0.0.1:{server.getsockname()[1]}"
            result = await check(
                context(addresses={"shop.test:443": at}), "tcp_port", targets=["shop.test:443"]
            )
            assert result.verdict is Verdict.PASSED
            assert result.observed["asked_at"] == {"shop.test:443": at}

    run(asked())


def test_resolvers_are_asked_at_their_addresses() -> None:
    """The system's resolver and a public one can both be elsewhere."""

    async def asked() -> None:
        async with serving_names({("shop.test.", "A"): (60, ["192.0.2.1"])}) as at:
            ctx = context(addresses={"system": at, "1.1.1.1:53": at})
            given = {"names": ["shop.test"], "resolvers": ["system", "1.1.1.1"]}
            result = await check(ctx, "dns_record", **given)
            assert result.verdict is Verdict.PASSED
            assert result.observed["asked_at"] == {"system": at, "1.1.1.1": at}

    run(asked())
