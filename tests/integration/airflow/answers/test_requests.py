"""The guard's requests on a real PostgreSQL with Airflow's own tables: states, settling, locks, crowds."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from airflow.api_fastapi.core_api.security import bearer_scheme
from sqlalchemy import text
from starlette.requests import Request

from launch_pipeline.airflow.api_server.answers import request_state as state_module
from launch_pipeline.airflow.api_server.answers.request_key import Asked, RequestKey
from launch_pipeline.airflow.api_server.answers.request_state import OpenRequests
from launch_pipeline.errors import AnswerRefused, LedgerUnavailable
from launch_pipeline.launch.deployed_checklists import deployed_dags
from launch_pipeline.ledger.schema import RecordedBy
from servers.item_tasks import REASON
from servers.request_keys import ANSWERER, a_key, an_item, place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from servers.airflow_database import GateRows
    from servers.include_folder import IncludeFolder

pytestmark = pytest.mark.integration
DAG = "sign_off"
SOON = 60.0


@asynccontextmanager
async def made() -> AsyncIterator[OpenRequests]:
    """Give the requests of one api-server, and close its connections."""
    requests = OpenRequests()
    try:
        yield requests
    finally:
        requests._engine.dispose()
        requests._threads.shutdown()


def with_requests(work: Callable[[OpenRequests], Awaitable[Any]]) -> Any:
    async def inside() -> Any:
        async with made() as requests:
            return await asyncio.wait_for(work(requests), SOON)

    return asyncio.run(inside())


async def judged(
    requests: OpenRequests, key: RequestKey, option: str = "Approve", by: str = ANSWERER, **fields: Any
) -> str:
    spec = await requests.spec(key)
    assert spec is not None
    try:
        pinned = fields.pop("evidence", None)
        asked = Asked(key, spec, by, option, fields, RecordedBy.API, evidence=pinned)
        await requests.check_answerer(asked)
        await requests.check_answer(asked)
    except AnswerRefused as refused:
        return refused.code
    return "counts"


# ---- what it knows ----------------------------------------------------------------------------------

STATES: dict[str, tuple[dict[str, Any] | None, str]] = {
    "waits for input": ({}, "counts"),
    "re-checks beside an open request": ({"state": "deferred"}, "counts"),
    "deferred without a request": ({"state": "deferred", "request": False}, "not_waiting"),
    "runs": ({"state": "running"}, "not_waiting"),
    "healed, its request unanswered": ({"state": "success"}, "not_waiting"),
    "failed": ({"state": "failed"}, "not_waiting"),
    "cleared": ({"state": None}, "not_waiting"),
    "is not there": (None, "not_waiting"),
}


@pytest.mark.parametrize(("fields", "code"), STATES.values(), ids=STATES)
def test_only_a_gate_that_waits_takes_an_answer(
    rows: GateRows, fields: dict[str, Any] | None, code: str
) -> None:
    """Airflow answers 200 to all of these; the guard to two."""
    key = a_key()
    if fields is not None:
        place(rows, key, **fields)
    assert with_requests(lambda requests: judged(requests, key)) == code


def test_gate_that_was_answered_does_not_wait(rows: GateRows) -> None:
    """The first answer spends it."""
    key = a_key()
    rows.answered(place(rows, key))
    assert with_requests(lambda requests: judged(requests, key)) == "not_waiting"


def test_role_and_reason_are_judged_here_as_in_the_task(rows: GateRows) -> None:
    """A wrong role and a missing reason are refused before the answer is spent."""
    key = a_key()
    place(rows, key)

    async def work(requests: OpenRequests) -> list[str]:
        return [
            await judged(requests, key, by="noor.network"),
            await judged(requests, key, by="mallory"),
            await judged(requests, key, "Reject"),
            await judged(requests, key, "Maybe"),
            await judged(requests, key, "Reject", reason=REASON),
        ]

    assert with_requests(work) == [
        "not_your_role",
        "unknown_person",
        "reason_missing",
        "unknown_option",
        "counts",
    ]


def test_evidence_counts_only_for_the_task_instance_it_names(rows: GateRows) -> None:
    """What an earlier try saw approves nothing; as JSON text or as an object it is read alike."""
    dag_id, task_id = next(
        (d, t) for d, dag in deployed_dags().items() for t, s in dag.specs.items()
        if s.item.mode == "check+approval" and s.item.owner == "operations_lead"
    )  # fmt: skip

    async def code(requests: OpenRequests, of: str | None, verdict: str, *, text: bool) -> str:
        key = RequestKey(dag_id, f"run-{uuid.uuid4().hex}", task_id, -1)
        instance = place(rows, key)
        value = {"task_instance_id": of or instance, "verdict": verdict, "results": [],
                 "observed_at": "2030-01-01T00:00:00Z"}  # fmt: skip
        rows.evidence(dag_id, key.run_id, task_id, json.dumps(value) if text else value)
        return await judged(requests, key)

    async def work(requests: OpenRequests) -> list[str]:
        return [
            await code(requests, None, "passed", text=False),
            await code(requests, None, "passed", text=True),
            await code(requests, None, "failed", text=False),
            await code(requests, str(uuid.uuid4()), "passed", text=False),
        ]

    assert with_requests(work) == ["counts", "counts", "checks_not_passed", "checks_not_passed"]


@pytest.mark.parametrize("by_form", [True, False])
def test_who_triggered_is_read_from_form_or_run(rows: GateRows, by_form: bool) -> None:
    """Self-approval is refused for a phase triggered by hand as well."""
    task_id = next(t for t, s in deployed_dags()[DAG].specs.items() if s.item.owner == "operations_lead")
    key = RequestKey(DAG, f"run-{uuid.uuid4().hex}", task_id, -1)
    place(
        rows, key, conf={"started_by": "omar.operations"} if by_form else {},
        triggered_by="launch" if by_form else "omar.operations",
    )  # fmt: skip
    codes = with_requests(
        lambda requests: judged(requests, key, "Sign", signature="Omar Haddad"),
    )
    assert codes == "self_approval"


@pytest.mark.usefixtures("rows")
def test_foreign_gates_are_not_known() -> None:
    """A Dag or a task that is no item of a checklist has no spec."""

    async def work(requests: OpenRequests) -> list[Any]:
        dag_id, task_id = an_item()
        keys = [RequestKey("billing", "r", task_id, -1), RequestKey(dag_id, "r", "phase_gate", -1)]
        return [await requests.spec(key) for key in keys]

    assert with_requests(work) == [None, None]


def test_ledger_that_is_missing_or_away_is_said(rows: GateRows, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the ledger nothing is judged, so nothing is spent."""
    key = a_key()
    place(rows, key)
    for uri in ("postgresql://nobody@127.0.0.1:9/none", None):
        if uri:
            monkeypatch.setenv("AIRFLOW_CONN_LAUNCH_LEDGER", uri)
        else:
            monkeypatch.delenv("AIRFLOW_CONN_LAUNCH_LEDGER")
        with pytest.raises(LedgerUnavailable):
            with_requests(lambda requests: judged(requests, key))


