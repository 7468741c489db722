"""The conductor: who is admitted, and that nothing goes on but by a complete seal."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

from launch_pipeline.airflow.dags.conductor import build_launch_dag, form
from launch_pipeline.airflow.hooks.ledger import LAPSED
from launch_pipeline.airflow.operators import run_phase
from launch_pipeline.airflow.operators.admit_and_complete import AdmitOperator, CompleteOperator
from launch_pipeline.airflow.operators.run_phase import (
    GoNoGoOperator,
    OfferRollbackOperator,
    RunPhaseOperator,
)
from launch_pipeline.airflow.triggers import checks
from launch_pipeline.airflow.triggers import rollback as rollback_trigger
from launch_pipeline.airflow.triggers.checks import NoGoTrigger
from launch_pipeline.checklist.sequence import (
    AFTER_GO,
    ALL_PHASES,
    CONDUCTOR,
    GO_NO_GO,
    ROLLBACK,
    SIGN_OFF,
    T_0,
    preceding,
    title,
)
from launch_pipeline.launch.context import LaunchContext
from launch_pipeline.launch.deployed_checklists import deployed_dags
from launch_pipeline.launch.in_force import deployed_settings, names_in_force
from launch_pipeline.ledger.launch import LaunchState
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.reopened import Cause, Reopened
from launch_pipeline.ledger.schema import Entry, EntryKind, Outcome
from servers.airflow_rest import AirflowRest
from servers.airflow_task import Task, first_event
from servers.checking import run
from servers.item_tasks import CONF, REASON, change_launch, entries
from servers.passed_phases import PassedPhases
from servers.records import a_record, a_seal
from servers.sealed_phases import seal_before, whole_seal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.launch.item_records import ItemSpec
    from launch_pipeline.ledger.ledger import Ledger
    from servers.airflow_task import Ended, Supervisor
    from servers.include_folder import IncludeFolder

pytestmark = pytest.mark.usefixtures("launched")

LAUNCH = "shop-1.2"
PHASE = "week_1_pre_launch_requirements"
TOMORROW = (datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)).isoformat()
SOON = 20.0
"""Seconds within which a loaded machine does it; nothing waits so long where the code is right."""
AWAY = "postgresql://nobody@127.0.0.1:9/none"


@pytest.fixture
def rest(supervisor: Supervisor) -> Iterator[AirflowRest]:
    """Give the REST API that the steps read task instances from."""
    with AirflowRest() as server:
        yield server.connect(supervisor)


# ---- a step -----------------------------------------------------------------------------------------


class Step:
    """A step of the conductor, and the phase it runs."""

    def __init__(
        self,
        supervisor: Supervisor,
        rest: AirflowRest,
        kind: Any = RunPhaseOperator,
        dag_id: str = PHASE,
        **more: Any,
    ) -> None:
        self.supervisor, self.rest, self.dag_id = supervisor, rest, dag_id
        with DAG("launch", schedule=None):
            operator = kind(task_id=dag_id, trigger_dag_id=dag_id, **more)
        self.task = Task(supervisor, operator)

    def ended(
        self,
        ledger: Ledger,
        *,
        gate: str = "gate-1",
        shown: str = "gate-1",
        state: str | None = "success",
        **seal: Any,
    ) -> Ended:
        """Let the phase end with that seal, and the step look at it."""
        if seal:
            ledger.append(
                Entry.of_seal(a_seal(a_record(), launch_id=LAUNCH, dag_id=self.dag_id, **seal), gate)
            )
        self.rest.instances(self.dag_id, LAUNCH, {"phase_gate": (shown, state)})
        return self.task.resume({"run_ids": [LAUNCH]}, "execute_complete")


def test_step_runs_its_phase_under_the_launchs_own_id(supervisor: Supervisor, rest: AirflowRest) -> None:
    """What the ledger has of the form travels on; the step waits without a worker however the run ends."""
    step = Step(supervisor, rest)
    ended = step.task.start()
    (triggered,) = supervisor.triggered
    assert (triggered.dag_id, triggered.run_id, triggered.conf) == (PHASE, LAUNCH, CONF)
    assert triggered.logical_date is None
    assert (ended.state, ended.trigger) == ("deferred", "DagStateTrigger")
    assert sorted(map(str, ended.trigger_kwargs["states"])) == ["failed", "success"]


def test_cleared_step_attaches_to_the_run_that_exists(supervisor: Supervisor, rest: AirflowRest) -> None:
    """No second run, no task of the phase again."""
    step = Step(supervisor, rest)
    supervisor.runs.add((PHASE, LAUNCH))
    rest.run(PHASE, LAUNCH, conf=CONF)
    ended = step.task.start()
    assert supervisor.triggered == []
    assert (ended.trigger, ended.message.next_method) == ("DagStateTrigger", "execute_complete")
    assert ended.trigger_kwargs["run_ids"] == [LAUNCH]
    assert step.task.xcom("trigger_run_id") == LAUNCH


def test_cleared_step_looks_at_once_at_a_run_that_has_ended(
    supervisor: Supervisor, rest: AirflowRest
) -> None:
    """A trigger that fires at once would overtake the worker that started it."""
    step = Step(supervisor, rest)
    supervisor.runs.add((PHASE, LAUNCH))
    supervisor.ended_runs.add((PHASE, LAUNCH))
    rest.run(PHASE, LAUNCH, conf=CONF)
    ended = step.task.start()
    assert ended.trigger != "DagStateTrigger"


FOREIGN: dict[str, tuple[dict[str, Any], str]] = {
    "a run that a person triggered before": ({"run_type": "manual", "conf": CONF}, "triggered by hand"),
    "one with facts of its own": ({"conf": {**CONF, "started_by": "mallory"}}, "another configuration"),
}


@pytest.mark.parametrize(("run", "why"), FOREIGN.values(), ids=FOREIGN)
def test_step_does_not_attach_to_a_run_of_somebody_else(
    supervisor: Supervisor, rest: AirflowRest, run: dict[str, Any], why: str
) -> None:
    """Who began a phase under the id of a launch to come has not begun a phase of this launch."""
    step = Step(supervisor, rest)
    supervisor.runs.add((PHASE, LAUNCH))
    rest.run(PHASE, LAUNCH, **run)
    ended = step.task.start()
    assert (ended.state, why in ended.why) == ("failed", True)
    assert supervisor.triggered == []


def test_step_of_a_launch_that_was_not_admitted_runs_nothing(
    supervisor: Supervisor, rest: AirflowRest, dsn: str
) -> None:
    """Marking the first task green by hand admits nobody."""
    with psycopg.connect(dsn) as connection:
        connection.execute("DELETE FROM launch.launches")
    ended = Step(supervisor, rest).task.start()
    assert (ended.state, "There is no launch" in ended.why) == ("failed", True)
    assert supervisor.triggered == []


LATER = [dag_id for dag_id in ALL_PHASES if preceding(dag_id)]


@pytest.mark.parametrize("dag_id", LATER)
def test_step_begins_once_all_that_precedes_it_is_sealed(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest, dsn: str, dag_id: str
) -> None:
    """Its neighbours' states in Airflow do not count: each seal is demanded from the ledger."""
    step = Step(supervisor, rest, dag_id=dag_id)
    ended = step.task.start()
    assert ended.state == "failed"
    for before in preceding(dag_id):
        assert f"{title(before)} has no seal of its present gate" in ended.why
    assert supervisor.triggered == []
    seal_before(dag_id, ledger, rest, dsn)
    assert step.task.start().trigger == "DagStateTrigger"
    assert [triggered.dag_id for triggered in supervisor.triggered] == [dag_id]


