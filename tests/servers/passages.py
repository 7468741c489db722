"""Passages to the product's database and caches, through which breaks alter what these answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from launch_pipeline.stack.ports import LOOPBACK
from launch_rehearsal.tampering.postgres import DatabasePassage
from launch_rehearsal.tampering.redis import RedisPassage

if TYPE_CHECKING:
    from launch_rehearsal.product.base.plan import ProductPlan
    from launch_rehearsal.tampering.tampering import Tampering


class Passages:
    """Listen before each server that cannot alter its own answers."""

    def __init__(self, plan: ProductPlan, tampering: Tampering) -> None:
        self._plan, self._tampering = plan, tampering
        self._servers: list[asyncio.Server] = []
        self._ports: dict[int, int] = {}

    async def __aenter__(self) -> Self:
        database = self._plan.ports["database"]
        await self._listen(database, DatabasePassage(self._tampering, (LOOPBACK, database)))
        for number, port in enumerate(self._plan.caches if self._plan.redis else ()):
            await self._listen(port, RedisPassage(self._tampering, f"redis {number}", (LOOPBACK, port)))
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in self._servers:
            server.close()

    async def _listen(self, port: int, passage: DatabasePassage | RedisPassage) -> None:
        server = await asyncio.start_server(passage.accept, LOOPBACK, 0)
        self._servers.append(server)
        self._ports[port] = server.sockets[0].getsockname()[1]

    @property
    def addresses(self) -> dict[str, str]:
        """Return where to connect instead of the nodes, as an environment writes it."""
        return {
            f"{LOOPBACK}:{port}": f"{LOOPBACK}:{self._ports[port]}"
            for port in self._plan.caches
            if port in self._ports
        }

    def before(self, plan: ProductPlan) -> ProductPlan:
        """Return the plan as clients should know it: with the database behind its passage."""
        database = self._ports[plan.ports["database"]]
        return plan.model_copy(update={"ports": {**plan.ports, "database": database}})
