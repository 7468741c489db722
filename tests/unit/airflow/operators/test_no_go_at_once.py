"""A No go ends the launch at once, whatever is verified again; a Go waits until everything stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from airflow.sdk import DAG

from launch_pipeline.airflow.operators.checklist_item import ChecklistItemOperator
from launch_pipeline.airflow.operators.phase_gate import PhaseGateOperator
from launch_pipeline.airflow.operators.run_phase import GoNoGoOperator
from launch_pipeline.checklist.sequence import GO_NO_GO
from launch_pipeline.launch.deployed_checklists import deployed_dags
from launch_pipeline.ledger.launch import LaunchState
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.schema import Entry, EntryKind
from servers.airflow_rest import AirflowRest
from servers.airflow_task import Task
from servers.item_tasks import CONF, REASON, entries
from servers.passed_phases import PassedPhases
from servers.sealed_phases import seal_before, whole_seal
from servers.small_week import REF, WEEK_1, with_small_week

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.ledger.ledger import Ledger
    from servers.airflow_task import Supervisor
    from servers.include_folder import IncludeFolder

LAUNCH = "shop-1.2"
CTO = "sign_offs.go_no_go.cto_go"


@pytest.fixture
def rest(supervisor: Supervisor) -> Iterator[AirflowRest]:
    """Give the REST API that gates and steps read task instances from."""
    with AirflowRest() as server:
        yield server.connect(supervisor)


@pytest.fixture
def reopened(
    include: IncludeFolder, request: pytest.FixtureRequest, rest: AirflowRest, dsn: str
) -> PassedPhases:
    """Give a launch whose phases before the Go are sealed, and an item of the first verified again."""
    with_small_week(include)
    ledger: Ledger = request.getfixturevalue("launched")
    phases = PassedPhases(ledger, dsn)
    seal_before(GO_NO_GO, ledger, rest, dsn, but=WEEK_1)
    phases.seal(WEEK_1)
    rest.instances(WEEK_1, LAUNCH, {"phase_gate": (f"gate-{WEEK_1}-1", "success")})
    phases.reopen(WEEK_1, f"{REF}green", "the answer was 503")
    return phases


def decision(supervisor: Supervisor, ref: str) -> Task:
    spec = next(spec for spec in deployed_dags()[GO_NO_GO].specs.values() if spec.ref == ref)
    with DAG(GO_NO_GO, schedule=None):
        operator = ChecklistItemOperator(task_id=spec.task_id, spec=spec.payload())
    return Task(supervisor, operator, conf=CONF)


def gate(supervisor: Supervisor) -> Task:
    with DAG(GO_NO_GO, schedule=None):
        operator = PhaseGateOperator(task_id="phase_gate")
    return Task(supervisor, operator, conf=CONF)


def step(supervisor: Supervisor) -> Task:
    with DAG("launch", schedule=None):
        operator = GoNoGoOperator(task_id=GO_NO_GO, trigger_dag_id=GO_NO_GO)
    return Task(supervisor, operator)


def test_no_go_is_sealed_and_ends_the_launch(
    supervisor: Supervisor, reopened: PassedPhases, rest: AirflowRest
) -> None:
    """Neither its gate nor the conductor's step waits for what is verified again."""
    cto, closing = decision(supervisor, CTO), gate(supervisor)
    cto.start()
    assert cto.answer("No go", by="carla.cto", reason=REASON).state == "failed"
    shown: dict[str, tuple[str, str | None]] = {
        spec.task_id: (f"ti-{spec.ref}", "failed") for spec in deployed_dags()[GO_NO_GO].specs.values()
    }
    shown[cto.operator.task_id] = (str(cto.id), "failed")
    rest.instances(GO_NO_GO, LAUNCH, shown)
    assert closing.start().state == "failed"
    seal = entries(reopened.ledger, EntryKind.SEAL)[-1]
    assert (seal.dag_id, seal.content["complete"]) == (GO_NO_GO, False)
    assert f"{REF}green" in str(seal.content["problems"])
    rest.instances(GO_NO_GO, LAUNCH, {"phase_gate": (str(closing.id), "failed")})
    assert step(supervisor).resume({}, "execute_complete").state == "failed"
    assert Launches(reopened.dsn).get(LAUNCH).state is LaunchState.NO_GO


def test_gate_of_decisions_that_all_are_go_waits(
    supervisor: Supervisor, reopened: PassedPhases, rest: AirflowRest
) -> None:
    """What became untrue after the last Go holds the seal back."""
    records = [reopened.passed(GO_NO_GO, spec.ref) for spec in deployed_dags()[GO_NO_GO].specs.values()]
    shown = {record.task_id: (record.task_instance_id, "success") for record in records}
    rest.instances(GO_NO_GO, LAUNCH, {**shown})
    assert gate(supervisor).start().state == "deferred"
    assert all(entry.dag_id != GO_NO_GO for entry in entries(reopened.ledger, EntryKind.SEAL))


@pytest.mark.parametrize("taken_back", [True, False])
def test_step_attaches_to_decisions_that_are_open_again(
    supervisor: Supervisor, reopened: PassedPhases, rest: AirflowRest, taken_back: bool
) -> None:
    """After a Go was taken back it hears of a No at once; the first time it waits for the phases."""
    if taken_back:
        reopened.ledger.append(Entry.of_seal(whole_seal(GO_NO_GO), "gate-go"))
        supervisor.runs.add((GO_NO_GO, LAUNCH))
        rest.run(GO_NO_GO, LAUNCH, conf=CONF)
    assert step(supervisor).start().trigger == ("DagStateTrigger" if taken_back else "DateTimeTrigger")
    assert supervisor.triggered == []