GATE = f"gate-{PHASE}"
SEALED: dict[str, Any] = {"phase_gate": (GATE, "success")}
WEEK_1_SEALS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "incomplete": ({"complete": False, "problems": ("No.",)}, {}, "not complete"),
    "of a gate that ran again": ({}, {"phase_gate": ("gate-new", "success")}, "no seal of its present"),
    "of a gate that failed again": ({}, {"phase_gate": ("gate-new", "failed")}, "no seal of its present"),
    "of a gate marked skipped": ({}, {"phase_gate": (GATE, "skipped")}, "no seal of its present gate"),
    "of a gate marked removed": ({}, {"phase_gate": ("gate-new", "removed")}, "no seal of its present gate"),
    "of a gate without a task": ({}, {"other": ("other", "success")}, "no seal of its present gate"),
}  # fmt: skip
AGAIN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a gate that was cleared": ({}, {"phase_gate": ("gate-new", None)}),
    "a gate that runs again": ({}, {"phase_gate": (GATE, "running")}),
    "an item that came in": ({"records": ()}, {}),
}
STEPS_AFTER = ["week_2_infrastructure_setup", T_0, "complete"]


def week_1_with(
    task_id: str,
    supervisor: Supervisor,
    ledger: Ledger,
    rest: AirflowRest,
    dsn: str,
    seal: dict[str, Any],
    gate: dict[str, Any],
) -> Task:
    """Give a later step, or the end, with all that precedes it sealed and week 1 as given."""
    end = task_id == "complete"
    seal_before(CONDUCTOR if end else task_id, ledger, rest, dsn, but=PHASE)
    ledger.append(Entry.of_seal(whole_seal(PHASE, **seal), GATE))
    rest.instances(PHASE, LAUNCH, gate or SEALED)
    return (
        conductor(supervisor, CompleteOperator, "complete")
        if end
        else Step(supervisor, rest, dag_id=task_id).task
    )