LOOKED = """
    UPDATE dag_run SET last_scheduling_decision = now() - %s * interval '1 second' WHERE run_id = %s
"""

SETTLE: dict[str, tuple[dict[str, Any], float, float]] = {
    "parked just now": ({"age": 0}, 5.0, 6.0),
    "parked a while ago, the scheduler has looked since": ({"age": 9, "looked": 1}, 0, 0),
    "parked a while ago, the scheduler has not looked since": ({"age": 9, "looked": 8}, 0.2, 0.3),
    "parked a while ago, the scheduler has never looked": ({"age": 9}, 0.2, 0.3),
    "parked long ago, the scheduler is away": ({"age": 60}, 0, 0),
    "deferred just now": ({"age": 0, "state": "deferred"}, 5.0, 6.0),
    "does not wait": ({"age": 0, "state": "running"}, 0, 0),
}


@pytest.mark.parametrize(("fields", "least", "most"), SETTLE.values(), ids=SETTLE)
def test_settle_seconds_are_those_left(
    rows: GateRows, fields: dict[str, Any], least: float, most: float
) -> None:
    """Counted from the moment of parking; a task that does not wait is refused without waiting."""
    key = a_key()

    async def work(requests: OpenRequests) -> float:
        await requests.settle_seconds(key)  # connects
        given = dict(fields)
        looked = given.pop("looked", None)
        place(rows, key, **given)
        if looked is not None:
            rows.execute(LOOKED, looked, key.run_id)
        return await requests.settle_seconds(key)

    assert least <= with_requests(work) <= most


# ---- who is signed in -------------------------------------------------------------------------------

