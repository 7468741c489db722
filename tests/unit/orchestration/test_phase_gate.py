"""The gate of a phase: it compares, seals, opens or fails; and what is told of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from launch_pipeline.checklist.files import file_digest
from launch_pipeline.orchestration.announcer import Announcement, AnnounceOperator
from launch_pipeline.orchestration.phase_gate import PhaseGateOperator
from launch_pipeline.record.launches import Launches
from launch_pipeline.record.schema import EntryKind, Outcome, Seal
from servers.airflow_rest import AirflowRest
from servers.airflow_task import Task
from servers.item_tasks import CONF, REASON, a_launch, a_spec, a_task, asked, evidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.record.ledger import Ledger
    from servers.airflow_task import Ended, Supervisor
    from servers.include_folder import IncludeFolder

LAUNCH = "shop-1.2"
CHECKLIST = "01_pre_launch_requirements.yaml"


@pytest.fixture
def rest(supervisor: Supervisor) -> Iterator[AirflowRest]:
    """Give the REST API that the gate reads task instances from."""
    with AirflowRest() as server:
        yield server.connect(supervisor)


class Phase:
    """A phase of a few items and its gate."""

    def __init__(self, supervisor: Supervisor, rest: AirflowRest, *items: Task) -> None:
        self.supervisor = supervisor
        self.rest = rest
        self.items = items
        specs = [item.operator.spec for item in items]
        with DAG("week_1", schedule=None):
            gate = PhaseGateOperator(
                task_id="phase_gate",
                specs=[spec.payload() for spec in specs],
                phase_id="week_1",
                checklist=CHECKLIST,
            )
            announce = AnnounceOperator(task_id="announce", title="Week 1")
        self.gate = Task(supervisor, gate, conf=CONF)
        self.announce = Task(supervisor, announce, conf=CONF)

    def show(self, **states: str | None) -> None:
        """Let Airflow show the items as they ended, or as given by hand."""
        rows = {
            item.operator.task_id: (
                str(item.id),
                states.get(
                    item.operator.task_id.partition(".")[2], str(item.last.state) if item.last else None
                ),
            )
            for item in self.items
        }
        self.rest.instances("week_1", LAUNCH, {**rows, "phase_gate": (str(self.gate.id), "running")})

    def close(self, **states: str | None) -> Ended:
        """Run the gate."""
        self.show(**states)
        return self.gate.start()

    @property
    def seal(self) -> Seal:
        """What the gate left."""
        return Seal.model_validate(self.gate.xcom())


def three(supervisor: Supervisor) -> list[Task]:
    """Give an approved, a waived and a machine-passed item."""
    approved, waived = asked(a_task(supervisor, id="one")), asked(a_task(supervisor, id="two"))
    approved.answer("Approve")
    waived.answer("Waive", by="carla.cto", reason=REASON)
    return [approved, waived, passed(supervisor, "three")]


def passed(supervisor: Supervisor, name: str) -> Task:
    """Give an item whose checks passed."""
    task = a_task(supervisor, mode="check", id=name)
    task.resume(evidence(task), "looked")
    return task


def test_complete_phase_is_sealed_and_opens(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest
) -> None:
    """Every record is in the ledger once, decisions as they were written, machine passes by the gate."""
    phase = Phase(supervisor, rest, *three(supervisor))
    assert phase.close().state == "success"
    assert phase.seal.complete
    assert phase.seal.counts == {Outcome.APPROVED: 1, Outcome.WAIVED: 1, Outcome.PASSED: 1}
    kinds = [entry.kind for entry in ledger.entries(LAUNCH)]
    assert sorted(kinds) == ["decision", "decision", "machine_pass", "seal"]
    seal = ledger.entries(LAUNCH, EntryKind.SEAL)[0]
    assert seal.task_instance_id == str(phase.gate.id)
    kept = {entry.item_ref: entry.record.digest for entry in ledger.entries(LAUNCH) if entry.record}
    assert {record.item_ref: record.digest for record in phase.seal.records} == kept


def test_records_that_came_as_json_text_count(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest
) -> None:
    """A trigger's XComs arrive as text."""
    item = passed(supervisor, "one")
    item.leave("return_value", json.dumps(item.xcom()))
    assert Phase(supervisor, rest, item).close().state == "success"
    assert len(ledger.entries(LAUNCH)) == 2


BYPASSES = {
    "marked green while it asked": ("success", False),
    "marked skipped while it asked": ("skipped", False),
    "marked green with the record of an earlier try": ("success", True),
}


@pytest.mark.parametrize(("state", "earlier"), BYPASSES.values(), ids=BYPASSES)
def test_bypass_is_named_kept_and_fails_the_phase(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest, state: str, earlier: bool
) -> None:
    """A green task without a record of this very task instance opens nothing, and the ledger knows it."""
    item = passed(supervisor, "tls") if earlier else asked(a_task(supervisor))
    if earlier:
        item = item.cleared()
    phase = Phase(supervisor, rest, item)
    ended = phase.close(tls=state)
    assert ended.state == "failed"
    assert "week_1.security.tls was marked" in ended.why
    assert phase.seal.bypasses == ("week_1.security.tls",)
    (bypass,) = ledger.entries(LAUNCH, EntryKind.BYPASS)
    assert (bypass.item_ref, bypass.task_instance_id) == ("week_1.security.tls", str(item.id))
    assert bypass.content["state"] == state
    assert not Seal.model_validate(ledger.entries(LAUNCH, EntryKind.SEAL)[0].content).complete