@pytest.mark.parametrize(("seal", "gate", "why"), WEEK_1_SEALS.values(), ids=WEEK_1_SEALS)
@pytest.mark.parametrize("dag_id", STEPS_AFTER)
def test_only_a_complete_seal_of_the_present_gate_opens_what_comes_after(
    supervisor: Supervisor,
    ledger: Ledger,
    rest: AirflowRest,
    dsn: str,
    seal: dict[str, Any],
    gate: dict[str, Any],
    why: str,
    dag_id: str,
) -> None:
    """However far the launch is: one phase that does not hold stops the step, and the end."""
    ended = week_1_with(dag_id, supervisor, ledger, rest, dsn, seal, gate).start()
    assert ended.state == "failed"
    assert title(PHASE) in ended.why
    assert why in ended.why
    assert supervisor.triggered == []
    assert Launches(dsn).get(LAUNCH).state is LaunchState.ACTIVE


@pytest.mark.parametrize(("seal", "gate"), AGAIN.values(), ids=AGAIN)
@pytest.mark.parametrize("dag_id", STEPS_AFTER)
def test_what_comes_after_waits_while_a_phase_is_verified_again(
    supervisor: Supervisor,
    ledger: Ledger,
    rest: AirflowRest,
    dsn: str,
    seal: dict[str, Any],
    gate: dict[str, Any],
    dag_id: str,
) -> None:
    """It neither begins nor fails, however long that takes, and goes on once the phase is sealed anew."""
    task = week_1_with(dag_id, supervisor, ledger, rest, dsn, seal, gate)
    ended = task.start()
    for _ in range(2):
        assert (ended.state, ended.message.next_method) == ("deferred", "again")
        assert (supervisor.triggered, Launches(dsn).get(LAUNCH).state) == ([], LaunchState.ACTIVE)
        ended = task.resume(None)
    ledger.append(Entry.of_seal(whole_seal(PHASE, try_number=2), "gate-anew"))
    rest.instances(PHASE, LAUNCH, {"phase_gate": ("gate-anew", "success")})
    ended = task.resume(None)
    assert (ended.state, ended.trigger) != ("deferred", "DateTimeTrigger")
    assert ended.state != "failed"


def reopened(ledger: Ledger, number: int = 1) -> ItemSpec:
    """Reopen the first item of week 1, as the pipeline does."""
    spec = next(iter(deployed_dags()[PHASE].specs.values()))
    row = Reopened(
        dag_id=PHASE,
        item_ref=spec.ref,
        text=spec.item.text,
        owner=spec.item.owner,
        cause=Cause.NO_LONGER_TRUE,
        why=("its checks fail",),
        task_instance_id=f"ti-{spec.ref}",
    )
    ledger.append(row.entry(LAUNCH, number))
    return spec


class SealingGate(AirflowRest):
    """Week 1 was reopened; its gate seals it anew while its task is read, and has these states one by one."""

    def __init__(self, supervisor: Supervisor, ledger: Ledger, *states: str, seals_at: int) -> None:
        super().__init__()
        self.connect(supervisor)
        self._ledger, self._states, self._seals_at, self._reads = ledger, states, seals_at, 0

    def _next(self, method: str, path: str) -> Any:
        if not path.endswith(f"{PHASE}/dagRuns/{LAUNCH}/taskInstances/phase_gate"):
            return super()._next(method, path)
        if self._reads == self._seals_at:
            self._ledger.append(Entry.of_seal(whole_seal(PHASE, try_number=2), "gate-2"))
        state = self._states[min(self._reads, len(self._states) - 1)]
        self._reads += 1
        return {"task_id": "phase_gate", "id": "gate-2", "state": state, "try_number": 2}


def test_step_begins_where_a_gate_seals_anew_while_the_step_looks(
    supervisor: Supervisor, ledger: Ledger, dsn: str
) -> None:
    """The rows are read after the gate, so a gate that has ended is never seen without its seal."""
    dag_id = "week_2_infrastructure_setup"
    with SealingGate(supervisor, ledger, "success", seals_at=0) as rest:
        seal_before(dag_id, ledger, rest, dsn)
        reopened(ledger)
        ended = Step(supervisor, rest, dag_id=dag_id).task.start()
    assert (ended.state, ended.trigger) == ("deferred", "DagStateTrigger"), ended.why


SEALS_MEANWHILE: dict[str, tuple[tuple[str, ...], int, str]] = {
    "it has sealed and not ended": (("running", "running"), 1, "deferred"),
    "it has ended": (("running", "success"), 1, "success"),
    "it marked itself green without a seal": (("running", "success"), 9, "failed"),
}


