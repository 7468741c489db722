"""Many answers at once, through the guard to a real PostgreSQL: each gate is spent once."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.airflow.api_server.answers.answer_guard import AnswerGuard
from launch_pipeline.airflow.api_server.answers.request_key import RequestKey, SignedIn
from launch_pipeline.airflow.api_server.answers.request_state import OpenRequests
from launch_pipeline.launch.deployed_checklists import deployed_dags
from servers.request_keys import ANSWERER, a_key, place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from servers.airflow_database import GateRows

pytestmark = pytest.mark.integration
SOON = 60.0
REASON = "not needed for this release"
STRANGER, BACKUP = "noor.network", "rhea.operations"
"""Who may answer nothing here, and who holds the answerer's role as well."""


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


class Named(OpenRequests):
    """Whoever the request says is signed in; without a word, the operations lead."""

    async def user(self, scope: Any) -> SignedIn | None:
        return SignedIn(str(scope.get("who") or ANSWERER))


@asynccontextmanager
async def guarded(api: Any, servers: int = 1) -> AsyncIterator[list[AnswerGuard]]:
    """Give the guards of so many api-servers, and close their connections."""
    makers = [Named() for _ in range(servers)]
    try:
        yield [AnswerGuard(api, maker) for maker in makers]
    finally:
        for maker in makers:
            maker._refused.close()
            maker._engine.dispose()
            maker._threads.shutdown()


async def patch(  # an answer as a client sends it
    guard: AnswerGuard,
    key: RequestKey,
    who: str = ANSWERER,
    option: str = "Approve",
    reason: str = "",
    send: Any = None,
) -> int:
    fields = {"reason": reason} if reason else {}
    body = json.dumps({"chosen_options": [option], "params_input": fields}).encode()
    path = f"/api/v2/dags/{key.dag_id}/dagRuns/{key.run_id}/taskInstances/{key.task_id}/-1/hitlDetails"
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def reply(message: Any) -> None:
        sent.append(message)
        if send is not None:
            await send(message)

    scope = {"type": "http", "method": "PATCH", "path": path, "headers": [], "who": who}
    await guard(scope, receive, reply)
    return int(sent[0]["status"])


@pytest.mark.parametrize("servers", [1, 2])
@pytest.mark.parametrize("gates", [1, 50])
def test_fifty_answers_at_once_spend_each_gate_once(rows: GateRows, gates: int, servers: int) -> None:
    """One answer wins per gate, everybody else hears 409, and nothing waits for itself."""
    keys = [a_key() for _ in range(gates)]
    api = Api(rows, {key.run_id: place(rows, key) for key in keys})

    async def all_at_once() -> list[int]:
        async with guarded(api, servers) as guards:
            return await asyncio.gather(
                *(patch(guards[number % servers], keys[number % gates]) for number in range(50))
            )

    statuses = Counter(asyncio.run(asyncio.wait_for(all_at_once(), SOON)))
    assert api.won == Counter(key.run_id for key in keys)
    assert statuses == Counter({200: gates, 409: 50 - gates}) - Counter()


def test_seven_answers_each_to_seven_gates(rows: GateRows) -> None:
    """The crowd in which the naive lock deadlocked: more gates and answers than threads."""
    keys = [a_key() for _ in range(7)]
    api = Api(rows, {key.run_id: place(rows, key) for key in keys})

    async def all_at_once() -> list[int]:
        async with guarded(api) as (guard,):
            return await asyncio.gather(*(patch(guard, key) for key in keys for _ in range(7)))

    assert Counter(asyncio.run(asyncio.wait_for(all_at_once(), SOON))) == {200: 7, 409: 42}
    assert set(api.won.values()) == {1}


# ---- who may not, and who floods --------------------------------------------------------------------


@pytest.mark.parametrize("stranger", [STRANGER, "mallory"], ids=["another role", "nobody"])
def test_who_may_answer_nothing_holds_up_nobody(rows: GateRows, stranger: str) -> None:
    """Four loops of refused answers to the same gates, and every one of twelve rightful answers is taken."""
    keys = [a_key() for _ in range(12)]
    api = Api(rows, {key.run_id: place(rows, key) for key in keys})
    refused: Counter[int] = Counter()

    async def asking(guard: AnswerGuard, over: asyncio.Event) -> None:
        while not over.is_set():
            for key in keys:
                refused[await patch(guard, key, stranger)] += 1

    async def all_at_once() -> list[int]:
        over = asyncio.Event()
        async with guarded(api) as (guard,):
            loops = [asyncio.ensure_future(asking(guard, over)) for _ in range(4)]
            await asyncio.sleep(0.2)
            taken = [await patch(guard, key) for key in keys]
            over.set()
            await asyncio.gather(*loops)
            return taken

    assert asyncio.run(asyncio.wait_for(all_at_once(), SOON)) == [200] * 12
    assert set(refused) == {403}
    assert refused[403] > 48
    assert set(api.won.values()) == {1}


