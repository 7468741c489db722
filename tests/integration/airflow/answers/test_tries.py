"""Requests of items whose task has had several tries, and who answered, on every release of Airflow.

Airflow 3.3 has one row for a task. From 3.4 on each try is a row, with a request and XComs of its own.
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine

from launch_pipeline.airflow.api_server.answers.request_key import RequestKey
from launch_pipeline.airflow.api_server.answers.request_rows import read_request, read_requests
from launch_pipeline.airflow.api_server.bridge.board import BoardReading
from launch_pipeline.airflow.api_server.database import ApiDatabase
from launch_pipeline.airflow.policies import responders
from servers.airflow_database import sqlalchemy_url
from servers.plugin_server import an_item, an_open_gate, xcom
from servers.responder import answered, keep

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

    from launch_pipeline.airflow.api_server.answers.request_rows import RequestRow
    from launch_pipeline.slack.protocol import BoardItem
    from servers.airflow_database import GateRows
    from servers.plugin_server import Gate

pytestmark = pytest.mark.integration


@pytest.fixture
def connection(rows: GateRows) -> Iterator[Connection]:
    """Give a plain connection to Airflow's database, as the guard and the board have it."""
    engine = create_engine(sqlalchemy_url(rows.dsn))
    with engine.connect() as opened:
        yield opened
    engine.dispose()


@pytest.fixture
def gate(rows: GateRows) -> Gate:
    """Give an item with a check that waits in a run of its own."""
    return an_open_gate(rows, *an_item(mode="check", owner="operations_lead"))


def present(connection: Connection, gate: Gate) -> RequestRow:
    """Read a gate's row alone and among those of its run; both ways find the same one."""
    (row,) = read_requests(connection, [gate.dag_id], [gate.run_id])
    assert read_request(connection, RequestKey(gate.dag_id, gate.run_id, gate.task_id, -1)) == row
    connection.rollback()
    return row


def on_the_board(rows: GateRows, gate: Gate) -> BoardItem:
    """Return the gate's item as Slack shows it."""
    assert rows
    database = ApiDatabase()
    try:
        board = asyncio.run(BoardReading(database).board())
    finally:
        database.close()
    (launch,) = [one for one in board.launches if one.launch_id == gate.run_id]
    (item,) = [item for run in launch.runs for item in run.items]
    return item


# ---- several tries ------------------------------------------------------------------------------------


def test_only_the_present_try_is_read(rows: GateRows, connection: Connection, gate: Gate) -> None:
    """No earlier try is read instead, and none beside it."""
    second = rows.next_try(gate.instance)
    third = rows.next_try(second)
    row = present(connection, gate)
    assert (row.task_instance_id, row.try_number, row.waits) == (third, 3, True)


def test_try_that_has_not_asked_yet_takes_no_answer(
    rows: GateRows, connection: Connection, gate: Gate
) -> None:
    """The request of the try before it does not wait any more."""
    new = rows.next_try(gate.instance, state="running")
    row = present(connection, gate)
    assert (row.task_instance_id, row.waits) == (new, False)


def test_refusal_of_an_earlier_try_is_not_shown(rows: GateRows, gate: Gate) -> None:
    """What an earlier try was told stays with it, and does not hide what the present one is told."""
    xcom(rows, gate, "refused", {"task_instance_id": gate.instance, "why": "The evidence was too old."})
    new = rows.next_try(gate.instance)
    assert on_the_board(rows, gate).refused == ""
    again = replace(gate, instance=new)
    xcom(rows, again, "refused", {"task_instance_id": new, "why": "It was refused here."})
    item = on_the_board(rows, gate)
    assert (item.task_instance_id, item.try_number, item.refused) == (new, 2, "It was refused here.")


# ---- who answered -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shown", [False, True], ids=["user names", "names that pages show"])
def test_answer_is_told_of_the_account(
    rows: GateRows, connection: Connection, gate: Gate, monkeypatch: pytest.MonkeyPatch, shown: bool
) -> None:
    """The user name is read, and never the name that people choose themselves."""
    monkeypatch.setattr(responders, "SHOWN_NAMES", shown)
    answered(rows, gate.instance, "omar.operations")
    assert present(connection, gate).answered_by == "omar.operations"


def test_answer_without_a_stamp_is_no_known_account(
    rows: GateRows, connection: Connection, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the name that is shown, and not a stamp for another account."""
    monkeypatch.setattr(responders, "SHOWN_NAMES", True)
    kept = {"id": "7", "name": "omar.operations"}
    for fields in ({}, {"user": "omar.operations", "user_id": "8"}, {"user": "omar.operations"}):
        keep(rows, gate.instance, kept, fields)
        assert present(connection, gate).answered_by == ""


def test_item_of_another_run_is_another_request(rows: GateRows, connection: Connection, gate: Gate) -> None:
    """A try that is begun in one run leaves the other as it is."""
    other = an_open_gate(rows, gate.dag_id, gate.task_id, f"run-{uuid.uuid4().hex}")
    rows.next_try(gate.instance)
    assert present(connection, other).task_instance_id == other.instance
