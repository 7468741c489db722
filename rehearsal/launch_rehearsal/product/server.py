"""Assemble the fake product: create its data, listen, and let parts be broken and repaired."""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

import aiohttp
from psycopg.conninfo import conninfo_to_dict

from launch_pipeline.stack.ports import LOOPBACK
from launch_rehearsal.product.authorities import Authorities
from launch_rehearsal.product.base.health import Health
from launch_rehearsal.product.base.logs import Logs
from launch_rehearsal.product.base.plan import Part, ProductPlan
from launch_rehearsal.product.base.series import Store
from launch_rehearsal.product.delivery.registry import Registry
from launch_rehearsal.product.delivery.reports import Reports
from launch_rehearsal.product.delivery.repository import ProductRepository
from launch_rehearsal.product.fault_control import control_app
from launch_rehearsal.product.monitoring.cluster_metrics import ClusterMetrics
from launch_rehearsal.product.monitoring.dashboards import Dashboards
from launch_rehearsal.product.monitoring.prometheus import Monitoring
from launch_rehearsal.product.platform.cloud import Cloud
from launch_rehearsal.product.service.audit import Audit, Passage
from launch_rehearsal.product.service.caches import Caches
from launch_rehearsal.product.service.database import create_database
from launch_rehearsal.product.service.edge import Edge
from launch_rehearsal.product.service.names import ProductNames
from launch_rehearsal.product.service.services import Limiter, Services
from launch_rehearsal.product.service.users import API, Users
from launch_rehearsal.tampering.tampering import Tampering
from launch_rehearsal.vendors.dns_server import answering
from launch_rehearsal.vendors.serving import serving

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

    from aiohttp import web

_LOG = logging.getLogger(__name__)
VISIT_EVERY = 0.25
"""Seconds between two requests of the visitors."""
_PATIENCE = 0.5
"""Seconds that open requests have to finish at the end."""
_QUESTIONS = (
    "What is Ubuntu philosophy?",
    "Compare two ways to learn reading and recommend one. Number {number}",
    "What is Ubuntu philosophy?",
    "Design and justify a national plan with budget and risk analysis. Number {number}",
    "What is Ubuntu philosophy?",
    "What is Ubuntu philosophy?",
    "What is {number} plus one?",
    "What is Ubuntu philosophy?",
)
"""Five of eight questions repeat; the others need each of the three tiers."""


