"""The board and the evidence, read from a real database: what is on it, what it says, what it costs."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from airflow import settings
from sqlalchemy import event

from launch_pipeline.airflow.api_server.bridge import board_ledger
from launch_pipeline.airflow.api_server.bridge.board import BoardReading
from launch_pipeline.airflow.api_server.bridge.refusals import NotTaken
from launch_pipeline.airflow.api_server.database import ApiDatabase
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.launch.deployed_checklists import deployed_dags
from launch_pipeline.launch.evidence import Evidence
from launch_pipeline.ledger.evidence import EvidenceTable
from launch_pipeline.ledger.recent import look_at
from launch_pipeline.ledger.schema import Outcome, RecordedBy
from launch_pipeline.slack.protocol import EvidenceRequest
from servers.airflow_database import GateRows, sqlalchemy_url
from servers.databases import fresh_database
from servers.plugin_server import an_item, an_open_gate, recorded, xcom
from servers.records import a_record, a_result
from servers.responder import answered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.ledger.recent import Recent
    from launch_pipeline.slack.protocol import Board, BoardItem, BoardLaunch
    from servers.include_folder import IncludeFolder
    from servers.plugin_server import Gate

pytestmark = pytest.mark.integration
CONF = {
    "environment": "production",
    "release": "1.2.0",
    "rehearsal": True,
    "started_by": "kim.kubernetes",
    "launch_at": "2030-05-06T09:00:00Z",
}
CONDUCTOR = """
    INSERT INTO dag_run (dag_id, run_id, run_type, run_after, state, conf, log_template_id)
    VALUES ('launch', %s, 'manual', now(), %s, %s, 1)
"""
ENDED = "UPDATE dag_run SET state = %s, updated_at = now() - %s * interval '1 minute' WHERE run_id = %s"
MOVED = "UPDATE task_instance SET state = %s, updated_at = now() WHERE id = %s"


@pytest.fixture(scope="module")
def rows(pg_server: str, airflow_template: str) -> Iterator[GateRows]:
    """Give a database of this file's own, without an api-server."""
    with fresh_database(pg_server, airflow_template) as dsn:
        yield GateRows(dsn)


@pytest.fixture
def reading(
    rows: GateRows, include: IncludeFolder, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BoardReading]:
    """Give a reading of it, with an empty board."""
    assert include
    rows.execute("DELETE FROM dag_run")
    monkeypatch.setattr(settings, "SQL_ALCHEMY_CONN", sqlalchemy_url(rows.dsn))
    monkeypatch.setenv("AIRFLOW_CONN_LAUNCH_LEDGER", sqlalchemy_url(rows.dsn, "postgresql"))
    database = ApiDatabase()
    yield BoardReading(database)
    database.close()


def look(reading: BoardReading) -> Board:
    return asyncio.run(reading.board())


def shown(reading: BoardReading, gate: Gate) -> BoardItem:
    """Return the gate's item as the board shows it now."""
    launch = launch_of(reading, gate.run_id)
    assert launch is not None
    (item,) = [i for run in launch.runs for i in run.items if i.task_id == gate.task_id]
    return item


def launch_of(reading: BoardReading, launch_id: str) -> BoardLaunch | None:
    return next((one for one in look(reading).launches if one.launch_id == launch_id), None)


def checked(rows: GateRows, **fields: Any) -> Gate:
    """Let an item with a check wait."""
    return an_open_gate(rows, *an_item(mode="check", owner="operations_lead"), **fields)


def saw(rows: GateRows, gate: Gate, payload: dict[str, Any]) -> None:
    """Keep what the checks of a gate saw, as its task does."""
    EvidenceTable(rows.dsn).write(gate.run_id, gate.instance, payload)


def seen(gate: Gate, verdict: Verdict, headline: str) -> dict[str, Any]:
    return Evidence.of(gate.instance, [a_result(verdict=verdict, headline=headline)]).payload()


# ---- which launches ---------------------------------------------------------------------------------


def test_launch_is_all_runs_of_its_id(reading: BoardReading, rows: GateRows) -> None:
    """The conductor first, then the phases in order; the ledger's facts; ended phases stay with it."""
    launch_id = f"shop-{uuid.uuid4().hex}"
    rows.launch(launch_id, **CONF)
    later, first = "week_2_infrastructure_setup", "week_1_pre_launch_requirements"
    for dag_id in (later, first):
        an_open_gate(rows, dag_id, next(iter(deployed_dags()[dag_id].specs)), launch_id)
    rows.execute(ENDED, "success", 600, launch_id)
    rows.execute(CONDUCTOR, launch_id, "running", json.dumps(CONF))
    launch = launch_of(reading, launch_id)
    assert launch is not None
    assert [run.dag_id for run in launch.runs] == ["launch", first, later]
    assert [run.state for run in launch.runs] == ["running", "success", "success"]
    assert (launch.environment, launch.release, launch.rehearsal) == ("production", "1.2.0", True)
    assert (launch.triggered_by, launch.launch_at) == ("kim.kubernetes", "2030-05-06T09:00:00+00:00")
    assert [len(run.items) for run in launch.runs] == [0, 1, 1]