@pytest.mark.parametrize(
    ("count", "mixed"), [(12, False), (4, True)], ids=["all rightful", "half of them not"]
)
def test_of_every_race_exactly_one_is_taken(rows: GateRows, count: int, mixed: bool) -> None:
    """In each of a dozen races of 8 to 50 answers at once: never two, and never none, whoever else runs."""
    races = [(a_key(), 8 + number * 42 // (count - 1)) for number in range(count)]
    api = Api(rows, {key.run_id: place(rows, key) for key, _ in races})
    people = [ANSWERER, BACKUP] + ([STRANGER, "mallory"] if mixed else [])

    async def race(guards: list[AnswerGuard], key: RequestKey, runners: int) -> Counter[int]:
        sent = (
            patch(guards[number % 2], key, people[-1 - number % len(people)]) for number in range(runners)
        )
        return Counter(await asyncio.gather(*sent))

    async def all_races() -> list[Counter[int]]:
        async with guarded(api, 2) as guards:
            return [await race(guards, key, runners) for key, runners in races]

    results = asyncio.run(asyncio.wait_for(all_races(), 4 * SOON))
    assert [result[200] for result in results] == [1] * count
    assert [sum(result.values()) for result in results] == [runners for _, runners in races]
    assert set().union(*results) <= {200, 403, 409}
    assert set(api.won.values()) == {1}


def test_an_answer_that_does_not_count_leaves_the_gate_to_the_next(rows: GateRows) -> None:
    """Who is first under the lock and is refused there lets the next in turn answer, not "busy" for all."""
    dag_id, task_id = next(
        (d, t) for d, dag in deployed_dags().items() for t, s in dag.specs.items()
        if s.item.mode == "check+approval" and s.item.owner == "operations_lead"
    )  # fmt: skip
    keys = [RequestKey(dag_id, f"run-{uuid.uuid4().hex}", task_id, -1) for _ in range(10)]
    api = Api(rows, {key.run_id: place(rows, key) for key in keys})

    async def all_at_once() -> list[list[int]]:
        async with guarded(api) as (guard,):
            approve = [[patch(guard, key) for _ in range(5)] for key in keys]
            reject = [patch(guard, key, BACKUP, "Reject", REASON) for key in keys]
            return [await asyncio.gather(*first, last) for first, last in zip(approve, reject, strict=True)]

    # Its checks have not passed, so no approval counts; those behind the rejection find the gate closed.
    for *approvals, rejection in asyncio.run(asyncio.wait_for(all_at_once(), SOON)):
        assert rejection == 200
        assert set(approvals) <= {422, 409}


def test_a_reply_that_is_not_read_keeps_the_gate_from_nobody(rows: GateRows) -> None:
    """Whose connection is full holds no lock: the next answer to the same gate is taken at once."""
    key = a_key()
    api = Api(rows, {key.run_id: place(rows, key)})

    async def forbids(scope: Any, receive: Any, send: Any) -> None:
        """Airflow, which says no to the first who asks: an account without the permission to answer."""
        if scope.get("who") != BACKUP:
            await api(scope, receive, send)
            return
        await receive()
        await send({"type": "http.response.start", "status": 403, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    async def both() -> int:
        full, over = asyncio.Event(), asyncio.Event()

        async def unread(_message: Any) -> None:
            # As uvicorn's send: it returns once the client has read enough, which it never does.
            full.set()
            await over.wait()

        async with guarded(forbids) as (guard,):
            stuck = asyncio.ensure_future(patch(guard, key, BACKUP, send=unread))
            await full.wait()
            status = await patch(guard, key)
            over.set()
            await stuck
            return status

    assert asyncio.run(asyncio.wait_for(both(), SOON)) == 200


def test_rechecks_of_another_role_come_seldom(rows: GateRows) -> None:
    """Each begins a new try: without end they would keep the owner from ever answering one."""
    dag_id, task_id = next(
        (d, t) for d, dag in deployed_dags().items() for t, s in dag.specs.items()
        if s.item.mode == "check+approval" and s.item.owner == "operations_lead"
    )  # fmt: skip
    key = RequestKey(dag_id, f"run-{uuid.uuid4().hex}", task_id, -1)
    place(rows, key)

    async def looks(_scope: Any, receive: Any, send: Any) -> None:
        """Airflow, whose task waits again at once."""
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    async def flood() -> list[list[int]]:
        async with guarded(looks) as (guard,):
            people = [STRANGER, "kim.kubernetes", ANSWERER]
            return [[await patch(guard, key, who, "Re-check") for _ in range(3)] for who in people]

    stranger, other, owner = asyncio.run(asyncio.wait_for(flood(), SOON))
    assert stranger == other == [200, 429, 429]
    assert owner == [200, 200, 200]


def test_a_flood_of_one_account_keeps_no_other_from_answering(rows: GateRows) -> None:
    """A rightful approver floods every gate and is sent away; each answer of another is taken at once."""
    flooded, mine = [a_key() for _ in range(40)], [a_key() for _ in range(6)]
    api = Api(rows, {key.run_id: place(rows, key) for key in [*flooded, *mine]})
    told: Counter[int] = Counter()

    async def flood(guard: AnswerGuard, over: asyncio.Event, number: int) -> None:
        while not over.is_set():
            told[await patch(guard, flooded[number % 40])] += 1
            await asyncio.sleep(0.02)  # as long as the way to a server takes at least

    async def all_at_once() -> list[int]:
        over = asyncio.Event()
        async with guarded(api) as (guard,):
            loops = [asyncio.ensure_future(flood(guard, over, number)) for number in range(100)]
            await asyncio.sleep(0.3)
            taken = [await patch(guard, key, BACKUP) for key in mine]
            over.set()
            await asyncio.gather(*loops)
            return taken

    taken = asyncio.run(asyncio.wait_for(all_at_once(), 2 * SOON))
    assert taken == [200] * 6
    assert told[429]
    assert set(api.won.values()) == {1}
