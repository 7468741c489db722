"""Many answers at once, through the guard to a real PostgreSQL: each gate is spent once."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.orchestration.gates import Gates
from launch_pipeline.orchestration.guard import Guard
from servers.gate_keys import ANSWERER, a_key, place

if TYPE_CHECKING:
    from launch_pipeline.orchestration.guard import GateKey
    from servers.airflow_database import GateRows

pytestmark = pytest.mark.integration
SOON = 60.0


class Api:
    """Airflow behind the guard: takes an answer in its own transaction, and takes its time."""

    def __init__(self, rows: GateRows, instances: dict[str, str]) -> None:
        self.rows = rows
        self.instances = instances
        self.won: Counter[str] = Counter()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        run_id = scope["path"].split("/")[6]
        await asyncio.sleep(0.05)
        assert await asyncio.to_thread(self.rows.answered, self.instances[run_id])
        self.won[run_id] += 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})


class OneUser(Gates):
    """Everybody is signed in as the operations lead."""

    async def user(self, scope: Any) -> str | None:
        del scope
        return ANSWERER


async def patch(guard: Guard, key: GateKey) -> int:
    body = json.dumps({"chosen_options": ["Approve"], "params_input": {}}).encode()
    path = f"/api/v2/dags/{key.dag_id}/dagRuns/{key.run_id}/taskInstances/{key.task_id}/-1/hitlDetails"
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        sent.append(message)

    await guard({"type": "http", "method": "PATCH", "path": path, "headers": []}, receive, send)
    return int(sent[0]["status"])


@pytest.mark.parametrize("servers", [1, 2])
@pytest.mark.parametrize("gates", [1, 50])
def test_fifty_answers_at_once_spend_each_gate_once(rows: GateRows, gates: int, servers: int) -> None:
    """One answer wins per gate, everybody else hears 409, and nothing waits for itself."""
    keys = [a_key() for _ in range(gates)]
    api = Api(rows, {key.run_id: place(rows, key) for key in keys})

    async def all_at_once() -> list[int]:
        makers = [OneUser() for _ in range(servers)]
        guards = [Guard(api, maker) for maker in makers]
        try:
            return await asyncio.gather(
                *(patch(guards[number % servers], keys[number % gates]) for number in range(50))
            )
        finally:
            for maker in makers:
                maker._engine.dispose()
                maker._threads.shutdown()

    statuses = Counter(asyncio.run(asyncio.wait_for(all_at_once(), SOON)))
    assert api.won == Counter(key.run_id for key in keys)
    assert statuses == Counter({200: gates, 409: 50 - gates}) - Counter()


def test_seven_answers_each_to_seven_gates(rows: GateRows) -> None:
    """The crowd in which the naive lock deadlocked: more gates and answers than threads."""
    keys = [a_key() for _ in range(7)]
    api = Api(rows, {key.run_id: place(rows, key) for key in keys})

    async def all_at_once() -> list[int]:
        gates = OneUser()
        guard = Guard(api, gates)
        try:
            return await asyncio.gather(*(patch(guard, key) for key in keys for _ in range(7)))
        finally:
            gates._engine.dispose()
            gates._threads.shutdown()

    assert Counter(asyncio.run(asyncio.wait_for(all_at_once(), SOON))) == {200: 7, 409: 42}
    assert set(api.won.values()) == {1}
