"""The api-server killed with answers in its hands: each answer is taken exactly once, and no lock stays."""

from __future__ import annotations

import asyncio
import json
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from launch_pipeline.errors import OperationError
from launch_pipeline.ledger.schema import EntryKind, RecordedBy
from launch_pipeline.slack.api_client import Airflow
from launch_pipeline.slack.bridge.interactions.answers import AnswerSender
from launch_pipeline.slack.protocol import DecideRequest
from launch_pipeline.stack.slack_access import BRIDGE_USER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from launch_pipeline.slack.protocol import Decided
    from servers.launches import Launchpad, Run

pytestmark = pytest.mark.integration

PRIYA, PRIYA_SLACK, CARLA_SLACK = "priya.product", "U0LAUNCH02", "U0LAUNCH04"
PATIENCE = 60.0
REASON = "replaced by the green service"
_HELD = """
    SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database
    WHERE locktype = 'advisory' AND datname = current_database()
"""
_WAIT = """
    SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
"""
_ANSWERED = "SELECT count(*) FROM hitl_detail WHERE responded_at IS NOT NULL AND ti_id = ANY(%s::uuid[])"


class Database:
    """Airflow's own, with another session that can hold its rows."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def count(self, query: str, *values: Any) -> int:
        with psycopg.connect(self._dsn) as connection:
            row = connection.execute(query, values).fetchone()
        return int(row[0]) if row else 0

    @contextmanager
    def holding(self, statement: str, *values: Any) -> Iterator[psycopg.Connection[Any]]:
        """Hold what the statement locks until the end, or until the connection is rolled back."""
        with psycopg.connect(self._dsn) as connection:
            connection.execute("SET lock_timeout = '30s'")
            connection.execute(statement, values)
            yield connection
            connection.rollback()


@pytest.fixture
def database(launchpad: Launchpad) -> Database:
    """Give Airflow's database."""
    return Database(launchpad.stack.settings.airflow_dsn)


@pytest.fixture
def people() -> Iterator[ThreadPoolExecutor]:
    """Give hands beside those of the test."""
    with ThreadPoolExecutor(2) as pool:
        yield pool


def _until(what: str, holds: Callable[[], bool]) -> None:
    """Wait for a condition; without an api-server nobody can say how the tasks stand."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, f"not within {PATIENCE:.0f} s: {what}"
        time.sleep(0.05)


def _shown(run: Run, task_id: str) -> str:
    """Return the pin that a card shows of an item's checks; empty where the item has none."""
    seen = run.xcom(task_id, "evidence") if task_id.startswith("machine.") else None
    # An XCom that a trigger sent is JSON text.
    seen = json.loads(seen) if isinstance(seen, str) else seen
    return str(seen["digest"]).removeprefix("sha256:")[:12] if seen else ""


def _bridge(launchpad: Launchpad, run: Run, task_id: str, slack_id: str, name: str, answer: str) -> Decided:
    """Do what the bridge does with a click, until Airflow has said what became of it."""
    stack, instance = launchpad.stack, run.tasks()[task_id]
    request = DecideRequest(
        slack_id=slack_id,
        dag_id=run.dag_id,
        run_id=run.id,
        task_id=task_id,
        task_instance_id=instance["id"],
        try_number=instance["try_number"],
        evidence=_shown(run, task_id),
        answer=answer,
        reason=REASON if answer == "Waive" else "",
    )

    async def click() -> Decided:
        password = stack.settings.passwords()[BRIDGE_USER]
        async with Airflow(stack.settings.url, BRIDGE_USER, password) as airflow:
            answering = AnswerSender(airflow, lambda: None)
            return await answering._decide(answering.budget(), request, name)

    return asyncio.run(click())


def test_an_answer_that_was_under_way_is_taken_by_the_next_attempt(
    launchpad: Launchpad, database: Database, people: ThreadPoolExecutor
) -> None:
    """Killed before Airflow took them: neither counts, the guard's locks are free, and each is taken once."""
    run = launchpad.begin()
    gates = [run.until_waiting(name)["id"] for name in ("people.attested", "machine.broken")]
    rows = "SELECT 1 FROM hitl_detail WHERE ti_id = ANY(%s::uuid[]) FOR UPDATE"
    with database.holding(rows, gates) as held:
        by_hand = people.submit(run.answer, PRIYA, "people.attested", "Approve")
        clicked = people.submit(
            _bridge, launchpad, run, "machine.broken", CARLA_SLACK, "Carla Mendes", "Waive"
        )  # fmt: skip
        _until("both answers wait for their rows", lambda: database.count(_WAIT) >= 2)
        assert database.count(_HELD) == 2
        launchpad.stack.kill("api-server")
        with pytest.raises(OperationError, match="does not answer"):
            by_hand.result()
        _until("no lock of the dead api-server is left", lambda: not database.count(_HELD))
        held.rollback()
        assert database.count(_ANSWERED, gates) == 0
    launchpad.stack.restart("api-server")
    assert clicked.result().person == "Carla Mendes"
    run.answer(PRIYA, "people.attested", "Approve")
    run.until_state("people.attested", "success")
    run.until_state("machine.broken", "skipped")
    decisions = [entry.record for entry in run.entries(EntryKind.DECISION)]
    assert {(r.task_id, r.recorded_by) for r in decisions if r} == {
        ("people.attested", RecordedBy.API),
        ("machine.broken", RecordedBy.SLACK),
    }
    assert len(decisions) == 2


def test_an_answer_that_was_taken_without_a_word_is_not_taken_again(
    launchpad: Launchpad, database: Database, people: ThreadPoolExecutor
) -> None:
    """Killed between Airflow's commit and the reply: the bridge's next attempt finds its own answer."""
    run = launchpad.begin()
    gate = [run.until_waiting("people.attested")["id"]]
    row = "SELECT 1 FROM hitl_detail WHERE ti_id = ANY(%s::uuid[]) FOR UPDATE"
    with database.holding(row, gate) as held:
        clicked: Future[Decided] = people.submit(
            _bridge, launchpad, run, "people.attested", PRIYA_SLACK, "Priya Raman", "Approve"
        )
        _until("the answer waits for its row", lambda: database.count(_WAIT) >= 1)
        # The plugin reads the item's record after Airflow has taken the answer, and not before this moment.
        with database.holding("LOCK TABLE xcom IN ACCESS EXCLUSIVE MODE"):
            held.rollback()
            _until("Airflow has taken the answer", lambda: database.count(_ANSWERED, gate) == 1)
            launchpad.stack.kill("api-server")
    _until("no lock of the dead api-server is left", lambda: not database.count(_HELD))
    launchpad.stack.restart("api-server")
    assert clicked.result().person == "Priya Raman"
    run.until_state("people.attested", "success")
    assert len(run.entries(EntryKind.DECISION)) == 1