HEADERS: dict[str, list[tuple[bytes, bytes]]] = {
    "a token": [(b"authorization", b"Bearer abc")],
    "a token with blanks": [(b"authorization", b"bearer   abc ")],
    "a cookie": [(b"cookie", b"_token=abc")],
    "a token wins over a cookie": [(b"cookie", b"_token=c"), (b"authorization", b"Bearer abc")],
    "another scheme leaves the cookie": [(b"cookie", b"_token=c"), (b"authorization", b"Basic abc")],
    "a second authorization is not read": [(b"authorization", b"Bearer abc"), (b"authorization", b"Basic x")],
    "a cookie beside one that breaks the rules": [(b"cookie", b"foo bar=1; _token=abc")],
    "a cookie after a forbidden name": [(b"cookie", b"b{}=2; _token=abc")],
    "two cookie headers": [(b"cookie", b"_token=a"), (b"cookie", b"_token=b")],
    "an empty token": [(b"authorization", b"Bearer "), (b"cookie", b"_token=c")],
    "nothing": [],
}


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_token_is_the_one_that_airflow_reads(headers: list[tuple[bytes, bytes]]) -> None:
    """A header that only one of the two understands would be a way past the guard."""
    scope = {"type": "http", "method": "PATCH", "path": "/", "headers": headers, "query_string": b""}
    request = Request(scope)
    bearer = asyncio.run(bearer_scheme(request))
    explicit = bearer is not None and bearer.scheme.lower() == "bearer"
    airflows = bearer.credentials if bearer and explicit else request.cookies.get(COOKIE_NAME_JWT_TOKEN)
    assert state_module._token(scope) == airflows


# ---- locks ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("rows")
def test_lock_is_exclusive_across_two_api_servers() -> None:
    """The second waits a little, then hears "busy"; another gate is free, and so is this one afterwards."""
    key, other = a_key(), a_key()

    async def work(first: OpenRequests) -> list[bool]:
        async with made() as second:
            async with first.alone(key) as one:
                began = time.monotonic()
                async with second.alone(key) as two, second.alone(other) as three:
                    assert time.monotonic() - began < 5
            async with second.alone(key) as four:
                return [one, two, three, four]

    assert with_requests(work) == [True, False, True, True]


def test_connection_killed_while_it_holds_the_lock_frees_the_gate(rows: GateRows) -> None:
    """An api-server that dies in the middle blocks nobody, and its own reply is not spoiled."""
    key = a_key()

    async def work(first: OpenRequests) -> tuple[bool, bool]:
        async with made() as second:
            async with first.alone(key):
                ended = await asyncio.to_thread(
                    rows.execute,
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'"
                    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
                )
                assert ended == [(True,)]
                async with second.alone(key) as free:
                    pass
            async with first.alone(key) as again:
                return free, again

    assert with_requests(work) == (True, True)


@pytest.mark.usefixtures("rows")
def test_a_machine_that_falls_silent_holds_no_gate_for_long() -> None:
    """Whoever loses its power closes no connection: the server must notice by itself, in seconds."""
    # Where the tests' server listens there is nothing to keep alive, so its own numbers are 0.
    query = "SELECT name FROM pg_settings WHERE name LIKE 'tcp_keepalives_%' AND source = 'session'"

    async def work(requests: OpenRequests) -> set[str]:
        def told() -> set[str]:
            with requests._engine.connect() as connection:
                return set(connection.scalars(text(query)))

        return await asyncio.to_thread(told)

    silence = state_module.SILENCE
    assert with_requests(work) == set(silence)
    idle, interval, count = (silence[f"tcp_keepalives_{name}"] for name in ("idle", "interval", "count"))
    assert idle + interval * count <= 60


@pytest.mark.usefixtures("rows")
def test_answer_that_is_cancelled_leaves_no_lock() -> None:
    """However early or late the client's request ends, the gate is free and no connection is lost."""
    key = a_key()

    async def answer(requests: OpenRequests) -> None:
        async with requests.alone(key):
            await asyncio.sleep(0.01)

    async def work(requests: OpenRequests) -> int:
        for number in range(40):
            task = asyncio.ensure_future(answer(requests))
            await asyncio.sleep(number / 4000)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            async with requests.alone(key) as free:
                assert free, number
        return int(requests._engine.pool.checkedout())  # type: ignore[attr-defined]

    assert with_requests(work) == 0


@pytest.mark.parametrize("edit", ["removed", "broken"])
def test_request_stays_guarded_where_its_checklist_is_edited(
    rows: GateRows, include: IncludeFolder, edit: str
) -> None:
    """An item that today's files do not have is judged as its launch has it, and never let through."""
    key = a_key()
    place(rows, key)
    for path in (include.path / "checklists").glob("[0-9]*.yaml"):
        path.unlink() if edit == "removed" else path.write_text("[")

    async def work(requests: OpenRequests) -> list[str]:
        people = ("mallory", "carla.cto", ANSWERER)
        return [await judged(requests, key, by=person) for person in people]

    assert with_requests(work) == ["unknown_person", "not_your_role", "counts"]
