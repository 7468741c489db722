"""A phase on real Airflow components: what people see, what is kept, and what cannot be got around."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.errors import OperationError
from launch_pipeline.ledger.schema import EntryKind, Outcome, RecordedBy
from servers.airflow_rest import mark_task
from servers.launches import PHASE

if TYPE_CHECKING:
    from servers.launches import Launchpad

pytestmark = pytest.mark.integration

ADA, PRIYA, CARLA = "ada.technical", "priya.product", "carla.cto"


def test_a_phase_from_its_first_check_to_its_seal(launchpad: Launchpad) -> None:
    """Green passes without a worker, red heals by itself, people answer, and all of it is kept."""
    run = launchpad.begin()
    launchpad.switches.on(run.page("green"))

    green = run.until_state("machine.green", "success")
    assert (green["try_number"], green["hostname"]) == (1, "")
    record = run.record("machine.green")
    assert record
    assert (record.outcome, record.task_instance_id) == (Outcome.PASSED, green["id"])

    run.until_state("machine.heals", "deferred")
    run.until_waiting("machine.heals")
    launchpad.switches.on(run.page("heals"))
    run.until_state("machine.heals", "success")
    with pytest.raises(OperationError, match="is not waiting"):
        run.answer(CARLA, "machine.heals", "Waive", reason="far too late for this")

    run.until_waiting("machine.broken")
    with pytest.raises(OperationError, match="Carla Mendes"):
        run.answer(ADA, "machine.broken", "Waive", reason="it is not mine to say")
    with pytest.raises(OperationError, match="reason"):
        run.answer(CARLA, "machine.broken", "Waive")
    assert run.state("machine.broken") == "deferred"
    run.answer(CARLA, "machine.broken", "Waive", reason="replaced by the green service")
    run.until_state("machine.broken", "skipped")

    run.until_waiting("people.witnessed")
    with pytest.raises(OperationError, match="have not passed"):
        run.answer(ADA, "people.witnessed", "Approve")
    launchpad.switches.on(run.page("witnessed"))
    run.until_state("people.witnessed", "awaiting_input")
    assert run.xcom("people.witnessed", "evidence")["verdict"] == Verdict.PASSED
    run.answer(ADA, "people.witnessed", "Approve")
    run.until_state("people.witnessed", "success")

    run.answer_when_open(PRIYA, "people.attested", "Approve")
    run.answer_when_open(CARLA, "people.afterwards", "Not applicable", reason="parties are not our business")
    assert run.until_ended() == "success"

    seal = launchpad.ledger.seal(run.id, PHASE)
    assert seal
    assert seal.complete
    counts = {Outcome.PASSED: 2, Outcome.WAIVED: 1, Outcome.APPROVED: 2, Outcome.NOT_APPLICABLE: 1}
    assert seal.counts == counts
    assert len(run.entries(EntryKind.DECISION)) == 4
    assert len(run.entries(EntryKind.MACHINE_PASS)) == 2
    assert len(run.entries(EntryKind.ANNOUNCEMENT)) == 1
    waived = run.record("machine.broken")
    assert waived
    assert waived.decided_by
    assert (waived.decided_by.name, waived.recorded_by) == ("Carla Mendes", RecordedBy.API)
    assert waived.results[0].verdict is Verdict.FAILED


def test_a_rejected_item_is_repaired_by_clearing_it(launchpad: Launchpad) -> None:
    """Reject fails the phase and reaches nothing after it; a clear asks again, and both tries stay."""
    run = launchpad.begin()
    run.answer_when_open(PRIYA, "people.attested", "Reject", reason="half of the team is on holiday")
    run.finish("attested", "afterwards")
    assert run.until_ended() == "failed"
    assert run.state("people.afterwards") == "upstream_failed"
    seal = launchpad.ledger.seal(run.id, PHASE)
    assert seal
    assert not seal.complete
    assert "half of the team is on holiday" in seal.problems[0]

    launchpad.api().clear(PHASE, run.id, ["people.attested"], include_downstream=True)
    run.answer_when_open(PRIYA, "people.attested", "Approve")
    run.answer_when_open(PRIYA, "people.afterwards", "Approve")
    assert run.until_ended() == "success"
    outcomes = [e.content["outcome"] for e in run.entries() if e.item_ref.endswith(".attested")]
    assert outcomes == ["rejected", "approved"]
    assert run.tasks()["people.attested"]["try_number"] == 2


def test_a_re_check_is_a_new_try(launchpad: Launchpad) -> None:
    """Re-check looks again in a try of its own, visible in the history."""
    run = launchpad.begin()
    run.answer_when_open(ADA, "machine.broken", "Re-check")
    run.until("the second try", lambda: run.tasks()["machine.broken"]["try_number"] == 2)
    again = run.until_waiting("machine.broken")
    assert again["try_number"] == 2
    launchpad.switches.on(run.page("broken"))
    run.until_state("machine.broken", "success")


def test_an_approval_of_old_evidence_looks_again_first(launchpad: Launchpad) -> None:
    """Evidence older than the policy allows is looked at again; if it is bad now, the gate stays open."""
    run = launchpad.begin()
    launchpad.switches.on(run.page("witnessed"))
    run.until_state("people.witnessed", "awaiting_input")
    launchpad.switches.off(run.page("witnessed"))
    seen = run.xcom("people.witnessed", "evidence")["observed_at"]
    run.until("the evidence is old", lambda: _age(seen) > 9)
    run.answer(ADA, "people.witnessed", "Approve")
    run.until("the refusal", lambda: "too old" in str(run.xcom("people.witnessed", "refused")))
    run.until_waiting("people.witnessed")
    assert not run.entries(EntryKind.DECISION)

    launchpad.switches.on(run.page("witnessed"))
    run.until_state("people.witnessed", "awaiting_input")
    run.answer(ADA, "people.witnessed", "Approve")
    run.until_state("people.witnessed", "success")
    assert len(run.entries(EntryKind.DECISION)) == 1


def test_a_task_marked_green_by_hand_is_a_bypass(launchpad: Launchpad) -> None:
    """Cleared after a pass and then marked success: the old record does not count, the gate names it."""
    run = launchpad.begin()
    run.finish("broken")
    launchpad.switches.on(run.page("broken"))
    assert run.until_ended() == "success"
    launchpad.switches.off(run.page("green"))
    launchpad.api().clear(PHASE, run.id, ["machine.green"], include_downstream=True)
    # Marked while it is on its way, Airflow's scheduler may overwrite the mark.
    run.until_waiting("machine.green")
    mark_task(launchpad.api(), PHASE, run.id, "machine.green", "success")
    assert run.until_ended() == "failed"
    seal = launchpad.ledger.seal(run.id, PHASE)
    assert seal
    assert seal.bypasses == ("pre_launch_requirements.machine.green",)
    assert len(run.entries(EntryKind.BYPASS)) == 1


def test_a_decision_waits_for_a_ledger_that_is_down(launchpad: Launchpad) -> None:
    """While the ledger is away nothing ends; when it is back the decision is kept, once."""
    run = launchpad.begin()
    run.until_waiting("people.attested")
    launchpad.valve.shut()
    try:
        with pytest.raises(OperationError, match="cannot be checked now"):
            run.answer(PRIYA, "people.attested", "Approve")
        assert run.state("people.attested") == "awaiting_input"
    finally:
        launchpad.valve.open()
    run.answer(PRIYA, "people.attested", "Approve")
    # It is shut again between the guard and the task: the task keeps the answer it was given.
    launchpad.valve.shut()
    try:
        run.until_state("people.attested", "deferred", "success")
        kept = run.state("people.attested")
    finally:
        launchpad.valve.open()
    assert kept == "deferred"
    run.until_state("people.attested", "success")
    assert len(run.entries(EntryKind.DECISION)) == 1


def test_fifty_simultaneous_answers_to_one_gate(launchpad: Launchpad) -> None:
    """One answer wins, the others are told, and nothing hangs."""
    run = launchpad.begin()
    run.until_waiting("people.attested")
    apis = [launchpad.stack.api(PRIYA) for _ in range(50)]

    def answer(number: int) -> str:
        option, fields = ("Approve", {}) if number % 2 else ("Reject", {"reason": "no, not like this"})
        try:
            apis[number].answer(run.dag_id, run.id, "people.attested", option, fields)
        except OperationError as error:
            return str(getattr(error, "status", 0))
        return option

    with ThreadPoolExecutor(50) as pool:
        said = list(pool.map(answer, range(50)))
    assert sum(s in {"Approve", "Reject"} for s in said) == 1
    assert set(said) <= {"Approve", "Reject", "409"}
    run.until_state("people.attested", "success", "failed")
    assert len(run.entries(EntryKind.DECISION)) == 1


def test_a_killed_triggerer_loses_nothing(launchpad: Launchpad) -> None:
    """Answers need no triggerer, and what heals while it is dead turns green when it is back."""
    run = launchpad.begin()
    run.until_waiting("machine.heals")
    run.until_waiting("machine.broken")
    launchpad.stack.kill("triggerer")
    launchpad.switches.on(run.page("heals"))
    run.answer(CARLA, "machine.broken", "Waive", reason="decided while the triggerer is dead")
    run.until_state("machine.broken", "skipped")
    assert run.state("machine.heals") == "deferred"
    launchpad.stack.restart("triggerer")
    run.until_state("machine.heals", "success")
    assert run.record("machine.heals")


def test_a_run_marked_success_by_hand_does_not_pass_the_conductor(launchpad: Launchpad) -> None:
    """The conductor goes on only on a complete seal of the phase's present gate."""
    launch = launchpad.begin("launch", previous_release="0.9.0", launch_at="2035-01-01T09:00:00+00:00")
    phase = launch.of(PHASE)
    phase.until("the phase runs", lambda: launchpad.api().dag_run(PHASE, launch.id))
    phase.until_waiting("people.attested")
    launchpad.api().set_run_state(PHASE, launch.id, "success")
    launch.until_state(PHASE, "failed")
    assert launch.until_ended() == "failed"
    assert launch.state("week_2_infrastructure_setup") == "upstream_failed"
    assert launchpad.ledger.seal(launch.id, PHASE) is None

    # Repaired: the items are asked again, the gate seals, and the cleared conductor attaches and goes on.
    launchpad.api().clear(PHASE, launch.id, list(phase.tasks()), include_downstream=True)
    launchpad.api().clear("launch", launch.id, [PHASE], include_downstream=True)
    phase.finish()
    launch.until_state(PHASE, "success")
    launch.until_state("week_2_infrastructure_setup", "deferred", "running", "queued")


def _age(moment: str) -> float:
    from datetime import UTC, datetime  # noqa: PLC0415

    return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()
