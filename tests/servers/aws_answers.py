"""AWS' APIs on loopback, with the answers of a test: older services by form and XML, newer ones by JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from launch_rehearsal.product.platform.aws_xml import Tree, answered, xml
from launch_rehearsal.product.platform.network import Network
from servers.moto_server import REGION

if TYPE_CHECKING:
    from collections.abc import Mapping

_KNOWN = Network(REGION, works=True).operations


def app(answers: Mapping[str, Tree]) -> web.Application:
    """Answer operations by their names: trees of XML, or documents."""

    async def asked(request: web.Request) -> web.Response:
        target = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        if target:
            return _json(answers[target])
        action = str((await request.post())["Action"])
        return answered(xml(f"{action}Response", answers[action], _KNOWN[action][0]))

    async def cluster(_: web.Request) -> web.Response:
        return web.json_response(answers["DescribeCluster"])

    made = web.Application()
    made.add_routes([web.post("/", asked), web.get("/clusters/{name}", cluster)])
    return made


def _json(document: Any) -> web.Response:
    return web.json_response(document, content_type="application/x-amz-json-1.1")


def items(name: str, *found: Tree) -> Tree:
    """Write a list as EC2 does."""
    return {name: {"item": list(found)}}


def route_table(*subnets: str, to: str = "", main: bool = False) -> Tree:
    """Build a route table of some subnets, with a default route to a gateway of any sort."""
    sort = "gatewayId" if to.startswith(("igw", "vgw")) else "natGatewayId"
    routes = [{"destinationCidrBlock": "10.0.0.0/16", "gatewayId": "local", "state": "active"}]
    routes += [{"destinationCidrBlock": "0.0.0.0/0", sort: to, "state": "active"}] if to else []
    links = [{"main": False, "subnetId": subnet} for subnet in subnets] + [{"main": True}] * main
    return {"routeTableId": "rtb-1", "routeSet": {"item": routes}, "associationSet": {"item": links}}


def permission(protocol: str, begin: int | None, end: int | None, *ranges: str) -> Tree:
    """Build a rule of a security group, for addresses of both sorts."""
    four = [{"cidrIp": one} for one in ranges if ":" not in one]
    six = [{"cidrIpv6": one} for one in ranges if ":" in one]
    ports = {} if begin is None else {"fromPort": begin, "toPort": end}
    found = {"ipRanges": {"item": four}, "ipv6Ranges": {"item": six}}
    return {"ipProtocol": protocol, **ports, **found}