@pytest.mark.parametrize(("states", "seals_at", "state"), SEALS_MEANWHILE.values(), ids=SEALS_MEANWHILE)
def test_step_does_not_fail_where_a_gate_seals_anew_as_its_phase_ends(
    supervisor: Supervisor, ledger: Ledger, states: tuple[str, ...], seals_at: int, state: str
) -> None:
    """Its gate ends between two looks; only one without a seal was ended by hand."""
    ledger.append(Entry.of_seal(whole_seal(PHASE), "gate-1"))
    reopened(ledger)
    with SealingGate(supervisor, ledger, *states, seals_at=seals_at) as rest:
        ended = Step(supervisor, rest).task.resume({"run_ids": [LAUNCH]}, "execute_complete")
    assert (ended.state, BY_HAND in ended.why) == (state, state == "failed")


def test_step_fails_where_a_phase_that_was_verified_again_ended_incomplete(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest, dsn: str
) -> None:
    """It waits after the row, while the gate is still as it was; then the answer is a no."""
    task = week_1_with("week_2_infrastructure_setup", supervisor, ledger, rest, dsn, {}, {})
    reopened(ledger)
    assert task.start().state == "deferred"
    seal = whole_seal(PHASE, complete=False, problems=("No.",), try_number=2)
    ledger.append(Entry.of_seal(seal, "gate-2"))
    rest.instances(PHASE, LAUNCH, {"phase_gate": ("gate-2", "failed")})
    ended = task.resume(None)
    assert (ended.state, "not complete" in ended.why) == ("failed", True)
    assert supervisor.triggered == []


def kept(ledger: Ledger, dsn: str, **changes: Any) -> None:
    """Keep a pass of the first item of week 1, resting on what is in force; any field changed by name."""
    spec = next(iter(deployed_dags()[PHASE].specs.values()))
    launch = LaunchContext.of_launch(Launches(dsn).get(LAUNCH))
    names = names_in_force(deployed_settings("test"), launch, spec.item, None)
    given = {
        "item_ref": spec.ref,
        "dag_id": PHASE,
        "task_id": spec.task_id,
        "rests_on": {**names, **changes.pop("names", {})},
        **changes,
    }
    ledger.append(Entry.of_record(a_record(**given)))


RECORDS: dict[str, tuple[dict[str, Any], bool]] = {
    "resting on other words": ({"names": {"words": "sha256:" + "0" * 64}}, False),
    "resting on a variable that nothing uses any more": (
        {"names": {"variable:gone": "sha256:" + "0" * 64}}, False),
    "of an older package, and of another checklist": ({"rests_on": {}}, False),
    "resting on what is in force": ({}, True),
}  # fmt: skip


@pytest.mark.parametrize(("record", "stands"), RECORDS.values(), ids=RECORDS)
def test_step_waits_while_a_record_before_it_is_stale(
    supervisor: Supervisor,
    ledger: Ledger,
    rest: AirflowRest,
    dsn: str,
    record: dict[str, Any],
    stands: bool,
) -> None:
    """The seal is complete, but what one of its records rests on has changed since."""
    task = week_1_with("week_2_infrastructure_setup", supervisor, ledger, rest, dsn, {}, {})
    kept(ledger, dsn, **record)
    assert (task.start().trigger == "DagStateTrigger") is stands
    assert (supervisor.triggered != []) is stands


@pytest.mark.parametrize("edit", ["a comment", "emptied", "no file"])
def test_checklist_that_is_edited_after_a_phase_was_sealed_changes_nothing(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest, dsn: str, include: IncludeFolder, edit: str
) -> None:
    """The launch goes on with what it began with."""
    seal_before("week_2_infrastructure_setup", ledger, rest, dsn)
    path = include.path / "checklists" / "01_pre_launch_requirements.yaml"
    if edit == "no file":
        path.unlink()
    else:
        path.write_text("" if edit == "emptied" else path.read_text() + "\n# one more line\n")
    ended = Step(supervisor, rest, dag_id="week_2_infrastructure_setup").task.start()
    assert ended.trigger == "DagStateTrigger"


def test_seal_of_an_earlier_definition_stands_where_its_items_and_records_do(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest, dsn: str
) -> None:
    """An amendment of notes changes the digest of the checklist, and nothing that was verified."""
    earlier = {"checklist_digest": "sha256:" + "0" * 64}
    task = week_1_with("week_2_infrastructure_setup", supervisor, ledger, rest, dsn, earlier, {})
    assert task.start().trigger == "DagStateTrigger"