class FakeProduct:
    """Run one fake product; enter it as a context manager within its event loop."""

    def __init__(self, plan: ProductPlan) -> None:
        self.plan = plan
        self.health = Health(plan.broken)
        self.store = Store()
        self.release_sha = ""
        self.schema_fingerprint = ""
        self.tampering = Tampering(f"Bearer {plan.tokens['visitor']}")
        self._limiters: list[Limiter] = []
        self.edge: Edge | None = None
        self.registry: Registry | None = None
        self.reports = Reports(plan.reports, "")
        self._deployed: dict[str, str] = {}
        """The digest of each image that runs, by the image's name."""
        self.repository = ProductRepository(plan.repository, plan.release)
        self._redis = Caches(plan, self.health) if plan.redis else None
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Create the data and listen."""
        try:
            await self._prepare()
            await self._listen()
        except BaseException:
            await self._open.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening; the data stays in its folder and in the database."""
        await self._open.aclose()

    async def _prepare(self) -> None:
        self.plan.folder.mkdir(parents=True, exist_ok=True)
        if self._redis:
            self._open.push_async_callback(self._redis.stop)
        tokens = self.plan.tokens
        self.release_sha, self.schema_fingerprint, _ = await asyncio.gather(
            asyncio.to_thread(self.repository.create, self.plan.previous_release),
            asyncio.to_thread(create_database, self.plan.dsn, tokens["database"], tokens["writer"]),
            self._redis.start() if self._redis else asyncio.sleep(0),
        )
        self.reports.about(self.release_sha)
        await asyncio.to_thread(self.reports.write)

        async def reported(works: bool) -> None:
            await asyncio.to_thread(self.reports.write, broken=not works)

        async def frozen(works: bool) -> None:
            await asyncio.to_thread(self.repository.move_freeze, back=not works)

        self.health.listen(Part.REPORTS, reported)
        self.health.listen(Part.REPOSITORY, frozen)

    async def _listen(self) -> None:
        logs = Logs()
        if self._redis:
            await self._open.enter_async_context(_running(self._redis.watch()))
        audit = Audit(self.plan, self.store, logs)
        self._open.push_async_callback(audit.close)
        services = Services(self.plan, self.health, self.store, audit, logs)
        exporters = [ClusterMetrics(self.health).gauges, *([self._redis.gauges] if self._redis else [])]
        monitoring = Monitoring(self.plan, self.store, self.health, services, exporters)
        users = Users(self.plan, self.store)
        self._open.push_async_callback(users.close)
        self.edge = edge = Edge(self.plan, self.health, logs, users)
        self._limiters = [services.limiter, edge.limiter]
        await self._database_passage()
        names = answering(ProductNames(self.health, self.tampering), self.plan.ports["dns"])
        await self._open.enter_async_context(names)
        for part, app in services.apps().items():
            await self._serve(part, app)
        await self._serve("edge", edge.app(), edge.context)
        await self._serve("edge_plain", edge.plain_app())
        self.registry = registry = Registry(self.plan, self.health, self._commits)
        more = {
            "/registry": registry.app(),
            "/grafana": Dashboards(self.plan, self.health, self.store).app,
        }
        self._deployed |= registry.digests(self.plan.release)
        authorities = Authorities(self.plan, self.health, monitoring, logs, more, self._deployed)
        await self._serve("authorities", authorities.app())
        await self._serve("cloud", Cloud(self.health).app())
        await self._reserve_closed_port()
        await self.health.begin()
        await self._open.enter_async_context(_running(monitoring.watch()))
        await self._open.enter_async_context(_running(self._visit()))
        # Last, so that a reachable control means that everything is reachable.
        await self._serve("control", control_app(self))

    @property
    def _commits(self) -> dict[str, str]:
        """Return the commit of each release."""
        return {
            release: self.repository.commit(f"v{release}")
            for release in (self.plan.release, self.plan.previous_release)
        }

    async def _serve(self, name: str, app: web.Application, tls: ssl.SSLContext | None = None) -> None:
        port = self.plan.ports[name]
        if name != "control":
            self.tampering.attend(name, app)
        await self._open.enter_async_context(serving(app, tls, port=port, patience=_PATIENCE))

    async def _database_passage(self) -> None:
        parts = conninfo_to_dict(self.plan.dsn)
        passage = Passage(self.health, (str(parts["host"]), int(str(parts["port"]))))
        server = await asyncio.start_server(passage.accept, LOOPBACK, self.plan.ports["database"])
        self._open.push_async_callback(asyncio.sleep, 0)  # until dropped connections are closed
        self._open.callback(passage.clear)
        self._open.callback(server.close)

    async def _reserve_closed_port(self) -> None:
        """Bind a port without listening, so that no other process can listen there."""
        held = self._open.enter_context(socket.socket())
        held.bind((LOOPBACK, self.plan.ports["closed"]))

    def calm(self) -> None:
        """Let every limit of requests forget what it has counted."""
        for limiter in self._limiters:
            limiter.forget()

    async def release_again(self) -> str:
        """Release a new commit: tag it, test and scan it, push and deploy its images; return it."""
        commit = await asyncio.to_thread(self.repository.release_again)
        self.reports.about(commit)
        await asyncio.to_thread(self.reports.write, broken=not self.health.works(Part.REPORTS))
        if self.registry is not None:
            self.registry.push(self.plan.release, commit)
            self._deployed |= self.registry.digests(self.plan.release)
        self.release_sha = commit
        return commit

    async def write_up(self) -> str:
        """Let the team document the launch; return the commit."""
        return await asyncio.to_thread(self.repository.write_up)

    async def _visit(self) -> None:
        """Send real requests to the edge for as long as the product runs, whatever its certificate."""
        headers = {"Authorization": f"Bearer {self.plan.tokens['visitor']}", "Host": API}
        timeout, own = aiohttp.ClientTimeout(total=5), f"https://{LOOPBACK}:{self.plan.ports['edge']}"
        connector = aiohttp.TCPConnector(ssl=False)
        async with aiohttp.ClientSession(own, headers=headers, timeout=timeout, connector=connector) as http:
            for number, question in enumerate(itertools.cycle(_QUESTIONS)):
                with suppress(aiohttp.ClientError, TimeoutError):
                    await self._one_visit(http, question.format(number=number))
                await asyncio.sleep(VISIT_EVERY)

    async def _one_visit(self, http: aiohttp.ClientSession, question: str) -> None:
        async with http.post("/api/ai/query", json={"query": question}) as answer:
            await answer.read()


@asynccontextmanager
async def _running(work: Any) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    task.add_done_callback(_told)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _told(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        _LOG.error("a part of the fake product ended", exc_info=error)