def test_rejection_and_what_it_held_back_fail_the_phase(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest
) -> None:
    """Who said no and why is in the reasons; what came after was not reached, and both are kept."""
    rejected, after = asked(a_task(supervisor, id="one")), a_task(supervisor, id="two")
    rejected.answer("Reject", reason=REASON)
    phase = Phase(supervisor, rest, rejected, after)
    ended = phase.close(two="upstream_failed")
    assert ended.state == "failed"
    assert f"week_1.security.one was rejected by Sven Okafor: {REASON}" in ended.why
    assert "week_1.security.two was not reached (state upstream_failed)" in ended.why
    assert [e.item_ref for e in ledger.entries(LAUNCH, EntryKind.NOT_REACHED)] == ["week_1.security.two"]


def test_item_that_airflow_does_not_know_was_not_reached(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest
) -> None:
    """An item added to the checklist under a running launch closes the gate in words."""
    phase = Phase(supervisor, rest, *three(supervisor), a_task(supervisor, id="new"))
    known: dict[str, tuple[str, str | None]] = {
        item.operator.task_id: (str(item.id), str(item.last.state)) for item in phase.items if item.last
    }
    rest.instances("week_1", LAUNCH, known)
    ended = phase.gate.start()
    assert ended.state == "failed"
    assert "week_1.security.new was not reached (state none)" in ended.why
    assert ledger.seal(LAUNCH, "week_1") is not None


def test_repaired_phase_is_sealed_anew(supervisor: Supervisor, ledger: Ledger, rest: AirflowRest) -> None:
    """After a clear the next try seals complete, and both seals stay."""
    item = asked(a_task(supervisor))
    item.answer("Reject", reason=REASON)
    phase = Phase(supervisor, rest, item)
    assert phase.close().state == "failed"
    again = asked(item.cleared())
    again.answer("Approve")
    phase.items, phase.gate = (again,), phase.gate.cleared()
    assert phase.close().state == "success"
    seals = [Seal.model_validate(e.content).complete for e in ledger.entries(LAUNCH, EntryKind.SEAL)]
    assert seals == [False, True]


@pytest.mark.parametrize("changed", [True, False])
def test_checklist_that_changed_under_the_launch_closes_the_gate(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest, include: IncludeFolder, dsn: str, changed: bool
) -> None:
    """The digest of the launch's start is compared with the file of now."""
    path = include.path / "checklists" / CHECKLIST
    Launches(dsn).start(a_launch(launch_id=LAUNCH, checklist_digests={"week_1": file_digest(path)}))
    if changed:
        path.write_text(path.read_text() + "\n# one more line\n")
    ended = Phase(supervisor, rest, *three(supervisor)).close()
    assert ended.state == ("failed" if changed else "success")
    assert (f"{CHECKLIST} was changed after the launch began" in ended.why) is changed
    assert len(ledger.entries(LAUNCH, EntryKind.SEAL)) == 1


@pytest.mark.parametrize("away", ["ledger", "api-server", "connection"])
def test_gate_waits_for_what_is_away(
    supervisor: Supervisor,
    ledger: Ledger,
    rest: AirflowRest,
    dsn: str,
    away: str,
) -> None:
    """No phase closes unrecorded, and none fails for it: the gate waits without a worker and goes on."""
    phase = Phase(supervisor, rest, *three(supervisor))
    phase.show()
    airflow = supervisor.connections["launch_airflow"]
    if away == "ledger":
        supervisor.postgres("postgresql://nobody@127.0.0.1:9/none")
    elif away == "api-server":
        rest.trouble("week_1", LAUNCH)
    else:
        del supervisor.connections["launch_airflow"]
    ended = phase.gate.start()
    for _ in range(2):
        assert (ended.state, ended.trigger, ended.message.next_method) == (
            "deferred",
            "DateTimeTrigger",
            "again",
        )
        ended = phase.gate.resume(None)
    supervisor.postgres(dsn)
    supervisor.connections["launch_airflow"] = airflow
    phase.show()
    assert phase.gate.resume(None).state == "success"
    assert len(ledger.entries(LAUNCH, EntryKind.SEAL)) == 1


def test_seal_whose_reply_got_lost_is_there_once(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest
) -> None:
    """The same try says the same again, not-reached items included."""
    phase = Phase(supervisor, rest, *three(supervisor), a_task(supervisor, id="four"))
    first = phase.close(four="upstream_failed")
    entries = len(ledger.entries(LAUNCH))
    assert phase.gate.start().why == first.why
    assert len(ledger.entries(LAUNCH)) == entries


# ---- what is told -----------------------------------------------------------------------------------


def test_announcement_is_told_and_kept_once(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest
) -> None:
    """The teardown reads the gate's seal; told again by a retry it is kept once."""
    phase = Phase(supervisor, rest, *three(supervisor))
    phase.close()
    assert phase.announce.start().state == "success"
    assert phase.announce.start().state == "success"
    (entry,) = ledger.entries(LAUNCH, EntryKind.ANNOUNCEMENT)
    told = Announcement.model_validate(entry.content)
    assert told.headline == "Week 1: complete (1 passed, 1 approved, 1 waived)"


def test_announcement_that_cannot_be_kept_is_tried_again(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest
) -> None:
    """Without the ledger the announcement is not done."""
    phase = Phase(supervisor, rest, *three(supervisor))
    phase.close()
    supervisor.postgres("postgresql://nobody@127.0.0.1:9/none")
    assert phase.announce.start().state == "up_for_retry"
    assert ledger.entries(LAUNCH, EntryKind.ANNOUNCEMENT) == []


def test_spec_of_an_item_outlives_its_travel() -> None:
    """Specs travel as plain JSON and come back the same."""
    spec: Any = a_spec(mode="check", repeat=None)
    assert type(spec).model_validate(spec.payload()) == spec