def test_step_of_a_launch_that_is_over_runs_nothing(
    supervisor: Supervisor, rest: AirflowRest, dsn: str
) -> None:
    """A step that is cleared after the end does not revive it."""
    Launches(dsn).abort(LAUNCH, "ada", REASON)
    ended = Step(supervisor, rest).task.start()
    assert (ended.state, "is over (aborted)" in ended.why) == ("failed", True)
    assert supervisor.triggered == []


@pytest.mark.parametrize("value", [{**CONF, "started_by": "mallory"}, "{{ conn.launch_ledger.password }}"])
def test_what_lies_in_admits_xcom_reaches_no_phase(
    supervisor: Supervisor, rest: AirflowRest, value: Any
) -> None:
    """Who may write XComs can change what is shown of the admission, and nothing else."""
    supervisor.xcoms["launch", LAUNCH, "admit", "return_value"] = value
    Step(supervisor, rest).task.start()
    assert supervisor.triggered[0].conf == CONF


BY_HAND = "ended without a seal of its present gate"
SEALS: dict[str, tuple[dict[str, Any], str]] = {
    "a complete seal of the present gate goes on": ({"complete": True}, ""),
    "no seal at all": ({}, BY_HAND),
    "a seal of an earlier gate": ({"complete": True, "shown": "gate-2"}, BY_HAND),
    "a gate that was cleared and has not run": ({"complete": True, "state": None}, BY_HAND),
    "a gate that still runs": ({"complete": True, "state": "running"}, BY_HAND),
    "an incomplete seal": ({"complete": False, "problems": ("week_1.a was rejected.",)}, "a was rejected."),
    "an incomplete seal under a gate marked green": (
        {"complete": False, "problems": ("week_1.a was rejected.",), "state": "success"}, "is not complete"),
}  # fmt: skip


@pytest.mark.parametrize(("phase", "why"), SEALS.values(), ids=SEALS)
def test_step_goes_on_only_by_a_complete_seal_of_the_present_gate(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest, phase: dict[str, Any], why: str
) -> None:
    """A run marked green by hand opens nothing, and the reason says what to clear."""
    ended = Step(supervisor, rest).ended(ledger, **phase)
    assert ended.state == ("failed" if why else "success")
    assert why in ended.why
    if why:
        assert "clear this task" in ended.why


def test_step_waits_where_its_phase_begins_again_as_it_ends(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest
) -> None:
    """A change came between the end of the run and this look: its gate is still to come."""
    step = Step(supervisor, rest)
    ledger.append(Entry.of_seal(a_seal(a_record(), launch_id=LAUNCH, dag_id=PHASE), "gate-1"))
    reopened(ledger)
    for state in (None, "running"):
        ended = step.ended(ledger, shown="gate-2", state=state)
        assert (ended.state, ended.message.next_method) == ("deferred", "execute_complete")
    ended = step.ended(ledger, shown="gate-2", state="success")
    assert (ended.state, BY_HAND in ended.why) == ("failed", True)


def test_seal_of_another_phase_or_launch_opens_nothing(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest
) -> None:
    """Seals are looked up by launch and Dag."""
    for launch_id, dag_id in ((LAUNCH, SIGN_OFF), ("shop-1.1", PHASE)):
        ledger.append(Entry.of_seal(a_seal(launch_id=launch_id, dag_id=dag_id), f"gate-{dag_id}"))
    assert BY_HAND in Step(supervisor, rest).ended(ledger).why


@pytest.mark.parametrize("away", ["ledger", "api-server"])
def test_step_waits_for_what_is_away(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest, dsn: str, away: str
) -> None:
    """Neither on nor failed while the seal cannot be read."""
    step = Step(supervisor, rest)
    ledger.append(Entry.of_seal(a_seal(a_record(), launch_id=LAUNCH, dag_id=PHASE), "gate-1"))
    supervisor.postgres(AWAY if away == "ledger" else dsn)
    rest.trouble(PHASE, LAUNCH)
    for _ in range(2):
        ended = step.task.resume(None, "execute_complete")
        assert (ended.state, ended.trigger, ended.message.next_method) == (
            "deferred",
            "DateTimeTrigger",
            "execute_complete",
        )
    supervisor.postgres(dsn)
    rest.instances(PHASE, LAUNCH, {"phase_gate": ("gate-1", "success")})
    assert step.task.resume(None).state == "success"


