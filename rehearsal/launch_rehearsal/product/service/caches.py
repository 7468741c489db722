"""Run a real Redis cluster of six nodes, three primaries with a replica each, as children of this process.

Broken, one primary is dead without failover: its slots are not served, and the cluster state is fail.
"""

from __future__ import annotations

import asyncio
import shutil
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from launch_pipeline.errors import OperationError
from launch_pipeline.stack.ports import LOOPBACK
from launch_rehearsal.product.base.plan import CACHES, NAMESPACE, Part
from launch_rehearsal.product.base.series import Labels, labels_of

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Callable, Coroutine, Iterator

    from launch_rehearsal.product.base.health import Health
    from launch_rehearsal.product.base.plan import ProductPlan

_PRIMARIES = CACHES // 2
_SLOTS = 16384
_PATIENCE = 30.0
_LOOK_EVERY = 0.1
_SCRAPE_EVERY = 1.0
"""Seconds between two polls of the exporter."""
_SETTINGS = """\
bind {host}
port {port}
dir "{folder}"
requirepass {password}
masterauth {password}
cluster-enabled yes
cluster-port {bus}
cluster-node-timeout 1000
# The dead primary of a broken cluster stays dead.
cluster-replica-no-failover yes
repl-diskless-sync-delay 0
appendonly yes
appendfsync no
save ""
maxmemory 64mb
maxmemory-policy allkeys-lru
"""


class Caches:
    """Run the cluster. Use it from one event loop."""

    def __init__(self, plan: ProductPlan, health: Health) -> None:
        self._plan, self._ports = plan, plan.caches
        self._processes: dict[int, Process] = {}
        self._facts: dict[int, dict[str, Any]] = {}
        self._open = AsyncExitStack()
        self._clients: dict[int, Any] = {}
        health.listen(Part.REDIS, self._changed)

    async def start(self) -> None:
        """Start and join the nodes; return once every slot is served and every replica follows.

        Raises OperationError if that takes too long.
        """
        # The state of an earlier rehearsal would make a node the member of another cluster.
        await asyncio.to_thread(shutil.rmtree, self._plan.folder / "redis", ignore_errors=True)
        for port in self._ports:
            self._clients[port] = self._client(port)
            self._open.push_async_callback(self._clients[port].aclose)
        await asyncio.gather(*map(self._run, self._ports))
        await self._join()

    def _client(self, port: int) -> Any:
        password = self._plan.tokens["redis"]
        return Redis(host=LOOPBACK, port=port, password=password, decode_responses=True, socket_timeout=5)

    async def stop(self) -> None:
        """Stop every node."""
        await self._open.aclose()
        await asyncio.gather(*map(self._end, list(self._processes)))

    async def _changed(self, works: bool) -> None:
        victim = self._ports[0]
        if not works:
            await self._end(victim)
            await self._until(self._noticed, "noticing the dead node")
        elif victim not in self._processes:
            await self._run(victim)
            await self._until(self._well, "mending the cluster")

    # ---- processes ---------------------------------------------------------------------------------

    async def _run(self, port: int) -> None:
        folder = self._plan.folder / "redis" / str(port)
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        settings = folder / "redis.conf"
        bus = self._plan.ports[f"redis_bus_{self._ports.index(port)}"]
        password = self._plan.tokens["redis"]
        settings.touch(mode=0o600)
        settings.write_text(
            _SETTINGS.format(host=LOOPBACK, port=port, folder=folder, bus=bus, password=password),
            encoding="utf-8",
        )
        nowhere = asyncio.subprocess.DEVNULL
        self._processes[port] = await asyncio.create_subprocess_exec(
            self._plan.redis, str(settings), stdin=nowhere, stdout=nowhere
        )
        await self._until(lambda: self._answers(port), f"starting Redis on port {port}")

    async def _end(self, port: int) -> None:
        process = self._processes.pop(port)
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()

    async def _until(self, holds: Callable[[], Coroutine[Any, Any, bool]], what: str) -> None:
        for _ in range(round(_PATIENCE / _LOOK_EVERY)):
            if await holds():
                return
            await asyncio.sleep(_LOOK_EVERY)
        message = f"{what} took longer than {_PATIENCE:.0f} s"
        raise OperationError(message)

    # ---- the cluster -------------------------------------------------------------------------------

    async def _ask(self, port: int, *words: object) -> Any:
        return await self._clients[port].execute_command(*words)

    async def _answers(self, port: int) -> bool:
        with suppress(RedisError, OSError):
            return bool(await self._clients[port].ping())
        return False

    async def _join(self) -> None:
        primaries, replicas = self._ports[:_PRIMARIES], self._ports[_PRIMARIES:]
        bounds = [_SLOTS * number // _PRIMARIES for number in range(_PRIMARIES + 1)]
        for number, port in enumerate(primaries):
            await self._ask(port, "CLUSTER", "ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1)
            await self._ask(port, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for port in self._ports[1:]:
            bus = self._plan.ports[f"redis_bus_{self._ports.index(port)}"]
            await self._ask(self._ports[0], "CLUSTER", "MEET", LOOPBACK, port, bus)
        await self._until(self._met, "joining the Redis nodes")
        for primary, replica in zip(primaries, replicas, strict=True):
            await self._ask(replica, "CLUSTER", "REPLICATE", await self._ask(primary, "CLUSTER", "MYID"))
        await self._until(self._well, "making the Redis cluster")

    async def _cluster(self, port: int) -> dict[str, str]:
        with suppress(RedisError, OSError):
            told: dict[str, str] = await self._clients[port].execute_command("CLUSTER INFO")
            return told
        return {}

    async def _met(self) -> bool:
        told = await asyncio.gather(*map(self._cluster, self._ports))
        return all(one.get("cluster_known_nodes") == str(CACHES) for one in told)

    async def _well(self) -> bool:
        told = await asyncio.gather(*map(self._cluster, self._ports))
        if any(one.get("cluster_state") != "ok" for one in told):
            return False
        facts = await asyncio.gather(*map(self._info, self._ports))
        linked = [one.get("master_link_status") for one in facts[_PRIMARIES:]]
        followed = [one.get("connected_slaves") for one in facts[:_PRIMARIES]]
        return linked == ["up"] * _PRIMARIES and followed == [1] * _PRIMARIES

    async def _noticed(self) -> bool:
        told = await asyncio.gather(*map(self._cluster, self._ports[1:]))
        return all(one.get("cluster_state") == "fail" for one in told)

    async def _info(self, port: int) -> dict[str, Any]:
        with suppress(RedisError, OSError):
            return dict(await self._clients[port].info())
        return {}

    # ---- its exporter ------------------------------------------------------------------------------

    async def watch(self) -> None:
        """Poll every node until cancelled, as its exporter does."""
        while True:
            told = await asyncio.gather(*map(self._info, self._ports))
            self._facts = dict(zip(self._ports, told, strict=True))
            await asyncio.sleep(_SCRAPE_EVERY)

    def gauges(self) -> Iterator[tuple[Labels, float]]:
        """Return the exporter's last values of every node."""
        for port, facts in self._facts.items():
            labels = {"namespace": NAMESPACE, "instance": f"redis-{self._ports.index(port)}"}
            yield labels_of("redis_up", labels), float(bool(facts))
            if facts:
                yield labels_of("redis_memory_used_bytes", labels), float(facts["used_memory"])