def test_run_that_no_launch_has_is_shown_as_it_says(reading: BoardReading, rows: GateRows) -> None:
    """A start that was refused is not in the ledger; who triggered it is known from the run."""
    gate = checked(rows, triggered_by="noor.network")
    rows.execute("DELETE FROM launch.launches WHERE launch_id = %s", gate.run_id)
    launch = launch_of(reading, gate.run_id)
    assert launch is not None
    assert (launch.environment, launch.rehearsal, launch.triggered_by) == ("", False, "noor.network")


@pytest.mark.parametrize(("minutes", "there"), [(0, True), (9, True), (11, False)])
def test_what_ended_stays_for_a_while(
    reading: BoardReading, rows: GateRows, minutes: int, there: bool
) -> None:
    """Cards catch up within ten minutes; then the launch leaves the board."""
    gate = checked(rows)
    rows.execute(ENDED, "failed", minutes, gate.run_id)
    assert (launch_of(reading, gate.run_id) is not None) is there


def test_foreign_dags_and_tasks_are_left_out(reading: BoardReading, rows: GateRows) -> None:
    """Other Dags are nobody's business here; waits, gate and announcement are no items."""
    gate = checked(rows)
    rows.waiting("billing", gate.run_id, "pay")
    rows.waiting(gate.dag_id, gate.run_id, "phase_gate", request=False)
    launch = launch_of(reading, gate.run_id)
    assert launch is not None
    assert [(run.dag_id, len(run.items)) for run in launch.runs] == [(gate.dag_id, 1)]


@pytest.mark.parametrize("conf", [{"rehearsal": "maybe"}, {"release": ["x"]}, {"unknown": 1}])
def test_broken_form_hides_nothing(reading: BoardReading, rows: GateRows, conf: dict[str, Any]) -> None:
    """A run that no launch has may say anything; its items are on the board all the same."""
    gate = checked(rows)
    rows.execute("DELETE FROM launch.launches WHERE launch_id = %s", gate.run_id)
    rows.execute("UPDATE dag_run SET conf = %s WHERE run_id = %s", json.dumps(conf), gate.run_id)
    assert shown(reading, gate).waits


def test_run_that_cannot_be_shown_hides_no_other(reading: BoardReading, rows: GateRows) -> None:
    """Where Airflow was told to accept any run id, the odd one is left out."""
    dag_id, task_id = an_item(mode="check", owner="operations_lead")
    an_open_gate(rows, dag_id, task_id, "odd one / with blanks")
    gate = checked(rows)
    assert [launch.launch_id for launch in look(reading).launches] == [gate.run_id]


# ---- what an item says ------------------------------------------------------------------------------

STATES: dict[str, tuple[dict[str, Any], bool]] = {
    "waits for input": ({}, True),
    "re-checks beside an open request": ({"state": "deferred"}, True),
    "looks for the first time": ({"state": "deferred", "request": False}, False),
    "runs": ({"state": "running"}, False),
    "healed": ({"state": "success"}, False),
    "was cleared": ({"state": None}, False),
}


@pytest.mark.parametrize(("fields", "waits"), STATES.values(), ids=STATES)
def test_item_waits_where_an_answer_would_reach_it(
    reading: BoardReading, rows: GateRows, fields: dict[str, Any], waits: bool
) -> None:
    """As the guard sees it; since when, and which try it is."""
    gate = checked(rows, **{"age": 90, **fields})
    item = shown(reading, gate)
    assert (item.waits, item.task_instance_id, item.try_number) == (waits, gate.instance, 1)
    waited = (datetime.now(UTC) - item.since).total_seconds() if item.since else None
    assert waited is None or 85 < waited < 150
    assert (waited is not None) is waits


def test_answer_is_shown_until_the_task_has_judged_it(reading: BoardReading, rows: GateRows) -> None:
    """Whose it is, while the task goes on; afterwards the record speaks."""
    gate = checked(rows)
    answered(rows, gate.instance, "omar.operations")
    rows.execute(MOVED, "scheduled", gate.instance)
    item = shown(reading, gate)
    assert (item.answered_by, item.waits) == ("omar.operations", False)
    recorded(rows, gate, outcome=Outcome.WAIVED, reason="later", results=())
    rows.execute(MOVED, "skipped", gate.instance)
    item = shown(reading, gate)
    assert (item.answered_by, item.outcome, item.decided_by) == ("", Outcome.WAIVED, "Ada Lindqvist")
    assert (item.recorded_by, item.reason, item.verdict) == (RecordedBy.SLACK, "later", None)