@pytest.mark.parametrize(
    ("counts", "state"),
    [
        ({Outcome.REJECTED: 1, Outcome.NOT_REACHED: 3}, LaunchState.NO_GO),
        ({Outcome.NOT_REACHED: 4}, LaunchState.ACTIVE),
    ],
    ids=["a no ends the launch", "a failure that is no no does not"],
)
def test_no_go_ends_the_launch(
    supervisor: Supervisor,
    ledger: Ledger,
    rest: AirflowRest,
    dsn: str,
    counts: dict[Outcome, int],
    state: LaunchState,
) -> None:
    """The environment is free again after one No; a bypass can be repaired."""
    step = Step(supervisor, rest, GoNoGoOperator, GO_NO_GO)
    ended = step.ended(ledger, complete=False, counts=counts, problems=("No.",))
    assert ended.state == "failed"
    assert Launches(dsn).get(LAUNCH).state is state


# ---- rollback ---------------------------------------------------------------------------------------


def rollback(supervisor: Supervisor, rest: AirflowRest) -> Step:
    return Step(supervisor, rest, OfferRollbackOperator, ROLLBACK, after=list(AFTER_GO))


def test_rollback_is_not_offered_where_the_launch_day_never_began(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest
) -> None:
    """From the Go on it waits, without a worker, for a reason."""
    ended = rollback(supervisor, rest).task.start()
    assert (ended.state, ended.trigger) == ("deferred", "RollbackTrigger")
    assert supervisor.triggered == []
    assert entries(ledger) == []


def test_rollback_is_not_offered_for_a_window_that_a_person_began(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest
) -> None:
    """A launcher starts T-0 under the launch's id and marks its step failed: nothing was launched by that."""
    supervisor.runs.add((T_0, LAUNCH))
    supervisor.failed.add((CONDUCTOR, T_0))
    rest.run(T_0, LAUNCH, run_type="manual", conf=CONF)
    step = rollback(supervisor, rest)
    step.task.start()
    ended = step.task.resume(woken(step.task))
    assert (ended.trigger, ended.trigger_kwargs["seen"]) == ("RollbackTrigger", [T_0])
    assert supervisor.triggered == []
    assert entries(ledger) == []


def woken(task: Task) -> Any:
    """Run the trigger that the task waits on, as the triggerer does; give its event."""
    return run(asyncio.wait_for(first_event(task.trigger()), SOON)).payload


def waits(task: Task) -> bool:
    """Tell whether that trigger has not fired after several looks."""

    async def looks() -> bool:
        waiting = asyncio.ensure_future(first_event(task.trigger()))
        done, _ = await asyncio.wait([waiting], timeout=0.6)
        waiting.cancel()
        await asyncio.wait([waiting])
        return not done

    return bool(run(looks()))


def is_wrong(phases: PassedPhases) -> None:
    """Let T-0 be open, and an item of week 1 be found no longer true."""
    phases.window_opened(T_0)
    ref = next(iter(deployed_dags()[PHASE].specs.values())).ref
    phases.reopen(PHASE, ref, "the answer was 503")


@pytest.mark.usefixtures("quick")
def test_rollback_is_offered_with_what_is_no_longer_true(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest, dsn: str
) -> None:
    """Once T-0 has opened: the item's words are in the offer, and the decision is open."""
    phases, step = PassedPhases(ledger, dsn), rollback(supervisor, rest)
    step.task.start()
    assert waits(step.task)
    is_wrong(phases)
    step.task.resume(woken(step.task))
    assert [triggered.dag_id for triggered in supervisor.triggered] == [ROLLBACK]
    told = entries(ledger, EntryKind.ANNOUNCEMENT)[-1]
    assert "is no longer true: the answer was 503." in str(told.content)


@pytest.mark.usefixtures("quick")
def test_rollback_is_not_offered_for_what_has_healed(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest, dsn: str
) -> None:
    """Sealed again before a worker came: it waits for the next reason, and ends with the launch day."""
    phases, step = PassedPhases(ledger, dsn), rollback(supervisor, rest)
    step.task.start()
    is_wrong(phases)
    event = woken(step.task)
    ledger.append(Entry.of_seal(whole_seal(PHASE), "gate-again"))
    assert step.task.resume(event).trigger == "RollbackTrigger"
    assert waits(step.task)
    for dag_id in AFTER_GO:
        ledger.append(Entry.of_seal(whole_seal(dag_id), f"gate-{dag_id}"))
    assert step.task.resume(woken(step.task)).state == "skipped"
    assert supervisor.triggered == []


@pytest.mark.usefixtures("quick")
def test_launch_goes_on_after_a_rollback_was_declined(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest, dsn: str
) -> None:
    """It waits for another reason; the same item does not ask twice, and a failed window does."""
    phases, step = PassedPhases(ledger, dsn), rollback(supervisor, rest)
    is_wrong(phases)
    step.task.start()
    no = {"complete": False, "problems": ("No.",), "records": ()}
    assert step.ended(ledger, **no).trigger == "RollbackTrigger"
    assert waits(step.task)
    ledger.append(Entry.of_seal(a_seal(launch_id=LAUNCH, dag_id=T_0, complete=False), "gate-t0"))
    supervisor.runs.add((ROLLBACK, LAUNCH))
    rest.run(ROLLBACK, LAUNCH, conf=CONF)
    assert step.task.resume(woken(step.task)).trigger == "DagStateTrigger"
    told = entries(ledger, EntryKind.ANNOUNCEMENT)[-1]
    assert (title(T_0) in str(told.content), "is no longer true" in str(told.content)) == (True, False)


