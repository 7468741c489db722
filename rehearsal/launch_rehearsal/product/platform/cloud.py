"""Serve the cloud account to AWS' own clients: network, firewall, costs, the bucket of the backups.

Broken, it looks like an account changed by hand in the console: subnets assign public addresses, the
database's port is open to the world, nothing is limited or logged, and reading the costs is denied.
"""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web

from launch_rehearsal.product.base.plan import Part
from launch_rehearsal.product.platform.aws_xml import answered, refused, xml
from launch_rehearsal.product.platform.bucket import Bucket
from launch_rehearsal.product.platform.load_balancers import described
from launch_rehearsal.product.platform.network import Network

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from launch_rehearsal.product.base.health import Health

    Operation = Callable[[web.Request], Awaitable[web.Response]]

ACCESS_KEY = "AKIAREHEARSAL0000001"
REGION = "eu-central-1"
_TARGET = "X-Amz-Target"


class Cloud:
    """Serve the read side of one account."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def app(self) -> web.Application:
        """Build the application; requests not signed with the account's key are refused."""

        @web.middleware
        async def known(request: web.Request, handler: Any) -> web.StreamResponse:
            if f"Credential={ACCESS_KEY}/" not in request.headers.get("Authorization", ""):
                return refused(403, "InvalidAccessKeyId")
            answer: web.StreamResponse = await handler(request)
            return answer

        app = web.Application(middlewares=[known])
        app.add_routes([web.post("/", self._operation), web.get("/clusters/{name}", self._cluster)])
        app.add_routes(Bucket(self._health).routes())
        return app

    @property
    def _works(self) -> bool:
        return self._health.works(Part.CLOUD)

    async def _operation(self, request: web.Request) -> web.Response:
        """Run it: newer services name it in a header and use JSON; older ones use a form and XML."""
        newer: Mapping[str, Operation] = {
            "GetWebACLForResource": self._firewall,
            "GetCostAndUsage": self._costs,
        }
        target = request.headers.get(_TARGET, "").rpartition(".")[2]
        if target:
            return await newer[target](request) if target in newer else _unknown_json(target)
        return self._older(str((await request.post()).get("Action", "")))

    def _older(self, action: str) -> web.Response:
        operations = Network(REGION, works=self._works).operations
        if action == "DescribeLoadBalancers":
            return described(REGION, works=self._works)
        if action not in operations:
            error = {"Code": "InvalidAction", "Message": f"{action} is not served here"}
            return answered(xml("Response", {"Errors": {"Error": error}}), 400)
        namespace, answer = operations[action]
        return answered(xml(f"{action}Response", answer(), namespace))

    async def _cluster(self, request: web.Request) -> web.Response:
        return web.json_response(Network(REGION, works=self._works).cluster(request.match_info["name"]))

    async def _firewall(self, _request: web.Request) -> web.Response:
        limit = {"RateBasedStatement": {"Limit": 2000, "AggregateKeyType": "IP"}}
        rule = {"Name": "limit", "Priority": 0, "Action": {"Block": {}}, "Statement": limit}
        rules = [rule] if self._works else []
        return _json({"WebACL": {"Name": "edge", "Id": "w-1", "Rules": rules}})

    async def _costs(self, request: web.Request) -> web.Response:
        if not self._works:
            return _json({"ResultsByTime": []})
        period = json.loads(await request.text())["TimePeriod"]
        begin, end = date.fromisoformat(period["Start"]), date.fromisoformat(period["End"])
        # AWS refuses a period without a day; a rehearsal takes place on one day.
        days = [begin + timedelta(days=number) for number in range(max(1, (end - begin).days))]
        return _json({"ResultsByTime": [_day(day) for day in days]})


def _day(day: date) -> dict[str, Any]:
    return {
        "TimePeriod": {"Start": str(day), "End": str(day + timedelta(days=1))},
        "Total": {"UnblendedCost": {"Amount": "41.27", "Unit": "USD"}},
        "Groups": [],
        "Estimated": True,
    }


def _json(document: dict[str, Any], status: int = 200) -> web.Response:
    return web.json_response(document, status=status, content_type="application/x-amz-json-1.1")


def _unknown_json(target: str) -> web.Response:
    return _json({"__type": "UnknownOperationException", "message": f"{target} is not served here"}, 400)