def test_evidence_is_that_of_now(reading: BoardReading, rows: GateRows) -> None:
    """A re-check writes new evidence beside the open request and touches nothing else: it is seen."""
    gate = checked(rows, state="deferred")
    assert shown(reading, gate).verdict is None
    saw(rows, gate, seen(gate, Verdict.FAILED, "two pods are down"))
    item = shown(reading, gate)
    assert (item.verdict, item.headline) == (Verdict.FAILED, "two pods are down")
    assert item.evidence == evidence_of(reading, gate)[0].evidence != ""
    saw(rows, gate, seen(gate, Verdict.FAILED, "one pod is down"))
    assert shown(reading, gate).headline == "one pod is down"
    assert shown(reading, gate).evidence not in {"", item.evidence}


def test_record_of_the_machine_brings_its_evidence(reading: BoardReading, rows: GateRows) -> None:
    """The headline is what passed."""
    gate = checked(rows, state="success", request=False)
    recorded(rows, gate)
    item = shown(reading, gate)
    assert (item.outcome, item.verdict, item.headline) == (Outcome.PASSED, Verdict.PASSED, "200 in 12 ms")
    assert (item.decided_by, item.recorded_by) == ("", RecordedBy.MACHINE)


def test_only_this_task_instance_counts(reading: BoardReading, rows: GateRows) -> None:
    """What was kept of another try is neither evidence nor outcome, though it was once."""
    gate = checked(rows)
    saw(rows, gate, seen(gate, Verdict.PASSED, "fine"))
    recorded(rows, gate, outcome=Outcome.APPROVED)
    assert shown(reading, gate).outcome is Outcome.APPROVED
    new = rows.next_try(gate.instance)
    item = shown(reading, gate)
    assert (item.task_instance_id, item.try_number) == (new, 2)
    assert (item.outcome, item.verdict, item.headline, item.decided_by) == (None, None, "", "")


@pytest.mark.parametrize("value", [None, "", "no JSON", "{}", {}, [], 7, "[" * 5000])
@pytest.mark.parametrize("key", ["evidence", "return_value", "refused"])
def test_broken_xcom_hides_nothing(reading: BoardReading, rows: GateRows, key: str, value: Any) -> None:
    """Whatever lies there, the item is shown as it stands."""
    gate = checked(rows)
    xcom(rows, gate, key, value)
    assert shown(reading, gate).waits


@pytest.mark.parametrize("state", ["success", "awaiting_input"])
def test_what_an_account_writes_into_xcoms_is_not_shown(
    reading: BoardReading, rows: GateRows, state: str
) -> None:
    """Neither an approval nor evidence comes from there: the ledger alone has them."""
    gate = checked(rows, state=state)
    approval = a_record(outcome=Outcome.APPROVED, task_instance_id=gate.instance)
    xcom(rows, gate, "return_value", approval.model_dump(mode="json"))
    xcom(rows, gate, "evidence", seen(gate, Verdict.PASSED, "forged"))
    item = shown(reading, gate)
    assert (item.outcome, item.decided_by, item.verdict, item.headline) == (None, "", None, "")
    assert evidence_of(reading, gate)[0].results == ()


def test_refused_answer_is_explained_while_the_item_asks_again(reading: BoardReading, rows: GateRows) -> None:
    """Why it did not count is on the board; not of another try, and not once an answer was taken."""
    gate = checked(rows)
    assert shown(reading, gate).refused == ""
    xcom(rows, gate, "refused", {"task_instance_id": gate.instance, "why": "The evidence was too old."})
    assert shown(reading, gate).refused == "The evidence was too old."
    answered(rows, gate.instance, "ada.technical")
    assert shown(reading, gate).refused == ""
    again = checked(rows)
    xcom(rows, again, "refused", {"task_instance_id": gate.instance, "why": "It was another try."})
    assert shown(reading, again).refused == ""


def test_state_set_by_hand_has_no_outcome(reading: BoardReading, rows: GateRows) -> None:
    """A record that does not say what the grid shows explains nothing: green never lies."""
    gate = checked(rows, state="success")
    recorded(rows, gate, outcome=Outcome.REJECTED)
    item = shown(reading, gate)
    assert (item.state, item.outcome, item.decided_by) == ("success", None, "")


# ---- evidence ---------------------------------------------------------------------------------------


def evidence_of(reading: BoardReading, gate: Gate, *task_ids: str, **changes: str) -> Any:
    fields = {"dag_id": gate.dag_id, "run_id": gate.run_id, **changes}
    return asyncio.run(reading.evidence(EvidenceRequest(task_ids=task_ids or (gate.task_id,), **fields)))