def test_rollback_that_failed_half_way_fails(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest, dsn: str
) -> None:
    """It was decided for, so nothing goes on by itself."""
    is_wrong(PassedPhases(ledger, dsn))
    step = rollback(supervisor, rest)
    step.task.start()
    ended = step.ended(ledger, complete=False, problems=("images are gone.",))
    assert (ended.state, "images are gone" in ended.why) == ("failed", True)


@pytest.mark.usefixtures("quick")
def test_rollback_is_not_waited_for_after_the_end(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest, dsn: str
) -> None:
    """A launch that was ended has nothing more to offer."""
    step = rollback(supervisor, rest)
    step.task.start()
    Launches(dsn).abort(LAUNCH, "ada", REASON)
    assert step.task.resume(woken(step.task)).state == "skipped"
    assert entries(ledger, EntryKind.ANNOUNCEMENT) == []


@pytest.mark.usefixtures("quick")
def test_offer_lapses_at_the_end_of_the_launch_day(
    supervisor: Supervisor, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decision that is still open then ends unanswered, so the launch is not stuck."""
    monkeypatch.setattr(checks, "DENIAL_SECONDS", 0.05)
    with DAG(ROLLBACK, schedule=None):
        task = Task(supervisor, EmptyOperator(task_id="decision.roll_back"), conf=CONF)
    trigger = NoGoTrigger(ref="rollback.decision.roll_back")
    trigger.task_instance = task.identity
    monkeypatch.setattr(checks, "worker_lag", timedelta)

    async def lapses() -> Any:
        waiting = asyncio.ensure_future(first_event(trigger))
        done, _ = await asyncio.wait([waiting], timeout=0.5)
        assert not done
        for dag_id in AFTER_GO:
            await asyncio.to_thread(ledger.append, Entry.of_seal(whole_seal(dag_id), f"gate-{dag_id}"))
        return await asyncio.wait_for(waiting, SOON)

    assert run(lapses()).payload == {"denied_by": LAPSED}


def test_rollback_is_offered_with_what_failed(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest
) -> None:
    """What failed is told; the rollback's run has the launch's own configuration, and no text of a person."""
    seal = a_seal(launch_id=LAUNCH, dag_id=T_0, complete=False, problems=("t_0.smoke was rejected.",))
    ledger.append(Entry.of_seal(seal, "gate-1"))
    rollback(supervisor, rest).task.start()
    (triggered,) = supervisor.triggered
    assert triggered.dag_id == ROLLBACK
    assert triggered.conf == CONF
    (told,) = entries(ledger, EntryKind.ANNOUNCEMENT)
    assert title(T_0) in told.content["headline"]


def test_rollback_is_offered_where_a_window_ended_without_a_seal(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest
) -> None:
    """A window that was failed by hand may have launched all the same."""
    supervisor.runs.add((T_0, LAUNCH))
    supervisor.failed.add((CONDUCTOR, T_0))
    step = rollback(supervisor, rest)
    step.task.start()
    assert supervisor.triggered[0].conf == CONF
    assert ledger.entries(LAUNCH, EntryKind.SEAL) == []


def test_rollback_is_not_offered_after_a_repair(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest
) -> None:
    """The latest seal of a window counts."""
    for number, complete in enumerate((False, True), 1):
        seal = a_seal(
            launch_id=LAUNCH,
            dag_id=T_0,
            complete=complete,
            problems=() if complete else ("No.",),
            try_number=number,
        )
        ledger.append(Entry.of_seal(seal, f"gate-{number}"))
    assert rollback(supervisor, rest).task.start().trigger == "RollbackTrigger"


def test_rollback_waits_for_the_ledger(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest, dsn: str
) -> None:
    """The offer is not lost because the ledger was away when the window failed."""
    seal = a_seal(launch_id=LAUNCH, dag_id=T_0, complete=False, problems=("No.",))
    ledger.append(Entry.of_seal(seal, "gate-1"))
    step = rollback(supervisor, rest)
    supervisor.postgres(AWAY)
    ended = step.task.start()
    assert (ended.state, ended.trigger, ended.message.next_method) == ("deferred", "DateTimeTrigger", "again")
    supervisor.postgres(dsn)
    assert step.task.resume(None).trigger == "DagStateTrigger"
    assert len(supervisor.triggered) == 1


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the wait for a reason look ten times a second."""
    monkeypatch.setattr(rollback_trigger, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(run_phase, "worker_lag", timedelta)


@pytest.mark.parametrize("aborted", [False, True])
def test_complete_rollback_ends_the_launch(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest, dsn: str, aborted: bool
) -> None:
    """Rolled back; a launch that had ended already stays as it ended."""
    launches = Launches(dsn)
    ledger.append(Entry.of_seal(a_seal(launch_id=LAUNCH, dag_id=GO_NO_GO), "gate-go"))
    supervisor.runs.add((T_0, LAUNCH))
    if aborted:
        launches.abort(LAUNCH, "ada", REASON)
    assert rollback(supervisor, rest).ended(ledger, complete=True).state == "success"
    assert launches.get(LAUNCH).state is (LaunchState.ABORTED if aborted else LaunchState.ROLLED_BACK)


# ---- its tasks --------------------------------------------------------------------------------------


def conductor(supervisor: Supervisor, kind: Any, task_id: str, id: str = LAUNCH, **conf: Any) -> Task:  # noqa: A002
    with DAG(
        "launch",
        schedule=None,
        params={"launch_at": "", "release": "", "environment": "test", "release_sha": ""},
    ):
        operator = kind(task_id=task_id)
    given = {
        "release": "1.2.0",
        "release_sha": "a" * 40,
        "launch_at": TOMORROW,
        "environment": "test",
        **conf,
    }
    return Task(supervisor, operator, run_id=id, conf=given, started_by="kim.kubernetes", run_type="manual")


def test_admission_writes_the_launchs_facts(supervisor: Supervisor, ledger: Ledger, dsn: str) -> None:
    """The ledger has the form, who started it, and whether it is a rehearsal; the start is told."""
    change_launch(dsn, environment="another")
    task = conductor(supervisor, AdmitOperator, "admit", id="shop-2.0", started_by="mallory")
    assert task.start().state == "success"
    launch = Launches(dsn).get("shop-2.0")
    assert (launch.started_by, launch.conf["started_by"]) == ("kim.kubernetes", "kim.kubernetes")
    assert launch.launch_at.isoformat() == TOMORROW
    kinds = [entry.kind for entry in ledger.entries("shop-2.0")]
    assert kinds == [EntryKind.LAUNCH_STARTED, EntryKind.ANNOUNCEMENT]


def test_refusal_fails_the_run_with_its_words(supervisor: Supervisor, ledger: Ledger) -> None:
    """The grid shows no text, so the words are in an XCom as well; paused Dags are asked of Airflow."""
    supervisor.paused = {"rollback"}
    task = conductor(supervisor, AdmitOperator, "admit", id="shop-2.0", launch_at="2020-01-01T00:00:00Z")
    ended = task.start()
    assert ended.state == "failed"
    for words in ("has passed", "paused: rollback"):
        assert words in ended.why
        assert words in task.xcom("refused")
    assert ledger.entries("shop-2.0") == []


def test_completion_ends_the_launch(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest, dsn: str
) -> None:
    """Complete, told, and the environment is free; where its worker was lost it is told by the next try."""
    seal_before(CONDUCTOR, ledger, rest, dsn)
    task = conductor(supervisor, CompleteOperator, "complete")
    assert task.start().state == "success"
    assert Launches(dsn).get(LAUNCH).over
    assert ledger.entries(LAUNCH)[-1].content["headline"] == "launch complete: 1.2.0"
    assert task.lost().start().state == "success"
    assert len(entries(ledger, EntryKind.LAUNCH_ENDED)) == 1


@pytest.mark.usefixtures("include")
def test_conductor_runs_every_phase_in_order() -> None:
    """Go/no-go between T-2h and T-0; sign-off before the end; the rollback beside the windows."""
    dag = build_launch_dag()
    assert set(ALL_PHASES) < set(dag.task_ids)
    assert dag.get_task(T_0).upstream_task_ids == {GO_NO_GO}
    assert dag.get_task("complete").upstream_task_ids == {SIGN_OFF}
    assert dag.get_task(ROLLBACK).upstream_task_ids == {GO_NO_GO, *AFTER_GO}
    assert not dag.get_task(ROLLBACK).downstream_task_ids


# ---- the form -----------------------------------------------------------------------------------------


def test_form_offers_the_rehearsal_last(include: IncludeFolder) -> None:
    """Whoever leaves the field as it is launches where it counts; only a newcomer has nothing else."""
    (include.path / "environments" / "test.yaml").unlink()
    include.environment("rehearsal")
    assert form()["environment"].value == "rehearsal"
    include.environment("staging")
    assert form()["environment"].value == "staging"