def test_evidence_is_what_was_seen_or_decided_on(reading: BoardReading, rows: GateRows) -> None:
    """The latest look while a person is asked; what the record holds afterwards; nothing of another try."""
    gate = checked(rows)
    (nothing,) = evidence_of(reading, gate, gate.task_id, "no.such_task", "phase_gate")
    assert (nothing.task_id, nothing.task_instance_id, nothing.results) == (gate.task_id, gate.instance, ())
    saw(rows, gate, seen(gate, Verdict.FAILED, "two pods are down"))
    assert [r.headline for r in evidence_of(reading, gate)[0].results] == ["two pods are down"]
    recorded(rows, gate, task_instance_id="of-another-try", outcome=Outcome.APPROVED)
    assert [r.headline for r in evidence_of(reading, gate)[0].results] == ["two pods are down"]
    record = recorded(rows, gate)
    assert evidence_of(reading, gate)[0].results == record.results


def test_evidence_of_others_is_not_given(reading: BoardReading, rows: GateRows) -> None:
    """A Dag that is not ours is refused; a run that is not there has none."""
    gate = checked(rows)
    assert evidence_of(reading, gate, run_id="no-such-run") == ()
    with pytest.raises(NotTaken, match="no such item"):
        evidence_of(reading, gate, dag_id="billing")


# ---- what it costs ----------------------------------------------------------------------------------

BIG = 40


class AtOnce(GateRows):
    """Rows by the hundred, over one connection."""

    def __init__(self, dsn: str, connection: psycopg.Connection[Any]) -> None:
        super().__init__(dsn)
        self.connection = connection

    def execute(self, query: str, *values: Any) -> Any:
        """Run one statement."""
        cursor = self.connection.execute(query, values)
        return cursor.fetchall() if cursor.description else None


def a_whole_launch(rows: GateRows) -> list[Gate]:
    """Every item of every phase: half decided with a record, half waiting on failed evidence."""
    with psycopg.connect(rows.dsn) as connection:
        return _written(AtOnce(rows.dsn, connection))


def _written(rows: GateRows) -> list[Gate]:
    launch_id = f"shop-{uuid.uuid4().hex}"
    rows.execute(CONDUCTOR, launch_id, "running", json.dumps(CONF))
    rows.launch(launch_id, **CONF)
    gates = []
    observed = {f"fact {number}": "x" * 80 for number in range(BIG)}
    for dag_id, dag in deployed_dags().items():
        for number, task_id in enumerate(dag.specs):
            gate = an_open_gate(
                rows, dag_id, task_id, launch_id, state="success" if number % 2 else "deferred"
            )
            result = a_result(verdict=Verdict.PASSED if number % 2 else Verdict.FAILED, observed=observed)
            saw(rows, gate, Evidence.of(gate.instance, [result]).payload())
            if number % 2:
                recorded(rows, gate, results=(result,))
            gates.append(gate)
    return gates


def test_whole_launch_costs_little_once_it_is_known(
    reading: BoardReading, rows: GateRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once they are known, three statements for all items; of the ledger only what is new is read."""
    gates = a_whole_launch(rows)
    rows.execute("ANALYZE")
    asked: list[str] = []
    engine = reading._database._engine
    event.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    read: list[Recent] = []

    def counted(*arguments: Any) -> Recent:
        read.append(look_at(*arguments))
        return read[-1]

    monkeypatch.setattr(board_ledger, "look_at", counted)
    look(reading)
    decided = sum(len(dag.specs) // 2 for dag in deployed_dags().values())
    assert _rows_of(read[0]) == len(gates) + decided
    asked.clear()
    for _ in range(3):
        board = look(reading)
        assert sum(len(run.items) for run in board.launches[0].runs) == len(gates)
    assert len(asked) == 3 * 3
    saw(rows, gates[0], seen(gates[0], Verdict.FAILED, "new"))
    assert shown(reading, gates[0]).headline == "new"
    assert [_rows_of(one) for one in read[1:]] == [0, 0, 0, 1]


def _rows_of(recent: Recent) -> int:
    """Count the records and the evidence that one look at the ledger brought."""
    return sum(map(len, recent.records.values())) + len(recent.evidence)


def test_what_has_left_the_board_is_forgotten(reading: BoardReading, rows: GateRows) -> None:
    """Memory is bounded by what is shown: no older evidence, no launch that is over."""
    gate = checked(rows)
    for number in range(5):
        saw(rows, gate, seen(gate, Verdict.FAILED, f"look {number}"))
        look(reading)
    assert len(reading._ledger._evidence) == 1
    rows.execute(ENDED, "success", 60, gate.run_id)
    assert look(reading).launches == ()
    assert (reading._ledger._kept, reading._ledger._evidence) == ({}, {})
